#include "testlog.h"

#include "tlog/bundle.h"
#include "tlog/checkpoint.h"
#include "tlog/statement.h"

#include <time.h>

static void open_tee(struct world *w)
{
    struct tl_why why = {{0}, {0}};
    if (tee_open(&w->tee, "sim", w->dir, &why) != TL_OK)
        fail_msg("tee_open: %s", why.text);
}

void world_init(struct world *w)
{
    *w = (struct world){.dir = test_tmpdir()};
    open_tee(w);
}

void world_finish(struct world *w)
{
    world_stop(w);
    tee_close(w->tee);
    test_rmdir(w->dir);
    teelog_policy_free(w->policy);
    free(w->policy_json);
    *w = (struct world){.dir = NULL};
}

static void copy_into(const char *to, const char *from)
{
    char command[8400];
    snprintf(command, sizeof command, "rm -rf '%s'/* && cp -a '%s/.' '%s'", to, from, to);
    assert_int_equal(system(command), 0);
}

void world_copy(struct world *copy, const struct world *w)
{
    *copy = (struct world){.dir = test_tmpdir()};
    copy_into(copy->dir, w->dir);
    open_tee(copy);
}

void world_restore(struct world *w, const struct world *copy)
{
    assert_null(w->log);
    copy_into(w->dir, copy->dir);
    w->touched = false;
}

uint8_t submit_admissions = 1 << ADMISSION_BEARER;
struct log_peer *submit_peer;
struct log_witnessing submit_witnessing;
unsigned submit_cosigned_ms;
bool submit_full;

static void count_fatal(void *ctx, const char *text)
{
    struct world *w = ctx;
    (void)text;
    w->fatal++;
}

tl_err world_try(struct world *w, struct tl_why *why)
{
    struct log_config c = {.dir = w->dir,
                           .origin = "test/log",
                           .admissions = submit_admissions,
                           .signers = 2,
                           .witnessing = submit_witnessing,
                           .fatal = count_fatal,
                           .fatal_ctx = w};
    assert_null(w->log);
    w->touched = true;
    return log_open(&w->log, w->tee, &c, why);
}

void world_open(struct world *w)
{
    struct tl_why why = {{0}, {0}};
    tl_err err = world_try(w, &why);
    if (err != TL_OK)
        fail_msg("log_open: %s: %s", tl_err_name(err), why.text);
}

void world_stop(struct world *w)
{
    log_close(w->log);
    w->log = NULL;
}

void world_pin(struct world *w)
{
    const struct log_export_options all = {.withhold_bodies = false};
    char message[400] = "";
    size_t n;
    uint8_t *p = export_all(w, &all, &n);
    struct teelog_report *r = report_of(p, n, NULL);
    w->policy_json = teelog_report_policy(r, message, sizeof message);
    if (!w->policy_json)
        fail_msg("no policy: %s", message);
    assert_ok(teelog_policy_read(&w->policy, w->policy_json, strlen(w->policy_json), message,
                                 sizeof message));
    teelog_report_free(r);
    free(p);
}

static void take_answer(void *ctx, const struct log_result *r)
{
    struct answer *a = ctx;
    pthread_mutex_lock(&a->lock);
    a->err = r->err;
    a->size = r->tree_size;
    a->checkpoint_size = r->checkpoint.n <= sizeof a->checkpoint ? r->checkpoint.n : 0;
    if (a->checkpoint_size)
        memcpy(a->checkpoint, r->checkpoint.p, a->checkpoint_size);
    a->cosigned = r->cosigned;
    a->degraded = r->degraded;
    a->why = r->why;
    a->path_count = r->paths && r->count ? r->path_counts[0] : 0;
    for (size_t i = 0; i < a->path_count; i++)
        a->path[i] = r->paths[0][i];
    a->count = r->count;
    for (size_t i = 0; i < r->count && i < 64; i++)
        a->receipts[i] = r->receipts[i];
    a->done = true;
    pthread_cond_signal(&a->wake);
    pthread_mutex_unlock(&a->lock);
}

void submit(struct world *w, const struct log_record *records, size_t n, struct answer *a)
{
    submit_alg(w, records, n, 0, a);
}

bool submit_limited;
uint64_t submit_lane;
bool submit_anew;

void submit_alg(struct world *w, const struct log_record *records, size_t n, enum cose_alg alg,
                struct answer *a)
{
    struct log_batch *b = NULL;
    struct tl_why why = {{0}, {0}};
    *a = (struct answer){.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};
    assert_ok(log_batch_new(&b, w->log, submit_peer ? ADMISSION_ATTESTED : ADMISSION_BEARER));
    log_batch_peer(b, submit_peer);
    log_batch_alg(b, alg);
    log_batch_lane(b, submit_lane);
    if (submit_anew)
        log_batch_anew(b);
    if (submit_limited)
        log_batch_limit(b);
    if (submit_cosigned_ms)
        log_batch_cosigned(b, submit_cosigned_ms);
    if (submit_full)
        log_batch_full(b);
    for (size_t i = 0; i < n; i++)
        assert_ok(log_batch_add(b, &records[i], &why));
    tl_err err = log_submit(w->log, b, take_answer, a);
    if (err == TL_OK)
        return;
    a->err = err; /* refused at once: an answer too */
    a->done = true;
    log_batch_free(b);
}

