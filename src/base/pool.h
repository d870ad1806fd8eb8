/* A few worker threads and a queue of tasks. */
#ifndef TL_BASE_POOL_H
#define TL_BASE_POOL_H

#include "base/err.h"

#include <stdbool.h>

struct pool;

/* Owned and kept alive by the caller until pool_wait has returned for it. */
struct pool_task {
    void (*run)(void *arg);
    void *arg;
    struct pool_task *next; /* the pool's own */
    bool done;              /* the pool's own */
};

/* threads >= 1. */
tl_err pool_new(struct pool **out, unsigned threads) TL_MUST;
/* Finishes what is queued and joins. NULL is fine. */
void pool_free(struct pool *p);
void pool_submit(struct pool *p, struct pool_task *t);
/* Returns when t has run; the caller's thread runs queued tasks meanwhile. */
void pool_wait(struct pool *p, struct pool_task *t);
/* CPUs this process may use, at least 1. */
unsigned pool_cpus(void);

#endif
