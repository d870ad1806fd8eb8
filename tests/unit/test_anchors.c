/* Checkpoints that a quorum cosigned, kept with the collateral of their time, and what bundles
 * make of them. */
#include "testlog.h"

#include "fakehistory.h"
#include "log/export.h"

#include <stdatomic.h>
#include <time.h>

#define DAY   UINT64_C(86400)
#define HOUR  UINT64_C(3600)
#define LATER 400 /* days after which bundles are judged */

/* 0: the clock as it is. */
static _Atomic uint64_t fake_time;
time_t __real_time(time_t *t);
time_t __wrap_time(time_t *t);
time_t __wrap_time(time_t *t)
{
    return fake_time ? (time_t)fake_time : __real_time(t);
}

static struct tlog_policy *quorum; /* 2 of 3 */
static uint64_t now;               /* when the test began */

static int set_up(void **state)
{
    static struct world w;
    quorum = fake_quorum(2, 3);
    world_init(&w);
    now = (uint64_t)__real_time(NULL);
    fake_time = now;
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    world_finish(*state);
    tlog_policy_free(quorum);
    fake_time = 0;
    return 0;
}

/* ---- on the owner thread ---- */

struct call {
    struct log *log;
    slice note;
    uint64_t size, time;
    tl_err err;
};

static void load(void *arg)
{
    struct call *c = arg;
    c->err = anchors_load(c->log, quorum);
    if (c->err == TL_OK)
        c->log->anchors->first = c->log->anchors->last = c->log->boot_index;
}

static void keep(void *arg)
{
    struct call *c = arg;
    c->err = store_begin(c->log->store);
    if (c->err == TL_OK)
        c->err = anchors_keep(c->log, c->note, c->size, c->time);
    if (c->err == TL_OK)
        c->err = store_commit(c->log->store);
}

/* Puts the third piece of collateral in the place of the second, while the log runs. */
static void poison(void *arg)
{
    struct call *c = arg;
    const struct anchor_piece *pieces = c->log->anchors->pieces;
    buf b;
    buf_init(&b, COLLATERAL_MAX);
    c->err = store_get_evidence(c->log->store, &pieces[2].piece.digest, &b);
    if (c->err == TL_OK)
        c->err = store_begin(c->log->store);
    if (c->err == TL_OK)
        c->err = store_put_evidence(c->log->store, &pieces[1].piece.digest, buf_slice(&b));
    if (c->err == TL_OK)
        c->err = store_commit(c->log->store);
    buf_finish(&b);
}

/* A log that knows what it has kept: as one with witnesses does at its start. */
static void open_anchored(struct world *w)
{
    world_open(w);
    struct call c = {.log = w->log};
    assert_ok(owner_call(w->log, load, &c, true));
    assert_ok(c.err);
}

static size_t anchor_count(struct world *w)
{
    return w->log->anchors->count;
}

/* The log's checkpoint of now, cosigned by the first two witnesses. */
static void cosigned_note(struct world *w, buf *b, uint64_t time)
{
    buf_init(b, NOTE_MAX);
    assert_ok(log_checkpoint(w->log, b));
    fake_cosign(b, 1, time);
    fake_cosign(b, 2, time);
}

/* Hands that over. Whether it was kept. */
static bool cosigned(struct world *w, uint64_t time)
{
    buf b;
    struct log_info info;
    size_t before = anchor_count(w);
    cosigned_note(w, &b, time);
    log_info(w->log, &info);
    struct call c = {.log = w->log, .note = buf_slice(&b), .size = info.size, .time = time};
    assert_ok(owner_call(w->log, keep, &c, true));
    assert_ok(c.err);
    buf_finish(&b);
    return anchor_count(w) != before;
}

/* ---- bundles ---- */

