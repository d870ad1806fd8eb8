#include "codec/cbor.h"

#include "base/encoding.h"
#include "base/refuse.h"

#define SIMPLE_FALSE 20
#define SIMPLE_TRUE  21
#define SIMPLE_NULL  22

void cbor_fail(cbor *c, tl_err err)
{
    if (c->err == TL_OK)
        c->err = err;
    c->rest = (slice){NULL, 0};
}

enum cbor_major cbor_peek(const cbor *c)
{
    return c->rest.n ? (enum cbor_major)(c->rest.p[0] >> 5) : CBOR_NONE;
}

static slice take(cbor *c, uint64_t n)
{
    if (REFUSED(c->rest.n < n)) {
        cbor_fail(c, TL_E_SHORT);
        return (slice){NULL, 0};
    }
    slice s = {c->rest.p, (size_t)n};
    if (n) {
        c->rest.p += n;
        c->rest.n -= (size_t)n;
    }
    return s;
}

/* RFC 8949 section 3, with the shortest form required (section 4.2.1). */
static uint64_t head(cbor *c, enum cbor_major *major)
{
    slice first = take(c, 1);
    *major = CBOR_NONE;
    if (!first.n)
        return 0;
    uint8_t info = first.p[0] & 31;
    *major = (enum cbor_major)(first.p[0] >> 5);
    if (info < 24)
        return info;
    /* 28 to 30 are reserved, 31 is an indefinite length. */
    if (REFUSED(info > 27)) {
        cbor_fail(c, TL_E_CBOR);
        return 0;
    }
    size_t n = (size_t)1 << (info - 24);
    slice s = take(c, n);
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++)
        v = v << 8 | s.p[i];
    uint64_t least = n == 1 ? 24 : UINT64_C(1) << (n * 4);
    if (REFUSED(v < least)) {
        cbor_fail(c, TL_E_CBOR);
        return 0;
    }
    return v;
}

static uint64_t head_of(cbor *c, enum cbor_major want)
{
    enum cbor_major major;
    uint64_t v = head(c, &major);
    if (REFUSED(major != want)) {
        cbor_fail(c, TL_E_TYPE);
        return 0;
    }
    return v;
}

bool cbor_try_null(cbor *c)
{
    if (!c->rest.n || c->rest.p[0] != (CBOR_SIMPLE << 5 | SIMPLE_NULL))
        return false;
    (void)take(c, 1);
    return true;
}

uint64_t cbor_uint(cbor *c, uint64_t max)
{
    uint64_t v = head_of(c, CBOR_UINT);
    if (REFUSED(v > max)) {
        cbor_fail(c, TL_E_RANGE);
        return 0;
    }
    return v;
}

int64_t cbor_int(cbor *c)
{
    enum cbor_major major;
    uint64_t v = head(c, &major);
    if (REFUSED(major != CBOR_UINT && major != CBOR_NINT)) {
        cbor_fail(c, TL_E_TYPE);
        return 0;
    }
    if (REFUSED(v > TL_INT_MAX - (major == CBOR_NINT))) {
        cbor_fail(c, TL_E_RANGE);
        return 0;
    }
    return major == CBOR_NINT ? -1 - (int64_t)v : (int64_t)v;
}

bool cbor_bool(cbor *c)
{
    slice s = take(c, 1);
    uint8_t v = s.n ? s.p[0] : 0;
    if (REFUSED(v != (CBOR_SIMPLE << 5 | SIMPLE_FALSE) && v != (CBOR_SIMPLE << 5 | SIMPLE_TRUE))) {
        cbor_fail(c, TL_E_TYPE);
        return false;
    }
    return v == (CBOR_SIMPLE << 5 | SIMPLE_TRUE);
}

slice cbor_bytes(cbor *c)
{
    uint64_t n = head_of(c, CBOR_BYTES);
    return take(c, n);
}

void cbor_bytes_copy(cbor *c, uint8_t *out, size_t n)
{
    slice s = cbor_bytes(c);
    if (REFUSED(s.n != n)) {
        cbor_fail(c, TL_E_RANGE);
        memset(out, 0, n);
        return;
    }
    memcpy(out, s.p, n);
}

slice cbor_text(cbor *c)
{
    uint64_t n = head_of(c, CBOR_TEXT);
    slice s = take(c, n);
    if (REFUSED(!utf8_valid(s))) {
        cbor_fail(c, TL_E_UTF8);
        return (slice){NULL, 0};
    }
    return s;
}

/* A count cannot be larger than the bytes left: each element takes one at
 * least, so loops over a count are bounded by the input's size. */
static size_t count(cbor *c, enum cbor_major major, unsigned items)
{
    uint64_t n = head_of(c, major);
    if (REFUSED(n > c->rest.n / items)) {
        cbor_fail(c, TL_E_SHORT);
        return 0;
    }
    return (size_t)n;
}

size_t cbor_array(cbor *c)
{
    return count(c, CBOR_ARRAY, 1);
}

size_t cbor_map(cbor *c)
{
    return count(c, CBOR_MAP, 2);
}

void cbor_array_of(cbor *c, size_t n)
{
    if (REFUSED(cbor_array(c) != n))
        cbor_fail(c, TL_E_TYPE);
}

void cbor_map_of(cbor *c, size_t n)
{
    if (REFUSED(cbor_map(c) != n))
        cbor_fail(c, TL_E_TYPE);
}

