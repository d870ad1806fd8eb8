#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work, finished;
    struct pool_task *first, **last;
    bool stop;
    unsigned count;
    pthread_t threads[];
};

static struct pool_task *take(struct pool *p)
{
    struct pool_task *t = p->first;
    p->first = t->next;
    if (!p->first)
        p->last = &p->first;
    return t;
}

/* With the lock held on entry and on return. */
static void run(struct pool *p, struct pool_task *t)
{
    pthread_mutex_unlock(&p->lock);
    t->run(t->arg);
    pthread_mutex_lock(&p->lock);
    t->done = true;
    pthread_cond_broadcast(&p->finished);
}

static void *worker(void *arg)
{
    struct pool *p = arg;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        if (p->first)
            run(p, take(p));
        else if (p->stop)
            break;
        else
            pthread_cond_wait(&p->work, &p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

tl_err pool_new(struct pool **out, unsigned threads)
{
    struct pool *p = calloc(1, sizeof *p + threads * sizeof p->threads[0]);
    if (!p)
        return TL_E_MEMORY;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->finished, NULL);
    p->last = &p->first;
    for (; p->count < threads; p->count++) {
        if (pthread_create(&p->threads[p->count], NULL, worker, p) != 0) {
            pool_free(p);
            return TL_E_MEMORY;
        }
    }
    *out = p;
    return TL_OK;
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->count; i++)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->finished);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

void pool_submit(struct pool *p, struct pool_task *t)
{
    t->next = NULL;
    t->done = false;
    pthread_mutex_lock(&p->lock);
    *p->last = t;
    p->last = &t->next;
    pthread_cond_signal(&p->work);
    pthread_mutex_unlock(&p->lock);
}

void pool_wait(struct pool *p, struct pool_task *t)
{
    pthread_mutex_lock(&p->lock);
    while (!t->done) {
        if (p->first)
            run(p, take(p));
        else
            pthread_cond_wait(&p->finished, &p->lock);
    }
    pthread_mutex_unlock(&p->lock);
}

unsigned pool_cpus(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    int n = CPU_COUNT(&set);
    return n > 0 ? (unsigned)n : 1;
}
