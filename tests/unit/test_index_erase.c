/* What erasing does to the index: nothing of the records' rooms, users and contents stays
 * in it, and what the host kept of it from before changes no answer. */
#include "testquery.h"

#include "log/erase.h"
#include "log/index_state.h"

static struct world w, kept;
static struct oracle before;

static int set_up(void **state)
{
    (void)state;
    query_make(&w, &kept, &before, 2 * 4096 + 700);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    oracle_finish(&before);
    world_finish(&w);
    world_finish(&kept);
    return 0;
}

/* Records among [from, to), each with a chance of one in so many. */
static size_t choose(const struct oracle *o, uint64_t from, uint64_t to, uint32_t in, uint64_t *out)
{
    size_t n = 0;
    for (uint64_t i = from; i < to && i < o->count; i++)
        if (o->leaves[i].st.kind == ST_RECORD && query_rand(in) == 0)
            out[n++] = i;
    return n;
}

static void erase(struct world *world, const uint64_t *indexes, size_t n)
{
    struct tl_why why = {{0}, {0}};
    struct log_erase *e = NULL;
    assert_ok(log_erase_new(&e, world->log, indexes, n, (slice){NULL, 0}, &why));
    tl_err err = log_erase_run(e, &why);
    if (err != TL_OK)
        fail_msg("erase: %s", why.text);
    log_erase_free(e);
}

/* The oracle as it is now: what was erased has no body. */
static void forget(struct oracle *o, const uint64_t *indexes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        o->leaves[indexes[i]].body = (slice){NULL, 0};
}

/* ---- what the blocks hold ---- */

static void nothing_in_postings(struct index *ix, uint64_t index, const struct body_record *r)
{
    const slice values[] = {r->room_id, r->user_id};
    uint8_t state;
    assert_ok(index_state_of(ix, index / CELL_LEAVES, &state));
    assert_true(state >= CELL_STORED);
    for (unsigned i = 0; i < 2; i++) {
        struct term t = term_of(ix->log->keys.term_key, i ? TERM_USER : TERM_ROOM, values[i]);
        struct leaf_bits bits;
        assert_ok(segment_bits(ix->segments, state - CELL_STORED, index / CELL_LEAVES, &t, &bits));
        assert_false(bits_has(&bits, (unsigned)(index % CELL_LEAVES)));
    }
}

static void nothing_in_contents(struct index *ix, uint64_t index)
{
    struct chunk_view v = {.end = 0};
    unsigned leaf = (unsigned)(index % CELL_LEAVES);
    for (uint32_t k = 0; v.end < CELL_LEAVES; k++) {
        buf plain;
        buf_init(&plain, CHUNK_MAX);
        assert_ok(segment_get(ix->segments, SEGMENT_TEXT, index / CELL_LEAVES, k, NULL, &plain));
        assert_ok(chunk_read(&v, buf_slice(&plain)));
        for (size_t at = 0; at < v.table.n; at += 4)
            assert_int_not_equal(v.table.p[at] | v.table.p[at + 1] << 8, leaf);
        buf_finish(&plain);
    }
}

/* Of the stopped log, after it was opened to read. bodies: what the records were. */
static void nothing_is_left(struct world *world, const struct body_record *records,
                            const uint64_t *indexes, size_t n)
{
    struct tl_why why = {{0}, {0}};
    struct log *log = NULL;
    assert_ok(log_open_read(&log, world->tee, world->dir, &why));
    for (size_t i = 0; i < n; i += 1 + n / 40) {
        if (indexes[i] / CELL_LEAVES >= index_complete_cells(log->index))
            continue;
        nothing_in_postings(log->index, indexes[i], &records[i]);
        nothing_in_contents(log->index, indexes[i]);
    }
    log_close(log);
}

#define MAX 8000
static uint64_t chosen[MAX];
static struct body_record records[MAX];

static void remember(const struct oracle *o, size_t n)
{
    assert_true(n > 0 && n < MAX);
    for (size_t i = 0; i < n; i++)
        records[i] = o->leaves[chosen[i]].record;
}

/* ---- tests ---- */

