/* The one entry point for quotes: each of its checks with one thing wrong, made
 * from the simulator's plans, so that no vectors are needed. */
#include "testlib.h"

#include "attest/rules.h"
#include "fakedcap.h"

typedef void defect(struct fake_dcap *f);

/* What is found after one change to a good quote. */
static void judge(struct dcap_report *r, enum sim_kind kind, defect *change, uint64_t time)
{
    static struct fake_dcap f;
    assert_ok(fake_dcap_init(&f, kind));
    if (change)
        change(&f);
    assert_ok(fake_dcap_make(&f));
    struct dcap_input in = fake_dcap_input(&f);
    if (time)
        in.time = time;
    dcap_verify(r, &in);
    /* With a cache that has seen it, nothing is judged otherwise. */
    struct dcap_cache *cache = NULL;
    struct dcap_report again;
    assert_ok(dcap_cache_new(&cache));
    in.cache = cache;
    for (int i = 0; i < 2; i++) {
        dcap_verify(&again, &in);
        assert_int_equal(again.ok, r->ok);
        assert_string_equal(again.detail, r->detail);
    }
    dcap_cache_free(cache);
    /* Its slices would point into what is freed now. */
    memset(&r->quote, 0, sizeof r->quote);
    fake_dcap_finish(&f);
}

static void expect(const struct dcap_report *r, const char *name, const char *stage)
{
    if (r->ok || strcmp(r->stage, stage) != 0)
        fail_msg("%s: expected stage %s, got %s: %s", name, stage, r->ok ? "ok" : r->stage,
                 r->detail);
    assert_true(r->detail[0]);
}

static const enum sim_kind kinds[] = {SIM_SGX_V3, SIM_SGX_V4,    SIM_SGX_V5,
                                      SIM_TDX_V4, SIM_TDX_V5_10, SIM_TDX_V5_15};

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct dcap_report r;
        judge(&r, kinds[i], NULL, 0);
        if (!r.ok)
            fail_msg("kind %d: %s: %s", (int)kinds[i], r.stage, r.detail);
        assert_null(r.stage);
        assert_int_equal(r.tcb.status, TCB_UP_TO_DATE);
        assert_true(r.has_quote && r.has_pck);
        assert_int_equal(r.collateral_issued, FAKE_TIME - 3600);
        assert_true(r.collateral_expires > FAKE_TIME &&
                    r.collateral_expires < FAKE_TIME + 31 * FAKE_DAY);
    }
}

/* Defects, by the stage that has to find them. */

static const uint8_t zeros[64];