void cbor_tag(cbor *c, uint64_t tag)
{
    if (REFUSED(head_of(c, CBOR_TAG) != tag))
        cbor_fail(c, TL_E_TYPE);
}

static void skip(cbor *c, unsigned depth);

static void skip_map(cbor *c, uint64_t n, unsigned depth)
{
    slice last = {NULL, 0};
    for (uint64_t i = 0; i < n && c->err == TL_OK; i++) {
        const uint8_t *start = c->rest.p;
        skip(c, depth + 1);
        if (c->err != TL_OK)
            return;
        slice key = slice_of(start, (size_t)(c->rest.p - start));
        if (REFUSED(last.p && slice_cmp(last, key) >= 0)) {
            cbor_fail(c, TL_E_CBOR);
            return;
        }
        last = key;
        skip(c, depth + 1);
    }
}

static void skip(cbor *c, unsigned depth)
{
    if (REFUSED(depth > CBOR_MAX_DEPTH)) {
        cbor_fail(c, TL_E_DEPTH);
        return;
    }
    enum cbor_major major = cbor_peek(c);
    uint64_t n;
    switch (major) {
    case CBOR_UINT:
    case CBOR_NINT:
        (void)cbor_int(c);
        return;
    case CBOR_BYTES:
        (void)cbor_bytes(c);
        return;
    case CBOR_TEXT:
        (void)cbor_text(c);
        return;
    case CBOR_ARRAY:
        n = cbor_array(c);
        for (uint64_t i = 0; i < n && c->err == TL_OK; i++)
            skip(c, depth + 1);
        return;
    case CBOR_MAP:
        skip_map(c, cbor_map(c), depth);
        return;
    case CBOR_SIMPLE:
        if (!cbor_try_null(c))
            (void)cbor_bool(c);
        return;
    case CBOR_TAG:
        cbor_fail(c, TL_E_TYPE);
        return;
    case CBOR_NONE:
        cbor_fail(c, TL_E_SHORT);
        return;
    }
}

slice cbor_item(cbor *c)
{
    const uint8_t *start = c->rest.p;
    skip(c, 1);
    if (c->err != TL_OK)
        return (slice){NULL, 0};
    return slice_of(start, (size_t)(c->rest.p - start));
}

int64_t cbor_label(cbor *c, slice *order)
{
    const uint8_t *start = c->rest.p;
    int64_t v = cbor_int(c);
    if (c->err != TL_OK)
        return 0;
    slice key = slice_of(start, (size_t)(c->rest.p - start));
    if (REFUSED(order->p && slice_cmp(*order, key) >= 0)) {
        cbor_fail(c, TL_E_CBOR);
        return 0;
    }
    *order = key;
    return v;
}

void cbor_label_is(cbor *c, slice *order, int64_t label)
{
    if (REFUSED(cbor_label(c, order) != label))
        cbor_fail(c, TL_E_TYPE);
}

tl_err cbor_end(const cbor *c)
{
    if (c->err != TL_OK)
        return c->err;
    return REFUSED(c->rest.n != 0) ? TL_E_TRAILING : TL_OK;
}

void cbor_put_head(buf *b, enum cbor_major major, uint64_t v)
{
    uint8_t m = (uint8_t)(major << 5);
    if (v < 24) {
        buf_u8(b, (uint8_t)(m | v));
    } else if (v <= UINT8_MAX) {
        buf_u8(b, m | 24);
        buf_u8(b, (uint8_t)v);
    } else if (v <= UINT16_MAX) {
        buf_u8(b, m | 25);
        buf_u16be(b, (uint16_t)v);
    } else if (v <= UINT32_MAX) {
        buf_u8(b, m | 26);
        buf_u32be(b, (uint32_t)v);
    } else {
        buf_u8(b, m | 27);
        buf_u64be(b, v);
    }
}

void cbor_put_uint(buf *b, uint64_t v)
{
    cbor_put_head(b, CBOR_UINT, v);
}

void cbor_put_int(buf *b, int64_t v)
{
    if (v >= 0)
        cbor_put_head(b, CBOR_UINT, (uint64_t)v);
    else
        cbor_put_head(b, CBOR_NINT, (uint64_t)(-1 - v));
}

void cbor_put_bytes(buf *b, slice s)
{
    cbor_put_head(b, CBOR_BYTES, s.n);
    buf_bytes(b, s);
}

void cbor_put_text(buf *b, slice s)
{
    cbor_put_head(b, CBOR_TEXT, s.n);
    buf_bytes(b, s);
}

void cbor_put_str(buf *b, const char *s)
{
    cbor_put_text(b, slice_str(s));
}

void cbor_put_array(buf *b, size_t n)
{
    cbor_put_head(b, CBOR_ARRAY, n);
}

void cbor_put_map(buf *b, size_t n)
{
    cbor_put_head(b, CBOR_MAP, n);
}

void cbor_put_tag(buf *b, uint64_t tag)
{
    cbor_put_head(b, CBOR_TAG, tag);
}

void cbor_put_null(buf *b)
{
    buf_u8(b, CBOR_SIMPLE << 5 | SIMPLE_NULL);
}

void cbor_put_bool(buf *b, bool v)
{
    buf_u8(b, (uint8_t)(CBOR_SIMPLE << 5 | (v ? SIMPLE_TRUE : SIMPLE_FALSE)));
}
