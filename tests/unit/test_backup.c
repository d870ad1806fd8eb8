/* Backups: of one moment while the log goes on, put back whole or not at all, and hostile
 * ones. */
#include "promises.h"

#include "log/backup.h"
#include "log/erase.h"
#include "store/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

static struct world world;
static const char *const agents[] = {"alice", "bob"};

static int set_up(void **state)
{
    (void)state;
    world_init(&world);
    world_open(&world);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_finish(&world);
    return 0;
}

/* ---- commits of more than a copy can wait for ---- */

static struct {
    int (*fn)(void *, sqlite3 *, const char *, int);
    void *arg;
} hook;
void *__real_sqlite3_wal_hook(sqlite3 *db, int (*fn)(void *, sqlite3 *, const char *, int),
                              void *arg);
void *__wrap_sqlite3_wal_hook(sqlite3 *db, int (*fn)(void *, sqlite3 *, const char *, int),
                              void *arg);

void *__wrap_sqlite3_wal_hook(sqlite3 *db, int (*fn)(void *, sqlite3 *, const char *, int),
                              void *arg)
{
    hook.fn = fn;
    hook.arg = arg;
    return __real_sqlite3_wal_hook(db, fn, arg);
}

/* ---- a disk that fails at the n-th of what a restore does ---- */

static int fails_at; /* 0: never */

static bool fails(void)
{
    errno = ENOSPC;
    return fails_at && --fails_at == 0;
}

ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_mkdirat(int at, const char *path, mode_t mode);
int __wrap_mkdirat(int at, const char *path, mode_t mode);
int __real_renameat(int at, const char *path, int to, const char *name);
int __wrap_renameat(int at, const char *path, int to, const char *name);

ssize_t __wrap_write(int fd, const void *p, size_t n)
{
    return fails() ? -1 : __real_write(fd, p, n);
}

int __wrap_fsync(int fd)
{
    return fails() ? -1 : __real_fsync(fd);
}

int __wrap_mkdirat(int at, const char *path, mode_t mode)
{
    return fails() ? -1 : __real_mkdirat(at, path, mode);
}

int __wrap_renameat(int at, const char *path, int to, const char *name)
{
    return fails() ? -1 : __real_renameat(at, path, to, name);
}

/* ---- making and putting back ---- */

static const struct log_restore_progress no_progress;

static tl_err try_backup(struct log *log, bool final, buf *out, struct tl_why *why)
{
    struct log_backup *b = NULL;
    bool more = true;
    tl_err err = TL_OK;
    buf_init(out, 64u << 20);
    assert_ok(log_backup_new(&b, log, final));
    while (more && err == TL_OK)
        err = log_backup_step(b, out, &more, why);
    log_backup_free(b);
    return err;
}

static slice backup(struct log *log, bool final)
{
    struct tl_why why = {{0}, {0}};
    buf b;
    tl_err err = try_backup(log, final, &b, &why);
    if (err != TL_OK)
        fail_msg("backup: %s %s", tl_err_name(err), why.text);
    return slice_of(b.p, b.n);
}

/* dir: NULL to read it alone. */
static tl_err try_restore(slice bytes, const char *dir, struct log_backup_info *info,
                          struct tl_why *why)
{
    struct log_restore *r = NULL;
    tl_err err = log_restore_new(&r, (struct byte_source){slice_source_read, &bytes}, info, why);
    if (err == TL_OK)
        err = dir ? log_restore_into(r, dir, no_progress, why)
                  : log_restore_check(r, no_progress, why);
    log_restore_free(r);
    return err;
}

/* A world of what was restored, still stopped. */
static void restore(slice bytes, struct world *w, struct log_backup_info *info)
{
    struct tl_why why = {{0}, {0}};
    *w = (struct world){.dir = test_tmpdir()};
    tl_err err = try_restore(bytes, w->dir, info, &why);
    if (err != TL_OK)
        fail_msg("restore: %s %s", tl_err_name(err), why.text);
    if (tee_open_existing(&w->tee, "sim", w->dir, &why) != TL_OK)
        fail_msg("tee: %s", why.text);
}

static size_t entries(const char *dir)
{
    size_t n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n - 2;
}

static void free_slice(slice s)
{
    free((void *)(uintptr_t)s.p);
}