static void erased_of_every_cell(void **state)
{
    struct oracle o;
    (void)state;
    world_open(&w);
    oracle_read(&o, &w);
    for (int round = 0; round < 3; round++) {
        size_t n = choose(&o, 0, UINT64_MAX, round ? 10 : 200, chosen);
        remember(&o, n);
        query_ask(w.log, &o, 20);
        erase(&w, chosen, n);
        forget(&o, chosen, n);
        query_ask(w.log, &o, 60);
        query_ask_for_all(w.log, &o);
        query_idle(&w);
        query_ask(w.log, &o, 40);
        world_stop(&w);
        nothing_is_left(&w, records, chosen, n);
        world_open(&w);
    }
    world_stop(&w);
    /* The host kept the blocks of before: he gets the bodies of nobody, and no count. */
    char sql[4400];
    snprintf(sql, sizeof sql,
             "ATTACH '%s/teelog.db' AS kept; REPLACE INTO block SELECT * FROM kept.block;"
             "DETACH kept",
             kept.dir);
    host_sql(&w, sql);
    world_open(&w);
    query_ask(w.log, &o, 100);
    query_ask_for_all(w.log, &o);
    query_idle(&w);
    query_ask_for_all(w.log, &o);
    world_stop(&w);
    oracle_finish(&o);
    world_restore(&w, &kept);
}

/* Contents are cut into chunks anew where they are made again, so that one of before does
 * not go with those of after. */
static void a_chunk_of_before_beside_those_of_after(void **state)
{
    struct oracle o;
    char sql[4600];
    (void)state;
    for (int k = 0; k < 2; k++) {
        world_open(&w);
        oracle_read(&o, &w);
        size_t n = choose(&o, 0, 1000, 2, chosen);
        remember(&o, n);
        erase(&w, chosen, n);
        forget(&o, chosen, n);
        world_stop(&w);
        host_sql(&w, "DELETE FROM block");
        world_open(&w);
        query_idle(&w);
        world_stop(&w);
        snprintf(sql, sizeof sql,
                 "ATTACH '%s/teelog.db' AS kept; REPLACE INTO block SELECT * FROM kept.block "
                 "WHERE id = (7 << 58) + %d; DETACH kept",
                 kept.dir, k);
        host_sql(&w, sql);
        world_open(&w);
        query_ask(w.log, &o, 50);
        query_ask_for_all(w.log, &o);
        query_idle(&w);
        query_ask_for_all(w.log, &o);
        world_stop(&w);
        oracle_finish(&o);
        world_restore(&w, &kept);
    }
}

/* While cells are read back and stored. */
static void erased_while_it_is_made(void **state)
{
    struct oracle o;
    (void)state;
    world_open(&w);
    oracle_read(&o, &w);
    world_stop(&w);
    for (int round = 0; round < 8; round++) {
        host_sql(&w, "DELETE FROM block");
        size_t n = choose(&o, 0, UINT64_MAX, 300, chosen);
        remember(&o, n);
        world_open(&w);
        for (size_t i = 0; i < n; i++) {
            if (!o.leaves[chosen[i]].body.p)
                continue;
            erase(&w, &chosen[i], 1);
            forget(&o, &chosen[i], 1);
        }
        query_ask(w.log, &o, 10);
        query_idle(&w);
        query_ask(w.log, &o, 20);
        query_ask_for_all(w.log, &o);
        world_stop(&w);
        nothing_is_left(&w, records, chosen, n);
    }
    oracle_finish(&o);
    world_restore(&w, &kept);
}

/* What was appended just now, and is in memory alone. */
static void erased_before_it_is_stored(void **state)
{
    struct oracle o;
    (void)state;
    world_open(&w);
    query_idle(&w);
    query_grow(&w, 500);
    oracle_read(&o, &w);
    size_t n = choose(&o, o.count - 800, UINT64_MAX, 3, chosen);
    remember(&o, n);
    erase(&w, chosen, n);
    forget(&o, chosen, n);
    query_ask(w.log, &o, 100);
    query_grow(&w, 4096);
    query_idle(&w);
    query_ask(w.log, &o, 100);
    world_stop(&w);
    nothing_is_left(&w, records, chosen, n);
    oracle_finish(&o);
    world_restore(&w, &kept);
}