static void no_collateral(struct fake_dcap *f)
{
    f->no_collateral = true;
}
static void bad_version(struct fake_dcap *f)
{
    f->quote.header[0] = 6;
}
static void bad_tcb_chain(struct fake_dcap *f)
{
    f->tcb_info_chain.certs[1] = NULL;
}
static void bad_qe_chain(struct fake_dcap *f)
{
    f->qe_identity_chain.certs[1] = NULL;
}
static void tcb_chain_by_stranger(struct fake_dcap *f)
{
    f->signer.issuer_key = f->stranger_key;
}
static void qe_chain_by_stranger(struct fake_dcap *f)
{
    /* Another signer of the same name, whom the root did not sign. */
    f->other_signer.issuer_key = f->stranger_key;
    f->qe_identity_chain.certs[0] = &f->other_signer;
}
static void root_crl_garbage(struct fake_dcap *f)
{
    f->root_crl_der = slice_of("junk", 4);
}
static void root_crl_empty(struct fake_dcap *f)
{
    f->root_crl_der = slice_of("", 0);
}
static void root_crl_by_stranger(struct fake_dcap *f)
{
    f->root_crl.issuer_key = f->stranger_key;
}
static void root_crl_of_ca(struct fake_dcap *f)
{
    f->root_crl.issuer = sim_intermediate_name;
}
static void pck_crl_garbage(struct fake_dcap *f)
{
    f->pck_crl_der = slice_of("junk", 4);
}
static void pck_crl_by_stranger(struct fake_dcap *f)
{
    f->pck_crl.issuer_key = f->stranger_key;
}
static void pck_crl_of_root(struct fake_dcap *f)
{
    f->pck_crl.issuer = sim_root_name;
    f->pck_crl.issuer_key = f->root_key;
}
static void tcb_info_by_stranger(struct fake_dcap *f)
{
    f->tcb_info_signed.key = f->stranger_key;
}
static void tcb_info_by_pck(struct fake_dcap *f)
{
    f->tcb_info_signed.key = f->pck_key;
}
static void tcb_info_no_signature(struct fake_dcap *f)
{
    f->tcb_info_signed.signature = zeros;
}
static void tcb_info_version_9(struct fake_dcap *f)
{
    f->tcb_info.version = 9;
}
static void qe_identity_by_stranger(struct fake_dcap *f)
{
    f->qe_identity_signed.key = f->stranger_key;
}
static void qe_identity_version_1(struct fake_dcap *f)
{
    f->qe_identity.version = 1;
}
static void pck_chain_of_two(struct fake_dcap *f)
{
    f->pck_chain.certs[2] = NULL;
}
static void pck_by_stranger(struct fake_dcap *f)
{
    f->pck.issuer_key = f->stranger_key;
}
static void ca_by_stranger(struct fake_dcap *f)
{
    f->ca.issuer_key = f->stranger_key;
}
static void pck_apart_missing(struct fake_dcap *f)
{
    f->pck_chain_apart = true;
    f->pck_chain.text = slice_of("", 0);
}
static void pck_under_other_root(struct fake_dcap *f)
{
    f->ca.issuer_key = f->stranger_key;
    f->pck_chain.certs[2] = &f->other_root;
}
static void tcb_info_under_other_root(struct fake_dcap *f)
{
    /* All but the quote's own chain is the stranger's. */
    f->tcb_info_chain.certs[0] = f->qe_identity_chain.certs[0] = &f->other_signer;
    f->tcb_info_chain.certs[1] = f->qe_identity_chain.certs[1] = &f->other_root;
    f->root_crl.issuer_key = f->stranger_key;
}
static void tcb_info_alone_under_other_root(struct fake_dcap *f)
{
    f->tcb_info_chain.certs[0] = &f->other_signer;
    f->tcb_info_chain.certs[1] = &f->other_root;
    f->root_crl.issuer_key = f->stranger_key;
}
static void qe_identity_under_other_root(struct fake_dcap *f)
{
    f->qe_identity_chain.certs[0] = &f->other_signer;
    f->qe_identity_chain.certs[1] = &f->other_root;
}
static void all_under_other_root(struct fake_dcap *f)
{
    tcb_info_under_other_root(f);
    pck_under_other_root(f);
}
static void revoke(struct fake_dcap *f, struct sim_crl *list, const struct sim_cert *cert)
{
    f->revoked[0] =
        (struct sim_revoked){.serial = SLICE_ARRAY(cert->serial), .time = FAKE_TIME - 7200};
    list->revoked = f->revoked;
    list->revoked_count = 1;
}
static void ca_revoked(struct fake_dcap *f)
{
    revoke(f, &f->root_crl, &f->ca);
}
static void signer_revoked(struct fake_dcap *f)
{
    revoke(f, &f->root_crl, &f->signer);
}
static void pck_revoked(struct fake_dcap *f)
{
    revoke(f, &f->pck_crl, &f->pck);
}
/* The same serial under another issuer is another certificate. */
static void pck_serial_in_root_crl(struct fake_dcap *f)
{
    revoke(f, &f->root_crl, &f->pck);
}
/* The QE identity has a chain of its own, with a signer of its own that is revoked. */
static struct sim_cert second_signer;
static void qe_signer_revoked(struct fake_dcap *f)
{
    second_signer = f->signer;
    second_signer.serial[15] ^= 1;
    f->qe_identity_chain.certs[0] = &second_signer;
    revoke(f, &f->root_crl, &second_signer);
}
static void other_tcb_signer_revoked(struct fake_dcap *f)
{
    second_signer = f->signer;
    second_signer.serial[15] ^= 1;
    f->tcb_info_chain.certs[0] = &second_signer;
    revoke(f, &f->root_crl, &second_signer);
}
static void qe_signer_expired(struct fake_dcap *f)
{
    second_signer = f->signer;
    second_signer.not_after = FAKE_TIME - 1;
    f->qe_identity_chain.certs[0] = &second_signer;
}
static void pck_expired(struct fake_dcap *f)
{
    f->pck.not_after = FAKE_TIME - 1;
}
static void pck_not_yet(struct fake_dcap *f)
{
    f->pck.not_before = FAKE_TIME + 1;
}
static void ca_expired(struct fake_dcap *f)
{
    f->ca.not_after = FAKE_TIME - 1;
}
static void root_expired(struct fake_dcap *f)
{
    f->root.not_after = FAKE_TIME - 1;
}
static void signer_expired(struct fake_dcap *f)
{
    f->signer.not_after = FAKE_TIME - 1;
}
static void root_crl_expired(struct fake_dcap *f)
{
    f->root_crl.next_update = FAKE_TIME - 1;
}
static void root_crl_future(struct fake_dcap *f)
{
    f->root_crl.this_update = FAKE_TIME + 1;
}
static void pck_crl_expired(struct fake_dcap *f)
{
    f->pck_crl.next_update = FAKE_TIME - 1;
}
static void tcb_info_expired(struct fake_dcap *f)
{
    f->tcb_info.next_update = FAKE_TIME - 1;
}
static void tcb_info_future(struct fake_dcap *f)
{
    f->tcb_info.issue_date = FAKE_TIME + 1;
}
static void qe_identity_expired(struct fake_dcap *f)
{
    f->qe_identity.next_update = FAKE_TIME - 1;
}
static void qe_identity_future(struct fake_dcap *f)
{
    f->qe_identity.issue_date = FAKE_TIME + 1;
}
static void other_fmspc(struct fake_dcap *f)
{
    f->tcb_info.fmspc[5] ^= 1;
}
static void other_pce_id(struct fake_dcap *f)
{
    f->tcb_info.pce_id[1] ^= 1;
}
static void tcb_info_of_tdx(struct fake_dcap *f)
{
    sim_tcb_info_plan(&f->tcb_info, true, &f->platform, FAKE_TIME - 3600);
}
static void tcb_info_of_sgx(struct fake_dcap *f)
{
    sim_tcb_info_plan(&f->tcb_info, false, &f->platform, FAKE_TIME - 3600);
}
static void qe_identity_of_td_qe(struct fake_dcap *f)
{
    sim_qe_identity_plan(&f->qe_identity, true, FAKE_TIME - 3600);
}
static void qe_identity_of_qe(struct fake_dcap *f)
{
    sim_qe_identity_plan(&f->qe_identity, false, FAKE_TIME - 3600);
}
static void qe_report_by_stranger(struct fake_dcap *f)
{
    f->qe_key = f->stranger_key;
}
static void qe_report_data_wrong(struct fake_dcap *f)
{
    f->qe.report_data[0] ^= 1;
    f->qe_report_data_is_set = true;
}
/* Genuine in its lower half, and something in its upper one. */
static void qe_report_data_upper(struct fake_dcap *f)
{
    struct cose_ec2 point;
    es256_point(f->attestation_key, &point);
    slice parts[3] = {SLICE_ARRAY(point.x), SLICE_ARRAY(point.y), f->qe_auth};
    hash32 h = sha256_parts(parts, 3);
    memcpy(f->qe.report_data, h.b, sizeof h.b);
    f->qe.report_data[63] = 1;
    f->qe_report_data_is_set = true;
}
static void qe_debug(struct fake_dcap *f)
{
    f->qe.flags |= SGX_FLAG_DEBUG;
}
static void qe_signer(struct fake_dcap *f)
{
    f->qe.mrsigner[0] ^= 1;
}
static void qe_prod_id(struct fake_dcap *f)
{
    f->qe.isv_prod_id++;
}
static void quote_by_stranger(struct fake_dcap *f)
{
    static uint8_t signature[64];
    buf b;
    buf_init(&b, 4096);
    sim_quote_put_signed(&b, &f->quote);
    hash32 digest = sha256(buf_slice(&b));
    assert_ok(es256_sign(f->stranger_key, &digest, signature));
    buf_finish(&b);
    f->quote_signature = signature;
}
static void quote_signature_zero(struct fake_dcap *f)
{
    f->quote_signature = zeros;
}
static void no_level(struct fake_dcap *f)
{
    f->platform.components[3] = 0;
}
static void module_unknown(struct fake_dcap *f)
{
    f->quote.td.tee_tcb_svn[1] = 9;
}
static void module_signer(struct fake_dcap *f)
{
    f->quote.td.mr_signer_seam[0] = 1;
}
static void module_attributes(struct fake_dcap *f)
{
    f->quote.td.seam_attributes[7] = 1;
}