/* ---- what a backup holds ---- */

static void of_one_moment_while_the_log_goes_on(void **state)
{
    static struct promises before;
    struct log_backup *b = NULL;
    struct log_backup_info info;
    struct log_info now;
    struct tl_why why = {{0}, {0}};
    struct world copy;
    bool more = true;
    buf out;
    (void)state;
    memset(&before, 0, sizeof before);
    for (int i = 0; i < 20; i++)
        promise_append(&before, &world, agents, 2, 20000);
    promise_token(&before, &world);
    promise_erase(&before, &world);
    promise_look(&before, &world);
    struct promises later = before;
    log_info(world.log, &now);
    buf_init(&out, 64u << 20);
    assert_ok(log_backup_new(&b, world.log, false));
    size_t slices = 0;
    for (; more; slices++) {
        assert_ok(log_backup_step(b, &out, &more, &why));
        promise_append(&later, &world, agents, 2, 20000); /* not in it */
    }
    log_backup_free(b);
    assert_true(slices > 3);
    restore(buf_slice(&out), &copy, &info);
    assert_string_equal(info.origin, "test/log");
    assert_string_equal(info.platform, "simulator");
    assert_int_equal(info.size, now.size);
    assert_true(hash_eq(&info.log_id, &now.log_id));
    assert_false(info.final);
    fsck_clean(&copy);
    world_open(&copy);
    promise_audit(&before, &copy, true);
    promise_append(&before, &copy, agents, 2, 0);
    promise_audit(&before, &copy, true);
    world_finish(&copy);
    promise_audit(&later, &world, true);
    world_stop(&world);
    fsck_clean(&world);
    buf_finish(&out);
}

/* Bundles of both are TRUSTED under one policy; a checkpoint of the time before is of
 * both, a later one of one alone. */
static void a_restored_log_is_the_same_log_and_a_fork(void **state)
{
    struct log_backup_info info;
    struct history ours, theirs;
    struct world copy;
    const struct log_export_options all = {.withhold_bodies = false};
    size_t n;
    (void)state;
    grow_log(&world, 10);
    world_pin(&world);
    slice bytes = backup(world.log, false);
    struct log_receipt lost = append_one(&world, "alice", "after the backup");
    uint8_t *p = export_all(&world, &all, &n);
    history_read(&ours, p, n);
    free(p);
    restore(bytes, &copy, &info);
    world_open(&copy);
    append_one(&copy, "alice", "another");
    append_one(&copy, "alice", "one more");
    p = export_all(&copy, &all, &n);
    assert_int_equal(verdict_of(p, n, world.policy), TEELOG_TRUSTED);
    history_read(&theirs, p, n);
    free(p);
    assert_true(theirs.size > ours.size);
    assert_memory_equal(theirs.leaves, ours.leaves, info.size * sizeof(hash32));
    assert_false(hash_eq(&theirs.leaves[lost.index], &lost.leaf));
    history_finish(&ours);
    history_finish(&theirs);
    world_finish(&copy);
    free_slice(bytes);
}

static void a_handed_over_log_starts_no_more(void **state)
{
    struct log_backup_info info;
    struct world copy;
    struct tl_why why = {{0}, {0}};
    buf b;
    (void)state;
    grow_log(&world, 4);
    world_stop(&world);
    assert_err(log_hand_over(world.tee, world.dir, "", &why), TL_E_USAGE);
    assert_ok(log_hand_over(world.tee, world.dir, "monday.backup", NULL));
    assert_ok(log_hand_over(world.tee, world.dir, "tuesday.backup", NULL)); /* the first stays */
    memset(&why, 0, sizeof why);
    assert_err(world_try(&world, &why), TL_E_HANDED_OVER);
    assert_non_null(strstr(why.text, "\"monday.backup\""));
    assert_ok(log_open_read(&world.log, world.tee, world.dir, NULL));
    memset(&why, 0, sizeof why);
    assert_err(try_backup(world.log, false, &b, &why), TL_E_HANDED_OVER);
    buf_finish(&b);
    slice bytes = backup(world.log, true);
    world_stop(&world);
    restore(bytes, &copy, &info);
    assert_true(info.final);
    fsck_clean(&copy);
    world_open(&copy);
    append_one(&copy, "alice", "it goes on");
    world_finish(&copy);
    fsck_clean(&world);
    /* A mark that is not ours says nothing, and somebody put it there. */
    host_flip(&world, "meta", "value", "name = 'handed_over'", -1);
    memset(&why, 0, sizeof why);
    assert_err(world_try(&world, &why), TL_E_STORED);
    assert_non_null(strstr(why.text, "mark"));
    host_flip(&world, "meta", "value", "name = 'handed_over'", -1);
    assert_err(world_try(&world, NULL), TL_E_HANDED_OVER);
    host_sql(&world, "UPDATE meta SET value = CAST(substr(value, 1, length(value) - 32) || x'00' ||"
                     "substr(value, -32) AS BLOB) WHERE name = 'handed_over'");
    assert_err(world_try(&world, NULL), TL_E_STORED);
    host_sql(&world, "UPDATE meta SET value = x'84' WHERE name = 'handed_over'");
    assert_err(world_try(&world, NULL), TL_E_STORED);
    free_slice(bytes);
}

