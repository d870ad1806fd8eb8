/* TCB evaluation: levels, components, convergence and relaunch, over made data. */
#include "testlib.h"

#include "attest/tcb.h"

#define IDS(text)                                                                                  \
    {                                                                                              \
        {(const uint8_t *)(text), sizeof(text) - 1}, 0                                             \
    }

/* A platform that meets the first level of each list; each test changes a copy. */
struct made {
    struct tcb_level levels[3];
    struct svn_level qe_levels[3], module_levels[2], module3_levels[1];
    struct tdx_module modules[2];
    struct tcb_info info;
    struct qe_identity qe;
    struct sgx_extension pck;
    struct td_report td;
    struct tcb_input in;
    struct tcb_verdict out;
    const char *stage;
    struct tl_why why;
};

static void make(struct made *m, bool tdx)
{
    *m = (struct made){
        .levels = {{.sgx = {7, 9, 3, 3},
                    .tdx = {5, 0, 6},
                    .pce_svn = 13,
                    .status = TCB_UP_TO_DATE,
                    .date = 3000,
                    .advisories = IDS("[]")},
                   {.sgx = {7, 9, 3, 2},
                    .tdx = {5, 0, 5},
                    .pce_svn = 13,
                    .status = TCB_SW_HARDENING_NEEDED,
                    .date = 2500,
                    .advisories = IDS("[\"INTEL-SA-00615\"]")},
                   {.sgx = {5, 5, 2, 2},
                    .tdx = {3, 0, 3},
                    .pce_svn = 5,
                    .status = TCB_OUT_OF_DATE,
                    .date = 1000,
                    .advisories = IDS("[\"INTEL-SA-2\", \"INTEL-SA-1\",\"INTEL-SA-2\"]")}},
        .qe_levels = {{8, TCB_UP_TO_DATE, 4000, IDS("[\"INTEL-SA-3\"]")},
                      {6, TCB_OUT_OF_DATE, 2000, IDS("[\"INTEL-SA-1\",\"A\"]")},
                      {2, TCB_REVOKED, 1500, IDS("")}},
        .module_levels = {{7, TCB_UP_TO_DATE, 5000, IDS("[\"INTEL-SA-9\"]")},
                          {5, TCB_OUT_OF_DATE, 2000, IDS("[\"INTEL-DOC-4\"]")}},
        .module3_levels = {{0, TCB_REVOKED, 2000, IDS("")}},
        .modules = {{.major = 1, .attributes_mask = {255}, .mr_signer = {0x31}, .level_count = 2},
                    {.major = 3, .mr_signer = {0x33}, .level_count = 1}},
        .info = {.tdx = tdx,
                 .version = 3,
                 .fmspc = {1},
                 .pce_id = {2},
                 .level_count = 3,
                 .module_count = tdx ? 2 : 0,
                 .module_mr_signer = {0x30}},
        .qe = {.td_qe = tdx, .level_count = 3},
        .pck = {.fmspc = {1}, .pce_id = {2}, .components = {7, 9, 3, 3}, .pce_svn = 13},
        .td = {.tee_tcb_svn = {7, 1, 6}, .mr_signer_seam = {0x31}},
        .in = {.qe_isv_svn = 8},
    };
    m->info.levels = m->levels;
    m->info.modules = m->modules;
    m->modules[0].levels = m->module_levels;
    m->modules[1].levels = m->module3_levels;
    m->qe.levels = m->qe_levels;
    m->in.info = &m->info;
    m->in.qe = &m->qe;
    m->in.pck = &m->pck;
    m->in.td = tdx ? &m->td : NULL;
    m->out.date = 77;
}

static tl_err evaluate(struct made *m)
{
    m->why = (struct tl_why){0};
    return tcb_evaluate(&m->out, &m->in, &m->stage, &m->why);
}

