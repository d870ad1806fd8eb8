/* Proofs of single entries, as a caller has them judged: tlog-proofs and receipts. */
#include "fakelogged.h"

static void proofs(void **state)
{
    (void)state;
    slice entry = log_->leaves[3].statement, other = log_->leaves[2].statement;
    trust_quorum();
    make(entry, 2);
    struct teelog_logged_options o = options(nothing);
    expect(&o, TEELOG_TRUSTED,
           "LOGGED: the entry is in the tree that the log and a quorum of its witnesses have "
           "signed\nlog: example.org/logged, index 3 of size 5, cosigned by 2 witnesses, the "
           "quorum as of 2026-");
    expect(&o, TEELOG_TRUSTED, " of a, seq 2\n");
    /* What the caller has counts, not what the proof carries. */
    o = options(entry);
    expect(&o, TEELOG_TRUSTED, "LOGGED");
    o = options(other);
    expect(&o, TEELOG_REJECTED, "the entry is not in the checkpoint's tree at that index");
    make(other, 2);
    o = options(nothing);
    expect(&o, TEELOG_REJECTED, "the entry is not in the checkpoint's tree");
    make(entry, 1);
    o = options(nothing);
    expect(&o, TEELOG_REJECTED, "cosigned by 1 of the policy's witnesses, which is no quorum");
    trust_log(&log_->log_key, "quorum none\n");
    o = options(nothing);
    expect(&o, TEELOG_TRUSTED,
           "no witnesses are asked for, so rollback and forks are not excluded");
    struct note_key key = fake_log_key("example.org/logged", 7);
    trust_log(&key, "quorum none\n");
    o = options(nothing);
    expect(&o, TEELOG_REJECTED, "not signed by a log that the policy names");
}

static void brought(void **state)
{
    (void)state;
    slice entry = log_->leaves[3].statement;
    make(nothing, 0);
    trust_log(&log_->log_key, "quorum none\n");
    struct teelog_logged_options o = options(nothing);
    unusable(&o, TL_E_USAGE, "the proof does not carry the entry");
    make(entry, 0);
    buf_reset(&trust);
    buf_str(&trust, "quorum none\n");
    o = options(nothing);
    unusable(&o, TL_E_POLICY, "no line of a log");
    buf_reset(&trust);
    buf_str(&trust, "quorum nobody\n");
    o = options(nothing);
    unusable(&o, TL_E_POLICY, "line 1: the quorum is");
    o.tlog_policy.p = NULL;
    unusable(&o, TL_E_USAGE, "needs a policy");
    o.policy = fake_policy("{\"teelog_policy\": 1}");
    unusable(&o, TL_E_POLICY, "the policy names no log");
    teelog_policy_free((struct teelog_policy *)(uintptr_t)o.policy);
    buf_reset(&proof);
    buf_str(&proof, "c2sp.org/tlog-proof@v1\nindex x\n");
    trust_log(&log_->log_key, "quorum none\n");
    o = options(entry);
    expect(&o, TEELOG_REJECTED, "not a proof of c2sp.org/tlog-proof");
    buf_reset(&proof);
    buf_str(&proof, "c2sp.org/tlog-proof@v1\nindex 0\n\nno note\n");
    o = options(entry);
    expect(&o, TEELOG_REJECTED, "the checkpoint: ");
}

/* A relying party's own policy, in place of that text. */
static void policies(void **state)
{
    (void)state;
    char json[2000];
    make(log_->leaves[3].statement, 0);
    for (int open = 0; open < 2; open++) {
        snprintf(json, sizeof json,
                 "{\"teelog_policy\": 1, \"log\": {\"origin\": \"%s\", \"keys\": [\"%s\"]}%s}",
                 log_->origin, log_->log_key_text, open ? "" : ", \"history\": \"unwitnessed\"");
        struct teelog_policy *p = fake_policy(json);
        struct teelog_logged_options o = options(nothing);
        o.policy = p;
        expect(&o, open ? TEELOG_UNPINNED : TEELOG_TRUSTED,
               open ? "UNPINNED: the policy does not say what it asks of witnesses" : "LOGGED");
        teelog_policy_free(p);
    }
}

