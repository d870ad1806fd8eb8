/* The public face of quotes: what is asked, what is answered, and what may be concluded
 * from it. */
#include "testlib.h"

#include "fakedcap.h"
#include "fakedstack.h"
#include "teelog/quote.h"
#include "vector_json.h"

/* A genuine quote, with all that can be asked of it. */
struct fixture {
    struct fake_dcap f;
    struct teelog_quote_options o;
    struct teelog_policy *policy;
    buf log;
    struct fake_dstack stack;
};

static const char compose[] = "{\"docker_compose_file\": \"\"}";

static struct teelog_bytes bytes(slice s)
{
    return (struct teelog_bytes){s.p, s.n};
}

static uint8_t *report_data(struct fake_dcap *f)
{
    return sim_kind_is_tdx(f->kind) ? f->quote.td.report_data : f->quote.body.report_data;
}

/* Makes what was planned, and asks for no more than whether it is genuine. */
static void make(struct fixture *t)
{
    assert_ok(fake_dcap_make(&t->f));
    t->o.quote = bytes(buf_slice(&t->f.quote_bytes));
    t->o.collateral = bytes(buf_slice(&t->f.collateral_json));
    t->o.time = t->f.time;
    t->o.root = t->f.root_hash.b;
}

static void plan(struct fixture *t, enum sim_kind kind)
{
    memset(t, 0, sizeof *t);
    buf_init(&t->log, 100000);
    assert_ok(fake_dcap_init(&t->f, kind));
}

static void set_up(struct fixture *t, enum sim_kind kind)
{
    plan(t, kind);
    make(t);
}

static void tear_down(struct fixture *t)
{
    teelog_policy_free(t->policy);
    buf_finish(&t->log);
    fake_dcap_finish(&t->f);
}

static struct teelog_quote_report *ask(const struct fixture *t)
{
    struct teelog_quote_report *r = NULL;
    assert_ok(teelog_quote_verify(&r, &t->o));
    assert_non_null(r);
    return r;
}

static json_t *json_of(const struct teelog_quote_report *r)
{
    char *text = teelog_quote_report_json(r);
    assert_non_null(text);
    json_error_t error;
    json_t *v = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!v)
        fail_msg("%s: %s", error.text, text);
    free(text);
    return v;
}

static void assert_text(const struct teelog_quote_report *r, const char *want, bool there)
{
    char *text = teelog_quote_report_text(r);
    assert_non_null(text);
    if ((strstr(text, want) != NULL) != there)
        fail_msg("%s in: %s", want, text);
    free(text);
}

/* What must be so of a quote that is not genuine: nothing in it is given away. */
static void expect_stage(const struct fixture *t, const char *stage, const char *detail)
{
    static const char *const names[] = {"mrenclave", "mrsigner", "mrtd", "rtmr3", "mrservicetd"};
    struct teelog_quote_report *r = ask(t);
    assert_false(teelog_quote_ok(r) || teelog_quote_accepted(r) || teelog_quote_pinned(r) ||
                 teelog_quote_simulated(r));
    assert_int_equal(teelog_quote_pin(r), TEELOG_PIN_NONE);
    assert_string_equal(teelog_quote_stage(r), stage);
    assert_null(teelog_quote_tcb_status(r));
    assert_null(teelog_quote_report_data(r));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_null(teelog_quote_measurement(r, names[i]).p);
    json_t *v = json_of(r);
    if (!strstr(vector_str(v, "detail"), detail))
        fail_msg("%s", vector_str(v, "detail"));
    assert_string_equal(vector_str(v, "verdict"), "reject");
    assert_string_equal(vector_str(v, "pin"), "none");
    assert_null(json_object_get(v, "report_data"));
    assert_int_equal(json_array_size(vector_member(v, "policy")), 0);
    json_decref(v);
    assert_text(r, "REJECT: not genuine, at ", true);
    teelog_quote_report_free(r);
}

