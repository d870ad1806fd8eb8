/* The simulator's signed texts, byte for byte, and its certificates and revocation
 * lists as OpenSSL reads them. */
#include "fakedcap.h"
#include "testlib.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

static struct fake_dcap f; /* of the kind that the test asked for */

static void fresh(enum sim_kind kind)
{
    assert_ok(fake_dcap_init(&f, kind));
}

static void done(void)
{
    fake_dcap_finish(&f);
}

static void is_text(buf *b, const char *want)
{
    assert_ok(buf_err(b));
    buf_u8(b, 0);
    assert_string_equal((const char *)b->p, want);
    buf_finish(b);
}

static void tcb_info_is(const char *want)
{
    buf b;
    buf_init(&b, 65536);
    sim_tcb_info_put(&b, &f.tcb_info);
    is_text(&b, want);
}

static void qe_identity_is(const char *want)
{
    buf b;
    buf_init(&b, 65536);
    sim_qe_identity_put(&b, &f.qe_identity);
    is_text(&b, want);
}

/* FAKE_TIME is 2026-09-21T14:13:20Z. */
#define DATES "\"issueDate\":\"2026-09-21T13:13:20Z\",\"nextUpdate\":\"2026-10-21T13:13:20Z\","
#define PLACE                                                                                      \
    "\"fmspc\":\"7465656C6F67\",\"pceId\":\"0000\",\"tcbType\":0,\"tcbEvaluationDataNumber\":17,"
#define ONE        "{\"svn\":1}"
#define FOUR       ONE "," ONE "," ONE "," ONE
#define COMPONENTS "\"sgxtcbcomponents\":[" FOUR "," FOUR "," FOUR "," FOUR "]"
#define NONE       "{\"svn\":0}"
#define UP_TO_DATE "\"tcbDate\":\"2025-01-01T00:00:00Z\",\"tcbStatus\":\"UpToDate\""
#define ZERO8      "0000000000000000"
#define ZERO48     ZERO8 ZERO8 ZERO8 ZERO8 ZERO8 ZERO8
#define MODULE                                                                                     \
    "\"mrsigner\":\"" ZERO48 "\",\"attributes\":\"" ZERO8                                          \
    "\",\"attributesMask\":\"FFFFFFFFFFFFFFFF\""

static void tcb_info_of_sgx(void **state)
{
    (void)state;
    fresh(SIM_SGX_V3);
    tcb_info_is("{\"id\":\"SGX\",\"version\":3," DATES PLACE "\"tcbLevels\":[{\"tcb\":{" COMPONENTS
                ",\"pcesvn\":1}," UP_TO_DATE "}]}");
    f.tcb_info.level_count = 2;
    f.tcb_info.levels[1] = (struct sim_level){.sgx = {[15] = 256},
                                              .pce_svn = 65536,
                                              .date = 0,
                                              .status = "Odd",
                                              .advisories = {"A", "B"}};
    tcb_info_is("{\"id\":\"SGX\",\"version\":3," DATES PLACE "\"tcbLevels\":[{\"tcb\":{" COMPONENTS
                ",\"pcesvn\":1}," UP_TO_DATE "},{\"tcb\":{\"sgxtcbcomponents\":[" NONE "," NONE
                "," NONE "," NONE "," NONE "," NONE "," NONE "," NONE "," NONE "," NONE "," NONE
                "," NONE "," NONE "," NONE "," NONE
                ",{\"svn\":256}],\"pcesvn\":65536},\"tcbDate\":\""
                "1970-01-01T00:00:00Z\",\"tcbStatus\":\"Odd\",\"advisoryIDs\":[\"A\",\"B\"]}]}");
    done();
}

static void tcb_info_version_2(void **state)
{
    (void)state;
    fresh(SIM_SGX_V3);
    f.tcb_info.id = NULL;
    f.tcb_info.version = 2;
    f.tcb_info.levels[0].sgx[9] = 77;
    tcb_info_is("{\"version\":2," DATES PLACE
                "\"tcbLevels\":[{\"tcb\":{\"sgxtcbcomp01svn\":1,\"sgxtcbcomp02svn\":1,"
                "\"sgxtcbcomp03svn\":1,\"sgxtcbcomp04svn\":1,\"sgxtcbcomp05svn\":1,"
                "\"sgxtcbcomp06svn\":1,\"sgxtcbcomp07svn\":1,\"sgxtcbcomp08svn\":1,"
                "\"sgxtcbcomp09svn\":1,\"sgxtcbcomp10svn\":77,\"sgxtcbcomp11svn\":1,"
                "\"sgxtcbcomp12svn\":1,\"sgxtcbcomp13svn\":1,\"sgxtcbcomp14svn\":1,"
                "\"sgxtcbcomp15svn\":1,\"sgxtcbcomp16svn\":1,\"pcesvn\":1}," UP_TO_DATE "}]}");
    done();
}

