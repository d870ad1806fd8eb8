/* How often callers may ask. */
#include "testlib.h"

#include "base/bucket.h"
#include "http/limiter.h"

static void a_bucket_fills_and_empties(void **state)
{
    struct bucket b = {0};
    (void)state;
    for (int i = 0; i < 20; i++)
        assert_int_equal(bucket_take(&b, 10, 20, 1, 1000), 0);
    assert_int_equal(bucket_take(&b, 10, 20, 1, 1000), 1); /* empty: anything is enough */
    assert_int_equal(bucket_take(&b, 10, 20, 1, 1001), 0); /* into debt */
    uint64_t wait = bucket_take(&b, 10, 20, 1, 1001);
    assert_in_range(wait, 99, 101);
    assert_int_equal(bucket_take(&b, 10, 20, 1, 1001 + wait - 2), 2);
    assert_int_equal(bucket_take(&b, 10, 20, 1, 1001 + wait), 0);
    for (int i = 0; i < 20; i++) /* full again after long, and not fuller */
        assert_int_equal(bucket_take(&b, 10, 20, 1, UINT64_MAX / 2), 0);
    assert_int_not_equal(bucket_take(&b, 10, 20, 1, UINT64_MAX / 2), 0);
}

static void a_large_piece_passes_and_is_paid_for(void **state)
{
    struct bucket b = {0};
    (void)state;
    assert_int_equal(bucket_take(&b, 1000, 2000, 12000, 5000), 0);
    assert_int_equal(bucket_take(&b, 1000, 2000, 1, 5000), 10001);
    assert_int_not_equal(bucket_take(&b, 1000, 2000, 1, 15000), 0);
    assert_int_equal(bucket_take(&b, 1000, 2000, 1, 15001), 0);
}

static void a_clock_that_goes_back_gives_nothing(void **state)
{
    struct bucket b = {0};
    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(bucket_take(&b, 1, 2, 1, 10000), 0);
    assert_int_not_equal(bucket_take(&b, 1, 2, 1, 10000), 0);
    assert_int_not_equal(bucket_take(&b, 1, 2, 1, 1), 0);
    assert_int_equal(bucket_take(&b, 1, 2, 1, 10001), 0);
}

/* On average, whatever comes: what was given is what the rate gives. */
static void the_rate_holds(void **state)
{
    struct bucket b = {0};
    uint64_t given = 0;
    (void)state;
    for (uint64_t ms = 1; ms <= 100000; ms += 7) {
        unsigned count = 1 + (unsigned)(ms * 2654435761u >> 16) % 50;
        if (bucket_take(&b, 100, 200, count, ms) == 0)
            given += count;
    }
    assert_in_range(given, 100 * 100, 100 * 100 + 200 + 50);
}

static struct limit_key key_of(unsigned kind, uint64_t n)
{
    struct limit_key k = {.kind = kind};
    for (size_t i = 0; i < 8; i++)
        k.b[15 - i] = (uint8_t)(n >> 8 * i);
    return k;
}

static bool takes(struct limiter *l, unsigned kind, uint64_t n, uint64_t now)
{
    struct limit_key k = key_of(kind, n);
    return limiter_take(l, &k, 1, now) == 0;
}

static void each_key_has_its_own(void **state)
{
    struct limiter *l = NULL;
    (void)state;
    assert_ok(limiter_new(&l, 5));
    for (int i = 0; i < 10; i++)
        assert_true(takes(l, LIMIT_PEER, 1, 1000));
    assert_false(takes(l, LIMIT_PEER, 1, 1000));
    assert_true(takes(l, LIMIT_PEER, 2, 1000));
    assert_true(takes(l, LIMIT_TOKEN, 1, 1000));
    assert_false(takes(l, LIMIT_PEER, 1, 1000));
    limiter_free(l);
    limiter_free(NULL);
}

/* However many come, there is room for as many as before, and who has used up what is
 * his is remembered rather than who has not. */
static void many_keys_take_no_more_room(void **state)
{
    struct limiter *l = NULL;
    size_t remembered = 0;
    (void)state;
    assert_ok(limiter_new(&l, 5));
    for (uint64_t n = 0; n < 100; n++)
        for (int i = 0; i < 11; i++)
            (void)takes(l, LIMIT_TOKEN, n, 1000);
    for (uint64_t n = 0; n < 200000; n++)
        assert_true(takes(l, LIMIT_PEER, n, 1000));
    for (uint64_t n = 0; n < 100; n++)
        remembered += !takes(l, LIMIT_TOKEN, n, 1000);
    assert_int_equal(remembered, 100);
    for (uint64_t n = 0; n < 200; n++) { /* neighbours do not push each other out */
        for (int i = 0; i < 11; i++)
            (void)takes(l, LIMIT_PEER, n << 8 * (n % 8), 1000);
        assert_false(takes(l, LIMIT_PEER, n << 8 * (n % 8), 1000));
    }
    limiter_free(l);
}

static void short_memory_is_said(void **state)
{
    struct limiter *l = NULL;
    (void)state;
    test_fail_alloc(1);
    assert_err(limiter_new(&l, 5), TL_E_MEMORY);
    assert_null(l);
    test_fail_alloc(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_fills_and_empties),
        cmocka_unit_test(a_large_piece_passes_and_is_paid_for),
        cmocka_unit_test(a_clock_that_goes_back_gives_nothing),
        cmocka_unit_test(the_rate_holds),
        cmocka_unit_test(each_key_has_its_own),
        cmocka_unit_test(many_keys_take_no_more_room),
        cmocka_unit_test(short_memory_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
