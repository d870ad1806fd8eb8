#include "testlog.h"

#include "log/internal.h"

#include <stdatomic.h>

uint64_t __real_stats_now_us(void);
uint64_t __wrap_stats_now_us(void);

static _Atomic uint64_t later_us; /* than it is */

uint64_t __wrap_stats_now_us(void)
{
    return __real_stats_now_us() + later_us;
}

static int set_up(void **state)
{
    static struct world w;
    world_init(&w);
    world_open(&w);
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    world_finish(*state);
    return 0;
}

static void places_and_receipts(void **state)
{
    struct world *w = *state;
    struct answer a;
    struct log_record two[] = {record("alice", "one"), record("bob", "two")};
    append(w, two, 2, &a);
    assert_ok(a.err);
    assert_int_equal(a.receipts[0].index, 2); /* after the boot and alice's session */
    assert_int_equal(a.receipts[0].seq, 1);
    assert_int_equal(a.receipts[1].index, 4);
    assert_int_equal(a.size, 5);
}

static void whole_chain_and_range_verify(void **state)
{
    struct world *w = *state;
    struct answer a;
    for (int i = 0; i < 40; i++) {
        struct log_record r[] = {record("alice", "one"), record("bob", "two"),
                                 record("alice", "3")};
        append(w, r, 3, &a);
        assert_ok(a.err);
        if (i == 20) {
            world_stop(w);
            world_open(w);
        }
    }
    struct log_export_options all[] = {
        {.withhold_bodies = false},
        {.agent = slice_str("alice")},
        {.has_range = true, .from = 30, .to = 90},
        {.has_range = true, .from = 5, .to = 6},
        {.agent = slice_str("bob"), .has_range = true, .from = 30, .to = 60},
        {.withhold_bodies = true},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        size_t n;
        uint8_t *p = export_all(w, &all[i], &n);
        printf("export %zu: %zu bytes\n", i, n);
        assert_int_equal(verdict_of(p, n, NULL), TEELOG_UNPINNED);
        free(p);
    }
}

static void repeated_request_is_harmless(void **state)
{
    struct world *w = *state;
    struct answer a, b;
    struct log_record r = record("alice", "pay 5");
    r.request = slice_str("req-1");
    append(w, &r, 1, &a);
    assert_ok(a.receipts[0].err);
    append(w, &r, 1, &b);
    assert_ok(b.receipts[0].err);
    assert_true(b.receipts[0].repeated);
    assert_int_equal(b.receipts[0].index, a.receipts[0].index);
    assert_int_equal(b.size, a.size);
    r.content = slice_str("pay 6");
    append(w, &r, 1, &b);
    assert_err(b.receipts[0].err, TL_E_REQUEST_REUSED);
    r.content = slice_str("pay 5");
    struct log_record twice[] = {r, r, r};
    for (int i = 0; i < 3; i++)
        twice[i].request = slice_str("req-2");
    append(w, twice, 3, &b);
    assert_false(b.receipts[0].repeated);
    assert_true(b.receipts[1].repeated && b.receipts[2].repeated);
    assert_int_equal(b.receipts[2].index, b.receipts[0].index);
    world_stop(w);
    world_open(w);
    r.request = slice_str("req-1");
    append(w, &r, 1, &b);
    assert_true(b.receipts[0].repeated);
    assert_int_equal(b.receipts[0].index, a.receipts[0].index);
}

static void refs_name_the_same_agent(void **state)
{
    struct world *w = *state;
    struct answer a, b;
    struct log_record r = record("alice", "intent"), s = record("bob", "other");
    append(w, &r, 1, &a);
    s.has_ref = true;
    s.ref = a.receipts[0].index;
    append(w, &s, 1, &b);
    assert_err(b.receipts[0].err, TL_E_FIELD);
    assert_string_equal(b.receipts[0].why.field, "ref");
    r.has_ref = true;
    r.ref = 1000;
    append(w, &r, 1, &b);
    assert_err(b.receipts[0].err, TL_E_FIELD);
    r.ref = a.receipts[0].index;
    append(w, &r, 1, &b);
    assert_ok(b.receipts[0].err);
}

static void never(void *ctx, const struct log_result *result)
{
    (void)ctx, (void)result;
    fail();
}

