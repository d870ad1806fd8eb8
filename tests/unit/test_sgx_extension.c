/* The SGX extension of a PCK certificate, against made defects. */
#include "derparts.h"
#include "testlib.h"

#include "attest/cert.h"

/* The SGX extension taken apart, down to the members of its TCB. */
struct sgx_parts {
    slice element[12];
    size_t count;
};

static const struct sgx_extension platform = {
    .ppid = "teelog simulated",
    .fmspc = "teelog",
    .components = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
    .pce_svn = 1,
    .cpu_svn = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
    .type = SGX_STANDARD,
};

static tl_err read_sgx(const slice *elements, size_t count, struct sgx_extension *out)
{
    struct sgx_extension ignored;
    buf b;
    buf_init(&b, 4096);
    der_join(&b, DER_SEQUENCE, elements, count);
    tl_err err = sgx_extension_read(out ? out : &ignored, buf_slice(&b));
    buf_finish(&b);
    return err;
}

/* Exchanges the list inside element number at: {OID, SEQUENCE of members}. */
static tl_err read_sgx_with_list(const struct sgx_parts *p, size_t at, const slice *members,
                                 size_t count, struct sgx_extension *out)
{
    slice pair[2], elements[12];
    buf list, element;
    memcpy(elements, p->element, sizeof elements);
    assert_int_equal(der_split(der_inside(elements[at]), pair, 2), 2);
    buf_init(&list, 4096);
    buf_init(&element, 4096);
    der_join(&list, DER_SEQUENCE, members, count);
    pair[1] = buf_slice(&list);
    der_join(&element, DER_SEQUENCE, pair, 2);
    elements[at] = buf_slice(&element);
    tl_err err = read_sgx(elements, p->count, out);
    buf_finish(&element);
    buf_finish(&list);
    return err;
}

static struct sgx_extension full_extension(void)
{
    struct sgx_extension v = platform;
    for (unsigned i = 0; i < 16; i++)
        v.components[i] = (uint8_t)(i * 16 + 8); /* some above 127 */
    v.pce_svn = 0xfedc;
    v.platform_ca = true;
    v.type = SGX_SCALABLE_INTEGRITY;
    memset(v.instance_id, 0x77, sizeof v.instance_id);
    v.cached_keys = true;
    return v;
}

static struct sgx_parts sgx_apart(buf *b, const struct sgx_extension *v)
{
    struct sgx_parts p;
    buf_init(b, 4096);
    sgx_extension_put(b, v);
    assert_ok(buf_err(b));
    p.count = der_split(der_inside(buf_slice(b)), p.element, 12);
    return p;
}

static void sgx_elements(void **state)
{
    (void)state;
    struct sgx_extension full = full_extension(), back;
    buf b;
    struct sgx_parts p = sgx_apart(&b, &full), q;
    assert_int_equal(p.count, 7);
    assert_ok(read_sgx(p.element, 7, &back));
    assert_memory_equal(back.components, full.components, 16);
    assert_int_equal(back.pce_svn, 0xfedc);
    assert_int_equal(back.type, SGX_SCALABLE_INTEGRITY);
    assert_memory_equal(back.instance_id, full.instance_id, 16);
    assert_true(back.platform_ca && back.cached_keys);
    assert_false(back.dynamic_platform || back.smt_enabled);
    assert_memory_equal(back.ppid, full.ppid, 16);
    assert_memory_equal(back.cpu_svn, full.cpu_svn, 16);

    assert_ok(read_sgx(p.element, 5, &back));
    assert_false(back.platform_ca);
    assert_err(read_sgx(p.element, 6, NULL), TL_E_CERT); /* neither form */
    assert_err(read_sgx(p.element, 4, NULL), TL_E_CERT);
    assert_err(read_sgx(p.element, 0, NULL), TL_E_CERT);
    q = p; /* order does not matter */
    q.element[0] = p.element[6];
    q.element[6] = p.element[0];
    assert_ok(read_sgx(q.element, 7, &back));
    assert_memory_equal(back.ppid, full.ppid, 16);
    for (size_t i = 0; i < 7; i++) { /* one twice */
        q = p;
        q.element[7] = p.element[i];
        assert_err(read_sgx(q.element, 8, NULL), TL_E_CERT);
    }
    /* Another OID, an unknown element with and without a value, a longer PPID. */
    static const char *const bad[] = {
        "301e060a2a864886f84d010d0201"
        "0410"
        "00000000000000000000000000000000",
        "300e060a2a864886f84d010d01080500",
        "300c060a2a864886f84d010d0108",
        "301f060a2a864886f84d010d0101"
        "0411"
        "0000000000000000000000000000000000",
        "301d060a2a864886f84d010d0101"
        "040f"
        "000000000000000000000000000000",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        size_t n;
        uint8_t *bytes = test_hex(bad[i], &n);
        q = p;
        q.element[0] = slice_of(bytes, n);
        if (read_sgx(q.element, 7, NULL) == TL_OK)
            fail_msg("accepted element %s", bad[i]);
        q.element[0] = p.element[0];
        q.element[7] = slice_of(bytes, n);
        if (read_sgx(q.element, 8, NULL) == TL_OK)
            fail_msg("accepted more element %s", bad[i]);
        free(bytes);
    }
    static const uint8_t after[] = {0x30, 0x00, 0x00};
    assert_true(sgx_extension_read(&back, SLICE_ARRAY(after)) != TL_OK);
    uint8_t longer[4096];
    memcpy(longer, b.p, b.n);
    longer[b.n] = 0;
    assert_err(sgx_extension_read(&back, slice_of(longer, b.n + 1)), TL_E_TRAILING);
    for (size_t n = 0; n < b.n; n++)
        assert_true(sgx_extension_read(&back, slice_of(longer, n)) != TL_OK);
    buf_finish(&b);
}

