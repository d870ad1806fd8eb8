/* Checkpoints, c2sp.org/tlog-checkpoint. Pure. */
#ifndef TL_TLOG_CHECKPOINT_H
#define TL_TLOG_CHECKPOINT_H

#include "tlog/note.h"

struct checkpoint {
    slice origin; /* borrowed */
    uint64_t size;
    hash32 root;
};

/* From a note's text. Extension lines are refused (TL_E_CHECKPOINT), as ours
 * never have them; so is a size of 0 with another root than H(""). */
tl_err checkpoint_read(struct checkpoint *out, slice text) TL_MUST;
/* As other logs may have them: extension lines allowed and skipped. */
tl_err checkpoint_read_foreign(struct checkpoint *out, slice text) TL_MUST;
/* As a witness is given them: the same, and of size 0 with any root, which it has an answer
 * of its own for. */
tl_err checkpoint_read_submitted(struct checkpoint *out, slice text) TL_MUST;
void checkpoint_put(buf *b, const struct checkpoint *c);

/* Reads a whole signed checkpoint, and verifies it under key, whose name must
 * be the origin. out->origin is borrowed from bytes. */
tl_err checkpoint_open(struct checkpoint *out, slice bytes, const struct note_key *key) TL_MUST;
/* Appends a signed checkpoint. */
tl_err checkpoint_sign(buf *b, slice origin, uint64_t size, const hash32 *root,
                       const struct note_key *key, const uint8_t seed[32]) TL_MUST;

#endif
