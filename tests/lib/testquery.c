#include "testquery.h"

#include "log/index.h"

#include <ctype.h>
#include <time.h>

static uint64_t seed = 1;

uint32_t query_rand(uint32_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % below;
}

/* ---- the oracle ---- */

static void take_leaf(struct oracle *o, const struct bundle_item *item)
{
    struct oracle_leaf *l = &o->leaves[o->count++];
    uint8_t *copy = malloc(item->u.leaf.statement.n + item->u.leaf.body.n);
    assert_non_null(copy);
    memcpy(copy, item->u.leaf.statement.p, item->u.leaf.statement.n);
    l->statement = slice_of(copy, item->u.leaf.statement.n);
    assert_ok(statement_read(&l->st, l->statement));
    l->body = (slice){NULL, 0};
    if (!item->u.leaf.body.p)
        return;
    memcpy(copy + l->statement.n, item->u.leaf.body.p, item->u.leaf.body.n);
    l->body = slice_of(copy + l->statement.n, item->u.leaf.body.n);
    if (l->st.kind == ST_RECORD)
        assert_ok(body_record_read(&l->record, l->body));
}

void oracle_read(struct oracle *o, struct world *w)
{
    const struct log_export_options all = {.withhold_bodies = false};
    struct bundle_reader *r = NULL;
    struct bundle_item item;
    bool more = true;
    size_t n;
    uint8_t *p = export_all(w, &all, &n);
    slice bytes = slice_of(p, n);
    *o = (struct oracle){.leaves = NULL};
    assert_ok(bundle_reader_new(&r, (struct byte_source){slice_source_read, &bytes}));
    for (;;) {
        assert_ok(bundle_next(r, &item, &more));
        if (!more)
            break;
        if (item.kind == BUNDLE_HEADER)
            o->leaves = calloc(item.u.header.leaf_count, sizeof *o->leaves);
        assert_non_null(o->leaves);
        if (item.kind == BUNDLE_LEAF)
            take_leaf(o, &item);
    }
    bundle_reader_free(r);
    free(p);
}

void oracle_finish(struct oracle *o)
{
    for (size_t i = 0; i < o->count; i++)
        free((void *)(uintptr_t)o->leaves[i].statement.p);
    free(o->leaves);
    *o = (struct oracle){.leaves = NULL};
}

static bool same(slice want, slice is)
{
    return !want.p || slice_eq(want, is);
}

static bool holds(slice content, slice text)
{
    for (size_t i = 0; i + text.n <= content.n; i++) {
        size_t k = 0;
        while (k < text.n && tolower(content.p[i + k]) == tolower(text.p[k]))
            k++;
        if (k == text.n)
            return true;
    }
    return false;
}

static bool matches(const struct oracle_leaf *l, const struct log_query_options *q)
{
    bool own = q->every || (q->type.p && q->type.n >= 7 && memcmp(q->type.p, "teelog.", 7) == 0);
    if (!own && l->st.kind != ST_RECORD)
        return false;
    if (!same(q->agent, l->st.subject) || !same(q->type, l->st.type))
        return false;
    if (l->st.time_ms < q->after_ms || l->st.time_ms >= q->before_ms)
        return false;
    if (!q->room.p && !q->user.p && !q->text.p)
        return true;
    return l->st.kind == ST_RECORD && l->body.p && same(q->room, l->record.room_id) &&
           same(q->user, l->record.user_id) && (!q->text.p || holds(l->record.content, q->text));
}

/* ---- a question and its answer ---- */

struct log_query_options query_all(void)
{
    return (struct log_query_options){.to = UINT64_MAX, .before_ms = UINT64_MAX, .limit = 1000};
}

static void check_row(const struct oracle *o, size_t index, const struct log_row *row)
{
    const struct oracle_leaf *l = &o->leaves[index];
    hash32 kid = l->st.kid;
    assert_int_equal(row->index, index);
    assert_int_equal(row->seq, l->st.seq);
    assert_int_equal(row->time_ms, l->st.time_ms);
    assert_int_equal(row->session, l->st.session);
    assert_int_equal(row->has_ref, l->st.has_ref);
    assert_int_equal(row->ref, l->st.ref);
    assert_int_equal(row->erased, !l->body.p);
    assert_true(slice_eq(row->agent, l->st.subject) && slice_eq(row->type, l->st.type));
    assert_true(slice_eq(row->statement, l->statement));
    assert_true(slice_eq(row->body, l->body) && !row->body.p == !l->body.p);
    assert_true(hash_eq(&row->key_id, &kid));
}

