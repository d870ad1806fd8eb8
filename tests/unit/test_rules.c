/* What a policy asks of a genuine quote: each rule, held and broken. */
#include "testlib.h"

#include "attest/policy.h"
#include "attest/rules.h"

#include <ctype.h>

#define NOW UINT64_C(1800000000)

static const char *const names[] = {
    "tcb-status", "advisories", "tcb-evaluation-number", "collateral-age", "attributes",
    "platform",   "code"};
enum { STATUS, ADVISORIES, NUMBER, AGE, ATTRIBUTES, PLATFORM, CODE, RULES };

/* Values of 48 and 32 bytes that begin with two hex digits of their own. */
static void fill(uint8_t *out, size_t n, uint8_t first)
{
    memset(out, 0, n);
    out[0] = first;
    out[n - 1] = 1;
}

static const char *hex_of(uint8_t first, size_t n)
{
    static char text[8][2 * 48 + 1];
    static size_t next;
    uint8_t bytes[48];
    char *out = text[next++ % 8];
    fill(bytes, n, first);
    hex_text(out, bytes, n);
    return out;
}

/* An enclave that the default policy takes. */
static struct dcap_report enclave(void)
{
    struct dcap_report r = {.ok = true, .has_quote = true};
    r.quote.version = 3;
    r.quote.tee_type = TEE_TYPE_SGX;
    r.sgx.flags = SGX_FLAG_INIT | SGX_FLAG_MODE64BIT;
    fill(r.sgx.mrenclave, 32, 0xe1);
    fill(r.sgx.mrsigner, 32, 0x51);
    r.sgx.isv_prod_id = 7;
    r.sgx.isv_svn = 3;
    fill(r.root.b, 32, 0xca);
    r.tcb.status = TCB_UP_TO_DATE;
    r.tcb_evaluation_number = 18;
    r.qe_evaluation_number = 17;
    r.collateral_issued = NOW - 1000;
    return r;
}

/* A trust domain that it takes: bits as a cloud sets them. */
static struct dcap_report domain(void)
{
    struct dcap_report r = enclave();
    memset(&r.sgx, 0, sizeof r.sgx);
    r.quote.version = 4;
    r.quote.tee_type = TEE_TYPE_TDX;
    r.td.td_attributes = TD_ATTR_SEPT_VE_DISABLE | TD_ATTR_PKS | TD_ATTR_PERFMON;
    fill(r.td.mr_td, 48, 0xd0);
    for (uint8_t i = 0; i < 4; i++)
        fill(r.td.rtmr[i], 48, (uint8_t)(0xa0 + i));
    return r;
}

static uint8_t app_id[20], compose_hash[32], os_image_hash[32];

static struct eventlog log_of_events(void)
{
    struct eventlog e = {.system_ready = true};
    fill(app_id, 20, 0xb1);
    fill(compose_hash, 32, 0xb2);
    fill(os_image_hash, 32, 0xb3);
    e.app_id = SLICE_ARRAY(app_id);
    e.compose_hash = SLICE_ARRAY(compose_hash);
    e.os_image_hash = SLICE_ARRAY(os_image_hash);
    e.key_provider_name = slice_str("kms:1234");
    return e;
}

/* The policy {"teelog_policy": 1, MEMBERS}, in which each $XXn stands for the hex
 * of a value of n bytes that begins with XX, as fill makes it. */
static struct policy *policy_of(const char *members)
{
    struct policy *p = NULL;
    struct tl_why why = {0};
    buf b;
    buf_init(&b, 100000);
    buf_str(&b, "{\"teelog_policy\": 1");
    if (members[0])
        buf_str(&b, ", ");
    for (const char *s = members; *s; s++) {
        if (*s != '$') {
            buf_bytes(&b, slice_of(s, 1));
            continue;
        }
        char first[3] = {s[1], s[2], 0};
        char *end;
        size_t n = strtoul(s + 3, &end, 10);
        buf_printf(&b, "\"%s\"", hex_of((uint8_t)strtoul(first, NULL, 16), n));
        s = end - 1;
    }
    buf_str(&b, "}");
    assert_ok(buf_err(&b));
    if (policy_read(&p, buf_slice(&b), &why) != TL_OK)
        fail_msg("%s: %.*s", why.text, (int)b.n, (const char *)b.p);
    buf_finish(&b);
    return p;
}

/* What must hold of any answer. */
static void check_form(const struct rules *r)
{
    bool all = true;
    assert_int_equal(r->count, RULES);
    for (size_t i = 0; i < r->count; i++) {
        assert_string_equal(r->rule[i].name, names[i]);
        size_t n = strlen(r->rule[i].detail);
        assert_true(n > 0 && n < sizeof r->rule[i].detail);
        for (size_t k = 0; k < n; k++)
            assert_true(isprint((unsigned char)r->rule[i].detail[k]));
        all = all && r->rule[i].ok;
    }
    assert_int_equal(r->accept, all);
}

static struct rules apply(const struct dcap_report *q, const struct eventlog *e,
                          enum platform platform, const char *members)
{
    struct rules r;
    memset(&r, 0xff, sizeof r);
    struct policy *p = members ? policy_of(members) : NULL;
    rules_apply(&r, q, e, platform, NOW, p);
    policy_free(p);
    check_form(&r);
    return r;
}

/* Every rule holds but broken, which says says; RULES: all hold. */
static void expect(const struct rules *r, size_t broken, const char *says, const char *of)
{
    for (size_t i = 0; i < RULES; i++)
        if (r->rule[i].ok != (i != broken))
            fail_msg("%s: rule %s is %s: %s", of, names[i], r->rule[i].ok ? "ok" : "not ok",
                     r->rule[i].detail);
    if (broken < RULES && !strstr(r->rule[broken].detail, says))
        fail_msg("%s: want \"%s\", got \"%s\"", of, says, r->rule[broken].detail);
}

