/* Revocation lists: our profile against made defects, and every entry found. */
#include "derparts.h"
#include "testlib.h"

#include "attest/crl.h"
#include "tee/sim_crl.h"
#include "tee/sim_der.h"
#include "tee/sim_pki.h"

#define NOW UINT64_C(1790000000)

static struct sim_chain_keys keys;
static struct sim_cert plan[3];

static int make_keys(void **state)
{
    (void)state;
    assert_ok(es256_generate(&keys.root));
    assert_ok(es256_generate(&keys.intermediate));
    assert_ok(es256_generate(&keys.pck));
    assert_ok(sim_chain_plan(plan, &keys, NOW));
    return 0;
}

static int drop_keys(void **state)
{
    (void)state;
    es256_free(keys.root);
    es256_free(keys.intermediate);
    es256_free(keys.pck);
    return 0;
}

static struct sim_crl root_list(void)
{
    struct sim_crl c;
    sim_crl_plan(&c, sim_root_name, keys.root, NOW);
    return c;
}

static void put(buf *b, const struct sim_crl *c)
{
    buf_init(b, 4 * CRL_MAX_BYTES);
    assert_ok(sim_crl_put(b, c));
}

static const uint8_t serial_a[] = {0x71, 2, 3}, serial_b[] = {0xef, 1}, serial_c[] = {5};
static const struct sim_revoked three[] = {
    {.serial = {serial_a, 3}, .time = NOW},
    {.serial = {serial_b, 2}, .time = NOW},
    {.serial = {serial_c, 1}, .time = NOW},
};

