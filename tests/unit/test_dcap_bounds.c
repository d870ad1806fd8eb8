/* Whatever JSON somebody sends, up to 1 MiB of it, its readers are done with in bounded
 * time and memory: the worst shapes that we know of (bounds.h says how it is measured). */
#include "attest/collateral.h"
#include "attest/eventlog.h"
#include "attest/policy.h"
#include "attest/tcb.h"
#include "bounds.h"

static tl_err read_tcb_info(slice in)
{
    struct tcb_info v;
    tl_err err = tcb_info_read(&v, in, NULL);
    if (err == TL_OK)
        tcb_info_finish(&v);
    return err;
}

static tl_err read_qe_identity(slice in)
{
    struct qe_identity v;
    tl_err err = qe_identity_read(&v, in, NULL);
    if (err == TL_OK)
        qe_identity_finish(&v);
    return err;
}

static tl_err read_eventlog(slice in)
{
    struct eventlog v;
    tl_err err = eventlog_read(&v, in, NULL);
    if (err == TL_OK)
        eventlog_finish(&v);
    return err;
}

static tl_err read_policy(slice in)
{
    struct policy *v;
    tl_err err = policy_read(&v, in, NULL);
    if (err == TL_OK)
        policy_free(v);
    return err;
}

static tl_err read_collateral(slice in)
{
    struct collateral v;
    tl_err err = collateral_read(&v, in, NULL);
    if (err == TL_OK)
        collateral_finish(&v);
    return err;
}

/* jansson makes a tree of a policy, in which an empty object takes some 300 bytes. */
#define POLICY_MEMORY (160 * (size_t)SIZE)

static const struct {
    const char *name;
    reading *read;
    size_t memory;
} json_readers[] = {
    {"TCB info", read_tcb_info, MEMORY},     {"QE identity", read_qe_identity, MEMORY},
    {"event log", read_eventlog, MEMORY},    {"policy", read_policy, POLICY_MEMORY},
    {"collateral", read_collateral, MEMORY},
};

/* None of these is what any of them wants. */
static const struct {
    const char *start, *piece, *end;
} json_shapes[] = {
    {"", "[", ""},
    {"", "{\"a\":", ""},
    {"[", "[],", "[]]"},
    {"[", "{},", "{}]"},
    {"[", "{\"a\":0},", "{}]"},
    {"[", "0,", "0]"},
    {"[", "\"\",", "0]"},
    {"{", "\"\":0,", "\"\":0}"},
    {"{", "\"version\":3,", "\"id\":0}"},
    {"{\"x\":{", "\"\":[],", "\"\":0}}"},
    {"", " ", ""},
    {"", " ", "{}"},
    {"\"", "a", "\""},
    {"{\"", "a", "\":0}"},
    {"{\"", "\\u0061", "\":0}"},
    {"{\"a\":\"", "\\ud83d\\ude00", "\"}"},
    {"{\"a\":\"", "\xc3\xa9", "\xff\"}"},
    {"{\"a\":\"", "\xf0\x9f\x98\x80", ""},
    {"{\"a\":", "9", "}"},
    {"{\"a\":0.", "0", "e9}"},
};

static void test_json_shapes(void **state)
{
    (void)state;
    buf b;
    buf_init(&b, SIZE);
    for (size_t i = 0; i < sizeof json_shapes / sizeof *json_shapes; i++) {
        begin(&b, json_shapes[i].start);
        fill(&b, json_shapes[i].piece, json_shapes[i].end);
        for (size_t k = 0; k < sizeof json_readers / sizeof *json_readers; k++) {
            char name[100];
            snprintf(name, sizeof name, "%s, of %s%s", json_readers[k].name, json_shapes[i].start,
                     json_shapes[i].piece);
            check_bounds(json_readers[k].read, &b, false, json_readers[k].memory, name);
        }
    }
    buf_finish(&b);
}

static void put_zeros(buf *b, size_t n)
{
    buf_u8(b, '"');
    for (size_t i = 0; i < n; i++)
        buf_str(b, "00");
    buf_u8(b, '"');
}

#define DATE   "\"2026-01-01T00:00:00Z\""
#define STATUS "\"tcbDate\":" DATE ",\"tcbStatus\":\"UpToDate\""
#define HEAD   "\"issueDate\":" DATE ",\"nextUpdate\":" DATE ",\"tcbEvaluationDataNumber\":1"

