/* Raw figures of this machine, to put ours beside: ES256 signatures and
 * verifications a second on all cores at once, through OpenSSL alone, durable
 * 4 KiB writes, SHA-256. Usage: raw sign|verify|hash SECONDS, raw fdatasync DIR N.
 * Prints JSON. */
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sched.h>
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
        fputs("raw: OpenSSL failed\n", stderr);
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

static int rate(void)
{
    cpu_set_t set;
    pthread_t threads[64];
    static uint64_t counts[64][8]; /* a cache line each */
    sched_getaffinity(0, sizeof set, &set);
    int n = CPU_COUNT(&set) > 64 ? 64 : CPU_COUNT(&set);
    double start = seconds(), total = 0;
    for (int i = 0; i < n; i++)
        pthread_create(&threads[i], NULL, work, counts[i]);
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
    if (argc == 3 && (strcmp(argv[1], "sign") == 0 || strcmp(argv[1], "verify") == 0 ||
                      strcmp(argv[1], "hash") == 0)) {
        what = argv[1];
        run_for = strtod(argv[2], NULL);
        return rate();
    }
    fputs("usage: raw sign|verify|hash SECONDS\n       raw fdatasync DIR COUNT\n", stderr);
    return 2;
}
