#include "cli/tile_source.h"

#include "store/folder.h"
#include "tlog/tile.h"

#include <stdio.h>

#define TARGET_ROOM (TILE_PREFIX_MAX + 128)

tl_err tile_source_ask(struct tile_source *s, const char *path, struct tl_why *why)
{
    char target[TARGET_ROOM], *name = s->asked[(s->first + s->count) % TILE_SOURCE_AHEAD];
    if (s->count == TILE_SOURCE_AHEAD)
        return TL_E_LIMIT;
    snprintf(name, sizeof s->asked[0], "%s", path);
    snprintf(target, sizeof target, "%s/%s", s->prefix, path);
    s->count++;
    return s->client ? client_send(s->client, "GET", target, (slice){NULL, 0}, why) : TL_OK;
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

static tl_err take(struct client *c, buf *out, struct tl_why *why)
{
    struct client_answer a;
    tl_err err = client_head(c, &a, why);
    if (err != TL_OK)
        return err;
    return a.status == 200 ? client_body_all(c, out, why) : client_refusal(c, &a, why);
}

tl_err tile_source_take(struct tile_source *s, buf *out, struct tl_why *why)
{
    const char *name = s->asked[s->first];
    s->first = (s->first + 1) % TILE_SOURCE_AHEAD;
    s->count--;
    if (s->client)
        return take(s->client, out, why);
    return folder_get(s->dir, name, out, why);
}

tl_err tile_source_get(struct tile_source *s, const char *path, buf *out, struct tl_why *why)
{
    tl_err err = tile_source_ask(s, path, why);
    return err == TL_OK ? tile_source_take(s, out, why) : err;
}