/* advisories: joined by spaces. */
static void expect(struct made *m, enum tcb_status status, uint64_t date, const char *advisories)
{
    buf got;
    if (evaluate(m) != TL_OK)
        fail_msg("%s: %s", m->stage, m->why.text);
    assert_string_equal(tcb_status_name(m->out.status), tcb_status_name(status));
    assert_true(m->out.date == date);
    buf_init(&got, 4096);
    for (size_t i = 0; i < m->out.advisory_count; i++)
        buf_printf(&got, "%s%s", i ? " " : "", m->out.advisories[i]);
    buf_u8(&got, 0);
    assert_string_equal((const char *)got.p, advisories);
    buf_finish(&got);
}

static void expect_no(struct made *m, const char *stage, const char *field)
{
    assert_err(evaluate(m), TL_E_FIELD);
    assert_string_equal(m->stage, stage);
    assert_string_equal(m->why.field, field);
    assert_int_equal(m->out.date, 77);
}

static void sgx_levels(void **state)
{
    (void)state;
    struct made m;
    make(&m, false);
    expect(&m, TCB_UP_TO_DATE, 3000, "INTEL-SA-3");
    /* Higher than asked changes nothing. */
    memset(m.pck.components, 255, 16);
    m.pck.pce_svn = 65535;
    m.in.qe_isv_svn = 65535;
    expect(&m, TCB_UP_TO_DATE, 3000, "INTEL-SA-3");
    /* One component lower, by one: the next level. */
    make(&m, false);
    m.pck.components[3] = 2;
    expect(&m, TCB_SW_HARDENING_NEEDED, 2500, "INTEL-SA-00615 INTEL-SA-3");
    /* The PCE's SVN counts too. */
    make(&m, false);
    m.pck.pce_svn = 12;
    expect(&m, TCB_OUT_OF_DATE, 1000, "INTEL-SA-1 INTEL-SA-2 INTEL-SA-3");
    /* The raw CPUSVN does not. */
    make(&m, false);
    memset(m.pck.cpu_svn, 0, 16);
    expect(&m, TCB_UP_TO_DATE, 3000, "INTEL-SA-3");
}

static void each_component_counts(void **state)
{
    (void)state;
    struct made m;
    for (size_t i = 0; i < 16; i++) {
        make(&m, false);
        memset(m.pck.components, 200, 16);
        for (size_t l = 0; l < 3; l++)
            m.levels[l].sgx[i] = 201;
        expect_no(&m, "tcb", "tcbLevels");
        m.pck.components[i] = 201;
        expect(&m, TCB_UP_TO_DATE, 3000, "INTEL-SA-3");

        make(&m, true);
        memset(m.td.tee_tcb_svn + 2, 200, 14);
        for (size_t l = 0; l < 3; l++)
            m.levels[l].tdx[i] = 201;
        if (i < 2) {
            /* Those of the module, which has an identity for them. */
            expect(&m, TCB_UP_TO_DATE, 3000, "INTEL-SA-3 INTEL-SA-9");
            continue;
        }
        expect_no(&m, "tcb", "tcbLevels");
        m.td.tee_tcb_svn[i] = 201;
        expect(&m, TCB_UP_TO_DATE, 3000, "INTEL-SA-3 INTEL-SA-9");
    }
    /* A much higher first component does not make up for a lower second one. */
    make(&m, false);
    m.pck.components[0] = 255;
    m.pck.components[1] = 4;
    expect_no(&m, "tcb", "tcbLevels");
    make(&m, false);
    m.pck.pce_svn = 4;
    expect_no(&m, "tcb", "tcbLevels");
}

static void quoting_enclave_levels(void **state)
{
    (void)state;
    struct made m;
    make(&m, false);
    m.in.qe_isv_svn = 7;
    expect(&m, TCB_OUT_OF_DATE, 2000, "A INTEL-SA-1");
    m.in.qe_isv_svn = 6;
    expect(&m, TCB_OUT_OF_DATE, 2000, "A INTEL-SA-1");
    m.in.qe_isv_svn = 5;
    expect(&m, TCB_REVOKED, 1500, "");
    m.out.date = 77;
    m.in.qe_isv_svn = 1;
    expect_no(&m, "tcb", "isvsvn");
    /* Of the levels met, only: one advisory once, where two levels have it. */
    m.in.qe_isv_svn = 6;
    m.pck.pce_svn = 12;
    expect(&m, TCB_OUT_OF_DATE, 1000, "A INTEL-SA-1 INTEL-SA-2");
}

