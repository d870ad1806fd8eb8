/* The picture of a quote: every field where it belongs, in both renderings, and
 * nothing of a quote breaks out of them. */
#include "derparts.h"
#include "quoteparts.h"
#include "vector_json.h"

#include "base/calendar.h"
#include "codec/pem.h"
#include "tee/sim_pki.h"
#include "teelog/quote.h"

#include <dirent.h>

#define NOW 1790000000

static struct sim_chain_keys keys;
static struct sim_cert plan[3];

static int make_keys(void **state)
{
    (void)state;
    assert_ok(es256_generate(&keys.root));
    assert_ok(es256_generate(&keys.intermediate));
    assert_ok(es256_generate(&keys.pck));
    return 0;
}

static int drop_keys(void **state)
{
    (void)state;
    es256_free(keys.root);
    es256_free(keys.intermediate);
    es256_free(keys.pck);
    return 0;
}

static buf chain_pem(void)
{
    buf pem;
    buf_init(&pem, 65536);
    assert_ok(sim_chain_put(&pem, plan));
    return pem;
}

static char *show(const struct quote_shape *s, bool json)
{
    char *out, message[200];
    buf b = quote_make(s);
    tl_err err = teelog_quote_show(&out, b.p, b.n, json, message, sizeof message);
    if (err != TL_OK)
        fail_msg("%s", message);
    buf_finish(&b);
    return out;
}

static json_t *show_json(const struct quote_shape *s)
{
    json_error_t error;
    char *text = show(s, true);
    json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!j)
        fail_msg("%s\n%s", error.text, text);
    assert_true(json_is_false(vector_member(j, "verified")));
    free(text);
    return j;
}

static void is_hex(const json_t *group, const char *name, const uint8_t *p, size_t n)
{
    char text[2 * 1024 + 1];
    hex_text(text, p, n);
    assert_string_equal(vector_str(group, name), text);
}

/* A member that is the bytes at this offset; of at most 2, a number. */
struct place {
    const char *name;
    size_t at, n;
};
static const struct place sgx_places[] = {
    {"cpu_svn", 0, 16},       {"misc_select", 16, 4}, {"isv_ext_prod_id", 32, 16},
    {"attributes", 48, 8},    {"xfrm", 56, 8},        {"mrenclave", 64, 32},
    {"mrsigner", 128, 32},    {"config_id", 192, 64}, {"isv_prod_id", 256, 2},
    {"isv_svn", 258, 2},      {"config_svn", 260, 2}, {"isv_family_id", 304, 16},
    {"report_data", 320, 64},
};
static const struct place td_places[] = {
    {"tee_tcb_svn", 0, 16},
    {"tdx_module_svn", 0, 1},
    {"tdx_module_version", 1, 1},
    {"seam_loader_svn", 2, 1},
    {"mrseam", 16, 48},
    {"mrsignerseam", 64, 48},
    {"seam_attributes", 112, 8},
    {"td_attributes", 120, 8},
    {"xfam", 128, 8},
    {"mrtd", 136, 48},
    {"mrconfigid", 184, 48},
    {"mrowner", 232, 48},
    {"mrownerconfig", 280, 48},
    {"rtmr0", 328, 48},
    {"rtmr1", 376, 48},
    {"rtmr2", 424, 48},
    {"rtmr3", 472, 48},
    {"report_data", 520, 64},
    /* 1.5 */
    {"tee_tcb_svn2", 584, 16},
    {"mrservicetd", 600, 48},
    /* 1.5-Ex */
    {"vm_id", 648, 1},
    {"td_id", 649, 32},
    {"dev_info", 681, 48},
    {"init_servtd_hash", 729, 48},
    {"init_servtd_attributes", 777, 8},
    {"init_cpu_svn", 785, 16},
    {"init_tee_tcb_svn", 801, 16},
    {"init_tee_fmspc", 817, 12},
    {"cur_servtd_hash", 829, 48},
    {"cur_servtd_attributes", 877, 8},
};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void has_places(const json_t *group, const struct place *places, size_t count,
                       const uint8_t *p, size_t n, size_t bits)
{
    size_t there = 0;
    for (size_t i = 0; i < count; i++) {
        const struct place *at = &places[i];
        if (at->at + at->n > n) {
            assert_null(json_object_get(group, at->name));
            continue;
        }
        there++;
        if (json_is_integer(vector_member(group, at->name)))
            assert_int_equal(vector_int(group, at->name),
                             at->n == 1 ? p[at->at] : p[at->at] | p[at->at + 1] << 8);
        else
            is_hex(group, at->name, p + at->at, at->n);
    }
    assert_int_equal(json_object_size(group), there + bits);
}

