/* Tiles and entry bundles of the durable log (c2sp.org/tlog-tiles), read on the owner thread and
 * proven under its tree before they are handed out. */
#ifndef TL_LOG_TILES_H
#define TL_LOG_TILES_H

#include "log/log.h"

/* Bytes of the longest: 256 statements, each with its length. */
#define LOG_TILE_MAX (256u * (2 + 704))

struct log_tile;
/* level 0 to 63, or -1: the entries themselves; width 1 to 256. TL_E_NOT_FOUND for what no
 * durable tree has, in the width that is asked for or a larger one. */
tl_err log_tile_new(struct log_tile **out, struct log *log, int level, uint64_t n,
                    unsigned width) TL_MUST;
void log_tile_free(struct log_tile *t); /* not while it is read */
/* Reads it, in slices. done is called on the owner thread once; TL_E_STOPPING from here: it is
 * not. TL_E_STORED where what is stored is not what was logged. */
typedef void log_tile_done_fn(void *ctx, tl_err err);
tl_err log_tile_submit(struct log_tile *t, log_tile_done_fn *done, void *ctx) TL_MUST;
/* The resource's bytes, once done with TL_OK; borrowed from t. */
slice log_tile_bytes(const struct log_tile *t);

#endif
