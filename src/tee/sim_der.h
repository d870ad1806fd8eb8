/* What the simulator's certificates and revocation lists have in common. */
#ifndef TL_TEE_SIM_DER_H
#define TL_TEE_SIM_DER_H

#include "codec/der.h"
#include "crypto/sign.h"

/* A Name with this common name, in the order and with the string types of
 * Intel's certificates. */
void sim_name_put(buf *b, const char *common_name);
/* keyIdentifier of a key: RFC 5280 section 4.2.1.2, method 1, with SHA-256
 * (RFC 7093); its first 20 bytes count. */
hash32 sim_key_id(const struct es256_key *key);

/* Begins an extension; what stands between is its value. */
struct sim_extension {
    size_t start, value;
};
struct sim_extension sim_extension_begin(buf *b, slice oid, bool critical);
void sim_extension_end(buf *b, struct sim_extension e);
/* The extension authorityKeyIdentifier. */
void sim_authority_key_id_put(buf *b, const struct es256_key *issuer);

/* Signs what was written from start on (the part to be signed), appends algorithm
 * and signature, and puts the outer SEQUENCE around all of it. */
tl_err sim_signed_end(buf *b, size_t start, struct es256_key *key) TL_MUST;

#endif