/* A block that is damaged where something is to be taken out of it. */
static void erased_from_what_is_damaged(void **state)
{
    static const char *const sql[] = {
        "UPDATE block SET bytes = zeroblob(100) WHERE id & ((1 << 17) - 1) = 1",
        "DELETE FROM block WHERE id & ((1 << 17) - 1) = 0",
        "DELETE FROM block WHERE id >> 58 = 7 AND id & 1 = 1",
    };
    (void)state;
    for (size_t i = 0; i < sizeof sql / sizeof sql[0]; i++) {
        struct oracle o;
        world_open(&w);
        oracle_read(&o, &w);
        world_stop(&w);
        host_sql(&w, sql[i]);
        world_open(&w);
        size_t n = choose(&o, 0, UINT64_MAX, 100, chosen);
        remember(&o, n);
        erase(&w, chosen, n);
        forget(&o, chosen, n);
        query_ask(w.log, &o, 20);
        query_idle(&w);
        query_ask_for_all(w.log, &o);
        world_stop(&w);
        nothing_is_left(&w, records, chosen, n);
        oracle_finish(&o);
        world_restore(&w, &kept);
    }
}

/* Sixteen cells in one segment. */
static void erased_of_a_joined_segment(void **state)
{
    struct world large, as_it_was;
    struct oracle o;
    (void)state;
    query_make(&large, &as_it_was, &o, 16 * 4096 + 50);
    assert_int_equal(index_rows(&large, 0), 0);
    size_t n = choose(&o, 0, UINT64_MAX, 20, chosen);
    remember(&o, n);
    world_open(&large);
    erase(&large, chosen, n);
    forget(&o, chosen, n);
    query_ask(large.log, &o, 40);
    query_ask_for_all(large.log, &o);
    world_stop(&large);
    nothing_is_left(&large, records, chosen, n);
    world_finish(&large);
    world_finish(&as_it_was);
    oracle_finish(&o);
}

/* Puts back what the host kept of the blocks from before. */
static void take_kept(struct world *to, const struct world *from, const char *which)
{
    char sql[4600];
    snprintf(sql, sizeof sql,
             "ATTACH '%s/teelog.db' AS kept; REPLACE INTO block SELECT * FROM kept.block WHERE %s;"
             "DETACH kept",
             from->dir, which);
    host_sql(to, sql);
}

/* Postings are cut into blocks anew where they are made again: none of before goes with the
 * directory of after, nor the other way round. */
static void postings_of_before_beside_those_of_after(void **state)
{
    struct world large, as_it_was, after;
    struct oracle o;
    (void)state;
    query_make(&large, &as_it_was, &o, 16 * 4096 + 50);
    assert_true(index_rows(&large, 1) >= 3);
    size_t n = choose(&o, 0, 7000, 1, chosen);
    world_open(&large);
    erase(&large, chosen, n);
    forget(&o, chosen, n);
    world_stop(&large);
    host_sql(&large, "DELETE FROM block");
    world_open(&large);
    query_idle(&large);
    world_stop(&large);
    world_copy(&after, &large);
    for (int k = 0; k < 3; k++) {
        char which[60];
        snprintf(which, sizeof which, "id = (1 << 58) + %d", k);
        take_kept(&large, &as_it_was, which);
        world_open(&large);
        query_ask_for_all(large.log, &o);
        query_ask(large.log, &o, 20);
        world_stop(&large);
        world_restore(&large, &after);
    }
    world_finish(&large);
    world_finish(&as_it_was);
    world_finish(&after);
    oracle_finish(&o);
}

/* Postings without their directory. */
static void nobody_opens_postings_alone(void **state)
{
    slice directory;
    buf b;
    (void)state;
    world_open(&w);
    query_idle(&w);
    world_stop(&w);
    struct tl_why why = {{0}, {0}};
    assert_ok(log_open_read(&w.log, w.tee, w.dir, &why));
    buf_init(&b, POSTING_BLOCK);
    assert_err(segment_get(w.log->index->segments, 0, 0, 1, NULL, &b), TL_E_SEALED);
    assert_ok(segment_directory(w.log->index->segments, 0, 0, &directory));
    const struct segment_key key = directory_key(directory);
    assert_ok(segment_get(w.log->index->segments, 0, 0, 1, &key, &b));
    buf_finish(&b);
    world_stop(&w);
    world_restore(&w, &kept);
}

