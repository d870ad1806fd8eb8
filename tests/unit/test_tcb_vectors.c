/* The shared vectors as far as TCB info, QE identity and TCB evaluation go: no
 * signature, date or revocation is looked at here (test_dcap_vectors does). */
#include "testlib.h"

#include "attest/chain.h"
#include "attest/collateral.h"
#include "attest/quote.h"
#include "attest/tcb.h"
#include "codec/json.h"

#include <dirent.h>

/* The made cases whose one defect lies here, and the stage that it is found in:
 * "parse" where the data itself is refused. */
static const struct {
    const char *name, *stage;
} refused[] = {
    {"fmspc_mismatch", "mismatch"},
    {"pceid_mismatch", "mismatch"},
    {"qe_attr_debug", "qe"},
    {"qe_attr_noprov", "qe"},
    {"qe_misc", "qe"},
    {"qe_mrsigner", "qe"},
    {"qe_prodid", "qe"},
    {"qi_mask_zero_attr", "qe"},
    {"qi_version1", "parse"},
    {"qi_wrong_id_qve", "parse"},
    {"qi_wrong_id_tdx", "mismatch"},
    {"tcb_lexicographic_trap", "tcb"},
    {"tcb_nomatch", "tcb"},
    {"tcb_svn_256", "parse"},
    {"tcb_unknown_status", "parse"},
    {"tdx_module_major0_low", "tcb"},
    {"tdx_module_unknown", "tdx-module"},
    {"tdx_mrsignerseam", "tdx-module"},
    {"tdx_no_tdxcomponents", "parse"},
    {"tdx_no_tdxmodule", "parse"},
    {"tdx_svn2_nomatch", "tcb"},
    {"ti_deep_json", "parse"},
    {"ti_duplicate_key", "parse"},
    {"ti_tcbtype1", "parse"},
    {"ti_version2", "parse"},
    {"ti_version9", "parse"},
    {"ti_wrong_tee", "mismatch"},
    {"ti_wrong_tee_tdx", "mismatch"},
};

static const char *expected_stage(const char *name)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (strcmp(refused[i].name, name) == 0)
            return refused[i].stage;
    return NULL;
}

static slice load(const char *dir, const char *file)
{
    char below[1024];
    size_t n = 0;
    snprintf(below, sizeof below, "dcap/%s/%s", dir, file);
    uint8_t *p = test_file(test_vectors(below), &n);
    return slice_of(p, p ? n : 0);
}

/* The string that a case's member has, or an empty one. */
static void case_string(char *out, size_t room, slice json, const char *name)
{
    js r = js_of(json);
    out[0] = 0;
    js_object(&r);
    for (slice key; js_member(&r, &key);)
        if (slice_eq_str(key, name)) {
            slice v = js_plain(&r);
            snprintf(out, room, "%.*s", (int)v.n, (const char *)v.p);
        } else {
            js_skip(&r);
        }
    assert_ok(js_end(&r));
}

static void case_advisories(slice json, const struct tcb_verdict *v, const char *name)
{
    js r = js_of(json);
    js_object(&r);
    for (slice key; js_member(&r, &key);) {
        if (!slice_eq_str(key, "advisories")) {
            js_skip(&r);
            continue;
        }
        /* Intel's library does not sort them, and gives some twice. */
        size_t found = 0;
        bool had[TCB_MAX_ADVISORIES] = {false};
        js_array(&r);
        while (js_element(&r)) {
            slice id = js_plain(&r);
            size_t i = 0;
            while (i < v->advisory_count && !slice_eq_str(id, v->advisories[i]))
                i++;
            if (i == v->advisory_count)
                fail_msg("%s: lacks %.*s", name, (int)id.n, (const char *)id.p);
            found += !had[i];
            had[i] = true;
        }
        if (found != v->advisory_count)
            fail_msg("%s: %zu advisories, not %zu", name, v->advisory_count, found);
    }
    assert_ok(js_end(&r));
}

struct subject {
    slice quote_bytes, collateral_bytes, case_bytes;
    struct quote quote;
    struct collateral collateral;
    struct chain chain;
    struct sgx_report qe;
    struct td_report td;
    struct tcb_info info;
    struct qe_identity identity;
    struct tcb_verdict out;
};