static void count_up(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(i * 7 + i / 256 * 3 + 1);
}

static void has_header(const json_t *j, const struct quote_shape *s)
{
    const json_t *h = vector_member(j, "header"), *g = vector_member(j, "signature");
    uint8_t filled[64];
    assert_int_equal(vector_int(h, "version"), s->version);
    assert_int_equal(vector_int(h, "key_type"), 2);
    assert_int_equal(vector_int(h, "tee_type"), s->tee_type);
    assert_string_equal(vector_str(h, "tee_type_name"), s->tee_type ? "TDX" : "SGX");
    assert_int_equal(vector_int(h, s->version == 3 ? "qe_svn" : "reserved_at_8"), 0x1234);
    assert_int_equal(vector_int(h, s->version == 3 ? "pce_svn" : "reserved_at_10"), 0x5678);
    is_hex(h, "qe_vendor_id", quote_intel_vendor_id, 16);
    memset(filled, 'u', sizeof filled);
    is_hex(h, "user_data", filled, 20);
    assert_int_equal(vector_int(h, "body_type"), s->body_type);
    assert_int_equal(vector_int(h, "body_size"), s->body);
    memset(filled, 'S', sizeof filled);
    is_hex(g, "quote_signature", filled, 64);
    memset(filled, 'K', sizeof filled);
    is_hex(g, "attestation_key", filled, 64);
    memset(filled, 's', sizeof filled);
    is_hex(g, "qe_report_signature", filled, 64);
    memset(filled, 'a', sizeof filled);
    is_hex(g, "qe_auth_data", filled, s->qe_auth);
    const json_t *sizes = vector_member(j, "sizes");
    assert_int_equal(vector_int(sizes, "trailing_bytes"), s->trailing);
    assert_int_equal(vector_int(sizes, "signed_bytes"), s->body + (s->version == 5 ? 54u : 48u));
}

static void every_field(void **state)
{
    (void)state;
    static const char *const kinds[] = {"SGX enclave report", "TD report 1.0", "TD report 1.5",
                                        "TD report 1.5, extended"};
    uint8_t body[TD_REPORT_15EX_SIZE], qe[SGX_REPORT_SIZE];
    count_up(body, sizeof body);
    count_up(qe, sizeof qe);
    for (size_t i = 0; i < sizeof qe; i++)
        qe[i] ^= 0xff;
    for (size_t i = 0; i < QUOTE_SHAPES; i++) {
        struct quote_shape s = quote_shapes[i];
        s.body_bytes = body;
        s.qe_bytes = qe;
        s.trailing = 39;
        json_t *j = show_json(&s);
        has_header(j, &s);
        assert_string_equal(vector_str(vector_member(j, "header"), "body_type_name"),
                            kinds[s.body_type - 1]);
        if (s.tee_type)
            has_places(vector_member(j, "body"), td_places, COUNT(td_places), body, s.body, 2);
        else
            has_places(vector_member(j, "body"), sgx_places, COUNT(sgx_places), body, s.body, 3);
        has_places(vector_member(j, "qe_report"), sgx_places, COUNT(sgx_places), qe, 384, 3);
        assert_int_equal(json_object_size(j), 7);
        json_decref(j);
    }
}

static void are_bits(const json_t *group, const char *name, const char *want)
{
    char got[600] = "";
    size_t n = 0;
    const json_t *list = vector_member(group, name), *v;
    size_t i;
    assert_true(json_is_array(list));
    json_array_foreach(list, i, v)
    {
        n += (size_t)snprintf(got + n, sizeof got - n, "%s%s", i ? " " : "", json_string_value(v));
        assert_true(n < sizeof got);
    }
    assert_string_equal(got, want);
}

