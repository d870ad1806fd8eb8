/* Erasure: what is gone, what is said of it, and what the host can make of it. */
#include "testhost.h"

#include "log/erase.h"
#include "log/leaf_set.h"
#include "log/query.h"
#include "store/store.h"
#include "verify/report.h"

#include <dirent.h>

/* ---- sets of leaves ---- */

static void a_set_holds_what_was_put_in(void **state)
{
    static const uint64_t in[] = {0, 7, 8, 65535, 65536, 3 * 65536 + 9, 1000000};
    struct leaf_set s = {0};
    uint64_t at = 0;
    size_t seen = 0;
    (void)state;
    assert_false(leaf_set_next(&s, &at));
    for (size_t round = 0; round < 2; round++)
        for (size_t i = 0; i < sizeof in / sizeof in[0]; i++)
            assert_ok(leaf_set_add(&s, in[i]));
    assert_int_equal(s.count, sizeof in / sizeof in[0]);
    for (uint64_t i = 0; i < 1100000; i++) {
        bool has = seen < sizeof in / sizeof in[0] && in[seen] == i;
        assert_int_equal(leaf_set_has(&s, i), has);
        if (has) {
            assert_true(leaf_set_next(&s, &at));
            assert_int_equal(at, i);
            at++;
            seen++;
        }
    }
    assert_false(leaf_set_next(&s, &at));
    assert_false(leaf_set_has(&s, UINT64_C(1) << 52));
    leaf_set_finish(&s);
    assert_false(leaf_set_has(&s, 0));
}

/* ---- erasing ---- */

static tl_err try_erase(struct world *w, const uint64_t *indexes, size_t n, const char *reason,
                        struct log_erasure *out, struct tl_why *why)
{
    struct log_erase *e = NULL;
    tl_err err =
        log_erase_new(&e, w->log, indexes, n, reason ? slice_str(reason) : (slice){NULL, 0}, why);
    if (err == TL_OK)
        err = log_erase_run(e, why);
    if (e) {
        log_erase_result(e, out);
        out->statements = NULL; /* e's */
        out->checkpoint = (slice){NULL, 0};
    }
    log_erase_free(e);
    return err;
}

static struct log_erasure erase(struct world *w, const uint64_t *indexes, size_t n)
{
    struct log_erasure out = {0};
    struct tl_why why = {{0}, {0}};
    tl_err err = try_erase(w, indexes, n, "test", &out, &why);
    if (err != TL_OK)
        fail_msg("%s", tl_why_text(&why, err));
    return out;
}

static uint64_t log_size(struct world *w)
{
    struct log_info info;
    log_info(w->log, &info);
    return info.size;
}

struct bodies {
    uint64_t withheld, erased, disclosed;
    enum teelog_verdict verdict;
};

static struct bodies bodies_of(struct world *w, const uint8_t *p, size_t n)
{
    struct bodies b = {0};
    struct teelog_report *r = report_of(p, n, w->policy);
    b.verdict = teelog_report_verdict(r);
    for (size_t i = 0; i < teelog_report_agent_count(r); i++) {
        struct teelog_agent a = teelog_report_agent(r, i);
        b.withheld += a.withheld;
        b.erased += a.erased;
        b.disclosed += a.disclosed;
    }
    teelog_report_free(r);
    return b;
}

static struct bodies bodies_now(struct world *w, const struct log_export_options *o)
{
    size_t n;
    uint8_t *p = export_all(w, o, &n);
    struct bodies b = bodies_of(w, p, n);
    free(p);
    return b;
}

/* The record at 2 is the one with a request id; those from 4 on are bob's and alice's. */
static const uint64_t some[] = {10, 2, 11, 10, 12};

