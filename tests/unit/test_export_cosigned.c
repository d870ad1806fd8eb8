/* Bundles of a log with witnesses: of a checkpoint that a quorum has cosigned, or not, and said. */
#include "fakefence.h"
#include "fakehistory.h"

#include "log/export.h"

#include <stdatomic.h>
#include <time.h>

#define FOREVER 300000 /* ms; nothing here waits so long */

static struct teelog_policy *policy; /* asks for the quorum */
static const char nonce[] = "0123456789abcdef";

static int set_up(void **state)
{
    static struct world w;
    submit_witnessing = (struct log_witnessing){.policy = fence_policy(), .wait_ms = 60000};
    world_init(&w);
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    world_finish(*state);
    tlog_policy_free((struct tlog_policy *)(uintptr_t)submit_witnessing.policy);
    submit_witnessing = (struct log_witnessing){.policy = NULL};
    teelog_policy_free(policy);
    policy = NULL;
    return 0;
}

static uint64_t now(void)
{
    return (uint64_t)time(NULL);
}

/* Two witnesses cosign what the log has, now; its size. */
static uint64_t pass(struct world *w)
{
    buf note;
    uint64_t size = fence_cosign(w, &note, 2, now());
    fence_tell(w, buf_slice(&note), size);
    buf_finish(&note);
    fence_settle(w);
    return size;
}

static void open_fence(struct world *w)
{
    world_open(w);
    for (int i = 0; i < 2 && fence_info(w).fence != LOG_OPEN; i++)
        (void)pass(w);
    assert_int_equal(fence_info(w).fence, LOG_OPEN);
}

/* An open log with a record of alice, and the policy that trusts it. */
static void begin(struct world *w)
{
    open_fence(w);
    append_one(w, "alice", "one");
    world_pin(w);
    policy = fake_history_policy(w->policy_json);
}

/* ---- an export, beside which the test goes on ---- */

struct going {
    struct world *w;
    struct log_export_options o;
    pthread_t thread;
    atomic_bool over;
    tl_err err;
    struct tl_why why;
    uint8_t *p;
    size_t n;
    struct log_export_said said;
};

static void *go(void *ctx)
{
    struct going *g = ctx;
    struct log_export *e = NULL;
    buf b;
    bool more = true;
    buf_init(&b, 64u << 20);
    g->err = log_export_new(&e, g->w->log, &g->o);
    while (more && g->err == TL_OK)
        g->err = log_export_step(e, &b, &more, &g->why);
    if (g->err == TL_OK)
        log_export_says(e, &g->said);
    log_export_free(e);
    g->p = b.p;
    g->n = b.n;
    atomic_store(&g->over, true);
    return NULL;
}

static void start(struct going *g, struct world *w, struct log_export_options o)
{
    *g = (struct going){.w = w, .o = o, .why = {{0}, {0}}};
    atomic_init(&g->over, false);
    assert_int_equal(pthread_create(&g->thread, NULL, go, g), 0);
}

static void finish(struct going *g)
{
    assert_int_equal(pthread_join(g->thread, NULL), 0);
}

/* One that nobody helps. */
static struct going alone(struct world *w, struct log_export_options o)
{
    struct going g;
    start(&g, w, o);
    finish(&g);
    assert_ok(g.err);
    return g;
}

/* One while witnesses cosign. */
static struct going helped(struct world *w, struct log_export_options o)
{
    struct going g;
    o.cosigned_ms = FOREVER;
    start(&g, w, o);
    while (!atomic_load(&g.over))
        (void)pass(w);
    finish(&g);
    assert_ok(g.err);
    return g;
}

/* ---- what a relying party says of it ---- */

static struct teelog_report *judge(const struct going *g, bool asked)
{
    struct teelog_report *r = NULL;
    slice s = slice_of(g->p, g->n);
    const struct teelog_verify_options o = {.policy = policy,
                                            .time = now(),
                                            .nonce = asked ? (const uint8_t *)nonce : NULL,
                                            .nonce_size = asked ? 16 : 0,
                                            .threads = 1,
                                            .read = slice_source_read,
                                            .ctx = &s};
    assert_ok(teelog_verify(&r, &o));
    return r;
}

/* Frees the bundle. words: that the report has, or NULL. */
static void expect(struct going *g, bool asked, enum teelog_verdict verdict, const char *words)
{
    struct teelog_report *r = judge(g, asked);
    char *text = teelog_report_text(r);
    if (teelog_report_verdict(r) != verdict || (words && !strstr(text, words)))
        fail_msg("%s", text);
    free(text);
    teelog_report_free(r);
    free(g->p);
}

