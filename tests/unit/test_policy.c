/* Policies: what is read, and that everything else is refused by its path. */
#include "testlib.h"

#include "attest/policy.h"
#include "attest/tcb_status.h"
#include "tlog/note.h"
#include "vector_json.h"

#define H32 "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"
#define H48                                                                                        \
    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899aabbccdd" \
    "eeff"

#define H20  "00112233445566778899aabbccddeeff00112233"
#define ID31 "INTEL-SA-0123456789012345678901"

static char key_text[256];

/* A verifier key named log.example for the policies below. */
static int make_key(void **state)
{
    (void)state;
    /* The public key of RFC 8032 section 7.1, test 1. */
    static const char hex[] = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    struct note_key key;
    uint8_t public_key[32];
    buf b;
    assert_ok(hex_read(public_key, 32, slice_str(hex)));
    assert_ok(note_key_make(&key, slice_str("log.example"), public_key));
    buf_init_fixed(&b, (uint8_t *)key_text, sizeof key_text - 1);
    note_key_put(&b, &key);
    assert_ok(buf_err(&b));
    key_text[b.n] = 0;
    return 0;
}

/* The text with each "KEY" replaced by the verifier key. */
static tl_err read_text(struct policy **p, const char *text, struct tl_why *why)
{
    char *full = calloc(1, strlen(text) + 4096), *to = full;
    assert_non_null(full);
    for (const char *s = text; *s;) {
        if (strncmp(s, "KEY", 3) == 0) {
            to = stpcpy(to, key_text);
            s += 3;
        } else {
            *to++ = *s++;
        }
    }
    tl_err err = policy_read(p, slice_str(full), why);
    free(full);
    return err;
}

static struct policy *good(const char *text)
{
    struct policy *p = NULL;
    struct tl_why why = {0};
    if (read_text(&p, text, &why) != TL_OK)
        fail_msg("refused (%s): %s", why.text, text);
    return p;
}

static void names(void **state)
{
    (void)state;
    for (int p = PLATFORM_SIMULATOR; p <= PLATFORM_TDX_TSM; p++)
        assert_int_equal(platform_from(slice_str(platform_name((enum platform)p))), p);
    assert_int_equal(platform_from(slice_str("sgx")), PLATFORM_UNKNOWN);
    assert_int_equal(platform_from((slice){NULL, 0}), PLATFORM_UNKNOWN);
    assert_string_equal(platform_name(PLATFORM_UNKNOWN), "unknown");
    assert_string_equal(platform_name((enum platform)99), "unknown");
}

static void smallest(void **state)
{
    (void)state;
    struct policy *p = good("{\"teelog_policy\": 1}");
    assert_false(p->has_log || p->has_history || p->simulator || p->allow_bearer);
    assert_true(p->allow_child);
    assert_int_equal(p->evidence_count + p->attested_count + p->key_count, 0);
    assert_int_equal(p->tcb.accept, 0); /* the default */
    assert_int_equal(p->tcb.advisories, ADVISORIES_ANY);
    assert_int_equal(p->tcb.advisory_count + p->tcb.min_evaluation_number, 0);
    assert_false(p->tcb.has_max_collateral_age);
    assert_int_equal(p->attributes_allow | p->attributes_refuse, 0);
    policy_free(p);
    policy_free(good("{\"teelog_policy\": 1, \"evidence\": [], \"admission\": {\"attested\": []},"
                     " \"attributes\": {\"allow\": [], \"refuse\": []}}"));
    p = good("{\"teelog_policy\": 1, \"tcb\": {}, \"attributes\": {}}");
    assert_int_equal(p->tcb.accept | p->attributes_allow | p->attributes_refuse, 0);
    policy_free(p);
    policy_free(NULL);
}