static void sim_lists_read_back(void **state)
{
    (void)state;
    struct sim_crl want = root_list();
    struct crl c;
    buf b;
    want.number = 0x1234;
    put(&b, &want);
    assert_ok(crl_read(&c, buf_slice(&b)));
    assert_int_equal(c.this_update, NOW);
    assert_int_equal(c.next_update, want.next_update);
    assert_true(slice_eq(c.number, slice_of("\x12\x34", 2)));
    assert_int_equal(c.entry_count, 0);
    assert_int_equal(c.entries.n, 0);
    assert_false(crl_revokes(&c, slice_of(serial_a, 3)));
    buf_finish(&b);

    want.revoked = three;
    want.revoked_count = 3;
    put(&b, &want);
    assert_ok(crl_read(&c, buf_slice(&b)));
    assert_int_equal(c.entry_count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(crl_revokes(&c, three[i].serial));
    /* Parts of them, longer ones, their neighbours. */
    assert_false(crl_revokes(&c, slice_of(serial_a, 2)));
    assert_false(crl_revokes(&c, slice_of(serial_a + 1, 2)));
    assert_false(crl_revokes(&c, slice_of("\x71\x02\x03\x00", 4)));
    assert_false(crl_revokes(&c, slice_of("\x00\xef\x01", 3)));
    assert_false(crl_revokes(&c, slice_of("\x06", 1)));
    assert_false(crl_revokes(&c, slice_of("", 0)));
    buf_finish(&b);
}

static void whose_list_it_is(void **state)
{
    (void)state;
    struct sim_crl list = root_list();
    struct crl c;
    struct cert root, ca, no_lists;
    struct tl_why why = {0};
    buf b, roots, cas, none;
    put(&b, &list);
    assert_ok(crl_read(&c, buf_slice(&b)));
    buf_init(&roots, 4096);
    buf_init(&cas, 4096);
    buf_init(&none, 4096);
    assert_ok(sim_cert_put(&roots, &plan[2]));
    assert_ok(sim_cert_put(&cas, &plan[1]));
    struct sim_cert weaker = plan[2];
    weaker.key_usage = KEY_USAGE_CERT_SIGN;
    assert_ok(sim_cert_put(&none, &weaker));
    assert_ok(cert_read(&root, buf_slice(&roots)));
    assert_ok(cert_read(&ca, buf_slice(&cas)));
    assert_ok(cert_read(&no_lists, buf_slice(&none)));

    assert_ok(crl_check(&c, &root, keys.root, "root CA", &why));
    assert_ok(crl_check(&c, &root, keys.root, "root CA", NULL));
    /* Another's name with the right key, the right name with another's key. */
    assert_err(crl_check(&c, &ca, keys.root, "root CA", &why), TL_E_CERT);
    assert_string_equal(why.text, "the root CA CRL is another issuer's");
    why = (struct tl_why){0};
    assert_err(crl_check(&c, &root, keys.intermediate, "PCK", &why), TL_E_SIGNATURE);
    assert_string_equal(why.text, "the PCK CRL's signature is not its issuer's");
    why = (struct tl_why){0};
    assert_err(crl_check(&c, &no_lists, keys.root, "root CA", &why), TL_E_CERT);
    assert_string_equal(why.text, "the issuer of the root CA CRL may not sign lists");
    c.signature[40] ^= 1;
    assert_err(crl_check(&c, &root, keys.root, "root CA", &why), TL_E_SIGNATURE);
    buf_finish(&b);
    buf_finish(&roots);
    buf_finish(&cas);
    buf_finish(&none);
}

enum { VERSION, ALGORITHM, ISSUER, THIS_UPDATE, NEXT_UPDATE, REVOKED, EXTENSIONS, FIELDS };

static tl_err read_parts(const struct der_signed *p)
{
    struct crl c;
    buf all;
    der_together(&all, p);
    tl_err err = crl_read(&c, buf_slice(&all));
    buf_finish(&all);
    return err;
}

/* What comes of hex in place of one field. */
static void field_gives(const struct der_signed *good, size_t field, const char *hex, tl_err want)
{
    struct der_signed p = *good;
    size_t n;
    uint8_t *bytes = test_hex(hex, &n);
    p.field[field] = slice_of(bytes, n);
    if (field >= p.count)
        p.count = field + 1;
    tl_err err = read_parts(&p);
    if (err != want)
        fail_msg("field %zu as %s: %s, not %s", field, hex, tl_err_name(err), tl_err_name(want));
    free(bytes);
}

static void fields(void **state)
{
    (void)state;
    struct sim_crl list = root_list();
    buf b;
    list.revoked = three;
    list.revoked_count = 3;
    put(&b, &list);
    struct der_signed good = der_apart(buf_slice(&b));
    assert_int_equal(good.count, FIELDS);
    assert_ok(read_parts(&good));
    field_gives(&good, VERSION, "020100", TL_E_CERT); /* version 1, written */
    field_gives(&good, VERSION, "020102", TL_E_CERT);
    field_gives(&good, VERSION, "", TL_E_DER); /* version 1 is the default */
    field_gives(&good, ALGORITHM, "300a06082a8648ce3d040303", TL_E_CERT);
    field_gives(&good, ALGORITHM, "300c06082a8648ce3d0403020500", TL_E_CERT);
    field_gives(&good, ISSUER, "3000", TL_OK); /* crl_check compares */
    field_gives(&good, ISSUER, "30023100", TL_E_DER);
    field_gives(&good, ISSUER, "0500", TL_E_DER);
    field_gives(&good, THIS_UPDATE, "", TL_E_DER);
    field_gives(&good, THIS_UPDATE, "170d3236303931393132313331395a", TL_OK);
    field_gives(&good, THIS_UPDATE, "170d3236303931393132313330365a", TL_OK);
    field_gives(&good, THIS_UPDATE, "170d3236303931393132363030365a", TL_E_DER);  /* minute 60 */
    field_gives(&good, THIS_UPDATE, "170d3439303931393132313330365a", TL_E_CERT); /* 2049 */
    field_gives(&good, NEXT_UPDATE, "170d3236303932303133313332305a", TL_E_CERT);
    field_gives(&good, NEXT_UPDATE, "170d3236303932313134313332305a", TL_OK); /* at once */
    field_gives(&good, NEXT_UPDATE, "170d3236303932313134313331395a", TL_E_CERT);
    field_gives(&good, NEXT_UPDATE, "", TL_E_DER);
    field_gives(&good, REVOKED, "", TL_OK);
    field_gives(&good, REVOKED, "3000", TL_E_CERT); /* none is no list at all */
    field_gives(&good, REVOKED, "3100", TL_E_DER);
    field_gives(&good, EXTENSIONS, "", TL_E_DER);
    field_gives(&good, EXTENSIONS, "a300", TL_E_DER);
    field_gives(&good, EXTENSIONS, "a000", TL_E_DER);
    field_gives(&good, EXTENSIONS, "a0023000", TL_E_CERT);
    field_gives(&good, FIELDS, "0500", TL_E_TRAILING);
    buf_finish(&b);
}

static void outside_what_is_signed(void **state)
{
    (void)state;
    struct sim_crl list = root_list();
    struct crl c;
    buf b;
    put(&b, &list);
    struct der_signed good = der_apart(buf_slice(&b)), p = good;
    static const uint8_t sha384[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                     0x48, 0xce, 0x3d, 0x04, 0x03, 0x03};
    p.algorithm = SLICE_ARRAY(sha384);
    assert_err(read_parts(&p), TL_E_CERT);
    p = good;
    p.after = slice_of("\x05\x00", 2);
    assert_err(read_parts(&p), TL_E_TRAILING);
    p = good;
    p.signature = slice_of("\x03\x09\x01\x30\x06\x02\x01\x05\x02\x01\x06", 11);
    assert_err(read_parts(&p), TL_E_DER);
    uint8_t *longer = malloc(b.n + 1);
    assert_non_null(longer);
    memcpy(longer, b.p, b.n);
    longer[b.n] = 0;
    assert_err(crl_read(&c, slice_of(longer, b.n + 1)), TL_E_TRAILING);
    memset(&c, 0x5a, sizeof c);
    struct crl before = c;
    for (size_t n = 0; n < b.n; n++)
        assert_true(crl_read(&c, slice_of(longer, n)) != TL_OK);
    assert_memory_equal(&c, &before, sizeof c);
    free(longer);
    buf_finish(&b);
}

#define NUMBER "300a0603551d140403020101"
#define AKI    "300b0603551d230404" /* and four octets */
#define AKI_0  AKI "30028000"

static void extensions(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        tl_err want;
    } cases[] = {
        {NUMBER AKI_0, TL_OK},
        {AKI_0 NUMBER, TL_OK},
        {NUMBER AKI_0 "30090603551d7f04020000", TL_OK},           /* unknown, not critical */
        {NUMBER AKI_0 "300c0603551d7f0101ff04020000", TL_E_CERT}, /* and critical */
        {NUMBER, TL_E_CERT},
        {AKI_0, TL_E_CERT},
        {NUMBER NUMBER AKI_0, TL_E_CERT},
        {NUMBER AKI_0 AKI_0, TL_E_CERT},
        {"300d0603551d140101ff0403020101" AKI_0, TL_E_CERT},
        {NUMBER "300e0603551d230101ff040430028000", TL_E_CERT},
        {"30090603551d1404020500" AKI_0, TL_E_DER},
        {"300a0603551d1404030201ff" AKI_0, TL_E_DER}, /* negative */
        {"300b0603551d14040402010100" AKI_0, TL_E_TRAILING},
        {"301d0603551d1404160214"
         "7f00000000000000000000000000000000000000" AKI_0,
         TL_OK},
        {"301e0603551d1404170215"
         "7f0000000000000000000000000000000000000000" AKI_0,
         TL_E_CERT},
        /* A delta, a part, and both where they are not marked critical. */
        {NUMBER AKI_0 "300d0603551d1b0101ff0403020101", TL_E_CERT},
        {NUMBER AKI_0 "300a0603551d1b0403020101", TL_E_CERT},
        {NUMBER AKI_0 "300c0603551d1c0101ff04023000", TL_E_CERT},
        {NUMBER AKI_0 "30090603551d1c04023000", TL_E_CERT},
        {NUMBER AKI_0 "0500", TL_E_DER},
        {NUMBER "300e0603551d23010100040430028000", TL_E_DER}, /* critical FALSE is not written */
    };
    struct sim_crl list = root_list();
    buf b;
    put(&b, &list);
    struct der_signed good = der_apart(buf_slice(&b));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t n;
        uint8_t *bytes = test_hex(cases[i].hex, &n);
        buf ext;
        buf_init(&ext, 4096);
        size_t outer = der_begin(&ext);
        der_put(&ext, DER_SEQUENCE, slice_of(bytes, n));
        der_end(&ext, outer, DER_CONTEXT_0);
        struct der_signed p = good;
        p.field[good.count - 1] = buf_slice(&ext);
        tl_err err = read_parts(&p);
        if (err != cases[i].want)
            fail_msg("%s: %s, not %s", cases[i].hex, tl_err_name(err), tl_err_name(cases[i].want));
        buf_finish(&ext);
        free(bytes);
    }
    buf_finish(&b);
}

