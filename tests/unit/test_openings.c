/* New sessions on hardware that takes its time, fails or hangs: who waits, and who does
 * not. */
#include "log/internal.h"
#include "log/sessions.h"
#include "tee/asker.h"
#include "tee/platform.h"
#include "testlog.h"
#include "tlog/body.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A simulated platform whose quotes are made when they are allowed. */
static struct slow_tee {
    struct tee tee;
    struct tee *inner;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    unsigned may, asked, busy;
    bool fails;
} hardware = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};
static struct tee_ops slow_ops;

static tl_err slow_quote(struct tee *t, const uint8_t report_data[64], buf *quote, buf *event_log,
                         struct tl_why *why)
{
    struct slow_tee *s = (struct slow_tee *)t;
    pthread_mutex_lock(&s->lock);
    s->asked++;
    s->busy++;
    pthread_cond_broadcast(&s->wake);
    while (s->may == 0)
        pthread_cond_wait(&s->wake, &s->lock);
    s->may--;
    bool fails = s->fails;
    pthread_mutex_unlock(&s->lock);
    tl_err err = fails ? tl_explain(why, TL_E_TEE, "tee", "no quote today")
                       : s->inner->ops->quote(s->inner, report_data, quote, event_log, why);
    pthread_mutex_lock(&s->lock);
    s->busy--;
    pthread_cond_broadcast(&s->wake);
    pthread_mutex_unlock(&s->lock);
    return err;
}

static void slow_close(struct tee *t)
{
    struct slow_tee *s = (struct slow_tee *)t;
    s->inner->ops->close(s->inner);
}

static tl_err slow_sealing_key(struct tee *t, uint8_t out[32], struct tl_why *why)
{
    struct slow_tee *s = (struct slow_tee *)t;
    return s->inner->ops->sealing_key(s->inner, out, why);
}

static tl_err slow_collateral(struct tee *t, uint64_t now, buf *json, struct tl_why *why)
{
    struct slow_tee *s = (struct slow_tee *)t;
    return s->inner->ops->collateral(s->inner, now, json, why);
}

static void allow(unsigned n)
{
    pthread_mutex_lock(&hardware.lock);
    hardware.may += n;
    pthread_cond_broadcast(&hardware.wake);
    pthread_mutex_unlock(&hardware.lock);
}

/* Quotes from here on are made only as allowed. */
static void hold(void)
{
    pthread_mutex_lock(&hardware.lock);
    hardware.may = hardware.asked = 0;
    pthread_mutex_unlock(&hardware.lock);
}

static void await_asked(unsigned n)
{
    pthread_mutex_lock(&hardware.lock);
    while (hardware.asked < n)
        pthread_cond_wait(&hardware.wake, &hardware.lock);
    pthread_mutex_unlock(&hardware.lock);
}

static void await_idle(void)
{
    pthread_mutex_lock(&hardware.lock);
    while (hardware.busy)
        pthread_cond_wait(&hardware.wake, &hardware.lock);
    pthread_mutex_unlock(&hardware.lock);
}

static struct world w;

static void open_log(void)
{
    allow(1);
    world_open(&w);
    hold();
}

static int set_up(void **state)
{
    (void)state;
    world_init(&w);
    hardware.inner = w.tee;
    hardware.fails = false;
    slow_ops = *w.tee->ops;
    slow_ops.quote = slow_quote;
    slow_ops.close = slow_close;
    slow_ops.sealing_key = slow_sealing_key;
    slow_ops.collateral = slow_collateral;
    hardware.tee = *w.tee;
    hardware.tee.ops = &slow_ops;
    w.tee = &hardware.tee;
    open_log();
    return 0;
}

/* Whatever a test has done: the stored log is sound, and so is a bundle of it. */
static int tear_down(void **state)
{
    (void)state;
    const struct log_export_options all = {.withhold_bodies = false};
    size_t n;
    if (!w.log)
        open_log();
    uint8_t *p = export_all(&w, &all, &n);
    assert_int_equal(verdict_of(p, n, NULL), TEELOG_UNPINNED);
    free(p);
    world_stop(&w);
    fsck_clean(&w);
    world_finish(&w);
    return 0;
}

