/* The heads tree: what each subject has said last (docs/format.md section 6). */
#ifndef TL_TLOG_HEADS_H
#define TL_TLOG_HEADS_H

#include "codec/cbor.h"
#include "tlog/merkle.h"

/* What a statement says of the heads tree. */
struct heads {
    uint64_t size; /* leaves spoken of */
    uint64_t n;    /* subjects */
    hash32 root;
};

struct head {
    slice subject; /* borrowed */
    uint64_t count, last_index;
    hash32 last_hash;
};

void heads_read(cbor *c, struct heads *out);
void heads_put(buf *b, const struct heads *h);
/* Leaf hash of one head's entry in the heads tree. */
hash32 head_leaf_hash(const struct head *h);
/* Orders heads by subject, bytewise; for qsort over struct head. */
int head_cmp(const void *a, const void *b);

#endif