static void bits_by_name(void **state)
{
    (void)state;
    uint8_t body[TD_REPORT_10_SIZE] = {0};
    struct quote_shape sgx = {QUOTE_SGX(3)}, td = {QUOTE_TDX(4, 2, 584)};
    sgx.body_bytes = td.body_bytes = body;
    json_t *j = show_json(&sgx);
    are_bits(vector_member(j, "body"), "attributes_bits", "");
    json_decref(j);
    memset(body + 48, 0xff, 2); /* flags; the second byte has one name, of bit 10 */
    body[56] = 0xe7;
    body[57] = 0x02;
    body[16] = 7;
    j = show_json(&sgx);
    are_bits(vector_member(j, "body"), "attributes_bits",
             "INIT DEBUG MODE64BIT bit 3 PROVISION_KEY EINITTOKEN_KEY CET KSS bit 8 bit 9 "
             "AEX_NOTIFY bit 11 bit 12 bit 13 bit 14 bit 15");
    are_bits(vector_member(j, "body"), "xfrm_bits", "X87 SSE AVX OPMASK ZMM_HI256 HI16_ZMM PKRU");
    are_bits(vector_member(j, "body"), "misc_select_bits", "EXINFO CPINFO bit 2");
    json_decref(j);
    memset(body, 0, sizeof body);
    body[120] = 0x71;
    body[122] = 0x07;
    body[123] = 0xf8;
    body[127] = 0xc0;
    body[130] = 0x0e;
    j = show_json(&td);
    are_bits(vector_member(j, "body"), "td_attributes_bits",
             "DEBUG HGS_PLUS_PROF PERF_PROF PMT_PROF ICSSD SERVTD_EXT bit 18 LASS SEPT_VE_DISABLE "
             "MIGRATABLE PKS KEY_LOCKER TPA PERFMON");
    are_bits(vector_member(j, "body"), "xfam_bits", "TILECFG TILEDATA APX");
    json_decref(j);
}

/* A line of the text, whole. */
static void has_line(const char *text, const char *line)
{
    char want[700];
    snprintf(want, sizeof want, "\n%s\n", line);
    if (!strstr(text, want))
        fail_msg("no line \"%s\" in\n%s", line, text);
}

static void text_for_people(void **state)
{
    (void)state;
    static const char first[] = "not verified: use teelog quote verify\n\nheader\n";
    uint8_t body[SGX_REPORT_SIZE] = {0};
    body[48] = 5;
    assert_ok(sim_chain_plan(plan, &keys, NOW));
    buf pem = chain_pem();
    struct quote_shape s = {QUOTE_SGX(3)};
    s.body_bytes = body;
    s.cert_bytes = pem.p;
    s.cert = pem.n;
    char *text = show(&s, false);
    assert_memory_equal(text, first, sizeof first - 1);
    has_line(text, "  version                   3");
    has_line(text, "  key type                  2 (ECDSA P-256)");
    has_line(text, "  tee type                  0 (SGX)");
    has_line(text, "  qe vendor id              939a7233f79c4ca9940a0db3957f0607");
    has_line(text, "\nbody");
    has_line(text, "  attributes                0500000000000000\n"
                   "                            INIT, MODE64BIT");
    has_line(text, "  misc select               00000000\n"
                   "                            none");
    has_line(text, "\ncertification");
    has_line(text, "  type                      5 (PCK certificate chain)");
    has_line(text, "  pck");
    has_line(text, "    fmspc                   7465656c6f67");
    has_line(text, "    not before              2026-09-20 14:13:20 UTC");
    has_line(text, "  intermediate");
    has_line(text, "  root");
    has_line(text, "  trailing bytes            0");
    for (const char *p = text; *p; p++)
        assert_true(*p == '\n' || (*p >= 0x20 && *p < 0x7f));
    free(text);
    buf_finish(&pem);
}

static void is_cert(const json_t *chain, const char *group, size_t i)
{
    const json_t *c = vector_member(chain, group);
    char name[300];
    buf spki;
    snprintf(name, sizeof name, "CN=%s", plan[i].subject);
    assert_memory_equal(vector_str(c, "subject"), name, strlen(name));
    snprintf(name, sizeof name, "CN=%s", plan[i].issuer);
    assert_memory_equal(vector_str(c, "issuer"), name, strlen(name));
    is_hex(c, "serial", plan[i].serial, 16);
    char date[CALENDAR_TEXT];
    assert_string_equal(vector_str(c, "not_before"), calendar_rfc3339(date, plan[i].not_before));
    assert_string_equal(vector_str(c, "not_after"), calendar_rfc3339(date, plan[i].not_after));
    buf_init(&spki, 100);
    sim_spki_put(&spki, plan[i].key);
    hash32 h = sha256(buf_slice(&spki));
    is_hex(c, "key_sha256", h.b, 32);
    assert_int_equal(json_object_size(c), i ? 6 : 6 + 12);
    buf_finish(&spki);
}

