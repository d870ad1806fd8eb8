/* Evidence of the simulated platform: each stage of evidence_verify reached by
 * a defect of its own, under chains and quotes made and signed here. */
#include "testlib.h"

#include "attest/chain.h"
#include "attest/evidence.h"
#include "attest/quote.h"
#include "codec/cbor.h"
#include "tee/sim_pki.h"
#include "tee/sim_quote.h"

#include <jansson.h>

#define NOW UINT64_C(1790000000)
#define DAY UINT64_C(86400)

/* Everything that goes into one quote. A case changes what it wants to be
 * wrong, before the chain is signed or before the quote is. */
struct kit {
    struct sim_cert plan[3];
    struct sim_qe qe;
    struct sim_quote quote;
    size_t cert_count; /* of the chain's PEM */
    bool root_first;
};

static struct sim_chain_keys keys;
static struct es256_key *attestation, *stranger;
static struct sim_cert fresh[3];

static int set_up(void **state)
{
    (void)state;
    assert_ok(es256_generate(&keys.root));
    assert_ok(es256_generate(&keys.intermediate));
    assert_ok(es256_generate(&keys.pck));
    assert_ok(es256_generate(&attestation));
    assert_ok(es256_generate(&stranger));
    assert_ok(sim_chain_plan(fresh, &keys, NOW));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    es256_free(keys.root);
    es256_free(keys.intermediate);
    es256_free(keys.pck);
    es256_free(attestation);
    es256_free(stranger);
    return 0;
}

static void put_certificates(buf *pem, const struct kit *k)
{
    struct sim_cert plan[3];
    for (size_t i = 0; i < 3; i++)
        plan[i] = k->plan[k->root_first ? 2 - i : i];
    assert_ok(sim_chain_put(pem, plan));
    /* Fewer or more certificates than three. */
    const char *at = (const char *)pem->p;
    if (k->cert_count < 3)
        pem->n = (size_t)(strstr(strstr(at, "END") + 1, "END CERTIFICATE-----\n") - at) +
                 strlen("END CERTIFICATE-----\n");
    if (k->cert_count > 3) {
        size_t first = (size_t)(strstr(at + 1, "-----BEGIN") - at);
        uint8_t *again = malloc(first);
        memcpy(again, pem->p, first);
        buf_bytes(pem, slice_of(again, first));
        free(again);
    }
}

typedef void tweak(struct kit *k);

/* The quote with these changes; the caller finishes it. */
static buf make_quote(tweak *chain, tweak *quote)
{
    struct kit k = {.cert_count = 3};
    buf pem, out;
    memcpy(k.plan, fresh, sizeof fresh);
    if (chain)
        chain(&k);
    buf_init(&pem, 65536);
    buf_init(&out, 65536);
    put_certificates(&pem, &k);
    assert_ok(sim_qe_make(&k.qe, keys.pck, attestation));
    sim_quote_plan(&k.quote, &k.qe, attestation, buf_slice(&pem));
    memset(k.quote.body.report_data, 0x42, 64);
    memset(k.quote.body.mrenclave, 0x43, 32);
    memset(k.quote.body.mrsigner, 0x44, 32);
    k.quote.body.isv_prod_id = 7;
    k.quote.body.isv_svn = 8;
    if (quote)
        quote(&k);
    assert_ok(sim_quote_put(&out, &k.quote));
    buf_finish(&pem);
    return out;
}

static struct evidence_report judge_at(slice quote, uint64_t time, const struct policy *policy)
{
    struct evidence_report r;
    struct evidence e = {slice_str("simulator"), quote, {NULL, 0}};
    evidence_verify(&r, &e, (slice){NULL, 0}, time, policy);
    assert_true(r.detail[0] != 0);
    assert_int_equal(r.genuine, r.stage == NULL);
    return r;
}

static void fails_at(const struct evidence_report *r, const char *stage, const char *detail)
{
    if (r->genuine)
        fail_msg("genuine, but should fail at %s (%s)", stage, detail);
    if (strcmp(r->stage, stage) != 0 || !strstr(r->detail, detail))
        fail_msg("want %s (%s), got %s (%s)", stage, detail, r->stage, r->detail);
}

