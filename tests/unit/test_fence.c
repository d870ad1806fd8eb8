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

tl_err __real_tee_quote(struct tee *tee, const uint8_t report_data[64], buf *quote, buf *event_log,
                        struct tl_why *why);
tl_err __wrap_tee_quote(struct tee *tee, const uint8_t report_data[64], buf *quote, buf *event_log,
                        struct tl_why *why);

static _Atomic bool slow, broken; /* hardware */

tl_err __wrap_tee_quote(struct tee *tee, const uint8_t report_data[64], buf *quote, buf *event_log,
                        struct tl_why *why)
{
    const struct timespec a_little = {.tv_nsec = 1000000};
    while (slow)
        (void)nanosleep(&a_little, NULL);
    if (broken)
        return tl_explain(why, TL_E_NO_QUOTE, NULL, "the hardware is broken");
    return __real_tee_quote(tee, report_data, quote, event_log, why);
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
    slow = broken = false;
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
    snprintf(all, sizeof all, "witness w1 %.*s ftp://a\nquorum w1\n", (int)b.n, (const char *)b.p);
    assert_refused(w, all, 0, "is none to ask it at");
    free(whole);
    free(longest);
    buf_finish(&b);
    world_open(w); /* and nothing was made */
    assert_int_equal(fence_info(w).size, 1);
}

/* What the last boot says of its witnesses is what it signed, or nothing. */
static void an_altered_boot_says_nothing(void **state)
{
    struct world *w = *state;
    struct log *log = NULL;
    char sql[200];
    fence_open(w);
    const unsigned boot = (unsigned)fence_info(w).boot;
    world_stop(w);
    assert_ok(log_open_read(&log, w->tee, w->dir, NULL));
    assert_non_null(log->anchors);
    log_close(log);
    world_open(w);
    assert_string_equal(fence_info(w).other_start, "");
    world_stop(w);
    /* A byte of log_id: all else can be read as before. */
    snprintf(sql, sizeof sql,
             "UPDATE leaf SET body = CAST(substr(body, 1, 9) || x'a5' || substr(body, 11) AS BLOB) "
             "WHERE idx = %u",
             boot);
    host_sql(w, sql);
    assert_ok(log_open_read(&log, w->tee, w->dir, NULL));
    assert_null(log->anchors);
    log_close(log);
    world_open(w);
    assert_string_equal(fence_info(w).other_start,
                        "perhaps other witnesses: its last boot cannot be read (teelog fsck)");
}

/* ---- a boot that takes its time ---- */

/* A quorum has cosigned what is on the disk, and the boot waits for its quote. */
static uint64_t begin_slow_boot(struct world *w)
{
    buf note;
    fence_open(w);
    (void)append_one(w, "alice", "x");
    world_stop(w);
    world_open(w);
    slow = true;
    uint64_t size = fence_cosign(w, &note, 2, 1000);
    fence_tell(w, buf_slice(&note), size);
    buf_finish(&note);
    assert_ok(log_ping(w->log));
    assert_ok(log_ping(w->log));
    return size;
}

static void reads_go_on_beside_a_slow_boot(void **state)
{
    struct world *w = *state;
    struct log_info info;
    const uint64_t size = begin_slow_boot(w);
    log_info(w->log, &info);
    assert_int_equal(info.fence, LOG_PROVING);
    assert_true(info.boot == UINT64_MAX);
    assert_reads(w);
    add_token(w);
    log_info(w->log, &info);
    assert_int_equal(info.size, size);
    slow = false;
    assert_int_equal(fence_info(w).boot, size);
    (void)fence_pass(w);
    (void)append_one(w, "alice", "y");
    assert_int_equal(w->fatal, 0);
    assert_reads(w);
}

