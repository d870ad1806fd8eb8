/* What a statement must have in common with those before it of its subject. */
#include "base/refuse.h"
#include "verify/verifier.h"

#include <inttypes.h>

tl_err chain_check_order(struct teelog_report *r, const struct leaf *l, uint64_t time_ms, bool all)
{
    const struct subject *s = l->subject;
    const struct statement *st = &l->st;
    uint64_t next = s->count ? s->last_seq + 1 : 0;
    uint64_t after = s->count ? s->last_index + 1 : 0; /* the least index of that one */
    if (REFUSED(st->time_ms < time_ms))
        return report_fail(r, CHECK_ORDER, l->index, "its time is before the last leaf's");
    if (all && REFUSED(st->seq != next))
        return report_fail(r, CHECK_ORDER, l->index,
                           "its seq is %" PRIu64 ", and %.*s is at %" PRIu64, st->seq,
                           (int)st->subject.n, (const char *)st->subject.p, next);
    /* Of single records: numbers grow, and no faster than indexes do. */
    if (REFUSED(st->seq < next || st->seq - next > l->index - after))
        return report_fail(r, CHECK_ORDER, l->index,
                           "its seq of %" PRIu64 " does not fit the statement of %.*s before it",
                           st->seq, (int)st->subject.n, (const char *)st->subject.p);
    if (st->seq == next && s->count && REFUSED(!hash_eq(&st->prev, &s->last_hash)))
        return report_fail(r, CHECK_CHAIN, l->index,
                           "it does not name the statement before it of %.*s", (int)st->subject.n,
                           (const char *)st->subject.p);
    return TL_OK;
}

/* What the statement says that it is signed by, under the name that keys go by. */
static int64_t alg_of(const struct statement *st)
{
    return st->alg == COSE_ES256_P256 ? COSE_ES256 : st->alg;
}

tl_err chain_check_session(struct teelog_report *r, const struct leaf *l, uint64_t boot)
{
    const struct subject *s = l->subject;
    const char *what = l->st.service ? "boot" : "session";
    if (REFUSED(!s->open))
        return report_fail(r, CHECK_SESSION, l->index, "%.*s has no open %s here", (int)s->id_size,
                           s->id, what);
    if (REFUSED(s->boot != boot))
        return report_fail(r, CHECK_SESSION, l->index,
                           "the boot at %" PRIu64 " closed this session", boot);
    if (REFUSED(l->st.session != s->session))
        return report_fail(r, CHECK_SESSION, l->index,
                           "it names the %s at %" PRIu64 ", and the open one is at %" PRIu64, what,
                           l->st.session, s->session);
    if (REFUSED(alg_of(&l->st) != s->key.alg))
        return report_fail(r, CHECK_ROLE, l->index,
                           "its algorithm (%" PRId64 ") is not that of its %s's key", l->st.alg,
                           what);
    if (REFUSED(!hash_eq(&l->st.kid, &s->kid)))
        return report_fail(r, CHECK_ROLE, l->index,
                           "it is signed by another key than that of its %s", what);
    return TL_OK;
}

void chain_take(const struct leaf *l)
{
    struct subject *s = l->subject;
    if (s->count++ == 0)
        s->first_seq = l->st.seq;
    s->last_seq = l->st.seq;
    s->last_index = l->index;
    s->last_hash = l->digest;
    if (l->st.kind == ST_END)
        s->open = false;
}
