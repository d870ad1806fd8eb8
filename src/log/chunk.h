/* Contents of a cell's records, kept together so that a search is one pass over bytes
 * (docs/format.md section 12). ASCII letters are in lower case; each content is followed
 * by the byte FF, which no text has. Pure. */
#ifndef TL_LOG_CHUNK_H
#define TL_LOG_CHUNK_H

#include "log/posting.h"

#define CHUNK_TEXT (128u << 10)               /* contents of a chunk end where they pass this */
#define CHUNK_MAX  (CHUNK_TEXT + (20u << 10)) /* bytes of the longest chunk */

/* A chunk being made: the leaves from first on and before end. */
struct chunk {
    unsigned first, end;
    buf table, text;
};
void chunk_init(struct chunk *c, unsigned first);
void chunk_finish(struct chunk *c);
/* Whether what comes next belongs into another chunk. */
bool chunk_full(const struct chunk *c);
/* Takes the leaf at end. */
void chunk_add(struct chunk *c, const struct leaf_terms *t);
/* As it is stored. */
tl_err chunk_put(buf *out, const struct chunk *c) TL_MUST;
/* Takes a leaf's content out. */
void chunk_erase(struct chunk *c, unsigned leaf);

/* One read back, or being made; borrowed. */
struct chunk_view {
    unsigned first, end;
    slice table, text;
};
tl_err chunk_read(struct chunk_view *out, slice bytes) TL_MUST; /* TL_E_STORED */
struct chunk_view chunk_view(const struct chunk *c);
/* Adds the leaves whose content has this text (not empty, in lower case), and those whose
 * content is not here since it is too long. */
void chunk_search(const struct chunk_view *v, slice text, struct leaf_bits *hits,
                  struct leaf_bits *too_long);

#endif
