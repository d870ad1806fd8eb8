/* The owner thread: it alone has the store, gives order, and commits. While one
 * group is signed in the pool, the one before it is stored here. */
#include "log/internal.h"
#include "log/waiter.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* How long a job goes on where others wait for their turn, beside a small group; more
 * for each statement of a larger one, which takes that much longer anyway: during a bulk
 * load jobs would never end otherwise. And where nobody waits. */
#define SLICE_NS      250000
#define SLICE_NS_EACH 2000
#define SLICE_NS_MAX  4000000

/* The owner thread's own. */
static _Thread_local struct owner_turn {
    struct log *log;
    bool in_flight; /* a group waits for its commit */
    uint64_t slice_ns;
} turn;

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t owner_slice_end(void)
{
    return now_ns() + (turn.log ? turn.slice_ns : 0);
}

bool owner_slice_over(uint64_t end)
{
    uint64_t now = now_ns();
    bool wait = turn.in_flight ||
                (turn.log && atomic_load_explicit(&turn.log->waits, memory_order_relaxed));
    return now >= end + (wait ? 0 : SLICE_NS_MAX);
}

static void take_turn(struct log *log, const struct group *in_flight)
{
    turn = (struct owner_turn){.log = log,
                               .in_flight = in_flight != NULL,
                               .slice_ns =
                                   SLICE_NS + (in_flight ? in_flight->count : 0) * SLICE_NS_EACH};
}

static void run_job(struct log *log, struct owner_job *job, const struct group *in_flight)
{
    take_turn(log, in_flight);
    job->run(job->arg); /* the job may be gone after this */
}

static struct log_batch *pop_batch(struct log *log)
{
    pthread_mutex_lock(&log->lock);
    struct log_batch *b = log->queue;
    if (b) {
        log->queue = b->next;
        if (!log->queue)
            log->queue_last = &log->queue;
        b->next = NULL;
    }
    pthread_mutex_unlock(&log->lock);
    return b;
}

void owner_resume(struct log *log, struct log_batch *first, struct log_batch **last)
{
    if (!first)
        last = &first;
    if (log->taking) {
        *last = log->taking;
        last = &log->taking->next;
        log->taking = NULL;
    }
    if (!first)
        return;
    pthread_mutex_lock(&log->lock);
    *last = log->queue;
    if (!log->queue)
        log->queue_last = last;
    log->queue = first;
    atomic_store_explicit(&log->waits, true, memory_order_relaxed);
    pthread_mutex_unlock(&log->lock);
}

/* The log can go on no more: everyone who waits is told, nothing is retried. */
static void die(struct log *log, tl_err err)
{
    char text[200];
    struct tl_why why = {0};
    snprintf(text, sizeof text, "the log stops: %s", failure_text(log, err));
    (void)tl_explain(&why, TL_E_STOPPING, NULL, "%s", text);
    struct tl_why unknown = {0};
    (void)tl_explain(&unknown, TL_E_COMMIT, NULL,
                     "%s; which of these records were stored is unknown: repeat them with their "
                     "requestId",
                     text);
    pthread_mutex_lock(&log->lock);
    log->dead = true;
    pthread_mutex_unlock(&log->lock);
    if (log->taking)
        owner_resume(log, NULL, NULL);
    cosign_end(log);
    for (struct log_batch *b; (b = pop_batch(log)) || (b = sessions_pop(log));)
        b->taken ? batch_finish(log, b, TL_E_COMMIT, &unknown)
                 : batch_finish(log, b, TL_E_STOPPING, &why);
    /* No job joins once the log is dead; those that wait learn it from the store. */
    for (struct owner_job *j = log->jobs, *next; j; j = next) {
        next = j->next;
        j->run(j->arg);
    }
    if (log->fatal)
        log->fatal(log->fatal_ctx, text);
}

/* Heads at intervals, before their rows are more than a group's. From then on they are
 * hashed in slices, one beside each group, and appended when that is done; not later than
 * at twice as many. */