static void hardware(void **state)
{
    (void)state;
    struct policy *p =
        good("{\"teelog_policy\": 1,"
             " \"log\": {\"origin\": \"log.example\", \"keys\": [\"KEY\", \"KEY\"]},"
             " \"evidence\": [{\"platform\": \"sgx-gramine\", \"mrenclave\": [\"" H32 "\", \"" H32
             "\"]},"
             "  {\"platform\": \"tdx-dstack\", \"mrtd\": [\"" H48 "\"], \"rtmr0\": [\"" H48
             "\"], \"rtmr1\": [\"" H48 "\"], \"rtmr2\": [\"" H48 "\"], \"compose_hash\": [\"" H32
             "\"], \"key_provider\": [\"kms\", \"local\"]},"
             "  {\"platform\": \"tdx-tsm\", \"mrtd\": [\"" H48 "\"], \"rtmr3\": [\"" H48 "\"]}],"
             " \"tcb\": {\"accept\": [\"ConfigurationNeeded\"]},"
             " \"admission\": {\"child\": false, \"bearer\": true,"
             "  \"attested\": [{\"platform\": \"sgx-gramine\", \"mrenclave\": [\"" H32 "\"]}]},"
             " \"history\": \"unwitnessed\"}");
    assert_true(p->has_log && p->has_history && p->allow_bearer);
    assert_false(p->allow_child || p->simulator);
    assert_string_equal(p->origin, "log.example");
    assert_int_equal(p->key_count, 2);
    assert_string_equal(p->keys[1].name, "log.example");
    assert_int_equal(p->keys[1].public_key[0], 0xd7);
    assert_int_equal(p->evidence_count, 3);
    const struct policy_evidence *e = p->evidence;
    assert_int_equal(e[0].platform, PLATFORM_SGX_GRAMINE);
    assert_int_equal(e[0].mrenclave.count, 2);
    assert_int_equal(e[0].mrenclave.size, 32);
    assert_int_equal(e[0].mrenclave.bytes[1], 0x11);
    assert_int_equal(e[0].mrenclave.bytes[63], 0xff); /* of the second, in capitals */
    assert_int_equal(e[1].platform, PLATFORM_TDX_DSTACK);
    assert_int_equal(e[1].mrtd.count, 1);
    assert_int_equal(e[1].mrtd.size, 48);
    assert_int_equal(e[1].mrtd.bytes[47], 0xff);
    assert_int_equal(e[1].rtmr0.count + e[1].rtmr1.count + e[1].rtmr2.count, 3);
    assert_int_equal(e[1].rtmr3.count, 0);
    assert_int_equal(e[1].compose_hash.size, 32);
    assert_int_equal(e[1].key_provider_count, 2);
    assert_string_equal(e[1].key_providers[1], "local");
    assert_int_equal(e[2].platform, PLATFORM_TDX_TSM);
    assert_int_equal(e[2].rtmr3.count, 1);
    assert_int_equal(p->attested_count, 1);
    assert_int_equal(p->tcb.accept, 1u << TCB_CONFIGURATION_NEEDED);
    policy_free(p);
}

/* The members of an entry that are not needed. */
static void optional_members(void **state)
{
    (void)state;
    struct policy *p = good("{\"teelog_policy\": 1, \"evidence\": ["
                            "{\"platform\": \"sgx-gramine\", \"mrsigner\": [\"" H32 "\"],"
                            " \"isv_prod_id\": [0, 65535], \"min_isv_svn\": 65535},"
                            "{\"platform\": \"sgx-gramine\", \"min_isv_svn\": 0},"
                            "{\"platform\": \"sgx-gramine\"},"
                            "{\"platform\": \"tdx-dstack\", \"app_id\": [\"" H20 "\"],"
                            " \"os_image_hash\": [\"" H32 "\", \"" H32 "\"]}]}");
    const struct policy_evidence *e = p->evidence;
    assert_int_equal(e[0].mrenclave.count, 0);
    assert_int_equal(e[0].mrsigner.count, 1);
    assert_int_equal(e[0].mrsigner.bytes[31], 0xff);
    assert_int_equal(e[0].isv_prod_id_count, 2);
    assert_int_equal(e[0].isv_prod_ids[0], 0);
    assert_int_equal(e[0].isv_prod_ids[1], 65535);
    assert_true(e[0].has_min_isv_svn && e[1].has_min_isv_svn);
    assert_false(e[2].has_min_isv_svn);
    assert_int_equal(e[0].min_isv_svn, 65535);
    assert_int_equal(e[1].min_isv_svn, 0);
    assert_int_equal(e[3].app_id.count, 1);
    assert_int_equal(e[3].app_id.size, 20);
    assert_int_equal(e[3].app_id.bytes[19], 0x33);
    assert_int_equal(e[3].os_image_hash.count, 2);
    assert_int_equal(e[3].os_image_hash.size, 32);
    policy_free(p);
}

