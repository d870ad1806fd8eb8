#include "faults.h"
#include "tlog/bundle.h"

static json_t *vectors;
static struct bytes good;
/* The items of the good bundle, in order: 2 evidence, 3 leaves, 6 proofs, 2
 * anchors, a fresh answer after the header. */
#define ITEMS 15

static int load(void **state)
{
    (void)state;
    vectors = vector_file(test_source("vectors/bundle.json"));
    good = bytes_of(vectors, "bundle");
    return 0;
}

static int unload(void **state)
{
    (void)state;
    json_decref(vectors);
    free(good.p);
    return 0;
}

/* A source that gives at most some bytes at a time, and may fail. */
struct trickle {
    slice rest;
    size_t at_most, calls;
    size_t fail_at; /* call number; 0 never */
};

static tl_err trickle_read(void *ctx, uint8_t *out, size_t cap, size_t *got)
{
    struct trickle *t = ctx;
    if (++t->calls == t->fail_at)
        return TL_E_IO;
    return slice_source_read(&t->rest, out, cap < t->at_most ? cap : t->at_most, got);
}

static struct byte_source trickle_source(struct trickle *t)
{
    return (struct byte_source){trickle_read, t};
}

/* Reads to the end or an error; counts the items given, and writes them again
 * to again where that is not NULL. */
static tl_err read_all(struct byte_source source, size_t *items, buf *again)
{
    struct bundle_reader *r = NULL;
    static struct bundle_item item, before;
    *items = 0;
    tl_err err = bundle_reader_new(&r, source);
    while (err == TL_OK) {
        bool more = true;
        memset(&item, 0xa5, sizeof item);
        memcpy(&before, &item, sizeof item);
        err = bundle_next(r, &item, &more);
        if (err != TL_OK || !more) {
            assert_memory_equal(&item, &before, sizeof item);
            assert_int_equal(more, err != TL_OK); /* untouched on failure */
            break;
        }
        ++*items;
        if (again)
            bundle_item_put(again, &item);
    }
    if (r) { /* what it said last it says again */
        bool more = false;
        assert_err(bundle_next(r, &item, &more), err);
        assert_false(more);
    }
    bundle_reader_free(r);
    return err;
}

static tl_err read_slice(slice s, size_t *items)
{
    return read_all((struct byte_source){slice_source_read, &s}, items, NULL);
}

/* By bytes at a time of every size, with the same outcome. */
static void reads_and_writes(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 3, 7, 100, 1000, 65536};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct trickle t = {.rest = bytes_slice(good), .at_most = sizes[i]};
        size_t items;
        buf again;
        buf_init(&again, good.n);
        assert_ok(read_all(trickle_source(&t), &items, &again));
        assert_int_equal(items, ITEMS);
        assert_ok(buf_err(&again));
        assert_slice(buf_slice(&again), bytes_slice(good));
        buf_finish(&again);
    }
}

/* Calls see() with each item of the good bundle. */
static void each_item(void (*see)(size_t i, const struct bundle_item *item))
{
    slice s = bytes_slice(good);
    struct bundle_reader *r = NULL;
    static struct bundle_item item;
    bool more = true;
    assert_ok(bundle_reader_new(&r, (struct byte_source){slice_source_read, &s}));
    for (size_t i = 0; more; i++) {
        assert_ok(bundle_next(r, &item, &more));
        if (more)
            see(i, &item);
    }
    bundle_reader_free(r);
}

static void check_path(const hash32 *path, size_t count, size_t want)
{
    static const char *const hex[] = {"path 0", "path 1"};
    assert_int_equal(count, want);
    for (size_t i = 0; i < count && i < 2; i++)
        assert_hex(hash_slice(&path[i]), vector_str(vectors, hex[i]));
}

static void check_header(const struct bundle_item *item)
{
    assert_int_equal(item->u.header.scope, SCOPE_CHAIN);
    assert_hex(item->u.header.checkpoint, vector_str(vectors, "checkpoint"));
    assert_int_equal(item->u.header.evidence_count, 2);
    assert_int_equal(item->u.header.leaf_count, 3);
    assert_int_equal(item->u.header.proof_count, 6);
    assert_int_equal(item->u.header.anchor_count, 2);
}

