/* SHA-256, SHA-384, SHA-512, HMAC and HKDF. These do not fail: a failure inside
 * OpenSSL here means that memory or the library is broken, and the process
 * ends rather than go on with a wrong digest. */
#ifndef TL_CRYPTO_HASH_H
#define TL_CRYPTO_HASH_H

#include "base/err.h"
#include "base/slice.h"

typedef struct hash32 {
    uint8_t b[32];
} hash32;

static inline slice hash_slice(const hash32 *h)
{
    return slice_of(h->b, sizeof h->b);
}

static inline bool hash_eq(const hash32 *a, const hash32 *b)
{
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

/* SHA-256 over the concatenation of n parts. */
hash32 sha256_parts(const slice *parts, size_t n);
hash32 sha256(slice s);
/* SHA-384 over the concatenation of n parts. */
void sha384_parts(const slice *parts, size_t n, uint8_t out[48]);
void sha384(slice s, uint8_t out[48]);
void sha512(slice s, uint8_t out[64]);
hash32 hmac_sha256(slice key, slice message);
/* RFC 5869 with SHA-256; out_n at most 255 * 32 bytes. */
void hkdf_sha256(uint8_t *out, size_t out_n, slice ikm, slice salt, slice info);

/* SHA-256 in pieces. */
struct sha256_stream;
struct sha256_stream *sha256_stream_new(void);
void sha256_stream_add(struct sha256_stream *s, slice bytes);
hash32 sha256_stream_end(struct sha256_stream *s); /* and frees */

#endif
