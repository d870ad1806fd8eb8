/* Tiles that were asked for lately: they never change, and many read the same ones. The loop
 * thread's. */
#ifndef TL_HTTP_TILE_CACHE_H
#define TL_HTTP_TILE_CACHE_H

#include "base/err.h"
#include "base/slice.h"

#include <stdint.h>

#define TILE_CACHE_MAX (8u << 20) /* bytes of tiles kept, all together */

struct tile_cache;
tl_err tile_cache_new(struct tile_cache **out) TL_MUST;
void tile_cache_free(struct tile_cache *c);
/* Borrowed until the next put; .p == NULL where it is not there. level -1: entries. */
slice tile_cache_get(struct tile_cache *c, int level, uint64_t n, unsigned width);
/* Keeps a copy in place of others, or, where there is no memory, does not. */
void tile_cache_put(struct tile_cache *c, int level, uint64_t n, unsigned width, slice bytes);

#endif
