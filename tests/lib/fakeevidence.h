/* Evidence of any platform with one thing wrong at a time: a quote of fakedcap.h,
 * dstack's event log where there is one, and what a verifier judges by.
 *
 *     static struct fake_evidence f;
 *     fake_evidence_start(&f, SIM_TDX_V4, "tdx-dstack");
 *     f.dcap.tcb_info.evaluation_number = 3;
 *     fake_evidence_make(&f);
 *     fake_evidence_judge(&report, &f);
 *     fake_evidence_expect(&report, "too old", "tcb-evaluation-number");
 *     fake_evidence_finish(&f);
 */
#ifndef FAKEEVIDENCE_H
#define FAKEEVIDENCE_H

#include "attest/evidence.h"
#include "fakedcap.h"
#include "fakedstack.h"
#include "testlib.h"

/* Holds pointers into itself: not to be copied. */
struct fake_evidence {
    struct fake_dcap dcap;
    struct fake_dstack dstack;
    const char *platform;
    const char *log; /* instead of dstack's own, or of none */
    bool no_log;
    uint8_t spoil[4]; /* changes the last byte of the TD's RTMR */

    /* Made. The policy stands in the context only where a test puts it there; its
     * one entry names the platform, and the root of a simulator. */
    buf log_json;
    struct evidence e;
    slice collateral;
    struct policy_evidence entry;
    struct policy policy;
    struct evidence_context context;
};

static inline void fake_evidence_start(struct fake_evidence *f, enum sim_kind kind,
                                       const char *platform)
{
    memset(f, 0, sizeof *f);
    assert_ok(fake_dcap_init(&f->dcap, kind));
    fake_dstack_plan(&f->dstack);
    buf_init(&f->log_json, 65536);
    f->platform = platform;
}

static inline void fake_evidence_make(struct fake_evidence *f)
{
    bool dstack = strcmp(f->platform, "tdx-dstack") == 0;
    if (dstack) {
        buf_reset(&f->log_json);
        fake_dstack_put(&f->log_json, &f->dstack);
        memcpy(f->dcap.quote.td.rtmr, f->dstack.rtmr, sizeof f->dstack.rtmr);
        for (size_t i = 0; i < 4; i++)
            f->dcap.quote.td.rtmr[i][47] ^= f->spoil[i];
    }
    assert_ok(fake_dcap_make(&f->dcap));
    struct dcap_input in = fake_dcap_input(&f->dcap);
    f->e = (struct evidence){.platform = slice_str(f->platform), .quote = in.quote};
    if (f->log)
        f->e.event_log = slice_str(f->log);
    else if (dstack && !f->no_log)
        f->e.event_log = buf_slice(&f->log_json);
    f->collateral = in.collateral;
    f->entry.platform = platform_from(f->e.platform);
    f->entry.simulator_root = f->dcap.root_hash;
    f->policy.evidence = &f->entry;
    f->policy.evidence_count = 1;
    f->policy.simulator = f->entry.platform == PLATFORM_SIMULATOR;
    f->context.time = f->dcap.time;
    f->context.hardware_root = &f->dcap.root_hash;
}

static inline void fake_evidence_judge(struct evidence_report *r, const struct fake_evidence *f)
{
    evidence_verify(r, &f->e, f->collateral, &f->context);
    assert_int_equal(r->genuine, r->stage == NULL);
    assert_true(r->detail[0]);
    assert_int_equal(r->simulated, r->platform == PLATFORM_SIMULATOR);
    if (!r->genuine) {
        assert_false(r->code_ok);
        assert_int_equal(r->pin, CODE_OPEN);
    }
}

/* stage: NULL for genuine. */
static inline void fake_evidence_expect(const struct evidence_report *r, const char *name,
                                        const char *stage)
{
    const char *found = r->genuine ? "genuine" : r->stage;
    if (strcmp(found, stage ? stage : "genuine") != 0)
        fail_msg("%s: expected %s, got %s: %s", name, stage ? stage : "genuine", found, r->detail);
}

/* With a cache that has seen the like of it, nothing is judged otherwise than in *r. */
static inline void fake_evidence_judge_again(const struct evidence_report *r,
                                             struct fake_evidence *f)
{
    static struct evidence_report again;
    struct dcap_cache *cache = NULL;
    assert_ok(dcap_cache_new(&cache));
    f->context.cache = cache;
    for (int i = 0; i < 2; i++) {
        fake_evidence_judge(&again, f);
        assert_memory_equal(&again, r, sizeof again);
    }
    f->context.cache = NULL;
    dcap_cache_free(cache);
}

static inline void fake_evidence_finish(struct fake_evidence *f)
{
    fake_dcap_finish(&f->dcap);
    buf_finish(&f->log_json);
}

#endif
