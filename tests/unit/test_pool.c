#include "testlib.h"

#include "base/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

/* The n-th thread from now is refused; 0 never. */
static int thread_countdown;

int __real_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *arg);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *arg);

int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *arg)
{
    if (thread_countdown > 0 && --thread_countdown == 0)
        return EAGAIN;
    return __real_pthread_create(t, a, f, arg);
}

static void count(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
}

#define TASKS 500

static void every_task_runs_once(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 4; threads++) {
        struct pool *p = NULL;
        static struct pool_task tasks[TASKS];
        static atomic_int counts[TASKS];
        assert_ok(pool_new(&p, threads));
        for (size_t i = 0; i < TASKS; i++) {
            atomic_store(&counts[i], 0);
            tasks[i] = (struct pool_task){.run = count, .arg = &counts[i]};
            pool_submit(p, &tasks[i]);
        }
        for (size_t i = TASKS; i-- > 0;) {
            pool_wait(p, &tasks[i]);
            assert_int_equal(atomic_load(&counts[i]), 1);
            assert_true(tasks[i].done);
        }
        /* A task may be given again once it has run. */
        pool_submit(p, &tasks[3]);
        pool_wait(p, &tasks[3]);
        pool_wait(p, &tasks[3]);
        assert_int_equal(atomic_load(&counts[3]), 2);
        pool_free(p);
    }
    pool_free(NULL);
}

static void freeing_finishes_what_is_queued(void **state)
{
    (void)state;
    struct pool *p = NULL;
    static struct pool_task tasks[TASKS];
    atomic_int n = 0;
    assert_ok(pool_new(&p, 2));
    for (size_t i = 0; i < TASKS; i++) {
        tasks[i] = (struct pool_task){.run = count, .arg = &n};
        pool_submit(p, &tasks[i]);
    }
    pool_free(p);
    assert_int_equal(atomic_load(&n), TASKS);
}

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t opened;
    bool open;
    atomic_bool reached;
};

static void pass(void *arg)
{
    struct gate *g = arg;
    atomic_store(&g->reached, true);
    pthread_mutex_lock(&g->lock);
    while (!g->open)
        pthread_cond_wait(&g->opened, &g->lock);
    pthread_mutex_unlock(&g->lock);
}

static void open_gate(void *arg)
{
    struct gate *g = arg;
    pthread_mutex_lock(&g->lock);
    g->open = true;
    pthread_cond_broadcast(&g->opened);
    pthread_mutex_unlock(&g->lock);
}

/* The only worker stands at a gate that a queued task opens: were the waiting
 * caller not to run queued tasks itself, this would never end. */
static void the_caller_helps(void **state)
{
    (void)state;
    struct pool *p = NULL;
    struct gate g = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, false};
    struct pool_task stuck = {.run = pass, .arg = &g}, key = {.run = open_gate, .arg = &g};
    assert_ok(pool_new(&p, 1));
    pool_submit(p, &stuck);
    while (!atomic_load(&g.reached))
        usleep(100);
    pool_submit(p, &key);
    pool_wait(p, &stuck);
    pool_wait(p, &key);
    pool_free(p);
}

struct nested {
    struct pool *pool;
    struct pool_task inner;
    atomic_int n;
};

static void outer(void *arg)
{
    struct nested *v = arg;
    v->inner = (struct pool_task){.run = count, .arg = &v->n};
    pool_submit(v->pool, &v->inner);
    pool_wait(v->pool, &v->inner);
}

static void a_task_may_wait_for_tasks(void **state)
{
    (void)state;
    struct nested v[8] = {0};
    struct pool_task tasks[8];
    struct pool *p = NULL;
    assert_ok(pool_new(&p, 2));
    for (size_t i = 0; i < 8; i++) {
        v[i].pool = p;
        tasks[i] = (struct pool_task){.run = outer, .arg = &v[i]};
        pool_submit(p, &tasks[i]);
    }
    for (size_t i = 0; i < 8; i++) {
        pool_wait(p, &tasks[i]);
        assert_int_equal(atomic_load(&v[i].n), 1);
    }
    pool_free(p);
}

static void no_memory_and_no_threads(void **state)
{
    (void)state;
    struct pool *p = NULL;
    test_fail_alloc(1);
    assert_err(pool_new(&p, 2), TL_E_MEMORY);
    assert_true(test_alloc_failed());
    test_fail_alloc(0);
    for (int n = 1; n <= 3; n++) {
        thread_countdown = n;
        assert_err(pool_new(&p, 3), TL_E_MEMORY);
        assert_int_equal(thread_countdown, 0);
    }
    assert_null(p);
}

static void cpus(void **state)
{
    (void)state;
    long all = sysconf(_SC_NPROCESSORS_CONF);
    assert_true(pool_cpus() >= 1);
    assert_true(all < 1 || pool_cpus() <= (unsigned long)all);
}

int main(void)
{
    alarm(60); /* a task that never runs must fail, not hang */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_once),
        cmocka_unit_test(freeing_finishes_what_is_queued),
        cmocka_unit_test(the_caller_helps),
        cmocka_unit_test(a_task_may_wait_for_tasks),
        cmocka_unit_test(no_memory_and_no_threads),
        cmocka_unit_test(cpus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