static void test_defects(void **state)
{
    (void)state;
#define CASE(kind, change, stage)                                                                  \
    {                                                                                              \
        kind, change, #change, stage                                                               \
    }
    static const struct {
        enum sim_kind kind;
        defect *change;
        const char *name, *stage;
    } cases[] = {
        CASE(SIM_SGX_V3, bad_version, "quote"),
        CASE(SIM_SGX_V3, no_collateral, "collateral"),
        CASE(SIM_SGX_V3, bad_tcb_chain, "tcb-info-chain"),
        CASE(SIM_SGX_V3, tcb_chain_by_stranger, "tcb-info-chain"),
        CASE(SIM_SGX_V3, bad_qe_chain, "qe-identity-chain"),
        CASE(SIM_SGX_V3, qe_chain_by_stranger, "qe-identity-chain"),
        CASE(SIM_SGX_V3, root_crl_garbage, "root-crl"),
        CASE(SIM_SGX_V3, root_crl_empty, "root-crl"),
        CASE(SIM_SGX_V3, root_crl_by_stranger, "root-crl"),
        CASE(SIM_SGX_V3, root_crl_of_ca, "root-crl"),
        CASE(SIM_SGX_V3, pck_crl_garbage, "pck-crl"),
        CASE(SIM_SGX_V3, pck_crl_by_stranger, "pck-crl"),
        CASE(SIM_SGX_V3, pck_crl_of_root, "pck-crl"),
        CASE(SIM_SGX_V3, tcb_info_by_stranger, "tcb-info"),
        CASE(SIM_SGX_V3, tcb_info_by_pck, "tcb-info"),
        CASE(SIM_SGX_V3, tcb_info_no_signature, "tcb-info"),
        CASE(SIM_SGX_V3, tcb_info_version_9, "tcb-info"),
        CASE(SIM_SGX_V3, qe_identity_by_stranger, "qe-identity"),
        CASE(SIM_SGX_V3, qe_identity_version_1, "qe-identity"),
        CASE(SIM_SGX_V3, pck_chain_of_two, "pck-chain"),
        CASE(SIM_SGX_V3, pck_by_stranger, "pck-chain"),
        CASE(SIM_SGX_V3, ca_by_stranger, "pck-chain"),
        CASE(SIM_SGX_V3, pck_apart_missing, "pck-chain"),
        CASE(SIM_SGX_V3, pck_under_other_root, "root"),
        CASE(SIM_SGX_V3, tcb_info_under_other_root, "root"),
        CASE(SIM_SGX_V3, tcb_info_alone_under_other_root, "root"),
        CASE(SIM_SGX_V3, qe_identity_under_other_root, "root"),
        CASE(SIM_SGX_V3, all_under_other_root, "root"),
        CASE(SIM_SGX_V3, ca_revoked, "revoked"),
        CASE(SIM_SGX_V3, signer_revoked, "revoked"),
        CASE(SIM_SGX_V3, other_tcb_signer_revoked, "revoked"),
        CASE(SIM_SGX_V3, qe_signer_revoked, "revoked"),
        CASE(SIM_SGX_V3, pck_revoked, "revoked"),
        CASE(SIM_SGX_V3, pck_expired, "validity"),
        CASE(SIM_SGX_V3, pck_not_yet, "validity"),
        CASE(SIM_SGX_V3, ca_expired, "validity"),
        CASE(SIM_SGX_V3, root_expired, "validity"),
        CASE(SIM_SGX_V3, signer_expired, "validity"),
        CASE(SIM_SGX_V3, qe_signer_expired, "validity"),
        CASE(SIM_SGX_V3, root_crl_expired, "validity"),
        CASE(SIM_SGX_V3, root_crl_future, "validity"),
        CASE(SIM_SGX_V3, pck_crl_expired, "validity"),
        CASE(SIM_SGX_V3, tcb_info_expired, "validity"),
        CASE(SIM_SGX_V3, tcb_info_future, "validity"),
        CASE(SIM_SGX_V3, qe_identity_expired, "validity"),
        CASE(SIM_SGX_V3, qe_identity_future, "validity"),
        CASE(SIM_SGX_V3, other_fmspc, "mismatch"),
        CASE(SIM_SGX_V3, other_pce_id, "mismatch"),
        CASE(SIM_SGX_V3, tcb_info_of_tdx, "mismatch"),
        CASE(SIM_TDX_V4, tcb_info_of_sgx, "mismatch"),
        CASE(SIM_SGX_V3, qe_identity_of_td_qe, "mismatch"),
        CASE(SIM_TDX_V4, qe_identity_of_qe, "mismatch"),
        CASE(SIM_SGX_V3, qe_report_by_stranger, "qe-report"),
        CASE(SIM_TDX_V4, qe_report_by_stranger, "qe-report"),
        CASE(SIM_SGX_V3, qe_report_data_wrong, "qe-data"),
        CASE(SIM_SGX_V3, qe_debug, "qe"),
        CASE(SIM_SGX_V3, qe_signer, "qe"),
        CASE(SIM_TDX_V5_15, qe_prod_id, "qe"),
        CASE(SIM_SGX_V3, quote_by_stranger, "signature"),
        CASE(SIM_TDX_V5_15, quote_by_stranger, "signature"),
        CASE(SIM_SGX_V3, quote_signature_zero, "signature"),
        CASE(SIM_SGX_V3, no_level, "tcb"),
        CASE(SIM_TDX_V4, module_unknown, "tdx-module"),
        CASE(SIM_TDX_V4, module_signer, "tdx-module"),
        CASE(SIM_TDX_V5_10, module_attributes, "tdx-module"),
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dcap_report r;
        judge(&r, cases[i].kind, cases[i].change, 0);
        expect(&r, cases[i].name, cases[i].stage);
    }
}

