/* TCB info: what it holds, and that each rule is kept. */
#include "tcb_texts.h"

#include "base/calendar.h"

#define ZERO44                                                                                     \
    "00000000000000000000000000000000000000000000"                                                 \
    "00000000000000000000000000000000000000000000"
#define ZERO48 ZERO44 "00000000"
#define C0     "{\"svn\":0}"
#define C12    C0 "," C0 "," C0 "," C0 "," C0 "," C0 "," C0 "," C0 "," C0 "," C0 "," C0 "," C0
/* Four that differ, and twelve zeros. */
#define COMPONENTS(a, b, c, d)                                                                     \
    "[{\"svn\":" #a ",\"category\":\"BIOS\",\"type\":\"x\"},{\"svn\":" #b "},{\"svn\":" #c         \
    "},{\"svn\":" #d "}," C12 "]"
#define COMMON                                                                                     \
    "\"issueDate\":\"2026-06-01T00:00:00Z\",\"nextUpdate\":\"2026-07-01T00:00:00Z\","              \
    "\"fmspc\":\"00906eD50000\",\"pceId\":\"0a01\",\"tcbType\":0,\"tcbEvaluationDataNumber\":21,"

static const char sgx[] =
    "{\"id\":\"SGX\",\"version\":3," COMMON "\"tcbLevels\":["
    "{\"tcb\":{\"sgxtcbcomponents\":" COMPONENTS(
        9, 8, 255, 1) ",\"pcesvn\":13},"
                      "\"tcbDate\":\"2025-08-13T00:00:00Z\",\"tcbStatus\":\"UpToDate\"},"
                      "{\"tcb\":{\"sgxtcbcomponents\":" COMPONENTS(
                          9, 8, 254,
                          1) ",\"pcesvn\":65535},"
                             "\"tcbDate\":\"2018-01-04T00:00:00Z\",\"tcbStatus\":"
                             "\"ConfigurationAndSWHardeningNeeded\","
                             "\"advisoryIDs\":[ \"INTEL-SA-00615\" , \"INTEL-DOC-1\" ]}]}";

#define V2_TAIL                                                                                    \
    "\"sgxtcbcomp05svn\":0,\"sgxtcbcomp06svn\":0,\"sgxtcbcomp07svn\":0,\"sgxtcbcomp08svn\":0,"     \
    "\"sgxtcbcomp09svn\":0,\"sgxtcbcomp10svn\":0,\"sgxtcbcomp11svn\":0,\"sgxtcbcomp12svn\":0,"     \
    "\"sgxtcbcomp13svn\":0,\"sgxtcbcomp14svn\":0,\"sgxtcbcomp15svn\":0,\"sgxtcbcomp16svn\":0,"

static const char v2[] =
    "{\"version\":2," COMMON "\"tcbLevels\":[{\"tcb\":{"
    "\"sgxtcbcomp01svn\":9,\"sgxtcbcomp02svn\":8,\"sgxtcbcomp03svn\":255,\"sgxtcbcomp04svn\":"
    "1," V2_TAIL "\"pcesvn\":13},\"tcbDate\":\"2025-08-13T00:00:00Z\",\"tcbStatus\":\"UpToDate\"},"
    "{\"tcb\":{"
    "\"sgxtcbcomp01svn\":9,\"sgxtcbcomp02svn\":8,\"sgxtcbcomp03svn\":254,\"sgxtcbcomp04svn\":"
    "1," V2_TAIL "\"pcesvn\":65535},\"tcbDate\":\"2018-01-04T00:00:00Z\","
    "\"tcbStatus\":\"ConfigurationAndSWHardeningNeeded\","
    "\"advisoryIDs\":[\"INTEL-SA-00615\",\"INTEL-DOC-1\"]}]}";

#define MODULE                                                                                     \
    "\"mrsigner\":\"" ZERO48 "\",\"attributes\":\"0000000000000000\","                             \
    "\"attributesMask\":\"FFFFFFFFFFFFFFFF\""