/* A number that no report can have is in a level that none meets. */
static void levels_out_of_reach(void **state)
{
    (void)state;
    struct made m;
    make(&m, true);
    m.pck.pce_svn = 65535;
    m.in.qe_isv_svn = 65535;
    m.td.tee_tcb_svn[0] = 255;
    m.levels[0].pce_svn = 65536;
    m.qe_levels[0].isv_svn = 65536;
    m.module_levels[0].isv_svn = 256;
    expect(&m, TCB_OUT_OF_DATE, 2000, "A INTEL-DOC-4 INTEL-SA-00615 INTEL-SA-1");
    make(&m, true);
    m.modules[0].major = TDX_MODULE_OTHER + 1;
    expect_no(&m, "tdx-module", "tdxModuleIdentities");
}

static void tdx_module(void **state)
{
    (void)state;
    struct made m;
    make(&m, true);
    expect(&m, TCB_UP_TO_DATE, 3000, "INTEL-SA-3 INTEL-SA-9");
    m.td.tee_tcb_svn[0] = 6;
    expect(&m, TCB_OUT_OF_DATE, 2000, "INTEL-DOC-4 INTEL-SA-3");
    make(&m, true);
    m.td.tee_tcb_svn[0] = 4;
    expect_no(&m, "tdx-module", "tdxModuleIdentities");
    make(&m, true);
    m.td.tee_tcb_svn[1] = 2;
    expect_no(&m, "tdx-module", "tdxModuleIdentities");
    make(&m, true);
    m.info.module_count = 0;
    expect_no(&m, "tdx-module", "tdxModuleIdentities");
    /* Another module has another signer and other levels. */
    make(&m, true);
    m.td.tee_tcb_svn[1] = 3;
    expect_no(&m, "tdx-module", "mrsigner");
    m.td.mr_signer_seam[0] = 0x33;
    expect(&m, TCB_REVOKED, 2000, "INTEL-SA-3");
    /* Version 0 has no identity of its own: all sixteen components are compared. */
    make(&m, true);
    m.td.tee_tcb_svn[1] = 0;
    expect_no(&m, "tdx-module", "mrsigner");
    m.td.mr_signer_seam[0] = 0x30;
    expect(&m, TCB_UP_TO_DATE, 3000, "INTEL-SA-3");
    m.td.tee_tcb_svn[0] = 4;
    expect(&m, TCB_OUT_OF_DATE, 1000, "INTEL-SA-1 INTEL-SA-2 INTEL-SA-3");
    make(&m, true);
    m.td.tee_tcb_svn[1] = 0;
    m.td.mr_signer_seam[0] = 0x30;
    m.td.tee_tcb_svn[0] = 2;
    expect_no(&m, "tcb", "tcbLevels");
}

static void tdx_module_signer_and_attributes(void **state)
{
    (void)state;
    struct made m;
    for (unsigned major = 0; major < 2; major++) {
        for (size_t i = 0; i < 48; i++) {
            make(&m, true);
            m.td.tee_tcb_svn[1] = (uint8_t)major;
            m.td.mr_signer_seam[0] = (uint8_t)(0x30 + major);
            m.td.mr_signer_seam[i] ^= 0x80;
            expect_no(&m, "tdx-module", "mrsigner");
        }
        for (size_t i = 0; i < 8; i++) {
            make(&m, true);
            m.td.tee_tcb_svn[1] = (uint8_t)major;
            m.td.mr_signer_seam[0] = (uint8_t)(0x30 + major);
            m.td.seam_attributes[i] = 1;
            expect_no(&m, "tdx-module", "attributes");
            /* Not zero, though the TCB info says the same. */
            m.info.module_attributes[i] = m.modules[0].attributes[i] = 1;
            expect_no(&m, "tdx-module", "attributes");
            /* Zero, though the TCB info says otherwise. */
            m.td.seam_attributes[i] = 0;
            expect_no(&m, "tdx-module", "attributes");
        }
    }
}

