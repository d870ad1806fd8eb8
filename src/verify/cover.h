/* The tree of a bundle: leaves and fills, put together from the left. */
#ifndef TL_VERIFY_COVER_H
#define TL_VERIFY_COVER_H

#include "tlog/merkle.h"
#include "verify/report.h"
#include "verify/since.h"

/* The root of a complete subtree that leaves of the bundle make up. */
struct cover_node {
    uint64_t start_level; /* first leaf << 6 | level */
    hash32 hash;
};

/* Leaves come before fills, so that a gap is closed only later: each run of
 * leaves waits as the fewest complete subtrees that make it up, 40 bytes each.
 * Where there is no gap before a leaf, nothing waits. */
struct cover {
    uint64_t size; /* of the checkpoint */
    struct merkle_frontier frontier;
    struct cover_node *nodes; /* by ascending position, disjoint */
    size_t count, cap, next;  /* next: the first that is not in the frontier yet */
    struct since *since;      /* told of the trees that the frontier comes by */
};

void cover_finish(struct cover *c);
/* The leaf at index, each greater than the last. */
tl_err cover_leaf(struct cover *c, struct teelog_report *r, uint64_t index,
                  const hash32 *leaf) TL_MUST;
/* The next fill, after the last leaf. */
tl_err cover_fill(struct cover *c, struct teelog_report *r, unsigned level, uint64_t n,
                  const hash32 *hash) TL_MUST;
/* After the last fill: all is covered, and the root is the checkpoint's. */
tl_err cover_end(struct cover *c, struct teelog_report *r, const hash32 *root) TL_MUST;

#endif