/* An entry that is none of teelog's, and one that is another log's. */
static void foreign_entries(void **state)
{
    (void)state;
    struct fakelog *other = fakelog_new("example.org/other");
    fakelog_boot(other);
    hash32 saved = log_->hashes[3];
    const slice entries[] = {slice_str("anything"), other->leaves[0].statement};
    trust_log(&log_->log_key, "quorum none\n");
    for (size_t i = 0; i < 2; i++) {
        log_->hashes[3] = merkle_leaf_hash(entries[i]);
        make(entries[i], 0);
        struct teelog_logged_options o = options(nothing);
        expect(&o, i ? TEELOG_REJECTED : TEELOG_TRUSTED,
               i ? "a statement of another log, example.org/other" : "LOGGED");
    }
    log_->hashes[3] = saved;
    fakelog_free(other);
}

static void receipts(void **state)
{
    (void)state;
    slice entry = log_->leaves[3].statement;
    key_set(stranger, service);
    trust_log(&log_->log_key, "quorum none\n");
    receipt(service, log_->origin, "a", 3);
    struct teelog_logged_options o = options(entry);
    expect(&o, TEELOG_TRUSTED, "LOGGED: the entry is in the tree that the log has signed");
    o.tlog_policy.p = NULL;
    expect(&o, TEELOG_UNPINNED, "UNPINNED: ");
    o = options(log_->leaves[2].statement);
    expect(&o, TEELOG_REJECTED, "the receipt's signature does not verify for this entry");
    o = options(nothing);
    unusable(&o, TL_E_USAGE, "a receipt needs the entry");
    o = options(entry);
    o.service = NULL;
    unusable(&o, TL_E_USAGE, "the service's keys");
    trust_quorum();
    o = options(entry);
    expect(&o, TEELOG_REJECTED, "a receipt has no cosignatures");
    trust_log(&log_->log_key, "quorum none\n");
    receipt(service, log_->origin, "b", 3);
    o = options(entry);
    expect(&o, TEELOG_REJECTED, "about another subject");
    receipt(service, "example.org/other", "a", 3);
    o = options(entry);
    expect(&o, TEELOG_REJECTED, "which the policy does not name");
    receipt(service, log_->origin, "a", 5);
    o = options(entry);
    expect(&o, TEELOG_REJECTED, "fits no tree of its size");
    receipt(service, log_->origin, "a", 3);
    key_set(stranger, stranger);
    o = options(entry);
    expect(&o, TEELOG_REJECTED, "not among the service keys given");
    buf_reset(&keys);
    buf_str(&keys, "no set");
    o = with_set(options(entry));
    unusable(&o, TL_E_USAGE, "no COSE_KeySet");
    buf_reset(&proof);
    buf_str(&proof, "anything");
    o = options(entry);
    expect(&o, TEELOG_REJECTED, "neither a tlog-proof, nor a COSE receipt");
}

static void expect_keys(const struct teelog_logged_options *o, enum teelog_verdict want,
                        const char *words)
{
    struct teelog_logged *l = NULL;
    assert_ok(teelog_logged_verify(&l, o, NULL, 0));
    char *json = teelog_logged_json(l);
    assert_int_equal(teelog_logged_verdict(l), want);
    if (!strstr(json, words))
        fail_msg("%s\nand not %s", json, words);
    free(json);
    teelog_logged_free(l);
}

/* Whose the key of a receipt is shows a bundle alone. Another log of the same origin makes
 * receipts by keys of its own, and brings a set of them. */
