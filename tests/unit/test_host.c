/* The host against the store: each row of the table in docs/threat-model.md,
 * "The host's side of the store", done to a stopped log's database. */
#include "testlog.h"

#include "tlog/merkle.h"
#include "verify/report.h"

#include <errno.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SMALL 40  /* records of the log that every test begins with */
#define LARGE 600 /* of the one with two complete tiles */

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

/* Stands in for libc's, so that a disk's error can be played. */
static bool sync_fails;

int fdatasync(int fd)
{
    if (sync_fails) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    return fdatasync(fd);
}

/* The world that the tests share, and copies of it as it was at first. */
static struct world small, small_kept, large, large_kept;

static void make(struct world *w, struct world *kept, size_t records)
{
    struct log_record r = record("alice", "pay 5");
    struct answer a;
    r.request = slice_str("req-1");
    world_init(w);
    world_open(w);
    append(w, &r, 1, &a);
    assert_ok(a.receipts[0].err);
    grow_log(w, records);
    world_pin(w);
    world_stop(w);
    world_copy(kept, w);
}

static int set_up_all(void **state)
{
    (void)state;
    make(&small, &small_kept, SMALL);
    make(&large, &large_kept, LARGE);
    return 0;
}

static int tear_down_all(void **state)
{
    (void)state;
    world_finish(&small);
    world_finish(&small_kept);
    world_finish(&large);
    world_finish(&large_kept);
    return 0;
}

static void begin_again(struct world *w)
{
    world_stop(w);
    if (w->touched)
        world_restore(w, w == &small ? &small_kept : &large_kept);
    w->fatal = 0;
}

static int set_up(void **state)
{
    (void)state;
    commits = COMMIT_REAL;
    sync_fails = false;
    begin_again(&small);
    begin_again(&large);
    return 0;
}

/* A start fails with this error and a sentence that has these words; so does
 * opening the log to read, and the database is left as it is. */
static void refuses(struct world *w, tl_err want, const char *words)
{
    struct tl_why why = {{0}, {0}}, read_why = {{0}, {0}};
    struct log *read = NULL;
    int64_t before = host_int(w, "SELECT count(*) FROM leaf");
    assert_err(world_try(w, &why), want);
    if (!strstr(tl_why_text(&why, want), words))
        fail_msg("\"%s\" lacks \"%s\"", tl_why_text(&why, want), words);
    assert_err(log_open_read(&read, w->tee, w->dir, &read_why), want);
    assert_string_equal(read_why.text, why.text);
    assert_int_equal(host_int(w, "SELECT count(*) FROM leaf"), before);
}

static enum teelog_verdict verdict_now(struct world *w, const struct log_export_options *o,
                                       struct history *h)
{
    size_t n;
    uint8_t *p = export_all(w, o, &n);
    enum teelog_verdict v = verdict_of(p, n, w->policy);
    if (h)
        history_read(h, p, n);
    free(p);
    return v;
}

/* What a bundle says that this agent is complete up to. */
static uint64_t complete_up_to(struct world *w, const char *agent)
{
    const struct log_export_options chain = {.agent = slice_str(agent)};
    size_t n;
    uint8_t *p = export_all(w, &chain, &n);
    struct teelog_report *r = report_of(p, n, w->policy);
    assert_int_equal(teelog_report_verdict(r), TEELOG_TRUSTED);
    assert_int_equal(r->agent_count, 1);
    uint64_t size = r->agents[0].complete_up_to;
    teelog_report_free(r);
    free(p);
    return size;
}

/* A start works, appends go on where they stood, and the whole history is
 * TRUSTED and holds no (subject, seq) twice. The log is left running. */
static void starts(struct world *w, uint64_t alice_seq)
{
    const struct log_export_options all = {.withhold_bodies = false};
    struct history h;
    world_open(w);
    assert_int_equal(append_one(w, "alice", "after").seq, alice_seq);
    assert_int_equal(verdict_now(w, &all, &h), TEELOG_TRUSTED);
    assert_int_not_equal(complete_up_to(w, "alice"), NO_SIZE);
    history_finish(&h);
}

static void export_fails(struct world *w, const struct log_export_options *o, tl_err want,
                         const char *words)
{
    struct tl_why why = {{0}, {0}};
    uint8_t *p = NULL;
    size_t n;
    assert_err(try_export(w, o, &p, &n, &why), want);
    if (!strstr(tl_why_text(&why, want), words))
        fail_msg("\"%s\" lacks \"%s\"", tl_why_text(&why, want), words);
}