/* A bundle whose header's checkpoint was cosigned at that time; 0: it is not. */
static uint8_t *export_at(struct world *w, struct log_export_options o, uint64_t time, size_t *n)
{
    struct log_export *e = NULL;
    struct tl_why why = {{0}, {0}};
    buf b;
    bool more = true;
    buf_init(&b, 64u << 20);
    assert_ok(log_export_new(&e, w->log, &o));
    while (e->stage < EXPORT_SCAN)
        assert_ok(log_export_step(e, &b, &more, &why));
    if (time) {
        fake_cosign(&e->checkpoint, 1, time);
        fake_cosign(&e->checkpoint, 2, time);
        e->time = time;
    }
    while (more)
        assert_ok(log_export_step(e, &b, &more, &why));
    log_export_free(e);
    *n = b.n;
    return b.p;
}

/* What a bundle holds, beside statements. */
struct found {
    size_t anchors, pieces; /* pieces of collateral */
    uint64_t sizes[ANCHORS_MAX];
    hash32 digests[64];
};

static struct found look(const uint8_t *p, size_t n)
{
    struct found f = {.anchors = 0};
    struct bundle_reader *r = NULL;
    static struct bundle_item item;
    slice bytes = slice_of(p, n);
    bool more = true;
    assert_ok(bundle_reader_new(&r, (struct byte_source){slice_source_read, &bytes}));
    for (;;) {
        assert_ok(bundle_next(r, &item, &more));
        if (!more)
            break;
        if (item.kind == BUNDLE_ANCHOR)
            f.sizes[f.anchors++] = item.u.anchor.size;
        if (item.kind == BUNDLE_EVIDENCE && !item.u.evidence.has_collateral_at &&
            item.u.evidence.collateral.p)
            f.digests[f.pieces++] = sha256(item.u.evidence.collateral);
    }
    bundle_reader_free(r);
    return f;
}

static enum teelog_verdict judge(struct world *w, const uint8_t *p, size_t n, uint64_t time)
{
    struct teelog_policy *policy = fake_history_policy(w->policy_json);
    struct teelog_report *r = NULL;
    slice s = slice_of(p, n);
    const struct teelog_verify_options o = {
        .policy = policy, .time = time, .threads = 1, .read = slice_source_read, .ctx = &s};
    assert_ok(teelog_verify(&r, &o));
    enum teelog_verdict v = teelog_report_verdict(r);
    char *text = teelog_report_text(r);
    print_message("%s", v == TEELOG_TRUSTED ? "" : text);
    free(text);
    teelog_report_free(r);
    teelog_policy_free(policy);
    return v;
}

/* The whole log, with a header of that time: anchors of these sizes, and so many pieces of
 * collateral; judged long after. */
