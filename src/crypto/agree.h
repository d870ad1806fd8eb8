/* Keys that two parties agree on: ECDH over P-256; and such keys in PEM, as people keep
 * them. */
#ifndef TL_CRYPTO_AGREE_H
#define TL_CRYPTO_AGREE_H

#include "crypto/sign.h"

/* The x coordinate of the shared point (SP 800-56A section 5.7.1.2), for HKDF only; the
 * caller wipes it. key has its private half. */
tl_err es256_agree(const struct es256_key *key, const struct es256_key *peer,
                   uint8_t shared[32]) TL_MUST;

/* A public key ("PUBLIC KEY"), resp. a private one ("PRIVATE KEY" or "EC PRIVATE KEY",
 * without a password), on P-256. TL_E_KEY. */
#define PEM_KEY_MAX 4096 /* bytes */
tl_err es256_public_pem(struct es256_key **out, slice pem) TL_MUST;
tl_err es256_private_pem(struct es256_key **out, slice pem) TL_MUST;

#endif