static void tcb_info_of_tdx(void **state)
{
    (void)state;
    fresh(SIM_TDX_V4);
    tcb_info_is("{\"id\":\"TDX\",\"version\":3," DATES PLACE "\"tdxModule\":{" MODULE
                "},\"tdxModuleIdentities\":[{\"id\":\"TDX_01\"," MODULE
                ",\"tcbLevels\":[{\"tcb\":{\"isvsvn\":5}," UP_TO_DATE
                "}]}],\"tcbLevels\":[{\"tcb\":{" COMPONENTS
                ",\"pcesvn\":1,\"tdxtcbcomponents\":[{\"svn\":5}," NONE ",{\"svn\":3}," NONE
                "," NONE "," NONE "," NONE "," NONE "," NONE "," NONE "," NONE "," NONE "," NONE
                "," NONE "," NONE "," NONE "]}," UP_TO_DATE "}]}");
    done();
}

#define HEX_00 "\"miscselect\":\"00000000\",\"miscselectMask\":\"FFFFFFFF\","
#define HEX_11                                                                                     \
    "\"attributes\":\"11000000000000000000000000000000\","                                         \
    "\"attributesMask\":\"FBFFFFFFFFFFFFFF0000000000000000\","

static void qe_identities(void **state)
{
    (void)state;
    char signer[65], want[2048];
    fresh(SIM_SGX_V3);
    memset(f.qe_identity.mr_signer, 0xAB, 32);
    memset(signer, 0, sizeof signer);
    for (size_t i = 0; i < 32; i++)
        memcpy(signer + 2 * i, "AB", 2);
    snprintf(
        want, sizeof want,
        "{\"id\":\"QE\",\"version\":2," DATES "\"tcbEvaluationDataNumber\":17," HEX_00 HEX_11
        "\"mrsigner\":\"%s\",\"isvprodid\":1,\"tcbLevels\":[{\"tcb\":{\"isvsvn\":8}," UP_TO_DATE
        "}]}",
        signer);
    qe_identity_is(want);
    done();

    fresh(SIM_TDX_V5_15);
    memset(f.qe_identity.mr_signer, 0xAB, 32);
    f.qe_identity.misc_select = 0x0a0b0c0d;
    f.qe_identity.level_count = 2;
    f.qe_identity.levels[1] = (struct sim_svn_level){3, 86400, "OutOfDate", {"INTEL-SA-00615"}};
    snprintf(
        want, sizeof want,
        "{\"id\":\"TD_QE\",\"version\":2," DATES "\"tcbEvaluationDataNumber\":17,"
        "\"miscselect\":\"0D0C0B0A\",\"miscselectMask\":\"FFFFFFFF\"," HEX_11
        "\"mrsigner\":\"%s\",\"isvprodid\":2,\"tcbLevels\":[{\"tcb\":{\"isvsvn\":8}," UP_TO_DATE
        "},{\"tcb\":{\"isvsvn\":3},\"tcbDate\":\"1970-01-02T00:00:00Z\",\"tcbStatus\":"
        "\"OutOfDate\",\"advisoryIDs\":[\"INTEL-SA-00615\"]}]}",
        signer);
    qe_identity_is(want);
    done();
}

/* OpenSSL's form of one of our public keys. */
static EVP_PKEY *pkey_of(const struct es256_key *key)
{
    uint8_t point[65] = {4};
    struct cose_ec2 xy;
    EVP_PKEY *out = NULL;
    es256_point(key, &xy);
    memcpy(point + 1, xy.x, 32);
    memcpy(point + 33, xy.y, 32);
    char group[] = "P-256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &out, EVP_PKEY_PUBLIC_KEY, params), 1);
    EVP_PKEY_CTX_free(ctx);
    return out;
}

static void names_are(const X509_NAME *name, const char *common_name)
{
    char text[256], want[256];
    snprintf(want, sizeof want, "/CN=%s/O=Intel Corporation/L=Santa Clara/ST=CA/C=US", common_name);
    X509_NAME_oneline(name, text, sizeof text);
    assert_string_equal(text, want);
}

static void time_is(const ASN1_TIME *t, uint64_t want)
{
    struct tm tm;
    assert_int_equal(ASN1_TIME_to_tm(t, &tm), 1);
    assert_true((uint64_t)timegm(&tm) == want);
}

static X509 *x509_of(const struct sim_cert *plan)
{
    buf b;
    buf_init(&b, 65536);
    assert_ok(sim_cert_put(&b, plan));
    const uint8_t *p = b.p;
    X509 *x = d2i_X509(NULL, &p, (long)b.n);
    assert_non_null(x);
    assert_ptr_equal(p, b.p + b.n);
    buf_finish(&b);
    return x;
}

