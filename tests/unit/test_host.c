/* The host against the store: rows of the table in docs/threat-model.md, "The
 * host's side of the store", done to a stopped log's database.
 *
 * Here: statements, tree hashes, rows of agents, rows beyond the head. */
#include "testhost.h"

#include "base/encoding.h"
#include "tlog/body.h"

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
        fsck_says(&small, "rows behind the last heads");
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

/* Heads of the host's own, with rows that give their root: nobody has said anything. */
static void heads_are_those_of_the_statement(void **state)
{
    (void)state;
    begin_again(&small);
    uint64_t last = (uint64_t)host_int(&small, "SELECT max(idx) FROM leaf");
    const struct heads none = {last, 0, sha256((slice){NULL, 0})};
    char sql[400];
    buf body, text;
    buf_init(&body, 100);
    buf_init_fixed(&text, (uint8_t *)sql, sizeof sql);
    body_heads_put(&body, &none);
    buf_str(&text, "DELETE FROM head; UPDATE leaf SET body = x'");
    hex_put(&text, buf_slice(&body));
    buf_printf(&text, "' WHERE idx = %d", (int)last);
    buf_u8(&text, 0);
    assert_ok(buf_err(&text));
    host_sql(&small, sql);
    world_open(&small); /* the whole log is read instead */
    assert_int_equal(append_one(&small, "alice", "new").seq, SMALL_NEXT);
    buf_finish(&body);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(unaltered_log_goes_on, host_set_up),
        cmocka_unit_test_setup(altered_tail_is_refused, host_set_up),
        cmocka_unit_test_setup(altered_statement_in_the_tail_is_refused, host_set_up),
        cmocka_unit_test_setup(altered_statement_in_an_old_tile_is_found_when_read, host_set_up),
        cmocka_unit_test_setup(dropped_or_swapped_in_an_old_tile_is_found_when_read, host_set_up),
        cmocka_unit_test_setup(statement_relabelled_is_missed_in_a_chain, host_set_up),
        cmocka_unit_test_setup(old_alteration_is_found_when_the_whole_is_read, host_set_up),
        cmocka_unit_test_setup(altered_tree_hashes, host_set_up),
        cmocka_unit_test_setup(missing_tree_hashes, host_set_up),
        cmocka_unit_test_setup(tile_written_beyond_the_head_is_overwritten, host_set_up),
        cmocka_unit_test_setup(rows_of_agents_are_only_a_shortcut, host_set_up),
        cmocka_unit_test_setup(thousands_of_fake_agents_are_dropped, host_set_up),
        cmocka_unit_test_setup(heads_index_only_saves_work, host_set_up),
        cmocka_unit_test_setup(heads_are_those_of_the_statement, host_set_up),
        cmocka_unit_test_setup(older_rows_with_their_statement_work, host_set_up),
        cmocka_unit_test_setup(older_rows_without_their_statement_are_dropped, host_set_up),
        cmocka_unit_test_setup(rows_beyond_the_head_are_refused, host_set_up),
        cmocka_unit_test_setup(rows_before_the_first_are_not_read, host_set_up),
    };
    return cmocka_run_group_tests(tests, host_set_up_all, host_tear_down_all);
}