static void defaults(void **state)
{
    (void)state;
    struct dcap_report sgx = enclave(), td = domain();
    for (int p = PLATFORM_UNKNOWN; p <= PLATFORM_TDX_TSM; p++) {
        bool of_sgx = p < PLATFORM_TDX_DSTACK, of_td = p != PLATFORM_SGX_GRAMINE;
        for (int i = 0; i < 2; i++) {
            struct rules r = apply(&sgx, NULL, (enum platform)p, i ? "" : NULL);
            expect(&r, of_sgx ? RULES : PLATFORM, "the quote is of an enclave",
                   platform_name((enum platform)p));
            assert_int_equal(r.pin, CODE_OPEN);
            assert_non_null(strstr(r.rule[CODE].detail, "nothing in the policy pins it"));
            r = apply(&td, NULL, (enum platform)p, i ? "" : NULL);
            expect(&r, of_td ? RULES : PLATFORM, "the quote is of a TD",
                   platform_name((enum platform)p));
            assert_int_equal(r.pin, CODE_OPEN);
        }
    }
}

static void statuses(void **state)
{
    (void)state;
    struct dcap_report q = enclave();
    for (int s = 0; s < TCB_STATUSES; s++) {
        q.tcb.status = (enum tcb_status)s;
        const char *name = tcb_status_name(q.tcb.status);
        struct rules r = apply(&q, NULL, PLATFORM_UNKNOWN, NULL);
        bool good = s == TCB_UP_TO_DATE || s == TCB_SW_HARDENING_NEEDED;
        expect(&r, good ? RULES : STATUS, name, name);
        assert_non_null(strstr(r.rule[STATUS].detail, name));
        if (s == TCB_REVOKED)
            continue;
        char members[100];
        snprintf(members, sizeof members, "\"tcb\": {\"accept\": [\"%s\"]}", name);
        r = apply(&q, NULL, PLATFORM_UNKNOWN, members);
        expect(&r, RULES, "", name);
        for (int other = 0; other < TCB_STATUSES; other++) {
            q.tcb.status = (enum tcb_status)other;
            r = apply(&q, NULL, PLATFORM_UNKNOWN, members);
            expect(&r, other == s ? RULES : STATUS, "not accepted", members);
        }
    }
}

/* What the status does not tell has to be accepted as well. */
static void statuses_apart(void **state)
{
    (void)state;
    for (int s = 0; s < TCB_STATUSES; s++) {
        const char *name = tcb_status_name((enum tcb_status)s);
        bool good = s == TCB_UP_TO_DATE || s == TCB_SW_HARDENING_NEEDED;
        struct dcap_report qe = enclave(), td = domain();
        qe.tcb.qe_status = td.tcb.now = (enum tcb_status)s;
        struct rules r = apply(&qe, NULL, PLATFORM_UNKNOWN, NULL);
        expect(&r, RULES, "", name);
        assert_string_equal(r.rule[STATUS].detail, "UpToDate is accepted");
        qe.tcb.qe_apart = td.tcb.has_now = true;
        r = apply(&qe, NULL, PLATFORM_UNKNOWN, NULL);
        char says[100];
        snprintf(says, sizeof says, "UpToDate is accepted; the QE's %s is %saccepted", name,
                 good ? "" : "not ");
        expect(&r, good ? RULES : STATUS, says, name);
        assert_string_equal(r.rule[STATUS].detail, says);
        r = apply(&td, NULL, PLATFORM_UNKNOWN, NULL);
        snprintf(says, sizeof says, "UpToDate is accepted; now %s is %saccepted", name,
                 good ? "" : "not ");
        expect(&r, good ? RULES : STATUS, says, name);
        assert_string_equal(r.rule[STATUS].detail,
                            s == TCB_UP_TO_DATE ? "UpToDate is accepted" : says);
        if (s == TCB_REVOKED)
            continue;
        char members[100];
        snprintf(members, sizeof members, "\"tcb\": {\"accept\": [\"UpToDate\", \"%s\"]}", name);
        r = apply(&qe, NULL, PLATFORM_UNKNOWN, members);
        expect(&r, RULES, "", members);
        r = apply(&td, NULL, PLATFORM_UNKNOWN, members);
        expect(&r, RULES, "", members);
    }
    /* The longest that there can be is not cut. */
    struct dcap_report q = domain();
    q.tcb.status = TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED;
    q.tcb.qe_apart = q.tcb.has_now = true;
    q.tcb.qe_status = TCB_OUT_OF_DATE_CONFIGURATION_NEEDED;
    q.tcb.now = TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED;
    struct rules r = apply(&q, NULL, PLATFORM_UNKNOWN, NULL);
    expect(&r, STATUS, "now ConfigurationAndSWHardeningNeeded is not accepted", "the longest");
}

