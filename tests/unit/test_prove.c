/* Proofs that a real log makes: of each of its entries, and that it grew; and the keys by which
 * they are signed, out of its boots. */
#include "testlog.h"

#include "base/encoding.h"
#include "crypto/sign.h"
#include "log/boot_keys.h"
#include "log/internal.h"
#include "log/prove.h"
#include "log/waiter.h"
#include "tlog/key_set.h"
#include "tlog/proof.h"
#include "tlog/receipt.h"

#include <stdlib.h>

static struct world w;
static buf bytes, set;
static struct tl_why why;

static int begin(void **state)
{
    (void)state;
    world_init(&w);
    world_open(&w);
    buf_init(&bytes, LOG_PROVE_MAX);
    buf_init(&set, KEY_SET_MAX);
    return 0;
}

static int end(void **state)
{
    (void)state;
    buf_finish(&bytes);
    buf_finish(&set);
    world_finish(&w);
    return 0;
}

static tl_err prove(enum log_prove_kind kind, uint64_t n)
{
    struct log_prove *p = NULL;
    struct waiter waiter;
    why = (struct tl_why){{0}, {0}};
    assert_ok(log_prove_new(&p, w.log, kind, n));
    waiter_init(&waiter);
    tl_err err = waiter_wait(&waiter, log_prove_submit(p, waiter_done, &waiter), &why);
    buf_reset(&bytes);
    if (err == TL_OK)
        assert_ok(log_prove_put(p, &bytes));
    log_prove_free(p);
    return err;
}

static tl_err find_keys(uint64_t *newest)
{
    struct log_boot_keys *k = NULL;
    struct waiter waiter;
    why = (struct tl_why){{0}, {0}};
    assert_ok(log_boot_keys_new(&k, w.log));
    waiter_init(&waiter);
    tl_err err = waiter_wait(&waiter, log_boot_keys_submit(k, waiter_done, &waiter), &why);
    if (err == TL_OK) {
        buf_reset(&set);
        log_boot_keys_put(k, &set);
        assert_ok(buf_err(&set));
        *newest = log_boot_keys_newest(k);
    }
    log_boot_keys_free(k);
    return err;
}

static size_t key_count(void)
{
    cbor c = cbor_of(buf_slice(&set));
    return cbor_array(&c);
}

static uint64_t size_of_log(void)
{
    struct log_info info;
    log_info(w.log, &info);
    return info.size;
}

/* The receipt in bytes is signed by a key of the set, for this leaf or older root. */
static void check_receipt(const hash32 *start, const char *subject, uint64_t first)
{
    uint8_t mem[512];
    struct log_info info;
    struct receipt r;
    struct cose_ec2 point;
    struct es256_key *key = NULL;
    hash32 root, kid;
    buf header;
    log_info(w.log, &info);
    assert_ok(receipt_read(&r, buf_slice(&bytes)));
    assert_ok(key_set_find(&point, buf_slice(&set), r.kid));
    assert_ok(es256_public(&key, point.x, point.y));
    assert_ok(receipt_root(&root, &r, start));
    assert_true(hash_eq(&root, &info.root));
    hash32 digest = receipt_digest(&r, &root);
    assert_ok(es256_verify(key, &digest, r.signature.p));
    es256_free(key);
    assert_true(r.first == first && r.tree_size == info.size && r.path_count > 0);
    memcpy(kid.b, r.kid.p, sizeof kid.b);
    buf_init_fixed(&header, mem, sizeof mem);
    receipt_header_put(&header, &kid, slice_str(info.origin), slice_str(subject), info.size);
    assert_true(slice_eq(r.protected_header, buf_slice(&header)));
}

static void one_leaf(void **state)
{
    (void)state;
    struct tlog_proof p;
    assert_int_equal(size_of_log(), 1);
    assert_err(prove(LOG_PROVE_ENTRY, 0), TL_E_NOT_FOUND);
    assert_non_null(strstr(why.text, "a tree of one entry has no path"));
    assert_ok(prove(LOG_PROVE_TEXT, 0));
    assert_ok(tlog_proof_read(&p, buf_slice(&bytes)));
    assert_true(p.index == 0 && p.path_count == 0);
    append_one(&w, "alice", "one");
    assert_ok(prove(LOG_PROVE_ENTRY, 0));
}