static void apart(struct fake_dcap *f)
{
    f->pck_chain_apart = true;
}
/* The chain with its NUL in any order is the same chain. */
static void reversed(struct fake_dcap *f)
{
    f->pck_chain.certs[0] = &f->root;
    f->pck_chain.certs[2] = &f->pck;
    f->pck_chain.nul = true;
    f->tcb_info_chain.certs[0] = &f->root;
    f->tcb_info_chain.certs[1] = &f->signer;
}
static void trailing(struct fake_dcap *f)
{
    f->quote_trailing = slice_of("\0\0\1", 3);
}
static void qe_auth_empty(struct fake_dcap *f)
{
    f->qe_auth = slice_of("", 0);
}
/* An older certificate of the same root key: the key is what is trusted. */
static void older_root(struct fake_dcap *f)
{
    f->other_root = f->root;
    f->other_root.serial[0] ^= 1;
    f->other_root.not_before -= FAKE_DAY;
    f->pck_chain.certs[2] = &f->other_root;
}

static void test_what_may_be(void **state)
{
    (void)state;
    static defect *const good[] = {
        qe_report_data_upper,  apart, reversed, trailing, qe_auth_empty, older_root,
        pck_serial_in_root_crl};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct dcap_report r;
        judge(&r, SIM_SGX_V3, good[i], 0);
        if (!r.ok)
            fail_msg("%zu: %s: %s", i, r.stage, r.detail);
    }
}

