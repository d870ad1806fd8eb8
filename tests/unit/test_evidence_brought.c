/* Collateral that the caller brings: where it is about the evidence's platform it
 * counts, good or bad, before the bundle's. */
#include "testlib.h"

#include "fakeevidence.h"

typedef void defect(struct fake_evidence *f);

static struct evidence_report r;

static void no_collateral(struct fake_evidence *f)
{
    f->dcap.no_collateral = true;
}
static void revoked(struct fake_evidence *f)
{
    f->dcap.revoked[0] =
        (struct sim_revoked){.serial = SLICE_ARRAY(f->dcap.pck.serial), .time = FAKE_TIME - 7200};
    f->dcap.pck_crl.revoked = f->dcap.revoked;
    f->dcap.pck_crl.revoked_count = 1;
}
static void plain(struct fake_evidence *f)
{
    f->dcap.tcb_info.evaluation_number = 98;
}
static void fresh(struct fake_evidence *f)
{
    f->dcap.tcb_info.evaluation_number = 99;
}
static void expired_tcb_info(struct fake_evidence *f)
{
    f->dcap.tcb_info.next_update = FAKE_TIME - 1;
}
static void other_fmspc(struct fake_evidence *f)
{
    fresh(f);
    f->dcap.tcb_info.fmspc[5] ^= 1;
}
static void other_pce_id(struct fake_evidence *f)
{
    fresh(f);
    f->dcap.tcb_info.pce_id[1] ^= 1;
}
static void other_fmspc_expired(struct fake_evidence *f)
{
    other_fmspc(f);
    expired_tcb_info(f);
}
static void other_ca(struct fake_evidence *f)
{
    fresh(f);
    fake_dcap_platform_ca(&f->dcap);
}
static void other_ca_expired(struct fake_evidence *f)
{
    other_ca(f);
    expired_tcb_info(f);
}
static void same_name_other_ca(struct fake_evidence *f)
{
    fresh(f);
    f->dcap.pck_crl.issuer_key = f->dcap.stranger_key;
}
static void other_tee(struct fake_evidence *f)
{
    bool tdx = !sim_kind_is_tdx(f->dcap.kind);
    sim_tcb_info_plan(&f->dcap.tcb_info, tdx, &f->dcap.platform, FAKE_TIME - 3600);
    sim_qe_identity_plan(&f->dcap.qe_identity, tdx, FAKE_TIME - 3600);
}
static void other_tee_expired(struct fake_evidence *f)
{
    other_tee(f);
    expired_tcb_info(f);
}
static void damaged_list(struct fake_evidence *f)
{
    revoked(f);
    f->dcap.pck_crl.issuer_key = f->dcap.stranger_key;
}
static void no_list(struct fake_evidence *f)
{
    f->dcap.pck_crl_der = slice_of("", 1);
}
static void renamed_list(struct fake_evidence *f)
{
    damaged_list(f);
    f->dcap.pck_crl.issuer = "another SGX PCK Platform CA";
}
static void other_fmspc_forged(struct fake_evidence *f)
{
    other_fmspc(f);
    f->dcap.tcb_info_signed.key = f->dcap.stranger_key;
}
/* All of the collateral is the stranger's, under a root of the same name. */
static void other_fmspc_other_root(struct fake_evidence *f)
{
    other_fmspc(f);
    f->dcap.tcb_info_chain.certs[0] = f->dcap.qe_identity_chain.certs[0] = &f->dcap.other_signer;
    f->dcap.tcb_info_chain.certs[1] = f->dcap.qe_identity_chain.certs[1] = &f->dcap.other_root;
    f->dcap.root_crl.issuer_key = f->dcap.stranger_key;
}
static void forged(struct fake_evidence *f)
{
    fresh(f);
    f->dcap.tcb_info_signed.key = f->dcap.stranger_key;
}

