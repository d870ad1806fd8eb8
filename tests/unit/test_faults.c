/* A log on a disk that fails: at each call of an append's, a start's or a stop's
 * way to it, in each mode of tests/lib/faultvfs.h. Whatever comes of it, nothing
 * that was acknowledged is lost, no checkpoint is of another history, and the log
 * can be started again. */
#include "faultdisk.h"
#include "faultvfs.h"
#include "promises.h"

#include "log/index.h"
#include "store/store.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#define FEW  120   /* points of `make check` */
#define MANY 20000 /* of check-long, at least */
#define LEFT 45    /* statements, or so, until a cell of the index is full */

/* ---- a small SQLite: a cache that spills, and checkpoints every few pages ---- */

static bool small_caches;

int __real_sqlite3_exec(sqlite3 *db, const char *sql, int (*each)(void *, int, char **, char **),
                        void *ctx, char **message);
int __wrap_sqlite3_exec(sqlite3 *db, const char *sql, int (*each)(void *, int, char **, char **),
                        void *ctx, char **message);

int __wrap_sqlite3_exec(sqlite3 *db, const char *sql, int (*each)(void *, int, char **, char **),
                        void *ctx, char **message)
{
    int rc = __real_sqlite3_exec(db, sql, each, ctx, message);
    if (rc == SQLITE_OK && small_caches && strstr(sql, "wal_autocheckpoint"))
        rc = __real_sqlite3_exec(db, "PRAGMA wal_autocheckpoint = 6; PRAGMA cache_size = 4;", NULL,
                                 NULL, NULL);
    return rc;
}

/* ---- states to begin from ---- */

static const char *const file_names[] = {"teelog.db", "teelog.db-wal", "teelog.db-journal"};
#define FILES (sizeof file_names / sizeof file_names[0])

struct state {
    uint8_t *bytes[FILES]; /* NULL: no such file */
    size_t sizes[FILES];
    struct promises promises;
};

static struct world world;
static struct promises book;
static struct state nothing, stopped, version_1, killed, long_one;

static const char *file_path(size_t i)
{
    static char path[4200];
    snprintf(path, sizeof path, "%s/%s", world.dir, file_names[i]);
    return path;
}

static void keep_state(struct state *s)
{
    for (size_t i = 0; i < FILES; i++)
        s->bytes[i] = test_file(file_path(i), &s->sizes[i]);
    s->promises = book;
}

static void begin_with(const struct state *s)
{
    faultvfs_forget();
    for (size_t i = 0; i < FILES; i++) {
        (void)unlink(file_path(i));
        if (!s->bytes[i])
            continue;
        int fd = open(file_path(i), O_WRONLY | O_CREAT | O_EXCL, 0600);
        assert_true(fd >= 0 && write(fd, s->bytes[i], s->sizes[i]) == (ssize_t)s->sizes[i]);
        close(fd);
    }
    book = s->promises;
    world.fatal = 0;
}

/* ---- what is done while the disk fails ---- */

static const char *const agents[] = {"alice", "bob", "carol", "dave"};

static void export_some(void)
{
    const struct log_export_options all = {.withhold_bodies = false};
    struct tl_why why = {{0}, {0}};
    uint8_t *p = NULL;
    size_t n;
    if (try_export(&world, &all, &p, &n, &why) == TL_OK)
        free(p);
}

static void append_some(size_t pad)
{
    promise_append(&book, &world, agents, 1, pad);
    promise_append(&book, &world, agents, 4, pad);
    promise_look(&book, &world);
    promise_repeat(&book, &world, book.count / 2);
    promise_erase(&book, &world);
    promise_revoke(&book, &world);
    promise_token(&book, &world);
    promise_append(&book, &world, agents + 1, 2, pad);
}

/* A start, appends, an export, a stop; then the same in short. A start may fail:
 * the next one must not, once the disk does as it should. */
static void live(size_t pad)
{
    struct tl_why why = {{0}, {0}};
    for (int boots = 0; boots < 2; boots++) {
        book.ended = false;
        if (world_try(&world, &why) != TL_OK)
            continue;
        promise_look(&book, &world);
        append_some(pad);
        if (boots == 0)
            export_some();
        promise_append(&book, &world, agents, 1, pad);
        promise_look(&book, &world);
        /* An answer that says so, and the word that the process has to end. */
        bool ended = book.ended;
        world_stop(&world);
        assert_true(!ended || world.fatal);
        world.fatal = 0;
    }
}