static bool is_answered(struct answer *a)
{
    pthread_mutex_lock(&a->lock);
    bool done = a->done;
    pthread_mutex_unlock(&a->lock);
    return done;
}

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint64_t log_size(uint64_t *subjects)
{
    struct log_info info;
    log_info(w.log, &info);
    if (subjects)
        *subjects = info.subjects;
    return info.size;
}

static struct log_record with_request(struct log_record r, const char *id)
{
    r.request = slice_str(id);
    return r;
}

static void read_session(void *ctx, tl_err err, const struct tl_why *why)
{
    struct answer *a = ctx;
    (void)why;
    pthread_mutex_lock(&a->lock);
    a->err = err;
    a->done = true;
    pthread_cond_signal(&a->wake);
    pthread_mutex_unlock(&a->lock);
}

/* What the agent's session says of the tree its quote was asked for. */
static uint64_t session_size(const char *agent, uint64_t *index)
{
    struct log_sessions *s = NULL;
    struct answer a = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};
    const slice name = slice_str(agent);
    struct body_session body;
    size_t n;
    assert_ok(log_sessions_latest(&s, w.log, &name, 1, 0, 1));
    assert_ok(log_sessions_submit(s, read_session, &a));
    await(&a);
    assert_ok(a.err);
    const struct log_session *rows = log_sessions_rows(s, &n);
    assert_int_equal(n, 1);
    assert_ok(body_session_read(&body, rows[0].body));
    *index = rows[0].index;
    log_sessions_free(s);
    return body.size;
}

static void others_go_on(void **state)
{
    (void)state;
    struct answer first, second;
    struct log_record a = record("bob", "one"), b = record("bob", "two");
    uint64_t index;
    allow(1);
    append_one(&w, "alice", "hello");
    hold();
    uint64_t size = log_size(NULL);
    submit(&w, &a, 1, &first);
    submit(&w, &b, 1, &second);
    await_asked(1);
    uint64_t begin = now_ms();
    for (int i = 0; i < 1000; i++)
        (void)append_one(&w, "alice", "again");
    print_message("1000 appends beside a quote that hangs: %llu ms\n",
                  (unsigned long long)(now_ms() - begin));
    assert_false(is_answered(&first));
    assert_false(is_answered(&second));
    allow(1);
    await(&first);
    await(&second);
    assert_ok(first.receipts[0].err);
    assert_int_equal(first.receipts[0].seq, 1); /* after its session */
    assert_ok(second.receipts[0].err);
    assert_int_equal(second.receipts[0].seq, 2); /* in the order in which they came */
    assert_int_equal(hardware.asked, 1);
    /* The binding is over the tree when the quote was asked for. */
    assert_int_equal(session_size("bob", &index), size);
    assert_int_equal(index, size + 1000);
    assert_int_equal(first.receipts[0].index, index + 1);
}

static void many_new_agents_at_once(void **state)
{
    (void)state;
    static struct answer answers[64];
    struct log_record all[60];
    char names[64][16];
    for (int i = 0; i < 64; i++) {
        snprintf(names[i], sizeof names[i], "agent-%d", i);
        struct log_record r = record(names[i], "hello");
        submit(&w, &r, 1, &answers[i]);
    }
    allow(64);
    for (int i = 0; i < 64; i++) {
        await(&answers[i]);
        assert_ok(answers[i].err);
        assert_ok(answers[i].receipts[0].err);
        assert_int_equal(answers[i].receipts[0].seq, 1);
    }
    assert_int_equal(hardware.asked, 64);
    /* And in one batch: their quotes are asked for together. */
    hold();
    for (int i = 0; i < 60; i++) {
        snprintf(names[i], sizeof names[i], "other-%d", i / 2);
        all[i] = record(names[i], "hello");
    }
    submit(&w, all, 60, &answers[0]);
    await_asked(1);
    allow(30);
    await(&answers[0]);
    assert_ok(answers[0].err);
    for (int i = 0; i < 60; i++) {
        assert_ok(answers[0].receipts[i].err);
        assert_int_equal(answers[0].receipts[i].seq, 1 + i % 2);
    }
    assert_int_equal(hardware.asked, 30);
}