static const struct log_export_options whole = {.withhold_bodies = false};

static void fsck_says(struct world *w, const char *words)
{
    uint64_t bad = 0;
    char *text = fsck_text(w, &bad);
    if (bad == 0 || !strstr(text, words))
        fail_msg("fsck does not say \"%s\":\n%s", words, text);
    free(text);
}

static void fsck_is_content(struct world *w)
{
    uint64_t bad = 1;
    char *text = fsck_text(w, &bad);
    if (bad)
        fail_msg("fsck: %s", text);
    free(text);
}

/* Alice's next record in the log as it was made: after her session, the
 * record with a request id, half of the others, and her end comes the session. */
#define SMALL_NEXT (1 + 1 + SMALL / 2 + 1 + 1)
#define LARGE_NEXT (1 + 1 + LARGE / 2 + 1 + 1)

static void unaltered_log_goes_on(void **state)
{
    (void)state;
    fsck_is_content(&small);
    starts(&small, SMALL_NEXT);
    fsck_is_content(&large);
    starts(&large, LARGE_NEXT);
}

/* ---- statements ---- */

/* The last leaves of the small log: …, ends of alice and bob, heads. */
static void altered_tail_is_refused(void **state)
{
    static const char *const sql[] = {
        "DELETE FROM leaf WHERE idx = (SELECT max(idx) FROM leaf)",
        "DELETE FROM leaf WHERE idx = 3",
        "DELETE FROM leaf",
        "UPDATE leaf SET statement = (SELECT statement FROM leaf WHERE idx = 4) WHERE idx = 5",
        ("UPDATE leaf SET idx = -1 WHERE idx = 5; UPDATE leaf SET idx = 5 WHERE idx = 6;"
         "UPDATE leaf SET idx = 6 WHERE idx = -1"),
        "UPDATE leaf SET statement = NULL WHERE idx = 5",
        "UPDATE leaf SET statement = 'text' WHERE idx = 5",
    };
    (void)state;
    for (size_t i = 0; i < sizeof sql / sizeof sql[0]; i++) {
        begin_again(&small);
        host_sql(&small, sql[i]);
        refuses(&small, TL_E_STORED, "database was altered");
        fsck_says(&small, "");
    }
}

static void altered_statement_in_the_tail_is_refused(void **state)
{
    static const int at[] = {0, 20, 100, -1, -40, -90};
    (void)state;
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        begin_again(&small);
        host_flip(&small, "leaf", "statement", "idx = 9", at[i]);
        refuses(&small, TL_E_STORED, "do not give the root");
        fsck_says(&small, "do not give the root");
    }
}

/* What a start does not read, the reading of it finds. */
static void altered_statement_in_an_old_tile_is_found_when_read(void **state)
{
    static const int at[] = {0, 20, 100, -1, -40, -90};
    const struct log_export_options chain = {.agent = slice_str("alice")};
    const struct log_export_options other = {.has_range = true, .from = 300, .to = 310};
    (void)state;
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        begin_again(&large);
        host_flip(&large, "leaf", "statement", "idx = 101", at[i]);
        fsck_says(&large, "statement 101");
        world_open(&large);
        export_fails(&large, &whole, TL_E_STORED, "statement 101");
        export_fails(&large, &chain, TL_E_STORED, "statement 101");
        assert_int_equal(verdict_now(&large, &other, NULL), TEELOG_TRUSTED);
    }
}

static void dropped_or_swapped_in_an_old_tile_is_found_when_read(void **state)
{
    static const char *const sql[] = {
        "DELETE FROM leaf WHERE idx = 101",
        ("UPDATE leaf SET idx = -1 WHERE idx = 101; UPDATE leaf SET idx = 101 WHERE idx = 102;"
         "UPDATE leaf SET idx = 102 WHERE idx = -1"),
        "UPDATE leaf SET statement = (SELECT statement FROM leaf WHERE idx = 99) WHERE idx = 101",
        "UPDATE leaf SET statement = x'00' WHERE idx = 101",
    };
    (void)state;
    for (size_t i = 0; i < sizeof sql / sizeof sql[0]; i++) {
        begin_again(&large);
        host_sql(&large, sql[i]);
        fsck_says(&large, "statement 101");
        world_open(&large);
        export_fails(&large, &whole, TL_E_STORED, "statement 101");
        struct log_record r = record("alice", "answer");
        struct answer a;
        r.has_ref = true;
        r.ref = 101;
        append(&large, &r, 1, &a);
        assert_err(a.receipts[0].err, TL_E_STORED);
    }
}