#define SERIAL "020105"
#define TIME   "170d3236303931393132313330365a"

static const struct {
    const char *entry; /* contents */
    tl_err want;
} entry_cases[] = {
    {SERIAL TIME, TL_OK},
    {SERIAL TIME "300c300a0603551d1504030a0101", TL_OK},
    {SERIAL TIME "300c300a0603551d1504030a0100", TL_OK},
    {SERIAL TIME "300c300a0603551d1504030a010a", TL_OK},
    {SERIAL TIME "300f300d0603551d150101ff04030a0101", TL_OK}, /* understood */
    {SERIAL TIME "300c300a0603551d1504030a010b", TL_E_DER},
    {SERIAL TIME "300c300a0603551d1504030a0107", TL_E_CERT},
    {SERIAL TIME "300c300a0603551d1504030a0108", TL_E_CERT}, /* removeFromCRL */
    {SERIAL TIME "300c300a0603551d150403020101", TL_E_DER},
    {SERIAL TIME "300d300b0603551d1504040a010100", TL_E_TRAILING},
    {SERIAL TIME "3018300a0603551d1504030a0101300a0603551d1504030a0101", TL_E_CERT},
    /* invalidityDate */
    {SERIAL TIME "301a30180603551d180411180f32303236303931393132313330365a", TL_OK},
    {SERIAL TIME "301d301b0603551d180101ff0411180f32303236303931393132313330365a", TL_OK},
    {SERIAL TIME "301830160603551d18040f170d3236303931393132313330365a", TL_E_DER},
    {SERIAL TIME "301b30190603551d180412180f32303236303931393132313330365a00", TL_E_TRAILING},
    /* certificateIssuer, critical as it should be, and not */
    {SERIAL TIME "300e300c0603551d1d0101ff04023000", TL_E_CERT},
    {SERIAL TIME "300b30090603551d1d04023000", TL_E_CERT},
    {SERIAL TIME "300e300c0603551d7f0101ff04023000", TL_E_CERT}, /* unknown */
    {SERIAL TIME "300b30090603551d7f04023000", TL_OK},
    {SERIAL TIME "3000", TL_E_CERT},
    {SERIAL TIME "0500", TL_E_DER},
    {SERIAL TIME "300c300a0603551d1504030a01010500", TL_E_TRAILING},
    {SERIAL, TL_E_DER},
    {TIME, TL_E_DER},
    {"", TL_E_DER},
    {"0201ff" TIME, TL_E_DER},
    {"02020005" TIME, TL_E_DER},
    {"0214"
     "7f00000000000000000000000000000000000000" TIME,
     TL_OK},
    {"0215"
     "7f0000000000000000000000000000000000000000" TIME,
     TL_E_CERT},
    {SERIAL "170d3236303931393132363030365a", TL_E_DER},
};

