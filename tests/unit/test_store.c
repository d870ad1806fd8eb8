#include "testlib.h"

#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Stands in for libc's, so that the tests see SQLite's syncs and can fail them. */
static int syncs;
static bool sync_fails;

int fdatasync(int fd)
{
    syncs++;
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

/* The same: Gramine has none. */
static bool no_flock;

int flock(int fd, int how)
{
    if (!no_flock)
        return (int)syscall(SYS_flock, fd, how);
    errno = ENOSYS;
    return -1;
}

static hash32 hash_of(uint8_t v)
{
    hash32 h;
    memset(h.b, v, sizeof h.b);
    return h;
}

static struct store_leaf leaf_of(uint64_t index, const char *statement, const char *body,
                                 const char *extra)
{
    struct store_leaf l = {.index = index, .statement = slice_str(statement)};
    if (body)
        l.body = slice_str(body);
    if (extra)
        l.extra = slice_str(extra);
    return l;
}

static void put_leaf(struct store *s, uint64_t index, const char *statement)
{
    struct store_leaf l = leaf_of(index, statement, "body", NULL);
    assert_ok(store_put_leaf(s, &l));
}

static void put_one(struct store *s, uint64_t index, const char *statement)
{
    assert_ok(store_begin(s));
    put_leaf(s, index, statement);
    assert_ok(store_commit(s));
}

static struct store *create(const char *dir)
{
    struct store *s = NULL;
    struct tl_why why = {0};
    assert_ok(store_open(&s, dir, STORE_CREATE, &why));
    return s;
}

static struct store *reopen(const char *dir, enum store_open_mode mode)
{
    struct store *s = NULL;
    struct tl_why why = {0};
    assert_ok(store_open(&s, dir, mode, &why));
    return s;
}

/* A log with two leaves and one row of each other kind. */
static void fill(const char *dir)
{
    struct store *s = create(dir);
    hash32 tile[3] = {hash_of(1), hash_of(2), hash_of(3)}, digest = hash_of(9);
    assert_ok(store_begin(s));
    assert_ok(store_put_meta(s, "origin", slice_str("example.com/log")));
    put_leaf(s, 0, "first");
    put_leaf(s, 1, "second");
    assert_ok(store_put_tile(s, 1, 5, tile, 3));
    assert_ok(store_put_evidence(s, &digest, slice_str("quote")));
    assert_ok(store_put_head(s, slice_str("bob"), slice_str("row b")));
    assert_ok(store_put_head(s, slice_str("alice"), slice_str("row a")));
    assert_ok(store_put_request(s, (const uint8_t *)"0123456789abcdef", slice_str("answer")));
    assert_ok(store_put_body_key(s, 0, hash_of(7).b));
    assert_ok(store_commit(s));
    store_close(s);
}

static const char *path_in(const char *dir, const char *name)
{
    static char path[4096 + 64];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

/* What the host can do while no teelog runs. */
static void tamper(const char *dir, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path_in(dir, "teelog.db"), &db), SQLITE_OK);
    char *text = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &text) != SQLITE_OK)
        fail_msg("%s: %s", sql, text);
    sqlite3_close(db);
}

static void assert_meta(struct store *s, const char *name, const char *want)
{
    buf b;
    buf_init(&b, 1000);
    assert_ok(store_get_meta(s, name, &b));
    assert_true(slice_eq_str(buf_slice(&b), want));
    buf_finish(&b);
}

static void assert_leaf(struct store *s, uint64_t index, const char *want)
{
    struct store_leaf l;
    assert_ok(store_get_leaf(s, index, &l));
    assert_int_equal(l.index, index);
    assert_true(slice_eq_str(l.statement, want));
}

static tl_err collect(void *ctx, slice subject, slice row)
{
    buf_bytes(ctx, subject);
    buf_str(ctx, "=");
    buf_bytes(ctx, row);
    buf_str(ctx, ";");
    return buf_err(ctx);
}

static void assert_heads(struct store *s, const char *want)
{
    buf b;
    buf_init(&b, 1000);
    assert_ok(store_each_head(s, collect, &b));
    assert_true(slice_eq_str(buf_slice(&b), want));
    buf_finish(&b);
}

