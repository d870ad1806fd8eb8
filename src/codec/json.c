#include "codec/json.h"

#include "base/encoding.h"
#include "base/refuse.h"

#include <endian.h>

#define ONES         UINT64_C(0x0101010101010101)
#define HIGHS        (ONES * 0x80)

/* 0x80 in the lowest byte of v that is 0 (or below m, m < 0x80), and perhaps in
 * bytes above that one; 0 where there is none. */
#define ZERO_BYTE(v) (((v)-ONES) & ~(v)&HIGHS)
#define BELOW(v, m)  (((v)-ONES * (m)) & ~(v)&HIGHS)
#define EQUAL(v, c)  ZERO_BYTE((v) ^ ONES * (c))

js js_of(slice text)
{
    return (js){.rest = text};
}

void js_fail(js *r, tl_err err)
{
    if (r->err == TL_OK) {
        r->err = err;
        r->stopped = r->rest.p;
    }
    r->rest = (slice){NULL, 0};
}

static void advance(js *r, size_t n)
{
    if (n)
        r->rest = slice_of(r->rest.p + n, r->rest.n - n);
}

/* The next byte after white space (RFC 8259 section 2), or 0, which no token
 * begins with. */
static uint8_t next(js *r)
{
    size_t i = 0;
    while (i < r->rest.n && (r->rest.p[i] == ' ' || r->rest.p[i] == '\n' || r->rest.p[i] == '\r' ||
                             r->rest.p[i] == '\t'))
        i++;
    advance(r, i);
    return r->rest.n ? r->rest.p[0] : 0;
}

static bool take(js *r, uint8_t c)
{
    if (next(r) != c)
        return false;
    advance(r, 1);
    return true;
}

static bool take_word(js *r, const char *word)
{
    slice s = slice_str(word);
    (void)next(r);
    if (!slice_starts(r->rest, s))
        return false;
    advance(r, s.n);
    return true;
}

enum js_kind js_peek(js *r)
{
    uint8_t c = next(r);
    switch (c) {
    case 'n':
        return JS_NULL;
    case 't':
    case 'f':
        return JS_BOOL;
    case '"':
        return JS_STRING;
    case '[':
        return JS_ARRAY;
    case '{':
        return JS_OBJECT;
    case '-':
        return JS_NUMBER;
    default:
        return c >= '0' && c <= '9' ? JS_NUMBER : JS_NONE;
    }
}

/* How many bytes stand before the next quote, backslash or control character.
 * Bits of *high are set where some byte may be above 0x7f. */
static size_t plain_run(const uint8_t *p, size_t n, uint64_t *high)
{
    size_t i = 0;
    for (; n - i >= 8; i += 8) {
        uint64_t v;
        memcpy(&v, p + i, 8);
        v = le64toh(v);
        uint64_t stop = EQUAL(v, '"') | EQUAL(v, '\\') | BELOW(v, 0x20);
        *high |= v & HIGHS;
        if (stop)
            return i + (size_t)__builtin_ctzll(stop) / 8;
    }
    for (; i < n && p[i] != '"' && p[i] != '\\' && p[i] >= 0x20; i++)
        *high |= p[i] & 0x80;
    return i;
}

/* Four hex digits; false where they are not there. */
static bool utf16_unit(const uint8_t *p, size_t n, uint32_t *unit)
{
    uint8_t b[2];
    if (REFUSED(n < 4) || REFUSED(hex_read(b, 2, slice_of(p, 4)) != TL_OK))
        return false;
    *unit = (uint32_t)b[0] << 8 | b[1];
    return true;
}

/* \uXXXX, or two of them that are a surrogate pair (RFC 8259 section 7): the bytes
 * it takes, 0 where it is malformed. */
static size_t unicode_escape(const uint8_t *p, size_t n, uint32_t *c)
{
    uint32_t low;
    if (!utf16_unit(p + 2, n - 2, c) || REFUSED(*c >= 0xdc00 && *c <= 0xdfff))
        return 0;
    if (*c < 0xd800 || *c > 0xdfff)
        return 6;
    if (REFUSED(n < 8) || REFUSED(p[6] != '\\') || REFUSED(p[7] != 'u') ||
        !utf16_unit(p + 8, n - 8, &low) || REFUSED(low < 0xdc00) || REFUSED(low > 0xdfff))
        return 0;
    *c = 0x10000 + ((*c - 0xd800) << 10) + (low - 0xdc00);
    return 12;
}

static const uint8_t short_escapes[256] = {
    ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
    ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
};