static void request_id_twice_in_a_batch(void **state)
{
    struct world *w = *state;
    struct answer a;
    struct log_info info;
    struct log_record r[6];
    for (int i = 0; i < 6; i++) {
        r[i] = record("alice", i == 5 ? "other" : "same");
        r[i].request = slice_str(i < 2 ? "one" : i < 4 ? "two" : "three");
    }
    append(w, r, 6, &a);
    for (int i = 0; i < 4; i++) {
        assert_ok(a.receipts[i].err);
        assert_int_equal(a.receipts[i].repeated, i % 2);
        assert_int_equal(a.receipts[i].index, a.receipts[i - i % 2].index);
        assert_memory_equal(a.receipts[i].leaf.b, a.receipts[i - i % 2].leaf.b, 32);
    }
    assert_err(a.receipts[5].err, TL_E_REQUEST_REUSED);
    log_info(w->log, &info);
    assert_int_equal(info.size, 5); /* boot, session, three records */
}

static void refused_records_enter_no_agent(void **state)
{
    struct world *w = *state;
    struct answer a;
    struct log_info info;
    struct log_record r[] = {record("x1", "one"), record("x2", "two"), record("alice", "three")};
    r[0].has_ref = r[1].has_ref = true;
    r[0].ref = 0;
    r[1].ref = 9;
    append(w, r, 3, &a);
    assert_err(a.receipts[0].err, TL_E_FIELD);
    assert_err(a.receipts[1].err, TL_E_FIELD);
    assert_ok(a.receipts[2].err);
    log_info(w->log, &info);
    assert_int_equal(info.subjects, 2); /* the origin and alice */
}

/* Exports append heads, but not more of them than a verifier reads
 * (docs/format.md section 6). */
static void heads_keep_to_their_measure(void **state)
{
    struct world *w = *state;
    struct answer a;
    struct log_info before, after;
    size_t n;
    char id[16];
    for (int i = 0; i < 1100; i++) {
        snprintf(id, sizeof id, "agent-%d", i);
        struct log_record r = record(id, "hello");
        append(w, &r, 1, &a);
        assert_ok(a.receipts[0].err);
    }
    struct log_export_options one = {.has_range = true, .from = 0, .to = 1};
    struct log_export_options all = {.withhold_bodies = true};
    log_info(w->log, &before);
    free(export_all(w, &one, &n)); /* single records need no heads */
    log_info(w->log, &after);
    assert_int_equal(after.size, before.size);
    free(export_all(w, &all, &n));
    log_info(w->log, &after);
    assert_int_equal(after.size, before.size + 1);
    for (int i = 0; i < 3; i++) {
        struct log_record r = record("agent-1", "again");
        append(w, &r, 1, &a);
        log_info(w->log, &before);
        free(export_all(w, &all, &n));
        log_info(w->log, &after);
        /* One statement bears 1024 subjects, two bear 1101. */
        assert_int_equal(after.size, before.size + (i == 1));
    }
}

static void frozen_log_takes_nothing(void **state)
{
    struct world *w = *state;
    struct log_batch *b = NULL;
    struct log_info before, after;
    struct log_record r = record("alice", "x");
    log_info(w->log, &before);
    log_freeze(w->log, "because");
    assert_ok(log_batch_new(&b, w->log, ADMISSION_BEARER));
    assert_ok(log_batch_add(b, &r, NULL));
    assert_err(log_submit(w->log, b, never, NULL), TL_E_FROZEN);
    log_batch_free(b);
    log_info(w->log, &after);
    assert_int_equal(before.size, after.size);
    assert_string_equal(after.frozen_why, "because");
}

/* One record of alice; the index of her session after it. */
static uint64_t session_after(struct world *w, enum cose_alg asked, enum cose_alg want)
{
    struct log_record r = record("alice", "x");
    struct answer a;
    struct log_agent *agents = NULL;
    size_t n;
    submit_alg(w, &r, 1, asked, &a);
    await(&a);
    assert_ok(a.err);
    assert_ok(a.receipts[0].err);
    assert_ok(all_agents(w->log, &agents, &n));
    assert_int_equal(n, 1);
    assert_true(agents[0].open);
    assert_int_equal(agents[0].alg, want);
    assert_true(agents[0].public_key[0] == 2 || agents[0].public_key[0] == 3);
    uint64_t session = agents[0].session;
    free(agents);
    return session;
}

/* Callers with limits who want different sessions of one agent get each its own once in a
 * while; no record goes under a session that was not asked for, and others have theirs. */