/* The extensions' short names, in order. */
static void extensions_are(X509 *x, const char *want)
{
    char text[512] = "";
    for (int i = 0; i < X509_get_ext_count(x); i++) {
        X509_EXTENSION *e = X509_get_ext(x, i);
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(e));
        size_t n = strlen(text);
        snprintf(text + n, sizeof text - n, "%s%s%s", i ? " " : "",
                 nid == NID_undef ? "sgx" : OBJ_nid2sn(nid),
                 X509_EXTENSION_get_critical(e) ? "!" : "");
    }
    assert_string_equal(text, want);
}

static void crl_points(X509 *x)
{
    CRL_DIST_POINTS *points = X509_get_ext_d2i(x, NID_crl_distribution_points, NULL, NULL);
    assert_non_null(points);
    assert_int_equal(sk_DIST_POINT_num(points), 1);
    DIST_POINT_NAME *name = sk_DIST_POINT_value(points, 0)->distpoint;
    assert_int_equal(name->type, 0);
    GENERAL_NAME *full = sk_GENERAL_NAME_value(name->name.fullname, 0);
    assert_int_equal(full->type, GEN_URI);
    assert_int_equal(ASN1_STRING_length(full->d.uniformResourceIdentifier),
                     strlen("https://teelog-simulator.invalid/root-ca.der"));
    CRL_DIST_POINTS_free(points);
}

static void certificates(void **state)
{
    (void)state;
    fresh(SIM_SGX_V3);
    X509 *root = x509_of(&f.root), *ca = x509_of(&f.ca), *pck = x509_of(&f.pck);
    X509 *signer = x509_of(&f.signer);
    names_are(X509_get_subject_name(signer), "teelog simulated SGX TCB Signing");
    names_are(X509_get_issuer_name(signer), "teelog simulated SGX Root CA");
    names_are(X509_get_subject_name(pck), "teelog simulated SGX PCK Certificate");
    names_are(X509_get_issuer_name(pck), "teelog simulated SGX PCK Processor CA");
    assert_int_equal(X509_verify(root, X509_get0_pubkey(root)), 1);
    assert_int_equal(X509_verify(ca, X509_get0_pubkey(root)), 1);
    assert_int_equal(X509_verify(signer, X509_get0_pubkey(root)), 1);
    assert_int_equal(X509_verify(pck, X509_get0_pubkey(ca)), 1);
    /* OpenSSL's own rules of who may issue: names, key identifiers, key usage. */
    assert_int_equal(X509_check_issued(root, ca), X509_V_OK);
    assert_int_equal(X509_check_issued(root, signer), X509_V_OK);
    assert_int_equal(X509_check_issued(ca, pck), X509_V_OK);
    assert_int_not_equal(X509_check_issued(signer, pck), X509_V_OK);
    const char *const usual = "authorityKeyIdentifier crlDistributionPoints subjectKeyIdentifier "
                              "keyUsage! basicConstraints!";
    extensions_are(root, usual);
    extensions_are(ca, usual);
    extensions_are(signer, usual);
    extensions_are(pck, "authorityKeyIdentifier crlDistributionPoints subjectKeyIdentifier "
                        "keyUsage! basicConstraints! sgx");
    crl_points(root);
    crl_points(pck);
    assert_int_equal(X509_get_key_usage(signer), KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION);
    assert_int_equal(X509_check_ca(signer), 0);
    assert_int_equal(X509_check_ca(ca), 1);
    time_is(X509_get0_notBefore(signer), FAKE_TIME - 101 * FAKE_DAY);
    time_is(X509_get0_notAfter(signer), FAKE_TIME - 101 * FAKE_DAY + 10957 * FAKE_DAY);
    X509_free(root);
    X509_free(ca);
    X509_free(pck);
    X509_free(signer);
    done();
}

static void certificates_without(void **state)
{
    (void)state;
    static const struct {
        unsigned without;
        const char *extensions;
    } cases[] = {
        {SIM_NO_AUTHORITY_KEY_ID,
         "crlDistributionPoints subjectKeyIdentifier keyUsage! basicConstraints!"},
        {SIM_NO_CRL_POINTS,
         "authorityKeyIdentifier subjectKeyIdentifier keyUsage! basicConstraints!"},
        {SIM_NO_SUBJECT_KEY_ID,
         "authorityKeyIdentifier crlDistributionPoints keyUsage! basicConstraints!"},
        {SIM_NO_BASIC_CONSTRAINTS,
         "authorityKeyIdentifier crlDistributionPoints subjectKeyIdentifier keyUsage!"},
    };
    fresh(SIM_SGX_V3);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        f.ca.without = cases[i].without;
        X509 *x = x509_of(&f.ca);
        extensions_are(x, cases[i].extensions);
        X509_free(x);
    }
    done();
}

