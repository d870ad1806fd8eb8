#include "cli/mirror.h"

#include "base/refuse.h"
#include "cli/cli.h"
#include "cli/tile_files.h"
#include "cli/tile_walk.h"
#include "store/folder.h"

#include <stdlib.h>
#include <unistd.h>

/* ---- what is there ---- */

static tl_err load_edge(struct mirror *m, struct tl_why *why)
{
    tl_err err = TL_OK;
    m->edge.size = m->size;
    for (unsigned level = 0; level < TILE_LEVELS && err == TL_OK; level++) {
        unsigned width = tile_edge_width(m->size, level);
        buf b;
        buf_init_fixed(&b, m->edge.hashes[level][0].b, width * sizeof(hash32));
        if (width)
            err = tile_files_read(m->dir, (int)level, m->size >> (8 * level) >> 8, width, &b, why);
        if (err == TL_E_LIMIT)
            err = TL_E_STORED; /* a shorter one does not give the root */
    }
    return err == TL_E_NOT_FOUND ? TL_E_STORED : err;
}

static tl_err load(struct mirror *m, const char *path, struct tl_why *why)
{
    buf note;
    struct checkpoint c;
    buf_init(&note, NOTE_MAX);
    tl_err err = tile_files_read_checkpoint(m->dir, &note, why);
    if (err == TL_E_NOT_FOUND) {
        buf_finish(&note);
        return TL_OK;
    }
    if (err == TL_OK)
        err = checkpoint_open(&c, buf_slice(&note), &m->key) == TL_OK ? TL_OK : TL_E_STORED;
    if (err == TL_OK) {
        m->size = c.size;
        m->root = c.root;
        err = load_edge(m, why);
    }
    if (err == TL_OK) {
        hash32 root = tile_edge_root(&m->edge);
        err = REFUSED(!hash_eq(&root, &m->root)) ? TL_E_STORED : TL_OK;
    }
    buf_finish(&note);
    if (err == TL_E_STORED)
        return tl_explain(why, err, NULL,
                          "what is in %s is not what was mirrored from this log: look at who wrote "
                          "there, then mirror into an empty folder",
                          path);
    return err;
}

tl_err mirror_open(struct mirror **out, const char *path, const struct note_key *key,
                   struct tl_why *why)
{
    struct mirror *m = calloc(1, sizeof *m);
    if (!m)
        return TL_E_MEMORY;
    m->key = *key;
    m->dir = -1;
    tl_err err = folder_open(&m->dir, path, 0777, why);
    if (err == TL_OK)
        err = load(m, path, why);
    if (err == TL_OK)
        *out = m;
    else
        mirror_close(m);
    return err;
}

void mirror_close(struct mirror *m)
{
    if (!m)
        return;
    if (m->dir >= 0)
        close(m->dir);
    free(m);
}

/* ---- what is new ---- */

struct growth {
    struct mirror *m;
    struct client *c;
    struct checkpoint to;
    struct tile_edge edge;
    struct tl_why *why;
};

static tl_err stage_full(void *ctx, unsigned level, uint64_t n, const hash32 hashes[TILE_WIDTH],
                         struct tl_why *why)
{
    const struct growth *g = ctx;
    slice bytes = slice_of(hashes[0].b, TILE_WIDTH * sizeof *hashes);
    return tile_files_stage(g->m->dir, (int)level, n, TILE_WIDTH, bytes, why);
}

static tl_err stage_bundle(void *ctx, uint64_t n, unsigned width, slice bytes, struct tl_why *why)
{
    const struct growth *g = ctx;
    return tile_files_stage(g->m->dir, -1, n, width, bytes, why);
}

static tl_err take_bundles(struct growth *g)
{
    const struct tile_walk walk = {
        .ctx = g, .full = stage_full, .bundle = stage_bundle, .what = "mirrored"};
    struct tile_source source = {.client = g->c, .dir = -1, .prefix = ""};
    uint64_t at;
    return tile_walk(&walk, &g->edge, &source, g->to.size, &at, g->why);
}

