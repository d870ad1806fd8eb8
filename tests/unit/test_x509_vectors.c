/* Certificates, chains and revocation lists of real and made platforms, read beside
 * OpenSSL; and thousands of damaged ones, where what we accept OpenSSL must accept
 * as the same. */
#include "testlib.h"
#include "vector_json.h"
#include "x509_oracle.h"

#include "attest/chain.h"

#include <dirent.h>

/* Distinct things found, with what to do with each. */
#define MAX_SEEN 1024
struct seen {
    hash32 digests[MAX_SEEN];
    size_t count, refused;
};
static struct seen certs, crls;

static bool first_time(struct seen *s, slice bytes)
{
    hash32 digest = sha256(bytes);
    for (size_t i = 0; i < s->count; i++)
        if (hash_eq(&s->digests[i], &digest))
            return false;
    assert_true(s->count < MAX_SEEN);
    s->digests[s->count++] = digest;
    return true;
}

static void agree(const char *wrong, const char *what)
{
    if (wrong)
        fail_msg("%s: OpenSSL does not agree: %s", what, wrong);
}

static uint64_t random_state = 1;

static size_t random_below(size_t n)
{
    random_state ^= random_state << 13; /* xorshift64 */
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (size_t)(random_state % n);
}

/* Half of the changes move the byte a little: lengths, tags, digits. */
static void damage(uint8_t *bytes, size_t n)
{
    size_t changes = 1 + random_below(2);
    for (size_t i = 0; i < changes; i++) {
        size_t at = random_below(n);
        if (random_below(2))
            bytes[at] = (uint8_t)(bytes[at] + random_below(7) - 3);
        else
            bytes[at] = (uint8_t)random_below(256);
    }
}

static size_t accepted_damaged;

static void compare_damaged(slice der, bool list, size_t times)
{
    uint8_t *copy = malloc(der.n);
    assert_non_null(copy);
    for (size_t i = 0; i < times; i++) {
        struct cert cert;
        struct crl crl;
        memcpy(copy, der.p, der.n);
        damage(copy, der.n);
        slice bytes = slice_of(copy, der.n);
        if (list && crl_read(&crl, bytes) == TL_OK)
            agree(oracle_crl(&crl, bytes), "a damaged list");
        else if (!list && cert_read(&cert, bytes) == TL_OK)
            agree(oracle_cert(&cert, bytes), "a damaged certificate");
        else
            continue;
        accepted_damaged++;
    }
    free(copy);
}

static void compare_cert(slice der, const char *where)
{
    struct cert c;
    if (!first_time(&certs, der))
        return;
    if (cert_read(&c, der) != TL_OK) {
        certs.refused++;
        return;
    }
    agree(oracle_cert(&c, der), where);
    compare_damaged(der, false, 200);
}

/* From the first certificate in PEM to the end of the last, whatever stands around. */
static slice pem_within(slice text)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----", end[] = "-----END CERTIFICATE-----";
    const uint8_t *from = memmem(text.p, text.n, begin, sizeof begin - 1), *to = from;
    for (const uint8_t *next = to; next;) {
        next = memmem(to, (size_t)(text.p + text.n - to), end, sizeof end - 1);
        to = next ? next + sizeof end - 1 : to;
    }
    return slice_of(from, (size_t)(to - from));
}

/* Each of the certificates by itself; returns how many there are. */
static size_t compare_pem(slice text, const char *where)
{
    struct pem_chain chain;
    slice pem = pem_within(text);
    if (pem.n == 0)
        return 0;
    assert_ok(pem_read(&chain, pem));
    for (size_t i = 0; i < chain.count; i++)
        compare_cert(chain.certificates[i], where);
    size_t count = chain.count;
    pem_finish(&chain);
    return count;
}

/* Whether a chain of three in PEM holds, for us and for OpenSSL; the same. */
static bool check_pck(slice pem, const char *where)
{
    struct chain c;
    struct tl_why why = {0};
    if (chain_read_pck(&c, pem, &why) != TL_OK)
        return false;
    tl_err err = chain_check_pck(&c, NULL, &why);
    slice der[3] = {{0}};
    for (size_t i = 0; i < 3; i++) {
        slice d = c.pem.certificates[i];
        struct cert one;
        assert_ok(cert_read(&one, d));
        der[slice_eq(one.tbs, c.leaf.tbs) ? 0 : slice_eq(one.tbs, c.root.tbs) ? 2 : 1] = d;
    }
    bool theirs = oracle_signed(der[0], der[1], false) && oracle_signed(der[1], der[2], false) &&
                  oracle_signed(der[2], der[2], false);
    if (err == TL_OK && !theirs)
        fail_msg("%s: OpenSSL finds a signature bad", where);
    if (err == TL_E_SIGNATURE && theirs)
        fail_msg("%s: OpenSSL finds the signatures good", where);
    chain_finish(&c);
    return err == TL_OK;
}

static bool check_signer(slice pem)
{
    struct chain c;
    if (chain_read_signer(&c, pem, NULL) != TL_OK)
        return false;
    tl_err err = chain_check_signer(&c, NULL, NULL);
    chain_finish(&c);
    return err == TL_OK;
}

static slice hex_member(const json_t *v, const char *key)
{
    const char *hex = json_string_value(json_object_get(v, key));
    uint8_t *bytes = malloc(hex ? strlen(hex) / 2 + 1 : 1);
    assert_non_null(bytes);
    if (!hex || hex_read(bytes, strlen(hex) / 2, slice_str(hex)) != TL_OK)
        return slice_of(bytes, 0);
    return slice_of(bytes, strlen(hex) / 2);
}

