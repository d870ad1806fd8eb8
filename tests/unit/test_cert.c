/* Certificates: our profile against made defects. test_x509_vectors.c compares with
 * OpenSSL's reading. */
#include "derparts.h"
#include "testlib.h"

#include "attest/cert.h"
#include "tee/sim_pki.h"

#include <openssl/ec.h>
#include <openssl/x509.h>

#define NOW 1790000000

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

static void put(buf *b, const struct sim_cert *c)
{
    buf_init(b, 65536);
    assert_ok(sim_cert_put(b, c));
}

static void sim_certificates_read_back(void **state)
{
    (void)state;
    struct cert c[3];
    buf b[3], spki;
    for (size_t i = 0; i < 3; i++) {
        put(&b[i], &plan[i]);
        assert_ok(cert_read(&c[i], buf_slice(&b[i])));
        assert_true(slice_eq(c[i].serial, SLICE_ARRAY(plan[i].serial)));
        assert_true(c[i].not_before == NOW - 86400);
        assert_true(c[i].not_after == NOW - 86400 + UINT64_C(10957) * 86400);
        assert_int_equal(c[i].key_usage, plan[i].key_usage);
        assert_int_equal(c[i].ca, i > 0);
        assert_int_equal(c[i].has_sgx, i == 0);
        assert_true(slice_eq_str(c[i].common_name, plan[i].subject));
        assert_true(c[i].has_authority_key_id && c[i].has_subject_key_id);
        assert_true(c[i].has_crl_points && c[i].has_basic_constraints);
        buf_init(&spki, 100);
        sim_spki_put(&spki, plan[i].key);
        assert_true(slice_eq(c[i].spki, buf_slice(&spki)));
        buf_finish(&spki);
    }
    assert_false(c[0].has_path_length);
    assert_true(c[1].has_path_length && c[1].path_length == 0);
    assert_true(c[2].has_path_length && c[2].path_length == 1);
    assert_memory_equal(c[0].sgx.fmspc, "teelog", 6);
    assert_true(slice_eq(c[0].issuer, c[1].subject));
    assert_true(slice_eq(c[1].issuer, c[2].subject));
    assert_ok(cert_verify(&c[0], keys.intermediate));
    assert_ok(cert_verify(&c[1], keys.root));
    assert_ok(cert_verify(&c[2], keys.root));
    assert_err(cert_verify(&c[0], keys.root), TL_E_SIGNATURE);
    assert_ok(point_verify(c[2].x, c[2].y, c[1].tbs, c[1].signature));
    assert_err(point_verify(c[2].x, c[2].y, c[0].tbs, c[0].signature), TL_E_SIGNATURE);
    c[2].y[31] ^= 1; /* off the curve */
    assert_err(point_verify(c[2].x, c[2].y, c[1].tbs, c[1].signature), TL_E_KEY);
    for (size_t i = 0; i < 3; i++)
        buf_finish(&b[i]);
}

enum { VERSION, SERIAL, ALGORITHM, ISSUER, VALIDITY, SUBJECT, SPKI, EXTENSIONS, FIELDS };

static tl_err read_parts(const struct der_signed *p, struct cert *out)
{
    struct cert ignored;
    buf all;
    der_together(&all, p);
    tl_err err = cert_read(out ? out : &ignored, buf_slice(&all));
    buf_finish(&all);
    return err;
}

/* Puts hex in place of one field; the certificate must then be refused so. */
static void field_refused(const struct der_signed *good, size_t field, const char *hex, tl_err want)
{
    struct der_signed p = *good;
    size_t n;
    uint8_t *bytes = test_hex(hex, &n);
    p.field[field] = slice_of(bytes, n);
    if (field >= p.count)
        p.count = field + 1;
    assert_err(read_parts(&p, NULL), want);
    free(bytes);
}

static void field_accepted(const struct der_signed *good, size_t field, const char *hex)
{
    field_refused(good, field, hex, TL_OK);
}

