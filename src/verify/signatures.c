#include "verify/signatures.h"

#include "base/pool.h"
#include "base/refuse.h"

#include <stdlib.h>

#define BATCH 512
#define DEPTH 16 /* batches under way; about 1 MiB */

struct batch {
    struct pool_task task;
    bool under_way;
    size_t n;
    struct sign_job jobs[BATCH];
    uint64_t indexes[BATCH];
};

struct signatures {
    struct teelog_report *report;
    struct pool *pool;         /* NULL: the caller's thread alone */
    size_t at;                 /* the batch being filled */
    struct batch *ring[DEPTH]; /* made when first needed */
};

static void run(void *arg)
{
    struct batch *b = arg;
    verify_jobs(b->jobs, b->n);
}

tl_err signatures_new(struct signatures **out, struct teelog_report *r, unsigned threads)
{
    struct signatures *s = calloc(1, sizeof *s);
    if (!s)
        return TL_E_MEMORY;
    s->report = r;
    if (threads > 1 && pool_new(&s->pool, threads - 1) != TL_OK) {
        free(s);
        return TL_E_MEMORY;
    }
    *out = s;
    return TL_OK;
}

/* Takes in the results of a batch, and empties it. */
static tl_err collect(struct signatures *s, struct batch *b)
{
    tl_err err = TL_OK;
    bool memory = false;
    if (!b)
        return TL_OK;
    if (b->under_way && s->pool)
        pool_wait(s->pool, &b->task);
    for (size_t i = 0; i < b->n; i++) {
        if (b->under_way && b->jobs[i].unjudged)
            memory = true;
        else if (b->under_way && REFUSED(!b->jobs[i].ok))
            err = report_fail(s->report, CHECK_SIGNATURE, b->indexes[i],
                              "the signature of this statement does not verify");
        sign_key_free(&b->jobs[i].key);
    }
    b->under_way = false;
    b->n = 0;
    return err == TL_OK && memory ? TL_E_MEMORY : err;
}

void signatures_free(struct signatures *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < DEPTH; i++)
        (void)!collect(s, s->ring[i]);
    pool_free(s->pool);
    for (size_t i = 0; i < DEPTH; i++)
        free(s->ring[i]);
    free(s);
}

static void start(struct signatures *s, struct batch *b)
{
    b->under_way = true;
    if (s->pool)
        pool_submit(s->pool, &b->task);
    else
        run(b);
}

/* The batch to fill: the next one where the last is full. Taking it in first
 * bounds how far the reading runs ahead. */
static tl_err current(struct signatures *s, struct batch **out)
{
    struct batch *b = s->ring[s->at];
    if (b && b->n == BATCH) {
        start(s, b);
        s->at = (s->at + 1) % DEPTH;
        b = s->ring[s->at];
        tl_err err = collect(s, b);
        if (err != TL_OK)
            return err;
    }
    if (!b) {
        b = s->ring[s->at] = malloc(sizeof *b);
        if (!b)
            return TL_E_MEMORY;
        b->task = (struct pool_task){.run = run, .arg = b};
        b->under_way = false;
        b->n = 0;
    }
    *out = b;
    return TL_OK;
}

tl_err signatures_add(struct signatures *s, uint64_t index, const struct sign_key *key,
                      const hash32 *digest, const uint8_t signature[64])
{
    struct batch *b;
    tl_err err = current(s, &b);
    if (err != TL_OK)
        return err;
    b->jobs[b->n] = (struct sign_job){.key = sign_key_ref(key), .digest = *digest};
    memcpy(b->jobs[b->n].signature, signature, sizeof b->jobs[b->n].signature);
    b->indexes[b->n++] = index;
    return TL_OK;
}

tl_err signatures_drain(struct signatures *s)
{
    tl_err err = TL_OK;
    if (s->ring[s->at])
        start(s, s->ring[s->at]);
    for (size_t i = 0; i < DEPTH; i++) {
        /* From the oldest on; report_fail keeps the lowest index. */
        tl_err one = collect(s, s->ring[(s->at + 1 + i) % DEPTH]);
        if (err == TL_OK)
            err = one;
    }
    return err;
}
