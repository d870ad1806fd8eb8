/* A stopped log, read from end to end: every leaf, tile, body, evidence item and
 * head against the authenticated head. It goes on after a finding. */
#include "log/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct fsck {
    struct log *log;
    uint64_t size;
    hash32 root;
    struct tile_edge edge;
    struct merkle_frontier frontier;
    struct leaf_set erased;  /* records that an erasure names */
    struct leaf_set missing; /* records without a body */
    uint64_t erasures;
    uint64_t *indexes; /* room for those of one erasure */
    uint64_t bad;
    tl_err err; /* of reading, inside callbacks */
    void (*line)(void *ctx, const char *text, bool bad);
    void (*progress)(void *ctx, uint64_t done, uint64_t total);
    void *ctx;
};

__attribute__((format(printf, 3, 4))) static void say(struct fsck *f, bool bad, const char *fmt,
                                                      ...)
{
    char text[300];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    f->bad += bad;
    f->line(f->ctx, text, bad);
}

static bool fatal(tl_err err)
{
    return err == TL_E_IO || err == TL_E_MEMORY || err == TL_E_COMMIT;
}

/* Compares a stored tile with the one that the leaves give. */
static void check_tile(struct fsck *f, unsigned level, uint64_t n, const hash32 *hashes,
                       size_t count)
{
    hash32 stored[TILE_WIDTH];
    tl_err err = store_get_tile(f->log->store, level, n, stored, count);
    if (fatal(err))
        f->err = err;
    else if (err != TL_OK)
        say(f, true, "tile %u/%llu: %s", level, (unsigned long long)n, tl_err_text(err));
    for (size_t i = 0; err == TL_OK && i < count; i++) {
        if (hash_eq(&stored[i], &hashes[i]))
            continue;
        if (level == 0)
            say(f, true, "statement %llu, or hash %zu of tile 0/%llu: they do not match",
                (unsigned long long)n * TILE_WIDTH + i, i, (unsigned long long)n);
        else
            say(f, true, "tile %u/%llu: hash %zu is not that of the stored leaves", level,
                (unsigned long long)n, i);
    }
}

static void full_tile(void *ctx, unsigned level, uint64_t n, const hash32 hashes[TILE_WIDTH])
{
    check_tile(ctx, level, n, hashes, TILE_WIDTH);
}

static void check_evidence(struct fsck *f, uint64_t index, const hash32 *digest)
{
    buf b;
    buf_init(&b, 1u << 20);
    tl_err err = store_get_evidence(f->log->store, digest, &b);
    hash32 got = sha256(buf_slice(&b));
    if (fatal(err))
        f->err = err;
    else if (err != TL_OK || !hash_eq(&got, digest))
        say(f, true, "statement %llu: its evidence is missing or altered",
            (unsigned long long)index);
    buf_finish(&b);
}

static void check_record_body(struct fsck *f, const struct store_leaf *leaf,
                              const struct statement *st)
{
    buf plain;
    if (!leaf->body.p) { /* only once all erasures are read it is known whether that is right */
        f->err = leaf_set_add(&f->missing, leaf->index);
        return;
    }
    buf_init(&plain, BODY_MAX);
    tl_err err = body_open(f->log->bodies, &plain, &st->payload, leaf->body);
    buf_finish_secret(&plain);
    if (fatal(err))
        f->err = err;
    else if (err != TL_OK)
        say(f, true, "statement %llu: its body: %s", (unsigned long long)leaf->index,
            tl_err_text(err));
}

/* What an erasure names, and whether its place is kept. */
static void check_erasure(struct fsck *f, const struct store_leaf *leaf)
{
    size_t count = 0;
    slice reason;
    uint64_t place = UINT64_MAX;
    if (!f->indexes && !(f->indexes = malloc(ERASURE_MAX * sizeof *f->indexes))) {
        f->err = TL_E_MEMORY;
        return;
    }
    tl_err err = body_erasure_read(f->indexes, &count, &reason, leaf->body);
    if (err != TL_OK || f->indexes[count - 1] >= leaf->index) {
        say(f, true, "statement %llu: it is no valid erasure", (unsigned long long)leaf->index);
        count = 0;
    }
    for (size_t i = 0; i < count && f->err == TL_OK; i++)
        f->err = leaf_set_add(&f->erased, f->indexes[i]);
    err = erased_get_place(f->log, f->erasures++, &place);
    if (fatal(err))
        f->err = err;
    else if (place != leaf->index)
        say(f, true,
            "statement %llu: it is an erasure, and the database no longer says so: each reader "
            "has to search the whole log for it",
            (unsigned long long)leaf->index);
}

static void check_body(struct fsck *f, const struct store_leaf *leaf, const struct statement *st)
{
    struct body_boot boot;
    struct body_session session;
    if (st->kind == ST_RECORD) {
        check_record_body(f, leaf, st);
        return;
    }
    hash32 digest = sha256(leaf->body);
    if (!leaf->body.p || !hash_eq(&digest, &st->payload))
        say(f, true, "statement %llu: its body is missing or altered",
            (unsigned long long)leaf->index);
    else if (st->kind == ST_BOOT && body_boot_read(&boot, leaf->body) == TL_OK)
        check_evidence(f, leaf->index, &boot.evidence);
    else if (st->kind == ST_SESSION && body_session_read(&session, leaf->body) == TL_OK) {
        check_evidence(f, leaf->index, &session.evidence);
        if (session.has_peer)
            check_evidence(f, leaf->index, &session.peer_evidence);
    } else if (st->kind == ST_ERASURE)
        check_erasure(f, leaf);
}

