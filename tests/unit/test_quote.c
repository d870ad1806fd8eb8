/* DCAP quotes: what is parsed of real ones, and which bytes are refused. */
#include "testlib.h"

#include "attest/quote.h"
#include "tee/sim_quote.h"

#include <dirent.h>

/* A quote of arbitrary contents; the caller frees. */
static uint8_t *make(size_t *n, size_t auth_n, size_t cert_n, size_t trailing)
{
    struct es256_key *key;
    struct sim_qe qe = {.report = {1}};
    struct sim_quote q;
    uint8_t *cert = calloc(1, cert_n + 1), *auth = calloc(1, auth_n + 1);
    buf b;
    assert_ok(es256_generate(&key));
    for (size_t i = 0; i < cert_n; i++)
        cert[i] = (uint8_t)i;
    sim_quote_plan(&q, &qe, key, slice_of(cert, cert_n));
    q.qe_auth = slice_of(auth, auth_n);
    memset(q.body.report_data, 0x31, 64);
    memset(q.body.mrenclave, 0x32, 32);
    memset(q.body.mrsigner, 0x33, 32);
    q.body.isv_prod_id = 0x3435;
    q.body.isv_svn = 0x3637;
    q.body.misc_select = 0x38393a3b;
    q.body.flags = UINT64_C(0x0102030405060708);
    buf_init(&b, 100000);
    assert_ok(sim_quote_put(&b, &q));
    for (size_t i = 0; i < trailing; i++)
        buf_u8(&b, 0);
    assert_ok(buf_err(&b));
    es256_free(key);
    free(cert);
    free(auth);
    *n = b.n;
    return b.p;
}

static void parts(void **state)
{
    (void)state;
    size_t n;
    struct quote q;
    struct sgx_report r;
    uint8_t *p = make(&n, 32, 100, 0);
    assert_int_equal(n, 48 + 384 + 4 + 64 + 64 + 384 + 64 + 2 + 32 + 2 + 4 + 100);
    assert_ok(quote_read(&q, slice_of(p, n), NULL));
    assert_int_equal(q.version, 3);
    assert_int_equal(q.key_type, 2);
    assert_int_equal(q.tee_type, 0);
    assert_true(slice_eq(q.signed_bytes, slice_of(p, 432)));
    assert_true(q.body.p == p + 48 && q.body.n == 384);
    assert_true(q.signature.p == p + 436 && q.signature.n == 64);
    assert_true(q.attestation_key.p == p + 500 && q.attestation_key.n == 64);
    assert_true(q.qe_report.p == p + 564 && q.qe_report.n == 384);
    assert_true(q.qe_signature.p == p + 948 && q.qe_signature.n == 64);
    assert_true(q.qe_auth.p == p + 1014 && q.qe_auth.n == 32);
    assert_int_equal(q.cert_type, 5);
    assert_true(q.cert_data.p == p + 1052 && q.cert_data.n == 100);
    assert_int_equal(q.trailing, 0);
    /* The offsets of section 1.2 of Intel's layout, counted from the quote. */
    assert_int_equal(p[48 + 64], 0x32);
    assert_int_equal(p[48 + 95], 0x32);
    assert_int_equal(p[48 + 128], 0x33);
    assert_int_equal(p[48 + 256], 0x35);
    assert_int_equal(p[48 + 258], 0x37);
    assert_int_equal(p[48 + 320], 0x31);
    assert_int_equal(p[48 + 48], 0x08);
    sgx_report_read(&r, q.body);
    assert_true(r.flags == UINT64_C(0x0102030405060708));
    assert_true(r.xfrm == 3);
    assert_int_equal(r.misc_select, 0x38393a3b);
    assert_int_equal(r.isv_prod_id, 0x3435);
    assert_int_equal(r.isv_svn, 0x3637);
    assert_memory_equal(r.mrenclave, p + 48 + 64, 32);
    assert_memory_equal(r.mrsigner, p + 48 + 128, 32);
    assert_memory_equal(r.report_data, p + 368, 64);
    free(p);

    p = make(&n, 0, 0, 7); /* the smallest quote, and padding */
    assert_int_equal(n, 1020 + 7);
    assert_ok(quote_read(&q, slice_of(p, n), NULL));
    assert_int_equal(q.trailing, 7);
    free(p);
}

static void refused(uint8_t *p, size_t n, size_t at, uint8_t value, tl_err want, const char *field)
{
    struct quote q;
    struct tl_why why = {0};
    uint8_t before = p[at];
    p[at] = value;
    assert_err(quote_read(&q, slice_of(p, n), &why), want);
    assert_string_equal(why.field, field);
    assert_true(why.text[0]);
    p[at] = before;
}