static void everything_comes_back(void **state)
{
    const char *dir = *state;
    fill(dir);
    struct store *s = reopen(dir, STORE_OPEN);
    hash32 tile[3], digest = hash_of(9);
    uint8_t salt[32];
    uint64_t bound = 0;
    uint32_t keys = 0;
    buf b;
    buf_init(&b, 1000);
    assert_meta(s, "origin", "example.com/log");
    assert_leaf(s, 0, "first");
    assert_leaf(s, 1, "second");
    assert_ok(store_leaf_bound(s, &bound));
    assert_int_equal(bound, 2);
    assert_ok(store_get_tile(s, 1, 5, tile, 3));
    assert_memory_equal(tile[2].b, hash_of(3).b, 32);
    assert_ok(store_get_evidence(s, &digest, &b));
    assert_ok(store_get_request(s, (const uint8_t *)"0123456789abcdef", &b));
    assert_true(slice_eq_str(buf_slice(&b), "quoteanswer"));
    assert_heads(s, "alice=row a;bob=row b;");
    assert_ok(store_body_key_count(s, &keys));
    assert_int_equal(keys, 1);
    assert_ok(store_get_body_key(s, 0, salt));
    assert_memory_equal(salt, hash_of(7).b, 32);
    assert_ok(store_check(s, NULL));
    assert_true(store_bytes(s) > 8192);
    buf_finish(&b);
    store_close(s);
}

static void what_is_missing_is_not_found(void **state)
{
    struct store *s = create(*state);
    struct store_leaf l;
    hash32 h = hash_of(1);
    uint64_t bound = 9;
    uint32_t keys = 9;
    uint8_t salt[32];
    buf b;
    buf_init(&b, 1000);
    assert_err(store_get_meta(s, "head", &b), TL_E_NOT_FOUND);
    assert_err(store_get_leaf(s, 0, &l), TL_E_NOT_FOUND);
    assert_err(store_get_leaf(s, UINT64_MAX, &l), TL_E_NOT_FOUND);
    assert_err(store_get_tile(s, 0, 0, &h, 1), TL_E_NOT_FOUND);
    assert_err(store_get_tile(s, 8, 0, &h, 1), TL_E_NOT_FOUND);
    assert_err(store_get_evidence(s, &h, &b), TL_E_NOT_FOUND);
    assert_err(store_get_request(s, h.b, &b), TL_E_NOT_FOUND);
    assert_err(store_get_body_key(s, 0, salt), TL_E_NOT_FOUND);
    assert_int_equal(b.n, 0);
    assert_heads(s, "");
    assert_ok(store_leaf_bound(s, &bound));
    assert_int_equal(bound, 0);
    assert_ok(store_body_key_count(s, &keys));
    assert_int_equal(keys, 0);
    store_close(s);
}

static void later_puts_replace(void **state)
{
    struct store *s = create(*state);
    hash32 narrow[1] = {hash_of(1)}, wide[2] = {hash_of(1), hash_of(2)}, got[3];
    const uint8_t *tag = narrow[0].b;
    struct store_leaf l;
    assert_ok(store_begin(s));
    assert_ok(store_put_meta(s, "head", slice_str("old")));
    assert_ok(store_put_meta(s, "head", slice_str("new")));
    assert_ok(store_put_tile(s, 0, 0, narrow, 1));
    assert_ok(store_put_tile(s, 0, 0, wide, 2));
    assert_ok(store_put_head(s, slice_str("z"), slice_str("0")));
    assert_ok(store_clear_heads(s));
    assert_ok(store_put_head(s, slice_str("a"), slice_str("1")));
    assert_ok(store_put_head(s, slice_str("a"), slice_str("2")));
    l = leaf_of(0, "statement", "body", "extra");
    assert_ok(store_put_leaf(s, &l));
    l = leaf_of(0, "statement", NULL, NULL);
    assert_ok(store_put_leaf(s, &l));
    assert_ok(store_put_request(s, tag, slice_str("x")));
    assert_err(store_put_request(s, tag, slice_str("y")), TL_E_EXISTS);
    assert_ok(store_commit(s));
    assert_meta(s, "head", "new");
    assert_ok(store_get_tile(s, 0, 0, got, 1));
    assert_ok(store_get_tile(s, 0, 0, got, 2));
    assert_err(store_get_tile(s, 0, 0, got, 3), TL_E_STORED);
    assert_heads(s, "a=2;");
    assert_ok(store_get_leaf(s, 0, &l));
    assert_null(l.body.p);
    assert_null(l.extra.p);
    store_close(s);
}

