#include "log/erase.h"

#include "base/encoding.h"
#include "base/refuse.h"
#include "log/index.h"
#include "log/internal.h"
#include "log/waiter.h"

#include <inttypes.h>
#include <stdlib.h>

#define FEW      4       /* places that are looked after between two looks at the clock */
#define PLACE    256     /* leaves */
#define CHUNK_NS 8000000 /* of taking away for one statement; appends wait for it */

enum stage { ERASE_LEARN, ERASE_CHECK, ERASE_STORE, ERASE_SCRUB, ERASE_DONE };

struct log_erase {
    struct log *log;
    enum stage stage;
    uint64_t *indexes; /* sorted, each once */
    size_t count, next;
    char reason[ERASE_REASON_MAX];
    slice why_erased;                    /* within reason, or none */
    bool (*may)(void *ctx, slice agent); /* NULL: any */
    void *may_ctx;
    bool dry;

    uint64_t erased, already;
    uint64_t *statements;
    size_t statement_count;
    uint64_t tree_size;
    buf checkpoint;

    struct owner_job job;
    log_erase_done_fn *done;
    void *done_ctx;
};

static int compare(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static tl_err check(const uint64_t *indexes, size_t count, slice reason, struct tl_why *why)
{
    if (REFUSED(count == 0) || REFUSED(count > ERASE_MAX))
        return tl_explain(why, TL_E_FIELD, "indexes", "give 1 to %d indexes", ERASE_MAX);
    if (REFUSED(reason.n > ERASE_REASON_MAX) || REFUSED(!utf8_valid(reason)))
        return tl_explain(why, TL_E_FIELD, "reason", "reason must be UTF-8 of at most %d bytes",
                          ERASE_REASON_MAX);
    for (size_t i = 0; i < count; i++)
        if (REFUSED(indexes[i] > TL_INT_MAX))
            return tl_explain(why, TL_E_FIELD, "indexes", "an index must be below 2^53");
    return TL_OK;
}

tl_err log_erase_new(struct log_erase **out, struct log *log, const uint64_t *indexes, size_t count,
                     slice reason, struct tl_why *why)
{
    tl_err err = check(indexes, count, reason, why);
    struct log_erase *e = err == TL_OK ? calloc(1, sizeof *e) : NULL;
    if (!e)
        return err == TL_OK ? TL_E_MEMORY : err;
    e->log = log;
    buf_init(&e->checkpoint, NOTE_MAX);
    e->indexes = malloc(count * sizeof *e->indexes);
    e->statements = malloc(count * sizeof *e->statements);
    if (!e->indexes || !e->statements) {
        log_erase_free(e);
        return TL_E_MEMORY;
    }
    memcpy(e->indexes, indexes, count * sizeof *indexes);
    qsort(e->indexes, count, sizeof *e->indexes, compare);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || e->indexes[i] != e->indexes[i - 1])
            e->indexes[e->count++] = e->indexes[i];
    if (reason.n) {
        memcpy(e->reason, reason.p, reason.n);
        e->why_erased = slice_of(e->reason, reason.n);
    }
    *out = e;
    return TL_OK;
}

void log_erase_limit(struct log_erase *e, bool (*may)(void *ctx, slice agent), void *ctx)
{
    e->may = may;
    e->may_ctx = ctx;
}

void log_erase_dry(struct log_erase *e)
{
    e->dry = true;
}

void log_erase_free(struct log_erase *e)
{
    if (!e)
        return;
    free(e->indexes);
    free(e->statements);
    buf_finish(&e->checkpoint);
    free(e);
}

void log_erase_result(const struct log_erase *e, struct log_erasure *out)
{
    *out = (struct log_erasure){.count = e->erased,
                                .already = e->already,
                                .statements = e->statements,
                                .statement_count = e->statement_count,
                                .tree_size = e->tree_size,
                                .checkpoint = buf_slice(&e->checkpoint)};
}

/* ---- what is to be erased ---- */

static tl_err check_one(struct log_erase *e, uint64_t index, struct tl_why *why)
{
    struct store_leaf leaf;
    struct statement st;
    if (REFUSED(index >= e->log->durable_size))
        return tl_explain(why, TL_E_FIELD, "indexes",
                          "there is no statement %" PRIu64 "; nothing was erased", index);
    tl_err err = stored_leaf(e->log, index, &leaf, &st);
    if (err != TL_OK)
        return stored_explain(why, err, index);
    if (REFUSED(st.kind != ST_RECORD))
        return tl_explain(why, TL_E_FIELD, "indexes",
                          "statement %" PRIu64 " is one of the log's own, whose body is public "
                          "and stays; nothing was erased",
                          index);
    if (e->may && REFUSED(!e->may(e->may_ctx, st.subject)))
        return tl_explain(why, TL_E_FORBIDDEN, "indexes",
                          "statement %" PRIu64 " is of an agent that this token is not good for; "
                          "nothing was erased",
                          index);
    return TL_OK;
}

/* ---- one statement and its bodies ---- */

/* The next few that are not erased yet (by another request, meanwhile): from few places
 * of the log, since what is taken out of the index costs less by the record than by the
 * place. */
static size_t next_few(struct log_erase *e, uint64_t *out, size_t max)
{
    size_t n = 0, places = 0;
    for (; e->next < e->count && n < max; e->next++) {
        uint64_t index = e->indexes[e->next];
        if (log_is_erased(e->log, index)) {
            e->already++;
            continue;
        }
        if (n == 0 || index / PLACE != out[n - 1] / PLACE)
            places++;
        if (places > FEW)
            break;
        out[n++] = index;
    }
    return n;
}

