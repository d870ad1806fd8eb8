/* Queries over what is derived from the leaves: right while it is made, after it was cut
 * short anywhere, and whatever the host does to it. */
#include "testquery.h"

#include "log/index.h"
#include "store/store.h"

#include <time.h>

/* The host's clock, as in test_query.c. */
static _Atomic uint64_t fake_ms = 1700000000000;
int __real_clock_gettime(clockid_t id, struct timespec *t);
int __wrap_clock_gettime(clockid_t id, struct timespec *t);
int __wrap_clock_gettime(clockid_t id, struct timespec *t)
{
    if (id != CLOCK_REALTIME)
        return __real_clock_gettime(id, t);
    fake_ms += query_rand(3);
    uint64_t now = fake_ms;
    *t = (struct timespec){.tv_sec = (time_t)(now / 1000), .tv_nsec = (long)(now % 1000) * 1000000};
    return 0;
}

/* What the index writes fails from the left-th transaction on; -1: never. */
static _Atomic int left = -1;
tl_err __real_store_begin_derived(struct store *s);
tl_err __wrap_store_begin_derived(struct store *s);
tl_err __wrap_store_begin_derived(struct store *s)
{
    if (left == 0)
        return TL_E_IO;
    if (left > 0)
        left--;
    return __real_store_begin_derived(s);
}

static struct world small, small_kept; /* two cells and a part */
static struct oracle small_oracle;
static struct world large, large_kept; /* seventeen and a part: one is of level 1 */
static struct oracle large_oracle;

#define SMALL_LEAVES (2 * 4096 + 700)
#define LARGE_LEAVES (17 * 4096 + 700)

#define TEXT         7

/* Every block, and every place to be cut short at, in the long run; else a third of them,
 * another third in each test. */
static unsigned stride(void)
{
    return getenv("TEELOG_LONG") ? 1 : 3;
}

static unsigned first(unsigned i)
{
    return i % stride();
}

static int set_up(void **state)
{
    (void)state;
    query_make(&small, &small_kept, &small_oracle, SMALL_LEAVES);
    query_make(&large, &large_kept, &large_oracle, LARGE_LEAVES);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    oracle_finish(&small_oracle);
    oracle_finish(&large_oracle);
    world_finish(&small);
    world_finish(&small_kept);
    world_finish(&large);
    world_finish(&large_kept);
    return 0;
}

/* ---- nobody does any harm ---- */

static void the_blocks_are_those(void **state)
{
    (void)state;
    assert_int_equal(index_rows(&small, 0), 4); /* a directory and a block each */
    assert_true(index_rows(&small, TEXT) >= 4);
    assert_int_equal(index_rows(&large, 0), 2);
    assert_true(index_rows(&large, 1) >= 3);
    assert_true(index_rows(&large, TEXT) >= 34);
}

static void right_after_a_start(void **state)
{
    (void)state;
    world_open(&large);
    query_ask(large.log, &large_oracle, 20); /* while the last part is read again */
    query_idle(&large);
    query_ask(large.log, &large_oracle, 400);
    query_ask_for_all(large.log, &large_oracle);
    world_stop(&large);
    assert_int_equal(index_shape(&large), index_shape(&large_kept));
}

static void right_when_only_read(void **state)
{
    struct tl_why why = {{0}, {0}};
    struct log *log = NULL;
    (void)state;
    assert_ok(log_open_read(&log, small.tee, small.dir, &why));
    query_ask(log, &small_oracle, 200);
    query_ask_for_all(log, &small_oracle);
    log_close(log);
    host_sql(&small, "DELETE FROM block WHERE id % 3 = 0");
    assert_ok(log_open_read(&log, small.tee, small.dir, &why));
    query_ask(log, &small_oracle, 100);
    log_close(log);
    world_restore(&small, &small_kept);
}

