/* A log freezes whatever the moment, and stays so: proofs that come late, beside a quote, at the
 * end, over a disk that was spoilt. The test is the witness client. */
#include "fakefence.h"

#include "store/sqlite.h"
#include "tee/tee.h"

uint64_t __real_stats_now_us(void);
uint64_t __wrap_stats_now_us(void);
tl_err __real_tee_quote(struct tee *t, const uint8_t report_data[64], buf *quote, buf *event_log,
                        struct tl_why *why);
tl_err __wrap_tee_quote(struct tee *t, const uint8_t report_data[64], buf *quote, buf *event_log,
                        struct tl_why *why);
tl_err __real_owner_start(struct log *log);
tl_err __wrap_owner_start(struct log *log);
tl_err __real_merkle_root(const struct merkle_nodes *nodes, uint64_t size, hash32 *out);
tl_err __wrap_merkle_root(const struct merkle_nodes *nodes, uint64_t size, hash32 *out);
tl_err __real_store_put_meta(struct store *s, const char *name, slice value);
tl_err __wrap_store_put_meta(struct store *s, const char *name, slice value);

static _Atomic uint64_t later_us; /* than it is */
static _Atomic int moved;
static char said[400];
static void (*_Atomic beside_quote)(void);
static tl_err disk_fails;               /* what reading the tree gives */
static const char *kept = LOG_COSIGNED; /* the small value of which these are: */
static _Atomic int keeps;               /* times that it was to be written, and … */
static _Atomic tl_err keep_fails;       /* … what that gives */
static int owners_until_fail;           /* owner threads that start; negative: all do */

uint64_t __wrap_stats_now_us(void)
{
    return __real_stats_now_us() + later_us;
}

tl_err __wrap_tee_quote(struct tee *t, const uint8_t report_data[64], buf *quote, buf *event_log,
                        struct tl_why *why)
{
    void (*beside)(void) = atomic_exchange(&beside_quote, NULL);
    if (beside)
        beside();
    return __real_tee_quote(t, report_data, quote, event_log, why);
}

tl_err __wrap_owner_start(struct log *log)
{
    if (owners_until_fail == 0)
        return TL_E_MEMORY;
    owners_until_fail--;
    return __real_owner_start(log);
}

tl_err __wrap_merkle_root(const struct merkle_nodes *nodes, uint64_t size, hash32 *out)
{
    const bool logs = nodes->get == tree_nodes(NULL).get; /* the others are of its agents' heads */
    return logs && disk_fails != TL_OK ? disk_fails : __real_merkle_root(nodes, size, out);
}

tl_err __wrap_store_put_meta(struct store *s, const char *name, slice value)
{
    const bool note = strcmp(name, kept) == 0;
    keeps += note;
    return note && keep_fails != TL_OK ? keep_fails : __real_store_put_meta(s, name, value);
}

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

/* Has a log that is open, and what its disk was before its last record. */
static struct world w, old;
static buf newest; /* the note of all of it */

static int set_up(void **state)
{
    (void)state;
    moved = 0;
    later_us = 0;
    said[0] = 0;
    disk_fails = TL_OK;
    keep_fails = TL_OK;
    owners_until_fail = -1;
    submit_witnessing = (struct log_witnessing){
        .policy = fence_policy(), .wait_ms = 60000, .moved = count_moved, .say = keep_said};
    world_init(&w);
    fence_open(&w);
    (void)append_one(&w, "alice", "x");
    world_stop(&w);
    world_copy(&old, &w);
    fence_open(&w);
    (void)append_one(&w, "alice", "y");
    (void)fence_cosign(&w, &newest, 0, 0);
    moved = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    atomic_store(&beside_quote, 0);
    fence_early = NULL;
    buf_finish(&newest);
    world_finish(&old);
    world_finish(&w);
    tlog_policy_free((struct tlog_policy *)(uintptr_t)submit_witnessing.policy);
    submit_witnessing = (struct log_witnessing){.policy = NULL};
    return 0;
}

static bool see(struct world *world, slice note, const char *witness)
{
    struct witness_log_face face = witnessing_face(world->log);
    bool frozen = face.seen(face.ctx, witness, note);
    if (world->log->has_owner)
        fence_settle(world);
    return frozen;
}

static void assert_frozen(struct world *world, const char *text, const char *by)
{
    struct log_info info;
    char witness[128] = "";
    buf ours, theirs;
    log_info(world->log, &info);
    buf_init(&ours, NOTE_MAX);
    buf_init(&theirs, NOTE_MAX);
    assert_true(info.frozen);
    if (!strstr(info.frozen_why, text))
        fail_msg("%s", info.frozen_why);
    assert_err(log_fork(world->log, &ours, &theirs, witness), by ? TL_OK : TL_E_NOT_FOUND);
    if (by)
        assert_string_equal(witness, by);
    buf_finish(&ours);
    buf_finish(&theirs);
}