/* In an open transaction, which the statement's commit ends. */
static tl_err take_away(struct log *log, const uint64_t *indexes, size_t count)
{
    tl_err err = index_erase(log, indexes, count);
    for (size_t i = 0; i < count && err == TL_OK; i++)
        err = store_erase_leaf(log->store, indexes[i]);
    for (size_t i = 0; i < count && err == TL_OK; i++)
        err = leaf_set_add(&log->erased.set, indexes[i]);
    return err;
}

/* As many as can be taken away in a short time: what the index has of one record may be a
 * millisecond's work, or next to nothing. */
static tl_err take_away_some(struct log_erase *e, uint64_t chunk[ERASE_CHUNK], size_t *count)
{
    uint64_t end = owner_slice_end() + CHUNK_NS;
    size_t few;
    *count = 0;
    do {
        few = next_few(e, chunk + *count, ERASE_CHUNK - *count);
        tl_err err = few ? take_away(e->log, chunk + *count, few) : TL_OK;
        if (err != TL_OK)
            return err;
        *count += few;
    } while (few && !owner_slice_over(end));
    return TL_OK;
}

static tl_err store_chunk(struct log_erase *e)
{
    struct log *log = e->log;
    struct group *g = log->groups[0];
    uint64_t index = log->next_index, chunk[ERASE_CHUNK];
    size_t n = 0;
    tl_err err = store_begin(log->store);
    if (err != TL_OK)
        return err;
    err = take_away_some(e, chunk, &n);
    if (err == TL_OK && n)
        err = erased_put_place(log, log->erased.statements, index);
    if (err == TL_OK && n)
        err = leaf_set_add(&log->erased.places, index);
    if (err == TL_OK && n)
        err = sequence_erasure(log, g, chunk, n, e->why_erased);
    if (err != TL_OK || n == 0) {
        store_rollback(log->store);
        return err;
    }
    log->txn_open = true; /* the group's */
    log->erased.statements++;
    sign_group(log, g);
    err = commit_group(log, g);
    if (err == TL_OK) {
        e->statements[e->statement_count++] = index;
        e->erased += n;
    }
    return err;
}

/* What fails here ends the boot, as with appends: what the files hold is unknown. */
static tl_err next_statement(struct log_erase *e, struct tl_why *why)
{
    struct log *log = e->log;
    tl_err err = fence_gate(log, ST_ERASURE);
    if (err != TL_OK)
        return fence_explain(log, err, why);
    err = store_chunk(e);
    if (err != TL_OK) {
        log->job_err = err;
        return tl_explain(why, err, NULL,
                          "the commit failed (%s); whether it took effect is unknown, and the "
                          "service stops. Start it again, and repeat the erasure",
                          tl_err_text(err));
    }
    if (e->next == e->count)
        e->stage = e->statement_count ? ERASE_SCRUB : ERASE_DONE;
    return TL_OK;
}

static tl_err scrub(struct log_erase *e, struct tl_why *why)
{
    tl_err err = store_scrub(e->log->store);
    if (err != TL_OK)
        return tl_explain(why, err, NULL,
                          "the records are erased, but the write-ahead log could not be emptied "
                          "(%s), and may still hold their bodies: start the service again",
                          tl_err_text(err));
    e->stage = ERASE_DONE;
    return TL_OK;
}

/* ---- in slices ---- */

static void checked(struct log_erase *e)
{
    e->next = 0;
    e->stage = e->dry ? ERASE_DONE : ERASE_STORE;
    for (size_t i = 0; e->dry && i < e->count; i++)
        log_is_erased(e->log, e->indexes[i]) ? e->already++ : e->erased++;
}

static tl_err step(struct log_erase *e, struct tl_why *why)
{
    bool ready = false;
    tl_err err = TL_OK;
    switch (e->stage) {
    case ERASE_LEARN:
        err = erased_load(e->log, &ready, why);
        if (err == TL_OK && ready)
            e->stage = ERASE_CHECK;
        return err;
    case ERASE_CHECK:
        err = check_one(e, e->indexes[e->next++], why);
        if (err == TL_OK && e->next == e->count)
            checked(e);
        return err;
    case ERASE_STORE:
        return next_statement(e, why);
    case ERASE_SCRUB:
        return scrub(e, why);
    case ERASE_DONE:
        break;
    }
    return TL_OK;
}

static void run_slice(void *arg);

static tl_err submit(struct log_erase *e)
{
    e->job = (struct owner_job){.run = run_slice, .arg = e, .quiesce = e->stage == ERASE_STORE};
    return owner_submit(e->log, &e->job);
}

static void run_slice(void *arg)
{
    struct log_erase *e = arg;
    struct tl_why why = {0};
    uint64_t end = owner_slice_end();
    tl_err err = TL_OK;
    do
        err = step(e, &why);
    while (err == TL_OK && e->stage < ERASE_STORE && !owner_slice_over(end));
    if (err == TL_OK && e->stage != ERASE_DONE) {
        err = submit(e);
        if (err == TL_OK)
            return; /* it may be running again */
    }
    e->tree_size = e->log->durable_size;
    if (err == TL_OK)
        err = log_checkpoint(e->log, &e->checkpoint);
    e->done(e->done_ctx, err, &why);
}

tl_err log_erase_submit(struct log_erase *e, log_erase_done_fn *done, void *ctx)
{
    e->done = done;
    e->done_ctx = ctx;
    return e->log->has_owner ? submit(e) : TL_E_STOPPING;
}

tl_err log_erase_run(struct log_erase *e, struct tl_why *why)
{
    struct waiter w;
    waiter_init(&w);
    return waiter_wait(&w, log_erase_submit(e, waiter_done, &w), why);
}