static void expect(struct world *w, uint64_t time, const uint64_t *sizes, size_t count,
                   size_t pieces, enum teelog_verdict verdict)
{
    size_t n;
    uint8_t *p = export_at(w, (struct log_export_options){.withhold_bodies = false}, time, &n);
    struct found f = look(p, n);
    assert_int_equal(f.anchors, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(f.sizes[i], sizes[i]);
    assert_int_equal(f.pieces, pieces);
    assert_int_equal(judge(w, p, n, now + LATER * DAY), verdict);
    free(p);
}

/* ---- when one is kept ---- */

static void test_due(void **state)
{
    struct world *w = *state;
    open_anchored(w);
    assert_true(cosigned(w, now));
    assert_false(cosigned(w, now + 9 * HOUR)); /* the same tree */
    append_one(w, "alice", "one");
    uint64_t session = w->log->anchors->first;
    assert_int_equal(session, 1);
    assert_false(cosigned(w, now + HOUR - 1));
    assert_true(cosigned(w, now + HOUR));
    append_one(w, "alice", "two"); /* in a session that was there */
    assert_false(cosigned(w, now + 9 * HOUR));
    append_one(w, "bob", "three");
    assert_true(cosigned(w, now + 2 * HOUR));
    /* A boot is enough, whenever it is. */
    world_stop(w);
    open_anchored(w);
    assert_int_equal(anchor_count(w), 3);
    assert_true(cosigned(w, now + 2 * HOUR));
    assert_int_equal(anchor_count(w), 4);
    /* What stands beyond the note waits for the next. */
    buf b;
    struct log_info info;
    cosigned_note(w, &b, now + 4 * HOUR);
    log_info(w->log, &info);
    append_one(w, "alice", "four");
    append_one(w, "bob", "five");
    struct call c = {
        .log = w->log, .note = buf_slice(&b), .size = info.size, .time = now + 4 * HOUR};
    assert_ok(owner_call(w->log, keep, &c, true));
    buf_finish(&b);
    assert_int_equal(anchor_count(w), 4);
    assert_true(cosigned(w, now + 4 * HOUR));
    append_one(w, "alice", "six");
    assert_false(cosigned(w, now + 9 * HOUR));
}

/* A log without witnesses has none of it. */
static void test_unwitnessed(void **state)
{
    struct world *w = *state;
    world_open(w);
    append_one(w, "alice", "one");
    assert_null(w->log->anchors);
    struct call c = {.log = w->log, .note = slice_str("x"), .size = 1, .time = now};
    assert_ok(owner_call(w->log, keep, &c, true));
    assert_ok(c.err);
    world_stop(w);
    struct log *log = NULL;
    assert_ok(log_open_read(&log, w->tee, w->dir, NULL));
    assert_null(log->anchors);
    log_close(log);
}

/* ---- as many pieces as there may be, and nothing to thin ---- */

/* The host's: that many digests, and anchors whose notes are not there. */
static void put_full_list(struct world *w, size_t anchors)
{
    buf b;
    buf_init(&b, 100000);
    cbor_put_array(&b, 2);
    cbor_put_array(&b, ANCHOR_PIECES);
    for (size_t i = 0; i < ANCHOR_PIECES; i++)
        cbor_put_bytes(&b, hash_slice(&(hash32){{(uint8_t)i}}));
    cbor_put_array(&b, anchors);
    for (size_t i = 0; i < anchors; i++) {
        cbor_put_array(&b, 2);
        cbor_put_uint(&b, 1000000);
        cbor_put_array(&b, 1);
        cbor_put_uint(&b, 7);
    }
    assert_ok(store_begin(w->log->store));
    assert_ok(store_put_meta(w->log->store, "anchors", buf_slice(&b)));
    assert_ok(store_commit(w->log->store));
    buf_finish(&b);
}

static void test_full(void **state)
{
    struct world *w = *state;
    open_anchored(w);
    assert_true(cosigned(w, now));
    const size_t shelved = w->log->anchors->piece_count;
    assert_true(shelved > 0);
    for (size_t anchors = 0; anchors < 2; anchors++) {
        put_full_list(w, anchors);
        world_stop(w);
        open_anchored(w);
        assert_int_equal(w->log->anchors->count, 0);
        assert_int_equal(w->log->anchors->piece_count, 0);
        /* However they came to be there. */
        w->log->anchors->piece_count = ANCHOR_PIECES;
        assert_true(cosigned(w, now));
        assert_int_equal(w->log->anchors->count, 1);
        assert_int_equal(w->log->anchors->piece_count, shelved);
    }
}

/* ---- the list ---- */

static tl_err read_list(const char *hex)
{
    size_t n;
    uint8_t *bytes = test_hex(hex, &n);
    struct anchors *a = calloc(1, sizeof *a);
    assert_non_null(a);
    tl_err err = anchors_read(a, slice_of(bytes, n));
    free(a);
    free(bytes);
    return err;
}

#define DIGEST "58200101010101010101010101010101010101010101010101010101010101010101"

static void test_list(void **state)
{
    (void)state;
    assert_ok(read_list("828080"));
    assert_ok(read_list("8281" DIGEST "8182058100"));
    assert_ok(read_list("8281" DIGEST "82820580820680"));
    static const char *const bad[] = {
        "",
        "80",
        "82808000",                     /* bytes behind it */
        "8281" DIGEST "8182008100",     /* of nothing */
        "8281" DIGEST "8182058101",     /* a piece that is not there */
        "8281" DIGEST "82820580820580", /* not ascending */
        "8281" DIGEST "82820580820480", /* the same */
        "82814100818205"
        "8100",                                             /* no digest */
        "828081820591000000000000000000000000000000000000", /* too many pieces of one */
        "829a0000000000010000"
        "80",
        "82809a0000000000010000",
        "82809880",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_err(read_list(bad[i]), TL_E_STORED);
    /* One more than there may be, of both. */
    buf b;
    struct anchors *a = calloc(1, sizeof *a);
    assert_non_null(a);
    for (int which = 0; which < 2; which++)
        for (size_t more = 0; more < 2; more++) {
            buf_init(&b, 100000);
            cbor_put_array(&b, 2);
            size_t pieces = which ? 1 : ANCHOR_PIECES + more;
            cbor_put_array(&b, pieces);
            for (size_t i = 0; i < pieces; i++)
                cbor_put_bytes(&b, hash_slice(&(hash32){{0}}));
            size_t count = which ? ANCHORS_MAX + more : 0;
            cbor_put_array(&b, count);
            for (size_t i = 0; i < count; i++) {
                cbor_put_array(&b, 2);
                cbor_put_uint(&b, i + 1);
                cbor_put_array(&b, 0);
            }
            assert_err(anchors_read(a, buf_slice(&b)), more ? TL_E_STORED : TL_OK);
            if (!more) { /* what was read is written so again */
                buf again;
                buf_init(&again, 100000);
                anchors_put(a, &again);
                assert_true(slice_eq(buf_slice(&again), buf_slice(&b)));
                buf_finish(&again);
            }
            buf_finish(&b);
        }
    /* SHELF_MAX pieces of one are as many as there are. */
    for (size_t more = 0; more < 2; more++) {
        buf_init(&b, 1000);
        cbor_put_array(&b, 2);
        cbor_put_array(&b, 1);
        cbor_put_bytes(&b, hash_slice(&(hash32){{0}}));
        cbor_put_array(&b, 1);
        cbor_put_array(&b, 2);
        cbor_put_uint(&b, 7);
        cbor_put_array(&b, SHELF_MAX + more);
        for (size_t k = 0; k < SHELF_MAX + more; k++)
            cbor_put_uint(&b, 0);
        assert_err(anchors_read(a, buf_slice(&b)), more ? TL_E_STORED : TL_OK);
        buf_finish(&b);
    }
    free(a);
}

/* ---- what the host does to them ---- */

/* Puts another note in the place of the one of that size, of the stopped log. */
static void host_note(struct world *w, uint64_t size, const buf *note)
{
    sqlite3 *db = host_open(w);
    sqlite3_stmt *st;
    char name[40];
    snprintf(name, sizeof name, "anchor/%llu", (unsigned long long)size);
    assert_int_equal(
        sqlite3_prepare_v2(db, "UPDATE meta SET value = ?1 WHERE name = ?2", -1, &st, NULL),
        SQLITE_OK);
    sqlite3_bind_blob(st, 1, note->p, (int)note->n, SQLITE_STATIC);
    sqlite3_bind_text(st, 2, name, -1, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(st), SQLITE_DONE);
    assert_int_equal(sqlite3_changes(db), 1);
    sqlite3_finalize(st);
    sqlite3_close(db);
}

/* A checkpoint of the log's own key: what its enclave alone can make. */
static void own_note(struct world *w, buf *b, uint64_t size, const hash32 *root)
{
    const struct log_keys *k = &w->log->keys;
    buf_init(b, NOTE_MAX);
    assert_ok(checkpoint_sign(b, slice_str(k->origin), size, root, &k->note_key, k->log_seed));
    fake_cosign(b, 1, now);
    fake_cosign(b, 2, now);
}

static void test_altered(void **state)
{
    struct world *w = *state;
    struct world copy;
    const hash32 other = {{1}};
    buf notes[6], kept;
    open_anchored(w);
    assert_true(cosigned(w, now));
    cosigned_note(w, &kept, now);
    hash32 root = tree_root(w->log->tree);
    fake_time = now + DAY;
    append_one(w, "alice", "one");
    assert_true(cosigned(w, now + DAY));
    uint64_t second = w->log->anchors->items[1].size;
    cosigned_note(w, &notes[5], now); /* of another size, and good */
    world_stop(w);
    world_copy(&copy, w);
    open_anchored(w);
    assert_int_equal(anchor_count(w), 2);
    assert_int_equal(w->log->anchors->items[0].size, 1);
    assert_true(w->log->anchors->items[0].time == now);
    assert_true(w->log->anchors->items[1].time == now + DAY);
    own_note(w, &notes[0], 1, &other);       /* of another tree */
    own_note(w, &notes[1], second, &root);   /* of another size */
    own_note(w, &notes[2], 1u << 20, &root); /* of one that never was */
    buf_init(&notes[3], NOTE_MAX);           /* another's */
    fake_checkpoint(&notes[3], "test/log", 7, 1, &root);
    fake_cosign(&notes[3], 1, now);
    fake_cosign(&notes[3], 2, now);
    buf_init(&notes[4], NOTE_MAX);
    buf_str(&notes[4], "no note");
    world_stop(w);
    for (size_t i = 0; i < 6; i++) {
        world_restore(w, &copy);
        host_note(w, 1, &notes[i]);
        open_anchored(w);
        assert_int_equal(anchor_count(w), 1);
        assert_int_equal(w->log->anchors->items[0].size, second);
        world_stop(w);
        buf_finish(&notes[i]);
    }
    /* The log's own, whose quorum is not one, or fails: it dates nothing, and is kept. */
    for (int bad = 0; bad < 2; bad++) {
        buf b;
        buf_init(&b, NOTE_MAX);
        buf_bytes(&b, buf_slice(&kept));
        if (bad)
            b.p[b.n - 20] = b.p[b.n - 20] == 'A' ? 'B' : 'A';
        else
            b.n = (size_t)((uint8_t *)memrchr(b.p, '\n', b.n - 1) - b.p) + 1;
        world_restore(w, &copy);
        host_note(w, 1, &b);
        open_anchored(w);
        assert_int_equal(anchor_count(w), 2);
        assert_true(w->log->anchors->items[0].time == 0);
        world_stop(w);
        buf_finish(&b);
    }
    /* The list itself. */
    static const char *const changes[] = {
        "UPDATE meta SET value = x'00' WHERE name = 'anchors'",
        "DELETE FROM meta WHERE name = 'anchors'",
        "DELETE FROM meta WHERE name LIKE 'anchor/%'",
    };
    for (size_t i = 0; i < 3; i++) {
        world_restore(w, &copy);
        host_sql(w, changes[i]);
        open_anchored(w);
        assert_int_equal(anchor_count(w), 0);
        assert_true(cosigned(w, now + 2 * DAY)); /* and it goes on */
        assert_int_equal(anchor_count(w), 1);
        world_stop(w);
    }
    buf_finish(&kept);
    world_finish(&copy);
}

/* ---- many ---- */

static void test_many(void **state)
{
    struct world *w = *state;
    open_anchored(w);
    struct anchors *a = w->log->anchors;
    for (size_t i = 0; i < ANCHORS_MAX; i++) {
        fake_time = now + i * 10 * DAY;
        assert_true(cosigned(w, fake_time));
        append_one(w, i % 2 ? "bob" : "alice", "x");
        a->first = a->last = w->log->next_index; /* as if a session had come */
        append_one(w, i % 2 ? "bob" : "alice", "x");
    }
    assert_int_equal(a->count, ANCHORS_MAX);
    assert_int_equal(a->piece_count, ANCHORS_MAX); /* one each */
    /* Two that are close: of them the later one stays. */
    uint64_t last = a->items[ANCHORS_MAX - 1].size;
    fake_time += HOUR;
    (void)cosigned(w, fake_time);
    assert_int_equal(a->count, ANCHORS_MAX);
    assert_true(a->items[ANCHORS_MAX - 1].size > last);
    append_one(w, "bob", "x");
    a->first = a->last = w->log->next_index;
    append_one(w, "bob", "x");
    fake_time += 10 * DAY;
    (void)cosigned(w, fake_time);
    assert_int_equal(a->count, ANCHORS_MAX);
    for (size_t i = 0; i < a->count; i++)
        assert_true(a->items[i].size != last);
    assert_true(a->piece_count <= ANCHORS_MAX);
    uint64_t sizes[ANCHORS_MAX];
    for (size_t i = 0; i < ANCHORS_MAX; i++)
        sizes[i] = a->items[i].size;
    world_stop(w);
    /* No row of those that went is left. */
    assert_int_equal(host_int(w, "SELECT count(*) FROM meta WHERE name LIKE 'anchor/%'"),
                     ANCHORS_MAX);
    open_anchored(w);
    assert_int_equal(anchor_count(w), ANCHORS_MAX);
    for (size_t i = 0; i < ANCHORS_MAX; i++)
        assert_int_equal(w->log->anchors->items[i].size, sizes[i]);
}

/* ---- what a bundle makes of them ---- */

/* Three boots, 40 days apart, each with a session; collateral is good for 30 days. Sizes of the
 * anchors: sizes[0..2]. */
static void three_boots(struct world *w, uint64_t sizes[3])
{
    for (size_t i = 0; i < 3; i++) {
        fake_time = now + i * 40 * DAY;
        open_anchored(w);
        append_one(w, "alice", "one");
        if (i == 0)
            world_pin(w);
        assert_true(cosigned(w, fake_time));
        sizes[i] = w->log->anchors->items[i].size;
        if (i < 2)
            world_stop(w);
    }
}

static void test_dates(void **state)
{
    struct world *w = *state;
    uint64_t sizes[3];
    three_boots(w, sizes);
    /* Each with the collateral of its time. The last anchor is before the header's time. */
    expect(w, fake_time + HOUR, sizes, 3, 3, TEELOG_TRUSTED);
    /* After a restart. */
    world_stop(w);
    fake_time += 20 * DAY;
    open_anchored(w);
    append_one(w, "bob", "two");
    expect(w, fake_time, sizes, 3, 4, TEELOG_TRUSTED);
    /* A header without a quorum dates nothing, and the anchors what they include. */
    expect(w, 0, sizes, 3, 4, TEELOG_REJECTED);
    /* The verifier takes the earliest time over a checkpoint, of whichever size. */
    expect(w, now, sizes, 1, 1, TEELOG_TRUSTED);
    /* One agent's chain, and records, from anchors that include them. */
    size_t n;
    uint8_t *p =
        export_at(w, (struct log_export_options){.agent = slice_str("alice")}, fake_time, &n);
    assert_int_equal(judge(w, p, n, now + LATER * DAY), TEELOG_TRUSTED);
    free(p);
    p = export_at(w, (struct log_export_options){.has_range = true, .from = 2, .to = 3}, fake_time,
                  &n);
    struct found f = look(p, n);
    assert_int_equal(f.anchors, 3);
    assert_int_equal(f.pieces, 1);
    assert_int_equal(judge(w, p, n, now + LATER * DAY), TEELOG_TRUSTED);
    free(p);
}

/* Without its collateral an anchor is not taken, and what it would have dated is the next one's. */
static void test_collateral_gone(void **state)
{
    struct world *w = *state;
    struct world copy;
    uint64_t sizes[3];
    char sql[300], hex[65];
    three_boots(w, sizes);
    hash32 second = w->log->anchors->pieces[1].piece.digest,
           third = w->log->anchors->pieces[2].piece.digest;
    world_stop(w);
    world_copy(&copy, w);
    static const char *const changes[] = {
        "DELETE FROM evidence WHERE digest = x'%s'",
        "UPDATE evidence SET item = x'00' WHERE digest = x'%s'",
        /* As good as it was, and not what it was. */
        "UPDATE evidence SET item = CAST(CAST(item AS TEXT) || ' ' AS BLOB) WHERE digest = x'%s'",
    };
    for (size_t change = 0; change < 3; change++) {
        world_restore(w, &copy);
        hex_text(hex, second.b, 32);
        buf statement;
        buf_init_fixed(&statement, (uint8_t *)sql, sizeof sql);
        const char *at = strstr(changes[change], "%s");
        buf_bytes(&statement, slice_of(changes[change], (size_t)(at - changes[change])));
        buf_printf(&statement, "%s%s", hex, at + 2);
        buf_u8(&statement, 0);
        assert_ok(buf_err(&statement));
        host_sql(w, sql);
        open_anchored(w);
        const uint64_t left[] = {sizes[0], sizes[2]};
        expect(w, fake_time + HOUR, left, 2, 2, TEELOG_TRUSTED);
        world_stop(w);
    }
    /* In the place of one the collateral of another time: its row is its digest's. */
    char other[65];
    world_restore(w, &copy);
    hex_text(other, third.b, 32);
    snprintf(sql, sizeof sql,
             "UPDATE evidence SET item = (SELECT item FROM evidence WHERE digest = x'%s') "
             "WHERE digest = x'%s'",
             other, hex);
    host_sql(w, sql);
    open_anchored(w);
    const uint64_t left[] = {sizes[0], sizes[2]};
    expect(w, fake_time + HOUR, left, 2, 2, TEELOG_TRUSTED);
    /* Where it was there and is no more, the shelf's goes in its place. */
    world_stop(w);
    world_restore(w, &copy);
    open_anchored(w);
    expect(w, fake_time + HOUR, sizes, 3, 3, TEELOG_TRUSTED);
    struct call c = {.log = w->log};
    assert_ok(owner_call(w->log, poison, &c, true));
    assert_ok(c.err);
    expect(w, fake_time + HOUR, sizes, 3, 2, TEELOG_REJECTED);
    w->log->anchors->pieces[1].piece.digest.b[0] ^= 1;
    expect(w, fake_time + HOUR, sizes, 3, 2, TEELOG_REJECTED);
    world_stop(w);
    world_finish(&copy);
}

/* Of anchors whose times do not ascend the first counts. */
static void test_times_ascend(void **state)
{
    struct world *w = *state;
    open_anchored(w);
    append_one(w, "alice", "one");
    world_pin(w);
    assert_true(cosigned(w, now + DAY));
    uint64_t first = anchor_count(w) ? w->log->anchors->items[0].size : 0;
    world_stop(w);
    open_anchored(w);
    append_one(w, "alice", "two");
    assert_true(cosigned(w, now + HOUR)); /* witnesses whose clocks are behind */
    world_stop(w);
    open_anchored(w);
    append_one(w, "alice", "three");
    assert_int_equal(anchor_count(w), 2);
    expect(w, now + 2 * DAY, &first, 1, 1, TEELOG_TRUSTED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_due),          TEST(test_unwitnessed),
        TEST(test_full),         cmocka_unit_test(test_list),
        TEST(test_altered),      TEST(test_many),
        TEST(test_dates),        TEST(test_collateral_gone),
        TEST(test_times_ascend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
