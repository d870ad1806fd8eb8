/* ES256K (RFC 8812): ECDSA over secp256k1 with SHA-256, by libsecp256k1. Signatures are
 * deterministic (RFC 6979), and s is never in the upper half of its range: of the two
 * forms that every ECDSA signature has, only that one is made, and only that one
 * verifies. */
#ifndef TL_CRYPTO_ES256K_H
#define TL_CRYPTO_ES256K_H

#include "crypto/key.h"

/* Shared by threads freely; counted. */
struct es256k_key;

tl_err es256k_generate(struct es256k_key **out) TL_MUST;
/* From an affine point; TL_E_KEY where it is not on the curve. */
tl_err es256k_public(struct es256k_key **out, const uint8_t x[32], const uint8_t y[32]) TL_MUST;
/* From a private scalar; TL_E_KEY where out of range. */
tl_err es256k_private(struct es256k_key **out, const uint8_t scalar[32]) TL_MUST;
struct es256k_key *es256k_ref(struct es256k_key *key);
/* Drops one reference; the last wipes and frees. NULL is fine. */
void es256k_free(struct es256k_key *key);
void es256k_point(const struct es256k_key *key, struct cose_ec2 *out);

/* Jobs with keys of this kind alone. */
void es256k_sign_jobs(struct sign_job *jobs, size_t n);
void es256k_verify_jobs(struct sign_job *jobs, size_t n);

#endif
