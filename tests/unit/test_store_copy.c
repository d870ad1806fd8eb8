/* Copies of the database of one moment, while it is written to. */
#include "testlib.h"

#include "store/store.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

static uint8_t block[2 << 20];

static struct store *create(const char *dir)
{
    struct store *s = NULL;
    assert_ok(store_open(&s, dir, STORE_CREATE, NULL));
    return s;
}

static void put(struct store *s, const char *name, const char *value)
{
    assert_ok(store_begin(s));
    assert_ok(store_put_meta(s, name, slice_str(value)));
    assert_ok(store_commit(s));
}

static void put_block(struct store *s)
{
    const struct store_block at = {.number = 7};
    block[0]++;
    assert_ok(store_begin_derived(s));
    assert_ok(store_put_block(s, &at, SLICE_ARRAY(block)));
    assert_ok(store_commit(s));
}

static void assert_meta(struct store *s, const char *name, const char *want)
{
    buf b;
    buf_init(&b, 100);
    tl_err err = store_get_meta(s, name, &b);
    assert_err(err, want ? TL_OK : TL_E_NOT_FOUND);
    assert_true(!want || slice_eq_str(buf_slice(&b), want));
    buf_finish(&b);
}

/* Writes the copy to a directory of its own and opens it there. */
static struct store *copied(struct store *s, uint64_t bytes, char *dir)
{
    char path[4200];
    struct store *copy = NULL;
    snprintf(path, sizeof path, "%s/teelog.db", dir);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    for (uint64_t at = 0; at < bytes; at += 8192) {
        uint8_t page[8192];
        assert_ok(store_copy_read(s, at, page, sizeof page));
        assert_int_equal(write(fd, page, sizeof page), sizeof page);
    }
    close(fd);
    assert_ok(store_open(&copy, dir, STORE_OPEN, NULL));
    assert_ok(store_check(copy, NULL));
    return copy;
}

static void a_copy_is_of_its_moment(void **state)
{
    struct store *s = create(*state);
    char *dir = test_tmpdir();
    uint64_t bytes = 0, again = 0;
    put(s, "a", "before");
    put(s, "b", "before");
    assert_ok(store_begin(s));
    assert_err(store_copy_begin(s, &bytes), TL_E_USAGE);
    store_rollback(s);
    assert_err(store_copy_read(s, 0, block, 8192), TL_E_BUSY);
    assert_ok(store_copy_begin(s, &bytes));
    assert_true(bytes > 8192 && bytes % 8192 == 0);
    assert_err(store_copy_begin(s, &again), TL_E_BUSY);
    put(s, "a", "after");
    assert_ok(store_begin(s));
    assert_ok(store_drop_meta(s, "b"));
    assert_ok(store_drop_meta(s, "nothing"));
    assert_ok(store_commit(s));
    for (int i = 0; i < 30; i++) /* more than what SQLite brings in by itself */
        put_block(s);
    struct store *copy = copied(s, bytes, dir);
    assert_meta(copy, "a", "before");
    assert_meta(copy, "b", "before");
    store_close(copy);
    assert_err(store_copy_read(s, bytes, block, 8192), TL_E_IO);
    store_copy_end(s);
    assert_meta(s, "a", "after");
    assert_meta(s, "b", NULL);
    assert_ok(store_copy_begin(s, &again));
    assert_true(again > bytes);
    test_rmdir(dir);
    dir = test_tmpdir();
    copy = copied(s, again, dir);
    assert_meta(copy, "a", "after");
    store_close(copy);
    store_close(s); /* with the copy under way */
    test_rmdir(dir);
}

static void a_scrub_ends_it(void **state)
{
    struct store *s = create(*state);
    uint64_t bytes;
    put(s, "a", "x");
    assert_ok(store_copy_begin(s, &bytes));
    assert_ok(store_copy_read(s, 0, block, 8192));
    assert_ok(store_scrub(s));
    assert_err(store_copy_read(s, 0, block, 8192), TL_E_BUSY);
    assert_ok(store_copy_begin(s, &bytes));
    assert_ok(store_copy_read(s, 0, block, 8192));
    store_close(s);
}

static int64_t wal_bytes(const char *dir)
{
    char path[4200];
    struct stat st;
    snprintf(path, sizeof path, "%s/teelog.db-wal", dir);
    return stat(path, &st) == 0 ? st.st_size : 0;
}

/* A copy that nobody takes does not fill the disk; what it took is given back. */
static void what_is_committed_meanwhile_has_a_limit(void **state)
{
    struct store *s = create(*state);
    uint64_t bytes;
    put(s, "a", "x");
    assert_ok(store_copy_begin(s, &bytes));
    while (store_copy_read(s, 0, block + 8192, 8192) == TL_OK) {
        put_block(s);
        assert_true(wal_bytes(*state) < 300 << 20);
    }
    assert_true(wal_bytes(*state) >= 256 << 20);
    assert_err(store_copy_read(s, 0, block, 8192), TL_E_LIMIT);
    for (int i = 0; i < 3; i++)
        put_block(s);
    assert_true(wal_bytes(*state) <= 64 << 20);
    assert_ok(store_copy_begin(s, &bytes));
    assert_ok(store_copy_read(s, 0, block, 8192));
    store_copy_end(s);
    assert_err(store_copy_read(s, 0, block, 8192), TL_E_BUSY);
    store_close(s);
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
        IN_DIR(a_copy_is_of_its_moment),
        IN_DIR(a_scrub_ends_it),
        IN_DIR(what_is_committed_meanwhile_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
