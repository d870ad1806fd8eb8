/* What is finished, and found good, when a phase of the reading ends. */
#include "verify/verifier.h"

#include "base/refuse.h"
#include "verify/policy.h"

#include <inttypes.h>

/* All leaves were read: what is finished then. */
static tl_err end_leaves(struct verifier *v)
{
    struct teelog_report *r = v->report;
    if (REFUSED(!v->has_key))
        return report_fail(r, CHECK_BOOT, NO_INDEX, "the bundle holds no boot");
    if (REFUSED(v->scope == SCOPE_CHAIN && v->subjects.count != 2))
        return report_fail(r, CHECK_FORMAT, NO_INDEX, "the chain of no agent is in the bundle");
    tl_err err = signatures_drain(v->signatures);
    if (err != TL_OK)
        return err;
    roots_sort(&v->roots);
    report_end(r, CHECK_STATEMENT, CHECK_PASSED, "%" PRIu64 " statements", v->leaves);
    report_end(r, CHECK_BODY, CHECK_PASSED, "each body that is there is the one that was signed");
    report_end(r, CHECK_ROLE, CHECK_PASSED, "each statement names the key that may sign it");
    report_end(r, CHECK_ORDER, CHECK_PASSED, "%s",
               v->scope == SCOPE_RECORDS ? "sequence numbers and indexes grow together"
                                         : "sequence numbers without a gap");
    report_end(r, CHECK_CHAIN, CHECK_PASSED, "each statement names the one before it%s",
               v->scope == SCOPE_RECORDS ? ", where that is there" : "");
    report_end(r, CHECK_SESSION, CHECK_PASSED, "%" PRIu64 " sessions%s", v->sessions,
               v->scope == SCOPE_RECORDS ? "; whether one was closed in between is not known" : "");
    report_end(r, CHECK_BOOT, CHECK_PASSED, "%" PRIu64 " boots of one log", v->boots);
    report_end(r, CHECK_SIGNATURE, CHECK_PASSED, "%" PRIu64 " signatures", v->leaves);
    if (v->attested.peer_open)
        report_end(r, CHECK_ADMISSION, CHECK_UNPINNED,
                   "an agent was let in as an attested peer, whose code %s",
                   v->policy ? "the policy does not pin" : "no policy names");
    else
        report_end(r, CHECK_ADMISSION, CHECK_PASSED, "each agent was let in as %s allows",
                   v->policy ? "the policy" : "its boot's configuration");
    return TL_OK;
}

static tl_err end_fills(struct verifier *v)
{
    tl_err err = cover_end(&v->cover, v->report, &v->checkpoint.root);
    if (err == TL_OK)
        report_end(v->report, CHECK_TREE, CHECK_PASSED, "the leaves give the checkpoint's root");
    return err;
}

static tl_err end_heads(struct verifier *v)
{
    tl_err err = heads_end(&v->heads, v->report, &v->complete_up_to);
    /* The header is not signed: a whole log must not pass for less. */
    bool whole = v->leaves == v->checkpoint.size && v->complete_up_to == NO_SIZE;
    if (err == TL_OK && whole && REFUSED(v->scope != SCOPE_WHOLE))
        return report_fail(v->report, CHECK_FORMAT, NO_INDEX,
                           "it holds every leaf, and does not say that it is the whole log");
    if (err == TL_OK)
        report_end(v->report, CHECK_HEADS, CHECK_PASSED, "%s",
                   v->scope == SCOPE_WHOLE
                       ? "each list of heads that stands at its own size agrees with the leaves"
                   : v->complete_up_to != NO_SIZE ? "the chain ends as the last heads say"
                                                  : "nothing to compare them with");
    return err;
}

/* All that names evidence was read. */
static tl_err end_evidence(struct verifier *v)
{
    struct teelog_report *r = v->report;
    tl_err err = attested_end(&v->attested, r);
    if (err == TL_OK)
        err = witnessed_judge_evidence(&v->witnessed, r, &v->attested, v->options->time);
    if (err != TL_OK)
        return err;
    report_end(r, CHECK_EVIDENCE, CHECK_PASSED, "each boot and session has its own%s",
               v->attested.peers ? ", and each attested peer one" : "");
    report_end(r, CHECK_GENUINE, CHECK_PASSED, "%zu quotes%s", v->attested.count,
               r->simulated ? " of a simulated platform, which proves nothing about hardware" : "");
    report_end(r, CHECK_BINDING, CHECK_PASSED, "all 64 bytes of report data, in each quote");
    enum check_state pinned = !v->policy || v->attested.code_open ? CHECK_UNPINNED : CHECK_PASSED;
    report_end(r, CHECK_CODE, pinned, "%s", v->attested.code_detail);
    return TL_OK;
}

/* The last byte was read. */
static tl_err end_all(struct verifier *v)
{
    struct teelog_report *r = v->report;
    const struct policy *p = v->policy;
    tl_err err = verify_fresh_end(v);
    if (err == TL_OK)
        err = witnessed_add(&v->witnessed, r, v->note, r->size);
    if (err == TL_OK)
        err = witnessed_end(&v->witnessed, r, r->size, v->options->time);
    since_see(&v->since, r->size, &r->root);
    if (err == TL_OK)
        err = since_end(&v->since, r, r->size);
    if (err == TL_OK)
        err = end_evidence(v);
    if (err != TL_OK)
        return err;
    report_end(r, CHECK_FORMAT, CHECK_PASSED, "a bundle of version %d", BUNDLE_VERSION);
    report_end(r, CHECK_CHECKPOINT, CHECK_PASSED, "signed by the log's key, size %" PRIu64,
               r->size);
    report_end(r, CHECK_CONSISTENCY, CHECK_PASSED,
               "what boots and sessions name are former states of this tree%s",
               v->since.note ? ", and so is the checkpoint that was given" : "");
    report_end(r, CHECK_LOG, p && p->has_log ? CHECK_PASSED : CHECK_UNPINNED, "%s",
               p && p->has_log ? "the policy names this log and its key"
                               : "the policy names no log");
    if (!v->witnessed.wanted)
        report_end(r, CHECK_HISTORY, p && p->has_history ? CHECK_PASSED : CHECK_UNPINNED, "%s",
                   HISTORY_LINE);
    return TL_OK;
}

static tl_err end_phase(struct verifier *v)
{
    switch (v->phase) {
    case PHASE_LEAVES:
        return end_leaves(v);
    case PHASE_FILLS:
        return end_fills(v);
    case PHASE_CONSISTENCY:
        return roots_end(&v->roots, v->report);
    case PHASE_HEADS:
        return end_heads(v);
    case PHASE_FRESH:
        return end_all(v);
    default:
        return TL_OK;
    }
}

tl_err verify_reach(struct verifier *v, enum phase phase)
{
    tl_err err = TL_OK;
    while (err == TL_OK && v->phase < phase) {
        err = end_phase(v);
        v->phase++;
    }
    return err;
}
