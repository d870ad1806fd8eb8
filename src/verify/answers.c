/* The five questions of docs/verification.md, and what the bundle holds. */
#include "verify/report.h"

#include <inttypes.h>
#include <stdio.h>

static const struct question {
    const char *name;
    const char *yes, *unpinned;
    const char *simulated; /* added to a yes where the platform is simulated */
    size_t count;
    enum check checks[13];
} questions[QUESTION_COUNT] = {
    {"genuine",
     "each boot and session has a quote that its platform's root vouches for",
     "",
     "; the platform is simulated, so this proves nothing about hardware",
     2,
     {CHECK_EVIDENCE, CHECK_GENUINE}},
    {"code and log",
     "the policy names this code, this log and its key",
     "the policy does not pin all that it must",
     " (simulated)",
     3,
     {CHECK_CODE, CHECK_LOG, CHECK_ADMISSION}},
    {"keys", "each key is the one that its quote was made for", "", "", 1, {CHECK_BINDING}},
    {"untouched and complete",
     "every statement is signed, chained and in the tree that the log's key signs",
     "",
     "",
     13,
     {CHECK_FORMAT, CHECK_CHECKPOINT, CHECK_STATEMENT, CHECK_BODY, CHECK_ROLE, CHECK_ORDER,
      CHECK_CHAIN, CHECK_SESSION, CHECK_BOOT, CHECK_SIGNATURE, CHECK_TREE, CHECK_CONSISTENCY,
      CHECK_HEADS}},
    {"history", HISTORY_LINE, HISTORY_LINE, "", 2, {CHECK_HISTORY, CHECK_FRESH}},
};

#define QUESTION_COMPLETE 3

const char *report_verdict_text(const struct teelog_report *r)
{
    switch (r->verdict) {
    case TEELOG_TRUSTED:
        return "every check passed under the policy";
    case TEELOG_UNPINNED:
        return r->has_policy ? "sound, but the policy leaves something open"
                             : "sound, but no policy says what to trust";
    case TEELOG_REJECTED:
        break;
    }
    return "do not rely on this bundle";
}

/* Whether the bundle shows that nothing of its agents is missing, up to its
 * checkpoint: the last heads stand right before that. */
static bool report_complete(const struct teelog_report *r)
{
    for (size_t i = 0; i < r->agent_count; i++)
        if (!report_agent_complete(r, &r->agents[i]))
            return false;
    return r->scope != SCOPE_RECORDS;
}

bool report_agent_complete(const struct teelog_report *r, const struct report_agent *a)
{
    return a->complete_up_to != NO_SIZE &&
           (r->scope == SCOPE_WHOLE || a->complete_up_to + 1 >= r->size);
}

/* The detail of the checks in that state, as far as it fits. */
static void gather(const struct teelog_report *r, const struct question *q, enum check_state state,
                   struct report_answer *out)
{
    size_t n = 0;
    for (size_t i = 0; i < q->count && n < sizeof out->detail; i++) {
        const struct report_result *v = &r->results[q->checks[i]];
        if (v->state == state)
            n += (size_t)snprintf(out->detail + n, sizeof out->detail - n, "%s%s: %s",
                                  n ? "; " : "", check_name(q->checks[i]), v->detail);
    }
}

void report_tcb(buf *b, unsigned seen, const char *quote)
{
    const char *between = "";
    for (unsigned s = 0; s < TCB_STATUSES; s++) {
        if (!(seen >> s & 1))
            continue;
        buf_printf(b, "%s%s%s%s", between, quote, tcb_status_name((enum tcb_status)s), quote);
        between = ", ";
    }
}

static void add_tcb(const struct teelog_report *r, char *out, size_t size)
{
    unsigned seen = 0;
    buf b;
    for (size_t i = 0; i < r->code_count; i++)
        seen |= r->codes[i].tcb_seen;
    buf_init_fixed(&b, (uint8_t *)out, size);
    buf_str(&b, "; TCB: ");
    report_tcb(&b, seen, "");
    buf_u8(&b, 0);
    if (buf_err(&b) != TL_OK)
        out[0] = 0; /* every status at once: too many words for this line */
}

const char *report_mode_name(enum fresh_mode mode)
{
    static const char *const names[] = {"fenced", "degraded", "frozen", "unwitnessed"};
    return names[mode];
}

/* What the running log said, as far as it can be relied on. */
static void put_fresh(buf *b, const struct teelog_report *r)
{
    const struct report_fresh *f = &r->fresh;
    buf_str(b, f->asked ? "; the running log answered the nonce given: "
                        : "; it holds an answer of the running log, and nobody can tell when that "
                          "was made (give --nonce): ");
    buf_printf(b, "size %" PRIu64 ", ", r->size);
    if (f->agent[0])
        buf_printf(b, "%s at %" PRIu64 " statements, ", f->agent, f->count);
    buf_str(b, report_mode_name(f->mode));
    if (f->has_cosigned)
        buf_printf(b, ", last cosigned at size %" PRIu64, f->cosigned);
}

