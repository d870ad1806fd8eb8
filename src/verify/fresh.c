/* A fresh answer: what the running log said over the asker's nonce, against what the
 * bundle holds. */
#include "base/refuse.h"
#include "verify/verifier.h"

#include <inttypes.h>

static tl_err check_nonce(struct verifier *v, const struct fresh *f)
{
    const struct teelog_verify_options *o = v->options;
    if (o->nonce && REFUSED(!slice_eq(f->nonce, slice_of(o->nonce, o->nonce_size))))
        return report_fail(v->report, CHECK_FRESH, NO_INDEX,
                           "the answer in the bundle is over another nonce than the one given");
    return TL_OK;
}

static tl_err check_mode(struct verifier *v, const struct fresh *f)
{
    if (REFUSED(f->mode == FRESH_UNWITNESSED && f->has_cosigned))
        return report_fail(v->report, CHECK_FRESH, NO_INDEX,
                           "a log without witnesses names a size that they cosigned");
    if (REFUSED(f->cosigned > v->checkpoint.size))
        return report_fail(v->report, CHECK_FRESH, NO_INDEX,
                           "a size of %" PRIu64 " is said to be cosigned, beyond the checkpoint",
                           f->cosigned);
    return TL_OK;
}

/* The agent's last statement is in the bundle, and none after it. */
static tl_err check_agent(struct verifier *v, const struct fresh *f)
{
    struct teelog_report *r = v->report;
    if (!f->agent.p)
        return TL_OK;
    if (REFUSED(!agent_id_valid(f->agent, v->checkpoint.origin)))
        return report_fail(r, CHECK_FRESH, NO_INDEX, "the answer names an agent that can be none");
    const struct subject *s = subjects_find(&v->subjects, f->agent);
    uint64_t count = s ? s->last_seq + 1 : 0;
    if (REFUSED(count != f->count))
        return report_fail(r, CHECK_FRESH, NO_INDEX,
                           "the log said that %.*s was at %" PRIu64
                           " statements, and the last one in the bundle is number %" PRIu64,
                           (int)f->agent.n, (const char *)f->agent.p, f->count, count);
    if (s && REFUSED(!hash_eq(&s->last_hash, &f->last)))
        return report_fail(r, CHECK_FRESH, NO_INDEX,
                           "the last statement of %.*s is another than the log said",
                           (int)f->agent.n, (const char *)f->agent.p);
    return TL_OK;
}

static void tell(struct verifier *v, const struct fresh *f)
{
    struct report_fresh *out = &v->report->fresh;
    out->there = true;
    out->mode = f->mode;
    out->has_cosigned = f->has_cosigned;
    out->cosigned = f->cosigned;
    if (f->agent.n)
        memcpy(out->agent, f->agent.p, f->agent.n); /* agent_id_valid bounds it */
    out->count = f->count;
    memcpy(out->nonce, f->nonce.p, f->nonce.n); /* fresh_read bounds it */
    out->nonce_size = f->nonce.n;
}

tl_err verify_fresh(struct verifier *v, const hash32 *evidence, const struct fresh *f)
{
    uint8_t binding[64];
    tl_err err = check_nonce(v, f);
    if (err == TL_OK)
        err = check_mode(v, f);
    if (err == TL_OK)
        err = check_agent(v, f);
    if (err != TL_OK)
        return err;
    binding_fresh(binding, &(struct fresh_binding){
                               .origin = v->checkpoint.origin,
                               .log_tp = v->log_tp,
                               .boot_leaf = v->boot_leaf,
                               .text = sha256(v->note->text),
                               .answer = f,
                           });
    err = attested_use(&v->attested, v->report, NO_INDEX, evidence, binding, v->platform);
    if (err == TL_OK)
        tell(v, f);
    return err;
}

tl_err verify_fresh_end(struct verifier *v)
{
    struct teelog_report *r = v->report;
    const bool asked = v->options->nonce != NULL;
    if (asked && REFUSED(!r->fresh.there))
        return report_fail(r, CHECK_FRESH, NO_INDEX,
                           "a nonce was given, and the bundle holds no answer to it");
    r->fresh.asked = asked;
    report_end(r, CHECK_FRESH, asked ? CHECK_PASSED : CHECK_NOT_ASKED,
               "the running log answered the nonce given");
    return TL_OK;
}