static X509_CRL *crl_of(const struct sim_crl *plan)
{
    buf b;
    buf_init(&b, 65536);
    assert_ok(sim_crl_put(&b, plan));
    const uint8_t *p = b.p;
    X509_CRL *x = d2i_X509_CRL(NULL, &p, (long)b.n);
    assert_non_null(x);
    assert_ptr_equal(p, b.p + b.n);
    buf_finish(&b);
    return x;
}

static void revocation_lists(void **state)
{
    (void)state;
    static const uint8_t high[] = {0xfd, 0x60, 0x86}, low[] = {5};
    fresh(SIM_SGX_V3);
    f.revoked[0].serial = SLICE_ARRAY(high);
    f.revoked[1].serial = SLICE_ARRAY(low);
    f.revoked[1].time = FAKE_TIME - 7;
    f.pck_crl.revoked = f.revoked;
    f.pck_crl.revoked_count = 2;
    f.pck_crl.number = 0x1234;
    X509_CRL *x = crl_of(&f.pck_crl);
    EVP_PKEY *key = pkey_of(f.ca_key);
    assert_int_equal(X509_CRL_verify(x, key), 1);
    assert_int_equal(X509_CRL_get_version(x), 1);
    names_are(X509_CRL_get_issuer(x), "teelog simulated SGX PCK Processor CA");
    time_is(X509_CRL_get0_lastUpdate(x), FAKE_TIME - 3600);
    time_is(X509_CRL_get0_nextUpdate(x), FAKE_TIME - 3600 + 30 * FAKE_DAY);
    ASN1_INTEGER *number = X509_CRL_get_ext_d2i(x, NID_crl_number, NULL, NULL);
    assert_int_equal(ASN1_INTEGER_get(number), 0x1234);
    ASN1_INTEGER_free(number);
    X509 *ca = x509_of(&f.ca);
    AUTHORITY_KEYID *id = X509_CRL_get_ext_d2i(x, NID_authority_key_identifier, NULL, NULL);
    assert_int_equal(ASN1_OCTET_STRING_cmp(id->keyid, X509_get0_subject_key_id(ca)), 0);
    AUTHORITY_KEYID_free(id);
    X509_free(ca);
    STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(x);
    assert_int_equal(sk_X509_REVOKED_num(entries), 2);
    for (int i = 0; i < 2; i++) {
        X509_REVOKED *entry = sk_X509_REVOKED_value(entries, i);
        BIGNUM *serial = ASN1_INTEGER_to_BN(X509_REVOKED_get0_serialNumber(entry), NULL);
        assert_int_equal(BN_get_word(serial), i == 0 ? 0xfd6086 : 5);
        BN_free(serial);
        time_is(X509_REVOKED_get0_revocationDate(entry), FAKE_TIME - (i == 0 ? 3600 : 7));
        ASN1_ENUMERATED *reason = X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, NULL, NULL);
        assert_int_equal(ASN1_ENUMERATED_get(reason), 1);
        ASN1_ENUMERATED_free(reason);
    }
    EVP_PKEY_free(key);
    X509_CRL_free(x);
    done();
}

static void revocation_lists_without(void **state)
{
    (void)state;
    fresh(SIM_SGX_V3);
    X509_CRL *x = crl_of(&f.root_crl);
    EVP_PKEY *key = pkey_of(f.root_key), *other = pkey_of(f.ca_key);
    assert_int_equal(X509_CRL_verify(x, key), 1);
    assert_int_not_equal(X509_CRL_verify(x, other), 1);
    assert_null(X509_CRL_get_REVOKED(x));
    X509_CRL_free(x);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
    f.root_crl.without = SIM_NO_CRL_NUMBER | SIM_NO_NEXT_UPDATE;
    x = crl_of(&f.root_crl);
    assert_null(X509_CRL_get0_nextUpdate(x));
    assert_int_equal(X509_CRL_get_ext_count(x), 1);
    assert_true(X509_CRL_get_ext_by_NID(x, NID_authority_key_identifier, -1) == 0);
    X509_CRL_free(x);
    f.root_crl.without = SIM_NO_CRL_AUTHORITY_KEY_ID;
    x = crl_of(&f.root_crl);
    assert_int_equal(X509_CRL_get_ext_count(x), 1);
    assert_true(X509_CRL_get_ext_by_NID(x, NID_crl_number, -1) == 0);
    X509_CRL_free(x);
    done();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcb_info_of_sgx),  cmocka_unit_test(tcb_info_version_2),
        cmocka_unit_test(tcb_info_of_tdx),  cmocka_unit_test(qe_identities),
        cmocka_unit_test(certificates),     cmocka_unit_test(certificates_without),
        cmocka_unit_test(revocation_lists), cmocka_unit_test(revocation_lists_without),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
