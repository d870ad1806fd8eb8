/* The store's second version: blocks of the index, transactions that may be lost, and
 * what becomes of a database of the first version. */
#include "testlib.h"

#include "store/store.h"

#include <sqlite3.h>
#include <sys/syscall.h>
#include <unistd.h>

static int syncs;

int fdatasync(int fd)
{
    syncs++;
    return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    return fdatasync(fd);
}

static const struct store_block one = {.level = 1, .n = 2, .number = 3};
static const struct store_block last = {
    .level = STORE_BLOCK_LEVELS - 1, .n = STORE_BLOCK_N - 1, .number = STORE_BLOCKS - 1};

static struct store *open_as(const char *dir, enum store_open_mode mode)
{
    struct store *s = NULL;
    struct tl_why why = {{0}, {0}};
    if (store_open(&s, dir, mode, &why) != TL_OK)
        fail_msg("%s", why.text);
    return s;
}

static void put(struct store *s, struct store_block at, const char *text)
{
    assert_ok(store_put_block(s, &at, slice_str(text)));
}

static void assert_block(struct store *s, struct store_block at, const char *want)
{
    slice got;
    tl_err err = store_get_block(s, &at, &got);
    if (!want)
        assert_err(err, TL_E_NOT_FOUND);
    else
        assert_true(err == TL_OK && slice_eq_str(got, want));
}

static void make(const char *dir)
{
    struct store *s = open_as(dir, STORE_CREATE);
    assert_ok(store_begin(s));
    assert_ok(store_put_meta(s, "origin", slice_str("example.com/log")));
    put(s, one, "old");
    put(s, one, "block");
    put(s, last, "last");
    assert_ok(store_commit(s));
    store_close(s);
}

static void host(const char *dir, const char *sql)
{
    char path[4200];
    sqlite3 *db = NULL;
    char *text = NULL;
    snprintf(path, sizeof path, "%s/teelog.db", dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &text) != SQLITE_OK)
        fail_msg("%s: %s", sql, text);
    sqlite3_close(db);
}

static void blocks_come_back(void **state)
{
    static uint8_t big[(2 << 20) + 1];
    const char *dir = *state;
    slice got;
    make(dir);
    struct store *s = open_as(dir, STORE_OPEN);
    assert_block(s, one, "block");
    assert_block(s, last, "last");
    struct store_block at = one;
    at.number++;
    assert_block(s, at, NULL);
    assert_err(store_put_block(s, &one, slice_str("x")), TL_E_USAGE);
    assert_ok(store_begin(s));
    assert_ok(store_put_block(s, &at, slice_of(big, 2 << 20)));
    assert_err(store_put_block(s, &at, SLICE_ARRAY(big)), TL_E_LIMIT);
    assert_ok(store_commit(s));
    assert_ok(store_get_block(s, &at, &got));
    assert_int_equal(got.n, 2 << 20);
    const struct store_block outside[] = {
        {.level = STORE_BLOCK_LEVELS}, {.n = STORE_BLOCK_N}, {.number = STORE_BLOCKS}};
    bool more;
    assert_ok(store_begin(s));
    for (size_t i = 0; i < 3; i++) {
        assert_err(store_put_block(s, &outside[i], slice_str("x")), TL_E_LIMIT);
        assert_err(store_get_block(s, &outside[i], &got), TL_E_NOT_FOUND);
    }
    assert_err(store_drop_blocks(s, STORE_BLOCK_LEVELS, 0, 1, 9, &more), TL_E_LIMIT);
    assert_err(store_drop_blocks(s, 0, 0, STORE_BLOCK_N + 1, 9, &more), TL_E_LIMIT);
    assert_err(store_drop_blocks(s, 0, 3, 3, 9, &more), TL_E_LIMIT);
    assert_ok(store_drop_blocks(s, STORE_BLOCK_LEVELS - 1, 0, STORE_BLOCK_N, 9, &more));
    assert_block(s, last, NULL);
    store_rollback(s);
    store_close(s);
}

