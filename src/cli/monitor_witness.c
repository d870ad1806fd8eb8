/* What witnesses show of the log (c2sp.org/tlog-witness, the monitoring interface): the one
 * place where a log that tells others another history can be caught. */
#include "base/encoding.h"
#include "base/refuse.h"
#include "cli/monitor_own.h"
#include "cli/web_address.h"

#include <stdlib.h>
#include <time.h>

#define PATIENCE 20000 /* milliseconds */

static tl_err ask(const struct monitor *m, const struct tlog_policy_member *w, buf *note,
                  struct tl_why *why)
{
    struct web_address at;
    struct client *c = NULL;
    const struct link_trust trust = {.ca_file = m->o->ca_file};
    char path[64 + sizeof "/checkpoint"];
    hash32 origin = sha256(slice_str(m->o->key.name));
    hex_text(path, origin.b, sizeof origin.b);
    memcpy(path + 64, "/checkpoint", sizeof "/checkpoint");
    tl_err err = web_address_read(&at, w->url, why);
    if (err == TL_OK)
        err = client_open_url(&c, &at.host, &trust, NULL, why);
    if (err != TL_OK)
        return err;
    client_set_patience(c, PATIENCE);
    client_set_limit(c, MONITOR_LIMIT);
    struct tile_source s = {.client = c, .dir = -1, .prefix = at.prefix};
    err = tile_source_get(&s, path, note, why);
    client_close(c);
    return err;
}

static void ask_one(struct monitor *m, size_t i)
{
    const struct tlog_policy_member *w = &m->o->policy->members[i];
    struct tl_why why = {{0}, {0}};
    buf note;
    buf_init(&note, NOTE_MAX);
    tl_err err = ask(m, w, &note, &why);
    if (err != TL_OK && err != TL_E_NOT_FOUND)
        monitor_note(m, i, "cannot be asked: %s", tl_why_text(&why, err));
    if (err == TL_OK) {
        err = shown_take(&m->witnesses[i], m, buf_slice(&note));
        if (err != TL_OK)
            monitor_note(m, i, "shows a note that this log's key did not sign");
    }
    buf_finish(&note);
}

void monitor_ask_witnesses(struct monitor *m)
{
    const struct tlog_policy *p = m->o->policy;
    for (size_t i = 0; p && i < p->member_count; i++) {
        shown_finish(&m->witnesses[i]);
        if (p->members[i].witness && p->members[i].url.n)
            ask_one(m, i);
        monitor_check_age(m, m->began);
    }
}

const struct shown *monitor_largest_witness(const struct monitor *m)
{
    const struct tlog_policy *p = m->o->policy;
    const struct shown *largest = NULL;
    for (size_t i = 0; p && i < p->member_count; i++)
        if (m->witnesses[i].there && (!largest || m->witnesses[i].size > largest->size))
            largest = &m->witnesses[i];
    return largest;
}

tl_err monitor_compare_witnesses(struct monitor *m, struct tile_source *s, struct tl_why *why)
{
    const struct tlog_policy *p = m->o->policy;
    tl_err err = TL_OK;
    for (size_t i = 0; p && i < p->member_count && err == TL_OK; i++)
        if (m->witnesses[i].there)
            err = monitor_compare_one(m, s, &m->witnesses[i], why);
    return err;
}

/* ---- the quorum ---- */

static const struct shown *nth(const struct monitor *m, size_t i)
{
    return i == 0 ? &m->log : &m->witnesses[i - 1];
}

static bool same_text(const struct shown *a, const struct shown *b)
{
    return a->there && b->there && a->size == b->size && hash_eq(&a->root, &b->root);
}

/* A note, and the lines of the witnesses that show the same tree; one whose own line fails is
 * left out, and named. */
static tl_err merge(struct monitor *m, size_t first, buf *out)
{
    const struct tlog_policy *p = m->o->policy;
    for (size_t i = 1; i <= p->member_count; i++) {
        const struct shown *w = nth(m, i);
        uint64_t time;
        if (i == first || !same_text(w, nth(m, first)))
            continue;
        tl_err err = note_read(m->scratch, buf_slice(&w->note));
        if (err == TL_OK)
            err = cosignature_verify(m->scratch, &p->members[i - 1].key, &time);
        if (err == TL_E_SIGNATURE)
            monitor_note(m, i - 1, "shows a cosignature of its own that does not verify");
        for (size_t l = 0; err == TL_OK && l < m->scratch->signature_count; l++)
            if (slice_eq(slice_of(m->scratch->signatures[l].id, VKEY_ID_SIZE),
                         slice_of(p->members[i - 1].key.id, VKEY_ID_SIZE)))
                buf_bytes(out, m->scratch->signatures[l].line);
        if (err == TL_E_MEMORY)
            return err;
    }
    return buf_err(out);
}

/* Of several lines of one witness the earliest counts: so a note is judged alone as well. */
static tl_err judge(struct monitor *m, size_t first, bool merged)
{
    struct tlog_quorum q = {0};
    const struct shown *w = nth(m, first);
    buf note;
    buf_init(&note, NOTE_MAX);
    buf_bytes(&note, buf_slice(&w->note));
    tl_err err = merged ? merge(m, first, &note) : buf_err(&note);
    if (err == TL_OK)
        err = note_read(m->scratch, buf_slice(&note));
    if (err == TL_OK)
        err = tlog_policy_judge(&q, m->o->policy, m->scratch);
    if (err == TL_OK && q.met && q.current >= m->quorum_current) {
        m->quorum_size = w->size;
        m->quorum_current = q.current;
    }
    buf_finish(&note);
    return err == TL_E_MEMORY ? err : TL_OK; /* what is no note, or has a false line, counts not */
}

tl_err monitor_judge_quorum(struct monitor *m)
{
    const struct tlog_policy *p = m->o->policy;
    tl_err err = TL_OK;
    for (size_t i = 0; p && p->witness_count && i <= p->member_count && err == TL_OK; i++) {
        if (!nth(m, i)->there)
            continue;
        err = judge(m, i, false);
        if (err == TL_OK)
            err = judge(m, i, true);
    }
    return err;
}

void monitor_check_age(struct monitor *m, uint64_t since)
{
    uint64_t now = (uint64_t)time(NULL);
    if (since < m->quorum_current)
        since = m->quorum_current;
    if (m->o->max_age == 0 || since + m->o->max_age >= now)
        return;
    if (m->quorum_current == 0)
        monitor_shout(m, ALARM_STALE, UINT64_MAX, "no quorum of witnesses has been seen");
    else
        monitor_shout(m, ALARM_STALE, UINT64_MAX,
                      "the last quorum of witnesses is of %llu seconds since 1970, over %llu "
                      "seconds ago",
                      (unsigned long long)m->quorum_current, (unsigned long long)m->o->max_age);
}