void await(struct answer *a)
{
    pthread_mutex_lock(&a->lock);
    while (!a->done)
        pthread_cond_wait(&a->wake, &a->lock);
    pthread_mutex_unlock(&a->lock);
}

void append(struct world *w, const struct log_record *records, size_t n, struct answer *a)
{
    submit(w, records, n, a);
    await(a);
}

struct log_record record(const char *agent, const char *content)
{
    return (struct log_record){.agent = slice_str(agent),
                               .room = slice_str("room"),
                               .user = slice_str("user"),
                               .type = slice_str("Action:X"),
                               .content = slice_str(content)};
}

struct log_receipt append_one(struct world *w, const char *agent, const char *content)
{
    struct log_record r = record(agent, content);
    struct answer a;
    append(w, &r, 1, &a);
    assert_ok(a.err);
    assert_ok(a.receipts[0].err);
    return a.receipts[0];
}

void grow_log(struct world *w, size_t n)
{
    struct log_record some[60];
    struct answer a;
    for (size_t done = 0; done < n;) {
        size_t count = n - done < 60 ? n - done : 60;
        for (size_t i = 0; i < count; i++)
            some[i] = record((done + i) % 2 ? "bob" : "alice", "something");
        append(w, some, count, &a);
        assert_ok(a.err);
        for (size_t i = 0; i < count; i++)
            assert_ok(a.receipts[i].err);
        done += count;
    }
}

tl_err try_export(struct world *w, const struct log_export_options *o, uint8_t **p, size_t *n,
                  struct tl_why *why)
{
    struct log_export *e = NULL;
    buf b;
    bool more = true;
    buf_init(&b, 64u << 20);
    assert_ok(log_export_new(&e, w->log, o));
    tl_err err = TL_OK;
    while (more && err == TL_OK)
        err = log_export_step(e, &b, &more, why);
    log_export_free(e);
    if (err == TL_OK) {
        *p = b.p;
        *n = b.n;
    } else {
        buf_finish(&b);
    }
    return err;
}

uint8_t *export_all(struct world *w, const struct log_export_options *o, size_t *n)
{
    struct tl_why why = {{0}, {0}};
    uint8_t *p = NULL;
    tl_err err = try_export(w, o, &p, n, &why);
    if (err != TL_OK)
        fail_msg("export: %s %s", tl_err_name(err), why.text);
    return p;
}

struct teelog_report *report_of(const uint8_t *p, size_t n, const struct teelog_policy *policy)
{
    slice s = slice_of(p, n);
    struct teelog_report *r = NULL;
    struct teelog_verify_options o = {.policy = policy,
                                      .time = (uint64_t)time(NULL),
                                      .threads = 1,
                                      .read = slice_source_read,
                                      .ctx = &s};
    assert_ok(teelog_verify(&r, &o));
    return r;
}

enum teelog_verdict verdict_of(const uint8_t *p, size_t n, const struct teelog_policy *policy)
{
    struct teelog_report *r = report_of(p, n, policy);
    enum teelog_verdict v = teelog_report_verdict(r);
    if (v == TEELOG_REJECTED) {
        char *text = teelog_report_text(r);
        printf("%s\n", text);
        free(text);
    }
    teelog_report_free(r);
    return v;
}

struct seen {
    char subject[SUBJECT_MAX + 1];
    uint64_t seq;
};

static int compare_seen(const void *a, const void *b)
{
    const struct seen *x = a, *y = b;
    int c = strcmp(x->subject, y->subject);
    return c ? c : (x->seq > y->seq) - (x->seq < y->seq);
}

static void note_read_root(struct history *h, slice checkpoint)
{
    static struct note note;
    struct checkpoint c;
    assert_ok(note_read(&note, checkpoint));
    assert_ok(checkpoint_read(&c, note.text));
    h->size = c.size;
    h->root = c.root;
    h->leaves = calloc(c.size, sizeof *h->leaves);
    assert_non_null(h->leaves);
}

static void see(struct seen *s, slice statement)
{
    struct statement st;
    assert_ok(statement_read(&st, statement));
    memset(s, 0, sizeof *s);
    memcpy(s->subject, st.subject.p, st.subject.n);
    s->seq = st.seq;
}