static void advisories(void **state)
{
    (void)state;
    static const struct {
        const char *members, *of[3], *bad; /* NULL: the rule holds */
    } cases[] = {
        {"", {NULL}, NULL},
        {"", {"INTEL-SA-1", "INTEL-SA-2"}, NULL},
        {"\"tcb\": {\"advisories\": {\"allow\": []}}", {NULL}, NULL},
        {"\"tcb\": {\"advisories\": {\"allow\": []}}", {"INTEL-SA-1"}, "INTEL-SA-1 is not one"},
        {"\"tcb\": {\"advisories\": {\"allow\": [\"INTEL-SA-2\", \"INTEL-SA-1\"]}}",
         {"INTEL-SA-1", "INTEL-SA-2"},
         NULL},
        {"\"tcb\": {\"advisories\": {\"allow\": [\"INTEL-SA-1\", \"INTEL-SA-33\"]}}",
         {"INTEL-SA-1", "INTEL-SA-3", "INTEL-SA-33"},
         "INTEL-SA-3 is not one"},
        {"\"tcb\": {\"advisories\": {\"refuse\": []}}", {"INTEL-SA-1"}, NULL},
        {"\"tcb\": {\"advisories\": {\"refuse\": [\"intel-sa-1\"]}}",
         {"INTEL-SA-1"},
         "INTEL-SA-1 is one"},
        {"\"tcb\": {\"advisories\": {\"allow\": [\"intel-SA-1\"]}}", {"INTEL-SA-1"}, NULL},
        {"\"tcb\": {\"advisories\": {\"refuse\": [\"INTEL-SA-11\"]}}",
         {"INTEL-SA-1", "INTEL-SA-111"},
         NULL},
        {"\"tcb\": {\"advisories\": {\"refuse\": [\"X\", \"INTEL-SA-2\"]}}",
         {"INTEL-SA-1", "INTEL-SA-2", "INTEL-SA-3"},
         "INTEL-SA-2 is one"},
        {"\"tcb\": {\"advisories\": {\"refuse\": [\"INTEL-SA-3\"]}}", {NULL}, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dcap_report q = enclave();
        for (; q.tcb.advisory_count < 3 && cases[i].of[q.tcb.advisory_count];
             q.tcb.advisory_count++)
            snprintf(q.tcb.advisories[q.tcb.advisory_count], TCB_ADVISORY_SIZE, "%s",
                     cases[i].of[q.tcb.advisory_count]);
        struct rules r = apply(&q, NULL, PLATFORM_UNKNOWN, cases[i].members);
        expect(&r, cases[i].bad ? ADVISORIES : RULES, cases[i].bad, cases[i].members);
    }
}

static void numbers_and_ages(void **state)
{
    (void)state;
    static const struct {
        uint32_t tcb, qe, least;
        bool ok;
    } numbers[] = {{17, 17, 17, true},  {18, 17, 17, true},  {17, 18, 18, false},
                   {18, 17, 18, false}, {17, 17, 18, false}, {0, 0, 0, true}};
    char members[100];
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct dcap_report q = enclave();
        q.tcb_evaluation_number = numbers[i].tcb;
        q.qe_evaluation_number = numbers[i].qe;
        snprintf(members, sizeof members, "\"tcb\": {\"min_evaluation_number\": %u}",
                 numbers[i].least);
        struct rules r = apply(&q, NULL, PLATFORM_UNKNOWN, members);
        expect(&r, numbers[i].ok ? RULES : NUMBER, "asks for 18", members);
    }
    static const struct {
        uint64_t issued;
        const char *max;
        bool ok;
    } ages[] = {{NOW, "0", true},           {NOW - 1, "0", false},
                {NOW - 3600, "3600", true}, {NOW - 3601, "3600", false},
                {0, "1800000000", true},    {0, "1799999999", false}};
    for (size_t i = 0; i < sizeof ages / sizeof ages[0]; i++) {
        struct dcap_report q = enclave();
        q.collateral_issued = ages[i].issued;
        snprintf(members, sizeof members, "\"tcb\": {\"max_collateral_age_s\": %s}", ages[i].max);
        struct rules r = apply(&q, NULL, PLATFORM_UNKNOWN, members);
        expect(&r, ages[i].ok ? RULES : AGE, "takes up to", members);
        r = apply(&q, NULL, PLATFORM_UNKNOWN, "");
        expect(&r, RULES, "", "no rule for the age");
    }
}

/* flags: changed in an enclave's flags or in TDATTRIBUTES. loosened: the member
 * that makes the rule hold, and NULL where none can. */
static const struct {
    bool td;
    uint64_t flags;
    const char *says, *loosened;
} attribute_rules[] = {
    {false, SGX_FLAG_INIT, "INIT is clear", NULL},
    {false, SGX_FLAG_MODE64BIT, "MODE64BIT is clear", NULL},
    {false, SGX_FLAG_DEBUG, "DEBUG is set", "sgx-debug"},
    {false, SGX_FLAG_PROVISION_KEY, "PROVISION_KEY", "sgx-provision-key"},
    {false, SGX_FLAG_EINITTOKEN_KEY, "EINITTOKEN_KEY", "sgx-einittoken-key"},
    {true, UINT64_C(1) << 0, "untrusted", "td-debug"},
    {true, UINT64_C(1) << 1, "untrusted", "td-debug"},
    {true, UINT64_C(1) << 4, "untrusted", "td-debug"},
    {true, UINT64_C(1) << 7, "untrusted", "td-debug"},
    {true, UINT64_C(1) << 8, "unknown attribute", NULL},
    {true, UINT64_C(1) << 16, "unknown attribute", NULL},
    {true, UINT64_C(1) << 17, "unknown attribute", NULL},
    {true, UINT64_C(1) << 26, "unknown attribute", NULL},
    {true, UINT64_C(1) << 27, "LASS", "td-lass"},
    {true, UINT64_C(1) << 28, "SEPT_VE_DISABLE is clear", "td-sept-ve"},
    {true, UINT64_C(1) << 29, "MIGRATABLE", "td-migratable"},
    {true, UINT64_C(1) << 31, "KL is set", "td-key-locker"},
    {true, UINT64_C(1) << 32, "unknown attribute", NULL},
    {true, UINT64_C(1) << 62, "unknown attribute", NULL},
};
#define ATTRIBUTE_RULES (sizeof attribute_rules / sizeof attribute_rules[0])
static const char *const loosening[] = {"sgx-debug",     "sgx-provision-key", "sgx-einittoken-key",
                                        "td-debug",      "td-sept-ve",        "td-migratable",
                                        "td-service-td", "td-key-locker",     "td-lass"};

