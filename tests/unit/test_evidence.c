/* Evidence: each check of a platform's form, roots, event log and policy with one
 * thing wrong. What is wrong with a quote alone is the affair of test_dcap. */
#include "testlib.h"

#include "fakeevidence.h"

typedef void defect(struct fake_evidence *f);

static struct evidence_report r;

static const char *const platforms[] = {"simulator", "sgx-gramine", "tdx-dstack", "tdx-tsm"};

/* SGX, TDX: which kinds of quote the platforms have. */
static const bool has_kind[4][2] = {{true, true}, {true, false}, {false, true}, {false, true}};

/* What the maker put into a quote. */
static struct evidence_code code_of(const struct fake_evidence *f)
{
    struct evidence_code c;
    memset(&c, 0, sizeof c);
    c.platform = platform_from(f->e.platform);
    c.tdx = sim_kind_is_tdx(f->dcap.kind);
    c.root = f->dcap.root_hash;
    if (!c.tdx) {
        memcpy(c.mrenclave, f->dcap.quote.body.mrenclave, 32);
        memcpy(c.mrsigner, f->dcap.quote.body.mrsigner, 32);
        c.isv_prod_id = 7;
        c.isv_svn = 8;
        return c;
    }
    memcpy(c.mr_td, f->dcap.quote.td.mr_td, 48);
    memcpy(c.rtmr, f->dcap.quote.td.rtmr, sizeof c.rtmr);
    if (c.platform != PLATFORM_TDX_DSTACK)
        return c;
    memset(c.rtmr[3], 0, sizeof c.rtmr[3]);
    memcpy(c.compose_hash, f->dstack.compose_hash, 32);
    memcpy(c.app_id, f->dstack.app_id, 20);
    c.has_os_image_hash = !f->dstack.no_os_image;
    if (c.has_os_image_hash)
        memcpy(c.os_image_hash, f->dstack.os_image_hash, 32);
    snprintf(c.key_provider, sizeof c.key_provider, "kms:3059");
    c.key_provider_hash = sha256(slice_str("kms:3059"));
    return c;
}

static void good(const char *platform, enum sim_kind kind)
{
    static struct fake_evidence f;
    fake_evidence_start(&f, kind, platform);
    f.dcap.tcb_info.evaluation_number = 77;
    /* With and without what may be absent. */
    f.dstack.no_os_image = kind == SIM_TDX_V4;
    fake_evidence_make(&f);
    fake_evidence_judge(&r, &f);
    fake_evidence_expect(&r, platform, NULL);
    assert_int_equal(r.platform, platform_from(slice_str(platform)));
    struct evidence_code want = code_of(&f);
    assert_memory_equal(&r.code, &want, sizeof want);
    uint8_t report_data[64];
    memset(report_data, 0x42, 64);
    assert_memory_equal(r.report_data, report_data, 64);
    assert_int_equal(r.tcb.status, TCB_UP_TO_DATE);
    assert_true(r.tcb.date > 0);
    assert_int_equal(r.tcb_evaluation_number, 77);
    assert_true(r.code_ok);
    assert_int_equal(r.pin, CODE_OPEN);
    assert_true(r.code_detail[0]);
    assert_int_equal(strstr(r.detail, "nothing about hardware") != NULL, r.simulated);
    assert_null(strstr(r.detail, "policy"));
    f.context.policy = &f.policy;
    fake_evidence_judge(&r, &f);
    fake_evidence_expect(&r, platform, NULL);
    assert_int_equal(strstr(r.detail, "which the policy names") != NULL, r.simulated);
    fake_evidence_finish(&f);
}

