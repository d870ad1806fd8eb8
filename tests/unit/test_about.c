/* Which platform a quote and a collateral are about. */
#include "testlib.h"

#include "attest/about.h"
#include "fakedcap.h"

static const enum sim_kind kinds[] = {SIM_SGX_V3, SIM_SGX_V4,    SIM_SGX_V5,
                                      SIM_TDX_V4, SIM_TDX_V5_10, SIM_TDX_V5_15};
#define KINDS (sizeof kinds / sizeof kinds[0])

struct pair {
    struct about quote, collateral;
};

static struct pair about(enum sim_kind kind, void (*change)(struct fake_dcap *f))
{
    static struct fake_dcap f;
    struct pair p;
    /* No byte of the answer is left as it was. */
    memset(&p, 0xff, sizeof p);
    assert_ok(fake_dcap_init(&f, kind));
    if (change)
        change(&f);
    assert_ok(fake_dcap_make(&f));
    assert_ok(about_quote(&p.quote, buf_slice(&f.quote_bytes)));
    assert_ok(about_collateral(&p.collateral, buf_slice(&f.collateral_json)));
    fake_dcap_finish(&f);
    return p;
}

static void test_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct pair p = about(kinds[i], NULL);
        assert_true(about_same(&p.quote, &p.collateral));
        assert_int_equal(p.quote.issued, 0);
        assert_int_equal(p.collateral.issued, FAKE_TIME - 3600);
        assert_int_equal(p.quote.tdx, sim_kind_is_tdx(kinds[i]));
        p = about(kinds[i], fake_dcap_platform_ca);
        assert_true(about_same(&p.quote, &p.collateral));
    }
}

/* What the maker changes in the collateral alone, or in both. */

static void other_platform(struct fake_dcap *f)
{
    f->platform.fmspc[0] ^= 1;
    f->tcb_info.fmspc[0] ^= 1;
}
static void other_fmspc(struct fake_dcap *f)
{
    f->tcb_info.fmspc[5] ^= 1;
}
static void other_crl(struct fake_dcap *f)
{
    f->pck_crl.issuer = "teelog simulated SGX PCK Platform CA";
}
static void other_tee(struct fake_dcap *f)
{
    sim_tcb_info_plan(&f->tcb_info, !sim_kind_is_tdx(f->kind), &f->platform, FAKE_TIME - 3600);
}
static void other_pce_id(struct fake_dcap *f)
{
    f->tcb_info.pce_id[0] ^= 1;
}
static void out_of_date(struct fake_dcap *f)
{
    f->tcb_info.issue_date -= 1000 * FAKE_DAY;
    f->tcb_info.next_update -= 1000 * FAKE_DAY;
    f->pck_crl.next_update = f->pck_crl.this_update + 1;
}
static void forged(struct fake_dcap *f)
{
    f->tcb_info_signed.key = f->stranger_key;
    f->pck_crl.issuer_key = f->stranger_key;
}

static void test_differs(void **state)
{
    (void)state;
    static const struct {
        void (*change)(struct fake_dcap *f);
        bool fits;         /* each other */
        bool as_it_was[2]; /* the quote, the collateral */
    } cases[] = {
        {other_platform, true, {false, false}},
        {other_fmspc, false, {true, false}},
        {other_crl, false, {true, false}},
        {other_tee, false, {true, false}},
        {fake_dcap_platform_ca, true, {false, false}},
        /* Nothing is verified, and this is not part of it. */
        {other_pce_id, true, {true, true}},
        {out_of_date, true, {true, true}},
        {forged, true, {true, true}},
    };
    for (size_t i = 0; i < KINDS; i++)
        for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
            struct pair before = about(kinds[i], NULL), p = about(kinds[i], cases[k].change);
            assert_int_equal(about_same(&p.quote, &p.collateral), cases[k].fits);
            assert_int_equal(about_same(&before.quote, &p.quote), cases[k].as_it_was[0]);
            assert_int_equal(about_same(&before.collateral, &p.collateral), cases[k].as_it_was[1]);
        }
}

/* Quotes whose chain is elsewhere, also where a whole one stands in them. */
static void test_no_chain(void **state)
{
    (void)state;
    static const uint8_t named[404];
    static const size_t sizes[] = {
        [QUOTE_CERT_PPID] = 36, [QUOTE_CERT_PPID_RSA2048] = 276, [QUOTE_CERT_PPID_RSA3072] = 404};
    static struct fake_dcap f;
    struct about a;
    assert_ok(fake_dcap_init(&f, SIM_SGX_V4));
    assert_ok(fake_dcap_make(&f));
    /* Made again, the chain has other signatures, and another length. */
    buf pem;
    buf_init(&pem, 65536);
    buf_bytes(&pem, buf_slice(&f.pck_pem));
    f.cert_is_set = true;
    for (uint16_t type = QUOTE_CERT_PPID; type <= QUOTE_CERT_PCK_CHAIN; type++) {
        f.quote.cert_type = type;
        f.quote.cert_data = buf_slice(&pem);
        if (type <= QUOTE_CERT_PPID_RSA3072)
            f.quote.cert_data = slice_of(named, sizes[type]);
        assert_ok(fake_dcap_make(&f));
        assert_err(about_quote(&a, buf_slice(&f.quote_bytes)),
                   type == QUOTE_CERT_PCK_CHAIN ? TL_OK : TL_E_QUOTE);
    }
    f.quote.cert_data = slice_str("no chain");
    assert_ok(fake_dcap_make(&f));
    assert_true(about_quote(&a, buf_slice(&f.quote_bytes)) != TL_OK);
    buf_finish(&pem);
    fake_dcap_finish(&f);
}

