/* Those who wait for a quorum of witnesses: batches of records, and whoever else asks. The test
 * is the witness client. */
#include "fakefence.h"

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
    later_us = 0;
    submit_witnessing = (struct log_witnessing){.policy = fence_policy()};
    submit_cosigned_ms = 10000;
    world_init(&w);
    fence_open(&w);
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    submit_cosigned_ms = 0;
    submit_full = false;
    world_finish(*state);
    tlog_policy_free((struct tlog_policy *)(uintptr_t)submit_witnessing.policy);
    submit_witnessing = (struct log_witnessing){.policy = NULL};
    return 0;
}

static bool is_done(struct world *w, struct answer *a)
{
    fence_settle(w);
    fence_settle(w);
    pthread_mutex_lock(&a->lock);
    bool done = a->done;
    pthread_mutex_unlock(&a->lock);
    return done;
}

/* Until it is durable: it waits for nothing else then. */
static void until_size(struct world *w, uint64_t size)
{
    struct log_info info;
    do {
        fence_settle(w);
        log_info(w->log, &info);
    } while (info.size < size);
}

static void batch_waits_for_its_quorum(void **state)
{
    struct world *w = *state;
    struct log_record r = record("alice", "x");
    struct answer a, b;
    struct log_info info;
    const int hurries = fence_hurries;
    submit(w, &r, 1, &a);
    until_size(w, 3);
    submit_cosigned_ms = 0;
    append(w, &r, 1, &b); /* nobody else waits for it */
    assert_ok(b.err);
    assert_int_equal(b.cosigned, 0);
    assert_false(is_done(w, &a));
    assert_true(fence_hurries > hurries);
    assert_int_equal(fence_pass(w), 4);
    await(&a);
    assert_ok(a.err);
    assert_int_equal(a.cosigned, 2);
    assert_int_equal(a.size, 4);
    assert_int_equal(a.receipts[0].index, 2);
    /* What is there is the note with its lines. */
    struct note *n = malloc(sizeof *n);
    struct tlog_quorum q;
    assert_non_null(n);
    assert_true(a.checkpoint_size > 0);
    assert_ok(note_read(n, slice_of(a.checkpoint, a.checkpoint_size)));
    assert_ok(tlog_policy_judge(&q, submit_witnessing.policy, n));
    assert_true(q.met);
    free(n);
    log_info(w->log, &info);
    assert_int_equal(info.cosigned, 4);
}

/* A checkpoint that has a part of it is not enough. */
static void all_of_it_must_be_there(void **state)
{
    struct world *w = *state;
    struct log_record r[3] = {record("alice", "x"), record("alice", "y"), record("alice", "z")};
    struct answer first, a;
    buf early;
    submit(w, r, 1, &first);
    until_size(w, 3);
    uint64_t size = fence_cosign(w, &early, 3, 50);
    submit(w, r, 3, &a);
    until_size(w, 6);
    fence_tell(w, buf_slice(&early), size);
    await(&first);
    assert_ok(first.err);
    assert_int_equal(first.size, 3);
    assert_int_equal(first.cosigned, 3);
    assert_false(is_done(w, &a));
    (void)fence_pass(w);
    await(&a);
    assert_int_equal(a.cosigned, 2);
    assert_int_equal(a.size, 6);
    buf_finish(&early);
}

static void time_is_over(void **state)
{
    struct world *w = *state;
    struct log_record r = record("alice", "x");
    struct answer a, b;
    submit_cosigned_ms = 20000;
    submit(w, &r, 1, &a);
    until_size(w, 3);
    submit_cosigned_ms = 5000;
    submit(w, &r, 1, &b);
    until_size(w, 4);
    later_us += 6000000;
    assert_true(is_done(w, &b));
    assert_err(b.err, TL_E_NOT_COSIGNED);
    assert_non_null(strstr(b.why.text, "signed and durable, and not cosigned: the time"));
    assert_non_null(strstr(b.why.text, "the same requestIds"));
    assert_int_equal(b.receipts[0].index, 3);
    assert_false(is_done(w, &a));
    later_us += 15000000;
    assert_true(is_done(w, &a));
    assert_err(a.err, TL_E_NOT_COSIGNED);
    (void)fence_pass(w);
}

