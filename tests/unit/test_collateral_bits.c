/* Which bytes matter: two other values are put in place of every byte of collateral. A
 * change is refused, at the stage that it has to show at, or stands in the table below
 * with the reason why nothing depends on it; then all that is found is as it was. So
 * with other forms of the same JSON, and of signatures. docs/verification.md has the
 * outcome in words; test_quote_bits has the quotes. */
#include "testlib.h"

#include "fakesample.h"
#include "pemforms.h"
#include "vector_json.h"

/* The value of a member, between its quotes. */
static slice value_of(slice json, const char *member)
{
    char start[64];
    snprintf(start, sizeof start, "\"%s\":\"", member);
    const uint8_t *p = memmem(json.p, json.n, start, strlen(start)), *end;
    if (!p)
        return slice_of(NULL, 0);
    p += strlen(start);
    for (end = p; *end != '"'; end++)
        end += *end == '\\';
    return slice_of(p, (size_t)(end - p));
}

static bool inside(slice value, const uint8_t *p)
{
    return value.p && p >= value.p && p < value.p + value.n;
}

/* The table for collateral: bytes that do not matter. changed: the whole, with what
 * p points to in json made another byte. */
static bool may_replace(slice json, const uint8_t *p, uint8_t to, slice changed)
{
    static const char *const hex[] = {"root_ca_crl", "pck_crl", "tcb_info_signature",
                                      "qe_identity_signature"};
    json_error_t error;
    /* Not needed: the PCK CRL has to be signed by the CA of the quote's own chain. It
     * has to be a string all the same. */
    if (inside(value_of(json, "pck_crl_issuer_chain"), p)) {
        json_t *v = json_loadb((const char *)changed.p, changed.n, 0, &error);
        json_decref(v);
        return v != NULL;
    }
    /* Hex digits are as good in capitals as in small letters. */
    for (size_t i = 0; i < sizeof hex / sizeof hex[0]; i++)
        if (inside(value_of(json, hex[i]), p))
            return (*p | 0x20) == (to | 0x20) && (*p | 0x20) >= 'a' && (*p | 0x20) <= 'f';
    return false;
}

/* Where a change of a member's value shows: and "collateral" where it is not a string
 * of its form any more. What is in none of them is the object's own punctuation. */
static const struct {
    const char *member, *stages;
} shows[] = {
    {"pck_crl_issuer_chain", " collateral "},
    {"root_ca_crl", " collateral root-crl "},
    {"pck_crl", " collateral pck-crl "},
    {"tcb_info_issuer_chain", " collateral tcb-info-chain "},
    {"tcb_info", " collateral tcb-info "},
    {"tcb_info_signature", " collateral tcb-info "},
    {"qe_identity_issuer_chain", " collateral qe-identity-chain "},
    {"qe_identity", " collateral qe-identity "},
    {"qe_identity_signature", " collateral qe-identity "},
    {"pck_certificate_chain", " collateral pck-chain "},
};

static const char *stages_of(slice json, const uint8_t *p)
{
    for (size_t i = 0; i < sizeof shows / sizeof shows[0]; i++)
        if (inside(value_of(json, shows[i].member), p))
            return shows[i].stages;
    return " collateral ";
}

/* Puts two other values in place of each byte of range, a part of the collateral. */
static void replace_all(struct sample *s, slice range)
{
    static const uint8_t by[2] = {0x01, 0x20}; /* another digit or letter, the other case */
    size_t accepted = 0;
    sample_copy(s, s->in.collateral);
    slice changed = slice_of(s->bytes, s->n);
    struct dcap_input in = s->in;
    in.collateral = changed;
    for (const uint8_t *p = range.p; p < range.p + range.n; p++)
        for (size_t i = 0; i < 2; i++) {
            struct dcap_report r;
            size_t at = (size_t)(p - s->in.collateral.p);
            char where[80];
            s->bytes[at] = *p ^ by[i];
            dcap_verify(&r, &in);
            snprintf(where, sizeof where, "kind %d, byte %zu to '%c'", (int)s->f.kind, at,
                     s->bytes[at]);
            if (r.ok != may_replace(s->in.collateral, p, s->bytes[at], changed))
                fail_msg("%s: %s", where, r.ok ? "accepted" : r.detail);
            if (!r.ok && !sample_stage_in(r.stage, stages_of(s->in.collateral, p)))
                fail_msg("%s: stage %s: %s", where, r.stage, r.detail);
            if (r.ok) {
                accepted++;
                sample_same(s, &r, where);
            }
            s->bytes[at] = *p;
        }
    print_message("  kind %d: %zu bytes, %zu changes accepted\n", (int)s->f.kind, range.n,
                  accepted);
}