static void sessions_do_not_take_turns(void **state)
{
    static const enum cose_alg algs[] = {COSE_ES256K, COSE_ES256};
    struct world *w = *state;
    struct log_info info;
    struct answer a;
    struct log_record alice = record("alice", "x");
    uint64_t session = session_after(w, COSE_ES256, COSE_ES256);
    submit_limited = true;
    for (int i = 0; i < 40; i++) {
        submit_alg(w, &alice, 1, algs[i % 2], &a);
        await(&a);
        assert_ok(a.err);
        assert_err(a.receipts[0].err, i % 2 ? TL_OK : TL_E_RATE);
        later_us += 100000;
    }
    log_info(w->log, &info);
    assert_int_equal(info.size, 3 + 20);
    assert_int_equal(session_after(w, 0, COSE_ES256), session);
    /* Not one of the log's new sessions was spent on it. */
    for (int i = 0; i < 10 * SESSIONS_PER_SECOND; i++) {
        char name[16];
        snprintf(name, sizeof name, "a%d", i);
        struct log_record r = record(name, "x");
        append(w, &r, 1, &a);
        assert_ok(a.receipts[0].err);
    }
    later_us += SESSION_LEAST_MS * UINT64_C(1000);
    for (int i = 0; i < 2; i++) {
        submit_alg(w, &alice, 1, COSE_ES256K, &a);
        await(&a);
        assert_ok(a.receipts[0].err);
    }
    submit_limited = false; /* who has none is not kept back */
    submit_alg(w, &alice, 1, COSE_ES256, &a);
    await(&a);
    assert_ok(a.receipts[0].err);
    later_us = 0;
}

/* A session goes on until another algorithm is asked for. */
static void agents_sign_as_they_ask(void **state)
{
    struct world *w = *state;
    uint64_t first = session_after(w, 0, COSE_ES256), second, third;
    assert_int_equal(session_after(w, COSE_ES256, COSE_ES256), first);
    second = session_after(w, COSE_ES256K, COSE_ES256K);
    assert_true(second > first);
    assert_int_equal(session_after(w, 0, COSE_ES256K), second);
    assert_int_equal(session_after(w, COSE_ES256K, COSE_ES256K), second);
    third = session_after(w, COSE_ES256, COSE_ES256);
    assert_true(third > second);
    assert_true(session_after(w, COSE_ES256K, COSE_ES256K) > third);
    /* A start closes every session, and with them what they signed by. */
    world_stop(w);
    world_open(w);
    (void)session_after(w, 0, COSE_ES256);
    assert_true(session_after(w, COSE_ES256K, COSE_ES256K) > third);
}

/* Both kinds in one batch of one caller, and bundles of every scope. */
static void both_kinds_verify(void **state)
{
    struct world *w = *state;
    struct log_record first[] = {record("alice", "one"), record("carol", "two")};
    struct log_record both[] = {record("alice", "3"), record("bob", "4"), record("alice", "5")};
    struct answer a;
    append(w, first, 2, &a);
    assert_ok(a.err);
    submit_alg(w, both, 3, COSE_ES256K, &a);
    await(&a);
    assert_ok(a.err);
    grow_log(w, 200);
    world_pin(w);
    struct log_export_options all[] = {
        {.withhold_bodies = false},
        {.agent = slice_str("alice")},
        {.agent = slice_str("carol")},
        {.has_range = true, .from = 6, .to = 9},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        size_t n;
        uint8_t *p = export_all(w, &all[i], &n);
        struct teelog_report *r = report_of(p, n, w->policy);
        assert_int_equal(teelog_report_verdict(r), TEELOG_TRUSTED);
        char *text = teelog_report_text(r);
        assert_int_equal(strstr(text, "carol: ") != NULL, i == 0 || i == 2);
        assert_int_equal(strstr(text, "by ES256K") != NULL, i != 2);
        assert_int_equal(strstr(text, "2 sessions (1 by ES256K)") != NULL, i < 2);
        free(text);
        text = teelog_report_json(r);
        assert_int_equal(strstr(text, "\"sessions_es256k\": 1") != NULL, i != 2);
        free(text);
        text = teelog_report_html(r);
        assert_int_equal(strstr(text, "by ES256K") != NULL, i != 2);
        free(text);
        teelog_report_free(r);
        free(p);
    }
}

struct watch {
    uint64_t calls, size;
};

