/* Keys that sign statements, of either kind: ES256 (P-256), or ES256K (secp256k1)
 * for the agents that ask for it. */
#ifndef TL_CRYPTO_KEY_H
#define TL_CRYPTO_KEY_H

#include "codec/cose.h"
#include "crypto/hash.h"

struct es256_key;  /* crypto/sign.h */
struct es256k_key; /* crypto/es256k.h */

/* A counted reference to a key, public or with its private half. {0} is none. */
struct sign_key {
    enum cose_alg alg; /* COSE_ES256 or COSE_ES256K; 0 where there is none */
    union {
        struct es256_key *es256;
        struct es256k_key *es256k;
    };
};

/* A fresh key pair for COSE_ES256 or COSE_ES256K. */
tl_err sign_key_generate(struct sign_key *out, enum cose_alg alg) TL_MUST;
/* From a public key, by its curve; TL_E_KEY where the point is not on it, TL_E_MEMORY where
 * that could not be told. */
tl_err sign_key_public(struct sign_key *out, const struct cose_ec2 *point) TL_MUST;
/* The same reference to a P-256 key that the caller has: it is not counted again. */
static inline struct sign_key sign_key_es256(struct es256_key *key)
{
    return (struct sign_key){.alg = COSE_ES256, .es256 = key};
}
struct sign_key sign_key_ref(const struct sign_key *key);
/* Drops the reference, and the last one wipes the key; *key is none after it. */
void sign_key_free(struct sign_key *key);
/* The public half of a key that is there. */
void sign_key_point(const struct sign_key *key, struct cose_ec2 *out);

/* The key of this curve and thumbprint that made a signature (r || s) over a digest, computed
 * from the signature. TL_E_SIGNATURE where no such key did; lack of memory in the midst of it
 * says the same. */
tl_err sign_key_recover(struct sign_key *out, enum cose_curve curve, const hash32 *thumbprint,
                        const hash32 *digest, const uint8_t signature[64]) TL_MUST;

/* RFC 9679 thumbprint, SHA-256. */
hash32 cose_ec2_thumbprint(const struct cose_ec2 *key);

/* One signature to make or to check: raw r || s over a SHA-256 digest. */
struct sign_job {
    struct sign_key key; /* borrowed */
    hash32 digest;
    uint8_t signature[64];
    bool ok; /* set by sign_jobs and verify_jobs */
    /* Set by verify_jobs where there was no memory to judge it; ok is false then. */
    bool unjudged;
};

/* Neighbours with the same key are cheaper. Never fails as a whole: each job says
 * whether it is ok. Any number of threads at once. */
void sign_jobs(struct sign_job *jobs, size_t n);
void verify_jobs(struct sign_job *jobs, size_t n);

#endif
