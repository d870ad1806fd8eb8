#include "codec/der.h"

#include "base/calendar.h"
#include "base/refuse.h"

uint8_t der_peek(const reader *r)
{
    return r->rest.n ? r->rest.p[0] : DER_NONE;
}

/* X.690 8.1.3 and 10.1: definite, in the fewest octets. */
static size_t length(reader *r)
{
    size_t first = reader_u8(r);
    if (first < 0x80)
        return first;
    size_t count = first & 0x7f;
    if (REFUSED(count > 4)) {
        reader_fail(r, TL_E_DER);
        return 0;
    }
    slice s = reader_bytes(r, count);
    size_t v = 0;
    for (size_t i = 0; i < s.n; i++)
        v = v << 8 | s.p[i];
    /* Also refuses 80, the indefinite form: its v is 0. */
    if (REFUSED(v < 0x80 || v >> (8 * (count - 1)) == 0)) {
        reader_fail(r, TL_E_DER);
        return 0;
    }
    return v;
}

slice der_take(reader *r, uint8_t tag)
{
    if (REFUSED(der_peek(r) != tag)) {
        reader_fail(r, TL_E_DER);
        return (slice){NULL, 0};
    }
    (void)reader_u8(r);
    return reader_bytes(r, length(r));
}

slice der_whole(reader *r, uint8_t tag)
{
    const uint8_t *start = r->rest.p;
    (void)der_take(r, tag);
    if (r->err != TL_OK)
        return (slice){NULL, 0};
    return slice_of(start, (size_t)(r->rest.p - start));
}

reader der_enter(reader *r, uint8_t tag)
{
    reader inner = {der_take(r, tag), TL_OK};
    inner.err = r->err;
    return inner;
}

void der_leave(reader *r, const reader *inner)
{
    tl_err err = reader_end(inner);
    if (err != TL_OK)
        reader_fail(r, err);
}

static slice magnitude(reader *r, uint8_t tag)
{
    slice s = der_take(r, tag);
    /* X.690 8.3: at least one octet; a first octet of 00 only before a set bit. */
    if (REFUSED(s.n == 0)) {
        reader_fail(r, TL_E_DER);
        return (slice){NULL, 0};
    }
    if (REFUSED(s.p[0] & 0x80) || REFUSED(s.n > 1 && s.p[0] == 0 && !(s.p[1] & 0x80))) {
        reader_fail(r, TL_E_DER);
        return (slice){NULL, 0};
    }
    return s.n > 1 && s.p[0] == 0 ? slice_of(s.p + 1, s.n - 1) : s;
}

slice der_magnitude(reader *r)
{
    return magnitude(r, DER_INTEGER);
}

static uint64_t small(reader *r, uint8_t tag, uint64_t max)
{
    slice s = magnitude(r, tag);
    uint64_t v = 0;
    for (size_t i = 0; i < s.n && i < 8; i++)
        v = v << 8 | s.p[i];
    if (REFUSED(s.n > 8 || v > max)) {
        reader_fail(r, TL_E_DER);
        return 0;
    }
    return v;
}

uint64_t der_uint(reader *r, uint64_t max)
{
    return small(r, DER_INTEGER, max);
}

uint64_t der_enum(reader *r, uint64_t max)
{
    return small(r, DER_ENUMERATED, max);
}

bool der_bool(reader *r)
{
    slice s = der_take(r, DER_BOOLEAN);
    /* X.690 11.1. */
    if (REFUSED(s.n != 1 || (s.p[0] != 0 && s.p[0] != 0xff))) {
        reader_fail(r, TL_E_DER);
        return false;
    }
    return s.p[0] != 0;
}

slice der_bits(reader *r, unsigned *unused)
{
    slice s = der_take(r, DER_BIT_STRING);
    *unused = 0;
    /* X.690 8.6.2 and 11.2.1: unused bits are zero, and none without a byte. */
    if (REFUSED(s.n == 0 || s.p[0] > 7 || (s.n == 1 && s.p[0])) ||
        REFUSED(s.p[s.n - 1] & ((1u << s.p[0]) - 1))) {
        reader_fail(r, TL_E_DER);
        return (slice){NULL, 0};
    }
    *unused = s.p[0];
    return slice_of(s.p + 1, s.n - 1);
}

uint16_t der_named_bits(reader *r)
{
    unsigned unused;
    slice s = der_bits(r, &unused);
    uint16_t bits = 0;
    if (REFUSED(s.n > 2 || (s.n && !(s.p[s.n - 1] >> unused & 1)))) {
        reader_fail(r, TL_E_DER);
        return 0;
    }
    /* Named bit 0 is the most significant bit of the first octet. */
    for (size_t i = 0; i < 8 * s.n; i++)
        if (s.p[i / 8] >> (7 - i % 8) & 1)
            bits |= (uint16_t)(1u << i);
    return bits;
}