static void compare_crl(slice der, const char *where)
{
    struct crl c;
    static const uint8_t other[] = {0x7f, 1, 2, 3};
    if (!first_time(&crls, der))
        return;
    if (crl_read(&c, der) != TL_OK) {
        crls.refused++;
        return;
    }
    agree(oracle_crl(&c, der), where);
    assert_false(crl_revokes(&c, SLICE_ARRAY(other)));
    compare_damaged(der, true, 200);
}

static slice text_member(const json_t *v, const char *key)
{
    const char *text = json_string_value(json_object_get(v, key));
    return text ? slice_str(text) : (slice){NULL, 0};
}

/* What we and OpenSSL find about the signature of a list must be the same. */
static bool check_crl(slice der, const struct chain *chain, bool root, const char *where)
{
    struct crl c;
    const struct cert *issuer = root ? &chain->root : &chain->intermediate;
    if (crl_read(&c, der) != TL_OK)
        return false;
    tl_err err = crl_check(&c, issuer, root ? chain->root_key : chain->intermediate_key,
                           root ? "root CA" : "PCK", NULL);
    for (size_t i = 0; i < chain->pem.count; i++) {
        struct cert one;
        assert_ok(cert_read(&one, chain->pem.certificates[i]));
        if (slice_eq(one.tbs, issuer->tbs) && err != TL_E_CERT &&
            oracle_signed(der, chain->pem.certificates[i], true) != (err == TL_OK))
            fail_msg("%s: OpenSSL does not agree on the signature of a list", where);
    }
    return err == TL_OK;
}

struct counts {
    size_t cases, certificates, pck, signer, root_crl, pck_crl;
};

static void compare_lists(const json_t *v, slice pck_pem, const char *where, struct counts *n)
{
    struct chain chain;
    slice lists[2] = {hex_member(v, "root_ca_crl"), hex_member(v, "pck_crl")};
    compare_crl(lists[0], where);
    compare_crl(lists[1], where);
    if (chain_read_pck(&chain, pck_pem, NULL) == TL_OK) {
        if (chain_check_pck(&chain, NULL, NULL) == TL_OK) {
            n->root_crl += check_crl(lists[0], &chain, true, where);
            n->pck_crl += check_crl(lists[1], &chain, false, where);
        }
        chain_finish(&chain);
    }
    for (int i = 0; i < 2; i++)
        free((void *)(uintptr_t)lists[i].p);
}

static void compare_case(slice quote, const json_t *v, const char *where, struct counts *n)
{
    static const char *const chains[] = {"pck_crl_issuer_chain", "tcb_info_issuer_chain",
                                         "qe_identity_issuer_chain"};
    for (size_t i = 0; i < 3; i++)
        n->certificates += compare_pem(text_member(v, chains[i]), where);
    n->certificates += compare_pem(quote, where);
    n->signer += check_signer(text_member(v, "tcb_info_issuer_chain"));
    n->signer += check_signer(text_member(v, "qe_identity_issuer_chain"));
    slice pck = text_member(v, "pck_certificate_chain");
    if (pck.p) {
        n->certificates += compare_pem(pck, where);
    } else {
        pck = pem_within(quote);
    }
    n->pck += check_pck(pck, where);
    compare_lists(v, pck, where, n);
    n->cases++;
}

static struct counts compare_folder(const char *below)
{
    char dir[4096], path[8192];
    struct counts counts = {0};
    memset(&certs, 0, sizeof certs);
    memset(&crls, 0, sizeof crls);
    accepted_damaged = 0;
    snprintf(dir, sizeof dir, "%s", test_vectors(below));
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        size_t n;
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s/quote.bin", dir, e->d_name);
        uint8_t *quote = test_file(path, &n);
        assert_non_null(quote);
        snprintf(path, sizeof path, "%s/%s/collateral.json", dir, e->d_name);
        json_t *v = vector_file(path);
        compare_case(slice_of(quote, n), v, e->d_name, &counts);
        json_decref(v);
        free(quote);
    }
    closedir(d);
    print_message("%s: %zu cases, %zu certificates (%zu distinct, %zu refused), %zu lists (%zu "
                  "refused), %zu PCK chains, %zu signing chains, %zu + %zu lists by their issuer, "
                  "%zu damaged ones accepted\n",
                  below, counts.cases, counts.certificates, certs.count, certs.refused, crls.count,
                  crls.refused, counts.pck, counts.signer, counts.root_crl, counts.pck_crl,
                  accepted_damaged);
    return counts;
}

static void real(void **state)
{
    (void)state;
    if (!test_vectors("dcap/real"))
        skip();
    struct counts n = compare_folder("dcap/real");
    assert_int_equal(n.cases, 132);
    assert_int_equal(certs.refused + crls.refused, 0);
    assert_int_equal(n.pck, 132);
    assert_int_equal(n.signer, 264);
    assert_int_equal(n.root_crl, 132);
    assert_int_equal(n.pck_crl, 132);
    assert_true(accepted_damaged > 500);
}

static void synthetic(void **state)
{
    (void)state;
    if (!test_vectors("dcap/synthetic"))
        skip();
    struct counts n = compare_folder("dcap/synthetic");
    assert_true(n.cases > 100 && certs.count > 30 && crls.count > 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real),
        cmocka_unit_test(synthetic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