static void read_back_is_as_taken_in(void **state)
{
    (void)state;
    host_sql(&small, "DELETE FROM block");
    world_open(&small);
    query_ask(small.log, &small_oracle, 20);
    query_idle(&small);
    query_ask(small.log, &small_oracle, 100);
    world_stop(&small);
    assert_int_equal(index_shape(&small), index_shape(&small_kept));
}

static void version_1_is_indexed(void **state)
{
    struct tl_why why = {{0}, {0}};
    struct log *log = NULL;
    (void)state;
    host_sql(&small, "DELETE FROM block; DROP TABLE block;"
                     "PRAGMA user_version = 1");
    assert_ok(log_open_read(&log, small.tee, small.dir, &why));
    query_ask(log, &small_oracle, 20);
    log_close(log);
    world_open(&small);
    query_idle(&small);
    query_ask(small.log, &small_oracle, 100);
    world_stop(&small);
    assert_int_equal(index_shape(&small), index_shape(&small_kept));
}

struct appender {
    struct world *w;
    _Atomic bool stop;
};

static void *append_on(void *arg)
{
    struct appender *a = arg;
    struct log_record some[60];
    struct answer answer;
    for (int i = 0; i < 60; i++)
        some[i] = record(i % 3 ? "alice" : "bob", "a b ab ben in the kitchen");
    while (!a->stop) {
        append(a->w, some, 60, &answer);
        if (answer.err != TL_OK)
            return a;
    }
    return NULL;
}

/* Cells are completed and stored, and questions go on. */
static void right_during_appends(void **state)
{
    struct appender a = {.w = &small};
    struct log_info before, after;
    pthread_t thread;
    void *failed;
    (void)state;
    world_open(&small);
    log_info(small.log, &before);
    assert_int_equal(pthread_create(&thread, NULL, append_on, &a), 0);
    do {
        query_ask(small.log, &small_oracle, 5);
        log_info(small.log, &after);
    } while (after.size < before.size + 4 * 4096);
    a.stop = true;
    pthread_join(thread, &failed);
    assert_null(failed);
    query_idle(&small);
    query_ask(small.log, &small_oracle, 50);
    struct oracle now;
    oracle_read(&now, &small);
    query_ask(small.log, &now, 200);
    oracle_finish(&now);
    world_stop(&small);
    world_restore(&small, &small_kept);
}

/* 256 cells become one segment, in the long run alone: records of which arithmetic is the
 * oracle. */
static void a_million_in_one_segment(void **state)
{
    static const char *const names[] = {"one", "two", "three", "four", "five", "six", "seven"};
    const size_t n = 256 * 4096 / 60 * 60 + 600;
    struct world million;
    (void)state;
    if (stride() > 1)
        skip();
    world_init(&million);
    world_open(&million);
    for (size_t i = 0; i < n; i += 60) {
        struct log_record some[60];
        struct answer a;
        for (size_t k = 0; k < 60; k++) {
            some[k] = record("alice", names[(i + k) % 7]);
            some[k].room = slice_str(names[(i + k) / 1000 % 7]);
        }
        append(&million, some, 60, &a);
        assert_ok(a.err);
    }
    query_idle(&million);
    for (size_t k = 0; k < 7; k++) {
        struct log_query_options q = query_all();
        struct log_query *run = NULL;
        size_t want = 0, both = 0;
        for (size_t i = 0; i < n; i++) {
            want += i / 1000 % 7 == k;
            both += i / 1000 % 7 == k && i % 7 == k;
        }
        q.room = slice_str(names[k]);
        q.total = true;
        assert_ok(log_query_new(&run, million.log, &q, NULL));
        assert_ok(log_query_run(run, NULL));
        assert_int_equal(log_query_total(run), want);
        log_query_free(run);
        q.text = slice_str(names[k]);
        assert_ok(log_query_new(&run, million.log, &q, NULL));
        assert_ok(log_query_run(run, NULL));
        assert_int_equal(log_query_total(run), both);
        log_query_free(run);
    }
    world_stop(&million);
    assert_true(index_rows(&million, 2) > 1);
    assert_int_equal(index_rows(&million, 1), 0);
    world_finish(&million);
}

