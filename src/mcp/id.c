#include "mcp/id.h"

#include "base/buf.h"
#include "base/refuse.h"
#include "codec/json.h"

#include <stdlib.h>

tl_err mcp_id_read(struct mcp_id *out, slice spelt)
{
    struct mcp_id id = {.set = false};
    buf b;
    buf_init_fixed(&b, id.text, sizeof id.text - 1);
    js r = js_of(spelt);
    enum js_kind kind = js_peek(&r);
    if (kind == JS_STRING) {
        js_text(&r, &b);
    } else if (kind == JS_NUMBER) {
        buf_bytes(&b, spelt);
        id.number = true;
    } else {
        *out = id;
        return TL_OK;
    }
    if (REFUSED(buf_err(&b) != TL_OK))
        return TL_E_LIMIT;
    id.set = r.err == TL_OK;
    id.n = (uint16_t)b.n;
    if (id.number) { /* behind it is a zero, which ends it */
        id.value = strtod((const char *)id.text, NULL);
    }
    *out = id;
    return TL_OK;
}

bool mcp_id_eq(const struct mcp_id *a, const struct mcp_id *b)
{
    if (!a->set || !b->set || a->number != b->number)
        return false;
    return slice_eq(slice_of(a->text, a->n), slice_of(b->text, b->n)) ||
           (a->number && a->value == b->value);
}

/* As JavaScript's Number reads a text, and more. */
static bool says_number(double *out, const struct mcp_id *id)
{
    char *end = NULL;
    *out = id->value;
    if (id->number)
        return true;
    *out = strtod((const char *)id->text, &end); /* a zero stands behind it */
    while (*end && strchr(" \t\r\n\v\f", *end))
        end++;
    return end == (const char *)id->text + id->n;
}

bool mcp_id_like(const struct mcp_id *a, const struct mcp_id *b)
{
    double x, y;
    return mcp_id_eq(a, b) ||
           (a->set && b->set && says_number(&x, a) && says_number(&y, b) && x == y);
}