/* As a kill leaves it, before the sixteen that became one were removed. */
static void what_was_left_behind_is_erased_too(void **state)
{
    struct tl_why why = {{0}, {0}};
    struct world large, as_it_was;
    struct oracle o;
    (void)state;
    query_make(&large, &as_it_was, &o, 16 * 4096 + 50);
    take_kept(&large, &kept, "id >> 58 = 0");
    int64_t parts = index_rows(&large, 0);
    assert_true(parts > 2);
    const struct log_config c = {.dir = large.dir,
                                 .origin = "test/log",
                                 .admissions = 1 << ADMISSION_BEARER,
                                 .signers = 1,
                                 .max_bytes = 1}; /* the index does nothing by itself */
    assert_ok(log_open(&large.log, large.tee, &c, &why));
    size_t n = choose(&o, 0, 4096, 100, chosen);
    erase(&large, chosen, n);
    world_stop(&large);
    assert_int_equal(host_int(&large, "SELECT count(*) FROM block WHERE id = 0"), 0);
    assert_true(index_rows(&large, 0) > 0);
    world_finish(&large);
    world_finish(&as_it_was);
    oracle_finish(&o);
}

/* A record, what the log knows to be erased, and a host that writes under it. */
struct tampering {
    uint64_t index;
    buf body;
    tl_err err;
};

static void read_stored_body(void *arg)
{
    struct tampering *t = arg;
    struct store_leaf leaf;
    t->err = store_get_leaf(w.log->store, t->index, &leaf);
    buf_bytes(&t->body, leaf.body);
}

static void put_back_and_hide(void *arg)
{
    struct tampering *t = arg;
    struct store_leaf leaf;
    uint8_t mem[1024];
    t->err = store_get_leaf(w.log->store, t->index, &leaf);
    assert_true(leaf.statement.n <= sizeof mem);
    memcpy(mem, leaf.statement.p, leaf.statement.n);
    leaf.statement.p = mem;
    leaf.body = buf_slice(&t->body);
    assert_ok(store_begin(w.log->store));
    assert_ok(store_put_leaf(w.log->store, &leaf));
    assert_ok(store_put_meta(w.log->store, "erasure/1", slice_str("x")));
    assert_ok(store_commit(w.log->store));
}

/* What was learned once is not asked for again: the host, who puts a body back into the
 * running log and hides a later erasure, gets nothing shown. */
static void what_is_known_is_not_forgotten(void **state)
{
    struct tampering t = {.err = TL_OK};
    struct log_query_options q = query_all();
    struct log_query *run = NULL;
    struct tl_why why = {{0}, {0}};
    struct oracle o;
    size_t rows;
    (void)state;
    world_open(&w);
    oracle_read(&o, &w);
    assert_true(choose(&o, 0, 500, 3, chosen) >= 2);
    t.index = chosen[0];
    buf_init(&t.body, BODY_MAX);
    assert_ok(owner_call(w.log, read_stored_body, &t, false));
    assert_ok(t.err);
    erase(&w, chosen, 1);
    erase(&w, chosen + 1, 1);
    assert_ok(owner_call(w.log, put_back_and_hide, &t, true));
    assert_ok(t.err);
    q.from = t.index;
    q.to = t.index + 1;
    assert_ok(log_query_new(&run, w.log, &q, &why));
    assert_ok(log_query_run(run, &why));
    const struct log_row *row = log_query_rows(run, &rows);
    assert_int_equal(rows, 1);
    assert_true(row->erased);
    log_query_free(run);
    world_stop(&w);
    buf_finish(&t.body);
    oracle_finish(&o);
    world_restore(&w, &kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_known_is_not_forgotten),
        cmocka_unit_test(postings_of_before_beside_those_of_after),
        cmocka_unit_test(nobody_opens_postings_alone),
        cmocka_unit_test(what_was_left_behind_is_erased_too),
        cmocka_unit_test(erased_of_every_cell),
        cmocka_unit_test(a_chunk_of_before_beside_those_of_after),
        cmocka_unit_test(erased_while_it_is_made),
        cmocka_unit_test(erased_before_it_is_stored),
        cmocka_unit_test(erased_from_what_is_damaged),
        cmocka_unit_test(erased_of_a_joined_segment),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
