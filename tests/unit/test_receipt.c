/* COSE receipts: ours, made and read; those of others, as vectors have them. */
#include "testlib.h"
#include "vector_json.h"

#include "crypto/sign.h"
#include "tlog/key_set.h"
#include "tlog/receipt.h"
#include "tlog/statement.h"
#include "tlog/transparent.h"

#define LEAVES 9

static hash32 leaves[LEAVES];
static struct merkle_leaves tree = {leaves, LEAVES};
static const struct merkle_nodes nodes = {merkle_leaves_get, &tree};
static struct es256_key *key;
static buf bytes;

static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEAVES; i++)
        leaves[i] = merkle_leaf_hash(slice_of(&i, 1));
    buf_init(&bytes, 3 * RECEIPT_MAX);
    return es256_generate(&key) == TL_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    es256_free(key);
    buf_finish(&bytes);
    return 0;
}

static hash32 root_at(uint64_t size)
{
    hash32 root;
    assert_ok(merkle_root(&nodes, size, &root));
    return root;
}

/* Signs r's header and root, and writes it. */
static void sign(struct receipt *r, const hash32 *root)
{
    static uint8_t signature[64];
    hash32 digest = receipt_digest(r, root);
    assert_ok(es256_sign(key, &digest, signature));
    r->signature = SLICE_ARRAY(signature);
    buf_reset(&bytes);
    receipt_put(&bytes, r);
    assert_ok(buf_err(&bytes));
}

static void header(buf *b, uint64_t size)
{
    hash32 kid = es256_thumbprint(key);
    buf_reset(b);
    receipt_header_put(b, &kid, slice_str("log.example"), slice_str("alice"), size);
    assert_ok(buf_err(b));
}

static struct receipt inclusion(buf *head, uint64_t index, uint64_t size)
{
    struct receipt r = {.kind = RECEIPT_INCLUSION, .first = index, .tree_size = size};
    hash32 root = root_at(size);
    header(head, size);
    r.protected_header = buf_slice(head);
    assert_ok(merkle_prove_inclusion(&nodes, index, size, r.path, &r.path_count));
    sign(&r, &root);
    return r;
}

static tl_err verify(const hash32 *leaf)
{
    struct receipt r;
    hash32 root;
    tl_err err = receipt_read(&r, buf_slice(&bytes));
    if (err == TL_OK)
        err = receipt_root(&root, &r, leaf);
    if (err != TL_OK)
        return err;
    hash32 digest = receipt_digest(&r, &root);
    return es256_verify(key, &digest, r.signature.p);
}

static void inclusions(void **state)
{
    (void)state;
    uint8_t mem[400];
    buf head;
    buf_init_fixed(&head, mem, sizeof mem);
    for (uint64_t size = 1; size <= LEAVES; size++)
        for (uint64_t i = 0; i < size; i++) {
            inclusion(&head, i, size);
            assert_ok(verify(&leaves[i]));
            assert_true(verify(&leaves[(i + 1) % LEAVES]) != TL_OK);
        }
    struct receipt r;
    inclusion(&head, 3, LEAVES);
    assert_ok(receipt_read(&r, buf_slice(&bytes)));
    hash32 kid = es256_thumbprint(key);
    assert_true(r.alg == COSE_ES256 && slice_eq(r.kid, hash_slice(&kid)));
    assert_true(slice_eq_str(r.issuer, "log.example") && slice_eq_str(r.subject, "alice"));
    assert_true(r.has_size && r.size == LEAVES && r.tree_size == LEAVES && r.first == 3);
}

static void consistencies(void **state)
{
    (void)state;
    uint8_t mem[400];
    buf head;
    buf_init_fixed(&head, mem, sizeof mem);
    for (uint64_t m = 1; m <= LEAVES; m++)
        for (uint64_t n = m; n <= LEAVES; n++) {
            struct receipt r = {.kind = RECEIPT_CONSISTENCY, .first = m, .tree_size = n};
            hash32 older = root_at(m), root = root_at(n), other = root_at(m % LEAVES + 1);
            header(&head, n);
            r.protected_header = buf_slice(&head);
            assert_ok(merkle_prove_consistency(&nodes, m, n, r.path, &r.path_count));
            sign(&r, &root);
            assert_ok(verify(&older));
            assert_true(verify(&other) != TL_OK);
        }
    /* From nothing nothing is shown: there is no root to begin with. */
    struct receipt r = {.kind = RECEIPT_CONSISTENCY, .first = 0, .tree_size = 5};
    hash32 root = root_at(5), empty = merkle_empty_root();
    header(&head, 5);
    r.protected_header = buf_slice(&head);
    sign(&r, &root);
    assert_err(verify(&empty), TL_E_PROOF);
}