/* An altered subject would take the statement out of its agent's chain. */
static void statement_relabelled_is_missed_in_a_chain(void **state)
{
    const struct log_export_options chain = {.agent = slice_str("bob")};
    (void)state;
    host_sql(&large, "UPDATE leaf SET statement = (SELECT statement FROM leaf WHERE idx = 104)"
                     " WHERE idx = 103");
    world_open(&large);
    export_fails(&large, &chain, TL_E_STORED, "statement 103");
}

static void old_alteration_is_found_when_the_whole_is_read(void **state)
{
    (void)state;
    host_flip(&large, "leaf", "statement", "idx = 101", 40);
    host_sql(&large, "DELETE FROM head");
    refuses(&large, TL_E_STORED, "fsck");
}

/* ---- tree hashes ---- */

#define TILE_1_0 "id = (1 << 48)"

static void altered_tree_hashes(void **state)
{
    (void)state;
    static const int at[] = {0, 5 * 32, 255 * 32 + 31};
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        begin_again(&large);
        host_flip(&large, "tile", "hashes", "id = 0", at[i]);
        fsck_says(&large, "tile 0/0");
        world_open(&large);
        export_fails(&large, &whole, TL_E_STORED, "statement 0:");
    }
    for (int i = 0; i < 64; i += 31) {
        begin_again(&large);
        host_flip(&large, "tile", "hashes", TILE_1_0, i);
        fsck_says(&large, "tile 1/0");
        refuses(&large, TL_E_STORED, "do not give the root");
    }
}

static void missing_tree_hashes(void **state)
{
    (void)state;
    host_sql(&large, "DELETE FROM tile WHERE id = 1");
    fsck_says(&large, "tile 0/1");
    world_open(&large);
    export_fails(&large, &whole, TL_E_STORED, "statement 256:");
    begin_again(&large);
    host_sql(&large, "DELETE FROM tile WHERE " TILE_1_0);
    fsck_says(&large, "tile 1/0");
    refuses(&large, TL_E_STORED, "do not give the root");
    begin_again(&large);
    host_sql(&large, "UPDATE tile SET hashes = substr(hashes, 1, 32) WHERE " TILE_1_0);
    fsck_says(&large, "tile 1/0");
    refuses(&large, TL_E_STORED, "do not give the root");
}

/* A complete tile that the log goes on from is not taken from the store. */
static void tile_written_beyond_the_head_is_overwritten(void **state)
{
    (void)state;
    host_sql(&large, "INSERT INTO tile VALUES(2, zeroblob(8192))");
    world_open(&large);
    grow_log(&large, 256);
    world_stop(&large);
    fsck_is_content(&large);
}

/* ---- rows of agents ---- */

/* [1, 0, 32 bytes]: a head that looks right. */
#define FAKE_ROW                                                                                   \
    "x'8301005820"                                                                                 \
    "0000000000000000000000000000000000000000000000000000000000000000'"

static void rows_of_agents_are_only_a_shortcut(void **state)
{
    static const char *const sql[] = {
        "DELETE FROM head",
        "DELETE FROM head WHERE subject = CAST('alice' AS BLOB)",
        "DELETE FROM head WHERE subject = CAST('test/log' AS BLOB)",
        "UPDATE head SET value = (SELECT value FROM head WHERE subject = CAST('bob' AS BLOB))"
        " WHERE subject = CAST('alice' AS BLOB)",
        "UPDATE head SET value = " FAKE_ROW " WHERE subject = CAST('alice' AS BLOB)",
        "UPDATE head SET subject = CAST('carol' AS BLOB) WHERE subject = CAST('alice' AS BLOB)",
        "UPDATE head SET value = NULL",
        "UPDATE head SET value = 7",
        "UPDATE head SET value = x''",
        "UPDATE head SET value = zeroblob(60000)",
        "INSERT INTO head VALUES(CAST('mallory' AS BLOB), " FAKE_ROW ")",
        "INSERT INTO head VALUES(zeroblob(5000), " FAKE_ROW ")",
        "INSERT INTO head VALUES('text', " FAKE_ROW ")",
    };
    (void)state;
    for (size_t i = 0; i < sizeof sql / sizeof sql[0]; i++) {
        begin_again(&small);
        host_sql(&small, sql[i]);
        starts(&small, SMALL_NEXT);
        world_stop(&small);
        fsck_is_content(&small);
        starts(&small, SMALL_NEXT + 3); /* an end and a session after it */
    }
}

