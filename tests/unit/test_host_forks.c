/* The host against the store: rows of the table in docs/threat-model.md, "The
 * host's side of the store", done to a stopped log's database.
 *
 * Here: older states, copies, an emptied store, and commits that fail. */
#include "testhost.h"

#include "badsync.h"

#include "tlog/merkle.h"

#include <sys/wait.h>

static enum { COMMIT_REAL, COMMIT_LOST, COMMIT_UNKNOWN } commits;

struct store;
tl_err __real_store_commit(struct store *s);
tl_err __wrap_store_commit(struct store *s);

/* A commit that fails: nothing was written, or all of it was. */
tl_err __wrap_store_commit(struct store *s)
{
    if (commits == COMMIT_LOST)
        return TL_E_COMMIT;
    tl_err err = __real_store_commit(s);
    return commits == COMMIT_UNKNOWN ? TL_E_COMMIT : err;
}

static int set_up(void **state)
{
    commits = COMMIT_REAL;
    sync_fails = false;
    return host_set_up(state);
}

/* ---- older states and copies ---- */

/* The bundle of the running log, as a history; it must be TRUSTED. */
static void take_history(struct world *w, struct history *h)
{
    assert_int_equal(verdict_now(w, &whole, h), TEELOG_TRUSTED);
}

static bool is_prefix(const struct history *a, const struct history *b)
{
    struct merkle_leaves leaves = {b->leaves, b->size};
    const struct merkle_nodes nodes = {merkle_leaves_get, &leaves};
    hash32 path[MERKLE_MAX_PATH];
    size_t count;
    assert_true(a->size <= b->size);
    assert_ok(merkle_prove_consistency(&nodes, a->size, b->size, path, &count));
    return merkle_verify_consistency(a->size, b->size, &a->root, &b->root, path, count) == TL_OK;
}

/* Where a witness would help: two checkpoints of one key, which no consistency
 * path joins. Each history by itself is sound. */
static void older_database_is_a_fork(void **state)
{
    struct history first, before, after;
    (void)state;
    world_open(&small);
    take_history(&small, &first);
    world_stop(&small);
    struct world kept;
    world_copy(&kept, &small);
    world_open(&small);
    append_one(&small, "alice", "what the host regrets");
    take_history(&small, &before);
    world_stop(&small);
    world_restore(&small, &kept);
    world_open(&small);
    append_one(&small, "alice", "something else");
    grow_log(&small, 2);
    take_history(&small, &after);
    assert_true(is_prefix(&first, &before));
    assert_true(is_prefix(&first, &after));
    assert_true(before.size < after.size);
    assert_false(is_prefix(&before, &after));
    history_finish(&first);
    history_finish(&before);
    history_finish(&after);
    world_finish(&kept);
}

static void copies_are_forks(void **state)
{
    struct history ours, theirs;
    struct world copy;
    (void)state;
    world_copy(&copy, &small);
    copy.policy = small.policy;
    world_open(&small);
    world_open(&copy); /* both at once: nothing joins them */
    append_one(&small, "alice", "here");
    append_one(&copy, "alice", "there");
    append_one(&copy, "alice", "and there");
    take_history(&small, &ours);
    take_history(&copy, &theirs);
    assert_true(ours.size < theirs.size);
    assert_false(is_prefix(&ours, &theirs));
    history_finish(&ours);
    history_finish(&theirs);
    copy.policy = NULL;
    world_finish(&copy);
}

/* A process that is killed leaves a write-ahead log; without it, or with a part of
 * it, what is there is an older state, never a mixture. */