/* ---- cut short ---- */

static void cut_anywhere(void **state)
{
    int64_t whole = index_shape(&small);
    bool reached = true;
    (void)state;
    for (unsigned k = 0; reached; k += stride()) {
        host_sql(&small, "DELETE FROM block");
        left = (int)k;
        world_open(&small);
        query_idle(&small);
        reached = left == 0;
        query_ask(small.log, &small_oracle, 2);
        world_stop(&small);
        left = -1;
        world_open(&small);
        query_ask(small.log, &small_oracle, 2);
        query_idle(&small);
        query_ask_for_all(small.log, &small_oracle);
        world_stop(&small);
        assert_int_equal(index_shape(&small), whole);
        assert_true(k < 100);
    }
    world_restore(&small, &small_kept);
}

/* How many transactions it takes to make all of it. */
static int transactions(struct world *w)
{
    host_sql(w, "DELETE FROM block");
    left = 1 << 20;
    world_open(w);
    query_idle(w);
    world_stop(w);
    int used = (1 << 20) - left;
    left = -1;
    return used;
}

/* The last transactions are those that join sixteen cells. */
static void cut_while_cells_are_joined(void **state)
{
    struct world parts;
    bool reached = true;
    int64_t whole = index_shape(&large);
    (void)state;
    int all = transactions(&large);
    assert_int_equal(index_shape(&large), whole);
    host_sql(&large, "DELETE FROM block");
    left = all - 12;
    world_open(&large);
    query_idle(&large);
    world_stop(&large);
    left = -1;
    assert_int_equal(index_rows(&large, 1), 0);
    world_copy(&parts, &large);
    for (unsigned k = 0; reached; k += stride()) {
        left = (int)k;
        world_open(&large);
        query_idle(&large);
        reached = left == 0;
        query_ask(large.log, &large_oracle, 2);
        world_stop(&large);
        left = -1;
        world_open(&large);
        query_ask_for_all(large.log, &large_oracle);
        query_idle(&large);
        query_ask(large.log, &large_oracle, 10);
        world_stop(&large);
        assert_int_equal(index_shape(&large), whole);
        assert_true(k < 40);
        world_restore(&large, &parts);
    }
    world_finish(&parts);
    world_restore(&large, &large_kept);
}

/* Where appends are refused for want of room, the index takes none either. */
static void no_room_for_it(void **state)
{
    struct tl_why why = {{0}, {0}};
    const struct log_config c = {.dir = small.dir,
                                 .origin = "test/log",
                                 .admissions = 1 << ADMISSION_BEARER,
                                 .signers = 1,
                                 .max_bytes = 1};
    (void)state;
    host_sql(&small, "DELETE FROM block");
    assert_ok(log_open(&small.log, small.tee, &c, &why));
    query_ask(small.log, &small_oracle, 5);
    query_idle(&small);
    query_ask(small.log, &small_oracle, 5);
    world_stop(&small);
    assert_int_equal(host_int(&small, "SELECT count(*) FROM block"), 0);
    world_open(&small);
    query_idle(&small);
    world_stop(&small);
    assert_int_equal(index_shape(&small), index_shape(&small_kept));
    world_restore(&small, &small_kept);
}

/* ---- the host ---- */

/* What was done to the stopped log's blocks changes no answer, and is made good. */
static void endures(struct world *w, const struct world *kept, const struct oracle *o)
{
    world_open(w);
    query_ask_for_all(w->log, o);
    query_ask(w->log, o, 3);
    query_idle(w);
    query_ask_for_all(w->log, o);
    query_ask(w->log, o, 10);
    world_stop(w);
    if (index_shape(w) != index_shape((struct world *)(uintptr_t)kept))
        fail_msg("the index was not made again");
    world_open(w);
    query_ask_for_all(w->log, o);
    world_stop(w);
    world_restore(w, kept);
}

