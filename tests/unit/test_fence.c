/* The fence of a witnessed log: each state, what may be done in it, and every way on. The test is
 * the witness client. */
#include "fakefence.h"

#include "log/erase.h"
#include "log/tokens.h"

uint64_t __real_stats_now_us(void);
uint64_t __wrap_stats_now_us(void);

static _Atomic uint64_t later_us; /* than it is */

uint64_t __wrap_stats_now_us(void)
{
    return __real_stats_now_us() + later_us;
}

static _Atomic int moved;
static char said[400];

static void count_moved(void *ctx)
{
    (void)ctx;
    moved++;
}

static void keep_said(void *ctx, const char *text)
{
    (void)ctx;
    snprintf(said, sizeof said, "%s", text);
}

static int set_up(void **state)
{
    static struct world w;
    moved = 0;
    later_us = 0;
    said[0] = 0;
    submit_witnessing = (struct log_witnessing){
        .policy = fence_policy(), .wait_ms = 60000, .moved = count_moved, .say = keep_said};
    world_init(&w);
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    world_finish(*state);
    tlog_policy_free((struct tlog_policy *)(uintptr_t)submit_witnessing.policy);
    submit_witnessing = (struct log_witnessing){.policy = NULL};
    return 0;
}

/* Nothing is appended, and the sentence says why. */
static void assert_shut(struct world *w, tl_err wanted, const char *text)
{
    struct log_record r = record("alice", "x");
    struct log_batch *b = NULL;
    struct tl_why why = {{0}, {0}};
    struct log_info before, after;
    log_info(w->log, &before);
    tl_err err = log_batch_new(&b, w->log, ADMISSION_BEARER);
    if (err == TL_OK) {
        assert_ok(log_batch_add(b, &r, &why));
        err = log_submit(w->log, b, NULL, NULL);
        log_batch_free(b);
    }
    assert_err(err, wanted);
    assert_err(log_refusal(w->log, err, &why), wanted);
    if (!strstr(why.text, text))
        fail_msg("%s", why.text);
    fence_settle(w);
    log_info(w->log, &after);
    assert_int_equal(before.size, after.size);
}

static tl_err erase_first(struct world *w, struct tl_why *why)
{
    struct log_erase *e = NULL;
    const uint64_t index = 2;
    assert_ok(log_erase_new(&e, w->log, &index, 1, (slice){NULL, 0}, why));
    tl_err err = log_erase_run(e, why);
    log_erase_free(e);
    return err;
}

static tl_err fresh(struct world *w, struct tl_why *why)
{
    struct log_export_options o = {.nonce = slice_str("0123456789abcdef")};
    uint8_t *p = NULL;
    size_t n;
    tl_err err = try_export(w, &o, &p, &n, why);
    free(p);
    return err;
}

static void assert_reads(struct world *w)
{
    struct log_export_options all = {.has_range = false};
    struct log_agent *agents = NULL;
    size_t n;
    uint8_t *p = export_all(w, &all, &n);
    assert_int_equal(verdict_of(p, n, NULL), TEELOG_UNPINNED);
    free(p);
    assert_ok(all_agents(w->log, &agents, &n));
    free(agents);
}

static void add_token(struct world *w)
{
    struct token t = {.scopes = SCOPE_READ, .label = slice_str("reader")};
    char text[TOKEN_TEXT + 1];
    struct tl_why why = {{0}, {0}};
    assert_ok(log_token_create(w->log, &t, text, &why));
}

static void genesis_waits_for_its_boot(void **state)
{
    struct world *w = *state;
    world_open(w);
    struct log_info info = fence_info(w);
    assert_int_equal(info.fence, LOG_BOOTED);
    assert_int_equal(info.boot, 0);
    assert_int_equal(info.size, 1);
    assert_int_equal(info.witnesses, 3);
    assert_int_equal(info.quorum, 2);
    assert_int_equal(info.cosigned, 0);
    assert_shut(w, TL_E_FENCED, "until 2 of its 3 witnesses have cosigned its start");
    assert_reads(w);
    assert_int_equal(moved, 0);
    assert_int_equal(fence_pass(w), 1);
    info = fence_info(w);
    assert_int_equal(info.fence, LOG_OPEN);
    assert_false(info.degraded);
    assert_int_equal(info.cosigned, 1);
    assert_int_equal(info.cosigned_time, 1002);
    assert_int_equal(moved, 1);
    assert_int_equal(append_one(w, "alice", "x").index, 2);
    (void)fence_pass(w);
    assert_int_equal(moved, 1);
    assert_reads(w);
}

