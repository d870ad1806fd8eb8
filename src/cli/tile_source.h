/* Where a log's tiles come from: a service or any web server, below some path of it, or a
 * folder (c2sp.org/tlog-tiles). Nothing that comes is believed. */
#ifndef TL_CLI_TILE_SOURCE_H
#define TL_CLI_TILE_SOURCE_H

#include "client/client.h"

/* Bytes of a whole bundle of entries: 256 of 65,535, each with its length. */
#define TILE_FILE_MAX     (256u * (2 + 65535))
#define TILE_SOURCE_AHEAD 4 /* of these may be asked for before the first is taken */
#define TILE_PREFIX_MAX   256

struct tile_source {
    int dir;               /* a folder; or, where it is -1, */
    struct client *client; /* a server, closed by whoever opened the source */
    const char *prefix;    /* borrowed: before each path, "" or "/…" without a slash at its end */
    /* A new connection in place of one that the server ends after an answer, as web servers do
     * after some; NULL: it is not expected to. */
    tl_err (*reopen)(void *ctx, struct client **out, struct tl_why *why);
    void *ctx;
    /* Asked for, and not taken yet: names in the order in which they were asked for. */
    char asked[TILE_SOURCE_AHEAD][80];
    unsigned first, count;
};

/* path: tile/…, without a slash before it. */
tl_err tile_source_ask(struct tile_source *s, const char *path, struct tl_why *why) TL_MUST;
/* The next that was asked for, appended. TL_E_NOT_FOUND where it is not there. */
tl_err tile_source_take(struct tile_source *s, buf *out, struct tl_why *why) TL_MUST;
/* Both at once, where nothing else was asked for. */
tl_err tile_source_get(struct tile_source *s, const char *path, buf *out,
                       struct tl_why *why) TL_MUST;
/* The same of a tile; level -1 for entries. */
tl_err tile_source_ask_tile(struct tile_source *s, int level, uint64_t n, unsigned width,
                            struct tl_why *why) TL_MUST;

#endif