static bool heads_time(struct log *log, const struct group *g)
{
    size_t rows = roster_unsaved_count(log->roster);
    if (!heads_due(log, rows >= HEADS_ROWS ? 1 : HEADS_EVERY))
        return false;
    take_turn(log, g);
    return roster_heads_ready(log->roster, owner_slice_end()) || rows >= 2 * HEADS_ROWS ||
           log->since_heads >= 2 * HEADS_EVERY;
}

/* What was queued before the log was frozen. What is in a group already stays there. */
static void turn_away(struct log *log, struct group *g, struct log_batch *b, tl_err err)
{
    struct tl_why why = {{0}, {0}};
    err = fence_explain(log, err, &why);
    if (b->taken == 0) {
        batch_finish(log, b, err, &why);
        return;
    }
    for (; b->taken < b->count; b->taken++) {
        b->receipts[b->taken].err = err;
        b->receipts[b->taken].why = why;
    }
    b->next = NULL;
    *g->last_done = b;
    g->last_done = &b->next;
}

static void turn_all_away(struct log *log, struct group *g, tl_err err)
{
    for (struct log_batch *b; (b = log->taking ? log->taking : pop_batch(log));) {
        log->taking = NULL;
        turn_away(log, g, b, err);
    }
}

/* Takes from the queue what fits into the group; shut: why nothing may. */
static tl_err fill(struct log *log, struct group *g, tl_err shut)
{
    g->blocked = false;
    if (shut != TL_OK) {
        turn_all_away(log, g, shut);
        return TL_OK;
    }
    while (!group_full(g)) {
        if (!log->taking)
            log->taking = pop_batch(log);
        if (!log->taking)
            break;
        bool waits = false;
        tl_err err = sequence_batch(log, g, log->taking, &waits);
        if (err != TL_OK)
            return err;
        if (waits || log->taking->taken == log->taking->count)
            log->taking = NULL; /* it waits for a session, or is in the group's list */
    }
    return heads_time(log, g) ? sequence_heads(log, g) : TL_OK;
}

/* What the owner sees when it looks up from its work. */
struct outlook {
    bool work, quiesce, stop, fence;
    tl_err shut;           /* why no record may be placed */
    struct owner_job *job; /* popped */
};

/* Waits until there is something to do. With a group in flight it does not
 * wait: that group is something to do. */
static struct outlook look(struct log *log, bool in_flight)
{
    struct outlook o = {0};
    pthread_mutex_lock(&log->lock);
    while (!in_flight && !log->taking && !log->queue && !log->jobs && !log->stop &&
           !fence_is_due(log))
        fence_sleep(log);
    o.fence = fence_is_due(log);
    o.shut = fence_shut(log, ST_RECORD);
    o.quiesce = log->jobs && log->jobs->quiesce;
    if (log->jobs && (!o.quiesce || !in_flight)) {
        o.job = log->jobs;
        log->jobs = o.job->next;
        if (!log->jobs)
            log->jobs_last = &log->jobs;
    }
    o.work = log->taking || log->queue;
    o.stop = log->stop;
    atomic_store_explicit(&log->waits, o.work || log->jobs, memory_order_relaxed);
    pthread_mutex_unlock(&log->lock);
    return o;
}

static void *owner(void *arg)
{
    struct log *log = arg;
    struct group *making = log->groups[0], *storing = log->groups[1];
    bool in_flight = false;
    tl_err err = TL_OK;
    while (err == TL_OK) {
        struct outlook o = look(log, in_flight);
        if (o.job && o.quiesce)
            run_job(log, o.job, NULL);
        bool made = false;
        if (log->job_err != TL_OK)
            err = log->job_err;
        else if (o.work && !(o.quiesce && !o.job)) {
            err = fill(log, making, o.shut);
            made = making->count || making->done;
            if (made && err == TL_OK)
                sign_group(log, making);
        } else if (o.stop && !in_flight && !o.job) {
            break;
        }
        if (in_flight) {
            tl_err commit_err = commit_group(log, storing);
            if (err == TL_OK)
                err = commit_err;
        }
        if (o.job && !o.quiesce)
            run_job(log, o.job, made ? making : NULL); /* while it is signed */
        if (err == TL_OK)
            err = log->job_err;
        if (err == TL_OK && o.fence) {
            take_turn(log, made ? making : NULL);
            err = fence_turn(log);
        }
        in_flight = made;
        struct group *swap = making;
        making = storing;
        storing = swap;
    }
    if (err != TL_OK) {
        /* Signed or half made: it is not committed, but other parts of its batches
         * may be. */
        for (size_t i = 0; i < storing->chunk_count; i++)
            pool_wait(log->pool, &storing->chunks[i].task);
        for (struct log_batch *b = storing->done, *next; b; b = next) {
            next = b->next;
            batch_finish(log, b, TL_E_COMMIT, NULL);
        }
        group_reset(storing);
        die(log, err);
    }
    return NULL;
}