static void erased_bodies_are_gone_and_the_log_verifies(void **state)
{
    size_t before_size;
    (void)state;
    world_open(&small);
    uint8_t *before = export_all(&small, &whole, &before_size);
    uint64_t size = log_size(&small);
    struct log_erasure done = erase(&small, some, 5);
    assert_int_equal(done.count, 4);
    assert_int_equal(done.already, 0);
    assert_int_equal(done.statement_count, 1);
    assert_int_equal(done.tree_size, size + 1);
    struct bodies now = bodies_now(&small, &whole);
    assert_int_equal(now.verdict, TEELOG_TRUSTED);
    assert_int_equal(now.erased, 4);
    assert_int_equal(now.withheld, 0);
    done = erase(&small, some, 3);
    assert_int_equal(done.count, 0);
    assert_int_equal(done.already, 3);
    assert_int_equal(done.statement_count, 0);
    assert_int_equal(bodies_of(&small, before, before_size).verdict, TEELOG_TRUSTED);
    free(before);
    world_stop(&small);
    fsck_is_content(&small);
    starts(&small, SMALL_NEXT);
    assert_int_equal(bodies_now(&small, &whole).erased, 4);
}

static struct log_export_options leaves(uint64_t from, uint64_t to)
{
    return (struct log_export_options){.has_range = true, .from = from, .to = to};
}

/* Erasures of two boots, so that each has another boot to bring with it; what the bundle
 * does not hold brings none. */
static void single_records_bring_their_erasures(void **state)
{
    static const struct {
        uint64_t from, to, withheld, erased;
        bool bodies;
    } cases[] = {
        {10, 11, 0, 1, true}, {30, 31, 0, 1, true},  {10, 31, 0, 4, true},  {11, 12, 0, 1, true},
        {13, 14, 0, 0, true}, {10, 14, 1, 3, false}, {29, 31, 1, 1, false}, {29, 30, 0, 0, true},
    };
    (void)state;
    world_open(&small);
    (void)erase(&small, some, 5);
    world_stop(&small);
    starts(&small, SMALL_NEXT);
    (void)erase(&small, (const uint64_t[]){5, 30}, 2);
    (void)erase(&small, (const uint64_t[]){6}, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct log_export_options o = leaves(cases[i].from, cases[i].to);
        o.withhold_bodies = !cases[i].bodies;
        struct bodies b = bodies_now(&small, &o);
        assert_int_equal(b.verdict, TEELOG_TRUSTED);
        assert_int_equal(b.withheld, cases[i].withheld);
        assert_int_equal(b.erased, cases[i].erased);
    }
}

static void a_chain_has_the_erasures_of_its_records(void **state)
{
    static const char *const agents[] = {"alice", "bob"};
    uint64_t erased = 0;
    (void)state;
    world_open(&small);
    (void)erase(&small, (const uint64_t[]){2, 5, 6, 30, 31}, 5);
    for (size_t i = 0; i < 2; i++) {
        const struct log_export_options o = {.agent = slice_str(agents[i])};
        struct bodies b = bodies_now(&small, &o);
        assert_int_equal(b.verdict, TEELOG_TRUSTED);
        assert_int_equal(b.withheld, 0);
        assert_true(b.erased > 0);
        erased += b.erased;
    }
    assert_int_equal(erased, 5);
}

/* Its erasure is not below the bundle's checkpoint. */
static void what_is_erased_during_an_export_is_withheld_in_it(void **state)
{
    const struct log_export_options o = leaves(10, 12);
    struct log_export *e = NULL;
    struct tl_why why = {{0}, {0}};
    bool more = true;
    buf out;
    (void)state;
    world_open(&small);
    buf_init(&out, 1u << 24);
    assert_ok(log_export_new(&e, small.log, &o));
    for (int step = 0; step < 2; step++) /* what was erased, and the checkpoint */
        assert_ok(log_export_step(e, &out, &more, &why));
    (void)erase(&small, (const uint64_t[]){10}, 1);
    while (more)
        assert_ok(log_export_step(e, &out, &more, &why));
    struct bodies b = bodies_of(&small, out.p, out.n);
    assert_int_equal(b.verdict, TEELOG_TRUSTED);
    assert_int_equal(b.withheld, 1);
    assert_int_equal(b.erased, 0);
    log_export_free(e);
    buf_finish(&out);
}

