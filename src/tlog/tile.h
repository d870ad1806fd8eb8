/* Tiles of c2sp.org/tlog-tiles: 256 hashes wide. Pure. */
#ifndef TL_TLOG_TILE_H
#define TL_TLOG_TILE_H

#include "base/buf.h"
#include "tlog/merkle.h"

#define TILE_WIDTH  256
#define TILE_LEVELS 8 /* tile levels 0..7 hold every tree below 2^64 */

/* Root of a full tile, or of any subtree of 2^level hashes in it. */
hash32 tile_root(const hash32 hashes[TILE_WIDTH]);
/* Root of the 2^level hashes that begin at first (a multiple of 2^level). */
hash32 tile_subtree(const hash32 *hashes, size_t first, unsigned level);

/* The path below a log's prefix: tile/L/N or tile/L/N.p/W (width < 256), or
 * tile/entries/N[.p/W] where level is -1. */
void tile_path_put(buf *b, int level, uint64_t n, unsigned width);
/* Strict inverse; TL_E_RANGE otherwise. width 256 for a full tile. */
tl_err tile_path_read(slice path, int *level, uint64_t *n, unsigned *width) TL_MUST;

/* Entry bundles: (u16 BE length || entry)*. */
tl_err tile_entry_put(buf *b, slice entry) TL_MUST;

/* The hashes at the tree's right edge, tile level by tile level: all that a
 * log needs in memory to go on. Zero-initialised is the empty tree. */
struct tile_edge {
    uint64_t size;                          /* leaves */
    hash32 hashes[TILE_LEVELS][TILE_WIDTH]; /* the incomplete tile of each level */
};

/* Number of hashes in the incomplete tile of a level: size / 256^level % 256. */
unsigned tile_edge_width(uint64_t size, unsigned level);

/* Called for each tile that an addition completes. */
typedef void tile_full_fn(void *ctx, unsigned level, uint64_t n, const hash32 hashes[TILE_WIDTH]);
void tile_edge_add(struct tile_edge *e, const hash32 *leaf_hash, tile_full_fn *full, void *ctx);
hash32 tile_edge_root(const struct tile_edge *e);

#endif
