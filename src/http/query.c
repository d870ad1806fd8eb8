#include "http/head.h"

#include "base/encoding.h"
#include "base/refuse.h"

#include <stdio.h>

static tl_err bad(struct tl_why *why, slice name, const char *text)
{
    char field[40];
    snprintf(field, sizeof field, "%.*s", (int)(name.n < 39 ? name.n : 39), (const char *)name.p);
    return tl_explain(why, TL_E_HTTP, field, "%s", text);
}

tl_err http_percent_read(uint8_t **at, const char *name, slice text, struct tl_why *why)
{
    for (size_t i = 0; i < text.n; i++, (*at)++) {
        if (text.p[i] != '%') {
            **at = text.p[i];
            continue;
        }
        if (REFUSED(text.n - i < 3) || hex_read(*at, 1, slice_of(text.p + i + 1, 2)) != TL_OK)
            return bad(why, slice_str(name), "a % must be followed by two hex digits");
        i += 2;
    }
    return TL_OK;
}

static struct http_param *find(struct http_param *params, size_t count, slice name)
{
    for (size_t i = 0; i < count; i++)
        if (slice_eq_str(name, params[i].name))
            return &params[i];
    return NULL;
}

tl_err http_query_read(struct http_query *q, struct http_param *params, size_t count, slice text,
                       struct tl_why *why)
{
    uint8_t *at = q->bytes;
    if (REFUSED(text.n > sizeof q->bytes))
        return tl_explain(why, TL_E_HTTP, "query", "longer than %d bytes", HTTP_QUERY_MAX);
    while (text.n) {
        const uint8_t *amp = memchr(text.p, '&', text.n);
        slice pair = {text.p, amp ? (size_t)(amp - text.p) : text.n};
        text = slice_of(text.p + pair.n + (amp ? 1 : 0), text.n - pair.n - (amp ? 1 : 0));
        const uint8_t *equals = pair.n ? memchr(pair.p, '=', pair.n) : NULL;
        slice name = {pair.p, equals ? (size_t)(equals - pair.p) : pair.n};
        struct http_param *param = find(params, count, name);
        if (REFUSED(!param))
            return bad(why, name, "this route has no such query key");
        if (REFUSED(param->value.p))
            return bad(why, name, "comes twice in the query");
        if (REFUSED(!equals || name.n + 1 == pair.n))
            return bad(why, name, "needs a value");
        uint8_t *start = at;
        tl_err err =
            http_percent_read(&at, param->name, slice_of(equals + 1, pair.n - name.n - 1), why);
        if (err != TL_OK)
            return err;
        param->value = slice_of(start, (size_t)(at - start));
    }
    return TL_OK;
}