static void the_pck_chain(void **state)
{
    (void)state;
    static const struct sgx_extension sgx = {
        .ppid = {1, 2, 3},
        .pce_id = {4, 5},
        .fmspc = {0xb0, 0xc0, 0x6f, 0, 0, 1},
        .components = {200, 1, 2, [15] = 255},
        .pce_svn = 0x1234,
        .cpu_svn = {9, 8, 7},
        .type = SGX_SCALABLE_INTEGRITY,
        .platform_ca = true,
        .instance_id = {6, 6, 6},
        .dynamic_platform = true,
        .smt_enabled = true,
    };
    struct quote_shape s = {QUOTE_TDX(5, 3, 648)};
    assert_ok(sim_chain_plan(plan, &keys, NOW));
    plan[0].sgx = &sgx;
    buf pem = chain_pem();
    s.cert_bytes = pem.p;
    s.cert = pem.n;
    json_t *j = show_json(&s);
    const json_t *c = vector_member(j, "certification"), *pck = vector_member(c, "pck");
    assert_int_equal(vector_int(c, "type"), 5);
    assert_string_equal(vector_str(c, "type_name"), "PCK certificate chain");
    assert_int_equal(vector_int(c, "size"), pem.n);
    assert_int_equal(json_object_size(c), 6);
    is_cert(c, "pck", 0);
    is_cert(c, "intermediate", 1);
    is_cert(c, "root", 2);
    is_hex(pck, "ppid", sgx.ppid, 16);
    is_hex(pck, "pce_id", sgx.pce_id, 2);
    is_hex(pck, "fmspc", sgx.fmspc, 6);
    is_hex(pck, "cpu_svn", sgx.cpu_svn, 16);
    is_hex(pck, "platform_instance_id", sgx.instance_id, 16);
    assert_int_equal(vector_int(pck, "pce_svn"), 0x1234);
    assert_int_equal(vector_int(pck, "sgx_type"), 2);
    assert_string_equal(vector_str(pck, "sgx_type_name"), "scalable with integrity");
    assert_true(json_is_true(vector_member(pck, "dynamic_platform")));
    assert_true(json_is_false(vector_member(pck, "cached_keys")));
    assert_true(json_is_true(vector_member(pck, "smt_enabled")));
    const json_t *svns = vector_member(pck, "component_svns");
    assert_int_equal(json_array_size(svns), 16);
    for (size_t i = 0; i < 16; i++)
        assert_int_equal(json_integer_value(json_array_get(svns, i)), sgx.components[i]);
    json_decref(j);
    char *text = show(&s, false);
    has_line(text, "    component svns          200 1 2 0 0 0 0 0 0 0 0 0 0 0 0 255");
    has_line(text, "    sgx type                2 (scalable with integrity)");
    has_line(text, "    dynamic platform        yes");
    has_line(text, "    cached keys             no");
    free(text);
    buf_finish(&pem);
}

/* The Processor CA's form has no platform members. */
static void a_processors_leaf(void **state)
{
    (void)state;
    static const struct sgx_extension sgx = {.type = SGX_STANDARD};
    struct quote_shape s = {QUOTE_SGX(4)};
    buf der, pem;
    assert_ok(sim_chain_plan(plan, &keys, NOW));
    plan[0].sgx = &sgx;
    buf_init(&der, 65536);
    buf_init(&pem, 65536);
    assert_ok(sim_cert_put(&der, &plan[0]));
    pem_put(&pem, buf_slice(&der));
    s.cert_type = 4;
    s.cert_bytes = pem.p;
    s.cert = pem.n;
    json_t *j = show_json(&s);
    const json_t *c = vector_member(j, "certification");
    assert_string_equal(vector_str(c, "type_name"), "PCK certificate");
    assert_int_equal(json_object_size(c), 4);
    assert_int_equal(json_object_size(vector_member(c, "pck")), 6 + 8);
    assert_string_equal(vector_str(vector_member(c, "pck"), "sgx_type_name"), "standard");
    json_decref(j);
    pem_put(&pem, buf_slice(&der)); /* two certificates are no leaf */
    s.cert_bytes = pem.p;
    s.cert = pem.n;
    j = show_json(&s);
    vector_str(vector_member(j, "certification"), "unreadable");
    assert_null(json_object_get(vector_member(j, "certification"), "pck"));
    json_decref(j);
    buf_finish(&der);
    buf_finish(&pem);
}