static uint64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* A late start has nothing to do while its quote is made, and does nothing. */
static void a_slow_boot_costs_nothing(void **state)
{
    struct world *w = *state;
    const struct timespec while_nothing = {.tv_nsec = 300000000};
    submit_witnessing.degraded_starts = true;
    (void)begin_slow_boot(w);
    later_us += 61000000;
    assert_ok(log_ping(w->log));
    assert_ok(log_ping(w->log));
    const uint64_t before = cpu_ns();
    (void)nanosleep(&while_nothing, NULL);
    assert_true(cpu_ns() - before < 150000000);
    slow = false;
    assert_int_equal(fence_info(w).fence, LOG_OPEN);
    assert_true(fence_info(w).degraded);
    assert_reads(w);
}

/* What was seen while the quote was made counts: there is no boot. */
static void a_freeze_comes_before_a_slow_boot(void **state)
{
    struct world *w = *state;
    const uint64_t size = begin_slow_boot(w);
    log_freeze(w->log, "a test");
    slow = false;
    assert_true(fence_info(w).boot == UINT64_MAX);
    assert_int_equal(fence_info(w).size, size);
    world_stop(w);
    fsck_clean(w);
}

static void a_slow_boot_may_be_ended(void **state)
{
    struct world *w = *state;
    const uint64_t size = begin_slow_boot(w);
    pthread_mutex_lock(&w->log->lock);
    w->log->stop = true; /* as an end that comes while the hardware is at it */
    pthread_mutex_unlock(&w->log->lock);
    slow = false;
    world_stop(w);
    fsck_clean(w);
    world_open(w);
    assert_int_equal(fence_info(w).size, size);
}

static void a_boot_without_a_quote_ends_the_service(void **state)
{
    struct world *w = *state;
    broken = true;
    struct tl_why why = {{0}, {0}};
    assert_err(world_try(w, &why), TL_E_NO_QUOTE); /* a new log's: at once */
    broken = false;
    fence_open(w);
    world_stop(w);
    world_open(w);
    broken = true;
    buf note;
    uint64_t size = fence_cosign(w, &note, 2, 1000);
    fence_tell(w, buf_slice(&note), size);
    while (log_ping(w->log) == TL_OK)
        ;
    buf_finish(&note);
    world_stop(w); /* what it says, it says while it ends */
    assert_int_equal(w->fatal, 1);
    assert_non_null(strstr(said, "could not go on after its start: the hardware is broken"));
    broken = false;
    fence_open(w);
}

/* ---- freezing ---- */

static uint64_t size_of(struct world *w)
{
    struct log_info info;
    log_info(w->log, &info);
    return info.size;
}

/* A checkpoint that the log's own key has signed. */
static void own_note(struct world *w, buf *b, const char *origin, uint64_t size, const hash32 *root)
{
    const struct log *log = w->log;
    buf_init(b, NOTE_MAX);
    struct note_key key = log->keys.note_key;
    assert_ok(checkpoint_sign(b, slice_str(origin), size, root, &key, log->keys.log_seed));
}

static bool see(struct world *w, slice note)
{
    struct witness_log_face face = witnessing_face(w->log);
    bool frozen = face.seen(face.ctx, "w2", note);
    fence_settle(w);
    return frozen;
}

static void assert_frozen(struct world *w, const char *text, bool shown)
{
    struct log_info info = fence_info(w);
    char witness[128] = "";
    buf ours, theirs;
    buf_init(&ours, NOTE_MAX);
    buf_init(&theirs, NOTE_MAX);
    assert_true(info.frozen);
    if (!strstr(info.frozen_why, text))
        fail_msg("%s", info.frozen_why);
    assert_shut(w, TL_E_FROZEN, text);
    assert_err(log_fork(w->log, &ours, &theirs, witness), shown ? TL_OK : TL_E_NOT_FOUND);
    assert_string_equal(witness, shown ? "w2" : "");
    assert_true((ours.n > 0 && theirs.n > 0) == shown);
    assert_err(erase_first(w, NULL), TL_E_FROZEN);
    assert_reads(w);
    add_token(w);
    buf_finish(&ours);
    buf_finish(&theirs);
}