static void put_ids(buf *b)
{
    buf_str(b, ",\"advisoryIDs\":[\"0123456789012345678901234567890\"");
    for (int i = 1; i < TCB_LEVEL_ADVISORIES; i++)
        buf_str(b, ",\"INTEL-SA-00828\"");
    buf_str(b, "]");
}

static void put_svn_levels(buf *b, unsigned count, bool ids)
{
    buf_str(b, "\"tcbLevels\":[");
    for (unsigned i = 0; i < count; i++) {
        buf_printf(b, "%s{\"tcb\":{\"isvsvn\":%u}," STATUS, i ? "," : "", i * 7919 % 65536);
        if (ids)
            put_ids(b);
        buf_str(b, "}");
    }
    buf_str(b, "]");
}

static void put_module_head(buf *b)
{
    buf_str(b, "\"mrsigner\":");
    put_zeros(b, 48);
    buf_str(b, ",\"attributes\":");
    put_zeros(b, 8);
    buf_str(b, ",\"attributesMask\":");
    put_zeros(b, 8);
}

static void put_components(buf *b, const char *name, unsigned first)
{
    buf_printf(b, ",\"%s\":[{\"svn\":%u}", name, first);
    for (int i = 1; i < 16; i++)
        buf_str(b, ",{\"svn\":255}");
    buf_str(b, "]");
}

/* TCB info for TDX up to its levels, which are in no order. */
static void put_tcb_info(buf *b, unsigned levels, bool ids)
{
    begin(b, "{\"id\":\"TDX\",\"version\":3,\"tcbType\":0,\"pceId\":\"0000\"," HEAD
             ",\"fmspc\":\"000000000000\",\"tdxModule\":{");
    put_module_head(b);
    buf_str(b, "},\"tcbLevels\":[");
    for (unsigned i = 0; i < levels; i++) {
        buf_printf(b, "%s{\"tcb\":{\"pcesvn\":%u", i ? "," : "", i * 7919 % 65536);
        put_components(b, "sgxtcbcomponents", 255);
        put_components(b, "tdxtcbcomponents", i % 256);
        buf_str(b, "}," STATUS);
        if (ids)
            put_ids(b);
        buf_str(b, "}");
    }
    buf_str(b, "]");
}

static void put_modules(buf *b, unsigned modules, unsigned levels)
{
    buf_str(b, ",\"tdxModuleIdentities\":[");
    for (unsigned i = 0; i < modules; i++) {
        buf_printf(b, "%s{\"id\":\"TDX_%02x\",", i ? "," : "", i);
        put_module_head(b);
        buf_str(b, ",");
        put_svn_levels(b, levels, false);
        buf_str(b, "}");
    }
    buf_str(b, "]");
}

static void test_tcb_info(void **state)
{
    (void)state;
    buf b;
    buf_init(&b, 2 * SIZE);
    put_tcb_info(&b, TCB_MAX_LEVELS, false);
    put_modules(&b, TCB_MAX_MODULES, 200);
    fill(&b, ",\"\":0", "}");
    check_bounds(read_tcb_info, &b, true, MEMORY, "TCB info with all that may be");
    put_tcb_info(&b, 400, true);
    b.n--;
    fill(&b, ",{\"tcb\":{\"pcesvn\":1}," STATUS "}", "]}");
    check_bounds(read_tcb_info, &b, false, MEMORY, "TCB info with too many levels");
    put_tcb_info(&b, 1, false);
    buf_str(&b, ",\"tdxModuleIdentities\":[{}");
    fill(&b, ",{}", "]}");
    check_bounds(read_tcb_info, &b, false, MEMORY, "TCB info of empty modules");
    put_tcb_info(&b, 0, false);
    b.n--;
    buf_str(&b, "{\"tcb\":{\"x\":0");
    fill(&b, ",\"sgxtcbcomp17svn\":0", "}}]}");
    check_bounds(read_tcb_info, &b, false, MEMORY, "TCB info of unknown components");
    put_tcb_info(&b, 0, false);
    b.n--;
    buf_str(&b, "{\"advisoryIDs\":[\"A\"");
    fill(&b, ",\"A\"", "]}]}");
    check_bounds(read_tcb_info, &b, false, MEMORY, "TCB info of advisories");
    put_tcb_info(&b, 200, true);
    fill(&b, ",\"y\":[{}]", "}");
    check_bounds(read_tcb_info, &b, true, MEMORY, "TCB info with many advisories");
    buf_finish(&b);
}