static void puts_are_bounded(void **state)
{
    struct store *s = create(*state);
    static uint8_t big[(2 << 20) + 1];
    hash32 h = hash_of(1);
    struct store_leaf l = {.statement = slice_of(big, 65535), .body = slice_of(big, 2 << 20)};
    assert_err(store_put_leaf(s, &l), TL_E_USAGE); /* outside a transaction */
    assert_ok(store_begin(s));
    assert_err(store_begin(s), TL_E_USAGE);
    assert_ok(store_put_leaf(s, &l));
    l.index = UINT64_C(1) << 53;
    assert_err(store_put_leaf(s, &l), TL_E_LIMIT);
    l = (struct store_leaf){.statement = slice_of(big, 65536)};
    assert_err(store_put_leaf(s, &l), TL_E_LIMIT);
    l = (struct store_leaf){.statement = slice_of(big, 1), .body = SLICE_ARRAY(big)};
    assert_err(store_put_leaf(s, &l), TL_E_LIMIT);
    l = (struct store_leaf){.statement = slice_of(big, 1), .extra = SLICE_ARRAY(big)};
    assert_err(store_put_leaf(s, &l), TL_E_LIMIT);
    assert_err(store_put_meta(s, "x", slice_of(big, 65537)), TL_E_LIMIT);
    assert_err(store_put_evidence(s, &h, SLICE_ARRAY(big)), TL_E_LIMIT);
    assert_err(store_put_tile(s, 0, 0, &h, 0), TL_E_LIMIT);
    assert_err(store_put_tile(s, 0, 0, &h, 257), TL_E_LIMIT);
    assert_err(store_put_tile(s, 8, 0, &h, 1), TL_E_LIMIT);
    assert_err(store_put_tile(s, 0, UINT64_C(1) << 48, &h, 1), TL_E_LIMIT);
    assert_ok(store_commit(s));
    assert_ok(store_get_leaf(s, 0, &l));
    assert_int_equal(l.statement.n, 65535);
    assert_int_equal(l.body.n, 2 << 20);
    store_close(s);
}

/* One thing that the host did, and the call that must see it. */
static tl_err read_meta(struct store *s)
{
    buf b;
    buf_init(&b, 1 << 20);
    tl_err err = store_get_meta(s, "origin", &b);
    buf_finish(&b);
    return err;
}

static tl_err read_leaf(struct store *s)
{
    struct store_leaf l = {.index = 77};
    tl_err err = store_get_leaf(s, 0, &l);
    assert_true(err == TL_OK || l.index == 77);
    return err;
}

static tl_err read_scan(struct store *s)
{
    struct store_leaf l;
    bool found = true;
    tl_err err = store_scan_start(s, 0);
    while (err == TL_OK && found)
        err = store_scan_next(s, &l, &found);
    return err;
}

static tl_err read_bound(struct store *s)
{
    uint64_t bound;
    return store_leaf_bound(s, &bound);
}

static tl_err read_tile(struct store *s)
{
    hash32 got[3];
    return store_get_tile(s, 1, 5, got, 3);
}

static tl_err read_evidence(struct store *s)
{
    hash32 digest = hash_of(9);
    buf b;
    buf_init(&b, 4 << 20);
    tl_err err = store_get_evidence(s, &digest, &b);
    buf_finish(&b);
    return err;
}

static tl_err read_heads(struct store *s)
{
    buf b;
    buf_init(&b, 1 << 20);
    tl_err err = store_each_head(s, collect, &b);
    buf_finish(&b);
    return err;
}

static tl_err read_request(struct store *s)
{
    buf b;
    buf_init(&b, 1 << 20);
    tl_err err = store_get_request(s, (const uint8_t *)"0123456789abcdef", &b);
    buf_finish(&b);
    return err;
}

static tl_err read_body_key(struct store *s)
{
    uint8_t salt[32];
    return store_get_body_key(s, 0, salt);
}

static tl_err read_body_key_count(struct store *s)
{
    uint32_t n;
    return store_body_key_count(s, &n);
}

