/* All quotes of the shared vectors: what Intel's own library says of them, with
 * the deliberate differences that their README names, and no others. */
#include "testlib.h"

#include "attest/cert.h"
#include "attest/rules.h"
#include "codec/pem.h"
#include "vector_json.h"

#include <dirent.h>

/* What is refused here and accepted by Intel's library is marked "error" in the
 * synthetic vectors. What is accepted here and refused there would be a chain with
 * the older certificate of Intel's root key; real vectors with it are in the list
 * under their true status. So no exceptions are left to name. */

struct tally {
    size_t cases, errors;
};

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
    size_t n;
    struct pem_chain pem;
    struct cert cert;
    snprintf(path, sizeof path, "%s/root_ca.pem", dir);
    uint8_t *text = test_file(path, &n);
    if (!text)
        return dcap_intel_root;
    assert_ok(pem_read(&pem, slice_of(text, n)));
    assert_ok(cert_read(&cert, pem.certificates[0]));
    hash32 h = sha256(cert.spki);
    pem_finish(&pem);
    free(text);
    return h;
}

static void same_advisories(const struct dcap_report *r, const json_t *expected, const char *name)
{
    if (r->tcb.advisory_count != json_array_size(expected))
        fail_msg("%s: %zu advisories, not %zu", name, r->tcb.advisory_count,
                 json_array_size(expected));
    for (size_t i = 0; i < r->tcb.advisory_count; i++)
        assert_string_equal(r->tcb.advisories[i], json_string_value(json_array_get(expected, i)));
}

static void judge(const char *dir, const char *name, struct dcap_cache *cache, struct tally *tally)
{
    size_t quote_n, collateral_n;
    char path[4096];
    snprintf(path, sizeof path, "%s/case.json", dir);
    json_t *c = vector_file(path);
    uint8_t *quote = must_read(dir, "quote.bin", &quote_n);
    uint8_t *collateral = must_read(dir, "collateral.json", &collateral_n);
    hash32 root = trusted_root(dir);
    struct dcap_report r;
    const struct dcap_input in = {
        .quote = slice_of(quote, quote_n),
        .collateral = slice_of(collateral, collateral_n),
        .time = vector_int(c, "verify_time"),
        .roots = &root,
        .root_count = 1,
        .cache = cache,
    };
    dcap_verify(&r, &in);
    const char *expected = vector_str(c, "expected");
    bool error = strncmp(expected, "error", 5) == 0;
    if (r.ok == error)
        fail_msg("%s: expected %s, got %s: %s", name, expected,
                 r.ok ? tcb_status_name(r.tcb.status) : r.stage, r.detail);
    if (strcmp(expected, "error:TCB_NOT_SUPPORTED") == 0)
        assert_string_equal(r.stage, "tcb");
    /* Intel's TDX sample has SVNs above 255, which is found first here. */
    if (strcmp(expected, "error:TDX_MODULE_MISMATCH") == 0)
        assert_string_equal(r.stage, "tcb-info");
    if (r.ok) {
        struct rules rules;
        if (strcmp(tcb_status_name(r.tcb.status), expected) != 0)
            fail_msg("%s: expected %s, got %s", name, expected, tcb_status_name(r.tcb.status));
        if (json_object_get(c, "advisories"))
            same_advisories(&r, json_object_get(c, "advisories"), name);
        rules_apply(&rules, &r, NULL, PLATFORM_UNKNOWN, in.time, NULL);
        if (json_object_get(c, "default_policy") && rules.accept)
            fail_msg("%s: the default policy accepts it", name);
    }
    tally->cases++;
    tally->errors += error;
    json_decref(c);
    free(quote);
    free(collateral);
}

static struct tally judge_all(const char *below, struct dcap_cache *cache)
{
    struct tally tally = {0};
    char dir[1024], path[2048];
    snprintf(dir, sizeof dir, "%s", test_vectors(below));
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        judge(path, e->d_name, cache, &tally);
    }
    closedir(d);
    return tally;
}

static void test_real(void **state)
{
    (void)state;
    if (!test_vectors("dcap/real"))
        skip();
    struct tally t = judge_all("dcap/real", NULL);
    print_message("%zu real quotes, %zu of them refused as Intel refuses them\n", t.cases,
                  t.errors);
    assert_int_equal(t.cases, 132);
}

static void test_synthetic(void **state)
{
    (void)state;
    if (!test_vectors("dcap/synthetic"))
        skip();
    struct tally t = judge_all("dcap/synthetic", NULL);
    print_message("%zu synthetic quotes, %zu of them refused\n", t.cases, t.errors);
    assert_int_equal(t.cases, 126);
}

/* A cache that has seen everything changes no verdict. */
static void test_cached(void **state)
{
    (void)state;
    struct dcap_cache *cache = NULL;
    if (!test_vectors("dcap/synthetic"))
        skip();
    assert_ok(dcap_cache_new(&cache));
    for (int round = 0; round < 2; round++) {
        judge_all("dcap/real", cache);
        judge_all("dcap/synthetic", cache);
    }
    dcap_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_real),
        cmocka_unit_test(test_synthetic),
        cmocka_unit_test(test_cached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