static void entries(void **state)
{
    (void)state;
    struct sim_crl list = root_list();
    buf b;
    list.revoked = three;
    list.revoked_count = 3;
    put(&b, &list);
    struct der_signed good = der_apart(buf_slice(&b));
    for (size_t i = 0; i < sizeof entry_cases / sizeof entry_cases[0]; i++) {
        size_t n;
        uint8_t *bytes = test_hex(entry_cases[i].entry, &n);
        buf entry;
        buf_init(&entry, 4096);
        size_t outer = der_begin(&entry);
        der_put(&entry, DER_SEQUENCE, slice_of(bytes, n));
        buf_bytes(&entry, slice_of("\x30\x12\x02\x01\x07", 5)); /* a good one after it */
        buf_bytes(&entry, slice_of("\x17\x0d"
                                   "260919121306Z",
                                   15));
        der_end(&entry, outer, DER_SEQUENCE);
        struct der_signed p = good;
        p.field[REVOKED] = buf_slice(&entry);
        tl_err err = read_parts(&p);
        if (err != entry_cases[i].want)
            fail_msg("%s: %s, not %s", entry_cases[i].entry, tl_err_name(err),
                     tl_err_name(entry_cases[i].want));
        buf_finish(&entry);
        free(bytes);
    }
    field_gives(&good, REVOKED, "30020500", TL_E_DER);
    buf_finish(&b);
}