/* Every platform with every kind of quote. */
static void test_platforms(void **state)
{
    (void)state;
    for (size_t p = 0; p < 4; p++)
        for (int kind = 0; kind < SIM_KINDS; kind++) {
            static struct fake_evidence f;
            bool tdx = sim_kind_is_tdx((enum sim_kind)kind);
            if (has_kind[p][tdx]) {
                good(platforms[p], (enum sim_kind)kind);
                continue;
            }
            fake_evidence_start(&f, (enum sim_kind)kind, platforms[p]);
            fake_evidence_make(&f);
            fake_evidence_judge(&r, &f);
            fake_evidence_expect(&r, platforms[p], "format");
            assert_non_null(strstr(r.detail, tdx ? "from a TD" : "from an SGX enclave"));
            fake_evidence_finish(&f);
        }
}

static void test_unknown_platforms(void **state)
{
    (void)state;
    static const char *const names[] = {"",    "sgx",       "tdx",       "simulato", "simulator ",
                                        "SGX", "Simulator", "tdx-dstac", "unknown",  "sev-snp"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        static struct fake_evidence f;
        fake_evidence_start(&f, SIM_SGX_V3, names[i]);
        fake_evidence_make(&f);
        fake_evidence_judge(&r, &f);
        fake_evidence_expect(&r, names[i], "platform");
        assert_false(r.simulated);
        fake_evidence_finish(&f);
    }
}

/* One thing wrong. */

static void with_log(struct fake_evidence *f)
{
    f->log = "[]";
}
static void with_empty_log(struct fake_evidence *f)
{
    f->log = "";
}
static void without_log(struct fake_evidence *f)
{
    f->no_log = true;
}
static void with_good_log(struct fake_evidence *f)
{
    fake_dstack_put(&f->log_json, &f->dstack);
    memcpy(f->dcap.quote.td.rtmr, f->dstack.rtmr, sizeof f->dstack.rtmr);
    buf_u8(&f->log_json, 0);
    f->log = (const char *)f->log_json.p;
}
static void no_json(struct fake_evidence *f)
{
    f->log = "[";
}
static void rtmr0(struct fake_evidence *f)
{
    f->spoil[0] = 1;
}
static void rtmr1(struct fake_evidence *f)
{
    f->spoil[1] = 1;
}
static void rtmr2(struct fake_evidence *f)
{
    f->spoil[2] = 1;
}
static void rtmr3(struct fake_evidence *f)
{
    f->spoil[3] = 1;
}
static void trailing(struct fake_evidence *f)
{
    f->dcap.quote_trailing = slice_of("", 1);
}
static void chain_apart(struct fake_evidence *f)
{
    f->dcap.pck_chain_apart = true;
}
static void no_collateral(struct fake_evidence *f)
{
    f->dcap.no_collateral = true;
}
static void by_stranger(struct fake_evidence *f)
{
    f->dcap.qe_key = f->dcap.stranger_key;
}
static void expired(struct fake_evidence *f)
{
    f->dcap.time += 31 * FAKE_DAY;
}