/* A cell of the index comes to its end, and is written behind the appends. */
static void live_beside_the_index(void)
{
    struct tl_why why = {{0}, {0}};
    struct index_progress now = {.busy = true};
    if (world_try(&world, &why) != TL_OK)
        return;
    promise_look(&book, &world);
    while (index_progress(world.log, &now) == TL_OK && now.busy)
        ;
    append_some(0);
    for (int i = 0; i < 4; i++)
        promise_append(&book, &world, agents, 4, 0);
    now.busy = true;
    while (index_progress(world.log, &now) == TL_OK && now.busy)
        ;
    if (!faultvfs_fired())
        assert_true(now.leaves >= CELL_LEAVES);
    promise_append(&book, &world, agents, 4, 0);
    world_stop(&world);
    world.fatal = 0;
}

/* The database is brought to today's version. */
static void start_and_stop(void)
{
    struct tl_why why = {{0}, {0}};
    if (world_try(&world, &why) != TL_OK)
        return;
    promise_look(&book, &world);
    world_stop(&world);
    world.fatal = 0;
}

static void live_lightly(void)
{
    live(0);
}

static void live_heavily(void)
{
    live(9000);
}

static void no_line(void *ctx, const char *text, bool bad)
{
    (void)ctx, (void)text, (void)bad;
}

/* What only reads must not do harm either. */
static void read_only(void)
{
    struct tl_why why = {{0}, {0}};
    struct log_agent *list = NULL;
    size_t n;
    uint64_t bad = 0;
    if (log_open_read(&world.log, world.tee, world.dir, &why) == TL_OK) {
        export_some();
        if (all_agents(world.log, &list, &n) == TL_OK)
            assert_int_equal(n, 4);
        free(list);
        world_stop(&world);
    }
    /* What cannot be read is an error or a finding: nothing to be sure of either way. */
    (void)!log_fsck(world.tee, world.dir, no_line, NULL, NULL, &bad, &why);
    if (!faultvfs_fired())
        assert_int_equal(bad, 0);
}

static const struct episode {
    const char *name;
    const struct state *begin;
    void (*run)(void);
    bool small_caches;
    bool large; /* too much to be verified at each point */
} episodes[] = {
    {"a new log", &nothing, live_lightly, false},
    {"a start after a stop", &stopped, live_lightly, false},
    {"a start after a kill", &killed, live_lightly, false},
    {"small caches", &killed, live_heavily, true},
    {"reading", &killed, read_only, false},
    {"an upgrade", &version_1, start_and_stop, false, true},
    {"an index", &long_one, live_beside_the_index, true, true},
};
#define EPISODES (sizeof episodes / sizeof episodes[0])

/* ---- points ---- */

/* A fault: in the k-th call of an episode. */
struct point {
    const struct episode *episode;
    enum fault_mode mode;
    uint64_t k, seed;
};

static struct {
    uint64_t fired, cuts;
} figures;

static void cut_power(uint64_t seed)
{
    faultvfs_power_cut(seed);
    figures.cuts++;
}

/* The disk is well again: the log starts, takes what was left open, and everything
 * is there, also after a power cut more. */
static void recover(uint64_t seed, bool verify)
{
    world_open(&world);
    promise_look(&book, &world);
    promise_settle(&book, &world);
    promise_append(&book, &world, agents, 4, 0);
    if (seed & 2)
        faultvfs_arm(FAULT_CRASH, 1, seed);
    world_stop(&world);
    faultvfs_disarm();
    cut_power(seed + 1);
    world.fatal = 0;
    world_open(&world);
    promise_audit(&book, &world, verify);
    world_stop(&world);
    assert_int_equal(world.fatal, 0);
    fsck_clean(&world);
}

/* Runs an episode; the number of calls that it took. */
static uint64_t run(const struct point *p)
{
    begin_with(p->episode->begin);
    small_caches = p->episode->small_caches;
    faultvfs_arm(p->mode, p->k, p->seed);
    p->episode->run();
    uint64_t calls = faultvfs_count();
    faultvfs_disarm();
    figures.fired += faultvfs_fired();
    if (p->mode == FAULT_CRASH || p->seed & 1)
        cut_power(p->seed);
    recover(p->seed, !p->episode->large);
    return calls;
}