static const struct hostile {
    const char *sql;
    tl_err (*read)(struct store *s);
} hostile[] = {
    {"UPDATE meta SET value = 'text'", read_meta},
    {"UPDATE meta SET value = NULL", read_meta},
    {"UPDATE meta SET value = zeroblob(65537)", read_meta},
    {"UPDATE leaf SET statement = 5 WHERE idx = 0", read_leaf},
    {"UPDATE leaf SET statement = NULL WHERE idx = 0", read_leaf},
    {"UPDATE leaf SET statement = zeroblob(65536) WHERE idx = 0", read_leaf},
    {"UPDATE leaf SET body = 1.5 WHERE idx = 0", read_leaf},
    {"UPDATE leaf SET body = zeroblob(2097153) WHERE idx = 0", read_leaf},
    {"UPDATE leaf SET extra = 'text' WHERE idx = 0", read_leaf},
    {"UPDATE leaf SET extra = zeroblob(2097153) WHERE idx = 0", read_leaf},
    {"UPDATE leaf SET body = zeroblob(6000000) WHERE idx = 0", read_leaf},
    {"UPDATE leaf SET statement = NULL WHERE idx = 1", read_scan},
    {"UPDATE leaf SET idx = -1 WHERE idx = 1; DELETE FROM leaf WHERE idx = 0", read_bound},
    {"UPDATE leaf SET idx = 9007199254740992 WHERE idx = 1", read_bound},
    {"UPDATE tile SET hashes = zeroblob(95)", read_tile},
    {"UPDATE tile SET hashes = zeroblob(8193)", read_tile},
    {"UPDATE tile SET hashes = printf('%200s', '')", read_tile},
    {"UPDATE evidence SET item = 'text'", read_evidence},
    {"UPDATE evidence SET item = zeroblob(2097153)", read_evidence},
    {"UPDATE head SET subject = 5 WHERE subject = CAST('bob' AS BLOB)", read_heads},
    {"UPDATE head SET value = 'text'", read_heads},
    {"UPDATE head SET value = zeroblob(65537)", read_heads},
    {"UPDATE request SET value = 'text'", read_request},
    {"UPDATE body_key SET salt = zeroblob(31)", read_body_key},
    {"UPDATE body_key SET salt = zeroblob(33)", read_body_key},
    {"UPDATE body_key SET number = 4294967295", read_body_key_count},
    {"UPDATE body_key SET number = -1", read_body_key_count},
};

static void foreign_rows_are_refused(void **state)
{
    const char *base = *state;
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        char dir[4096];
        snprintf(dir, sizeof dir, "%s/%zu", base, i);
        assert_int_equal(mkdir(dir, 0700), 0);
        fill(dir);
        struct store *s = reopen(dir, STORE_OPEN);
        assert_ok(hostile[i].read(s)); /* good before */
        store_close(s);
        tamper(dir, hostile[i].sql);
        s = reopen(dir, STORE_OPEN);
        if (hostile[i].read(s) != TL_E_STORED)
            fail_msg("taken: %s", hostile[i].sql);
        store_close(s);
    }
}

static void foreign_schemas_are_refused(void **state)
{
    static const char *const sql[] = {
        "PRAGMA application_id = 1",
        "PRAGMA user_version = 3",
        "PRAGMA user_version = 0",
        "DROP TABLE block",
        "DROP TABLE meta",
        "ALTER TABLE leaf DROP COLUMN extra",
        "DROP TABLE leaf; CREATE VIEW leaf AS SELECT 0 AS idx, x'00' AS statement, 1 body, 2 extra",
    };
    const char *base = *state;
    for (size_t i = 0; i < sizeof sql / sizeof sql[0]; i++) {
        char dir[4096];
        struct store *s = NULL;
        struct tl_why why = {0};
        snprintf(dir, sizeof dir, "%s/%zu", base, i);
        assert_int_equal(mkdir(dir, 0700), 0);
        fill(dir);
        tamper(dir, sql[i]);
        if (store_open(&s, dir, STORE_OPEN, &why) != TL_E_STORED)
            fail_msg("taken: %s", sql[i]);
        assert_null(s);
        assert_true(why.text[0]);
    }
}

static void triggers_do_not_fire(void **state)
{
    const char *dir = *state;
    fill(dir);
    tamper(dir, "CREATE TRIGGER t AFTER INSERT ON leaf BEGIN DELETE FROM meta; END");
    struct store *s = reopen(dir, STORE_OPEN);
    put_one(s, 2, "third");
    assert_meta(s, "origin", "example.com/log");
    store_close(s);
}

static void damaged_files_are_noticed(void **state)
{
    const char *dir = *state;
    struct store *s = NULL;
    struct tl_why why = {0};
    fill(dir);
    /* An index that disagrees with its table: rows of SQLite's own schema. */
    tamper(dir, "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = "
                "(SELECT rootpage FROM sqlite_schema WHERE name = 'head') WHERE name = 'request'");
    s = reopen(dir, STORE_OPEN);
    assert_err(store_check(s, &why), TL_E_STORED);
    assert_non_null(strstr(why.text, "teelog.db"));
    store_close(s);
    int fd = open(path_in(dir, "teelog.db"), O_WRONLY);
    assert_int_equal(pwrite(fd, "not a database!!", 16, 0), 16);
    close(fd);
    assert_err(store_open(&s, dir, STORE_OPEN, NULL), TL_E_STORED);
}