static void what_is_no_record_is_not_erased(void **state)
{
    static const struct {
        uint64_t indexes[2];
        size_t n;
        const char *words;
    } cases[] = {
        {{2, 0}, 2, "statement 0 is one of the log's own"},
        {{2, 1}, 2, "statement 1 is one of the log's own"},
        {{2, 100000}, 2, "there is no statement 100000"},
        {{2, UINT64_MAX}, 2, "below 2^53"},
        {{2}, 0, "1 to 65536"},
        {{2}, ERASE_MAX + 1, "1 to 65536"},
    };
    (void)state;
    world_open(&small);
    uint64_t size = log_size(&small);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct log_erasure out;
        struct tl_why why = {{0}, {0}};
        assert_err(try_erase(&small, cases[i].indexes, cases[i].n, NULL, &out, &why), TL_E_FIELD);
        if (!strstr(why.text, cases[i].words))
            fail_msg("\"%s\" lacks \"%s\"", why.text, cases[i].words);
    }
    char reason[ERASE_REASON_MAX + 2];
    struct log_erasure out;
    struct tl_why why = {{0}, {0}};
    memset(reason, 'x', sizeof reason - 1);
    reason[sizeof reason - 1] = 0;
    assert_err(try_erase(&small, some, 5, reason, &out, &why), TL_E_FIELD);
    assert_err(try_erase(&small, some, 5, "\xff", &out, &why), TL_E_FIELD);
    assert_int_equal(log_size(&small), size);
    assert_int_equal(bodies_now(&small, &whole).erased, 0);
    reason[ERASE_REASON_MAX] = 0;
    assert_ok(try_erase(&small, some, 5, reason, &out, &why));
    log_freeze(small.log, "test");
    assert_err(try_erase(&small, (const uint64_t[]){13}, 1, NULL, &out, &why), TL_E_FROZEN);
}

/* More than one statement takes. */
static void many_are_erased_in_several_statements(void **state)
{
    size_t n = 0;
    uint64_t *all;
    (void)state;
    world_open(&large);
    grow_log(&large, ERASE_CHUNK);
    all = calloc(ERASE_CHUNK + LARGE + 1, sizeof *all);
    size_t size;
    uint8_t *p = export_all(&large, &whole, &size);
    struct log_query *q;
    struct tl_why why = {{0}, {0}};
    struct log_query_options o = {.to = UINT64_MAX, .before_ms = UINT64_MAX, .limit = 1000};
    for (bool more = true; more;) {
        assert_ok(log_query_new(&q, large.log, &o, &why));
        assert_ok(log_query_run(q, &why));
        size_t count;
        const struct log_row *rows = log_query_rows(q, &count);
        for (size_t i = 0; i < count; i++)
            all[n++] = rows[i].index;
        more = log_query_more(q, &o.from);
        log_query_free(q);
    }
    assert_int_equal(n, ERASE_CHUNK + LARGE + 1);
    struct log_erasure done = erase(&large, all, n);
    assert_int_equal(done.count, n);
    assert_true(done.statement_count >= 2);
    assert_int_equal(bodies_now(&large, &whole).erased, n);
    assert_int_equal(bodies_of(&large, p, size).verdict, TEELOG_TRUSTED);
    free(p);
    free(all);
    world_stop(&large);
    fsck_is_content(&large);
    world_open(&large);
    struct bodies now = bodies_now(&large, &whole);
    assert_int_equal(now.verdict, TEELOG_TRUSTED);
    assert_int_equal(now.disclosed, 0);
}

static bool not_of(void *ctx, slice agent)
{
    return !slice_eq(agent, slice_str(ctx));
}

