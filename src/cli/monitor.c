#include "cli/monitor_own.h"

#include "base/refuse.h"
#include "cli/cli.h"
#include "store/folder.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ATTEMPTS 3

volatile sig_atomic_t monitor_alarmed;

/* ---- notes ---- */

void shown_finish(struct shown *s)
{
    buf_finish(&s->note);
    s->there = false;
    s->size = 0;
}

tl_err shown_take(struct shown *s, const struct monitor *m, slice note)
{
    struct checkpoint c;
    tl_err err = checkpoint_open(&c, note, &m->o->key);
    if (err != TL_OK)
        return err;
    buf kept;
    buf_init(&kept, NOTE_MAX);
    buf_bytes(&kept, note);
    if (buf_err(&kept) != TL_OK)
        return buf_err(&kept);
    buf_finish(&s->note);
    s->note = kept;
    s->size = c.size;
    s->root = c.root;
    s->there = true;
    return TL_OK;
}

/* ---- one from the folder ---- */

static void shown_start(struct shown *s, const char *who)
{
    *s = (struct shown){.who = who};
    buf_init(&s->note, NOTE_MAX);
}

tl_err monitor_open(struct monitor **out, const struct monitor_options *o, struct tl_why *why)
{
    struct monitor *m = calloc(1, sizeof *m);
    if (!m)
        return TL_E_MEMORY;
    size_t members = o->policy ? o->policy->member_count : 0;
    m->o = o;
    m->dir = -1;
    shown_start(&m->known, "this monitor");
    shown_start(&m->log, "the log");
    shown_start(&m->printed, "");
    for (size_t i = 0; i < EARLIER_MAX; i++)
        shown_start(&m->earlier[i], "the log, earlier,");
    m->scratch = malloc(sizeof *m->scratch);
    m->witnesses = calloc(members + 1, sizeof *m->witnesses);
    m->noted = calloc(members + 1, sizeof *m->noted);
    tl_err err = m->scratch && m->witnesses && m->noted ? TL_OK : TL_E_MEMORY;
    for (size_t i = 0; err == TL_OK && i < members; i++)
        shown_start(&m->witnesses[i], (const char *)o->policy->members[i].key.name);
    if (err == TL_OK)
        err = folder_open(&m->dir, o->state, 0777, why);
    if (err == TL_OK)
        err = monitor_load(m, why);
    if (err == TL_OK)
        *out = m;
    else
        monitor_close(m);
    return err;
}

void monitor_close(struct monitor *m)
{
    if (!m)
        return;
    if (m->witnesses && m->o->policy)
        for (size_t i = 0; i < m->o->policy->member_count; i++)
            shown_finish(&m->witnesses[i]);
    shown_finish(&m->known);
    shown_finish(&m->log);
    shown_finish(&m->printed);
    for (size_t i = 0; i < EARLIER_MAX; i++)
        shown_finish(&m->earlier[i]);
    follow_free(m->follow);
    free(m->witnesses);
    free(m->noted);
    free(m->scratch);
    if (m->dir >= 0)
        close(m->dir);
    free(m);
}

/* ---- the log's checkpoint ---- */

static tl_err check_lines(struct monitor *m)
{
    struct tlog_quorum q;
    if (!m->o->policy)
        return TL_OK;
    tl_err err = note_read(m->scratch, buf_slice(&m->log.note));
    return err == TL_OK ? tlog_policy_judge(&q, m->o->policy, m->scratch) : err;
}

static tl_err ask_checkpoint(struct monitor *m, struct tile_source *s, struct tl_why *why)
{
    buf note;
    buf_init(&note, NOTE_MAX);
    tl_err err = tile_source_get(s, "checkpoint", &note, why);
    if (err == TL_OK || err == TL_E_LIMIT) {
        if (err == TL_OK)
            err = shown_take(&m->log, m, buf_slice(&note));
        if (err == TL_OK)
            err = check_lines(m);
        if (err != TL_OK && err != TL_E_MEMORY)
            err = monitor_alarm(m, ALARM_CHECKPOINT, UINT64_MAX,
                                "what the log shows as its checkpoint is not one under its key, or "
                                "has a line of a witness that does not verify: %s",
                                tl_err_text(err));
    }
    buf_finish(&note);
    if (err == TL_OK)
        monitor_compare_in_hand(m);
    return err;
}

time_t monitor_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