static void headers_and_lengths(void **state)
{
    (void)state;
    size_t n;
    struct quote q;
    uint8_t *p = make(&n, 32, 100, 0);
    refused(p, n, 0, 4, TL_E_QUOTE, "version");
    refused(p, n, 1, 1, TL_E_QUOTE, "version");
    refused(p, n, 2, 3, TL_E_QUOTE, "key_type");
    refused(p, n, 4, 0x81, TL_E_QUOTE, "tee_type");
    refused(p, n, 7, 1, TL_E_QUOTE, "tee_type");
    for (size_t i = 12; i < 28; i++)
        refused(p, n, i, p[i] ^ 1, TL_E_QUOTE, "vendor_id");
    refused(p, n, 432, p[432] + 1, TL_E_SHORT, "quote");
    refused(p, n, 435, 0xff, TL_E_SHORT, "quote");
    refused(p, n, 432, p[432] - 1, TL_E_SHORT, "authentication");
    refused(p, n, 1012, 31, TL_E_SHORT, "authentication"); /* QE auth data; shifts what follows */
    refused(p, n, 1013, 0xff, TL_E_SHORT, "authentication");
    refused(p, n, 1048, 99, TL_E_TRAILING, "authentication"); /* certification data */
    refused(p, n, 1048, 101, TL_E_SHORT, "authentication");
    refused(p, n, 1051, 0xff, TL_E_SHORT, "authentication");
    for (size_t i = 0; i < n; i++)
        assert_err(quote_read(&q, slice_of(p, i), NULL), TL_E_SHORT);
    assert_err(quote_read(&q, (slice){NULL, 0}, NULL), TL_E_SHORT);
    free(p);
}

/* Real quotes: what the parser says against a second reading by offsets. */
static void read_one(const char *path, const uint8_t *p, size_t n, size_t *count, size_t *tails)
{
    struct quote q;
    struct sgx_report r;
    struct tl_why why = {0};
    tl_err err = quote_read(&q, slice_of(p, n), &why);
    if (p[0] != 3) {
        assert_err(err, TL_E_QUOTE);
        return;
    }
    if (err != TL_OK)
        fail_msg("%s: %s", path, why.text);
    size_t auth = p[432] | (size_t)p[433] << 8 | (size_t)p[434] << 16;
    assert_int_equal(q.trailing, n - 436 - auth);
    sgx_report_read(&r, q.body);
    assert_memory_equal(r.mrenclave, p + 112, 32);
    assert_memory_equal(r.mrsigner, p + 176, 32);
    assert_memory_equal(r.report_data, p + 368, 64);
    assert_int_equal(r.flags & 0xff, p[96]);
    size_t qe = p[1012] | (size_t)p[1013] << 8;
    assert_int_equal(q.qe_auth.n, qe);
    assert_int_equal(q.cert_type, p[1014 + qe]);
    assert_true(q.cert_data.p + q.cert_data.n == p + 436 + auth);
    *count += 1;
    *tails += q.trailing != 0;
}

static void real_quotes(void **state)
{
    (void)state;
    char dir[4096], path[8192];
    size_t count = 0, tails = 0, n;
    if (!test_vectors("dcap/real"))
        skip();
    snprintf(dir, sizeof dir, "%s", test_vectors("dcap/real"));
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        snprintf(path, sizeof path, "%s/%s/quote.bin", dir, e->d_name);
        uint8_t *p = test_file(path, &n);
        if (p)
            read_one(path, p, n, &count, &tails);
        free(p);
    }
    closedir(d);
    assert_int_equal(count, 68); /* of 132; the others are of versions 4 and 5 */
    print_message("%zu quotes of version 3, %zu with bytes after them\n", count, tails);
}

/* The cases of the synthetic set whose defect lies in the quote's form. */
static void synthetic_forms(void **state)
{
    (void)state;
    static const char *const bad[] = {"fmt_auth_huge",  "fmt_certlen_huge", "fmt_empty",
                                      "fmt_keytype0",   "fmt_keytype3",     "fmt_qeauth_huge",
                                      "fmt_tee_v3_tdx", "fmt_truncated",    "fmt_vendor"};
    char path[256];
    struct quote q;
    size_t n;
    if (!test_vectors("dcap/synthetic"))
        skip();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(path, sizeof path, "dcap/synthetic/%s/quote.bin", bad[i]);
        uint8_t *p = test_file(test_vectors(path), &n);
        assert_non_null(p);
        if (quote_read(&q, slice_of(p, n), NULL) == TL_OK)
            fail_msg("accepted %s", bad[i]);
        free(p);
    }
    uint8_t *p = test_file(test_vectors("dcap/synthetic/ok_sgx_v3/quote.bin"), &n);
    assert_non_null(p);
    assert_ok(quote_read(&q, slice_of(p, n), NULL));
    free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts),
        cmocka_unit_test(headers_and_lengths),
        cmocka_unit_test(real_quotes),
        cmocka_unit_test(synthetic_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
