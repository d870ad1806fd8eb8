#include "log/quoter.h"

#include "log/internal.h"

#include <stdlib.h>
#include <time.h>

#define SECOND UINT64_C(1000000000)

struct quote_job {
    uint8_t report_data[64];
    log_quote_done_fn *done;
    void *ctx;
};

struct quoter {
    struct tee *tee;
    uint64_t period, slack; /* nanoseconds: between quotes, and of a whole burst */
    pthread_t thread;
    pthread_mutex_t lock; /* for all below */
    pthread_cond_t wake;
    bool running, stop;
    uint64_t due; /* when the quotes so far would have been made at the average rate */
    struct quote_job jobs[QUOTES_WAITING_MAX]; /* a ring */
    size_t first, count, turns;                /* turns: taken and not used yet */
};

tl_err quoter_new(struct quoter **out, struct tee *tee, unsigned per_second, unsigned burst)
{
    struct quoter *q = calloc(1, sizeof *q);
    if (!q)
        return TL_E_MEMORY;
    q->tee = tee;
    q->period = SECOND / (per_second ? per_second : QUOTES_PER_SECOND);
    q->slack = q->period * ((burst ? burst : QUOTES_BURST) - 1);
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->wake, NULL);
    *out = q;
    return TL_OK;
}

static void quote(struct quoter *q, const struct quote_job *job, bool stopping)
{
    struct tl_why why = {{0}, {0}};
    buf quote, event_log;
    struct evidence e = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    buf_init(&quote, TEE_QUOTE_MAX);
    buf_init(&event_log, TEE_EVENT_LOG_MAX);
    tl_err err =
        stopping ? TL_E_STOPPING : tee_quote(q->tee, job->report_data, &quote, &event_log, &why);
    if (err == TL_OK)
        e = (struct evidence){slice_str(tee_platform(q->tee)), buf_slice(&quote),
                              event_log.n ? buf_slice(&event_log) : (slice){NULL, 0}};
    job->done(job->ctx, err, &e, &why);
    buf_finish(&event_log);
    buf_finish(&quote);
}

static void *run(void *arg)
{
    struct quoter *q = arg;
    pthread_mutex_lock(&q->lock);
    for (;;) {
        if (q->count) {
            struct quote_job job = q->jobs[q->first];
            bool stopping = q->stop;
            q->first = (q->first + 1) % QUOTES_WAITING_MAX;
            q->count--;
            pthread_mutex_unlock(&q->lock);
            quote(q, &job, stopping);
            pthread_mutex_lock(&q->lock);
        } else if (q->stop) {
            break;
        } else {
            pthread_cond_wait(&q->wake, &q->lock);
        }
    }
    pthread_mutex_unlock(&q->lock);
    return NULL;
}

static uint64_t monotonic(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

/* A token bucket, told as a time: it is empty where the quotes so far reach further
 * ahead of now than a burst. The lock is held. */
static tl_err take_turn(struct quoter *q, struct tl_why *why)
{
    uint64_t now = monotonic(), due = q->due > now ? q->due : now;
    if (q->stop)
        return TL_E_STOPPING;
    if (q->count + q->turns == QUOTES_WAITING_MAX)
        return tl_explain(why, TL_E_BUSY, NULL,
                          "%d quotes are waited for already; ask again in a while",
                          QUOTES_WAITING_MAX);
    if (due - now > q->slack)
        return tl_explain(why, TL_E_BUSY, NULL,
                          "the hardware is asked for no more than %llu quotes a second; ask again "
                          "in a while",
                          (unsigned long long)(SECOND / q->period));
    if (!q->running && pthread_create(&q->thread, NULL, run, q) != 0)
        return TL_E_MEMORY;
    q->running = true;
    q->due = due + q->period;
    q->turns++;
    return TL_OK;
}

tl_err quoter_turn(struct quoter *q, struct tl_why *why)
{
    pthread_mutex_lock(&q->lock);
    tl_err err = take_turn(q, why);
    pthread_mutex_unlock(&q->lock);
    return err;
}

void quoter_give_back(struct quoter *q)
{
    pthread_mutex_lock(&q->lock);
    q->turns--;
    q->due -= q->period;
    pthread_mutex_unlock(&q->lock);
}

tl_err quoter_use(struct quoter *q, const uint8_t report_data[64], log_quote_done_fn *done,
                  void *ctx)
{
    tl_err err = TL_E_STOPPING;
    pthread_mutex_lock(&q->lock);
    q->turns--;
    if (!q->stop) {
        struct quote_job *job = &q->jobs[(q->first + q->count++) % QUOTES_WAITING_MAX];
        memcpy(job->report_data, report_data, sizeof job->report_data);
        job->done = done;
        job->ctx = ctx;
        pthread_cond_signal(&q->wake);
        err = TL_OK;
    }
    pthread_mutex_unlock(&q->lock);
    return err;
}

void quoter_stop(struct quoter *q)
{
    if (!q)
        return;
    pthread_mutex_lock(&q->lock);
    bool join = q->running && !q->stop;
    q->stop = true;
    pthread_cond_signal(&q->wake);
    pthread_mutex_unlock(&q->lock);
    if (join)
        pthread_join(q->thread, NULL);
}

void quoter_free(struct quoter *q)
{
    if (!q)
        return;
    quoter_stop(q);
    pthread_cond_destroy(&q->wake);
    pthread_mutex_destroy(&q->lock);
    free(q);
}

tl_err log_quote_turn(struct log *log, struct tl_why *why)
{
    pthread_mutex_lock(&log->lock);
    bool dead = log->dead;
    pthread_mutex_unlock(&log->lock);
    /* Its boot has ended: nobody is to vouch for it any more. */
    return dead ? TL_E_STOPPING : quoter_turn(log->quoter, why);
}

void log_quote_give_back(struct log *log)
{
    quoter_give_back(log->quoter);
}

tl_err log_quote_use(struct log *log, const uint8_t report_data[64], log_quote_done_fn *done,
                     void *ctx)
{
    return quoter_use(log->quoter, report_data, done, ctx);
}

tl_err log_quote_submit(struct log *log, const uint8_t report_data[64], log_quote_done_fn *done,
                        void *ctx, struct tl_why *why)
{
    tl_err err = log_quote_turn(log, why);
    return err == TL_OK ? log_quote_use(log, report_data, done, ctx) : err;
}
