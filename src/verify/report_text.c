/* The report for people: the verdict, five answers, what is in the bundle, and
 * what is wrong with it. */
#include "base/encoding.h"
#include "verify/render.h"

#include <inttypes.h>

#define AGENTS_SHOWN 20

static void put_verdict(buf *b, const struct teelog_report *r)
{
    buf_printf(b, "%s%s%s", teelog_verdict_name(r->verdict), r->simulated ? " (simulated)" : "",
               r->foreign_root ? " (under a root that is not Intel's)" : "");
    buf_printf(b, ": %s\n", report_verdict_text(r));
    const char *frozen = report_frozen_text(r);
    if (frozen)
        buf_printf(b, "%s\n", frozen);
    buf_str(b, "\n");
}

static void put_answers(buf *b, const struct teelog_report *r)
{
    for (size_t i = 0; i < QUESTION_COUNT; i++) {
        struct report_answer a;
        report_answer(r, i, &a);
        buf_printf(b, "%s: ", a.question);
        const char *word = report_answer_word(&a);
        buf_printf(b, "%s%s", word, word[0] ? "; " : "");
        render_plain(b, a.detail);
        buf_str(b, "\n");
    }
}

static void put_agents(buf *b, const struct teelog_report *r)
{
    for (size_t i = 0; i < r->agent_count && i < AGENTS_SHOWN; i++) {
        const struct report_agent *a = &r->agents[i];
        buf_str(b, "  ");
        render_plain(b, a->id);
        buf_printf(b, ": %" PRIu64 " statements, seq %" PRIu64 "..%" PRIu64 ", %" PRIu64 " %s",
                   a->count, a->first_seq, a->last_seq, a->sessions,
                   a->sessions == 1 ? "session" : "sessions");
        if (a->es256k)
            buf_printf(b, " (%" PRIu64 " by ES256K)", a->es256k);
        if (a->sessions)
            buf_str(b, ", ");
        report_admitted_text(b, r, a);
        if (a->complete_up_to != NO_SIZE)
            buf_printf(b, ", complete up to size %" PRIu64, a->complete_up_to);
        else if (r->scope == SCOPE_CHAIN)
            buf_printf(b, ", contiguous 0..%" PRIu64, a->last_seq);
        report_bodies_text(b, r, a, ", ");
        buf_str(b, "\n");
    }
    if (r->agent_count > AGENTS_SHOWN)
        buf_printf(b, "  and %zu agents more\n", r->agent_count - AGENTS_SHOWN);
}

/* The code of attested peers, whole: it is for people to compare. */
static void put_peers(buf *b, const struct teelog_report *r)
{
    for (size_t i = 0; i < r->code_count && r->verdict != TEELOG_REJECTED; i++) {
        const struct report_code *c = &r->codes[i];
        slice value;
        if (c->peers == 0)
            continue;
        const char *name = report_code_main(&c->seen, &value);
        buf_printf(b, "attested peer: %s%s, %s ", c->simulated ? "SIMULATED " : "",
                   platform_name(c->seen.platform), name);
        hex_put(b, value);
        buf_printf(b, ", %" PRIu64 " %s\n", c->peers, c->peers == 1 ? "session" : "sessions");
    }
}

static void put_scope(buf *b, const struct teelog_report *r)
{
    char text[SCOPE_TEXT_MAX];
    report_scope_text(r, text, sizeof text);
    buf_printf(b, "\nscope: %s\n", text);
    put_agents(b, r);
    put_peers(b, r);
    if (r->has_log && r->verdict != TEELOG_REJECTED) {
        buf_str(b, "log: ");
        render_plain(b, r->key);
        buf_printf(b, ", size %" PRIu64 ", root ", r->size);
        hex_put(b, SLICE_ARRAY(r->root.b));
        buf_str(b, "\nrecovery key: ");
        report_recovery_text(b, r);
        buf_str(b, "\n");
    }
    if (r->succeeds.there) {
        report_succession_text(b, r);
        buf_str(b, "\n");
    }
    buf_str(b, "evidence judged as of ");
    render_times(b, r);
    buf_str(b, r->simulated ? "; the platform is simulated\n" : "\n");
    if (r->brought_unused)
        buf_printf(b,
                   "%zu of the collateral files given are about no evidence that was judged here\n",
                   r->brought_unused);
}

static void put_failures(buf *b, const struct teelog_report *r)
{
    if (r->verdict != TEELOG_REJECTED)
        return;
    buf_str(b, "\nfailed:\n");
    for (size_t i = 0; i < r->check_count; i++) {
        const struct teelog_check *c = &r->checks[i];
        if (c->ok)
            continue;
        buf_printf(b, "  %s", c->name);
        if (c->index != NO_INDEX)
            buf_printf(b, " at index %" PRIu64, c->index);
        buf_str(b, ": ");
        render_plain(b, c->detail);
        buf_str(b, "\n");
    }
}

char *teelog_report_text(const struct teelog_report *r)
{
    buf b;
    buf_init(&b, RENDER_MAX);
    put_verdict(&b, r);
    put_answers(&b, r);
    put_scope(&b, r);
    put_failures(&b, r);
    return render_take(&b);
}