/* By itself: nobody else wakes the owner thread. */
static void time_passes_by_itself(void **state)
{
    struct world *w = *state;
    struct log_record r = record("alice", "x");
    struct answer a;
    submit_cosigned_ms = 50;
    append(w, &r, 1, &a);
    assert_err(a.err, TL_E_NOT_COSIGNED);
}

static void repeats_wait_for_the_first_place(void **state)
{
    struct world *w = *state;
    struct log_record r = record("alice", "x");
    struct answer a, b;
    r.request = slice_str("once");
    submit(w, &r, 1, &a);
    until_size(w, 3);
    submit(w, &r, 1, &b); /* while the first one waits */
    assert_false(is_done(w, &b));
    (void)fence_pass(w);
    await(&a);
    await(&b);
    assert_int_equal(a.cosigned, 2);
    assert_int_equal(b.cosigned, 2);
    assert_true(b.receipts[0].repeated);
    assert_int_equal(b.receipts[0].index, a.receipts[0].index);
    /* And where it is cosigned already, it does not wait, however much is not. */
    submit_cosigned_ms = 0;
    struct log_record other = record("alice", "y");
    append(w, &other, 1, &a);
    submit_cosigned_ms = 10000;
    append(w, &r, 1, &b);
    assert_ok(b.err);
    assert_int_equal(b.size, 3);
    assert_int_equal(b.cosigned, 2);
    /* After a start as well, by the note that was kept. */
    world_stop(w);
    assert_true(fence_stops > 0);
    world_open(w);
    assert_true(fence_kept > 0);
    struct log_info info = fence_info(w);
    assert_int_equal(info.cosigned, 3);
    for (int i = 0; i < 2; i++)
        (void)fence_pass(w);
    append(w, &r, 1, &b);
    assert_ok(b.err);
    assert_true(b.receipts[0].repeated);
}

static void paths_lead_to_what_was_cosigned(void **state)
{
    struct world *w = *state;
    struct log_record r[60];
    struct answer a, more;
    struct note *n = malloc(sizeof *n);
    struct checkpoint c;
    assert_non_null(n);
    for (int i = 0; i < 60; i++)
        r[i] = record("alice", "x");
    submit_full = true;
    submit(w, r, 60, &a);
    until_size(w, 62);
    submit_full = false;
    submit_cosigned_ms = 0;
    append(w, r, 3, &more);
    buf note;
    uint64_t size = fence_cosign(w, &note, 2, 50);
    append(w, r, 3, &more); /* the tree has gone on when they are answered */
    fence_tell(w, buf_slice(&note), size);
    await(&a);
    assert_ok(a.err);
    assert_int_equal(a.size, 65);
    assert_ok(note_read(n, slice_of(a.checkpoint, a.checkpoint_size)));
    assert_ok(checkpoint_read(&c, n->text));
    assert_int_equal(c.size, 65);
    assert_ok(merkle_verify_inclusion(a.receipts[0].index, 65, &a.receipts[0].leaf, a.path,
                                      a.path_count, &c.root));
    buf_finish(&note);
    free(n);
}

static void a_freeze_answers_them(void **state)
{
    struct world *w = *state;
    struct log_record r = record("alice", "x");
    struct answer a;
    submit(w, &r, 1, &a);
    until_size(w, 3);
    log_freeze(w->log, "a test");
    await(&a);
    assert_err(a.err, TL_E_NOT_COSIGNED);
    assert_non_null(strstr(a.why.text, "the log is frozen"));
}