static void not_genuine(void **state)
{
    (void)state;
    struct fixture t;
    set_up(&t, SIM_SGX_V3);
    t.o.quote.n -= 1;
    expect_stage(&t, "quote", "");
    t.o.quote.n += 1;
    t.o.root = NULL; /* Intel's */
    expect_stage(&t, "root", "");
    t.o.root = t.f.root_hash.b;
    t.o.collateral = (struct teelog_bytes){NULL, 0};
    expect_stage(&t, "collateral", "");
    tear_down(&t);
}

static void check_value(const struct teelog_quote_report *r, const json_t *v, const char *name,
                        const uint8_t *want, size_t size)
{
    struct teelog_bytes got = teelog_quote_measurement(r, name);
    assert_non_null(got.p);
    assert_int_equal(got.n, size);
    assert_memory_equal(got.p, want, size);
    char hex[2 * 64 + 1];
    hex_text(hex, want, size);
    assert_string_equal(vector_str(v, name), hex);
}

static void enclave_values(void **state)
{
    (void)state;
    static const char *const others[] = {"", "mrtd", "rtmr0", "MRENCLAVE", "report_data"};
    struct fixture t;
    plan(&t, SIM_SGX_V3);
    struct sgx_report *s = &t.f.quote.body;
    memset(s->mrenclave, 0xe1, sizeof s->mrenclave);
    memset(s->mrsigner, 0x51, sizeof s->mrsigner);
    memset(s->report_data, 0xda, sizeof s->report_data);
    make(&t);
    struct teelog_quote_report *r = ask(&t);
    json_t *v = json_of(r);
    assert_true(teelog_quote_ok(r) && teelog_quote_simulated(r));
    assert_null(teelog_quote_stage(r));
    assert_string_equal(teelog_quote_tcb_status(r), "UpToDate");
    assert_memory_equal(teelog_quote_report_data(r), s->report_data, sizeof s->report_data);
    check_value(r, v, "mrenclave", s->mrenclave, 32);
    check_value(r, v, "mrsigner", s->mrsigner, 32);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_null(teelog_quote_measurement(r, others[i]).p);
    assert_true(json_is_true(vector_member(v, "simulated")));
    json_decref(v);
    teelog_quote_report_free(r);
    tear_down(&t);
}

