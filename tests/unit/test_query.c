/* Queries, against a loop over every leaf. */
#include "testquery.h"

#include "log/internal.h"
#include "tlog/checkpoint.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>

/* The host's clock: a few milliseconds on, or none, each time it is asked. */
static _Atomic uint64_t fake_ms = 1700000000000;
int __real_clock_gettime(clockid_t id, struct timespec *t);
int __wrap_clock_gettime(clockid_t id, struct timespec *t);
int __wrap_clock_gettime(clockid_t id, struct timespec *t)
{
    if (id != CLOCK_REALTIME)
        return __real_clock_gettime(id, t);
    uint64_t on = query_rand(3), now = atomic_fetch_add(&fake_ms, on) + on;
    *t = (struct timespec){.tv_sec = (time_t)(now / 1000), .tv_nsec = (long)(now % 1000) * 1000000};
    return 0;
}

static struct world w;
static struct oracle oracle;

static int set_up(void **state)
{
    (void)state;
    world_init(&w);
    world_open(&w);
    query_grow(&w, 400);
    world_stop(&w);
    world_open(&w);
    query_grow(&w, 500);
    oracle_read(&oracle, &w);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    oracle_finish(&oracle);
    world_finish(&w);
    return 0;
}

static void random_questions(void **state)
{
    size_t rows = 0;
    (void)state;
    for (int i = 0; i < 1500; i++) {
        struct log_query_options q = query_random(&oracle);
        rows += query_check(w.log, &oracle, &q);
    }
    assert_true(rows > 10000);
}

/* Page by page, each match comes once. */
static void pages(void **state)
{
    (void)state;
    for (int newest = 0; newest < 2; newest++) {
        struct log_query_options q = query_all();
        struct tl_why why = {{0}, {0}};
        size_t seen = 0, count;
        bool more = true;
        q.room = slice_str("kitchen");
        q.newest_first = newest;
        q.limit = 7;
        while (more) {
            struct log_query *run = NULL;
            uint64_t next;
            assert_ok(log_query_new(&run, w.log, &q, &why));
            assert_ok(log_query_run(run, &why));
            (void)log_query_rows(run, &count);
            more = log_query_more(run, &next);
            assert_true(!more || count == 7);
            seen += count;
            *(newest ? &q.to : &q.from) = next;
            log_query_free(run);
        }
        q = query_all();
        q.room = slice_str("kitchen");
        assert_int_equal(seen, query_check(w.log, &oracle, &q));
        assert_true(seen > 100);
    }
}

static void proof_of_one(void **state)
{
    struct tl_why why = {{0}, {0}};
    static struct note note;
    struct checkpoint c;
    (void)state;
    for (uint64_t i = 0; i < oracle.count; i += 37) {
        struct log_query_options q = query_all();
        struct log_query *run = NULL;
        size_t count;
        q.every = true;
        q.from = i;
        q.to = i + 1;
        q.limit = 1;
        assert_ok(log_query_new(&run, w.log, &q, &why));
        log_query_prove(run);
        assert_ok(log_query_run(run, &why));
        const struct log_row *row = log_query_rows(run, &count);
        assert_int_equal(count, 1);
        const struct log_proof *p = log_query_proof(run);
        assert_non_null(p);
        assert_ok(note_read(&note, buf_slice(&p->checkpoint)));
        assert_ok(checkpoint_read(&c, note.text));
        assert_int_equal(c.size, p->tree_size);
        hash32 leaf = merkle_leaf_hash(row->statement);
        assert_ok(merkle_verify_inclusion(i, p->tree_size, &leaf, p->path, p->path_count, &c.root));
        log_query_free(run);
    }
}

static void no_row_no_proof(void **state)
{
    struct tl_why why = {{0}, {0}};
    struct log_query_options q = query_all();
    struct log_query *run = NULL;
    (void)state;
    q.agent = slice_str("nobody");
    assert_ok(log_query_new(&run, w.log, &q, &why));
    log_query_prove(run);
    assert_ok(log_query_run(run, &why));
    assert_null(log_query_proof(run));
    log_query_free(run);
}

static void wrong_options(void **state)
{
    struct tl_why why = {{0}, {0}};
    struct log_query *run = NULL;
    static const char long_text[QUERY_TEXT_MAX + 1];
    (void)state;
    struct log_query_options q = query_all();
    q.limit = 0;
    assert_err(log_query_new(&run, w.log, &q, &why), TL_E_FIELD);
    assert_string_equal(why.field, "limit");
    q.limit = QUERY_LIMIT_MAX + 1;
    assert_err(log_query_new(&run, w.log, &q, NULL), TL_E_FIELD);
    q = query_all();
    q.text = slice_of(long_text, sizeof long_text);
    why = (struct tl_why){{0}, {0}};
    assert_err(log_query_new(&run, w.log, &q, &why), TL_E_FIELD);
    assert_string_equal(why.field, "text");
    q.text.n--;
    assert_ok(log_query_new(&run, w.log, &q, &why));
    log_query_free(run);
}

struct ending {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    int calls;
    tl_err err;
};

