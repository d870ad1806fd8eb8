/* Retention: each record by the rule of its type, and each leaf read once for all rules
 * that are due there. */
#include "testlog.h"

#include "log/internal.h"
#include "log/query.h"
#include "log/retain.h"

#include <stdatomic.h>
#include <unistd.h>

static struct world w;
static _Atomic uint64_t reads, later_ms;

tl_err __real_stored_leaf(struct log *log, uint64_t index, struct store_leaf *leaf,
                          struct statement *out);
tl_err __wrap_stored_leaf(struct log *log, uint64_t index, struct store_leaf *leaf,
                          struct statement *out);
uint64_t __real_log_clock(struct log *log);
uint64_t __wrap_log_clock(struct log *log);

tl_err __wrap_stored_leaf(struct log *log, uint64_t index, struct store_leaf *leaf,
                          struct statement *out)
{
    reads++;
    return __real_stored_leaf(log, index, leaf, out);
}

uint64_t __wrap_log_clock(struct log *log)
{
    return __real_log_clock(log) + later_ms;
}

static int set_up(void **state)
{
    (void)state;
    world_init(&w);
    world_open(&w);
    later_ms = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_finish(&w);
    return 0;
}

static struct retain *keep(const char *const *rules)
{
    struct retain *r = NULL;
    struct retain_options o = {.count = 0};
    for (; *rules; rules++)
        assert_ok(retain_rule_read(&o.rules[o.count++], *rules, NULL));
    assert_ok(retain_start(&r, w.log, &o));
    return r;
}

static uint64_t durable(void)
{
    struct log_info info;
    log_info(w.log, &info);
    return info.size;
}

static void a_leaf_is_read_once_for_all_rules(void **state)
{
    static const char *const rules[] = {"a=0", "b=0", "c=0", "d=0", NULL};
    (void)state;
    grow_log(&w, 600);
    reads = 0;
    struct retain *r = keep(rules);
    for (int i = 0; i < 10000 && reads < durable(); i++)
        usleep(1000);
    usleep(200000);
    retain_stop(r);
    assert_int_equal(reads, durable());
}

static void say(const char *type)
{
    struct answer a;
    struct log_record r = record("alice", "x");
    r.type = slice_str(type);
    append(&w, &r, 1, &a);
    assert_ok(a.receipts[0].err);
}

/* How many records of this type have a body still. */
static size_t left(const char *type)
{
    struct log_query *q = NULL;
    struct log_query_options o = {
        .type = slice_str(type), .to = UINT64_MAX, .before_ms = UINT64_MAX, .limit = 1000};
    size_t n, count = 0;
    assert_ok(log_query_new(&q, w.log, &o, NULL));
    assert_ok(log_query_run(q, NULL));
    const struct log_row *rows = log_query_rows(q, &n);
    for (size_t i = 0; i < n; i++)
        count += !rows[i].erased;
    log_query_free(q);
    return count;
}

static void await_left(const char *type, size_t n)
{
    for (int i = 0; i < 1000 && left(type) != n; i++)
        usleep(10000);
    assert_int_equal(left(type), n);
}

static void each_type_has_its_own_time(void **state)
{
    static const char *const rules[] = {"short=100s", "long=10000s", "*=1s", NULL};
    static const char *const types[] = {"long", "short", "other", "short", "long"};
    (void)state;
    for (size_t i = 0; i < 5; i++)
        say(types[i]);
    struct retain *r = keep(rules);
    later_ms = 5000;
    await_left("other", 0);
    assert_int_equal(left("short"), 2);
    assert_int_equal(left("long"), 2);
    later_ms = 105000;
    await_left("short", 0);
    assert_int_equal(left("long"), 2);
    say("other"); /* behind what two rules have come to, and not the third */
    say("long");
    await_left("other", 0);
    assert_int_equal(left("long"), 3);
    later_ms = 10100000;
    await_left("long", 0);
    retain_stop(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_leaf_is_read_once_for_all_rules, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_type_has_its_own_time, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