/* Runs statements with ?1 and ?2. */
static void do_sql(struct world *w, const char *sql, long id, long other)
{
    sqlite3 *db = host_open(w);
    while (*sql) {
        sqlite3_stmt *st = NULL;
        if (sqlite3_prepare_v2(db, sql, -1, &st, &sql) != SQLITE_OK)
            fail_msg("%s", sqlite3_errmsg(db));
        sqlite3_bind_int64(st, 1, id);
        (void)sqlite3_bind_int64(st, 2, other);
        assert_int_equal(sqlite3_step(st), SQLITE_DONE);
        sqlite3_finalize(st);
    }
    assert_true(sqlite3_total_changes(db) > 0);
    sqlite3_close(db);
}

static size_t ids_of(struct world *w, long *ids, size_t max)
{
    sqlite3 *db = host_open(w);
    sqlite3_stmt *st = NULL;
    size_t n = 0;
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT id FROM block ORDER BY id", -1, &st, NULL),
                     SQLITE_OK);
    while (sqlite3_step(st) == SQLITE_ROW && n < max)
        ids[n++] = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return n;
}

static void every_block_altered(void **state)
{
    long ids[64];
    (void)state;
    size_t n = ids_of(&small, ids, 64);
    for (size_t i = 0; i < n; i += stride()) {
        static const int at[] = {0, 20, -1};
        char where[64];
        snprintf(where, sizeof where, "id = %ld", ids[i]);
        host_flip(&small, "block", "bytes", where, at[i / stride() % 3]);
        endures(&small, &small_kept, &small_oracle);
    }
}

static void every_block_removed(void **state)
{
    long ids[64];
    (void)state;
    size_t n = ids_of(&small, ids, 64);
    for (size_t i = first(1); i < n; i += stride()) {
        do_sql(&small, "DELETE FROM block WHERE id = ?1", ids[i], 0);
        endures(&small, &small_kept, &small_oracle);
    }
}

#define SWAP                                                                                       \
    "UPDATE block SET id = -1 WHERE id = ?1; UPDATE block SET id = ?1 WHERE id = ?2;"              \
    "UPDATE block SET id = ?2 WHERE id = -1"
#define COPY "UPDATE block SET bytes = (SELECT bytes FROM block WHERE id = ?2) WHERE id = ?1"

static void blocks_in_each_others_place(void **state)
{
    long ids[64];
    (void)state;
    size_t n = ids_of(&small, ids, 64);
    for (size_t i = first(2); i < n; i += stride()) {
        do_sql(&small, i % 2 ? SWAP : COPY, ids[i], ids[(i + 1) % n]);
        endures(&small, &small_kept, &small_oracle);
    }
    /* The same kinds of two cells. */
    do_sql(&small, SWAP, ids[0], ids[2]);
    do_sql(&small, SWAP, ids[1], ids[3]);
    endures(&small, &small_kept, &small_oracle);
}

static void blocks_of_other_forms(void **state)
{
    static const char *const sql[] = {
        "UPDATE block SET bytes = NULL",
        "UPDATE block SET bytes = 'text'",
        "UPDATE block SET bytes = x''",
        "UPDATE block SET bytes = substr(bytes, 1, 11)",
        "UPDATE block SET bytes = substr(bytes, 1, 12)",
        "UPDATE block SET bytes = substr(bytes, 1, 27)",
        "UPDATE block SET bytes = zeroblob(2000000)",
        "DELETE FROM block WHERE id & ((1 << 17) - 1) = 0",
        "DELETE FROM block WHERE id & ((1 << 17) - 1) = 1",
    };
    (void)state;
    for (size_t i = 0; i < sizeof sql / sizeof sql[0]; i++) {
        host_sql(&small, sql[i]);
        endures(&small, &small_kept, &small_oracle);
    }
}

