#include "witness/client.h"

#include "witness/asking.h"
#include "witness/wire.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

struct witness_client {
    struct witness_log_face log;
    struct asking *asking; /* the thread's own, as the wire is */
    struct wire *wire;
    atomic_bool stop, hurry;
    pthread_t thread;
    pthread_mutex_t lock; /* for the views alone: never held while the log is asked */
    size_t count;
    struct witness_view *views;
};

/* Whenever somebody waits, no longer than this passes without a look at what has come. */
#define WAIT_MAX_MS 500

static struct asking_now read_clocks(void)
{
    struct timespec mono, real;
    clock_gettime(CLOCK_MONOTONIC, &mono);
    clock_gettime(CLOCK_REALTIME, &real);
    return (struct asking_now){
        .ms = (uint64_t)mono.tv_sec * 1000 + (uint64_t)mono.tv_nsec / 1000000,
        .s = real.tv_sec > 0 ? (uint64_t)real.tv_sec : 0,
        .dice = (uint32_t)((uint64_t)mono.tv_nsec * 2654435761u >> 16),
    };
}

static void on_answer(void *ctx, size_t i, const struct asking_answer *answer)
{
    struct witness_client *c = ctx;
    const struct asking_now now = read_clocks();
    asking_answered(c->asking, i, &now, answer);
}

static void send_one(struct witness_client *c, size_t i, const struct asking_now *now, buf *body,
                     buf *url)
{
    struct tl_why why = {{0}, {0}};
    buf_reset(body);
    buf_reset(url);
    enum asking_what what = asking_take(c->asking, i, now, body);
    if (what == ASKING_NOTHING)
        return;
    asking_address(c->asking, i, what, url);
    tl_err err = buf_err(url);
    if (err == TL_OK)
        err = wire_send(c->wire, i, buf_slice(url), buf_slice(body), &why);
    if (err == TL_OK)
        return;
    const struct asking_answer none = {.failure = tl_why_text(&why, err)};
    asking_answered(c->asking, i, now, &none);
}

static void show(struct witness_client *c)
{
    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < c->count; i++)
        asking_view(c->asking, i, &c->views[i]);
    pthread_mutex_unlock(&c->lock);
}

static void *run(void *ctx)
{
    struct witness_client *c = ctx;
    sigset_t all; /* the process's signals are for others; and a broken pipe is none */
    buf body, url;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    buf_init(&body, WITNESS_REQUEST_MAX);
    buf_init(&url, ASKING_URL_MAX + 128);
    while (!atomic_load(&c->stop)) {
        const struct asking_now now = read_clocks();
        if (atomic_exchange(&c->hurry, false))
            asking_hurry(c->asking);
        asking_turn(c->asking, &now);
        for (size_t i = 0; i < c->count; i++)
            send_one(c, i, &now, &body, &url);
        show(c);
        unsigned ms = asking_wait(c->asking, &now);
        wire_wait(c->wire, ms < WAIT_MAX_MS ? ms : WAIT_MAX_MS, on_answer, c);
    }
    buf_finish(&body);
    buf_finish(&url);
    return NULL;
}

static void finish(struct witness_client *c)
{
    wire_close(c->wire);
    asking_free(c->asking);
    pthread_mutex_destroy(&c->lock);
    free(c->views);
    free(c);
}

/* All but its thread. */
static tl_err make(struct witness_client **out, const struct witness_client_options *o,
                   const struct witness_log_face *log, struct tl_why *why)
{
    struct witness_client *c = calloc(1, sizeof *c);
    if (!c)
        return TL_E_MEMORY;
    c->log = *log;
    pthread_mutex_init(&c->lock, NULL);
    tl_err err = asking_new(&c->asking, o, &c->log, why);
    if (err == TL_OK) {
        c->count = asking_count(c->asking);
        c->views = calloc(c->count + 1, sizeof *c->views);
        err = c->views ? TL_OK : TL_E_MEMORY;
    }
    const struct wire_options wire = {c->count, o->timeout_ms, o->ca_file, o->proxy};
    if (err == TL_OK)
        err = wire_open(&c->wire, &wire, why);
    if (err == TL_OK)
        *out = c;
    else
        finish(c);
    return err;
}

tl_err witness_client_check(const struct witness_client_options *o, struct tl_why *why)
{
    static const struct note_key no_key;
    struct witness_client_options any = *o;
    struct witness_client *c = NULL;
    any.log_key = &no_key;
    any.cosigned = (slice){NULL, 0};
    tl_err err = make(&c, &any, &(struct witness_log_face){NULL}, why);
    if (err == TL_OK)
        finish(c);
    return err;
}

tl_err witness_client_start(struct witness_client **out, const struct witness_client_options *o,
                            const struct witness_log_face *log, struct tl_why *why)
{
    struct witness_client *c = NULL;
    tl_err err = make(&c, o, log, why);
    if (err != TL_OK)
        return err;
    show(c);
    if (pthread_create(&c->thread, NULL, run, c) != 0) {
        finish(c);
        return TL_E_MEMORY;
    }
    *out = c;
    return TL_OK;
}

void witness_client_stop(struct witness_client *c)
{
    if (!c)
        return;
    atomic_store(&c->stop, true);
    wire_wake(c->wire);
    pthread_join(c->thread, NULL);
    finish(c);
}

void witness_client_wake(struct witness_client *c, bool now)
{
    if (now && !atomic_exchange(&c->hurry, true))
        wire_wake(c->wire);
}

size_t witness_client_count(const struct witness_client *c)
{
    return c->count;
}

void witness_client_view(struct witness_client *c, size_t i, struct witness_view *out)
{
    pthread_mutex_lock(&c->lock);
    *out = c->views[i];
    pthread_mutex_unlock(&c->lock);
}