static void stored_log_proves_itself_first(void **state)
{
    struct world *w = *state;
    struct tl_why why = {{0}, {0}};
    fence_open(w);
    grow_log(w, 40);
    world_stop(w);
    moved = 0;
    world_open(w);
    struct log_info info = fence_info(w);
    const uint64_t size = info.size;
    assert_int_equal(info.fence, LOG_PROVING);
    assert_true(info.boot == UINT64_MAX);
    assert_shut(w, TL_E_FENCED, "the history that is on its disk");
    assert_err(erase_first(w, &why), TL_E_FENCED);
    assert_non_null(strstr(why.text, "2 of its 3 witnesses"));
    assert_err(fresh(w, NULL), TL_E_FENCED);
    assert_reads(w);
    add_token(w);
    info = fence_info(w);
    assert_int_equal(info.size, size);
    assert_int_equal(fence_pass(w), size);
    info = fence_info(w);
    assert_int_equal(info.fence, LOG_BOOTED);
    assert_int_equal(info.boot, size);
    assert_int_equal(info.size, size + 1);
    assert_shut(w, TL_E_FENCED, "its start");
    assert_err(erase_first(w, NULL), TL_E_FENCED);
    assert_ok(fresh(w, NULL));
    assert_reads(w);
    add_token(w);
    assert_int_equal(moved, 0);
    assert_int_equal(fence_pass(w), size + 1);
    assert_int_equal(fence_info(w).fence, LOG_OPEN);
    assert_int_equal(moved, 1);
    (void)append_one(w, "alice", "y");
    assert_ok(erase_first(w, NULL));
    assert_reads(w);
    world_stop(w);
    fsck_clean(w);
}

/* An older cosignature of another size says nothing of what is on the disk. */
static void less_than_all_of_it_does_not_open(void **state)
{
    struct world *w = *state;
    buf old;
    fence_open(w);
    uint64_t size = fence_cosign(w, &old, 3, 50);
    grow_log(w, 4);
    world_stop(w);
    world_open(w);
    fence_tell(w, buf_slice(&old), size);
    assert_int_equal(fence_info(w).fence, LOG_PROVING);
    assert_true(fence_info(w).boot == UINT64_MAX);
    buf_finish(&old);
}

static void each_state_ends_and_begins_again(void **state)
{
    struct world *w = *state;
    world_open(w); /* booted */
    world_stop(w);
    world_open(w); /* proving */
    assert_int_equal(fence_info(w).fence, LOG_PROVING);
    assert_int_equal(fence_info(w).size, 1);
    log_wind_up(w->log);
    log_end(w->log);
    log_end(w->log);
    world_stop(w);
    world_open(w);
    assert_int_equal(fence_info(w).size, 1);
    (void)fence_pass(w); /* booted */
    assert_int_equal(fence_info(w).boot, 1);
    world_stop(w);
    fsck_clean(w);
    fence_open(w);
    assert_int_equal(fence_info(w).boot, 2);
    (void)append_one(w, "alice", "x");
    world_stop(w);
    fsck_clean(w);
    fence_open(w);
    assert_reads(w);
}

static void pass_time(struct world *w, uint64_t us)
{
    later_us += us;
    fence_settle(w);
    fence_settle(w);
}

static void degraded_start(void **state)
{
    struct world *w = *state;
    struct log_record r = record("alice", "x");
    struct answer a;
    submit_witnessing.degraded_starts = true;
    world_open(w);
    pass_time(w, 59000000);
    assert_int_equal(fence_info(w).fence, LOG_BOOTED);
    pass_time(w, 1500000);
    assert_int_equal(fence_info(w).fence, LOG_OPEN);
    assert_true(fence_info(w).degraded);
    assert_int_equal(moved, 1);
    append(w, &r, 1, &a);
    assert_ok(a.receipts[0].err);
    assert_true(a.degraded);
    world_stop(w);
    moved = 0;
    world_open(w);
    assert_int_equal(fence_info(w).fence, LOG_PROVING);
    pass_time(w, 61000000);
    assert_int_equal(fence_info(w).fence, LOG_OPEN);
    assert_true(fence_info(w).degraded);
    assert_true(fence_info(w).boot != UINT64_MAX);
    assert_int_equal(moved, 1);
    (void)fence_pass(w); /* it is degraded no more */
    assert_int_equal(fence_info(w).fence, LOG_OPEN);
    assert_false(fence_info(w).degraded);
    assert_int_equal(moved, 2);
    append(w, &r, 1, &a);
    assert_false(a.degraded);
    assert_reads(w);
}