static int wait_for(pid_t pid)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void one_process_at_a_time(void **state)
{
    const char *dir = *state;
    fill(dir);
    struct store *s = reopen(dir, STORE_OPEN), *second = NULL;
    pid_t pid = fork();
    if (pid == 0) {
        /* A child that inherits the descriptor has no lock of its own. */
        struct tl_why why = {0};
        tl_err err = store_open(&second, dir, STORE_OPEN, &why);
        bool good = err == TL_E_LOCKED && strstr(why.text, "--socket") && strstr(why.text, "/lock");
        err = store_open(&second, dir, STORE_READ, &why);
        _exit(good && err == TL_E_LOCKED && !second ? 0 : 1);
    }
    assert_int_equal(wait_for(pid), 0);
    assert_err(store_open(&second, dir, STORE_CREATE, NULL), TL_E_LOCKED);
    store_close(s);
    store_close(reopen(dir, STORE_OPEN));
}

static void another_program_is_named(void **state)
{
    const char *dir = *state;
    struct store *s = NULL;
    struct tl_why why = {0};
    sqlite3 *db = NULL;
    fill(dir);
    assert_int_equal(sqlite3_open(path_in(dir, "teelog.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN; SELECT * FROM leaf", NULL, NULL, NULL), SQLITE_OK);
    assert_err(store_open(&s, dir, STORE_OPEN, &why), TL_E_LOCKED);
    assert_non_null(strstr(why.text, "another program"));
    sqlite3_close(db);
    store_close(reopen(dir, STORE_OPEN));
}

static void a_log_is_made_once(void **state)
{
    char dir[4096];
    struct store *s = NULL;
    struct tl_why why = {0};
    struct stat st;
    snprintf(dir, sizeof dir, "%s/new", (const char *)*state);
    assert_err(store_open(&s, dir, STORE_OPEN, &why), TL_E_NOT_FOUND);
    assert_err(store_open(&s, dir, STORE_READ, NULL), TL_E_NOT_FOUND);
    assert_non_null(strstr(why.text, dir));
    assert_int_not_equal(access(dir, F_OK), 0); /* a refusal makes nothing */
    fill(dir);
    assert_err(store_open(&s, dir, STORE_CREATE, NULL), TL_E_EXISTS);
    assert_err(store_open(&s, "", STORE_CREATE, NULL), TL_E_USAGE);
    assert_err(store_open(&s, path_in(dir, "a/b"), STORE_CREATE, NULL), TL_E_IO);
    assert_null(s);
    s = reopen(dir, STORE_OPEN);
    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    static const char *const names[] = {"teelog.db", "teelog.db-wal", "lock"};
    put_one(s, 2, "third");
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(stat(path_in(dir, names[i]), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    assert_int_not_equal(access(path_in(dir, "teelog.db-journal"), F_OK), 0);
    assert_int_not_equal(access(path_in(dir, "teelog.db-shm"), F_OK), 0);
    store_close(s);
}

/* Until its first commit there is no log, and making it can be tried again. */
static void an_unfinished_log_is_none(void **state)
{
    const char *dir = *state;
    struct store *s = create(dir);
    assert_ok(store_begin(s));
    put_leaf(s, 0, "first");
    store_close(s);
    assert_err(store_open(&s, dir, STORE_OPEN, NULL), TL_E_NOT_FOUND);
    s = create(dir);
    assert_ok(store_begin(s));
    put_leaf(s, 0, "first");
    store_rollback(s);
    assert_err(store_begin(s), TL_E_COMMIT);
    store_close(s);
    assert_err(store_open(&s, dir, STORE_READ, NULL), TL_E_NOT_FOUND);
    fill(dir);
    store_close(reopen(dir, STORE_OPEN));
}

/* A file's bytes as one number that changes with them (FNV-1a). */
static uint64_t fingerprint(const char *path)
{
    size_t n = 0;
    uint8_t *p = test_file(path, &n);
    uint64_t h = UINT64_C(14695981039346656037);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * UINT64_C(1099511628211);
    free(p);
    return h;
}

static void reading_writes_nothing(void **state)
{
    const char *dir = *state;
    struct stat before, after;
    fill(dir);
    uint64_t was = fingerprint(path_in(dir, "teelog.db"));
    assert_int_equal(stat(path_in(dir, "teelog.db"), &before), 0);
    struct store *s = reopen(dir, STORE_READ);
    assert_err(store_begin(s), TL_E_USAGE);
    assert_leaf(s, 1, "second");
    assert_ok(read_scan(s));
    assert_ok(store_check(s, NULL));
    store_close(s);
    assert_int_equal(stat(path_in(dir, "teelog.db"), &after), 0);
    assert_true(fingerprint(path_in(dir, "teelog.db")) == was);
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    assert_int_not_equal(access(path_in(dir, "teelog.db-wal"), F_OK), 0);
}

/* In a child that is not root: 0 where it can read the leaves, 1 where it is refused with
 * these words. */
static int read_as_nobody(const char *dir, const char *words)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct store *s = NULL;
        struct store_leaf l;
        struct tl_why why = {0};
        /* What stands above it may be root's alone, and SQLite looks at every part of a path. */
        if (chdir(dir) != 0 || (geteuid() == 0 && chroot(".") != 0))
            _exit(2);
        if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0)
            _exit(3);
        tl_err err = store_open(&s, ".", STORE_READ, &why);
        if (err != TL_OK)
            _exit(err == TL_E_IO && strstr(why.text, words) ? 1 : 4);
        err = store_get_leaf(s, 1, &l);
        bool good = err == TL_OK && slice_eq_str(l.statement, "second");
        store_close(s);
        _exit(good ? 0 : 5);
    }
    return wait_for(pid);
}

