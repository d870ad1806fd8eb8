#include "mcp/text.h"

#include "base/encoding.h"
#include "base/refuse.h"
#include "codec/json.h"

#define NAME_MAX_BYTES 64 /* of a name that is asked for, decoded */

static void advance(slice *s, size_t n)
{
    *s = slice_of(s->p + n, s->n - n);
}

/* The next byte after white space (RFC 8259 section 2), or 0, which no token begins with. */
static uint8_t peek(slice *s)
{
    size_t i = 0;
    while (i < s->n && (s->p[i] == ' ' || s->p[i] == '\t' || s->p[i] == '\n' || s->p[i] == '\r'))
        i++;
    if (i)
        advance(s, i);
    return s->n ? s->p[0] : 0;
}

static bool take(slice *s, uint8_t c)
{
    if (peek(s) != c)
        return false;
    advance(s, 1);
    return true;
}

/* How long the escape at p is, where a backslash is; 0: it is none. Half of a pair of UTF-16 counts
 * as one: JavaScript writes what it has cut so, and all read it. */
static size_t escape(const uint8_t *p, size_t n)
{
    uint8_t unit[2];
    if (REFUSED(n < 2 || p[1] == 0))
        return 0;
    if (p[1] != 'u')
        return REFUSED(!strchr("\"\\/bfnrt", p[1])) ? 0 : 2;
    return REFUSED(n < 6 || hex_read(unit, 2, slice_of(p + 2, 4)) != TL_OK) ? 0 : 6;
}

/* A text with its quotes (RFC 8259 section 7). */
static tl_err string(slice *s)
{
    size_t i = 1;
    while (i < s->n && s->p[i] != '"') {
        size_t n = s->p[i] == '\\' ? escape(s->p + i, s->n - i) : 1;
        if (n == 0 || REFUSED(s->p[i] < 0x20))
            return TL_E_JSON;
        i += n;
    }
    if (REFUSED(i >= s->n || !utf8_valid(slice_of(s->p + 1, i - 1))))
        return TL_E_JSON;
    advance(s, i + 1);
    return TL_OK;
}

/* A value without others in it. */
static tl_err scalar(slice *s)
{
    if (s->n && s->p[0] == '"')
        return string(s);
    js r = js_of(*s);
    js_skip(&r);
    if (r.err == TL_OK)
        *s = r.rest;
    return r.err;
}

/* A member's name and its colon. */
static tl_err name(slice *s, slice *out)
{
    if (REFUSED(peek(s) != '"'))
        return TL_E_JSON;
    const uint8_t *p = s->p;
    tl_err err = scalar(s);
    if (err != TL_OK)
        return err;
    *out = slice_of(p + 1, (size_t)(s->p - p) - 2);
    return REFUSED(!take(s, ':')) ? TL_E_JSON : TL_OK;
}

/* Which of the things that we are in are objects. */
struct nest {
    uint64_t objects[TEXT_MAX_DEPTH / 64];
    size_t depth;
};

static bool in_object(const struct nest *n)
{
    return n->objects[(n->depth - 1) / 64] >> (n->depth - 1) % 64 & 1;
}

static uint8_t closing(const struct nest *n)
{
    return in_object(n) ? '}' : ']';
}

static tl_err enter(struct nest *n, slice *s)
{
    if (REFUSED(n->depth == TEXT_MAX_DEPTH))
        return TL_E_DEPTH;
    uint64_t bit = UINT64_C(1) << n->depth % 64, *word = &n->objects[n->depth / 64];
    *word = s->p[0] == '{' ? *word | bit : *word & ~bit;
    n->depth++;
    advance(s, 1);
    return TL_OK;
}

/* A scalar, or the beginning of what holds others; *whole: and its end. */
static tl_err begin_value(struct nest *n, slice *s, bool *whole)
{
    slice ignored;
    uint8_t c = peek(s);
    *whole = true;
    if (c != '{' && c != '[')
        return scalar(s);
    tl_err err = enter(n, s);
    if (err != TL_OK)
        return err;
    if (take(s, closing(n))) {
        n->depth--;
        return TL_OK;
    }
    *whole = false;
    return in_object(n) ? name(s, &ignored) : TL_OK;
}

/* After a value: closes what ends there; *more: another value comes. */
static tl_err after_value(struct nest *n, slice *s, bool *more)
{
    slice ignored;
    *more = false;
    while (n->depth && take(s, closing(n)))
        n->depth--;
    if (n->depth == 0)
        return TL_OK;
    if (REFUSED(!take(s, ',')))
        return TL_E_JSON;
    *more = true;
    return in_object(n) ? name(s, &ignored) : TL_OK;
}

tl_err text_value(slice *value, slice *text)
{
    struct nest n = {.depth = 0};
    slice s = *text;
    bool whole, more = true;
    (void)peek(&s);
    const uint8_t *start = s.p;
    tl_err err = TL_OK;
    while (more && err == TL_OK) {
        err = begin_value(&n, &s, &whole);
        if (err == TL_OK && whole)
            err = after_value(&n, &s, &more);
    }
    if (err != TL_OK)
        return err;
    *value = slice_of(start, (size_t)(s.p - start));
    *text = s;
    return TL_OK;
}

tl_err text_whole(slice *value, slice text)
{
    slice found;
    tl_err err = text_value(&found, &text);
    if (err == TL_OK && REFUSED(peek(&text) != 0 || text.n != 0))
        err = TL_E_JSON;
    if (err == TL_OK)
        *value = found;
    return err;
}

struct text_walk text_walk_of(slice value)
{
    struct text_walk w = {.rest = value, .first = true};
    w.object = value.n && value.p[0] == '{';
    if (REFUSED(!w.object && (value.n == 0 || value.p[0] != '[')))
        w.err = TL_E_JSON;
    else
        advance(&w.rest, 1);
    return w;
}

/* At the end, or before the next. */
static bool at_end(struct text_walk *w)
{
    const uint8_t *p;
    if (peek(&w->rest) == (w->object ? '}' : ']')) {
        p = w->rest.p;
        advance(&w->rest, 1);
        w->close = p;
        return true;
    }
    if (!w->first && REFUSED(!take(&w->rest, ',')))
        w->err = TL_E_JSON;
    return false;
}

bool text_next(struct text_walk *w, struct text_part *p)
{
    struct text_part part = {{NULL, 0}, {NULL, 0}};
    if (w->err != TL_OK || w->close || at_end(w) || w->err != TL_OK)
        return false;
    if (w->object)
        w->err = name(&w->rest, &part.name);
    if (w->err == TL_OK)
        w->err = text_value(&part.value, &w->rest);
    w->first = false;
    if (w->err != TL_OK)
        return false;
    *p = part;
    return true;
}

tl_err text_end(const struct text_walk *w)
{
    return w->err;
}

bool text_decode(buf *out, slice spelt)
{
    if (spelt.n == 0)
        return true;
    js r = js_of(slice_of(spelt.p - 1, spelt.n + 2)); /* with its quotes */
    js_text(&r, out);
    return r.err == TL_OK;
}

bool text_is(slice spelt, const char *wanted)
{
    uint8_t mem[NAME_MAX_BYTES];
    buf b;
    if (spelt.n == 0 || !memchr(spelt.p, '\\', spelt.n))
        return slice_eq_str(spelt, wanted);
    buf_init_fixed(&b, mem, sizeof mem);
    return text_decode(&b, spelt) && slice_eq_str(buf_slice(&b), wanted);
}