/* One text for both signing chains, as Intel's service gives them. */
static void test_one_signer(void **state)
{
    (void)state;
    static struct fake_dcap f;
    struct dcap_report r;
    buf pem;
    for (int revoked = 0; revoked < 2; revoked++) {
        buf_init(&pem, 65536);
        assert_ok(fake_dcap_init(&f, SIM_SGX_V3));
        const struct sim_cert *both[2] = {&f.signer, &f.root};
        assert_ok(sim_certs_put(&pem, both, 2));
        f.tcb_info_chain.text = f.qe_identity_chain.text = buf_slice(&pem);
        if (revoked)
            revoke(&f, &f.root_crl, &f.signer);
        assert_ok(fake_dcap_make(&f));
        struct dcap_input in = fake_dcap_input(&f);
        dcap_verify(&r, &in);
        if (revoked)
            expect(&r, "revoked", "revoked");
        else
            assert_true(r.ok);
        fake_dcap_finish(&f);
        buf_finish(&pem);
    }
}

/* What is missing is said to be missing. */
static void test_missing(void **state)
{
    (void)state;
    struct dcap_report r;
    judge(&r, SIM_SGX_V3, no_collateral, 0);
    assert_non_null(strstr(r.detail, "there is no collateral"));
    judge(&r, SIM_SGX_V3, pck_apart_missing, 0);
    assert_non_null(strstr(r.detail, "has no pck_certificate_chain"));
}

