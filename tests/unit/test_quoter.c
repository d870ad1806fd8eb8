#include "quoteparts.h"

#include "attest/quote.h"
#include "attest/td_report.h"
#include "log/quoter.h"
#include "tee/asker.h"
#include "tee/platform.h"
#include "testlog.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

/* Hardware that answers when it is told to, and notices two that ask at once. */
struct slow_tee {
    struct tee tee;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    unsigned may;       /* quotes that may be finished */
    atomic_uint asked;  /* quotes begun */
    atomic_uint busy;   /* threads inside */
    atomic_bool closed; /* nobody has it any more */
    atomic_bool met;    /* two at once */
    bool fails;
    bool lies;    /* over other report data */
    size_t lacks; /* bytes at its end */
};

static struct slow_tee hardware;

#define REPORT_DATA_AT 368 /* in a quote of version 3 */

static tl_err slow_quote(struct tee *t, const uint8_t report_data[64], buf *quote, buf *event_log,
                         struct tl_why *why)
{
    struct slow_tee *s = (struct slow_tee *)t;
    if (atomic_fetch_add(&s->busy, 1) != 0)
        atomic_store(&s->met, true);
    pthread_mutex_lock(&s->lock);
    s->asked++;
    pthread_cond_broadcast(&s->wake);
    while (s->may == 0)
        pthread_cond_wait(&s->wake, &s->lock);
    s->may--;
    pthread_mutex_unlock(&s->lock);
    atomic_fetch_sub(&s->busy, 1);
    if (s->fails)
        return tl_explain(why, TL_E_TEE, "tee", "no quote today");
    uint8_t body[384] = {0};
    struct quote_shape shape = {QUOTE_SGX(3), .body_bytes = body};
    memcpy(body + REPORT_DATA_AT - 48, report_data, 64);
    body[REPORT_DATA_AT - 48 + 63] ^= s->lies;
    buf made = quote_make(&shape);
    buf_str(event_log, "events");
    buf_bytes(quote, slice_of(made.p, made.n - s->lacks));
    buf_finish(&made);
    return TL_OK;
}

static void slow_close(struct tee *t)
{
    struct slow_tee *s = (struct slow_tee *)t;
    atomic_store(&s->closed, true);
}

static const struct tee_ops slow_ops = {
    .platform = "simulator", .close = slow_close, .quote = slow_quote};

static void allow(unsigned n)
{
    pthread_mutex_lock(&hardware.lock);
    hardware.may += n;
    pthread_cond_broadcast(&hardware.wake);
    pthread_mutex_unlock(&hardware.lock);
}

static void await_asked(unsigned n)
{
    pthread_mutex_lock(&hardware.lock);
    while (hardware.asked < n)
        pthread_cond_wait(&hardware.wake, &hardware.lock);
    pthread_mutex_unlock(&hardware.lock);
}

/* What callers are told, in order. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    size_t count;
    struct {
        const void *ctx;
        tl_err err;
        uint8_t first; /* byte of the report data; 0: no quote */
        struct tl_why why;
        pthread_t thread;
    } all[256];
} told;

static void done(void *ctx, tl_err err, const struct evidence *e, const struct tl_why *why)
{
    pthread_mutex_lock(&told.lock);
    told.all[told.count].ctx = ctx;
    told.all[told.count].err = err;
    told.all[told.count].first = e->quote.n ? e->quote.p[REPORT_DATA_AT] : 0;
    told.all[told.count].why = *why;
    told.all[told.count].thread = pthread_self();
    told.count++;
    pthread_cond_broadcast(&told.wake);
    pthread_mutex_unlock(&told.lock);
}

static atomic_uint counted;

static void count_one(void *ctx, tl_err err, const struct evidence *e, const struct tl_why *why)
{
    (void)ctx, (void)err, (void)e, (void)why;
    atomic_fetch_add(&counted, 1);
}

static void await_told(size_t n)
{
    pthread_mutex_lock(&told.lock);
    while (told.count < n)
        pthread_cond_wait(&told.wake, &told.lock);
    pthread_mutex_unlock(&told.lock);
}

static int set_up(void **state)
{
    (void)state;
    memset(&hardware, 0, sizeof hardware);
    hardware.tee.ops = &slow_ops;
    pthread_mutex_init(&hardware.lock, NULL);
    pthread_cond_init(&hardware.wake, NULL);
    memset(&told, 0, sizeof told);
    pthread_mutex_init(&told.lock, NULL);
    pthread_cond_init(&told.wake, NULL);
    return 0;
}

