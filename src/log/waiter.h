/* A call that waits for what is done on another thread. */
#ifndef TL_LOG_WAITER_H
#define TL_LOG_WAITER_H

#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t finished;
    bool done;
    tl_err err;
    struct tl_why why;
};
void waiter_init(struct waiter *w);
/* For the other thread, once; ctx is the waiter, and may be gone after it. why may be
 * NULL. */
void waiter_done(void *ctx, tl_err err, const struct tl_why *why);
/* Waits where the work was submitted (TL_OK), and finishes w: what became of it. */
tl_err waiter_wait(struct waiter *w, tl_err submitted, struct tl_why *why) TL_MUST;

#endif
