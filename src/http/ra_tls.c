#include "http/ra_tls.h"

#include "attest/collateral.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RETRY_PART 100 /* of the time between two, after a failure; at least a second */

struct ra_tls {
    struct ra_tls_options options;
    pthread_t thread;
    pthread_mutex_t lock; /* for what follows */
    pthread_cond_t wake;
    bool stop, due;
    SSL_CTX *ctx;   /* what connections are made with now */
    buf collateral; /* that was given */
};

/* What the platform makes itself, else what was given. */
static tl_err find_collateral(struct ra_tls *r, uint64_t now, buf *out)
{
    if (r->options.small)
        return TL_OK;
    tl_err err = tee_collateral(r->options.tee, now, out, NULL);
    if (err != TL_E_NOT_FOUND)
        return err;
    pthread_mutex_lock(&r->lock);
    buf_bytes(out, buf_slice(&r->collateral));
    pthread_mutex_unlock(&r->lock);
    return buf_err(out);
}

static tl_err renew(struct ra_tls *r, struct tl_why *why)
{
    SSL_CTX *fresh = NULL;
    uint64_t now = (uint64_t)time(NULL);
    buf json;
    buf_init(&json, COLLATERAL_MAX);
    tl_err err = find_collateral(r, now, &json);
    if (err == TL_OK)
        err = ra_tls_make(&fresh, r->options.tee, json.n ? buf_slice(&json) : (slice){NULL, 0}, now,
                          2 * r->options.renew_s, why);
    buf_finish(&json);
    if (err != TL_OK)
        return err;
    pthread_mutex_lock(&r->lock);
    SSL_CTX *old = r->ctx;
    r->ctx = fresh;
    pthread_mutex_unlock(&r->lock);
    SSL_CTX_free(old); /* connections have references of their own */
    return TL_OK;
}

/* Whether to go on: false once it is to stop. */
static bool wait_s(struct ra_tls *r, unsigned seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)seconds;
    pthread_mutex_lock(&r->lock);
    for (int rc = 0; !r->stop && !r->due && rc == 0;)
        rc = pthread_cond_timedwait(&r->wake, &r->lock, &until);
    r->due = false;
    bool stop = r->stop;
    pthread_mutex_unlock(&r->lock);
    return !stop;
}

static void *run(void *ctx)
{
    struct ra_tls *r = ctx;
    unsigned wait = r->options.renew_s;
    bool told = false; /* of trouble that lasts */
    while (wait_s(r, wait)) {
        struct tl_why why = {{0}, {0}};
        tl_err err = renew(r, &why);
        wait = r->options.renew_s;
        if (err != TL_OK) {
            wait = wait / RETRY_PART ? wait / RETRY_PART : 1;
            if (!told && r->options.say)
                r->options.say(r->options.ctx, tl_why_text(&why, err));
        }
        told = err != TL_OK;
    }
    return NULL;
}

static void finish(struct ra_tls *r)
{
    SSL_CTX_free(r->ctx);
    buf_finish(&r->collateral);
    pthread_cond_destroy(&r->wake);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

tl_err ra_tls_start(struct ra_tls **out, const struct ra_tls_options *o, struct tl_why *why)
{
    pthread_condattr_t monotonic;
    struct ra_tls *r = calloc(1, sizeof *r);
    if (!r)
        return TL_E_MEMORY;
    r->options = *o;
    if (!r->options.renew_s)
        r->options.renew_s = RA_TLS_RENEW_S;
    buf_init(&r->collateral, COLLATERAL_MAX);
    pthread_mutex_init(&r->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&r->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    tl_err err = renew(r, why);
    if (err == TL_OK && pthread_create(&r->thread, NULL, run, r) != 0)
        err = TL_E_MEMORY;
    if (err != TL_OK) {
        finish(r);
        return err;
    }
    *out = r;
    return TL_OK;
}

void ra_tls_give_collateral(struct ra_tls *r, slice json)
{
    pthread_mutex_lock(&r->lock);
    buf_reset(&r->collateral);
    buf_bytes(&r->collateral, json);
    if (buf_err(&r->collateral) != TL_OK) { /* none is better than a piece of it */
        buf_finish(&r->collateral);
        buf_init(&r->collateral, COLLATERAL_MAX);
    }
    r->due = true;
    pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(&r->lock);
}

SSL_CTX *ra_tls_context(struct ra_tls *r)
{
    pthread_mutex_lock(&r->lock);
    SSL_CTX *ctx = SSL_CTX_up_ref(r->ctx) == 1 ? r->ctx : NULL;
    pthread_mutex_unlock(&r->lock);
    return ctx;
}

void ra_tls_stop(struct ra_tls *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    r->stop = true;
    pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->thread, NULL);
    finish(r);
}