/* Types 1 to 3: PPID, CPUSVN, PCESVN and PCEID. */
static void platforms_by_number(void **state)
{
    (void)state;
    static const struct {
        uint16_t type;
        size_t ppid;
        const char *name, *kind;
    } cases[] = {{1, 16, "ppid", "PPID in clear"},
                 {2, 256, "encrypted_ppid", "PPID encrypted, RSA-2048"},
                 {3, 384, "encrypted_ppid", "PPID encrypted, RSA-3072"}};
    uint8_t data[404];
    count_up(data, sizeof data);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct quote_shape s = {QUOTE_SGX(3)};
        size_t n = cases[i].ppid;
        s.cert_type = cases[i].type;
        s.cert_bytes = data;
        s.cert = n + 20;
        json_t *j = show_json(&s);
        const json_t *c = vector_member(j, "certification");
        assert_string_equal(vector_str(c, "type_name"), cases[i].kind);
        is_hex(c, cases[i].name, data, n);
        is_hex(c, "cpu_svn", data + n, 16);
        assert_int_equal(vector_int(c, "pce_svn"), data[n + 16] | data[n + 17] << 8);
        is_hex(c, "pce_id", data + n + 18, 2);
        assert_int_equal(json_object_size(c), 7);
        json_decref(j);
    }
    /* Intel's own sample ends after the PCE's SVN. */
    struct quote_shape s = {QUOTE_SGX(3)};
    s.cert_type = 1;
    s.cert_bytes = data;
    s.cert = 16 + 16 + 2;
    json_t *j = show_json(&s);
    const json_t *c = vector_member(j, "certification");
    is_hex(c, "cpu_svn", data + 16, 16);
    assert_int_equal(vector_int(c, "pce_svn"), data[32] | data[33] << 8);
    assert_int_equal(json_object_size(c), 6);
    json_decref(j);
}

/* Whatever a certificate is called, it stays one field, on one line. */
static void names_stay_in_their_place(void **state)
{
    (void)state;
    static const char name[] = "SGX PCK Certificate\"\\\n\x1b[31m\xc3\xa9, O=Intel+<;>";
    struct quote_shape s = {QUOTE_SGX(3)};
    assert_ok(sim_chain_plan(plan, &keys, NOW));
    plan[0].subject = name;
    buf pem = chain_pem();
    s.cert_bytes = pem.p;
    s.cert = pem.n;
    json_t *j = show_json(&s);
    const char *subject =
        vector_str(vector_member(vector_member(j, "certification"), "pck"), "subject");
    static const char want[] =
        "CN=SGX PCK Certificate\\\"\\\\\n\x1b[31m\xc3\xa9\\, O\\=Intel\\+\\<\\;\\>";
    assert_memory_equal(subject, want, sizeof want - 1);
    json_decref(j);
    char *text = show(&s, false);
    assert_non_null(
        strstr(text, "CN=SGX PCK Certificate\\\"\\\\??[31m??\\, O\\=Intel\\+\\<\\;\\>"));
    for (const char *p = text; *p; p++)
        assert_true(*p == '\n' || (*p >= 0x20 && *p < 0x7f));
    free(text);
    buf_finish(&pem);
}

/* The leaf in PEM with another subject: SET { SEQUENCE { type, "x" NUL "y" } }. */
static void attribute_is(const char *oid_hex, const char *want)
{
    struct quote_shape s = {QUOTE_SGX(3)};
    char hex[200];
    size_t n;
    buf der, changed, pem;
    buf_init(&der, 65536);
    buf_init(&pem, 65536);
    assert_ok(sim_cert_put(&der, &plan[0]));
    struct der_signed parts = der_apart(buf_slice(&der));
    size_t oid_n = strlen(oid_hex) / 2;
    snprintf(hex, sizeof hex,
             "30%02zx31%02zx30%02zx06%02zx%s0c03780079"
             "310a300806035504030c0161",
             oid_n + 11 + 12, oid_n + 9, oid_n + 7, oid_n, oid_hex);
    uint8_t *name = test_hex(hex, &n);
    parts.field[5] = slice_of(name, n);
    der_together(&changed, &parts);
    pem_put(&pem, buf_slice(&changed));
    s.cert_type = 4;
    s.cert_bytes = pem.p;
    s.cert = pem.n;
    json_t *j = show_json(&s);
    const json_t *c = vector_member(j, "certification");
    assert_string_equal(vector_str(vector_member(c, "pck"), "subject"), want);
    json_decref(j);
    free(name);
    buf_finish(&der);
    buf_finish(&changed);
    buf_finish(&pem);
}