static void put_qe_identity(buf *b)
{
    begin(b, "{\"id\":\"QE\",\"version\":2,\"isvprodid\":1," HEAD
             ",\"miscselect\":\"00000000\",\"miscselectMask\":\"00000000\",\"attributes\":");
    put_zeros(b, 16);
    buf_str(b, ",\"attributesMask\":");
    put_zeros(b, 16);
    buf_str(b, ",\"mrsigner\":");
    put_zeros(b, 32);
    buf_str(b, ",");
}

static void test_qe_identity(void **state)
{
    (void)state;
    buf b;
    buf_init(&b, 2 * SIZE);
    put_qe_identity(&b);
    put_svn_levels(&b, TCB_MAX_LEVELS, true);
    fill(&b, ",\"attributesMasks\":0", "}");
    check_bounds(read_qe_identity, &b, true, MEMORY, "QE identity with all that may be");
    put_qe_identity(&b);
    put_svn_levels(&b, 10000, false);
    buf_str(&b, "}");
    check_bounds(read_qe_identity, &b, false, MEMORY, "QE identity with too many levels");
    buf_finish(&b);
}

#define EVENT(version, name, payload)                                                              \
    "{\"imr\":3,\"event_type\":134217729,\"digest\":\"\",\"version\":" version                     \
    ",\"event\":\"" name "\",\"event_payload\":\"" payload

static void test_eventlog(void **state)
{
    (void)state;
    buf b;
    buf_init(&b, 2 * SIZE);
    begin(&b, "[" EVENT("2", "a", "00") "\"}");
    for (int i = 1; i < EVENTLOG_MAX_EVENTS; i++)
        buf_str(&b, "," EVENT("2", "\\u0001", "0011223344") "\"}");
    fill(&b, " ", "]");
    check_bounds(read_eventlog, &b, true, MEMORY, "as many events as there may be");
    begin(&b, "[" EVENT("1", "a", "") "\"}");
    fill(&b, "," EVENT("1", "a", "") "\"}", "]");
    check_bounds(read_eventlog, &b, false, MEMORY, "too many events");
    begin(&b, "[" EVENT("2", "app-compose", ""));
    fill(&b, "00", "\"}]");
    check_bounds(read_eventlog, &b, true, MEMORY, "one large payload");
    begin(&b, "[" EVENT("1", "key-provider", "7b"));
    fill(&b, "2261223a302c", "\"}]"); /* "a":0, */
    check_bounds(read_eventlog, &b, true, MEMORY, "a key provider of many members");
    begin(&b, "[" EVENT("1", "key-provider", ""));
    fill(&b, "5b", "\"}]");
    check_bounds(read_eventlog, &b, true, MEMORY, "a key provider that is deep");
    begin(&b, "[" EVENT("1", "", "\",\"x\":0"));
    fill(&b, ",\"x\":0", "}]");
    check_bounds(read_eventlog, &b, false, MEMORY, "an event of unknown members");
    begin(&b, "[{\"event\":\"");
    fill(&b, "\\n", "\"}]");
    check_bounds(read_eventlog, &b, false, MEMORY, "a long name");
    buf_finish(&b);
}

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static void test_policy(void **state)
{
    (void)state;
    buf b;
    buf_init(&b, 2 * SIZE);
    begin(&b, "{\"teelog_policy\":1,\"evidence\":[");
    for (int i = 0; i < 1024; i++)
        buf_printf(&b,
                   "%s{\"platform\":\"sgx-gramine\",\"mrenclave\":[\"" ZEROS "\",\"" ZEROS "\"]}",
                   i ? "," : "");
    fill(&b, " ", "]}");
    check_bounds(read_policy, &b, true, POLICY_MEMORY, "a policy of many entries");
    begin(&b, "{\"teelog_policy\":1,\"evidence\":[{\"platform\":\"tdx-tsm\"}");
    fill(&b, ",{\"platform\":\"tdx-tsm\"}", "]}");
    check_bounds(read_policy, &b, false, POLICY_MEMORY, "a policy of too many entries");
    begin(&b, "{\"teelog_policy\":1,\"tcb\":{\"accept\":[\"UpToDate\"");
    fill(&b, ",\"UpToDate\"", "]}}");
    check_bounds(read_policy, &b, false, POLICY_MEMORY, "a policy of too many statuses");
    begin(&b, "{");
    for (unsigned i = 0; b.n + 20 < SIZE; i++)
        buf_printf(&b, "\"%x\":0,", i);
    buf_str(&b, "\"teelog_policy\":1}");
    check_bounds(read_policy, &b, false, POLICY_MEMORY, "a policy of unknown members");
    begin(&b, "{\"teelog_policy\":1,\"");
    fill(&b, "a", "\":0}");
    check_bounds(read_policy, &b, false, POLICY_MEMORY, "a policy with a long name");
    buf_finish(&b);
}

