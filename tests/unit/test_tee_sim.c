/* The simulated TEE: its files, its quotes, and what a verifier says of them. */
#include "testlib.h"

#include "attest/chain.h"
#include "attest/evidence.h"
#include "attest/quote.h"
#include "tee/tee.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct tee *must_open(const char *dir)
{
    struct tee *t = NULL;
    struct tl_why why = {0};
    tl_err err = tee_open(&t, "sim", dir, &why);
    if (err != TL_OK)
        fail_msg("%s: %s", tl_err_name(err), tl_why_text(&why, err));
    return t;
}

static void must_quote(struct tee *t, buf *quote, uint8_t fill)
{
    uint8_t report_data[64];
    struct tl_why why = {0};
    memset(report_data, fill, sizeof report_data);
    buf_init(quote, TEE_QUOTE_MAX);
    assert_ok(tee_quote(t, report_data, quote, &why));
}

static struct evidence_report judge(slice quote)
{
    struct evidence_report r;
    struct evidence e = {slice_str("simulator"), quote, {NULL, 0}};
    evidence_verify(&r, &e, (slice){NULL, 0}, (uint64_t)time(NULL), NULL);
    return r;
}

static void quote_is_genuine(void **state)
{
    (void)state;
    char *dir = test_tmpdir();
    struct tee *t = must_open(dir);
    buf quote, item;
    assert_string_equal(tee_platform(t), "simulator");
    assert_string_equal(tee_sealing(t), "simulator file");
    assert_true(tee_simulated(t));
    must_quote(t, &quote, 0x5a);

    buf_init(&item, EVIDENCE_MAX);
    struct evidence e = {slice_str("simulator"), buf_slice(&quote), {NULL, 0}}, back;
    evidence_put(&item, &e);
    assert_ok(buf_err(&item));
    assert_ok(evidence_read(&back, buf_slice(&item)));
    assert_true(slice_eq(back.platform, e.platform));
    assert_true(slice_eq(back.quote, e.quote));
    assert_null(back.event_log.p);

    struct evidence_report r = judge(back.quote);
    if (!r.genuine)
        fail_msg("%s: %s", r.stage, r.detail);
    assert_true(r.simulated);
    assert_false(r.root_pinned);
    assert_int_equal(r.platform, PLATFORM_SIMULATOR);
    assert_null(r.stage);
    assert_non_null(strstr(r.detail, "simulated"));
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(r.report_data[i], 0x5a);
    buf_finish(&item);
    buf_finish(&quote);
    tee_close(t);
    test_rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quote_is_genuine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
