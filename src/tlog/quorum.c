/* What a note's cosignatures are worth under a policy. */
#include "tlog/tlog_policy.h"

#include <stdlib.h>

bool tlog_policy_one_group(const struct tlog_policy *p, size_t *k, size_t *n)
{
    if (p->quorum == TLOG_POLICY_NONE)
        return false;
    const struct tlog_policy_member *q = &p->members[p->quorum];
    size_t direct = 0;
    for (size_t i = 0; i < p->member_count; i++)
        direct += p->members[i].witness && p->members[i].group == p->quorum;
    size_t count = q->witness ? 1 : direct;
    /* As many as there are, so that none is left out, and none in another group. */
    if (count != p->witness_count || (!q->witness && q->count != count))
        return false;
    *k = q->witness ? 1 : q->need;
    *n = count;
    return true;
}

bool tlog_policy_safe(size_t k, size_t n, uint64_t faulty)
{
    return faulty < n && 2 * k > n + faulty;
}

/* One witness or group, while a note is judged. */
struct state {
    uint64_t time; /* of a witness; 0: none */
    size_t have;   /* of a group: members that have witnessed it */
};

/* Whether the cosignatures of these times are a quorum. Members stand before their group, so
 * that one pass from first to last is enough. */
static bool met_at(const struct tlog_policy *p, struct state *states, uint64_t from, uint64_t to)
{
    for (size_t i = 0; i < p->member_count; i++)
        states[i].have = 0;
    bool met = false;
    for (size_t i = 0; i < p->member_count; i++) {
        const struct tlog_policy_member *m = &p->members[i];
        bool witnessed = m->witness
                             ? states[i].time && states[i].time >= from && states[i].time <= to
                             : states[i].have >= m->need;
        if (witnessed && m->group != TLOG_POLICY_NONE)
            states[m->group].have++;
        if (i == p->quorum)
            met = witnessed;
    }
    return met;
}

static tl_err take_times(struct tlog_quorum *q, const struct tlog_policy *p, struct state *states,
                         const struct note *n)
{
    for (size_t i = 0; i < p->member_count; i++) {
        if (!p->members[i].witness)
            continue;
        tl_err err = cosignature_verify(n, &p->members[i].key, &states[i].time);
        if (err == TL_OK)
            q->valid++;
        else if (err != TL_E_NOT_FOUND)
            return err;
    }
    return TL_OK;
}

tl_err tlog_policy_judge(struct tlog_quorum *out, const struct tlog_policy *p, const struct note *n)
{
    struct tlog_quorum q = {.met = p->quorum == TLOG_POLICY_NONE};
    struct state *states = calloc(p->member_count + 1, sizeof *states);
    if (!states)
        return TL_E_MEMORY;
    tl_err err = take_times(&q, p, states, n);
    /* The earliest of their times by which it was met, and the latest since which it is. */
    for (size_t i = 0; err == TL_OK && i < p->member_count; i++) {
        uint64_t time = states[i].time;
        if (time && (q.time == 0 || time < q.time) && met_at(p, states, 0, time)) {
            q.met = true;
            q.time = time;
        }
        if (time > q.current && met_at(p, states, time, UINT64_MAX))
            q.current = time;
    }
    free(states);
    if (err == TL_OK)
        *out = q;
    return err;
}
