/* What a relying party's policy may ask of witnesses. */
#include "fakewitness.h"

#include <jansson.h>

#include "attest/policy.h"

static buf quorum;

static int set_up(void **state)
{
    (void)state;
    buf_init(&quorum, 100000);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_finish(&quorum);
    return 0;
}

/* The policy in quorum, as a member of a policy in JSON. */
static tl_err read_it(struct policy **p, unsigned faulty, struct tl_why *why)
{
    json_t *top =
        json_pack("{s:i, s:{s:s#, s:i, s:i}}", "teelog_policy", 1, "history", "quorum",
                  (const char *)quorum.p, (int)quorum.n, "faulty", (int)faulty, "max_age_s", 60);
    char *text = json_dumps(top, 0);
    assert_non_null(text);
    tl_err err = policy_read(p, slice_str(text), why);
    free(text);
    json_decref(top);
    return err;
}

static void refused(unsigned faulty, const char *field, const char *words)
{
    struct policy *p = NULL;
    struct tl_why why = {0};
    assert_err(read_it(&p, faulty, &why), TL_E_POLICY);
    assert_null(p);
    if (strcmp(why.field, field) != 0 || !strstr(why.text, words))
        fail_msg("%s: %s, and not %s: %s", why.field, why.text, field, words);
}

static void accepted(unsigned faulty, size_t k, size_t n)
{
    struct policy *p = NULL;
    struct tl_why why = {0};
    if (read_it(&p, faulty, &why) != TL_OK)
        fail_msg("%s", why.text);
    assert_true(p->has_history);
    assert_non_null(p->history.quorum);
    assert_int_equal(p->history.need, k);
    assert_int_equal(p->history.witnesses, n);
    assert_int_equal(p->history.faulty, faulty);
    assert_int_equal(p->history.max_age, 60);
    policy_free(p);
}

static void k_of_n(unsigned k, uint8_t n)
{
    buf_reset(&quorum);
    fake_quorum_text(&quorum, k, n);
}

/* 2k > n + f (DESIGN section 2). */
static void safe_quorums(void **state)
{
    (void)state;
    k_of_n(2, 3);
    accepted(0, 2, 3);
    refused(1, "history", "2 of 3 witnesses, 1 of them faulty, can cosign two histories");
    k_of_n(3, 3);
    accepted(2, 3, 3);
    refused(3, "history", "two histories");
    k_of_n(2, 4);
    refused(0, "history", "two histories");
    k_of_n(3, 4);
    accepted(1, 3, 4);
    k_of_n(1, 1);
    accepted(0, 1, 1);
    refused(1, "history", "two histories");
}

static void forms(void **state)
{
    (void)state;
    struct note_key log = fake_log_key(FAKE_ORIGIN, 9);
    k_of_n(2, 3);
    buf_str(&quorum, "log ");
    note_key_put(&quorum, &log);
    buf_str(&quorum, "\n");
    refused(0, "history.quorum", "the log is named under log");
    buf_reset(&quorum);
    fake_witness_lines(&quorum, 1, 3);
    buf_str(&quorum, "group g 2 w1 w2 w3\ngroup h all g\nquorum h\n");
    refused(0, "history.quorum", "one group of all the witnesses");
    buf_reset(&quorum);
    fake_witness_lines(&quorum, 1, 3);
    buf_str(&quorum, "group g 2 w1 w2\nquorum g\n");
    refused(0, "history.quorum", "one group of all the witnesses");
    k_of_n(2, 3);
    buf_str(&quorum, "more\n");
    refused(0, "history.quorum", "line 6: it is about no log, witness, group or quorum");
}

/* A quorum that this version could never see. */
static void unverifiable(void **state)
{
    (void)state;
    for (unsigned k = 3; k <= 4; k++) {
        uint8_t key[VKEY_MAX] = {VKEY_ML_DSA_44}, id[VKEY_ID_SIZE];
        slice name = slice_str("w.example");
        buf_reset(&quorum);
        fake_witness_lines(&quorum, 1, 3);
        assert_ok(vkey_id(id, name, SLICE_ARRAY(key)));
        buf_str(&quorum, "witness w4 ");
        vkey_put(&quorum, name, id, SLICE_ARRAY(key));
        buf_printf(&quorum, "\ngroup g %u w1 w2 w3 w4\nquorum g\n", k);
        if (k == 3)
            accepted(1, 3, 4);
        else
            refused(1, "history.quorum", "it needs 4 witnesses, and this version can verify 3");
    }
}

static void allocations(void **state)
{
    (void)state;
    struct policy *p = NULL;
    k_of_n(2, 3);
    json_t *top = json_pack("{s:i, s:{s:s#, s:i, s:i}}", "teelog_policy", 1, "history", "quorum",
                            (const char *)quorum.p, (int)quorum.n, "faulty", 0, "max_age_s", 60);
    char *text = json_dumps(top, 0);
    json_decref(top);
    for (size_t i = 1;; i++) {
        test_fail_alloc(i);
        tl_err err = policy_read(&p, slice_str(text), NULL);
        bool failed = test_alloc_failed();
        test_fail_alloc(0);
        if (!failed) {
            assert_ok(err);
            break;
        }
        assert_err(err, TL_E_MEMORY);
        assert_null(p);
    }
    policy_free(p);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(safe_quorums),
        cmocka_unit_test(forms),
        cmocka_unit_test(unverifiable),
        cmocka_unit_test(allocations),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
