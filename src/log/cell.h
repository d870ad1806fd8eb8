/* A cell in memory: what the index knows of its leaves so far, until it is stored. */
#ifndef TL_LOG_CELL_H
#define TL_LOG_CELL_H

#include "log/chunk.h"

struct cell;
tl_err cell_new(struct cell **out) TL_MUST;
void cell_free(struct cell *c); /* contents are wiped */
/* Empties it, for the leaves from number * CELL_LEAVES on. */
void cell_begin(struct cell *c, uint64_t number);

uint64_t cell_number(const struct cell *c);
unsigned cell_count(const struct cell *c); /* leaves taken so far */
static inline bool cell_complete(const struct cell *c)
{
    return cell_count(c) == CELL_LEAVES;
}
static inline uint64_t cell_next(const struct cell *c) /* index of the leaf to come */
{
    return cell_number(c) * CELL_LEAVES + cell_count(c);
}

/* Takes the next leaf. After a failure it must be emptied. */
tl_err cell_add(struct cell *c, const struct leaf_terms *t) TL_MUST;
/* Takes a leaf's room, user and content out. */
void cell_erase(struct cell *c, unsigned leaf);

/* The leaves that have a term. */
void cell_bits(const struct cell *c, enum term_field field, const struct term *term,
               struct leaf_bits *out);
/* Chunk k of its contents; false past the last. */
bool cell_chunk(const struct cell *c, size_t k, const struct chunk **out);

/* Its postings as blocks, one at a time: the first call after cell_blocks_begin appends
 * the first. *more is false where there was none left. first is written with it. */
tl_err cell_blocks_begin(struct cell *c) TL_MUST;
tl_err cell_blocks_next(struct cell *c, buf *out, uint8_t first[POSTING_KEY], bool *more) TL_MUST;

#endif
