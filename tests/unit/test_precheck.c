/* What is worth asking Intel about: attest/precheck.h. */
#include "testlib.h"

#include "attest/precheck.h"
#include "fakedcap.h"

static bool made(struct fake_dcap *f)
{
    assert_ok(fake_dcap_make(f));
    return precheck_quote(buf_slice(&f->quote_bytes), &f->root_hash);
}

static void a_quote_of_each_kind(void **state)
{
    (void)state;
    static const enum sim_kind kinds[] = {SIM_SGX_V3, SIM_TDX_V4, SIM_TDX_V5_10};
    for (size_t i = 0; i < 3; i++) {
        struct fake_dcap f;
        assert_ok(fake_dcap_init(&f, kinds[i]));
        assert_true(made(&f));
        hash32 other = f.root_hash;
        other.b[31] ^= 1;
        assert_false(precheck_quote(buf_slice(&f.quote_bytes), &other));
        fake_dcap_finish(&f);
    }
}

/* Each by somebody who lacks one key of them, and has all others. */
static void a_key_is_missing(void **state)
{
    (void)state;
    static const uint8_t junk[64] = {1};
    struct fake_dcap f;
    assert_ok(fake_dcap_init(&f, SIM_SGX_V3));
    f.quote_signature = junk;
    assert_false(made(&f));
    f.quote_signature = NULL;
    f.qe_key = f.stranger_key;
    assert_false(made(&f));
    f.qe_key = f.pck_key;
    f.qe_report_data_is_set = true; /* of another attestation key */
    f.qe.report_data[0] ^= 1;
    assert_false(made(&f));
    f.qe_report_data_is_set = false;
    assert_true(made(&f));
    f.pck_chain_apart = true; /* it has no chain with it */
    assert_false(made(&f));
    f.pck_chain_apart = false;
    f.ca.key = f.stranger_key; /* the chain's middle is of no CA of the root's */
    assert_false(made(&f));
    fake_dcap_finish(&f);
}

static void no_bit_is_free(void **state)
{
    (void)state;
    struct fake_dcap f;
    assert_ok(fake_dcap_init(&f, SIM_SGX_V3));
    assert_true(made(&f));
    const size_t signed_part = 432 + 4 + 64 + 64 + 384 + 64;
    for (size_t i = 0; i < signed_part; i += 7) {
        f.quote_bytes.p[i] ^= 4;
        /* Lengths, and what is behind the signatures, are the reader's. */
        if (precheck_quote(buf_slice(&f.quote_bytes), &f.root_hash))
            fail_msg("byte %zu", i);
        f.quote_bytes.p[i] ^= 4;
    }
    for (size_t n = 0; n < f.quote_bytes.n; n += 97)
        assert_false(precheck_quote(slice_of(f.quote_bytes.p, n), &f.root_hash));
    assert_true(precheck_quote(buf_slice(&f.quote_bytes), &f.root_hash));
    fake_dcap_finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quote_of_each_kind),
        cmocka_unit_test(a_key_is_missing),
        cmocka_unit_test(no_bit_is_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