static void a_final_one_is_of_a_log_that_was_handed_over(void **state)
{
    struct tl_why why = {{0}, {0}};
    buf b;
    (void)state;
    assert_err(try_backup(world.log, true, &b, &why), TL_E_USAGE);
    buf_finish(&b);
}

/* ---- what comes in between ---- */

static void one_at_a_time(void **state)
{
    struct log_backup *first = NULL;
    struct tl_why why = {{0}, {0}};
    bool more = true;
    buf b, other;
    (void)state;
    grow_log(&world, 600);
    buf_init(&b, 64u << 20);
    assert_ok(log_backup_new(&first, world.log, false));
    assert_ok(log_backup_step(first, &b, &more, &why));
    assert_err(try_backup(world.log, false, &other, &why), TL_E_BUSY);
    buf_finish(&other);
    log_backup_free(first); /* in the middle: the next one can go */
    free_slice(backup(world.log, false));
    append_one(&world, "alice", "after it");
    buf_finish(&b);
}

/* A backup that is begun, and what happens before its next slice. */
static void in_between(void (*what)(void), tl_err want, const char *words)
{
    struct log_backup *b = NULL;
    struct tl_why why = {{0}, {0}};
    bool more = true;
    buf out;
    grow_log(&world, 600);
    buf_init(&out, 64u << 20);
    assert_ok(log_backup_new(&b, world.log, false));
    assert_ok(log_backup_step(b, &out, &more, &why));
    assert_true(more);
    what();
    tl_err err = TL_OK;
    while (more && err == TL_OK)
        err = log_backup_step(b, &out, &more, &why);
    assert_err(err, want);
    assert_non_null(strstr(why.text, words));
    log_backup_free(b);
    buf_finish(&out);
    free_slice(backup(world.log, false));
}

static void erase_one(void)
{
    static const uint64_t index = 2;
    struct log_erase *e = NULL;
    assert_ok(log_erase_new(&e, world.log, &index, 1, (slice){NULL, 0}, NULL));
    assert_ok(log_erase_run(e, NULL));
    log_erase_free(e);
}

static void an_erasure_ends_it(void **state)
{
    (void)state;
    in_between(erase_one, TL_E_BUSY, "erased");
}

static void append_much(void)
{
    assert_non_null(hook.fn);
    assert_int_equal(hook.fn(hook.arg, NULL, "main", 40000), SQLITE_OK);
}

static void too_much_ends_it(void **state)
{
    (void)state;
    in_between(append_much, TL_E_LIMIT, "appended");
}

static void a_log_that_stops_ends_it(void **state)
{
    struct log_backup *b = NULL;
    bool more = true;
    buf out;
    (void)state;
    grow_log(&world, 600);
    buf_init(&out, 64u << 20);
    assert_ok(log_backup_new(&b, world.log, false));
    assert_ok(log_backup_step(b, &out, &more, NULL));
    log_backup_free(b);
    world_stop(&world);
    fsck_clean(&world);
    buf_finish(&out);
}

