/* Every allocation of a verification fails in turn: an error or the right
 * verdict comes of it, and nothing leaks (the sanitizer's build looks). */
#include "testlib.h"

#include "fakecase.h"

static struct fakelog *good;
static char *pinned;

static int set_up(void **state)
{
    (void)state;
    good = fake_case_log(NULL, NULL);
    pinned = fake_policy_text(good);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(pinned);
    fakelog_free(good);
    fakelog_done();
    return 0;
}

static struct teelog_report *verify(const buf *bytes, const struct teelog_policy *policy,
                                    unsigned threads, tl_err *err)
{
    slice source = buf_slice(bytes);
    struct teelog_report *r = NULL;
    const struct teelog_verify_options o = {.policy = policy,
                                            .time = fake_time(),
                                            .threads = threads,
                                            .read = slice_source_read,
                                            .ctx = &source};
    *err = teelog_verify(&r, &o);
    return r;
}

/* Lets each allocation fail once; returns how many there were. */
static size_t run(const buf *bytes, const struct teelog_policy *policy, unsigned threads,
                  enum teelog_verdict want)
{
    size_t n = 0;
    for (bool failed = true; failed;) {
        tl_err err;
        test_fail_alloc(++n);
        struct teelog_report *r = verify(bytes, policy, threads, &err);
        failed = test_alloc_failed();
        test_fail_alloc(0);
        if (err == TL_OK)
            assert_int_equal(teelog_report_verdict(r), want);
        else
            assert_err(err, TL_E_MEMORY);
        if (!failed)
            assert_ok(err);
        assert_int_equal(err != TL_OK, r == NULL);
        teelog_report_free(r);
    }
    return n;
}

static void test_verify(void **state)
{
    (void)state;
    struct teelog_policy *policy = fake_policy(pinned);
    for (int scope = SCOPE_WHOLE; scope <= SCOPE_RECORDS; scope++) {
        struct fake_bundle *b = fake_case_bundle(good, (enum bundle_scope)scope);
        buf bytes;
        fake_bundle_anchor(b, good, 5);
        buf_init(&bytes, SIZE_MAX / 2);
        fake_bundle_put(&bytes, b);
        assert_true(run(&bytes, policy, 1, TEELOG_TRUSTED) > 20);
        assert_true(run(&bytes, policy, 3, TEELOG_TRUSTED) > 20);
        /* A record altered: never anything but REJECTED. */
        size_t at = fake_bundle_find_leaf(b, 5);
        b->items[at].u.leaf.body = slice_str("\xa0");
        buf_reset(&bytes);
        fake_bundle_put(&bytes, b);
        run(&bytes, policy, 1, TEELOG_REJECTED);
        run(&bytes, policy, 3, TEELOG_REJECTED);
        buf_finish(&bytes);
        fake_bundle_free(b);
    }
    teelog_policy_free(policy);
}

/* Evidence that is not genuine keeps its reason in memory of its own. */
static void wrong_quote(void *ctx, enum fake_point point, struct fake_step *s)
{
    (void)ctx;
    if (point == FAKE_EVIDENCE && s->index == 10)
        s->evidence.platform = slice_str("sgx-gramine");
}

static void test_not_genuine(void **state)
{
    (void)state;
    struct fakelog *f = fake_case_log(wrong_quote, NULL);
    struct fake_bundle *b = fake_case_bundle(f, SCOPE_WHOLE);
    buf bytes;
    buf_init(&bytes, SIZE_MAX / 2);
    fake_bundle_put(&bytes, b);
    run(&bytes, NULL, 1, TEELOG_REJECTED);
    buf_finish(&bytes);
    fake_bundle_free(b);
    fakelog_free(f);
}

/* The arrays that grow: many subjects and leaves, in all scopes. */
static void test_growth(void **state)
{
    (void)state;
    struct fakelog *f = fakelog_new(FAKE_ORIGIN);
    uint64_t picks[150];
    size_t count = 0;
    fakelog_boot(f);
    for (int i = 0; i < 18; i++) {
        char id[8];
        snprintf(id, sizeof id, "g%d", i);
        fakelog_session(f, id);
    }
    for (int i = 0; i < 280; i++) {
        if (i % 2)
            picks[count++] = f->count;
        fakelog_record(f, i % 2 ? "g0" : "g1", "one");
    }
    for (int scope = SCOPE_WHOLE; scope <= SCOPE_RECORDS; scope += 2) {
        struct fake_bundle *b = fakelog_export(f, (enum bundle_scope)scope, NULL, picks,
                                               scope == SCOPE_RECORDS ? count : 0);
        buf bytes;
        buf_init(&bytes, SIZE_MAX / 2);
        fake_bundle_put(&bytes, b);
        run(&bytes, NULL, 1, TEELOG_UNPINNED);
        buf_finish(&bytes);
        fake_bundle_free(b);
    }
    fakelog_free(f);
}

/* The renderings give NULL; the policy reader an error. */
static void test_renderings(void **state)
{
    (void)state;
    tl_err err;
    struct fake_bundle *b = fake_case_bundle(good, SCOPE_WHOLE);
    buf bytes;
    buf_init(&bytes, SIZE_MAX / 2);
    fake_bundle_put(&bytes, b);
    struct teelog_report *r = verify(&bytes, NULL, 1, &err);
    assert_ok(err);
    for (int kind = 0; kind < 4; kind++) {
        size_t n = 0;
        for (bool failed = true; failed;) {
            char message[100] = "";
            test_fail_alloc(++n);
            char *text = kind == 0   ? teelog_report_json(r)
                         : kind == 1 ? teelog_report_text(r)
                         : kind == 3 ? teelog_report_html(r)
                                     : teelog_report_policy(r, message, sizeof message);
            failed = test_alloc_failed();
            test_fail_alloc(0);
            assert_int_equal(failed, text == NULL);
            if (kind == 2 && failed)
                assert_string_equal(message, "out of memory");
            free(text);
        }
        assert_true(n > 1);
    }
    size_t n = 0;
    for (bool failed = true; failed;) {
        struct teelog_policy *policy = NULL;
        test_fail_alloc(++n);
        err = teelog_policy_read(&policy, pinned, strlen(pinned), NULL, 0);
        failed = test_alloc_failed();
        test_fail_alloc(0);
        if (failed)
            assert_null(policy);
        else
            assert_ok(err);
        teelog_policy_free(policy);
    }
    teelog_report_free(r);
    buf_finish(&bytes);
    fake_bundle_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verify),
        cmocka_unit_test(test_not_genuine),
        cmocka_unit_test(test_growth),
        cmocka_unit_test(test_renderings),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