/* Statement 2 is alice's: one that the caller has no say over, and nothing is erased. */
static void of_agents_that_the_caller_may_erase(void **state)
{
    static char alice[] = "alice", nobody[] = "nobody";
    (void)state;
    world_open(&small);
    uint64_t before = log_size(&small);
    for (int i = 0; i < 2; i++) {
        struct log_erase *e;
        struct tl_why why = {{0}, {0}};
        assert_ok(log_erase_new(&e, small.log, some, 5, (slice){NULL, 0}, &why));
        log_erase_limit(e, not_of, i ? nobody : alice);
        assert_err(log_erase_run(e, &why), i ? TL_OK : TL_E_FORBIDDEN);
        log_erase_free(e);
        assert_int_equal(log_size(&small) > before, i == 1);
    }
}

/* A repeat has its receipt still, and nothing to be told from it. */
static void a_request_id_outlives_its_record(void **state)
{
    (void)state;
    world_open(&small);
    (void)erase(&small, some, 5);
    struct log_receipt r = pay_again(&small);
    assert_true(r.repeated);
    assert_int_equal(r.index, 2);
}

/* ---- what the files hold ---- */

/* All files of the log, one after the other. */
static uint8_t *read_files(const struct world *w, size_t *n)
{
    char path[4096];
    uint8_t *all = NULL;
    DIR *d = opendir(w->dir);
    assert_non_null(d);
    *n = 0;
    for (struct dirent *f; (f = readdir(d));) {
        size_t size;
        snprintf(path, sizeof path, "%s/%s", w->dir, f->d_name);
        uint8_t *p = f->d_type == DT_REG ? test_file(path, &size) : NULL;
        if (!p)
            continue;
        all = realloc(all, *n + size + 1);
        assert_non_null(all);
        memcpy(all + *n, p, size);
        *n += size;
        free(p);
    }
    closedir(d);
    return all;
}

#define SEALED 700 /* records whose sealed bodies are looked for */

struct sealed {
    uint64_t index;
    size_t n;
    uint8_t bytes[40]; /* the last of them */
};

/* Of the stopped log's records. */
static size_t read_sealed(struct world *w, struct sealed *out)
{
    sqlite3 *db = host_open(w);
    sqlite3_stmt *st;
    static const char sql[] = "SELECT idx, body FROM leaf WHERE length(body) > 40 AND"
                              " instr(statement, CAST('teelog.' AS BLOB)) = 0";
    size_t n = 0;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    while (sqlite3_step(st) == SQLITE_ROW && n < SEALED) {
        out[n].index = (uint64_t)sqlite3_column_int64(st, 0);
        size_t size = (size_t)sqlite3_column_bytes(st, 1);
        out[n].n = size < 40 ? size : 40;
        const uint8_t *body = sqlite3_column_blob(st, 1);
        memcpy(out[n].bytes, body + size - out[n].n, out[n].n);
        n++;
    }
    sqlite3_finalize(st);
    sqlite3_close(db);
    return n;
}

/* How many of the n, those whose number is in chosen (NULL: all), are in the files. */
static size_t count_left(const struct world *w, const struct sealed *s, const bool *chosen,
                         size_t n)
{
    size_t size, left = 0;
    uint8_t *all = read_files(w, &size);
    for (size_t i = 0; i < n; i++)
        left += (!chosen || chosen[i]) && memmem(all, size, s[i].bytes, s[i].n) != NULL;
    free(all);
    return left;
}

/* Bodies of all lengths, some on pages of their own; erased in an order that makes
 * SQLite move what is left from page to page. */
