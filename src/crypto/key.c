#include "crypto/key.h"

#include "crypto/es256k.h"
#include "crypto/sign.h"

tl_err sign_key_generate(struct sign_key *out, enum cose_alg alg)
{
    struct sign_key v = {.alg = alg};
    tl_err err = alg == COSE_ES256K ? es256k_generate(&v.es256k) : es256_generate(&v.es256);
    if (err == TL_OK)
        *out = v;
    return err;
}

tl_err sign_key_public(struct sign_key *out, const struct cose_ec2 *point)
{
    bool k = point->curve == COSE_SECP256K1;
    struct sign_key v = {.alg = k ? COSE_ES256K : COSE_ES256};
    tl_err err = k ? es256k_public(&v.es256k, point->x, point->y)
                   : es256_public(&v.es256, point->x, point->y);
    if (err == TL_OK)
        *out = v;
    return err;
}

struct sign_key sign_key_ref(const struct sign_key *key)
{
    if (key->alg == COSE_ES256K)
        (void)es256k_ref(key->es256k);
    else if (key->alg == COSE_ES256)
        (void)es256_ref(key->es256);
    return *key;
}

void sign_key_free(struct sign_key *key)
{
    if (key->alg == COSE_ES256K)
        es256k_free(key->es256k);
    else if (key->alg == COSE_ES256)
        es256_free(key->es256);
    *key = (struct sign_key){0};
}

void sign_key_point(const struct sign_key *key, struct cose_ec2 *out)
{
    if (key->alg == COSE_ES256K)
        es256k_point(key->es256k, out);
    else
        es256_point(key->es256, out);
}

hash32 cose_ec2_thumbprint(const struct cose_ec2 *key)
{
    uint8_t mem[COSE_EC2_SIZE];
    buf b;
    buf_init_fixed(&b, mem, sizeof mem);
    cose_ec2_put(&b, key);
    return sha256(buf_slice(&b));
}

typedef void run_jobs(struct sign_job *jobs, size_t n);

/* Hands each run of jobs of one kind to those who know the curve. */
static void split(struct sign_job *jobs, size_t n, run_jobs *es256, run_jobs *es256k)
{
    for (size_t from = 0, to; from < n; from = to) {
        enum cose_alg alg = jobs[from].key.alg;
        for (to = from + 1; to < n && jobs[to].key.alg == alg; to++)
            continue;
        (alg == COSE_ES256K ? es256k : es256)(jobs + from, to - from);
    }
}

void sign_jobs(struct sign_job *jobs, size_t n)
{
    split(jobs, n, es256_sign_jobs, es256k_sign_jobs);
}

void verify_jobs(struct sign_job *jobs, size_t n)
{
    split(jobs, n, es256_verify_jobs, es256k_verify_jobs);
}
