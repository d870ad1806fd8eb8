/* GET /tile/…: the log's tree and its entries, c2sp.org/tlog-tiles. */
#include "log/tiles.h"
#include "http/internal.h"
#include "http/tile_cache.h"
#include "tlog/tile.h"

#include <stdlib.h>

struct asked {
    struct log_tile *tile;
    int level;
    uint64_t n;
    unsigned width;
    tl_err err;
};

static void asked_free(void *state)
{
    struct asked *a = state;
    if (!a)
        return;
    log_tile_free(a->tile);
    free(a);
}

/* "Tiles … are immutable": for as long as a cache wants. */
static void put_answer(struct exchange *x, slice bytes)
{
    struct log_info info;
    log_info(x->service->log, &info);
    x->cache = "max-age=31536000, immutable";
    answer(x, 200, "application/octet-stream",
           info.simulated ? "Teelog-Platform: simulator\r\n" : NULL, bytes);
}

static void resume(struct exchange *x)
{
    const struct asked *a = x->state;
    if (a->err != TL_OK) {
        answer_error(x, a->err, NULL);
        return;
    }
    slice bytes = log_tile_bytes(a->tile);
    tile_cache_put(x->service->tiles, a->level, a->n, a->width, bytes);
    put_answer(x, bytes);
}

/* On the owner thread. */
static void done(void *ctx, tl_err err)
{
    struct exchange *x = ctx;
    struct asked *a = x->state;
    a->err = err;
    service_post(x);
}

static tl_err submit(struct exchange *x, const struct asked *what)
{
    struct asked *a = malloc(sizeof *a);
    if (!a)
        return TL_E_MEMORY;
    *a = *what;
    x->state = a;
    x->state_free = asked_free;
    x->resume = resume;
    tl_err err = log_tile_new(&a->tile, x->service->log, a->level, a->n, a->width);
    if (err != TL_OK)
        return err;
    service_hold(x);
    err = log_tile_submit(a->tile, done, x);
    if (err != TL_OK)
        service_release(x);
    return err;
}

void get_tile(struct exchange *x)
{
    struct http_query q = {{0}};
    struct tl_why why = {{0}, {0}};
    struct asked a = {0};
    slice path = slice_of(x->head.path.p + 1, x->head.path.n - 1);
    if (!query_or_answer(x, &q, NULL, 0))
        return;
    if (tile_path_read(path, &a.level, &a.n, &a.width) != TL_OK) {
        answer_error(x,
                     tl_explain(&why, TL_E_NOT_FOUND, NULL,
                                "no tile has this path; see c2sp.org/tlog-tiles"),
                     &why);
        return;
    }
    slice kept = tile_cache_get(x->service->tiles, a.level, a.n, a.width);
    if (kept.p) {
        put_answer(x, kept);
        return;
    }
    tl_err err = answers_room(x, &why);
    if (err == TL_OK)
        err = submit(x, &a);
    if (err == TL_E_NOT_FOUND)
        (void)tl_explain(&why, err, NULL, "the log has not grown to this tile");
    if (err != TL_OK)
        answer_error(x, err, &why);
}