static void check_text(uint64_t i, const hash32 *leaf)
{
    struct tlog_proof p;
    struct tlog_proof_result r;
    buf statement;
    buf_init(&statement, STATEMENT_MAX);
    assert_ok(prove(LOG_PROVE_TEXT, i));
    assert_ok(tlog_proof_read(&p, buf_slice(&bytes)));
    assert_ok(tlog_proof_verify(&r, &p, leaf, &w.log->keys.note_key, 1, NULL));
    assert_true(p.index == i && p.has_extra);
    assert_ok(base64_read(&statement, p.extra));
    hash32 own = merkle_leaf_hash(buf_slice(&statement));
    assert_true(hash_eq(&own, leaf));
    buf_finish(&statement);
}

/* Of every entry and every older size, in a log of three boots. */
static void all_of_a_log(void **state)
{
    (void)state;
    struct history h;
    struct log_info info;
    size_t n = 0;
    uint64_t newest = 0;
    for (int boot = 0; boot < 3; boot++) {
        if (boot) {
            world_stop(&w);
            world_open(&w);
        }
        grow_log(&w, 5);
    }
    uint8_t *bundle = export_all(&w, &(struct log_export_options){.withhold_bodies = true}, &n);
    history_read(&h, bundle, n);
    log_info(w.log, &info);
    assert_ok(find_keys(&newest));
    assert_true(key_count() == 3 && newest == info.boot && h.size == info.size);
    for (uint64_t i = 0; i < h.size; i++) {
        struct store_leaf leaf;
        struct statement st;
        char subject[SUBJECT_MAX + 1] = "";
        check_text(i, &h.leaves[i]);
        assert_ok(stored_leaf(w.log, i, &leaf, &st)); /* nothing else runs on it now */
        memcpy(subject, st.subject.p, st.subject.n);
        assert_ok(prove(LOG_PROVE_ENTRY, i));
        check_receipt(&h.leaves[i], subject, i);
    }
    struct merkle_leaves leaves = {h.leaves, h.size};
    const struct merkle_nodes nodes = {merkle_leaves_get, &leaves};
    for (uint64_t m = 1; m < h.size; m++) {
        hash32 older;
        assert_ok(merkle_root(&nodes, m, &older));
        assert_ok(prove(LOG_PROVE_GROWTH, m));
        check_receipt(&older, info.origin, m);
    }
    assert_err(prove(LOG_PROVE_GROWTH, h.size), TL_E_NOT_FOUND);
    assert_non_null(strstr(why.text, "has not grown beyond"));
    assert_err(prove(LOG_PROVE_GROWTH, TL_INT_MAX), TL_E_NOT_FOUND);
    assert_err(prove(LOG_PROVE_ENTRY, h.size), TL_E_NOT_FOUND);
    assert_err(prove(LOG_PROVE_TEXT, TL_INT_MAX), TL_E_NOT_FOUND);
    history_finish(&h);
    free(bundle);
}

/* Where the running boot is not in the log, nobody could tell by whose key a receipt is. */
static void without_a_boot(void **state)
{
    (void)state;
    uint64_t boot = w.log->boot_index, newest = 0;
    grow_log(&w, 3);
    for (int frozen = 0; frozen < 2; frozen++) {
        w.log->boot_index = frozen ? size_of_log() : UINT64_MAX;
        if (frozen)
            log_freeze(w.log, "for the test");
        assert_err(prove(LOG_PROVE_ENTRY, 1), frozen ? TL_E_FROZEN : TL_E_FENCED);
        assert_err(prove(LOG_PROVE_GROWTH, 1), frozen ? TL_E_FROZEN : TL_E_FENCED);
        assert_ok(prove(LOG_PROVE_TEXT, 1));
        assert_ok(find_keys(&newest));
        assert_int_equal(newest, 0);
    }
    w.log->boot_index = boot;
    assert_ok(prove(LOG_PROVE_ENTRY, 1)); /* a frozen log shows what it has */
}