/* A note of the log's own key, of other leaves. */
static void other_note(buf *b, uint64_t size)
{
    const struct log *log = w.log;
    struct note_key key = log->keys.note_key;
    hash32 root = merkle_empty_root();
    buf_init(b, NOTE_MAX);
    assert_ok(checkpoint_sign(b, slice_str("test/log"), size, &root, &key, log->keys.log_seed));
}

/* ---- words, and proofs ---- */

static void proof_after_words(void **state)
{
    (void)state;
    world_open(&old);
    struct witness_log_face face = witnessing_face(old.log);
    face.ahead(face.ctx, 2, "w1", 100);
    fence_settle(&old);
    assert_frozen(&old, "show no proof", NULL);
    assert_int_equal(moved, 1);
    assert_true(see(&old, buf_slice(&newest), "w2"));
    assert_frozen(&old, "is larger than this log", "w2");
    assert_int_equal(moved, 2); /* its operator hears of it */
    /* The first proof is the one that is kept. */
    assert_true(see(&old, buf_slice(&newest), "w3"));
    face.ahead(face.ctx, 3, "w1", 100);
    fence_settle(&old);
    assert_frozen(&old, "is larger than this log", "w2");
    assert_int_equal(moved, 2);
    world_stop(&old);
    submit_witnessing.degraded_starts = true;
    world_open(&old);
    assert_frozen(&old, "w2 has a checkpoint", "w2");
    later_us += 100000000;
    fence_settle(&old);
    assert_true(fence_info(&old).boot == UINT64_MAX);
}

static void words_of_one(void **state)
{
    (void)state;
    struct witness_log_face face = witnessing_face(w.log);
    assert_int_equal(submit_witnessing.faulty, 0);
    face.ahead(face.ctx, 1, "w1", 77);
    assert_false(fence_info(&w).frozen);
    (void)append_one(&w, "alice", "goes on");
    face.ahead(face.ctx, 2, "w3", 78);
    assert_true(fence_info(&w).frozen);
    assert_frozen(&w, "2 witnesses say that they have cosigned more", NULL);
}

/* A name that does not fit is cut between two letters. */
static void long_names(void **state)
{
    (void)state;
    char name[256];
    for (size_t at = 0; at < 3; at++) {
        memset(name, 'w', sizeof name);
        for (size_t i = at; i + 3 < sizeof name; i += 3)
            memcpy(name + i, "\xe2\x82\xac", 3);
        name[252] = 0;
        struct world copy;
        world_copy(&copy, &old);
        world_open(&copy);
        assert_true(see(&copy, buf_slice(&newest), name));
        world_stop(&copy);
        world_open(&copy);
        assert_true(fence_info(&copy).frozen);
        world_stop(&copy);
        world_finish(&copy);
    }
}

/* ---- what cannot be read ---- */

/* Rows of the tree are the host's: spoiling one does not get a note out of the way. */
static void spoilt_tile(void **state)
{
    (void)state;
    static const char *const spoil[] = {
        "UPDATE tile SET hashes = zeroblob(length(hashes)) WHERE length(hashes) = 8192",
        "DELETE FROM tile WHERE length(hashes) = 8192"};
    buf note;
    for (int i = 0; i < 300; i++)
        (void)append_one(&w, "alice", "x");
    other_note(&note, 200);
    world_stop(&w);
    for (size_t i = 0; i < 2; i++) {
        struct world copy;
        world_copy(&copy, &w);
        host_sql(&copy, "DELETE FROM meta WHERE name = 'cosigned'"); /* which freezes as well */
        host_sql(&copy, spoil[i]);
        world_open(&copy);
        assert_true(see(&copy, buf_slice(&note), "w2"));
        assert_frozen(&copy, "cannot be read: its disk was altered (teelog fsck)", "w2");
        world_stop(&copy);
        world_open(&copy); /* kept, and as unreadable as then */
        assert_frozen(&copy, "cannot be read", "w2");
        world_stop(&copy);
        world_finish(&copy);
    }
    fence_open(&w);
    assert_true(see(&w, buf_slice(&note), "w2"));
    assert_frozen(&w, "is no part of this history", "w2");
    buf_finish(&note);
}

