/* The shared vectors' collateral, given piece by piece by a service that is played:
 * what of it is taken is what the verifier finds good. */
#include "attest/collateral.h"
#include "fakepcs.h"
#include "faults.h"
#include "teelog/quote.h"
#include "testlib.h"

#include <dirent.h>

static uint8_t *must_read(const char *dir, const char *name, size_t *n)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    uint8_t *bytes = test_file(path, n);
    if (!bytes)
        fail_msg("%s cannot be read", path);
    return bytes;
}

/* The case's own root where it has one, else Intel's. */
static hash32 trusted_root(const char *dir)
{
    char path[4096];
    hash32 root = dcap_intel_root;
    size_t n;
    snprintf(path, sizeof path, "%s/root_ca.pem", dir);
    char *text = (char *)test_file(path, &n);
    if (text)
        assert_ok(teelog_root_from_pem(root.b, text, n));
    free(text);
    return root;
}

static bool is_platform_list(slice der)
{
    static const char name[] = "Platform CA";
    struct crl crl;
    assert_ok(crl_read(&crl, der));
    return memmem(crl.issuer.p, crl.issuer.n, name, sizeof name - 1) != NULL;
}

/* Whether its collateral is taken when a service gives it piece by piece. */
static bool is_taken(const char *dir, struct pcs_job *job, const struct collateral *given)
{
    struct fake_dcap f = {.parts = *given};
    struct fake_pcs s = {.f = &f};
    const struct pcs_source source = {fake_pcs_get, &s};
    struct tl_why why = {{0}, {0}};
    struct collateral got;
    struct pcs_result result;
    buf out;
    buf_init(&f.pck_pem, 65536);
    buf_bytes(&f.pck_pem, given->pck_chain);
    buf_init(&out, COLLATERAL_MAX);
    bool taken = pcs_collateral_from(&out, &result, job, &source, &why) == TL_OK;
    if (taken) {
        assert_ok(collateral_read(&got, buf_slice(&out), NULL));
        assert_slice(got.tcb_info, given->tcb_info);
        assert_slice(got.qe_identity, given->qe_identity);
        assert_slice(got.pck_crl, given->pck_crl);
        assert_slice(got.root_ca_crl, given->root_ca_crl);
        collateral_finish(&got);
        /* The list that was asked for is of the CA that signed it. */
        bool platform = strstr(s.urls[s.asked - 2], "?ca=platform");
        assert_int_equal(platform, is_platform_list(given->pck_crl));
    } else if (!why.text[0]) {
        fail_msg("%s: refused without a word", dir);
    }
    buf_finish(&out);
    buf_finish(&f.pck_pem);
    return taken;
}

static void try_case(const char *dir, size_t *taken)
{
    char path[4096];
    size_t quote_n, json_n;
    uint8_t *quote = must_read(dir, "quote.bin", &quote_n);
    uint8_t *json = must_read(dir, "collateral.json", &json_n);
    hash32 root = trusted_root(dir);
    const struct pcs_options o = {.pccs = NULL};
    struct collateral given;
    struct dcap_report r;
    snprintf(path, sizeof path, "%s/case.json", dir);
    json_t *c = vector_file(path);
    struct pcs_job job = {slice_of(quote, quote_n),     &o,    NULL,
                          vector_int(c, "verify_time"), &root, 1};
    const struct dcap_input in = {.quote = job.quote,
                                  .collateral = slice_of(json, json_n),
                                  .time = job.now,
                                  .roots = &root,
                                  .root_count = 1};
    dcap_verify(&r, &in);
    bool want = r.ok || strcmp(r.stage, "tcb") == 0 || strcmp(r.stage, "tdx-module") == 0;
    /* A PPID in clear cannot be asked about. */
    want = want && r.quote.cert_type != QUOTE_CERT_PPID;
    if (collateral_read(&given, in.collateral, NULL) == TL_OK) {
        bool got = is_taken(dir, &job, &given);
        if (got != want)
            fail_msg("%s: %s", dir, got ? "taken" : "refused");
        *taken += got;
        collateral_finish(&given);
    }
    json_decref(c);
    free(quote);
    free(json);
}

/* Intel's own documents, and those that are wrong in one place. */
static void test_shared_vectors(void **state)
{
    (void)state;
    static const struct {
        const char *below;
        size_t at_least;
    } folders[] = {{"dcap/real", 120}, {"dcap/synthetic", 20}};
    for (size_t i = 0; i < 2; i++) {
        char dir[2048], path[2400];
        const char *found = test_vectors(folders[i].below);
        size_t taken = 0;
        if (!found)
            return;
        snprintf(dir, sizeof dir, "%s", found);
        DIR *d = opendir(dir);
        assert_non_null(d);
        for (struct dirent *e; (e = readdir(d));) {
            snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
            if (e->d_name[0] != '.')
                try_case(path, &taken);
        }
        closedir(d);
        assert_true(taken >= folders[i].at_least);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