static void every_bit(void **state)
{
    (void)state;
    uint8_t mem[400];
    buf head;
    buf_init_fixed(&head, mem, sizeof mem);
    inclusion(&head, 3, LEAVES);
    for (size_t bit = 0; bit < 8 * bytes.n; bit++) {
        bytes.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (verify(&leaves[3]) == TL_OK)
            fail_msg("bit %zu does not matter", bit);
        bytes.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t n = 0; n < bytes.n; n++) {
        struct receipt r;
        assert_true(receipt_read(&r, slice_of(bytes.p, n)) != TL_OK);
    }
}

/* A header by hand: which labels, and with which values. */
struct form {
    const char *name;
    const char *header;      /* hex, the bytes inside */
    const char *unprotected; /* hex; NULL: that of one inclusion proof */
    const char *payload;     /* hex; NULL: nil */
    size_t signature;        /* bytes */
    tl_err want;
};
#define PROOF   "a119018ca1208143" /* {396: {-1: [3 bytes */
#define A_PROOF "a119018ca120814483010080"
#define MINIMAL "a2012619018b01"
#define CRIT                                                                                       \
    "a301260281190100"                                                                             \
    "19018b01"
#define NO_VDS   "a10126"
#define NO_ALG   "a119018b01"
#define VDS_2    "a2012619018b02"
#define OWN_1    "a3012619018b013a00011170820101"
#define OWN_2    "a3012619018b013a00011170820102"
#define OWN_V2   "a3012619018b013a00011170820201"
#define OWN_LONG "a3012619018b013a0001117083010101"

#define Z32      "0000000000000000000000000000000000000000000000000000000000000000"
#define Z64      Z32 Z32

static const struct form good_and_bad[] = {
    {"minimal", MINIMAL, NULL, NULL, 64, TL_OK},
    {"another header", "a3012603010019018b01", NULL, NULL, 64, TL_E_CBOR},
    {"labels in another order", "a319018b0101260441aa", NULL, NULL, 64, TL_OK},
    {"a label twice",
     "a301260126"
     "19018b01",
     NULL, NULL, 64, TL_E_COSE},
    {"a claim twice",
     "a30126"
     "0fa2016161016161"
     "19018b01",
     NULL, NULL, 64, TL_E_COSE},
    {"claims in another order",
     "a30126"
     "0fa2026161016162"
     "19018b01",
     NULL, NULL, 64, TL_OK},
    {"another header in order", "a30126036019018b01", NULL, NULL, 64, TL_OK},
    {"crit", CRIT, NULL, NULL, 64, TL_E_COSE},
    {"no vds", NO_VDS, NULL, NULL, 64, TL_E_COSE},
    {"no alg", NO_ALG, NULL, NULL, 64, TL_E_COSE},
    {"another vds", VDS_2, NULL, NULL, 64, TL_E_COSE},
    {"no header at all", "", NULL, NULL, 64, TL_E_SHORT},
    {"size as the proof has it", OWN_1, NULL, NULL, 64, TL_OK},
    {"another size than the proof's", OWN_2, NULL, NULL, 64, TL_E_COSE},
    {"another version of our label", OWN_V2, NULL, NULL, 64, TL_E_COSE},
    {"a longer one", OWN_LONG, NULL, NULL, 64, TL_E_TYPE},
    {"behind the header", MINIMAL "00", NULL, NULL, 64, TL_E_TRAILING},
    {"a payload that is attached", MINIMAL, NULL, "4100", 64, TL_E_COSE},
    {"an empty one", MINIMAL, NULL, "40", 64, TL_E_COSE},
    {"no payload, where four members are announced", MINIMAL, NULL, "", 64, TL_E_COSE},
    {"a payload as long as a signature", MINIMAL, NULL, "5840" Z64, 64, TL_E_COSE},
    {"a short signature", MINIMAL, NULL, NULL, 63, TL_E_COSE},
    {"a long signature", MINIMAL, NULL, NULL, 65, TL_E_COSE},
    {"no proof", MINIMAL, "a0", NULL, 64, TL_E_TYPE},
    {"two proofs", MINIMAL,
     "a119018ca120824483010080448301008"
     "0",
     NULL, 64, TL_E_TYPE},
    {"another kind of proof", MINIMAL, "a119018ca122814483010080", NULL, 64, TL_E_COSE},
    {"a proof with more members", MINIMAL, "a119018ca12081458401008000", NULL, 64, TL_E_TYPE},
    {"bytes behind the proof", MINIMAL,
     "a119018ca1208145830100"
     "8000",
     NULL, 64, TL_E_TRAILING},
    {"another label beside it", MINIMAL,
     "a20340"
     "19018ca120814483010080",
     NULL, 64, TL_E_TYPE},
};

