/* The vectors of tests/vectors/evidence.json: items as they stand in bundles, with
 * what a verifier says of them. `test_evidence_vectors --write FILE` makes them
 * anew, with fresh signatures. */
#include "testlib.h"

#include "fakeevidence.h"
#include "vector_json.h"

typedef void defect(struct fake_evidence *f);

static void good(struct fake_evidence *f)
{
    (void)f;
}
static void platform_ca(struct fake_evidence *f)
{
    fake_dcap_platform_ca(&f->dcap);
}
static void hardening_needed(struct fake_evidence *f)
{
    f->dcap.tcb_info.levels[0].status = "SWHardeningNeeded";
    f->dcap.tcb_info.levels[0].advisories[0] = "INTEL-SA-00334";
}
static void out_of_date(struct fake_evidence *f)
{
    f->dcap.tcb_info.levels[0].status = "OutOfDate";
}
static void module_not_known(struct fake_evidence *f)
{
    f->dcap.tcb_info.modules[0].id = "TDX_02";
}
static void debug(struct fake_evidence *f)
{
    f->dcap.quote.body.flags |= SGX_FLAG_DEBUG;
    f->dcap.quote.td.td_attributes |= 1;
}
static void revoked(struct fake_evidence *f)
{
    f->dcap.revoked[0] =
        (struct sim_revoked){.serial = SLICE_ARRAY(f->dcap.pck.serial), .time = FAKE_TIME - 7200};
    f->dcap.pck_crl.revoked = f->dcap.revoked;
    f->dcap.pck_crl.revoked_count = 1;
}
static void expired(struct fake_evidence *f)
{
    f->dcap.time += 31 * FAKE_DAY;
}
static void not_yet(struct fake_evidence *f)
{
    f->dcap.time -= 3601;
}
static void other_fmspc(struct fake_evidence *f)
{
    f->dcap.tcb_info.fmspc[5] ^= 1;
}
static void no_collateral(struct fake_evidence *f)
{
    f->dcap.no_collateral = true;
}
static void tcb_info_forged(struct fake_evidence *f)
{
    f->dcap.tcb_info_signed.key = f->dcap.stranger_key;
}
static void pck_forged(struct fake_evidence *f)
{
    f->dcap.pck.issuer_key = f->dcap.stranger_key;
}
static void qe_forged(struct fake_evidence *f)
{
    f->dcap.qe_key = f->dcap.stranger_key;
}
static void qe_other_key(struct fake_evidence *f)
{
    f->dcap.qe.report_data[0] ^= 1;
    f->dcap.qe_report_data_is_set = true;
}
static void qe_other_signer(struct fake_evidence *f)
{
    f->dcap.qe.mrsigner[0] ^= 1;
}
static void quote_forged(struct fake_evidence *f)
{
    static const uint8_t one[64] = {[31] = 1, [63] = 1};
    f->dcap.quote_signature = one;
}
static void chain_apart(struct fake_evidence *f)
{
    f->dcap.pck_chain_apart = true;
}
static void trailing(struct fake_evidence *f)
{
    f->dcap.quote_trailing = slice_of("", 1);
}
static void with_log(struct fake_evidence *f)
{
    f->log = "[]";
}
static void without_log(struct fake_evidence *f)
{
    f->no_log = true;
}
static void other_rtmr2(struct fake_evidence *f)
{
    f->spoil[2] = 1;
}
static void other_rtmr3(struct fake_evidence *f)
{
    f->spoil[3] = 1;
}

