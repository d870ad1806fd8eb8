#include "fakewitness.h"
#include "vector_json.h"

#include "tlog/proof.h"

#define LEAVES 9
#define LOG    100

static hash32 leaves[LEAVES];
static struct merkle_leaves tree = {leaves, LEAVES};
static const struct merkle_nodes nodes = {merkle_leaves_get, &tree};
static buf text;

static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEAVES; i++)
        leaves[i] = merkle_leaf_hash(slice_of(&i, 1));
    buf_init(&text, 4 * PROOF_EXTRA_MAX);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_finish(&text);
    return 0;
}

/* The proof of leaf 3, under a checkpoint that witnesses 1 to cosigners have cosigned. */
static void make(const char *extra, uint8_t cosigners)
{
    hash32 root, path[MERKLE_MAX_PATH];
    size_t n = 0;
    buf note;
    buf_init(&note, 10000);
    assert_ok(merkle_root(&nodes, LEAVES, &root));
    assert_ok(merkle_prove_inclusion(&nodes, 3, LEAVES, path, &n));
    fake_checkpoint(&note, FAKE_ORIGIN, LOG, LEAVES, &root);
    for (uint8_t i = 1; i <= cosigners; i++)
        fake_cosign(&note, i, 1000u + i);
    buf_reset(&text);
    tlog_proof_put(&text, extra ? slice_str(extra) : (slice){NULL, 0}, 3, path, n,
                   buf_slice(&note));
    assert_ok(buf_err(&text));
    buf_finish(&note);
}

static void forms(void **state)
{
    (void)state;
    struct tlog_proof p, before;
    make(NULL, 0);
    assert_ok(tlog_proof_read(&p, buf_slice(&text)));
    assert_true(p.index == 3 && !p.has_extra && p.path_count == 4);
    make("more", 0);
    assert_ok(tlog_proof_read(&p, buf_slice(&text)));
    assert_true(p.has_extra && slice_eq_str(p.extra, "bW9yZQ=="));
    make("", 0);
    assert_ok(tlog_proof_read(&p, buf_slice(&text)));
    assert_true(p.has_extra && p.extra.n == 0);
    static const char *const bad[] = {
        "",
        "\n",
        "c2sp.org/tlog-proof@v2\nindex 0\n\n",
        "c2sp.org/tlog-proof@v1 \nindex 0\n\n",
        "c2sp.org/tlog-proof@v1\n",
        "c2sp.org/tlog-proof@v1\nindex\n\n",
        "c2sp.org/tlog-proof@v1\nindex 00\n\n",
        "c2sp.org/tlog-proof@v1\nindex -1\n\n",
        "c2sp.org/tlog-proof@v1\nindex 9223372036854775808\n\n",
        "c2sp.org/tlog-proof@v1\nindex 0 \n\n",
        "c2sp.org/tlog-proof@v1\nextra bW9yZQ\nindex 0\n\n",
        "c2sp.org/tlog-proof@v1\nextra bW9yZQ==\nextra bW9yZQ==\nindex 0\n\n",
        "c2sp.org/tlog-proof@v1\nindex 0\nextra bW9yZQ==\n\n",
        "c2sp.org/tlog-proof@v1\nextra bW9yZQ==\n\n",
        "c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\n",
        "c2sp.org/tlog-proof@v1\nindex 0\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n\n",
    };
    before = p;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        buf_reset(&text);
        buf_str(&text, bad[i]);
        buf_str(&text, "checkpoint\n");
        if (tlog_proof_read(&p, buf_slice(&text)) == TL_OK)
            fail_msg("accepted: %s", bad[i]);
    }
    static const char *const cut[] = {"c2sp.org/tlog-proof@v1\nindex 0",
                                      "c2sp.org/tlog-proof@v1\nindex 0\n",
                                      "c2sp.org/tlog-proof@v1\nindex 0\n\n"};
    for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++)
        assert_err(tlog_proof_read(&p, slice_str(cut[i])), TL_E_PROOF);
    assert_memory_equal(&p, &before, sizeof p);
}