static void spoilt_tile_and_kept_note(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++)
        (void)append_one(&w, "alice", "x");
    world_stop(&w);
    host_sql(&w, "DELETE FROM tile WHERE length(hashes) = 8192");
    world_open(&w);
    assert_frozen(&w, "its own disk has a checkpoint", "");
}

/* A disk that fails is no other history, and is not passed over either. */
static void failing_disk(void **state)
{
    (void)state;
    struct tl_why why = {{0}, {0}};
    buf note;
    other_note(&note, 2);
    disk_fails = TL_E_IO;
    assert_false(see(&w, buf_slice(&note), "w2"));
    assert_false(fence_info(&w).frozen);
    assert_non_null(strstr(said, "cannot be judged: this log's disk or memory fails"));
    disk_fails = TL_OK;
    (void)fence_pass(&w);
    world_stop(&w);
    disk_fails = TL_E_IO;
    assert_err(world_try(&w, &why), TL_E_IO);
    if (!strstr(why.text, "what the log keeps of its witnesses cannot be read"))
        fail_msg("%s", why.text);
    disk_fails = TL_OK;
    world_open(&w);
    assert_true(see(&w, buf_slice(&note), "w2"));
    world_stop(&w);
    host_sql(&w, "DELETE FROM meta WHERE name = 'cosigned'");
    disk_fails = TL_E_IO;
    assert_err(world_try(&w, &why), TL_E_IO);
    disk_fails = TL_OK;
    buf_finish(&note);
}

/* ---- moments ---- */

static const struct witness_log_face *early_face;
static void cosign_early(const struct witness_log_face *log)
{
    early_face = log;
    old.log = log->ctx;
    fence_early = NULL;
    (void)fence_pass(&old);
    (void)fence_pass(&old);
    (void)fence_info(&old);
    assert_int_equal(old.log->fence.state, LOG_OPEN);
    assert_false(old.log->fence.degraded);
    old.log = NULL;
}

/* The client's thread may be quicker than the start that made it. */
static void quick_witnesses(void **state)
{
    (void)state;
    submit_witnessing.degraded_starts = true;
    fence_early = cosign_early;
    world_open(&old);
    assert_non_null(early_face);
    assert_int_equal(moved, 1);
}

static void see_beside_quote(void)
{
    struct witness_log_face face = witnessing_face(old.log);
    assert_true(face.seen(face.ctx, "w2", buf_slice(&newest)));
}

static void words_beside_quote(void)
{
    struct witness_log_face face = witnessing_face(old.log);
    face.ahead(face.ctx, 2, "w2", 1000);
}

static void freezes_beside_the_quote_of_its_boot(void **state)
{
    (void)state;
    static void (*const beside[])(void) = {words_beside_quote, see_beside_quote};
    for (size_t i = 0; i < 2; i++) {
        world_open(&old);
        const uint64_t size = fence_info(&old).size;
        beside_quote = beside[i];
        (void)fence_pass(&old);
        while (beside_quote || old.log->fence.boot)
            fence_settle(&old);
        assert_true(fence_info(&old).frozen);
        assert_int_equal(fence_info(&old).size, size);
        assert_true(fence_info(&old).boot == UINT64_MAX);
        world_stop(&old);
        fsck_clean(&old);
    }
}

static void see_late(void)
{
    fence_late = NULL;
    struct witness_log_face face = witnessing_face(old.log);
    assert_true(face.seen(face.ctx, "w2", buf_slice(&newest)));
}

/* The owner thread has ended, and the client's not yet. */
static void seen_at_the_end(void **state)
{
    (void)state;
    world_open(&old);
    fence_late = see_late;
    world_stop(&old);
    assert_null(fence_late);
    world_open(&old);
    assert_frozen(&old, "is larger than this log", "w2");
}

/* No threads are left for the end's wait: nobody hangs for that. */
static void no_owner_for_the_end(void **state)
{
    (void)state;
    struct owner_job job = {.run = NULL};
    (void)fence_pass(&w);
    (void)append_one(&w, "alice", "z");
    w.log->fence.config.end_ms = 60000;
    owners_until_fail = 0;
    log_end(w.log);
    owners_until_fail = -1;
    assert_true(w.log->stop);
    assert_err(owner_submit(w.log, &job), TL_E_STOPPING);
    w.log->stop = false; /* as between the two */
    assert_err(owner_submit(w.log, &job), TL_E_STOPPING);
    world_stop(&w);
}

/* ---- commits ---- */

static void break_store(void *arg)
{
    struct log *log = arg;
    log->store->broken = TL_E_COMMIT; /* as a failed commit leaves it */
}

