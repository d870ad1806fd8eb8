/* The heads tree that is kept beside the roster: the same bytes as the plain computation,
 * whatever came when; and exports that wait for it in slices. */
#include "testlog.h"

#include "log/internal.h"

#include <stdio.h>
#include <stdlib.h>

static bool in_a_hurry;         /* each slice is over at once */
static void (*meanwhile)(void); /* what comes with each slice */
static unsigned slices;

bool __real_owner_slice_over(uint64_t end);
bool __wrap_owner_slice_over(uint64_t end);

bool __wrap_owner_slice_over(uint64_t end)
{
    if (!in_a_hurry)
        return __real_owner_slice_over(end);
    slices++;
    if (meanwhile)
        meanwhile();
    return true;
}

static uint64_t seed = 1;

static uint32_t any(uint32_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % n;
}

static struct roster *roster;

/* Of a name that may be there already, or come anywhere. */
static void says(uint32_t name)
{
    char text[24];
    struct subject *s;
    snprintf(text, sizeof text, "%x", name * 2654435761u);
    assert_ok(roster_get(roster, slice_str(text), &s));
    s->count++;
    s->last_index += any(1000);
    s->last_hash = sha256(slice_of(&seed, sizeof seed));
    roster_said(roster, s);
}

struct naive {
    struct subject *subjects[3000];
    hash32 leaves[3000];
    size_t n;
};

static void take_leaf(void *ctx, struct subject *s)
{
    struct naive *v = ctx;
    const struct head h = {s->name, s->count, s->last_index, s->last_hash};
    if (s->count == 0)
        return;
    v->subjects[v->n] = s;
    v->leaves[v->n++] = head_leaf_hash(&h);
}

/* Root, and every so manieth proof, are those of docs/format.md section 6. */
static void is_right(size_t step)
{
    static struct naive v;
    struct merkle_leaves leaves = {v.leaves, 0};
    const struct merkle_nodes nodes = {merkle_leaves_get, &leaves};
    struct heads heads;
    hash32 root;
    v.n = 0;
    roster_each(roster, take_leaf, &v);
    leaves.count = v.n;
    assert_ok(merkle_root(&nodes, v.n, &root));
    assert_ok(roster_heads(roster, 77, &heads));
    assert_int_equal(heads.size, 77);
    assert_int_equal(heads.n, v.n);
    assert_true(hash_eq(&heads.root, &root));
    for (size_t i = any((uint32_t)step); i < v.n; i += step) {
        hash32 path[MERKLE_MAX_PATH], want[MERKLE_MAX_PATH];
        uint64_t position;
        size_t n, want_n;
        assert_ok(roster_prove_head(roster, v.subjects[i]->name, &position, path, &n));
        assert_ok(merkle_prove_inclusion(&nodes, i, v.n, want, &want_n));
        assert_int_equal(position, i);
        assert_int_equal(n, want_n);
        assert_memory_equal(path, want, n * sizeof path[0]);
        assert_ok(merkle_verify_inclusion(i, v.n, &v.leaves[i], path, n, &root));
    }
}

static void each_size_is_right(void **state)
{
    (void)state;
    assert_ok(roster_new(&roster));
    is_right(1); /* none at all */
    for (uint32_t i = 0; i < 140; i++) {
        says(i);
        is_right(1);
        says(any(i + 1));
        is_right(1);
    }
    roster_free(roster);
}

static void random_rosters_are_right(void **state)
{
    (void)state;
    for (int round = 0; round < 6; round++) {
        assert_ok(roster_new(&roster));
        for (int turn = 0; turn < 30; turn++) {
            uint32_t names = 1 + any(3000), many = any(turn % 5 ? 20 : 800);
            for (uint32_t i = 0; i < many; i++)
                says(any(names));
            /* Some of it in slices, with more between them. */
            in_a_hurry = turn % 3 > 0;
            for (uint32_t i = 0; in_a_hurry && i < many; i++) {
                if (!roster_heads_ready(roster, 0) && turn % 3 == 2)
                    says(any(names));
            }
            in_a_hurry = false;
            is_right(37);
        }
        is_right(1);
        roster_free(roster);
    }
}

/* One who was asked for and refused leaves no trace in it. */
static void silent_ones_are_no_leaves(void **state)
{
    struct subject *s;
    (void)state;
    assert_ok(roster_new(&roster));
    for (uint32_t i = 0; i < 10; i++) {
        says(i);
        assert_ok(roster_get(roster, slice_str("5x"), &s));
        is_right(1);
        roster_remove(roster, s);
        is_right(1);
    }
    roster_free(roster);
}

/* Proofs are of the heads that were made last, until the next are begun. */
static void proofs_are_of_the_last_heads(void **state)
{
    uint64_t position;
    hash32 path[MERKLE_MAX_PATH];
    size_t n;
    char name[24];
    (void)state;
    assert_ok(roster_new(&roster));
    for (uint32_t i = 0; i < 50; i++)
        says(i);
    is_right(1);
    snprintf(name, sizeof name, "%x", 7 * 2654435761u);
    says(7);
    says(50);
    assert_ok(roster_prove_head(roster, slice_str(name), &position, path, &n));
    snprintf(name, sizeof name, "%x", 50 * 2654435761u);
    assert_err(roster_prove_head(roster, slice_str(name), &position, path, &n), TL_E_NOT_FOUND);
    assert_err(roster_prove_head(roster, slice_str("nobody"), &position, path, &n), TL_E_NOT_FOUND);
    snprintf(name, sizeof name, "%x", 3 * 2654435761u);
    assert_ok(roster_prove_head(roster, slice_str(name), &position, path, &n));
    assert_true(roster_heads_ready(roster, owner_slice_end()));
    assert_err(roster_prove_head(roster, slice_str(name), &position, path, &n), TL_E_NOT_FOUND);
    is_right(1);
    roster_free(roster);
}

