#include "cli/tile_source.h"

#include "store/folder.h"
#include "tlog/tile.h"

#include <stdio.h>

#define TARGET_ROOM (TILE_PREFIX_MAX + 128)

static tl_err send(const struct tile_source *s, const char *path, struct tl_why *why)
{
    char target[TARGET_ROOM];
    snprintf(target, sizeof target, "%s/%s", s->prefix, path);
    return client_send(s->client, "GET", target, (slice){NULL, 0}, why);
}

tl_err tile_source_ask(struct tile_source *s, const char *path, struct tl_why *why)
{
    char *name = s->asked[(s->first + s->count) % TILE_SOURCE_AHEAD];
    if (s->count == TILE_SOURCE_AHEAD)
        return TL_E_LIMIT;
    snprintf(name, sizeof s->asked[0], "%s", path);
    s->count++;
    return s->dir < 0 ? send(s, path, why) : TL_OK;
}

tl_err tile_source_ask_tile(struct tile_source *s, int level, uint64_t n, unsigned width,
                            struct tl_why *why)
{
    char path[sizeof s->asked[0]];
    buf b;
    buf_init_fixed(&b, (uint8_t *)path, sizeof path);
    tile_path_put(&b, level, n, width);
    buf_u8(&b, 0);
    return tile_source_ask(s, path, why);
}

/* What was asked for on the old connection is answered on the new one. */
static tl_err reconnect(struct tile_source *s, struct tl_why *why)
{
    client_close(s->client);
    s->client = NULL;
    tl_err err = s->reopen(s->ctx, &s->client, why);
    for (unsigned i = 0; i < s->count && err == TL_OK; i++)
        err = send(s, s->asked[(s->first + i) % TILE_SOURCE_AHEAD], why);
    return err;
}

static tl_err take(struct tile_source *s, buf *out, struct tl_why *why)
{
    struct client_answer a;
    tl_err err = client_head(s->client, &a, why);
    if (err != TL_OK)
        return err;
    err =
        a.status == 200 ? client_body_all(s->client, out, why) : client_refusal(s->client, &a, why);
    return err == TL_OK && a.close && s->reopen ? reconnect(s, why) : err;
}

tl_err tile_source_take(struct tile_source *s, buf *out, struct tl_why *why)
{
    const char *name = s->asked[s->first];
    s->first = (s->first + 1) % TILE_SOURCE_AHEAD;
    s->count--;
    return s->dir < 0 ? take(s, out, why) : folder_get(s->dir, name, out, why);
}

tl_err tile_source_get(struct tile_source *s, const char *path, buf *out, struct tl_why *why)
{
    tl_err err = tile_source_ask(s, path, why);
    return err == TL_OK ? tile_source_take(s, out, why) : err;
}