/* A batch of several agents waits where it has come to, and what it has said stays. */
static void a_mixed_batch_waits_as_a_whole(void **state)
{
    (void)state;
    struct answer mixed;
    struct log_record all[] = {record("alice", "1"), record("bob", "2"), record("alice", "3")};
    allow(1);
    append_one(&w, "alice", "0");
    hold();
    submit(&w, all, 3, &mixed);
    await_asked(1);
    for (int i = 0; i < 10; i++)
        (void)append_one(&w, "alice", "between");
    assert_false(is_answered(&mixed));
    allow(1);
    await(&mixed);
    assert_ok(mixed.err);
    for (int i = 0; i < 3; i++)
        assert_ok(mixed.receipts[i].err);
    assert_int_equal(mixed.receipts[0].seq, 2);
    assert_int_equal(mixed.receipts[1].seq, 1);
    assert_int_equal(mixed.receipts[2].seq, 13);
}

static void a_failure_leaves_no_trace(void **state)
{
    (void)state;
    struct answer first, second;
    struct log_record r[] = {with_request(record("bob", "one"), "request-1"),
                             record("carol", "two"), record("bob", "three")};
    uint64_t before, after, size = log_size(&before);
    hardware.fails = true;
    submit(&w, r, 3, &first);
    submit(&w, r, 1, &second);
    allow(10);
    await(&first);
    await(&second);
    assert_ok(first.err);
    for (int i = 0; i < 3; i++) {
        assert_err(first.receipts[i].err, TL_E_NO_QUOTE);
        assert_non_null(strstr(first.receipts[i].why.text, "no quote today"));
        assert_non_null(strstr(first.receipts[i].why.text, "nothing of this record was stored"));
    }
    assert_err(second.receipts[0].err, TL_E_NO_QUOTE);
    assert_int_equal(log_size(&after), size);
    assert_int_equal(after, before);
    /* And the same again, once it works. */
    hardware.fails = false;
    allow(10);
    append(&w, r, 3, &first);
    append(&w, r, 1, &second);
    for (int i = 0; i < 3; i++)
        assert_ok(first.receipts[i].err);
    assert_false(first.receipts[0].repeated);
    assert_true(second.receipts[0].repeated);
    assert_int_equal(second.receipts[0].index, first.receipts[0].index);
}

/* A request id that comes twice while its agent waits. */
static void repeats_wait_too(void **state)
{
    (void)state;
    struct answer first, second;
    struct log_record r = with_request(record("bob", "one"), "request-1");
    submit(&w, &r, 1, &first);
    submit(&w, &r, 1, &second);
    await_asked(1);
    allow(1);
    await(&first);
    await(&second);
    assert_ok(first.receipts[0].err);
    assert_ok(second.receipts[0].err);
    assert_true(second.receipts[0].repeated);
    assert_int_equal(first.receipts[0].index, second.receipts[0].index);
}

/* As the platforms that are hardware are asked; the log is opened anew. */
static void have_deadline(unsigned ms)
{
    world_stop(&w);
    assert_ok(asker_new(&hardware.tee.asker, &hardware.tee));
    open_log();
    tee_set_deadline(w.tee, ms);
}

static void hardware_that_hangs_is_given_up(void **state)
{
    (void)state;
    struct answer a;
    char names[50][16];
    struct log_record r[50];
    have_deadline(200);
    uint64_t size = log_size(NULL), begin = now_ms();
    for (int i = 0; i < 50; i++) {
        snprintf(names[i], sizeof names[i], "agent-%d", i);
        r[i] = record(names[i], "hello");
    }
    append(&w, r, 50, &a);
    uint64_t took = now_ms() - begin;
    assert_true(took >= 200);
    assert_true(took < 50 * 200); /* not for each of them */
    for (int i = 0; i < 50; i++) {
        assert_err(a.receipts[i].err, TL_E_NO_QUOTE);
        assert_non_null(strstr(a.receipts[i].why.text, "has answered nobody for 0.200 s"));
    }
    assert_int_equal(log_size(NULL), size);
    /* It comes back: its late quote is for nobody. */
    allow(1000);
    tee_set_deadline(w.tee, TEE_DEADLINE_MS);
    append(&w, r, 50, &a);
    for (int i = 0; i < 50; i++)
        assert_ok(a.receipts[i].err);
}