/* Collateral in which one member is as long as there is room for. */
static void put_collateral(buf *b, const char *large, const char *piece)
{
    static const char *const texts[] = {"tcb_info",    "tcb_info_issuer_chain",
                                        "qe_identity", "qe_identity_issuer_chain",
                                        "root_ca_crl", "pck_crl"};
    begin(b, "{\"tcb_info_signature\":");
    put_zeros(b, 64);
    buf_str(b, ",\"qe_identity_signature\":");
    put_zeros(b, 64);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(texts[i], large) != 0)
            buf_printf(b, ",\"%s\":\"\"", texts[i]);
    buf_printf(b, ",\"%s\":\"", large);
    fill(b, piece, "\"}");
}

static void test_collateral(void **state)
{
    (void)state;
    buf b;
    buf_init(&b, SIZE);
    put_collateral(&b, "tcb_info", "\\u0041");
    check_bounds(read_collateral, &b, true, MEMORY, "collateral of escapes");
    put_collateral(&b, "tcb_info", "\\ud83d\\ude00\xc3\xa9");
    check_bounds(read_collateral, &b, true, MEMORY, "collateral of other characters");
    put_collateral(&b, "pck_crl", "00");
    check_bounds(read_collateral, &b, true, MEMORY, "collateral with a large list");
    put_collateral(&b, "pck_crl", "0g");
    check_bounds(read_collateral, &b, false, MEMORY, "collateral with a list that is not hex");
    begin(&b, "{");
    fill(&b, "\"pck_certificate_chain\":null,", "}");
    check_bounds(read_collateral, &b, false, MEMORY, "collateral of duplicates");
    buf_finish(&b);
}

/* The measure itself finds what it should find. */
static tl_err read_slowly(slice in)
{
    unsigned sum = 0;
    for (int i = 0; i < TIMES * 3 / 2; i++)
        sum += sha256(in).b[0];
    return sum ? TL_OK : TL_E_JSON;
}

static tl_err read_greedily(slice in)
{
    void *volatile p = malloc(16 * in.n);
    tl_err err = p ? TL_OK : TL_E_MEMORY;
    free(p);
    return err;
}

static void test_measure(void **state)
{
    (void)state;
    buf b;
    buf_init(&b, SIZE);
    begin(&b, "");
    fill(&b, "0", "");
    assert_int_equal(bounds(read_slowly, &b, true, MEMORY, "on purpose"), SLOW);
    assert_int_equal(bounds(read_collateral, &b, true, MEMORY, "on purpose"), OTHERWISE);
    assert_int_equal(bounds(read_collateral, &b, false, MEMORY, "collateral"), KEPT);
#ifndef SANITIZED
    assert_int_equal(bounds(read_greedily, &b, true, MEMORY, "on purpose"), GREEDY);
#endif
    assert_int_equal(bounds(read_greedily, &b, true, POLICY_MEMORY, "greed"), KEPT);
    buf_finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_measure),    cmocka_unit_test(test_json_shapes),
        cmocka_unit_test(test_tcb_info),   cmocka_unit_test(test_qe_identity),
        cmocka_unit_test(test_eventlog),   cmocka_unit_test(test_policy),
        cmocka_unit_test(test_collateral),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