static const struct {
    const char *name;
    defect *item; /* what the item's own collateral is like, NULL for good */
    defect *brought[2];
    const char *stage;
    uint32_t number; /* the evaluation number, which says whose it was; 0: the item's */
} brought_cases[] = {
    {"good over good", NULL, {fresh}, NULL, 99},
    {"good over absent", no_collateral, {fresh}, NULL, 99},
    {"good over expired", expired_tcb_info, {fresh}, NULL, 99},
    {"good over revoked", revoked, {fresh}, NULL, 99},
    {"revoked over good", NULL, {revoked}, "revoked", 0},
    {"expired over good", NULL, {expired_tcb_info}, "validity", 0},
    {"forged over good", NULL, {forged}, "tcb-info", 0},
    {"what fails counts before what does not", NULL, {revoked, fresh}, "revoked", 0},
    {"and in the other order", NULL, {fresh, revoked}, "revoked", 0},
    {"of two good ones the first counts", NULL, {fresh, plain}, NULL, 99},
    {"a damaged list after a good one", NULL, {fresh, damaged_list}, NULL, 99},
    {"another FMSPC is passed over", NULL, {other_fmspc}, NULL, 0},
    {"another PCEID is no other platform", NULL, {other_pce_id}, "mismatch", 0},
    {"another CA makes way for what is brought beside it", NULL, {other_ca, fresh}, NULL, 99},
    {"another CA does not make way for the item's", NULL, {other_ca}, "pck-crl", 0},
    {"nor does a CA of the same name", NULL, {same_name_other_ca}, "pck-crl", 0},
    {"a damaged list hides no revocation", NULL, {damaged_list}, "pck-crl", 0},
    {"nor does one that is none", NULL, {no_list}, "pck-crl", 0},
    {"nor one signed by nobody under another name", NULL, {renamed_list}, "pck-crl", 0},
    {"another FMSPC said by a stranger is not believed", NULL, {other_fmspc_forged}, "tcb-info", 0},
    {"nor under a root that is not trusted", NULL, {other_fmspc_other_root}, "root", 0},
    {"another TEE is passed over", NULL, {other_tee}, NULL, 0},
    {"another FMSPC is passed over, expired", NULL, {other_fmspc_expired}, NULL, 0},
    {"another CA, expired", NULL, {other_ca_expired}, "pck-crl", 0},
    {"another TEE is passed over, expired", NULL, {other_tee_expired}, NULL, 0},
    {"the second counts", NULL, {other_fmspc_expired, revoked}, "revoked", 0},
    {"the second is good", no_collateral, {other_ca, fresh}, NULL, 99},
    {"none is left", no_collateral, {other_tee, other_fmspc}, "collateral", 0},
    {"the one that fails is told", no_collateral, {other_ca, other_fmspc}, "pck-crl", 0},
};

static void bring(enum sim_kind kind, const char *platform, size_t i)
{
    static struct fake_evidence f, other[2];
    slice brought[2];
    const size_t count = brought_cases[i].brought[1] ? 2 : 1;
    fake_evidence_start(&f, kind, platform);
    if (brought_cases[i].item)
        brought_cases[i].item(&f);
    fake_evidence_make(&f);
    for (size_t k = 0; k < count; k++) {
        fake_evidence_start(&other[k], kind, platform);
        brought_cases[i].brought[k](&other[k]);
        fake_evidence_make(&other[k]);
        brought[k] = other[k].collateral;
    }
    f.context.brought = brought;
    f.context.brought_count = count;
    fake_evidence_judge(&r, &f);
    fake_evidence_expect(&r, brought_cases[i].name, brought_cases[i].stage);
    if (r.genuine)
        assert_int_equal(r.tcb_evaluation_number, brought_cases[i].number
                                                      ? brought_cases[i].number
                                                      : f.dcap.tcb_info.evaluation_number);
    fake_evidence_judge_again(&r, &f);
    fake_evidence_finish(&f);
    for (size_t k = 0; k < count; k++)
        fake_evidence_finish(&other[k]);
}

static void test_brought(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof brought_cases / sizeof brought_cases[0]; i++) {
        bring(SIM_SGX_V3, "sgx-gramine", i);
        bring(SIM_TDX_V4, "tdx-dstack", i);
    }
}