static void tcb_members(void **state)
{
    (void)state;
    struct policy *p =
        good("{\"teelog_policy\": 1, \"tcb\": {\"accept\": [\"UpToDate\", \"SWHardeningNeeded\","
             " \"ConfigurationNeeded\", \"ConfigurationAndSWHardeningNeeded\", \"OutOfDate\","
             " \"OutOfDateConfigurationNeeded\", \"TDRelaunchAdvised\","
             " \"TDRelaunchAdvisedConfigurationNeeded\"],"
             " \"advisories\": {\"allow\": [\"INTEL-SA-00615\", \"" ID31 "\"]},"
             " \"min_evaluation_number\": 4294967295,"
             " \"max_collateral_age_s\": 9007199254740991}}");
    assert_int_equal(p->tcb.accept, ((1u << TCB_STATUSES) - 1) & ~(1u << TCB_REVOKED));
    assert_int_equal(p->tcb.advisories, ADVISORIES_ALLOW);
    assert_int_equal(p->tcb.advisory_count, 2);
    assert_string_equal(p->tcb.advisory_ids[0], "INTEL-SA-00615");
    assert_string_equal(p->tcb.advisory_ids[1], ID31);
    assert_int_equal(p->tcb.min_evaluation_number, 4294967295);
    assert_true(p->tcb.has_max_collateral_age);
    assert_int_equal(p->tcb.max_collateral_age, 9007199254740991);
    policy_free(p);
    p = good("{\"teelog_policy\": 1, \"tcb\": {\"advisories\": {\"refuse\": [\"INTEL-SA-1\"]},"
             " \"min_evaluation_number\": 0, \"max_collateral_age_s\": 0}}");
    assert_int_equal(p->tcb.advisories, ADVISORIES_REFUSE);
    assert_int_equal(p->tcb.advisory_count, 1);
    assert_true(p->tcb.has_max_collateral_age);
    assert_int_equal(p->tcb.max_collateral_age, 0);
    policy_free(p);
    p = good("{\"teelog_policy\": 1, \"tcb\": {\"advisories\": {\"allow\": []}}}");
    assert_int_equal(p->tcb.advisories, ADVISORIES_ALLOW);
    assert_int_equal(p->tcb.advisory_count, 0);
    policy_free(p);
}

/* Each name sets its own bit, and no other. */
static void attribute_names(void **state)
{
    (void)state;
    static const struct {
        const char *list, *name;
        uint32_t allow, refuse;
    } cases[] = {
        {"allow", "sgx-debug", ALLOW_SGX_DEBUG, 0},
        {"allow", "sgx-provision-key", ALLOW_SGX_PROVISION_KEY, 0},
        {"allow", "sgx-einittoken-key", ALLOW_SGX_EINITTOKEN_KEY, 0},
        {"allow", "td-debug", ALLOW_TD_DEBUG, 0},
        {"allow", "td-sept-ve", ALLOW_TD_SEPT_VE, 0},
        {"allow", "td-migratable", ALLOW_TD_MIGRATABLE, 0},
        {"allow", "td-service-td", ALLOW_TD_SERVICE_TD, 0},
        {"allow", "td-key-locker", ALLOW_TD_KEY_LOCKER, 0},
        {"allow", "td-lass", ALLOW_TD_LASS, 0},
        {"refuse", "td-pks", 0, REFUSE_TD_PKS},
        {"refuse", "td-perfmon", 0, REFUSE_TD_PERFMON},
        {"refuse", "sgx-kss", 0, REFUSE_SGX_KSS},
    };
    uint32_t allow = 0, refuse = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[160];
        snprintf(text, sizeof text, "{\"teelog_policy\": 1, \"attributes\": {\"%s\": [\"%s\"]}}",
                 cases[i].list, cases[i].name);
        struct policy *p = good(text);
        assert_int_equal(p->attributes_allow, cases[i].allow);
        assert_int_equal(p->attributes_refuse, cases[i].refuse);
        assert_int_equal((allow & cases[i].allow) | (refuse & cases[i].refuse), 0);
        allow |= cases[i].allow;
        refuse |= cases[i].refuse;
        policy_free(p);
    }
    assert_int_equal(allow, 0x1ff);
    assert_int_equal(refuse, 7);
    struct policy *p = good("{\"teelog_policy\": 1, \"attributes\": {\"allow\": [\"td-lass\","
                            " \"sgx-debug\", \"td-lass\"], \"refuse\": [\"sgx-kss\"]}}");
    assert_int_equal(p->attributes_allow, ALLOW_TD_LASS | ALLOW_SGX_DEBUG);
    assert_int_equal(p->attributes_refuse, REFUSE_SGX_KSS);
    policy_free(p);
}

