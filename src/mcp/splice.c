#include "mcp/splice.h"

#include "base/refuse.h"
#include "mcp/text.h"

#define META    "_meta"
#define RECEIPT "teelog/receipt"
#define KEY     "\"" RECEIPT "\":"

struct splice {
    buf *out;
    const uint8_t *at;    /* the result is copied up to here, */
    const uint8_t *bytes; /* from what stands there in its place */
    slice receipt;
    bool done;
};

static void copy(struct splice *s, const uint8_t *to)
{
    size_t n = (size_t)(to - s->at);
    buf_bytes(s->out, slice_of(s->bytes, n));
    s->bytes += n;
    s->at = to;
}

/* What stands before `where`, then the receipt, in place of so many bytes there. */
static void put(struct splice *s, const uint8_t *where, size_t instead, const char *before,
                const char *after)
{
    copy(s, where);
    buf_str(s->out, before);
    buf_bytes(s->out, s->receipt);
    buf_str(s->out, after);
    s->at += instead;
    s->bytes += instead;
    s->done = true;
}

/* Replaces what is there; of the last _meta, which is the one that is read where it stands more
 * than once, adds what is not. */
static void put_meta(struct splice *s, slice meta, bool last)
{
    bool empty = true, has = false;
    struct text_walk w = text_walk_of(meta);
    for (struct text_part p; text_next(&w, &p);) {
        empty = false;
        if (text_is(p.name, RECEIPT)) {
            put(s, p.value.p, p.value.n, "", "");
            has = true;
        }
    }
    if (last && !has && w.object && w.close)
        put(s, w.close, 0, empty ? KEY : "," KEY, "");
}

bool mcp_splice(buf *b, slice result, const uint8_t *bytes, slice receipt)
{
    struct splice s = {.out = b, .at = result.p, .bytes = bytes, .receipt = receipt};
    const uint8_t *last = NULL;
    bool empty = true;
    struct text_walk w = text_walk_of(result);
    for (struct text_part p; text_next(&w, &p);) {
        empty = false;
        if (text_is(p.name, META))
            last = p.value.p;
    }
    if (!w.object || REFUSED(!w.close))
        return false;
    const uint8_t *close = w.close;
    w = text_walk_of(result);
    for (struct text_part p; last && text_next(&w, &p);)
        if (text_is(p.name, META) && p.value.p[0] == '{')
            put_meta(&s, p.value, p.value.p == last);
    if (!last)
        put(&s, close, 0, empty ? "\"" META "\":{" KEY : ",\"" META "\":{" KEY, "}");
    if (s.done)
        copy(&s, result.p + result.n);
    return s.done;
}
