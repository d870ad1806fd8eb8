/* Chains: the two kinds, in any order, with one thing wrong at a time. */
#include "testlib.h"

#include "attest/chain.h"
#include "tee/sim_pki.h"

#define NOW UINT64_C(1790000000)

enum { LEAF, CA, ROOT, SIGNER, KEYS };

static struct es256_key *key[KEYS], *stranger;
static struct sim_cert good[KEYS]; /* the plans of a genuine PKI */

static int make_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEYS; i++)
        assert_ok(es256_generate(&key[i]));
    assert_ok(es256_generate(&stranger));
    const struct sim_chain_keys keys = {
        .root = key[ROOT], .intermediate = key[CA], .pck = key[LEAF], .signer = key[SIGNER]};
    assert_ok(sim_chain_plan(good, &keys, NOW));
    assert_ok(sim_signer_plan(&good[SIGNER], &keys, NOW));
    return 0;
}

static int drop_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEYS; i++)
        es256_free(key[i]);
    es256_free(stranger);
    return 0;
}

static tl_err read_plans(struct chain *out, const struct sim_cert *const *plans, size_t n, bool pck,
                         struct tl_why *why)
{
    buf pem;
    buf_init(&pem, 65536);
    assert_ok(sim_certs_put(&pem, plans, n));
    tl_err err = pck ? chain_read_pck(out, buf_slice(&pem), why)
                     : chain_read_signer(out, buf_slice(&pem), why);
    buf_finish(&pem);
    return err;
}

/* A PCK chain of plan[0..3): leaf, CA, root. */
static tl_err read_pck(struct chain *out, const struct sim_cert plan[3], struct tl_why *why)
{
    return read_plans(out, (const struct sim_cert *[]){&plan[LEAF], &plan[CA], &plan[ROOT]}, 3,
                      true, why);
}

static tl_err read_signer(struct chain *out, const struct sim_cert *signer,
                          const struct sim_cert *root, struct tl_why *why)
{
    return read_plans(out, (const struct sim_cert *[]){signer, root}, 2, false, why);
}

/* Reading and checking, whichever fails; says why. */
static tl_err judge_pck(const struct sim_cert plan[3], struct tl_why *why)
{
    struct chain c;
    *why = (struct tl_why){0};
    tl_err err = read_pck(&c, plan, why);
    if (err != TL_OK)
        return err;
    err = chain_check_pck(&c, NULL, why);
    chain_finish(&c);
    return err;
}

static tl_err judge_signer(const struct sim_cert *signer, const struct sim_cert *root,
                           struct tl_why *why)
{
    struct chain c;
    *why = (struct tl_why){0};
    tl_err err = read_signer(&c, signer, root, why);
    if (err != TL_OK)
        return err;
    err = chain_check_signer(&c, NULL, why);
    chain_finish(&c);
    return err;
}

static void explained(tl_err got, tl_err want, const struct tl_why *why, const char *field,
                      const char *text)
{
    assert_err(got, want);
    assert_string_equal(why->field, field);
    if (!strstr(why->text, text))
        fail_msg("\"%s\" does not say \"%s\"", why->text, text);
}

static bool has_point(struct es256_key *k, const struct cert *c)
{
    struct cose_ec2 point;
    es256_point(k, &point);
    return memcmp(point.x, c->x, 32) == 0 && memcmp(point.y, c->y, 32) == 0;
}