static void sound_quote(void **state)
{
    (void)state;
    buf q = make_quote(NULL, NULL), spki;
    struct evidence_report r = judge_at(buf_slice(&q), NOW, NULL);
    if (!r.genuine)
        fail_msg("%s: %s", r.stage, r.detail);
    assert_int_equal(r.platform, PLATFORM_SIMULATOR);
    assert_true(r.simulated);
    assert_false(r.root_pinned);
    assert_int_equal(r.report_data[0], 0x42);
    assert_int_equal(r.report_data[63], 0x42);
    assert_int_equal(r.mrenclave[31], 0x43);
    assert_int_equal(r.mrsigner[31], 0x44);
    assert_int_equal(r.isv_prod_id, 7);
    assert_int_equal(r.isv_svn, 8);
    buf_init(&spki, 100);
    sim_spki_put(&spki, keys.root);
    hash32 root = sha256(buf_slice(&spki));
    assert_true(hash_eq(&root, &r.root));
    buf_finish(&spki);
    buf_finish(&q);
}

static void platforms(void **state)
{
    (void)state;
    static const char *const names[] = {"sgx-gramine", "tdx-dstack", "tdx-tsm", "unknown", ""};
    buf q = make_quote(NULL, NULL);
    for (size_t i = 0; i < 5; i++) {
        struct evidence_report r;
        struct evidence e = {slice_str(names[i]), buf_slice(&q), {NULL, 0}};
        evidence_verify(&r, &e, (slice){NULL, 0}, NOW, NULL);
        fails_at(&r, "platform", i < 3 ? names[i] : "knows");
        assert_false(r.simulated);
        assert_string_equal(platform_name(r.platform), i < 3 ? names[i] : "unknown");
    }
    buf_finish(&q);
}

static void collateral_and_event_log(void **state)
{
    (void)state;
    struct evidence_report r;
    buf q = make_quote(NULL, NULL);
    struct evidence e = {slice_str("simulator"), buf_slice(&q), {NULL, 0}};
    evidence_verify(&r, &e, slice_of("{}", 2), NOW, NULL);
    fails_at(&r, "collateral", "no collateral");
    evidence_verify(&r, &e, slice_of("", 0), NOW, NULL); /* there, though empty */
    fails_at(&r, "collateral", "no collateral");
    e.event_log = slice_of("", 0);
    evidence_verify(&r, &e, (slice){NULL, 0}, NOW, NULL);
    fails_at(&r, "format", "event log");
    buf_finish(&q);
}

/* Defects of the chain. */
#define TWEAK(name, ...)                                                                           \
    static void name(struct kit *k)                                                                \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
static const struct sgx_extension *const no_sgx = NULL;
TWEAK(two_certificates, k->cert_count = 2;)
TWEAK(four_certificates, k->cert_count = 4;)
TWEAK(reversed, k->root_first = true;)
TWEAK(critical_extension,
      k->plan[1].more = slice_of("\x30\x0b\x06\x03\x55\x1d\x7f\x01\x01\xff\x04\x01\xaa", 13);)
TWEAK(root_of_another, k->plan[2].issuer = "teelog simulated SGX Other CA";)
TWEAK(intermediate_of_another, k->plan[1].issuer = "teelog simulated SGX Other CA";)
TWEAK(leaf_of_another, k->plan[0].issuer = "teelog simulated SGX Other CA";)
TWEAK(root_no_ca, k->plan[2].ca = false; k->plan[2].path_length = -1;)
TWEAK(intermediate_no_ca, k->plan[1].ca = false; k->plan[1].path_length = -1;)
TWEAK(root_may_not_sign, k->plan[2].key_usage = KEY_USAGE_CRL_SIGN;)
TWEAK(intermediate_may_not_sign, k->plan[1].key_usage = KEY_USAGE_DIGITAL_SIGNATURE;)
TWEAK(no_key_usage, k->plan[1].key_usage = 0;)
TWEAK(root_short_path, k->plan[2].path_length = 0;)
TWEAK(leaf_is_ca, k->plan[0].ca = true;)
TWEAK(leaf_signs_certificates, k->plan[0].key_usage |= KEY_USAGE_CERT_SIGN;)
TWEAK(leaf_signs_nothing, k->plan[0].key_usage = KEY_USAGE_NON_REPUDIATION;)
TWEAK(leaf_without_sgx, k->plan[0].sgx = no_sgx;)
TWEAK(root_signed_by_another, k->plan[2].issuer_key = stranger;)
TWEAK(intermediate_signed_by_another, k->plan[1].issuer_key = stranger;)
TWEAK(leaf_signed_by_another, k->plan[0].issuer_key = stranger;)
TWEAK(leaf_signed_by_root, k->plan[0].issuer_key = keys.root;)