static void fields(void **state)
{
    (void)state;
    buf b;
    struct cert c;
    put(&b, &plan[1]);
    struct der_signed good = der_apart(buf_slice(&b));
    assert_ok(read_parts(&good, &c));
    field_refused(&good, VERSION, "a003020101", TL_E_CERT); /* version 2 */
    field_refused(&good, VERSION, "a003020103", TL_E_CERT);
    field_refused(&good, VERSION, "", TL_E_DER); /* version 1 is the default */
    field_refused(&good, VERSION, "a00402010200", TL_E_TRAILING);
    field_refused(&good, SERIAL, "0215010203040506070809101112131415161718192021", TL_E_CERT);
    field_refused(&good, SERIAL, "0201ff", TL_E_DER);
    field_refused(&good, ALGORITHM, "300a06082a8648ce3d040303", TL_E_CERT); /* SHA-384 */
    field_refused(&good, ALGORITHM, "300c06082a8648ce3d0403020500", TL_E_CERT);
    field_refused(&good, ISSUER, "3100", TL_E_DER);
    field_refused(&good, VALIDITY, "300f170d3138303532313130343531315a", TL_E_DER);
    field_refused(&good, VALIDITY,
                  "3020170d3138303532313130343531315a170d3138303532313130343531315a0500",
                  TL_E_TRAILING);
    field_refused(&good, SUBJECT, "0500", TL_E_DER);
    field_refused(&good, EXTENSIONS, "", TL_E_DER);
    field_refused(&good, EXTENSIONS, "a100", TL_E_DER); /* a unique id, not extensions */
    field_refused(&good, FIELDS, "0500", TL_E_TRAILING);
    /* It ends before it begins; a certificate of one second is fine. */
    field_refused(&good, VALIDITY,
                  "301e170d3138303532313130343531315a170d3138303532313130343531305a", TL_E_CERT);
    field_accepted(&good, VALIDITY,
                   "301e170d3138303532313130343531315a170d3138303532313130343531315a");

    /* 20 bytes of serial, with a sign octet before them. */
    struct der_signed p = good;
    static const uint8_t long_serial[] = {2, 21, 0, 0x80, 1, 1, 1, 1, 1, 1, 1, 1,
                                          1, 1,  1, 1,    1, 1, 1, 1, 1, 1, 1};
    p.field[SERIAL] = SLICE_ARRAY(long_serial);
    assert_ok(read_parts(&p, &c));
    assert_int_equal(c.serial.n, 20);

    /* Another curve by name, and a compressed point. */
    uint8_t spki[91];
    memcpy(spki, good.field[SPKI].p, sizeof spki);
    p = good;
    p.field[SPKI] = SLICE_ARRAY(spki);
    assert_ok(read_parts(&p, NULL));
    for (size_t i = 2; i < 27; i++) {
        spki[i] ^= 1;
        assert_err(read_parts(&p, NULL), TL_E_CERT);
        spki[i] ^= 1;
    }
    buf_finish(&b);
}

/* RelativeDistinguishedName with one attribute, value as hex with its header. */
#define RDN(set_length, pair_length, oid, value) "31" set_length "30" pair_length oid value
#define CN                                       "0603550403"
#define CN_X                                     RDN("0a", "08", CN, "0c0178")
#define ORGANISATION                             RDN("0a", "08", "060355040a", "0c0178")