static void forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good_and_bad / sizeof good_and_bad[0]; i++) {
        const struct form *f = &good_and_bad[i];
        size_t head_n, un_n, pay_n = 0;
        uint8_t *head = test_hex(f->header, &head_n);
        uint8_t *un = test_hex(f->unprotected ? f->unprotected : A_PROOF, &un_n);
        uint8_t *pay = test_hex(f->payload ? f->payload : "f6", &pay_n), zeros[65] = {0};
        struct receipt r;
        buf_reset(&bytes);
        cbor_put_tag(&bytes, 18);
        cbor_put_array(&bytes, 4);
        cbor_put_bytes(&bytes, slice_of(head, head_n));
        buf_bytes(&bytes, slice_of(un, un_n));
        buf_bytes(&bytes, slice_of(pay, pay_n));
        cbor_put_bytes(&bytes, slice_of(zeros, f->signature));
        tl_err err = receipt_read(&r, buf_slice(&bytes));
        if ((err == TL_OK) != (f->want == TL_OK))
            fail_msg("%s: %s", f->name, tl_err_name(err));
        free(head);
        free(un);
        free(pay);
    }
}

static void bounds(void **state)
{
    (void)state;
    uint8_t mem[400];
    buf head;
    buf_init_fixed(&head, mem, sizeof mem);
    struct receipt r = inclusion(&head, 3, LEAVES), got;
    memset(r.path, 0, sizeof r.path);
    r.path_count = MERKLE_MAX_PATH;
    buf_reset(&bytes);
    receipt_put(&bytes, &r);
    assert_ok(receipt_read(&got, buf_slice(&bytes)));
    assert_int_equal(got.path_count, MERKLE_MAX_PATH);
    /* One hash more, by hand. */
    buf proof, more;
    uint8_t zeros[32] = {0};
    buf_init(&proof, 4000);
    buf_init(&more, 2 * RECEIPT_MAX);
    cbor_put_array(&proof, 3);
    cbor_put_uint(&proof, LEAVES);
    cbor_put_uint(&proof, 3);
    cbor_put_array(&proof, MERKLE_MAX_PATH + 1);
    for (size_t i = 0; i <= MERKLE_MAX_PATH; i++)
        cbor_put_bytes(&proof, SLICE_ARRAY(zeros));
    cbor_put_tag(&more, 18);
    cbor_put_array(&more, 4);
    cbor_put_bytes(&more, r.protected_header);
    cbor_put_map(&more, 1);
    cbor_put_int(&more, 396);
    cbor_put_map(&more, 1);
    cbor_put_int(&more, -1);
    cbor_put_array(&more, 1);
    cbor_put_bytes(&more, buf_slice(&proof));
    cbor_put_null(&more);
    cbor_put_bytes(&more, r.signature);
    assert_err(receipt_read(&got, buf_slice(&more)), TL_E_COSE);
    /* As long as it may be, by a header that is passed over, and a byte longer. */
    for (size_t extra = 0; extra < 2; extra++) {
        buf_reset(&proof);
        buf_finish(&proof);
        buf_init(&proof, 2 * RECEIPT_MAX);
        static uint8_t filler[RECEIPT_MAX];
        const size_t rest = 1 + 1 + 3 + 12 + 1 + 2 + 64; /* around the header */
        const size_t around = 1 + 2 + 2 + 3 + 4;         /* around the filler in it */
        cbor_put_map(&proof, 3);
        cbor_put_int(&proof, 1);
        cbor_put_int(&proof, -7);
        cbor_put_int(&proof, 300);
        cbor_put_bytes(&proof, slice_of(filler, RECEIPT_MAX - rest - around - 1 + extra));
        cbor_put_int(&proof, 395);
        cbor_put_int(&proof, 1);
        buf_reset(&more);
        cbor_put_tag(&more, 18);
        cbor_put_array(&more, 4);
        cbor_put_bytes(&more, buf_slice(&proof));
        size_t n = 0;
        uint8_t *un = test_hex(A_PROOF, &n);
        buf_bytes(&more, slice_of(un, n));
        free(un);
        cbor_put_null(&more);
        cbor_put_bytes(&more, r.signature);
        if (extra == 0 && more.n != RECEIPT_MAX)
            fail_msg("%zu bytes", more.n);
        assert_err(receipt_read(&got, buf_slice(&more)), extra ? TL_E_COSE : TL_OK);
    }
    buf_finish(&proof);
    buf_finish(&more);
}

