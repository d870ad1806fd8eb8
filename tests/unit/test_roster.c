/* Who has said something: in order, and read in slices. */
#include "testlog.h"

#include "log/internal.h"

#include <stdio.h>

static struct world w;
static bool in_a_hurry;    /* each slice is over at once */
static size_t asked;       /* how often */
static const char *guests; /* one agent of each letter comes with each slice */

bool __real_owner_slice_over(uint64_t end);
bool __wrap_owner_slice_over(uint64_t end);

static struct subject *add(struct roster *r, const char *name)
{
    struct subject *s = NULL;
    assert_ok(roster_get(r, slice_str(name), &s));
    if (s->durable_count++ == 0)
        roster_add_agent(r, s);
    return s;
}

bool __wrap_owner_slice_over(uint64_t end)
{
    if (!in_a_hurry)
        return __real_owner_slice_over(end);
    if (guests && *guests) {
        char name[2] = {*guests++, 0};
        add(w.log->roster, name);
    }
    asked++;
    return true;
}

enum { MANY = 5000 };

static void a_roster_is_in_order(void **state)
{
    static char names[MANY][16];
    struct roster *r = NULL;
    size_t n, said = 0;
    (void)state;
    assert_ok(roster_new(&r));
    for (uint32_t i = 0; i < MANY; i++)
        snprintf(names[i], sizeof names[i], "a%u", i * 2654435761u);
    for (size_t i = 0; i < MANY; i++) {
        struct subject *s = NULL, *again = NULL;
        assert_ok(roster_get(r, slice_str(names[i]), &s));
        assert_ok(roster_get(r, slice_str(names[i]), &again));
        assert_ptr_equal(s, again);
        if (i % 7 == 0) {
            roster_remove(r, s);
            assert_null(roster_find(r, slice_str(names[i])));
            assert_ok(roster_get(r, slice_str(names[i]), &s));
        }
        if (i % 3) {
            roster_add_agent(r, s);
            roster_add_agent(r, s); /* once */
            said++;
        }
    }
    assert_int_equal(roster_count(r), MANY);
    struct subject *const *agents = roster_agents(r, &n);
    assert_int_equal(n, said);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(roster_agents_after(r, agents[i]->name), i + 1);
        if (i)
            assert_true(slice_cmp(agents[i - 1]->name, agents[i]->name) < 0);
    }
    assert_int_equal(roster_agents_after(r, slice_str("")), 0);
    assert_int_equal(roster_agents_after(r, slice_str("b")), n);
    assert_null(roster_find(r, slice_str("b")));
    roster_free(r);
}

static void agents_are_read_in_slices(void **state)
{
    struct log_agent *agents = NULL;
    size_t n;
    (void)state;
    world_init(&w);
    world_open(&w);
    assert_ok(all_agents(w.log, &agents, &n));
    assert_int_equal(n, 0);
    free(agents);
    (void)append_one(&w, "alice", "hello");
    for (int i = 0; i < 200; i++) {
        char name[16];
        snprintf(name, sizeof name, "m%d", i);
        add(w.log->roster, name); /* the owner thread has nothing to do */
    }
    in_a_hurry = true;
    guests = "azbycx"; /* some before where it stands, and some after */
    assert_ok(all_agents(w.log, &agents, &n));
    in_a_hurry = false;
    assert_true(asked >= 201 / 16);
    assert_true(n >= 201 + 3 && n <= 201 + 6);
    for (size_t i = 1; i < n; i++)
        assert_true(strcmp(agents[i - 1].id, agents[i].id) < 0);
    free(agents);
    world_stop(&w);
    /* The same from disk: what was made up here is not there. */
    assert_ok(log_open_read(&w.log, w.tee, w.dir, NULL));
    assert_ok(all_agents(w.log, &agents, &n));
    assert_int_equal(n, 1);
    assert_string_equal(agents[0].id, "alice");
    assert_false(agents[0].open);
    free(agents);
    world_finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_roster_is_in_order),
        cmocka_unit_test(agents_are_read_in_slices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