static void say(const struct log_query_options *q)
{
    print_message("query: agent %.*s room %.*s user %.*s type %.*s text \"%.*s\" [%llu, %llu) "
                  "time [%llu, %llu) %s limit %zu skip %llu every %d\n",
                  (int)q->agent.n, (const char *)q->agent.p, (int)q->room.n,
                  (const char *)q->room.p, (int)q->user.n, (const char *)q->user.p, (int)q->type.n,
                  (const char *)q->type.p, (int)q->text.n, (const char *)q->text.p,
                  (unsigned long long)q->from, (unsigned long long)q->to,
                  (unsigned long long)q->after_ms, (unsigned long long)q->before_ms,
                  q->newest_first ? "newest first" : "", q->limit, (unsigned long long)q->skip,
                  q->every);
}

size_t query_check(struct log *log, const struct oracle *o, const struct log_query_options *q)
{
    struct tl_why why = {{0}, {0}};
    struct log_query *run = NULL;
    size_t count, next_row = 0;
    uint64_t total = 0, next = 0, went_on = UINT64_MAX;
    assert_ok(log_query_new(&run, log, q, &why));
    tl_err err = log_query_run(run, &why);
    if (err != TL_OK)
        fail_msg("%s: %s", tl_err_name(err), why.text);
    const struct log_row *rows = log_query_rows(run, &count);
    size_t to = q->to < o->count ? (size_t)q->to : o->count;
    for (size_t i = (size_t)q->from; i < to; i++) {
        size_t index = q->newest_first ? to - 1 - (i - (size_t)q->from) : i;
        if (!matches(&o->leaves[index], q) || ++total <= q->skip)
            continue;
        if (next_row < count && rows[next_row].index == index)
            check_row(o, index, &rows[next_row++]);
        else if (went_on == UINT64_MAX)
            went_on = q->newest_first ? index + 1 : index;
    }
    size_t want = total > q->skip ? (size_t)(total - q->skip) : 0;
    bool more = log_query_more(run, &next);
    /* No row of these tests is so large that it alone makes a page. */
    if (count != (want < q->limit ? want : q->limit) || next_row != count ||
        more != (want > count) || (more && next != went_on) ||
        (q->total && log_query_total(run) != total)) {
        say(q);
        fail_msg("%zu rows, %zu as they should be of %zu; more %d, next %llu (%llu); total "
                 "%llu (%llu)",
                 count, next_row, want, more, (unsigned long long)next, (unsigned long long)went_on,
                 (unsigned long long)log_query_total(run), (unsigned long long)total);
    }
    log_query_free(run);
    return count;
}

/* ---- random data ---- */

static const char *const rooms[] = {"", "kitchen", "hall", "room-3", "Kitchen"};
static const char *const users[] = {"ann", "ben", "", "ann ", "dora"};
static const char *const types[] = {"Action:PAY", "Action:SAY", "note", "t"};
static const char *const agents[] = {"alice", "bob", "carol", "a"};

#define ONE_OF(array) slice_str((array)[query_rand(sizeof(array) / sizeof(array)[0])])

/* Few letters, so that short texts are found often and long ones seldom. */
static size_t some_text(char *out, size_t max)
{
    static const char letters[] = "abAB \xc3\xa4z";
    size_t n = query_rand((uint32_t)max + 1), used = 0;
    while (used < n) {
        size_t k = query_rand(sizeof letters - 1);
        if (letters[k] & 0x80) {
            if (used + 2 > n)
                break;
            out[used++] = '\xc3';
            out[used++] = '\xa4';
        } else {
            out[used++] = letters[k];
        }
    }
    return used;
}

void query_grow(struct world *w, size_t n)
{
    static char text[60][6000];
    struct log_record some[60];
    struct answer a;
    while (n > 0) {
        size_t count = n < 60 ? n : 1 + query_rand(60);
        for (size_t i = 0; i < count; i++) {
            size_t max = query_rand(40) ? 60 : query_rand(4) ? 3000 : sizeof text[0];
            some[i] = (struct log_record){.agent = ONE_OF(agents),
                                          .room = ONE_OF(rooms),
                                          .user = ONE_OF(users),
                                          .type = ONE_OF(types)};
            some[i].content = slice_of(text[i], some_text(text[i], max));
        }
        append(w, some, count, &a);
        assert_ok(a.err);
        for (size_t i = 0; i < count; i++)
            assert_ok(a.receipts[i].err);
        n -= count;
    }
}

