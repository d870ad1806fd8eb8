/* What is said of bodies that are absent, or were erased. */
#include "verify/report.h"

#include <inttypes.h>

#define GAPS_SHOWN 8 /* in a line for people */

const char *report_body_state(enum body_state state)
{
    static const char *const names[BODY_STATES] = {"here", "withheld", "erased", "disclosed"};
    return names[state];
}

static void put_count(buf *b, uint64_t n, enum body_state state)
{
    static const char *const words[BODY_STATES] = {"here", "withheld", "erased",
                                                   "erased later, but disclosed here"};
    buf_printf(b, "%" PRIu64 " %s %s", n, n == 1 ? "body" : "bodies", words[state]);
}

static void put_gaps(buf *b, const struct teelog_report *r, const struct report_agent *a,
                     enum body_state state)
{
    size_t shown = 0;
    bool more = a->gaps_left_out > 0;
    buf_str(b, " (");
    for (size_t i = 0; i < a->gap_count; i++) {
        const struct report_gap *g = &r->gaps[a->first_gap + i];
        if (g->state != state)
            continue;
        if (shown == GAPS_SHOWN) {
            more = true;
            break;
        }
        buf_printf(b, "%s%" PRIu64, shown++ ? ", " : "", g->from);
        if (g->to != g->from)
            buf_printf(b, "..%" PRIu64, g->to);
    }
    buf_str(b, more && shown ? ", and others)" : more ? "not listed)" : ")");
}

void report_bodies_text(buf *b, const struct teelog_report *r, const struct report_agent *a,
                        const char *before)
{
    for (int i = BODY_WITHHELD; i < BODY_STATES; i++) {
        if (a->bodies[i] == 0)
            continue;
        buf_str(b, before);
        put_count(b, a->bodies[i], (enum body_state)i);
        put_gaps(b, r, a, (enum body_state)i);
        before = ", ";
    }
}

void report_bodies_sum(buf *b, const struct teelog_report *r)
{
    for (int state = BODY_WITHHELD; state < BODY_STATES; state++) {
        uint64_t n = 0;
        for (size_t i = 0; i < r->agent_count; i++)
            n += r->agents[i].bodies[state];
        if (n == 0)
            continue;
        buf_str(b, "; ");
        put_count(b, n, (enum body_state)state);
    }
}