static const char
    tdx[] =
        "{\"id\":\"TDX\",\"version\":3," COMMON "\"tdxModule\":{\"mrsigner\":\"11" ZERO44
        "000000\",\"attributes\":\"0200000000000000\","
        "\"attributesMask\":\"FFFFFFFFFFFFFFFF\"},"
        "\"tdxModuleIdentities\":[{\"id\":\"TDX_01\"," MODULE ",\"tcbLevels\":["
        "{\"tcb\":{\"isvsvn\":5},\"tcbDate\":\"2024-01-01T00:00:00Z\",\"tcbStatus\":\"OutOfDate\","
        "\"advisoryIDs\":[\"INTEL-SA-01192\"]},"
        "{\"tcb\":{\"isvsvn\":7},\"tcbDate\":\"2025-01-01T00:00:00Z\",\"tcbStatus\":\"UpToDate\"}]}"
        ","
        "{\"id\":\"tdX_aF\"," MODULE ",\"tcbLevels\":[{\"tcb\":{\"isvsvn\":0},"
        "\"tcbDate\":\"2025-01-01T00:00:00Z\",\"tcbStatus\":\"Revoked\"}]}],"
        "\"tcbLevels\":[{\"tcb\":{\"sgxtcbcomponents\":" COMPONENTS(
            3, 3,
            2, 2) ",\"pcesvn\":11,\"tdxtcbcomponents\":" COMPONENTS(5, 0, 6,
                                                                    0) "},"
                                                                       "\"tcbDate\":\"2024-03-"
                                                                       "13T00:00:"
                                                                       "00Z\",\"tcbStatus\":"
                                                                       "\"UpToDate\"},"
                                                                       "{\"tcb\":{"
                                                                       "\"sgxtcbcomponents\""
                                                                       ":" COMPONENTS(3, 3, 2, 2) ",\"pcesvn\":11,\"tdxtcbcomponents\":" COMPONENTS(
                                                                           5, 0, 7,
                                                                           0) "},"
                                                                              "\"tcbDate\":\"2024-"
                                                                              "03-"
                                                                              "13T00:00:01Z\","
                                                                              "\"tcbStatus\":"
                                                                              "\"SWHardeningNeeded"
                                                                              "\"},"
                                                                              "{\"tcb\":{"
                                                                              "\"sgxtcbcomponents\""
                                                                              ":" COMPONENTS(
                                                                                  3, 3, 2,
                                                                                  2) ",\"pcesvn\":"
                                                                                     "5,"
                                                                                     "\"tdxtcbcompo"
                                                                                     "nents\""
                                                                                     ":" COMPONENTS(
                                                                                         9, 9, 9,
                                                                                         9) "},"
                                                                                            "\""
                                                                                            "tc"
                                                                                            "bD"
                                                                                            "at"
                                                                                            "e"
                                                                                            "\""
                                                                                            ":"
                                                                                            "\""
                                                                                            "20"
                                                                                            "18"
                                                                                            "-0"
                                                                                            "3-"
                                                                                            "13"
                                                                                            "T0"
                                                                                            "0:"
                                                                                            "00"
                                                                                            ":0"
                                                                                            "0Z"
                                                                                            "\""
                                                                                            ","
                                                                                            "\""
                                                                                            "tc"
                                                                                            "bS"
                                                                                            "ta"
                                                                                            "tu"
                                                                                            "s"
                                                                                            "\""
                                                                                            ":"
                                                                                            "\""
                                                                                            "Ou"
                                                                                            "tO"
                                                                                            "fD"
                                                                                            "at"
                                                                                            "e"
                                                                                            "\""
                                                                                            "}]"
                                                                                            "}";

static void check_sgx_levels(const struct tcb_info *t)
{
    static const uint8_t first[16] = {9, 8, 255, 1}, second[16] = {9, 8, 254, 1}, none[16];
    static const uint8_t fmspc[] = {0x00, 0x90, 0x6e, 0xd5, 0, 0}, pce[] = {0x0a, 0x01};
    slice id;
    size_t at = 0;
    assert_false(t->tdx);
    assert_int_equal(t->issue_date, 1780272000);
    assert_int_equal(t->next_update, 1782864000);
    assert_int_equal(t->evaluation_number, 21);
    assert_memory_equal(t->fmspc, fmspc, 6);
    assert_memory_equal(t->pce_id, pce, 2);
    assert_int_equal(t->level_count, 2);
    assert_memory_equal(t->levels[0].sgx, first, 16);
    assert_memory_equal(t->levels[0].tdx, none, 16);
    assert_int_equal(t->levels[0].pce_svn, 13);
    assert_int_equal(t->levels[0].status, TCB_UP_TO_DATE);
    assert_int_equal(t->levels[0].date, 1755043200);
    assert_int_equal(t->levels[0].advisories.count, 0);
    assert_false(advisories_next(&t->levels[0].advisories, &at, &id));
    assert_memory_equal(t->levels[1].sgx, second, 16);
    assert_int_equal(t->levels[1].pce_svn, 65535);
    assert_int_equal(t->levels[1].status, TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED);
    assert_int_equal(t->levels[1].advisories.count, 2);
    assert_true(advisories_next(&t->levels[1].advisories, &at, &id));
    assert_true(slice_eq_str(id, "INTEL-SA-00615"));
    assert_true(advisories_next(&t->levels[1].advisories, &at, &id));
    assert_true(slice_eq_str(id, "INTEL-DOC-1"));
    assert_false(advisories_next(&t->levels[1].advisories, &at, &id));
    assert_int_equal(t->module_count, 0);
}

static void sgx_info_is_read(void **state)
{
    (void)state;
    struct tcb_info t;
    struct tl_why why = {0};
    assert_ok(tcb_info_read(&t, slice_str(sgx), &why));
    assert_int_equal(t.version, 3);
    check_sgx_levels(&t);
    tcb_info_finish(&t);
    tcb_info_finish(&t);
    assert_ok(tcb_info_read(&t, slice_str(v2), &why));
    assert_int_equal(t.version, 2);
    check_sgx_levels(&t);
    tcb_info_finish(&t);
    tcb_info_finish(NULL);
}

