/* Which certificates are an attested peer's: judged beside the loop, with collateral that is
 * asked for where it is missing, a bounded number at a time. time(2) stands still. */
#include "testlib.h"

#include "fakeratls.h"
#include "http/admit.h"
#include "log/internal.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

time_t __wrap_time(time_t *out);

time_t __wrap_time(time_t *out)
{
    if (out)
        *out = (time_t)FAKE_TIME;
    return (time_t)FAKE_TIME;
}

static struct fake_ratls f;
static hash32 root;
static struct policy policy;
static struct admit *admit;

/* What is asked for, and what comes of it. */
static unsigned asked, kept;
static tl_err ask_err;
static slice ask_gives;
static buf kept_json;
static pthread_mutex_t hold = PTHREAD_MUTEX_INITIALIZER;

static tl_err ask(void *ctx, slice quote, buf *json, struct tl_why *why)
{
    (void)ctx;
    assert_true(slice_eq(quote, f.f.e.quote));
    asked++;
    pthread_mutex_lock(&hold);
    pthread_mutex_unlock(&hold);
    buf_bytes(json, ask_gives);
    return ask_err == TL_OK ? TL_OK : tl_explain(why, ask_err, NULL, "nobody answers");
}

static void keep(void *ctx, slice json)
{
    (void)ctx;
    kept++;
    buf_reset(&kept_json);
    buf_bytes(&kept_json, json);
}

/* A certificate of hardware, whose root is the test's, and the policy that takes it. */
static void start(bool with_collateral, bool asks)
{
    fake_ratls_start(&f, SIM_SGX_V3, "sgx-gramine");
    f.no_collateral = !with_collateral;
    fake_ratls_make(&f);
    root = f.f.dcap.root_hash;
    policy = (struct policy){.attested = &f.f.entry, .attested_count = 1};
    asked = kept = 0;
    ask_err = TL_OK;
    ask_gives = f.f.collateral;
    buf_init(&kept_json, 1u << 20);
    const struct admit_options o = {
        .policy = &policy, .hardware_root = &root, .ask = asks ? ask : NULL, .keep = keep};
    assert_ok(admit_start(&admit, &o));
}

static void finish(void)
{
    admit_free(admit);
    admit = NULL;
    fake_ratls_finish(&f);
    buf_finish(&kept_json);
}

struct verdict {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    unsigned calls;
    tl_err err;
    struct log_peer *peer;
    struct tl_why why;
};

static void done(void *ctx, tl_err err, struct log_peer *peer, const struct tl_why *why)
{
    struct verdict *v = ctx;
    pthread_mutex_lock(&v->lock);
    v->calls++;
    v->err = err;
    v->peer = peer;
    v->why = *why;
    pthread_cond_signal(&v->wake);
    pthread_mutex_unlock(&v->lock);
}

static struct verdict judge(slice der)
{
    struct verdict v = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};
    assert_ok(admit_submit(admit, der, done, &v, NULL));
    pthread_mutex_lock(&v.lock);
    while (!v.calls)
        pthread_cond_wait(&v.wake, &v.lock);
    pthread_mutex_unlock(&v.lock);
    assert_int_equal(v.err == TL_OK, v.peer != NULL);
    assert_int_equal(kept, v.err == TL_OK ? 1 : 0);
    kept = 0;
    return v;
}

static void expect_good(unsigned times_asked)
{
    struct verdict v = judge(buf_slice(&f.der));
    if (v.err != TL_OK)
        fail_msg("%s", v.why.text);
    buf item;
    buf_init(&item, EVIDENCE_MAX);
    evidence_put(&item, &f.f.e);
    hash32 digest = sha256(buf_slice(&item));
    buf_finish(&item);
    assert_true(hash_eq(peer_digest(v.peer), &digest));
    log_peer_unref(v.peer);
    assert_int_equal(asked, times_asked);
    assert_true(slice_eq(buf_slice(&kept_json), f.f.collateral));
    asked = 0;
}

static void expect_bad(slice der, tl_err err, const char *says, unsigned times_asked)
{
    struct verdict v = judge(der);
    assert_err(v.err, err);
    if (!strstr(v.why.text, says))
        fail_msg("want %s, got %s", says, v.why.text);
    assert_int_equal(asked, times_asked);
    asked = 0;
}

static void test_with_its_own_collateral(void **state)
{
    (void)state;
    start(true, true);
    expect_good(0);
    expect_good(0);
    f.f.entry.mrenclave.count = 0;
    expect_bad(buf_slice(&f.der), TL_E_FORBIDDEN, "pin", 0);
    finish();
    start(true, false);
    expect_good(0);
    /* Of a service's entries nothing is taken. */
    policy = (struct policy){.evidence = &f.f.entry, .evidence_count = 1};
    expect_bad(buf_slice(&f.der), TL_E_FORBIDDEN, "pin", 0);
    finish();
}

