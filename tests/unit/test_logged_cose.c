/* Transparent statements and receipts of consistency, as a caller has them judged. */
#include "fakelogged.h"

#include "tlog/transparent.h"

static buf kept[TRANSPARENT_RECEIPTS + 1]; /* receipts */
static buf older;

static int set_up_more(void **state)
{
    for (size_t i = 0; i < TRANSPARENT_RECEIPTS + 1; i++)
        buf_init(&kept[i], 2 * RECEIPT_MAX);
    buf_init(&older, NOTE_MAX);
    return set_up(state);
}

static int tear_down_more(void **state)
{
    for (size_t i = 0; i < TRANSPARENT_RECEIPTS + 1; i++)
        buf_finish(&kept[i]);
    buf_finish(&older);
    return tear_down(state);
}

/* The statement of a leaf with the first receipts that are kept, into proof. */
static void carry(slice statement, size_t count)
{
    struct cose_sign1 s;
    assert_ok(cose_sign1_read(&s, statement));
    buf_reset(&proof);
    cbor_put_tag(&proof, 18);
    cbor_put_array(&proof, 4);
    cbor_put_bytes(&proof, s.protected_header);
    cbor_put_map(&proof, 1);
    cbor_put_int(&proof, 394);
    cbor_put_array(&proof, count);
    for (size_t i = 0; i < count; i++)
        cbor_put_bytes(&proof, buf_slice(&kept[i]));
    cbor_put_bytes(&proof, s.payload);
    cbor_put_bytes(&proof, s.signature);
    assert_ok(buf_err(&proof));
}

static void keep(size_t at, struct es256_key *by, const char *subject)
{
    receipt(by, log_->origin, subject, 3);
    buf_reset(&kept[at]);
    buf_bytes(&kept[at], buf_slice(&proof));
}

static void keep_text(size_t at, const char *text)
{
    buf_reset(&kept[at]);
    buf_str(&kept[at], text);
}

/* An error of this verdict; of none, where what is brought is not enough. */
static void expect_bad(enum teelog_verdict want, const char *words)
{
    struct teelog_logged_options o = options(nothing);
    expect(&o, want, words);
}

static void transparent(void **state)
{
    (void)state;
    slice statement = log_->leaves[3].statement;
    struct transparent t;
    uint8_t mem[2000];
    buf b;
    key_set(service, stranger);
    trust_log(&log_->log_key, "quorum none\n");
    keep(0, service, "a");
    carry(statement, 1);
    expect_bad(TEELOG_TRUSTED, "LOGGED: the entry is in the tree that the log has signed");
    expect_bad(TEELOG_TRUSTED, "index 3 of size 5\nentry: ");
    struct teelog_logged_options o = with_set(options(nothing));
    expect(&o, TEELOG_UNPINNED, "UNPINNED: signed by a key of the set that you brought; nothing");
    o = options(nothing);
    o.tlog_policy.p = NULL;
    expect(&o, TEELOG_UNPINNED, "UNPINNED: ");
    o = options(nothing);
    o.service = NULL;
    unusable(&o, TL_E_USAGE, "needs the service's keys");
    o = options(statement);
    unusable(&o, TL_E_USAGE, "is the entry");
    o = options(nothing);
    o.since = of(statement);
    unusable(&o, TL_E_USAGE, "goes with a receipt of consistency alone");
    /* What was logged has no receipts in it. */
    assert_ok(transparent_read(&t, buf_slice(&proof)));
    assert_int_equal(t.count, 1);
    buf_init_fixed(&b, mem, sizeof mem);
    transparent_statement_put(&b, &t);
    assert_true(slice_eq(buf_slice(&b), statement));
    buf_reset(&b);
    transparent_put(&b, &t);
    assert_true(slice_eq(buf_slice(&b), buf_slice(&proof)));
    trust_quorum();
    expect_bad(TEELOG_REJECTED, "a receipt has no cosignatures");
    trust_log(&log_->log_key, "quorum none\n");
    carry(log_->leaves[2].statement, 1);
    expect_bad(TEELOG_REJECTED, "the receipt's signature does not verify for this entry");
    keep(0, service, "b");
    carry(statement, 1);
    expect_bad(TEELOG_REJECTED, "about another subject");
    buf_reset(&keys);
    buf_str(&keys, "no set");
    o = with_set(options(nothing));
    unusable(&o, TL_E_USAGE, "no COSE_KeySet");
}

