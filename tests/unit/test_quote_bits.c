/* Which bytes matter: every bit of quotes is changed in turn. A change is refused, at
 * the stage that it has to show at, or stands in the table below with the reason why
 * nothing depends on it; then all that is found is as it was. docs/verification.md has
 * the outcome in words; test_collateral_bits has the collateral. */
#include "testlib.h"

#include "fakesample.h"
#include "pemforms.h"

enum field { SIGNED, SIZES, SIGNATURE, KEY, QE, QE_DATA, CERT_TYPE, CERT_DATA, TRAILING };

/* Where a change shows. The sizes are those of the authentication data and all within
 * it, and the type 6 around the QE's part. */
static const char *const stages[] = {
    [SIGNED] = " quote signature ",
    [SIZES] = " quote ",
    [SIGNATURE] = " signature ",
    [KEY] = " qe-data ",
    [QE] = " qe-report ",
    [QE_DATA] = " qe-data ",
    [CERT_TYPE] = " quote pck-chain ",
    [CERT_DATA] = " pck-chain ",
    [TRAILING] = "",
};

static bool within(slice part, const uint8_t *p)
{
    return p >= part.p && p < part.p + part.n;
}

static enum field field_of(const struct quote *q, const uint8_t *p)
{
    const struct {
        slice part;
        enum field field;
    } parts[] = {
        {q->signed_bytes, SIGNED},
        {q->signature, SIGNATURE},
        {q->attestation_key, KEY},
        {q->qe_report, QE},
        {q->qe_signature, QE},
        {q->qe_auth, QE_DATA},
        {slice_of(q->cert_data.p - 6, 2), CERT_TYPE},
        {q->cert_data, CERT_DATA},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (within(parts[i].part, p))
            return parts[i].field;
    return p < q->cert_data.p ? SIZES : TRAILING;
}

/* The table for quotes: bits that do not matter. p: the byte, which becomes to. */
static bool may_change(const struct quote *q, const uint8_t *p, uint8_t to, enum field field)
{
    switch (field) {
    case TRAILING:
        return true; /* no part of the quote: hardware pads with what it likes */
    case CERT_DATA:
        /* Types 1 to 3 only name the platform. Nothing signs that; what proves the
         * platform is that the chain's PCK signed the QE report. In a chain the NUL at
         * the end may as well be blank. */
        return q->cert_type <= QUOTE_CERT_PPID_RSA3072 ||
               (p == q->cert_data.p + q->cert_data.n - 1 && *p == 0 && to == ' ');
    default: /* each type has a size of its own */
        return false;
    }
}

static void flip_all(struct sample *s)
{
    size_t accepted = 0;
    for (size_t bit = 0; bit < 8 * s->n; bit++) {
        size_t at = bit / 8;
        struct dcap_report r;
        enum field field = field_of(&s->good.quote, s->in.quote.p + at);
        char where[80];
        s->bytes[at] ^= (uint8_t)(1u << bit % 8);
        struct dcap_input in = s->in;
        in.quote = slice_of(s->bytes, s->n);
        dcap_verify(&r, &in);
        snprintf(where, sizeof where, "kind %d, bit %zu of byte %zu (field %d)", (int)s->f.kind,
                 bit % 8, at, (int)field);
        if (r.ok != may_change(&s->good.quote, s->in.quote.p + at, s->bytes[at], field))
            fail_msg("%s: %s", where, r.ok ? "accepted" : r.detail);
        if (!r.ok && !sample_stage_in(r.stage, stages[field]))
            fail_msg("%s: stage %s", where, r.stage);
        if (r.ok) {
            accepted++;
            sample_same(s, &r, where);
        }
        s->bytes[at] ^= (uint8_t)(1u << bit % 8);
    }
    /* What is left out matters too, up to what follows the quote. */
    for (size_t n = 0; n < s->n; n++) {
        struct dcap_report r;
        struct dcap_input in = s->in;
        in.quote = slice_of(s->bytes, n);
        dcap_verify(&r, &in);
        assert_int_equal(r.ok, n >= s->n - s->good.quote.trailing);
    }
    print_message("  kind %d: %zu bytes, %zu bits accepted\n", (int)s->f.kind, s->n, accepted);
}

static void quote_bits(enum sim_kind kind, bool apart)
{
    static struct sample s;
    struct dcap_cache *cache = NULL;
    assert_ok(dcap_cache_new(&cache));
    sample_start(&s, kind, apart);
    s.in.cache = cache;
    sample_copy(&s, s.in.quote);
    flip_all(&s);
    dcap_cache_free(cache);
    sample_finish(&s);
}

static void test_quotes(void **state)
{
    (void)state;
    quote_bits(SIM_SGX_V3, false);
    quote_bits(SIM_SGX_V3, true);
    quote_bits(SIM_SGX_V4, false);
    quote_bits(SIM_TDX_V4, false);
    quote_bits(SIM_TDX_V5_15, false);
}

/* A chain in the collateral serves a quote that only names its platform. One that
 * carries its own is still held to it: that has not the size of a name. */
static void test_chain_in_both(void **state)
{
    (void)state;
    static struct sample s;
    sample_start(&s, SIM_SGX_V3, false);
    struct collateral parts = s.f.parts;
    parts.pck_chain = slice_of(s.f.pck_pem.p, s.f.pck_pem.n - 1); /* JSON has no NUL */
    buf json;
    buf_init(&json, COLLATERAL_MAX);
    collateral_put(&json, &parts);
    s.in.collateral = buf_slice(&json);
    sample_copy(&s, s.in.quote);
    size_t at = (size_t)(s.good.quote.cert_data.p - s.in.quote.p) - 6;
    s.in.quote = slice_of(s.bytes, s.n);
    for (uint8_t type = 0; type <= 6; type++) {
        struct dcap_report r;
        s.bytes[at] = type;
        dcap_verify(&r, &s.in);
        assert_int_equal(r.ok, type == QUOTE_CERT_PCK_CHAIN);
        if (r.ok)
            sample_same(&s, &r, "chain in both");
    }
    buf_finish(&json);
    sample_finish(&s);
}

/* The chain in other words, in a quote of version 3. */
static void test_chain_forms(void **state)
{
    (void)state;
    static struct sample s;
    buf quote, pem;
    buf_init(&quote, QUOTE_MAX);
    buf_init(&pem, 65536);
    sample_start(&s, SIM_SGX_V3, false);
    const struct quote *q = &s.good.quote;
    assert_int_equal(q->cert_type, QUOTE_CERT_PCK_CHAIN);
    size_t auth = q->signed_bytes.n, cert = (size_t)(q->cert_data.p - s.in.quote.p);
    for (size_t i = 0; i < PEM_FORMS; i++) {
        struct dcap_report r;
        struct dcap_input in = s.in;
        buf_reset(&pem);
        pem_form_put(&pem, q->cert_data, &pem_forms[i]);
        assert_false(slice_eq(buf_slice(&pem), q->cert_data));
        buf_reset(&quote);
        buf_bytes(&quote, q->signed_bytes);
        buf_u32le(&quote, (uint32_t)(cert - auth - 4 + pem.n));
        buf_bytes(&quote, slice_of(s.in.quote.p + auth + 4, cert - auth - 8));
        buf_u32le(&quote, (uint32_t)pem.n);
        buf_bytes(&quote, buf_slice(&pem));
        in.quote = buf_slice(&quote);
        dcap_verify(&r, &in);
        if (!r.ok)
            fail_msg("%s: %s: %s", pem_forms[i].name, r.stage, r.detail);
        sample_same(&s, &r, pem_forms[i].name);
    }
    buf_finish(&quote);
    buf_finish(&pem);
    sample_finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_chain_in_both),
        cmocka_unit_test(test_chain_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