static void an_end_answers_them(void **state)
{
    struct world *w = *state;
    struct log_record r = record("alice", "x");
    struct answer a[20];
    for (size_t i = 0; i < 10; i++)
        submit(w, &r, 1, &a[i]);
    until_size(w, 12);
    log_wind_up(w->log);
    for (size_t i = 0; i < 10; i++) {
        await(&a[i]);
        assert_err(a[i].err, TL_E_NOT_COSIGNED);
        assert_non_null(strstr(a[i].why.text, "the service is stopping"));
    }
    for (size_t i = 10; i < 20; i++)
        submit(w, &r, 1, &a[i]); /* durable, and at once answered */
    for (size_t i = 10; i < 20; i++) {
        await(&a[i]);
        assert_err(a[i].err, TL_E_NOT_COSIGNED);
    }
    world_stop(w);
    fsck_clean(w);
    fence_open(w);
    for (size_t i = 0; i < 10; i++)
        submit(w, &r, 1, &a[i]);
    world_stop(w); /* without a word before */
    for (size_t i = 0; i < 10; i++)
        assert_true(a[i].done);
    fsck_clean(w);
}

static void too_many_are_not_taken(void **state)
{
    struct world *w = *state;
    static struct answer a[COSIGN_WAITS_MAX];
    struct log_record r = record("alice", "x");
    struct log_record many[2] = {r, r};
    struct answer b;
    for (size_t i = 0; i < COSIGN_WAITS_MAX; i++) {
        submit(w, &r, 1, &a[i]);
        assert_false(a[i].done && a[i].err != TL_OK);
    }
    submit(w, many, 2, &b);
    assert_true(b.done);
    assert_err(b.err, TL_E_BUSY);
    until_size(w, 2 + COSIGN_WAITS_MAX);
    (void)fence_pass(w);
    for (size_t i = 0; i < COSIGN_WAITS_MAX; i++) {
        await(&a[i]);
        assert_ok(a[i].err);
    }
    submit(w, many, 2, &b);
    assert_false(b.done && b.err == TL_E_BUSY);
    until_size(w, 4 + COSIGN_WAITS_MAX);
    (void)fence_pass(w);
    await(&b);
    assert_ok(b.err);
    assert_int_equal(w->log->fence.wait_count, 0);
    assert_int_equal(w->log->fence.wait_bytes, 0);
}

/* Nor too much: but one alone always is. */
static void too_much_is_not_taken(void **state)
{
    struct world *w = *state;
    struct log_record r = record("alice", "x");
    struct answer a, b;
    size_t *bytes = &w->log->fence.wait_bytes;
    pthread_mutex_lock(&w->log->lock);
    *bytes += COSIGN_WAIT_BYTES_MAX; /* as if another had so much */
    pthread_mutex_unlock(&w->log->lock);
    submit(w, &r, 1, &a);
    assert_false(a.done && a.err != TL_OK);
    submit(w, &r, 1, &b);
    assert_true(b.done);
    assert_err(b.err, TL_E_BUSY);
    until_size(w, 3);
    pthread_mutex_lock(&w->log->lock);
    *bytes -= COSIGN_WAIT_BYTES_MAX;
    pthread_mutex_unlock(&w->log->lock);
    (void)fence_pass(w);
    await(&a);
    assert_ok(a.err);
    assert_int_equal(*bytes, 0);
}

/* Of a batch in which nothing is appended nobody waits. */
static void nothing_to_wait_for(void **state)
{
    struct world *w = *state;
    struct log_record r = record("alice", "x");
    struct answer a;
    r.has_ref = true;
    r.ref = 1000;
    append(w, &r, 1, &a);
    assert_ok(a.err);
    assert_err(a.receipts[0].err, TL_E_FIELD);
    assert_int_equal(w->log->fence.wait_count, 0);
}

struct asked {
    _Atomic int calls;
    tl_err err;
    uint64_t size;
    size_t note, valid;
    char text[320];
};

static void asked_done(void *ctx, tl_err err, const struct tl_why *why, slice note, uint64_t size,
                       const struct tlog_quorum *quorum)
{
    struct asked *a = ctx;
    a->err = err;
    a->size = size;
    a->note = note.n;
    a->valid = quorum ? quorum->valid : 0;
    snprintf(a->text, sizeof a->text, "%s", why ? why->text : "");
    a->calls++;
}