static const struct wrong {
    const char *name;
    enum sim_kind kind;
    const char *platform;
    defect *change;
    const char *stage; /* NULL: nothing is wrong */
} wrongs[] = {
    {"a log beside a simulator", SIM_SGX_V3, "simulator", with_log, "format"},
    {"an empty log beside a simulator", SIM_SGX_V3, "simulator", with_empty_log, "format"},
    {"a log beside a simulated TD", SIM_TDX_V4, "simulator", with_good_log, "format"},
    {"a log beside an enclave", SIM_SGX_V3, "sgx-gramine", with_log, "format"},
    {"a log beside a TD", SIM_TDX_V4, "tdx-tsm", with_good_log, "format"},
    {"no log of dstack", SIM_TDX_V4, "tdx-dstack", without_log, "format"},
    {"an empty log of dstack", SIM_TDX_V4, "tdx-dstack", with_empty_log, "event-log"},
    {"no events", SIM_TDX_V4, "tdx-dstack", with_log, "event-log"},
    {"no JSON", SIM_TDX_V4, "tdx-dstack", no_json, "event-log"},
    {"another RTMR0", SIM_TDX_V4, "tdx-dstack", rtmr0, "event-log"},
    {"another RTMR1", SIM_TDX_V5_10, "tdx-dstack", rtmr1, "event-log"},
    {"another RTMR2", SIM_TDX_V5_15, "tdx-dstack", rtmr2, "event-log"},
    {"another RTMR3", SIM_TDX_V4, "tdx-dstack", rtmr3, "event-log"},
    {"bytes after a simulator's quote", SIM_SGX_V3, "simulator", trailing, "format"},
    {"bytes after a simulated TD's quote", SIM_TDX_V4, "simulator", trailing, "format"},
    {"bytes after an enclave's quote", SIM_SGX_V3, "sgx-gramine", trailing, NULL},
    {"bytes after a TD's quote", SIM_TDX_V4, "tdx-tsm", trailing, NULL},
    {"a simulator's chain elsewhere", SIM_SGX_V3, "simulator", chain_apart, "format"},
    {"an enclave's chain elsewhere", SIM_SGX_V3, "sgx-gramine", chain_apart, NULL},
    {"a TD's chain elsewhere", SIM_TDX_V4, "tdx-dstack", chain_apart, NULL},
    {"no collateral of a simulator", SIM_SGX_V3, "simulator", no_collateral, "collateral"},
    {"no collateral of an enclave", SIM_SGX_V3, "sgx-gramine", no_collateral, "collateral"},
    {"a QE report by a stranger", SIM_TDX_V4, "tdx-dstack", by_stranger, "qe-report"},
    {"too late", SIM_SGX_V3, "simulator", expired, "validity"},
};

static void test_wrongs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        static struct fake_evidence f;
        fake_evidence_start(&f, wrongs[i].kind, wrongs[i].platform);
        wrongs[i].change(&f);
        fake_evidence_make(&f);
        fake_evidence_judge(&r, &f);
        fake_evidence_expect(&r, wrongs[i].name, wrongs[i].stage);
        fake_evidence_judge_again(&r, &f);
        fake_evidence_finish(&f);
    }
}

/* Hardware is judged under its own root, a simulator under the policy's. */
static void test_roots(void **state)
{
    (void)state;
    for (size_t p = 0; p < 4; p++) {
        static struct fake_evidence f;
        bool simulator = p == 0;
        const hash32 other = sha256(slice_str("another root"));
        fake_evidence_start(&f, p < 2 ? SIM_SGX_V3 : SIM_TDX_V4, platforms[p]);
        fake_evidence_make(&f);
        f.context.hardware_root = NULL;
        fake_evidence_judge(&r, &f);
        fake_evidence_expect(&r, "Intel's root", simulator ? NULL : "root");
        assert_true(hash_eq(&r.code.root, &f.dcap.root_hash)); /* shown all the same */
        f.context.hardware_root = &other;
        fake_evidence_judge(&r, &f);
        fake_evidence_expect(&r, "another root of hardware", simulator ? NULL : "root");
        f.context.hardware_root = &f.dcap.root_hash;
        f.context.policy = &f.policy;
        fake_evidence_judge(&r, &f);
        fake_evidence_expect(&r, "a policy that names it", NULL);
        assert_true(r.code_ok);
        f.entry.simulator_root = other;
        fake_evidence_judge(&r, &f);
        fake_evidence_expect(&r, "a policy with another simulator's root",
                             simulator ? "root" : NULL);
        /* A policy for hardware names no simulator's root: the quote is as sound as
         * without a policy, and is not what is asked for. */
        if (simulator) {
            f.entry.platform = PLATFORM_SGX_GRAMINE;
            f.policy.simulator = false;
            fake_evidence_judge(&r, &f);
            fake_evidence_expect(&r, "a policy for hardware", NULL);
            assert_false(r.code_ok);
        }
        fake_evidence_finish(&f);
    }
}

/* Rules about the platform decide what is genuine … */

static char advisory[] = "INTEL-SA-00001", *advisories[] = {advisory};