static void odd_files(void **state)
{
    char path[4200];
    struct tl_why why = {{0}, {0}};
    struct log_backup_info info;
    struct world copy;
    struct stat st;
    buf b;
    (void)state;
    snprintf(path, sizeof path, "%s/collateral", world.dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/collateral/old.json", world.dir);
    int fd = open(path, O_WRONLY | O_CREAT, 0644);
    assert_true(fd >= 0 && write(fd, "{}", 2) == 2 && ftruncate(fd, 0) == 0);
    close(fd);
    snprintf(path, sizeof path, "%s/collateral/.hidden", world.dir);
    assert_int_equal(mkdir(path, 0700), 0);
    slice bytes = backup(world.log, false);
    restore(bytes, &copy, &info);
    snprintf(path, sizeof path, "%s/collateral/old.json", copy.dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    world_finish(&copy);
    free_slice(bytes);
    /* What is no file, or is none of ours by its size, is not passed over. */
    snprintf(path, sizeof path, "%s/collateral/sub", world.dir);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_err(try_backup(world.log, false, &b, &why), TL_E_IO);
    assert_non_null(strstr(why.text, "collateral/sub"));
    buf_finish(&b);
    assert_int_equal(rmdir(path), 0);
    snprintf(path, sizeof path, "%s/collateral/long", world.dir);
    fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0 && ftruncate(fd, (1 << 20) + 1) == 0);
    close(fd);
    memset(&why, 0, sizeof why);
    assert_err(try_backup(world.log, false, &b, &why), TL_E_LIMIT);
    assert_non_null(strstr(why.text, "collateral/long"));
    buf_finish(&b);
}

/* ---- hostile backups ---- */

/* Refused, whether it is read alone or restored. */
static void refused_read(slice bytes, const char *words)
{
    struct tl_why why = {{0}, {0}};
    assert_err(try_restore(bytes, NULL, &(struct log_backup_info){.size = 0}, &why), TL_E_BACKUP);
    if (!strstr(why.text, words))
        fail_msg("\"%s\" lacks \"%s\"", why.text, words);
}

static void refused_restored(slice bytes, const char *words)
{
    struct tl_why why = {{0}, {0}};
    struct log_backup_info info;
    char *dir = test_tmpdir();
    assert_err(try_restore(bytes, dir, &info, &why), TL_E_BACKUP);
    assert_non_null(strstr(why.text, words));
    assert_int_equal(entries(dir), 0);
    test_rmdir(dir);
}

static void refused(slice bytes, const char *words)
{
    refused_read(bytes, words);
    refused_restored(bytes, words);
}

static void any_change_is_found(void **state)
{
    uint64_t random = 7;
    (void)state;
    slice good = backup(world.log, false);
    uint8_t *copy = malloc(good.n + 1);
    assert_non_null(copy);
    for (int i = 0; i < 400; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        size_t at = i < 100 ? (size_t)i : (size_t)(random >> 16) % good.n;
        memcpy(copy, good.p, good.n);
        copy[at] ^= (uint8_t)(1u << (random & 7));
        slice changed = slice_of(copy, good.n), cut = slice_of(good.p, at);
        i % 20 ? refused_read(changed, "no whole backup") : refused(changed, "no whole backup");
        i % 20 ? refused_read(cut, "no whole backup") : refused(cut, "no whole backup");
    }
    memcpy(copy, good.p, good.n);
    copy[good.n] = 0;
    refused(slice_of(copy, good.n + 1), "something follows its end");
    free(copy);
    free_slice(good);
}

/* One of frames of our own, with a good header and sum. */
struct frame {
    uint8_t kind;
    const char *text;
};

static slice header_of(slice backup)
{
    size_t n = 16 + 5 + (size_t)(backup.p[17] | backup.p[18] << 8);
    return slice_of(backup.p, n);
}

static void put_frame(buf *b, uint8_t kind, slice bytes)
{
    buf_u8(b, kind);
    buf_u32le(b, (uint32_t)bytes.n);
    buf_bytes(b, bytes);
}

static void refused_frames(slice header, const char *words, const struct frame *f, size_t n)
{
    buf b;
    buf_init(&b, 1u << 20);
    buf_bytes(&b, header);
    for (size_t i = 0; i < n; i++)
        put_frame(&b, f[i].kind, slice_str(f[i].text));
    hash32 sum = sha256(buf_slice(&b));
    put_frame(&b, 3, hash_slice(&sum));
    refused(buf_slice(&b), words);
    buf_finish(&b);
}

static void hostile_frames(void **state)
{
    (void)state;
    slice good = backup(world.log, false), header = header_of(good);
#define REFUSED_FRAMES(words, ...)                                                                 \
    refused_frames(header, words, (const struct frame[]){__VA_ARGS__},                             \
                   sizeof((const struct frame[]){__VA_ARGS__}) / sizeof(struct frame))
    static const char *const names[] = {
        "",         "x",           "/etc/passwd",   "../x",       "sim",           "sim/",
        "sim/../x", "sim/.x",      "sim/-x",        "sim/a/b",    "collateral/..", "collateral/ ",
        "lock",     "teelog.sock", "teelog.db-wal", "teelog.db/", "sim/a\nb",      "Sim/x",
        "simx",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        REFUSED_FRAMES("does not belong to a log", {1, names[i]}, {2, "x"}, {1, "teelog.db"});
    REFUSED_FRAMES("there is no database", {1, "sim/x"}, {2, "x"});
    REFUSED_FRAMES("not in its place", {1, "sim/x"}, {2, "x"}, {1, "sim/x"}, {1, "teelog.db"});
    REFUSED_FRAMES("not in its place", {1, "sim/x"}, {1, "sim/a"}, {1, "teelog.db"});
    REFUSED_FRAMES("not in its place", {1, "teelog.db"}, {2, "x"}, {1, "sim/x"});
    REFUSED_FRAMES("not in its place", {1, "teelog.db"}, {1, "teelog.db"});
    REFUSED_FRAMES("belong to no file", {2, "x"}, {1, "teelog.db"});
    REFUSED_FRAMES("belong to no file", {1, "teelog.db"}, {2, ""});
    REFUSED_FRAMES("begins twice", {0, "x"}, {1, "teelog.db"});
    REFUSED_FRAMES("none of the known forms", {4, "x"}, {1, "teelog.db"});
    REFUSED_FRAMES("sum", {3, "x"});
    /* The right sum with a byte behind it. */
    buf c;
    buf_init(&c, 4u << 20);
    buf_bytes(&c, header);
    put_frame(&c, 1, slice_str("teelog.db"));
    hash32 sum = sha256(buf_slice(&c));
    uint8_t longer[33] = {0};
    memcpy(longer, sum.b, sizeof sum.b);
    put_frame(&c, 3, SLICE_ARRAY(longer));
    refused(buf_slice(&c), "sum");
    buf_finish(&c);
    /* A name with a NUL, and one that is too long for a name. */
    buf b;
    buf_init(&b, 4u << 20);
    buf_bytes(&b, header);
    put_frame(&b, 1, slice_of("sim/a\0b", 7));
    refused(buf_slice(&b), "does not belong");
    b.n = header.n;
    char long_name[4 + 101];
    memset(long_name, 'x', sizeof long_name);
    memcpy(long_name, "sim/", 4);
    put_frame(&b, 1, slice_of(long_name, sizeof long_name));
    refused(buf_slice(&b), "does not belong");
    b.n = header.n;
    buf_u8(&b, 2);
    buf_u32le(&b, (1u << 20) + 1);
    refused(buf_slice(&b), "none of the known forms");
    buf_finish(&b);
    free_slice(good);
}

/* That it is final is for its log to say. */
static void final_by_its_header_alone(void **state)
{
    (void)state;
    slice good = backup(world.log, false), header = header_of(good);
    uint8_t *p = (uint8_t *)(uintptr_t)good.p;
    uint8_t *flag = memmem(p, header.n, "\x05\xf4", 2);
    assert_non_null(flag);
    flag[1] = 0xf5;
    hash32 sum = sha256(slice_of(p, good.n - 37));
    memcpy(p + good.n - 32, sum.b, 32);
    refused_restored(good, "and its log does not");
    free_slice(good);
}

static void hostile_headers(void **state)
{
    /* What replaces the header's first occurrence of the other. */
    static const struct {
        const char *what, *with;
        size_t n;
    } changes[] = {
        {"test/log\n", "test log\n", 9},                   /* of a checkpoint */
        {"\x04\x69simulator", "\x04\x69simul\x1btor", 11}, /* to a terminal */
        {"\x05\xf4", "\x05\xf6", 2},
        {"\xa7\x01", "\xa6\x01", 2},
    };
    (void)state;
    slice good = backup(world.log, false), header = header_of(good);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        uint8_t *copy = malloc(good.n);
        assert_non_null(copy);
        memcpy(copy, good.p, good.n);
        uint8_t *at = memmem(copy, header.n, changes[i].what, changes[i].n);
        assert_non_null(at);
        memcpy(at, changes[i].with, changes[i].n);
        hash32 sum = sha256(slice_of(copy, good.n - 37));
        memcpy(copy + good.n - 32, sum.b, 32);
        refused(slice_of(copy, good.n), "does not say what it is");
        free(copy);
    }
    /* In a frame of another kind, and of another version; but whole. */
    uint8_t *p = (uint8_t *)(uintptr_t)good.p;
    p[16] = 1;
    hash32 kind = sha256(slice_of(p, good.n - 37));
    memcpy(p + good.n - 32, kind.b, 32);
    refused(good, "does not say what it is");
    p[16] = 0;
    p[14] = '2';
    hash32 sum = sha256(slice_of(p, good.n - 37));
    memcpy(p + good.n - 32, sum.b, 32);
    refused(good, "version 1");
    free_slice(good);
}

static void only_into_an_empty_directory(void **state)
{
    struct tl_why why = {{0}, {0}};
    struct log_backup_info info;
    char *dir = test_tmpdir(), path[4200];
    (void)state;
    slice good = backup(world.log, false);
    assert_err(try_restore(good, world.dir, &info, &why), TL_E_EXISTS);
    assert_non_null(strstr(why.text, "is not empty"));
    append_one(&world, "alice", "unharmed");
    assert_ok(try_restore(good, NULL, &info, NULL));
    /* What is there beside another thing may be somebody's. */
    char *other = test_tmpdir();
    snprintf(path, sizeof path, "%s/.teelog-restore", other);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/.x", other);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_err(try_restore(good, other, &info, &why), TL_E_EXISTS);
    assert_int_equal(entries(other), 2);
    test_rmdir(other);
    /* What an attempt before it left is taken away; a new directory is made. */
    snprintf(path, sizeof path, "%s/.teelog-restore/sim", dir);
    char command[9000];
    snprintf(command, sizeof command, "mkdir -p '%s' && touch '%s/x'", path, path);
    assert_int_equal(system(command), 0);
    assert_ok(try_restore(good, dir, &info, NULL));
    assert_int_equal(entries(dir), 2);
    snprintf(path, sizeof path, "%s/new", dir);
    assert_ok(try_restore(good, path, &info, NULL));
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    snprintf(path, sizeof path, "%s/teelog.db/new", dir);
    assert_err(try_restore(good, path, &info, NULL), TL_E_IO);
    test_rmdir(dir);
    free_slice(good);
}

/* Whatever fails, nothing is left of it, and the directory is gone that was made. */
static void a_full_disk_leaves_nothing(void **state)
{
    struct log_backup_info info;
    struct tl_why why = {{0}, {0}};
    char *dir = test_tmpdir(), path[4200];
    int n = 0;
    (void)state;
    slice good = backup(world.log, false);
    snprintf(path, sizeof path, "%s/new", dir);
    for (tl_err err = TL_E_IO; err != TL_OK && n < 100;) {
        fails_at = ++n;
        err = try_restore(good, n % 2 ? dir : path, &info, &why);
        if (err == TL_OK)
            break;
        assert_err(err, TL_E_IO);
        assert_non_null(strstr(why.text, "No space left"));
        assert_int_equal(entries(dir), 0);
    }
    fails_at = 0;
    assert_true(n > 10 && n < 100);
    test_rmdir(dir);
    free_slice(good);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(of_one_moment_while_the_log_goes_on),
        TEST(a_restored_log_is_the_same_log_and_a_fork),
        TEST(a_handed_over_log_starts_no_more),
        TEST(a_final_one_is_of_a_log_that_was_handed_over),
        TEST(one_at_a_time),
        TEST(an_erasure_ends_it),
        TEST(too_much_ends_it),
        TEST(a_log_that_stops_ends_it),
        TEST(odd_files),
        TEST(any_change_is_found),
        TEST(hostile_frames),
        TEST(final_by_its_header_alone),
        TEST(hostile_headers),
        TEST(only_into_an_empty_directory),
        TEST(a_full_disk_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
