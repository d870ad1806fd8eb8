/* An older checkpoint that the caller kept: the bundle's log must have grown out of it. */
#ifndef TL_VERIFY_SINCE_H
#define TL_VERIFY_SINCE_H

#include "tlog/checkpoint.h"
#include "verify/report.h"

struct since {
    struct note *note; /* NULL: none was given */
    struct checkpoint checkpoint;
    bool seen; /* a tree of its size, which has this root */
    hash32 root;
};

/* bytes: borrowed, .p == NULL for none. TL_E_NOTE or TL_E_CHECKPOINT where it is none. */
tl_err since_read(struct since *s, slice bytes) TL_MUST;
void since_finish(struct since *s);
/* Once the log's key is known: it signed the older checkpoint too. */
tl_err since_check_key(const struct since *s, struct teelog_report *r,
                       const struct note_key *key) TL_MUST;
/* The tree of that size has that root, if what the bundle shows is sound, which is checked
 * elsewhere. Only that of the checkpoint's size is kept. */
void since_see(struct since *s, uint64_t size, const hash32 *root);
/* After all other checks of the tree: it is the one that was seen. size: of the bundle's
 * checkpoint. */
tl_err since_end(const struct since *s, struct teelog_report *r, uint64_t size) TL_MUST;

#endif