/* More rows than a log may have subjects must not count against it. */
static void thousands_of_fake_agents_are_dropped(void **state)
{
    (void)state;
    host_sql(&small,
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE"
             " i < 70000) INSERT INTO head SELECT CAST('m' || i AS BLOB), " FAKE_ROW " FROM n");
    starts(&small, SMALL_NEXT);
    struct log_info info;
    log_info(small.log, &info);
    assert_int_equal(info.subjects, 3);
}

/* Which statement the rows belong to is the store's word too. */
static void heads_index_only_saves_work(void **state)
{
    static const char *const sql[] = {
        "DELETE FROM meta WHERE name = 'heads_index'",
        "UPDATE meta SET value = x'00' WHERE name = 'heads_index'",     /* the genesis */
        "UPDATE meta SET value = x'05' WHERE name = 'heads_index'",     /* a record */
        "UPDATE meta SET value = x'01' WHERE name = 'heads_index'",     /* a session */
        "UPDATE meta SET value = x'1903e8' WHERE name = 'heads_index'", /* 1000 */
        "UPDATE meta SET value = x'1b001fffffffffffff' WHERE name = 'heads_index'",
        "UPDATE meta SET value = x'1bffffffffffffffff' WHERE name = 'heads_index'",
        "UPDATE meta SET value = x'20' WHERE name = 'heads_index'", /* -1 */
        "UPDATE meta SET value = x'' WHERE name = 'heads_index'",
        "UPDATE meta SET value = NULL WHERE name = 'heads_index'",
        "UPDATE meta SET value = x'0000' WHERE name = 'heads_index'",
    };
    (void)state;
    for (size_t i = 0; i < sizeof sql / sizeof sql[0]; i++) {
        begin_again(&small);
        host_sql(&small, sql[i]);
        starts(&small, SMALL_NEXT);
    }
}

static void copy_rows(struct world *to, const struct world *from)
{
    char sql[5000];
    snprintf(sql, sizeof sql,
             "ATTACH '%s/teelog.db' AS old; DELETE FROM main.head;"
             "INSERT INTO main.head SELECT * FROM old.head; DELETE FROM main.meta WHERE name ="
             " 'heads_index'; INSERT INTO main.meta SELECT * FROM old.meta WHERE name ="
             " 'heads_index'",
             from->dir);
    host_sql(to, sql);
}

/* Older rows with the older statement that they belong to are right, only old. */
static void older_rows_with_their_statement_work(void **state)
{
    (void)state;
    world_open(&small);
    grow_log(&small, 10);
    world_stop(&small);
    copy_rows(&small, &small_kept);
    starts(&small, SMALL_NEXT + 5 + 2);
}

static void older_rows_without_their_statement_are_dropped(void **state)
{
    (void)state;
    world_open(&small);
    grow_log(&small, 10);
    world_stop(&small);
    struct world newer;
    world_copy(&newer, &small);
    char sql[200];
    snprintf(sql, sizeof sql, "UPDATE meta SET value = x'18%02x' WHERE name = 'heads_index'",
             (unsigned)host_int(&small_kept, "SELECT max(idx) FROM leaf"));
    host_sql(&small, sql);
    starts(&small, SMALL_NEXT + 5 + 2);
    world_finish(&newer);
}

/* ---- rows beyond the head ---- */

