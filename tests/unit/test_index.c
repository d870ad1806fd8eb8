/* Queries over what is derived from the leaves: right while it is made, after it was cut
 * short anywhere, and whatever the host does to it. */
#include "testquery.h"

#include "log/index.h"
#include "store/store.h"

#include <time.h>

/* The host's clock, as in test_query.c. */
static _Atomic uint64_t fake_ms = 1700000000000;
int __real_clock_gettime(clockid_t id, struct timespec *t);
int __wrap_clock_gettime(clockid_t id, struct timespec *t);
int __wrap_clock_gettime(clockid_t id, struct timespec *t)
{
    if (id != CLOCK_REALTIME)
        return __real_clock_gettime(id, t);
    uint64_t now = fake_ms += query_rand(3);
    *t = (struct timespec){.tv_sec = (time_t)(now / 1000), .tv_nsec = (long)(now % 1000) * 1000000};
    return 0;
}

/* What the index writes fails from the left-th transaction on; -1: never. */
static _Atomic int left = -1;
tl_err __real_store_begin_derived(struct store *s);
tl_err __wrap_store_begin_derived(struct store *s);
tl_err __wrap_store_begin_derived(struct store *s)
{
    if (left == 0)
        return TL_E_IO;
    if (left > 0)
        left--;
    return __real_store_begin_derived(s);
}

#define CELLS 17 /* complete ones: a segment of the next level, and one beside it */

static struct world large;
static struct oracle oracle;

static void idle(struct world *w)
{
    struct index_progress p = {.busy = true};
    while (p.busy) {
        struct timespec t = {.tv_nsec = 2000000};
        assert_ok(index_progress(w->log, &p));
        nanosleep(&t, NULL);
    }
}

static void ask(struct log *log, const struct oracle *o, int n)
{
    for (int i = 0; i < n; i++) {
        struct log_query_options q = query_random(o);
        q.to = q.to < o->count ? q.to : o->count; /* a stop appends more */
        (void)query_check(log, o, &q);
    }
}

static int64_t rows(struct world *w, unsigned level)
{
    char sql[200];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM block WHERE id >> 58 = %u", level);
    return host_int(w, sql);
}

static int set_up(void **state)
{
    (void)state;
    world_init(&large);
    world_open(&large);
    query_grow(&large, CELLS * 4096 + 1000);
    oracle_read(&oracle, &large);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    oracle_finish(&oracle);
    world_finish(&large);
    return 0;
}

static void made_while_it_grows(void **state)
{
    (void)state;
    ask(large.log, &oracle, 100);
    idle(&large);
    ask(large.log, &oracle, 300);
    world_stop(&large);
    print_message("rows: %ld %ld %ld text %ld\n", rows(&large, 0), rows(&large, 1), rows(&large, 2),
                  rows(&large, 7));
    world_open(&large);
    ask(large.log, &oracle, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_while_it_grows),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