static void attributes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ATTRIBUTE_RULES; i++) {
        struct dcap_report q = attribute_rules[i].td ? domain() : enclave();
        *(attribute_rules[i].td ? &q.td.td_attributes : &q.sgx.flags) ^= attribute_rules[i].flags;
        struct rules r = apply(&q, NULL, PLATFORM_UNKNOWN, NULL);
        expect(&r, ATTRIBUTES, attribute_rules[i].says, attribute_rules[i].says);
        for (size_t k = 0; k < sizeof loosening / sizeof loosening[0]; k++) {
            char members[100];
            bool ok = attribute_rules[i].loosened &&
                      strcmp(attribute_rules[i].loosened, loosening[k]) == 0;
            snprintf(members, sizeof members, "\"attributes\": {\"allow\": [\"%s\"]}",
                     loosening[k]);
            r = apply(&q, NULL, PLATFORM_UNKNOWN, members);
            expect(&r, ok ? RULES : ATTRIBUTES, attribute_rules[i].says, members);
        }
    }
    /* Bits that are the guest's own business. */
    struct dcap_report q = domain();
    q.td.td_attributes = TD_ATTR_SEPT_VE_DISABLE;
    struct rules r = apply(&q, NULL, PLATFORM_UNKNOWN, NULL);
    expect(&r, RULES, "", "the least bits");
}

static void td_registers(void **state)
{
    (void)state;
    static const char allow_all[] =
        "\"attributes\": {\"allow\": [\"td-debug\", \"td-sept-ve\", \"td-migratable\","
        " \"td-key-locker\", \"td-lass\"]}";
    static const char allow[] = "\"attributes\": {\"allow\": [\"td-service-td\"]}";
    for (size_t i = 0; i < 48; i += 47) {
        struct dcap_report q = domain();
        q.td.mr_service_td[i] = 1;
        struct rules r = apply(&q, NULL, PLATFORM_UNKNOWN, allow_all);
        expect(&r, ATTRIBUTES, "MRSERVICETD", "service TD");
        r = apply(&q, NULL, PLATFORM_UNKNOWN, allow);
        expect(&r, RULES, "", "service TD allowed");
        q = domain();
        q.td.mr_signer_seam[i] = 1;
        r = apply(&q, NULL, PLATFORM_UNKNOWN, allow_all);
        expect(&r, ATTRIBUTES, "MRSIGNERSEAM", "signer");
    }
}

/* What 1.5-Ex says of service TDs is held to the same. */
static void service_tds(void **state)
{
    (void)state;
    static const char allow[] = "\"attributes\": {\"allow\": [\"td-service-td\"]}";
    for (size_t which = 0; which < 4; which++)
        for (size_t end = 0; end < 2; end++) {
            struct dcap_report q = domain();
            uint8_t *const fields[] = {q.td.init_servtd_hash, q.td.init_servtd_attributes,
                                       q.td.cur_servtd_hash, q.td.cur_servtd_attributes};
            q.td.has_15 = q.td.has_15ex = true;
            fields[which][end ? (which % 2 ? 7 : 47) : 0] = 1;
            struct rules r = apply(&q, NULL, PLATFORM_UNKNOWN, NULL);
            expect(&r, ATTRIBUTES, "a service TD's hash or attributes are not zero", "1.5-Ex");
            r = apply(&q, NULL, PLATFORM_UNKNOWN, allow);
            expect(&r, RULES, "", "1.5-Ex, allowed");
        }
}

static void tightened(void **state)
{
    (void)state;
    struct dcap_report td = domain(), sgx = enclave();
    sgx.sgx.flags |= SGX_FLAG_KSS;
    static const char pks[] = "\"attributes\": {\"refuse\": [\"td-pks\", \"sgx-kss\"]}";
    static const char perfmon[] = "\"attributes\": {\"refuse\": [\"td-perfmon\"]}";
    static const char kss[] = "\"attributes\": {\"refuse\": [\"sgx-kss\"]}";
    struct rules r = apply(&td, NULL, PLATFORM_UNKNOWN, pks);
    expect(&r, ATTRIBUTES, "PKS is set", pks);
    r = apply(&td, NULL, PLATFORM_UNKNOWN, perfmon);
    expect(&r, ATTRIBUTES, "PERFMON is set", perfmon);
    r = apply(&td, NULL, PLATFORM_UNKNOWN, kss);
    expect(&r, RULES, "", "a TD has no KSS");
    td.td.td_attributes = TD_ATTR_SEPT_VE_DISABLE | TD_ATTR_PERFMON;
    r = apply(&td, NULL, PLATFORM_UNKNOWN, pks);
    expect(&r, RULES, "", "without PKS");
    td.td.td_attributes = TD_ATTR_SEPT_VE_DISABLE | TD_ATTR_PKS;
    r = apply(&td, NULL, PLATFORM_UNKNOWN, perfmon);
    expect(&r, RULES, "", "without PERFMON");
    r = apply(&sgx, NULL, PLATFORM_UNKNOWN, NULL);
    expect(&r, RULES, "", "KSS by default");
    r = apply(&sgx, NULL, PLATFORM_UNKNOWN, kss);
    expect(&r, ATTRIBUTES, "KSS is set", kss);
    sgx.sgx.flags ^= SGX_FLAG_KSS;
    r = apply(&sgx, NULL, PLATFORM_UNKNOWN, kss);
    expect(&r, RULES, "", "without KSS");
}

/* A detail that is longer than its place is cut. */
static void many_complaints(void **state)
{
    (void)state;
    struct dcap_report q = domain();
    q.td.td_attributes = ~TD_ATTR_SEPT_VE_DISABLE;
    memset(q.td.mr_service_td, 0xff, 48);
    memset(q.td.mr_signer_seam, 0xff, 48);
    struct rules r = apply(&q, NULL, PLATFORM_UNKNOWN,
                           "\"attributes\": {\"refuse\": [\"td-pks\", \"td-perfmon\"]}");
    expect(&r, ATTRIBUTES, "untrusted is set (td-debug); SEPT_VE_DISABLE is clear", "all bits");
    assert_int_equal(strlen(r.rule[ATTRIBUTES].detail), sizeof r.rule[0].detail - 1);
}

