/* The thread that keeps collateral fresh, with a service and a clock that the test
 * plays: what it asks for, when it asks again, what it says, and that it ends. */
#include "testlib.h"

#include "pcs/keeper.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#define DAY   86400
#define STEPS 32

/* What one attempt is to end with. */
struct step {
    tl_err err;
    bool cached;
    const char *said; /* NULL: nothing */
    const char *json;
    bool hangs;    /* until it is told to stop */
    uint64_t left; /* seconds of validity; 0: 30 days */
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t tester;
    const struct step *steps;
    size_t step_count, step; /* attempts that were begun */
    bool refreshed[STEPS];
    long waits[STEPS]; /* seconds, one after each attempt */
    size_t wait_count;
    size_t waits_allowed; /* those that pass at once; the next waits for the end */
    char given[STEPS][16], said[STEPS][320];
    size_t given_count, said_count;
    uint8_t quote[4];
    struct pcs_options seen;
    char cache_dir[64];
    hash32 root;
    bool quick_start;  /* keeper_start gives up at once */
    double start_wait; /* how long it would have waited, in seconds */
    unsigned patience; /* how often there is no hurry */
} w = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void locked(void)
{
    pthread_mutex_lock(&w.lock);
}

static void changed(void)
{
    pthread_cond_broadcast(&w.changed);
    pthread_mutex_unlock(&w.lock);
}

tl_err __wrap_pcs_collateral(buf *out, struct pcs_result *result, slice quote,
                             const struct pcs_options *o, const char *cache_dir, uint64_t now,
                             const hash32 *roots, size_t root_count, struct tl_why *why);
tl_err __wrap_pcs_collateral(buf *out, struct pcs_result *result, slice quote,
                             const struct pcs_options *o, const char *cache_dir, uint64_t now,
                             const hash32 *roots, size_t root_count, struct tl_why *why)
{
    static const struct step good = {.json = "more"};
    locked();
    const struct step *s = w.step < w.step_count ? &w.steps[w.step] : &good;
    if (w.step < STEPS)
        w.refreshed[w.step] = o->refresh;
    if (quote.n == sizeof w.quote)
        memcpy(w.quote, quote.p, quote.n);
    w.seen = *o;
    snprintf(w.cache_dir, sizeof w.cache_dir, "%s", cache_dir);
    w.root = root_count == 1 ? roots[0] : (hash32){{0}};
    w.step++;
    changed();
    while (s->hangs && !atomic_load(o->stop))
        usleep(1000);
    if (s->said)
        (void)tl_explain(why, s->err, "service", "%s", s->said);
    if (now < 1000000000 || s->err != TL_OK)
        return s->err == TL_OK ? TL_E_USAGE : s->err;
    buf_str(out, s->json);
    *result = (struct pcs_result){s->cached, now - DAY, now + (s->left ? s->left : 30 * DAY)};
    return buf_err(out);
}

int __real_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock,
                                  const struct timespec *until);
int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock,
                                  const struct timespec *until);
int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock,
                                  const struct timespec *until)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    /* Rounded: less than half a second has passed since it was computed. */
    double left =
        (double)(until->tv_sec - now.tv_sec) + (double)(until->tv_nsec - now.tv_nsec) / 1e9;
    locked();
    if (pthread_equal(pthread_self(), w.tester)) {
        w.start_wait = left;
        bool quick = w.quick_start;
        changed();
        return quick ? ETIMEDOUT : __real_pthread_cond_timedwait(cond, lock, until);
    }
    if (w.wait_count < STEPS)
        w.waits[w.wait_count] = (long)(left + 0.5);
    bool pass = w.wait_count++ < w.waits_allowed;
    changed();
    return pass ? ETIMEDOUT : __real_pthread_cond_timedwait(cond, lock, until);
}

static void give(void *ctx, slice json)
{
    assert_ptr_equal(ctx, &w);
    locked();
    if (w.given_count < STEPS)
        snprintf(w.given[w.given_count++], sizeof w.given[0], "%.*s", (int)json.n,
                 (const char *)json.p);
    changed();
}

static void say(void *ctx, const char *text)
{
    assert_ptr_equal(ctx, &w);
    locked();
    if (w.said_count < STEPS)
        snprintf(w.said[w.said_count++], sizeof w.said[0], "%s", text);
    changed();
}

