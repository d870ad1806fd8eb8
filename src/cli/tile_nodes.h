/* The nodes of a log's tree, out of its tiles: for proofs that are checked afterwards, since
 * the tiles are as good as who serves them. */
#ifndef TL_CLI_TILE_NODES_H
#define TL_CLI_TILE_NODES_H

#include "cli/tile_source.h"
#include "tlog/tile.h"

struct tile_nodes {
    struct tile_source *source;
    uint64_t size; /* of the tree whose tiles are asked for */
    struct tl_why *why;
    struct {
        bool there;
        uint64_t n;
        hash32 hashes[TILE_WIDTH];
    } last[TILE_LEVELS];
};

/* For struct merkle_nodes; nodes: a struct tile_nodes. TL_E_NOT_FOUND where a tile is missing,
 * TL_E_PROOF where it is too long. */
tl_err tile_nodes_get(void *nodes, unsigned level, uint64_t n, hash32 *out);

#endif