static void no_degraded_start_where_it_is_not_allowed(void **state)
{
    struct world *w = *state;
    world_open(w);
    pass_time(w, 100000000);
    assert_int_equal(fence_info(w).fence, LOG_BOOTED);
    world_stop(w);
    world_open(w);
    pass_time(w, 100000000);
    assert_int_equal(fence_info(w).fence, LOG_PROVING);
}

static void boot_says_what_is_configured(void **state)
{
    struct world *w = *state;
    struct tl_why why = {{0}, {0}};
    struct store_leaf leaf;
    struct statement st;
    struct body_boot boot;
    struct tlog_policy *p = NULL;
    size_t k, n;
    submit_witnessing.degraded_starts = true;
    world_open(w);
    world_stop(w);
    assert_ok(log_open_read(&w->log, w->tee, w->dir, &why));
    assert_ok(stored_leaf(w->log, 0, &leaf, &st));
    assert_ok(body_boot_read(&boot, leaf.body));
    assert_ok(tlog_policy_read(&p, boot.config.quorum, &why));
    assert_true(tlog_policy_one_group(p, &k, &n));
    assert_int_equal(k, 2);
    assert_int_equal(n, 3);
    assert_int_equal(p->members[0].url.n, 0);
    assert_true(slice_starts(boot.config.quorum, slice_str("witness w1 w1.example+")));
    assert_int_equal(boot.config.faulty, 0);
    assert_true(boot.config.degraded_starts);
    tlog_policy_free(p);
}

static void assert_refused(struct world *w, const char *text, uint64_t faulty, const char *wanted)
{
    struct tl_why why = {{0}, {0}};
    struct tlog_policy *p = NULL;
    struct log_witnessing before = submit_witnessing;
    assert_ok(tlog_policy_read(&p, slice_str(text), &why));
    submit_witnessing.policy = p;
    submit_witnessing.faulty = faulty;
    assert_err(world_try(w, &why), TL_E_USAGE);
    assert_string_equal(why.field, "witnesses");
    if (!strstr(why.text, wanted))
        fail_msg("%s", why.text);
    submit_witnessing = before;
    tlog_policy_free(p);
}

static void what_is_no_quorum_is_refused(void **state)
{
    struct world *w = *state;
    char text[4000], long_name[20000];
    buf b;
    buf_init(&b, 4000);
    fake_witness_lines(&b, 1, 3);
    const char *three = (const char *)memcpy(text, b.p, b.n);
    text[b.n] = 0;
    char all[9000];
    snprintf(all, sizeof all, "%sgroup g 2 w1 w2\nquorum g\n", three);
    assert_refused(w, all, 0, "all of them");
    snprintf(all, sizeof all, "%squorum none\n", three);
    assert_refused(w, all, 0, "must be one witness, or one group");
    snprintf(all, sizeof all, "%sgroup g 2 w1 w2 w3\nquorum g\n", three);
    assert_refused(w, all, 1, "2 k > n + faulty");
    assert_refused(w, all, 0, "0 of its witnesses have a URL");
    struct note_key key = fake_log_key(FAKE_ORIGIN, 9);
    buf_reset(&b);
    note_key_put(&b, &key);
    snprintf(all, sizeof all, "log %.*s\n%sgroup g 2 w1 w2 w3\nquorum g\n", (int)b.n,
             (const char *)b.p, three);
    assert_refused(w, all, 0, "begins with log");
    buf_reset(&b);
    struct cosigner c = fake_cosigner(1);
    cosigner_put(&b, &c);
    memset(long_name, 'x', sizeof long_name);
    snprintf(long_name + LOG_QUORUM_MAX - 200, 400, " %.*s http://a\nquorum none\n", (int)b.n,
             (const char *)b.p);
    char *longest = NULL;
    assert_true(asprintf(&longest, "witness %s", long_name) > 0);
    char *quorum = strstr(longest, "none");
    *quorum = 0;
    char *whole = NULL;
    assert_true(asprintf(&whole, "%s%.*s\n", longest, LOG_QUORUM_MAX - 200, long_name) > 0);
    assert_refused(w, whole, 0, "at most 16384 bytes");
    snprintf(all, sizeof all, "witness w\xff %.*s http://a\nquorum w\xff\n", (int)b.n,
             (const char *)b.p);
    assert_refused(w, all, 0, "UTF-8");
    free(whole);
    free(longest);
    buf_finish(&b);
    world_open(w); /* and nothing was made */
    assert_int_equal(fence_info(w).size, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(genesis_waits_for_its_boot, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stored_log_proves_itself_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(less_than_all_of_it_does_not_open, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_state_ends_and_begins_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(degraded_start, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_degraded_start_where_it_is_not_allowed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(boot_says_what_is_configured, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_quorum_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