static bool hurry(void *ctx)
{
    assert_ptr_equal(ctx, &w);
    return w.patience-- == 0;
}

static struct keeper *start(const struct step *steps, size_t n)
{
    uint8_t quote[4] = {1, 2, 3, 4};
    struct keeper *k = NULL;
    struct keeper_options o = {
        .quote = SLICE_ARRAY(quote),
        .root = {{7}},
        .pcs = {.pccs = "https://pccs.example", .proxy = "p", .ca_file = "c", .timeout_s = 9},
        .cache_dir = "cache",
        .give = give,
        .say = say,
        .hurry = w.patience ? hurry : NULL,
        .ctx = &w,
    };
    locked();
    w.tester = pthread_self();
    w.steps = steps;
    w.step_count = n;
    w.step = w.wait_count = w.given_count = w.said_count = 0;
    w.start_wait = 0;
    changed();
    assert_ok(keeper_start(&k, &o));
    assert_non_null(k);
    memset(quote, 0, sizeof quote); /* it is the keeper's own by now */
    return k;
}

/* Until the thread waits for the n-th time (from 1), for good. */
static void await_wait(size_t n)
{
    locked();
    while (w.wait_count < n)
        pthread_cond_wait(&w.changed, &w.lock);
    pthread_mutex_unlock(&w.lock);
}

/* Runs all steps, and ends while the keeper waits after the last. */
static void play(const struct step *steps, size_t n)
{
    w.waits_allowed = n - 1;
    struct keeper *k = start(steps, n);
    await_wait(n);
    keeper_stop(k);
    assert_int_equal(w.step, n);
    assert_int_equal(w.wait_count, n);
}

#define PLAY(steps) play(steps, sizeof(steps) / sizeof(steps)[0])

static void assert_waits(const long *want, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_int_equal(w.waits[i], want[i]);
}

static void test_fresh(void **state)
{
    (void)state;
    const struct step steps[] = {{.json = "one"}, {.json = "two"}, {.json = "three"}};
    PLAY(steps);
    assert_waits((const long[]){DAY, DAY, DAY}, 3);
    assert_int_equal(w.given_count, 3);
    assert_string_equal(w.given[0], "one");
    assert_string_equal(w.given[2], "three");
    assert_int_equal(w.said_count, 0);
    /* The cache may do for the first time, and never again. */
    assert_false(w.refreshed[0]);
    assert_true(w.refreshed[1] && w.refreshed[2]);
}

static void test_what_is_asked(void **state)
{
    (void)state;
    const struct step steps[] = {{.json = "one"}, {.json = "two"}};
    PLAY(steps);
    assert_memory_equal(w.quote, "\1\2\3\4", 4);
    assert_int_equal(w.root.b[0], 7);
    assert_string_equal(w.cache_dir, "cache");
    assert_string_equal(w.seen.pccs, "https://pccs.example");
    assert_string_equal(w.seen.proxy, "p");
    assert_string_equal(w.seen.ca_file, "c");
    assert_int_equal(w.seen.timeout_s, 9);
    assert_non_null(w.seen.stop);
}

/* The less validity is left, the sooner the next attempt, within reason. */
static void test_little_left(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {.json = "one", .left = 4 * DAY + 4},
        {.json = "two", .left = 4 * DAY},
        {.json = "three", .left = 4 * DAY - 4},
        {.json = "four", .left = 4 * 3600},
        {.json = "five", .left = 2404},
        {.json = "six", .left = 2396},
        {.json = "seven", .left = 1},
        {.json = "eight"},
        /* Where it is the cache's, no later than otherwise. */
        {.json = "aged", .left = 86400, .cached = true, .said = "still valid collateral"},
        {.json = "aged", .left = 4 * 700, .cached = true, .said = "still valid collateral"},
        {.json = "aged", .left = 4 * 700, .cached = true, .said = "still valid collateral"},
        {.json = "aged", .left = 60, .cached = true, .said = "still valid collateral"},
        {.err = TL_E_IO, .said = "down"},
    };
    PLAY(steps);
    assert_waits(
        (const long[]){DAY, DAY, DAY - 1, 3600, 601, 600, 600, DAY, 600, 700, 700, 600, 9600}, 13);
}