void history_read(struct history *h, const uint8_t *bundle, size_t n)
{
    slice bytes = slice_of(bundle, n);
    struct bundle_reader *r = NULL;
    struct bundle_item item;
    struct seen *seen = NULL;
    uint64_t count = 0;
    bool more = true;
    assert_ok(bundle_reader_new(&r, (struct byte_source){slice_source_read, &bytes}));
    for (;;) {
        assert_ok(bundle_next(r, &item, &more));
        if (!more)
            break;
        if (item.kind == BUNDLE_HEADER) {
            note_read_root(h, item.u.header.checkpoint);
            seen = calloc(h->size, sizeof *seen);
            assert_non_null(seen);
        } else if (item.kind == BUNDLE_LEAF) {
            assert_int_equal(item.u.leaf.index, count);
            h->leaves[count] = merkle_leaf_hash(item.u.leaf.statement);
            see(&seen[count++], item.u.leaf.statement);
        }
    }
    bundle_reader_free(r);
    assert_int_equal(count, h->size);
    qsort(seen, count, sizeof *seen, compare_seen);
    for (uint64_t i = 1; i < count; i++)
        assert_int_not_equal(compare_seen(&seen[i - 1], &seen[i]), 0);
    free(seen);
    struct merkle_leaves leaves = {h->leaves, h->size};
    const struct merkle_nodes nodes = {merkle_leaves_get, &leaves};
    hash32 root;
    assert_ok(merkle_root(&nodes, h->size, &root));
    assert_true(hash_eq(&root, &h->root));
}

void history_finish(struct history *h)
{
    free(h->leaves);
    *h = (struct history){.leaves = NULL};
}

sqlite3 *host_open(struct world *w)
{
    char path[4200];
    sqlite3 *db = NULL;
    w->touched = true;
    snprintf(path, sizeof path, "%s/teelog.db", w->dir);
    assert_null(w->log);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    return db;
}

void host_sql(struct world *w, const char *sql)
{
    sqlite3 *db = host_open(w);
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    assert_true(sqlite3_total_changes(db) > 0);
    sqlite3_close(db);
}

static sqlite3_stmt *host_prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    return st;
}

void host_flip(struct world *w, const char *table, const char *column, const char *where, int at)
{
    char sql[400];
    sqlite3 *db = host_open(w);
    snprintf(sql, sizeof sql, "SELECT %s FROM %s WHERE %s", column, table, where);
    sqlite3_stmt *st = host_prepare(db, sql);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    int n = sqlite3_column_bytes(st, 0);
    uint8_t *copy = malloc((size_t)n + 1);
    assert_non_null(copy);
    memcpy(copy, sqlite3_column_blob(st, 0), (size_t)n);
    sqlite3_finalize(st);
    at = at < 0 ? n + at : at;
    assert_true(at >= 0 && at < n);
    copy[at] ^= 1;
    snprintf(sql, sizeof sql, "UPDATE %s SET %s = ?1 WHERE %s", table, column, where);
    st = host_prepare(db, sql);
    sqlite3_bind_blob(st, 1, copy, n, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(st), SQLITE_DONE);
    assert_int_equal(sqlite3_changes(db), 1);
    sqlite3_finalize(st);
    sqlite3_close(db);
    free(copy);
}

int64_t host_int(struct world *w, const char *sql)
{
    sqlite3 *db = host_open(w);
    sqlite3_stmt *st = host_prepare(db, sql);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    int64_t v = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return v;
}

static void add_line(void *ctx, const char *text, bool bad)
{
    buf *b = ctx;
    buf_str(b, bad ? "! " : "  ");
    buf_str(b, text);
    buf_str(b, "\n");
}

char *fsck_text(struct world *w, uint64_t *bad)
{
    struct tl_why why = {{0}, {0}};
    buf b;
    assert_null(w->log);
    buf_init(&b, 16u << 20);
    tl_err err = log_fsck(w->tee, w->dir, add_line, NULL, &b, bad, &why);
    if (err != TL_OK)
        fail_msg("fsck: %s %s", tl_err_name(err), why.text);
    buf_u8(&b, 0);
    assert_ok(buf_err(&b));
    return (char *)b.p;
}

void fsck_clean(struct world *w)
{
    uint64_t bad = 1;
    char *text = fsck_text(w, &bad);
    if (bad)
        fail_msg("fsck: %s", text);
    free(text);
}

tl_err all_agents(struct log *log, struct log_agent **out, size_t *n)
{
    struct log_agents *a = NULL;
    tl_err err = log_agents_new(&a, log);
    if (err == TL_OK)
        err = log_agents_run(a);
    if (err == TL_OK) {
        const struct log_agent *rows = log_agents_rows(a, n);
        *out = malloc((*n + 1) * sizeof *rows);
        assert_non_null(*out);
        if (*n)
            memcpy(*out, rows, *n * sizeof *rows);
    }
    log_agents_free(a);
    return err;
}