static void attributes_of_names(void **state)
{
    (void)state;
    assert_ok(sim_chain_plan(plan, &keys, NOW));
    attribute_is("550406", "C=x?y, CN=a");
    attribute_is("550407", "L=x?y, CN=a");
    attribute_is("550408", "ST=x?y, CN=a");
    attribute_is("55040a", "O=x?y, CN=a");
    attribute_is("55040b", "OU=x?y, CN=a");
    attribute_is("550405", "#550405=x?y, CN=a");
    attribute_is("550506", "#550506=x?y, CN=a");
    attribute_is("2b0601040106", "#2b0601040106=x?y, CN=a");
}

static void what_is_no_quote(void **state)
{
    (void)state;
    char *out = NULL, message[100] = "";
    struct quote_shape s = {QUOTE_SGX(2)};
    buf b = quote_make(&s);
    assert_err(teelog_quote_show(&out, b.p, b.n, true, message, sizeof message), TL_E_QUOTE);
    assert_null(out);
    assert_string_equal(message,
                        "quote version 2 is not 3, 4 or 5; is this a quote, in bytes or hex?");
    assert_err(teelog_quote_show(&out, b.p, b.n, false, message, 8), TL_E_QUOTE);
    assert_string_equal(message, "quote v");
    assert_err(teelog_quote_show(&out, NULL, 0, false, NULL, 0), TL_E_SHORT);
    assert_null(out);
    buf_finish(&b);
}

/* No allocation may fail unnoticed, and none that failed may be called unreadable. */
static void memory(void **state)
{
    (void)state;
    struct quote_shape s = {QUOTE_TDX(4, 2, 584)};
    assert_ok(sim_chain_plan(plan, &keys, NOW));
    buf pem = chain_pem();
    s.cert_bytes = pem.p;
    s.cert = pem.n;
    buf b = quote_make(&s);
    for (int json = 0; json < 2; json++) {
        size_t n = 1;
        for (;; n++) {
            char *out = NULL;
            test_fail_alloc(n);
            tl_err err = teelog_quote_show(&out, b.p, b.n, json, NULL, 0);
            bool failed = test_alloc_failed();
            test_fail_alloc(0);
            assert_err(err, failed ? TL_E_MEMORY : TL_OK);
            assert_int_equal(out != NULL, !failed);
            free(out);
            if (!failed)
                break;
        }
        assert_true(n > 10);
    }
    buf_finish(&b);
    buf_finish(&pem);
}

static void of_a_file(const char *path)
{
    size_t n;
    char *text, message[200];
    uint8_t *p = test_file(path, &n);
    assert_non_null(p);
    for (int json = 0; json < 2; json++) {
        tl_err err = teelog_quote_show(&text, p, n, json, message, sizeof message);
        if (err != TL_OK)
            fail_msg("%s: %s", path, message);
        /* Intel's sample of TDX has DER in place of PEM. */
        if (!strstr(text, "unreadable") != !strstr(path, "/intel-qvl__tdx"))
            fail_msg("%s:\n%s", path, text);
        if (json) {
            json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
            assert_non_null(j);
            json_decref(j);
        }
        free(text);
    }
    free(p);
}

static void real_quotes(void **state)
{
    (void)state;
    char dir[4096], path[8192];
    size_t count = 0;
    if (!test_vectors("dcap/real"))
        skip();
    snprintf(dir, sizeof dir, "%s", test_vectors("dcap/real"));
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s/quote.bin", dir, e->d_name);
        of_a_file(path);
        count++;
    }
    closedir(d);
    assert_int_equal(count, 132);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field),
        cmocka_unit_test(bits_by_name),
        cmocka_unit_test(text_for_people),
        cmocka_unit_test(the_pck_chain),
        cmocka_unit_test(a_processors_leaf),
        cmocka_unit_test(platforms_by_number),
        cmocka_unit_test(names_stay_in_their_place),
        cmocka_unit_test(attributes_of_names),
        cmocka_unit_test(what_is_no_quote),
        cmocka_unit_test(memory),
        cmocka_unit_test(real_quotes),
    };
    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
