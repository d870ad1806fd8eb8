/* AES-256-GCM. */
#ifndef TL_CRYPTO_SEAL_H
#define TL_CRYPTO_SEAL_H

#include "base/buf.h"

#define SEAL_KEY   32
#define SEAL_NONCE 12
#define SEAL_TAG   16

/* A key with its schedule expanded; one thread at a time. */
struct seal_key;
tl_err seal_key_new(struct seal_key **out, const uint8_t key[SEAL_KEY]) TL_MUST;
void seal_key_free(struct seal_key *key);

/* Appends ciphertext || tag. A nonce must never repeat under one key. */
tl_err seal(struct seal_key *key, buf *out, const uint8_t nonce[SEAL_NONCE], slice ad,
            slice plaintext) TL_MUST;
/* Appends the plaintext; TL_E_SEALED, and nothing appended, where it does not
 * open. */
tl_err unseal(struct seal_key *key, buf *out, const uint8_t nonce[SEAL_NONCE], slice ad,
              slice sealed) TL_MUST;

#endif