static void check_evidence(size_t i, const struct bundle_item *item)
{
    hash32 digest = sha256(item->u.evidence.item);
    assert_true(hash_eq(&digest, &item->u.evidence.digest));
    if (i == 0)
        assert_null(item->u.evidence.collateral.p);
    else
        assert_slice(item->u.evidence.collateral, slice_str("collateral"));
}

static void check_leaf(size_t i, const struct bundle_item *item)
{
    const json_t *leaf = json_array_get(vector_member(vectors, "leaves"), i);
    assert_int_equal(item->u.leaf.index, json_integer_value(json_array_get(leaf, 1)));
    assert_hex(item->u.leaf.statement, json_string_value(json_array_get(leaf, 2)));
    if (i == 2)
        assert_null(item->u.leaf.body.p);
    else
        assert_hex(item->u.leaf.body, json_string_value(json_array_get(leaf, 3)));
}

static void check_proof(size_t i, const struct bundle_item *item)
{
    static const struct {
        enum bundle_proof type;
        uint64_t n;
        const char *name; /* of a fill or a subject */
        size_t path_count;
    } want[] = {
        {PROOF_FILL, 2, "fill 2", 0},
        {PROOF_FILL, 2, "fill 4", 0},
        {PROOF_CONSISTENCY, 1, NULL, 2},
        {PROOF_CONSISTENCY, 3, NULL, 0},
        {PROOF_HEAD, 5, "agent:alpha@example", 1},
        {PROOF_HEAD, 5, "log.example/teelog-1", 2},
    };
    assert_int_equal(item->u.proof.number, i);
    assert_int_equal(item->u.proof.type, want[i].type);
    assert_int_equal(item->u.proof.n, want[i].n);
    if (want[i].type == PROOF_FILL) {
        assert_int_equal(item->u.proof.level, i);
        assert_hex(hash_slice(&item->u.proof.hash), vector_str(vectors, want[i].name));
        return;
    }
    check_path(item->u.proof.path, item->u.proof.path_count, want[i].path_count);
    if (want[i].type == PROOF_HEAD) {
        assert_slice(item->u.proof.subject, slice_str(want[i].name));
        assert_int_equal(item->u.proof.position, i - 4);
    }
}

static void check_anchor(size_t i, const struct bundle_item *item)
{
    assert_int_equal(item->u.anchor.size, i == 0 ? 2 : 4);
    assert_hex(item->u.anchor.checkpoint, vector_str(vectors, "checkpoint"));
    check_path(item->u.anchor.path, item->u.anchor.path_count, i == 0 ? 2 : 0);
}

static void check_fresh(const struct bundle_item *item)
{
    const struct fresh *f = &item->u.fresh.answer;
    const char *evidence = json_string_value(json_array_get(vector_member(vectors, "items"), 2));
    char hex[65];
    memcpy(hex, evidence + 8, 64); /* after its array, kind and head: the digest */
    hex[64] = 0;
    assert_hex(hash_slice(&item->u.fresh.evidence), hex);
    assert_int_equal(f->mode, FRESH_FROZEN);
    assert_true(f->has_cosigned);
    assert_int_equal(f->cosigned, 4);
    assert_slice(f->agent, slice_str("agent:alpha@example"));
    assert_int_equal(f->count, 3);
    assert_hex(hash_slice(&f->last), vector_str(vectors, "last hash"));
    assert_hex(f->nonce, vector_str(vectors, "nonce"));
}

static void check_item(size_t i, const struct bundle_item *item)
{
    static const enum bundle_kind kind[ITEMS] = {
        BUNDLE_HEADER, BUNDLE_EVIDENCE, BUNDLE_EVIDENCE, BUNDLE_LEAF,   BUNDLE_LEAF,
        BUNDLE_LEAF,   BUNDLE_PROOF,    BUNDLE_PROOF,    BUNDLE_PROOF,  BUNDLE_PROOF,
        BUNDLE_PROOF,  BUNDLE_PROOF,    BUNDLE_ANCHOR,   BUNDLE_ANCHOR, BUNDLE_FRESH,
    };
    assert_int_equal(item->kind, kind[i]);
    if (i == 0)
        check_header(item);
    else if (i <= 2)
        check_evidence(i - 1, item);
    else if (i <= 5)
        check_leaf(i - 3, item);
    else if (i <= 11)
        check_proof(i - 6, item);
    else if (i <= 13)
        check_anchor(i - 12, item);
    else
        check_fresh(item);
}