static void out_of_date(struct fake_evidence *f)
{
    f->dcap.tcb_info.levels[0].status = "OutOfDate";
}
static void has_advisory(struct fake_evidence *f)
{
    f->dcap.tcb_info.levels[0].advisories[0] = advisory;
    f->policy.tcb.advisories = ADVISORIES_REFUSE;
    f->policy.tcb.advisory_ids = advisories;
    f->policy.tcb.advisory_count = 1;
}
static void old_evaluation(struct fake_evidence *f)
{
    f->policy.tcb.min_evaluation_number = f->dcap.tcb_info.evaluation_number + 1;
}
static void old_collateral(struct fake_evidence *f)
{
    f->policy.tcb.has_max_collateral_age = true;
    f->policy.tcb.max_collateral_age = 3599;
}
static void debug(struct fake_evidence *f)
{
    f->dcap.quote.body.flags |= SGX_FLAG_DEBUG;
    f->dcap.quote.td.td_attributes |= 1;
}

static void test_platform_rules(void **state)
{
    (void)state;
    static const struct {
        const char *stage;
        defect *change;
        bool always; /* without a policy too */
    } rules[] = {
        {"tcb-status", out_of_date, true},
        {"advisories", has_advisory, false},
        {"tcb-evaluation-number", old_evaluation, false},
        {"collateral-age", old_collateral, false},
        {"attributes", debug, true},
    };
    for (size_t p = 0; p < 4; p++)
        for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
            static struct fake_evidence f;
            fake_evidence_start(&f, p < 2 ? SIM_SGX_V4 : SIM_TDX_V4, platforms[p]);
            rules[i].change(&f);
            fake_evidence_make(&f);
            fake_evidence_judge(&r, &f);
            fake_evidence_expect(&r, "no policy", rules[i].always ? rules[i].stage : NULL);
            f.context.policy = &f.policy;
            fake_evidence_judge(&r, &f);
            fake_evidence_expect(&r, "policy", rules[i].stage);
            /* What the quote shows is there to be looked at all the same. */
            struct evidence_code want = code_of(&f);
            assert_memory_equal(&r.code, &want, sizeof want);
            fake_evidence_judge_again(&r, &f);
            fake_evidence_finish(&f);
        }
}

/* … and those about the code whether it is the one that is asked for. */
static void test_code_rules(void **state)
{
    (void)state;
    for (size_t p = 0; p < 4; p++) {
        static struct fake_evidence f;
        bool tdx = p >= 2;
        fake_evidence_start(&f, tdx ? SIM_TDX_V4 : SIM_SGX_V3, platforms[p]);
        fake_evidence_make(&f);
        f.context.policy = &f.policy;
        uint8_t measurement[48];
        memcpy(measurement, f.dcap.quote.body.mrenclave, 32);
        if (tdx)
            memcpy(measurement, f.dcap.quote.td.mr_td, 48);
        *(tdx ? &f.entry.mrtd : &f.entry.mrenclave) =
            (struct measurement_list){1, tdx ? 48 : 32, measurement};
        fake_evidence_judge(&r, &f);
        fake_evidence_expect(&r, "code", NULL);
        assert_true(r.code_ok);
        assert_int_equal(r.pin, tdx ? CODE_OPEN : CODE_PINNED);
        assert_non_null(strstr(r.code_detail, "evidence[0]"));
        measurement[0] ^= 1;
        fake_evidence_judge(&r, &f);
        fake_evidence_expect(&r, "other code", NULL);
        assert_false(r.code_ok);
        assert_non_null(strstr(r.code_detail, tdx ? "mrtd" : "mrenclave"));
        assert_int_equal(r.tcb.status, TCB_UP_TO_DATE);
        /* Another platform: "platform" is what fails first. */
        measurement[0] ^= 1;
        f.policy.simulator = false;
        f.entry.platform = p == 3 ? PLATFORM_TDX_DSTACK : PLATFORM_TDX_TSM;
        fake_evidence_judge(&r, &f);
        fake_evidence_expect(&r, "another platform", NULL);
        assert_false(r.code_ok);
        assert_non_null(strstr(r.code_detail, "names other platforms alone"));
        fake_evidence_finish(&f);
    }
}