static tl_err ask(struct quoter *q, unsigned n, struct tl_why *why)
{
    uint8_t report_data[64];
    memset(report_data, (int)n, sizeof report_data);
    tl_err err = quoter_turn(q, why);
    return err == TL_OK ? quoter_use(q, report_data, done, (void *)(uintptr_t)n) : err;
}

static void answers_in_order_on_its_own_thread(void **state)
{
    (void)state;
    struct quoter *q;
    assert_ok(quoter_new(&q, &hardware.tee, &(struct quoter_limits){0, 0, 0}));
    for (unsigned i = 1; i <= 5; i++)
        assert_ok(ask(q, i, NULL));
    allow(5);
    await_told(5);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal((uintptr_t)told.all[i].ctx, i + 1);
        assert_ok(told.all[i].err);
        assert_int_equal(told.all[i].first, i + 1);
        assert_true(pthread_equal(told.all[i].thread, told.all[0].thread));
        assert_false(pthread_equal(told.all[i].thread, pthread_self()));
    }
    quoter_free(q);
}

static void failure_is_passed_on(void **state)
{
    (void)state;
    struct quoter *q;
    hardware.fails = true;
    assert_ok(quoter_new(&q, &hardware.tee, &(struct quoter_limits){0, 0, 0}));
    assert_ok(ask(q, 7, NULL));
    allow(1);
    await_told(1);
    assert_err(told.all[0].err, TL_E_NO_QUOTE);
    assert_int_equal(told.all[0].first, 0);
    assert_string_equal(told.all[0].why.text, "no quote today");
    quoter_free(q);
}

static void too_many_waiting(void **state)
{
    (void)state;
    struct quoter *q;
    struct tl_why why = {0};
    assert_ok(quoter_new(&q, &hardware.tee, &(struct quoter_limits){1000, 1000, 0}));
    assert_ok(ask(q, 1, NULL));
    await_asked(1); /* it is no longer among those that wait */
    for (unsigned i = 0; i < QUOTES_WAITING_MAX; i++)
        assert_ok(ask(q, 2 + i, NULL));
    assert_err(ask(q, 99, &why), TL_E_BUSY);
    assert_non_null(strstr(why.text, "64 quotes are waited for"));
    allow(1);
    await_asked(2);
    assert_ok(ask(q, 100, NULL));
    allow(QUOTES_WAITING_MAX + 1);
    await_told(QUOTES_WAITING_MAX + 2);
    assert_int_equal((uintptr_t)told.all[told.count - 1].ctx, 100);
    assert_int_equal(told.all[told.count - 1].first, 100);
    quoter_free(q);
}

