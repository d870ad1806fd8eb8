#include "log/tree.h"

#include "base/refuse.h"

#include <stdlib.h>

#define CACHE 256 /* authenticated full tiles kept, 8 KiB each: those of a page's rows */

struct cached {
    bool used;
    unsigned level;
    uint64_t n, last_use;
};

struct tree {
    struct store *store;
    struct tile_edge edge;
    struct merkle_frontier frontier;
    uint64_t saved_size; /* size at the last tree_save */
    tl_err put_err;      /* of a tile completed inside tile_edge_add */
    uint64_t clock;
    struct cached cache[CACHE], *last; /* last: the one found last */
    hash32 hashes[CACHE][TILE_WIDTH];
};

tl_err tree_new(struct tree **out, struct store *store)
{
    struct tree *t = calloc(1, sizeof *t);
    if (!t)
        return TL_E_MEMORY;
    t->store = store;
    t->last = &t->cache[0];
    *out = t;
    return TL_OK;
}

void tree_free(struct tree *t)
{
    free(t);
}

uint64_t tree_size(const struct tree *t)
{
    return t->frontier.size;
}

hash32 tree_root(const struct tree *t)
{
    return merkle_frontier_root(&t->frontier);
}

static void put_full(void *ctx, unsigned level, uint64_t n, const hash32 hashes[TILE_WIDTH])
{
    struct tree *t = ctx;
    tl_err err = store_put_tile(t->store, level, n, hashes, TILE_WIDTH);
    if (t->put_err == TL_OK)
        t->put_err = err;
}

tl_err tree_add(struct tree *t, const hash32 *leaf_hash)
{
    tile_edge_add(&t->edge, leaf_hash, put_full, t);
    merkle_frontier_add(&t->frontier, leaf_hash);
    return t->put_err;
}

/* Number of the incomplete tile of a level at a size. */
static uint64_t edge_number(uint64_t size, unsigned level)
{
    unsigned shift = 8 * (level + 1);
    return shift >= 64 ? 0 : size >> shift;
}

/* The incomplete tiles above the leaves change only where a tile below them is
 * completed. Level 0 is not stored until complete: its hashes are those of the
 * leaves themselves, at most 255 of them. */
tl_err tree_save(struct tree *t)
{
    uint64_t size = t->frontier.size;
    tl_err err = TL_OK;
    for (unsigned level = 1; level < TILE_LEVELS && err == TL_OK; level++) {
        unsigned width = tile_edge_width(size, level);
        if (size >> (8 * level) == t->saved_size >> (8 * level))
            break;
        if (width)
            err = store_put_tile(t->store, level, edge_number(size, level), t->edge.hashes[level],
                                 width);
    }
    t->saved_size = size;
    return err;
}

/* The leaves of the incomplete tile of level 0. */
static tl_err load_level0(struct tree *t, uint64_t size)
{
    uint64_t first = size - size % TILE_WIDTH;
    for (uint64_t i = first; i < size; i++) {
        struct store_leaf leaf;
        tl_err err = store_get_leaf(t->store, i, &leaf);
        if (err != TL_OK)
            return err;
        t->edge.hashes[0][i - first] = merkle_leaf_hash(leaf.statement);
    }
    return TL_OK;
}

/* The right edge as a frontier: within each incomplete tile, the widths' binary
 * digits are the complete subtrees. */
static tl_err frontier_from_edge(struct tree *t)
{
    struct merkle_frontier f = {0};
    for (unsigned level = TILE_LEVELS; level-- > 0;) {
        unsigned width = tile_edge_width(t->edge.size, level), done = 0;
        for (unsigned bit = 8; bit-- > 0;) {
            if (!(width >> bit & 1))
                continue;
            hash32 h = tile_subtree(t->edge.hashes[level], done, bit);
            tl_err err = merkle_frontier_add_subtree(&f, 8 * level + bit, &h);
            if (err != TL_OK)
                return err;
            done += 1u << bit;
        }
    }
    t->frontier = f;
    return TL_OK;
}

tl_err tree_load(struct tree *t, uint64_t size, const hash32 *root, struct tl_why *why)
{
    tl_err err = load_level0(t, size);
    for (unsigned level = 1; level < TILE_LEVELS && err == TL_OK; level++) {
        unsigned width = tile_edge_width(size, level);
        if (width)
            err = store_get_tile(t->store, level, edge_number(size, level), t->edge.hashes[level],
                                 width);
    }
    t->edge.size = size;
    t->saved_size = size;
    if (err == TL_OK)
        err = frontier_from_edge(t);
    if (err == TL_E_IO || err == TL_E_MEMORY)
        return err;
    hash32 got = merkle_frontier_root(&t->frontier);
    if (err != TL_OK || REFUSED(!hash_eq(&got, root)))
        return tl_explain(why, TL_E_STORED, NULL,
                          "the stored leaves and tree hashes do not give the root of the "
                          "authenticated head: this database was altered; put back an "
                          "unaltered copy, or run `teelog fsck` to see what is wrong");
    return TL_OK;
}