static void simulators(void **state)
{
    (void)state;
    struct policy *p = good("{\"teelog_policy\": 1, \"evidence\": [{\"platform\": \"simulator\","
                            " \"root\": \"" H32 "\", \"mrenclave\": [\"" H32 "\"]}]}");
    assert_true(p->simulator);
    assert_int_equal(p->evidence[0].simulator_root.b[31], 0xff);
    assert_int_equal(p->evidence[0].mrenclave.count, 1);
    policy_free(p);
    p = good("{\"teelog_policy\": 1,"
             " \"evidence\": [{\"platform\": \"simulator\", \"root\": \"" H32 "\"}],"
             " \"admission\": {\"attested\": [{\"platform\": \"simulator\", \"root\": \"" H32
             "\"}]}}");
    assert_true(p->simulator);
    assert_int_equal(p->evidence[0].mrenclave.count, 0);
    policy_free(p);
    p = good("{\"teelog_policy\": 1, \"evidence\": [{\"platform\": \"simulator\", \"root\": \"" H32
             "\", \"mrtd\": [\"" H48 "\"], \"rtmr0\": [\"" H48 "\"], \"rtmr1\": [\"" H48
             "\"], \"rtmr2\": [\"" H48 "\"], \"rtmr3\": [\"" H48 "\"]}]}");
    assert_int_equal(p->evidence[0].mrtd.count + p->evidence[0].rtmr3.count, 2);
    policy_free(p);
}

#define V   "\"teelog_policy\": 1, "
#define SIM "{\"platform\": \"simulator\", \"root\": \"" H32 "\"}"
#define SGX "{\"platform\": \"sgx-gramine\", \"mrenclave\": [\"" H32 "\"]}"
#define EV  "{" V "\"evidence\": "
#define LOG "{" V "\"log\": "
#define TCB "{" V "\"tcb\": "

