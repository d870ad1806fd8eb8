/* COSE_Sign1 (RFC 9052 section 4.2) and the EC2 keys of RFC 9053 section 7.1,
 * as far as teelog uses them: tagged, an empty unprotected map, an attached
 * payload, a 64-byte signature. */
#ifndef TL_CODEC_COSE_H
#define TL_CODEC_COSE_H

#include "codec/cbor.h"

enum cose_alg {
    COSE_ES256 = -7,
    COSE_ES256_P256 = -9, /* RFC 9864's fully specified ES256; read, never written */
    COSE_ES256K = -47,    /* RFC 8812 */
};

struct cose_sign1 {
    slice protected_header; /* the bytes inside the bstr */
    slice payload;
    slice signature; /* 64 bytes, r || s */
};

/* Borrowed from s. Leftover bytes, another tag, a non-empty unprotected map, a
 * detached payload or a signature of another size: TL_E_COSE or a CBOR error. */
tl_err cose_sign1_read(struct cose_sign1 *out, slice s) TL_MUST;
void cose_sign1_put(buf *b, slice protected_header, slice payload, const uint8_t signature[64]);
/* RFC 9052 section 4.4, external_aad empty: what is hashed and signed. */
void cose_sig_structure_put(buf *b, slice protected_header, slice payload);

/* The labels of a header or key that others made: in any order, which RFC 9052 leaves open, each
 * once, and no more than are kept here. Zero-initialise for each map. */
#define COSE_LABELS_MAX 32
struct cose_labels {
    size_t count;
    int64_t seen[COSE_LABELS_MAX];
};
/* The label of the map's next pair, an integer. */
int64_t cose_label(cbor *c, struct cose_labels *labels);

/* An EC2 public key: {1: 2, -1: curve, -2: x, -3: y}, closed. */
enum cose_curve { COSE_P256 = 1, COSE_SECP256K1 = 8 };

struct cose_ec2 {
    enum cose_curve curve;
    uint8_t x[32], y[32];
};

/* "ES256" or "ES256K", the two that keys are made for. */
const char *cose_alg_name(enum cose_alg alg);
/* One of these names; false for another text. */
bool cose_alg_named(enum cose_alg *out, slice name);

/* Reads one key as the next item. That the point lies on the curve is checked
 * where the key is loaded (crypto/sign.h), not here. */
void cose_ec2_read(cbor *c, struct cose_ec2 *out);
/* The deterministic encoding, which is also the preimage of the RFC 9679
 * thumbprint. */
void cose_ec2_put(buf *b, const struct cose_ec2 *key);
/* The compressed point of SEC 1 section 2.3.3. */
void cose_ec2_compressed(uint8_t out[33], const struct cose_ec2 *key);
/* Longest encoding of a key, in bytes. */
#define COSE_EC2_SIZE 75

#endif
