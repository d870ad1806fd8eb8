/* Which bytes of an attested certificate matter: all. Each bit of one is changed in
 * turn, as somebody on the way could; and each byte of its evidence is changed and the
 * certificate signed anew, as only who has the key could. */
#include "testlib.h"

#include "fakeratls.h"

static struct fake_ratls f;

static void start(enum sim_kind kind, const char *platform)
{
    fake_ratls_start(&f, kind, platform);
    f.no_collateral = true; /* signed by others, and judged by test_collateral_bits */
    fake_ratls_make(&f);
    f.f.context.brought = &f.f.collateral;
    f.f.context.brought_count = 1;
    fake_ratls_expect(&f, platform, "ok");
}

static void test_on_the_way(void **state)
{
    (void)state;
    start(SIM_SGX_V3, "simulator");
    for (size_t bit = 0; bit < 8 * f.der.n; bit++) {
        f.der.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        const char *stage = fake_ratls_judge(&f);
        if (strcmp(stage, "certificate") != 0 && strcmp(stage, "self-signature") != 0)
            fail_msg("bit %zu of byte %zu: %s", bit % 8, bit / 8, stage);
        f.der.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t n = 0; n < f.der.n; n++) {
        ratls_verify(&f.report, slice_of(f.der.p, n), RATLS_SERVICE, &f.f.context);
        assert_string_equal(f.report.stage, "certificate");
    }
    print_message("  %zu bytes\n", f.der.n);
    fake_ratls_finish(&f);
}

/* blank: the one byte that may change, test_quote_bits says why: the NUL behind the PCK
 * chain may as well be blank. */
static void resigned(buf *value, size_t blank)
{
    for (size_t at = 0; at < value->n; at++) {
        uint8_t bit = (uint8_t)(1u << at % 8);
        bool may_change = at == blank && (value->p[at] ^ bit) == ' ';
        value->p[at] ^= bit;
        fake_ratls_sign(&f);
        if ((strcmp(fake_ratls_judge(&f), "ok") == 0) != may_change)
            fail_msg("byte %zu of %zu: %s", at, value->n, f.report.detail);
        value->p[at] ^= bit;
    }
}

static void test_signed_anew(void **state)
{
    (void)state;
    struct dcap_cache *cache = NULL;
    assert_ok(dcap_cache_new(&cache));
    start(SIM_SGX_V3, "sgx-gramine");
    f.f.context.cache = cache;
    resigned(&f.cmw_bytes, SIZE_MAX);
    f.no_cmw = true; /* then the quote is judged, and not compared */
    resigned(&f.dice_bytes, f.dice_bytes.n - RATLS_CLAIMS - 3);
    fake_ratls_finish(&f);
    dcap_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_on_the_way),
        cmocka_unit_test(test_signed_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