/* A body is missing where it was erased, and nowhere else. */
static void check_erased(struct fsck *f)
{
    uint64_t i;
    for (i = 0; leaf_set_next(&f->missing, &i); i++)
        if (!leaf_set_has(&f->erased, i))
            say(f, true, "statement %llu: its body is missing, and no erasure says so",
                (unsigned long long)i);
    for (i = 0; leaf_set_next(&f->erased, &i); i++)
        if (!leaf_set_has(&f->missing, i))
            say(f, true, "statement %llu: it was erased, and someone put its body back",
                (unsigned long long)i);
}

static void check_chain(struct fsck *f, uint64_t index, const struct statement *st)
{
    struct subject *s;
    tl_err err = roster_get(f->log->roster, st->subject, &s);
    if (err != TL_OK) {
        f->err = err;
        return;
    }
    bool linked = st->seq == s->count && (s->count == 0 || hash_eq(&st->prev, &s->last_hash));
    if (!linked)
        say(f, true, "statement %llu: it does not follow its subject's former one (seq %llu)",
            (unsigned long long)index, (unsigned long long)st->seq);
    s->count = st->seq + 1;
    s->last_index = index;
    s->last_hash = statement_digest(st->protected_header, &st->payload);
}

static void check_leaf(struct fsck *f, const struct store_leaf *leaf)
{
    struct statement st;
    hash32 hash = merkle_leaf_hash(leaf->statement);
    tile_edge_add(&f->edge, &hash, full_tile, f);
    merkle_frontier_add(&f->frontier, &hash);
    tl_err err = statement_read(&st, leaf->statement);
    if (err != TL_OK) {
        say(f, true, "statement %llu: %s", (unsigned long long)leaf->index, tl_err_text(err));
        return;
    }
    check_chain(f, leaf->index, &st);
    check_body(f, leaf, &st);
}

static tl_err check_leaves(struct fsck *f)
{
    tl_err err = TL_OK;
    for (uint64_t i = 0; i < f->size && err == TL_OK && f->err == TL_OK; i++) {
        struct store_leaf leaf;
        err = store_get_leaf(f->log->store, i, &leaf);
        if (err == TL_E_NOT_FOUND || err == TL_E_STORED) {
            say(f, true, "statement %llu is missing: what comes after it cannot be checked",
                (unsigned long long)i);
            return TL_OK;
        }
        if (err == TL_OK)
            check_leaf(f, &leaf);
        if (f->progress && i % 4096 == 0)
            f->progress(f->ctx, i, f->size);
    }
    return err != TL_OK ? err : f->err;
}

static tl_err check_edge(struct fsck *f)
{
    if (f->frontier.size != f->size)
        return TL_OK; /* said already */
    for (unsigned level = 1; level + 1 < TILE_LEVELS && f->err == TL_OK; level++) {
        unsigned width = tile_edge_width(f->size, level);
        if (width)
            check_tile(f, level, f->size >> (8 * (level + 1)), f->edge.hashes[level], width);
    }
    hash32 root = merkle_frontier_root(&f->frontier);
    if (!hash_eq(&root, &f->root))
        say(f, true,
            "the stored leaves do not give the root of the authenticated head: one of "
            "them was replaced");
    return f->err;
}

static tl_err check_beyond(struct fsck *f)
{
    uint64_t bound;
    tl_err err = store_leaf_bound(f->log->store, &bound);
    if (err != TL_E_STORED && (err != TL_OK || bound <= f->size))
        return err;
    say(f, true, "there are rows beyond the authenticated head, which ends at %llu",
        (unsigned long long)f->size);
    return TL_OK;
}

static void bad_row(void *ctx, const char *text)
{
    say(ctx, true, "%s", text);
}

static tl_err run(struct fsck *f, const char *dir, struct tl_why *why)
{
    struct tl_why engine = {0}, identity = {0};
    tl_err err = store_open(&f->log->store, dir, STORE_READ, why);
    if (err != TL_OK)
        return err;
    err = store_check(f->log->store, &engine);
    if (err != TL_OK)
        say(f, true, "database: %s", tl_why_text(&engine, err));
    err = start_identity(f->log, &f->size, &f->root, &identity);
    if (err != TL_OK) {
        say(f, true, "%s", tl_why_text(&identity, err));
        return TL_OK;
    }
    err = check_leaves(f);
    if (err == TL_OK && f->frontier.size == f->size)
        check_erased(f);
    if (err == TL_OK)
        err = check_edge(f);
    if (err == TL_OK)
        err = check_beyond(f);
    uint64_t subjects = roster_count(f->log->roster);
    if (err == TL_OK && f->frontier.size == f->size)
        err = fsck_rows(f->log, f->size, &f->root, bad_row, f);
    if (err == TL_OK)
        say(f, false,
            "%s: %llu statements, %llu subjects, %llu of the bodies erased, %llu findings",
            f->log->keys.origin, (unsigned long long)f->size, (unsigned long long)subjects,
            (unsigned long long)f->erased.count, (unsigned long long)f->bad);
    return err;
}

tl_err log_fsck(struct tee *tee, const char *dir,
                void (*line)(void *ctx, const char *text, bool bad),
                void (*progress)(void *ctx, uint64_t done, uint64_t total), void *ctx,
                uint64_t *bad, struct tl_why *why)
{
    struct fsck *f = calloc(1, sizeof *f);
    if (!f)
        return TL_E_MEMORY;
    f->line = line;
    f->progress = progress;
    f->ctx = ctx;
    tl_err err = log_new(&f->log, tee);
    if (err == TL_OK)
        err = run(f, dir, why);
    if (err == TL_OK)
        *bad = f->bad;
    log_free(f->log);
    leaf_set_finish(&f->erased);
    leaf_set_finish(&f->missing);
    free(f->indexes);
    free(f);
    return err;
}
