/* Verifications of one quote beside raw ES256 verifications (OpenSSL alone, one
 * key set up once) on one core. Usage: quotes [--any-root] QUOTE COLLATERAL
 * UNIXTIME. Prints JSON: rates, microseconds, ratios.
 *
 * "full" reads and checks the collateral each time; "cached" has a cache that
 * knows the collateral and the chain. The two stand between raw figures in each
 * round, CPU time counts, and every figure is the median of the rounds. */
#include "attest/checked.h"
#include "attest/dcap.h"

#include <openssl/evp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 41

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "quotes: %s\n", what);
    exit(1);
}

static void need(bool ok, const char *what)
{
    if (!ok)
        die(what);
}

/* Microseconds of CPU that this thread has used. */
static double cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void pin(void)
{
    cpu_set_t set, one;
    size_t n = 0;
    need(sched_getaffinity(0, sizeof set, &set) == 0, "no affinity");
    while (!CPU_ISSET(n, &set))
        n++;
    CPU_ZERO(&one);
    CPU_SET(n, &one);
    need(sched_setaffinity(0, sizeof one, &one) == 0, "cannot stay on one CPU");
}

static slice read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *p = malloc(COLLATERAL_MAX);
    need(f && p, path);
    size_t n = fread(p, 1, COLLATERAL_MAX, f);
    fclose(f);
    return slice_of(p, n);
}

/* Every signature that is checked, ours and raw, goes through here (meson.build). */
int __real_EVP_PKEY_verify(EVP_PKEY_CTX *c, const unsigned char *signature, size_t signature_n,
                           const unsigned char *digest, size_t digest_n);
int __wrap_EVP_PKEY_verify(EVP_PKEY_CTX *c, const unsigned char *signature, size_t signature_n,
                           const unsigned char *digest, size_t digest_n);
static unsigned signatures;

int __wrap_EVP_PKEY_verify(EVP_PKEY_CTX *c, const unsigned char *signature, size_t signature_n,
                           const unsigned char *digest, size_t digest_n)
{
    signatures++;
    return __real_EVP_PKEY_verify(c, signature, signature_n, digest, digest_n);
}

/* What is measured; set up once. */
static struct {
    EVP_PKEY_CTX *raw;
    unsigned char signature[80];
    size_t signature_n;
    struct dcap_input in;
    struct dcap_cache *cache;
    struct checked_collateral *collateral;
    slice pck_pem;
    struct cose_ec2 keys[5]; /* the root, the CA, the platform, the TCB signer, the quote's */
} m;

static void raw_verify(void)
{
    static const unsigned char digest[32] = {1};
    need(EVP_PKEY_verify(m.raw, m.signature, m.signature_n, digest, sizeof digest) == 1, "raw");
}

static void verify(struct dcap_cache *cache)
{
    static struct dcap_report r;
    struct dcap_input in = m.in;
    in.cache = cache;
    dcap_verify(&r, &in);
    need(r.ok, r.detail);
}

static void full(void)
{
    verify(NULL);
}

static void cached(void)
{
    verify(m.cache);
}

/* The parts of a full verification that are not signatures. */
static void part_collateral(void)
{
    struct collateral c;
    need(collateral_read(&c, m.in.collateral, NULL) == TL_OK, "collateral");
    collateral_finish(&c);
}

static void part_json(void)
{
    struct tcb_info info;
    struct qe_identity qe;
    need(tcb_info_read(&info, m.collateral->parts.tcb_info, NULL) == TL_OK, "TCB info");
    need(qe_identity_read(&qe, m.collateral->parts.qe_identity, NULL) == TL_OK, "QE identity");
    tcb_info_finish(&info);
    qe_identity_finish(&qe);
}

static void part_x509(void)
{
    const struct collateral *c = &m.collateral->parts;
    struct chain signer, qe_signer = {0}, pck;
    struct crl root_crl, pck_crl;
    need(chain_read_signer(&signer, c->tcb_info_chain, NULL) == TL_OK, "TCB info chain");
    need(!m.collateral->own_qe_signer ||
             chain_read_signer(&qe_signer, c->qe_identity_chain, NULL) == TL_OK,
         "QE identity chain");
    need(chain_read_pck(&pck, m.pck_pem, NULL) == TL_OK, "PCK chain");
    need(crl_read(&root_crl, c->root_ca_crl) == TL_OK, "root CRL");
    need(crl_read(&pck_crl, c->pck_crl) == TL_OK, "PCK CRL");
    chain_finish(&signer);
    chain_finish(&qe_signer);
    chain_finish(&pck);
}

static void part_keys(void)
{
    for (size_t i = 0; i < sizeof m.keys / sizeof m.keys[0]; i++) {
        struct es256_key *key;
        need(es256_public(&key, m.keys[i].x, m.keys[i].y) == TL_OK, "key");
        es256_free(key);
    }
}