static void ended(void *ctx, tl_err err, const struct tl_why *why)
{
    struct ending *e = ctx;
    (void)why;
    pthread_mutex_lock(&e->lock);
    e->calls++;
    e->err = err;
    pthread_cond_signal(&e->wake);
    pthread_mutex_unlock(&e->lock);
}

static void cancelled(void **state)
{
    struct log_query_options q = query_all();
    struct log_query *run = NULL;
    struct ending e = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};
    (void)state;
    q.total = true;
    assert_ok(log_query_new(&run, w.log, &q, NULL));
    log_query_cancel(run);
    assert_ok(log_query_submit(run, ended, &e));
    pthread_mutex_lock(&e.lock);
    while (!e.calls)
        pthread_cond_wait(&e.wake, &e.lock);
    pthread_mutex_unlock(&e.lock);
    assert_err(e.err, TL_E_STOPPING);
    log_query_free(run);
}

/* A query that runs when the log is closed is told so, once. */
static void closed_meanwhile(void **state)
{
    struct log_query_options q = query_all();
    struct log_query *run = NULL;
    struct ending e = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};
    (void)state;
    q.text = slice_str("no such text");
    assert_ok(log_query_new(&run, w.log, &q, NULL));
    assert_ok(log_query_submit(run, ended, &e));
    world_stop(&w);
    assert_int_equal(e.calls, 1);
    assert_true(e.err == TL_OK || e.err == TL_E_STOPPING);
    log_query_free(run);
    world_open(&w);
    oracle_finish(&oracle);
    oracle_read(&oracle, &w);
}

static sem_t go_on;

static void die_then(void *arg)
{
    struct log *log = arg;
    while (sem_wait(&go_on) != 0)
        ;
    pthread_mutex_lock(&log->lock);
    log->dead = true;
    pthread_mutex_unlock(&log->lock);
}

/* What a log died of may be half of a change in memory, so nothing is answered from there. */
static void a_dead_log_answers_nothing(void **state)
{
    struct log_query_options q = query_all();
    struct log_query *run = NULL;
    struct owner_job death = {.run = die_then, .arg = w.log};
    struct ending e = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};
    (void)state;
    assert_int_equal(sem_init(&go_on, 0, 0), 0);
    assert_ok(log_query_new(&run, w.log, &q, NULL));
    assert_ok(owner_submit(w.log, &death));
    assert_ok(log_query_submit(run, ended, &e));
    sem_post(&go_on);
    world_stop(&w);
    assert_int_equal(e.calls, 1);
    assert_int_equal(e.err, TL_E_STOPPING);
    log_query_free(run);
    sem_destroy(&go_on);
    world_open(&w);
    oracle_finish(&oracle);
    oracle_read(&oracle, &w);
}

/* Rows that are large: a page ends before it passes QUERY_BYTES_MAX, and has one row
 * at least. */
static void large_rows(void **state)
{
    static char content[RECORD_CONTENT_MAX];
    struct tl_why why = {{0}, {0}};
    struct log_query_options q = query_all();
    size_t pages_seen = 0, seen = 0, count;
    bool more = true;
    (void)state;
    memset(content, 'x', sizeof content);
    struct log_record r = record("large", "");
    r.content = slice_of(content, sizeof content);
    for (int i = 0; i < 12; i++) {
        struct answer a;
        append(&w, &r, 1, &a);
        assert_ok(a.receipts[0].err);
    }
    q.agent = slice_str("large");
    q.total = true;
    for (; more; pages_seen++) {
        struct log_query *run = NULL;
        assert_ok(log_query_new(&run, w.log, &q, &why));
        assert_ok(log_query_run(run, &why));
        (void)log_query_rows(run, &count);
        more = log_query_more(run, &q.from);
        assert_int_equal(log_query_total(run), 12 - seen);
        assert_int_equal(count, more ? 7 : 5);
        seen += count;
        log_query_free(run);
    }
    assert_int_equal(pages_seen, 2);
    q.from = 0;
    q.bytes = RECORD_CONTENT_MAX / 2;
    for (int i = 0; i < 3; i++, q.bytes += RECORD_CONTENT_MAX) {
        struct log_query *run = NULL;
        assert_ok(log_query_new(&run, w.log, &q, &why));
        assert_ok(log_query_run(run, &why));
        (void)log_query_rows(run, &count);
        assert_int_equal(count, i ? i : 1);
        log_query_free(run);
    }
    oracle_finish(&oracle);
    oracle_read(&oracle, &w);
}

/* What all of them hold is bounded; who does not share is not refused. */
static void rows_of_many(void **state)
{
    enum { FIT = QUERIES_BYTES / QUERY_BYTES_MAX + 1 }; /* pages of seven of these rows */
    struct log_query *runs[FIT + 1];
    struct log_query_options q = query_all();
    struct tl_why why = {{0}, {0}};
    (void)state;
    q.agent = slice_str("large");
    for (size_t i = 0; i <= FIT; i++) {
        assert_ok(log_query_new(&runs[i], w.log, &q, &why));
        log_query_share(runs[i]);
        assert_err(log_query_run(runs[i], &why), i < FIT ? TL_OK : TL_E_BUSY);
    }
    for (size_t i = 0; i < 2; i++) {
        log_query_free(runs[FIT]);
        assert_ok(log_query_new(&runs[FIT], w.log, &q, &why));
        if (i) {
            log_query_share(runs[FIT]);
            log_query_free(runs[0]);
        }
        assert_ok(log_query_run(runs[FIT], &why));
    }
    for (size_t i = 1; i <= FIT; i++)
        log_query_free(runs[i]);
    assert_int_equal(w.log->row_bytes, 0);
}