#define U   TCB_UP_TO_DATE
#define H   TCB_SW_HARDENING_NEEDED
#define C   TCB_CONFIGURATION_NEEDED
#define CH  TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED
#define O   TCB_OUT_OF_DATE
#define OC  TCB_OUT_OF_DATE_CONFIGURATION_NEEDED
#define R   TCB_REVOKED
#define TD  TCB_TD_RELAUNCH_ADVISED
#define TDC TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED

static void statuses_converge(void **state)
{
    (void)state;
    /* By the platform's status; columns: the component's, in the order of the enum. */
    static const enum tcb_status want[7][7] = {
        {U, U, U, U, O, U, R},       {H, H, H, H, O, H, R}, {C, C, C, C, OC, C, R},
        {CH, CH, CH, CH, OC, CH, R}, {O, O, O, O, O, O, R}, {OC, OC, OC, OC, OC, OC, R},
        {R, R, R, R, R, R, R},
    };
    static const bool apart[7] = {[H] = true, [C] = true, [CH] = true, [OC] = true};
    struct made m;
    for (enum tcb_status p = 0; p < 7; p++)
        for (enum tcb_status c = 0; c < 7; c++) {
            assert_int_equal(tcb_status_join(p, c), want[p][c]);
            make(&m, true);
            m.levels[0].status = p;
            m.qe_levels[0].status = c;
            expect(&m, want[p][c], 3000, "INTEL-SA-3 INTEL-SA-9");
            assert_int_equal(m.out.qe_apart, apart[c]);
            assert_int_equal(m.out.qe_status, c);
            m.qe_levels[0].status = U;
            m.module_levels[0].status = c;
            expect(&m, want[p][c], 3000, "INTEL-SA-3 INTEL-SA-9");
        }
}

static void relaunch(void **state)
{
    (void)state;
    static const enum tcb_status want[7][7] = {
        {U, U, U, U, U, U, U},        {H, H, H, H, H, H, H},       {C, C, C, C, C, C, C},
        {CH, CH, CH, CH, CH, CH, CH}, {TD, TD, TDC, TDC, O, O, O}, {TDC, TDC, TDC, TDC, OC, OC, OC},
        {R, R, R, R, R, R, R},
    };
    struct made m;
    for (enum tcb_status launch = 0; launch < 7; launch++)
        for (enum tcb_status now = 0; now < 7; now++) {
            assert_int_equal(tcb_status_relaunched(launch, now), want[launch][now]);
            make(&m, true);
            m.levels[1].status = launch;
            m.levels[0].status = now;
            m.td.tee_tcb_svn[2] = 5;
            memcpy(m.td.tee_tcb_svn2, ((uint8_t[16]){7, 1, 6}), 16);
            /* A report without TEE_TCB_SVN2 stands as it was launched. */
            expect(&m, launch, 2500, "INTEL-SA-00615 INTEL-SA-3 INTEL-SA-9");
            assert_false(m.out.has_now);
            m.td.has_15 = true;
            expect(&m, want[launch][now], 2500, "INTEL-SA-00615 INTEL-SA-3 INTEL-SA-9");
            assert_true(m.out.has_now);
            assert_int_equal(m.out.now, now);
        }
}