static void a_boot_gives_up_too(void **state)
{
    (void)state;
    struct tl_why why = {{0}, {0}};
    have_deadline(100);
    world_stop(&w);
    hold();
    uint64_t begin = now_ms();
    assert_err(world_try(&w, &why), TL_E_NO_QUOTE);
    assert_true(now_ms() - begin < 20000);
    assert_non_null(strstr(why.text, "has answered nobody for 0.100 s"));
    w.log = NULL;
    allow(1);
    await_idle();
    tee_set_deadline(w.tee, TEE_DEADLINE_MS);
}

static void stops_while_some_wait(void **state)
{
    (void)state;
    struct answer first, second;
    struct log_record a = record("bob", "one"), b = record("carol", "two");
    have_deadline(TEE_DEADLINE_MS);
    submit(&w, &a, 1, &first);
    submit(&w, &b, 1, &second);
    await_asked(1);
    tee_set_deadline(w.tee, 100);
    uint64_t begin = now_ms();
    world_stop(&w);
    assert_true(now_ms() - begin < 20000);
    assert_true(is_answered(&first));
    assert_true(is_answered(&second));
    assert_err(first.receipts[0].err, TL_E_NO_QUOTE);
    if (second.receipts[0].err != TL_E_STOPPING) /* where it had not come to the quotes yet */
        assert_err(second.receipts[0].err, TL_E_NO_QUOTE);
    allow(1); /* its thread comes back to nobody */
    await_idle();
    tee_set_deadline(w.tee, TEE_DEADLINE_MS);
    open_log();
    allow(2);
    (void)append_one(&w, "bob", "one");
}

static void takes_nothing_new_while_it_winds_up(void **state)
{
    (void)state;
    struct answer a;
    struct log_record r = record("bob", "one");
    allow(1);
    append_one(&w, "alice", "hello");
    log_wind_up(w.log);
    append(&w, &r, 1, &a);
    assert_err(a.receipts[0].err, TL_E_STOPPING);
    (void)append_one(&w, "alice", "still");
}

static void killed_while_one_waits(void **state)
{
    (void)state;
    struct answer a;
    struct log_record r = with_request(record("bob", "one"), "request-1");
    int ends[2], status;
    world_stop(&w);
    hold();
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        open_log();
        submit(&w, &r, 1, &a);
        await_asked(1);
        (void)!write(ends[1], "k", 1);
        pause();
        _exit(0);
    }
    char byte;
    assert_int_equal(read(ends[0], &byte, 1), 1);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(ends[0]);
    close(ends[1]);
    open_log();
    allow(1);
    append(&w, &r, 1, &a);
    assert_ok(a.receipts[0].err);
    assert_false(a.receipts[0].repeated);
    assert_int_equal(a.receipts[0].seq, 1);
}

/* A session that another caller waits for does not keep the open one from its agent. */
static void an_open_session_goes_on(void **state)
{
    (void)state;
    struct answer other;
    struct log_record r = record("alice", "by another curve");
    allow(1);
    append_one(&w, "alice", "hello");
    hold();
    submit_alg(&w, &r, 1, COSE_ES256K, &other);
    await_asked(1);
    for (int i = 0; i < 10; i++)
        (void)append_one(&w, "alice", "between");
    assert_false(is_answered(&other));
    allow(1);
    await(&other);
    assert_ok(other.receipts[0].err);
    assert_int_equal(other.receipts[0].seq, 13); /* a new session before it */
}

static void submit_in(uint64_t lane, const struct log_record *r, size_t n, enum cose_alg alg,
                      struct answer *a)
{
    submit_lane = lane;
    submit_alg(&w, r, n, alg, a);
    submit_lane = 0;
}

/* Requests that were sent one behind the other on one connection keep that order, and no
 * others wait. Lanes that are counted together are not taken for one. */