/* The escape at p, where a backslash is: its code point, and the bytes it takes;
 * 0 where it is malformed. */
static inline size_t escape(const uint8_t *p, size_t n, uint32_t *c)
{
    *c = 0;
    if (REFUSED(n < 2))
        return 0;
    *c = short_escapes[p[1]];
    if (*c)
        return 2;
    return REFUSED(p[1] != 'u') ? 0 : unicode_escape(p, n, c);
}

/* RFC 3629 section 3. */
static inline size_t utf8_length(uint32_t c)
{
    return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

static size_t utf8_put(uint8_t *out, uint32_t c)
{
    size_t n = utf8_length(c);
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n; i-- > 1; c >>= 6)
        out[i] = (uint8_t)(0x80 | (c & 0x3f));
    out[0] = (uint8_t)(lead[n] | c);
    return n;
}

/* A string as it stands between its quotes, all of it checked. decoded is its
 * length without escapes, so that it has one where decoded < raw.n. */
struct string {
    slice raw;
    size_t decoded;
};

static bool string(js *r, struct string *out)
{
    if (REFUSED(!take(r, '"'))) {
        js_fail(r, TL_E_JSON);
        return false;
    }
    const uint8_t *p = r->rest.p;
    size_t n = r->rest.n, i = 0, saved = 0;
    uint64_t high = 0;
    for (;;) {
        i += plain_run(p + i, n - i, &high);
        if (REFUSED(i == n))
            goto fail;
        if (p[i] == '"')
            break;
        uint32_t c;
        if (REFUSED(p[i] != '\\')) /* a control character */
            goto fail;
        size_t len = escape(p + i, n - i, &c);
        if (!len)
            goto fail;
        saved += len - utf8_length(c);
        i += len;
    }
    if (REFUSED(high && !utf8_valid(slice_of(p, i))))
        goto fail;
    *out = (struct string){slice_of(p, i), i - saved};
    advance(r, i + 1);
    return true;
fail:
    js_fail(r, TL_E_JSON);
    return false;
}

/* Decodes what string() has checked to its s->decoded bytes at out. */
static void decode(uint8_t *out, const struct string *s)
{
    const uint8_t *p = s->raw.p, *end = p + s->raw.n, *out_end = out + s->decoded;
    while (p < end) {
        /* Eight bytes at a time where there is room for all; those from a backslash
         * on are written over. */
        if (end - p >= 8 && out_end - out >= 8) {
            uint64_t v;
            memcpy(&v, p, 8);
            memcpy(out, &v, 8);
            v = le64toh(v);
            uint64_t stop = EQUAL(v, '\\');
            size_t n = stop ? (size_t)__builtin_ctzll(stop) / 8 : 8;
            p += n;
            out += n;
            if (!stop)
                continue;
        }
        if (*p != '\\') {
            *out++ = *p++;
            continue;
        }
        uint32_t c;
        p += escape(p, (size_t)(end - p), &c);
        if (c < 0x80)
            *out++ = (uint8_t)c;
        else
            out += utf8_put(out, c);
    }
}

static void enter(js *r)
{
    if (REFUSED(r->depth == JS_MAX_DEPTH)) {
        js_fail(r, TL_E_DEPTH);
        return;
    }
    r->first[++r->depth] = true;
}

void js_object(js *r)
{
    if (REFUSED(!take(r, '{')))
        js_fail(r, TL_E_JSON);
    else
        enter(r);
}

void js_array(js *r)
{
    if (REFUSED(!take(r, '[')))
        js_fail(r, TL_E_JSON);
    else
        enter(r);
}

/* Whether something more stands before the end of what we are in, which is left
 * where it ends. */
static bool more(js *r, uint8_t end)
{
    if (r->err != TL_OK)
        return false;
    if (take(r, end)) {
        r->depth--;
        return false;
    }
    if (!r->first[r->depth] && REFUSED(!take(r, ','))) {
        js_fail(r, TL_E_JSON);
        return false;
    }
    r->first[r->depth] = false;
    return true;
}

static bool member(js *r, struct string *key)
{
    if (!more(r, '}') || !string(r, key))
        return false;
    if (REFUSED(!take(r, ':'))) {
        js_fail(r, TL_E_JSON);
        return false;
    }
    return true;
}

bool js_member(js *r, slice *key)
{
    struct string s;
    if (!member(r, &s))
        return false;
    if (REFUSED(s.decoded != s.raw.n)) {
        js_fail(r, TL_E_JSON);
        return false;
    }
    *key = s.raw;
    return true;
}