/* Caches between here and the log may show an older one for a while: --lag. */
static tl_err settle(struct monitor *m, struct tile_source *s, struct tl_why *why)
{
    time_t until = monitor_now() + (time_t)m->o->lag;
    uint64_t target = monitor_shown_size(m);
    unsigned wait = 1;
    tl_err err = ask_checkpoint(m, s, why);
    for (time_t left; err == TL_OK && m->log.size < target && (left = until - monitor_now()) > 0;) {
        monitor_set_aside(m);
        monitor_check_age(m, m->began);
        sleep(left < (time_t)wait ? (unsigned)left : wait);
        wait *= 2;
        err = ask_checkpoint(m, s, why);
    }
    return err;
}

/* ---- its growth ---- */

struct growth {
    struct monitor *m;
    struct tile_source *tiles;
};

static tl_err see_entry(void *ctx, uint64_t index, slice entry, struct tl_why *why)
{
    const struct growth *g = ctx;
    (void)index, (void)why;
    return follow_leaf(g->m->follow, entry);
}

/* What is served must be what the entries give. */
static tl_err see_tile(const struct growth *g, unsigned level, uint64_t n, unsigned width,
                       const hash32 *hashes, struct tl_why *why)
{
    uint8_t mem[TILE_WIDTH * sizeof(hash32)];
    buf served;
    buf_init_fixed(&served, mem, sizeof mem);
    tl_err err = tile_source_ask_tile(g->tiles, (int)level, n, width, why);
    if (err == TL_OK)
        err = tile_source_take(g->tiles, &served, why);
    if (REFUSED(err == TL_E_LIMIT))
        return TL_E_PROOF;
    if (err == TL_OK &&
        REFUSED(!slice_eq(buf_slice(&served), slice_of(hashes[0].b, width * sizeof(hash32)))))
        return TL_E_PROOF;
    return err;
}

static tl_err see_bundle(void *ctx, uint64_t n, unsigned width, slice bytes, struct tl_why *why)
{
    const struct growth *g = ctx;
    (void)n, (void)width, (void)bytes, (void)why;
    monitor_check_age(g->m, g->m->began); /* a tree may have no end */
    return TL_OK;
}

static tl_err see_full(void *ctx, unsigned level, uint64_t n, const hash32 hashes[TILE_WIDTH],
                       struct tl_why *why)
{
    return see_tile(ctx, level, n, TILE_WIDTH, hashes, why);
}

static tl_err see_edge(const struct growth *g, struct tl_why *why)
{
    const struct tile_edge *e = &g->m->edge;
    tl_err err = TL_OK;
    for (unsigned level = 0; level < TILE_LEVELS && err == TL_OK; level++) {
        unsigned width = tile_edge_width(e->size, level);
        if (width)
            err = see_tile(g, level, e->size >> (8 * level) >> 8, width, e->hashes[level], why);
    }
    return err;
}

static tl_err walk(struct monitor *m, struct tile_source s[2], uint64_t *at, struct tl_why *why)
{
    struct growth g = {m, &s[1]};
    const struct tile_walk w = {
        .ctx = &g, .entry = see_entry, .full = see_full, .bundle = see_bundle, .what = "checked"};
    m->astray = true;
    tl_err err = tile_walk(&w, &m->edge, &s[0], m->log.size, at, why);
    if (err == TL_OK)
        err = see_edge(&g, why);
    if (err == TL_OK) {
        hash32 root = tile_edge_root(&m->edge);
        err = REFUSED(!hash_eq(&root, &m->log.root)) ? TL_E_PROOF : TL_OK;
    }
    return err == TL_OK ? follow_settle(m->follow) : err;
}

/* What the log shows is known from now on. */
static tl_err adopt(struct monitor *m, struct tl_why *why)
{
    tl_err err = shown_take(&m->known, m, buf_slice(&m->log.note));
    if (err == TL_OK)
        err = monitor_save(m, why);
    m->astray = err != TL_OK;
    return err;
}

/* What broke off in the midst of an answer is of no more use. */
static tl_err reopen(const struct monitor_reach *r, struct tile_source *s, struct tl_why *why)
{
    r->close(r->ctx, s);
    *s = (struct tile_source){.dir = -1};
    return r->open(r->ctx, s, why);
}