static void failed_commit_ends_the_boot(void **state)
{
    (void)state;
    const int fatal = w.fatal;
    assert_ok(owner_call(w.log, break_store, w.log, true));
    (void)fence_pass(&w);
    later_us += 2000000;
    for (int i = 0; i < 2000 && log_ping(w.log) == TL_OK; i++)
        fence_stir(w.log);
    assert_err(log_ping(w.log), TL_E_STOPPING);
    world_stop(&w);
    assert_int_equal(w.fatal, fatal + 1);
    w.fatal = 0;
    world_open(&old);
    assert_ok(owner_call(old.log, break_store, old.log, true));
    struct witness_log_face face = witnessing_face(old.log);
    assert_true(face.seen(face.ctx, "w2", buf_slice(&newest)));
    for (int i = 0; i < 2000 && log_ping(old.log) == TL_OK; i++)
        ;
    assert_err(log_ping(old.log), TL_E_STOPPING);
    assert_non_null(strstr(said, "could not be kept on the disk"));
    world_stop(&old);
    old.fatal = 0;
}

/* No room on the disk, say: it is tried again after a while, and not all the time. */
static void kept_again_later(void **state)
{
    (void)state;
    later_us += 2 * COSIGNED_SAVE_US;
    fence_settle(&w);
    keep_fails = TL_E_IO;
    (void)fence_pass(&w);
    const int before = keeps;
    later_us += COSIGNED_SAVE_US;
    for (int i = 0; i < 1000; i++)
        assert_ok(log_ping(w.log));
    assert_true(keeps > before && keeps < before + 200);
    keep_fails = TL_OK;
    const int then = keeps;
    later_us += COSIGNED_SAVE_US;
    fence_settle(&w);
    assert_true(keeps > then);
    assert_false(w.log->fence.unsaved);
}

/* The proof of a freeze as well, at the end at the latest. */
static void proof_kept_again(void **state)
{
    (void)state;
    world_open(&old);
    kept = LOG_FORK;
    keep_fails = TL_E_IO;
    assert_true(see(&old, buf_slice(&newest), "w2"));
    assert_frozen(&old, "is larger than this log", "w2");
    assert_non_null(strstr(said, "could not be kept on the disk"));
    keep_fails = TL_OK;
    world_stop(&old);
    kept = LOG_COSIGNED;
    world_open(&old);
    assert_frozen(&old, "is larger than this log", "w2");
}

/* ---- without witnesses ---- */

static void stays_frozen_without_witnesses(void **state)
{
    (void)state;
    struct log_witnessing with = submit_witnessing;
    world_open(&old);
    const uint64_t size = fence_info(&old).size;
    assert_true(see(&old, buf_slice(&newest), "w2"));
    world_stop(&old);
    submit_witnessing = (struct log_witnessing){.policy = NULL};
    world_open(&old);
    assert_frozen(&old, "is larger than this log", "w2");
    struct log_info info;
    log_info(old.log, &info);
    assert_int_equal(info.fence, LOG_UNWITNESSED);
    assert_true(info.boot == UINT64_MAX);
    struct log_batch *b = NULL;
    assert_err(log_batch_new(&b, old.log, ADMISSION_BEARER), TL_E_FROZEN);
    world_stop(&old);
    fsck_clean(&old);
    assert_int_equal(info.size, size);
    submit_witnessing = with;
}

/* What witnesses cosigned once is judged, and is nothing to a log that has none. */
static void goes_on_without_witnesses(void **state)
{
    (void)state;
    struct log_witnessing with = submit_witnessing;
    buf note;
    uint64_t size;
    (void)fence_pass(&w);
    world_stop(&w);
    submit_witnessing = (struct log_witnessing){.policy = NULL};
    world_open(&w);
    assert_false(w.log->frozen);
    buf_init(&note, NOTE_MAX);
    assert_err(log_cosigned(w.log, &note, &size, NULL), TL_E_NOT_FOUND);
    buf_finish(&note);
    (void)append_one(&w, "alice", "unwitnessed");
    world_stop(&w);
    submit_witnessing = with;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(proof_after_words),
        TEST(words_of_one),
        TEST(long_names),
        TEST(spoilt_tile),
        TEST(spoilt_tile_and_kept_note),
        TEST(failing_disk),
        TEST(quick_witnesses),
        TEST(freezes_beside_the_quote_of_its_boot),
        TEST(seen_at_the_end),
        TEST(no_owner_for_the_end),
        TEST(failed_commit_ends_the_boot),
        TEST(kept_again_later),
        TEST(proof_kept_again),
        TEST(stays_frozen_without_witnesses),
        TEST(goes_on_without_witnesses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