static void lanes_keep_their_order(void **state)
{
    (void)state;
    struct answer first, second, third, other;
    struct log_record mixed[] = {record("alice", "1"), record("bob", "2"), record("alice", "3")},
                      alice = record("alice", "4"), bob = record("bob", "5");
    allow(1);
    append_one(&w, "alice", "0");
    hold();
    submit_in(7, mixed, 3, 0, &first);
    submit_in(7, &alice, 1, 0, &second);
    submit_in(7, &bob, 1, 0, &third);
    submit_in(7 + STALL_LANES, &alice, 1, 0, &other);
    await(&other);
    assert_ok(other.receipts[0].err);
    assert_false(is_answered(&first));
    assert_false(is_answered(&second));
    allow(1);
    await(&first);
    await(&second);
    await(&third);
    for (int i = 0; i < 3; i++)
        assert_ok(first.receipts[i].err);
    assert_ok(second.receipts[0].err);
    assert_ok(third.receipts[0].err);
    assert_int_equal(second.receipts[0].index, first.receipts[2].index + 1);
    assert_int_equal(third.receipts[0].index, second.receipts[0].index + 1);
    /* Nobody of the lane waits any more. */
    hold();
    append_one(&w, "alice", "6");
    submit_in(7, &alice, 1, 0, &first);
    await(&first);
    assert_ok(first.receipts[0].err);
}

/* The first of the lane waits for one session after the other. */
static void lanes_keep_their_order_for_long(void **state)
{
    (void)state;
    struct answer first, second, third;
    struct log_record two[] = {record("bob", "1"), record("alice", "2")},
                      alice = record("alice", "3"), carol = record("carol", "4");
    allow(1);
    append_one(&w, "alice", "0");
    hold();
    submit_in(1, two, 2, COSE_ES256K, &first);
    submit_in(1, &alice, 1, 0, &second);
    submit_in(1, &carol, 1, 0, &third);
    await_asked(1);
    allow(1);
    await_asked(2); /* alice's */
    assert_false(is_answered(&first));
    assert_false(is_answered(&second));
    allow(2);
    await(&first);
    await(&second);
    await(&third);
    assert_ok(first.receipts[1].err);
    assert_ok(second.receipts[0].err);
    assert_ok(third.receipts[0].err);
    assert_true(first.receipts[1].index < second.receipts[0].index);
    assert_true(second.receipts[0].index < third.receipts[0].index);
}

/* Quotes are asked for ahead of no more agents than there may be. */
static void ahead_of_as_many_as_may_be(void **state)
{
    (void)state;
    struct answer a;
    struct log_record r[] = {record("bob", "1"), record("carol", "2"), record("dave", "3"),
                             record("bob", "4")};
    uint64_t subjects;
    w.log->agents_max = 2;
    allow(4);
    append(&w, r, 4, &a);
    assert_ok(a.receipts[0].err);
    assert_ok(a.receipts[1].err);
    assert_err(a.receipts[2].err, TL_E_LIMIT);
    assert_ok(a.receipts[3].err);
    assert_int_equal(hardware.asked, 2);
    (void)log_size(&subjects);
    assert_int_equal(subjects, 3); /* and the origin */
}

/* What waits does not take the room of those who need not. */
static void too_much_waits(void **state)
{
    (void)state;
    enum { LARGE = 1000000, MANY = 20 };
    struct answer first, lane, session, other;
    struct log_record r[MANY], s[MANY], alice = record("alice", "1");
    char *text = malloc(LARGE);
    assert_non_null(text);
    memset(text, 'x', LARGE);
    for (int i = 0; i < MANY; i++) {
        r[i] = record("bob", "");
        r[i].content = slice_of(text, LARGE);
        s[i] = i ? r[i] : record("carol", "");
        s[i].agent = slice_str(i ? "alice" : "carol");
    }
    allow(1);
    append_one(&w, "alice", "0");
    hold();
    w.log->stall_bytes_max = (MANY + MANY / 2) * LARGE;
    submit_in(1, r, MANY, 0, &first);
    submit_in(1, s + 1, MANY - 1, 0, &lane);
    await(&lane);
    assert_ok(lane.err);
    for (int i = 0; i < MANY - 1; i++) {
        assert_err(lane.receipts[i].err, TL_E_BUSY);
        assert_non_null(strstr(lane.receipts[i].why.text, "too much waits for new sessions"));
    }
    submit(&w, s, MANY, &session);
    await(&session);
    assert_err(session.receipts[0].err, TL_E_BUSY);
    assert_ok(session.receipts[1].err); /* its agent has a session */
    submit_in(1, &alice, 1, 0, &other); /* there is room for a little */
    assert_false(is_answered(&first));
    allow(1);
    await(&first);
    await(&other);
    for (int i = 0; i < MANY; i++)
        assert_ok(first.receipts[i].err);
    assert_ok(other.receipts[0].err);
    assert_int_equal(other.receipts[0].index, first.receipts[MANY - 1].index + 1);
    free(text);
}