static const struct measured {
    const char *name;
    void (*once)(void);
    int times; /* in a row: some milliseconds */
} measured[] = {
    {"raw", raw_verify, 100},
    {"full", full, 10},
    {"cached", cached, 40},
    {"raw", raw_verify, 100},
    {"collateral", part_collateral, 100},
    {"json", part_json, 100},
    {"x509", part_x509, 100},
    {"keys", part_keys, 20},
};
enum { RAW, FULL, CACHED, RAW_AGAIN, PARTS, MEASURED = sizeof measured / sizeof measured[0] };

static double times[MEASURED][ROUNDS]; /* microseconds */

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double median(const double *v)
{
    double sorted[ROUNDS];
    memcpy(sorted, v, sizeof sorted);
    qsort(sorted, ROUNDS, sizeof *sorted, by_size);
    return sorted[ROUNDS / 2];
}

/* How fast it is, of what so many raw signatures alone would allow: by the raw
 * figures just before and after in the same round. */
static double ratio(int what, double of)
{
    double r[ROUNDS];
    for (int i = 0; i < ROUNDS; i++)
        r[i] = (times[RAW][i] + times[RAW_AGAIN][i]) / 2 * of / times[what][i];
    return median(r);
}

static void set_up(void)
{
    static const unsigned char digest[32] = {1};
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    m.raw = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    m.signature_n = sizeof m.signature;
    need(m.raw && EVP_PKEY_sign_init(m.raw) == 1 &&
             EVP_PKEY_sign(m.raw, m.signature, &m.signature_n, digest, sizeof digest) == 1 &&
             EVP_PKEY_verify_init(m.raw) == 1,
         "OpenSSL failed");
    need(dcap_cache_new(&m.cache) == TL_OK, "no memory");
    cached();
}

static void set_up_parts(void)
{
    struct tl_why why = {0};
    const char *stage;
    struct quote q;
    struct checked_chain *pck;
    need(quote_read(&q, m.in.quote, &why) == TL_OK, why.text);
    need(checked_collateral_new(&m.collateral, m.in.collateral, &stage, &why) == TL_OK, why.text);
    m.pck_pem = q.cert_type == QUOTE_CERT_PCK_CHAIN ? q.cert_data : m.collateral->parts.pck_chain;
    need(checked_chain_new(&pck, m.pck_pem, m.collateral, &stage, &why) == TL_OK, why.text);
    es256_point(pck->chain.root_key, &m.keys[0]);
    es256_point(pck->chain.intermediate_key, &m.keys[1]);
    es256_point(pck->chain.leaf_key, &m.keys[2]);
    es256_point(m.collateral->signer.leaf_key, &m.keys[3]);
    memcpy(m.keys[4].x, q.attestation_key.p, 32);
    memcpy(m.keys[4].y, q.attestation_key.p + 32, 32);
    checked_chain_free(pck);
}

static void measure(int round)
{
    for (int i = 0; i < MEASURED; i++) {
        double start = cpu();
        for (int n = 0; n < measured[i].times; n++)
            measured[i].once();
        times[i][round] = (cpu() - start) / measured[i].times;
    }
}

static unsigned signatures_of(void (*once)(void))
{
    signatures = 0;
    once();
    return signatures;
}

static void report(void)
{
    double raw = (median(times[RAW]) + median(times[RAW_AGAIN])) / 2;
    printf("{\"raw\": %.0f, \"full\": %.0f, \"cached\": %.0f, ", 1e6 / raw,
           1e6 / median(times[FULL]), 1e6 / median(times[CACHED]));
    unsigned of_full = signatures_of(full), of_cached = signatures_of(cached);
    printf("\"full_ratio\": %.3f, \"cached_ratio\": %.3f, ", ratio(FULL, 10), ratio(CACHED, 3));
    printf("\"full_signatures\": %u, \"full_own_ratio\": %.3f, ", of_full, ratio(FULL, of_full));
    printf("\"cached_signatures\": %u, \"cached_own_ratio\": %.3f, ", of_cached,
           ratio(CACHED, of_cached));
    printf("\"us\": {\"raw\": %.1f, \"full\": %.1f, \"cached\": %.1f", raw, median(times[FULL]),
           median(times[CACHED]));
    for (int i = PARTS; i < MEASURED; i++)
        printf(", \"%s\": %.1f", measured[i].name, median(times[i]));
    puts("}}");
}

int main(int argc, char **argv)
{
    bool any_root = argc > 1 && strcmp(argv[1], "--any-root") == 0;
    char **arg = argv + 1 + any_root;
    if (argc - any_root != 4) {
        fputs("usage: quotes [--any-root] QUOTE COLLATERAL UNIXTIME\n", stderr);
        return 2;
    }
    m.in = (struct dcap_input){.quote = read_file(arg[0]),
                               .collateral = read_file(arg[1]),
                               .time = strtoull(arg[2], NULL, 10),
                               .roots = &dcap_intel_root,
                               .root_count = any_root ? 0 : 1};
    pin();
    set_up();
    set_up_parts();
    for (int i = -1; i < ROUNDS; i++) /* the first only warms */
        measure(i < 0 ? 0 : i);
    report();
    return 0;
}
