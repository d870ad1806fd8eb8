#include "http/tile_cache.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS 1024

struct slot {
    int level;
    uint64_t n;
    unsigned width;
    uint8_t *bytes; /* owned; NULL: empty */
    size_t size;
};

struct tile_cache {
    size_t total, hand; /* hand: the slot that is emptied next, where there are too many bytes */
    struct slot slots[SLOTS];
};

tl_err tile_cache_new(struct tile_cache **out)
{
    struct tile_cache *c = calloc(1, sizeof *c);
    if (!c)
        return TL_E_MEMORY;
    *out = c;
    return TL_OK;
}

static void drop(struct tile_cache *c, struct slot *s)
{
    c->total -= s->size;
    free(s->bytes);
    *s = (struct slot){.bytes = NULL};
}

void tile_cache_free(struct tile_cache *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        drop(c, &c->slots[i]);
    free(c);
}

/* A tile has one place: neighbours have different ones, and so have the widths of one. */
static struct slot *slot_of(struct tile_cache *c, int level, uint64_t n, unsigned width)
{
    uint64_t h = (n * 257 + width) * 10 + (uint64_t)(level + 1);
    h *= UINT64_C(0x9e3779b97f4a7c15);
    return &c->slots[h >> 54];
}

slice tile_cache_get(struct tile_cache *c, int level, uint64_t n, unsigned width)
{
    const struct slot *s = slot_of(c, level, n, width);
    bool here = s->bytes && s->level == level && s->n == n && s->width == width;
    return here ? slice_of(s->bytes, s->size) : (slice){NULL, 0};
}

void tile_cache_put(struct tile_cache *c, int level, uint64_t n, unsigned width, slice bytes)
{
    struct slot *s = slot_of(c, level, n, width);
    uint8_t *copy = bytes.n && bytes.n <= TILE_CACHE_MAX ? malloc(bytes.n) : NULL;
    if (!copy)
        return;
    drop(c, s);
    while (c->total + bytes.n > TILE_CACHE_MAX)
        drop(c, &c->slots[c->hand++ % SLOTS]);
    memcpy(copy, bytes.p, bytes.n);
    *s = (struct slot){.level = level, .n = n, .width = width, .bytes = copy, .size = bytes.n};
    c->total += bytes.n;
}
