/* Who is in the bundle; which bodies of records are not, and which were erased in the
 * log. */
#include "verify/verifier.h"

#include <stdlib.h>

/* Where an agent's list goes on, while the records pass by in the order of the log. */
struct running {
    struct report_agent *agent; /* NULL for the origin */
    enum body_state state;      /* of its last record */
    size_t gap;                 /* that this belongs to, in the report's gaps; NO_GAP: left out */
    size_t gaps;                /* listed so far */
};
#define NO_GAP SIZE_MAX

static enum body_state state_of(uint32_t word)
{
    if (word & OWNER_BARE)
        return word & OWNER_ERASED ? BODY_ERASED : BODY_WITHHELD;
    return word & OWNER_ERASED ? BODY_DISCLOSED : BODY_HERE;
}

static tl_err add_gap(struct teelog_report *r, struct running *at, uint64_t index)
{
    at->gap = NO_GAP;
    if (at->gaps == GAPS_OF_AGENT_MAX || r->gap_count == GAPS_MAX) {
        at->agent->gaps_left_out++;
        return TL_OK;
    }
    if ((r->gap_count & (r->gap_count - 1)) == 0) {
        size_t cap = r->gap_count ? 2 * r->gap_count : 1;
        struct report_gap *p = realloc(r->gaps, cap * sizeof *p);
        if (!p)
            return TL_E_MEMORY;
        r->gaps = p;
    }
    at->gap = r->gap_count++;
    at->gaps++;
    r->gaps[at->gap] = (struct report_gap){
        .agent = (size_t)(at->agent - r->agents), .state = at->state, .from = index, .to = index};
    return TL_OK;
}

static tl_err pass(struct teelog_report *r, struct running *at, enum body_state state,
                   uint64_t index)
{
    bool goes_on = at->state == state;
    at->state = state;
    if (state == BODY_HERE)
        return TL_OK;
    at->agent->bodies[state]++;
    if (!goes_on)
        return add_gap(r, at, index);
    if (at->gap != NO_GAP)
        r->gaps[at->gap].to = index;
    return TL_OK;
}

static int compare(const void *a, const void *b)
{
    const struct report_gap *x = a, *y = b;
    if (x->agent != y->agent)
        return x->agent < y->agent ? -1 : 1;
    return x->from < y->from ? -1 : x->from > y->from;
}

static tl_err list_bodies(struct verifier *v)
{
    struct teelog_report *r = v->report;
    const struct owners *o = &v->owners;
    struct running *all = calloc(v->subjects.count, sizeof *all);
    if (!all)
        return TL_E_MEMORY;
    size_t agent = 0; /* the report's are the sorted subjects without the origin */
    for (size_t i = 0; i < v->subjects.count; i++)
        if (!slice_eq_str(subject_id(v->subjects.list[i]), r->origin))
            all[v->subjects.list[i]->number].agent = &r->agents[agent++];
    tl_err err = TL_OK;
    for (size_t i = 0; i < o->count && err == TL_OK; i++)
        if (o->of[i] & OWNER_RECORD)
            err = pass(r, &all[o->of[i] >> OWNER_BITS], state_of(o->of[i]),
                       o->all ? i : o->indexes[i]);
    if (r->gap_count)
        qsort(r->gaps, r->gap_count, sizeof *r->gaps, compare);
    for (size_t i = r->gap_count; i-- > 0;) {
        r->agents[r->gaps[i].agent].first_gap = i;
        r->agents[r->gaps[i].agent].gap_count++;
    }
    free(all);
    return err;
}

/* Who is in the bundle. Only where all was well: of a rejected bundle nothing
 * is told as if it were so. */
tl_err verify_list_agents(struct verifier *v)
{
    struct teelog_report *r = v->report;
    subjects_sort(&v->subjects);
    r->leaves = v->leaves;
    r->agents = calloc(v->subjects.count, sizeof r->agents[0]);
    if (!r->agents)
        return TL_E_MEMORY;
    for (size_t i = 0; i < v->subjects.count; i++) {
        struct subject *s = v->subjects.list[i];
        if (slice_eq_str(subject_id(s), r->origin))
            continue;
        struct report_agent *a = &r->agents[r->agent_count++];
        memcpy(a->id, s->id, sizeof a->id);
        a->count = s->count;
        a->first_seq = s->first_seq;
        a->last_seq = s->last_seq;
        a->sessions = s->sessions;
        a->es256k = s->es256k;
        memcpy(a->admitted, s->admitted, sizeof a->admitted);
        a->peers = s->peers; /* the report's from here */
        a->peer_count = s->peer_count;
        s->peers = NULL;
        a->complete_up_to = v->scope == SCOPE_WHOLE ? r->size : v->complete_up_to;
    }
    return list_bodies(v);
}