static void larger_note_of_its_own_freezes(void **state)
{
    struct world *w = *state, old;
    buf note;
    fence_open(w);
    (void)append_one(w, "alice", "x");
    world_stop(w);
    world_copy(&old, w);
    fence_open(w);
    (void)append_one(w, "alice", "y");
    (void)fence_cosign(w, &note, 0, 0);
    assert_false(see(w, buf_slice(&note))); /* its own: no more than it has */
    assert_false(fence_info(w).frozen);
    world_stop(w);
    /* The older disk, which the witness knows better than. */
    moved = 0;
    world_open(&old);
    assert_int_equal(fence_info(&old).fence, LOG_PROVING);
    assert_true(see(&old, buf_slice(&note)));
    assert_int_equal(moved, 1);
    assert_frozen(&old, "is larger than this log: an older disk was put back", true);
    assert_err(fresh(&old, NULL), TL_E_FROZEN);
    const uint64_t size = fence_pass(&old); /* a quorum that comes too late changes nothing */
    assert_int_equal(fence_info(&old).size, size);
    assert_true(fence_info(&old).boot == UINT64_MAX);
    world_stop(&old);
    fsck_clean(&old);
    /* It is known at the next start, before anybody is asked. */
    world_open(&old);
    assert_frozen(&old, "w2 has a checkpoint", true);
    world_stop(&old);
    world_finish(&old);
    fence_open(w);
    (void)append_one(w, "alice", "z");
    buf_finish(&note);
}

static void note_of_another_history_freezes(void **state)
{
    struct world *w = *state, copy;
    buf note;
    fence_open(w);
    (void)append_one(w, "alice", "x");
    world_stop(w);
    world_copy(&copy, w);
    fence_open(w);
    (void)append_one(w, "alice", "y");
    fence_open(&copy);
    for (int i = 0; i < 5; i++)
        (void)append_one(&copy, "alice", "z");
    (void)fence_cosign(w, &note, 0, 0);
    assert_true(size_of(w) < size_of(&copy));
    assert_true(see(&copy, buf_slice(&note)));
    assert_frozen(&copy, "is no part of this history", true);
    assert_true(see(&copy, buf_slice(&note)));
    world_stop(&copy);
    fsck_clean(&copy);
    world_open(&copy);
    assert_frozen(&copy, "is no part of this history", true);
    world_finish(&copy);
    buf_finish(&note);
}

/* The kept note is judged again: it says nothing once the disk that has it is back. */
static void newest_disk_thaws(void **state)
{
    struct world *w = *state, old;
    sqlite3 *from, *to;
    sqlite3_stmt *get, *put;
    buf note;
    fence_open(w);
    world_stop(w);
    world_copy(&old, w);
    fence_open(w);
    (void)append_one(w, "alice", "y");
    (void)fence_cosign(w, &note, 0, 0);
    world_stop(w);
    world_open(&old);
    assert_true(see(&old, buf_slice(&note)));
    world_stop(&old);
    from = host_open(&old);
    to = host_open(w);
    assert_int_equal(
        sqlite3_prepare_v2(from, "SELECT value FROM meta WHERE name = 'fork'", -1, &get, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(get), SQLITE_ROW);
    assert_int_equal(sqlite3_prepare_v2(to, "INSERT INTO meta (name, value) VALUES ('fork', ?1)",
                                        -1, &put, NULL),
                     SQLITE_OK);
    sqlite3_bind_blob(put, 1, sqlite3_column_blob(get, 0), sqlite3_column_bytes(get, 0),
                      SQLITE_TRANSIENT);
    assert_int_equal(sqlite3_step(put), SQLITE_DONE);
    sqlite3_finalize(get);
    sqlite3_finalize(put);
    sqlite3_close(from);
    sqlite3_close(to);
    fence_open(w);
    assert_false(fence_info(w).frozen);
    world_finish(&old);
    buf_finish(&note);
}

/* Whatever the host writes there: the log starts, and is frozen by nothing that its key has not
 * signed. */
static void kept_notes_are_hostile(void **state)
{
    struct world *w = *state;
    static const char *const values[] = {
        "x''",   "x'00'", "x'83614100'", "x'83614100410000'", "x'83417840'", "zeroblob(200000)",
        "'text'"};
    buf note, b;
    char *sql = NULL;
    hash32 root = merkle_empty_root();
    fence_open(w);
    own_note(w, &note, "test/log", 1000, &root);
    world_stop(w);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        for (int k = 0; k < 2; k++) {
            assert_true(asprintf(&sql,
                                 "INSERT OR REPLACE INTO meta (name, value) VALUES ('%s', %s)",
                                 k ? "fork" : "cosigned", values[i]) > 0);
            host_sql(w, sql);
            free(sql);
        }
        world_open(w);
        assert_false(fence_info(w).frozen);
        assert_int_equal(fence_info(w).cosigned, 0);
        world_stop(w);
    }
    /* A name that is too long, a signature of another key, and the whole. */
    for (int i = 0; i < 3; i++) {
        char name[300] = "w2", hex[8000] = "";
        if (i == 0)
            memset(name, 'n', 128);
        if (i == 1)
            note.p[note.n - 10] ^= 1;
        buf_init(&b, 4000);
        cbor_put_array(&b, 3);
        cbor_put_str(&b, name);
        cbor_put_bytes(&b, buf_slice(&note));
        cbor_put_bytes(&b, buf_slice(&note));
        if (i == 1)
            note.p[note.n - 10] ^= 1;
        assert_ok(buf_err(&b));
        for (size_t n = 0; n < b.n; n++)
            snprintf(hex + 2 * n, 3, "%02x", b.p[n]);
        assert_true(asprintf(&sql,
                             "INSERT OR REPLACE INTO meta (name, value) VALUES ('fork', x'%s')",
                             hex) > 0);
        host_sql(w, sql);
        free(sql);
        buf_finish(&b);
        world_open(w);
        assert_true(fence_info(w).frozen == (i == 2));
        world_stop(w);
    }
    buf_finish(&note);
}