static void tdx_info_is_read(void **state)
{
    (void)state;
    struct tcb_info t;
    struct tl_why why = {0};
    static const uint8_t signer[48] = {0x11}, attributes[8] = {2},
                         mask[8] = {255, 255, 255, 255, 255, 255, 255, 255};
    assert_ok(tcb_info_read(&t, slice_str(tdx), &why));
    assert_true(t.tdx);
    assert_memory_equal(t.module_mr_signer, signer, 48);
    assert_memory_equal(t.module_attributes, attributes, 8);
    assert_int_equal(t.module_count, 2);
    assert_int_equal(t.modules[0].major, 1);
    assert_memory_equal(t.modules[0].attributes_mask, mask, 8);
    assert_int_equal(t.modules[0].level_count, 2);
    assert_int_equal(t.modules[0].levels[0].isv_svn, 7);
    assert_int_equal(t.modules[0].levels[0].status, TCB_UP_TO_DATE);
    assert_int_equal(t.modules[0].levels[0].date, 1735689600);
    assert_int_equal(t.modules[0].levels[1].isv_svn, 5);
    assert_int_equal(t.modules[0].levels[1].status, TCB_OUT_OF_DATE);
    assert_int_equal(t.modules[0].levels[1].advisories.count, 1);
    assert_int_equal(t.modules[1].major, 0xaf);
    assert_int_equal(t.modules[1].levels[0].status, TCB_REVOKED);
    /* Sorted: the second of the text has the higher TDX components, the third the
     * lower PCE SVN, which counts for more. */
    assert_int_equal(t.level_count, 3);
    assert_int_equal(t.levels[0].tdx[2], 7);
    assert_int_equal(t.levels[0].status, TCB_SW_HARDENING_NEEDED);
    assert_int_equal(t.levels[0].date, 1710288001);
    assert_int_equal(t.levels[1].tdx[2], 6);
    assert_int_equal(t.levels[1].tdx[0], 5);
    assert_int_equal(t.levels[2].pce_svn, 5);
    tcb_info_finish(&t);
}

static void members_stand_once(void **state)
{
    (void)state;
    static const char *const both[] = {
        "version",   "issueDate", "nextUpdate", "fmspc",
        "pceId",     "tcbType",   "tcb",        "tcbEvaluationDataNumber",
        "tcbLevels", "tcbDate",   "tcbStatus",  "pcesvn",
        NULL};
    static const char *const v3_too[] = {"id", "sgxtcbcomponents", "svn", NULL};
    static const char *const tdx_too[] = {
        "tdxModule", "mrsigner",         "attributes", "attributesMask",
        "isvsvn",    "tdxtcbcomponents", NULL};
    static const char *const v2_too[] = {"sgxtcbcomp01svn",
                                         "sgxtcbcomp02svn",
                                         "sgxtcbcomp03svn",
                                         "sgxtcbcomp04svn",
                                         "sgxtcbcomp05svn",
                                         "sgxtcbcomp06svn",
                                         "sgxtcbcomp07svn",
                                         "sgxtcbcomp08svn",
                                         "sgxtcbcomp09svn",
                                         "sgxtcbcomp10svn",
                                         "sgxtcbcomp11svn",
                                         "sgxtcbcomp12svn",
                                         "sgxtcbcomp13svn",
                                         "sgxtcbcomp14svn",
                                         "sgxtcbcomp15svn",
                                         "sgxtcbcomp16svn",
                                         NULL};
    static const char *const optional[] = {"advisoryIDs", NULL};
    static const char *const modules[] = {"tdxModuleIdentities", NULL};
    try_members(INFO, sgx, both, true);
    try_members(INFO, sgx, v3_too, true);
    try_members(INFO, sgx, optional, false);
    try_members(INFO, tdx, both, true);
    try_members(INFO, tdx, v3_too, true);
    try_members(INFO, tdx, tdx_too, true);
    try_members(INFO, tdx, optional, false);
    try_members(INFO, tdx, modules, false);
    try_members(INFO, v2, both, true);
    try_members(INFO, v2, v2_too, true);
    try_members(INFO, v2, optional, false);
}

/* Nothing depends on the order of members: each, put last, changes nothing. */
static void members_stand_anywhere(void **state)
{
    (void)state;
    static const char *const names[] = {"id",        "version",   "tdxModuleIdentities",
                                        "tcbLevels", "tdxModule", "fmspc"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        /* The levels of the whole stand after those of its modules. */
        slice m = member(tdx, names[i], strcmp(names[i], "tcbLevels") == 0 ? 2 : 0);
        struct tcb_info t;
        struct tl_why why = {0};
        char *rest = without(tdx, m), *last = rest + strlen(rest) - 1;
        char *comma = spliced(rest, last, last, ",", 1);
        last = comma + strlen(comma) - 1;
        char *moved = spliced(comma, last, last, (const char *)m.p, m.n);
        assert_ok(tcb_info_read(&t, slice_str(moved), &why));
        assert_true(t.tdx);
        assert_int_equal(t.level_count, 3);
        assert_int_equal(t.module_count, 2);
        assert_int_equal(t.levels[0].tdx[2], 7);
        assert_int_equal(t.module_mr_signer[0], 0x11);
        tcb_info_finish(&t);
        free(moved);
        free(comma);
        free(rest);
    }
}