/* As append_one, for an agent that was started again: it waits for its quote. */
static void submit_again(const struct log_record *r, size_t n, struct answer *a)
{
    submit_anew = true;
    submit(&w, r, n, a);
    submit_anew = false;
}

static void started_again(void **state)
{
    (void)state;
    struct answer again, lane, repeat;
    struct log_record r[] = {with_request(record("alice", "one"), "request-1"),
                             record("alice", "two")};
    uint64_t before, after, size;
    allow(1);
    append_one(&w, "alice", "zero");
    (void)session_size("alice", &before);
    hold();
    submit_lane = 7;
    submit_again(r, 2, &again);
    submit(&w, &r[1], 1, &lane); /* keeps its place in the lane */
    submit_lane = 0;
    await_asked(1);
    /* Until it has its quote the open session goes on for others. */
    assert_int_equal(append_one(&w, "alice", "between").index, before + 2);
    assert_false(is_answered(&lane));
    allow(1);
    await(&again);
    await(&lane);
    size = session_size("alice", &after);
    assert_true(size > before);
    assert_true(after > before + 2);
    assert_ok(again.receipts[0].err);
    assert_int_equal(again.receipts[0].index, after + 1);
    assert_int_equal(again.receipts[1].index, after + 2); /* one session for both */
    assert_int_equal(lane.receipts[0].index, after + 3);
    assert_int_equal(hardware.asked, 1);
    /* What is only repeated opens none. */
    submit_again(r, 1, &repeat);
    await(&repeat);
    assert_true(repeat.receipts[0].repeated);
    assert_int_equal(repeat.receipts[0].index, after + 1);
    assert_int_equal(hardware.asked, 1);
}

static void started_again_too_often(void **state)
{
    (void)state;
    struct answer a;
    struct log_record r = record("alice", "one");
    allow(1);
    append_one(&w, "alice", "zero");
    hold();
    submit_limited = true;
    submit_again(&r, 1, &a);
    submit_limited = false;
    await(&a);
    assert_err(a.receipts[0].err, TL_E_RATE);
    assert_non_null(strstr(a.receipts[0].why.text, "started again"));
    assert_non_null(strstr(a.receipts[0].why.text, "nothing of this record was stored"));
    assert_int_equal(hardware.asked, 0);
    append_one(&w, "alice", "its session is open all the same");
}

int main(void)
{
#define WITH_LOG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_LOG(others_go_on),
        WITH_LOG(many_new_agents_at_once),
        WITH_LOG(a_mixed_batch_waits_as_a_whole),
        WITH_LOG(a_failure_leaves_no_trace),
        WITH_LOG(repeats_wait_too),
        WITH_LOG(hardware_that_hangs_is_given_up),
        WITH_LOG(a_boot_gives_up_too),
        WITH_LOG(stops_while_some_wait),
        WITH_LOG(takes_nothing_new_while_it_winds_up),
        WITH_LOG(killed_while_one_waits),
        WITH_LOG(an_open_session_goes_on),
        WITH_LOG(lanes_keep_their_order),
        WITH_LOG(lanes_keep_their_order_for_long),
        WITH_LOG(ahead_of_as_many_as_may_be),
        WITH_LOG(too_much_waits),
        WITH_LOG(started_again),
        WITH_LOG(started_again_too_often),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