static void no_pck_crl(struct fake_dcap *f)
{
    f->pck_crl_der = slice_str("junk");
}
static void no_tcb_info(struct fake_dcap *f)
{
    f->tcb_info_signed.text = slice_str("{}");
}

/* Nothing is given where something cannot be read. */
static void test_unreadable(void **state)
{
    (void)state;
    static struct fake_dcap f;
    struct about a, before;
    memset(&a, 0x5a, sizeof a);
    before = a;
    assert_true(about_quote(&a, slice_str("no quote")) != TL_OK);
    assert_true(about_quote(&a, slice_of(NULL, 0)) != TL_OK);
    assert_true(about_collateral(&a, slice_str("{}")) != TL_OK);
    assert_true(about_collateral(&a, slice_of(NULL, 0)) != TL_OK);
    void (*const changes[])(struct fake_dcap *) = {no_pck_crl, no_tcb_info};
    for (size_t i = 0; i < 2; i++) {
        assert_ok(fake_dcap_init(&f, SIM_SGX_V3));
        changes[i](&f);
        assert_ok(fake_dcap_make(&f));
        assert_true(about_collateral(&a, buf_slice(&f.collateral_json)) != TL_OK);
        assert_ok(about_quote(&a, buf_slice(&f.quote_bytes)));
        a = before;
        fake_dcap_finish(&f);
    }
    assert_memory_equal(&a, &before, sizeof a);
}

/* Each of the parts that have dates ends what it is good for, and begins it. */
static void until_root_crl(struct fake_dcap *f)
{
    f->root_crl.next_update = FAKE_TIME + 1;
}
static void until_pck_crl(struct fake_dcap *f)
{
    f->pck_crl.next_update = FAKE_TIME + 1;
}
static void until_tcb_info(struct fake_dcap *f)
{
    f->tcb_info.next_update = FAKE_TIME + 1;
}
static void until_qe_identity(struct fake_dcap *f)
{
    f->qe_identity.next_update = FAKE_TIME + 1;
}
static void until_signer(struct fake_dcap *f)
{
    f->signer.not_after = FAKE_TIME + 1;
}
static void from_root_crl(struct fake_dcap *f)
{
    f->root_crl.this_update = FAKE_TIME - 1;
}
static void from_qe_identity(struct fake_dcap *f)
{
    f->qe_identity.issue_date = FAKE_TIME - 1;
}
static void no_root_crl(struct fake_dcap *f)
{
    f->root_crl_der = slice_str("junk");
}
static void no_qe_identity(struct fake_dcap *f)
{
    f->qe_identity_signed.text = slice_str("{}");
}

static tl_err validity_of(struct validity *v, void (*change)(struct fake_dcap *f))
{
    static struct fake_dcap f;
    assert_ok(fake_dcap_init(&f, SIM_TDX_V4));
    if (change)
        change(&f);
    assert_ok(fake_dcap_make(&f));
    tl_err err = about_validity(v, buf_slice(&f.collateral_json));
    fake_dcap_finish(&f);
    return err;
}

static void test_validity(void **state)
{
    (void)state;
    static void (*const ends[])(struct fake_dcap *) = {
        until_root_crl, until_pck_crl, until_tcb_info, until_qe_identity, until_signer};
    static void (*const begins[])(struct fake_dcap *) = {from_root_crl, from_qe_identity};
    static void (*const unreadable[])(struct fake_dcap *) = {no_root_crl, no_pck_crl, no_tcb_info,
                                                             no_qe_identity};
    struct validity v = {7, 7};
    for (size_t i = 0; i < sizeof unreadable / sizeof unreadable[0]; i++) {
        assert_true(validity_of(&v, unreadable[i]) != TL_OK);
        assert_true(v.from == 7 && v.until == 7);
    }
    assert_true(about_validity(&v, slice_str("{}")) != TL_OK);
    assert_ok(validity_of(&v, NULL));
    assert_true(v.from == FAKE_TIME - 3600 && v.until > FAKE_TIME + 1);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        assert_ok(validity_of(&v, ends[i]));
        assert_true(v.until == FAKE_TIME + 1);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_ok(validity_of(&v, begins[i]));
        assert_true(v.from == FAKE_TIME - 1);
    }
}

static void test_memory(void **state)
{
    (void)state;
    static struct fake_dcap f;
    assert_ok(fake_dcap_init(&f, SIM_TDX_V4));
    assert_ok(fake_dcap_make(&f));
    for (int which = 0; which < 3; which++) {
        bool failed = true;
        for (size_t n = 1; failed; n++) {
            struct about a;
            struct validity v;
            test_fail_alloc(n);
            tl_err err = which == 2   ? about_validity(&v, buf_slice(&f.collateral_json))
                         : which == 1 ? about_collateral(&a, buf_slice(&f.collateral_json))
                                      : about_quote(&a, buf_slice(&f.quote_bytes));
            failed = test_alloc_failed();
            test_fail_alloc(0);
            assert_err(err, failed ? TL_E_MEMORY : TL_OK);
            assert_true(failed || n > 1);
        }
    }
    fake_dcap_finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),     cmocka_unit_test(test_differs),
        cmocka_unit_test(test_no_chain), cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_validity), cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