static void info_rules(void **state)
{
    (void)state;
    static const struct edit edits[] = {
        {"\"version\":3", "\"version\":4", TL_E_FIELD, "version"},
        {"\"version\":3", "\"version\":1", TL_E_FIELD, "version"},
        {"\"version\":3", "\"version\":3.0", TL_E_RANGE, "version"},
        {"\"version\":3", "\"version\":4294967299", TL_E_RANGE, "version"},
        {"\"SGX\"", "\"sgx\"", TL_E_FIELD, "id"},
        {"\"SGX\"", "\"TDX\"", TL_E_FIELD, "tdxModule"},
        {"\"SGX\"", "\"S\\u0047X\"", TL_E_JSON, "id"},
        {"\"tcbType\":0", "\"tcbType\":1", TL_E_FIELD, "tcbType"},
        {"\"tcbEvaluationDataNumber\":21", "\"tcbEvaluationDataNumber\":4294967296", TL_E_RANGE,
         "tcbEvaluationDataNumber"},
        {"\"tcbEvaluationDataNumber\":21", "\"tcbEvaluationDataNumber\":4294967295", TL_OK, NULL},
        {"06-01T00", "13-01T00", TL_E_ENCODING, "issueDate"},
        {"\"2026-07-01T", "\"2026-05-31T", TL_E_FIELD, "nextUpdate"},
        {"\"2026-07-01T", "\"2026-06-01T", TL_OK, NULL},
        {"00906eD50000", "00906eD5000", TL_E_ENCODING, "fmspc"},
        {"00906eD50000", "00906eD50g00", TL_E_ENCODING, "fmspc"},
        {"0a01", "0a0100", TL_E_ENCODING, "pceId"},
        {"\"svn\":255", "\"svn\":256", TL_E_RANGE, "svn"},
        {"\"svn\":255", "\"svn\":-1", TL_E_RANGE, "svn"},
        {"\"svn\":255", "\"svn\":\"255\"", TL_E_JSON, "svn"},
        {"\"pcesvn\":65535", "\"pcesvn\":65536", TL_OK, NULL},
        {"\"pcesvn\":65535", "\"pcesvn\":4294967295", TL_OK, NULL},
        {"\"pcesvn\":65535", "\"pcesvn\":4294967296", TL_E_RANGE, "pcesvn"},
        {",{\"svn\":0}]", "]", TL_E_FIELD, "sgxtcbcomponents"},
        {",{\"svn\":0}]", ",{\"svn\":0},{\"svn\":0}]", TL_E_FIELD, "sgxtcbcomponents"},
        {"{\"svn\":8}", "8", TL_E_JSON, "sgxtcbcomponents"},
        {"\"svn\":254", "\"svn\":255", TL_OK, NULL}, /* the PCE SVNs differ */
        {"\"UpToDate\"", "\"uptodate\"", TL_E_FIELD, "tcbStatus"},
        {"\"UpToDate\"", "\"\"", TL_E_FIELD, "tcbStatus"},
        {"\"UpToDate\"", "\"TDRelaunchAdvised\"", TL_E_FIELD, "tcbStatus"},
        {"\"UpToDate\"", "\"SWHardeningNeeded\"", TL_OK, NULL},
        {"\"UpToDate\"", "\"ConfigurationNeeded\"", TL_OK, NULL},
        {"\"UpToDate\"", "\"OutOfDate\"", TL_OK, NULL},
        {"\"UpToDate\"", "\"OutOfDateConfigurationNeeded\"", TL_OK, NULL},
        {"\"UpToDate\"", "\"Revoked\"", TL_OK, NULL},
        {"\"2025-08-13T00:00:00Z\"", "\"2025-08-13\"", TL_E_ENCODING, "tcbDate"},
        {"INTEL-DOC-1", "", TL_E_FIELD, "advisoryIDs"},
        {"INTEL-DOC-1", "INTEL DOC", TL_E_FIELD, "advisoryIDs"},
        {"INTEL-DOC-1", "INTEL@", TL_E_FIELD, "advisoryIDs"},
        {"INTEL-DOC-1", "INTEL[", TL_E_FIELD, "advisoryIDs"},
        {"INTEL-DOC-1", "1234567890123456789012345678901", TL_OK, NULL},
        {"INTEL-DOC-1", "12345678901234567890123456789012", TL_E_FIELD, "advisoryIDs"},
        {"\"INTEL-DOC-1\"", "1", TL_E_JSON, "advisoryIDs"},
        {"[ \"INTEL-SA-00615\" , \"INTEL-DOC-1\" ]", "[]", TL_OK, NULL},
        {"[ \"INTEL-SA-00615\" , \"INTEL-DOC-1\" ]", "\"INTEL-DOC-1\"", TL_E_JSON, "advisoryIDs"},
        {"\"pcesvn\":13", "\"pcesvn\":13,\"sgxtcbcomp01svn\":0", TL_E_FIELD, "tcb"},
        {"\"pcesvn\":13", "\"pcesvn\":13,\"sgxtcbcomp16svn\":0", TL_E_FIELD, "tcb"},
        {"\"pcesvn\":13", "\"pcesvn\":13,\"tdxtcbcomponents\":" COMPONENTS(1, 2, 3, 4), TL_OK,
         NULL},
        {"\"tcbLevels\"", "\"tdxModule\":{" MODULE "},\"tcbLevels\"", TL_E_FIELD, "tdxModule"},
        {"\"tcbLevels\"",
         "\"tdxModuleIdentities\":[{\"id\":\"TDX_01\"," MODULE
         ",\"tcbLevels\":[{\"tcb\":{\"isvsvn\":0},\"tcbDate\":\"2025-01-01T00:00:00Z\","
         "\"tcbStatus\":\"Revoked\"}]}],\"tcbLevels\"",
         TL_E_FIELD, "tdxModule"},
        {"\"tcbLevels\"", "\"tcbLevel\"", TL_E_FIELD, "tcbLevels"},
        {"\"tcbLevels\":[", "\"tcbLevels\":[],\"x\":[", TL_E_FIELD, "tcbLevels"},
        {"{\"id\"", "{\"more\":[{\"id\":1}],\"id\"", TL_OK, NULL},
        {"{\"id\"", "{\"more\":[{\"id\":}],\"id\"", TL_E_JSON, ""},
        {"{\"id\"", "[\"id\"", TL_E_JSON, ""},
        {"\"INTEL-DOC-1\" ]}]}", "\"INTEL-DOC-1\" ]}]}}", TL_E_JSON, "advisoryIDs"},
        {"\"INTEL-DOC-1\" ]}]}", "\"INTEL-DOC-1\" ]}]", TL_E_JSON, "advisoryIDs"},
    };
    TRY(INFO, sgx, edits);
    static const struct edit v2_edits[] = {
        {"{\"version\"", "{\"id\":\"SGX\",\"version\"", TL_OK, NULL},
        {"{\"version\"", "{\"id\":\"TDX\",\"version\"", TL_E_FIELD, "version"},
        {"\"sgxtcbcomp03svn\":255", "\"sgxtcbcomp03svn\":256", TL_E_RANGE, "sgxtcbcomp03svn"},
        {"\"version\":2", "\"version\":3", TL_E_FIELD, "id"},
        {"\"version\":2", "\"id\":\"SGX\",\"version\":3", TL_E_FIELD, "sgxtcbcomponents"},
    };
    TRY(INFO, v2, v2_edits);
    static const struct edit v3_as_2[] = {
        {"\"version\":3", "\"version\":2", TL_E_FIELD, "sgxtcbcomp01svn"},
    };
    TRY(INFO, sgx, v3_as_2);
}