static void every_block_of_a_joined_segment(void **state)
{
    long ids[64];
    (void)state;
    size_t n = ids_of(&large, ids, 64);
    for (size_t i = 0; i < n; i++) {
        if (ids[i] >> 58 != 1)
            continue;
        do_sql(&large,
               i % 2 ? "DELETE FROM block WHERE id = ?1"
                     : "UPDATE block SET bytes = zeroblob(100) WHERE id = ?1",
               ids[i], 0);
        endures(&large, &large_kept, &large_oracle);
    }
}

/* Takes all blocks from another directory's database. */
static void take_blocks(struct world *w, const struct world *from)
{
    char sql[4400];
    snprintf(sql, sizeof sql,
             "ATTACH '%s/teelog.db' AS other; DELETE FROM block;"
             "INSERT INTO block SELECT * FROM other.block; DETACH other",
             from->dir);
    host_sql(w, sql);
}

static void blocks_of_another_log(void **state)
{
    struct world other;
    (void)state;
    world_init(&other);
    world_open(&other);
    query_grow(&other, SMALL_LEAVES);
    query_idle(&other);
    world_stop(&other);
    take_blocks(&small, &other);
    endures(&small, &small_kept, &small_oracle);
    world_finish(&other);
}

/* The same log, put back and gone on from in another way: same keys, same places. */
static void blocks_of_another_history(void **state)
{
    struct world early, fork;
    struct oracle o;
    (void)state;
    world_init(&early);
    world_open(&early);
    query_grow(&early, 3000);
    world_stop(&early);
    world_copy(&fork, &early);
    world_open(&early);
    query_grow(&early, 6000);
    query_idle(&early);
    oracle_read(&o, &early);
    world_stop(&early);
    world_open(&fork);
    query_grow(&fork, 6000);
    query_idle(&fork);
    world_stop(&fork);
    assert_int_equal(index_rows(&early, 0), 4);
    assert_int_equal(index_rows(&fork, 0), 4);
    take_blocks(&early, &fork);
    world_open(&early);
    query_ask_for_all(early.log, &o);
    query_ask(early.log, &o, 20);
    query_idle(&early);
    query_ask_for_all(early.log, &o);
    world_stop(&early);
    oracle_finish(&o);
    world_finish(&early);
    world_finish(&fork);
}

/* A record of a cell cannot be read: the others are answered for. */
static void a_leaf_that_cannot_be_read(void **state)
{
    struct log_query_options q = query_all();
    (void)state;
    host_sql(&small, "DELETE FROM block; UPDATE leaf SET body = NULL WHERE idx = 5000");
    world_open(&small);
    query_idle(&small);
    q.room = slice_str("kitchen");
    q.total = true;
    q.to = 5000;
    query_one(small.log, &small_oracle, q);
    q.to = UINT64_MAX;
    q.from = 5001;
    query_one(small.log, &small_oracle, q);
    q.from = 0;
    struct log_query *run = NULL;
    struct tl_why why = {{0}, {0}};
    assert_ok(log_query_new(&run, small.log, &q, &why));
    assert_err(log_query_run(run, &why), TL_E_STORED);
    assert_non_null(strstr(why.text, "statement 5000"));
    log_query_free(run);
    world_stop(&small);
    world_restore(&small, &small_kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_blocks_are_those),
        cmocka_unit_test(right_after_a_start),
        cmocka_unit_test(right_when_only_read),
        cmocka_unit_test(read_back_is_as_taken_in),
        cmocka_unit_test(version_1_is_indexed),
        cmocka_unit_test(right_during_appends),
        cmocka_unit_test(a_million_in_one_segment),
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(cut_while_cells_are_joined),
        cmocka_unit_test(no_room_for_it),
        cmocka_unit_test(every_block_altered),
        cmocka_unit_test(every_block_removed),
        cmocka_unit_test(blocks_in_each_others_place),
        cmocka_unit_test(blocks_of_other_forms),
        cmocka_unit_test(every_block_of_a_joined_segment),
        cmocka_unit_test(blocks_of_another_log),
        cmocka_unit_test(blocks_of_another_history),
        cmocka_unit_test(a_leaf_that_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