static void no_byte_of_them_is_left_in_the_files(void **state)
{
    static char content[30000];
    struct sealed *s = calloc(SEALED, sizeof *s);
    uint64_t indexes[SEALED];
    (void)state;
    memset(content, 'c', sizeof content - 1);
    world_open(&large);
    for (int i = 0; i < 40; i++) {
        content[i * 700] = 0;
        (void)append_one(&large, "alice", content);
        content[i * 700] = 'c';
    }
    world_stop(&large);
    size_t n = read_sealed(&large, s);
    assert_true(n > 600);
    world_open(&large);
    assert_int_equal(count_left(&large, s, NULL, n), n);
    bool gone[SEALED] = {false};
    for (size_t step = 5; step > 0; step--) { /* every fifth, every fourth of the rest, … */
        size_t chosen = 0;
        for (size_t i = 0; i < n; i++) {
            if (gone[i] || i % step)
                continue;
            gone[i] = true;
            indexes[chosen++] = s[i].index;
        }
        assert_int_equal(erase(&large, indexes, chosen).count, chosen);
        assert_int_equal(count_left(&large, s, gone, n), 0);
        (void)append_one(&large, "bob", "in between");
    }
    assert_int_equal(count_left(&large, s, NULL, n), 0);
    world_stop(&large);
    assert_int_equal(count_left(&large, s, NULL, n), 0);
    free(s);
}

/* Between the erasure's commit and the scrub: what was erased is still in the write-ahead
 * log. The next start takes it away. */
static bool scrub_fails;
tl_err __real_store_scrub(struct store *s);
tl_err __wrap_store_scrub(struct store *s);
tl_err __wrap_store_scrub(struct store *s)
{
    return scrub_fails ? TL_E_IO : __real_store_scrub(s);
}

static void a_start_finishes_what_a_crash_left(void **state)
{
    struct sealed *s = calloc(SEALED, sizeof *s);
    struct log_erasure out;
    struct tl_why why = {{0}, {0}};
    struct world copy;
    (void)state;
    size_t n = read_sealed(&small, s);
    world_open(&small);
    scrub_fails = true;
    assert_err(try_erase(&small, &s[0].index, 1, NULL, &out, &why), TL_E_IO);
    assert_non_null(strstr(why.text, "the records are erased, but"));
    assert_int_equal(out.count, 1);
    world_copy(&copy, &small); /* as a kill would leave it */
    assert_int_equal(count_left(&copy, s, NULL, n), n);
    why = (struct tl_why){{0}, {0}};
    assert_err(world_try(&copy, &why), TL_E_IO);
    assert_non_null(strstr(why.text, "it may hold what was erased"));
    scrub_fails = false;
    world_open(&copy);
    assert_int_equal(count_left(&copy, s, NULL, n), n - 1);
    world_finish(&copy);
    free(s);
}

/* ---- the host ---- */

static int64_t erasure_at(struct world *w)
{
    return host_int(
        w, "SELECT idx FROM leaf WHERE instr(statement, CAST('teelog.erasure' AS BLOB)) > 0");
}

/* He keeps a copy from before, and puts the bodies back: they are not shown. */
static void bodies_put_back_stay_erased(void **state)
{
    char sql[4200];
    (void)state;
    world_open(&small);
    (void)erase(&small, some, 5);
    world_stop(&small);
    snprintf(
        sql, sizeof sql,
        "ATTACH '%s/teelog.db' AS old;"
        "UPDATE main.leaf AS m SET body = (SELECT o.body FROM old.leaf AS o WHERE o.idx = m.idx)"
        " WHERE idx IN (2, 10)",
        small_kept.dir);
    host_sql(&small, sql);
    fsck_says(&small, "statement 2: it was erased, and someone put its body back");
    world_open(&small);
    /* It is compared with nothing, though nobody has asked yet what was erased. */
    struct log_receipt again;
    do
        again = pay_again(&small);
    while (again.err == TL_E_BUSY);
    assert_ok(again.err);
    assert_true(again.repeated && !again.has_salt);
    struct bodies now = bodies_now(&small, &whole);
    assert_int_equal(now.verdict, TEELOG_TRUSTED);
    assert_int_equal(now.erased, 4);
    struct log_query *q;
    struct tl_why why = {{0}, {0}};
    struct log_query_options o = {.to = 3, .from = 2, .before_ms = UINT64_MAX, .limit = 1};
    assert_ok(log_query_new(&q, small.log, &o, &why));
    assert_ok(log_query_run(q, &why));
    size_t count;
    const struct log_row *row = log_query_rows(q, &count);
    assert_int_equal(count, 1);
    assert_true(row->erased);
    assert_null(row->body.p);
    log_query_free(q);
}