static void sgx_lists(void **state)
{
    (void)state;
    struct sgx_extension full = full_extension();
    slice pair[2], tcb[20], more[20];
    buf b;
    struct sgx_parts p = sgx_apart(&b, &full);
    assert_int_equal(der_split(der_inside(p.element[1]), pair, 2), 2);
    assert_int_equal(der_split(der_inside(pair[1]), tcb, 20), 18);
    assert_ok(read_sgx_with_list(&p, 1, tcb, 18, NULL));
    assert_err(read_sgx_with_list(&p, 1, tcb, 17, NULL), TL_E_CERT);
    assert_err(read_sgx_with_list(&p, 1, tcb + 1, 17, NULL), TL_E_CERT);
    for (size_t i = 0; i < 18; i++) { /* one twice */
        memcpy(more, tcb, sizeof more);
        more[18] = tcb[i];
        assert_err(read_sgx_with_list(&p, 1, more, 19, NULL), TL_E_CERT);
    }
    static const char *const bad[] = {
        "301f060b2a864886f84d010d010228"
        "0410"
        "00000000000000000000000000000000", /* 40 */
        "301f060b2a864886f84d010d010213"
        "0410"
        "00000000000000000000000000000000", /* 19 */
        "301f060b2a864886f84d010d010200"
        "0410"
        "00000000000000000000000000000000", /* 0 */
        "301f060b2a864886f84d010d010712"
        "0410"
        "00000000000000000000000000000000",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        size_t n;
        uint8_t *bytes = test_hex(bad[i], &n);
        memcpy(more, tcb, sizeof more);
        more[18] = slice_of(bytes, n);
        if (read_sgx_with_list(&p, 1, more, 19, NULL) == TL_OK)
            fail_msg("accepted member %s", bad[i]);
        free(bytes);
    }
    size_t n;
    uint8_t *svn_256 = test_hex("3011060b2a864886f84d010d01020102020100", &n);
    memcpy(more, tcb, sizeof more);
    more[0] = slice_of(svn_256, n);
    assert_err(read_sgx_with_list(&p, 1, more, 18, NULL), TL_E_DER);
    free(svn_256);

    slice flags[5];
    assert_int_equal(der_split(der_inside(p.element[6]), pair, 2), 2);
    assert_int_equal(der_split(der_inside(pair[1]), flags, 5), 3);
    assert_ok(read_sgx_with_list(&p, 6, flags, 3, NULL));
    assert_err(read_sgx_with_list(&p, 6, flags, 2, NULL), TL_E_CERT);
    flags[3] = flags[0];
    assert_err(read_sgx_with_list(&p, 6, flags, 4, NULL), TL_E_CERT);
    buf_finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sgx_elements),
        cmocka_unit_test(sgx_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
