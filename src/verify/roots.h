/* The (size, root) pairs that boots and sessions name: each must be a former
 * state of the tree that the checkpoint signs. */
#ifndef TL_VERIFY_ROOTS_H
#define TL_VERIFY_ROOTS_H

#include "tlog/merkle.h"
#include "verify/report.h"

struct named_root {
    uint64_t size, index; /* index: the leaf that names it */
    hash32 root;
};

struct roots {
    struct named_root *list; /* 48 bytes for each boot and session */
    size_t count, cap;
    size_t next; /* the first that no proof has reached */
};

void roots_finish(struct roots *v);
tl_err roots_add(struct roots *v, struct teelog_report *r, uint64_t index, uint64_t size,
                 const hash32 *root) TL_MUST;
/* After the last of them: puts them in order. */
void roots_sort(struct roots *v);
/* The next proof, from size to new_size and its root. */
tl_err roots_prove(struct roots *v, struct teelog_report *r, uint64_t size, const hash32 *path,
                   size_t path_count, uint64_t new_size, const hash32 *new_root) TL_MUST;
/* After the last proof. */
tl_err roots_end(const struct roots *v, struct teelog_report *r) TL_MUST;

#endif