static void rows_beyond_the_head_are_refused(void **state)
{
    static const char *const sql[] = {
        "INSERT INTO leaf SELECT max(idx) + 1, statement, body, extra FROM leaf",
        "INSERT INTO leaf SELECT max(idx) + 1000, statement, NULL, NULL FROM leaf",
        "INSERT INTO leaf VALUES(1 << 40, NULL, NULL, NULL)",
        "INSERT INTO leaf VALUES((1 << 53) - 2, x'', NULL, NULL)",
        "INSERT INTO leaf VALUES(9223372036854775807, x'', NULL, NULL)",
    };
    (void)state;
    for (size_t i = 0; i < sizeof sql / sizeof sql[0]; i++) {
        begin_again(&small);
        host_sql(&small, sql[i]);
        refuses(&small, TL_E_STORED, "beyond the authenticated head");
        fsck_says(&small, "beyond the authenticated head");
    }
}

/* No index of ours is negative: such rows are never looked at. */
static void rows_before_the_first_are_not_read(void **state)
{
    (void)state;
    host_sql(&small, "INSERT INTO leaf SELECT -1, statement, body, extra FROM leaf WHERE idx = 4");
    starts(&small, SMALL_NEXT);
}

/* ---- the head, and who the log is ---- */

static void altered_head_is_refused(void **state)
{
    static const int at[] = {0, 1, 2, 3, 20, 34, -1, -16, -32, -33};
    static const char *const sql[] = {
        "DELETE FROM meta WHERE name = 'head'",
        "UPDATE meta SET value = NULL WHERE name = 'head'",
        "UPDATE meta SET value = x'' WHERE name = 'head'",
        "UPDATE meta SET value = substr(value, 2) WHERE name = 'head'",
        "UPDATE meta SET value = zeroblob(69) WHERE name = 'head'",
    };
    (void)state;
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        begin_again(&small);
        host_flip(&small, "meta", "value", "name = 'head'", at[i]);
        refuses(&small, TL_E_HEAD, "no head written under this platform's key");
    }
    for (size_t i = 0; i < sizeof sql / sizeof sql[0]; i++) {
        begin_again(&small);
        host_sql(&small, sql[i]);
        refuses(&small, TL_E_HEAD, "no head written under this platform's key");
        fsck_says(&small, "no head written under this platform's key");
    }
}

static void copy_meta(struct world *to, const struct world *from, const char *name)
{
    char sql[5000];
    snprintf(sql, sizeof sql,
             "ATTACH '%s/teelog.db' AS other; UPDATE main.meta SET value = (SELECT value FROM"
             " other.meta WHERE name = '%s') WHERE name = '%s'",
             from->dir, name, name);
    host_sql(to, sql);
}

/* Another log of the same platform: the same sealing key, another log_id. */
static void make_sibling(struct world *sibling, struct world *w)
{
    *sibling = (struct world){.dir = test_tmpdir(), .tee = w->tee};
    world_open(sibling);
    grow_log(sibling, SMALL);
    world_stop(sibling);
}

static void end_sibling(struct world *sibling)
{
    sibling->tee = NULL;
    world_finish(sibling);
}

static void parts_of_another_log_are_refused(void **state)
{
    struct world sibling;
    (void)state;
    make_sibling(&sibling, &small);
    copy_meta(&small, &sibling, "head");
    refuses(&small, TL_E_HEAD, "no head written");
    begin_again(&small);
    copy_meta(&small, &sibling, "log_id");
    refuses(&small, TL_E_HEAD, "no head written");
    begin_again(&small);
    copy_meta(&small, &sibling, "data_key");
    refuses(&small, TL_E_SEALED, "data key");
    begin_again(&small);
    copy_meta(&small, &sibling, "head");
    copy_meta(&small, &sibling, "log_id");
    copy_meta(&small, &sibling, "data_key");
    refuses(&small, TL_E_STORED, ""); /* the other log's identity over this one's leaves */
    end_sibling(&sibling);
}