static void items_hold_what_was_written(void **state)
{
    (void)state;
    each_item(check_item);
}

/* What an answer may leave out, each way, and the lengths of nonces. */
static void fresh_answers_of_each_form(void **state)
{
    (void)state;
    static const uint8_t nonce[FRESH_NONCE_MAX] = {1, 2, 3};
    static const struct fresh forms[] = {
        {.mode = FRESH_UNWITNESSED, .nonce = {nonce, 16}},
        {.mode = FRESH_FENCED, .has_cosigned = true, .nonce = {nonce, 64}},
        {.mode = FRESH_DEGRADED, .agent = {(const uint8_t *)"a", 1}, .nonce = {nonce, 17}},
        {.mode = FRESH_FROZEN,
         .has_cosigned = true,
         .cosigned = TL_INT_MAX,
         .agent = {(const uint8_t *)"a", 1},
         .count = TL_INT_MAX,
         .last = {{9}},
         .nonce = {nonce, 32}},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        buf b;
        struct fresh got;
        buf_init(&b, 4096);
        fresh_put(&b, &forms[i]);
        assert_ok(buf_err(&b));
        cbor c = cbor_of(buf_slice(&b));
        fresh_read(&c, &got);
        assert_ok(cbor_end(&c));
        assert_int_equal(got.mode, forms[i].mode);
        assert_int_equal(got.has_cosigned, forms[i].has_cosigned);
        assert_int_equal(got.cosigned, forms[i].cosigned);
        assert_int_equal(got.agent.p == NULL, forms[i].agent.p == NULL);
        assert_slice(got.agent, forms[i].agent);
        assert_int_equal(got.count, forms[i].count);
        if (got.count)
            assert_true(hash_eq(&got.last, &forms[i].last));
        assert_slice(got.nonce, forms[i].nonce);
        buf_finish(&b);
    }
}

static void nonces_in_hex(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        size_t n; /* 0: refused */
    } tries[] = {
        {"", 0},
        {"000102030405060708090a0b0c0d0e", 0},
        {"000102030405060708090a0b0c0d0e0", 0},
        {"000102030405060708090a0b0c0d0e0f", 16},
        {"000102030405060708090A0B0C0D0E0F10", 17},
        {"000102030405060708090a0b0c0d0e0f1", 0},
        {"000102030405060708090a0b0c0d0e0g", 0},
        {" 00102030405060708090a0b0c0d0e0f", 0},
    };
    char longest[132];
    uint8_t out[FRESH_NONCE_MAX + 1];
    size_t n = 99;
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        memset(out, 0xee, sizeof out);
        tl_err err = fresh_nonce_read(out, &n, slice_str(tries[i].hex));
        if (tries[i].n == 0) {
            assert_err(err, TL_E_ENCODING);
            continue;
        }
        assert_ok(err);
        assert_int_equal(n, tries[i].n);
        for (size_t k = 0; k < n; k++)
            assert_int_equal(out[k], k);
    }
    memset(longest, 'a', sizeof longest);
    longest[128] = 0;
    assert_ok(fresh_nonce_read(out, &n, slice_str(longest)));
    assert_int_equal(n, 64);
    memset(out, 0xee, sizeof out);
    longest[128] = 'a';
    longest[130] = 0;
    assert_err(fresh_nonce_read(out, &n, slice_str(longest)), TL_E_ENCODING);
    assert_int_equal(out[64], 0xee);
}

/* It may be absent: the header does not count it. */
static void fresh_answer_may_be_absent(void **state)
{
    (void)state;
    const json_t *list = vector_member(vectors, "items");
    size_t items, last = strlen(json_string_value(json_array_get(list, ITEMS - 1))) / 2;
    assert_ok(read_slice(slice_of(good.p, good.n - last), &items));
    assert_int_equal(items, ITEMS - 1);
}

static tl_err fault_error(slice s, const json_t *fault)
{
    size_t items;
    tl_err err = read_slice(s, &items);
    if (items != vector_int(fault, "items"))
        fail_msg("%s: after %zu items", vector_str(fault, "name"), items);
    return err;
}

static void refuses_faults(void **state)
{
    (void)state;
    json_t *v = vector_file(test_source("vectors/bundle_refused.json"));
    check_faults(v, 500, fault_error);
    json_decref(v);
}