/* What the status leaves out is told, and the default policy asks for it. */
static void statuses_apart(void **state)
{
    (void)state;
    static const struct {
        const char *qe, *module, *qe_status, *now, *line; /* NULL: not told */
    } cases[] = {
        {"UpToDate", "UpToDate", NULL, "UpToDate", "TCB: UpToDate as of 2025"},
        {"ConfigurationNeeded", "UpToDate", "ConfigurationNeeded", "UpToDate",
         "; the QE: ConfigurationNeeded\n"},
        {"OutOfDateConfigurationNeeded", "OutOfDate", "OutOfDateConfigurationNeeded", "OutOfDate",
         "; the QE: OutOfDateConfigurationNeeded; now: OutOfDate\n"},
        {"UpToDate", "Revoked", NULL, "Revoked", "; now: Revoked\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture t;
        plan(&t, SIM_TDX_V5_15);
        struct sim_module *m = &t.f.tcb_info.modules[0];
        t.f.qe_identity.levels[0].status = cases[i].qe;
        m->levels[1] = m->levels[0];
        m->level_count = 2;
        m->levels[1].svn = 1;
        m->levels[1].status = cases[i].module;
        t.f.quote.td.tee_tcb_svn2[0] = 1;
        make(&t);
        struct teelog_quote_report *r = ask(&t);
        json_t *v = json_of(r);
        assert_string_equal(vector_str(v, "tcb_status"), "UpToDate");
        assert_string_equal(vector_str(v, "tcb_status_now"), cases[i].now);
        if (cases[i].qe_status)
            assert_string_equal(vector_str(v, "qe_status"), cases[i].qe_status);
        else
            assert_null(json_object_get(v, "qe_status"));
        assert_int_equal(teelog_quote_accepted(r), i == 0);
        assert_text(r, cases[i].line, true);
        assert_text(r, "; now: UpToDate", false);
        json_decref(v);
        teelog_quote_report_free(r);
        tear_down(&t);
    }
    struct fixture t;
    set_up(&t, SIM_SGX_V3);
    struct teelog_quote_report *r = ask(&t);
    json_t *v = json_of(r);
    assert_null(json_object_get(v, "tcb_status_now"));
    json_decref(v);
    teelog_quote_report_free(r);
    tear_down(&t);
}

/* Each value another, so that none can stand for its neighbour. */
static void fill_domain(struct td_report *d)
{
    for (int i = 0; i < 4; i++)
        memset(d->rtmr[i], 0xa0 + i, 48);
    memset(d->mr_td, 0xd0, 48);
    memset(d->mr_config_id, 0xd1, 48);
    memset(d->mr_owner, 0xd2, 48);
    memset(d->mr_owner_config, 0xd3, 48);
    memset(d->report_data, 0xdb, 64);
    if (d->has_15)
        memset(d->mr_service_td, 0xd4, 48);
}

static void domain_values(void **state)
{
    (void)state;
    static const enum sim_kind kinds[] = {SIM_TDX_V4, SIM_TDX_V5_10, SIM_TDX_V5_15};
    static const char *const rtmr[] = {"rtmr0", "rtmr1", "rtmr2", "rtmr3"};
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        struct fixture t;
        plan(&t, kinds[k]);
        struct td_report *d = &t.f.quote.td;
        fill_domain(d);
        make(&t);
        struct teelog_quote_report *r = ask(&t);
        json_t *v = json_of(r);
        for (size_t i = 0; i < 4; i++)
            check_value(r, v, rtmr[i], d->rtmr[i], 48);
        check_value(r, v, "mrtd", d->mr_td, 48);
        check_value(r, v, "mrconfigid", d->mr_config_id, 48);
        check_value(r, v, "mrowner", d->mr_owner, 48);
        check_value(r, v, "mrownerconfig", d->mr_owner_config, 48);
        check_value(r, v, "mrseam", d->mr_seam, 48);
        check_value(r, v, "mrsignerseam", d->mr_signer_seam, 48);
        if (kinds[k] == SIM_TDX_V5_15)
            check_value(r, v, "mrservicetd", d->mr_service_td, 48);
        else
            assert_null(teelog_quote_measurement(r, "mrservicetd").p);
        assert_int_equal(json_object_get(v, "mrservicetd") != NULL, kinds[k] == SIM_TDX_V5_15);
        assert_null(teelog_quote_measurement(r, "mrenclave").p);
        assert_memory_equal(teelog_quote_report_data(r), d->report_data, 64);
        json_decref(v);
        teelog_quote_report_free(r);
        tear_down(&t);
    }
}

/* The verdict on what was asked of the report data. */
static void expect_data(struct fixture *t, const uint8_t *want, size_t n, bool ok)
{
    t->o.report_data = (struct teelog_bytes){want, n};
    struct teelog_quote_report *r = ask(t);
    assert_true(teelog_quote_ok(r));
    if (teelog_quote_accepted(r) != ok)
        fail_msg("%zu bytes", n);
    json_t *v = json_of(r);
    const json_t *rules = vector_member(v, "policy"), *last = json_array_get(rules, 7);
    assert_int_equal(json_array_size(rules), 8);
    for (size_t i = 0; i < 7; i++)
        assert_true(json_is_true(vector_member(json_array_get(rules, i), "ok")));
    assert_string_equal(vector_str(last, "rule"), "report-data");
    assert_int_equal(json_is_true(vector_member(last, "ok")), ok);
    char detail[40];
    snprintf(detail, sizeof detail, "%s the %zu bytes asked for", ok ? "it is" : "it is not", n);
    assert_memory_equal(vector_str(last, "detail"), detail, strlen(detail));
    assert_string_equal(vector_str(v, "verdict"), ok ? "accept" : "reject");
    json_decref(v);
    assert_text(r, "REJECT (simulated): genuine, and its report data is not what was asked for",
                !ok);
    assert_text(r, "not compared", false);
    teelog_quote_report_free(r);
}