/* A turn that was taken counts as one that waits, and comes back when it is not used. */
static void turns_given_back(void **state)
{
    (void)state;
    static const uint8_t zero[64];
    struct quoter *q;
    assert_ok(quoter_new(&q, &hardware.tee, &(struct quoter_limits){1000, 1000, 0}));
    for (unsigned i = 0; i < QUOTES_WAITING_MAX; i++)
        assert_ok(quoter_turn(q, NULL));
    assert_err(quoter_turn(q, NULL), TL_E_BUSY);
    quoter_give_back(q);
    assert_ok(quoter_turn(q, NULL));
    for (unsigned i = 0; i < QUOTES_WAITING_MAX; i++)
        quoter_give_back(q);
    quoter_free(q);
    /* And it does not count against the rate. */
    assert_ok(quoter_new(&q, &hardware.tee, &(struct quoter_limits){1, 2, 0}));
    for (unsigned i = 0; i < 10; i++) {
        assert_ok(quoter_turn(q, NULL));
        quoter_give_back(q);
    }
    assert_ok(quoter_turn(q, NULL));
    assert_ok(quoter_turn(q, NULL));
    assert_err(quoter_turn(q, NULL), TL_E_BUSY);
    quoter_stop(q);
    assert_err(quoter_use(q, zero, done, NULL), TL_E_STOPPING);
    assert_int_equal(told.count, 0);
    quoter_give_back(q);
    quoter_free(q);
}

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void no_more_than_the_rate(void **state)
{
    (void)state;
    struct quoter *q;
    struct tl_why why = {0};
    unsigned made = 0;
    uint64_t begin = now_ms();
    assert_ok(quoter_new(&q, &hardware.tee, &(struct quoter_limits){50, 4, 0}));
    allow(1000);
    while (made < 4 && ask(q, 1, &why) == TL_OK)
        made++;
    assert_int_equal(made, 4); /* a burst at once */
    while (made < 14) {
        if (ask(q, 1, &why) == TL_OK)
            made++;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    uint64_t took = now_ms() - begin;
    assert_true(took >= 195); /* ten more, 20 ms apart */
    assert_non_null(strstr(why.text, "no more than 50 quotes a second"));
    assert_string_equal(why.field, "");
    await_told(14);
    quoter_free(q);
}

/* A pause does not save up more than a burst. */
static void a_pause_is_no_credit(void **state)
{
    (void)state;
    struct quoter *q;
    assert_ok(quoter_new(&q, &hardware.tee, &(struct quoter_limits){1, 2, 0}));
    allow(1000);
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    assert_ok(ask(q, 1, NULL));
    assert_ok(ask(q, 1, NULL));
    assert_err(ask(q, 1, NULL), TL_E_BUSY);
    quoter_free(q);
}

static void *stop(void *arg)
{
    quoter_stop(arg);
    return NULL;
}

static void stopping_answers_those_who_wait(void **state)
{
    (void)state;
    struct quoter *q;
    pthread_t stopper;
    assert_ok(quoter_new(&q, &hardware.tee, &(struct quoter_limits){0, 0, 0}));
    for (unsigned i = 1; i <= 3; i++)
        assert_ok(ask(q, i, NULL));
    await_asked(1);
    assert_int_equal(pthread_create(&stopper, NULL, stop, q), 0);
    while (ask(q, 4, NULL) != TL_E_STOPPING) /* until it has begun */
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_int_equal(told.count, 0);
    allow(1);
    pthread_join(stopper, NULL);
    assert_true(told.count >= 3);
    assert_ok(told.all[0].err);
    for (size_t i = 1; i < told.count; i++)
        assert_err(told.all[i].err, TL_E_STOPPING);
    assert_int_equal(hardware.asked, 1);
    assert_err(ask(q, 5, NULL), TL_E_STOPPING);
    quoter_stop(q); /* again: harmless */
    quoter_free(q);
}

static void await_closed(void)
{
    while (!atomic_load(&hardware.closed))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* As the platforms that are hardware are asked. */
static void have_deadline(unsigned ms)
{
    assert_ok(asker_new(&hardware.tee.asker, &hardware.tee));
    asker_set_deadline(hardware.tee.asker, ms);
}

static void where_it_hangs_all_are_told(void **state)
{
    (void)state;
    struct quoter *q;
    static const uint8_t report_data[64];
    uint64_t begin = now_ms();
    have_deadline(300);
    assert_ok(quoter_new(&q, &hardware.tee, &(struct quoter_limits){0}));
    for (unsigned i = 1; i <= 3; i++)
        assert_ok(ask(q, i, NULL));
    for (unsigned i = 4; i <= 6; i++)
        assert_ok(quoter_own(q, report_data, done, (void *)(uintptr_t)i, NULL));
    await_told(6);
    uint64_t took = now_ms() - begin;
    assert_true(took >= 300);
    assert_true(took < 2 * 300); /* and not one after the other */
    for (size_t i = 0; i < 6; i++) {
        assert_err(told.all[i].err, TL_E_NO_QUOTE);
        assert_int_equal(told.all[i].first, 0);
        assert_non_null(strstr(told.all[i].why.text, "has answered nobody for 0.300 s"));
    }
    assert_int_equal(hardware.asked, 1);
    /* It comes back after all: to those who ask then, with what they ask for. */
    assert_ok(ask(q, 7, NULL));
    allow(2);
    await_told(7);
    assert_ok(told.all[6].err);
    assert_int_equal(told.all[6].first, 7);
    quoter_free(q);
    tee_close(&hardware.tee);
    assert_int_equal(told.count, 7);
}

/* It never comes back; who stops has told it that no more than a while is left. */
static void stops_without_it(void **state)
{
    (void)state;
    struct quoter *q;
    have_deadline(TEE_DEADLINE_MS);
    assert_ok(quoter_new(&q, &hardware.tee, &(struct quoter_limits){0}));
    for (unsigned i = 1; i <= 3; i++)
        assert_ok(ask(q, i, NULL));
    await_asked(1);
    uint64_t begin = now_ms();
    tee_set_deadline(&hardware.tee, 100);
    quoter_free(q);
    assert_true(now_ms() - begin < 10000);
    assert_int_equal(told.count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_err(told.all[i].err, TL_E_NO_QUOTE);
    tee_close(&hardware.tee);
    allow(1);
    await_closed(); /* by its thread */
    assert_int_equal(told.count, 3);
    assert_int_equal(hardware.asked, 1);
}

/* Who comes late in a long line is not kept for as long as that takes. */
static void too_slow_for_all(void **state)
{
    (void)state;
    struct quoter *q;
    assert_ok(quoter_new(&q, &hardware.tee, &(struct quoter_limits){.patience_ms = 100}));
    for (unsigned i = 1; i <= 3; i++)
        assert_ok(ask(q, i, NULL));
    await_asked(1);
    nanosleep(&(struct timespec){.tv_nsec = 150000000}, NULL);
    allow(1);
    await_told(3);
    assert_ok(told.all[0].err);
    for (size_t i = 1; i < 3; i++) {
        assert_err(told.all[i].err, TL_E_NO_QUOTE);
        assert_non_null(strstr(told.all[i].why.text, "too slowly: 0.1 seconds"));
    }
    allow(1);
    assert_ok(ask(q, 4, NULL));
    await_told(4);
    assert_ok(told.all[3].err);
    assert_int_equal(hardware.asked, 2);
    quoter_free(q);
}

/* Neither keeps the other from the hardware. */
static void two_lines_take_turns(void **state)
{
    (void)state;
    struct quoter *q;
    uint8_t report_data[64];
    assert_ok(quoter_new(&q, &hardware.tee, &(struct quoter_limits){1000, 1000, 0}));
    assert_ok(ask(q, 99, NULL));
    await_asked(1);
    for (unsigned i = 0; i < 2 * 20; i++) {
        memset(report_data, 100 + (int)i, sizeof report_data);
        assert_ok(i < 20 ? ask(q, 1 + i, NULL)
                         : quoter_own(q, report_data, done, (void *)(uintptr_t)(100 + i), NULL));
    }
    allow(41);
    await_told(41);
    for (size_t i = 1; i < 41; i++)
        assert_int_equal(told.all[i].first > 100, i % 2);
    quoter_free(q);
}

static void a_line_of_its_own_is_bounded(void **state)
{
    (void)state;
    static const uint8_t report_data[64];
    struct quoter *q;
    struct tl_why why = {{0}, {0}};
    assert_ok(quoter_new(&q, &hardware.tee, &(struct quoter_limits){0}));
    assert_ok(ask(q, 1, NULL));
    await_asked(1);
    for (unsigned i = 0; i < OWN_QUOTES_MAX; i++)
        assert_ok(quoter_own(q, report_data, count_one, NULL, NULL));
    assert_err(quoter_own(q, report_data, count_one, NULL, &why), TL_E_BUSY);
    assert_non_null(strstr(why.text, "wait for their quotes already"));
    assert_ok(ask(q, 2, NULL)); /* the other line has its own room */
    allow(2 + OWN_QUOTES_MAX);
    await_told(2);
    quoter_free(q);
    assert_int_equal(atomic_load(&counted), OWN_QUOTES_MAX);
}

/* Whatever a platform answers, only what was asked for goes on. */
static void nothing_but_what_was_asked_for(void **state)
{
    static const uint8_t report_data[64] = {1};
    static const char *const says[] = {"", "other report data", "cannot be read"};
    buf quote, events, small;
    (void)state;
    buf_init(&quote, TEE_QUOTE_MAX);
    buf_init(&events, TEE_EVENT_LOG_MAX);
    for (int i = 0; i < 3; i++) {
        struct tl_why why = {0};
        hardware.lies = i == 1;
        hardware.lacks = i == 2;
        allow(1);
        size_t before = quote.n;
        tl_err err = tee_quote(&hardware.tee, report_data, &quote, &events, &why);
        assert_err(err, i ? TL_E_TEE : TL_OK);
        assert_non_null(strstr(why.text, says[i]));
        assert_int_equal(quote.n > before, i == 0);
        assert_int_equal(events.n, strlen("events"));
    }
    hardware.lacks = 0;
    allow(2);
    buf_init(&small, 10);
    assert_err(tee_quote(&hardware.tee, report_data, &small, NULL, NULL), TL_E_LIMIT);
    assert_int_equal(small.n, 0);
    buf_finish(&small);
    buf_init(&small, 5);
    assert_err(tee_quote(&hardware.tee, report_data, &quote, &small, NULL), TL_E_LIMIT);
    buf_finish(&small);
    buf_finish(&events);
    buf_finish(&quote);
}

static void *ask_hardware(void *arg)
{
    static const uint8_t report_data[64];
    buf b;
    buf_init(&b, TEE_QUOTE_MAX);
    tl_err err = tee_quote(arg, report_data, &b, NULL, NULL);
    buf_finish(&b);
    return err == TL_OK ? arg : NULL;
}

/* As the owner thread does, for a session, while the quoter is at it. */
static void hardware_is_asked_by_one_thread_at_a_time(void **state)
{
    (void)state;
    struct quoter *q;
    pthread_t other;
    void *ok = NULL;
    assert_ok(quoter_new(&q, &hardware.tee, &(struct quoter_limits){0, 0, 0}));
    assert_ok(ask(q, 1, NULL));
    await_asked(1);
    assert_int_equal(pthread_create(&other, NULL, ask_hardware, &hardware.tee), 0);
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    assert_int_equal(hardware.asked, 1);
    allow(2);
    pthread_join(other, &ok);
    assert_non_null(ok);
    await_told(1);
    assert_int_equal(hardware.asked, 2);
    assert_false(atomic_load(&hardware.met));
    quoter_free(q);
}

static void never_used(void **state)
{
    (void)state;
    struct quoter *q;
    assert_ok(quoter_new(&q, &hardware.tee, &(struct quoter_limits){0, 0, 0}));
    quoter_free(q);
    quoter_free(NULL);
    quoter_stop(NULL);
}

static void keep_quote(void *ctx, tl_err err, const struct evidence *e, const struct tl_why *why)
{
    buf *b = ctx;
    assert_ok(err);
    assert_string_equal(why->text, "");
    buf_bytes(b, e->quote);
    done(ctx, err, e, why);
}

/* A log's own: while sessions are opened, on its owner thread. */
static void a_log_quotes_beside_its_sessions(void **state)
{
    (void)state;
    static struct world w;
    static const uint8_t zero[64];
    uint8_t report_data[64];
    buf quotes[16];
    world_init(&w);
    world_open(&w);
    for (unsigned i = 0; i < 16; i++) {
        char agent[16];
        snprintf(agent, sizeof agent, "agent-%u", i);
        memset(report_data, 1 + (int)i, sizeof report_data);
        buf_init(&quotes[i], TEE_QUOTE_MAX);
        assert_ok(log_quote_submit(w.log, report_data, keep_quote, &quotes[i], NULL));
        (void)append_one(&w, agent, "hello");
    }
    await_told(16);
    for (unsigned i = 0; i < 16; i++) {
        struct quote q;
        struct sgx_report r;
        assert_ok(quote_read(&q, buf_slice(&quotes[i]), NULL));
        sgx_report_read(&r, q.body);
        memset(report_data, 1 + (int)i, sizeof report_data);
        assert_memory_equal(r.report_data, report_data, 64);
        buf_finish(&quotes[i]);
    }
    world_stop(&w);
    world_open(&w);
    assert_ok(log_quote_submit(w.log, zero, done, NULL, NULL));
    world_stop(&w); /* answers before it ends */
    assert_int_equal(told.count, 17);
    world_finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(answers_in_order_on_its_own_thread, set_up),
        cmocka_unit_test_setup(failure_is_passed_on, set_up),
        cmocka_unit_test_setup(too_many_waiting, set_up),
        cmocka_unit_test_setup(turns_given_back, set_up),
        cmocka_unit_test_setup(no_more_than_the_rate, set_up),
        cmocka_unit_test_setup(a_pause_is_no_credit, set_up),
        cmocka_unit_test_setup(stopping_answers_those_who_wait, set_up),
        cmocka_unit_test_setup(where_it_hangs_all_are_told, set_up),
        cmocka_unit_test_setup(stops_without_it, set_up),
        cmocka_unit_test_setup(too_slow_for_all, set_up),
        cmocka_unit_test_setup(two_lines_take_turns, set_up),
        cmocka_unit_test_setup(a_line_of_its_own_is_bounded, set_up),
        cmocka_unit_test_setup(nothing_but_what_was_asked_for, set_up),
        cmocka_unit_test_setup(hardware_is_asked_by_one_thread_at_a_time, set_up),
        cmocka_unit_test_setup(never_used, set_up),
        cmocka_unit_test_setup(a_log_quotes_beside_its_sessions, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