static const struct {
    const char *name;
    enum sim_kind kind;
    const char *platform;
    defect *change;
    bool other_root;
} cases[] = {
    {"a simulated enclave, version 3", SIM_SGX_V3, "simulator", good, false},
    {"a simulated TD, version 5", SIM_TDX_V5_10, "simulator", good, false},
    {"an enclave, version 3", SIM_SGX_V3, "sgx-gramine", good, false},
    {"an enclave, version 4, of a Platform CA", SIM_SGX_V4, "sgx-gramine", platform_ca, false},
    {"an enclave, version 5", SIM_SGX_V5, "sgx-gramine", hardening_needed, false},
    {"an enclave whose chain comes with the collateral", SIM_SGX_V3, "sgx-gramine", chain_apart,
     false},
    {"a TD of dstack, version 4", SIM_TDX_V4, "tdx-dstack", good, false},
    {"a TD of dstack, version 5, 1.5", SIM_TDX_V5_15, "tdx-dstack", good, false},
    {"a TD, version 4", SIM_TDX_V4, "tdx-tsm", good, false},
    {"a TD, version 5, 1.0", SIM_TDX_V5_10, "tdx-tsm", good, false},
    {"a platform that is not known", SIM_SGX_V3, "sgx", good, false},
    {"a simulator that the policy does not name", SIM_SGX_V3, "simulator", good, true},
    {"a root that is not the hardware's", SIM_TDX_V4, "tdx-tsm", good, true},
    {"a byte after a simulated quote", SIM_SGX_V4, "simulator", trailing, false},
    {"a simulated chain that comes with the collateral", SIM_SGX_V3, "simulator", chain_apart,
     false},
    {"an event log of an enclave", SIM_SGX_V3, "sgx-gramine", with_log, false},
    {"dstack without its event log", SIM_TDX_V4, "tdx-dstack", without_log, false},
    {"an enclave as a TD", SIM_SGX_V4, "tdx-tsm", good, false},
    {"a TD as an enclave", SIM_TDX_V4, "sgx-gramine", good, false},
    {"an event log with another RTMR2", SIM_TDX_V4, "tdx-dstack", other_rtmr2, false},
    {"an event log with another RTMR3", SIM_TDX_V5_15, "tdx-dstack", other_rtmr3, false},
    {"no collateral", SIM_SGX_V3, "sgx-gramine", no_collateral, false},
    {"collateral that has expired", SIM_SGX_V3, "sgx-gramine", expired, false},
    {"collateral of a later time", SIM_TDX_V4, "tdx-tsm", not_yet, false},
    {"collateral of another platform", SIM_SGX_V4, "sgx-gramine", other_fmspc, false},
    {"TCB info signed by a stranger", SIM_SGX_V3, "sgx-gramine", tcb_info_forged, false},
    {"a PCK certificate signed by a stranger", SIM_TDX_V4, "tdx-tsm", pck_forged, false},
    {"a PCK certificate that is revoked", SIM_TDX_V4, "tdx-dstack", revoked, false},
    {"a QE report signed by a stranger", SIM_SGX_V3, "simulator", qe_forged, false},
    {"a QE that vouches for another key", SIM_SGX_V4, "sgx-gramine", qe_other_key, false},
    {"another signer's QE", SIM_SGX_V3, "sgx-gramine", qe_other_signer, false},
    {"a quote not signed by its key", SIM_TDX_V5_15, "tdx-tsm", quote_forged, false},
    {"a TDX module that is not known", SIM_TDX_V4, "tdx-tsm", module_not_known, false},
    {"a TCB out of date", SIM_SGX_V3, "sgx-gramine", out_of_date, false},
    {"a debug enclave", SIM_SGX_V5, "sgx-gramine", debug, false},
    {"a debug TD", SIM_TDX_V4, "tdx-dstack", debug, false},
};
#define CASES (sizeof cases / sizeof cases[0])

static json_t *hex_json(const uint8_t *p, size_t n)
{
    char hex[129];
    hex_text(hex, p, n);
    return json_string(hex);
}

static json_t *base64_json(slice bytes)
{
    buf b;
    buf_init(&b, 1 << 20);
    base64_put(&b, bytes);
    json_t *out = json_stringn((const char *)b.p, b.n);
    buf_finish(&b);
    return out;
}

/* What a genuine quote shows. Members that its kind does not have are left out. */
static json_t *shown(const struct evidence_report *r)
{
    const struct evidence_code *c = &r->code;
    json_t *v = json_object();
    json_object_set_new(v, "report_data", hex_json(r->report_data, 64));
    json_object_set_new(v, "root", hex_json(c->root.b, 32));
    json_object_set_new(v, "tcb_status", json_string(tcb_status_name(r->tcb.status)));
    json_object_set_new(v, "tcb_date", json_integer((json_int_t)r->tcb.date));
    if (!c->tdx) {
        json_object_set_new(v, "mrenclave", hex_json(c->mrenclave, 32));
        json_object_set_new(v, "mrsigner", hex_json(c->mrsigner, 32));
        json_object_set_new(v, "isv_prod_id", json_integer(c->isv_prod_id));
        json_object_set_new(v, "isv_svn", json_integer(c->isv_svn));
        return v;
    }
    bool dstack = c->platform == PLATFORM_TDX_DSTACK;
    json_t *rtmr = json_array();
    for (size_t i = 0; i < (dstack ? 3 : 4); i++)
        json_array_append_new(rtmr, hex_json(c->rtmr[i], 48));
    json_object_set_new(v, "mrtd", hex_json(c->mr_td, 48));
    json_object_set_new(v, "rtmr", rtmr);
    if (dstack) {
        json_object_set_new(v, "compose_hash", hex_json(c->compose_hash, 32));
        json_object_set_new(v, "app_id", hex_json(c->app_id, 20));
        json_object_set_new(v, "os_image_hash", hex_json(c->os_image_hash, 32));
        json_object_set_new(v, "key_provider", json_string(c->key_provider));
    }
    return v;
}

/* Signatures differ each time they are made; so the first good collateral of each
 * kind of TEE serves wherever it gives the same report. Makes *r. */
static void share(struct evidence_report *r, struct fake_evidence *f, buf common[2])
{
    static struct evidence_report own;
    buf *b = &common[sim_kind_is_tdx(f->dcap.kind)];
    slice collateral = f->collateral;
    if (b->n == 0)
        buf_bytes(b, collateral);
    fake_evidence_judge(&own, f);
    if (collateral.p)
        f->collateral = buf_slice(b);
    fake_evidence_judge(r, f);
    if (memcmp(r, &own, sizeof own) == 0)
        return;
    f->collateral = collateral;
    *r = own;
}

