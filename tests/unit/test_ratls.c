/* Certificates of attested TLS: each rule of docs/format.md section 14 with one thing
 * wrong. What is wrong with evidence alone is the affair of test_evidence. */
#include "testlib.h"

#include "codec/cbor.h"
#include "fakeratls.h"

static struct fake_ratls f;

static void start(void)
{
    fake_ratls_start(&f, SIM_SGX_V3, "simulator");
}

/* Makes it, and finds this stage. */
static void end(const char *name, const char *stage)
{
    fake_ratls_make(&f);
    fake_ratls_expect(&f, name, stage);
    fake_ratls_finish(&f);
}

static void platform_is_good(enum sim_kind kind, const char *platform)
{
    fake_ratls_start(&f, kind, platform);
    fake_ratls_make(&f);
    fake_ratls_expect(&f, platform, "ok");
    assert_true(f.report.evidence.genuine);
    assert_int_equal(f.report.evidence.platform, platform_from(slice_str(platform)));
    assert_int_equal(f.report.evidence.simulated, strcmp(platform, "simulator") == 0);
    assert_int_equal(strstr(f.report.detail, "SIMULATED") != NULL, f.report.evidence.simulated);
    fake_ratls_finish(&f);
}

static void test_good(void **state)
{
    (void)state;
    platform_is_good(SIM_SGX_V3, "simulator");
    platform_is_good(SIM_TDX_V4, "simulator");
    platform_is_good(SIM_SGX_V3, "sgx-gramine");
    platform_is_good(SIM_TDX_V4, "tdx-dstack");
    platform_is_good(SIM_TDX_V5_15, "tdx-tsm");
}

/* A certificate as Gramine's own tools make it: the DICE extension, the older one, no
 * CMW. Collateral is then the caller's to bring. */
static void test_gramine(void **state)
{
    (void)state;
    static const uint8_t legacy[11] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                       0xf8, 0x4d, 0x8a, 0x39, 0x06};
    buf more;
    buf_init(&more, 65536);
    fake_extension(&more, SLICE_ARRAY(legacy), slice_str("a quote"), false);
    fake_ratls_start(&f, SIM_SGX_V3, "sgx-gramine");
    f.more = buf_slice(&more);
    f.no_cmw = true;
    fake_ratls_make(&f);
    fake_ratls_expect(&f, "no collateral", "collateral");
    f.f.context.brought = &f.f.collateral;
    f.f.context.brought_count = 1;
    fake_ratls_expect(&f, "collateral brought", "ok");
    assert_int_equal(f.report.evidence.platform, PLATFORM_SGX_GRAMINE);
    f.no_dice = true;
    fake_ratls_sign(&f);
    fake_ratls_expect(&f, "the older extension alone", "claims");
    assert_non_null(strstr(f.report.detail, "older"));
    fake_ratls_finish(&f);
    fake_ratls_start(&f, SIM_TDX_V4, "tdx-tsm");
    f.no_cmw = true;
    fake_ratls_make(&f);
    f.f.context.brought = &f.f.collateral;
    f.f.context.brought_count = 1;
    fake_ratls_expect(&f, "a bare TD", "ok");
    fake_ratls_finish(&f);
    buf_finish(&more);
}

/* The bytes of reference: 51 bytes of claims, their digest, tag and all. */
static void test_bytes(void **state)
{
    (void)state;
    static const uint8_t head[19] = {0xa1, 0x6b, 'p', 'u',  'b',  'k',  'e',  'y',  '-', 'h',
                                     'a',  's',  'h', 0x58, 0x24, 0x82, 0x01, 0x58, 0x20};
    uint8_t claims[RATLS_CLAIMS], data[64], nothing[32] = {0};
    slice spki = slice_str("a key");
    hash32 key = sha256(spki), digest;
    ratls_claims(claims, spki);
    assert_memory_equal(claims, head, sizeof head);
    assert_memory_equal(claims + sizeof head, key.b, 32);
    digest = sha256(SLICE_ARRAY(claims));
    ratls_report_data(data, spki);
    assert_memory_equal(data, digest.b, 32);
    assert_memory_equal(data + 32, nothing, 32);
    /* It is what a reader of deterministic CBOR finds. */
    cbor c = cbor_of(SLICE_ARRAY(claims));
    cbor_map_of(&c, 1);
    assert_true(slice_eq_str(cbor_text(&c), "pubkey-hash"));
    cbor inner = cbor_of(cbor_bytes(&c));
    assert_ok(cbor_end(&c));
    cbor_array_of(&inner, 2);
    assert_int_equal(cbor_uint(&inner, 9), 1);
    assert_true(slice_eq(cbor_bytes(&inner), SLICE_ARRAY(key.b)));
    assert_ok(cbor_end(&inner));
    start();
    fake_ratls_make(&f);
    assert_memory_equal(f.dice_bytes.p, "\xd9\xea\x60\x82", 4);
    fake_ratls_finish(&f);
}