/* Each bit of it matters. */
static void every_bit(void **state)
{
    (void)state;
    key_set(service, stranger);
    trust_log(&log_->log_key, "quorum none\n");
    keep(0, service, "a");
    carry(log_->leaves[3].statement, 1);
    for (size_t bit = 0; bit < 8 * proof.n; bit++) {
        struct teelog_logged *l = NULL;
        struct teelog_logged_options o = options(nothing);
        proof.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_ok(teelog_logged_verify(&l, &o, NULL, 0));
        if (teelog_logged_verdict(l) != TEELOG_REJECTED)
            fail_msg("bit %zu does not matter", bit);
        teelog_logged_free(l);
        proof.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void several_receipts(void **state)
{
    (void)state;
    slice statement = log_->leaves[3].statement;
    key_set(service, service);
    trust_log(&log_->log_key, "quorum none\n");
    /* Beside ours others of keys that nobody here knows, and of other forms. */
    keep(0, stranger, "a");
    keep_text(1, "of another kind");
    keep(2, service, "a");
    carry(statement, 3);
    expect_bad(TEELOG_TRUSTED, "LOGGED");
    keep(3, service, "a");
    carry(statement, 4);
    expect_bad(TEELOG_TRUSTED, "LOGGED");
    kept[3].p[kept[3].n - 1] ^= 1;
    carry(statement, 4);
    expect_bad(TEELOG_REJECTED, "signature does not verify");
    carry(statement, 2);
    expect_bad(TEELOG_REJECTED, "none of the statement's receipts");
    /* As many as are read, and one more; and none. */
    for (size_t i = 0; i <= TRANSPARENT_RECEIPTS; i++)
        keep(i, service, "a");
    carry(statement, TRANSPARENT_RECEIPTS);
    expect_bad(TEELOG_TRUSTED, "LOGGED");
    carry(statement, TRANSPARENT_RECEIPTS + 1);
    expect_bad(TEELOG_REJECTED, "neither a tlog-proof, nor a COSE receipt, nor a transparent");
    carry(statement, 0);
    expect_bad(TEELOG_REJECTED, "nor a transparent statement");
}

static void put_long(size_t payload)
{
    static uint8_t filler[TRANSPARENT_MAX], signature[64];
    buf_reset(&proof);
    cbor_put_tag(&proof, 18);
    cbor_put_array(&proof, 4);
    cbor_put_bytes(&proof, nothing);
    cbor_put_map(&proof, 1);
    cbor_put_int(&proof, 394);
    cbor_put_array(&proof, 1);
    cbor_put_bytes(&proof, nothing);
    cbor_put_bytes(&proof, slice_of(filler, payload));
    cbor_put_bytes(&proof, SLICE_ARRAY(signature));
    assert_ok(buf_err(&proof));
}

static void bounds(void **state)
{
    (void)state;
    key_set(service, stranger);
    trust_log(&log_->log_key, "quorum none\n");
    const size_t around = 1 + 1 + 1 + 1 + 3 + 2 + 66; /* and the head of the payload */
    put_long(STATEMENT_MAX - 1 - 1 - 1 - 1 - 66 - 3);
    expect_bad(TEELOG_REJECTED, "none of the statement's receipts");
    put_long(STATEMENT_MAX - 1 - 1 - 1 - 1 - 66 - 3 + 1);
    expect_bad(TEELOG_REJECTED, "longer than any that is logged");
    put_long(TRANSPARENT_MAX - around - 5);
    assert_int_equal(proof.n, TRANSPARENT_MAX);
    expect_bad(TEELOG_REJECTED, "longer than any that is logged");
    put_long(TRANSPARENT_MAX - around - 5 + 1);
    expect_bad(TEELOG_REJECTED, "nor a transparent statement");
}

/* What is no transparent statement: other labels, other types. */
static void forms(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        bool good;
    } rows[] = {
        {"d28440a119018a814040"
         "40",
         true},
        {"d28440a119018a8140f640", false}, /* no payload */
        {"d28440a119018b81404040", false}, /* another label */
        {"d28440a20018"
         "4019018a81404040",
         false},                         /* and another label */
        {"d28440a119018a404040", false}, /* no array */
        {"d28440a119018a8160"
         "4040",
         false}, /* no byte string */
        {"d28440a04040", false},
        {"8440a119018a81404040", false}, /* no tag */
        {"d18440a119018a81404040", false},
        {"d28540a119018a81404040"
         "40",
         false},
        {"d28440a119018a8140404000", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t n = 0;
        uint8_t *bytes = test_hex(rows[i].hex, &n);
        struct transparent t;
        tl_err err = transparent_read(&t, slice_of(bytes, n));
        if ((err == TL_OK) != rows[i].good)
            fail_msg("%s: %s", rows[i].hex, tl_err_name(err));
        free(bytes);
    }
}

/* ---- receipts of consistency ---- */

static void growth(struct es256_key *by, const char *origin, const char *subject, uint64_t from)
{
    static uint8_t mem[400], signature[64];
    struct receipt r = {.kind = RECEIPT_CONSISTENCY, .first = from, .tree_size = log_->count};
    struct merkle_leaves tree = {log_->hashes, log_->count};
    const struct merkle_nodes nodes = {merkle_leaves_get, &tree};
    hash32 root, kid = es256_thumbprint(by);
    buf head;
    buf_init_fixed(&head, mem, sizeof mem);
    receipt_header_put(&head, &kid, slice_str(origin), slice_str(subject), log_->count);
    r.protected_header = buf_slice(&head);
    assert_ok(merkle_prove_consistency(&nodes, from, log_->count, r.path, &r.path_count));
    assert_ok(merkle_root(&nodes, log_->count, &root));
    hash32 digest = receipt_digest(&r, &root);
    assert_ok(es256_sign(by, &digest, signature));
    r.signature = SLICE_ARRAY(signature);
    buf_reset(&proof);
    receipt_put(&proof, &r);
    assert_ok(buf_err(&proof));
}

static void keep_checkpoint(uint64_t size)
{
    buf_reset(&older);
    buf_bytes(&older, fakelog_checkpoint(log_, size));
}

static struct teelog_logged_options since(void)
{
    struct teelog_logged_options o = options(nothing);
    o.since = of(buf_slice(&older));
    return o;
}

static void grown(void **state)
{
    (void)state;
    key_set(stranger, service);
    trust_log(&log_->log_key, "quorum none\n");
    for (uint64_t from = 1; from < log_->count; from++) {
        growth(service, log_->origin, log_->origin, from);
        keep_checkpoint(from);
        struct teelog_logged_options o = since();
        expect(&o, TEELOG_TRUSTED,
               "LOGGED: the older checkpoint's tree grew into the one that the log has signed; no "
               "witnesses are asked for");
    }
    struct teelog_logged_options o = since();
    expect(&o, TEELOG_TRUSTED,
           "log: example.org/logged, size 5 out of size 4\nThis does not show "
           "which code");
    o = with_set(o);
    expect(&o, TEELOG_UNPINNED, "UNPINNED: signed by a key of the set that you brought; nothing");
    o = since();
    o.tlog_policy.p = NULL;
    expect(&o, TEELOG_UNPINNED, "UNPINNED: ");
    struct teelog_logged *l = NULL;
    assert_ok(teelog_logged_verify(&l, &o, NULL, 0));
    char *json = teelog_logged_json(l);
    assert_non_null(strstr(json, "\"index\": null, \"size\": 5, \"since\": 4, \"cosigned\": null"));
    free(json);
    teelog_logged_free(l);
    keep_checkpoint(3);
    o = since();
    expect(&o, TEELOG_REJECTED,
           "the receipt begins at size 4, and the older checkpoint is of size 3");
    o.since.p = NULL;
    unusable(&o, TL_E_USAGE, "needs the older checkpoint");
    o = since();
    o.service = NULL;
    unusable(&o, TL_E_USAGE, "the service's keys");
    o = since();
    o.entry = of(log_->leaves[3].statement);
    unusable(&o, TL_E_USAGE, "about no entry");
    buf_reset(&older);
    buf_str(&older, "no note");
    o = since();
    unusable(&o, TL_E_USAGE, "the older checkpoint is none");
}

static void grown_otherwise(void **state)
{
    (void)state;
    hash32 other = merkle_leaf_hash(slice_str("another history"));
    key_set(stranger, service);
    trust_log(&log_->log_key, "quorum none\n");
    growth(service, log_->origin, log_->origin, 4);
    /* Another tree of that size, which this log has signed too. */
    hash32 saved = log_->hashes[1];
    log_->hashes[1] = other;
    keep_checkpoint(4);
    log_->hashes[1] = saved;
    struct teelog_logged_options o = since();
    expect(&o, TEELOG_REJECTED, "signature does not verify for this older checkpoint");
    /* From 3 the path itself gives the older root. */
    growth(service, log_->origin, log_->origin, 3);
    log_->hashes[1] = other;
    keep_checkpoint(3);
    log_->hashes[1] = saved;
    o = since();
    expect(&o, TEELOG_REJECTED, "the receipt's path fits no tree of its size");
    keep_checkpoint(3);
    o = since();
    expect(&o, TEELOG_TRUSTED, "LOGGED");
    proof.p[proof.n - 1] ^= 1;
    o = since();
    expect(&o, TEELOG_REJECTED, "signature does not verify for this older checkpoint");
    growth(service, log_->origin, "a", 3);
    o = since();
    expect(&o, TEELOG_REJECTED, "not about the same log");
    growth(service, "example.org/other", "example.org/other", 3);
    o = since();
    expect(&o, TEELOG_REJECTED, "which the policy does not name");
    o.tlog_policy.p = NULL;
    expect(&o, TEELOG_REJECTED, "and the bundle with its keys of another");
    o = with_set(o);
    expect(&o, TEELOG_REJECTED, "not about the same log");
    growth(service, log_->origin, log_->origin, 3);
    key_set(stranger, stranger);
    o = since();
    expect(&o, TEELOG_REJECTED, "not among the service keys given");
    key_set(stranger, service);
    trust_quorum();
    o = since();
    expect(&o, TEELOG_REJECTED, "a receipt has no cosignatures");
}

/* Whose the older checkpoint is, where a policy says whose it must be. */
static void whose(void **state)
{
    (void)state;
    uint8_t bytes[68] = {0};
    struct note_key key = fake_log_key("example.org/logged", 7),
                    another = fake_log_key("example.org/another", 7);
    key_set(stranger, service);
    growth(service, log_->origin, log_->origin, 3);
    keep_checkpoint(3);
    trust_log(&key, "quorum none\n");
    struct teelog_logged_options o = with_set(since());
    expect(&o, TEELOG_REJECTED,
           "the older checkpoint is not signed by a log that the policy names");
    /* A line of a known key that fails, beside a good one. */
    trust_log(&log_->log_key, "log ");
    note_key_put(&trust, &another);
    buf_str(&trust, "\nquorum none\n");
    o = since();
    expect(&o, TEELOG_TRUSTED, "LOGGED");
    memcpy(bytes, another.id, sizeof another.id);
    note_line_put(&older, slice_str("example.org/another"), SLICE_ARRAY(bytes));
    o = since();
    expect(&o, TEELOG_REJECTED, "does not verify");
    /* By a key that is trusted for another name. */
    trust_log(&another, "quorum none\n");
    o = with_set(since());
    expect(&o, TEELOG_REJECTED, "which the policy does not name");
}

static void kinds(void **state)
{
    (void)state;
    key_set(service, stranger);
    trust_log(&log_->log_key, "quorum none\n");
    make(log_->leaves[3].statement, 0);
    keep_checkpoint(3);
    struct teelog_logged_options o = since();
    unusable(&o, TL_E_USAGE, "goes with a receipt of consistency alone");
    receipt(service, log_->origin, "a", 3);
    o = since();
    o.entry = of(log_->leaves[3].statement);
    unusable(&o, TL_E_USAGE, "goes with a receipt of consistency alone");
    /* One of consistency in a statement is none of inclusion. */
    growth(service, log_->origin, log_->origin, 3);
    buf_reset(&kept[0]);
    buf_bytes(&kept[0], buf_slice(&proof));
    carry(log_->leaves[3].statement, 1);
    expect_bad(TEELOG_REJECTED, "not a receipt of inclusion");
}

static void allocations(void **state)
{
    (void)state;
    key_set(service, stranger);
    trust_log(&log_->log_key, "quorum none\n");
    for (int which = 0; which < 2; which++) {
        if (which) {
            growth(service, log_->origin, log_->origin, 3);
            keep_checkpoint(3);
        } else {
            keep(0, service, "a");
            carry(log_->leaves[3].statement, 1);
        }
        for (size_t i = 1;; i++) {
            struct teelog_logged *l = NULL;
            struct teelog_logged_options o = which ? since() : options(nothing);
            test_fail_alloc(i);
            tl_err err = teelog_logged_verify(&l, &o, NULL, 0);
            bool failed = test_alloc_failed();
            test_fail_alloc(0);
            if (!failed) {
                assert_ok(err);
                assert_int_equal(teelog_logged_verdict(l), TEELOG_TRUSTED);
                teelog_logged_free(l);
                break;
            }
            assert_err(err, TL_E_MEMORY);
            assert_null(l);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transparent),
        cmocka_unit_test(every_bit),
        cmocka_unit_test(several_receipts),
        cmocka_unit_test(bounds),
        cmocka_unit_test(forms),
        cmocka_unit_test(grown),
        cmocka_unit_test(grown_otherwise),
        cmocka_unit_test(whose),
        cmocka_unit_test(kinds),
        cmocka_unit_test(allocations),
    };
    return cmocka_run_group_tests(tests, set_up_more, tear_down_more);
}