static void names(void **state)
{
    (void)state;
    static const char *const good[] = {
        "300c" CN_X,
        "3018" CN_X ORGANISATION,
        "3018" ORGANISATION CN_X,
        "300c" RDN("0a", "08", CN, "130178"),
        "3017" CN_X RDN("09", "07", "060388377f", "0c00"), /* some other attribute, empty */
        "300d" RDN("0b", "09", CN, "0c02c3a9"),
        "300d" RDN("0b", "09", CN, "1302273f"), /* '? */
    };
    static const struct {
        const char *hex;
        tl_err want;
    } bad[] = {
        {"3000", TL_E_CERT},              /* no CN */
        {"300c" ORGANISATION, TL_E_CERT}, /* nor here */
        {"3018" CN_X CN_X, TL_E_CERT},    /* two */
        {"300b" RDN("09", "07", CN, "0c00"), TL_E_CERT},
        {"300c" RDN("0a", "08", CN, "140178"), TL_E_DER},  /* TeletexString */
        {"300c" RDN("0a", "08", CN, "0c01ff"), TL_E_CERT}, /* not UTF-8 */
        {"300c" RDN("0a", "08", CN, "13012a"), TL_E_CERT}, /* '*' is not printable */
        {"300c" RDN("0a", "08", CN, "130100"), TL_E_CERT}, /* NUL */
        {"300c" RDN("0a", "08", CN, "1301e9"), TL_E_CERT},
        {"300c310a3108" CN "0c0178", TL_E_DER}, /* a SET in a SET */
        {"300c300a3008" CN "0c0178", TL_E_DER}, /* a SEQUENCE for a SET */
        {"300e310c3008" CN "0c01780500", TL_E_TRAILING},
        {"300e310c300a" CN "0c01780500", TL_E_TRAILING},
        {"30143112"
         "3008" CN "0c0178"
         "3006"
         "060155"
         "0c0178",
         TL_E_TRAILING}, /* two in a set */
        {"300431023000", TL_E_DER},
        {"30023100", TL_E_DER},
        {"300a31083006" CN "0c", TL_E_SHORT},
    };
    buf b;
    put(&b, &plan[1]);
    struct der_signed parts = der_apart(buf_slice(&b));
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        field_accepted(&parts, SUBJECT, good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        field_refused(&parts, SUBJECT, bad[i].hex, bad[i].want);
    /* An issuer needs no CN, but the form. */
    field_accepted(&parts, ISSUER, "3000");
    field_accepted(&parts, ISSUER, "3018" CN_X CN_X);
    field_refused(&parts, ISSUER, "300c" RDN("0a", "08", CN, "140178"), TL_E_DER);
    field_refused(&parts, ISSUER, "30023100", TL_E_DER);
    buf_finish(&b);
}

static void common_names_are_bounded(void **state)
{
    (void)state;
    char name[66];
    struct sim_cert plan_long = plan[1];
    struct cert c;
    buf b;
    for (size_t n = 63; n <= 65; n++) {
        memset(name, 'n', n);
        name[n] = 0;
        plan_long.subject = name;
        put(&b, &plan_long);
        assert_err(cert_read(&c, buf_slice(&b)), n <= 64 ? TL_OK : TL_E_CERT);
        if (n == 64)
            assert_true(slice_eq_str(c.common_name, name));
        buf_finish(&b);
    }
}

static void object_identifiers(void **state)
{
    (void)state;
    static const struct {
        const char *rdn;
        tl_err want;
    } cases[] = {
        {"3017" CN_X RDN("09", "07", "060381807f", "0c00"), TL_OK},
        {"3017" CN_X RDN("09", "07", "060380017f", "0c00"), TL_E_DER}, /* a padded arc */
        {"3017" CN_X RDN("09", "07", "060355807f", "0c00"), TL_E_DER},
        {"3017" CN_X RDN("09", "07", "0603550481", "0c00"), TL_E_DER}, /* an arc without end */
        {"3015" CN_X RDN("07", "05", "0600", "0c0178"), TL_E_DER},
    };
    buf b;
    put(&b, &plan[1]);
    struct der_signed parts = der_apart(buf_slice(&b));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        field_refused(&parts, SUBJECT, cases[i].rdn, cases[i].want);
    buf_finish(&b);
}

/* SubjectPublicKeyInfo of the same point, with the curve's parameters spelt out. */
static slice explicit_curve(const struct es256_key *key, bool own_generator, uint8_t **memory)
{
    struct cose_ec2 point;
    uint8_t bytes[65] = {4};
    es256_point(key, &point);
    memcpy(bytes + 1, point.x, 32);
    memcpy(bytes + 33, point.y, 32);
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *p = EC_POINT_new(group);
    assert_int_equal(EC_POINT_oct2point(group, p, bytes, sizeof bytes, NULL), 1);
    EC_GROUP_set_asn1_flag(group, OPENSSL_EC_EXPLICIT_CURVE);
    if (own_generator) /* 1 is then its private key */
        assert_int_equal(EC_GROUP_set_generator(group, p, EC_GROUP_get0_order(group),
                                                EC_GROUP_get0_cofactor(group)),
                         1);
    unsigned char *parameters = NULL;
    int n = i2d_ECPKParameters(group, &parameters);
    assert_true(n > 100);
    static const uint8_t ec_public_key[] = {0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
    buf b;
    buf_init(&b, 4096);
    size_t start = der_begin(&b), algorithm = der_begin(&b);
    buf_bytes(&b, SLICE_ARRAY(ec_public_key));
    buf_bytes(&b, slice_of(parameters, (size_t)n));
    der_end(&b, algorithm, DER_SEQUENCE);
    size_t bits = der_begin(&b);
    buf_u8(&b, 0);
    buf_bytes(&b, SLICE_ARRAY(bytes));
    der_end(&b, bits, DER_BIT_STRING);
    der_end(&b, start, DER_SEQUENCE);
    assert_ok(buf_err(&b));
    OPENSSL_free(parameters);
    EC_POINT_free(p);
    EC_GROUP_free(group);
    *memory = b.p;
    return buf_slice(&b);
}

/* CVE-2020-0601: a root's point under a generator of one's own. */
static void curves_are_named(void **state)
{
    (void)state;
    buf b;
    put(&b, &plan[2]);
    struct der_signed p = der_apart(buf_slice(&b));
    for (int own = 0; own < 2; own++) {
        uint8_t *memory;
        p.field[SPKI] = explicit_curve(plan[2].key, own, &memory);
        /* It is a key: OpenSSL takes the standard parameters, written out. */
        const unsigned char *at = p.field[SPKI].p;
        EVP_PKEY *pkey = d2i_PUBKEY(NULL, &at, (long)p.field[SPKI].n);
        assert_true(own || pkey);
        EVP_PKEY_free(pkey);
        assert_err(read_parts(&p, NULL), TL_E_CERT);
        free(memory);
    }
    buf_finish(&b);
}

static void outside_the_tbs(void **state)
{
    (void)state;
    buf b;
    struct cert c;
    put(&b, &plan[1]);
    struct der_signed good = der_apart(buf_slice(&b)), p = good;
    static const uint8_t sha384[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                     0x48, 0xce, 0x3d, 0x04, 0x03, 0x03};
    p.algorithm = SLICE_ARRAY(sha384);
    assert_err(read_parts(&p, NULL), TL_E_CERT);
    p = good;
    p.after = slice_of("\x05\x00", 2);
    assert_err(read_parts(&p, NULL), TL_E_TRAILING);

    static const struct {
        const char *hex;
        tl_err want;
    } signatures[] = {
        {"0309003006020105020201", TL_E_SHORT},
        {"03090030060201050202"
         "0102",
         TL_E_TRAILING},
        {"0309003006020105020106", TL_OK},
        {"0309013006020105020106", TL_E_DER}, /* an unused bit that is zero */
        {"030a00300602010502010600", TL_E_TRAILING},
        {"030c003009020105020106020107", TL_E_TRAILING},
        {"0309003006020105020186", TL_E_DER},
        {"03290030260221010000000000000000000000000000000000000000000000000000000000000000020106",
         TL_E_CERT}, /* 33 bytes */
    };
    for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++) {
        size_t n;
        uint8_t *bytes = test_hex(signatures[i].hex, &n);
        p = good;
        p.signature = slice_of(bytes, n);
        assert_err(read_parts(&p, &c), signatures[i].want);
        free(bytes);
    }
    assert_int_equal(c.signature[31], 5);
    assert_int_equal(c.signature[63], 6);

    uint8_t *longer = malloc(b.n + 1);
    memcpy(longer, b.p, b.n);
    longer[b.n] = 0;
    assert_err(cert_read(&c, slice_of(longer, b.n + 1)), TL_E_TRAILING);
    for (size_t n = 0; n < b.n; n++)
        assert_true(cert_read(&c, slice_of(longer, n)) != TL_OK);
    free(longer);
    buf_finish(&b);
}

/* A certificate whose extensions are these alone. */
static tl_err with_extensions(const char *hex, struct cert *out)
{
    buf b, ext;
    size_t n;
    uint8_t *bytes = test_hex(hex, &n);
    put(&b, &plan[1]);
    struct der_signed p = der_apart(buf_slice(&b));
    buf_init(&ext, 4096);
    size_t outer = der_begin(&ext);
    der_put(&ext, DER_SEQUENCE, slice_of(bytes, n));
    der_end(&ext, outer, DER_CONTEXT_3);
    p.field[EXTENSIONS] = buf_slice(&ext);
    tl_err err = read_parts(&p, out);
    buf_finish(&ext);
    buf_finish(&b);
    free(bytes);
    return err;
}

#define BC_CA   "300f0603551d130101ff040530030101ff"
#define BC_PATH "30120603551d130101ff040830060101ff02010" /* and a digit */
#define KU      "300e0603551d0f0101ff040403020106"
#define UNKNOWN "30080603551d7f04010" /* not critical; and a digit */

static void extensions(void **state)
{
    (void)state;
    struct cert c;
    assert_ok(with_extensions(BC_CA KU, &c));
    assert_true(c.ca);
    assert_false(c.has_path_length);
    assert_int_equal(c.key_usage, KEY_USAGE_CERT_SIGN | KEY_USAGE_CRL_SIGN);
    assert_ok(with_extensions(BC_PATH "3", &c));
    assert_true(c.has_path_length && c.path_length == 3);
    assert_int_equal(c.key_usage, 0);
    assert_ok(with_extensions("30090603551d1304023000", &c)); /* an empty BasicConstraints */
    assert_false(c.ca);
    assert_ok(with_extensions("300a0603551d7f040301ffff" BC_CA, &c)); /* unknown, not critical */
    assert_false(c.has_authority_key_id || c.has_subject_key_id || c.has_crl_points);
    assert_ok(with_extensions("30090603551d2304020000", &c));
    assert_true(c.has_authority_key_id);
    assert_false(c.has_subject_key_id || c.has_crl_points || c.has_basic_constraints);
    assert_ok(with_extensions("30090603551d0e04020000", &c));
    assert_true(c.has_subject_key_id);
    assert_false(c.has_authority_key_id || c.has_crl_points);
    assert_ok(with_extensions("30090603551d1f04020000", &c));
    assert_true(c.has_crl_points);
    assert_false(c.has_authority_key_id || c.has_subject_key_id);

    static const struct {
        const char *hex;
        tl_err want;
    } bad[] = {
        {"300d0603551d7f0101ff0403010203" BC_CA, TL_E_CERT}, /* unknown and critical */
        {"300d0603551d7f0101000403010203" BC_CA, TL_E_DER},  /* critical FALSE is not written */
        {"300c0603551d1304053003010100", TL_E_DER},          /* cA FALSE is not written */
        {"300d0603551d130406300401010100", TL_E_DER},
        {"300f0603551d130101ff040530030101ff" BC_CA, TL_E_CERT}, /* twice */
        {"300a0603551d7f0403010203300a0603551d7f0403010203", TL_E_CERT},
        {KU BC_CA KU, TL_E_CERT},
        {"30130603551d130101ff04093007"
         "0101ff02020100",
         TL_E_DER},                                              /* path length 256 */
        {"30100603551d130101ff040630030101ff00", TL_E_TRAILING}, /* inside the octets */
        {"300f0603551d0f0101ff04050302010600", TL_E_TRAILING},
        {"30110603551d130101ff040530030101ff0500", TL_E_TRAILING}, /* after the octets */
        {"300c0603551d230101ff04020000", TL_E_CERT},               /* Intel's are not critical */
        {"300c0603551d0e0101ff04020000", TL_E_CERT},
        {"300c0603551d1f0101ff04020000", TL_E_CERT},
        {"300f0603551d130101ff04053003020100", TL_E_TRAILING}, /* a path length without cA */
        {"", TL_E_CERT},
        {"30050603551d7f", TL_E_DER},
        {"3100", TL_E_DER},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tl_err err = with_extensions(bad[i].hex, &c);
        if (err == TL_OK)
            fail_msg("accepted %s", bad[i].hex);
        assert_err(err, bad[i].want);
    }
}

static void extensions_are_bounded(void **state)
{
    (void)state;
    char hex[20 * 20 + 1] = "";
    struct cert c;
    for (unsigned i = 0; i < 17; i++) {
        assert_err(with_extensions(hex, &c), i ? TL_OK : TL_E_CERT);
        snprintf(hex + strlen(hex), sizeof hex - strlen(hex), "30080603551d%02x0401aa", 0x40 + i);
    }
    assert_err(with_extensions(hex, &c), TL_E_TRAILING);
}

static void sgx_extension_must_be_sound(void **state)
{
    (void)state;
    struct sgx_extension broken = *plan[0].sgx;
    struct sim_cert leaf = plan[0];
    struct cert c;
    buf b;
    broken.type = (enum sgx_type)3;
    leaf.sgx = &broken;
    put(&b, &leaf);
    assert_err(cert_read(&c, buf_slice(&b)), TL_E_DER);
    buf_finish(&b);
}

/* No bit of a certificate can change without its form or its signature failing. */
static void damaged_certificates(void **state)
{
    (void)state;
    buf b;
    struct cert c;
    size_t formed = 0;
    put(&b, &plan[0]);
    for (size_t bit = 0; bit < 8 * b.n; bit++) {
        b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (cert_read(&c, buf_slice(&b)) == TL_OK) {
            formed++;
            assert_err(cert_verify(&c, keys.intermediate), TL_E_SIGNATURE);
        }
        b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(formed > 0);
    assert_ok(cert_read(&c, buf_slice(&b)));
    assert_ok(cert_verify(&c, keys.intermediate));
    buf_finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sim_certificates_read_back),
        cmocka_unit_test(fields),
        cmocka_unit_test(names),
        cmocka_unit_test(common_names_are_bounded),
        cmocka_unit_test(object_identifiers),
        cmocka_unit_test(curves_are_named),
        cmocka_unit_test(outside_the_tbs),
        cmocka_unit_test(extensions),
        cmocka_unit_test(extensions_are_bounded),
        cmocka_unit_test(sgx_extension_must_be_sound),
        cmocka_unit_test(damaged_certificates),
    };
    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