static void tdx_rules(void **state)
{
    (void)state;
    static const struct edit edits[] = {
        {"\"TDX\"", "\"SGX\"", TL_E_FIELD, "tdxModule"},
        {"\"mrsigner\":\"11", "\"mrsigner\":\"1", TL_E_ENCODING, "mrsigner"},
        {"\"02000000", "\"zz000000", TL_E_ENCODING, "attributes"},
        {"\"FFFF", "\"FF", TL_E_ENCODING, "attributesMask"},
        {"TDX_01", "TDX_1", TL_OK, NULL},
        {"TDX_01", "TDX_001", TL_OK, NULL},
        {"TDX_01", "TDX-01", TL_OK, NULL},
        {"TDX_01", "TDY_01", TL_OK, NULL},
        {"TDX_01", "TDX_0g", TL_OK, NULL},
        {"TDX_01", "TDX_AF", TL_E_FIELD, "tdxModuleIdentities"},
        {"TDX_01", "TDX_00", TL_OK, NULL},
        {"TDX_01", "TDX_\\u0030", TL_E_JSON, "id"},
        {"\"Revoked\"", "\"SWHardeningNeeded\"", TL_E_FIELD, "tcbStatus"},
        {"\"Revoked\"", "\"ConfigurationNeeded\"", TL_E_FIELD, "tcbStatus"},
        {"\"Revoked\"", "\"ConfigurationAndSWHardeningNeeded\"", TL_E_FIELD, "tcbStatus"},
        {"\"Revoked\"", "\"OutOfDateConfigurationNeeded\"", TL_E_FIELD, "tcbStatus"},
        {"\"isvsvn\":5", "\"isvsvn\":7", TL_E_FIELD, "tcbLevels"},
        {"\"isvsvn\":5", "\"isvsvn\":4294967296", TL_E_RANGE, "isvsvn"},
        {"\"isvsvn\":5", "\"isvsvn\":4294967295", TL_OK, NULL},
        {",\"tdxtcbcomponents\":" COMPONENTS(5, 0, 6, 0),
         ",\"tdxtcbcomponents\":" COMPONENTS(5, 0, 7, 0), TL_E_FIELD, "tcbLevels"},
        {"0},{\"svn\":0}]},\"tcbDate", "0}]},\"tcbDate", TL_E_FIELD, "tdxtcbcomponents"},
        {"\"tdxModuleIdentities\":[{\"id\":\"TDX_01\"",
         "\"tdxModuleIdentities\":[],\"x\":[{\"id\":\"TDX_01\"", TL_E_FIELD, "tdxModuleIdentities"},
        {"{\"tcb\":{\"isvsvn\":0},\"tcbDate\":\"2025-01-01T00:00:00Z\",\"tcbStatus\":\"Revoked\"}",
         "", TL_E_FIELD, "tcbLevels"},
    };
    TRY(INFO, tdx, edits);
    /* What an SGX level carries of TDX is not looked at: these two are equal. */
    char *text = edited(tdx, "\"TDX\"", "\"SGX\"");
    char *plain = without(text, member(text, "tdxModule", 0));
    char *bare = without(plain, member(plain, "tdxModuleIdentities", 0));
    struct tl_why why;
    assert_err(read_as(INFO, slice_str(bare), &why), TL_E_FIELD);
    assert_string_equal(why.field, "tcbLevels");
    free(text);
    free(plain);
    free(bare);
}

