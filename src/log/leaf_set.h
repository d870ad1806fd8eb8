/* A set of leaf indexes: a bit a leaf, in chunks of 8 KiB for 65,536 leaves that are
 * there where one of those leaves is in. At most 131 kB for a million leaves. */
#ifndef TL_LOG_LEAF_SET_H
#define TL_LOG_LEAF_SET_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zeros: the empty set. */
struct leaf_set {
    uint8_t **chunks; /* NULL where empty */
    size_t chunk_count;
    uint64_t count; /* of members */
};

void leaf_set_finish(struct leaf_set *s); /* empty after it */
/* The caller sees to it that index is below the log's size: what is allocated grows
 * with it. */
tl_err leaf_set_add(struct leaf_set *s, uint64_t index) TL_MUST;
bool leaf_set_has(const struct leaf_set *s, uint64_t index);
/* The first member at or after *index, into *index; false where there is none. */
bool leaf_set_next(const struct leaf_set *s, uint64_t *index);

#endif
