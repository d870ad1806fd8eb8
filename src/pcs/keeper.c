#include "pcs/keeper.h"

#include "attest/collateral.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAY_S       86400
#define RETRY_S     600 /* after a first failure; and the least of all waits but the first */
#define RETRY_MAX_S 21600

struct keeper {
    struct keeper_options options;
    buf quote;
    atomic_bool stop;
    pthread_t thread;
    pthread_mutex_t lock; /* for the two below */
    pthread_cond_t wake;
    bool tried; /* the first attempt has ended */
    unsigned retry_s;
    struct tl_why told; /* the last trouble; empty: none */
};

/* Whether to go on: false once the keeper is to stop. */
static bool wait_s(struct keeper *k, unsigned seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)seconds;
    pthread_mutex_lock(&k->lock);
    int rc = 0;
    while (!atomic_load(&k->stop) && rc == 0)
        rc = pthread_cond_timedwait(&k->wake, &k->lock, &until);
    pthread_mutex_unlock(&k->lock);
    return !atomic_load(&k->stop);
}

/* Trouble that lasts is told once, and again when it comes back. */
static void tell(struct keeper *k, tl_err err, const struct tl_why *why)
{
    bool trouble = err != TL_OK || why->text[0];
    const char *text = trouble ? tl_why_text(why, err) : "";
    if (strcmp(text, k->told.text) == 0)
        return;
    snprintf(k->told.text, sizeof k->told.text, "%s", text);
    if (trouble)
        k->options.say(k->options.ctx, text);
}

/* Not so long that what there is ends in the meantime: a quarter of what is left at
 * most, since the next attempts may fail. */
static unsigned before_end(unsigned wait, const struct pcs_result *got, uint64_t now)
{
    uint64_t quarter = got->expires > now ? (got->expires - now) / 4 : 0;
    if (quarter < RETRY_S)
        return RETRY_S;
    return quarter < wait ? (unsigned)quarter : wait;
}

/* One attempt: seconds until the next. */
static unsigned attempt(struct keeper *k, bool first)
{
    struct tl_why why = {{0}, {0}};
    struct pcs_result got = {.from_cache = false};
    uint64_t now = (uint64_t)time(NULL);
    buf json;
    buf_init(&json, COLLATERAL_MAX);
    k->options.pcs.refresh = !first;
    tl_err err = pcs_collateral(&json, &got, buf_slice(&k->quote), &k->options.pcs,
                                k->options.cache_dir, now, &k->options.root, 1, &why);
    if (err == TL_OK)
        k->options.give(k->options.ctx, buf_slice(&json));
    buf_finish(&json);
    /* What the cache had is there for now, and newer may be to be had: nobody was
     * asked yet, unless there was trouble in asking. */
    if (err == TL_OK && got.from_cache && first && !why.text[0])
        return 0;
    if (!atomic_load(&k->stop))
        tell(k, err, &why);
    unsigned wait = DAY_S;
    if (err == TL_OK && !got.from_cache) {
        k->retry_s = RETRY_S;
    } else {
        wait = k->retry_s;
        k->retry_s = wait * 2 < RETRY_MAX_S ? wait * 2 : RETRY_MAX_S;
    }
    return err == TL_OK ? before_end(wait, &got, now) : wait;
}

static void *run(void *ctx)
{
    struct keeper *k = ctx;
    unsigned wait = attempt(k, true);
    pthread_mutex_lock(&k->lock);
    k->tried = true;
    pthread_cond_broadcast(&k->wake);
    pthread_mutex_unlock(&k->lock);
    while (wait_s(k, wait))
        wait = attempt(k, false);
    return NULL;
}

static void finish(struct keeper *k)
{
    buf_finish(&k->quote);
    pthread_cond_destroy(&k->wake);
    pthread_mutex_destroy(&k->lock);
    free(k);
}

static bool in_a_hurry(const struct keeper *k)
{
    return k->options.hurry && k->options.hurry(k->options.ctx);
}

static void await_first(struct keeper *k)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    pthread_mutex_lock(&k->lock);
    for (unsigned i = 0; i < KEEPER_WAIT_S * 10 && !k->tried && !in_a_hurry(k); i++) {
        until.tv_nsec += 100000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        int rc = 0;
        while (!k->tried && rc == 0)
            rc = pthread_cond_timedwait(&k->wake, &k->lock, &until);
    }
    pthread_mutex_unlock(&k->lock);
}

tl_err keeper_start(struct keeper **out, const struct keeper_options *o)
{
    pthread_condattr_t monotonic;
    struct keeper *k = calloc(1, sizeof *k);
    if (!k)
        return TL_E_MEMORY;
    k->options = *o;
    k->options.pcs.stop = &k->stop;
    k->retry_s = RETRY_S;
    pthread_mutex_init(&k->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&k->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    buf_init(&k->quote, o->quote.n + 1);
    buf_bytes(&k->quote, o->quote);
    tl_err err = buf_err(&k->quote);
    if (err == TL_OK && pthread_create(&k->thread, NULL, run, k) != 0)
        err = TL_E_MEMORY;
    if (err != TL_OK) {
        finish(k);
        return err;
    }
    await_first(k);
    *out = k;
    return TL_OK;
}

void keeper_stop(struct keeper *k)
{
    if (!k)
        return;
    pthread_mutex_lock(&k->lock);
    atomic_store(&k->stop, true);
    pthread_cond_broadcast(&k->wake);
    pthread_mutex_unlock(&k->lock);
    pthread_join(k->thread, NULL);
    finish(k);
}