static void test_form(void **state)
{
    (void)state;
    static const uint8_t oid_dice[] = {0x67, 0x81, 0x05, 0x05, 0x04, 0x09};
    buf more;
    buf_init(&more, 65536);
    start();
    f.critical = true;
    end("a critical extension", "certificate");
    fake_extension(&more, SLICE_ARRAY(oid_dice), slice_str("x"), false);
    start();
    f.more = buf_slice(&more);
    end("two of DICE", "certificate");
    buf_reset(&more);
    fake_extension(&more, SLICE_ARRAY(ratls_oid_cmw), slice_str("x"), false);
    start();
    f.more = buf_slice(&more);
    end("two of CMW", "certificate");
    start();
    fake_ratls_make(&f);
    buf_u8(&f.der, 0);
    fake_ratls_expect(&f, "a byte behind it", "certificate");
    fake_ratls_finish(&f);
    buf_finish(&more);
}

/* An extension of its own makes it just as large as it may be, and then larger. */
static void test_size(void **state)
{
    (void)state;
    static const uint8_t oid_of_nobody[] = {0x2a, 0x03};
    static uint8_t filler[RATLS_MAX];
    buf more;
    buf_init(&more, 2 * RATLS_MAX);
    start();
    fake_ratls_make(&f);
    size_t n = RATLS_MAX - f.der.n - 200;
    for (int over = 0; over < 2; over++) {
        do {
            buf_reset(&more);
            fake_extension(&more, SLICE_ARRAY(oid_of_nobody), slice_of(filler, n++), false);
            f.more = buf_slice(&more);
            buf_finish(&f.extensions);
            buf_init(&f.extensions, 2 * RATLS_MAX);
            fake_ratls_sign(&f);
        } while (f.der.n < RATLS_MAX + (size_t)over);
        if (f.der.n == RATLS_MAX)
            fake_ratls_expect(&f, "as large as it may be", "ok");
        else
            fake_ratls_expect(&f, "too large", "certificate");
    }
    fake_ratls_finish(&f);
    buf_finish(&more);
}

static void test_signature_and_time(void **state)
{
    (void)state;
    start();
    f.plan.issuer_key = f.other_key;
    end("another's signature", "self-signature");
    start();
    f.plan.issuer = "another";
    end("another issuer", "self-signature");
    start();
    f.plan.not_after = FAKE_TIME;
    end("its last second", "ok");
    start();
    f.plan.not_after = FAKE_TIME - 1;
    end("over", "certificate-time");
    start();
    f.plan.not_before = FAKE_TIME;
    end("its first second", "ok");
    start();
    f.plan.not_before = FAKE_TIME + 1;
    end("not yet", "certificate-time");
}

/* A quote taken from another certificate: with that one's claims, with those of this
 * key, and with report data that is right in its first half alone. */
static void test_binding(void **state)
{
    (void)state;
    start();
    f.no_dice = true;
    end("no evidence", "claims");
    start();
    memset(f.f.dcap.quote.body.report_data, 7, 32);
    end("a quote over other data", "report-data");
    start();
    f.f.dcap.quote.body.report_data[63] = 1;
    end("the second half", "report-data");
    start();
    fake_ratls_make(&f);
    f.plan.key = f.plan.issuer_key = f.other_key;
    fake_ratls_sign(&f);
    fake_ratls_expect(&f, "relayed", "claims");
    /* The claims made to fit, the quote is still another key's. */
    buf other;
    buf_init(&other, 200);
    sim_spki_put(&other, f.other_key);
    buf_reset(&f.dice_bytes);
    ratls_dice_put(&f.dice_bytes, f.f.e.quote, buf_slice(&other));
    fake_ratls_sign(&f);
    fake_ratls_expect(&f, "relayed, with claims of its own", "report-data");
    fake_ratls_finish(&f);
    buf_finish(&other);
}