#define EV       "\"evidence\": ["
#define GRAMINE  "{\"platform\": \"sgx-gramine\""
#define DSTACK   "{\"platform\": \"tdx-dstack\""
#define TSM      "{\"platform\": \"tdx-tsm\""
#define SIM      "{\"platform\": \"simulator\", \"root\": $ca32"
#define FIRMWARE ", \"mrtd\": [$d048], \"rtmr0\": [$a048], \"rtmr1\": [$a148], \"rtmr2\": [$a248]"
#define SIGNER   ", \"mrsigner\": [$5132]"
#define PROD     ", \"isv_prod_id\": [6, 7]"
#define SVN      ", \"min_isv_svn\": 3"
#define COMPOSE  ", \"compose_hash\": [$b232]"
#define PROVIDER ", \"key_provider\": [\"kms:12\", \"kms:1234\"]"

enum kind { SGX_QUOTE, TD_QUOTE, TD_EVENTS };

static const struct {
    const char *members;
    enum kind kind;
    enum platform platform;
    size_t broken; /* a rule, or RULES */
    enum code_pin pin;
    const char *says; /* of the broken rule, else of code */
} codes[] = {
    /* SGX */
    {EV GRAMINE ", \"mrenclave\": [$0132, $e132]}]", SGX_QUOTE, PLATFORM_SGX_GRAMINE, RULES,
     CODE_PINNED, "evidence[0] is a match, which pins the code"},
    {EV GRAMINE ", \"mrenclave\": [$e132]" SIGNER PROD SVN "}]", SGX_QUOTE, PLATFORM_SGX_GRAMINE,
     RULES, CODE_PINNED, "pins the code"},
    {EV GRAMINE ", \"mrenclave\": [$0132, $0232]}]", SGX_QUOTE, PLATFORM_SGX_GRAMINE, CODE,
     CODE_OPEN, "no entry matches, nearest evidence[0]: mrenclave is e100"},
    {EV GRAMINE SIGNER PROD SVN "}]", SGX_QUOTE, PLATFORM_SGX_GRAMINE, RULES, CODE_SIGNER,
     "pins the signer"},
    {EV GRAMINE PROD SVN "}]", SGX_QUOTE, PLATFORM_SGX_GRAMINE, RULES, CODE_OPEN, "pins no code"},
    {EV GRAMINE SIGNER SVN "}]", SGX_QUOTE, PLATFORM_SGX_GRAMINE, RULES, CODE_OPEN, "no code"},
    {EV GRAMINE SIGNER PROD "}]", SGX_QUOTE, PLATFORM_SGX_GRAMINE, RULES, CODE_OPEN, "no code"},
    {EV GRAMINE "}]", SGX_QUOTE, PLATFORM_SGX_GRAMINE, RULES, CODE_OPEN, "pins no code"},
    {EV GRAMINE ", \"mrsigner\": [$e132]" PROD SVN "}]", SGX_QUOTE, PLATFORM_SGX_GRAMINE, CODE,
     CODE_OPEN, "mrsigner is 5100"},
    {EV GRAMINE SIGNER ", \"isv_prod_id\": [6, 8]" SVN "}]", SGX_QUOTE, PLATFORM_SGX_GRAMINE, CODE,
     CODE_OPEN, "isv_prod_id is 7"},
    {EV GRAMINE SIGNER PROD ", \"min_isv_svn\": 4}]", SGX_QUOTE, PLATFORM_SGX_GRAMINE, CODE,
     CODE_OPEN, "min_isv_svn is 4, and the enclave's ISVSVN 3"},
    {EV GRAMINE SIGNER PROD ", \"min_isv_svn\": 0}]", SGX_QUOTE, PLATFORM_SGX_GRAMINE, RULES,
     CODE_SIGNER, "pins the signer"},
    {EV GRAMINE ", \"mrenclave\": [$e132], \"mrsigner\": [$0132]}]", SGX_QUOTE,
     PLATFORM_SGX_GRAMINE, CODE, CODE_OPEN, "mrsigner is"},
    /* The best pin counts, in any order. */
    {EV GRAMINE "}, " GRAMINE SIGNER PROD SVN "}, " GRAMINE ", \"mrenclave\": [$e132]}, " GRAMINE
                "}]",
     SGX_QUOTE, PLATFORM_SGX_GRAMINE, RULES, CODE_PINNED, "evidence[2] is a match"},
    {EV GRAMINE ", \"mrenclave\": [$0132]}, " GRAMINE SIGNER PROD SVN "}, " GRAMINE "}]", SGX_QUOTE,
     PLATFORM_SGX_GRAMINE, RULES, CODE_SIGNER, "evidence[1] is a match"},
    {EV GRAMINE "}, " GRAMINE ", \"mrenclave\": [$0132]}, " GRAMINE "}]", SGX_QUOTE,
     PLATFORM_SGX_GRAMINE, RULES, CODE_OPEN, "evidence[0] is a match"},
    /* The nearest entry is the one with the fewest members that differ. */
    {EV GRAMINE ", \"mrenclave\": [$0132], \"mrsigner\": [$0132]}, " GRAMINE SIGNER PROD
                ", \"min_isv_svn\": 9}, " GRAMINE ", \"mrenclave\": [$0232]}]",
     SGX_QUOTE, PLATFORM_SGX_GRAMINE, CODE, CODE_OPEN, "nearest evidence[1]: min_isv_svn is 9"},
    /* TDX by its kernel */
    {EV TSM FIRMWARE ", \"rtmr3\": [$a348]}]", TD_QUOTE, PLATFORM_TDX_TSM, RULES, CODE_PINNED,
     "pins the code"},
    {EV TSM FIRMWARE "}]", TD_QUOTE, PLATFORM_TDX_TSM, RULES, CODE_OPEN, "pins no code"},
    {EV TSM ", \"rtmr0\": [$a048], \"rtmr1\": [$a148], \"rtmr2\": [$a248], \"rtmr3\": [$a348]}]",
     TD_QUOTE, PLATFORM_TDX_TSM, RULES, CODE_OPEN, "pins no code"},
    {EV TSM ", \"mrtd\": [$d048], \"rtmr1\": [$a148], \"rtmr2\": [$a248], \"rtmr3\": [$a348]}]",
     TD_QUOTE, PLATFORM_TDX_TSM, RULES, CODE_OPEN, "pins no code"},
    {EV TSM ", \"mrtd\": [$d048], \"rtmr0\": [$a048], \"rtmr2\": [$a248], \"rtmr3\": [$a348]}]",
     TD_QUOTE, PLATFORM_TDX_TSM, RULES, CODE_OPEN, "pins no code"},
    {EV TSM ", \"mrtd\": [$d048], \"rtmr0\": [$a048], \"rtmr1\": [$a148], \"rtmr3\": [$a348]}]",
     TD_QUOTE, PLATFORM_TDX_TSM, RULES, CODE_OPEN, "pins no code"},
    {EV TSM ", \"mrtd\": [$0148]}]", TD_QUOTE, PLATFORM_TDX_TSM, CODE, CODE_OPEN, "mrtd is d0"},
    {EV TSM ", \"rtmr0\": [$0148]}]", TD_QUOTE, PLATFORM_TDX_TSM, CODE, CODE_OPEN, "rtmr0 is a0"},
    {EV TSM ", \"rtmr1\": [$0148]}]", TD_QUOTE, PLATFORM_TDX_TSM, CODE, CODE_OPEN, "rtmr1 is a1"},
    {EV TSM ", \"rtmr2\": [$0148]}]", TD_QUOTE, PLATFORM_TDX_TSM, CODE, CODE_OPEN, "rtmr2 is a2"},
    {EV TSM ", \"rtmr3\": [$0148]}]", TD_QUOTE, PLATFORM_TDX_TSM, CODE, CODE_OPEN, "rtmr3 is a3"},
    /* dstack */
    {EV DSTACK FIRMWARE COMPOSE PROVIDER "}]", TD_EVENTS, PLATFORM_TDX_DSTACK, RULES, CODE_PINNED,
     "pins the code"},
    {EV DSTACK FIRMWARE COMPOSE PROVIDER ", \"app_id\": [$b120], \"os_image_hash\": [$b332]}]",
     TD_EVENTS, PLATFORM_TDX_DSTACK, RULES, CODE_PINNED, "pins the code"},
    {EV DSTACK FIRMWARE COMPOSE "}]", TD_EVENTS, PLATFORM_TDX_DSTACK, RULES, CODE_OPEN, "no code"},
    {EV DSTACK FIRMWARE PROVIDER "}]", TD_EVENTS, PLATFORM_TDX_DSTACK, RULES, CODE_OPEN, "no code"},
    {EV DSTACK COMPOSE PROVIDER "}]", TD_EVENTS, PLATFORM_TDX_DSTACK, RULES, CODE_OPEN, "no code"},
    {EV DSTACK FIRMWARE "}]", TD_QUOTE, PLATFORM_TDX_DSTACK, RULES, CODE_OPEN, "no code"},
    {EV DSTACK COMPOSE "}]", TD_QUOTE, PLATFORM_TDX_DSTACK, CODE, CODE_OPEN,
     "compose_hash is in the event log alone, and there is none (--event-log)"},
    {EV DSTACK PROVIDER "}]", TD_QUOTE, PLATFORM_TDX_DSTACK, CODE, CODE_OPEN,
     "key_provider is in the event log alone, and there is none (--event-log)"},
    {EV DSTACK ", \"app_id\": [$b120]}]", TD_QUOTE, PLATFORM_TDX_DSTACK, CODE, CODE_OPEN,
     "app_id is in the event log alone, and there is none (--event-log)"},
    {EV DSTACK ", \"os_image_hash\": [$b332]}]", TD_QUOTE, PLATFORM_TDX_DSTACK, CODE, CODE_OPEN,
     "os_image_hash is in the event log alone, and there is none (--event-log)"},
    {EV DSTACK ", \"compose_hash\": [$0132]}]", TD_EVENTS, PLATFORM_TDX_DSTACK, CODE, CODE_OPEN,
     "compose_hash is b2"},
    {EV DSTACK ", \"app_id\": [$0120]}]", TD_EVENTS, PLATFORM_TDX_DSTACK, CODE, CODE_OPEN,
     "app_id is b1"},
    {EV DSTACK ", \"os_image_hash\": [$0132]}]", TD_EVENTS, PLATFORM_TDX_DSTACK, CODE, CODE_OPEN,
     "os_image_hash is b3"},
    {EV DSTACK ", \"key_provider\": [\"kms\", \"kms:12345\"]}]", TD_EVENTS, PLATFORM_TDX_DSTACK,
     CODE, CODE_OPEN, "key_provider is kms:1234"},
    /* The simulator */
    {EV SIM ", \"mrenclave\": [$e132]}]", SGX_QUOTE, PLATFORM_SIMULATOR, RULES, CODE_PINNED,
     "pins the code"},
    {EV SIM "}]", SGX_QUOTE, PLATFORM_SIMULATOR, RULES, CODE_OPEN, "pins no code"},
    {EV SIM "}]", TD_QUOTE, PLATFORM_SIMULATOR, RULES, CODE_OPEN, "pins no code"},
    {EV SIM FIRMWARE ", \"rtmr3\": [$a348]}]", TD_QUOTE, PLATFORM_SIMULATOR, RULES, CODE_PINNED,
     "pins the code"},
    {EV SIM FIRMWARE "}]", TD_QUOTE, PLATFORM_SIMULATOR, RULES, CODE_OPEN, "pins no code"},
    {EV SIM ", \"rtmr3\": [$a348]}]", TD_QUOTE, PLATFORM_SIMULATOR, RULES, CODE_OPEN, "no code"},
    {EV SIM ", \"mrenclave\": [$0132]}]", SGX_QUOTE, PLATFORM_SIMULATOR, CODE, CODE_OPEN,
     "mrenclave is e1"},
    {EV SIM ", \"mrenclave\": [$e132]}]", TD_QUOTE, PLATFORM_SIMULATOR, CODE, CODE_OPEN,
     "mrenclave is of enclaves, and the quote is of a TD"},
    {EV SIM ", \"rtmr2\": [$a248]}]", SGX_QUOTE, PLATFORM_SIMULATOR, CODE, CODE_OPEN,
     "rtmr2 is of TDs, and the quote is of an enclave"},
    {EV "{\"platform\": \"simulator\", \"root\": $0132, \"mrenclave\": [$e132]}]", SGX_QUOTE,
     PLATFORM_SIMULATOR, CODE, CODE_OPEN, "root is ca00"},
    /* Other platforms */
    {EV "]", SGX_QUOTE, PLATFORM_SGX_GRAMINE, RULES, CODE_OPEN, "nothing in the policy pins it"},
    {EV TSM "}]", SGX_QUOTE, PLATFORM_SGX_GRAMINE, PLATFORM, CODE_OPEN, "names other platforms"},
    {EV TSM "}, " GRAMINE "}]", TD_QUOTE, PLATFORM_TDX_DSTACK, PLATFORM, CODE_OPEN,
     "tdx-dstack, and the policy names other platforms alone"},
    {EV SIM "}]", SGX_QUOTE, PLATFORM_SGX_GRAMINE, PLATFORM, CODE_OPEN, "other platforms alone"},
    {EV GRAMINE "}]", SGX_QUOTE, PLATFORM_SIMULATOR, PLATFORM, CODE_OPEN, "other platforms alone"},
    {EV TSM "}, " GRAMINE ", \"mrenclave\": [$e132]}]", SGX_QUOTE, PLATFORM_SGX_GRAMINE, RULES,
     CODE_PINNED, "evidence[1] is a match"},
    {EV TSM FIRMWARE ", \"rtmr3\": [$a348]}, " DSTACK COMPOSE "}]", TD_EVENTS, PLATFORM_TDX_DSTACK,
     RULES, CODE_OPEN, "evidence[1] is a match"},
    /* Evidence that says another kind of TEE than its quote matches nothing. */
    {EV GRAMINE "}]", TD_QUOTE, PLATFORM_SGX_GRAMINE, PLATFORM, CODE_OPEN, "the quote is of a TD"},
    {EV TSM "}]", SGX_QUOTE, PLATFORM_TDX_TSM, PLATFORM, CODE_OPEN, "the quote is of an enclave"},
    /* Bare quotes */
    {EV TSM "}, " GRAMINE ", \"mrenclave\": [$e132]}]", SGX_QUOTE, PLATFORM_UNKNOWN, RULES,
     CODE_PINNED, "evidence[1] is a match"},
    {EV DSTACK ", \"mrtd\": [$0148]}, " TSM FIRMWARE ", \"rtmr3\": [$a348]}]", TD_QUOTE,
     PLATFORM_UNKNOWN, RULES, CODE_PINNED, "evidence[1] is a match"},
    {EV DSTACK FIRMWARE COMPOSE PROVIDER "}]", TD_EVENTS, PLATFORM_UNKNOWN, RULES, CODE_PINNED,
     "pins the code"},
    {EV DSTACK FIRMWARE COMPOSE "}]", TD_QUOTE, PLATFORM_UNKNOWN, CODE, CODE_OPEN, "--event-log"},
    {EV SIM ", \"mrenclave\": [$e132]}]", SGX_QUOTE, PLATFORM_UNKNOWN, RULES, CODE_PINNED, "pins"},
    {EV TSM "}, " DSTACK "}]", SGX_QUOTE, PLATFORM_UNKNOWN, PLATFORM, CODE_OPEN,
     "a quote of an enclave, and the policy names other platforms alone"},
    {EV GRAMINE "}]", TD_QUOTE, PLATFORM_UNKNOWN, PLATFORM, CODE_OPEN, "a quote of a TD, and"},
};