static void pck_chains_in_any_order(void **state)
{
    (void)state;
    static const size_t orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                        {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (size_t i = 0; i < 6; i++) {
        struct chain c;
        struct tl_why why = {0};
        const struct sim_cert *plans[3];
        for (size_t j = 0; j < 3; j++)
            plans[j] = &good[orders[i][j]];
        assert_ok(read_plans(&c, plans, 3, true, &why));
        assert_true(slice_eq(c.leaf.serial, SLICE_ARRAY(good[LEAF].serial)));
        assert_true(slice_eq(c.intermediate.serial, SLICE_ARRAY(good[CA].serial)));
        assert_true(slice_eq(c.root.serial, SLICE_ARRAY(good[ROOT].serial)));
        hash32 spki = sha256(c.root.spki);
        assert_true(hash_eq(&c.root_spki, &spki));
        assert_null(c.root_key);
        assert_ok(chain_check_pck(&c, NULL, &why));
        assert_true(has_point(c.leaf_key, &c.leaf));
        assert_true(has_point(c.intermediate_key, &c.intermediate));
        assert_true(has_point(c.root_key, &c.root));
        assert_ok(chain_check_pck(&c, NULL, NULL)); /* again, with the same keys */
        chain_finish(&c);
    }
    chain_finish(NULL);
}

static void signing_chains_in_any_order(void **state)
{
    (void)state;
    for (int turned = 0; turned < 2; turned++) {
        struct chain c;
        assert_ok(
            read_signer(&c, &good[turned ? ROOT : SIGNER], &good[turned ? SIGNER : ROOT], NULL));
        assert_true(slice_eq(c.leaf.serial, SLICE_ARRAY(good[SIGNER].serial)));
        assert_true(slice_eq(c.root.serial, SLICE_ARRAY(good[ROOT].serial)));
        assert_ok(chain_check_signer(&c, NULL, NULL));
        assert_true(has_point(c.leaf_key, &c.leaf));
        assert_true(has_point(c.root_key, &c.root));
        assert_null(c.intermediate_key);
        chain_finish(&c);
    }
}

static tl_err read_one(struct cert *out, struct pem_chain *memory,
                       const struct sim_cert *const *plans, size_t n)
{
    buf pem;
    buf_init(&pem, 65536);
    assert_ok(sim_certs_put(&pem, plans, n));
    tl_err err = cert_read_pem(out, memory, buf_slice(&pem));
    buf_finish(&pem);
    return err;
}

static void one_certificate(void **state)
{
    (void)state;
    const struct sim_cert *const plans[2] = {&good[LEAF], &good[CA]};
    struct pem_chain memory;
    struct cert c;
    assert_ok(read_one(&c, &memory, plans, 1));
    assert_true(slice_eq(c.serial, SLICE_ARRAY(good[LEAF].serial)));
    pem_finish(&memory);
    assert_err(read_one(&c, &memory, plans, 2), TL_E_CERT);
    assert_err(cert_read_pem(&c, &memory, slice_str("not PEM")), TL_E_CERT);
    struct sim_cert bad = good[CA];
    bad.not_before = bad.not_after + 1;
    assert_err(read_one(&c, &memory, (const struct sim_cert *[]){&bad}, 1), TL_E_CERT);
}

static void count_and_form(void **state)
{
    (void)state;
    struct chain c, before;
    struct tl_why why = {0};
    memset(&c, 0x5a, sizeof c);
    before = c;
    const struct sim_cert *plans[4] = {&good[LEAF], &good[CA], &good[ROOT], &good[SIGNER]};
    explained(read_plans(&c, plans, 4, true, &why), TL_E_CERT, &why, "chain",
              "the PCK chain has 4 certificates, not 3");
    why = (struct tl_why){0};
    explained(read_plans(&c, plans, 2, true, &why), TL_E_CERT, &why, "chain", "2 certificates");
    why = (struct tl_why){0};
    explained(read_plans(&c, plans, 3, false, &why), TL_E_CERT, &why, "chain",
              "the signing chain has 3 certificates, not 2");
    why = (struct tl_why){0};
    explained(read_plans(&c, &plans[3], 1, false, &why), TL_E_CERT, &why, "chain",
              "1 certificates");
    why = (struct tl_why){0};
    explained(chain_read_pck(&c, slice_str("not PEM"), &why), TL_E_CERT, &why, "chain",
              "is not certificates in PEM");
    why = (struct tl_why){0};
    explained(chain_read_signer(&c, slice_str(""), &why), TL_E_CERT, &why, "chain",
              "the signing chain is not certificates in PEM");
    struct sim_cert bad = good[CA];
    bad.not_before = bad.not_after + 1;
    plans[1] = &bad;
    why = (struct tl_why){0};
    explained(read_plans(&c, plans, 3, true, &why), TL_E_CERT, &why, "chain",
              "certificate 2 of the PCK chain is not of the expected form");
    assert_memory_equal(&c, &before, sizeof c);
}

static void roles_by_name(void **state)
{
    (void)state;
    struct chain c;
    struct tl_why why = {0};
    const struct sim_cert *plans[3] = {&good[LEAF], &good[LEAF], &good[ROOT]};
    static const char twice[] = "have the names of one role";
    explained(read_plans(&c, plans, 3, true, &why), TL_E_CERT, &why, "chain", twice);
    plans[0] = plans[1] = &good[CA];
    why = (struct tl_why){0};
    explained(read_plans(&c, plans, 3, true, &why), TL_E_CERT, &why, "chain", twice);
    plans[0] = &good[LEAF];
    plans[1] = &good[ROOT];
    why = (struct tl_why){0};
    explained(read_plans(&c, plans, 3, true, &why), TL_E_CERT, &why, "chain", twice);
    why = (struct tl_why){0};
    explained(read_plans(&c, &plans[1], 2, false, &why), TL_E_CERT, &why, "chain", twice);
    plans[1] = plans[2] = &good[SIGNER];
    why = (struct tl_why){0};
    explained(read_plans(&c, &plans[1], 2, false, &why), TL_E_CERT, &why, "chain", twice);

    /* Three certificates of three kinds, but one is called wrong. */
    struct sim_cert plan[3];
    memcpy(plan, good, sizeof plan);
    plan[ROOT].issuer = plan[ROOT].subject = plan[CA].issuer = "SGX Root";
    explained(judge_pck(plan, &why), TL_E_CERT, &why, "root", "is not an SGX Root CA");
    plan[ROOT].issuer = plan[ROOT].subject = plan[CA].issuer = "an SGX Root CA indeed";
    assert_ok(judge_pck(plan, &why));
    memcpy(plan, good, sizeof plan);
    plan[LEAF].subject = "SGX PCK certificate";
    explained(judge_pck(plan, &why), TL_E_CERT, &why, "chain", twice);
    memcpy(plan, good, sizeof plan);
    plan[CA].subject = plan[LEAF].issuer = "SGX PCK Processor";
    explained(judge_pck(plan, &why), TL_E_CERT, &why, "intermediate", "is not called a CA");

    struct sim_cert signer = good[SIGNER], root = good[ROOT];
    signer.subject = "SGX TCB signing";
    explained(judge_signer(&signer, &root, &why), TL_E_CERT, &why, "leaf",
              "the leaf of the signing chain is not called \"SGX TCB Signing\"");
    signer = good[SIGNER];
    root.issuer = root.subject = signer.issuer = "SGX";
    explained(judge_signer(&signer, &root, &why), TL_E_CERT, &why, "root", "not an SGX Root CA");
    /* A PCK certificate where a signer is asked for. */
    explained(judge_signer(&good[LEAF], &good[ROOT], &why), TL_E_CERT, &why, "leaf", "Signing");
}

/* Which certificates a test changes, and what it must find. */
static void names_match(void **state)
{
    (void)state;
    struct tl_why why;
    struct sim_cert plan[3];
    memcpy(plan, good, sizeof plan);
    plan[LEAF].issuer = "SGX Other CA";
    explained(judge_pck(plan, &why), TL_E_CERT, &why, "leaf", "names another issuer");
    plan[LEAF].issuer = sim_root_name;
    explained(judge_pck(plan, &why), TL_E_CERT, &why, "leaf", "names another issuer");
    memcpy(plan, good, sizeof plan);
    plan[CA].issuer = "SGX Other Root CA";
    explained(judge_pck(plan, &why), TL_E_CERT, &why, "intermediate", "names another issuer");
    struct sim_cert signer = good[SIGNER];
    signer.issuer = sim_intermediate_name;
    explained(judge_signer(&signer, &good[ROOT], &why), TL_E_CERT, &why, "leaf",
              "names another issuer");
}

static void rights(void **state)
{
    (void)state;
    struct tl_why why;
    struct sim_cert plan[3];
    static const char *const names[3] = {"leaf", "intermediate", "root"};
    for (size_t i = CA; i <= ROOT; i++) {
        memcpy(plan, good, sizeof plan);
        plan[i].ca = false;
        plan[i].path_length = -1;
        explained(judge_pck(plan, &why), TL_E_CERT, &why, names[i], "is not a CA's");
        plan[i].without = SIM_NO_BASIC_CONSTRAINTS;
        explained(judge_pck(plan, &why), TL_E_CERT, &why, names[i], "is not a CA's");
        plan[i] = good[i];
        plan[i].key_usage = KEY_USAGE_DIGITAL_SIGNATURE | KEY_USAGE_CRL_SIGN;
        explained(judge_pck(plan, &why), TL_E_CERT, &why, names[i], "may not sign certificates");
        plan[i].key_usage = KEY_USAGE_CERT_SIGN; /* lists are crl_check's to ask about */
        assert_ok(judge_pck(plan, &why));
    }
    memcpy(plan, good, sizeof plan);
    plan[ROOT].path_length = 0;
    explained(judge_pck(plan, &why), TL_E_CERT, &why, "root", "allows no CA below it");
    assert_ok(judge_signer(&good[SIGNER], &plan[ROOT], &why));
    plan[ROOT].path_length = plan[CA].path_length = -1; /* no limit */
    assert_ok(judge_pck(plan, &why));
    struct sim_cert root = good[ROOT];
    root.ca = false;
    root.path_length = -1;
    explained(judge_signer(&good[SIGNER], &root, &why), TL_E_CERT, &why, "root", "not a CA's");
}

static void leaves(void **state)
{
    (void)state;
    struct tl_why why;
    struct sim_cert plan[3];
    memcpy(plan, good, sizeof plan);
    struct sim_cert *leaf = &plan[LEAF], signer = good[SIGNER];
    leaf->ca = true;
    explained(judge_pck(plan, &why), TL_E_CERT, &why, "leaf", "is a CA's");
    *leaf = good[LEAF];
    leaf->without = SIM_NO_BASIC_CONSTRAINTS;
    explained(judge_pck(plan, &why), TL_E_CERT, &why, "leaf", "has no basic constraints");
    static const uint16_t usages[] = {0, KEY_USAGE_NON_REPUDIATION, KEY_USAGE_CERT_SIGN,
                                      KEY_USAGE_DIGITAL_SIGNATURE | KEY_USAGE_CERT_SIGN};
    for (size_t i = 0; i < sizeof usages / sizeof usages[0]; i++) {
        *leaf = good[LEAF];
        leaf->key_usage = signer.key_usage = usages[i];
        explained(judge_pck(plan, &why), TL_E_CERT, &why, "leaf", "not to sign data alone");
        explained(judge_signer(&signer, &good[ROOT], &why), TL_E_CERT, &why, "leaf",
                  "not to sign data alone");
    }
    *leaf = good[LEAF];
    leaf->key_usage = KEY_USAGE_DIGITAL_SIGNATURE;
    assert_ok(judge_pck(plan, &why));
    *leaf = good[LEAF];
    leaf->sgx = NULL;
    explained(judge_pck(plan, &why), TL_E_CERT, &why, "leaf", "has no SGX extension");
    signer = good[SIGNER];
    signer.ca = true;
    explained(judge_signer(&signer, &good[ROOT], &why), TL_E_CERT, &why, "leaf", "is a CA's");
}

static void extensions_are_there(void **state)
{
    (void)state;
    static const struct {
        unsigned without;
        const char *text;
    } lacking[] = {
        {SIM_NO_AUTHORITY_KEY_ID, "has no authority key identifier"},
        {SIM_NO_SUBJECT_KEY_ID, "has no subject key identifier"},
        {SIM_NO_CRL_POINTS, "has no CRL distribution points"},
    };
    static const char *const names[] = {"leaf", "intermediate", "root", "leaf"};
    struct tl_why why;
    for (size_t i = 0; i < 3; i++) {
        for (size_t at = 0; at < KEYS; at++) {
            struct sim_cert plan[KEYS];
            memcpy(plan, good, sizeof plan);
            plan[at].without = lacking[i].without;
            tl_err err =
                at == SIGNER ? judge_signer(&plan[at], &plan[ROOT], &why) : judge_pck(plan, &why);
            explained(err, TL_E_CERT, &why, names[at], lacking[i].text);
        }
    }
}

static void signatures(void **state)
{
    (void)state;
    struct tl_why why;
    struct sim_cert plan[3];
    static const char *const names[3] = {"leaf", "intermediate", "root"};
    for (size_t i = 0; i < 3; i++) {
        memcpy(plan, good, sizeof plan);
        plan[i].issuer_key = stranger;
        explained(judge_pck(plan, &why), TL_E_SIGNATURE, &why, names[i], "signature");
    }
    /* Names alone make no PCK certificate: one signed by another PCK's key. */
    memcpy(plan, good, sizeof plan);
    plan[LEAF].issuer_key = key[LEAF];
    explained(judge_pck(plan, &why), TL_E_SIGNATURE, &why, "leaf", "signature");
    struct sim_cert signer = good[SIGNER], root = good[ROOT];
    signer.issuer_key = key[CA];
    explained(judge_signer(&signer, &root, &why), TL_E_SIGNATURE, &why, "leaf", "signature");
    root.issuer_key = stranger;
    explained(judge_signer(&good[SIGNER], &root, &why), TL_E_SIGNATURE, &why, "root", "signature");
}

/* Points off the curve, in each place. */
static void keys_are_on_the_curve(void **state)
{
    (void)state;
    struct tl_why why = {0};
    struct chain c;
    assert_ok(read_pck(&c, good, NULL));
    struct cert *const at[3] = {&c.leaf, &c.intermediate, &c.root};
    static const char *const names[3] = {"leaf", "intermediate", "root"};
    for (size_t i = 0; i < 3; i++) {
        at[i]->y[31] ^= 1;
        why = (struct tl_why){0};
        explained(chain_check_pck(&c, NULL, &why), TL_E_KEY, &why, names[i], "key");
        at[i]->y[31] ^= 1;
        chain_finish(&c);
        assert_ok(read_pck(&c, good, NULL));
    }
    chain_finish(&c);
    assert_ok(read_signer(&c, &good[SIGNER], &good[ROOT], NULL));
    c.leaf.x[0] ^= 1;
    why = (struct tl_why){0};
    explained(chain_check_signer(&c, NULL, &why), TL_E_KEY, &why, "leaf", "key");
    chain_finish(&c);
}

/* The root's key and its good signature are taken from a chain with the same root. */
static void a_known_root_is_not_checked_again(void **state)
{
    (void)state;
    struct chain known, c;
    assert_ok(read_pck(&known, good, NULL));
    assert_ok(read_signer(&c, &good[SIGNER], &good[ROOT], NULL));
    /* The plan signs afresh each time, so the root is other bytes with the same key. */
    assert_ok(chain_check_pck(&known, NULL, NULL));
    assert_false(slice_eq(SLICE_ARRAY(c.root.signature), SLICE_ARRAY(known.root.signature)));
    assert_ok(chain_check_signer(&c, &known, NULL));
    assert_ptr_not_equal(c.root_key, known.root_key);
    /* A bad self-signature over the same names and key is seen. */
    chain_finish(&c);
    struct sim_cert forged = good[ROOT];
    forged.issuer_key = stranger;
    assert_ok(read_signer(&c, &good[SIGNER], &forged, NULL));
    assert_true(slice_eq(c.root.tbs, known.root.tbs) == false ||
                !slice_eq(SLICE_ARRAY(c.root.signature), SLICE_ARRAY(known.root.signature)));
    assert_err(chain_check_signer(&c, &known, NULL), TL_E_SIGNATURE);
    chain_finish(&c);

    /* The same bytes: the key is shared, and outlives the chain that it came from. */
    buf pem;
    buf_init(&pem, 65536);
    assert_ok(sim_certs_put(&pem, (const struct sim_cert *[]){&good[SIGNER]}, 1));
    for (size_t i = 0; i < 3; i++) {
        struct cert one;
        assert_ok(cert_read(&one, known.pem.certificates[i]));
        if (slice_eq(one.tbs, known.root.tbs))
            pem_put(&pem, known.pem.certificates[i]);
    }
    assert_ok(chain_read_signer(&c, buf_slice(&pem), NULL));
    assert_ok(chain_check_signer(&c, &known, NULL));
    assert_ptr_equal(c.root_key, known.root_key);
    assert_ok(chain_check_signer(&c, &known, NULL)); /* again */
    chain_finish(&known);
    assert_true(has_point(c.root_key, &c.root));
    chain_finish(&c);

    /* A chain that was read and not checked vouches for nothing. */
    assert_ok(chain_read_signer(&known, buf_slice(&pem), NULL));
    assert_ok(chain_read_signer(&c, buf_slice(&pem), NULL));
    c.root.signature[5] ^= 1;
    known.root.signature[5] ^= 1;
    assert_err(chain_check_signer(&c, &known, NULL), TL_E_SIGNATURE);
    chain_finish(&known);
    chain_finish(&c);
    buf_finish(&pem);
}

static void validity_of_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEYS; i++) {
        struct sim_cert plan[KEYS];
        struct chain c;
        memcpy(plan, good, sizeof plan);
        plan[i].not_before += 100;
        plan[i].not_after -= 50;
        if (i == SIGNER)
            assert_ok(read_signer(&c, &plan[SIGNER], &plan[ROOT], NULL));
        else
            assert_ok(read_pck(&c, plan, NULL));
        assert_int_equal(c.validity.from, good[i].not_before + 100);
        assert_int_equal(c.validity.until, good[i].not_after - 50);
        chain_finish(&c);
    }
    struct validity a = {10, 20}, b = {15, 18}, c = {30, 40};
    struct validity ab = validity_join(a, b), ba = validity_join(b, a), ac = validity_join(a, c);
    assert_true(ab.from == 15 && ab.until == 18 && ba.from == 15 && ba.until == 18);
    assert_true(ac.from == 30 && ac.until == 20);

    struct tl_why why = {0};
    assert_ok(validity_check(&a, 10, "the PCK chain", &why));
    assert_ok(validity_check(&a, 20, "the PCK chain", NULL));
    explained(validity_check(&a, 9, "the PCK chain", &why), TL_E_CERT, &why, "the PCK chain",
              "the PCK chain is not valid before 1970-01-01 00:00:10 UTC, and it is judged as of "
              "1970-01-01 00:00:09 UTC");
    why = (struct tl_why){0};
    explained(validity_check(&a, 21, "x", &why), TL_E_CERT, &why, "x",
              "x is not valid after 1970-01-01 00:00:20 UTC");
    for (uint64_t t = 0; t < 50; t++) /* nothing lies in an empty one */
        assert_err(validity_check(&ac, t, "x", NULL), TL_E_CERT);
}