static const struct {
    const char *text, *field, *says;
} bad[] = {
    {"", "", "not JSON"},
    {"{", "", "not JSON"},
    {"[]", "", "must be an object"},
    {"1", "", "not JSON"},
    {"{" V "\"history\": \"unwitnessed\"} x", "", "not JSON"},
    {"{" V "\"teelog_policy\": 1}", "", "duplicate"},
    {EV "[{\"platform\": \"simulator\", \"platform\": \"simulator\"}]}", "", "duplicate"},
    {"{" V "\"history\": \"unwit\\u0000nessed\"}", "", "not JSON"},
    {"{" V "\"histery\": \"unwitnessed\"}", "histery", "unknown member"},
    {"{" V "\"a\\u001bb\": 1}", "a?b", "unknown member"},
    {"{" V "\"\": 1}", "", "unknown member"},
    {"{}", "teelog_policy", "be 1"},
    {"{\"teelog_policy\": 2}", "teelog_policy", "be 1"},
    {"{\"teelog_policy\": 1.0}", "teelog_policy", "be 1"},
    {"{\"teelog_policy\": true}", "teelog_policy", "be 1"},
    {LOG "[]}", "log", "must be an object"},
    {LOG "{\"keys\": [\"KEY\"]}}", "log.origin", "must be a text"},
    {LOG "{\"origin\": \"\", \"keys\": [\"KEY\"]}}", "log.origin", "must be a text"},
    {LOG "{\"origin\": \"log example\", \"keys\": [\"KEY\"]}}", "log.origin", "not an origin"},
    {LOG "{\"origin\": \"log.example\"}}", "log.keys", "must be a list"},
    {LOG "{\"origin\": \"log.example\", \"keys\": []}}", "log.keys", "must not be empty"},
    {LOG "{\"origin\": \"log.example\", \"keys\": [\"KEY\", 1]}}", "log.keys[1]", "must be a text"},
    {LOG "{\"origin\": \"log.example\", \"keys\": [\"KEYx\"]}}", "log.keys[0]", "verifier key"},
    {LOG "{\"origin\": \"log.examplf\", \"keys\": [\"KEY\"]}}", "log.keys[0]", "not the origin"},
    {LOG "{\"origin\": \"log.example\", \"keys\": [\"KEY\"], \"key\": 1}}", "log.key", "unknown"},
    {EV "{}}", "evidence", "must be a list"},
    {EV "[1]}", "evidence[0].platform", "must be a text"},
    {EV "[{}]}", "evidence[0].platform", "must be a text"},
    {EV "[{\"platform\": \"sgx\"}]}", "evidence[0].platform", "must be one of"},
    {EV "[{\"platform\": \"simulator\"}]}", "evidence[0].root", "must be a text"},
    {EV "[{\"platform\": \"simulator\", \"root\": [\"" H32 "\"]}]}", "evidence[0].root", "text"},
    {EV "[{\"platform\": \"simulator\", \"root\": \"" H48 "\"}]}", "evidence[0].root", "64 hex"},
    {EV "[{\"platform\": \"sgx-gramine\", \"root\": \"" H32 "\"}]}", "evidence[0].root", "unknown"},
    {EV "[" SGX ", {\"platform\": \"sgx-gramine\", \"mrenclave\": \"" H32 "\"}]}",
     "evidence[1].mrenclave", "must be a list"},
    {EV "[{\"platform\": \"sgx-gramine\", \"mrenclave\": []}]}", "evidence[0].mrenclave",
     "must not be empty"},
    {EV "[{\"platform\": \"sgx-gramine\", \"mrenclave\": [\"" H32 "\", \"xx\"]}]}",
     "evidence[0].mrenclave[1]", "64 hex digits"},
    {EV "[{\"platform\": \"sgx-gramine\", \"mrsigner\": [\"" H48 "\"]}]}",
     "evidence[0].mrsigner[0]", "64 hex digits"},
    {EV "[{\"platform\": \"sgx-gramine\", \"isv_prod_id\": 1}]}", "evidence[0].isv_prod_id",
     "must be a list"},
    {EV "[{\"platform\": \"sgx-gramine\", \"isv_prod_id\": []}]}", "evidence[0].isv_prod_id",
     "must not be empty"},
    {EV "[{\"platform\": \"sgx-gramine\", \"isv_prod_id\": [1, 65536]}]}",
     "evidence[0].isv_prod_id[1]", "from 0 to 65535"},
    {EV "[{\"platform\": \"sgx-gramine\", \"isv_prod_id\": [\"1\"]}]}",
     "evidence[0].isv_prod_id[0]", "whole number"},
    {EV "[{\"platform\": \"sgx-gramine\", \"min_isv_svn\": 65536}]}", "evidence[0].min_isv_svn",
     "from 0 to 65535"},
    {EV "[{\"platform\": \"sgx-gramine\", \"min_isv_svn\": -1}]}", "evidence[0].min_isv_svn",
     "whole number"},
    {EV "[{\"platform\": \"sgx-gramine\", \"min_isv_svn\": 1.0}]}", "evidence[0].min_isv_svn",
     "whole number"},
    {EV "[{\"platform\": \"sgx-gramine\", \"min_isv_svn\": [1]}]}", "evidence[0].min_isv_svn",
     "whole number"},
    {EV "[{\"platform\": \"sgx-gramine\", \"app_id\": [\"" H20 "\"]}]}", "evidence[0].app_id",
     "unknown member"},
    {EV "[{\"platform\": \"simulator\", \"root\": \"" H32 "\", \"mrsigner\": [\"" H32 "\"]}]}",
     "evidence[0].mrsigner", "unknown member"},
    {EV "[{\"platform\": \"simulator\", \"root\": \"" H32 "\", \"min_isv_svn\": 1}]}",
     "evidence[0].min_isv_svn", "unknown member"},
    {EV "[{\"platform\": \"tdx-dstack\", \"app_id\": [\"" H32 "\"]}]}", "evidence[0].app_id[0]",
     "40 hex digits"},
    {EV "[{\"platform\": \"tdx-dstack\", \"os_image_hash\": [\"" H48 "\"]}]}",
     "evidence[0].os_image_hash[0]", "64 hex digits"},
    {EV "[{\"platform\": \"tdx-dstack\", \"isv_prod_id\": [1]}]}", "evidence[0].isv_prod_id",
     "unknown member"},
    {EV "[{\"platform\": \"tdx-tsm\", \"app_id\": [\"" H20 "\"]}]}", "evidence[0].app_id",
     "unknown member"},
    {EV "[{\"platform\": \"tdx-tsm\", \"mrenclave\": [\"" H32 "\"]}]}", "evidence[0].mrenclave",
     "unknown member"},
    {EV "[{\"platform\": \"sgx-gramine\", \"mrtd\": [\"" H48 "\"]}]}", "evidence[0].mrtd",
     "unknown member"},
    {EV "[{\"platform\": \"tdx-tsm\", \"mrtd\": [\"" H32 "\"]}]}", "evidence[0].mrtd[0]",
     "96 hex digits"},
    {EV "[{\"platform\": \"tdx-tsm\", \"compose_hash\": [\"" H32 "\"]}]}",
     "evidence[0].compose_hash", "unknown member"},
    {EV "[{\"platform\": \"tdx-dstack\", \"rtmr3\": [\"" H48 "\"]}]}", "evidence[0].rtmr3",
     "unknown member"},
    {EV "[{\"platform\": \"tdx-tsm\", \"key_provider\": [\"kms\"]}]}", "evidence[0].key_provider",
     "unknown member"},
    {EV "[{\"platform\": \"tdx-dstack\", \"key_provider\": \"kms\"}]}", "evidence[0].key_provider",
     "must be a list"},
    {EV "[{\"platform\": \"tdx-dstack\", \"key_provider\": [\"\"]}]}",
     "evidence[0].key_provider[0]", "not empty"},
    {EV "[" SIM ", " SIM "]}", "evidence", "stands alone"},
    {EV "[" SGX ", " SIM "]}", "evidence", "stands alone"},
    {EV "[" SIM "], \"admission\": {\"attested\": [" SGX "]}}", "admission.attested", "alone"},
    {EV "[" SGX "], \"admission\": {\"attested\": [" SIM "]}}", "admission.attested", "alone"},
    {"{" V "\"admission\": {\"attested\": [" SIM "]}}", "admission.attested", "alone"},
    {EV "[" SIM "], \"admission\": {\"attested\": [" SIM ", " SIM "]}}", "admission.attested",
     "alone"},
    {"{" V "\"tcb\": []}", "tcb", "must be an object"},
    {"{" V "\"tcb\": null}", "tcb", "must be an object"},
    {"{" V "\"tcb\": {\"accept\": null}}", "tcb.accept", "must be a list"},
    {"{" V "\"tcb\": {\"accept\": [1]}}", "tcb.accept[0]", "must be a text"},
    {"{" V "\"tcb\": {\"accept\": [\"Revoked\"]}}", "tcb.accept[0]", "TCB status"},
    {TCB "{\"advisories\": []}}", "tcb.advisories", "must be an object"},
    {TCB "{\"advisories\": {}}}", "tcb.advisories", "one of the members"},
    {TCB "{\"advisories\": {\"allow\": [], \"refuse\": []}}}", "tcb.advisories",
     "one of the members"},
    {TCB "{\"advisories\": {\"accept\": []}}}", "tcb.advisories.accept", "unknown member"},
    {TCB "{\"advisories\": {\"allow\": \"INTEL-SA-1\"}}}", "tcb.advisories.allow",
     "must be a list"},
    {TCB "{\"advisories\": {\"refuse\": [\"\"]}}}", "tcb.advisories.refuse[0]", "must be a text"},
    {TCB "{\"advisories\": {\"refuse\": [\"A\", \"INTEL_SA\"]}}}", "tcb.advisories.refuse[1]",
     "not an advisory"},
    {TCB "{\"advisories\": {\"allow\": [\"" ID31 "2\"]}}}", "tcb.advisories.allow[0]",
     "not an advisory"},
    {TCB "{\"min_evaluation_number\": -1}}", "tcb.min_evaluation_number", "from 0 to 4294967295"},
    {TCB "{\"min_evaluation_number\": 4294967296}}", "tcb.min_evaluation_number", "from 0 to"},
    {TCB "{\"min_evaluation_number\": \"17\"}}", "tcb.min_evaluation_number", "whole number"},
    {TCB "{\"max_collateral_age_s\": 9007199254740992}}", "tcb.max_collateral_age_s", "from 0 to"},
    {TCB "{\"max_collateral_age_s\": 1e3}}", "tcb.max_collateral_age_s", "whole number"},
    {TCB "{\"max_collateral_age_s\": null}}", "tcb.max_collateral_age_s", "whole number"},
    {"{" V "\"attributes\": []}", "attributes", "must be an object"},
    {"{" V "\"attributes\": {\"debug\": true}}", "attributes.debug", "unknown member"},
    {"{" V "\"attributes\": {\"allow\": \"td-debug\"}}", "attributes.allow", "must be a list"},
    {"{" V "\"attributes\": {\"allow\": [null]}}", "attributes.allow[0]", "must be a text"},
    {"{" V "\"attributes\": {\"allow\": [\"td-debug\", \"td-pks\"]}}", "attributes.allow[1]",
     "not a name"},
    {"{" V "\"attributes\": {\"allow\": [\"td-other\"]}}", "attributes.allow[0]", "not a name"},
    {"{" V "\"attributes\": {\"refuse\": [\"td-debug\"]}}", "attributes.refuse[0]", "not a name"},
    {"{" V "\"attributes\": {\"refuse\": [\"TD-PKS\"]}}", "attributes.refuse[0]", "not a name"},
    {"{" V "\"tcb\": {\"accept\": []}}", "tcb.accept", "must not be empty"},
    {"{" V "\"tcb\": {\"accept\": [\"UpToDate\", \"Revoked\"]}}", "tcb.accept[1]", "TCB status"},
    {"{" V "\"tcb\": {\"accept\": [\"uptodate\"]}}", "tcb.accept[0]", "TCB status"},
    {"{" V "\"tcb\": {\"reject\": [\"UpToDate\"]}}", "tcb.reject", "unknown member"},
    {"{" V "\"admission\": true}", "admission", "must be an object"},
    {"{" V "\"admission\": {\"child\": 1}}", "admission.child", "true or false"},
    {"{" V "\"admission\": {\"bearer\": null}}", "admission.bearer", "true or false"},
    {"{" V "\"admission\": {\"socket\": true}}", "admission.socket", "unknown member"},
    {"{" V "\"admission\": {\"attested\": [{\"platform\": \"x\"}]}}",
     "admission.attested[0].platform", "must be one of"},
    {"{" V "\"history\": \"witnessed\"}", "history", "must be \"unwitnessed\""},
    {"{" V "\"history\": null}", "history", "must be a text"},
    {"{" V "\"history\": {\"quorum\": \"x\", \"faulty\": 0, \"max_age_s\": 60}}", "history.quorum",
     "its last line has no end"},
    {"{" V "\"history\": {\"faulty\": 0, \"max_age_s\": 60}}", "history.quorum", "must be a text"},
    {"{" V "\"history\": {\"quorum\": 5, \"faulty\": 0, \"max_age_s\": 60}}", "history.quorum",
     "must be a text"},
    {"{" V "\"history\": {\"quorum\": \"quorum none\\n\", \"faulty\": 0, \"max_age_s\": 60}}",
     "history.quorum", "one group of all the witnesses"},
    {"{" V "\"history\": {\"quorum\": \"quorum none\\n\", \"age\": 0}}", "history.age",
     "unknown member"},
};

