/* The agents of a log, read in slices on the owner thread. */
#include "log/internal.h"
#include "log/waiter.h"

#include <stdlib.h>

struct log_agents {
    struct log *log;
    struct log_agent *rows;
    size_t count, capacity;
    struct owner_job job;
    log_agents_done_fn *done;
    void *ctx;
};

tl_err log_agents_new(struct log_agents **out, struct log *log)
{
    struct log_agents *a = calloc(1, sizeof *a);
    if (!a)
        return TL_E_MEMORY;
    a->log = log;
    *out = a;
    return TL_OK;
}

void log_agents_free(struct log_agents *a)
{
    if (!a)
        return;
    free(a->rows);
    free(a);
}

const struct log_agent *log_agents_rows(const struct log_agents *a, size_t *count)
{
    *count = a->count;
    return a->rows;
}

static tl_err room(struct log_agents *a, size_t n)
{
    if (n <= a->capacity)
        return TL_OK;
    struct log_agent *rows = realloc(a->rows, 2 * n * sizeof *rows);
    if (!rows)
        return TL_E_MEMORY;
    a->rows = rows;
    a->capacity = 2 * n;
    return TL_OK;
}

static void put(struct log_agent *a, const struct subject *s)
{
    struct cose_ec2 point;
    memset(a, 0, sizeof *a);
    memcpy(a->id, s->name.p, s->name.n);
    a->count = s->durable_count;
    a->last_index = s->durable_last;
    a->open = s->session.key.alg != 0;
    if (!a->open)
        return;
    a->session = s->session.index;
    a->admission = s->session.admission;
    a->alg = s->session.key.alg;
    sign_key_point(&s->session.key, &point);
    cose_ec2_compressed(a->public_key, &point);
}

/* Goes on after the last that is there: others may have come before it. */
static tl_err read_some(struct log_agents *a, bool *more)
{
    uint64_t end = owner_slice_end();
    size_t n, i = 0;
    struct subject *const *agents = roster_agents(a->log->roster, &n);
    if (a->count)
        i = roster_agents_after(a->log->roster, slice_str(a->rows[a->count - 1].id));
    for (size_t done = 0; i < n; i++) {
        if (done++ % 16 == 15 && owner_slice_over(end))
            break;
        if (room(a, a->count + 1) != TL_OK)
            return TL_E_MEMORY;
        put(&a->rows[a->count++], agents[i]);
    }
    *more = i < n;
    return TL_OK;
}

static void run_slice(void *arg)
{
    struct log_agents *a = arg;
    bool more = false;
    tl_err err = read_some(a, &more);
    if (err == TL_OK && more) {
        err = owner_submit(a->log, &a->job);
        if (err == TL_OK)
            return;
    }
    a->done(a->ctx, err);
}

tl_err log_agents_submit(struct log_agents *a, log_agents_done_fn *done, void *ctx)
{
    a->done = done;
    a->ctx = ctx;
    a->job = (struct owner_job){.run = run_slice, .arg = a};
    return owner_submit(a->log, &a->job);
}

static void wake(void *ctx, tl_err err)
{
    waiter_done(ctx, err, NULL);
}

tl_err log_agents_run(struct log_agents *a)
{
    struct waiter w;
    bool more = true;
    tl_err err = TL_OK;
    if (a->log->has_owner) {
        waiter_init(&w);
        return waiter_wait(&w, log_agents_submit(a, wake, &w), NULL);
    }
    while (more && err == TL_OK)
        err = read_some(a, &more);
    return err;
}
