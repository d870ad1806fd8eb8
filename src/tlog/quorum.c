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

/* Whether the cosignatures of these times are a quorum. Members stand before their group, so
 * that one pass from first to last is enough. have: of a group, members that have witnessed. */
static bool met_at(const struct tlog_policy *p, const uint64_t *times, size_t *have, uint64_t from,
                   uint64_t to)
{
    for (size_t i = 0; i < p->member_count; i++)
        have[i] = 0;
    bool met = false;
    for (size_t i = 0; i < p->member_count; i++) {
        const struct tlog_policy_member *m = &p->members[i];
        bool witnessed =
            m->witness ? times[i] && times[i] >= from && times[i] <= to : have[i] >= m->need;
        if (witnessed && m->group != TLOG_POLICY_NONE)
            have[m->group]++;
        if (i == p->quorum)
            met = witnessed;
    }
    return met;
}

tl_err tlog_policy_weigh(struct tlog_quorum *out, const struct tlog_policy *p,
                         const uint64_t *times)
{
    struct tlog_quorum q = {.met = p->quorum == TLOG_POLICY_NONE};
    size_t *have = calloc(p->member_count + 1, sizeof *have);
    if (!have)
        return TL_E_MEMORY;
    /* The earliest of their times by which it was met, and the latest since which it is. */
    for (size_t i = 0; i < p->member_count; i++) {
        uint64_t time = p->members[i].witness ? times[i] : 0;
        q.valid += time != 0;
        if (time && (q.time == 0 || time < q.time) && met_at(p, times, have, 0, time)) {
            q.met = true;
            q.time = time;
        }
        if (time > q.current && met_at(p, times, have, time, UINT64_MAX))
            q.current = time;
    }
    free(have);
    *out = q;
    return TL_OK;
}

tl_err tlog_policy_judge(struct tlog_quorum *out, const struct tlog_policy *p, const struct note *n)
{
    uint64_t *times = calloc(p->member_count + 1, sizeof *times);
    tl_err err = times ? TL_OK : TL_E_MEMORY;
    for (size_t i = 0; err == TL_OK && i < p->member_count; i++) {
        if (p->members[i].witness)
            err = cosignature_verify(n, &p->members[i].key, &times[i]);
        if (err == TL_E_NOT_FOUND)
            err = TL_OK;
    }
    if (err == TL_OK)
        err = tlog_policy_weigh(out, p, times);
    free(times);
    return err;
}