#define MINUTE UINT64_C(60)

/* The TCB info of the piece is issued and expires so many minutes from now; the rest was issued
 * an hour ago. */
static void of_minutes(struct fake_evidence *f, int from, int until)
{
    fake_evidence_start(f, SIM_SGX_V3, "sgx-gramine");
    f->dcap.tcb_info.issue_date = FAKE_TIME + (uint64_t)(int64_t)from * MINUTE;
    f->dcap.tcb_info.next_update = FAKE_TIME + (uint64_t)(int64_t)until * MINUTE;
    fake_evidence_make(f);
}

/* Without a time the report says when it is genuine: with all pieces that count. */
static void test_any_time(void **state)
{
    (void)state;
    static struct fake_evidence f, other[2];
    slice brought[2];
    of_minutes(&f, -50, -10);
    fake_evidence_judge(&r, &f);
    fake_evidence_expect(&r, "expired", "validity");
    f.context.any_time = true;
    fake_evidence_judge(&r, &f);
    fake_evidence_expect(&r, "at some time", NULL);
    assert_true(r.valid_until == FAKE_TIME - 10 * MINUTE);
    assert_true(r.valid_from == FAKE_TIME - 50 * MINUTE);
    of_minutes(&other[0], -40, 50);
    of_minutes(&other[1], -30, 40);
    brought[0] = other[0].collateral;
    brought[1] = other[1].collateral;
    f.context.brought = brought;
    f.context.brought_count = 1;
    fake_evidence_judge(&r, &f);
    fake_evidence_expect(&r, "brought", NULL);
    assert_true(r.valid_until == FAKE_TIME + 50 * MINUTE);
    assert_true(r.valid_from == FAKE_TIME - 40 * MINUTE);
    f.context.brought_count = 2;
    fake_evidence_judge(&r, &f);
    fake_evidence_expect(&r, "both", NULL);
    assert_true(r.valid_until == FAKE_TIME + 40 * MINUTE);
    assert_true(r.valid_from == FAKE_TIME - 30 * MINUTE);
    /* At a time that is told, the same is said of it. */
    f.context.any_time = false;
    fake_evidence_judge(&r, &f);
    fake_evidence_expect(&r, "now", NULL);
    assert_true(r.valid_until == FAKE_TIME + 40 * MINUTE);
    fake_evidence_finish(&other[1]);
    of_minutes(&other[1], 60, 90);
    brought[1] = other[1].collateral;
    f.context.any_time = true;
    fake_evidence_judge(&r, &f);
    fake_evidence_expect(&r, "never both", "validity");
    for (size_t i = 0; i < 2; i++)
        fake_evidence_finish(&other[i]);
    fake_evidence_finish(&f);
}

/* A policy's limit to the age of collateral ends it as well. */
static void test_any_time_and_age(void **state)
{
    (void)state;
    static struct fake_evidence f;
    of_minutes(&f, -50, 90);
    f.context.any_time = true;
    f.context.policy = &f.policy;
    fake_evidence_judge(&r, &f);
    fake_evidence_expect(&r, "no rule", NULL);
    assert_true(r.valid_until == FAKE_TIME + 90 * MINUTE);
    f.policy.tcb.has_max_collateral_age = true;
    f.policy.tcb.max_collateral_age = 70 * MINUTE;
    fake_evidence_judge(&r, &f);
    fake_evidence_expect(&r, "a rule", NULL);
    assert_true(r.valid_until == FAKE_TIME + 10 * MINUTE);
    f.context.any_time = false;
    f.context.time = FAKE_TIME + 10 * MINUTE;
    fake_evidence_judge(&r, &f);
    fake_evidence_expect(&r, "at its end", NULL);
    f.context.time++;
    fake_evidence_judge(&r, &f);
    fake_evidence_expect(&r, "a second later", "collateral-age");
    fake_evidence_finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_brought),
        cmocka_unit_test(test_any_time),
        cmocka_unit_test(test_any_time_and_age),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