/* Those of one level and some n, a few at a time; no others. */
static void blocks_are_dropped(void **state)
{
    struct store *s = open_as(*state, STORE_CREATE);
    bool more = false;
    assert_ok(store_begin(s));
    for (unsigned level = 0; level < 3; level++)
        for (uint64_t n = 4; n < 8; n++)
            for (uint32_t number = 0; number < 3; number++)
                put(s, (struct store_block){level, n, number}, "x");
    assert_ok(store_drop_blocks(s, 1, 5, 7, 4, &more));
    assert_true(more);
    assert_ok(store_drop_blocks(s, 1, 5, 7, 4, &more));
    assert_false(more);
    assert_ok(store_commit(s));
    for (unsigned level = 0; level < 3; level++)
        for (uint64_t n = 4; n < 8; n++)
            for (uint32_t number = 0; number < 3; number++)
                assert_block(s, (struct store_block){level, n, number},
                             level == 1 && (n == 5 || n == 6) ? NULL : "x");
    store_close(s);
}

static void derived_commits_do_not_wait(void **state)
{
    struct store *s = open_as(*state, STORE_CREATE);
    for (int i = 0; i < 2; i++) { /* made, and the write-ahead log begun */
        assert_ok(store_begin(s));
        put(s, one, "0");
        assert_ok(store_commit(s));
    }
    for (int i = 0; i < 3; i++) {
        int before = syncs;
        assert_ok(store_begin_derived(s));
        assert_err(store_begin_derived(s), TL_E_USAGE);
        put(s, one, "1");
        assert_ok(store_commit(s));
        assert_block(s, one, "1");
        assert_int_equal(syncs, before);
        assert_ok(store_begin(s));
        put(s, last, "2");
        assert_ok(store_commit(s));
        assert_true(syncs > before);
    }
    assert_ok(store_begin_derived(s));
    put(s, one, "3");
    store_rollback(s);
    assert_block(s, one, "1");
    store_close(s);
}

#define TO_VERSION_1 "DROP TABLE block; PRAGMA user_version = 1"

static void version_1_is_upgraded(void **state)
{
    const char *dir = *state;
    make(dir);
    host(dir, TO_VERSION_1);
    struct store *s = open_as(dir, STORE_READ);
    assert_block(s, one, NULL);
    store_close(s);
    s = open_as(dir, STORE_READ); /* reading has changed nothing */
    store_close(s);
    host(dir, "CREATE TABLE was AS SELECT user_version FROM pragma_user_version");
    s = open_as(dir, STORE_OPEN);
    assert_int_equal(store_was(s), 1);
    assert_block(s, one, NULL);
    assert_ok(store_begin(s));
    put(s, one, "new");
    assert_ok(store_commit(s));
    store_close(s);
    s = open_as(dir, STORE_READ);
    assert_int_equal(store_was(s), 0);
    assert_block(s, one, "new");
    buf b;
    buf_init(&b, 100);
    assert_ok(store_get_meta(s, "origin", &b));
    assert_true(slice_eq_str(buf_slice(&b), "example.com/log"));
    buf_finish(&b);
    store_close(s);
    host(dir, "INSERT INTO was SELECT 0 FROM was WHERE user_version = 1;"
              "CREATE TEMP TABLE t(x CHECK(x = 2));"
              "INSERT INTO t SELECT count(*) FROM was;"
              "INSERT INTO t SELECT user_version FROM pragma_user_version");
}

static void a_false_upgrade_is_refused(void **state)
{
    const char *dir = *state;
    struct store *s = NULL;
    struct tl_why why = {{0}, {0}};
    make(dir);
    host(dir, TO_VERSION_1 "; CREATE VIEW block AS SELECT 1 AS id, x'00' AS bytes");
    assert_err(store_open(&s, dir, STORE_OPEN, &why), TL_E_STORED);
    assert_null(s);
}

static void foreign_blocks_are_refused(void **state)
{
    static const char *const sql[] = {
        "UPDATE block SET bytes = 'text'",
        "UPDATE block SET bytes = NULL",
        "UPDATE block SET bytes = zeroblob(2097153)",
    };
    const char *dir = *state;
    slice got;
    make(dir);
    for (size_t i = 0; i < sizeof sql / sizeof sql[0]; i++) {
        host(dir, sql[i]);
        struct store *s = open_as(dir, STORE_OPEN);
        assert_err(store_get_block(s, &one, &got), TL_E_STORED);
        store_close(s);
    }
}

static int make_dir(void **state)
{
    *state = test_tmpdir();
    return 0;
}

static int remove_dir(void **state)
{
    test_rmdir(*state);
    return 0;
}

#define IN_DIR(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIR(blocks_come_back),
        IN_DIR(blocks_are_dropped),
        IN_DIR(derived_commits_do_not_wait),
        IN_DIR(version_1_is_upgraded),
        IN_DIR(a_false_upgrade_is_refused),
        IN_DIR(foreign_blocks_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