/* The number of a text in the table, which it is put into where it is new. */
static json_t *number_of(json_t *table, slice text)
{
    if (!text.p)
        return json_null();
    json_t *new = json_stringn((const char *)text.p, text.n);
    size_t i = 0;
    while (i < json_array_size(table) && !json_equal(json_array_get(table, i), new))
        i++;
    if (i == json_array_size(table))
        json_array_append(table, new);
    json_decref(new);
    return json_integer((json_int_t)i);
}

static json_t *vector(size_t i, json_t *table, buf common[2])
{
    static struct fake_evidence f;
    static struct evidence_report r;
    buf item;
    fake_evidence_start(&f, cases[i].kind, cases[i].platform);
    cases[i].change(&f);
    fake_evidence_make(&f);
    hash32 root = f.dcap.root_hash;
    if (cases[i].other_root)
        root = sha256(slice_str("another root"));
    f.entry.simulator_root = root;
    f.context.hardware_root = &root;
    if (f.policy.simulator)
        f.context.policy = &f.policy;
    share(&r, &f, common);
    buf_init(&item, EVIDENCE_MAX);
    evidence_put(&item, &f.e);
    json_t *v = json_object();
    json_object_set_new(v, "name", json_string(cases[i].name));
    json_object_set_new(v, "item", base64_json(buf_slice(&item)));
    json_object_set_new(v, "collateral", number_of(table, f.collateral));
    json_object_set_new(v, "time", json_integer((json_int_t)f.context.time));
    json_object_set_new(v, f.policy.simulator ? "simulator_root" : "hardware_root",
                        hex_json(root.b, 32));
    json_object_set_new(v, "stage", r.genuine ? json_null() : json_string(r.stage));
    if (r.genuine)
        json_object_set_new(v, "shown", shown(&r));
    buf_finish(&item);
    fake_evidence_finish(&f);
    return v;
}

static int write_vectors(const char *path)
{
    buf common[2];
    json_t *table = json_array(), *all = json_array(), *file = json_object();
    buf_init(&common[0], COLLATERAL_MAX);
    buf_init(&common[1], COLLATERAL_MAX);
    for (size_t i = 0; i < CASES; i++)
        json_array_append_new(all, vector(i, table, common));
    json_object_set_new(file, "collateral", table);
    json_object_set_new(file, "vectors", all);
    int failed = json_dump_file(file, path, JSON_INDENT(1));
    json_decref(file);
    buf_finish(&common[0]);
    buf_finish(&common[1]);
    return failed ? 1 : 0;
}

static void check_vector(const json_t *v, const json_t *table)
{
    static struct evidence_report r;
    struct evidence e;
    const json_t *number = vector_member(v, "collateral");
    const char *stage = json_string_value(vector_member(v, "stage"));
    const char *item64 = vector_str(v, "item");
    slice collateral = {NULL, 0};
    buf item;
    buf_init(&item, EVIDENCE_MAX);
    assert_ok(base64_read(&item, slice_str(item64)));
    assert_ok(evidence_read(&e, buf_slice(&item)));
    if (!json_is_null(number)) {
        const json_t *text = json_array_get(table, (size_t)json_integer_value(number));
        collateral = slice_of(json_string_value(text), json_string_length(text));
    }
    const char *simulator = json_string_value(json_object_get(v, "simulator_root"));
    hash32 root = vector_hash(simulator ? simulator : vector_str(v, "hardware_root"));
    struct policy_evidence entry = {.platform = PLATFORM_SIMULATOR, .simulator_root = root};
    const struct policy policy = {.evidence_count = 1, .evidence = &entry, .simulator = true};
    const struct evidence_context context = {
        .time = vector_int(v, "time"),
        .policy = simulator ? &policy : NULL,
        .hardware_root = simulator ? NULL : &root,
    };
    evidence_verify(&r, &e, collateral, &context);
    fake_evidence_expect(&r, vector_str(v, "name"), stage);
    assert_int_equal(json_object_get(v, "shown") != NULL, r.genuine);
    if (r.genuine) {
        json_t *found = shown(&r);
        assert_true(json_equal(found, vector_member(v, "shown")));
        json_decref(found);
    }
    buf_finish(&item);
}

static void test_published(void **state)
{
    (void)state;
    json_t *file = vector_file(test_source("vectors/evidence.json"));
    const json_t *all = vector_member(file, "vectors");
    assert_int_equal(json_array_size(all), CASES);
    for (size_t i = 0; i < CASES; i++) {
        const json_t *v = json_array_get(all, i);
        assert_string_equal(vector_str(v, "name"), cases[i].name);
        check_vector(v, vector_member(file, "collateral"));
    }
    json_decref(file);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--write") == 0)
        return write_vectors(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
