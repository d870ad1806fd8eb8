/* Certificates as Gramine's own library makes them: a key of P-384, signed with SHA-256,
 * both of its extensions with a quote each, and a validity of thirty years. */
#include "testlib.h"

#include "attest/x509.h"
#include "fakeratls.h"
#include "gramineratls.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

static struct fake_ratls f; /* its evidence alone is used */

/* What to do otherwise than Gramine does. */
static struct {
    const char *curve; /* NULL: P-384 */
    const EVP_MD *md;  /* NULL: SHA-256 */
    EVP_PKEY *signer;  /* NULL: its own key */
    slice spki;        /* that the claims are about; .p == NULL: its own */
    bool later_dice;   /* the older extension is not there */
} plan;

static uint8_t *spki_bytes;
static slice spki;
static buf der;

static void add(X509 *cert, slice oid, slice value)
{
    /* Contents that are no right OID are taken as they stand, as Gramine writes them. */
    ASN1_OBJECT *object =
        ASN1_OBJECT_create(0, (uint8_t *)(uintptr_t)oid.p, (int)oid.n, NULL, NULL);
    ASN1_OCTET_STRING *bytes = ASN1_OCTET_STRING_new();
    assert_int_equal(ASN1_OCTET_STRING_set(bytes, value.p, (int)value.n), 1);
    X509_EXTENSION *e = X509_EXTENSION_create_by_OBJ(NULL, object, 0, bytes);
    assert_int_equal(X509_add_ext(cert, e, -1), 1);
    X509_EXTENSION_free(e);
    ASN1_OCTET_STRING_free(bytes);
    ASN1_OBJECT_free(object);
}

static void add_named(X509 *cert, int nid, const char *value)
{
    X509V3_CTX c;
    X509V3_set_ctx(&c, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &c, nid, value);
    assert_non_null(e);
    assert_int_equal(X509_add_ext(cert, e, -1), 1);
    X509_EXTENSION_free(e);
}

static void name(X509 *cert, const char *field, const char *value)
{
    assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), field, MBSTRING_UTF8,
                                                (const unsigned char *)value, -1, -1, 0),
                     1);
}

static X509 *begin(EVP_PKEY *key)
{
    X509 *cert = X509_new();
    assert_int_equal(X509_set_version(cert, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(cert), 1), 1);
    assert_int_equal(ASN1_TIME_set_string(X509_getm_notBefore(cert), "010101000000Z"), 1);
    assert_int_equal(ASN1_TIME_set_string(X509_getm_notAfter(cert), "301231235959Z"), 1);
    name(cert, "C", "US");
    name(cert, "O", "GramineDevelopers");
    name(cert, "CN", "RATLS");
    assert_int_equal(X509_set_issuer_name(cert, X509_get_subject_name(cert)), 1);
    assert_int_equal(X509_set_pubkey(cert, key), 1);
    add_named(cert, NID_basic_constraints, "CA:FALSE");
    add_named(cert, NID_subject_key_identifier, "hash");
    add_named(cert, NID_authority_key_identifier, "keyid");
    return cert;
}

static void make(void)
{
    static const uint8_t legacy[11] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                       0xf8, 0x4d, 0x8a, 0x39, 0x06};
    fake_ratls_start(&f, SIM_SGX_V3, "sgx-gramine");
    EVP_PKEY *key = EVP_EC_gen(plan.curve ? plan.curve : "P-384");
    spki_bytes = NULL;
    int n = i2d_PUBKEY(key, &spki_bytes);
    spki = slice_of(spki_bytes, (size_t)n);
    X509 *cert = begin(key);
    /* The older extension has a quote of its own, over the digest of the key. */
    hash32 digest = sha256(spki);
    memset(f.f.dcap.quote.body.report_data, 0, 64);
    memcpy(f.f.dcap.quote.body.report_data, digest.b, 32);
    fake_ratls_make(&f);
    if (!plan.later_dice)
        add(cert, SLICE_ARRAY(legacy), f.f.e.quote);
    ratls_report_data(f.f.dcap.quote.body.report_data, plan.spki.p ? plan.spki : spki);
    fake_ratls_make(&f);
    buf_reset(&f.dice_bytes);
    ratls_dice_put(&f.dice_bytes, f.f.e.quote, plan.spki.p ? plan.spki : spki);
    add(cert, SLICE_ARRAY(ratls_oid_dice), buf_slice(&f.dice_bytes));
    assert_true(X509_sign(cert, plan.signer ? plan.signer : key, plan.md ? plan.md : EVP_sha256()) >
                0);
    buf_init(&der, RATLS_MAX);
    n = i2d_X509(cert, NULL);
    uint8_t *p = buf_grow(&der, (size_t)n);
    assert_int_equal(i2d_X509(cert, &p), n);
    X509_free(cert);
    EVP_PKEY_free(key);
    f.f.context.brought = &f.f.collateral; /* Gramine's certificates carry none */
    f.f.context.brought_count = 1;
    /* It is as long as one of Gramine's may be. */
    assert_true(der.n < 16384);
}

