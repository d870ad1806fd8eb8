/* What became of a batch: its receipts, with statements and paths where they are asked for; at
 * once, or when a quorum of witnesses has cosigned it. */
#include "crypto/secret.h"
#include "log/internal.h"

#include <stdlib.h>

/* Statements and paths of a batch's records, for full receipts. */
struct full {
    size_t count, done;
    slice *statements;
    hash32 **paths;
    size_t *counts;
    uint8_t **owned;
};

void full_free(struct full *f)
{
    if (!f)
        return;
    for (size_t i = 0; f->owned && i < f->count; i++)
        free(f->owned[i]);
    for (size_t i = 0; f->paths && i < f->count; i++)
        free(f->paths[i]);
    free(f->owned);
    free(f->paths);
    free(f->statements);
    free(f->counts);
    free(f);
}

static tl_err full_new(struct full **out, size_t count)
{
    struct full *f = calloc(1, sizeof *f);
    if (!f)
        return TL_E_MEMORY;
    f->count = count;
    f->statements = calloc(count, sizeof *f->statements);
    f->paths = calloc(count, sizeof *f->paths);
    f->counts = calloc(count, sizeof *f->counts);
    f->owned = calloc(count, sizeof *f->owned);
    if (!f->statements || !f->paths || !f->counts || !f->owned) {
        full_free(f);
        return TL_E_MEMORY;
    }
    *out = f;
    return TL_OK;
}

/* Of the leaf at index, in the tree of the first size leaves. */
static tl_err full_one(struct log *log, struct full *f, size_t i, uint64_t index, uint64_t size)
{
    struct store_leaf leaf;
    struct statement st;
    tl_err err = stored_leaf(log, index, &leaf, &st);
    if (err != TL_OK)
        return err;
    f->owned[i] = malloc(leaf.statement.n);
    f->paths[i] = malloc(MERKLE_MAX_PATH * sizeof(hash32));
    if (!f->owned[i] || !f->paths[i])
        return TL_E_MEMORY;
    memcpy(f->owned[i], leaf.statement.p, leaf.statement.n);
    f->statements[i] = slice_of(f->owned[i], leaf.statement.n);
    struct merkle_nodes nodes = tree_nodes(log->tree);
    return merkle_prove_inclusion(&nodes, index, size, f->paths[i], &f->counts[i]);
}

/* Goes on until it is whole, or (sliced) others are to have their turn. */
static tl_err full_make(struct log *log, struct log_batch *b, uint64_t size, bool sliced)
{
    const uint64_t end = owner_slice_end();
    tl_err err = b->paths ? TL_OK : full_new(&b->paths, b->count);
    if (err != TL_OK)
        return err;
    struct full *f = b->paths;
    while (f->done < f->count && err == TL_OK) {
        size_t i = f->done++;
        if (b->receipts[i].err == TL_OK)
            err = full_one(log, f, i, b->receipts[i].index, size);
        if (sliced && owner_slice_over(end))
            break;
    }
    return err;
}

/* note: what a quorum has cosigned, for one that waited. */
static void hand_over(struct log *log, struct log_batch *b, tl_err err, const struct tl_why *why,
                      const struct cosigned *note)
{
    struct log_result r = {.err = err,
                           .count = b->count,
                           .receipts = b->receipts,
                           .degraded = log->fence.degraded && !note};
    if (why)
        r.why = *why;
    if (err == TL_OK) {
        r.tree_size = note ? note->size : log->durable_size;
        r.checkpoint = note ? buf_slice(&note->note) : buf_slice(&log->checkpoint);
        r.cosigned = note ? note->quorum.valid : 0;
    }
    if (err == TL_OK && b->paths) {
        r.statements = b->paths->statements;
        r.paths = (const hash32 *const *)b->paths->paths;
        r.path_counts = b->paths->counts;
    }
    b->done(b->ctx, &r);
    log_batch_free(b);
}

/* ---- those that wait for witnesses ---- */

size_t batch_kept(const struct log_batch *b)
{
    return sizeof *b + b->count * sizeof *b->receipts;
}

static bool answer_cosigned(struct cosign_wait *w)
{
    struct log_batch *b = (struct log_batch *)((char *)w - offsetof(struct log_batch, wait));
    struct tl_why why = {{0}, {0}};
    tl_err err = w->err;
    if (w->note && b->full && b->count) {
        err = full_make(b->log, b, w->note->size, true);
        if (err == TL_OK && b->paths->done < b->paths->count)
            return true;
    }
    if (!w->note)
        (void)tl_explain(&why, err, "wait",
                         "these records are signed and durable, and not cosigned: %.120s. Repeat "
                         "the request with the same requestIds to wait again; without them it "
                         "would append them a second time",
                         w->why.text);
    hand_over(b->log, b, err, &why, w->note);
    return false;
}

/* One more than the last place that a receipt names; 0 where none names any. */
static uint64_t wanted_size(const struct log_batch *b)
{
    uint64_t size = 0;
    for (size_t i = 0; i < b->count; i++)
        if (b->receipts[i].err == TL_OK && b->receipts[i].index >= size)
            size = b->receipts[i].index + 1;
    return size;
}

static void begin_to_wait(struct log *log, struct log_batch *b, uint64_t size)
{
    b->wait = (struct cosign_wait){.size = size,
                                   .due_us = stats_now_us() + (uint64_t)b->cosigned_ms * 1000,
                                   .bytes = batch_kept(b),
                                   .answer = answer_cosigned};
    buf_finish_secret(&b->arena);
    free(b->items);
    b->items = NULL;
    cosign_wait_add(log, &b->wait);
}

/* ---- all of them ---- */

void batch_finish(struct log *log, struct log_batch *b, tl_err err, const struct tl_why *why)
{
    for (size_t i = 0; i < b->count; i++) {
        const struct record_item *item = &b->items[i];
        if (!item->repeats)
            continue;
        b->receipts[i] = b->receipts[item->first];
        b->receipts[i].repeated = b->receipts[i].err == TL_OK;
    }
    const uint64_t size = err == TL_OK && b->cosigned_ms ? wanted_size(b) : 0;
    stats_answered(log, b);
    pthread_mutex_lock(&log->lock);
    log->queue_bytes -= b->arena.n;
    if (b->cosigned_ms && size == 0)
        cosign_release(log, batch_kept(b));
    pthread_mutex_unlock(&log->lock);
    if (size) {
        begin_to_wait(log, b, size);
        return;
    }
    if (err == TL_OK && b->full && b->count)
        err = full_make(log, b, log->durable_size, false);
    hand_over(log, b, err, why, NULL);
}