static struct world w;

static void many_agents(size_t from, size_t to, const char *content)
{
    while (from < to) {
        static char names[64][24];
        struct log_record records[64];
        struct answer a;
        size_t n = 0;
        for (; n < 64 && from < to; n++, from++) {
            snprintf(names[n], sizeof names[n], "m%08x", (uint32_t)from * 2654435761u);
            records[n] = record(names[n], content);
        }
        append(&w, records, n, &a);
        assert_ok(a.err);
        for (size_t i = 0; i < n; i++)
            assert_ok(a.receipts[i].err);
    }
}

/* Up to which size the agent's chain is complete, as the verifier says, which shares
 * nothing of this; 0: it does not. */
static uint64_t complete_up_to(const char *agent)
{
    static const char member[] = "\"complete_up_to\": ";
    const struct log_export_options o = {.agent = slice_str(agent)};
    size_t n;
    uint8_t *p = export_all(&w, &o, &n);
    assert_int_equal(verdict_of(p, n, w.policy), TEELOG_TRUSTED);
    struct teelog_report *r = report_of(p, n, w.policy);
    char *json = teelog_report_json(r);
    assert_non_null(json);
    const char *at = strstr(json, member);
    assert_non_null(at);
    uint64_t size = strtoull(at + sizeof member - 1, NULL, 10);
    free(json);
    teelog_report_free(r);
    free(p);
    return size;
}

static void whole_is_good(void)
{
    const struct log_export_options all = {.withhold_bodies = false};
    size_t n;
    uint8_t *p = export_all(&w, &all, &n);
    assert_int_equal(verdict_of(p, n, w.policy), TEELOG_TRUSTED);
    free(p);
}

static void heads_of_many_agents(void **state)
{
    enum { MANY = HEADS_ROWS + 300 };
    struct log_stats stats;
    (void)state;
    world_init(&w);
    world_open(&w);
    append_one(&w, "alice", "one");
    world_pin(&w);
    assert_int_equal(complete_up_to("alice"), 3);
    many_agents(0, MANY, "hello");
    /* Their rows were too many for one commit at the end. */
    log_stats(w.log, &stats);
    /* They come when they are hashed, which a slow machine does beside later records. */
    for (int i = 0; i < 500 && stats.heads < 2; i++) {
        append_one(&w, "alice", "more");
        log_stats(w.log, &stats);
    }
    assert_true(stats.heads >= 2);
    assert_true(roster_unsaved_count(w.log->roster) < HEADS_ROWS);
    for (int i = 0; i < 8; i++) /* enough for others, however lately those came */
        append_one(&w, "alice", "two");
    in_a_hurry = true;
    slices = 0;
    uint64_t size = w.log->durable_size;
    assert_int_equal(complete_up_to("alice"), size);
    assert_true(slices > 20);
    in_a_hurry = false;
    /* Too soon for new ones: the last are shown. */
    append_one(&w, "alice", "three");
    assert_int_equal(complete_up_to("alice"), size);
    assert_int_equal(w.log->durable_size, size + 2);
    whole_is_good();
    world_stop(&w);
    fsck_clean(&w);
    /* From the rows. */
    struct heads heads;
    assert_ok(log_open_read(&w.log, w.tee, w.dir, NULL));
    size = w.log->durable_size - 1;
    assert_int_equal(complete_up_to("alice"), size);
    assert_int_equal(complete_up_to("m00000000"), size);
    assert_ok(roster_heads(w.log->roster, 0, &heads));
    assert_int_equal(heads.n, MANY + 2);
    world_stop(&w);
    world_open(&w);
    many_agents(5, 9, "again");
    many_agents(MANY, MANY + 10, "new");
    size = w.log->durable_size;
    assert_int_equal(complete_up_to("alice"), size);
    whole_is_good();
    world_finish(&w);
}

/* Each slice of the export brings more to do than it did. */
static void more_to_hash(void)
{
    static uint32_t next;
    for (int i = 0; i < 5; i++) {
        char text[24];
        snprintf(text, sizeof text, "m%08x", next++ % 200 * 2654435761u);
        struct subject *s = roster_find(w.log->roster, slice_str(text));
        if (s)
            roster_said(w.log->roster, s); /* the same again */
    }
}

static void an_export_does_not_wait_for_ever(void **state)
{
    (void)state;
    world_init(&w);
    world_open(&w);
    append_one(&w, "alice", "one");
    world_pin(&w);
    many_agents(0, 200, "hello");
    in_a_hurry = true;
    meanwhile = more_to_hash;
    uint64_t size = w.log->durable_size;
    assert_int_equal(complete_up_to("alice"), size);
    in_a_hurry = false;
    meanwhile = NULL;
    whole_is_good();
    world_stop(&w);
    fsck_clean(&w);
    world_finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_size_is_right),
        cmocka_unit_test(random_rosters_are_right),
        cmocka_unit_test(silent_ones_are_no_leaves),
        cmocka_unit_test(proofs_are_of_the_last_heads),
        cmocka_unit_test(heads_of_many_agents),
        cmocka_unit_test(an_export_does_not_wait_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
