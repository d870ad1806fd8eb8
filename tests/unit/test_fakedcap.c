/* Simulated quotes with their collateral: where things stand in them, that all of it
 * together is genuine, and that each stand-in for what would be made takes effect. */
#include "fakedcap.h"
#include "testlib.h"

static struct fake_dcap f; /* of the kind that the test asked for */

static void fresh(enum sim_kind kind)
{
    assert_ok(fake_dcap_init(&f, kind));
}

static void done(void)
{
    fake_dcap_finish(&f);
}

static uint32_t le(const uint8_t *p, size_t n)
{
    uint32_t v = 0;
    while (n-- > 0)
        v = v << 8 | p[n];
    return v;
}

/* Where things stand in a quote: Intel, quote formats 3, 4 and 5. */
static void quote_layouts(void **state)
{
    (void)state;
    static const struct {
        uint16_t version;
        uint32_t tee, body_type, body_size;
    } want[SIM_KINDS] = {
        [SIM_SGX_V3] = {3, 0, 0, 384},       [SIM_SGX_V4] = {4, 0, 0, 384},
        [SIM_SGX_V5] = {5, 0, 1, 384},       [SIM_TDX_V4] = {4, 0x81, 0, 584},
        [SIM_TDX_V5_10] = {5, 0x81, 2, 584}, [SIM_TDX_V5_15] = {5, 0x81, 3, 648},
    };
    for (enum sim_kind k = 0; k < SIM_KINDS; k++) {
        static const uint8_t signature[64] = {0xaa, 0xbb};
        fresh(k);
        f.quote_signature = signature;
        assert_ok(fake_dcap_make(&f));
        const uint8_t *p = f.quote_bytes.p;
        size_t at = 48, qe_size = 384 + 64 + 2 + 32 + 6 + f.pck_pem.n;
        assert_int_equal(le(p, 2), want[k].version);
        assert_int_equal(le(p + 2, 2), 2);
        assert_int_equal(le(p + 4, 4), want[k].tee);
        assert_int_equal(le(p + 8, 2), want[k].version == 3 ? 8 : 0);
        assert_int_equal(le(p + 10, 2), want[k].version == 3 ? 1 : 0);
        if (want[k].version == 5) {
            assert_int_equal(le(p + at, 2), want[k].body_type);
            assert_int_equal(le(p + at + 2, 4), want[k].body_size);
            at += 6;
        }
        assert_int_equal(p[at + (want[k].tee ? 520 : 320)], 0x42); /* report data */
        at += want[k].body_size;
        size_t nested = want[k].version > 3 ? 6 : 0;
        assert_int_equal(le(p + at, 4), 128 + nested + qe_size);
        assert_memory_equal(p + at + 4, signature, 64);
        at += 4 + 128;
        if (nested) {
            assert_int_equal(le(p + at, 2), 6);
            assert_int_equal(le(p + at + 2, 4), qe_size);
        }
        at += nested;
        assert_memory_equal(p + at, f.qe_report_bytes, 384);
        assert_int_equal(le(p + at + 448, 2), 32);
        assert_int_equal(le(p + at + 482, 2), 5);
        assert_int_equal(le(p + at + 484, 4), f.pck_pem.n);
        assert_int_equal(at + qe_size, f.quote_bytes.n);
        done();
    }
}

static void is_genuine(void)
{
    struct dcap_report r;
    assert_ok(fake_dcap_make(&f));
    struct dcap_input in = fake_dcap_input(&f);
    dcap_verify(&r, &in);
    if (!r.ok)
        fail_msg("%s: %s", r.stage, r.detail);
    assert_int_equal(r.tcb.status, TCB_UP_TO_DATE);
}

static void fails_at(const char *stage)
{
    struct dcap_report r;
    assert_ok(fake_dcap_make(&f));
    struct dcap_input in = fake_dcap_input(&f);
    dcap_verify(&r, &in);
    assert_false(r.ok);
    assert_string_equal(r.stage, stage);
}

static void all_is_genuine(void **state)
{
    (void)state;
    for (enum sim_kind k = 0; k < SIM_KINDS; k++) {
        fresh(k);
        is_genuine();
        is_genuine(); /* made again */
        f.pck_chain_apart = true;
        is_genuine();
        f.pck_chain_apart = false;
        fake_dcap_platform_ca(&f);
        is_genuine();
        fake_dcap_at(&f, FAKE_TIME + 1000 * FAKE_DAY);
        is_genuine();
        fake_dcap_at(&f, FAKE_TIME - 9000 * FAKE_DAY);
        is_genuine();
        done();
    }
}