static void refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct policy *p = NULL;
        struct tl_why why = {0};
        tl_err err = read_text(&p, bad[i].text, &why);
        if (err != TL_E_POLICY || strcmp(why.field, bad[i].field) != 0 ||
            !strstr(why.text, bad[i].says))
            fail_msg("%s\nwant %s (%s), got %s %s: %s", bad[i].text, bad[i].field, bad[i].says,
                     tl_err_name(err), why.field, why.text);
        assert_null(p);
        assert_err(read_text(&p, bad[i].text, NULL), TL_E_POLICY);
    }
}

static tl_err read_value(struct policy **p, const json_t *v, struct tl_why *why)
{
    char *text = json_dumps(v, JSON_ENCODE_ANY);
    assert_non_null(text);
    tl_err err = policy_read(p, slice_str(text), why);
    free(text);
    return err;
}

/* The table that docs/policy.schema.json is held to as well
 * (tests/integration/test_policy_schema.py). */
static void schema_table(void **state)
{
    (void)state;
    static const char *const refused[] = {"bad", "reader_only"};
    json_t *table = vector_file(test_source("vectors/policy.json")), *v;
    size_t i;
    json_array_foreach(vector_member(table, "good"), i, v)
    {
        struct policy *p = NULL;
        struct tl_why why = {0};
        if (read_value(&p, v, &why) != TL_OK)
            fail_msg("good policy %zu: %s", i, why.text);
        policy_free(p);
    }
    for (size_t k = 0; k < 2; k++)
        json_array_foreach(vector_member(table, refused[k]), i, v)
        {
            struct policy *p = NULL;
            struct tl_why why = {0};
            tl_err err = read_value(&p, vector_member(v, "policy"), &why);
            if (err != TL_E_POLICY || strcmp(why.field, vector_str(v, "field")) != 0)
                fail_msg("%s policy %zu: want %s, got %s %s: %s", refused[k], i,
                         vector_str(v, "field"), tl_err_name(err), why.field, why.text);
            assert_null(p);
        }
    json_decref(table);
}