/* Everything that fits into the limit is read; one byte more is not. */
static void size_is_bounded(void **state)
{
    (void)state;
    struct sim_crl list = root_list();
    struct crl c;
    buf b, all;
    put(&b, &list);
    struct der_signed p = der_apart(buf_slice(&b));
    memmove(&p.field[REVOKED + 1], &p.field[REVOKED], sizeof p.field[0]);
    p.count++;
    const size_t fixed = b.n + 3 + 3 + 4; /* three lengths grow from one or two octets to four */
    for (size_t over = 0; over < 2; over++) {
        buf entries;
        buf_init(&entries, 2 * CRL_MAX_BYTES);
        size_t list_start = der_begin(&entries);
        /* Entries of 20 octets, and a last one that fills up. */
        size_t target = CRL_MAX_BYTES - fixed - 60, serial = 1;
        while (entries.n < target) {
            size_t start = der_begin(&entries);
            der_put_uint(&entries, serial++ % 100 + 1);
            der_put_time(&entries, NOW);
            der_end(&entries, start, DER_SEQUENCE);
        }
        der_end(&entries, list_start, DER_SEQUENCE);
        p.field[REVOKED] = buf_slice(&entries);
        der_together(&all, &p);
        assert_true(all.n < CRL_MAX_BYTES && all.n + 120 > CRL_MAX_BYTES);
        /* The number grows by what is missing, in an extension that says nothing. */
        size_t missing = CRL_MAX_BYTES + over - all.n;
        buf_finish(&all);
        buf ext;
        buf_init(&ext, 4096);
        size_t outer = der_begin(&ext), exts = der_begin(&ext);
        slice old[2];
        assert_int_equal(der_split(der_inside(der_inside(p.field[p.count - 1])), old, 2), 2);
        buf_bytes(&ext, old[0]);
        buf_bytes(&ext, old[1]);
        struct sim_extension e = sim_extension_begin(&ext, slice_of("\x55\x1d\x7f", 3), false);
        static const uint8_t filling[256];
        buf_bytes(&ext, slice_of(filling, missing - 9));
        sim_extension_end(&ext, e);
        der_end(&ext, exts, DER_SEQUENCE);
        der_end(&ext, outer, DER_CONTEXT_0);
        struct der_signed q = p;
        q.field[p.count - 1] = buf_slice(&ext);
        der_together(&all, &q);
        assert_int_equal(all.n, CRL_MAX_BYTES + over);
        assert_err(crl_read(&c, buf_slice(&all)), over ? TL_E_CERT : TL_OK);
        if (!over)
            assert_true(c.entry_count > 52000 && crl_revokes(&c, slice_of("\x64", 1)) &&
                        !crl_revokes(&c, slice_of("\x65", 1)));
        buf_finish(&ext);
        buf_finish(&all);
        buf_finish(&entries);
    }
    buf_finish(&b);
}

/* No bit of a list can change without its form or its signature failing. */
static void damaged_lists(void **state)
{
    (void)state;
    struct sim_crl list = root_list();
    struct cert root;
    struct crl c;
    size_t formed = 0;
    buf b, roots;
    list.revoked = three;
    list.revoked_count = 3;
    put(&b, &list);
    buf_init(&roots, 4096);
    assert_ok(sim_cert_put(&roots, &plan[2]));
    assert_ok(cert_read(&root, buf_slice(&roots)));
    for (size_t bit = 0; bit < 8 * b.n; bit++) {
        b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (crl_read(&c, buf_slice(&b)) == TL_OK) {
            formed++;
            assert_true(crl_check(&c, &root, keys.root, "root CA", NULL) != TL_OK);
        }
        b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(formed > 500);
    assert_ok(crl_read(&c, buf_slice(&b)));
    assert_ok(crl_check(&c, &root, keys.root, "root CA", NULL));
    buf_finish(&roots);
    buf_finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sim_lists_read_back),
        cmocka_unit_test(whose_list_it_is),
        cmocka_unit_test(fields),
        cmocka_unit_test(outside_what_is_signed),
        cmocka_unit_test(extensions),
        cmocka_unit_test(entries),
        cmocka_unit_test(size_is_bounded),
        cmocka_unit_test(damaged_lists),
    };
    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