static void report_data_is_asked(void **state)
{
    (void)state;
    static const enum sim_kind kinds[] = {SIM_SGX_V3, SIM_TDX_V5_15};
    for (size_t k = 0; k < 2; k++) {
        struct fixture t;
        uint8_t want[65] = {0};
        plan(&t, kinds[k]);
        memset(report_data(&t.f), 0, 64);
        for (uint8_t i = 0; i < 32; i++)
            report_data(&t.f)[i] = want[i] = (uint8_t)(i + 1);
        make(&t);
        struct teelog_quote_report *r = ask(&t);
        assert_true(teelog_quote_accepted(r));
        json_t *v = json_of(r);
        assert_int_equal(json_array_size(vector_member(v, "policy")), 7);
        json_decref(v);
        assert_text(r, "Report data was not compared", true);
        teelog_quote_report_free(r);
        /* Zeros may be said or left out; what is not zero has to be said. */
        for (size_t n = 1; n <= 64; n++)
            expect_data(&t, want, n, n >= 32);
        expect_data(&t, want, 65, false);
        expect_data(&t, want, 0, false);
        for (size_t i = 0; i < 64; i++) {
            want[i] ^= 0x80;
            expect_data(&t, want, 64, false);
            want[i] ^= 0x80;
        }
        tear_down(&t);
    }
}

/* Nothing is not zeros. */
static void no_report_data_is_refused(void **state)
{
    (void)state;
    struct fixture t;
    uint8_t zeros[65] = {0};
    plan(&t, SIM_SGX_V3);
    memset(report_data(&t.f), 0, 64);
    make(&t);
    expect_data(&t, zeros, 0, false);
    expect_data(&t, NULL, 32, false);
    expect_data(&t, zeros, 1, true);
    expect_data(&t, zeros, 64, true);
    expect_data(&t, zeros, 65, false);
    tear_down(&t);
}

/* A policy of one entry. */
static void set_policy(struct fixture *t, const char *entry)
{
    char text[1024], message[200] = "";
    snprintf(text, sizeof text, "{\"teelog_policy\": 1, \"evidence\": [{%s}]}", entry);
    teelog_policy_free(t->policy);
    t->policy = NULL;
    if (teelog_policy_read(&t->policy, text, strlen(text), message, sizeof message) != TL_OK)
        fail_msg("%s", message);
    t->o.policy = t->policy;
}

static void expect_pin(struct fixture *t, const char *entry, enum teelog_pin pin, const char *name,
                       const char *text)
{
    set_policy(t, entry);
    struct teelog_quote_report *r = ask(t);
    assert_true(teelog_quote_ok(r) && teelog_quote_accepted(r) && teelog_quote_simulated(r));
    assert_int_equal(teelog_quote_pin(r), pin);
    assert_int_equal(teelog_quote_pinned(r), pin != TEELOG_PIN_NONE);
    json_t *v = json_of(r);
    assert_string_equal(vector_str(v, "pin"), name);
    assert_int_equal(json_is_true(vector_member(v, "pinned")), pin != TEELOG_PIN_NONE);
    json_decref(v);
    assert_text(r, text, true);
    teelog_quote_report_free(r);
}