tl_err owner_start(struct log *log)
{
    if (pthread_create(&log->owner, NULL, owner, log) != 0)
        return TL_E_MEMORY;
    pthread_mutex_lock(&log->lock);
    log->has_owner = true;
    pthread_mutex_unlock(&log->lock);
    return TL_OK;
}

void owner_stop(struct log *log)
{
    if (!log->has_owner)
        return;
    pthread_mutex_lock(&log->lock);
    log->stop = true;
    pthread_cond_broadcast(&log->wake);
    pthread_mutex_unlock(&log->lock);
    pthread_join(log->owner, NULL);
    pthread_mutex_lock(&log->lock);
    log->has_owner = false;
    pthread_mutex_unlock(&log->lock);
}

tl_err owner_submit(struct log *log, struct owner_job *job)
{
    tl_err err = TL_OK;
    job->next = NULL;
    pthread_mutex_lock(&log->lock);
    if (log->dead || log->stop || !log->has_owner) { /* nobody would ever run it */
        err = TL_E_STOPPING;
    } else {
        *log->jobs_last = job;
        log->jobs_last = &job->next;
        atomic_store_explicit(&log->waits, true, memory_order_relaxed);
        pthread_cond_broadcast(&log->wake);
    }
    pthread_mutex_unlock(&log->lock);
    return err;
}

struct call {
    struct owner_job job;
    void (*fn)(void *arg);
    void *arg;
    struct waiter waiter;
};

static void run_call(void *arg)
{
    struct call *c = arg;
    c->fn(c->arg);
    waiter_done(&c->waiter, TL_OK, NULL);
}

tl_err owner_call(struct log *log, void (*fn)(void *arg), void *arg, bool quiesce)
{
    if (!log->has_owner) {
        fn(arg);
        return TL_OK;
    }
    struct call c = {.fn = fn, .arg = arg};
    c.job = (struct owner_job){.run = run_call, .arg = &c, .quiesce = quiesce};
    waiter_init(&c.waiter);
    return waiter_wait(&c.waiter, owner_submit(log, &c.job), NULL);
}

tl_err log_submit(struct log *log, struct log_batch *b, log_done_fn *done, void *ctx)
{
    tl_err err = TL_OK;
    b->done = done;
    b->ctx = ctx;
    b->next = NULL;
    pthread_mutex_lock(&log->lock);
    if (log->dead || log->stop || !log->has_owner)
        err = TL_E_STOPPING;
    else if ((err = fence_shut(log, ST_RECORD)) != TL_OK)
        ; /* fenced, or frozen */
    else if (log->queue_bytes && log->queue_bytes + b->arena.n > QUEUE_BYTES_MAX)
        err = TL_E_BUSY;
    else if (!room_take(log, b->arena.n, b->count) && !b->anyway)
        err = TL_E_FULL;
    else if (b->cosigned_ms)
        err = cosign_reserve(log, batch_kept(b));
    if (err == TL_OK) {
        log->queue_bytes += b->arena.n;
        *log->queue_last = b;
        log->queue_last = &b->next;
        atomic_store_explicit(&log->waits, true, memory_order_relaxed);
        pthread_cond_broadcast(&log->wake);
    }
    pthread_mutex_unlock(&log->lock);
    return err;
}