/* dstack's payloads are what a policy's entry is compared with. */
static void test_dstack_code(void **state)
{
    (void)state;
    static struct fake_evidence f;
    char provider[] = "kms:3059", *providers[] = {provider};
    fake_evidence_start(&f, SIM_TDX_V5_15, "tdx-dstack");
    fake_evidence_make(&f);
    struct td_report *td = &f.dcap.quote.td;
    f.context.policy = &f.policy;
    f.entry.mrtd = (struct measurement_list){1, 48, td->mr_td};
    f.entry.rtmr0 = (struct measurement_list){1, 48, td->rtmr[0]};
    f.entry.rtmr1 = (struct measurement_list){1, 48, td->rtmr[1]};
    f.entry.rtmr2 = (struct measurement_list){1, 48, td->rtmr[2]};
    f.entry.compose_hash = (struct measurement_list){1, 32, f.dstack.compose_hash};
    f.entry.key_providers = providers;
    f.entry.key_provider_count = 1;
    fake_evidence_judge(&r, &f);
    fake_evidence_expect(&r, "pinned", NULL);
    assert_true(r.code_ok);
    assert_int_equal(r.pin, CODE_PINNED);
    f.dstack.compose_hash[0] ^= 1;
    fake_evidence_judge(&r, &f);
    assert_false(r.code_ok);
    assert_non_null(strstr(r.code_detail, "compose_hash"));
    fake_evidence_finish(&f);
}

/* A key provider's name may be longer than there is room for: it is shown cut. */
static void test_long_key_provider(void **state)
{
    (void)state;
    static struct fake_evidence f;
    static char json[2048], name[1024];
    for (size_t n = sizeof r.code.key_provider - 1; n <= sizeof r.code.key_provider + 1; n++) {
        memset(name, 'x', n - 2);
        name[n - 2] = 0;
        snprintf(json, sizeof json, "{\"name\":\"%s\",\"id\":\"y\"}", name);
        snprintf(name + n - 2, 3, ":y");
        fake_evidence_start(&f, SIM_TDX_V4, "tdx-dstack");
        f.dstack.key_provider = json;
        fake_evidence_make(&f);
        fake_evidence_judge(&r, &f);
        fake_evidence_expect(&r, "long", NULL);
        assert_int_equal(strlen(r.code.key_provider),
                         n < sizeof r.code.key_provider ? n : sizeof r.code.key_provider - 1);
        assert_int_equal(strncmp(r.code.key_provider, name, strlen(r.code.key_provider)), 0);
        /* What is cut still tells two apart. */
        hash32 whole = sha256(slice_str(name));
        assert_true(hash_eq(&r.code.key_provider_hash, &whole));
        fake_evidence_finish(&f);
    }
}

/* Where memory is short nothing is called genuine, and nothing is lost. */
static void test_memory(void **state)
{
    (void)state;
    static struct fake_evidence f;
    bool failed = true, event_log = false;
    fake_evidence_start(&f, SIM_TDX_V4, "tdx-dstack");
    fake_evidence_make(&f);
    for (size_t n = 1; failed; n++) {
        test_fail_alloc(n);
        fake_evidence_judge(&r, &f);
        failed = test_alloc_failed();
        test_fail_alloc(0);
        assert_int_equal(r.genuine, !failed);
        /* The quote was judged by then. */
        if (failed && r.report_data[0] == 0x42 && strcmp(r.stage, "memory") == 0)
            event_log = true;
    }
    assert_true(event_log);
    fake_evidence_finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_platforms),      cmocka_unit_test(test_unknown_platforms),
        cmocka_unit_test(test_wrongs),         cmocka_unit_test(test_roots),
        cmocka_unit_test(test_platform_rules), cmocka_unit_test(test_code_rules),
        cmocka_unit_test(test_dstack_code),    cmocka_unit_test(test_long_key_provider),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