static void put_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static void reading_where_nothing_can_be_written(void **state)
{
    static const char *const beside[] = {"teelog.db-wal", "teelog.db-journal"};
    const char *dir = *state;
    fill(dir);
    assert_int_equal(chmod(path_in(dir, "teelog.db"), 0444), 0);
    assert_int_equal(chmod(path_in(dir, "lock"), 0444), 0);
    assert_int_equal(chmod(dir, 0555), 0);
    assert_int_equal(read_as_nobody(dir, ""), 0);
    assert_int_equal(chmod(dir, 0755), 0);
    for (size_t i = 0; i < 2; i++) {
        put_file(path_in(dir, beside[i]), "x");
        assert_int_equal(chmod(dir, 0555), 0);
        assert_int_equal(read_as_nobody(dir, beside[i]), 1);
        assert_int_equal(chmod(dir, 0755), 0);
        put_file(path_in(dir, beside[i]), "");
    }
    assert_int_equal(unlink(path_in(dir, "lock")), 0);
    assert_int_equal(chmod(dir, 0555), 0);
    assert_int_equal(read_as_nobody(dir, ""), 0);
    assert_int_equal(chmod(dir, 0755), 0);
}

/* Under Gramine: between processes of one instance. */
static void one_process_without_flock(void **state)
{
    const char *dir = *state;
    no_flock = true;
    fill(dir);
    struct store *s = reopen(dir, STORE_OPEN), *second = NULL;
    pid_t pid = fork();
    if (pid == 0) {
        struct tl_why why = {0};
        tl_err err = store_open(&second, dir, STORE_OPEN, &why);
        _exit(err == TL_E_LOCKED && strstr(why.text, "/lock") && !second ? 0 : 1);
    }
    assert_int_equal(wait_for(pid), 0);
    store_close(s);
    store_close(reopen(dir, STORE_READ));
    assert_int_equal(chmod(path_in(dir, "teelog.db"), 0444), 0);
    assert_int_equal(chmod(path_in(dir, "lock"), 0444), 0);
    assert_int_equal(chmod(dir, 0555), 0);
    assert_int_equal(read_as_nobody(dir, ""), 0);
    assert_int_equal(chmod(dir, 0755), 0);
    no_flock = false;
}

static void a_newer_database_is_refused(void **state)
{
    const char *dir = *state;
    struct store *s = NULL;
    fill(dir);
    tamper(dir, "PRAGMA user_version = 77");
    for (int mode = STORE_OPEN; mode <= STORE_READ; mode++) {
        struct tl_why why = {0};
        assert_err(store_open(&s, dir, (enum store_open_mode)mode, &why), TL_E_STORED);
        assert_non_null(strstr(why.text, "version 77"));
        assert_non_null(strstr(why.text, "versions 1 to 2"));
    }
}

static void a_scan_goes_on_beside_gets(void **state)
{
    struct store *s = create(*state);
    struct store_leaf l;
    bool found = false;
    assert_ok(store_begin(s));
    put_leaf(s, 3, "three");
    put_leaf(s, 1, "one");
    put_leaf(s, 8, "eight");
    assert_ok(store_commit(s));
    assert_ok(store_scan_start(s, 2));
    assert_ok(store_scan_next(s, &l, &found));
    assert_true(found && l.index == 3);
    assert_leaf(s, 1, "one");
    assert_true(slice_eq_str(l.statement, "three")); /* the scan's row is its own */
    assert_ok(store_scan_next(s, &l, &found));
    assert_true(found && l.index == 8);
    assert_ok(store_scan_next(s, &l, &found));
    assert_false(found);
    assert_ok(store_scan_start(s, UINT64_MAX));
    assert_ok(store_scan_next(s, &l, &found));
    assert_false(found);
    assert_ok(store_scan_start(s, 0));
    assert_ok(store_begin(s)); /* a write ends it, which is not an end of the leaves */
    assert_err(store_scan_next(s, &l, &found), TL_E_USAGE);
    store_rollback(s);
    store_scan_end(s);
    store_close(s);
}