/* What the cache has is there at once, and newer is asked for at once. */
static void test_cached_first(void **state)
{
    (void)state;
    const struct step steps[] = {{.json = "old", .cached = true}, {.json = "new"}, {.json = "x"}};
    PLAY(steps);
    assert_waits((const long[]){0, DAY, DAY}, 3);
    assert_string_equal(w.given[0], "old");
    assert_string_equal(w.given[1], "new");
    assert_false(w.refreshed[0]);
    assert_true(w.refreshed[1]);
    assert_int_equal(w.said_count, 0);
}

/* Waits grow to six hours; the same trouble is told once. */
static void test_failures(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {.err = TL_E_IO, .said = "down"},
        {.err = TL_E_IO, .said = "down"},
        {.err = TL_E_IO, .said = "down"},
        {.err = TL_E_IO, .said = "down"},
        {.err = TL_E_IO, .said = "down"},
        {.err = TL_E_IO, .said = "down"},
        {.err = TL_E_IO, .said = "down"},
        {.err = TL_E_IO, .said = "down"},
        {.json = "up"},
        {.err = TL_E_IO, .said = "down"},
        {.err = TL_E_IO, .said = "down"},
    };
    PLAY(steps);
    assert_waits((const long[]){600, 1200, 2400, 4800, 9600, 19200, 21600, 21600, DAY, 600, 1200},
                 11);
    assert_int_equal(w.given_count, 1);
    assert_string_equal(w.given[0], "up");
    /* Told again once it had worked in between. */
    assert_int_equal(w.said_count, 2);
    assert_string_equal(w.said[0], "down");
    assert_string_equal(w.said[1], "down");
}

static void test_other_trouble_is_told(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {.err = TL_E_IO, .said = "down"},
        {.err = TL_E_AUTH, .said = "not trusted"},
        {.err = TL_E_AUTH},
        {.err = TL_E_AUTH},
        {.err = TL_E_AUTH, .said = "again"},
    };
    PLAY(steps);
    assert_int_equal(w.said_count, 4);
    assert_string_equal(w.said[0], "down");
    assert_string_equal(w.said[1], "not trusted");
    /* Without an explanation the error speaks for itself. */
    assert_string_equal(w.said[2], tl_err_text(TL_E_AUTH));
    assert_string_equal(w.said[3], "again");
}

/* The cache helps out where the service was asked in vain: it is not asked again at
 * once, and not again and again told. */
static void test_cache_helps_out(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {.json = "aged", .cached = true, .said = "still valid collateral"},
        {.json = "aged", .cached = true, .said = "still valid collateral"},
        {.err = TL_E_IO, .said = "down"},
        {.json = "new"},
    };
    PLAY(steps);
    assert_waits((const long[]){600, 1200, 2400, DAY}, 4);
    assert_int_equal(w.given_count, 3);
    assert_string_equal(w.given[0], "aged");
    assert_string_equal(w.given[2], "new");
    assert_int_equal(w.said_count, 2);
    assert_string_equal(w.said[0], "still valid collateral");
    assert_string_equal(w.said[1], "down");
}

/* A start without the network, on what the cache has. */
static void test_cached_and_then_down(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {.json = "good", .cached = true},
        {.json = "good", .cached = true, .said = "still valid collateral"},
        {.json = "good", .cached = true, .said = "still valid collateral"},
    };
    PLAY(steps);
    assert_waits((const long[]){0, 600, 1200}, 3);
    assert_int_equal(w.said_count, 1);
}

/* Whatever it is that is not fresh, a service is not asked again and again. */
static void test_never_at_once_twice(void **state)
{
    (void)state;
    static const struct step steps[] = {{.json = "good", .cached = true},
                                        {.json = "good", .cached = true},
                                        {.json = "good", .cached = true}};
    PLAY(steps);
    assert_waits((const long[]){0, 600, 1200}, 3);
}

