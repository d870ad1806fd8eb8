/* Blocks of the index as they lie in the store: each sealed under a name that says which
 * leaves it is of, their hash included, so that no other block opens in its place
 * (docs/format.md section 12).
 *
 * A segment of level L and number n is of the leaves [n, n + 1) * 4096 * 16^L. Block 0 is
 * its directory: the key that the others are sealed by, drawn anew each time that they are
 * made, and the first key of each block of postings. So blocks that were made at different
 * times do not go together, and what has no directory yet opens to nobody. */
#ifndef TL_LOG_SEGMENT_H
#define TL_LOG_SEGMENT_H

#include "log/keys.h"
#include "log/posting.h"
#include "log/tree.h"

#define SEGMENT_LEVELS 4
#define SEGMENT_TEXT   7 /* in place of a level: the chunks of a cell's contents */

struct segments;
/* All borrowed. */
tl_err segments_new(struct segments **out, const struct log_keys *keys, struct store *store,
                    struct tree *tree) TL_MUST;
void segments_free(struct segments *s);

/* Cells of a segment of this level. */
static inline uint64_t segment_cells(unsigned level)
{
    return UINT64_C(1) << 4 * level;
}

struct segment_key {
    uint8_t b[32];
};
tl_err segment_key_new(struct segment_key *out) TL_MUST;

/* Appends a block, opened; key of postings is their directory's, NULL of the others.
 * TL_E_NOT_FOUND or TL_E_SEALED where there is none of ours for
 * these leaves; TL_E_RANGE where the tree has not all of them. */
tl_err segment_get(struct segments *s, unsigned level, uint64_t n, uint32_t number,
                   const struct segment_key *key, buf *out) TL_MUST;
/* Seals and puts one; within a transaction. */
tl_err segment_put(struct segments *s, unsigned level, uint64_t n, uint32_t number,
                   const struct segment_key *key, slice plain) TL_MUST;
/* Removes segments of from <= n < to, a part of them, directories before their postings;
 * *more where some are left. Within a transaction. */
tl_err segment_drop(struct segments *s, unsigned level, uint64_t from, uint64_t to,
                    bool *more) TL_MUST;

/* The same as segment_get for directories, through a small cache: borrowed until the next
 * call. */
tl_err segment_directory(struct segments *s, unsigned level, uint64_t n, slice *out) TL_MUST;
struct segment_key directory_key(slice directory);
/* The number of the block in which a key is, if it is there; 0 where it is in none. */
uint32_t directory_find(slice directory, const uint8_t key[POSTING_KEY]);
uint32_t directory_count(slice directory);

/* The leaves of a cell that have a term. */
tl_err segment_bits(struct segments *s, unsigned level, uint64_t cell, const struct term *term,
                    struct leaf_bits *out) TL_MUST;

#endif