static tl_err rolled_back(struct monitor *m, struct tile_source *s, struct tl_why *why)
{
    tl_err err = monitor_compare(m, s, &m->log, why);
    if (err == TL_E_MEMORY || m->raised[ALARM_FORK].now)
        return err == TL_OK ? TL_E_PROOF : err;
    monitor_keep_proof(m, ALARM_ROLLBACK, &m->known, &m->log);
    return monitor_alarm(m, ALARM_ROLLBACK, UINT64_MAX,
                         "the log shows %llu entries, and has shown and signed %llu",
                         (unsigned long long)m->log.size, (unsigned long long)m->known.size);
}

static tl_err grow(struct monitor *m, const struct monitor_reach *r, struct tile_source s[2],
                   struct tl_why *why)
{
    uint64_t at = 0;
    if (m->log.size == m->known.size) {
        if (m->known.size && REFUSED(!hash_eq(&m->log.root, &m->known.root)))
            return monitor_compare(m, &s[1], &m->log, why);
        return TL_OK;
    }
    if (REFUSED(m->log.size < m->known.size))
        return rolled_back(m, &s[1], why);
    tl_err err = walk(m, s, &at, why);
    if (err == TL_OK)
        return adopt(m, why);
    monitor_suspect(m, at, err);
    tl_err opened = reopen(r, &s[1], why);
    return opened == TL_OK ? monitor_judge(m, &s[1], at, err, why) : opened;
}

/* ---- a look ---- */

static tl_err look_at(struct monitor *m, const struct monitor_reach *r, struct tile_source s[2],
                      struct tl_why *why)
{
    tl_err err = m->astray ? monitor_load(m, why) : TL_OK;
    m->log.there = false;
    if (err == TL_OK)
        err = settle(m, &s[0], why);
    if (err == TL_OK)
        err = grow(m, r, s, why);
    if (err == TL_OK)
        err = monitor_compare_earlier(m, &s[1], why);
    return err == TL_OK ? monitor_compare_witnesses(m, &s[1], why) : err;
}

static tl_err look_once(struct monitor *m, const struct monitor_reach *r, struct tl_why *why)
{
    struct tile_source s[2];
    tl_err err = r->open(r->ctx, &s[0], why);
    if (err != TL_OK)
        return err;
    err = r->open(r->ctx, &s[1], why);
    if (err == TL_OK) {
        err = look_at(m, r, s, why);
        r->close(r->ctx, &s[1]);
    }
    r->close(r->ctx, &s[0]);
    return err;
}

/* A tile may be gone because the log has grown: static copies keep those that their checkpoint
 * needs. Then there is a newer one. Or a cache has the checkpoint, and the tile not yet. */
static tl_err look(struct monitor *m, const struct monitor_reach *r, struct tl_why *why)
{
    tl_err err = TL_E_NOT_FOUND;
    for (int i = 0; i < ATTEMPTS && err == TL_E_NOT_FOUND; i++) {
        *why = (struct tl_why){{0}, {0}};
        sleep(i ? (m->o->lag + 1) / 2 : 0);
        err = look_once(m, r, why);
        if (err == TL_E_NOT_FOUND && !m->log.there)
            return err;
    }
    if (err == TL_E_NOT_FOUND)
        return monitor_alarm(
            m, ALARM_GAP, UINT64_MAX,
            "a tile of the tree of %llu entries that the log signed is missing: %s",
            (unsigned long long)m->log.size, tl_why_text(why, err));
    return err;
}

tl_err monitor_look(struct monitor *m, const struct monitor_reach *r, struct tl_why *why)
{
    for (int i = 0; i < ALARM_COUNT; i++)
        m->raised[i].now = false;
    m->began = (uint64_t)time(NULL);
    m->failed[0] = 0;
    m->log.there = false;
    monitor_ask_witnesses(m);
    monitor_compare_in_hand(m);
    uint64_t before = m->known.size;
    tl_err err = look(m, r, why);
    if (err == TL_OK)
        err = monitor_judge_quorum(m);
    bool sound = err == TL_OK;
    if (sound)
        monitor_say(m, before);
    else
        err = monitor_judge_silence(m, err, why);
    monitor_check_age(m, 0);
    monitor_recall_fork(m);
    if (sound) {
        m->unread = 0;
        m->ahead = 0;
        monitor_say_over(m);
    }
    for (int i = 0; i < ALARM_COUNT && err == TL_OK; i++)
        err = m->raised[i].now ? TL_E_PROOF : TL_OK;
    return err;
}