static void bounds(void **state)
{
    (void)state;
    struct tlog_proof p;
    for (size_t count = MERKLE_MAX_PATH; count <= MERKLE_MAX_PATH + 1; count++) {
        buf_reset(&text);
        buf_str(&text, "c2sp.org/tlog-proof@v1\nindex 0\n");
        for (size_t i = 0; i < count; i++)
            buf_str(&text, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
        buf_str(&text, "\ncheckpoint\n");
        assert_err(tlog_proof_read(&p, buf_slice(&text)),
                   count > MERKLE_MAX_PATH ? TL_E_PROOF : TL_OK);
    }
    char *extra = calloc(1, PROOF_EXTRA_MAX + 2);
    memset(extra, 'x', PROOF_EXTRA_MAX);
    make(extra, 0);
    assert_ok(tlog_proof_read(&p, buf_slice(&text)));
    assert_true(text.n < PROOF_MAX);
    extra[PROOF_EXTRA_MAX] = 'x';
    make(extra, 0);
    assert_err(tlog_proof_read(&p, buf_slice(&text)), TL_E_LIMIT);
    free(extra);
}

static tl_err check(struct tlog_proof_result *r, const hash32 *leaf, const struct note_key *keys,
                    size_t n, const struct tlog_policy *policy)
{
    struct tlog_proof p;
    assert_ok(tlog_proof_read(&p, buf_slice(&text)));
    return tlog_proof_verify(r, &p, leaf, keys, n, policy);
}

static void verdicts(void **state)
{
    (void)state;
    struct note_key key = fake_log_key(FAKE_ORIGIN, LOG), stranger = fake_log_key(FAKE_ORIGIN, 7),
                    renamed = fake_log_key("other.example", LOG);
    struct note_key two[2] = {stranger, key};
    struct tlog_policy *policy = fake_quorum(2, 3);
    struct tlog_proof_result r = {0};
    make("ignored", 2);
    assert_ok(check(&r, &leaves[3], &key, 1, policy));
    assert_true(r.checkpoint.size == LEAVES && slice_eq_str(r.checkpoint.origin, FAKE_ORIGIN));
    assert_true(r.quorum.met && r.quorum.valid == 2 && r.quorum.time == 1002);
    assert_ok(check(&r, &leaves[3], two, 2, NULL));
    assert_err(check(&r, &leaves[4], &key, 1, policy), TL_E_PROOF);
    assert_err(check(&r, &leaves[3], &stranger, 1, policy), TL_E_SIGNATURE);
    assert_err(check(&r, &leaves[3], &key, 0, policy), TL_E_SIGNATURE);
    assert_err(check(&r, &leaves[3], &renamed, 1, policy), TL_E_SIGNATURE);
    make(NULL, 1);
    r = (struct tlog_proof_result){0};
    assert_err(check(&r, &leaves[3], &key, 1, policy), TL_E_AUTH);
    assert_true(!r.quorum.met && r.quorum.valid == 1 && r.checkpoint.size == LEAVES);
    assert_ok(check(&r, &leaves[3], &key, 1, NULL));
    tlog_policy_free(policy);
}

/* A key's signature counts under the name that it has, and no line of a known key may fail. */
static void names_and_failures(void **state)
{
    (void)state;
    hash32 root, path[MERKLE_MAX_PATH];
    size_t n = 0;
    uint8_t seed[32], bytes[68] = {0};
    struct note_key ours = fake_log_key(FAKE_ORIGIN, LOG), other = fake_log_key("other.example", 7);
    struct note_key keys[2] = {ours, other};
    struct tlog_proof_result r;
    buf note, body;
    buf_init(&note, 10000);
    buf_init(&body, 1000);
    assert_ok(merkle_root(&nodes, LEAVES, &root));
    assert_ok(merkle_prove_inclusion(&nodes, 3, LEAVES, path, &n));
    /* Our origin, signed by the other log alone, whose key is trusted for its own. */
    fake_text(&body, FAKE_ORIGIN, LEAVES, &root);
    fake_seed(seed, 7);
    assert_ok(note_sign(&note, buf_slice(&body), &other, seed));
    buf_reset(&text);
    tlog_proof_put(&text, (slice){NULL, 0}, 3, path, n, buf_slice(&note));
    assert_err(check(&r, &leaves[3], keys, 2, NULL), TL_E_SIGNATURE);
    make(NULL, 0);
    memcpy(bytes, other.id, sizeof other.id);
    note_line_put(&text, slice_str("other.example"), SLICE_ARRAY(bytes));
    assert_ok(check(&r, &leaves[3], keys, 1, NULL));
    assert_err(check(&r, &leaves[3], keys, 2, NULL), TL_E_SIGNATURE);
    buf_finish(&note);
    buf_finish(&body);
}

static void every_bit(void **state)
{
    (void)state;
    struct note_key key = fake_log_key(FAKE_ORIGIN, LOG);
    struct tlog_policy *policy = fake_quorum(2, 3);
    struct tlog_proof_result r;
    make(NULL, 2);
    for (size_t bit = 0; bit < 8 * text.n; bit++) {
        struct tlog_proof p;
        text.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (tlog_proof_read(&p, buf_slice(&text)) == TL_OK &&
            tlog_proof_verify(&r, &p, &leaves[3], &key, 1, policy) == TL_OK)
            fail_msg("bit %zu does not matter", bit);
        text.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    tlog_policy_free(policy);
}

static void shared_vector(void **state)
{
    (void)state;
    const char *path = test_vectors("tlog/generated/checkpoints-and-witness.json");
    if (!path)
        skip();
    json_t *file = vector_file(path);
    slice proof = slice_str(vector_str(file, "tlog_proof"));
    hash32 leaf = merkle_leaf_hash(slice_str(vector_str(file, "tlog_proof_leaf_data")));
    struct note_key key;
    struct tlog_policy *policy = NULL;
    struct tlog_proof_result r;
    struct tlog_proof p;
    buf lines;
    buf_init(&lines, 10000);
    buf_printf(&lines, "witness a %s\nwitness b %s\ngroup g any a b\nquorum g\n",
               vector_str(file, "w1_vkey"), vector_str(file, "w2_vkey"));
    assert_ok(tlog_policy_read(&policy, buf_slice(&lines), NULL));
    assert_ok(note_key_read(&key, slice_str(vector_str(file, "log_vkey"))));
    assert_ok(tlog_proof_read(&p, proof));
    assert_ok(tlog_proof_verify(&r, &p, &leaf, &key, 1, policy));
    assert_true(r.quorum.valid == 1 && r.quorum.time == vector_int(file, "time"));
    buf_reset(&lines);
    tlog_proof_put(&lines, slice_str("{\"k\":1}"), p.index, p.path, p.path_count, p.checkpoint);
    assert_true(slice_eq(buf_slice(&lines), proof));
    buf_finish(&lines);
    tlog_policy_free(policy);
    json_decref(file);
}

static void allocations(void **state)
{
    (void)state;
    struct note_key key = fake_log_key(FAKE_ORIGIN, LOG);
    struct tlog_policy *policy = fake_quorum(2, 3);
    struct tlog_proof_result r;
    struct tlog_proof p;
    make("more", 2);
    for (size_t i = 1;; i++) {
        test_fail_alloc(i);
        tl_err err = tlog_proof_read(&p, buf_slice(&text));
        if (err == TL_OK)
            err = tlog_proof_verify(&r, &p, &leaves[3], &key, 1, policy);
        bool failed = test_alloc_failed();
        test_fail_alloc(0);
        if (!failed) {
            assert_ok(err);
            break;
        }
        assert_err(err, TL_E_MEMORY);
    }
    tlog_policy_free(policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms),       cmocka_unit_test(bounds),
        cmocka_unit_test(verdicts),    cmocka_unit_test(names_and_failures),
        cmocka_unit_test(every_bit),   cmocka_unit_test(shared_vector),
        cmocka_unit_test(allocations),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