/* An SGX level may have anything of TDX. */
static void sgx_levels_of_tdx(void **state)
{
    (void)state;
    static const struct edit edits[] = {
        {"\"pcesvn\":13", "\"pcesvn\":13,\"tdxtcbcomponents\":[]", TL_OK, NULL},
        {"\"pcesvn\":13", "\"pcesvn\":13,\"tdxtcbcomponents\":null", TL_OK, NULL},
        {"\"pcesvn\":13", "\"pcesvn\":13,\"tdxtcbcomponents\":[{\"svn\":1},{\"svn\":2}]", TL_OK,
         NULL},
        {"\"pcesvn\":13", "\"pcesvn\":13,\"tdxtcbcomponents\":[{\"svn\":256}]", TL_OK, NULL},
        {"\"pcesvn\":13", "\"pcesvn\":13,\"tdxtcbcomponents\":[[1],{}]", TL_OK, NULL},
        {"\"pcesvn\":13", "\"pcesvn\":13,\"tdxtcbcomponents\":[[1],{]", TL_E_JSON,
         "tdxtcbcomponents"},
        {"\"pcesvn\":13", "\"pcesvn\":13,\"tdxtcbcomponents\":1,\"tdxtcbcomponents\":1", TL_E_JSON,
         "tdxtcbcomponents"},
    };
    TRY(INFO, sgx, edits);
    /* The same of TDX is at fault at its first place, also where the id is last. */
    struct tl_why why;
    char *few = edited(tdx, ",{\"svn\":0}]},\"tcbDate\"", "]},\"tcbDate\"");
    char *more = edited(few, "\"isvsvn\":5", "\"isvsvn\":5,\"x\":0");
    slice m = member(more, "id", 0);
    char *rest = without(more, m), *last = rest + strlen(rest) - 1;
    char *comma = spliced(rest, last, last, ",", 1);
    last = comma + strlen(comma) - 1;
    char *moved = spliced(comma, last, last, (const char *)m.p, m.n);
    assert_err(read_as(INFO, slice_str(moved), &why), TL_E_FIELD);
    assert_string_equal(why.text, "tcbLevels[0].tcb.tdxtcbcomponents: has not 16 components");
    char *first = edited(moved, "\"tcbType\":0", "\"tcbType\":1");
    assert_err(read_as(INFO, slice_str(first), &why), TL_E_FIELD);
    assert_string_equal(why.text, "tcbType: is not 0");
    free(few);
    free(more);
    free(rest);
    free(comma);
    free(moved);
    free(first);
}

/* An identity with an id of another form is nobody's: it stands there, and is no
 * version's. */
static void odd_modules(void **state)
{
    (void)state;
    static const char *const odd[] = {"TDX_1",  "TDX_001", "TDX-01", "TDY_01",
                                      "TDX_0g", "",        "TDX_01 "};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        struct tcb_info t;
        struct tl_why why = {0};
        char *one = edited(tdx, "TDX_01", odd[i]), *both = edited(one, "tdX_aF", odd[i]);
        assert_ok(tcb_info_read(&t, slice_str(one), &why));
        assert_int_equal(t.module_count, 2);
        assert_int_equal(t.modules[0].major, TDX_MODULE_OTHER);
        assert_int_equal(t.modules[1].major, 0xaf);
        tcb_info_finish(&t);
        assert_ok(tcb_info_read(&t, slice_str(both), &why));
        assert_int_equal(t.modules[1].major, TDX_MODULE_OTHER);
        tcb_info_finish(&t);
        free(one);
        free(both);
    }
}