static void test_not_one_of_ours(void **state)
{
    (void)state;
    uint8_t other[32] = {1};
    start(true, true);
    expect_bad(slice_str("no certificate"), TL_E_FORBIDDEN, "cannot be read", 0);
    f.f.entry.mrenclave = fake_measured(other, sizeof other);
    expect_bad(buf_slice(&f.der), TL_E_FORBIDDEN, "code: no entry matches", 0);
    finish();
    start(true, true);
    f.plan.key = f.plan.issuer_key = f.other_key; /* evidence moved into another certificate */
    fake_ratls_sign(&f);
    expect_bad(buf_slice(&f.der), TL_E_FORBIDDEN, "claims", 0);
    finish();
}

static void test_collateral_is_asked_for(void **state)
{
    (void)state;
    start(false, true);
    expect_good(1);
    ask_err = TL_E_IO;
    expect_bad(buf_slice(&f.der), TL_E_IO, "nobody answers", 1);
    ask_err = TL_OK;
    ask_gives = slice_str("{}");
    expect_bad(buf_slice(&f.der), TL_E_FORBIDDEN, "collateral", 1);
    finish();
    start(false, false);
    expect_bad(buf_slice(&f.der), TL_E_FORBIDDEN, "there is no collateral", 0);
    finish();
}

/* What the certificate carries is over: newer is asked for, and an older one is no help. */
static void test_stale_collateral(void **state)
{
    (void)state;
    start(true, true);
    f.f.dcap.tcb_info.issue_date = FAKE_TIME - 90 * 86400;
    f.f.dcap.tcb_info.next_update = FAKE_TIME - 60 * 86400;
    fake_ratls_make(&f);
    ask_gives = f.f.collateral;
    expect_bad(buf_slice(&f.der), TL_E_FORBIDDEN, "validity", 1);
    finish();
}

/* Nobody is asked about platforms that anyone could have made up. */
static void test_only_certified_platforms_are_asked_about(void **state)
{
    (void)state;
    start(false, true);
    root.b[0] ^= 1;
    expect_bad(buf_slice(&f.der), TL_E_FORBIDDEN, "collateral", 0);
    finish();
}

/* Whoever has a quote of somebody else's, or none at all, makes a certificate around it. */
static void test_copied_and_made_up_quotes_are_not_asked_about(void **state)
{
    (void)state;
    static const uint8_t zeros[64];
    buf spki;
    start(false, true);
    buf_init(&spki, sizeof f.spki_bytes);
    sim_spki_put(&spki, f.other_key);
    f.plan.key = f.plan.issuer_key = f.other_key;
    buf_reset(&f.dice_bytes);
    ratls_dice_put(&f.dice_bytes, f.f.e.quote, buf_slice(&spki));
    fake_ratls_sign(&f);
    expect_bad(buf_slice(&f.der), TL_E_FORBIDDEN, "collateral", 0);
    buf_finish(&spki);
    finish();
    start(false, true);
    f.f.dcap.quote_signature = zeros;
    fake_ratls_make(&f);
    expect_bad(buf_slice(&f.der), TL_E_FORBIDDEN, "collateral", 0);
    finish();
}

static void test_bounded_and_ended(void **state)
{
    (void)state;
    static struct verdict all[ADMIT_WAITING_MAX + 2];
    struct tl_why why = {{0}, {0}};
    size_t n = 0;
    start(false, true);
    for (size_t i = 0; i < ADMIT_WAITING_MAX + 2; i++)
        all[i] =
            (struct verdict){.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};
    pthread_mutex_lock(&hold);
    assert_ok(admit_submit(admit, buf_slice(&f.der), done, &all[n++], &why));
    while (__atomic_load_n(&asked, __ATOMIC_SEQ_CST) == 0)
        usleep(1000);
    while (n < ADMIT_WAITING_MAX + 1)
        assert_ok(admit_submit(admit, buf_slice(&f.der), done, &all[n++], &why));
    assert_err(admit_submit(admit, buf_slice(&f.der), done, &all[n], &why), TL_E_BUSY);
    assert_non_null(strstr(why.text, "connect again"));
    pthread_mutex_unlock(&hold);
    admit_end(admit);
    /* Those that it had not come to were told so, each once. */
    unsigned good = 0, stopping = 0;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(all[i].calls, 1);
        good += all[i].err == TL_OK;
        stopping += all[i].err == TL_E_STOPPING;
        log_peer_unref(all[i].peer);
    }
    assert_int_equal(good + stopping, n);
    assert_true(good >= 1);
    assert_int_equal(all[n].calls, 0);
    assert_err(admit_submit(admit, buf_slice(&f.der), done, &all[n], &why), TL_E_STOPPING);
    admit_end(admit);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_with_its_own_collateral),
        cmocka_unit_test(test_not_one_of_ours),
        cmocka_unit_test(test_collateral_is_asked_for),
        cmocka_unit_test(test_stale_collateral),
        cmocka_unit_test(test_only_certified_platforms_are_asked_about),
        cmocka_unit_test(test_copied_and_made_up_quotes_are_not_asked_about),
        cmocka_unit_test(test_bounded_and_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