/* The knobs that stand in for what would be made. */
static void overrides(void **state)
{
    (void)state;
    static const uint8_t zeros[64];
    fresh(SIM_TDX_V4);
    f.no_collateral = true;
    fails_at("collateral");
    f.no_collateral = false;
    f.quote_signature = zeros;
    fails_at("signature");
    f.quote_signature = NULL;
    f.qe_signature = zeros;
    fails_at("qe-report");
    f.qe_signature = NULL;
    f.qe_report_data_is_set = true;
    is_genuine();
    f.qe_auth = slice_str("other");
    fails_at("qe-data");
    f.qe_report_data_is_set = false;
    is_genuine();
    f.tcb_info_signed.signature = zeros;
    fails_at("tcb-info");
    f.tcb_info_signed.signature = NULL;
    f.qe_identity_signed.text = slice_str("{}");
    fails_at("qe-identity");
    f.qe_identity_signed.text = (slice){NULL, 0};
    f.qe_identity_signed.key = f.stranger_key;
    fails_at("qe-identity");
    f.qe_identity_signed.key = f.signer_key;
    f.tcb_info_signed.sent = slice_str("{}");
    fails_at("tcb-info");
    f.tcb_info_signed.sent = (slice){NULL, 0};
    f.root_crl_der = slice_str("0");
    fails_at("root-crl");
    f.root_crl_der = (slice){NULL, 0};
    f.tcb_info_chain.text = slice_str("-");
    fails_at("tcb-info-chain");
    f.tcb_info_chain.text = (slice){NULL, 0};
    f.quote_trailing = slice_str("more");
    is_genuine();
    assert_memory_equal(f.quote_bytes.p + f.quote_bytes.n - 4, "more", 4);
    f.cert_is_set = true;
    f.quote.cert_type = 9;
    fails_at("quote");
    done();
}

/* The stranger's root and signer are sound, but nobody's. */
static void strangers(void **state)
{
    (void)state;
    fresh(SIM_SGX_V3);
    f.qe_identity_chain.certs[0] = &f.other_signer;
    f.qe_identity_chain.certs[1] = &f.other_root;
    fails_at("root");
    f.tcb_info_chain = f.qe_identity_chain;
    fails_at("root-crl");
    f.root_crl.issuer_key = f.stranger_key;
    fails_at("root");
    done();
}

static void buffers_too_small(void **state)
{
    (void)state;
    uint8_t mem[100];
    buf b;
    fresh(SIM_TDX_V4);
    assert_ok(fake_dcap_make(&f));
    buf_init_fixed(&b, mem, sizeof mem);
    assert_err(sim_cert_put(&b, &f.pck), TL_E_LIMIT);
    buf_init_fixed(&b, mem, sizeof mem);
    assert_err(sim_crl_put(&b, &f.pck_crl), TL_E_LIMIT);
    buf_init_fixed(&b, mem, sizeof mem);
    assert_err(sim_quote_put(&b, &f.quote), TL_E_LIMIT);
    const struct sim_collateral c = {
        .tcb_info = f.tcb_info,
        .qe_identity = f.qe_identity,
        .root_crl = f.root_crl,
        .pck_crl = f.pck_crl,
        .signer = f.signer_key,
    };
    buf_init_fixed(&b, mem, sizeof mem);
    assert_err(sim_collateral_put(&b, &c), TL_E_LIMIT);
    const struct sim_cert *one[] = {&f.pck};
    buf_init_fixed(&b, mem, sizeof mem);
    assert_err(sim_certs_put(&b, one, 1), TL_E_LIMIT);
    done();
}

static void allocations_fail(void **state)
{
    (void)state;
    size_t failures = 0;
    for (size_t i = 1;; i++) {
        test_fail_alloc(i);
        tl_err err = fake_dcap_init(&f, SIM_TDX_V5_15);
        if (err == TL_OK) {
            err = fake_dcap_make(&f);
            done();
        }
        bool failed = test_alloc_failed();
        test_fail_alloc(0);
        assert_err(err, failed ? TL_E_MEMORY : TL_OK);
        if (!failed)
            break;
        failures++;
    }
    assert_true(failures > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quote_layouts),     cmocka_unit_test(all_is_genuine),
        cmocka_unit_test(overrides),         cmocka_unit_test(strangers),
        cmocka_unit_test(buffers_too_small), cmocka_unit_test(allocations_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