/* The stage that fails, or NULL. */
static const char *judge(struct subject *s, struct tl_why *why)
{
    const char *stage = "parse";
    if (tcb_info_read(&s->info, s->collateral.tcb_info, why) != TL_OK ||
        qe_identity_read(&s->identity, s->collateral.qe_identity, why) != TL_OK)
        return stage;
    bool tdx = quote_is_tdx(&s->quote);
    if (tcb_info_fits(&s->info, tdx, &s->chain.leaf.sgx, why) != TL_OK || s->identity.td_qe != tdx)
        return "mismatch";
    if (qe_identity_check(&s->identity, &s->qe, why) != TL_OK)
        return "qe";
    struct tcb_input in = {.info = &s->info,
                           .qe = &s->identity,
                           .pck = &s->chain.leaf.sgx,
                           .qe_isv_svn = s->qe.isv_svn,
                           .td = tdx ? &s->td : NULL};
    return tcb_evaluate(&s->out, &in, &stage, why) == TL_OK ? NULL : stage;
}

/* False where the case's defect lies before what is tried here. */
static bool prepare(struct subject *s, const char *dir)
{
    *s = (struct subject){.quote_bytes = load(dir, "quote.bin"),
                          .collateral_bytes = load(dir, "collateral.json"),
                          .case_bytes = load(dir, "case.json")};
    if (collateral_read(&s->collateral, s->collateral_bytes, NULL) != TL_OK)
        return false;
    if (quote_read(&s->quote, s->quote_bytes, NULL) != TL_OK)
        return false;
    bool own = s->quote.cert_type == QUOTE_CERT_PCK_CHAIN;
    if (chain_read_pck(&s->chain, own ? s->quote.cert_data : s->collateral.pck_chain, NULL) !=
        TL_OK)
        return false;
    sgx_report_read(&s->qe, s->quote.qe_report);
    if (quote_is_tdx(&s->quote))
        td_report_read(&s->td, s->quote.body);
    return true;
}

static void finish(struct subject *s)
{
    tcb_info_finish(&s->info);
    qe_identity_finish(&s->identity);
    chain_finish(&s->chain);
    collateral_finish(&s->collateral);
    free((void *)(uintptr_t)s->quote_bytes.p);
    free((void *)(uintptr_t)s->collateral_bytes.p);
    free((void *)(uintptr_t)s->case_bytes.p);
}

/* What is looked at; the number of cases that came to a status or are listed above. */
static bool try_case(const char *folder, const char *name)
{
    struct subject s;
    struct tl_why why = {0};
    char dir[512], expected[128];
    snprintf(dir, sizeof dir, "%s/%s", folder, name);
    bool real = strcmp(folder, "real") == 0, ready = prepare(&s, dir);
    const char *want = real ? NULL : expected_stage(name);
    case_string(expected, sizeof expected, s.case_bytes, "expected");
    if (real && strcmp(expected, "error:TCB_NOT_SUPPORTED") == 0)
        want = "tcb";
    else if (real && strcmp(expected, "error:TDX_MODULE_MISMATCH") == 0)
        want = "tdx-module";
    bool judged = ready && (want || strncmp(expected, "error", 5) != 0);
    /* One that Intel refuses has no PCK chain of ours, and SVNs above 255. */
    if (real && !judged && strcmp(name, "intel-qvl__tdx-sampleData") != 0)
        fail_msg("%s: not read", name);
    if (judged) {
        const char *stage = judge(&s, &why);
        if ((stage == NULL) != (want == NULL) || (stage && strcmp(stage, want) != 0))
            fail_msg("%s: %s (%s), not %s", name, stage ? stage : "ok", why.text,
                     want ? want : expected);
        if (!stage) {
            if (strcmp(tcb_status_name(s.out.status), expected) != 0)
                fail_msg("%s: %s, not %s", name, tcb_status_name(s.out.status), expected);
            case_advisories(s.case_bytes, &s.out, name);
        }
    }
    finish(&s);
    return judged;
}

static size_t try_folder(const char *folder)
{
    char below[64];
    size_t count = 0;
    snprintf(below, sizeof below, "dcap/%s", folder);
    const char *path = test_vectors(below);
    DIR *d = path ? opendir(path) : NULL;
    if (!d)
        skip();
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.')
            count += try_case(folder, e->d_name);
    closedir(d);
    return count;
}

static void real_cases(void **state)
{
    (void)state;
    assert_int_equal(try_folder("real"), 131);
}

static void made_cases(void **state)
{
    (void)state;
    size_t count = try_folder("synthetic");
    printf("%zu made cases were judged\n", count);
    assert_true(count >= sizeof refused / sizeof *refused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_cases),
        cmocka_unit_test(made_cases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