static void identity_is_bound_to_the_head(void **state)
{
    static const struct {
        const char *sql;
        tl_err err;
        const char *words;
    } cases[] = {
        {"UPDATE meta SET value = randomblob(32) WHERE name = 'log_id'", TL_E_HEAD, "no head"},
        {"UPDATE meta SET value = zeroblob(31) WHERE name = 'log_id'", TL_E_STORED, "which log"},
        {"DELETE FROM meta WHERE name = 'log_id'", TL_E_HEAD, "which log"},
        {"UPDATE meta SET value = CAST('test/gol' AS BLOB) WHERE name = 'origin'", TL_E_HEAD,
         "no head"},
        {"UPDATE meta SET value = CAST('a b' AS BLOB) WHERE name = 'origin'", TL_E_STORED,
         "which log"},
        {"UPDATE meta SET value = zeroblob(500) WHERE name = 'origin'", TL_E_STORED, "which log"},
        {"DELETE FROM meta WHERE name = 'origin'", TL_E_HEAD, "which log"},
        {"DELETE FROM meta WHERE name = 'data_key'", TL_E_SEALED, "data key"},
        {"UPDATE meta SET value = zeroblob(60) WHERE name = 'data_key'", TL_E_SEALED, "data key"},
        {"UPDATE meta SET value = x'' WHERE name = 'data_key'", TL_E_SEALED, "data key"},
        {"DELETE FROM meta", TL_E_HEAD, "which log"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin_again(&small);
        host_sql(&small, cases[i].sql);
        refuses(&small, cases[i].err, cases[i].words);
    }
    begin_again(&small);
    host_flip(&small, "meta", "value", "name = 'data_key'", 20);
    refuses(&small, TL_E_SEALED, "data key");
}

/* An authentic head of this log, but not of these rows. */
static void older_head_does_not_drop_newer_rows(void **state)
{
    (void)state;
    world_open(&small);
    grow_log(&small, 10);
    world_stop(&small);
    copy_meta(&small, &small_kept, "head");
    refuses(&small, TL_E_STORED, "beyond the authenticated head");
}

static void another_platform_does_not_open_it(void **state)
{
    struct tl_why why = {{0}, {0}};
    struct world other;
    (void)state;
    world_init(&other);
    struct world there = {.dir = small.dir, .tee = other.tee};
    assert_err(world_try(&there, &why), TL_E_HEAD);
    world_finish(&other);
}

/* ---- bodies, evidence ---- */

/* Record 2 is alice's with the request id. */
static void bodies_removed_altered_and_swapped(void **state)
{
    const struct log_export_options withheld = {.withhold_bodies = true};
    static const char *const swapped =
        "UPDATE leaf SET body = (SELECT body FROM leaf WHERE idx = 5) WHERE idx = 2";
    (void)state;
    host_sql(&small, "UPDATE leaf SET body = NULL WHERE idx = 2");
    fsck_is_content(&small);
    world_open(&small);
    assert_int_equal(verdict_now(&small, &whole, NULL), TEELOG_TRUSTED);
    for (int i = 0; i < 4; i++) {
        begin_again(&small);
        if (i == 0)
            host_sql(&small, swapped);
        else if (i == 1)
            host_sql(&small, "UPDATE leaf SET body = x'00' WHERE idx = 2");
        else
            host_flip(&small, "leaf", "body", "idx = 2", i == 2 ? -20 : 5);
        fsck_says(&small, "statement 2: its body");
        world_open(&small);
        export_fails(&small, &whole, TL_E_SEALED, "statement 2:");
        assert_int_equal(verdict_now(&small, &withheld, NULL), TEELOG_TRUSTED);
    }
}

/* The log's own statements have no secret in their bodies, and none is withheld. */
static void own_bodies_removed_and_altered(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        begin_again(&small);
        if (i == 0)
            host_sql(&small, "UPDATE leaf SET body = NULL WHERE idx = 1");
        else
            host_flip(&small, "leaf", "body", "idx = 1", 20);
        fsck_says(&small, "statement 1: its body");
        world_open(&small);
        export_fails(&small, &whole, TL_E_STORED, "statement 1:");
    }
    begin_again(&small);
    int64_t last = host_int(&small, "SELECT max(idx) FROM leaf"); /* heads */
    char sql[100], words[40];
    snprintf(sql, sizeof sql, "UPDATE leaf SET body = NULL WHERE idx = %d", (int)last);
    snprintf(words, sizeof words, "statement %d:", (int)last);
    host_sql(&small, sql);
    world_open(&small); /* the whole log is read instead */
    export_fails(&small, &whole, TL_E_STORED, words);
}

static void salts_of_body_keys_removed(void **state)
{
    const struct log_export_options withheld = {.withhold_bodies = true};
    (void)state;
    for (int i = 0; i < 2; i++) {
        begin_again(&small);
        if (i == 0)
            host_sql(&small, "DELETE FROM body_key");
        else
            host_flip(&small, "body_key", "salt", "number = 0", 3);
        fsck_says(&small, "statement 2: its body");
        world_open(&small);
        struct log_receipt r = append_one(&small, "alice", "new");
        const struct log_export_options new_one = {
            .has_range = true, .from = r.index, .to = r.index + 1};
        assert_int_equal(verdict_now(&small, &new_one, NULL), TEELOG_TRUSTED);
        export_fails(&small, &whole, TL_E_SEALED, "statement 2:");
        assert_int_equal(verdict_now(&small, &withheld, NULL), TEELOG_TRUSTED);
    }
}