static void finish(void)
{
    fake_ratls_finish(&f);
    OPENSSL_free(spki_bytes);
    buf_finish(&der);
    ERR_clear_error();
    memset(&plan, 0, sizeof plan);
}

static void expect(const char *stage)
{
    ratls_verify(&f.report, buf_slice(&der), RATLS_SERVICE, &f.f.context);
    const char *found = f.report.ok ? "ok" : f.report.stage;
    if (strcmp(found, stage) != 0)
        fail_msg("expected %s, got %s: %s", stage, found, f.report.detail);
}

static const char *refused(void)
{
    struct ratls_cert c;
    assert_ok(ratls_read(&c, buf_slice(&der), NULL));
    return gramine_refuses(buf_slice(&der), c.cert.extensions);
}

static void test_good(void **state)
{
    (void)state;
    struct ratls_cert c;
    struct evidence item;
    make();
    expect("ok");
    assert_ok(ratls_read(&c, buf_slice(&der), NULL));
    assert_true(c.cert.p384 && c.has_legacy && !c.has_cmw && !c.collateral.p);
    assert_int_equal(spki.n, 120);
    assert_true(slice_eq(c.cert.spki, spki));
    assert_memory_equal(c.cert.x, spki.p + 24, 48);
    assert_memory_equal(c.cert.y, spki.p + 72, 48);
    assert_ok(ratls_item(&item, &c));
    assert_true(slice_eq_str(item.platform, "sgx-gramine"));
    assert_true(slice_eq(item.quote, f.f.e.quote) && !item.event_log.p);
    /* Without that, this test's own maker would be wrong. */
    assert_null(refused());
    finish();
    plan.curve = "P-256"; /* nobody's default, and known to Gramine too */
    make();
    expect("ok");
    assert_null(refused());
    finish();
}

/* What ratls_binds says of a key and claims that came another way. */
static void test_binds(void **state)
{
    (void)state;
    uint8_t claims[RATLS_CLAIMS], data[64];
    make();
    ratls_claims(claims, spki);
    ratls_report_data(data, spki);
    assert_true(ratls_binds(spki, SLICE_ARRAY(claims), data));
    data[32] = 1;
    assert_false(ratls_binds(spki, SLICE_ARRAY(claims), data));
    data[32] = 0;
    claims[20] ^= 1;
    assert_false(ratls_binds(spki, SLICE_ARRAY(claims), data));
    assert_false(ratls_binds(f.spki, SLICE_ARRAY(claims), data));
    finish();
}

static void test_altered(void **state)
{
    (void)state;
    make();
    /* The last byte is one of s. */
    der.p[der.n - 1] ^= 1;
    expect("self-signature");
    der.p[der.n - 1] ^= 1;
    /* Another point: off the curve. */
    uint8_t *at = memmem(der.p, der.n, spki.p, spki.n);
    assert_non_null(at);
    at[119] ^= 1;
    expect("self-signature");
    at[119] ^= 1;
    expect("ok");
    finish();
    EVP_PKEY *other = EVP_EC_gen("P-384");
    plan.signer = other;
    make();
    expect("self-signature");
    finish();
    EVP_PKEY_free(other);
    plan.md = EVP_sha384();
    make();
    expect("certificate");
    finish();
    /* Quote and claims of another certificate. */
    plan.spki = slice_str("another key");
    make();
    expect("claims");
    assert_string_equal(refused(), "the key's hash");
    finish();
    plan.later_dice = true;
    make();
    expect("ok");
    finish();
}

/* Curves that Gramine's verifiers do not know either. */
static void test_curves(void **state)
{
    (void)state;
    static const char *const curves[] = {"P-521", "secp256k1", "P-224"};
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++) {
        plan.curve = curves[i];
        make();
        expect("certificate");
        finish();
    }
}

/* Numbers of 48 bytes and less, and one more. */
static void test_signature(void **state)
{
    (void)state;
    uint8_t value[110] = {0x30, 102, 2, 49}, out[96];
    memset(value + 5, 0xff, 48);
    value[53] = 2;
    value[54] = 49;
    memset(value + 56, 0xee, 48); /* each behind a zero, since they are not negative */
    assert_ok(x509_signature(out, 48, slice_of(value, 104)));
    assert_int_equal(out[0], 0xff);
    assert_int_equal(out[95], 0xee);
    assert_err(x509_signature(out, 32, slice_of(value, 104)), TL_E_CERT);
    assert_err(x509_signature(out, 48, slice_of(value, 105)), TL_E_TRAILING);
    assert_ok(x509_signature(out, 48, slice_of("\x30\x06\x02\x01\x05\x02\x01\x06", 8)));
    assert_int_equal(out[47], 5);
    assert_int_equal(out[95], 6);
    assert_int_equal(out[0], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),      cmocka_unit_test(test_binds),
        cmocka_unit_test(test_altered),   cmocka_unit_test(test_curves),
        cmocka_unit_test(test_signature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