static tl_err stage_edge(struct growth *g)
{
    tl_err err = TL_OK;
    for (unsigned level = 0; level < TILE_LEVELS && err == TL_OK; level++) {
        unsigned width = tile_edge_width(g->to.size, level);
        slice bytes = slice_of(g->edge.hashes[level][0].b, width * sizeof(hash32));
        if (width)
            err = tile_files_stage(g->m->dir, (int)level, g->to.size >> (8 * level) >> 8, width,
                                   bytes, g->why);
    }
    return err;
}

/* Every tile of a level with a hash that the tree before had not. */
static tl_err each_new(struct growth *g, int level,
                       tl_err (*fn)(struct growth *g, int level, uint64_t n, unsigned width))
{
    unsigned shift = level < 0 ? 0 : 8 * (unsigned)level;
    uint64_t before = g->m->size >> shift, now = g->to.size >> shift;
    tl_err err = TL_OK;
    for (uint64_t n = before / TILE_WIDTH; n * TILE_WIDTH < now && err == TL_OK; n++)
        err = fn(g, level, n, tile_width(n, now));
    return err;
}

static tl_err publish(struct growth *g, int level, uint64_t n, unsigned width)
{
    return tile_files_publish(g->m->dir, level, n, width, g->why);
}

static tl_err drop(struct growth *g, int level, uint64_t n, unsigned width)
{
    if (width == TILE_WIDTH)
        tile_files_drop_partial(g->m->dir, level, n);
    return TL_OK;
}

/* Tiles before the checkpoint that needs them; narrower ones go when none does any more. */
static tl_err keep(struct growth *g, slice note)
{
    tl_err err = stage_edge(g);
    for (int level = -1; level < TILE_LEVELS && err == TL_OK; level++)
        err = each_new(g, level, publish);
    if (err == TL_OK)
        err = tile_files_checkpoint(g->m->dir, note, g->why);
    for (int level = -1; level < TILE_LEVELS && err == TL_OK; level++)
        err = each_new(g, level, drop);
    if (err != TL_OK)
        return err;
    g->m->size = g->to.size;
    g->m->root = g->to.root;
    g->m->edge = g->edge;
    return TL_OK;
}

static tl_err contradicts(const struct growth *g, slice note)
{
    cli_say("ALARM: this checkpoint, under the log's own key, and the one in the mirror are of two "
            "histories. Keep both:\n%.*s",
            (int)note.n, note.p ? (const char *)note.p : "");
    return tl_explain(g->why, TL_E_PROOF, NULL,
                      "the service shows %llu entries that are not what was mirrored, %llu, and "
                      "more: the log was rolled back, forked or rewritten. The folder is as it was",
                      (unsigned long long)g->to.size, (unsigned long long)g->m->size);
}

static tl_err grow(struct growth *g, slice note)
{
    struct mirror *m = g->m;
    bool same = g->to.size == m->size && hash_eq(&g->to.root, &m->root);
    if (same)
        return TL_OK;
    if (REFUSED(g->to.size <= m->size))
        return contradicts(g, note);
    g->edge = m->edge;
    tl_err err = take_bundles(g);
    if (err == TL_OK) {
        hash32 root = tile_edge_root(&g->edge);
        err = REFUSED(!hash_eq(&root, &g->to.root)) ? TL_E_PROOF : TL_OK;
    }
    if (err == TL_E_PROOF)
        return contradicts(g, note);
    return err == TL_OK ? keep(g, note) : err;
}

tl_err mirror_grow(struct mirror *m, struct client *c, struct tl_why *why)
{
    struct growth *g = calloc(1, sizeof *g);
    if (!g)
        return TL_E_MEMORY;
    buf note;
    buf_init(&note, NOTE_MAX);
    g->m = m;
    g->c = c;
    g->why = why;
    tl_err err = client_get(c, "/checkpoint", &note, why);
    if (err == TL_OK && checkpoint_open(&g->to, buf_slice(&note), &m->key) != TL_OK)
        err = tl_explain(why, TL_E_SIGNATURE, NULL,
                         "the service's checkpoint is not signed by the log's key (--log-key)");
    if (err == TL_OK)
        err = grow(g, buf_slice(&note));
    buf_finish(&note);
    free(g);
    return err;
}
