/* Notes that are in hand: what they prove by themselves, and what it is when the log that has
 * signed them does not go on. */
#include "base/refuse.h"
#include "cli/monitor_own.h"

#define U(v)       ((unsigned long long)(v))
#define UNREAD_MAX 3   /* looks */
#define OUTAGE     600 /* seconds: a log is started again, or a copy of it mended */

static const struct shown *in_hand(const struct monitor *m, size_t i)
{
    if (i == 0)
        return &m->known;
    if (i == 1)
        return &m->log;
    i -= 2;
    return i < EARLIER_MAX ? &m->earlier[i] : &m->witnesses[i - EARLIER_MAX];
}

void monitor_compare_in_hand(struct monitor *m)
{
    size_t count = 2 + EARLIER_MAX + (m->o->policy ? m->o->policy->member_count : 0);
    for (size_t j = 1; j < count; j++)
        for (size_t i = 0; i < j; i++) {
            const struct shown *a = in_hand(m, i), *b = in_hand(m, j);
            if (!a->there || !b->there || a->size != b->size || a->size == 0)
                continue;
            if (REFUSED(!hash_eq(&a->root, &b->root)))
                (void)!monitor_forked(m, a, b); /* the look goes on */
        }
}

/* ---- what the log has shown earlier ---- */

uint64_t monitor_shown_size(const struct monitor *m)
{
    const struct shown *w = monitor_largest_witness(m);
    uint64_t size = w && w->size > m->known.size ? w->size : m->known.size;
    for (size_t i = 0; i < EARLIER_MAX; i++)
        if (m->earlier[i].there && m->earlier[i].size > size)
            size = m->earlier[i].size;
    return size;
}

void monitor_set_aside(struct monitor *m)
{
    for (size_t i = 0; i < EARLIER_MAX; i++) {
        struct shown *e = &m->earlier[i];
        if (!e->there && shown_take(e, m, buf_slice(&m->log.note)) != TL_OK)
            return;
        if (e->size == m->log.size && hash_eq(&e->root, &m->log.root))
            return;
    }
}

tl_err monitor_compare_one(struct monitor *m, struct tile_source *s, const struct shown *w,
                           struct tl_why *why)
{
    if (w->size <= m->known.size)
        return monitor_compare(m, s, w, why);
    monitor_keep_proof(m, ALARM_ROLLBACK, w, &m->log);
    return monitor_alarm(m, ALARM_ROLLBACK, UINT64_MAX,
                         "%s shows %llu entries under the log's key, and the log %llu", w->who,
                         U(w->size), U(m->log.size));
}

/* It is proven to be of another tree, and that is in the folder. */
static bool is_settled(const struct monitor *m, const struct shown *e, tl_err err)
{
    return err == TL_E_PROOF && e->size <= m->known.size && !m->raised[ALARM_REWRITE].now &&
           monitor_has_proof(m, ALARM_FORK);
}

tl_err monitor_compare_earlier(struct monitor *m, struct tile_source *s, struct tl_why *why)
{
    tl_err err = TL_OK;
    for (size_t i = 0; i < EARLIER_MAX && err == TL_OK; i++) {
        struct shown *e = &m->earlier[i];
        if (!e->there)
            continue;
        err = monitor_compare_one(m, s, e, why);
        if (err == TL_OK || is_settled(m, e, err))
            shown_finish(e);
    }
    return err;
}

/* ---- a log that does not answer ---- */

/* The log has not come as far as a witness was once seen to be, for long. */
static void check_ahead(struct monitor *m)
{
    const struct shown *w = monitor_largest_witness(m);
    uint64_t size = m->log.there && m->log.size > m->known.size ? m->log.size : m->known.size;
    if (size >= m->ahead)
        m->ahead = 0;
    if (!w || w->size <= size)
        return;
    if (m->ahead == 0) {
        m->ahead = w->size;
        m->ahead_since = monitor_now();
    }
    if (monitor_now() - m->ahead_since < OUTAGE)
        return;
    monitor_keep_proof(m, ALARM_ROLLBACK, &m->known, w);
    monitor_shout(m, ALARM_ROLLBACK, UINT64_MAX,
                  "%s shows %llu entries under the log's key, and the log does not: %llu are known",
                  w->who, U(w->size), U(m->known.size));
}

tl_err monitor_judge_silence(struct monitor *m, tl_err err, struct tl_why *why)
{
    if (err == TL_E_PROOF || err == TL_E_STORED || err == TL_E_MEMORY)
        return err;
    if (m->log.there) {
        if (m->unread++ == 0)
            m->unread_since = monitor_now();
        monitor_set_aside(m);
    }
    if (m->failed[0])
        monitor_shout(m, ALARM_GAP, UINT64_MAX,
                      "%s, and whose fault that is the log does not let us see: %s", m->failed,
                      tl_why_text(why, err));
    else if (m->unread >= UNREAD_MAX && monitor_now() - m->unread_since >= OUTAGE)
        monitor_shout(m, ALARM_GAP, UINT64_MAX,
                      "the log has signed %llu entries, and does not show them whole: %s",
                      U(m->log.size), tl_why_text(why, err));
    check_ahead(m);
    bool alarm = m->raised[ALARM_GAP].now || m->raised[ALARM_ROLLBACK].now;
    return alarm ? TL_E_PROOF : err;
}