static int set_up(void **state)
{
    (void)state;
    faultvfs_install();
    world_init(&world);
    keep_state(&nothing);
    world_open(&world);
    append_some(100);
    world_stop(&world);
    keep_state(&stopped);
    host_sql(&world, "PRAGMA locking_mode = EXCLUSIVE; UPDATE meta SET value = value;"
                     "DROP TABLE block; PRAGMA user_version = 1");
    keep_state(&version_1);
    begin_with(&stopped);
    world_open(&world);
    append_some(100);
    keep_state(&killed);
    grow_log(&world, CELL_LEAVES - LEFT);
    world_stop(&world);
    keep_state(&long_one);
    return 0;
}

static int tear_down(void **state)
{
    struct state *const all[] = {&nothing, &stopped, &version_1, &killed, &long_one};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        for (size_t f = 0; f < FILES; f++)
            free(all[i]->bytes[f]);
    faultvfs_forget();
    world_finish(&world);
    return 0;
}

/* Points are numbered: each call of each episode in each mode. */
static uint64_t calls_of[EPISODES];

static void without_faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < EPISODES; i++) {
        const struct point p = {.episode = &episodes[i]};
        calls_of[i] = run(&p);
        assert_true(calls_of[i] > 30);
    }
}

static struct point point_of(uint64_t number, uint64_t seed)
{
    struct point p = {.episode = episodes, .seed = seed};
    while (number >= calls_of[p.episode - episodes] * FAULT_MODES)
        number -= calls_of[p.episode++ - episodes] * FAULT_MODES;
    p.mode = number % FAULT_MODES;
    p.k = number / FAULT_MODES + 1;
    return p;
}

static struct point current;
static bool running;

/* Where a test has failed, for TEELOG_FAULT. */
static int say_point(void **state)
{
    (void)state;
    if (running)
        print_error("\"%s\", call %llu (%s), %s: TEELOG_FAULT='%zu %llu %d %llu'\n",
                    current.episode->name, (unsigned long long)current.k, faultvfs_what(),
                    fault_mode_names[current.mode], (size_t)(current.episode - episodes),
                    (unsigned long long)current.k, (int)current.mode,
                    (unsigned long long)current.seed);
    return 0;
}

static void run_point(struct point p)
{
    current = p;
    running = true;
    (void)run(&p);
    running = false;
}

static bool one_point(void)
{
    const char *one = getenv("TEELOG_FAULT");
    unsigned episode, mode;
    unsigned long long k, seed;
    if (!one || sscanf(one, "%u %llu %u %llu", &episode, &k, &mode, &seed) != 4)
        return false;
    assert_true(episode < EPISODES && mode < FAULT_MODES);
    run_point((struct point){&episodes[episode], (enum fault_mode)mode, k, seed});
    return true;
}

/* A few points, spread evenly, or each of them, again and again with other seeds. */
static void with_faults(void **state)
{
    (void)state;
    uint64_t all = 0, random = (uint64_t)time(NULL);
    bool many = getenv("TEELOG_LONG") != NULL;
    if (one_point())
        return;
    for (size_t e = 0; e < EPISODES; e++)
        all += calls_of[e] * FAULT_MODES;
    uint64_t count = many ? (MANY + all - 1) / all * all : FEW;
    uint64_t from = fault_random(&random) % all;
    for (uint64_t i = 0; i < count; i++)
        run_point(point_of((from + (many ? i : i * all / FEW)) % all, fault_random(&random) >> 32));
    print_message("faults at %llu points (of %llu; %llu starts, appends and stops hit, %llu power "
                  "cuts): nothing lost, nothing forked\n",
                  (unsigned long long)count, (unsigned long long)all,
                  (unsigned long long)figures.fired, (unsigned long long)figures.cuts);
}

/* It is one transaction: whichever of its writes fails, the next start finds the one
 * version or the other, and goes on. */
static void each_call_of_an_upgrade(void **state)
{
    const struct episode *e = episodes;
    (void)state;
    while (e->begin != &version_1)
        e++;
    begin_with(&version_1);
    small_caches = false;
    faultvfs_arm(FAULT_NOT_DONE, 0, 0);
    struct store *s = NULL;
    assert_ok(store_open(&s, world.dir, STORE_OPEN, NULL));
    assert_int_equal(store_was(s), 1);
    uint64_t calls = faultvfs_count();
    faultvfs_disarm();
    store_close(s);
    for (uint64_t k = 1; k <= calls; k++)
        for (int mode = 0; mode < FAULT_MODES; mode++)
            run_point((struct point){e, (enum fault_mode)mode, k, k});
    print_message("an upgrade, at each of %llu calls\n", (unsigned long long)calls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_faults),
        cmocka_unit_test_teardown(each_call_of_an_upgrade, say_point),
        cmocka_unit_test_teardown(with_faults, say_point),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