static void note_growth(void *ctx, uint64_t size)
{
    struct watch *seen = ctx;
    assert_true(size > seen->size);
    seen->calls++;
    seen->size = size;
}

/* What the owner thread had to do before is done. */
static void let_the_owner_finish(struct world *w)
{
    struct log_agent *agents = NULL;
    size_t n;
    assert_ok(all_agents(w->log, &agents, &n));
    free(agents);
}

static void tells_its_watcher_of_each_commit(void **state)
{
    struct world *w = *state;
    struct watch seen = {0, 0};
    log_watch(w->log, note_growth, &seen);
    (void)append_one(w, "alice", "one"); /* and her session */
    let_the_owner_finish(w);
    assert_true(seen.calls >= 1);
    struct log_receipt r = append_one(w, "alice", "two");
    let_the_owner_finish(w);
    assert_int_equal(seen.size, r.index + 1);
    uint64_t calls = seen.calls;
    log_watch(w->log, NULL, NULL);
    (void)append_one(w, "alice", "three");
    world_stop(w);
    assert_int_equal(seen.calls, calls);
}

/* Whichever limit is there; what is refused is not counted as taken. */
static void a_full_log_takes_nothing(void **state)
{
    struct world *w = *state;
    const struct log_config limits[] = {
        {.max_bytes = 1}, {.min_free = UINT64_MAX}, {.min_free = 1}};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct log_config c = limits[i];
        struct answer a;
        struct log_record one[] = {record("alice", "one")};
        world_stop(w);
        c.dir = w->dir;
        c.admissions = 1 << ADMISSION_BEARER;
        c.signers = 1;
        assert_ok(log_open(&w->log, w->tee, &c, NULL));
        append(w, one, 1, &a);
        assert_int_equal(a.err, i < 2 ? TL_E_FULL : TL_OK);
    }
}

/* As many agents as were allowed; those that are there go on. */
static void no_more_agents(void **state)
{
    struct world *w = *state;
    struct log_config c = {.dir = w->dir, .admissions = 1 << ADMISSION_BEARER, .agents = 2};
    struct log_record three[] = {record("alice", "1"), record("bob", "2"), record("carol", "3")};
    struct answer a;
    world_stop(w);
    assert_ok(log_open(&w->log, w->tee, &c, NULL));
    append(w, three, 3, &a);
    assert_ok(a.err);
    assert_ok(a.receipts[1].err);
    assert_int_equal(a.receipts[2].err, TL_E_LIMIT);
    assert_non_null(strstr(a.receipts[2].why.text, "2 agents"));
    append(w, three, 2, &a);
    assert_ok(a.receipts[0].err);
    assert_ok(a.receipts[1].err);
}

/* For adding one record of agent: what log_batch_add says. */
static tl_err add_as(struct world *w, enum admission admission, bool own, const char *agent)
{
    struct log_batch *b = NULL;
    struct log_record r = record(agent, "x");
    assert_ok(log_batch_new(&b, w->log, admission));
    if (own)
        log_batch_own(b);
    tl_err err = log_batch_add(b, &r, NULL);
    assert_int_equal(log_batch_count(b), err == TL_OK);
    log_batch_free(b);
    return err;
}

static void nobody_else_has_its_own_name(void **state)
{
    struct world *w = *state;
    assert_ok(add_as(w, ADMISSION_CHILD, true, RUN_AGENT));
    assert_err(add_as(w, ADMISSION_CHILD, true, "alice"), TL_E_FIELD);
    for (enum admission a = ADMISSION_CHILD; a <= ADMISSION_LAST; a++) {
        assert_ok(add_as(w, a, false, "alice"));
        assert_err(add_as(w, a, false, RUN_AGENT), TL_E_FIELD);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nobody_else_has_its_own_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_more_agents, set_up, tear_down),
        cmocka_unit_test_setup_teardown(places_and_receipts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whole_chain_and_range_verify, set_up, tear_down),
        cmocka_unit_test_setup_teardown(repeated_request_is_harmless, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refs_name_the_same_agent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(request_id_twice_in_a_batch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refused_records_enter_no_agent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(heads_keep_to_their_measure, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sessions_do_not_take_turns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(agents_sign_as_they_ask, set_up, tear_down),
        cmocka_unit_test_setup_teardown(both_kinds_verify, set_up, tear_down),
        cmocka_unit_test_setup_teardown(frozen_log_takes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_log_takes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tells_its_watcher_of_each_commit, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