static void others_may_wait_too(void **state)
{
    struct world *w = *state;
    struct asked a = {0}, b = {0}, c = {0};
    assert_ok(log_cosigned_wait(w->log, 1, 1000, asked_done, &a)); /* it is */
    fence_settle(w);
    assert_int_equal(a.calls, 1);
    assert_ok(a.err);
    assert_int_equal(a.size, 1);
    assert_int_equal(a.valid, 2);
    assert_true(a.note > 0);
    assert_ok(log_cosigned_wait(w->log, 2, 10000, asked_done, &b));
    assert_ok(log_cosigned_wait(w->log, 1000, 20000, asked_done, &c));
    fence_settle(w);
    assert_int_equal(b.calls, 0);
    submit_cosigned_ms = 0;
    (void)append_one(w, "alice", "x");
    (void)fence_pass(w);
    assert_int_equal(b.calls, 1);
    assert_int_equal(b.size, 3);
    assert_int_equal(c.calls, 0);
    later_us += 21000000;
    fence_settle(w);
    assert_int_equal(c.calls, 1);
    assert_err(c.err, TL_E_NOT_COSIGNED);
    assert_int_equal(c.note, 0);
    assert_string_equal(c.text, "the time to wait for them is over");
}

/* A note of a quorum is kept, and shown again after a start; what the host makes of it is
 * nothing. */
static void cosigned_note_is_kept(void **state)
{
    struct world *w = *state;
    struct tl_why why = {{0}, {0}};
    struct tlog_quorum q;
    buf note, again;
    uint64_t size = 0;
    submit_cosigned_ms = 0;
    grow_log(w, 20);
    (void)fence_pass(w);
    buf_init(&note, NOTE_MAX);
    buf_init(&again, NOTE_MAX);
    assert_ok(log_cosigned(w->log, &note, &size, &q));
    assert_int_equal(q.valid, 2);
    world_stop(w);
    assert_ok(log_open_read(&w->log, w->tee, w->dir, &why));
    assert_ok(log_cosigned(w->log, &again, &size, &q));
    assert_true(slice_eq(buf_slice(&note), buf_slice(&again)));
    assert_int_equal(q.valid, 2); /* by the policy of its last boot */
    world_stop(w);
    world_open(w);
    buf_reset(&again);
    assert_ok(log_cosigned(w->log, &again, NULL, &q));
    assert_int_equal(q.valid, 2);
    assert_int_equal(fence_info(w).fence, LOG_PROVING); /* and it proves nothing of today */
    world_stop(w);
    /* Another signature of the log, or of a witness: it is none. */
    for (int i = 0; i < 2; i++) {
        host_flip(w, "meta", "value", "name = 'cosigned'", i ? -10 : (int)note.n - 250);
        world_open(w);
        assert_err(log_cosigned(w->log, &again, NULL, NULL), TL_E_NOT_FOUND);
        assert_int_equal(fence_kept, 0);
        world_stop(w);
        host_flip(w, "meta", "value", "name = 'cosigned'", i ? -10 : (int)note.n - 250);
    }
    world_open(w);
    assert_true(fence_kept > 0);
    buf_finish(&note);
    buf_finish(&again);
}

/* The log's own, of its history, and cosigned by too few. */
static void kept_note_without_a_quorum(void **state)
{
    struct world *w = *state;
    char hex[4000];
    char *sql = NULL;
    buf note;
    submit_cosigned_ms = 0;
    for (uint8_t count = 1; count <= 2; count++) {
        (void)fence_cosign(w, &note, count, 1000);
        for (size_t i = 0; i < note.n; i++)
            snprintf(hex + 2 * i, 3, "%02x", note.p[i]);
        buf_finish(&note);
        world_stop(w);
        assert_true(asprintf(&sql,
                             "INSERT OR REPLACE INTO meta (name, value) VALUES ('cosigned', x'%s')",
                             hex) > 0);
        host_sql(w, sql);
        free(sql);
        world_open(w);
        assert_int_equal(fence_info(w).cosigned > 0, count == 2);
    }
}