static const struct log_export_options all = {.has_range = false};
static const struct log_export_options fresh = {.nonce = {(const uint8_t *)nonce, 16}};

/* ---- exports ---- */

static void test_waits(void **state)
{
    struct world *w = *state;
    begin(w);
    append_one(w, "alice", "two");
    struct going g = helped(w, all);
    assert_true(g.said.witnessed && g.said.cosigned == g.said.size);
    assert_true(g.said.size >= 5); /* the heads are in it */
    expect(&g, false, TEELOG_TRUSTED, "at least 2 of 3 witnesses have cosigned");
    /* There it is already: nobody is waited for, however long one would. */
    struct log_export_options o = all;
    o.cosigned_ms = FOREVER;
    g = alone(w, o);
    assert_int_equal(g.said.cosigned, g.said.size);
    expect(&g, false, TEELOG_TRUSTED, NULL);
    /* A chain, complete up to its heads, and a record. */
    append_one(w, "bob", "three");
    o = (struct log_export_options){.agent = slice_str("alice")};
    g = helped(w, o);
    expect(&g, false, TEELOG_TRUSTED, "complete up to size");
    append_one(w, "alice", "four");
    o = (struct log_export_options){.has_range = true, .from = 2, .to = 3};
    g = alone(w, o); /* what was cosigned long since */
    assert_int_equal(g.said.cosigned, g.said.size);
    expect(&g, false, TEELOG_TRUSTED, NULL);
}

static void test_too_late(void **state)
{
    struct world *w = *state;
    begin(w);
    uint64_t seen = pass(w);
    append_one(w, "alice", "two");
    for (unsigned ms = 0; ms < 100; ms += 50) {
        struct log_export_options o = all;
        o.cosigned_ms = ms;
        struct going g = alone(w, o);
        assert_true(g.said.witnessed);
        assert_int_equal(g.said.cosigned, seen);
        assert_true(g.said.size > seen);
        char words[80];
        snprintf(words, sizeof words, "a quorum has cosigned the tree of size %u", (unsigned)seen);
        expect(&g, false, TEELOG_REJECTED, words);
    }
    /* What they have seen, as a whole log. */
    struct log_export_options o = {.has_range = true, .from = 0, .to = seen};
    struct going g = alone(w, o);
    assert_int_equal(g.said.size, seen);
    expect(&g, false, TEELOG_TRUSTED, "untouched and complete: yes");
}

/* The log ends, and is frozen, while somebody waits. */
static void test_cut_short(void **state)
{
    struct world *w = *state;
    struct going g;
    struct log_export_options o = all;
    begin(w);
    o.cosigned_ms = FOREVER;
    (void)pass(w);
    append_one(w, "alice", "two");
    start(&g, w, o);
    while (true) { /* until it waits */
        pthread_mutex_lock(&w->log->lock);
        bool waits = w->log->fence.waits != NULL;
        pthread_mutex_unlock(&w->log->lock);
        if (waits)
            break;
        fence_settle(w);
    }
    log_freeze(w->log, "of two histories");
    finish(&g);
    assert_ok(g.err);
    assert_true(g.said.cosigned < g.said.size);
    expect(&g, false, TEELOG_REJECTED, "a quorum has cosigned the tree of size");
    /* Frozen: nobody is waited for, and what was cosigned is as good as ever. */
    uint64_t seen = fence_info(w).cosigned;
    g = alone(w, o);
    assert_true(g.said.cosigned < g.said.size);
    free(g.p);
    o.has_range = true;
    o.to = seen;
    g = alone(w, o);
    expect(&g, false, TEELOG_TRUSTED, NULL);
    world_stop(w);
    open_fence(w);
    append_one(w, "alice", "three");
    start(&g, w, (struct log_export_options){.cosigned_ms = FOREVER});
    log_wind_up(w->log);
    finish(&g);
    assert_ok(g.err);
    free(g.p);
}

/* ---- fresh answers ---- */