static void allocations_fail(void **state)
{
    (void)state;
    buf pem;
    buf_init(&pem, 65536);
    assert_ok(sim_chain_put(&pem, good));
    size_t failed = 0;
    for (bool more = true; more;) {
        struct chain c;
        test_fail_alloc(failed + 1);
        tl_err err = chain_read_pck(&c, buf_slice(&pem), NULL);
        if (err == TL_OK) {
            err = chain_check_pck(&c, NULL, NULL);
            chain_finish(&c);
        }
        more = test_alloc_failed();
        test_fail_alloc(0);
        assert_err(err, more ? TL_E_MEMORY : TL_OK);
        failed += more;
    }
    assert_true(failed >= 4); /* text, and three keys */
    buf_finish(&pem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pck_chains_in_any_order),
        cmocka_unit_test(signing_chains_in_any_order),
        cmocka_unit_test(one_certificate),
        cmocka_unit_test(count_and_form),
        cmocka_unit_test(roles_by_name),
        cmocka_unit_test(names_match),
        cmocka_unit_test(rights),
        cmocka_unit_test(leaves),
        cmocka_unit_test(extensions_are_there),
        cmocka_unit_test(signatures),
        cmocka_unit_test(keys_are_on_the_curve),
        cmocka_unit_test(a_known_root_is_not_checked_again),
        cmocka_unit_test(validity_of_all),
        cmocka_unit_test(allocations_fail),
    };
    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