static void chains(void **state)
{
    (void)state;
    static const struct {
        tweak *chain;
        const char *detail;
    } cases[] = {
        {two_certificates, "2 certificates"},
        {four_certificates, "4 certificates"},
        {reversed, "root names another issuer"},
        {critical_extension, "intermediate certificate is not of the expected form"},
        {root_of_another, "root names another issuer"},
        {intermediate_of_another, "intermediate's issuer"},
        {leaf_of_another, "leaf's issuer"},
        {root_no_ca, "root certificate is not a CA's"},
        {intermediate_no_ca, "intermediate certificate is not a CA's"},
        {root_may_not_sign, "root key may not"},
        {intermediate_may_not_sign, "intermediate key may not"},
        {no_key_usage, "intermediate key may not"},
        {root_short_path, "root allows no CA"},
        {leaf_is_ca, "leaf certificate is a CA's"},
        {leaf_signs_certificates, "key usage"},
        {leaf_signs_nothing, "key usage"},
        {leaf_without_sgx, "SGX extension"},
        {root_signed_by_another, "root certificate's signature"},
        {intermediate_signed_by_another, "intermediate certificate's signature"},
        {leaf_signed_by_another, "leaf certificate's signature"},
        {leaf_signed_by_root, "leaf certificate's signature"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buf q = make_quote(cases[i].chain, NULL);
        struct evidence_report r = judge_at(buf_slice(&q), NOW, NULL);
        fails_at(&r, "chain", cases[i].detail);
        buf_finish(&q);
    }
}

TWEAK(leaf_short, k->plan[0].not_before = NOW; k->plan[0].not_after = NOW + DAY;)
TWEAK(intermediate_short, k->plan[1].not_before = NOW; k->plan[1].not_after = NOW + DAY;)
TWEAK(root_short, k->plan[2].not_before = NOW; k->plan[2].not_after = NOW + DAY;)

static void validity(void **state)
{
    (void)state;
    static tweak *const shorts[3] = {leaf_short, intermediate_short, root_short};
    static const char *const names[3] = {"leaf", "intermediate", "root"};
    for (size_t i = 0; i < 3; i++) {
        buf q = make_quote(shorts[i], NULL);
        struct evidence_report r = judge_at(buf_slice(&q), NOW - 1, NULL);
        fails_at(&r, "validity", names[i]);
        fails_at(&r, "validity", "not valid before");
        assert_true(judge_at(buf_slice(&q), NOW, NULL).genuine);
        assert_true(judge_at(buf_slice(&q), NOW + DAY, NULL).genuine);
        r = judge_at(buf_slice(&q), NOW + DAY + 1, NULL);
        fails_at(&r, "validity", names[i]);
        fails_at(&r, "validity", "expired");
        buf_finish(&q);
    }
}

static void roots(void **state)
{
    (void)state;
    buf q = make_quote(NULL, NULL);
    hash32 root = judge_at(buf_slice(&q), NOW, NULL).root;
    struct policy_evidence entry = {.platform = PLATFORM_SIMULATOR, .simulator_root = root};
    struct policy policy = {.evidence_count = 1, .evidence = &entry};
    struct evidence_report r = judge_at(buf_slice(&q), NOW, &policy);
    assert_true(r.genuine && r.root_pinned);
    entry.simulator_root.b[31] ^= 1;
    r = judge_at(buf_slice(&q), NOW, &policy);
    fails_at(&r, "root", "not one that the policy names");
    assert_false(r.root_pinned);
    entry.platform = PLATFORM_SGX_GRAMINE; /* speaks of another platform */
    r = judge_at(buf_slice(&q), NOW, &policy);
    assert_true(r.genuine && !r.root_pinned);
    buf_finish(&q);
}

/* Defects of the quote. */
static void sign_qe(struct kit *k, struct es256_key *key)
{
    hash32 digest = sha256(SLICE_ARRAY(k->qe.report));
    assert_ok(es256_sign(key, &digest, k->qe.signature));
}

TWEAK(certificate_type, k->quote.cert_type = 4;)
TWEAK(no_chain, k->quote.cert_data = (slice){NULL, 0};)
TWEAK(header_version, k->quote.header[0] = 4;)
TWEAK(qe_by_another, sign_qe(k, stranger);)
TWEAK(qe_by_root, sign_qe(k, keys.root);)
TWEAK(qe_changed, k->qe.report[100] ^= 1;)
TWEAK(qe_auth_changed, k->qe.auth[31] ^= 1;)
TWEAK(qe_data_padded, k->qe.report[383] ^= 1; sign_qe(k, keys.pck);)
TWEAK(other_attestation_key, k->quote.attestation = stranger;)
TWEAK(debug, k->quote.body.flags |= SGX_FLAG_DEBUG;)
TWEAK(not_initialised, k->quote.body.flags &= ~SGX_FLAG_INIT;)
static void no_qe_auth(struct kit *k)
{
    struct cose_ec2 key;
    es256_point(attestation, &key);
    slice parts[2] = {SLICE_ARRAY(key.x), SLICE_ARRAY(key.y)};
    hash32 h = sha256_parts(parts, 2);
    memcpy(k->qe.report + 320, h.b, 32);
    sign_qe(k, keys.pck);
    k->quote.qe_auth = (slice){NULL, 0};
}

static void quotes(void **state)
{
    (void)state;
    static const struct {
        tweak *quote;
        const char *stage, *detail;
    } cases[] = {
        {header_version, "format", "version 4"},
        {certificate_type, "format", "type 4"},
        {no_chain, "chain", "PEM"},
        {qe_by_another, "qe-signature", "PCK key"},
        {qe_by_root, "qe-signature", "PCK key"},
        {qe_changed, "qe-signature", "PCK key"},
        {qe_auth_changed, "qe-data", "attestation key"},
        {qe_data_padded, "qe-data", "attestation key"},
        {other_attestation_key, "qe-data", "attestation key"},
        {debug, "attributes", "debug"},
        {not_initialised, "attributes", "initialised"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buf q = make_quote(NULL, cases[i].quote);
        struct evidence_report r = judge_at(buf_slice(&q), NOW, NULL);
        fails_at(&r, cases[i].stage, cases[i].detail);
        buf_finish(&q);
    }
    buf q = make_quote(NULL, no_qe_auth); /* any length is fine, none included */
    assert_true(judge_at(buf_slice(&q), NOW, NULL).genuine);
    buf_finish(&q);

    q = make_quote(NULL, NULL);
    buf_u8(&q, 0); /* a byte that nothing covers */
    struct evidence_report r = judge_at(buf_slice(&q), NOW, NULL);
    fails_at(&r, "format", "follow the quote");
    q.n--;
    q.p[100] ^= 1; /* reserved, but signed */
    r = judge_at(buf_slice(&q), NOW, NULL);
    fails_at(&r, "quote-signature", "attestation key");
    q.p[100] ^= 1;
    q.p[436] ^= 1;
    r = judge_at(buf_slice(&q), NOW, NULL);
    fails_at(&r, "quote-signature", "attestation key");
    buf_finish(&q);
}

/* A QE that vouches for a point off the curve; no signature can hold then. */
static void key_off_the_curve(void **state)
{
    (void)state;
    buf q = make_quote(NULL, NULL);
    uint8_t *key = q.p + 500, *report = q.p + 564, *signature = q.p + 948, *auth = q.p + 1014;
    key[63] ^= 1;
    slice parts[2] = {slice_of(key, 64), slice_of(auth, 32)};
    hash32 h = sha256_parts(parts, 2);
    memcpy(report + 320, h.b, 32);
    hash32 digest = sha256(slice_of(report, 384));
    assert_ok(es256_sign(keys.pck, &digest, signature));
    struct evidence_report r = judge_at(buf_slice(&q), NOW, NULL);
    fails_at(&r, "quote-signature", "attestation key");
    buf_finish(&q);
}

/* Where two things are wrong, the step that comes first is named. */
static void order(void **state)
{
    (void)state;
    struct policy_evidence entry = {.platform = PLATFORM_SIMULATOR};
    struct policy policy = {.evidence_count = 1, .evidence = &entry};
    buf q = make_quote(leaf_signed_by_another, qe_by_another);
    struct evidence_report r = judge_at(buf_slice(&q), NOW, &policy);
    fails_at(&r, "chain", "leaf");
    buf_finish(&q);
    q = make_quote(NULL, qe_by_another);
    r = judge_at(buf_slice(&q), NOW, &policy);
    fails_at(&r, "root", "policy");
    r = judge_at(buf_slice(&q), 0, &policy);
    fails_at(&r, "validity", "leaf");
    buf_finish(&q);
}

/* Nothing in a quote can change without the verdict. */
static void every_bit(void **state)
{
    (void)state;
    buf q = make_quote(NULL, NULL);
    assert_true(judge_at(buf_slice(&q), NOW, NULL).genuine);
    for (size_t bit = 0; bit < 8 * q.n; bit++) {
        q.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        struct evidence_report r = judge_at(buf_slice(&q), NOW, NULL);
        if (r.genuine)
            fail_msg("bit %zu of byte %zu does not matter", bit % 8, bit / 8);
        q.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t n = 0; n < q.n; n++)
        assert_false(judge_at(slice_of(q.p, n), NOW, NULL).genuine);
    buf_finish(&q);
}

static void allocations_fail(void **state)
{
    (void)state;
    buf q = make_quote(NULL, NULL);
    size_t failures = 0;
    for (size_t i = 1;; i++) {
        test_fail_alloc(i);
        struct evidence_report r = judge_at(buf_slice(&q), NOW, NULL);
        bool failed = test_alloc_failed();
        test_fail_alloc(0);
        if (!failed) {
            assert_true(r.genuine);
            break;
        }
        fails_at(&r, "memory", "memory");
        failures++;
    }
    assert_true(failures >= 6); /* the chain's bytes, and a key for each of five signatures */
    buf_finish(&q);
}

static void items(void **state)
{
    (void)state;
    struct evidence e = {slice_str("tdx-dstack"), slice_str("quote"), slice_str("log")}, v;
    buf b;
    buf_init(&b, 100);
    evidence_put(&b, &e);
    assert_ok(evidence_read(&v, buf_slice(&b)));
    assert_true(slice_eq(v.platform, e.platform));
    assert_true(slice_eq(v.quote, e.quote));
    assert_true(slice_eq(v.event_log, e.event_log));
    for (size_t n = 0; n < b.n; n++)
        assert_true(evidence_read(&v, slice_of(b.p, n)) != TL_OK);
    buf_u8(&b, 0);
    assert_err(evidence_read(&v, buf_slice(&b)), TL_E_TRAILING);
    buf_reset(&b);
    e.event_log = slice_of("", 0); /* empty is not null */
    evidence_put(&b, &e);
    assert_ok(evidence_read(&v, buf_slice(&b)));
    assert_non_null(v.event_log.p);
    assert_int_equal(v.event_log.n, 0);
    buf_finish(&b);

    static const char *const bad[] = {
        "826161"
        "40", /* two members */
        "846161"
        "40f6f6", /* four */
        "8341"
        "6140f6", /* the platform in bytes */
        "836161"
        "6161f6", /* the quote as text */
        "836161"
        "40f4", /* false */
        "836161"
        "40f7", /* undefined */
        "836161"
        "40"
        "60", /* a text for a log */
        "8361ff"
        "40f6",         /* not UTF-8 */
        "9f616140f6ff", /* indefinite */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        size_t n;
        uint8_t *p = test_hex(bad[i], &n);
        if (evidence_read(&v, slice_of(p, n)) == TL_OK)
            fail_msg("accepted %s", bad[i]);
        free(p);
    }
}

static void items_are_bounded(void **state)
{
    (void)state;
    struct evidence v, e = {slice_str("a"), {NULL, 0}, {NULL, 0}};
    uint8_t *bytes = calloc(1, EVIDENCE_MAX);
    buf b;
    /* 1 array, 2 platform, 5 the quote's head, 1 null */
    for (size_t more = 0; more < 2; more++) {
        buf_init(&b, EVIDENCE_MAX + 100);
        e.quote = slice_of(bytes, EVIDENCE_MAX - 9 + more);
        evidence_put(&b, &e);
        assert_int_equal(b.n, EVIDENCE_MAX + more);
        assert_err(evidence_read(&v, buf_slice(&b)), more ? TL_E_EVIDENCE : TL_OK);
        buf_finish(&b);
    }
    free(bytes);
}

static void code(void **state)
{
    (void)state;
    uint8_t list[64] = {0};
    struct policy_evidence entries[2] = {
        {.platform = PLATFORM_SIMULATOR, .mrenclave = {2, 32, list}},
        {.platform = PLATFORM_SGX_GRAMINE},
    };
    struct policy policy = {.evidence_count = 2, .evidence = entries};
    struct evidence_report r = {.platform = PLATFORM_SIMULATOR};
    char detail[200];
    bool pinned = true;
    memset(list, 1, 32);
    memset(list + 32, 2, 32);
    memset(r.mrenclave, 2, 32);

    assert_true(evidence_code_ok(&r, NULL, &pinned, detail)); /* no policy at all */
    assert_false(pinned);
    assert_non_null(strstr(detail, "pins no code"));
    assert_true(evidence_code_ok(&r, &policy, &pinned, detail));
    assert_true(pinned);
    assert_non_null(strstr(detail, "0202"));
    r.mrenclave[31] = 3;
    assert_false(evidence_code_ok(&r, &policy, &pinned, detail));
    assert_false(pinned);
    assert_non_null(strstr(detail, "not one that the policy names"));

    entries[0].mrenclave.count = 0; /* an entry without the member */
    assert_true(evidence_code_ok(&r, &policy, &pinned, detail));
    assert_false(pinned);
    entries[0].platform = PLATFORM_TDX_TSM; /* no entry for the platform */
    assert_true(evidence_code_ok(&r, &policy, &pinned, detail));
    assert_false(pinned);
    assert_non_null(strstr(detail, "pins no code for platform simulator"));
    policy.evidence_count = 0;
    assert_true(evidence_code_ok(&r, &policy, &pinned, detail));
    assert_false(pinned);
}

/* The vectors of tests/vectors/evidence.json: items as they stand in bundles,
 * with what a verifier says of them. `test_evidence --write FILE` makes them
 * anew, under fresh keys. */
static const struct {
    const char *name;
    tweak *chain, *quote;
    uint64_t time;
    bool event_log, collateral, other_root;
} vectors[] = {
    {"sound", NULL, NULL, NOW, false, false, false},
    {"expired", NULL, NULL, NOW + 11000 * DAY, false, false, false},
    {"not yet valid", NULL, NULL, NOW - 2 * DAY, false, false, false},
    {"an event log", NULL, NULL, NOW, true, false, false},
    {"collateral", NULL, NULL, NOW, false, true, false},
    {"a root that the policy does not name", NULL, NULL, NOW, false, false, true},
    {"certification data of another type", NULL, certificate_type, NOW, false, false, false},
    {"a leaf without the SGX extension", leaf_without_sgx, NULL, NOW, false, false, false},
    {"an intermediate that is no CA", intermediate_no_ca, NULL, NOW, false, false, false},
    {"an unknown critical extension", critical_extension, NULL, NOW, false, false, false},
    {"a leaf signed by a stranger", leaf_signed_by_another, NULL, NOW, false, false, false},
    {"a QE report signed by a stranger", NULL, qe_by_another, NOW, false, false, false},
    {"QE report data that is not padded with zeros", NULL, qe_data_padded, NOW, false, false,
     false},
    {"an attestation key that the QE does not vouch for", NULL, other_attestation_key, NOW, false,
     false, false},
    {"a debug enclave", NULL, debug, NOW, false, false, false},
    {"an enclave that was not initialised", NULL, not_initialised, NOW, false, false, false},
};
#define VECTORS (sizeof vectors / sizeof vectors[0])

static json_t *base64_json(slice bytes)
{
    buf b;
    buf_init(&b, 1 << 20);
    base64_put(&b, bytes);
    json_t *out = json_stringn((const char *)b.p, b.n);
    buf_finish(&b);
    return out;
}

static json_t *hex_json(const uint8_t *p, size_t n)
{
    char hex[129];
    hex_text(hex, p, n);
    return json_string(hex);
}

static int write_vectors(const char *path)
{
    json_t *all = json_array();
    set_up(NULL);
    for (size_t i = 0; i < VECTORS; i++) {
        buf q = make_quote(vectors[i].chain, vectors[i].quote), item;
        struct evidence e = {slice_str("simulator"), buf_slice(&q), {NULL, 0}};
        slice collateral = {NULL, 0};
        struct policy_evidence entry = {.platform = PLATFORM_SIMULATOR};
        struct policy policy = {.evidence_count = 1, .evidence = &entry};
        struct evidence_report r = judge_at(buf_slice(&q), NOW, NULL);
        entry.simulator_root = r.root;
        entry.simulator_root.b[0] ^= vectors[i].other_root;
        if (vectors[i].event_log)
            e.event_log = slice_str("[]");
        if (vectors[i].collateral)
            collateral = slice_str("{}");
        buf_init(&item, EVIDENCE_MAX);
        evidence_put(&item, &e);
        evidence_verify(&r, &e, collateral, vectors[i].time, &policy);
        json_array_append_new(
            all,
            json_pack("{ss, sI, so, so, so, ss*, so*, so*}", "name", vectors[i].name, "time",
                      (json_int_t)vectors[i].time, "root", hex_json(entry.simulator_root.b, 32),
                      "item", base64_json(buf_slice(&item)), "collateral",
                      collateral.p ? base64_json(collateral) : json_null(), "stage", r.stage,
                      "mrenclave", r.genuine ? hex_json(r.mrenclave, 32) : NULL, "report_data",
                      r.genuine ? hex_json(r.report_data, 64) : NULL));
        buf_finish(&item);
        buf_finish(&q);
    }
    tear_down(NULL);
    int failed = json_dump_file(all, path, JSON_INDENT(1));
    json_decref(all);
    return failed ? 1 : 0;
}

static buf base64_bytes(const json_t *v)
{
    buf b;
    buf_init(&b, 1 << 20);
    assert_true(json_is_string(v));
    assert_ok(base64_read(&b, slice_of(json_string_value(v), json_string_length(v))));
    return b;
}

static void check_vector(const json_t *v, const char *expect_name)
{
    struct evidence e;
    struct evidence_report r;
    struct policy_evidence entry = {.platform = PLATFORM_SIMULATOR};
    struct policy policy = {.evidence_count = 1, .evidence = &entry};
    uint8_t bytes[64];
    const char *stage = json_string_value(json_object_get(v, "stage"));
    const json_t *extra = json_object_get(v, "collateral");
    assert_string_equal(json_string_value(json_object_get(v, "name")), expect_name);
    assert_ok(hex_read(entry.simulator_root.b, 32,
                       slice_str(json_string_value(json_object_get(v, "root")))));
    buf item = base64_bytes(json_object_get(v, "item")), collateral;
    buf_init(&collateral, 1);
    if (!json_is_null(extra))
        collateral = base64_bytes(extra);
    assert_ok(evidence_read(&e, buf_slice(&item)));
    evidence_verify(&r, &e, buf_slice(&collateral),
                    (uint64_t)json_integer_value(json_object_get(v, "time")), &policy);
    assert_int_equal(r.genuine, stage == NULL);
    if (stage) {
        assert_string_equal(r.stage, stage);
        goto out;
    }
    assert_ok(hex_read(bytes, 32, slice_str(json_string_value(json_object_get(v, "mrenclave")))));
    assert_memory_equal(bytes, r.mrenclave, 32);
    assert_ok(hex_read(bytes, 64, slice_str(json_string_value(json_object_get(v, "report_data")))));
    assert_memory_equal(bytes, r.report_data, 64);
out:
    buf_finish(&item);
    buf_finish(&collateral);
}

static void published_vectors(void **state)
{
    (void)state;
    json_error_t error;
    json_t *all = json_load_file(test_source("vectors/evidence.json"), 0, &error);
    if (!all)
        fail_msg("evidence.json: %s", error.text);
    assert_int_equal(json_array_size(all), VECTORS);
    for (size_t i = 0; i < VECTORS; i++)
        check_vector(json_array_get(all, i), vectors[i].name);
    json_decref(all);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--write") == 0)
        return write_vectors(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_quote),
        cmocka_unit_test(platforms),
        cmocka_unit_test(collateral_and_event_log),
        cmocka_unit_test(chains),
        cmocka_unit_test(validity),
        cmocka_unit_test(roots),
        cmocka_unit_test(quotes),
        cmocka_unit_test(key_off_the_curve),
        cmocka_unit_test(order),
        cmocka_unit_test(every_bit),
        cmocka_unit_test(allocations_fail),
        cmocka_unit_test(items),
        cmocka_unit_test(items_are_bounded),
        cmocka_unit_test(code),
        cmocka_unit_test(published_vectors),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