static void whose_keys(void **state)
{
    (void)state;
    slice entry = log_->leaves[3].statement;
    struct note_key key = fake_log_key(log_->origin, 7);
    key_set(stranger, service);
    receipt(service, log_->origin, "a", 3);
    trust_log(&log_->log_key, "quorum none\n");
    struct teelog_logged_options o = options(entry);
    expect_keys(&o, TEELOG_TRUSTED, "\"serviceKeys\": \"bundle\"");
    o = with_set(o);
    expect_keys(&o, TEELOG_UNPINNED, "\"serviceKeys\": \"brought\"");
    expect(&o, TEELOG_UNPINNED,
           "UNPINNED: signed by a key of the set that you brought; nothing shows that it is of the "
           "log that the policy names: give --service-keys BUNDLE.teelog\n");
    o.tlog_policy.p = NULL;
    expect(&o, TEELOG_UNPINNED, "brought; no policy says whose log it is\n");
    o = options(entry);
    o.service_keys = of(buf_slice(&keys));
    unusable(&o, TL_E_USAGE, "or a set of them");
    /* The bundle has to be of that log, and TRUSTED. */
    trust_log(&key, "quorum none\n");
    o = options(entry);
    unusable(&o, TL_E_USAGE, "whose key the policy does not name");
    o = with_set(o);
    expect(&o, TEELOG_UNPINNED, "UNPINNED");
    trust_log(&key, "log ");
    note_key_put(&trust, &log_->log_key);
    buf_str(&trust, "\nquorum none\n");
    o = options(entry);
    expect(&o, TEELOG_TRUSTED, "LOGGED");
    bundled.verdict = TEELOG_UNPINNED;
    unusable(&o, TL_E_USAGE, "the bundle with the service's keys is UNPINNED");
    bundled.verdict = TEELOG_REJECTED;
    unusable(&o, TL_E_USAGE, "the bundle with the service's keys is REJECTED");
    /* Two logs that the policy names: the keys of one make no receipts of the other. */
    struct note_key other = fake_log_key("example.org/other", 8);
    key_set(stranger, service);
    trust_log(&log_->log_key, "log ");
    note_key_put(&trust, &other);
    buf_str(&trust, "\nquorum none\n");
    receipt(service, "example.org/other", "a", 3);
    o = options(entry);
    expect(&o, TEELOG_REJECTED, "and the bundle with its keys of another");
    make(entry, 0);
    trust_log(&log_->log_key, "quorum none\n");
    o = options(nothing);
    expect_keys(&o, TEELOG_TRUSTED, "\"serviceKeys\": null");
}

/* Receipts that RFC 9942 allows and teelog does not make. */
static void other_receipts(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "a2012619018b01", /* no kid, no claims, no size */
        "a4012604582000000000000000000000000000000000000000000000000000000000000000000fa201616c"
        "026161"
        "19018b01",                                             /* no size */
        "a5012604410b0fa201616c02616119018b013a00011170820105", /* a short kid */
        "a4012604582000000000000000000000000000000000000000000000000000000000000000"
        "0019018b013a00011170820105", /* no claims */
        "a5012704582000000000000000000000000000000000000000000000000000000000000000"
        "000fa201616c02616119018b013a00011170820105", /* EdDSA */
    };
    key_set(service, stranger);
    trust_log(&log_->log_key, "quorum none\n");
    uint8_t zeros[64] = {0};
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        size_t n = 0;
        uint8_t *head = test_hex(headers[i], &n);
        struct receipt r = {.kind = RECEIPT_INCLUSION,
                            .first = 3,
                            .tree_size = 5,
                            .protected_header = slice_of(head, n),
                            .signature = SLICE_ARRAY(zeros)};
        buf_reset(&proof);
        receipt_put(&proof, &r);
        struct receipt again;
        assert_ok(receipt_read(&again, buf_slice(&proof)));
        struct teelog_logged_options o = options(log_->leaves[3].statement);
        expect(&o, TEELOG_REJECTED, "not a receipt as teelog makes them");
        free(head);
    }
}

