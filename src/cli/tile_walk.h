/* A log's entries, from where one stood up to a checkpoint: each is hashed into the tree's
 * edge. */
#ifndef TL_CLI_TILE_WALK_H
#define TL_CLI_TILE_WALK_H

#include "cli/tile_source.h"
#include "tlog/tile.h"

struct tile_walk {
    void *ctx;
    /* Each new entry, in order; NULL: nobody looks. */
    tl_err (*entry)(void *ctx, uint64_t index, slice entry, struct tl_why *why);
    /* Each tile of hashes that is complete now; NULL likewise. */
    tl_err (*full)(void *ctx, unsigned level, uint64_t n, const hash32 hashes[TILE_WIDTH],
                   struct tl_why *why);
    /* Each bundle of entries, after what is in it; NULL likewise. */
    tl_err (*bundle)(void *ctx, uint64_t n, unsigned width, slice bytes, struct tl_why *why);
    const char *what; /* for the line of progress: "mirrored" */
};

/* Hashes that tile n of a level has in a tree of so many hashes on that level. */
unsigned tile_width(uint64_t n, uint64_t count);

/* Brings edge from its size to size. TL_E_PROOF where a bundle has not the form, or where the
 * entries that the edge has seen are others now; *at is the index. That all of it gives a
 * root is the caller's to check. */
tl_err tile_walk(const struct tile_walk *w, struct tile_edge *edge, struct tile_source *s,
                 uint64_t size, uint64_t *at, struct tl_why *why) TL_MUST;

#endif