static void test_modes(void **state)
{
    struct world *w = *state;
    begin(w);
    uint64_t seen = pass(w);
    struct going g = alone(w, fresh);
    expect(&g, true, TEELOG_TRUSTED, "fenced");
    /* Beyond what they have seen. */
    append_one(w, "alice", "two");
    g = alone(w, fresh);
    assert_int_equal(g.said.cosigned, seen);
    assert_int_equal(g.said.size, seen + 1);
    struct teelog_report *r = judge(&g, true);
    char *json = teelog_report_json(r), words[40];
    snprintf(words, sizeof words, "\"cosigned\": %u", (unsigned)seen);
    assert_non_null(strstr(json, words));
    assert_non_null(strstr(json, "\"mode\": \"fenced\""));
    free(json);
    teelog_report_free(r);
    expect(&g, true, TEELOG_TRUSTED, "; no quorum has seen the 1 statements after that");
    /* With the chain: the heads that come with it are not cosigned either. */
    struct log_export_options chain = fresh;
    chain.agent = slice_str("alice");
    chain.chain = true;
    g = alone(w, chain);
    expect(&g, true, TEELOG_TRUSTED, "fenced");
    log_freeze(w->log, "of two histories");
    g = alone(w, fresh);
    expect(&g, true, TEELOG_REJECTED, "it has seen another history of itself");
}

static void test_before_a_quorum(void **state)
{
    struct world *w = *state;
    struct tl_why why = {{0}, {0}};
    uint8_t *p = NULL;
    size_t n;
    begin(w);
    (void)pass(w);
    world_stop(w);
    world_open(w); /* before the boot nobody can answer */
    assert_err(try_export(w, &fresh, &p, &n, &why), TL_E_FENCED);
    /* Reads go on: of what a quorum has cosigned. */
    uint64_t seen = fence_info(w).cosigned;
    assert_true(seen > 0);
    struct log_export_options o = {.has_range = true, .to = seen};
    struct going g = alone(w, o);
    assert_int_equal(g.said.size, seen);
    expect(&g, false, TEELOG_TRUSTED, NULL);
    /* The boot is there, and no quorum over it. */
    (void)pass(w);
    assert_int_equal(fence_info(w).fence, LOG_BOOTED);
    g = alone(w, fresh);
    expect(&g, true, TEELOG_REJECTED, "started without its witnesses");
    (void)pass(w);
    g = alone(w, fresh);
    expect(&g, true, TEELOG_TRUSTED, "fenced");
}

static void test_degraded(void **state)
{
    struct world *w = *state;
    submit_witnessing.degraded_starts = true;
    begin(w);
    (void)pass(w);
    world_stop(w);
    submit_witnessing.wait_ms = 1;
    world_open(w);
    while (fence_info(w).fence != LOG_OPEN)
        ;
    assert_true(fence_info(w).degraded);
    append_one(w, "alice", "two");
    struct going g = alone(w, fresh);
    expect(&g, true, TEELOG_REJECTED, "started without its witnesses");
    g = alone(w, all);
    expect(&g, false, TEELOG_REJECTED, "a quorum has cosigned the tree of size");
    /* Once they have seen all of it. */
    g = helped(w, all);
    expect(&g, false, TEELOG_TRUSTED, NULL);
    g = alone(w, fresh);
    expect(&g, true, TEELOG_TRUSTED, "fenced");
}

/* ---- a log that no service has open ---- */

/* In the bodies of the boots on the disk; as long as before. */
static void edit_boots(struct world *w, const char *from, const char *to)
{
    sqlite3 *db = host_open(w);
    sqlite3_stmt *rows, *one;
    int edited = 0;
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT idx, body FROM leaf", -1, &rows, NULL),
                     SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db, "UPDATE leaf SET body = ?1 WHERE idx = ?2", -1, &one, NULL),
        SQLITE_OK);
    while (sqlite3_step(rows) == SQLITE_ROW) {
        uint8_t body[20000];
        size_t size = (size_t)sqlite3_column_bytes(rows, 1);
        assert_true(size <= sizeof body);
        memcpy(body, sqlite3_column_blob(rows, 1), size);
        uint8_t *at = memmem(body, size, from, strlen(from));
        if (!at)
            continue;
        memcpy(at, to, strlen(to));
        sqlite3_bind_blob(one, 1, body, (int)size, SQLITE_TRANSIENT);
        sqlite3_bind_int64(one, 2, sqlite3_column_int64(rows, 0));
        assert_int_equal(sqlite3_step(one), SQLITE_DONE);
        sqlite3_reset(one);
        edited++;
    }
    assert_true(edited > 0);
    sqlite3_finalize(rows);
    sqlite3_finalize(one);
    sqlite3_close(db);
}