static void put_dice(buf *b, uint64_t tag, size_t items, slice quote, slice claims)
{
    buf_reset(b);
    cbor_put_tag(b, tag);
    cbor_put_array(b, items);
    cbor_put_bytes(b, quote);
    cbor_put_bytes(b, claims);
    for (size_t i = 2; i < items; i++)
        cbor_put_null(b);
}

static void test_dice_form(void **state)
{
    (void)state;
    uint8_t claims[RATLS_CLAIMS + 1] = {0};
    buf b;
    buf_init(&b, RATLS_MAX);
    start();
    fake_ratls_make(&f);
    ratls_claims(claims, f.spki);
    const slice right = slice_of(claims, RATLS_CLAIMS);
    const struct {
        const char *name, *stage;
        uint64_t tag;
        size_t items;
        slice quote, claims;
    } cases[] = {
        {"as made", "ok", 60000, 2, f.f.e.quote, right},
        {"another tag", "certificate", 60001, 2, f.f.e.quote, right},
        {"three items", "certificate", 60000, 3, f.f.e.quote, right},
        {"claims cut", "claims", 60000, 2, f.f.e.quote, slice_of(claims, RATLS_CLAIMS - 1)},
        {"claims longer", "claims", 60000, 2, f.f.e.quote, slice_of(claims, RATLS_CLAIMS + 1)},
        {"an empty map", "claims", 60000, 2, f.f.e.quote, slice_of("\xa0", 1)},
        {"no claims", "claims", 60000, 2, f.f.e.quote, slice_of("", 0)},
        {"another quote", "cmw", 60000, 2, slice_str("quote"), right},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put_dice(&b, cases[i].tag, cases[i].items, cases[i].quote, cases[i].claims);
        f.dice = buf_slice(&b);
        fake_ratls_sign(&f);
        fake_ratls_expect(&f, cases[i].name, cases[i].stage);
    }
    put_dice(&b, 60000, 2, f.f.e.quote, right);
    buf_u8(&b, 0);
    f.dice = buf_slice(&b);
    fake_ratls_sign(&f);
    fake_ratls_expect(&f, "a byte behind", "certificate");
    f.no_cmw = true;
    put_dice(&b, 60000, 2, slice_str("quote"), right);
    f.dice = buf_slice(&b);
    fake_ratls_sign(&f);
    fake_ratls_expect(&f, "no quote", "quote");
    fake_ratls_finish(&f);
    buf_finish(&b);
}

struct member {
    const char *label, *type;
    slice value;
    uint64_t indicator;
    size_t items;
};

static void put_member(buf *b, const struct member *m)
{
    cbor_put_str(b, m->label);
    cbor_put_array(b, m->items);
    cbor_put_str(b, m->type);
    cbor_put_bytes(b, m->value);
    if (m->items > 2)
        cbor_put_uint(b, m->indicator);
    if (m->items > 3)
        cbor_put_uint(b, 1);
}

/* A collection of these members in an OCTET STRING; and what stands behind, inside
 * and outside of that. */
static void put_cmw(buf *b, const struct member *members, size_t n, const char *inside,
                    const char *outside, uint8_t tag)
{
    buf_reset(b);
    size_t at = der_begin(b);
    cbor_put_map(b, n);
    for (size_t i = 0; i < n; i++)
        put_member(b, &members[i]);
    buf_str(b, inside);
    der_end(b, at, tag);
    buf_str(b, outside);
}

#define ITEM_TYPE       "application/teelog-evidence+cbor"
#define COLLATERAL_TYPE "application/teelog-collateral+json"