/* What the host has altered is not spoken of. */
static void altered(void **state)
{
    (void)state;
    uint64_t newest;
    grow_log(&w, 300); /* a full tile: what is behind it is not read at a start */
    world_stop(&w);
    world_open(&w);
    world_stop(&w);
    host_flip(&w, "leaf", "statement", "idx = 2", 40);
    host_flip(&w, "leaf", "body", "idx = 0", 40);
    world_open(&w);
    assert_err(prove(LOG_PROVE_ENTRY, 2), TL_E_STORED);
    assert_non_null(strstr(why.text, "statement 2"));
    assert_err(prove(LOG_PROVE_TEXT, 2), TL_E_STORED);
    assert_ok(prove(LOG_PROVE_ENTRY, 1));
    assert_err(find_keys(&newest), TL_E_STORED);
    assert_non_null(strstr(why.text, "statement 0"));
}

/* No more of them than are wanted, the newest first. */
static void many_boots(void **state)
{
    (void)state;
    const bool all = getenv("TEELOG_LONG");
    const size_t boots = all ? LOG_BOOT_KEYS + 2 : 6;
    uint64_t newest = 0;
    for (size_t i = 1; i < boots; i++) {
        if (i % 2) /* a boot that ends with its agents' statements, and one without any */
            append_one(&w, "alice", "one");
        world_stop(&w);
        world_open(&w);
    }
    assert_ok(find_keys(&newest));
    assert_int_equal(key_count(), all ? LOG_BOOT_KEYS : boots);
    assert_int_equal(newest, w.log->boot_index);
    struct cose_ec2 key, first;
    assert_ok(key_set_find(&key, buf_slice(&set), hash_slice(&w.log->service_kid)));
    cbor c = cbor_of(buf_slice(&set));
    (void)cbor_array(&c);
    slice one = cbor_item(&c);
    es256_point(w.log->service, &first);
    buf_reset(&bytes);
    key_set_put_key(&bytes, &first);
    assert_true(slice_eq(one, buf_slice(&bytes)));
    /* While a session is open, the newest leaf is an agent's. */
    append_one(&w, "alice", "two");
    assert_ok(find_keys(&newest));
    assert_int_equal(newest, w.log->boot_index);
}

/* A tlog-proof is over what a quorum has cosigned, where that has the entry. */
static void over_the_cosigned(void **state)
{
    (void)state;
    struct tlog_quorum quorum = {.valid = 2, .met = true, .time = 1, .current = 1};
    buf note;
    buf_init(&note, NOTE_MAX);
    grow_log(&w, 4);
    uint64_t cosigned = size_of_log();
    assert_ok(log_checkpoint(w.log, &note));
    buf_str(&note, "\u2014 w.example AAAAAAAA\n");
    assert_ok(cosigned_take(w.log, buf_slice(&note), cosigned, &quorum));
    grow_log(&w, 4);
    for (uint64_t i = 0; i < size_of_log(); i++) {
        struct tlog_proof p;
        struct tlog_proof_result r;
        struct store_leaf leaf;
        struct statement st;
        assert_ok(prove(LOG_PROVE_TEXT, i));
        assert_ok(tlog_proof_read(&p, buf_slice(&bytes)));
        assert_ok(stored_leaf(w.log, i, &leaf, &st));
        hash32 hash = merkle_leaf_hash(leaf.statement);
        assert_ok(tlog_proof_verify(&r, &p, &hash, &w.log->keys.note_key, 1, NULL));
        assert_int_equal(r.checkpoint.size, i < cosigned ? cosigned : size_of_log());
        assert_true(i >= cosigned || slice_eq(p.checkpoint, buf_slice(&note)));
        /* Receipts have no cosignatures, and are over the newest tree. */
        struct receipt receipt;
        assert_ok(prove(LOG_PROVE_ENTRY, i));
        assert_ok(receipt_read(&receipt, buf_slice(&bytes)));
        assert_int_equal(receipt.tree_size, size_of_log());
    }
    buf_finish(&note);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_leaf, begin, end),
        cmocka_unit_test_setup_teardown(all_of_a_log, begin, end),
        cmocka_unit_test_setup_teardown(without_a_boot, begin, end),
        cmocka_unit_test_setup_teardown(altered, begin, end),
        cmocka_unit_test_setup_teardown(many_boots, begin, end),
        cmocka_unit_test_setup_teardown(over_the_cosigned, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
