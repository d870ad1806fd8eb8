#include "tee/asker.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct job {
    struct job *next; /* in the queue */
    uint8_t report_data[64];
    buf quote, event_log;
    tl_err err;
    struct tl_why why;
    bool done, abandoned; /* abandoned: the thread frees it */
};

struct asker {
    struct tee *tee;
    pthread_t thread;
    pthread_mutex_t lock; /* for all below */
    pthread_cond_t wake;  /* of the thread and of all who wait */
    unsigned deadline_ms;
    struct job *first;        /* who waits, in order */
    struct timespec progress; /* the last answer */
    unsigned waiting;         /* who is in asker_ask */
    bool running, stop;
    bool busy; /* the thread is in the platform */
    bool left; /* the thread, or the last who waits, frees it all */
    bool ended;
};

tl_err asker_new(struct asker **out, struct tee *tee)
{
    pthread_condattr_t monotonic;
    struct asker *a = calloc(1, sizeof *a);
    if (!a)
        return TL_E_MEMORY;
    a->tee = tee;
    a->deadline_ms = TEE_DEADLINE_MS;
    pthread_mutex_init(&a->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&a->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    *out = a;
    return TL_OK;
}

static void asker_free(struct asker *a)
{
    a->tee->ops->close(a->tee);
    pthread_cond_destroy(&a->wake);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

static void job_free(struct job *j)
{
    buf_finish(&j->quote);
    buf_finish(&j->event_log);
    free(j);
}

/* The lock is held, but not while the platform works. */
static void answer(struct asker *a, struct job *j)
{
    a->first = j->next;
    a->busy = true;
    pthread_mutex_unlock(&a->lock);
    j->err = a->tee->ops->quote(a->tee, j->report_data, &j->quote, &j->event_log, &j->why);
    pthread_mutex_lock(&a->lock);
    a->busy = false;
    clock_gettime(CLOCK_MONOTONIC, &a->progress);
    j->done = true;
    if (j->abandoned)
        job_free(j);
    pthread_cond_broadcast(&a->wake);
}

static void *run(void *arg)
{
    struct asker *a = arg;
    pthread_mutex_lock(&a->lock);
    while (a->first || !a->stop) {
        if (a->first)
            answer(a, a->first);
        else
            pthread_cond_wait(&a->wake, &a->lock);
    }
    a->ended = true;
    bool last = a->left && !a->waiting;
    pthread_mutex_unlock(&a->lock);
    if (last)
        asker_free(a);
    return NULL;
}

/* The thread is made and the job is its last. The lock is held. */
static tl_err queue(struct asker *a, struct job *j)
{
    struct job **end = &a->first;
    if (!a->running && pthread_create(&a->thread, NULL, run, a) != 0)
        return TL_E_MEMORY;
    a->running = true;
    while (*end)
        end = &(*end)->next;
    *end = j;
    pthread_cond_broadcast(&a->wake);
    return TL_OK;
}

static bool later(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

static struct timespec plus(struct timespec t, unsigned ms)
{
    t.tv_sec += (time_t)(ms / 1000);
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

/* Until the job is done, or the platform has made no quote for the deadline since the job came.
 * The lock is held. */
static void await(struct asker *a, const struct job *j)
{
    struct timespec came, now, until;
    clock_gettime(CLOCK_MONOTONIC, &came);
    now = came;
    while (!j->done) {
        until = plus(later(&a->progress, &came) ? a->progress : came, a->deadline_ms);
        if (!later(&until, &now))
            return;
        (void)pthread_cond_timedwait(&a->wake, &a->lock, &until);
        clock_gettime(CLOCK_MONOTONIC, &now);
    }
}

/* Out of the queue; where it is not there, it is being answered. */
static bool unqueue(struct asker *a, struct job *j)
{
    struct job **at = &a->first;
    while (*at && *at != j)
        at = &(*at)->next;
    if (!*at)
        return false;
    *at = j->next;
    return true;
}

tl_err asker_ask(struct asker *a, const uint8_t report_data[64], buf *quote, buf *event_log,
                 struct tl_why *why)
{
    struct job *j = calloc(1, sizeof *j);
    if (!j)
        return TL_E_MEMORY;
    memcpy(j->report_data, report_data, sizeof j->report_data);
    buf_init(&j->quote, TEE_QUOTE_MAX);
    buf_init(&j->event_log, TEE_EVENT_LOG_MAX);
    pthread_mutex_lock(&a->lock);
    a->waiting++;
    tl_err err = queue(a, j);
    if (err == TL_OK)
        await(a, j);
    bool mine = err != TL_OK || j->done || unqueue(a, j);
    if (err == TL_OK && !j->done)
        err = tl_explain(why, TL_E_NO_QUOTE, "tee",
                         "the platform has answered nobody for %u.%03u s; it will be asked again "
                         "when it has. Whether it hangs, the host's quoting service knows",
                         a->deadline_ms / 1000, a->deadline_ms % 1000);
    j->abandoned = !mine;
    bool last = --a->waiting == 0 && a->left && a->ended;
    pthread_mutex_unlock(&a->lock);
    if (last)
        asker_free(a);
    if (!mine)
        return err;
    if (err == TL_OK) {
        err = j->err == TL_OK
                  ? buf_err(&j->quote)
                  : tl_explain(why, j->err, j->why.field, "%s", tl_why_text(&j->why, j->err));
        buf_bytes(quote, buf_slice(&j->quote));
        buf_bytes(event_log, buf_slice(&j->event_log));
    }
    if (err == TL_OK)
        err = buf_err(&j->event_log);
    job_free(j);
    return err;
}

void asker_set_deadline(struct asker *a, unsigned ms)
{
    pthread_mutex_lock(&a->lock);
    a->deadline_ms = ms;
    pthread_cond_broadcast(&a->wake);
    pthread_mutex_unlock(&a->lock);
}

void asker_close(struct asker *a)
{
    pthread_mutex_lock(&a->lock);
    bool running = a->running, left = a->busy || a->waiting;
    a->stop = true;
    a->left = left;
    if (left)
        pthread_detach(a->thread);
    pthread_cond_broadcast(&a->wake);
    pthread_mutex_unlock(&a->lock);
    if (left)
        return;
    if (running)
        pthread_join(a->thread, NULL);
    asker_free(a);
}