static void test_cmw_form(void **state)
{
    (void)state;
    buf b, item;
    buf_init(&b, RATLS_MAX);
    buf_init(&item, RATLS_MAX);
    start();
    fake_ratls_make(&f);
    evidence_put(&item, &f.f.e);
    const struct member e = {"evidence", ITEM_TYPE, buf_slice(&item), 4, 3};
    const struct member c = {"collateral", COLLATERAL_TYPE, f.f.collateral, 2, 3};
    const struct {
        const char *name, *stage;
        struct member members[3];
        size_t n;
        const char *inside, *outside;
        uint8_t tag;
    } cases[] = {
        {"as made", "ok", {e, c}, 2, "", "", 4},
        {"without collateral", "collateral", {e}, 1, "", "", 4},
        {"collateral alone", "certificate", {c}, 1, "", "", 4},
        {"in the wrong order", "certificate", {c, e}, 2, "", "", 4},
        {"an empty map", "certificate", {e}, 0, "", "", 4},
        {"a third", "certificate", {e, c, c}, 3, "", "", 4},
        {"a byte inside", "certificate", {e, c}, 2, "x", "", 4},
        {"a byte outside", "certificate", {e, c}, 2, "", "x", 4},
        {"the JSON choice", "certificate", {e, c}, 2, "", "", 12},
        {"another label", "certificate", {{"evidencf", ITEM_TYPE, e.value, 4, 3}, c}, 2, "", "", 4},
        {"another type", "certificate", {{"evidence", "a/b", e.value, 4, 3}, c}, 2, "", "", 4},
        {"another indicator",
         "certificate",
         {{"evidence", ITEM_TYPE, e.value, 2, 3}},
         1,
         "",
         "",
         4},
        {"no indicator", "certificate", {{"evidence", ITEM_TYPE, e.value, 4, 2}}, 1, "", "", 4},
        {"no item", "certificate", {{"evidence", ITEM_TYPE, {NULL, 0}, 4, 3}}, 1, "", "", 4},
        {"collateral of another type",
         "certificate",
         {e, {"collateral", "a/b", c.value, 2, 3}},
         2,
         "",
         "",
         4},
        {"empty collateral",
         "certificate",
         {e, {"collateral", COLLATERAL_TYPE, {NULL, 0}, 2, 3}},
         2,
         "",
         "",
         4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put_cmw(&b, cases[i].members, cases[i].n, cases[i].inside, cases[i].outside, cases[i].tag);
        f.cmw = buf_slice(&b);
        fake_ratls_sign(&f);
        fake_ratls_expect(&f, cases[i].name, cases[i].stage);
    }
    /* Both are there, and the map says another number. */
    put_cmw(&b, cases[0].members, 2, "", "", 4);
    f.cmw = buf_slice(&b);
    assert_int_equal(b.p[4], 0xa2);
    for (uint8_t pairs = 0; pairs < 4; pairs++) {
        b.p[4] = 0xa0 | pairs;
        fake_ratls_sign(&f);
        fake_ratls_expect(&f, "a number of pairs", pairs == 2 ? "ok" : "certificate");
    }
    fake_ratls_finish(&f);
    buf_finish(&b);
    buf_finish(&item);
}

static void test_policy(void **state)
{
    (void)state;
    uint8_t other[32] = {1};
    start();
    fake_ratls_make(&f);
    f.f.context.policy = NULL;
    fake_ratls_expect(&f, "no policy", "pin");
    f.f.context.policy = &f.f.policy;
    f.f.entry.mrenclave = fake_measured(other, sizeof other);
    fake_ratls_expect(&f, "other code", "code");
    f.f.entry.mrenclave.count = 0;
    fake_ratls_expect(&f, "nothing pinned", "pin");
    f.f.entry.simulator_root.b[0] ^= 1;
    fake_ratls_expect(&f, "another's simulator", "root");
    fake_ratls_finish(&f);
    /* A signer is not code. */
    static uint16_t product = 7;
    fake_ratls_start(&f, SIM_SGX_V3, "sgx-gramine");
    fake_ratls_make(&f);
    f.f.entry.mrenclave.count = 0;
    f.f.entry.mrsigner = fake_measured(f.f.dcap.quote.body.mrsigner, 32);
    f.f.entry.isv_prod_ids = &product;
    f.f.entry.isv_prod_id_count = 1;
    f.f.entry.has_min_isv_svn = true;
    fake_ratls_expect(&f, "a signer", "pin");
    fake_ratls_finish(&f);
    /* Hardware's entries do not take a simulator, nor the other way round. */
    start();
    fake_ratls_make(&f);
    f.f.entry.platform = PLATFORM_SGX_GRAMINE;
    f.f.policy.simulator = false;
    assert_string_not_equal(fake_ratls_judge(&f), "ok");
    fake_ratls_finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),     cmocka_unit_test(test_gramine),
        cmocka_unit_test(test_bytes),    cmocka_unit_test(test_form),
        cmocka_unit_test(test_size),     cmocka_unit_test(test_signature_and_time),
        cmocka_unit_test(test_binding),  cmocka_unit_test(test_dice_form),
        cmocka_unit_test(test_cmw_form), cmocka_unit_test(test_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
