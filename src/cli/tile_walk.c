#include "cli/tile_walk.h"

#include "base/reader.h"
#include "base/refuse.h"
#include "cli/progress.h"

struct walking {
    const struct tile_walk *w;
    struct tile_edge *edge;
    struct tile_source *source;
    uint64_t size;
    uint64_t asked, end; /* bundles: the next to ask for, and how many there are */
    uint64_t at;
    tl_err err; /* of w->full */
    struct tl_why *why;
};

unsigned tile_width(uint64_t n, uint64_t count)
{
    return (n + 1) * TILE_WIDTH <= count ? TILE_WIDTH : (unsigned)(count % TILE_WIDTH);
}

static void full(void *ctx, unsigned level, uint64_t n, const hash32 hashes[TILE_WIDTH])
{
    struct walking *v = ctx;
    if (v->w->full && v->err == TL_OK)
        v->err = v->w->full(v->w->ctx, level, n, hashes, v->why);
}

static tl_err take_entry(struct walking *v, uint64_t index, slice entry)
{
    hash32 h = merkle_leaf_hash(entry);
    v->at = index;
    if (index < v->edge->size)
        return REFUSED(!hash_eq(&h, &v->edge->hashes[0][index % TILE_WIDTH])) ? TL_E_PROOF : TL_OK;
    tl_err err = v->w->entry ? v->w->entry(v->w->ctx, index, entry, v->why) : TL_OK;
    if (err != TL_OK)
        return err;
    tile_edge_add(v->edge, &h, full, v);
    return v->err;
}

/* The first of them are those of the tree that is there. */
static tl_err take_entries(struct walking *v, uint64_t n, slice bundle)
{
    unsigned width = tile_width(n, v->size), got = 0;
    tl_err err = TL_OK;
    reader r = reader_of(bundle);
    v->at = n * TILE_WIDTH;
    while (r.rest.n && got < width && err == TL_OK) {
        slice entry = reader_bytes(&r, reader_u16be(&r));
        err = take_entry(v, n * TILE_WIDTH + got++, entry);
    }
    if (err != TL_OK)
        return err;
    return REFUSED(got != width || reader_end(&r) != TL_OK) ? TL_E_PROOF : TL_OK;
}

static tl_err take_bundle(struct walking *v, uint64_t n, buf *bundle)
{
    buf_reset(bundle);
    v->at = n * TILE_WIDTH;
    tl_err err = tile_source_take(v->source, bundle, v->why);
    if (REFUSED(err == TL_E_LIMIT))
        return TL_E_PROOF;
    if (err == TL_OK)
        err = take_entries(v, n, buf_slice(bundle));
    if (err == TL_OK && v->w->bundle)
        err = v->w->bundle(v->w->ctx, n, tile_width(n, v->size), buf_slice(bundle), v->why);
    return err;
}

tl_err tile_walk(const struct tile_walk *w, struct tile_edge *edge, struct tile_source *s,
                 uint64_t size, uint64_t *at, struct tl_why *why)
{
    struct walking v = {.w = w,
                        .edge = edge,
                        .source = s,
                        .size = size,
                        .asked = edge->size / TILE_WIDTH,
                        .end = (size + TILE_WIDTH - 1) / TILE_WIDTH,
                        .why = why};
    struct progress p = {.what = w->what, .unit = "entries"};
    buf bundle;
    buf_init(&bundle, TILE_FILE_MAX);
    tl_err err = TL_OK;
    for (uint64_t n = v.asked; n < v.end && err == TL_OK; n++) {
        for (; v.asked < v.end && v.asked < n + TILE_SOURCE_AHEAD && err == TL_OK; v.asked++)
            err = tile_source_ask_tile(s, -1, v.asked, tile_width(v.asked, size), why);
        if (err == TL_OK)
            err = take_bundle(&v, n, &bundle);
        progress_at(&p, edge->size, size);
    }
    progress_end(&p);
    buf_finish(&bundle);
    *at = v.at;
    return err;
}
