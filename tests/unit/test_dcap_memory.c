/* Lack of memory within OpenSSL is no quote that is not genuine: nothing is judged then,
 * good or bad, and what is remembered stays right. test_dcap has teelog's own memory. */
#include "testlib.h"

#include "fakedcap.h"
#include "sslmemory.h"

hash32 __real_sha256(slice s);
hash32 __wrap_sha256(slice s);
hash32 __real_sha256_parts(const slice *parts, size_t n);
hash32 __wrap_sha256_parts(const slice *parts, size_t n);

/* Hashing never fails: it ends the process where there is no memory for it. */
hash32 __wrap_sha256(slice s)
{
    size_t until = ssl_memory.until;
    ssl_memory.until = 0;
    hash32 h = __real_sha256(s);
    ssl_memory.until = until;
    return h;
}

hash32 __wrap_sha256_parts(const slice *parts, size_t n)
{
    size_t until = ssl_memory.until;
    ssl_memory.until = 0;
    hash32 h = __real_sha256_parts(parts, n);
    ssl_memory.until = until;
    return h;
}

static struct dcap_report with(const struct dcap_input *in, size_t n, bool for_good)
{
    struct dcap_report r;
    ssl_fail_alloc(n, for_good);
    dcap_verify(&r, in);
    ssl_fail_alloc(0, false);
    return r;
}

/* stage: NULL where the quote is good. Fails at each step-th allocation. Each second
 * round has a cache, which is asked again when there is memory. */
static void each_failure(struct dcap_input in, const char *stage, bool for_good, size_t step)
{
    size_t memory = 0;
    for (size_t n = 1;; n += step) {
        struct dcap_cache *cache = NULL;
        assert_ok(dcap_cache_new(&cache));
        in.cache = n % 2 ? cache : NULL;
        struct dcap_report r = with(&in, n, for_good);
        bool failed = ssl_memory.failed;
        if (!r.ok && failed && strcmp(r.stage, "memory") == 0)
            memory++;
        else if (r.ok ? stage != NULL : !stage || strcmp(r.stage, stage) != 0)
            fail_msg("allocation %zu: stage %s", n, r.ok ? "none" : r.stage);
        if (in.cache) {
            r = with(&in, 0, false);
            assert_true(r.ok == !stage);
        }
        dcap_cache_free(cache);
        if (!failed)
            break;
    }
    assert_true(memory > 20);
}

static void every_check(void **state)
{
    (void)state;
    static struct fake_dcap f;
    assert_ok(fake_dcap_init(&f, SIM_TDX_V4));
    assert_ok(fake_dcap_make(&f));
    struct dcap_input in = fake_dcap_input(&f);
    struct dcap_report r = with(&in, 0, false);
    assert_true(r.ok);
    each_failure(in, NULL, false, 1);
    each_failure(in, NULL, true, 7);
    /* The last signature that is looked at does not verify. */
    uint8_t *quote = malloc(in.quote.n);
    assert_non_null(quote);
    memcpy(quote, in.quote.p, in.quote.n);
    quote[r.quote.signature.p - in.quote.p + 10] ^= 1;
    in.quote = slice_of(quote, in.quote.n);
    each_failure(in, "signature", false, 7);
    free(quote);
    fake_dcap_finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_check)};
    if (!ssl_memory_set_up())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