/* Between two items it is the counts that tell, within one the item. */
static void refuses_every_cut(void **state)
{
    (void)state;
    const json_t *list = vector_member(vectors, "items");
    size_t ends[ITEMS], whole = 0;
    for (size_t i = 0, at = 0; i < ITEMS; i++)
        ends[i] = at += strlen(json_string_value(json_array_get(list, i))) / 2;
    for (size_t n = 0; n < good.n; n++) {
        while (ends[whole] <= n)
            whole++;
        struct bytes cut = bytes_copy(slice_of(good.p, n));
        size_t items;
        bool between = n == 0 || (whole > 0 && ends[whole - 1] == n);
        tl_err want = between ? TL_E_BUNDLE : TL_E_SHORT;
        if (n == ends[ITEMS - 2]) /* before the fresh answer, which nothing promises */
            want = TL_OK;
        assert_err(read_slice(bytes_slice(cut), &items), want);
        assert_int_equal(items, whole);
        free(cut.p);
    }
}

static void put_header(buf *b, uint64_t leaves)
{
    struct bundle_item h = {.kind = BUNDLE_HEADER};
    h.u.header.checkpoint = slice_str("checkpoint");
    h.u.header.leaf_count = leaves;
    bundle_item_put(b, &h);
}

/* A leaf item of exactly size bytes, mostly body. */
static void put_leaf(buf *b, uint64_t index, size_t size)
{
    static uint8_t zeros[BUNDLE_ITEM_MAX + 1];
    struct bundle_item leaf = {.kind = BUNDLE_LEAF};
    buf front;
    buf_init(&front, 64);
    leaf.u.leaf.index = index;
    leaf.u.leaf.statement = slice_str("statement");
    leaf.u.leaf.body = slice_of(zeros, 0);
    bundle_item_put(&front, &leaf);
    size_t head = size < 200 ? 1 : size < 60000 ? 2 : 4; /* more than for an empty body */
    leaf.u.leaf.body.n = size - front.n - head;
    buf_finish(&front);
    size_t before = b->n;
    bundle_item_put(b, &leaf);
    assert_ok(buf_err(b));
    assert_int_equal(b->n - before, size);
}

static void items_up_to_the_limit(void **state)
{
    (void)state;
    static const struct {
        size_t size;
        tl_err err;
        size_t items;
    } tries[] = {
        {BUNDLE_ITEM_MAX - 1, TL_OK, 4},
        {BUNDLE_ITEM_MAX, TL_OK, 4},
        {BUNDLE_ITEM_MAX + 1, TL_E_BUNDLE, 2},
    };
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        buf b;
        size_t items;
        buf_init(&b, 2 * BUNDLE_ITEM_MAX);
        put_header(&b, 3);
        put_leaf(&b, 0, 100);
        put_leaf(&b, 1, tries[i].size);
        put_leaf(&b, 2, 50000);
        struct trickle t = {.rest = buf_slice(&b), .at_most = 10000};
        assert_err(read_all(trickle_source(&t), &items, NULL), tries[i].err);
        assert_int_equal(items, tries[i].items);
        buf_finish(&b);
    }
}

/* A length that is never kept costs a bounded read, not a wait for its bytes. */
static void claims_of_length_are_not_believed(void **state)
{
    (void)state;
    static const char *const claims[] = {
        "8402005affffffff",                                       /* a statement of 4 GiB */
        "8402005b7fffffffffffffff",                               /* and of 2^63 */
        "8402005b00000000ffffffff", "840401409b001fffffffffffff", /* a path of 2^53 hashes */
    };
    size_t n = BUNDLE_ITEM_MAX + 1024;
    uint8_t *zeros = calloc(1, n);
    assert_non_null(zeros);
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        size_t claim_n;
        uint8_t *claim = test_hex(claims[i], &claim_n);
        buf b;
        buf_init(&b, 2 * n);
        put_header(&b, 1);
        buf_bytes(&b, slice_of(claim, claim_n));
        size_t items;
        assert_err(read_slice(buf_slice(&b), &items), i == 2 ? TL_E_CBOR : TL_E_SHORT);
        buf_bytes(&b, slice_of(zeros, n));
        assert_err(read_slice(buf_slice(&b), &items), i == 2 ? TL_E_CBOR : TL_E_BUNDLE);
        assert_int_equal(items, 1);
        buf_finish(&b);
        free(claim);
    }
    free(zeros);
}