static void relaunch_meets_levels(void **state)
{
    (void)state;
    struct made m;
    make(&m, true);
    m.td.has_15 = true;
    m.td.tee_tcb_svn[0] = 5;
    memcpy(m.td.tee_tcb_svn2, ((uint8_t[16]){7, 1, 6}), 16);
    expect(&m, TCB_TD_RELAUNCH_ADVISED, 2000, "INTEL-DOC-4 INTEL-SA-3");
    /* The QE is what it was: a relaunch does not mend it. */
    m.in.qe_isv_svn = 6;
    expect(&m, TCB_OUT_OF_DATE, 2000, "A INTEL-DOC-4 INTEL-SA-1");
    m.in.qe_isv_svn = 8;
    m.out.date = 77;
    m.td.tee_tcb_svn2[0] = 4;
    expect_no(&m, "tdx-module", "tdxModuleIdentities");
    m.td.tee_tcb_svn2[0] = 7;
    m.td.tee_tcb_svn2[1] = 2;
    expect_no(&m, "tdx-module", "tdxModuleIdentities");
    m.td.tee_tcb_svn2[1] = 1;
    m.td.tee_tcb_svn2[2] = 2;
    expect_no(&m, "tcb", "tcbLevels");
    /* Version 0 now: all its components count. */
    memcpy(m.td.tee_tcb_svn2, ((uint8_t[16]){4, 0, 6}), 16);
    expect(&m, TCB_OUT_OF_DATE, 2000, "INTEL-DOC-4 INTEL-SA-3");
}

static void advisories_are_bounded(void **state)
{
    (void)state;
    struct made m;
    struct advisories *lists[3];
    buf texts[3];
    make(&m, true);
    lists[0] = &m.levels[0].advisories;
    lists[1] = &m.qe_levels[0].advisories;
    lists[2] = &m.module_levels[0].advisories;
    for (size_t i = 0; i < 3; i++) {
        buf_init(&texts[i], 65536);
        for (size_t n = 0; n < TCB_MAX_ADVISORIES / 2; n++)
            buf_printf(&texts[i], "\"%031zu\",", TCB_MAX_ADVISORIES / 2 * (i % 2) + n);
        lists[i]->json = buf_slice(&texts[i]);
    }
    /* The first and the last say the same. */
    assert_ok(evaluate(&m));
    assert_int_equal(m.out.advisory_count, TCB_MAX_ADVISORIES);
    for (size_t i = 0; i < TCB_MAX_ADVISORIES; i++)
        assert_int_equal(strtoul(m.out.advisories[i], NULL, 10), i);
    m.out.date = 77;
    buf_str(&texts[2], "\"one-more\"");
    lists[2]->json = buf_slice(&texts[2]);
    lists[2]->json.p += 34;
    lists[2]->json.n -= 34;
    assert_err(evaluate(&m), TL_E_LIMIT);
    assert_int_equal(m.out.date, 77);
    for (size_t i = 0; i < 3; i++)
        buf_finish(&texts[i]);
}

static void names(void **state)
{
    (void)state;
    static const char *const want[TCB_STATUSES] = {
        "UpToDate",
        "SWHardeningNeeded",
        "ConfigurationNeeded",
        "ConfigurationAndSWHardeningNeeded",
        "OutOfDate",
        "OutOfDateConfigurationNeeded",
        "Revoked",
        "TDRelaunchAdvised",
        "TDRelaunchAdvisedConfigurationNeeded",
    };
    for (enum tcb_status s = 0; s < TCB_STATUSES; s++) {
        enum tcb_status got = TCB_STATUSES;
        assert_string_equal(tcb_status_name(s), want[s]);
        assert_true(tcb_status_from(&got, slice_str(want[s])));
        assert_int_equal(got, s);
    }
    enum tcb_status got = TCB_REVOKED;
    assert_false(tcb_status_from(&got, slice_str("uptodate")));
    assert_false(tcb_status_from(&got, slice_str("")));
    assert_false(tcb_status_from(&got, slice_str("UpToDate ")));
    assert_int_equal(got, TCB_REVOKED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sgx_levels),
        cmocka_unit_test(each_component_counts),
        cmocka_unit_test(quoting_enclave_levels),
        cmocka_unit_test(levels_out_of_reach),
        cmocka_unit_test(tdx_module),
        cmocka_unit_test(tdx_module_signer_and_attributes),
        cmocka_unit_test(statuses_converge),
        cmocka_unit_test(relaunch),
        cmocka_unit_test(relaunch_meets_levels),
        cmocka_unit_test(advisories_are_bounded),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