static void other_notes_freeze_nothing(void **state)
{
    struct world *w = *state;
    buf note;
    hash32 root = merkle_empty_root();
    fence_open(w);
    own_note(w, &note, "test/log", 1000, &root);
    note.p[note.n - 10] ^= 1;
    assert_false(see(w, buf_slice(&note)));
    buf_finish(&note);
    buf_init(&note, NOTE_MAX);
    fake_checkpoint(&note, "test/log", 9, 1000, &root); /* another's key */
    assert_false(see(w, buf_slice(&note)));
    assert_false(see(w, slice_str("text\n")));
    buf_finish(&note);
    own_note(w, &note, "other/log", 1000, &root); /* its key, which signs for no other origin */
    assert_false(see(w, buf_slice(&note)));
    buf_finish(&note);
    own_note(w, &note, "test/log", 0, &root); /* true of every log */
    assert_false(see(w, buf_slice(&note)));
    buf_finish(&note);
    assert_false(fence_info(w).frozen);
    own_note(w, &note, "test/log", 1, &root); /* as large as it was, and not it */
    assert_true(see(w, buf_slice(&note)));
    assert_true(fence_info(w).frozen);
    buf_finish(&note);
}

static void more_than_faulty_say_so(void **state)
{
    struct world *w = *state;
    struct witness_log_face face;
    fence_open(w);
    face = witnessing_face(w->log);
    (void)append_one(w, "alice", "x");
    face.ahead(face.ctx, 0, "w1", 0);
    assert_false(fence_info(w).frozen);
    face.ahead(face.ctx, 1, "w1", 77); /* whoever is on the way to it could say so too */
    assert_false(fence_info(w).frozen);
    face.ahead(face.ctx, 2, "w1", 77);
    assert_frozen(w, "2 witnesses say that they have cosigned more of this log than it has (w1: 77",
                  false);
    world_stop(w);
    fence_open(w); /* it was not shown, and is asked again */
    world_stop(w);
    buf b;
    struct tlog_policy *p = NULL;
    buf_init(&b, 10000);
    for (uint8_t i = 1; i <= 4; i++) {
        struct cosigner c = fake_cosigner(i);
        buf_printf(&b, "witness w%u ", i);
        cosigner_put(&b, &c);
        buf_str(&b, " http://127.0.0.1:1\n");
    }
    buf_str(&b, "group g 3 w1 w2 w3 w4\nquorum g\n");
    assert_ok(tlog_policy_read(&p, buf_slice(&b), NULL));
    buf_finish(&b);
    const struct tlog_policy *before = submit_witnessing.policy;
    submit_witnessing.policy = p;
    submit_witnessing.faulty = 1;
    world_open(w);
    face = witnessing_face(w->log);
    face.ahead(face.ctx, 1, "w1", 77);
    assert_false(fence_info(w).frozen);
    face.ahead(face.ctx, 2, "w3", 78);
    assert_true(fence_info(w).frozen);
    world_stop(w);
    submit_witnessing.policy = before;
    tlog_policy_free(p);
}