/* Both ends of each validity are included. */
static void test_times(void **state)
{
    (void)state;
    struct dcap_report r;
    judge(&r, SIM_SGX_V3, NULL, 0);
    const uint64_t first = r.collateral_issued, last = r.collateral_expires;
    judge(&r, SIM_SGX_V3, NULL, first);
    assert_true(r.ok);
    judge(&r, SIM_SGX_V3, NULL, last);
    assert_true(r.ok);
    judge(&r, SIM_SGX_V3, NULL, first - 1);
    expect(&r, "before", "validity");
    judge(&r, SIM_SGX_V3, NULL, last + 1);
    expect(&r, "after", "validity");
}

/* Nothing that was good once is taken for granted later. */
static void test_cache(void **state)
{
    (void)state;
    static struct fake_dcap f, g;
    struct dcap_cache *cache = NULL;
    struct dcap_report r;
    assert_ok(dcap_cache_new(&cache));
    assert_ok(fake_dcap_init(&f, SIM_SGX_V3));
    assert_ok(fake_dcap_make(&f));
    struct dcap_input in = fake_dcap_input(&f);
    in.cache = cache;
    dcap_verify(&r, &in);
    assert_true(r.ok);
    in.time += 365 * FAKE_DAY;
    dcap_verify(&r, &in);
    expect(&r, "later", "validity");
    in = fake_dcap_input(&f);
    in.cache = cache;
    hash32 other = sha256(slice_str("another root"));
    in.roots = &other;
    dcap_verify(&r, &in);
    expect(&r, "another root", "root");
    in.root_count = 0;
    dcap_verify(&r, &in);
    assert_true(r.ok);
    /* The same chain, with collateral that revokes it. */
    assert_ok(fake_dcap_init(&g, SIM_SGX_V3));
    revoke(&g, &g.pck_crl, &g.pck);
    assert_ok(fake_dcap_make(&g));
    in = fake_dcap_input(&g);
    in.cache = cache;
    in.quote = buf_slice(&f.quote_bytes);
    dcap_verify(&r, &in);
    expect(&r, "revoked", "revoked");
    /* More of both than it has room for: the oldest goes. */
    for (int i = 0; i < 70; i++) {
        g.tcb_info.evaluation_number = 100 + (unsigned)i;
        g.pck_crl.revoked_count = 0;
        assert_ok(fake_dcap_make(&g));
        in = fake_dcap_input(&g);
        in.cache = cache;
        dcap_verify(&r, &in);
        assert_true(r.ok);
        assert_int_equal(r.tcb_evaluation_number, 100 + i);
    }
    fake_dcap_finish(&f);
    fake_dcap_finish(&g);
    dcap_cache_free(cache);
}

