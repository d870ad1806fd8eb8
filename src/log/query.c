/* A query on its way, on the owner thread, in slices. */
#include "log/query.h"

#include "crypto/secret.h"
#include "log/query_state.h"
#include "log/waiter.h"

#include <stdlib.h>

tl_err log_query_new(struct log_query **out, struct log *log, const struct log_query_options *o,
                     struct tl_why *why)
{
    struct log_query *q = calloc(1, sizeof *q);
    if (!q)
        return TL_E_MEMORY;
    q->log = log;
    buf_init(&q->proof.checkpoint, NOTE_MAX);
    atomic_init(&q->cancelled, false);
    tl_err err = match_init(&q->match, o, why);
    if (err == TL_OK)
        *out = q;
    else
        log_query_free(q);
    return err;
}

void log_query_free(struct log_query *q)
{
    if (!q)
        return;
    for (size_t i = 0; i < q->count; i++) {
        secret_wipe(q->owned[i], q->owned_size[i]);
        free(q->owned[i]);
    }
    if (q->shared)
        atomic_fetch_sub(&q->log->row_bytes, q->shared);
    free(q->owned);
    free(q->owned_size);
    free(q->rows);
    buf_finish(&q->proof.checkpoint);
    match_finish(&q->match);
    free(q);
}

void log_query_prove(struct log_query *q)
{
    q->prove = true;
}

void log_query_share(struct log_query *q)
{
    q->share = true;
}

size_t log_query_held(const struct log *log)
{
    return atomic_load(&log->row_bytes);
}

void log_query_cancel(struct log_query *q)
{
    atomic_store(&q->cancelled, true);
}

const struct log_row *log_query_rows(const struct log_query *q, size_t *count)
{
    *count = q->count;
    return q->rows;
}

bool log_query_more(const struct log_query *q, uint64_t *next)
{
    *next = q->next;
    return q->more;
}

uint64_t log_query_total(const struct log_query *q)
{
    return q->matched;
}

const struct log_proof *log_query_proof(const struct log_query *q)
{
    return q->prove && q->count ? &q->proof : NULL;
}

static tl_err slice_of_query(struct log_query *q, struct tl_why *why)
{
    uint64_t end = owner_slice_end();
    tl_err err = TL_OK;
    do {
        /* A log that died in the middle of a change knows what is not stored. */
        if (atomic_load(&q->cancelled) || q->log->dead)
            return TL_E_STOPPING;
        err = query_step(q, why);
    } while (err == TL_OK && q->stage != QUERY_DONE && !owner_slice_over(end));
    return err;
}

static void run_slice(void *arg)
{
    struct log_query *q = arg;
    struct tl_why why = {0};
    tl_err err = slice_of_query(q, &why);
    if (err == TL_OK && q->stage != QUERY_DONE) {
        err = owner_submit(q->log, &q->job);
        if (err == TL_OK)
            return; /* it may be running again, or be gone */
    }
    q->done(q->done_ctx, err, &why);
}

tl_err log_query_submit(struct log_query *q, log_query_done_fn *done, void *ctx)
{
    q->done = done;
    q->done_ctx = ctx;
    q->job = (struct owner_job){.run = run_slice, .arg = q};
    return owner_submit(q->log, &q->job);
}

static tl_err run_here(struct log_query *q, struct tl_why *why)
{
    tl_err err = TL_OK;
    while (err == TL_OK && q->stage != QUERY_DONE)
        err = slice_of_query(q, why);
    return err;
}

tl_err log_query_run(struct log_query *q, struct tl_why *why)
{
    struct waiter w;
    if (!q->log->has_owner)
        return run_here(q, why);
    waiter_init(&w);
    return waiter_wait(&w, log_query_submit(q, waiter_done, &w), why);
}
