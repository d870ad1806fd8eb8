/* Raw figures of this machine, to put ours beside: ES256 signatures and
 * verifications a second on all cores at once, through OpenSSL alone, ES256K ones
 * through libsecp256k1 alone, durable 4 KiB writes, SHA-256.
 * Usage: raw sign|verify|sign-k|verify-k|hash SECONDS, raw fdatasync DIR N. Prints JSON. */
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sched.h>
#include <secp256k1.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double run_for;
static const char *what;

static void check(int ok)
{
    if (!ok) {
        fputs("raw: the library failed\n", stderr);
        exit(1);
    }
}

static void *work(void *arg)
{
    uint64_t *count = arg;
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    EVP_MD *md = EVP_MD_fetch(NULL, "SHA256", NULL);
    EVP_MD_CTX *h = EVP_MD_CTX_new();
    unsigned char digest[32] = {1}, signature[80], block[512] = {2};
    size_t n = sizeof signature;
    check(key && c && EVP_PKEY_sign_init(c) == 1);
    check(EVP_PKEY_sign(c, signature, &n, digest, sizeof digest) == 1);
    if (strcmp(what, "verify") == 0)
        check(EVP_PKEY_verify_init(c) == 1);
    double end = seconds() + run_for;
    while (seconds() < end) {
        for (int i = 0; i < 32; i++) {
            size_t size = sizeof signature;
            if (what[0] == 's')
                check(EVP_PKEY_sign(c, signature, &size, digest, sizeof digest) == 1);
            else if (what[0] == 'v')
                check(EVP_PKEY_verify(c, signature, n, digest, sizeof digest) == 1);
            else
                check(EVP_DigestInit_ex2(h, md, NULL) && EVP_DigestUpdate(h, block, sizeof block) &&
                      EVP_DigestFinal_ex(h, digest, NULL));
        }
        *count += 32;
    }
    EVP_MD_CTX_free(h);
    EVP_MD_free(md);
    EVP_PKEY_CTX_free(c);
    EVP_PKEY_free(key);
    return NULL;
}

static void *work_k(void *arg)
{
    uint64_t *count = arg;
    secp256k1_context *c = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    secp256k1_ecdsa_signature signature;
    secp256k1_pubkey key;
    unsigned char digest[32] = {1}, scalar[32] = {2};
    check(secp256k1_context_randomize(c, digest));
    check(secp256k1_ec_pubkey_create(c, &key, scalar));
    check(secp256k1_ecdsa_sign(c, &signature, digest, scalar, NULL, NULL));
    double end = seconds() + run_for;
    while (seconds() < end) {
        for (int i = 0; i < 32; i++)
            check(what[0] == 's' ? secp256k1_ecdsa_sign(c, &signature, digest, scalar, NULL, NULL)
                                 : secp256k1_ecdsa_verify(c, &signature, digest, &key));
        *count += 32;
    }
    secp256k1_context_destroy(c);
    return NULL;
}

static int rate(void)
{
    bool k = strchr(what, '-') != NULL;
    cpu_set_t set;
    pthread_t threads[64];
    static uint64_t counts[64][8]; /* a cache line each */
    sched_getaffinity(0, sizeof set, &set);
    int n = CPU_COUNT(&set) > 64 ? 64 : CPU_COUNT(&set);
    double start = seconds(), total = 0;
    for (int i = 0; i < n; i++)
        pthread_create(&threads[i], NULL, k ? work_k : work, counts[i]);
    for (int i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
        total += (double)counts[i][0];
    }
    printf("{\"what\": \"%s\", \"threads\": %d, \"per_second\": %.0f}\n", what, n,
           total / (seconds() - start));
    return 0;
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static int fdatasync_rate(const char *dir, size_t n)
{
    char path[4096], block[4096] = {1};
    double *times = calloc(n ? n : 1, sizeof *times), total = 0;
    snprintf(path, sizeof path, "%s/raw-fdatasync", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || !times) {
        perror(path);
        return 1;
    }
    for (size_t i = 0; i < n; i++) {
        double start = seconds();
        if (write(fd, block, sizeof block) != sizeof block || fdatasync(fd) != 0) {
            perror(path);
            return 1;
        }
        times[i] = seconds() - start;
        total += times[i];
    }
    close(fd);
    unlink(path);
    qsort(times, n, sizeof *times, by_size);
    printf("{\"what\": \"fdatasync\", \"mean_ms\": %.3f, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n",
           total / (double)n * 1e3, times[n / 2] * 1e3, times[n * 99 / 100] * 1e3);
    free(times);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "fdatasync") == 0)
        return fdatasync_rate(argv[2], strtoul(argv[3], NULL, 10));
    static const char *const rates[] = {"sign", "verify", "sign-k", "verify-k", "hash"};
    for (size_t i = 0; argc == 3 && i < sizeof rates / sizeof rates[0]; i++) {
        if (strcmp(argv[1], rates[i]) != 0)
            continue;
        what = rates[i];
        run_for = strtod(argv[2], NULL);
        return rate();
    }
    fputs("usage: raw sign|verify|sign-k|verify-k|hash SECONDS\n       raw fdatasync DIR COUNT\n",
          stderr);
    return 2;
}