static void code(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct dcap_report q = codes[i].kind == SGX_QUOTE ? enclave() : domain();
        struct eventlog e = log_of_events();
        struct rules r =
            apply(&q, codes[i].kind == TD_EVENTS ? &e : NULL, codes[i].platform, codes[i].members);
        expect(&r, codes[i].broken, codes[i].says, codes[i].members);
        if (codes[i].broken == RULES && !strstr(r.rule[CODE].detail, codes[i].says))
            fail_msg("%s: %s", codes[i].members, r.rule[CODE].detail);
        if (r.pin != codes[i].pin)
            fail_msg("%s: pin %d", codes[i].members, (int)r.pin);
    }
}

/* What an event log may lack, or hold that cannot match. */
static void odd_events(void **state)
{
    (void)state;
    struct dcap_report q = domain();
    struct eventlog e = log_of_events();
    static const char compose[] = EV DSTACK COMPOSE "}]", provider[] = EV DSTACK PROVIDER "}]";
    struct rules r = apply(&q, &e, PLATFORM_TDX_DSTACK, compose);
    expect(&r, RULES, "", compose);
    e.compose_hash = (slice){NULL, 0};
    r = apply(&q, &e, PLATFORM_TDX_DSTACK, compose);
    expect(&r, CODE, "compose_hash is not in the event log", compose);
    e.compose_hash = slice_of(compose_hash, 31);
    r = apply(&q, &e, PLATFORM_TDX_DSTACK, compose);
    expect(&r, CODE, "compose_hash is b200", compose);
    e.compose_hash = slice_of(compose_hash, 0);
    r = apply(&q, &e, PLATFORM_TDX_DSTACK, compose);
    expect(&r, CODE, "compose_hash is ", compose);
    uint8_t much[100];
    memset(much, 0xee, sizeof much);
    e.compose_hash = SLICE_ARRAY(much);
    r = apply(&q, &e, PLATFORM_TDX_DSTACK, compose);
    expect(&r, CODE, "compose_hash is eeee", compose);

    e.key_provider_name = (slice){NULL, 0};
    r = apply(&q, &e, PLATFORM_TDX_DSTACK, provider);
    expect(&r, CODE, "key_provider is not in the event log", provider);
    e.key_provider_name = slice_str("kms:\x1b[2J\xc3\xa9~ !");
    r = apply(&q, &e, PLATFORM_TDX_DSTACK, provider);
    expect(&r, CODE, "key_provider is kms:?[2J??~ !", provider);
    e.key_provider_name = SLICE_ARRAY(much);
    r = apply(&q, &e, PLATFORM_TDX_DSTACK, provider);
    expect(&r, CODE, "key_provider is ???", provider);
}