/* An error says where in the text it is. */
static void errors_name_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *text;
    } cases[] = {
        {"{\"svn\":8}", "{\"svn\":256}",
         "tcbLevels[0].tcb.sgxtcbcomponents[1].svn: a value is out of range"},
        {"{\"svn\":254}", "{\"sv\":254}", "tcbLevels[1].tcb.sgxtcbcomponents[2].svn: is missing"},
        {"},{\"svn\":255}", "}", "tcbLevels[0].tcb.sgxtcbcomponents: has not 16 components"},
        {"2025-08-13T", "2025-08-32T",
         "tcbLevels[0].tcbDate: is not a time like 2025-06-04T09:25:11Z"},
        {"\"UpToDate\"", "\"upToDate\"",
         "tcbLevels[0].tcbStatus: is not a status that can stand here"},
        {"\"tcbStatus\":\"UpToDate\"", "\"x\":{\"a\":[1,{\"b\\\"c\":2}]}",
         "tcbLevels[0].tcbStatus: is missing"},
        {"INTEL-DOC-1", "INTEL DOC",
         "tcbLevels[1].advisoryIDs[1]: has something that is not an advisory's id"},
        {"\"pcesvn\":13", "\"pcesvn\":13,\"pcesvn\":13",
         "tcbLevels[0].tcb.pcesvn: stands there twice"},
        {"{\"id\"", "{\"a\":{\"b\":[0,[],]},\"id\"", "a.b[2]: "},
        {"{\"id\"", "[\"id\"", ""},
        {"\"tcbType\":0,", "\"tcbType\":0,]", "not valid JSON"},
        {"\"fmspc\"", "\"fms\\u0070c\"", "fms\\u0070c: "},
        {"\"tcbType\":0,", "", "tcbType: is missing"},
        {"\"SGX\"", "\"TDX\"", "tdxModule: is missing"},
    };
    struct tl_why why;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *bad = edited(sgx, cases[i].from, cases[i].to);
        assert_true(read_as(INFO, slice_str(bad), &why) != TL_OK);
        if (strncmp(why.text, cases[i].text, strlen(cases[i].text)) != 0)
            fail_msg("%s -> %s: %s", cases[i].from, cases[i].to, why.text);
        free(bad);
    }
    char *bad = edited(tdx, "\"isvsvn\":7", "\"isvsvn\":-7");
    assert_err(read_as(INFO, slice_str(bad), &why), TL_E_RANGE);
    assert_true(strstr(why.text, "tdxModuleIdentities[0].tcbLevels[1].tcb.isvsvn: ") == why.text);
    free(bad);
    /* Names too long to be shown, and nesting to the limit and beyond. */
    buf b;
    buf_init(&b, 65536);
    buf_str(&b, "{\"");
    memset(buf_grow(&b, 500), 'n', 500);
    buf_str(&b, "\":{\"id\":x}}");
    assert_err(read_as(INFO, buf_slice(&b), &why), TL_E_JSON);
    assert_string_equal(why.text, tl_err_text(TL_E_JSON));
    for (size_t depth = JS_MAX_DEPTH - 1; depth <= JS_MAX_DEPTH; depth++) {
        buf_reset(&b);
        buf_str(&b, "{\"x\":");
        for (size_t i = 0; i < depth; i++)
            buf_str(&b, "[");
        assert_err(read_as(INFO, buf_slice(&b), &why),
                   depth < JS_MAX_DEPTH ? TL_E_JSON : TL_E_DEPTH);
        assert_true(strncmp(why.text, "x[0][0]", 7) == 0);
    }
    buf_finish(&b);
}

static void lists_are_bounded(void **state)
{
    (void)state;
    static const char svn_level[] = "{\"tcb\":{\"isvsvn\":~},\"tcbDate\":\"2024-03-13T00:00:00Z\","
                                    "\"tcbStatus\":\"UpToDate\"}";
    static const char level[] = "{\"tcb\":{\"sgxtcbcomponents\":" COMPONENTS(
        1, 2, 3,
        4) ",\"pcesvn\":~},\"tcbDate\":\"2024-03-13T00:00:00Z\",\"tcbStatus\":\"UpToDate\"}";
    static const char module[] = "{\"id\":\"TDX_#\"," MODULE ",\"tcbLevels\":[{\"tcb\":"
                                 "{\"isvsvn\":0},\"tcbDate\":\"2025-01-01T00:00:00Z\","
                                 "\"tcbStatus\":\"Revoked\"}]}";
    try_bound(INFO, tdx, "tcbLevels", 0, svn_level, TCB_MAX_LEVELS);
    try_bound(INFO, sgx, "tcbLevels", 0, level, TCB_MAX_LEVELS);
    try_bound(INFO, tdx, "tdxModuleIdentities", 0, module, TCB_MAX_MODULES);
}

