/* The keys that a verified bundle gives for receipts: those of its boots. */
#include "testlib.h"

#include "fakeverify.h"

#include "tlog/key_set.h"

static struct fakelog *log_;
static buf bytes;

static int set_up(void **state)
{
    (void)state;
    log_ = fakelog_new("example.org/keys");
    buf_init(&bytes, 64u << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_finish(&bytes);
    fakelog_free(log_);
    return 0;
}

static int done(void **state)
{
    (void)state;
    fakelog_done();
    return 0;
}

static struct teelog_report *report(const struct teelog_policy *policy)
{
    return fake_verify_bytes(buf_slice(&bytes), policy);
}

static void put_bundle(void)
{
    struct fake_bundle *b = fakelog_export(log_, SCOPE_WHOLE, NULL, NULL, 0);
    buf_reset(&bytes);
    fake_bundle_put(&bytes, b);
    assert_ok(buf_err(&bytes));
    fake_bundle_free(b);
}

/* As a set of the newest boots, which are the last leaves of that kind. */
static void expect_keys(const struct teelog_report *r, size_t want)
{
    size_t n = 0, seen = 0;
    uint8_t *set = teelog_report_service_keys(r, &n);
    assert_non_null(set);
    cbor c = cbor_of(slice_of(set, n));
    assert_int_equal(cbor_array(&c), want);
    for (size_t i = log_->count; i-- > 0 && seen < want;) {
        struct body_boot boot;
        uint8_t mem[200];
        buf key;
        if (body_boot_read(&boot, log_->leaves[i].body) != TL_OK)
            continue;
        buf_init_fixed(&key, mem, sizeof mem);
        key_set_put_key(&key, &boot.service);
        slice item = cbor_item(&c);
        assert_true(slice_eq(item, buf_slice(&key)));
        seen++;
    }
    assert_ok(cbor_end(&c));
    assert_int_equal(seen, want);
    free(set);
}

static void of_boots(void **state)
{
    (void)state;
    for (size_t boots = 1; boots <= 3; boots++) {
        fakelog_boot(log_);
        fakelog_session(log_, "a");
        fakelog_record(log_, "a", "one");
        put_bundle();
        struct teelog_policy *policy = fake_policy_of(log_);
        struct teelog_report *r = report(policy);
        assert_int_equal(teelog_report_verdict(r), TEELOG_TRUSTED);
        expect_keys(r, boots);
        teelog_report_free(r);
        r = report(NULL);
        assert_int_equal(teelog_report_verdict(r), TEELOG_UNPINNED);
        expect_keys(r, boots); /* worth what the verdict is */
        teelog_report_free(r);
        teelog_policy_free(policy);
    }
    size_t n = 7;
    bytes.p[bytes.n / 2] ^= 1;
    struct teelog_report *r = report(NULL);
    assert_int_equal(teelog_report_verdict(r), TEELOG_REJECTED);
    assert_null(teelog_report_service_keys(r, &n));
    assert_int_equal(n, 7);
    teelog_report_free(r);
}

static void of_the_newest(void **state)
{
    (void)state;
    for (size_t i = 0; i < 258; i++)
        fakelog_boot(log_);
    put_bundle();
    struct teelog_report *r = report(NULL);
    assert_int_equal(teelog_report_verdict(r), TEELOG_UNPINNED);
    expect_keys(r, 256);
    teelog_report_free(r);
}

static void without_memory(void **state)
{
    (void)state;
    fakelog_boot(log_);
    put_bundle();
    struct teelog_report *r = report(NULL);
    size_t n = 7;
    test_fail_alloc(1);
    uint8_t *set = teelog_report_service_keys(r, &n);
    test_fail_alloc(0);
    assert_null(set);
    assert_int_equal(n, 7);
    expect_keys(r, 1);
    teelog_report_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(of_boots, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_the_newest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_memory, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, done);
}
