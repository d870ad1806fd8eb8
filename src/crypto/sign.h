/* ES256 (ECDSA over P-256 with SHA-256) and Ed25519; and P-384, to check alone. */
#ifndef TL_CRYPTO_SIGN_H
#define TL_CRYPTO_SIGN_H

#include "crypto/key.h"

/* A P-256 key, private half or not. Shared by threads freely; counted, since
 * jobs in flight may outlive the session that made it. */
struct es256_key;

tl_err es256_generate(struct es256_key **out) TL_MUST;
/* From an affine point; TL_E_KEY where it is not on the curve, TL_E_MEMORY where that could
 * not be told. */
tl_err es256_public(struct es256_key **out, const uint8_t x[32], const uint8_t y[32]) TL_MUST;
/* From a private scalar (tests, the simulator); TL_E_KEY where out of range. */
tl_err es256_private(struct es256_key **out, const uint8_t scalar[32]) TL_MUST;
/* The private scalar, for storing the simulator's keys. */
tl_err es256_scalar(const struct es256_key *key, uint8_t scalar[32]) TL_MUST;
struct es256_key *es256_ref(struct es256_key *key);
/* Drops one reference; the last wipes and frees. NULL is fine. */
void es256_free(struct es256_key *key);
/* The public half. */
void es256_point(const struct es256_key *key, struct cose_ec2 *out);
/* RFC 9679 thumbprint, SHA-256. */
hash32 es256_thumbprint(const struct es256_key *key);

/* Jobs with keys of this kind alone. */
void es256_sign_jobs(struct sign_job *jobs, size_t n);
void es256_verify_jobs(struct sign_job *jobs, size_t n);
tl_err es256_sign(struct es256_key *key, const hash32 *digest, uint8_t signature[64]) TL_MUST;
/* TL_OK, TL_E_SIGNATURE, or TL_E_MEMORY where it could not be judged. */
tl_err es256_verify(struct es256_key *key, const hash32 *digest,
                    const uint8_t signature[64]) TL_MUST;

/* Whether the P-384 key with this affine point signed the digest (r || s), for certificates
 * that others made: TL_OK, TL_E_SIGNATURE, TL_E_KEY where the point is not on the curve, or
 * TL_E_MEMORY where that could not be told. */
tl_err p384_verify(const uint8_t x[48], const uint8_t y[48], const hash32 *digest,
                   const uint8_t signature[96]) TL_MUST;

/* Ed25519, RFC 8032, pure. A key or an R of small order or in a non-canonical
 * encoding does not verify, nor does S >= L. */
void ed25519_public(const uint8_t seed[32], uint8_t public_key[32]);
tl_err ed25519_sign(const uint8_t seed[32], slice message, uint8_t signature[64]) TL_MUST;
bool ed25519_verify(const uint8_t public_key[32], slice message, const uint8_t signature[64]);

#endif