static tl_err stop_at_once(void *ctx, slice subject, slice row)
{
    (void)subject, (void)row;
    ++*(int *)ctx;
    return TL_E_BUSY;
}

static void heads_stop_where_told(void **state)
{
    const char *dir = *state;
    int calls = 0;
    fill(dir);
    struct store *s = reopen(dir, STORE_OPEN);
    assert_err(store_each_head(s, stop_at_once, &calls), TL_E_BUSY);
    assert_int_equal(calls, 1);
    assert_heads(s, "alice=row a;bob=row b;");
    store_close(s);
}

static void rollback_undoes(void **state)
{
    const char *dir = *state;
    struct store_leaf l;
    fill(dir);
    struct store *s = reopen(dir, STORE_OPEN);
    assert_ok(store_begin(s));
    put_leaf(s, 2, "third");
    assert_leaf(s, 2, "third");
    store_rollback(s);
    assert_err(store_get_leaf(s, 2, &l), TL_E_NOT_FOUND);
    assert_err(store_commit(s), TL_E_USAGE);
    store_rollback(s); /* nothing to undo */
    put_one(s, 2, "other");
    assert_leaf(s, 2, "other");
    store_close(s);
}

/* Commits a leaf and dies, in the middle of the next transaction. */
static void commits_survive_a_kill(void **state)
{
    const char *dir = *state;
    struct store_leaf l;
    fill(dir);
    pid_t pid = fork();
    if (pid == 0) {
        struct store *s = reopen(dir, STORE_OPEN);
        put_one(s, 2, "third");
        assert_ok(store_begin(s));
        put_leaf(s, 3, "fourth");
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(wait_for(pid), 128 + SIGKILL);
    struct store *s = reopen(dir, STORE_READ);
    assert_leaf(s, 2, "third");
    assert_err(store_get_leaf(s, 3, &l), TL_E_NOT_FOUND);
    store_close(s);
    s = reopen(dir, STORE_OPEN);
    assert_leaf(s, 2, "third");
    assert_ok(store_check(s, NULL));
    store_close(s);
}

static void every_commit_syncs(void **state)
{
    struct store *s = create(*state);
    for (uint64_t i = 0; i < 5; i++) {
        assert_ok(store_begin(s));
        put_leaf(s, i, "leaf");
        int before = syncs;
        assert_ok(store_commit(s));
        assert_true(syncs > before);
    }
    store_close(s);
}

static void assert_broken(struct store *s)
{
    struct store_leaf l;
    bool found;
    uint64_t bound;
    hash32 h = hash_of(1);
    buf b;
    buf_init(&b, 100);
    l = leaf_of(9, "x", NULL, NULL);
    assert_err(store_begin(s), TL_E_COMMIT);
    assert_err(store_put_leaf(s, &l), TL_E_COMMIT);
    assert_err(store_put_meta(s, "head", slice_str("x")), TL_E_COMMIT);
    assert_err(store_clear_heads(s), TL_E_COMMIT);
    assert_err(store_commit(s), TL_E_COMMIT);
    assert_err(store_get_leaf(s, 0, &l), TL_E_COMMIT);
    assert_err(store_get_meta(s, "origin", &b), TL_E_COMMIT);
    assert_err(store_get_tile(s, 1, 5, &h, 1), TL_E_COMMIT);
    assert_err(store_scan_start(s, 0), TL_E_COMMIT);
    assert_err(store_scan_next(s, &l, &found), TL_E_COMMIT);
    assert_err(store_leaf_bound(s, &bound), TL_E_COMMIT);
    assert_err(store_each_head(s, collect, &b), TL_E_COMMIT);
    assert_err(store_check(s, NULL), TL_E_COMMIT);
}

static void a_failed_sync_ends_the_store(void **state)
{
    const char *dir = *state;
    fill(dir);
    struct store *s = reopen(dir, STORE_OPEN);
    put_one(s, 2, "third");
    assert_ok(store_begin(s));
    put_leaf(s, 3, "fourth");
    sync_fails = true;
    assert_err(store_commit(s), TL_E_COMMIT);
    sync_fails = false;
    assert_broken(s);
    store_close(s);
    s = reopen(dir, STORE_OPEN);
    assert_leaf(s, 2, "third");
    assert_ok(store_check(s, NULL));
    store_close(s);
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit = {bytes, bytes};
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        _exit(9);
}

/* Fills the disk, as the child sees it; exits 0 where the commit said so. */
static void fill_disk(const char *dir)
{
    static uint8_t body[100000];
    struct store *s = reopen(dir, STORE_OPEN);
    limit_files(2 << 20);
    tl_err err = TL_OK;
    for (uint64_t i = 2; err == TL_OK && i < 1000; i++) {
        struct store_leaf l = {
            .index = i, .statement = slice_str("leaf"), .body = SLICE_ARRAY(body)};
        err = store_begin(s);
        if (err == TL_OK)
            err = store_put_leaf(s, &l);
        if (err == TL_OK)
            err = store_commit(s);
    }
    _exit(err == TL_E_COMMIT && store_begin(s) == TL_E_COMMIT ? 0 : 1);
}

/* The same within one transaction that is larger than the cache, so that a put
 * fails: no commit may follow it. */
static void fill_disk_at_once(const char *dir)
{
    static uint8_t body[1000000];
    struct store *s = reopen(dir, STORE_OPEN);
    struct store_leaf l;
    limit_files(2 << 20);
    tl_err err = store_begin(s);
    for (uint64_t i = 2; err == TL_OK && i < 100; i++) {
        l = (struct store_leaf){
            .index = i, .statement = slice_str("leaf"), .body = SLICE_ARRAY(body)};
        err = store_put_leaf(s, &l);
    }
    if (err != TL_E_IO || store_commit(s) != TL_E_COMMIT || store_begin(s) != TL_E_COMMIT)
        _exit(1);
    store_close(s);
    _exit(0);
}

static void a_full_disk_loses_nothing(void **state)
{
    const char *dir = *state;
    struct store_leaf l;
    fill(dir);
    pid_t pid = fork();
    if (pid == 0)
        fill_disk_at_once(dir);
    assert_int_equal(wait_for(pid), 0);
    struct store *s = reopen(dir, STORE_OPEN);
    assert_leaf(s, 1, "second");
    assert_err(store_get_leaf(s, 2, &l), TL_E_NOT_FOUND);
    store_close(s);
    pid = fork();
    if (pid == 0)
        fill_disk(dir);
    assert_int_equal(wait_for(pid), 0);
    s = reopen(dir, STORE_OPEN);
    assert_leaf(s, 1, "second");
    assert_leaf(s, 2, "leaf");
    assert_ok(store_check(s, NULL));
    put_one(s, 5000, "room again");
    store_close(s);
}

static void memory_may_run_out(void **state)
{
    const char *dir = *state;
    fill(dir);
    for (size_t n = 1;; n++) {
        struct store *s = NULL;
        test_fail_alloc(n);
        tl_err err = store_open(&s, dir, STORE_OPEN, NULL);
        bool failed = test_alloc_failed();
        test_fail_alloc(0);
        store_close(s);
        if (!failed) {
            assert_int_equal(err, TL_OK);
            break;
        }
        assert_err(err, TL_E_MEMORY);
        assert_null(s);
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
        IN_DIR(everything_comes_back),        IN_DIR(what_is_missing_is_not_found),
        IN_DIR(later_puts_replace),           IN_DIR(puts_are_bounded),
        IN_DIR(foreign_rows_are_refused),     IN_DIR(foreign_schemas_are_refused),
        IN_DIR(triggers_do_not_fire),         IN_DIR(damaged_files_are_noticed),
        IN_DIR(one_process_at_a_time),        IN_DIR(another_program_is_named),
        IN_DIR(a_log_is_made_once),           IN_DIR(an_unfinished_log_is_none),
        IN_DIR(reading_writes_nothing),       IN_DIR(reading_where_nothing_can_be_written),
        IN_DIR(a_newer_database_is_refused),  IN_DIR(a_scan_goes_on_beside_gets),
        IN_DIR(heads_stop_where_told),        IN_DIR(rollback_undoes),
        IN_DIR(commits_survive_a_kill),       IN_DIR(every_commit_syncs),
        IN_DIR(a_failed_sync_ends_the_store), IN_DIR(a_full_disk_loses_nothing),
        IN_DIR(memory_may_run_out),           IN_DIR(one_process_without_flock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
