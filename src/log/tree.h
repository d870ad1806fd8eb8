/* The log's tree: its right edge in memory, the rest in the store as tiles that
 * are believed only after they hash to what is above them. */
#ifndef TL_LOG_TREE_H
#define TL_LOG_TREE_H

#include "store/store.h"
#include "tlog/tile.h"

struct tree;

/* The empty tree over a store (borrowed). */
tl_err tree_new(struct tree **out, struct store *store) TL_MUST;
void tree_free(struct tree *t);

/* Rebuilds the edge of a stored tree, which must give this root: TL_E_STORED. */
tl_err tree_load(struct tree *t, uint64_t size, const hash32 *root, struct tl_why *why) TL_MUST;

uint64_t tree_size(const struct tree *t);
hash32 tree_root(const struct tree *t);

/* Adds leaves; complete tiles go into the open transaction as they arise, the
 * upper incomplete ones with tree_save, once before the commit. */
tl_err tree_add(struct tree *t, const hash32 *leaf_hash) TL_MUST;
tl_err tree_save(struct tree *t) TL_MUST;

/* Authenticated reads. */
tl_err tree_leaf(struct tree *t, uint64_t index, hash32 *out) TL_MUST;
/* The hashes of tile n of a level, borrowed until the next call: all 256, or those that the
 * tree's edge has yet. TL_E_RANGE beyond that. */
tl_err tree_tile(struct tree *t, unsigned level, uint64_t n, const hash32 **out,
                 unsigned *width) TL_MUST;
struct merkle_nodes tree_nodes(struct tree *t);

#endif