static void evidence_removed_and_altered(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        begin_again(&small);
        host_sql(&small, i == 0 ? "DELETE FROM evidence"
                                : "UPDATE evidence SET item = CAST(x'00' || item AS BLOB)");
        fsck_says(&small, "statement 0: its evidence");
        world_open(&small);
        export_fails(&small, &whole, TL_E_STORED, "evidence");
    }
}

/* ---- request ids ---- */

static struct log_receipt pay_again(struct world *w)
{
    struct log_record r = record("alice", "pay 5");
    struct answer a;
    r.request = slice_str("req-1");
    append(w, &r, 1, &a);
    assert_ok(a.err);
    return a.receipts[0];
}

static void request_rows(void **state)
{
    (void)state;
    world_open(&small);
    struct log_receipt r = pay_again(&small);
    assert_true(r.repeated);
    assert_int_equal(r.index, 2);
    begin_again(&small);
    host_sql(&small, "DELETE FROM request");
    world_open(&small);
    r = pay_again(&small);
    assert_ok(r.err);
    assert_false(r.repeated);
}

static void altered_request_rows_fail_the_append(void **state)
{
    static const int at[] = {0, 1, 2, 10, -1, -40};
    struct log_info before, after;
    (void)state;
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        begin_again(&small);
        host_flip(&small, "request", "value", "1", at[i]);
        world_open(&small);
        log_info(small.log, &before);
        struct log_receipt r = pay_again(&small);
        assert_err(r.err, TL_E_STORED);
        assert_string_equal(r.why.field, "requestId");
        log_info(small.log, &after);
        assert_int_equal(before.size, after.size);
    }
}

static void request_row_moved_to_another_tag_fails_the_append(void **state)
{
    struct log_record r = record("alice", "pay 6");
    struct answer a;
    (void)state;
    world_open(&small);
    r.request = slice_str("req-2");
    append(&small, &r, 1, &a);
    assert_ok(a.receipts[0].err);
    world_stop(&small);
    /* The row that is updated last finds its own value in the other's place. */
    host_sql(&small, "UPDATE request SET value = (SELECT o.value FROM request AS o"
                     " WHERE o.tag <> request.tag)");
    world_open(&small);
    append(&small, &r, 1, &a);
    tl_err first = pay_again(&small).err, second = a.receipts[0].err;
    assert_true((first == TL_E_STORED && second == TL_OK) ||
                (first == TL_OK && second == TL_E_STORED));
}

/* An authentic row of a history that is no more must not acknowledge a record
 * that is not in this one. */
