#include "log/waiter.h"

void waiter_init(struct waiter *w)
{
    *w = (struct waiter){.err = TL_OK};
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->finished, NULL);
}

void waiter_done(void *ctx, tl_err err, const struct tl_why *why)
{
    struct waiter *w = ctx;
    pthread_mutex_lock(&w->lock);
    w->err = err;
    if (why)
        w->why = *why;
    w->done = true;
    pthread_cond_signal(&w->finished);
    pthread_mutex_unlock(&w->lock);
}

tl_err waiter_wait(struct waiter *w, tl_err submitted, struct tl_why *why)
{
    tl_err err = submitted;
    if (err == TL_OK) {
        pthread_mutex_lock(&w->lock);
        while (!w->done)
            pthread_cond_wait(&w->finished, &w->lock);
        pthread_mutex_unlock(&w->lock);
        err = w->err;
        if (err != TL_OK && why)
            *why = w->why;
    }
    pthread_cond_destroy(&w->finished);
    pthread_mutex_destroy(&w->lock);
    return err;
}