static void test_stopped(void **state)
{
    struct world *w = *state;
    begin(w);
    uint64_t seen = pass(w);
    world_stop(w);
    assert_ok(log_open_read(&w->log, w->tee, w->dir, NULL));
    struct going g = alone(w, all);
    assert_true(g.said.witnessed && g.said.size > seen);
    assert_int_equal(g.said.cosigned, seen);
    expect(&g, false, TEELOG_REJECTED, "a quorum has cosigned the tree of size");
    g = alone(w, (struct log_export_options){.has_range = true, .to = seen});
    expect(&g, false, TEELOG_TRUSTED, NULL);
    world_stop(w);
    /* The policy is that of the boot as it was signed: the host's is none. */
    struct world copy;
    world_copy(&copy, w);
    edit_boots(w, "all-of-them 2", "all-of-them 1");
    assert_ok(log_open_read(&w->log, w->tee, w->dir, NULL));
    struct log_export_options beyond = {.has_range = true, .to = seen, .withhold_lost = true};
    uint8_t *p = NULL;
    size_t n;
    struct tl_why why = {{0}, {0}};
    assert_null(w->log->anchors);
    assert_err(try_export(w, &beyond, &p, &n, &why), TL_E_STORED);
    world_stop(w);
    world_restore(w, &copy);
    world_finish(&copy);
    /* A line of a witness that fails is no quorum's: judged by the policy of the boot. */
    host_sql(w,
             "UPDATE meta SET value = CAST(substr(CAST(value AS TEXT), 1, length(value) - 60) || "
             "CASE substr(CAST(value AS TEXT), length(value) - 59, 1) WHEN 'A' THEN 'B' ELSE "
             "'A' END || substr(CAST(value AS TEXT), length(value) - 58) AS BLOB) "
             "WHERE name = 'cosigned'");
    assert_ok(log_open_read(&w->log, w->tee, w->dir, NULL));
    g = alone(w, (struct log_export_options){.has_range = true, .to = seen});
    assert_int_equal(g.said.cosigned, 0);
    free(g.p);
}

/* ---- its end ---- */

struct ending {
    struct log *log;
    atomic_bool over;
};

static void *end(void *ctx)
{
    struct ending *e = ctx;
    log_end(e->log);
    atomic_store(&e->over, true);
    return NULL;
}

/* Cosigns what the log has, where it still answers. */
static void try_pass(struct world *w)
{
    struct witness_log_face face = witnessing_face(w->log);
    hash32 path[MERKLE_MAX_PATH];
    size_t path_count;
    uint64_t size = 0;
    buf note;
    buf_init(&note, NOTE_MAX);
    if (face.checkpoint(face.ctx, 0, &note, &size, path, &path_count) == TL_OK) {
        fake_cosign(&note, 1, now());
        fake_cosign(&note, 2, now());
        fence_tell(w, buf_slice(&note), size);
    }
    buf_finish(&note);
}

static void test_end(void **state)
{
    struct world *w = *state;
    submit_witnessing.end_ms = FOREVER;
    begin(w);
    append_one(w, "alice", "two");
    uint64_t size = fence_info(w).size;
    struct ending e = {.log = w->log};
    pthread_t thread;
    atomic_init(&e.over, false);
    assert_int_equal(pthread_create(&thread, NULL, end, &e), 0);
    while (!atomic_load(&e.over))
        try_pass(w);
    assert_int_equal(pthread_join(thread, NULL), 0);
    struct log_info info;
    log_info(w->log, &info);
    assert_true(info.size >= size + 2); /* alice's end, and heads */
    assert_int_equal(info.cosigned, info.size);
    /* Nothing is taken any more, and all of it can be had. */
    struct log_batch *b = NULL;
    struct tl_why why = {{0}, {0}};
    struct log_record r = record("alice", "x");
    if (log_batch_new(&b, w->log, ADMISSION_BEARER) == TL_OK) {
        assert_ok(log_batch_add(b, &r, &why));
        assert_err(log_submit(w->log, b, NULL, NULL), TL_E_STOPPING);
        log_batch_free(b);
    }
    struct going g = alone(w, all);
    expect(&g, false, TEELOG_TRUSTED, "untouched and complete: yes");
    world_stop(w);
    assert_ok(log_open_read(&w->log, w->tee, w->dir, NULL));
    g = alone(w, all);
    expect(&g, false, TEELOG_TRUSTED, "untouched and complete: yes");
    world_stop(w);
    /* Nobody cosigns any more: it ends all the same. */
    submit_witnessing.end_ms = 50;
    open_fence(w);
    append_one(w, "alice", "three");
    world_stop(w);
    assert_ok(log_open_read(&w->log, w->tee, w->dir, NULL));
    g = alone(w, all);
    assert_true(g.said.cosigned < g.said.size);
    free(g.p);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_waits),           TEST(test_too_late), TEST(test_cut_short), TEST(test_modes),
        TEST(test_before_a_quorum), TEST(test_degraded), TEST(test_stopped),   TEST(test_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