/* accept is false as soon as one rule is broken, whichever it is. */
static void several_broken(void **state)
{
    (void)state;
    struct dcap_report q = enclave();
    q.tcb.status = TCB_OUT_OF_DATE;
    q.sgx.flags |= SGX_FLAG_DEBUG;
    struct rules r = apply(&q, NULL, PLATFORM_SGX_GRAMINE, EV GRAMINE ", \"mrenclave\": [$e132]}]");
    assert_false(r.accept || r.rule[STATUS].ok || r.rule[ATTRIBUTES].ok);
    assert_true(r.rule[CODE].ok && r.rule[PLATFORM].ok);
    assert_int_equal(r.pin, CODE_PINNED);
}

static void expect_peer(const struct dcap_report *q, enum platform platform, const char *members,
                        bool ok, enum code_pin pin, const char *says)
{
    struct peer_rule r;
    struct eventlog events = log_of_events();
    struct policy *p = members ? policy_of(members) : NULL;
    memset(&r, 0xff, sizeof r);
    rules_peer(&r, q, platform == PLATFORM_TDX_DSTACK ? &events : NULL, platform, p);
    policy_free(p);
    if (r.ok != ok || r.pin != pin || !strstr(r.detail, says))
        fail_msg("%s: %d, %d, %s", members ? members : "none", r.ok, r.pin, r.detail);
}