static void write_ahead_log_taken_away(void **state)
{
    static const char *const how[] = {
        "rm teelog.db-wal",
        "truncate -s 70000 teelog.db-wal",
        "truncate -s -1 teelog.db-wal",
        "printf x | dd of=teelog.db-wal bs=1 seek=30000 conv=notrunc status=none",
        "printf x | dd of=teelog.db-wal bs=1 seek=3 conv=notrunc status=none",
        "head -c 50000 /dev/urandom >teelog.db-wal",
        "true",
    };
    char command[4400];
    (void)state;
    for (size_t i = 0; i < sizeof how / sizeof how[0]; i++) {
        int status = 0;
        begin_again(&small);
        small.touched = true;
        pid_t child = fork();
        if (child == 0) {
            world_open(&small);
            for (int k = 0; k < 6; k++)
                append_one(&small, "alice", "in the write-ahead log");
            _exit(7); /* as a kill: nothing is closed */
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
        snprintf(command, sizeof command, "cd '%s' && %s", small.dir, how[i]);
        assert_int_equal(system(command), 0);
        world_open(&small);
        struct log_receipt r = append_one(&small, "alice", "after");
        assert_true(r.seq >= SMALL_NEXT && r.seq <= SMALL_NEXT + 6 + 1);
        if (i + 1 == sizeof how / sizeof how[0])
            assert_int_equal(r.seq, SMALL_NEXT + 6 + 1); /* all of it, and a session */
        struct history h;
        take_history(&small, &h);
        history_finish(&h);
    }
}

/* A journal beside the database is the mark of a creation that was cut short. It
 * must not make another log where there is one. */
static void journal_put_beside_the_database(void **state)
{
    struct tl_why why = {{0}, {0}};
    struct log_info before, after;
    char command[4400];
    (void)state;
    world_open(&small);
    log_info(small.log, &before);
    begin_again(&small);
    snprintf(command, sizeof command, "head -c 5000 /dev/urandom >'%s/teelog.db-journal'",
             small.dir);
    small.touched = true;
    assert_int_equal(system(command), 0);
    tl_err err = world_try(&small, &why);
    if (err != TL_OK) {
        assert_err(err, TL_E_EXISTS);
        assert_non_null(strstr(why.text, "journal"));
        snprintf(command, sizeof command, "rm -f '%s/teelog.db-journal'", small.dir);
        assert_int_equal(system(command), 0);
        world_open(&small);
    }
    log_info(small.log, &after);
    assert_true(hash_eq(&before.log_id, &after.log_id));
    assert_int_equal(append_one(&small, "alice", "after").seq, SMALL_NEXT);
}

/* Another process, made before this one has threads, that waits for a word before
 * it starts a log; it exits with 7 where the log was locked. */
struct second {
    pid_t pid;
    int word[2];
};

static void second_make(struct second *s)
{
    assert_int_equal(pipe(s->word), 0);
    s->pid = fork();
    if (s->pid == 0) {
        struct world w = {.dir = small.dir, .tee = small.tee};
        struct tl_why why = {{0}, {0}};
        char c;
        _exit(read(s->word[0], &c, 1) == 1 && world_try(&w, &why) == TL_E_LOCKED ? 7 : 1);
    }
}

static void second_is_refused(struct second *s)
{
    int status = 0;
    assert_int_equal(write(s->word[1], "x", 1), 1);
    assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    close(s->word[0]);
    close(s->word[1]);
}

static void one_at_a_time(void **state)
{
    struct tl_why why = {{0}, {0}}, again = {{0}, {0}};
    struct second second, third;
    struct log *read = NULL;
    uint64_t bad;
    char path[4200];
    (void)state;
    second_make(&second);
    second_make(&third);
    world_open(&small);
    struct world same = {.dir = small.dir, .tee = small.tee};
    assert_err(world_try(&same, &why), TL_E_LOCKED);
    assert_non_null(strstr(why.text, "another teelog"));
    assert_err(log_open_read(&read, small.tee, small.dir, &why), TL_E_LOCKED);
    assert_err(log_fsck(small.tee, small.dir, NULL, NULL, NULL, &bad, &again), TL_E_LOCKED);
    second_is_refused(&second);
    /* Taking the lock file away is no way in: the engine has a lock as well. */
    snprintf(path, sizeof path, "%s/lock", small.dir);
    assert_int_equal(unlink(path), 0);
    second_is_refused(&third);
    append_one(&small, "alice", "still here");
}

static void starts_another(struct world *w)
{
    size_t n;
    world_open(w);
    uint8_t *p = export_all(w, &whole, &n);
    assert_int_equal(verdict_of(p, n, NULL), TEELOG_UNPINNED);
    free(p);
}

static void emptied_store_is_another_log(void **state)
{
    static const char *const emptied[] = {
        NULL, /* the file itself */
        "DELETE FROM leaf; DELETE FROM meta WHERE name = 'log_id'",
        "DELETE FROM leaf; DELETE FROM meta; DELETE FROM tile",
    };
    struct log_info before, after;
    char path[4200];
    (void)state;
    world_open(&small);
    log_info(small.log, &before);
    for (size_t i = 0; i < sizeof emptied / sizeof emptied[0]; i++) {
        begin_again(&small);
        snprintf(path, sizeof path, "%s/teelog.db", small.dir);
        if (emptied[i])
            host_sql(&small, emptied[i]);
        else
            assert_int_equal(unlink(path), 0);
        world_open(&small);
        assert_false(pay_again(&small).repeated);
        grow_log(&small, 5);
        log_info(small.log, &after);
        assert_false(hash_eq(&before.log_id, &after.log_id));
        assert_string_not_equal(before.log_key, after.log_key);
        assert_int_equal(verdict_now(&small, &whole, NULL), TEELOG_REJECTED);
        size_t n;
        uint8_t *p = export_all(&small, &whole, &n);
        assert_int_equal(verdict_of(p, n, NULL), TEELOG_UNPINNED);
        free(p);
        world_stop(&small);
        starts_another(&small);
    }
}

/* ---- commits that fail ---- */

#define WAITING 40

/* Batches that wait when the commit fails all get an error, later ones too. */
static void nobody_is_told_ok(struct world *w)
{
    static struct answer answers[WAITING];
    struct log_record r[30];
    char requests[WAITING][16];
    for (size_t i = 0; i < WAITING; i++) {
        snprintf(requests[i], sizeof requests[i], "waits-%zu", i);
        for (size_t k = 0; k < 30; k++)
            r[k] = record("alice", "waits");
        r[0].request = slice_str(requests[i]);
        submit(w, r, 30, &answers[i]);
    }
    for (size_t i = 0; i < WAITING; i++) {
        await(&answers[i]);
        assert_err(answers[i].err, answers[i].err == TL_E_STOPPING ? TL_E_STOPPING : TL_E_COMMIT);
    }
    assert_err(answers[0].err, TL_E_COMMIT);
    append(w, r, 1, &answers[0]);
    assert_err(answers[0].err, TL_E_STOPPING);
}

static void failed_commit_ends_the_boot(void **state)
{
    (void)state;
    world_open(&small);
    append_one(&small, "alice", "before"); /* and with it a session */
    commits = COMMIT_LOST;
    nobody_is_told_ok(&small);
    commits = COMMIT_REAL;
    world_stop(&small);
    assert_int_equal(small.fatal, 1);
    fsck_is_content(&small);
    starts(&small, SMALL_NEXT + 2); /* the record before, no end, a session */
}

static void unknown_commit_is_settled_by_the_request_id(void **state)
{
    struct log_record r = record("alice", "unknown");
    struct answer a;
    (void)state;
    r.request = slice_str("req-unknown");
    world_open(&small);
    append_one(&small, "alice", "before");
    commits = COMMIT_UNKNOWN;
    append(&small, &r, 1, &a);
    assert_err(a.err, TL_E_COMMIT);
    commits = COMMIT_REAL;
    world_stop(&small);
    assert_int_equal(small.fatal, 1);
    world_open(&small);
    append(&small, &r, 1, &a); /* it took effect, and now one knows */
    assert_ok(a.receipts[0].err);
    assert_true(a.receipts[0].repeated);
    assert_int_equal(a.receipts[0].seq, SMALL_NEXT + 1);
    assert_int_equal(verdict_now(&small, &whole, NULL), TEELOG_TRUSTED);
}

static void disk_error_ends_the_boot(void **state)
{
    (void)state;
    world_open(&small);
    append_one(&small, "alice", "before");
    sync_fails = true;
    nobody_is_told_ok(&small);
    sync_fails = false;
    world_stop(&small);
    assert_int_equal(small.fatal, 1);
    fsck_is_content(&small);
    /* What SQLite had written before the sync failed may be there or not. */
    world_open(&small);
    append_one(&small, "alice", "after");
    assert_int_equal(verdict_now(&small, &whole, NULL), TEELOG_TRUSTED);
}

static void failed_boot_and_end_are_told(void **state)
{
    struct tl_why why = {{0}, {0}};
    (void)state;
    commits = COMMIT_LOST;
    assert_err(world_try(&small, &why), TL_E_COMMIT);
    assert_non_null(strstr(why.text, "boot statement"));
    commits = COMMIT_REAL;
    fsck_is_content(&small);
    starts(&small, SMALL_NEXT);
    append_one(&small, "alice", "unended");
    commits = COMMIT_LOST;
    world_stop(&small);
    commits = COMMIT_REAL;
    assert_int_equal(small.fatal, 1);
    starts(&small, SMALL_NEXT + 3);
}

/* The genesis too: nothing is left that would pass for a log. */
static void failed_genesis_leaves_no_log(void **state)
{
    struct tl_why why = {{0}, {0}};
    struct world w;
    (void)state;
    for (int i = 0; i < 2; i++) {
        world_init(&w);
        commits = i == 0 ? COMMIT_LOST : COMMIT_UNKNOWN;
        assert_err(world_try(&w, &why), TL_E_COMMIT);
        commits = COMMIT_REAL;
        world_open(&w);
        grow_log(&w, 3);
        size_t n;
        uint8_t *p = export_all(&w, &whole, &n);
        assert_int_equal(verdict_of(p, n, NULL), TEELOG_UNPINNED);
        free(p);
        world_finish(&w);
    }
}

/* The heads that an export appends are a commit like any other. */
static void failed_commit_of_an_export_ends_the_boot(void **state)
{
    struct log_record r = record("alice", "after the export");
    struct answer a;
    (void)state;
    world_open(&small);
    append_one(&small, "alice", "before");
    commits = COMMIT_LOST;
    export_fails(&small, &whole, TL_E_COMMIT, "");
    commits = COMMIT_REAL;
    append(&small, &r, 1, &a);
    assert_err(a.err, TL_E_STOPPING);
    world_stop(&small);
    assert_int_equal(small.fatal, 1);
    starts(&small, SMALL_NEXT + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(older_database_is_a_fork, set_up),
        cmocka_unit_test_setup(copies_are_forks, set_up),
        cmocka_unit_test_setup(write_ahead_log_taken_away, set_up),
        cmocka_unit_test_setup(journal_put_beside_the_database, set_up),
        cmocka_unit_test_setup(one_at_a_time, set_up),
        cmocka_unit_test_setup(emptied_store_is_another_log, set_up),
        cmocka_unit_test_setup(failed_commit_ends_the_boot, set_up),
        cmocka_unit_test_setup(unknown_commit_is_settled_by_the_request_id, set_up),
        cmocka_unit_test_setup(disk_error_ends_the_boot, set_up),
        cmocka_unit_test_setup(failed_boot_and_end_are_told, set_up),
        cmocka_unit_test_setup(failed_genesis_leaves_no_log, set_up),
        cmocka_unit_test_setup(failed_commit_of_an_export_ends_the_boot, set_up),
    };
    return cmocka_run_group_tests(tests, host_set_up_all, host_tear_down_all);
}