static void limits(void **state)
{
    (void)state;
    struct policy *p = NULL;
    struct tl_why why = {0};
    char *text = malloc(POLICY_MAX_BYTES + 2);
    memset(text, ' ', POLICY_MAX_BYTES + 1);
    memcpy(text, "{\"teelog_policy\": 1}", 20);
    assert_ok(policy_read(&p, slice_of(text, POLICY_MAX_BYTES), &why));
    policy_free(p);
    p = NULL;
    assert_err(policy_read(&p, slice_of(text, POLICY_MAX_BYTES + 1), &why), TL_E_POLICY);
    /* A NUL after the end, which jansson passes over. */
    text[20] = 0;
    memset(&why, 0, sizeof why);
    assert_err(policy_read(&p, slice_of(text, 21), &why), TL_E_POLICY);
    assert_non_null(strstr(why.text, "NUL"));
    free(text);

    for (size_t n = 1024; n <= 1025; n++) {
        buf b;
        buf_init(&b, 200000);
        buf_str(&b, EV "[{\"platform\": \"sgx-gramine\", \"mrenclave\": [");
        for (size_t i = 0; i < n; i++)
            buf_printf(&b, "%s\"" H32 "\"", i ? "," : "");
        buf_str(&b, "]}]}");
        assert_ok(buf_err(&b));
        memset(&why, 0, sizeof why);
        assert_err(policy_read(&p, buf_slice(&b), &why), n > 1024 ? TL_E_POLICY : TL_OK);
        if (n > 1024)
            assert_string_equal(why.field, "evidence[0].mrenclave");
        else
            policy_free(p);
        buf_finish(&b);
    }
    /* A deep one is refused, not followed. */
    buf deep;
    buf_init(&deep, POLICY_MAX_BYTES);
    for (size_t i = 0; i < 100000; i++)
        buf_str(&deep, "[");
    assert_err(policy_read(&p, buf_slice(&deep), &why), TL_E_POLICY);
    buf_finish(&deep);
}