/* What witnesses have cosigned. */
static void answer_witnessed(const struct teelog_report *r, struct report_answer *out)
{
    const struct report_result *history = &r->results[CHECK_HISTORY];
    const struct report_result *fresh = &r->results[CHECK_FRESH];
    const bool failed = history->state == CHECK_FAILED || fresh->state == CHECK_FAILED;
    buf b;
    buf_init_fixed(&b, (uint8_t *)out->detail, sizeof out->detail);
    if (history->state == CHECK_FAILED)
        buf_str(&b, history->detail);
    else if (fresh->state == CHECK_FAILED)
        buf_printf(&b, "fresh: %s", fresh->detail);
    else
        buf_str(&b, r->history.met ? history->detail : "not reached");
    if (!failed && r->history.met && r->history.size < r->size)
        buf_printf(&b, "; no quorum has seen the %" PRIu64 " statements after that",
                   r->size - r->history.size);
    if (!failed && r->verdict != TEELOG_REJECTED && r->fresh.there)
        put_fresh(&b, r);
    buf_u8(&b, 0);
    out->ok = failed ? 0 : r->history.met ? 1 : -1;
}

/* The history line stands word for word, whatever else the report says. */
static void answer_history(const struct teelog_report *r, struct report_answer *out)
{
    const struct report_result *fresh = &r->results[CHECK_FRESH];
    buf b;
    buf_init_fixed(&b, (uint8_t *)out->detail, sizeof out->detail);
    buf_str(&b, HISTORY_LINE);
    if (fresh->state == CHECK_FAILED)
        buf_printf(&b, "; fresh: %s", fresh->detail);
    else if (r->verdict != TEELOG_REJECTED && r->fresh.there)
        put_fresh(&b, r);
    buf_u8(&b, 0);
    if (fresh->state == CHECK_FAILED)
        out->ok = 0;
    else if (r->results[CHECK_HISTORY].state == CHECK_PASSED)
        out->ok = 1;
}

void report_answer(const struct teelog_report *r, size_t question, struct report_answer *out)
{
    const struct question *q = &questions[question];
    size_t passed = 0, unpinned = 0, failed = 0;
    for (size_t i = 0; i < q->count; i++) {
        passed += r->results[q->checks[i]].state == CHECK_PASSED;
        unpinned += r->results[q->checks[i]].state == CHECK_UNPINNED;
        failed += r->results[q->checks[i]].state == CHECK_FAILED;
    }
    *out = (struct report_answer){.question = q->name, .ok = -1};
    if (question == QUESTION_COUNT - 1 && r->history.wanted) {
        answer_witnessed(r, out);
    } else if (question == QUESTION_COUNT - 1) {
        out->bare = true;
        answer_history(r, out);
    } else if (failed) {
        out->ok = 0;
        gather(r, q, CHECK_FAILED, out);
    } else if (passed == q->count) {
        out->ok = 1;
        int n = snprintf(out->detail, sizeof out->detail, "%s%s", q->yes,
                         r->simulated ? q->simulated : "");
        if (question == 0)
            add_tcb(r, out->detail + n, sizeof out->detail - (size_t)n);
        if (question == QUESTION_COMPLETE && !report_complete(r)) {
            out->ok = -1;
            snprintf(
                out->detail, sizeof out->detail,
                "what is here is untouched; that nothing was left out is not shown (see scope)");
        }
    } else if (unpinned && passed + unpinned == q->count) {
        gather(r, q, CHECK_UNPINNED, out);
    } else {
        snprintf(out->detail, sizeof out->detail, "not reached");
    }
}

const char *report_answer_word(const struct report_answer *a)
{
    if (a->ok == 0)
        return "NO";
    if (a->bare)
        return "";
    return a->ok < 0 ? "open" : "yes";
}

const char *report_frozen_text(const struct teelog_report *r)
{
    if (r->verdict == TEELOG_REJECTED || !r->fresh.there || r->fresh.mode != FRESH_FROZEN)
        return NULL;
    return "THE LOG SAYS THAT IT IS FROZEN: it has seen another history of itself, and takes no "
           "more statements";
}

const char *report_scope_name(const struct teelog_report *r)
{
    static const char *const names[] = {"whole", "chain", "records"};
    return names[r->scope];
}

void report_scope_text(const struct teelog_report *r, char *out, size_t size)
{
    char bodies[160];
    buf b;
    buf_init_fixed(&b, (uint8_t *)bodies, sizeof bodies);
    report_bodies_sum(&b, r);
    buf_u8(&b, 0);
    if (r->verdict == TEELOG_REJECTED)
        snprintf(out, size, "nothing: a rejected bundle shows nothing");
    else if (r->scope == SCOPE_WHOLE)
        snprintf(out, size,
                 "the whole log, %" PRIu64 " statements, complete up to size %" PRIu64 "%s",
                 r->leaves, r->size, bodies);
    else if (r->scope == SCOPE_CHAIN && r->agents[0].complete_up_to != NO_SIZE)
        snprintf(out, size,
                 "the chain of one agent, complete up to size %" PRIu64 " of %" PRIu64 "%s",
                 r->agents[0].complete_up_to, r->size, bodies);
    else if (r->scope == SCOPE_CHAIN)
        snprintf(out, size,
                 "the chain of one agent, contiguous 0..%" PRIu64
                 "; nothing shows that it does not go on%s",
                 r->agents[0].last_seq, bodies);
    else
        snprintf(out, size,
                 "single statements, %" PRIu64 " of %" PRIu64
                 "; session closure not checked, and nothing shows what was left out%s",
                 r->leaves, r->size, bodies);
}
