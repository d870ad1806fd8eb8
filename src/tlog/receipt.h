/* COSE receipts, RFC 9942, over the tree of this log (vds 1, RFC9162_SHA256): that an entry is
 * in it, or that it grew out of an older one. The root is not carried: it is computed from what
 * the reader holds, and the signature is over it. Pure. */
#ifndef TL_TLOG_RECEIPT_H
#define TL_TLOG_RECEIPT_H

#include "codec/cose.h"
#include "tlog/merkle.h"

#define RECEIPT_MAX 16384 /* bytes that are read */

enum receipt_kind { RECEIPT_INCLUSION, RECEIPT_CONSISTENCY };

/* Slices are borrowed. */
struct receipt {
    enum receipt_kind kind;
    int64_t alg;           /* -7, or of other logs -8 or -19 (Ed25519), or whatever it says */
    slice kid;             /* .p == NULL: none */
    slice issuer, subject; /* of the CWT claims; .p == NULL: none */
    bool has_size;
    uint64_t size;      /* label -70001, which ours has: the tree's; equal to the proof's */
    uint64_t first;     /* the leaf's index, or the older tree's size */
    uint64_t tree_size; /* of the tree whose root is signed */
    size_t path_count;
    hash32 path[MERKLE_MAX_PATH];
    slice protected_header, signature;
};

/* The form: tagged, vds 1, one proof, no payload (RFC 9942: detached). Headers that are not
 * known are passed over, but for crit. TL_E_COSE or a CBOR error. */
tl_err receipt_read(struct receipt *out, slice bytes) TL_MUST;
/* What is signed: the digest of the Sig_structure over that root (ES256), or its bytes (Ed25519)
 * appended to b. */
hash32 receipt_digest(const struct receipt *r, const hash32 *root);
void receipt_sig_structure_put(buf *b, const struct receipt *r, const hash32 *root);

/* The root that a receipt of inclusion speaks of, for an entry with this leaf hash, resp. one of
 * consistency for who holds the older root. TL_E_PROOF where the path does not fit. A root that
 * was computed is worth as much as the signature over it. */
tl_err receipt_root(hash32 *out, const struct receipt *r, const hash32 *leaf_or_older) TL_MUST;

/* Appends the protected header of ours: ES256, kid, origin and subject, vds, tree size. */
void receipt_header_put(buf *b, const hash32 *kid, slice origin, slice subject, uint64_t size);
/* Appends a whole receipt; its header, signature and members from kind to path are used. */
void receipt_put(buf *b, const struct receipt *r);

#endif