static void long_paths_are_cut(void **state)
{
    (void)state;
    struct policy *p = NULL;
    struct tl_why why = {0};
    assert_err(read_text(&p,
                         "{" V "\"log\": {\"a_member_with_a_name_that_is_longer_than_the_field_"
                         "for_it\": 1}}",
                         &why),
               TL_E_POLICY);
    assert_int_equal(strlen(why.field), sizeof why.field - 1);
    assert_string_equal(why.field, "log.a_member_with_a_name_that_is_longer_than_th");
}

static size_t jansson_allocations;

static void *counted_malloc(size_t n)
{
    jansson_allocations++;
    return malloc(n);
}

/* jansson's own allocations fail too: it is given ours. It has no words for all
 * of them (a token that cannot grow is bad JSON, or loses a byte), so those
 * give either error; those after it give TL_E_MEMORY. */
static void allocations_fail(void **state)
{
    (void)state;
    static const char text[] =
        "{" V "\"log\": {\"origin\": \"log.example\", \"keys\": [\"KEY\"]}, \"evidence\": [" SGX
        ", {\"platform\": \"tdx-dstack\", \"mrtd\": [\"" H48
        "\"], \"key_provider\": [\"a\", \"b\"]}, {\"platform\": \"sgx-gramine\", \"isv_prod_id\": "
        "[1]}],"
        " \"admission\": {\"attested\": [" SGX "]},"
        " \"tcb\": {\"accept\": [\"UpToDate\"], \"advisories\": {\"refuse\": [\"A\", \"B\"]}}}";
    char full[2048];
    struct policy *p = NULL;
    const char *at = strstr(text, "KEY");
    snprintf(full, sizeof full, "%.*s%s%s", (int)(at - text), text, key_text, at + 3);
    json_set_alloc_funcs(counted_malloc, free);
    assert_ok(policy_read(&p, slice_str(full), NULL));
    policy_free(p);
    json_set_alloc_funcs(malloc, free);
    size_t i = 1;
    for (;; i++) {
        struct tl_why why = {0};
        p = NULL;
        test_fail_alloc(i);
        tl_err err = policy_read(&p, slice_str(full), &why);
        bool failed = test_alloc_failed();
        test_fail_alloc(0);
        if (!failed)
            break;
        assert_null(p);
        if (err != TL_E_MEMORY && (i > jansson_allocations || err != TL_E_POLICY))
            fail_msg("allocation %zu: %s %s", i, tl_err_name(err), why.text);
    }
    assert_non_null(p);
    policy_free(p);
    assert_true(jansson_allocations > 20 && i > jansson_allocations + 14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(smallest),
        cmocka_unit_test(hardware),
        cmocka_unit_test(optional_members),
        cmocka_unit_test(tcb_members),
        cmocka_unit_test(attribute_names),
        cmocka_unit_test(simulators),
        cmocka_unit_test(refusals),
        cmocka_unit_test(schema_table),
        cmocka_unit_test(limits),
        cmocka_unit_test(long_paths_are_cut),
        cmocka_unit_test(allocations_fail),
    };
    return cmocka_run_group_tests(tests, make_key, NULL);
}