static void request_row_of_a_lost_history_acknowledges_nothing(void **state)
{
    struct log_record r = record("alice", "never in this history");
    struct answer a;
    struct world newer;
    char sql[5000];
    (void)state;
    r.request = slice_str("req-9");
    world_open(&small);
    append(&small, &r, 1, &a);
    assert_ok(a.receipts[0].err);
    world_stop(&small);
    world_copy(&newer, &small);
    for (int longer = 0; longer < 2; longer++) {
        begin_again(&small);
        snprintf(sql, sizeof sql,
                 "ATTACH '%s/teelog.db' AS new; DELETE FROM main.request;"
                 "INSERT INTO main.request SELECT * FROM new.request",
                 newer.dir);
        host_sql(&small, sql);
        world_open(&small);
        if (longer) /* so that the index is one of this history too */
            grow_log(&small, 20);
        append(&small, &r, 1, &a);
        assert_ok(a.err);
        assert_err(a.receipts[0].err, TL_E_STORED);
        assert_true(pay_again(&small).repeated); /* a row that both have is good */
    }
    world_finish(&newer);
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

static void one_at_a_time(void **state)
{
    struct tl_why why = {{0}, {0}}, again = {{0}, {0}};
    struct log *read = NULL;
    uint64_t bad;
    char path[4200];
    (void)state;
    world_open(&small);
    struct world second = {.dir = small.dir, .tee = small.tee};
    assert_err(world_try(&second, &why), TL_E_LOCKED);
    assert_non_null(strstr(why.text, "another teelog"));
    assert_err(log_open_read(&read, small.tee, small.dir, &why), TL_E_LOCKED);
    assert_err(log_fsck(small.tee, small.dir, NULL, NULL, NULL, &bad, &again), TL_E_LOCKED);
    pid_t child = fork();
    if (child == 0)
        _exit(world_try(&second, &why) == TL_E_LOCKED ? 7 : 1);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    /* Taking the lock file away is no way in: the engine has a lock as well. */
    snprintf(path, sizeof path, "%s/lock", small.dir);
    assert_int_equal(unlink(path), 0);
    child = fork();
    if (child == 0)
        _exit(world_try(&second, &why) == TL_E_LOCKED ? 7 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
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
        cmocka_unit_test_setup(unaltered_log_goes_on, set_up),
        cmocka_unit_test_setup(altered_tail_is_refused, set_up),
        cmocka_unit_test_setup(altered_statement_in_the_tail_is_refused, set_up),
        cmocka_unit_test_setup(altered_statement_in_an_old_tile_is_found_when_read, set_up),
        cmocka_unit_test_setup(dropped_or_swapped_in_an_old_tile_is_found_when_read, set_up),
        cmocka_unit_test_setup(statement_relabelled_is_missed_in_a_chain, set_up),
        cmocka_unit_test_setup(old_alteration_is_found_when_the_whole_is_read, set_up),
        cmocka_unit_test_setup(altered_tree_hashes, set_up),
        cmocka_unit_test_setup(missing_tree_hashes, set_up),
        cmocka_unit_test_setup(tile_written_beyond_the_head_is_overwritten, set_up),
        cmocka_unit_test_setup(rows_of_agents_are_only_a_shortcut, set_up),
        cmocka_unit_test_setup(thousands_of_fake_agents_are_dropped, set_up),
        cmocka_unit_test_setup(heads_index_only_saves_work, set_up),
        cmocka_unit_test_setup(older_rows_with_their_statement_work, set_up),
        cmocka_unit_test_setup(older_rows_without_their_statement_are_dropped, set_up),
        cmocka_unit_test_setup(rows_beyond_the_head_are_refused, set_up),
        cmocka_unit_test_setup(rows_before_the_first_are_not_read, set_up),
        cmocka_unit_test_setup(altered_head_is_refused, set_up),
        cmocka_unit_test_setup(parts_of_another_log_are_refused, set_up),
        cmocka_unit_test_setup(identity_is_bound_to_the_head, set_up),
        cmocka_unit_test_setup(older_head_does_not_drop_newer_rows, set_up),
        cmocka_unit_test_setup(another_platform_does_not_open_it, set_up),
        cmocka_unit_test_setup(bodies_removed_altered_and_swapped, set_up),
        cmocka_unit_test_setup(own_bodies_removed_and_altered, set_up),
        cmocka_unit_test_setup(salts_of_body_keys_removed, set_up),
        cmocka_unit_test_setup(evidence_removed_and_altered, set_up),
        cmocka_unit_test_setup(request_rows, set_up),
        cmocka_unit_test_setup(altered_request_rows_fail_the_append, set_up),
        cmocka_unit_test_setup(request_row_moved_to_another_tag_fails_the_append, set_up),
        cmocka_unit_test_setup(request_row_of_a_lost_history_acknowledges_nothing, set_up),
        cmocka_unit_test_setup(older_database_is_a_fork, set_up),
        cmocka_unit_test_setup(copies_are_forks, set_up),
        cmocka_unit_test_setup(one_at_a_time, set_up),
        cmocka_unit_test_setup(emptied_store_is_another_log, set_up),
        cmocka_unit_test_setup(failed_commit_ends_the_boot, set_up),
        cmocka_unit_test_setup(unknown_commit_is_settled_by_the_request_id, set_up),
        cmocka_unit_test_setup(disk_error_ends_the_boot, set_up),
        cmocka_unit_test_setup(failed_boot_and_end_are_told, set_up),
        cmocka_unit_test_setup(failed_genesis_leaves_no_log, set_up),
        cmocka_unit_test_setup(failed_commit_of_an_export_ends_the_boot, set_up),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