/* Half a text is none. */
static void prefixes_are_refused(void **state)
{
    (void)state;
    struct tl_why why;
    for (size_t n = 0; n < sizeof tdx - 1; n++)
        assert_true(read_as(INFO, slice_of(tdx, n), &why) != TL_OK);
    for (size_t n = 0; n < sizeof v2 - 1; n++)
        assert_true(read_as(INFO, slice_of(v2, n), &why) != TL_OK);
}

static void allocations_fail(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        struct tcb_info t = {.evaluation_number = 77};
        struct tl_why why = {0};
        test_fail_alloc(n);
        tl_err err = tcb_info_read(&t, slice_str(tdx), &why);
        bool failed = test_alloc_failed();
        test_fail_alloc(0);
        if (!failed) {
            assert_ok(err);
            assert_int_equal(n, 5 /* levels, modules, their two lists, and none */);
            tcb_info_finish(&t);
            break;
        }
        assert_err(err, TL_E_MEMORY);
        assert_int_equal(t.evaluation_number, 77);
    }
}

static void times_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t seconds;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2025-06-04T09:25:11Z", 1749029111},
        {"2000-02-29T23:59:59Z", 951868799},
        {"2024-12-31T23:59:59Z", 1735689599},
        {"9999-12-31T23:59:59Z", UINT64_C(253402300799)},
    };
    static const char *const bad[] = {
        "",
        "2025-06-04T09:25:11",
        "2025-06-04T09:25:11Z ",
        "2025-06-04T09:25:11z",
        "2025-06-04t09:25:11Z",
        "2025-06-04 09:25:11Z",
        "2025/06-04T09:25:11Z",
        "2025-06-04T09-25:11Z",
        "2025-06-04T09:25.11Z",
        "2025-06-04T09:25:11+00:00",
        "2025-06-04T09:25:11.0Z",
        "+025-06-04T09:25:11Z",
        "2025-06-0:T09:25:11Z",
        "2025-06-0/T09:25:11Z",
        "1969-12-31T23:59:59Z",
        "2025-00-04T09:25:11Z",
        "2025-13-04T09:25:11Z",
        "2025-06-00T09:25:11Z",
        "2025-06-31T09:25:11Z",
        "2025-02-29T09:25:11Z",
        "2100-02-29T09:25:11Z",
        "2025-06-04T24:00:00Z",
        "2025-06-04T09:60:00Z",
        "2016-12-31T23:59:60Z",
    };
    uint64_t t = 0;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_ok(calendar_rfc3339_read(&t, slice_str(good[i].text)));
        assert_true(t == good[i].seconds);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        t = 7;
        if (calendar_rfc3339_read(&t, slice_str(bad[i])) != TL_E_ENCODING)
            fail_msg("taken as a time: %s", bad[i]);
        assert_int_equal(t, 7);
    }
}

static void info_fits_its_platform(void **state)
{
    (void)state;
    struct tcb_info info = {.fmspc = {1, 2, 3, 4, 5, 6}, .pce_id = {7, 8}};
    struct sgx_extension pck = {.fmspc = {1, 2, 3, 4, 5, 6}, .pce_id = {7, 8}};
    for (unsigned i = 0; i < 2; i++) {
        info.tdx = i;
        assert_ok(tcb_info_fits(&info, i, &pck, NULL));
        struct tl_why why = {0};
        assert_err(tcb_info_fits(&info, !i, &pck, &why), TL_E_FIELD);
        assert_string_equal(why.field, "id");
    }
    for (size_t i = 0; i < 6; i++) {
        struct tl_why why = {0};
        pck.fmspc[i] ^= 0x40;
        assert_err(tcb_info_fits(&info, true, &pck, &why), TL_E_FIELD);
        assert_string_equal(why.field, "fmspc");
        pck.fmspc[i] ^= 0x40;
    }
    for (size_t i = 0; i < 2; i++) {
        struct tl_why why = {0};
        pck.pce_id[i] ^= 1;
        assert_err(tcb_info_fits(&info, true, &pck, &why), TL_E_FIELD);
        assert_string_equal(why.field, "pceId");
        pck.pce_id[i] ^= 1;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sgx_info_is_read),
        cmocka_unit_test(tdx_info_is_read),
        cmocka_unit_test(members_stand_once),
        cmocka_unit_test(members_stand_anywhere),
        cmocka_unit_test(info_rules),
        cmocka_unit_test(tdx_rules),
        cmocka_unit_test(sgx_levels_of_tdx),
        cmocka_unit_test(odd_modules),
        cmocka_unit_test(errors_name_their_place),
        cmocka_unit_test(lists_are_bounded),
        cmocka_unit_test(prefixes_are_refused),
        cmocka_unit_test(allocations_fail),
        cmocka_unit_test(times_are_read),
        cmocka_unit_test(info_fits_its_platform),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