bool js_element(js *r)
{
    return more(r, ']');
}

bool js_named(js *r, slice key, const char *name, uint32_t *seen, unsigned bit)
{
    if (!slice_eq_str(key, name))
        return false;
    if (REFUSED(*seen >> bit & 1)) {
        js_fail(r, TL_E_JSON);
        return false;
    }
    *seen |= UINT32_C(1) << bit;
    return true;
}

slice js_plain(js *r)
{
    struct string s;
    if (!string(r, &s))
        return (slice){NULL, 0};
    if (REFUSED(s.decoded != s.raw.n)) {
        js_fail(r, TL_E_JSON);
        return (slice){NULL, 0};
    }
    return s.raw;
}

void js_text(js *r, buf *out)
{
    struct string s;
    if (!string(r, &s))
        return;
    uint8_t *p = buf_grow(out, s.decoded);
    if (buf_err(out) != TL_OK)
        js_fail(r, buf_err(out));
    else if (p && s.decoded == s.raw.n)
        memcpy(p, s.raw.p, s.raw.n);
    else if (p)
        decode(p, &s);
}

static size_t digits(slice s, size_t at)
{
    size_t n = 0;
    while (at + n < s.n && s.p[at + n] >= '0' && s.p[at + n] <= '9')
        n++;
    return n;
}

/* RFC 8259 section 6. A digit after a leading 0 is left, and then refused as what
 * cannot follow a value. */
static slice number(js *r)
{
    uint8_t c = next(r);
    slice s = r->rest;
    size_t i = c == '-', n = digits(s, i);
    if (REFUSED(n == 0))
        goto fail;
    i += s.p[i] == '0' ? 1 : n;
    if (i < s.n && s.p[i] == '.') {
        n = digits(s, i + 1);
        if (REFUSED(n == 0))
            goto fail;
        i += 1 + n;
    }
    if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
        i++;
        i += i < s.n && (s.p[i] == '+' || s.p[i] == '-');
        n = digits(s, i);
        if (REFUSED(n == 0))
            goto fail;
        i += n;
    }
    advance(r, i);
    return slice_of(s.p, i);
fail:
    js_fail(r, TL_E_JSON);
    return (slice){NULL, 0};
}

uint64_t js_uint(js *r, uint64_t max)
{
    uint64_t v = 0;
    slice s = number(r);
    if (s.n && REFUSED(decimal_read(&v, s, max) != TL_OK))
        js_fail(r, TL_E_RANGE);
    return v;
}

bool js_bool(js *r)
{
    if (take_word(r, "true"))
        return true;
    if (REFUSED(!take_word(r, "false")))
        js_fail(r, TL_E_JSON);
    return false;
}

bool js_try_null(js *r)
{
    return take_word(r, "null");
}

/* A value, or the beginning of one that has others in it. Sets the bit of its
 * depth in *objects where it is an object, clears it where it is an array. */
static void skip_one(js *r, uint64_t *objects)
{
    struct string s;
    switch (js_peek(r)) {
    case JS_OBJECT:
        js_object(r);
        *objects |= UINT64_C(1) << r->depth;
        return;
    case JS_ARRAY:
        js_array(r);
        *objects &= ~(UINT64_C(1) << r->depth);
        return;
    case JS_STRING:
        (void)string(r, &s);
        return;
    case JS_NULL:
        if (REFUSED(!js_try_null(r)))
            js_fail(r, TL_E_JSON);
        return;
    case JS_BOOL:
        (void)js_bool(r);
        return;
    case JS_NUMBER:
    case JS_NONE: /* which is no number */
        (void)number(r);
        return;
    }
}

void js_skip(js *r)
{
    uint8_t depth = r->depth;
    uint64_t objects = 0;
    struct string key;
    bool another;
    do {
        skip_one(r, &objects);
        do
            another =
                r->depth > depth && (objects >> r->depth & 1 ? member(r, &key) : js_element(r));
        while (!another && r->depth > depth && r->err == TL_OK);
    } while (another);
}

slice js_raw(js *r)
{
    (void)next(r);
    const uint8_t *start = r->rest.p;
    js_skip(r);
    if (r->err != TL_OK)
        return (slice){NULL, 0};
    return slice_of(start, (size_t)(r->rest.p - start));
}

tl_err js_end(js *r)
{
    if (r->err != TL_OK)
        return r->err;
    (void)next(r);
    return REFUSED(r->rest.n != 0) || REFUSED(r->depth != 0) ? TL_E_JSON : TL_OK;
}
