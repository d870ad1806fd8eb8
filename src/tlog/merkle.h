/* The Merkle tree of RFC 6962 section 2.1 with SHA-256: hashes, the right edge,
 * proofs made and checked. Pure: nodes come from the caller. */
#ifndef TL_TLOG_MERKLE_H
#define TL_TLOG_MERKLE_H

#include "crypto/hash.h"

#define MERKLE_MAX_PATH 63 /* hashes; enough for any size below 2^63 */

hash32 merkle_empty_root(void);
hash32 merkle_leaf_hash(slice entry);
hash32 merkle_node_hash(const hash32 *left, const hash32 *right);

/* The right edge: the roots of the complete subtrees that the tree's size is
 * the sum of. Zero-initialised is the empty tree. */
struct merkle_frontier {
    uint64_t size;    /* leaves */
    hash32 nodes[64]; /* nodes[i] is meaningful where bit i of size is set */
};

void merkle_frontier_add(struct merkle_frontier *f, const hash32 *leaf_hash);
/* Adds a complete subtree of 2^level leaves; size must be a multiple of that
 * (TL_E_PROOF otherwise, also where the size would pass 2^63 - 1). */
tl_err merkle_frontier_add_subtree(struct merkle_frontier *f, unsigned level,
                                   const hash32 *root) TL_MUST;
hash32 merkle_frontier_root(const struct merkle_frontier *f);

/* The largest complete aligned subtree that begins at start and ends at or
 * before end: its level. start < end. */
unsigned merkle_cover_level(uint64_t start, uint64_t end);

/* The root that a path leads to, from a leaf's hash or from an older tree's root; TL_E_PROOF
 * where it fits no tree of these sizes, or does not begin at that root. A root that was made
 * by anyone's path is worth nothing until a signature over it was checked. 0 < m <= n. */
tl_err merkle_root_of_inclusion(hash32 *out, uint64_t index, uint64_t size, const hash32 *leaf_hash,
                                const hash32 *path, size_t path_count) TL_MUST;
tl_err merkle_root_of_consistency(hash32 *out, uint64_t m, uint64_t n, const hash32 *old_root,
                                  const hash32 *path, size_t path_count) TL_MUST;
/* TL_OK or TL_E_PROOF. Paths as in RFC 6962 section 2.1.1 and 2.1.2. */
tl_err merkle_verify_inclusion(uint64_t index, uint64_t size, const hash32 *leaf_hash,
                               const hash32 *path, size_t path_count, const hash32 *root) TL_MUST;
/* m == 0 wants an empty path and old_root == H(""); m == n equal roots and an
 * empty path. */
tl_err merkle_verify_consistency(uint64_t m, uint64_t n, const hash32 *old_root,
                                 const hash32 *new_root, const hash32 *path,
                                 size_t path_count) TL_MUST;

/* Where a proof's maker finds the root of leaves [n 2^level, (n+1) 2^level). */
struct merkle_nodes {
    tl_err (*get)(void *ctx, unsigned level, uint64_t n, hash32 *out);
    void *ctx;
};

/* Root of the first size leaves. */
tl_err merkle_root(const struct merkle_nodes *nodes, uint64_t size, hash32 *out) TL_MUST;
/* Writes at most MERKLE_MAX_PATH hashes; index < size, resp. 0 < m <= n. */
tl_err merkle_prove_inclusion(const struct merkle_nodes *nodes, uint64_t index, uint64_t size,
                              hash32 *path, size_t *path_count) TL_MUST;
tl_err merkle_prove_consistency(const struct merkle_nodes *nodes, uint64_t m, uint64_t n,
                                hash32 *path, size_t *path_count) TL_MUST;

/* merkle_nodes over an array of leaf hashes, for small trees and tests. */
struct merkle_leaves {
    const hash32 *hashes;
    size_t count;
};
tl_err merkle_leaves_get(void *leaves, unsigned level, uint64_t n, hash32 *out);

#endif