static void key_sets(void **state)
{
    (void)state;
    hash32 kid = es256_thumbprint(service);
    struct cose_ec2 got, want;
    es256_point(service, &want);
    key_set(stranger, service);
    assert_ok(key_set_find(&got, buf_slice(&keys), hash_slice(&kid)));
    assert_memory_equal(got.x, want.x, 32);
    /* The right bytes and one more are no coordinate. */
    for (size_t which = 0; which < 2; which++) {
        uint8_t x[33] = {0}, y[33] = {0}, mem[200];
        buf longer;
        memcpy(x, want.x, 32);
        memcpy(y, want.y, 32);
        buf_init_fixed(&longer, mem, sizeof mem);
        cbor_put_array(&longer, 1);
        cbor_put_map(&longer, 4);
        cbor_put_int(&longer, 1);
        cbor_put_int(&longer, 2);
        cbor_put_int(&longer, -1);
        cbor_put_int(&longer, 1);
        cbor_put_int(&longer, -2);
        cbor_put_bytes(&longer, slice_of(x, which ? 32 : 33));
        cbor_put_int(&longer, -3);
        cbor_put_bytes(&longer, slice_of(y, which ? 33 : 32));
        assert_err(key_set_find(&got, buf_slice(&longer), hash_slice(&kid)), TL_E_NOT_FOUND);
    }
    /* As SCITT's interface shows a key: its labels in another order. */
    uint8_t mem[200];
    buf shown;
    buf_init_fixed(&shown, mem, sizeof mem);
    cbor_put_array(&shown, 1);
    cbor_put_map(&shown, 4);
    cbor_put_int(&shown, -1);
    cbor_put_int(&shown, 1);
    cbor_put_int(&shown, -2);
    cbor_put_bytes(&shown, SLICE_ARRAY(want.x));
    cbor_put_int(&shown, -3);
    cbor_put_bytes(&shown, SLICE_ARRAY(want.y));
    cbor_put_int(&shown, 1);
    cbor_put_int(&shown, 2);
    assert_ok(key_set_find(&got, buf_slice(&shown), hash_slice(&kid)));
    /* Others in between: another kind, another curve, coordinates of another length, none. */
    static const char *const odd[] = {
        "a3010120062158200000000000000000000000000000000000000000000000"
        "000000000000000000",
        "a401022008215820000000000000000000000000000000000000000000"
        "0000000000000000000000225820000000000000000000000000000000"
        "0000000000000000000000000000000000",
        "a40102200121410022410"
        "0",
        "a10102",
        "a0",
        "a201616103f6"};
    size_t n = 0;
    buf set;
    buf_init(&set, KEY_SET_MAX + 10);
    cbor_put_array(&set, sizeof odd / sizeof odd[0] + 2);
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        uint8_t *key = test_hex(odd[i], &n);
        buf_bytes(&set, slice_of(key, n));
        free(key);
    }
    buf_bytes(&set, slice_of(keys.p + 1, keys.n - 1));
    assert_ok(key_set_find(&got, buf_slice(&set), hash_slice(&kid)));
    assert_err(key_set_find(&got, buf_slice(&set), slice_str("x")), TL_E_NOT_FOUND);
    buf_u8(&set, 0);
    assert_err(key_set_find(&got, buf_slice(&set), hash_slice(&kid)), TL_E_TRAILING);
    for (size_t cut = 0; cut < keys.n; cut++)
        assert_true(key_set_find(&got, slice_of(keys.p, cut), hash_slice(&kid)) != TL_OK);
    /* As long as a set may be, with a key's member of any length, and a byte longer. */
    for (size_t extra = 0; extra < 2; extra++) {
        static uint8_t filler[KEY_SET_MAX];
        buf_reset(&set);
        cbor_put_array(&set, 3);
        cbor_put_map(&set, 1);
        cbor_put_int(&set, 9);
        cbor_put_bytes(&set, slice_of(filler, KEY_SET_MAX - 6 - (keys.n - 1) + extra));
        buf_bytes(&set, slice_of(keys.p + 1, keys.n - 1));
        assert_int_equal(set.n, KEY_SET_MAX + extra);
        assert_err(key_set_find(&got, buf_slice(&set), hash_slice(&kid)), extra ? TL_E_KEY : TL_OK);
    }
    buf_finish(&set);
}

static void allocations(void **state)
{
    (void)state;
    make(log_->leaves[3].statement, 2);
    trust_quorum();
    for (size_t i = 1;; i++) {
        struct teelog_logged *l = NULL;
        struct teelog_logged_options o = options(nothing);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proofs),     cmocka_unit_test(brought),
        cmocka_unit_test(policies),   cmocka_unit_test(foreign_entries),
        cmocka_unit_test(receipts),   cmocka_unit_test(other_receipts),
        cmocka_unit_test(key_sets),   cmocka_unit_test(allocations),
        cmocka_unit_test(whose_keys),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
