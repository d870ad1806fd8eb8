/* Postings: which leaves of a cell have a term, and blocks of them as they are stored
 * (docs/format.md section 12). A cell is 4096 leaves, aligned. Pure. */
#ifndef TL_LOG_POSTING_H
#define TL_LOG_POSTING_H

#include "base/buf.h"
#include "log/terms.h"

#define CELL_LEAVES 4096
#define CELL_WORDS  (CELL_LEAVES / 64)

/* A set of a cell's leaves, by their number within it. */
struct leaf_bits {
    uint64_t w[CELL_WORDS];
};
static inline void bits_set(struct leaf_bits *b, unsigned leaf)
{
    b->w[leaf / 64] |= UINT64_C(1) << leaf % 64;
}
static inline void bits_clear(struct leaf_bits *b, unsigned leaf)
{
    b->w[leaf / 64] &= ~(UINT64_C(1) << leaf % 64);
}
static inline bool bits_has(const struct leaf_bits *b, unsigned leaf)
{
    return b->w[leaf / 64] >> leaf % 64 & 1;
}
/* Those from first on and before end. */
void bits_range(struct leaf_bits *out, unsigned first, unsigned end);
unsigned bits_count(const struct leaf_bits *b);
static inline void bits_and(struct leaf_bits *b, const struct leaf_bits *other)
{
    for (size_t i = 0; i < CELL_WORDS; i++)
        b->w[i] &= other->w[i];
}
static inline void bits_or(struct leaf_bits *b, const struct leaf_bits *other)
{
    for (size_t i = 0; i < CELL_WORDS; i++)
        b->w[i] |= other->w[i];
}
static inline void bits_take_out(struct leaf_bits *b, const struct leaf_bits *other)
{
    for (size_t i = 0; i < CELL_WORDS; i++)
        b->w[i] &= ~other->w[i];
}

/* The key of a posting: a term, and the number of the cell in its segment. Bytewise
 * order is the order of postings. */
#define POSTING_KEY 18
void posting_key(uint8_t out[POSTING_KEY], const struct term *term, unsigned cell);
unsigned posting_cell(const uint8_t key[POSTING_KEY]);

#define POSTING_BLOCK (32u << 10) /* bytes of a block at most */

/* A block being made. */
struct posting_writer {
    uint8_t first[POSTING_KEY]; /* of its first posting */
    size_t count;
    buf offsets, postings;
};
void posting_writer_init(struct posting_writer *w);
void posting_writer_finish(struct posting_writer *w);
/* Adds a posting after those before it. False where the block is full: take it first. */
bool posting_add(struct posting_writer *w, const uint8_t key[POSTING_KEY], slice leaves);
/* Leaves as they stand in a posting: not empty. out has room for POSTING_LEAVES. */
#define POSTING_LEAVES 514
slice posting_leaves(uint8_t out[POSTING_LEAVES], const struct leaf_bits *bits);
/* Appends the block and begins the next. */
tl_err posting_take_block(struct posting_writer *w, buf *out) TL_MUST;

/* A block read back. Its postings are borrowed from it. */
struct posting {
    const uint8_t *key;
    slice leaves;
};
/* TL_E_STORED unless every posting lies within it. The others want a checked one. */
tl_err posting_check(slice block) TL_MUST;
size_t posting_count(slice block);
struct posting posting_at(slice block, size_t i);
/* The number of the first posting that is not before key; posting_count where all are. */
size_t posting_search(slice block, const uint8_t key[POSTING_KEY]);
void posting_bits(struct leaf_bits *out, slice leaves);

#endif
