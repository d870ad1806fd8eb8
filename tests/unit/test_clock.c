/* A host's clock that jumps: a log's time never goes back, whatever it does. */
#include "testlog.h"

#include "log/tokens.h"
#include "tlog/statement.h"

#include <time.h>

#define YEAR (INT64_C(365) * 86400)

/* The clock: stands at base where that is set, and jumps at the n-th question. */
static struct {
    bool set;
    int64_t base, jump; /* seconds */
    uint64_t asked, at;
} host;

int __real_clock_gettime(clockid_t id, struct timespec *out);
int __wrap_clock_gettime(clockid_t id, struct timespec *out);

int __wrap_clock_gettime(clockid_t id, struct timespec *out)
{
    int rc = __real_clock_gettime(id, out);
    if (id != CLOCK_REALTIME)
        return rc;
    if (host.set)
        *out = (struct timespec){host.base, 0};
    if (++host.asked >= host.at)
        out->tv_sec += host.jump;
    return rc;
}

static void set_clock(int64_t seconds)
{
    host.set = true;
    host.base = seconds;
    host.jump = 0;
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    memset(&host, 0, sizeof host);
    world_init(w);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    memset(&host, 0, sizeof host);
    world_finish(*state);
    free(*state);
    return 0;
}

struct times {
    uint64_t first, last, count;
};

/* Exports, holds the bundle against the verifier, and checks that no time of it is
 * smaller than the one before. */
static struct times check_times(struct world *w)
{
    const struct log_export_options all = {.withhold_bodies = false};
    struct times t = {0};
    struct bundle_reader *r = NULL;
    struct bundle_item item;
    struct statement st;
    bool more = true;
    size_t n;
    uint8_t *p = export_all(w, &all, &n);
    slice bytes = slice_of(p, n);
    assert_int_not_equal(verdict_of(p, n, NULL), TEELOG_REJECTED);
    assert_ok(bundle_reader_new(&r, (struct byte_source){slice_source_read, &bytes}));
    for (;;) {
        assert_ok(bundle_next(r, &item, &more));
        if (!more)
            break;
        if (item.kind != BUNDLE_LEAF)
            continue;
        assert_ok(statement_read(&st, item.u.leaf.statement));
        assert_true(st.time_ms >= t.last);
        t.last = st.time_ms;
        if (t.count++ == 0)
            t.first = st.time_ms;
    }
    bundle_reader_free(r);
    free(p);
    return t;
}

static void back(void **state)
{
    struct world *w = *state;
    set_clock(40 * YEAR);
    world_open(w);
    append_one(w, "alice", "now");
    set_clock(20 * YEAR);
    append_one(w, "alice", "twenty years before");
    assert_int_equal(check_times(w).last, 40 * YEAR * 1000);
    assert_true(log_clock(w->log) >= 40 * YEAR * 1000); /* tokens do not live again */
    world_stop(w);
    set_clock(-5);
    world_open(w);
    append_one(w, "alice", "before all times");
    struct times t = check_times(w);
    assert_int_equal(t.first, 40 * YEAR * 1000);
    assert_int_equal(t.last, 40 * YEAR * 1000);
}

/* Statements carry the time that was jumped to until it has come. */
static void forth_and_back(void **state)
{
    struct world *w = *state;
    set_clock(40 * YEAR);
    world_open(w);
    set_clock(50 * YEAR);
    append_one(w, "alice", "ten years on");
    set_clock(40 * YEAR + 60);
    append_one(w, "alice", "a minute on");
    assert_int_equal(check_times(w).last, 50 * YEAR * 1000);
    world_stop(w);
    world_open(w);
    append_one(w, "alice", "after a start");
    assert_int_equal(check_times(w).last, 50 * YEAR * 1000);
    set_clock(50 * YEAR + 1);
    append_one(w, "alice", "ten years on, at last");
    assert_int_equal(check_times(w).last, 50 * YEAR * 1000 + 1000);
}

/* No time reaches 2^53 ms: it is passed over, as what goes back is. */
static void beyond_all_numbers(void **state)
{
    struct world *w = *state;
    const int64_t last = (INT64_C(1) << 53) / 1000 - 1;
    static const int64_t beyond[] = {1, INT64_C(1) << 50, INT64_MAX / 1000, INT64_MAX / 500 + 7,
                                     INT64_MAX - (INT64_C(1) << 53)};
    set_clock(40 * YEAR);
    world_open(w);
    for (size_t i = 0; i < sizeof beyond / sizeof beyond[0]; i++) {
        set_clock(last + beyond[i]);
        append_one(w, "alice", "beyond");
        assert_int_equal(check_times(w).last, 40 * YEAR * 1000);
    }
    set_clock(last);
    append_one(w, "alice", "at the end");
    assert_int_equal(check_times(w).last, last * 1000);
    world_stop(w);
    set_clock(40 * YEAR);
    world_open(w); /* it goes on, with the time at its end */
    append_one(w, "alice", "after it");
    assert_int_equal(check_times(w).last, last * 1000);
}

static void a_log_of_1970(void **state)
{
    struct world *w = *state;
    set_clock(0);
    world_open(w);
    append_one(w, "alice", "the beginning");
    set_clock(1);
    append_one(w, "alice", "a second on");
    struct times t = check_times(w);
    assert_int_equal(t.first, 0);
    assert_int_equal(t.last, 1000);
}

/* A jump either way at each question of a start, appends and a stop. */
static void at_each_step(void **state)
{
    static const int64_t jumps[] = {-60 * YEAR, -1, 1, 7 * YEAR};
    struct world *w = *state;
    set_clock(50 * YEAR);
    for (size_t i = 0; i < sizeof jumps / sizeof jumps[0]; i++) {
        uint64_t asked = UINT64_MAX;
        for (uint64_t at = 1; at <= asked; at++) {
            host.asked = 0;
            host.at = at;
            host.jump = jumps[i];
            world_open(w);
            append_one(w, "alice", "one");
            append_one(w, "bob", "two");
            world_stop(w);
            asked = host.asked;
            assert_true(asked > 5);
        }
    }
    set_clock(51 * YEAR);
    world_open(w);
    struct times t = check_times(w);
    assert_int_equal(t.last, 57 * YEAR * 1000);
    assert_int_equal(w->fatal, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(back),          TEST(forth_and_back), TEST(beyond_all_numbers),
        TEST(a_log_of_1970), TEST(at_each_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