/* What was handed over before is answered; nothing of it is lost without a word. */
static void queue_is_turned_away(void **state)
{
    struct world *w = *state;
    struct log_record r = record("alice", "x");
    static struct answer a[200];
    size_t good = 0;
    fence_open(w);
    const uint64_t before = size_of(w);
    for (size_t i = 0; i < 200; i++) {
        submit(w, &r, 1, &a[i]);
        if (i == 100)
            log_freeze(w->log, "a test");
    }
    for (size_t i = 0; i < 200; i++) {
        await(&a[i]);
        if (a[i].err == TL_OK)
            good++;
        else
            assert_err(a[i].err, TL_E_FROZEN);
    }
    assert_true(good <= 101);
    assert_int_equal(fence_info(w).size, before + good + (good > 0));
    world_stop(w);
    fsck_clean(w);
    fence_open(w);
}

static void proofs_for_witnesses(void **state)
{
    struct world *w = *state;
    hash32 path[MERKLE_MAX_PATH], root_of[3];
    size_t n;
    uint64_t size = 0;
    buf note;
    fence_open(w);
    struct witness_log_face face = witnessing_face(w->log);
    uint64_t sizes[3];
    for (int i = 0; i < 3; i++) {
        struct log_info info;
        grow_log(w, 7);
        log_info(w->log, &info);
        sizes[i] = info.size;
        root_of[i] = info.root;
    }
    buf_init(&note, NOTE_MAX);
    assert_ok(face.checkpoint(face.ctx, sizes[0], &note, &size, path, &n));
    assert_int_equal(size, sizes[2]);
    assert_ok(merkle_verify_consistency(sizes[0], size, &root_of[0], &root_of[2], path, n));
    assert_ok(face.prove(face.ctx, sizes[0], sizes[1], path, &n));
    assert_ok(merkle_verify_consistency(sizes[0], sizes[1], &root_of[0], &root_of[1], path, n));
    buf_reset(&note);
    assert_ok(face.checkpoint(face.ctx, size, &note, &size, path, &n));
    assert_int_equal(n, 0);
    assert_err(face.checkpoint(face.ctx, size + 1, &note, &size, path, &n), TL_E_NOT_FOUND);
    assert_err(face.prove(face.ctx, 0, 3, path, &n), TL_E_NOT_FOUND);
    assert_err(face.prove(face.ctx, 3, 3, path, &n), TL_E_NOT_FOUND);
    assert_err(face.prove(face.ctx, 3, size + 1, path, &n), TL_E_NOT_FOUND);
    buf_finish(&note);
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
        cmocka_unit_test_setup_teardown(an_altered_boot_says_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_go_on_beside_a_slow_boot, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_slow_boot_costs_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_freeze_comes_before_a_slow_boot, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_slow_boot_may_be_ended, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_boot_without_a_quote_ends_the_service, set_up, tear_down),
        cmocka_unit_test_setup_teardown(larger_note_of_its_own_freezes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(note_of_another_history_freezes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(newest_disk_thaws, set_up, tear_down),
        cmocka_unit_test_setup_teardown(kept_notes_are_hostile, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_notes_freeze_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_than_faulty_say_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(queue_is_turned_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(proofs_for_witnesses, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
