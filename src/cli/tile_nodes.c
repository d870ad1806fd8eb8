#include "cli/tile_nodes.h"

#include "base/refuse.h"
#include "cli/tile_walk.h"

static tl_err load(struct tile_nodes *t, unsigned level, uint64_t n)
{
    unsigned width = tile_width(n, t->size >> (8 * level));
    buf b;
    buf_init_fixed(&b, t->last[level].hashes[0].b, width * sizeof(hash32));
    t->last[level].there = false;
    tl_err err = tile_source_ask_tile(t->source, (int)level, n, width, t->why);
    if (err == TL_OK)
        err = tile_source_take(t->source, &b, t->why);
    if (REFUSED(err == TL_E_LIMIT))
        return TL_E_PROOF; /* what is too short makes a proof that is none */
    if (err != TL_OK)
        return err;
    t->last[level].there = true;
    t->last[level].n = n;
    return TL_OK;
}

tl_err tile_nodes_get(void *nodes, unsigned level, uint64_t n, hash32 *out)
{
    struct tile_nodes *t = nodes;
    unsigned of_tile = level / 8, within = level % 8;
    uint64_t first = n << within; /* hash of that level of tiles */
    if (of_tile >= TILE_LEVELS)
        return TL_E_RANGE;
    if (!t->last[of_tile].there || t->last[of_tile].n != first / TILE_WIDTH) {
        tl_err err = load(t, of_tile, first / TILE_WIDTH);
        if (err != TL_OK)
            return err;
    }
    *out = tile_subtree(t->last[of_tile].hashes, first % TILE_WIDTH, within);
    return TL_OK;
}
