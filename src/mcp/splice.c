#include "mcp/splice.h"

#include "base/refuse.h"
#include "mcp/text.h"

#define KEY "\"teelog/receipt\":"

/* The member of this name; -1 where it stands twice, or the value is no object. */
static int find(slice object, const char *name, slice *value, const uint8_t **close, bool *empty)
{
    int found = 0;
    struct text_walk w = text_walk_of(object);
    *empty = true;
    if (!w.object)
        return -1;
    for (struct text_part p; text_next(&w, &p);) {
        *empty = false;
        if (text_is(p.name, name)) {
            *value = p.value;
            found++;
        }
    }
    *close = w.close;
    return REFUSED(text_end(&w) != TL_OK) || REFUSED(found > 1) ? -1 : found;
}

bool mcp_splice_find(struct mcp_splice *out, slice result)
{
    struct mcp_splice s;
    slice meta, receipt;
    const uint8_t *close;
    bool empty;
    int n = find(result, "_meta", &meta, &close, &empty);
    if (n < 0)
        return false;
    if (n == 0) {
        s = (struct mcp_splice){slice_of(close, 0), empty ? "\"_meta\":{" KEY : ",\"_meta\":{" KEY,
                                "}"};
        *out = s;
        return true;
    }
    n = find(meta, "teelog/receipt", &receipt, &close, &empty);
    if (n < 0)
        return false;
    if (n == 1) /* of another, who is not the one that the agent speaks to */
        s = (struct mcp_splice){receipt, "", ""};
    else
        s = (struct mcp_splice){slice_of(close, 0), empty ? KEY : "," KEY, ""};
    *out = s;
    return true;
}

slice mcp_splice_put(buf *b, slice text, const struct mcp_splice *s, slice receipt)
{
    size_t at = (size_t)(s->drop.p - text.p) + s->drop.n;
    buf_bytes(b, slice_of(text.p, (size_t)(s->drop.p - text.p)));
    buf_str(b, s->before);
    buf_bytes(b, receipt);
    buf_str(b, s->after);
    return slice_of(text.p + at, text.n - at);
}
