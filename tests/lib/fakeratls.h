/* Certificates of attested TLS with one thing wrong at a time, and what they are
 * judged by:
 *
 *     static struct fake_ratls f;
 *     fake_ratls_start(&f, SIM_SGX_V3, "simulator");
 *     f.plan.not_after = 3;
 *     fake_ratls_make(&f);
 *     fake_ratls_expect(&f, "ended", "certificate-time");
 *     fake_ratls_finish(&f);
 */
#ifndef FAKERATLS_H
#define FAKERATLS_H

#include "attest/ratls.h"
#include "fakeevidence.h"
#include "tee/sim_der.h"

/* Holds pointers into itself: not to be copied. */
struct fake_ratls {
    struct fake_evidence f; /* its policy is in the context, and pins the code */
    struct es256_key *key, *other_key;
    struct sim_cert plan;
    slice dice, cmw; /* values in place of the right ones, where .p is not NULL */
    bool no_dice, no_cmw, no_collateral, critical;
    slice more;           /* extensions behind them, encoded */
    enum ratls_role role; /* that it is judged in: a service's, where not said */

    /* Made. */
    uint8_t spki_bytes[91];
    slice spki;
    buf dice_bytes, cmw_bytes, extensions, der;
    struct ratls_report report;
};

static inline struct measurement_list fake_measured(const uint8_t *bytes, size_t size)
{
    return (struct measurement_list){
        .count = 1,
        .size = size,
        .bytes = (uint8_t *)(uintptr_t)bytes,
    };
}

/* The code that the plans make, pinned. */
static inline void fake_ratls_pin(struct fake_ratls *f)
{
    struct policy_evidence *e = &f->f.entry;
    const struct sim_quote *q = &f->f.dcap.quote;
    if (!sim_kind_is_tdx(f->f.dcap.kind)) {
        e->mrenclave = fake_measured(q->body.mrenclave, 32);
        return;
    }
    e->mrtd = fake_measured(q->td.mr_td, 48);
    e->rtmr0 = fake_measured(q->td.rtmr[0], 48);
    e->rtmr1 = fake_measured(q->td.rtmr[1], 48);
    e->rtmr2 = fake_measured(q->td.rtmr[2], 48);
    if (strcmp(f->f.platform, "tdx-dstack") == 0) {
        static char *providers[] = {(char *)(uintptr_t) "kms:3059"};
        e->compose_hash = fake_measured(f->f.dstack.compose_hash, 32);
        e->key_providers = providers;
        e->key_provider_count = 1;
    } else {
        e->rtmr3 = fake_measured(q->td.rtmr[3], 48);
    }
}

static inline void fake_ratls_start(struct fake_ratls *f, enum sim_kind kind, const char *platform)
{
    memset(f, 0, sizeof *f);
    fake_evidence_start(&f->f, kind, platform);
    assert_ok(es256_generate(&f->key));
    assert_ok(es256_generate(&f->other_key));
    buf spki;
    buf_init(&spki, sizeof f->spki_bytes);
    sim_spki_put(&spki, f->key);
    assert_int_equal(spki.n, sizeof f->spki_bytes);
    memcpy(f->spki_bytes, spki.p, spki.n);
    buf_finish(&spki);
    f->spki = SLICE_ARRAY(f->spki_bytes);
    uint8_t *report_data =
        sim_kind_is_tdx(kind) ? f->f.dcap.quote.td.report_data : f->f.dcap.quote.body.report_data;
    ratls_report_data(report_data, f->spki);
    f->plan = (struct sim_cert){
        .serial = {0x41, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
        .issuer = "teelog",
        .subject = "teelog",
        .not_before = FAKE_TIME - 3600,
        .not_after = FAKE_TIME + 86400,
        .key = f->key,
        .issuer_key = f->key,
        .path_length = -1,
        .without = SIM_NO_AUTHORITY_KEY_ID | SIM_NO_CRL_POINTS | SIM_NO_SUBJECT_KEY_ID |
                   SIM_NO_BASIC_CONSTRAINTS,
    };
    buf_init(&f->dice_bytes, RATLS_MAX);
    buf_init(&f->cmw_bytes, RATLS_MAX);
    buf_init(&f->extensions, RATLS_MAX);
    buf_init(&f->der, 2 * RATLS_MAX);
}

static inline void fake_extension(buf *b, slice oid, slice value, bool critical)
{
    struct sim_extension e = sim_extension_begin(b, oid, critical);
    buf_bytes(b, value);
    sim_extension_end(b, e);
}

/* The certificate alone, around the values as they are. */
static inline void fake_ratls_sign(struct fake_ratls *f)
{
    buf_reset(&f->extensions);
    buf_reset(&f->der);
    if (!f->no_dice)
        fake_extension(&f->extensions, SLICE_ARRAY(ratls_oid_dice),
                       f->dice.p ? f->dice : buf_slice(&f->dice_bytes), f->critical);
    if (!f->no_cmw)
        fake_extension(&f->extensions, SLICE_ARRAY(ratls_oid_cmw),
                       f->cmw.p ? f->cmw : buf_slice(&f->cmw_bytes), false);
    buf_bytes(&f->extensions, f->more);
    f->plan.more = buf_slice(&f->extensions);
    assert_ok(sim_cert_put(&f->der, &f->plan));
}

static inline void fake_ratls_make(struct fake_ratls *f)
{
    fake_evidence_make(&f->f);
    fake_ratls_pin(f);
    f->f.context.policy = &f->f.policy;
    buf_reset(&f->dice_bytes);
    buf_reset(&f->cmw_bytes);
    ratls_dice_put(&f->dice_bytes, f->f.e.quote, f->spki);
    ratls_cmw_put(&f->cmw_bytes, &f->f.e, f->no_collateral ? (slice){NULL, 0} : f->f.collateral);
    assert_ok(buf_err(&f->dice_bytes));
    assert_ok(buf_err(&f->cmw_bytes));
    fake_ratls_sign(f);
}

static inline const char *fake_ratls_judge(struct fake_ratls *f)
{
    ratls_verify(&f->report, buf_slice(&f->der), f->role, &f->f.context);
    assert_int_equal(f->report.ok, f->report.stage == NULL);
    assert_true(f->report.detail[0]);
    return f->report.ok ? "ok" : f->report.stage;
}

/* stage: "ok" where it is good. */
static inline void fake_ratls_expect(struct fake_ratls *f, const char *name, const char *stage)
{
    const char *found = fake_ratls_judge(f);
    if (strcmp(found, stage) != 0)
        fail_msg("%s: expected %s, got %s: %s", name, stage, found, f->report.detail);
}

static inline void fake_ratls_finish(struct fake_ratls *f)
{
    fake_evidence_finish(&f->f);
    es256_free(f->key);
    es256_free(f->other_key);
    buf_finish(&f->dice_bytes);
    buf_finish(&f->cmw_bytes);
    buf_finish(&f->extensions);
    buf_finish(&f->der);
}

#endif