/* Two decimal digits, at most 99. */
static unsigned two(reader *r)
{
    slice s = reader_bytes(r, 2);
    if (s.n != 2)
        return 0;
    if (REFUSED(s.p[0] < '0' || s.p[0] > '9' || s.p[1] < '0' || s.p[1] > '9')) {
        reader_fail(r, TL_E_DER);
        return 0;
    }
    return (unsigned)(s.p[0] - '0') * 10 + (unsigned)(s.p[1] - '0');
}

uint64_t der_time(reader *r)
{
    bool utc = der_peek(r) == DER_UTC_TIME;
    reader t = der_enter(r, utc ? DER_UTC_TIME : DER_GENERALIZED_TIME);
    struct calendar c = {.year = two(&t)};
    uint64_t seconds = 0;
    if (utc)
        c.year += c.year < 50 ? 2000 : 1900;
    else
        c.year = c.year * 100 + two(&t);
    c.month = two(&t);
    c.day = two(&t);
    c.hour = two(&t);
    c.minute = two(&t);
    c.second = two(&t);
    uint8_t zone = reader_u8(&t);
    der_leave(r, &t);
    /* RFC 5280 section 4.1.2.5: with seconds, in Zulu, and UTCTime through 2049. */
    if (REFUSED(zone != 'Z') || REFUSED(!utc && c.year < 2050) ||
        REFUSED(!calendar_to_unix(&seconds, &c))) {
        reader_fail(r, TL_E_DER);
        return 0;
    }
    return seconds;
}

size_t der_begin(const buf *b)
{
    return b->n;
}

void der_end(buf *b, size_t start, uint8_t tag)
{
    uint8_t head[6] = {tag};
    size_t n = b->n - start, head_n = 2, count = 0;
    if (b->err != TL_OK)
        return;
    for (size_t v = n; v; v >>= 8)
        count++;
    if (n < 0x80) {
        head[1] = (uint8_t)n;
    } else if (count > 4) {
        buf_fail(b, TL_E_LIMIT);
        return;
    } else {
        head[1] = (uint8_t)(0x80 | count);
        for (size_t i = 0; i < count; i++)
            head[head_n++] = (uint8_t)(n >> (8 * (count - 1 - i)));
    }
    if (!buf_grow(b, head_n))
        return;
    memmove(b->p + start + head_n, b->p + start, n);
    memcpy(b->p + start, head, head_n);
}

void der_put(buf *b, uint8_t tag, slice contents)
{
    size_t start = der_begin(b);
    buf_bytes(b, contents);
    der_end(b, start, tag);
}

void der_put_magnitude(buf *b, slice magnitude)
{
    size_t start = der_begin(b);
    while (magnitude.n > 0 && magnitude.p[0] == 0)
        magnitude = slice_of(magnitude.p + 1, magnitude.n - 1);
    if (magnitude.n == 0 || magnitude.p[0] & 0x80)
        buf_u8(b, 0);
    buf_bytes(b, magnitude);
    der_end(b, start, DER_INTEGER);
}

void der_put_uint(buf *b, uint64_t v)
{
    uint8_t be[8];
    for (size_t i = 0; i < 8; i++)
        be[i] = (uint8_t)(v >> (56 - 8 * i));
    der_put_magnitude(b, SLICE_ARRAY(be));
}

void der_put_bool(buf *b, bool v)
{
    uint8_t byte = v ? 0xff : 0;
    der_put(b, DER_BOOLEAN, slice_of(&byte, 1));
}

void der_put_named_bits(buf *b, uint16_t bits)
{
    uint8_t out[3] = {0};
    size_t n = 1;
    for (unsigned i = 0; i < 16; i++) {
        if (!(bits >> i & 1))
            continue;
        n = 2 + i / 8;
        out[1 + i / 8] |= (uint8_t)(0x80 >> i % 8);
        out[0] = (uint8_t)(7 - i % 8);
    }
    der_put(b, DER_BIT_STRING, slice_of(out, n));
}

void der_put_time(buf *b, uint64_t unix_seconds)
{
    struct calendar c;
    calendar_from_unix(&c, unix_seconds);
    size_t start = der_begin(b);
    if (c.year < 2050)
        buf_printf(b, "%02u", c.year % 100);
    else
        buf_printf(b, "%04u", c.year);
    buf_printf(b, "%02u%02u%02u%02u%02uZ", c.month, c.day, c.hour, c.minute, c.second);
    der_end(b, start, c.year < 2050 ? DER_UTC_TIME : DER_GENERALIZED_TIME);
}