static void test_collateral(void **state)
{
    (void)state;
    static struct sample s;
    const enum sim_kind kinds[] = {SIM_SGX_V3, SIM_TDX_V4};
    for (size_t i = 0; i < 2; i++) {
        sample_start(&s, kinds[i], false);
        replace_all(&s, s.in.collateral);
        sample_finish(&s);
        /* The member that is there for quotes without a chain. */
        sample_start(&s, kinds[i], true);
        slice chain = value_of(s.in.collateral, "pck_certificate_chain");
        assert_true(chain.n > 1000);
        replace_all(&s, chain);
        sample_finish(&s);
    }
}

static void expect_same(const struct sample *s, const struct dcap_input *in, const char *what)
{
    struct dcap_report r;
    dcap_verify(&r, in);
    if (!r.ok)
        fail_msg("%s: %s: %s", what, r.stage, r.detail);
    sample_same(s, &r, what);
}

/* The same JSON in other words. */
static void test_rewritten(void **state)
{
    (void)state;
    static struct sample s;
    const size_t styles[] = {JSON_INDENT(2), JSON_COMPACT | JSON_SORT_KEYS,
                             JSON_COMPACT | JSON_ESCAPE_SLASH};
    sample_start(&s, SIM_SGX_V4, false);
    json_error_t error;
    json_t *v = json_loadb((const char *)s.in.collateral.p, s.in.collateral.n,
                           JSON_DISABLE_EOF_CHECK, &error);
    assert_non_null(v);
    for (size_t i = 0; i < 4; i++) {
        if (i == 3) /* what is not needed may be absent */
            assert_int_equal(json_object_del(v, "pck_crl_issuer_chain"), 0);
        char *text = json_dumps(v, i < 3 ? styles[i] : 0);
        struct dcap_input in = s.in;
        in.collateral = slice_str(text);
        assert_false(slice_eq(in.collateral, s.in.collateral));
        expect_same(&s, &in, text);
        free(text);
    }
    json_decref(v);
    sample_finish(&s);
}

/* Chains in other words. JSON has no NULs. */
static void test_chain_forms(void **state)
{
    (void)state;
    static struct sample s;
    sample_start(&s, SIM_TDX_V4, true);
    buf json, pem[3];
    buf_init(&json, COLLATERAL_MAX);
    for (size_t i = 0; i < 3; i++)
        buf_init(&pem[i], 65536);
    for (size_t i = 0; i < PEM_FORMS; i++) {
        struct dcap_input in = s.in;
        struct collateral parts = s.f.parts;
        slice *const chains[] = {&parts.tcb_info_chain, &parts.qe_identity_chain, &parts.pck_chain};
        if (pem_forms[i].nuls)
            continue;
        for (size_t j = 0; j < 3; j++) {
            buf_reset(&pem[j]);
            pem_form_put(&pem[j], *chains[j], &pem_forms[i]);
            *chains[j] = buf_slice(&pem[j]);
        }
        buf_reset(&json);
        collateral_put(&json, &parts);
        in.collateral = buf_slice(&json);
        expect_same(&s, &in, pem_forms[i].name);
    }
    for (size_t i = 0; i < 3; i++)
        buf_finish(&pem[i]);
    buf_finish(&json);
    sample_finish(&s);
}

/* s and n - s are as good as each other, in any ECDSA signature. */
static void negate(uint8_t s[32])
{
    static const uint8_t n[32] = {0xff, 0xff, 0xff, 0xff, 0,    0,    0,    0,    0xff, 0xff, 0xff,
                                  0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
                                  0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
    int borrow = 0;
    for (int i = 31; i >= 0; i--) {
        int d = n[i] - s[i] - borrow;
        borrow = d < 0;
        s[i] = (uint8_t)(d + 256 * borrow);
    }
}

static void test_other_signatures(void **state)
{
    (void)state;
    static struct sample s;
    sample_start(&s, SIM_TDX_V4, false);
    sample_copy(&s, s.in.quote);
    struct dcap_input in = s.in;
    in.quote = slice_of(s.bytes, s.n);
    negate(s.bytes + (s.good.quote.signature.p - s.in.quote.p) + 32);
    expect_same(&s, &in, "the quote's signature");
    negate(s.bytes + (s.good.quote.qe_signature.p - s.in.quote.p) + 32);
    expect_same(&s, &in, "the QE report's signature");
    struct collateral parts = s.f.parts;
    buf json;
    buf_init(&json, COLLATERAL_MAX);
    negate(parts.tcb_info_signature + 32);
    negate(parts.qe_identity_signature + 32);
    collateral_put(&json, &parts);
    in.collateral = buf_slice(&json);
    expect_same(&s, &in, "the TCB signer's signatures");
    buf_finish(&json);
    sample_finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_collateral),
        cmocka_unit_test(test_rewritten),
        cmocka_unit_test(test_chain_forms),
        cmocka_unit_test(test_other_signatures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
