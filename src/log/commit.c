/* Making a group durable, and answering its callers: a record is acknowledged
 * only after its transaction is on disk, and the head is in that transaction. */
#include "log/index.h"
#include "log/internal.h"
#include "tlog/checkpoint.h"

#include <stdlib.h>

static tl_err put_row(struct log *log, const struct side_row *r)
{
    switch (r->kind) {
    case SIDE_EVIDENCE:
        return store_put_evidence(log->store, &r->key, r->value);
    case SIDE_HEAD:
        return store_put_head(log->store, r->name, r->value);
    case SIDE_HEADS_INDEX:
        return store_put_meta(log->store, "heads_index", r->value);
    }
    return TL_E_IO;
}

static tl_err put_request(struct log *log, const struct entry *e)
{
    const struct record_item *item = &e->batch->items[e->record];
    uint8_t mem[160];
    buf row;
    if (!item->has_request)
        return TL_OK;
    buf_init_fixed(&row, mem, sizeof mem);
    struct log_receipt receipt = {.index = e->index, .seq = e->seq, .leaf = e->leaf};
    request_row_put(log, &row, item->request_tag, &receipt);
    if (buf_err(&row) != TL_OK)
        return buf_err(&row);
    return store_put_request(log->store, item->request_tag, buf_slice(&row));
}

static tl_err put_entries(struct log *log, struct group *g)
{
    for (size_t i = 0; i < g->count; i++) {
        struct entry *e = &g->entries[i];
        struct store_leaf leaf = {e->index, slice_of(e->bytes, e->size), e->body, e->extra};
        tl_err err = tree_add(log->tree, &e->leaf);
        if (err == TL_OK)
            err = store_put_leaf(log->store, &leaf);
        if (err == TL_OK && e->batch)
            err = put_request(log, e);
        if (err != TL_OK)
            return err;
    }
    for (struct side_row *r = g->rows; r; r = r->next) {
        tl_err err = put_row(log, r);
        if (err != TL_OK)
            return err;
    }
    return TL_OK;
}

tl_err head_store(struct log *log, const struct tokens *t)
{
    uint8_t mem[128];
    buf head;
    struct log_head h = {tree_size(log->tree), tree_root(log->tree), log->erased.statements,
                         tokens_digest(t)};
    buf_init_fixed(&head, mem, sizeof mem);
    keys_head_put(&log->keys, &head, &h);
    return buf_err(&head) != TL_OK ? buf_err(&head)
                                   : store_put_meta(log->store, "head", buf_slice(&head));
}

/* The note of the commit before this one: no note is kept before what it is of is durable. */
static tl_err note_store(struct log *log)
{
    return log->checkpoint.n ? store_put_meta(log->store, LOG_NOTE, buf_slice(&log->checkpoint))
                             : TL_OK;
}

void note_keep(struct log *log)
{
    tl_err err = store_begin(log->store);
    if (err == TL_OK && (err = note_store(log)) != TL_OK)
        store_rollback(log->store);
    if (err == TL_OK)
        err = store_commit(log->store);
    (void)err; /* the one before it is there, and proves nearly as much */
}

static tl_err store_group(struct log *log, struct group *g)
{
    tl_err err = log->txn_open ? TL_OK : store_begin(log->store);
    if (err != TL_OK)
        return err;
    log->txn_open = false;
    err = put_entries(log, g);
    if (err == TL_OK)
        err = tree_save(log->tree);
    if (err == TL_OK)
        err = head_store(log, log->tokens);
    if (err == TL_OK)
        err = note_store(log);
    if (err == TL_OK)
        err = cosigned_store(log);
    if (err != TL_OK) {
        store_rollback(log->store);
        return err;
    }
    return store_commit(log->store);
}

/* Only now may anyone learn of it. The note is a function of the head, which is
 * durable, and of the log key: a later start signs the same bytes. */
static tl_err publish(struct log *log, struct group *g, uint64_t us)
{
    buf note;
    hash32 root = tree_root(log->tree);
    uint64_t size = tree_size(log->tree);
    buf_init(&note, NOTE_MAX);
    tl_err err = checkpoint_sign(&note, slice_str(log->keys.origin), size, &root,
                                 &log->keys.note_key, log->keys.log_seed);
    if (err != TL_OK) {
        buf_finish(&note);
        return err;
    }
    pthread_mutex_lock(&log->lock);
    buf_finish(&log->checkpoint);
    log->checkpoint = note;
    log->durable_size = size;
    log->durable_root = root;
    if (log->clock_ms < log->last_time_ms)
        log->clock_ms = log->last_time_ms;
    for (size_t i = 0; i < g->count; i++) {
        struct entry *e = &g->entries[i];
        if (e->subject->durable_count == 0 && e->subject != log->origin)
            roster_add_agent(log->roster, e->subject);
        e->subject->durable_count = e->seq + 1;
        e->subject->durable_last = e->index;
    }
    size_t agents;
    (void)roster_agents(log->roster, &agents);
    log->subject_count = agents + 1;
    stats_count(log, g, us);
    pthread_mutex_unlock(&log->lock);
    return TL_OK;
}

static void tell_watcher(struct log *log)
{
    pthread_mutex_lock(&log->watch_lock);
    if (log->grown)
        log->grown(log->grown_ctx, log->durable_size);
    pthread_mutex_unlock(&log->watch_lock);
}

const char *failure_text(const struct log *log, tl_err err)
{
    const char *trouble = store_trouble(log->store);
    return trouble ? trouble : tl_err_text(err);
}

tl_err commit_group(struct log *log, struct group *g)
{
    tl_err err = TL_OK;
    if (g->count) {
        err = sign_wait(log, g);
        uint64_t began = stats_now_us();
        if (err == TL_OK)
            err = store_group(log, g);
        if (err == TL_OK)
            err = publish(log, g, stats_now_us() - began);
        if (err == TL_OK) {
            anchors_grown(log, g);
            index_grown(log->index, g);
        }
    }
    for (size_t i = 0; i < g->count && err == TL_OK; i++) {
        const struct entry *e = &g->entries[i];
        if (!e->batch)
            continue;
        struct log_receipt *r = &e->batch->receipts[e->record];
        r->index = e->index;
        r->seq = e->seq;
        r->leaf = e->leaf;
    }
    struct tl_why why = {0};
    if (err != TL_OK)
        (void)tl_explain(&why, TL_E_COMMIT, NULL,
                         "the commit failed (%s); whether it took effect is unknown, and the "
                         "service stops. Start it again, and repeat the append with its requestId",
                         failure_text(log, err));
    for (struct log_batch *b = g->done, *next; b; b = next) {
        next = b->next;
        batch_finish(log, b, err == TL_OK ? TL_OK : TL_E_COMMIT, &why);
    }
    if (err == TL_OK && g->count) {
        tell_watcher(log);
        witnessing_wake(log, false);
    }
    group_reset(g);
    return err;
}
