#include "tlog/tile.h"

#include "base/refuse.h"

hash32 tile_subtree(const hash32 *hashes, size_t first, unsigned level)
{
    struct merkle_frontier f;
    f.size = 0; /* the nodes mean nothing yet, and zeroing them all costs */
    for (size_t i = first; i < first + ((size_t)1 << level); i++)
        merkle_frontier_add(&f, &hashes[i]);
    return f.nodes[level];
}

hash32 tile_root(const hash32 hashes[TILE_WIDTH])
{
    return tile_subtree(hashes, 0, 8);
}

void tile_path_put(buf *b, int level, uint64_t n, unsigned width)
{
    buf_str(b, "tile/");
    if (level < 0)
        buf_str(b, "entries");
    else
        buf_printf(b, "%d", level);
    uint64_t unit = 1;
    while (n / unit >= 1000)
        unit *= 1000;
    for (; unit > 1; unit /= 1000)
        buf_printf(b, "/x%03u", (unsigned)(n / unit % 1000));
    buf_printf(b, "/%03u", (unsigned)(n % 1000));
    if (width < TILE_WIDTH)
        buf_printf(b, ".p/%u", width);
}

static bool take_str(slice *s, const char *str)
{
    slice want = slice_str(str);
    if (!slice_starts(*s, want))
        return false;
    *s = slice_of(s->p + want.n, s->n - want.n);
    return true;
}

/* Digits onto v, which may wrap: the caller compares what comes out of it with
 * what went in. */
static uint64_t take_digits(slice *s, uint64_t v)
{
    for (; s->n && s->p[0] >= '0' && s->p[0] <= '9'; s->p++, s->n--)
        v = v * 10 + (s->p[0] - '0');
    return v;
}

/* Reads loosely and writes the result again: only the one canonical text of a
 * path comes out the same, so no leading zero, sign or wrapped number passes. */
tl_err tile_path_read(slice path, int *level, uint64_t *n, unsigned *width)
{
    slice s = path;
    uint64_t l = 0, v = 0, w = TILE_WIDTH;
    (void)take_str(&s, "tile/");
    bool entries = take_str(&s, "entries");
    if (!entries)
        l = take_digits(&s, 0);
    while (take_str(&s, "/x"))
        v = take_digits(&s, v);
    if (take_str(&s, "/"))
        v = take_digits(&s, v);
    if (take_str(&s, ".p/"))
        w = take_digits(&s, 0);
    if (REFUSED(l > 63) || REFUSED(v > INT64_MAX / TILE_WIDTH) || REFUSED(w == 0))
        return TL_E_RANGE;
    uint8_t mem[64];
    buf again;
    buf_init_fixed(&again, mem, sizeof mem);
    tile_path_put(&again, entries ? -1 : (int)l, v, (unsigned)w);
    if (REFUSED(!slice_eq(path, buf_slice(&again))))
        return TL_E_RANGE;
    *level = entries ? -1 : (int)l;
    *n = v;
    *width = (unsigned)w;
    return TL_OK;
}

tl_err tile_entry_put(buf *b, slice entry)
{
    if (REFUSED(entry.n > UINT16_MAX))
        return TL_E_LIMIT;
    uint8_t *p = buf_grow(b, 2 + entry.n);
    if (!p)
        return buf_err(b);
    p[0] = (uint8_t)(entry.n >> 8);
    p[1] = (uint8_t)entry.n;
    if (entry.n)
        memcpy(p + 2, entry.p, entry.n);
    return TL_OK;
}

unsigned tile_edge_width(uint64_t size, unsigned level)
{
    return (unsigned)(size >> (8 * level) & (TILE_WIDTH - 1));
}

void tile_edge_add(struct tile_edge *e, const hash32 *leaf_hash, tile_full_fn *full, void *ctx)
{
    hash32 h = *leaf_hash;
    uint64_t n = e->size++; /* hashes of this level that stand before h */
    for (unsigned level = 0; level < TILE_LEVELS; level++, n /= TILE_WIDTH) {
        e->hashes[level][n % TILE_WIDTH] = h;
        if (n % TILE_WIDTH != TILE_WIDTH - 1)
            return;
        full(ctx, level, n / TILE_WIDTH, e->hashes[level]);
        h = tile_root(e->hashes[level]);
    }
}

hash32 tile_edge_root(const struct tile_edge *e)
{
    struct merkle_frontier f = {.size = e->size};
    for (unsigned bit = 0; bit < 8 * TILE_LEVELS; bit++) {
        if (!(e->size >> bit & 1))
            continue;
        unsigned level = bit / 8, within = bit % 8;
        size_t first = tile_edge_width(e->size, level) >> within >> 1 << within << 1;
        f.nodes[bit] = tile_subtree(e->hashes[level], first, within);
    }
    return merkle_frontier_root(&f);
}