/* Receipts of an Ed25519 log, under both names of that algorithm (-8 and -19). */
static void shared_vectors(void **state)
{
    (void)state;
    const char *path = test_vectors("tlog/generated/cose-scitt.json");
    if (!path)
        skip();
    json_t *file = vector_file(path);
    static const char *const algs[] = {"-8", "-19"};
    for (size_t i = 0; i < 2; i++) {
        const json_t *v = vector_member(file, algs[i]);
        size_t n = 0, m = 0, k = 0;
        uint8_t *statement = test_hex(vector_str(v, "signed_statement_hex"), &n);
        uint8_t *in = test_hex(vector_str(v, "inclusion_receipt_hex"), &m);
        uint8_t *con = test_hex(vector_str(v, "consistency_receipt_3_to_7_hex"), &k);
        uint8_t seed[32], public_key[32];
        hash32 leaf = merkle_leaf_hash(slice_of(statement, n)), root,
               want = vector_hash(vector_str(v, "root_hex")),
               older = vector_hash(vector_str(v, "root_at_3_hex"));
        struct receipt r;
        vector_bytes(seed, sizeof seed, vector_str(v, "log_seed"));
        ed25519_public(seed, public_key);
        for (int kind = 0; kind < 2; kind++) {
            assert_ok(receipt_read(&r, kind ? slice_of(con, k) : slice_of(in, m)));
            assert_int_equal(r.kind, kind ? RECEIPT_CONSISTENCY : RECEIPT_INCLUSION);
            assert_true(r.alg == (i ? -19 : -8) && !r.has_size);
            assert_ok(receipt_root(&root, &r, kind ? &older : &leaf));
            assert_true(hash_eq(&root, &want));
            buf_reset(&bytes);
            receipt_sig_structure_put(&bytes, &r, &root);
            assert_true(ed25519_verify(public_key, buf_slice(&bytes), r.signature.p));
            buf_reset(&bytes);
            receipt_put(&bytes, &r);
            assert_true(slice_eq(buf_slice(&bytes), kind ? slice_of(con, k) : slice_of(in, m)));
        }
        /* The unprotected header is no part of the leaf. */
        size_t t = 0;
        uint8_t *transparent = test_hex(vector_str(v, "transparent_statement_hex"), &t);
        hash32 other = merkle_leaf_hash(slice_of(transparent, t));
        struct transparent carried;
        assert_ok(transparent_read(&carried, slice_of(transparent, t)));
        assert_true(carried.count == 1 && slice_eq(carried.receipts[0], slice_of(in, m)));
        buf_reset(&bytes);
        transparent_statement_put(&bytes, &carried);
        assert_true(slice_eq(buf_slice(&bytes), slice_of(statement, n)));
        assert_true(transparent_read(&carried, slice_of(statement, n)) != TL_OK);
        assert_ok(receipt_read(&r, slice_of(in, m)));
        assert_ok(receipt_root(&root, &r, &other));
        assert_false(hash_eq(&root, &want));
        free(transparent);
        free(statement);
        free(in);
        free(con);
    }
    /* A set of keys that are none of ours is a set. */
    size_t n = 0;
    uint8_t *set = test_hex(vector_str(file, "cose_key_set_hex"), &n);
    struct cose_ec2 key_found;
    hash32 kid = vector_hash(vector_str(vector_member(file, "-19"), "log_kid"));
    assert_err(key_set_find(&key_found, slice_of(set, n), hash_slice(&kid)), TL_E_NOT_FOUND);
    free(set);
    json_decref(file);
}

/* The working group's own examples, to be read: their entry and key are not said. */
static void draft_examples(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        enum receipt_kind kind;
        uint64_t first, tree_size;
        size_t path_count;
    } rows[] = {
        {"tlog/cose-receipts-draft/examples/inclusion-receipt.cbor", RECEIPT_INCLUSION, 3, 5, 3},
        {"tlog/cose-receipts-draft/examples/consistency-receipt.cbor", RECEIPT_CONSISTENCY, 3, 5,
         4},
    };
    if (!test_vectors("tlog/cose-receipts-draft"))
        skip();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t n = 0;
        uint8_t *p = test_file(test_vectors(rows[i].path), &n);
        struct receipt r;
        hash32 root, zero = {{0}};
        assert_non_null(p);
        assert_ok(receipt_read(&r, slice_of(p, n)));
        assert_true(r.kind == rows[i].kind && r.first == rows[i].first);
        assert_true(r.tree_size == rows[i].tree_size && r.path_count == rows[i].path_count);
        assert_true(r.alg == COSE_ES256 && slice_eq_str(r.kid, "test-key-1") && !r.has_size);
        assert_true(slice_eq_str(r.issuer, "https://transparency-service.example.com"));
        assert_null(r.subject.p);
        /* Its path is one of that index and size; of consistency it has to give the older root. */
        assert_err(receipt_root(&root, &r, &zero), rows[i].kind ? TL_E_PROOF : TL_OK);
        for (size_t cut = 0; cut < n; cut++)
            assert_true(receipt_read(&r, slice_of(p, cut)) != TL_OK);
        free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inclusions),     cmocka_unit_test(consistencies),
        cmocka_unit_test(every_bit),      cmocka_unit_test(forms),
        cmocka_unit_test(bounds),         cmocka_unit_test(shared_vectors),
        cmocka_unit_test(draft_examples),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