static void pins(void **state)
{
    (void)state;
    struct fixture t;
    char entry[400], code[65], signer[65], root[65];
    set_up(&t, SIM_SGX_V3);
    const struct sgx_report *s = &t.f.quote.body;
    hex_text(code, s->mrenclave, 32);
    hex_text(signer, s->mrsigner, 32);
    hex_text(root, t.f.root_hash.b, 32);
    expect_pin(&t, "\"platform\": \"sgx-gramine\"", TEELOG_PIN_NONE, "none",
               "ACCEPT (simulated), not pinned: ");
    snprintf(entry, sizeof entry,
             "\"platform\": \"sgx-gramine\", \"mrsigner\": [\"%s\"], \"isv_prod_id\": [%u], "
             "\"min_isv_svn\": %u",
             signer, (unsigned)s->isv_prod_id, (unsigned)s->isv_svn);
    expect_pin(&t, entry, TEELOG_PIN_SIGNER, "signer",
               "ACCEPT (simulated): genuine, and the policy names its signer, who can");
    snprintf(entry, sizeof entry, "\"platform\": \"sgx-gramine\", \"mrenclave\": [\"%s\"]", code);
    expect_pin(&t, entry, TEELOG_PIN_CODE, "code",
               "ACCEPT (simulated): genuine, and the policy names its code\n");
    /* The simulator's own, which brings its root. */
    t.o.root = NULL;
    snprintf(entry, sizeof entry,
             "\"platform\": \"simulator\", \"root\": \"%s\", \"mrenclave\": [\"%s\"]", root, code);
    expect_pin(&t, entry, TEELOG_PIN_CODE, "code",
               "ACCEPT (simulated): genuine, and the policy names its code\n");
    /* What is not accepted is not pinned, whichever rule refuses it. */
    uint8_t other = (uint8_t)(report_data(&t.f)[0] ^ 1);
    t.o.report_data = (struct teelog_bytes){&other, 1};
    struct teelog_quote_report *r = ask(&t);
    assert_true(teelog_quote_ok(r));
    assert_false(teelog_quote_accepted(r) || teelog_quote_pinned(r));
    assert_int_equal(teelog_quote_pin(r), TEELOG_PIN_NONE);
    teelog_quote_report_free(r);
    tear_down(&t);
}

/* Genuine, and nothing to rely on: the host reads it at will. */
static void debug_is_genuine_and_refused(void **state)
{
    (void)state;
    struct fixture t;
    plan(&t, SIM_SGX_V3);
    t.f.quote.body.flags |= SGX_FLAG_DEBUG;
    make(&t);
    uint8_t other = (uint8_t)(report_data(&t.f)[0] ^ 1);
    t.o.report_data = (struct teelog_bytes){&other, 1};
    struct teelog_quote_report *r = ask(&t);
    assert_true(teelog_quote_ok(r));
    assert_false(teelog_quote_accepted(r));
    assert_text(r, "REJECT (simulated): genuine, and the default policy refuses it", true);
    teelog_quote_report_free(r);
    set_policy(&t, "\"platform\": \"sgx-gramine\"");
    r = ask(&t);
    assert_text(r, "REJECT (simulated): genuine, and the policy refuses it", true);
    teelog_quote_report_free(r);
    tear_down(&t);
}

/* A TD whose RTMRs the log gives. */
static void with_events(struct fixture *t)
{
    plan(t, SIM_TDX_V4);
    fake_dstack_plan(&t->stack);
    hash32 h = sha256(slice_str(compose));
    memcpy(t->stack.compose_hash, h.b, sizeof h.b);
    fake_dstack_put(&t->log, &t->stack);
    assert_ok(buf_err(&t->log));
    memcpy(t->f.quote.td.rtmr, t->stack.rtmr, sizeof t->stack.rtmr);
    make(t);
    t->o.event_log = bytes(buf_slice(&t->log));
    t->o.compose = bytes(slice_str(compose));
}

static void events(void **state)
{
    (void)state;
    struct fixture t;
    with_events(&t);
    struct teelog_quote_report *r = ask(&t);
    assert_true(teelog_quote_accepted(r));
    json_t *v = json_of(r);
    char hex[65];
    hex_text(hex, t.stack.compose_hash, 32);
    assert_string_equal(vector_str(v, "compose_hash"), hex);
    assert_string_equal(vector_str(v, "key_provider"), "kms:3059");
    json_decref(v);
    assert_text(r, "(the compose file's)", true);
    teelog_quote_report_free(r);

    t.o.compose.n -= 1;
    expect_stage(&t, "compose", "is not the compose-hash");
    t.o.compose.n += 1;
    t.o.event_log = (struct teelog_bytes){NULL, 0};
    expect_stage(&t, "compose", "bring it too");
    t.o.compose = (struct teelog_bytes){NULL, 0};
    r = ask(&t);
    assert_true(teelog_quote_accepted(r));
    teelog_quote_report_free(r);
    t.o.event_log = bytes(slice_str("[]"));
    expect_stage(&t, "event-log", "");
    t.o.event_log = bytes(slice_str("["));
    expect_stage(&t, "event-log", "");
    tear_down(&t);
}