/* Fresh, but the cache could not be written. */
static void test_warning_beside_success(void **state)
{
    (void)state;
    static const struct step steps[] = {{.json = "one", .said = "cannot write the cache"},
                                        {.json = "two", .said = "cannot write the cache"},
                                        {.json = "three"},
                                        {.json = "four", .said = "cannot write the cache"}};
    PLAY(steps);
    assert_waits((const long[]){DAY, DAY, DAY, DAY}, 4);
    assert_int_equal(w.given_count, 4);
    assert_int_equal(w.said_count, 2);
}

static double seconds_of(void (*what)(void *arg), void *arg)
{
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    what(arg);
    clock_gettime(CLOCK_MONOTONIC, &b);
    return (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
}

static void stop(void *arg)
{
    keeper_stop(arg);
}

/* A service that never answers keeps neither the start nor the end waiting. */
static void test_hanging_first(void **state)
{
    (void)state;
    static const struct step steps[] = {{.hangs = true, .err = TL_E_IO, .said = "was stopped"}};
    w.quick_start = true;
    w.waits_allowed = 0;
    struct keeper *k = start(steps, 1);
    /* It would have waited so long, and not for ever. */
    assert_true(w.start_wait > KEEPER_WAIT_S - 1 && w.start_wait <= KEEPER_WAIT_S);
    assert_true(seconds_of(stop, k) < 2);
    w.quick_start = false;
    assert_int_equal(w.step, 1);
    assert_int_equal(w.given_count, 0);
    /* That it ends is no news. */
    assert_int_equal(w.said_count, 0);
}

/* Somebody wants it to end before it has begun. */
static void test_hurry(void **state)
{
    (void)state;
    static const struct step steps[] = {{.hangs = true, .err = TL_E_IO}};
    w.quick_start = true;
    w.waits_allowed = 0;
    w.patience = 3;
    struct keeper *k = start(steps, 1);
    assert_true(w.start_wait > 0.2 && w.start_wait <= 0.3);
    w.patience = 0;
    w.quick_start = false;
    assert_true(seconds_of(stop, k) < 2);
}

static void test_hanging_later(void **state)
{
    (void)state;
    static const struct step steps[] = {{.json = "one"},
                                        {.hangs = true, .json = "two", .said = "late"}};
    w.waits_allowed = 1;
    struct keeper *k = start(steps, 2);
    locked();
    while (w.step < 2)
        pthread_cond_wait(&w.changed, &w.lock);
    pthread_mutex_unlock(&w.lock);
    assert_true(seconds_of(stop, k) < 2);
    assert_int_equal(w.step, 2);
    assert_int_equal(w.said_count, 0);
}

static void test_stop_while_waiting(void **state)
{
    (void)state;
    static const struct step steps[] = {{.json = "one"}};
    w.waits_allowed = 0;
    struct keeper *k = start(steps, 1);
    await_wait(1);
    assert_true(seconds_of(stop, k) < 2);
    assert_int_equal(w.step, 1);
    keeper_stop(NULL);
}

static bool no_threads;
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg)
{
    return no_threads ? EAGAIN : __real_pthread_create(thread, attr, run, arg);
}

static void test_no_start(void **state)
{
    (void)state;
    const struct keeper_options o = {
        .quote = slice_str("quote"), .give = give, .say = say, .ctx = &w};
    struct keeper *k = NULL;
    w.step = 0;
    no_threads = true;
    bool failed = true;
    for (size_t n = 1; failed; n++) {
        test_fail_alloc(n);
        tl_err err = keeper_start(&k, &o);
        failed = test_alloc_failed();
        test_fail_alloc(0);
        assert_err(err, TL_E_MEMORY);
        assert_null(k);
        assert_true(failed || n > 2);
    }
    no_threads = false;
    assert_int_equal(w.step, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fresh),
        cmocka_unit_test(test_what_is_asked),
        cmocka_unit_test(test_little_left),
        cmocka_unit_test(test_cached_first),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_other_trouble_is_told),
        cmocka_unit_test(test_cache_helps_out),
        cmocka_unit_test(test_cached_and_then_down),
        cmocka_unit_test(test_never_at_once_twice),
        cmocka_unit_test(test_warning_beside_success),
        cmocka_unit_test(test_hanging_first),
        cmocka_unit_test(test_hurry),
        cmocka_unit_test(test_hanging_later),
        cmocka_unit_test(test_stop_while_waiting),
        cmocka_unit_test(test_no_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