static void places_of_erasures_save_work_only(void **state)
{
    static const char *const sql[] = {
        "DELETE FROM meta WHERE name = 'erasure/1'",
        "UPDATE meta SET value = x'00' WHERE name = 'erasure/0'",
        "UPDATE meta SET value = x'0b' WHERE name = 'erasure/0'",
        "UPDATE meta SET value = x'191000' WHERE name = 'erasure/0'",
        "UPDATE meta SET value = x'ff' WHERE name = 'erasure/0'",
        "UPDATE meta SET value = zeroblob(4000) WHERE name = 'erasure/0'",
        "UPDATE meta SET value = CAST(value || x'00' AS BLOB) WHERE name = 'erasure/0'",
        ("UPDATE meta SET value = (SELECT value FROM meta WHERE name = 'erasure/0')"
         " WHERE name = 'erasure/1'"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof sql / sizeof sql[0]; i++) {
        begin_again(&small);
        world_open(&small);
        (void)erase(&small, some, 5);
        (void)erase(&small, (const uint64_t[]){20, 21}, 2);
        world_stop(&small);
        host_sql(&small, sql[i]);
        fsck_says(&small, "it is an erasure");
        starts(&small, SMALL_NEXT);
        assert_int_equal(bodies_now(&small, &whole).erased, 6);
        const struct log_export_options single = leaves(20, 21);
        assert_int_equal(bodies_now(&small, &single).erased, 1);
        assert_int_equal(erase(&small, (const uint64_t[]){22, 21}, 2).count, 1);
        assert_int_equal(bodies_now(&small, &whole).erased, 7);
    }
}

/* Nobody can tell what it erased. */
static void an_erasure_without_its_body_shows_nothing(void **state)
{
    const struct log_export_options withheld = {.withhold_bodies = true};
    (void)state;
    for (int i = 0; i < 2; i++) {
        char where[60], words[60];
        begin_again(&small);
        world_open(&small);
        (void)erase(&small, some, 5);
        world_stop(&small);
        int64_t at = erasure_at(&small);
        snprintf(where, sizeof where, "idx = %lld", (long long)at);
        snprintf(words, sizeof words, "statement %lld", (long long)at);
        if (i == 0)
            host_flip(&small, "leaf", "body", where, -2);
        else {
            char sql[100];
            snprintf(sql, sizeof sql, "UPDATE leaf SET body = NULL WHERE %s", where);
            host_sql(&small, sql);
        }
        fsck_says(&small, words);
        world_open(&small);
        export_fails(&small, &whole, TL_E_STORED, words);
        struct log_erasure out;
        struct tl_why why = {{0}, {0}};
        assert_err(try_erase(&small, (const uint64_t[]){20}, 1, NULL, &out, &why), TL_E_STORED);
        export_fails(&small, &withheld, TL_E_STORED, words);
    }
}

/* A head from before the erasure does not end where the leaves do; and a head that
 * counts fewer erasures was never signed. */
static void an_erasure_cannot_be_taken_back(void **state)
{
    char sql[200];
    (void)state;
    world_open(&small);
    (void)erase(&small, some, 5);
    world_stop(&small);
    snprintf(sql, sizeof sql, "DELETE FROM leaf WHERE idx = %lld", (long long)erasure_at(&small));
    host_sql(&small, sql);
    refuses(&small, TL_E_STORED, "altered");
    begin_again(&small);
    world_open(&small);
    (void)erase(&small, some, 5);
    world_stop(&small);
    /* C[size, root, erasures] and the MAC: the count is the byte before the last 32. */
    host_sql(&small, "UPDATE meta SET value = CAST(substr(value, 1, length(value) - 33) || x'00' ||"
                     " substr(value, -32) AS BLOB) WHERE name = 'head'");
    refuses(&small, TL_E_HEAD, "no head");
    host_sql(&small, "UPDATE meta SET value = CAST(x'82' || substr(value, 2, length(value) - 34) ||"
                     " substr(value, -32) AS BLOB) WHERE name = 'head'");
    refuses(&small, TL_E_HEAD, "no head");
}

/* ---- at once ---- */

struct at_once {
    pthread_t thread;
    struct world *w;
    uint64_t first;
    const char *said; /* where it went wrong */
};

static void *export_often(void *arg)
{
    struct at_once *a = arg;
    for (int i = 0; i < 20; i++)
        if (bodies_now(a->w, &whole).verdict != TEELOG_TRUSTED)
            a->said = "an export was not trusted";
    return NULL;
}

static void *append_often(void *arg)
{
    struct at_once *a = arg;
    for (int i = 0; i < 300; i++)
        (void)append_one(a->w, "carol", "meanwhile");
    return NULL;
}

static void *query_often(void *arg)
{
    struct at_once *a = arg;
    struct log_query_options o = {
        .to = UINT64_MAX, .before_ms = UINT64_MAX, .limit = 100, .text = slice_str("record")};
    for (int i = 0; i < 50; i++) {
        struct log_query *q;
        struct tl_why why = {{0}, {0}};
        if (log_query_new(&q, a->w->log, &o, &why) != TL_OK || log_query_run(q, &why) != TL_OK)
            a->said = "a query failed";
        log_query_free(q);
    }
    return NULL;
}

static void *erase_often(void *arg)
{
    struct at_once *a = arg;
    for (uint64_t i = 0; i < 60; i++)
        (void)erase(a->w, (const uint64_t[]){a->first + i, a->first + i + 1}, 2);
    return NULL;
}

static void everything_at_once(void **state)
{
    static void *(*const what[])(void *) = {export_often, append_often, query_often, erase_often,
                                            erase_often};
    struct at_once all[5];
    (void)state;
    world_open(&large);
    for (size_t i = 0; i < 5; i++) {
        all[i] = (struct at_once){.w = &large, .first = 20};
        assert_int_equal(pthread_create(&all[i].thread, NULL, what[i], &all[i]), 0);
    }
    for (size_t i = 0; i < 5; i++) {
        pthread_join(all[i].thread, NULL);
        if (all[i].said)
            fail_msg("%s", all[i].said);
    }
    struct bodies now = bodies_now(&large, &whole);
    assert_int_equal(now.verdict, TEELOG_TRUSTED);
    assert_int_equal(now.erased, 61);
    world_stop(&large);
    fsck_is_content(&large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_holds_what_was_put_in),
        cmocka_unit_test_setup(erased_bodies_are_gone_and_the_log_verifies, host_set_up),
        cmocka_unit_test_setup(single_records_bring_their_erasures, host_set_up),
        cmocka_unit_test_setup(a_chain_has_the_erasures_of_its_records, host_set_up),
        cmocka_unit_test_setup(what_is_erased_during_an_export_is_withheld_in_it, host_set_up),
        cmocka_unit_test_setup(what_is_no_record_is_not_erased, host_set_up),
        cmocka_unit_test_setup(many_are_erased_in_several_statements, host_set_up),
        cmocka_unit_test_setup(of_agents_that_the_caller_may_erase, host_set_up),
        cmocka_unit_test_setup(a_request_id_outlives_its_record, host_set_up),
        cmocka_unit_test_setup(no_byte_of_them_is_left_in_the_files, host_set_up),
        cmocka_unit_test_setup(a_start_finishes_what_a_crash_left, host_set_up),
        cmocka_unit_test_setup(bodies_put_back_stay_erased, host_set_up),
        cmocka_unit_test_setup(places_of_erasures_save_work_only, host_set_up),
        cmocka_unit_test_setup(an_erasure_without_its_body_shows_nothing, host_set_up),
        cmocka_unit_test_setup(an_erasure_cannot_be_taken_back, host_set_up),
        cmocka_unit_test_setup(everything_at_once, host_set_up),
    };
    return cmocka_run_group_tests(tests, host_set_up_all, host_tear_down_all);
}