static void an_enclave_has_no_events(void **state)
{
    (void)state;
    struct fixture t;
    struct fake_dstack stack;
    set_up(&t, SIM_SGX_V3);
    fake_dstack_plan(&stack);
    fake_dstack_put(&t.log, &stack);
    t.o.event_log = bytes(buf_slice(&t.log));
    expect_stage(&t, "event-log", "an SGX enclave has no event log");
    tear_down(&t);
}

/* Where memory is short there is no verdict, and nothing else is lost. */
static void short_memory(void **state)
{
    (void)state;
    struct fixture t;
    with_events(&t);
    size_t failed = 0;
    for (bool more = true; more; failed++) {
        struct teelog_quote_report *r = NULL;
        test_fail_alloc(failed + 1);
        tl_err err = teelog_quote_verify(&r, &t.o);
        more = test_alloc_failed();
        test_fail_alloc(0);
        if (err == TL_OK) {
            assert_true(teelog_quote_accepted(r));
            teelog_quote_report_free(r);
        } else {
            assert_err(err, TL_E_MEMORY);
            assert_true(more);
            assert_null(r);
        }
    }
    assert_true(failed > 3);
    struct teelog_quote_report *r = ask(&t);
    test_fail_alloc(1);
    assert_null(teelog_quote_report_json(r));
    test_fail_alloc(1);
    assert_null(teelog_quote_report_text(r));
    test_fail_alloc(1);
    struct teelog_quote_cache *cache = NULL;
    assert_err(teelog_quote_cache_new(&cache), TL_E_MEMORY);
    test_fail_alloc(2);
    assert_err(teelog_quote_cache_new(&cache), TL_E_MEMORY);
    assert_null(cache);
    test_fail_alloc(0);
    teelog_quote_report_free(r);
    tear_down(&t);
}

/* The same with a cache, whatever it has seen; and freeing nothing is fine. */
static void caches(void **state)
{
    (void)state;
    struct fixture t;
    struct teelog_quote_cache *cache = NULL;
    assert_ok(teelog_quote_cache_new(&cache));
    set_up(&t, SIM_SGX_V3);
    t.o.cache = cache;
    for (int i = 0; i < 2; i++) {
        struct teelog_quote_report *r = ask(&t);
        assert_true(teelog_quote_accepted(r));
        teelog_quote_report_free(r);
    }
    t.o.root = NULL;
    expect_stage(&t, "root", "");
    teelog_quote_cache_free(cache);
    tear_down(&t);
    teelog_quote_cache_free(NULL);
    teelog_quote_report_free(NULL);
}

static void roots(void **state)
{
    (void)state;
    struct fixture t;
    uint8_t root[32], untouched[32];
    const struct sim_cert *plan_root;
    buf pem;
    set_up(&t, SIM_SGX_V3);
    plan_root = &t.f.root;
    buf_init(&pem, 100000);
    assert_ok(sim_certs_put(&pem, &plan_root, 1));
    assert_ok(teelog_root_from_pem(root, (const char *)pem.p, pem.n));
    assert_memory_equal(root, t.f.root_hash.b, 32);
    memset(root, 0x77, sizeof root);
    memcpy(untouched, root, sizeof root);
    assert_int_not_equal(teelog_root_from_pem(root, (const char *)pem.p, pem.n / 2), TL_OK);
    assert_memory_equal(root, untouched, sizeof root);
    buf_finish(&pem);
    tear_down(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(not_genuine),
        cmocka_unit_test(statuses_apart),
        cmocka_unit_test(enclave_values),
        cmocka_unit_test(domain_values),
        cmocka_unit_test(report_data_is_asked),
        cmocka_unit_test(no_report_data_is_refused),
        cmocka_unit_test(pins),
        cmocka_unit_test(debug_is_genuine_and_refused),
        cmocka_unit_test(events),
        cmocka_unit_test(an_enclave_has_no_events),
        cmocka_unit_test(short_memory),
        cmocka_unit_test(caches),
        cmocka_unit_test(roots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