/* The certificate alone in the quote, and the chain in the collateral. */
static void leaf_alone(struct dcap_report *r, const struct sim_cert *leaf)
{
    static struct fake_dcap f;
    buf pem;
    buf_init(&pem, 65536);
    assert_ok(fake_dcap_init(&f, SIM_SGX_V4));
    const struct sim_cert *one[1] = {leaf ? leaf : &f.pck};
    f.pck_chain_apart = true;
    f.cert_is_set = true;
    assert_ok(sim_certs_put(&pem, one, 1));
    f.quote.cert_type = QUOTE_CERT_PCK_LEAF;
    f.quote.cert_data = buf_slice(&pem);
    assert_ok(fake_dcap_make(&f));
    struct dcap_input in = fake_dcap_input(&f);
    dcap_verify(r, &in);
    memset(&r->quote, 0, sizeof r->quote);
    fake_dcap_finish(&f);
    buf_finish(&pem);
}

static void test_leaf_alone(void **state)
{
    (void)state;
    struct dcap_report r;
    static struct fake_dcap other;
    leaf_alone(&r, NULL);
    assert_true(r.ok);
    assert_ok(fake_dcap_init(&other, SIM_SGX_V4));
    leaf_alone(&r, &other.root);
    expect(&r, "another certificate", "pck-chain");
    fake_dcap_finish(&other);
}

/* Where memory is short nothing is judged, and nothing is lost. (That of OpenSSL:
 * test_dcap_memory.) */
static void test_memory(void **state)
{
    (void)state;
    static struct fake_dcap f;
    assert_ok(fake_dcap_init(&f, SIM_TDX_V4));
    assert_ok(fake_dcap_make(&f));
    struct dcap_input in = fake_dcap_input(&f);
    bool failed = true;
    for (size_t n = 1; failed; n++) {
        struct dcap_report r;
        struct dcap_cache *cache = NULL;
        assert_ok(dcap_cache_new(&cache));
        in.cache = n % 2 ? cache : NULL;
        test_fail_alloc(n);
        dcap_verify(&r, &in);
        failed = test_alloc_failed();
        test_fail_alloc(0);
        assert_true(r.ok == !failed);
        assert_string_equal(failed ? r.stage : "memory", "memory");
        dcap_cache_free(cache);
    }
    fake_dcap_finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),        cmocka_unit_test(test_defects),
        cmocka_unit_test(test_what_may_be), cmocka_unit_test(test_times),
        cmocka_unit_test(test_cache),       cmocka_unit_test(test_leaf_alone),
        cmocka_unit_test(test_memory),      cmocka_unit_test(test_one_signer),
        cmocka_unit_test(test_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
