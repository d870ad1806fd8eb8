#include "log/tiles.h"

#include "base/refuse.h"
#include "log/internal.h"

#include <stdlib.h>

#define AT_ONCE 8 /* entries between two looks at the clock */

struct log_tile {
    struct log *log;
    int level;
    uint64_t n;
    unsigned width, got; /* got: entries that are read */
    buf bytes;
    struct owner_job job;
    log_tile_done_fn *done;
    void *ctx;
};

/* Hashes of a level in a tree of size leaves; level -1: entries. */
static uint64_t hashes_in(uint64_t size, int level)
{
    return level < 0 ? size : level > 7 ? 0 : size >> (8 * level);
}

tl_err log_tile_new(struct log_tile **out, struct log *log, int level, uint64_t n, unsigned width)
{
    pthread_mutex_lock(&log->lock);
    uint64_t there = hashes_in(log->durable_size, level);
    pthread_mutex_unlock(&log->lock);
    if (REFUSED(n > INT64_MAX / TILE_WIDTH || n * TILE_WIDTH + width > there))
        return TL_E_NOT_FOUND;
    struct log_tile *t = calloc(1, sizeof *t);
    if (!t)
        return TL_E_MEMORY;
    t->log = log;
    t->level = level;
    t->n = n;
    t->width = width;
    buf_init(&t->bytes, LOG_TILE_MAX);
    *out = t;
    return TL_OK;
}

void log_tile_free(struct log_tile *t)
{
    if (!t)
        return;
    buf_finish(&t->bytes);
    free(t);
}

slice log_tile_bytes(const struct log_tile *t)
{
    return buf_slice(&t->bytes);
}

static tl_err read_hashes(struct log_tile *t)
{
    const hash32 *hashes;
    unsigned width;
    tl_err err = tree_tile(t->log->tree, (unsigned)t->level, t->n, &hashes, &width);
    if (err == TL_OK)
        buf_bytes(&t->bytes, slice_of(hashes->b, t->width * sizeof *hashes));
    return err == TL_OK ? buf_err(&t->bytes) : err;
}

static tl_err read_entry(struct log_tile *t, uint64_t index)
{
    struct store_leaf leaf;
    hash32 want, got;
    tl_err err = tree_leaf(t->log->tree, index, &want);
    if (err == TL_OK)
        err = store_get_leaf(t->log->store, index, &leaf);
    if (err != TL_OK)
        return err == TL_E_NOT_FOUND ? TL_E_STORED : err;
    got = merkle_leaf_hash(leaf.statement);
    if (REFUSED(!hash_eq(&want, &got)))
        return TL_E_STORED;
    return tile_entry_put(&t->bytes, leaf.statement);
}

static tl_err read_entries(struct log_tile *t, bool *more)
{
    uint64_t end = owner_slice_end();
    tl_err err = TL_OK;
    while (t->got < t->width && err == TL_OK) {
        err = read_entry(t, t->n * TILE_WIDTH + t->got++);
        if (t->got % AT_ONCE == 0 && owner_slice_over(end))
            break;
    }
    *more = t->got < t->width;
    return err;
}

static void run_slice(void *arg)
{
    struct log_tile *t = arg;
    bool more = false;
    tl_err err = t->level < 0 ? read_entries(t, &more) : read_hashes(t);
    if (err == TL_OK && more) {
        err = owner_submit(t->log, &t->job);
        if (err == TL_OK)
            return;
    }
    t->done(t->ctx, err);
}

tl_err log_tile_submit(struct log_tile *t, log_tile_done_fn *done, void *ctx)
{
    t->done = done;
    t->ctx = ctx;
    t->job = (struct owner_job){.run = run_slice, .arg = t};
    return owner_submit(t->log, &t->job);
}