static slice some_type(void)
{
    static const char *const own[] = {"teelog.session", "teelog.boot", "teelog.heads", "teelog.end",
                                      "teelog.nothing"};
    return query_rand(4) ? ONE_OF(types) : ONE_OF(own);
}

static slice some_agent(void)
{
    static const char *const others[] = {"test/log", "nobody", "", "alic"};
    return query_rand(5) ? ONE_OF(agents) : ONE_OF(others);
}

static slice a_text(const struct oracle *o)
{
    const struct oracle_leaf *l = &o->leaves[query_rand((uint32_t)o->count)];
    if (query_rand(8) == 0 || !l->body.p || l->st.kind != ST_RECORD || l->record.content.n == 0)
        return slice_str(query_rand(3) ? "zzz" : "");
    size_t n = 1 + query_rand(query_rand(3) ? 3 : 12), at;
    if (n > l->record.content.n)
        n = l->record.content.n;
    at = query_rand((uint32_t)(l->record.content.n - n + 1));
    return slice_of(l->record.content.p + at, n);
}

struct log_query_options query_random(const struct oracle *o)
{
    struct log_query_options q = query_all();
    uint32_t count = (uint32_t)o->count;
    if (query_rand(2))
        q.agent = some_agent();
    if (query_rand(3) == 0)
        q.room = query_rand(9) ? ONE_OF(rooms) : slice_str("attic");
    if (query_rand(3) == 0)
        q.user = ONE_OF(users);
    if (query_rand(3) == 0)
        q.type = some_type();
    if (query_rand(3) == 0)
        q.text = a_text(o);
    if (query_rand(4) == 0)
        q.from = query_rand(count + 5);
    if (query_rand(4) == 0)
        q.to = query_rand(count + 5);
    if (query_rand(4) == 0)
        q.after_ms = o->leaves[query_rand(count)].st.time_ms + query_rand(2);
    if (query_rand(4) == 0)
        q.before_ms = o->leaves[query_rand(count)].st.time_ms + query_rand(2);
    q.newest_first = query_rand(2);
    q.limit = query_rand(3) ? 1 + query_rand(20) : 1000;
    q.skip = query_rand(3) ? 0 : query_rand(30);
    q.total = query_rand(2);
    q.every = query_rand(6) == 0;
    return q;
}

/* ---- the index ---- */

void query_idle(struct world *w)
{
    struct index_progress p = {.busy = true};
    while (p.busy) {
        struct timespec t = {.tv_nsec = 2000000};
        assert_ok(index_progress(w->log, &p));
        nanosleep(&t, NULL);
    }
}

void query_one(struct log *log, const struct oracle *o, struct log_query_options q)
{
    q.to = q.to < o->count ? q.to : o->count; /* a stop and a start append more */
    (void)query_check(log, o, &q);
}

void query_ask(struct log *log, const struct oracle *o, int n)
{
    for (int i = 0; i < n; i++)
        query_one(log, o, query_random(o));
}

/* Questions that between them need every block there is. */
void query_ask_for_all(struct log *log, const struct oracle *o)
{
    static const char *const more_types[] = {"teelog.boot", "teelog.session", "teelog.heads",
                                             "teelog.end"};
    struct log_query_options all = query_all(), q = all;
    all.total = q.total = true;
    all.limit = q.limit = 2;
    q.text = slice_str("ab");
    query_one(log, o, q);
    q = all;
    q.user = slice_str("nobody");
    query_one(log, o, q);
    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
        q = all;
        q.room = slice_str(rooms[i]);
        query_one(log, o, q);
        q = all;
        q.user = slice_str(users[i]);
        query_one(log, o, q);
    }
    for (size_t i = 0; i < sizeof agents / sizeof agents[0]; i++) {
        q = all;
        q.agent = slice_str(agents[i]);
        query_one(log, o, q);
        q = all;
        q.type = slice_str(types[i]);
        query_one(log, o, q);
        q.type = slice_str(more_types[i]);
        query_one(log, o, q);
    }
}

int64_t index_rows(struct world *w, unsigned level)
{
    char sql[200];
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM block WHERE "
             "id >> 58 = %u",
             level);
    return host_int(w, sql);
}

/* All rows, and sizes that tell what is in them: the same after all was made again. */
int64_t index_shape(struct world *w)
{
    return host_int(w, "SELECT sum((id % 1000003) * length(bytes)) FROM block");
}

void query_make(struct world *w, struct world *kept, struct oracle *o, size_t leaves)
{
    world_init(w);
    world_open(w);
    query_grow(w, leaves);
    query_idle(w);
    oracle_read(o, w);
    world_stop(w);
    world_copy(kept, w);
}
