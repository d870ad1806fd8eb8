#include "log/quoter.h"

#include "log/internal.h"

#include <stdlib.h>
#include <time.h>

#define SECOND UINT64_C(1000000000)

struct quote_job {
    uint8_t report_data[64];
    log_quote_done_fn *done;
    void *ctx;
    uint64_t came; /* monotonic, nanoseconds */
};

/* Who waits, in order. */
struct line {
    struct quote_job *jobs; /* a ring */
    size_t max, first, count;
};

enum { OWN, ASKED, LINES };

struct quoter {
    struct tee *tee;
    uint64_t period, slack; /* nanoseconds: between quotes, and of a whole burst */
    uint64_t patience;      /* nanoseconds in line */
    pthread_t thread;
    pthread_mutex_t lock; /* for all below */
    pthread_cond_t wake;
    bool running, stop;
    uint64_t due; /* when the quotes so far would have been made at the average rate */
    struct line lines[LINES];
    struct quote_job own[OWN_QUOTES_MAX], asked[QUOTES_WAITING_MAX];
    size_t turns; /* taken and not used yet */
    int last;     /* the line that had its turn */
};

tl_err quoter_new(struct quoter **out, struct tee *tee, const struct quoter_limits *limits)
{
    unsigned rate = limits->per_second ? limits->per_second : QUOTES_PER_SECOND;
    unsigned burst = limits->burst ? limits->burst : QUOTES_BURST;
    unsigned patience_ms = limits->patience_ms ? limits->patience_ms : QUOTE_PATIENCE_MS;
    struct quoter *q = calloc(1, sizeof *q);
    if (!q)
        return TL_E_MEMORY;
    q->tee = tee;
    q->period = SECOND / rate;
    q->slack = q->period * (burst - 1);
    q->patience = patience_ms * (SECOND / 1000);
    q->lines[OWN] = (struct line){.jobs = q->own, .max = OWN_QUOTES_MAX};
    q->lines[ASKED] = (struct line){.jobs = q->asked, .max = QUOTES_WAITING_MAX};
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->wake, NULL);
    *out = q;
    return TL_OK;
}

