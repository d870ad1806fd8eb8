/* DCAP quotes: quotes laid out here byte by byte, which of their bytes are
 * refused, and what is read of real ones. */
#include "quoteparts.h"

#include "vector_json.h"

#include <dirent.h>
#include <unistd.h>

static void filled(slice s, uint8_t v, size_t n)
{
    assert_int_equal(s.n, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(s.p[i], v);
}

static void check_parts(const struct quote_shape *s)
{
    struct quote q;
    buf b = quote_make(s);
    size_t at = s->version == 5 ? 54 : 48;
    assert_ok(quote_read(&q, buf_slice(&b), NULL));
    assert_int_equal(q.version, s->version);
    assert_int_equal(q.key_type, 2);
    assert_int_equal(q.tee_type, s->tee_type);
    assert_int_equal(quote_is_tdx(&q), s->tee_type == 0x81);
    assert_int_equal(q.qe_svn, 0x1234);
    assert_int_equal(q.pce_svn, 0x5678);
    assert_true(slice_eq(q.vendor_id, SLICE_ARRAY(quote_intel_vendor_id)));
    filled(q.user_data, 'u', 20);
    assert_int_equal(q.body_type, s->body_type);
    assert_true(slice_eq(q.signed_bytes, slice_of(b.p, at + s->body)));
    assert_ptr_equal(q.signed_bytes.p, b.p);
    assert_ptr_equal(q.body.p, b.p + at);
    filled(q.body, 'b', s->body);
    filled(q.signature, 'S', 64);
    filled(q.attestation_key, 'K', 64);
    filled(q.qe_report, 'R', 384);
    filled(q.qe_signature, 's', 64);
    filled(q.qe_auth, 'a', s->qe_auth);
    assert_int_equal(q.cert_type, s->cert_type);
    filled(q.cert_data, 'c', s->cert);
    assert_int_equal(q.trailing, s->trailing);
    buf_finish(&b);
}

/* The sizes that certification data may have. */
static const struct {
    uint16_t type;
    size_t size;
} certifications[] = {{1, 34}, {1, 36}, {2, 276}, {3, 404}, {4, 0}, {4, 999}, {5, 0}, {5, 404}};

static void parts(void **state)
{
    (void)state;
    for (size_t i = 0; i < QUOTE_SHAPES; i++) {
        struct quote_shape s = quote_shapes[i];
        check_parts(&s);
        s.trailing = 39; /* as real quotes have them */
        check_parts(&s);
        s.qe_auth = 0;
        s.cert = 0;
        check_parts(&s);
        for (size_t k = 0; k < sizeof certifications / sizeof certifications[0]; k++) {
            s.cert_type = certifications[k].type;
            s.cert = certifications[k].size;
            check_parts(&s);
        }
    }
    struct quote_shape least = {QUOTE_SGX(3)};
    least.qe_auth = least.cert = 0;
    buf b = quote_make(&least);
    assert_int_equal(b.n, 1020); /* section 1.3 of Intel's layout */
    buf_finish(&b);
}

static void refused(const struct quote_shape *s, tl_err want, const char *field)
{
    struct quote q = {.version = 77};
    struct tl_why why = {0};
    buf b = quote_make(s);
    assert_err(quote_read(&q, buf_slice(&b), &why), want);
    assert_string_equal(why.field, field);
    assert_true(why.text[0]);
    assert_int_equal(q.version, 77);
    buf_finish(&b);
}

static void headers(void **state)
{
    (void)state;
    static const struct {
        struct quote_shape shape;
        const char *field;
    } cases[] = {
        {{QUOTE_SGX(0)}, "version"},
        {{QUOTE_SGX(2)}, "version"},
        {{QUOTE_SGX(6)}, "version"},
        {{QUOTE_SGX(0x0103)}, "version"},
        {{QUOTE_TDX(3, 2, 584)}, "tee_type"},
        {{QUOTE_BODY(4, 0x82, 1, 384, 384)}, "tee_type"},
        {{QUOTE_BODY(4, 1, 1, 384, 384)}, "tee_type"},
        {{QUOTE_BODY(4, 0x80000081, 2, 584, 584)}, "tee_type"},
        {{QUOTE_BODY(5, 0x81, 1, 384, 384)}, "body_type"},
        {{QUOTE_BODY(5, 0, 2, 584, 584)}, "body_type"},
        {{QUOTE_BODY(5, 0, 3, 648, 648)}, "body_type"},
        {{QUOTE_TDX(5, 0, 0)}, "body_type"},
        {{QUOTE_TDX(5, 5, 0)}, "body_type"},
        {{QUOTE_TDX(5, 5, 885)}, "body_type"},
        {{QUOTE_TDX(5, 0xffff, 584)}, "body_type"},
        {{QUOTE_TDX(5, 2, 648)}, "body_size"},
        {{QUOTE_TDX(5, 3, 649)}, "body_size"},
        {{QUOTE_TDX(5, 3, 647)}, "body_size"},
        {{QUOTE_TDX(5, 4, 648)}, "body_size"},
        {{QUOTE_BODY(5, 0, 1, 383, 383)}, "body_size"},
        {{QUOTE_BODY(5, 0, 1, 385, 385)}, "body_size"},
        {{QUOTE_BODY(5, 0, 1, 0xffffffff, 384)}, "body_size"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        refused(&cases[i].shape, TL_E_QUOTE, cases[i].field);
    for (size_t i = 0; i < QUOTE_SHAPES; i++) {
        struct quote_shape s = quote_shapes[i];
        static const uint16_t key_types[] = {0, 1, 3, 0x0102};
        for (size_t k = 0; k < sizeof key_types / sizeof key_types[0]; k++) {
            s.key_type = key_types[k];
            refused(&s, TL_E_QUOTE, "key_type");
        }
        buf b = quote_make(&quote_shapes[i]);
        for (size_t at = 12; at < 28; at++) {
            struct quote q;
            b.p[at] ^= 1;
            assert_err(quote_read(&q, buf_slice(&b), NULL), TL_E_QUOTE);
            b.p[at] ^= 1;
        }
        buf_finish(&b);
    }
}

static void certification_types(void **state)
{
    (void)state;
    for (size_t i = 0; i < QUOTE_SHAPES; i++) {
        static const uint16_t types[] = {0, 6, 7, 0x0105, 0xffff};
        for (size_t k = 0; k < sizeof types / sizeof types[0]; k++) {
            struct quote_shape s = quote_shapes[i];
            s.cert_type = types[k];
            refused(&s, TL_E_QUOTE, "certification_type");
            s = quote_shapes[i];
            s.outer_type = types[k] == 6 ? 5 : types[k];
            if (s.version > 3)
                refused(&s, TL_E_QUOTE, "certification_type");
        }
    }
}

static void certification_sizes(void **state)
{
    (void)state;
    for (size_t i = 0; i < QUOTE_SHAPES; i++)
        for (uint16_t type = 1; type <= 3; type++)
            for (size_t n = 0; n < 450; n++) {
                bool good = false;
                for (size_t k = 0; k < sizeof certifications / sizeof certifications[0]; k++)
                    good = good || (certifications[k].type == type && certifications[k].size == n);
                struct quote_shape s = quote_shapes[i];
                s.cert_type = type;
                s.cert = n;
                if (!good)
                    refused(&s, TL_E_QUOTE, "certification_size");
            }
}

/* Each length, one too many and one too few, and as large as it can be. */
static void lengths(void **state)
{
    (void)state;
    for (size_t i = 0; i < QUOTE_SHAPES; i++) {
        const struct {
            int64_t auth, outer, qe_auth, cert;
            size_t trailing;
            tl_err want;
            const char *field;
        } cases[] = {
            {.auth = 1, .want = TL_E_SHORT, .field = "quote"},
            {.auth = 1, .trailing = 1, .want = TL_E_TRAILING, .field = "authentication"},
            {.auth = -1, .want = TL_E_SHORT, .field = "authentication"},
            {.auth = INT64_C(0x7fffffff), .want = TL_E_SHORT, .field = "quote"},
            {.auth = INT64_C(0xfffff000), .want = TL_E_SHORT, .field = "quote"},
            {.qe_auth = 1, .want = TL_E_SHORT, .field = "authentication"},
            {.qe_auth = -1, .want = TL_E_SHORT, .field = "authentication"},
            {.qe_auth = 0xffff - 32, .want = TL_E_SHORT, .field = "authentication"},
            {.cert = 1, .want = TL_E_SHORT, .field = "authentication"},
            {.cert = -1, .want = TL_E_TRAILING, .field = "authentication"},
            {.cert = INT64_C(0xffffffff) - 100, .want = TL_E_SHORT, .field = "authentication"},
            /* versions 4 and 5: the block of type 6 in what holds it, and what it holds */
            {.outer = 1, .want = TL_E_SHORT, .field = "authentication"},
            {.outer = 1,
             .auth = 1,
             .trailing = 1,
             .want = TL_E_TRAILING,
             .field = "authentication"},
            {.outer = -1, .want = TL_E_TRAILING, .field = "authentication"},
            {.outer = -1, .auth = -1, .want = TL_E_SHORT, .field = "authentication"},
            {.outer = INT64_C(0xfffff000), .want = TL_E_SHORT, .field = "authentication"},
        };
        for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
            struct quote_shape s = quote_shapes[i];
            s.add_auth = cases[k].auth;
            s.add_outer = cases[k].outer;
            s.add_qe_auth = cases[k].qe_auth;
            s.add_cert = cases[k].cert;
            s.trailing = cases[k].trailing;
            if (s.version > 3 || s.add_outer == 0)
                refused(&s, cases[k].want, cases[k].field);
        }
    }
}

static void cut_anywhere(void **state)
{
    (void)state;
    struct quote q;
    for (size_t i = 0; i < QUOTE_SHAPES; i++) {
        buf b = quote_make(&quote_shapes[i]);
        for (size_t n = 0; n < b.n; n++)
            assert_err(quote_read(&q, slice_of(b.p, n), NULL), TL_E_SHORT);
        buf_finish(&b);
    }
    assert_err(quote_read(&q, (slice){NULL, 0}, NULL), TL_E_SHORT);
}

static void largest(void **state)
{
    (void)state;
    struct quote q;
    uint8_t *p = calloc(1, QUOTE_MAX + 1);
    buf b = quote_make(&quote_shapes[2]);
    assert_non_null(p);
    memcpy(p, b.p, b.n);
    assert_ok(quote_read(&q, slice_of(p, QUOTE_MAX), NULL));
    assert_int_equal(q.trailing, QUOTE_MAX - b.n);
    assert_err(quote_read(&q, slice_of(p, QUOTE_MAX + 1), NULL), TL_E_LIMIT);
    buf_finish(&b);
    free(p);
}

/* Bytes without a repeated pair, so that a field read from elsewhere shows. */
static void count(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(i * 7 + i / 256 * 3 + 1);
}

static uint64_t le(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    while (n-- > 0)
        v = v << 8 | p[n];
    return v;
}

static void sgx_reports(void **state)
{
    (void)state;
    /* Offset and length of what nothing names. */
    static const size_t reserved[][2] = {{20, 12}, {96, 32}, {160, 32}, {262, 42}};
    uint8_t p[SGX_REPORT_SIZE], again[SGX_REPORT_SIZE];
    struct sgx_report r;
    buf b;
    count(p, sizeof p);
    sgx_report_read(&r, SLICE_ARRAY(p));
    assert_memory_equal(r.cpu_svn, p, 16);
    assert_int_equal(r.misc_select, le(p + 16, 4));
    assert_memory_equal(r.isv_ext_prod_id, p + 32, 16);
    assert_true(r.flags == le(p + 48, 8));
    assert_true(r.xfrm == le(p + 56, 8));
    assert_memory_equal(r.mrenclave, p + 64, 32);
    assert_memory_equal(r.mrsigner, p + 128, 32);
    assert_memory_equal(r.config_id, p + 192, 64);
    assert_int_equal(r.isv_prod_id, le(p + 256, 2));
    assert_int_equal(r.isv_svn, le(p + 258, 2));
    assert_int_equal(r.config_svn, le(p + 260, 2));
    assert_memory_equal(r.isv_family_id, p + 304, 16);
    assert_memory_equal(r.report_data, p + 320, 64);
    buf_init_fixed(&b, again, sizeof again);
    sgx_report_put(&b, &r);
    assert_ok(buf_err(&b));
    assert_int_equal(b.n, sizeof again);
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        memset(p + reserved[i][0], 0, reserved[i][1]);
    assert_memory_equal(again, p, sizeof p);
}

static void td_reports(void **state)
{
    (void)state;
    static const size_t sizes[] = {TD_REPORT_10_SIZE, TD_REPORT_15_SIZE, TD_REPORT_15EX_SIZE};
    static const uint8_t none[TD_REPORT_15EX_SIZE];
    uint8_t p[TD_REPORT_15EX_SIZE], again[TD_REPORT_15EX_SIZE], zero[64] = {0};
    count(p, sizeof p);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct td_report r;
        buf b;
        td_report_read(&r, slice_of(p, sizes[i]));
        assert_memory_equal(r.tee_tcb_svn, p, 16);
        assert_memory_equal(r.mr_seam, p + 16, 48);
        assert_memory_equal(r.mr_signer_seam, p + 64, 48);
        assert_memory_equal(r.seam_attributes, p + 112, 8);
        assert_true(r.td_attributes == le(p + 120, 8));
        assert_true(r.xfam == le(p + 128, 8));
        assert_memory_equal(r.mr_td, p + 136, 48);
        assert_memory_equal(r.mr_config_id, p + 184, 48);
        assert_memory_equal(r.mr_owner, p + 232, 48);
        assert_memory_equal(r.mr_owner_config, p + 280, 48);
        for (size_t k = 0; k < 4; k++)
            assert_memory_equal(r.rtmr[k], p + 328 + 48 * k, 48);
        assert_memory_equal(r.report_data, p + 520, 64);
        assert_int_equal(r.has_15, i >= 1);
        assert_memory_equal(r.tee_tcb_svn2, i >= 1 ? p + 584 : zero, 16);
        assert_memory_equal(r.mr_service_td, i >= 1 ? p + 600 : zero, 48);
        assert_int_equal(r.has_15ex, i == 2);
        const uint8_t *ex = i == 2 ? p : none;
        assert_int_equal(r.vm_id, ex[648]);
        assert_memory_equal(r.td_id, ex + 649, 32);
        assert_memory_equal(r.dev_info, ex + 681, 48);
        assert_memory_equal(r.init_servtd_hash, ex + 729, 48);
        assert_memory_equal(r.init_servtd_attributes, ex + 777, 8);
        assert_memory_equal(r.init_cpu_svn, ex + 785, 16);
        assert_memory_equal(r.init_tee_tcb_svn, ex + 801, 16);
        assert_memory_equal(r.init_tee_fmspc, ex + 817, 12);
        assert_memory_equal(r.cur_servtd_hash, ex + 829, 48);
        assert_memory_equal(r.cur_servtd_attributes, ex + 877, 8);
        buf_init_fixed(&b, again, sizeof again);
        td_report_put(&b, &r);
        assert_ok(buf_err(&b));
        assert_true(slice_eq(buf_slice(&b), slice_of(p, sizes[i])));
    }
}

/* A real quote, against a second reading by offsets. */
static void read_again(const uint8_t *p, size_t n, const struct quote *q)
{
    size_t at = p[0] == 5 ? 54 : 48;
    size_t end = at + (p[0] == 5 ? le(p + 50, 4) : p[4] ? 584u : 384u);
    size_t auth = le(p + end, 4), qe = end + 4 + 128 + (p[0] > 3 ? 6u : 0u);
    assert_int_equal(q->trailing, n - end - 4 - auth);
    assert_int_equal(q->body.n, end - at);
    assert_ptr_equal(q->signature.p, p + end + 4);
    assert_ptr_equal(q->qe_report.p, p + qe);
    size_t extra = le(p + qe + 448, 2);
    assert_int_equal(q->qe_auth.n, extra);
    assert_int_equal(q->cert_type, p[qe + 450 + extra]);
    assert_ptr_equal(q->cert_data.p + q->cert_data.n, p + end + 4 + auth);
    if (p[4]) {
        struct td_report r;
        td_report_read(&r, q->body);
        assert_memory_equal(r.mr_td, p + at + 136, 48);
        assert_memory_equal(r.rtmr[3], p + at + 472, 48);
        assert_memory_equal(r.report_data, p + at + 520, 64);
    } else {
        struct sgx_report r;
        sgx_report_read(&r, q->body);
        assert_memory_equal(r.mrenclave, p + at + 64, 32);
        assert_memory_equal(r.mrsigner, p + at + 128, 32);
        assert_memory_equal(r.report_data, p + at + 320, 64);
    }
}

/* A case of the vectors; false where the folder holds none. */
static bool one_case(const char *dir, const char *name, size_t *read, size_t *tails)
{
    char path[8192];
    size_t n;
    struct quote q;
    struct tl_why why = {0};
    snprintf(path, sizeof path, "%s/%s/case.json", dir, name);
    if (access(path, F_OK) != 0)
        return false;
    json_t *j = vector_file(path);
    bool form = strncmp(name, "fmt_", 4) == 0;
    assert_true(!form || strcmp(vector_str(j, "expected"), "error") == 0);
    json_decref(j);
    snprintf(path, sizeof path, "%s/%s/quote.bin", dir, name);
    uint8_t *p = test_file(path, &n);
    assert_non_null(p);
    tl_err err = quote_read(&q, slice_of(p, n), &why);
    if (form && err == TL_OK)
        fail_msg("accepted %s", name);
    if (!form && err != TL_OK)
        fail_msg("%s: %s", name, why.text);
    if (!form) {
        read_again(p, n, &q);
        *read += 1;
        *tails += q.trailing != 0;
    }
    free(p);
    return true;
}

static size_t folder(const char *below)
{
    char dir[4096];
    size_t count = 0, read = 0, tails = 0;
    snprintf(dir, sizeof dir, "%s", test_vectors(below));
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        count += e->d_name[0] != '.' && one_case(dir, e->d_name, &read, &tails);
    closedir(d);
    print_message("%s: %zu cases, %zu quotes read, %zu with bytes after them\n", below, count, read,
                  tails);
    return count;
}

static void real_quotes(void **state)
{
    (void)state;
    if (!test_vectors("dcap/real"))
        skip();
    assert_int_equal(folder("dcap/real"), 132);
}

/* The defect lies in the form where the name says so, and elsewhere in the others. */
static void synthetic_quotes(void **state)
{
    (void)state;
    if (!test_vectors("dcap/synthetic"))
        skip();
    assert_int_equal(folder("dcap/synthetic"), 126);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts),
        cmocka_unit_test(headers),
        cmocka_unit_test(lengths),
        cmocka_unit_test(certification_types),
        cmocka_unit_test(certification_sizes),
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(largest),
        cmocka_unit_test(sgx_reports),
        cmocka_unit_test(td_reports),
        cmocka_unit_test(real_quotes),
        cmocka_unit_test(synthetic_quotes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