/* Slices of an item stay good until the next, whatever moves in between, and
 * many items of many sizes go through one buffer. */
static void items_slide_through_the_buffer(void **state)
{
    (void)state;
    enum { LEAVES = 400 };
    buf b, again;
    buf_init(&b, 64u << 20);
    buf_init(&again, 64u << 20);
    put_header(&b, LEAVES);
    for (size_t i = 0; i < LEAVES; i++)
        put_leaf(&b, i,
                 100 + (i * 7919 % 97) * (i % 10 == 9 ? 900 : 1) + (i % 10 == 9 ? 70000 : 0));
    struct trickle t = {.rest = buf_slice(&b), .at_most = 4093};
    size_t items;
    assert_ok(read_all(trickle_source(&t), &items, &again));
    assert_int_equal(items, LEAVES + 1);
    assert_slice(buf_slice(&again), buf_slice(&b));
    buf_finish(&b);
    buf_finish(&again);
}

/* An item that grows to the limit is read again a few times, not for each piece
 * of it: the reads are whole buffers. */
static void large_items_take_few_reads(void **state)
{
    (void)state;
    buf b;
    buf_init(&b, 2 * BUNDLE_ITEM_MAX);
    put_header(&b, 1);
    put_leaf(&b, 0, BUNDLE_ITEM_MAX);
    struct trickle t = {.rest = buf_slice(&b), .at_most = SIZE_MAX};
    size_t items;
    assert_ok(read_all(trickle_source(&t), &items, NULL));
    assert_in_range(t.calls, 2, 12);
    buf_finish(&b);
}

static void a_failing_source_is_reported(void **state)
{
    (void)state;
    for (size_t at = 1; at < 30; at++) {
        struct trickle t = {.rest = bytes_slice(good), .at_most = 100, .fail_at = at};
        size_t items;
        bool fails = at <= (good.n + 99) / 100 + 1;
        assert_err(read_all(trickle_source(&t), &items, NULL), fails ? TL_E_IO : TL_OK);
    }
}

static void survives_failed_allocations(void **state)
{
    (void)state;
    buf b;
    buf_init(&b, 2 * BUNDLE_ITEM_MAX);
    put_header(&b, 2);
    put_leaf(&b, 0, 100);
    put_leaf(&b, 1, BUNDLE_ITEM_MAX);
    size_t n = 1, items;
    for (bool failed = true; failed; n++) {
        test_fail_alloc(n);
        slice s = buf_slice(&b);
        tl_err err = read_slice(s, &items);
        failed = test_alloc_failed();
        test_fail_alloc(0);
        assert_err(err, failed ? TL_E_MEMORY : TL_OK);
    }
    assert_in_range(n, 9, 12); /* the reader, and its buffer from 64 KiB to its limit */
    buf_finish(&b);
    for (n = 1;; n++) {
        buf_init(&b, good.n);
        struct bundle_item item = {.kind = BUNDLE_EVIDENCE};
        item.u.evidence.item = bytes_slice(good);
        item.u.evidence.item.n /= 2;
        test_fail_alloc(n);
        bundle_item_put(&b, &item);
        bool failed = test_alloc_failed();
        test_fail_alloc(0);
        assert_err(buf_err(&b), failed ? TL_E_MEMORY : TL_OK);
        buf_finish(&b);
        if (!failed)
            break;
    }
    assert_true(n > 1);
    bundle_reader_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes),
        cmocka_unit_test(items_hold_what_was_written),
        cmocka_unit_test(fresh_answers_of_each_form),
        cmocka_unit_test(nonces_in_hex),
        cmocka_unit_test(fresh_answer_may_be_absent),
        cmocka_unit_test(refuses_faults),
        cmocka_unit_test(refuses_every_cut),
        cmocka_unit_test(items_up_to_the_limit),
        cmocka_unit_test(claims_of_length_are_not_believed),
        cmocka_unit_test(items_slide_through_the_buffer),
        cmocka_unit_test(large_items_take_few_reads),
        cmocka_unit_test(a_failing_source_is_reported),
        cmocka_unit_test(survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