/* Appends go on meanwhile; an answer covers what was durable when it began. */
static void during_appends(void **state)
{
    struct log_query_options all = query_all();
    struct tl_why why = {{0}, {0}};
    uint64_t last = 0;
    (void)state;
    all.every = all.total = true;
    for (int i = 0; i < 30; i++) {
        struct log_query *run = NULL;
        struct log_info info;
        struct answer a;
        struct log_record r = record("alice", "during");
        submit(&w, &r, 1, &a);
        log_info(w.log, &info);
        assert_ok(log_query_new(&run, w.log, &all, &why));
        assert_ok(log_query_run(run, &why));
        assert_true(log_query_total(run) >= info.size && log_query_total(run) >= last);
        last = log_query_total(run);
        log_query_free(run);
        await(&a);
        assert_ok(a.err);
    }
    oracle_finish(&oracle);
    oracle_read(&oracle, &w);
    for (int i = 0; i < 50; i++) {
        struct log_query_options q = query_random(&oracle);
        (void)query_check(w.log, &oracle, &q);
    }
}

static void read_only(void **state)
{
    struct tl_why why = {{0}, {0}};
    struct log *log = NULL;
    (void)state;
    world_stop(&w);
    world_open(&w);
    oracle_finish(&oracle);
    oracle_read(&oracle, &w);
    world_stop(&w);
    /* What a stop appends (ends, heads) is not in the oracle. */
    assert_ok(log_open_read(&log, w.tee, w.dir, &why));
    for (int i = 0; i < 200; i++) {
        struct log_query_options q = query_random(&oracle);
        q.to = q.to < oracle.count ? q.to : oracle.count;
        (void)query_check(log, &oracle, &q);
    }
    log_close(log);
    world_open(&w);
    oracle_finish(&oracle);
    oracle_read(&oracle, &w);
}

/* ---- a hostile disk ---- */

static void fails(const struct log_query_options *q, tl_err want, const char *words)
{
    struct tl_why why = {{0}, {0}};
    struct log_query *run = NULL;
    assert_ok(log_query_new(&run, w.log, q, &why));
    assert_err(log_query_run(run, &why), want);
    if (!strstr(tl_why_text(&why, want), words))
        fail_msg("\"%s\" lacks \"%s\"", tl_why_text(&why, want), words);
    log_query_free(run);
}

static void altered_rows(void **state)
{
    struct world kept;
    struct log_query_options every = query_all(), one = query_all();
    (void)state;
    every.every = true;
    every.agent = slice_str("nobody"); /* what is not asked for is checked too */
    one.from = 300;
    one.to = 301;
    world_stop(&w);
    world_copy(&kept, &w);
    host_flip(&w, "leaf", "statement", "idx = 300", 40);
    world_open(&w);
    fails(&every, TL_E_STORED, "statement 300");

    world_stop(&w);
    world_restore(&w, &kept);
    host_sql(&w, "DELETE FROM leaf WHERE idx = 300");
    world_open(&w);
    fails(&every, TL_E_STORED, "statement 300");

    world_stop(&w);
    world_restore(&w, &kept);
    host_flip(&w, "leaf", "body", "idx = 300", -1);
    world_open(&w);
    fails(&one, TL_E_SEALED, "statement 300");

    world_stop(&w);
    world_restore(&w, &kept);
    host_sql(&w, "UPDATE leaf SET body = NULL WHERE idx = 300");
    world_open(&w);
    fails(&one, TL_E_STORED, "statement 300");
    one.room = slice_str("kitchen");
    fails(&one, TL_E_STORED, "statement 300");

    world_stop(&w);
    world_restore(&w, &kept);
    host_flip(&w, "leaf", "body", "idx = 0", -1);
    world_open(&w);
    struct log_query_options genesis = query_all();
    genesis.type = slice_str("teelog.boot");
    fails(&genesis, TL_E_STORED, "statement 0");

    world_stop(&w);
    world_restore(&w, &kept);
    world_open(&w);
    world_finish(&kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_questions), cmocka_unit_test(pages),
        cmocka_unit_test(proof_of_one),     cmocka_unit_test(no_row_no_proof),
        cmocka_unit_test(wrong_options),    cmocka_unit_test(cancelled),
        cmocka_unit_test(closed_meanwhile), cmocka_unit_test(a_dead_log_answers_nothing),
        cmocka_unit_test(during_appends),   cmocka_unit_test(read_only),
        cmocka_unit_test(altered_rows),     cmocka_unit_test(large_rows),
        cmocka_unit_test(rows_of_many),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