static uint64_t monotonic(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

/* How many wait. The lock is held, here and below, but for quote and answer. */
static size_t waiting(const struct quoter *q)
{
    return q->lines[OWN].count + q->lines[ASKED].count;
}

/* By turns where both lines wait, so that neither keeps the other from the hardware. */
static struct quote_job pop(struct quoter *q)
{
    int other = q->last == OWN ? ASKED : OWN;
    q->last = q->lines[other].count ? other : q->last;
    struct line *l = &q->lines[q->last];
    struct quote_job job = l->jobs[l->first];
    l->first = (l->first + 1) % l->max;
    l->count--;
    return job;
}

static tl_err ask(const struct quoter *q, const struct quote_job *job, buf *quote, buf *event_log,
                  struct tl_why *why)
{
    if (monotonic() - job->came > q->patience)
        return tl_explain(why, TL_E_NO_QUOTE, NULL,
                          "the platform makes quotes too slowly: %g seconds have not been enough "
                          "for those that were asked for before",
                          (double)q->patience / (double)SECOND);
    return tee_quote(q->tee, job->report_data, quote, event_log, why);
}

/* Without the lock. */
static void answer(const struct quote_job *job, tl_err err, const struct evidence *e,
                   const struct tl_why *why)
{
    static const struct evidence nothing;
    job->done(job->ctx, err, e ? e : &nothing, why);
}

/* What became of the job. Without the lock. */
static tl_err quote(const struct quoter *q, const struct quote_job *job, struct tl_why *why)
{
    buf quote, event_log;
    buf_init(&quote, TEE_QUOTE_MAX);
    buf_init(&event_log, TEE_EVENT_LOG_MAX);
    tl_err err = ask(q, job, &quote, &event_log, why);
    const struct evidence e = tee_evidence(q->tee, &quote, &event_log);
    /* To whoever asked the platform is there, as the boot has shown. */
    answer(job, err == TL_E_TEE ? TL_E_NO_QUOTE : err, err == TL_OK ? &e : NULL, why);
    buf_finish(&event_log);
    buf_finish(&quote);
    return err;
}

/* The same for n who wait. */
static void answer_all(struct quoter *q, size_t n, tl_err err, const struct tl_why *why)
{
    while (n--) {
        struct quote_job job = pop(q);
        pthread_mutex_unlock(&q->lock);
        answer(&job, err, NULL, why);
        pthread_mutex_lock(&q->lock);
    }
}

static void *run(void *arg)
{
    struct quoter *q = arg;
    pthread_mutex_lock(&q->lock);
    while (!q->stop) {
        if (!waiting(q)) {
            pthread_cond_wait(&q->wake, &q->lock);
            continue;
        }
        struct tl_why why = {{0}, {0}};
        struct quote_job job = pop(q);
        pthread_mutex_unlock(&q->lock);
        tl_err err = quote(q, &job, &why);
        pthread_mutex_lock(&q->lock);
        if (err == TL_E_NO_QUOTE)
            answer_all(q, waiting(q), err, &why);
    }
    struct tl_why none = {{0}, {0}};
    answer_all(q, waiting(q), TL_E_STOPPING, &none);
    pthread_mutex_unlock(&q->lock);
    return NULL;
}

static tl_err start(struct quoter *q)
{
    if (q->stop)
        return TL_E_STOPPING;
    if (!q->running && pthread_create(&q->thread, NULL, run, q) != 0)
        return TL_E_MEMORY;
    q->running = true;
    return TL_OK;
}

static void push(struct quoter *q, int line, const uint8_t report_data[64], log_quote_done_fn *done,
                 void *ctx)
{
    struct line *l = &q->lines[line];
    struct quote_job *job = &l->jobs[(l->first + l->count++) % l->max];
    memcpy(job->report_data, report_data, sizeof job->report_data);
    job->done = done;
    job->ctx = ctx;
    job->came = monotonic();
    pthread_cond_signal(&q->wake);
}

/* A token bucket, told as a time: it is empty where the quotes so far reach further
 * ahead of now than a burst. */
static tl_err take_turn(struct quoter *q, struct tl_why *why)
{
    uint64_t now = monotonic(), due = q->due > now ? q->due : now;
    if (q->stop)
        return TL_E_STOPPING;
    if (q->lines[ASKED].count + q->turns == QUOTES_WAITING_MAX)
        return tl_explain(why, TL_E_BUSY, NULL,
                          "%d quotes are waited for already; ask again in a while",
                          QUOTES_WAITING_MAX);
    if (due - now > q->slack)
        return tl_explain(why, TL_E_BUSY, NULL,
                          "the hardware is asked for no more than %llu quotes a second; ask again "
                          "in a while",
                          (unsigned long long)(SECOND / q->period));
    tl_err err = start(q);
    if (err != TL_OK)
        return err;
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
    pthread_mutex_lock(&q->lock);
    q->turns--;
    tl_err err = q->stop ? TL_E_STOPPING : TL_OK;
    if (err == TL_OK)
        push(q, ASKED, report_data, done, ctx);
    pthread_mutex_unlock(&q->lock);
    return err;
}

tl_err quoter_own(struct quoter *q, const uint8_t report_data[64], log_quote_done_fn *done,
                  void *ctx, struct tl_why *why)
{
    pthread_mutex_lock(&q->lock);
    tl_err err = start(q);
    if (err == TL_OK && q->lines[OWN].count == OWN_QUOTES_MAX)
        err = tl_explain(why, TL_E_BUSY, NULL, "%d new sessions wait for their quotes already",
                         OWN_QUOTES_MAX);
    if (err == TL_OK)
        push(q, OWN, report_data, done, ctx);
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

void log_wind_up(struct log *log)
{
    if (!log)
        return;
    quoter_stop(log->quoter);
    fence_wind_up(log);
}