/* The code of an attested peer against admission.attested, and against nothing else. */
static void peers(void **state)
{
    (void)state;
    struct dcap_report sgx = enclave(), td = domain();
    static const char evidence[] =
        "\"evidence\": [{\"platform\": \"sgx-gramine\", \"mrenclave\": [$e132]}], ";
    char members[600];
    const struct {
        const char *attested;
        bool ok;
        enum code_pin pin;
        const char *says;
    } cases[] = {
        {"[]", true, CODE_OPEN, "no policy names"},
        {"[{\"platform\": \"sgx-gramine\", \"mrenclave\": [$e132]}]", true, CODE_PINNED,
         "admission.attested[0] is a match"},
        {"[{\"platform\": \"sgx-gramine\", \"mrenclave\": [$7732]}]", false, CODE_OPEN,
         "nearest admission.attested[0]: mrenclave is e1"},
        {"[{\"platform\": \"sgx-gramine\"}]", true, CODE_OPEN, "pins no code"},
        {"[{\"platform\": \"sgx-gramine\", \"mrsigner\": [$5132], \"isv_prod_id\": [7], "
         "\"min_isv_svn\": 1}]",
         true, CODE_SIGNER, "pins the signer"},
        {"[{\"platform\": \"tdx-tsm\", \"mrtd\": [$d048]}]", false, CODE_OPEN,
         "names others alone"},
        {"[{\"platform\": \"tdx-tsm\", \"mrtd\": [$d048]}, {\"platform\": \"sgx-gramine\", "
         "\"mrenclave\": [$e132]}]",
         true, CODE_PINNED, "admission.attested[1] is a match"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int own = 0; own < 2; own++) {
            snprintf(members, sizeof members, "%s\"admission\": {\"attested\": %s}",
                     own ? evidence : "", cases[i].attested);
            expect_peer(&sgx, PLATFORM_SGX_GRAMINE, members, cases[i].ok, cases[i].pin,
                        cases[i].says);
        }
    }
    expect_peer(&sgx, PLATFORM_SGX_GRAMINE, NULL, true, CODE_OPEN, "no policy names");
    expect_peer(&td, PLATFORM_TDX_DSTACK,
                "\"admission\": {\"attested\": [{\"platform\": \"tdx-dstack\", \"mrtd\": [$d048], "
                "\"rtmr0\": [$a048], \"rtmr1\": [$a148], \"rtmr2\": [$a248], \"compose_hash\": "
                "[$b232], \"key_provider\": [\"kms:1234\"]}]}",
                true, CODE_PINNED, "is a match");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(statuses),
        cmocka_unit_test(statuses_apart),
        cmocka_unit_test(advisories),
        cmocka_unit_test(numbers_and_ages),
        cmocka_unit_test(attributes),
        cmocka_unit_test(td_registers),
        cmocka_unit_test(service_tds),
        cmocka_unit_test(tightened),
        cmocka_unit_test(many_complaints),
        cmocka_unit_test(code),
        cmocka_unit_test(odd_events),
        cmocka_unit_test(several_broken),
        cmocka_unit_test(peers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