/* One that is more than the disk has is what a rolled back disk looks like. */
static void kept_note_of_more_freezes(void **state)
{
    struct world *w = *state, old;
    sqlite3 *from, *to;
    sqlite3_stmt *get, *put;
    submit_cosigned_ms = 0;
    world_stop(w);
    world_copy(&old, w);
    fence_open(w);
    (void)append_one(w, "alice", "x");
    (void)fence_pass(w);
    world_stop(w);
    from = host_open(w);
    to = host_open(&old);
    assert_int_equal(
        sqlite3_prepare_v2(from, "SELECT value FROM meta WHERE name = 'cosigned'", -1, &get, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(get), SQLITE_ROW);
    assert_int_equal(sqlite3_prepare_v2(to,
                                        "INSERT OR REPLACE INTO meta (name, value) "
                                        "VALUES ('cosigned', ?1)",
                                        -1, &put, NULL),
                     SQLITE_OK);
    sqlite3_bind_blob(put, 1, sqlite3_column_blob(get, 0), sqlite3_column_bytes(get, 0),
                      SQLITE_TRANSIENT);
    assert_int_equal(sqlite3_step(put), SQLITE_DONE);
    sqlite3_finalize(get);
    sqlite3_finalize(put);
    sqlite3_close(from);
    sqlite3_close(to);
    world_open(&old);
    struct log_info info = fence_info(&old);
    assert_true(info.frozen);
    assert_non_null(strstr(info.frozen_why, "its own disk has a checkpoint"));
    world_finish(&old);
}

/* Where it is not taken along by a commit, it is kept by itself. */
static void idle_log_keeps_it(void **state)
{
    struct world *w = *state;
    struct world copy;
    submit_cosigned_ms = 0;
    (void)append_one(w, "alice", "x");
    (void)fence_pass(w);
    assert_true(w->log->fence.unsaved);
    later_us += 2000000;
    fence_settle(w);
    assert_false(w->log->fence.unsaved);
    world_copy(&copy, w); /* as after kill -9 */
    world_open(&copy);
    assert_int_equal(fence_info(&copy).cosigned, 3);
    world_finish(&copy);
}

static void without_witnesses(void **state)
{
    struct world *w = *state;
    struct log_witnessing before = submit_witnessing;
    struct log_record r = record("alice", "x");
    struct answer a;
    struct asked b = {0};
    world_stop(w);
    submit_witnessing = (struct log_witnessing){.policy = NULL};
    world_open(w); /* they may be left out: its boot says so */
    struct log_info info = fence_info(w);
    assert_int_equal(info.fence, LOG_UNWITNESSED);
    assert_int_equal(info.witnesses, 0);
    submit(w, &r, 1, &a);
    assert_err(a.err, TL_E_USAGE);
    assert_err(log_cosigned_wait(w->log, 1, 1, asked_done, &b), TL_E_USAGE);
    submit_cosigned_ms = 0;
    (void)append_one(w, "alice", "x");
    world_stop(w);
    submit_witnessing = before;
    fence_open(w);
    (void)append_one(w, "alice", "x");
}

static void views(void **state)
{
    struct world *w = *state;
    struct witness_view v;
    assert_true(log_witness(w->log, 0, &v));
    assert_string_equal(v.name, "w1");
    assert_true(log_witness(w->log, 2, &v));
    assert_true(v.ahead);
    assert_false(log_witness(w->log, 3, &v));
    log_end(w->log);
    assert_false(log_witness(w->log, 0, &v));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(batch_waits_for_its_quorum),
        T(all_of_it_must_be_there),
        T(time_is_over),
        T(time_passes_by_itself),
        T(repeats_wait_for_the_first_place),
        T(paths_lead_to_what_was_cosigned),
        T(a_freeze_answers_them),
        T(an_end_answers_them),
        T(too_many_are_not_taken),
        T(too_much_is_not_taken),
        T(nothing_to_wait_for),
        T(others_may_wait_too),
        T(cosigned_note_is_kept),
        T(kept_note_without_a_quorum),
        T(kept_note_of_more_freezes),
        T(idle_log_keeps_it),
        T(without_witnesses),
        T(views),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