static tl_err full_tile(struct tree *t, unsigned level, uint64_t n, const hash32 **out);

/* Hash i of a tile level, authenticated. */
static tl_err tile_hash(struct tree *t, unsigned level, uint64_t i, hash32 *out)
{
    if (level >= TILE_LEVELS || i >= t->frontier.size >> (8 * level))
        return TL_E_RANGE;
    const hash32 *hashes;
    if (i / TILE_WIDTH == edge_number(t->frontier.size, level)) {
        hashes = t->edge.hashes[level];
    } else {
        tl_err err = full_tile(t, level, i / TILE_WIDTH, &hashes);
        if (err != TL_OK)
            return err;
    }
    *out = hashes[i % TILE_WIDTH];
    return TL_OK;
}

static bool is_tile(const struct cached *c, unsigned level, uint64_t n)
{
    return c->used && c->level == level && c->n == n;
}

static struct cached *cache_slot(struct tree *t, unsigned level, uint64_t n, bool *hit)
{
    struct cached *found = t->last, *oldest = &t->cache[0];
    for (size_t i = 0; i < CACHE && !is_tile(found, level, n); i++) {
        found = &t->cache[i];
        if (found->last_use < oldest->last_use)
            oldest = found;
    }
    *hit = is_tile(found, level, n);
    t->last = *hit ? found : oldest;
    t->last->last_use = ++t->clock;
    return t->last;
}

/* A full tile is believed when its root is the hash that the tile above it
 * holds for it; the recursion ends at the edge in memory, at most
 * TILE_LEVELS above. */
static tl_err full_tile(struct tree *t, unsigned level, uint64_t n, const hash32 **out)
{
    bool hit;
    struct cached *c = cache_slot(t, level, n, &hit);
    if (!hit) {
        hash32 above, hashes[TILE_WIDTH];
        tl_err err = tile_hash(t, level + 1, n, &above);
        if (err == TL_OK)
            err = store_get_tile(t->store, level, n, hashes, TILE_WIDTH);
        if (err != TL_OK)
            return err == TL_E_NOT_FOUND ? TL_E_STORED : err;
        hash32 root = tile_root(hashes);
        if (REFUSED(!hash_eq(&root, &above)))
            return TL_E_STORED;
        c = cache_slot(t, level, n, &hit);
        c->used = true;
        c->level = level;
        c->n = n;
        memcpy(t->hashes[c - t->cache], hashes, sizeof hashes);
    }
    *out = t->hashes[c - t->cache];
    return TL_OK;
}

tl_err tree_leaf(struct tree *t, uint64_t index, hash32 *out)
{
    return tile_hash(t, 0, index, out);
}

tl_err tree_tile(struct tree *t, unsigned level, uint64_t n, const hash32 **out, unsigned *width)
{
    if (level >= TILE_LEVELS || n > edge_number(t->frontier.size, level))
        return TL_E_RANGE;
    bool edge = n == edge_number(t->frontier.size, level);
    tl_err err = TL_OK;
    if (edge)
        *out = t->edge.hashes[level];
    else
        err = full_tile(t, level, n, out);
    if (err == TL_OK)
        *width = edge ? tile_edge_width(t->frontier.size, level) : TILE_WIDTH;
    return err;
}

/* Node n of a level: 2^(level mod 8) neighbours within one tile. */
static tl_err node(void *ctx, unsigned level, uint64_t n, hash32 *out)
{
    struct tree *t = ctx;
    unsigned tile_level = level / 8, bits = level % 8;
    uint64_t first = n << bits;
    if (bits == 0)
        return tile_hash(t, tile_level, n, out);
    if (tile_level >= TILE_LEVELS || ((n + 1) << bits) > t->frontier.size >> (8 * tile_level))
        return TL_E_RANGE;
    const hash32 *hashes;
    if (first / TILE_WIDTH == edge_number(t->frontier.size, tile_level)) {
        hashes = t->edge.hashes[tile_level];
    } else {
        tl_err err = full_tile(t, tile_level, first / TILE_WIDTH, &hashes);
        if (err != TL_OK)
            return err;
    }
    *out = tile_subtree(hashes, first % TILE_WIDTH, bits);
    return TL_OK;
}

struct merkle_nodes tree_nodes(struct tree *t)
{
    return (struct merkle_nodes){node, t};
}
