#include "base/reader.h"

#include "base/refuse.h"

void reader_fail(reader *r, tl_err err)
{
    if (r->err == TL_OK)
        r->err = err;
    r->rest = (slice){NULL, 0};
}

slice reader_bytes(reader *r, size_t n)
{
    if (REFUSED(r->rest.n < n)) {
        reader_fail(r, TL_E_SHORT);
        return (slice){NULL, 0};
    }
    slice s = {r->rest.p, n};
    /* An empty rest may have no pointer, and NULL + 0 is not defined in C. */
    r->rest = (slice){n ? r->rest.p + n : r->rest.p, r->rest.n - n};
    return s;
}

static uint64_t be(reader *r, size_t n)
{
    slice s = reader_bytes(r, n);
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++)
        v = v << 8 | s.p[i];
    return v;
}

static uint64_t le(reader *r, size_t n)
{
    slice s = reader_bytes(r, n);
    uint64_t v = 0;
    for (size_t i = s.n; i-- > 0;)
        v = v << 8 | s.p[i];
    return v;
}

uint8_t reader_u8(reader *r)
{
    return (uint8_t)be(r, 1);
}

uint16_t reader_u16le(reader *r)
{
    return (uint16_t)le(r, 2);
}

uint32_t reader_u32le(reader *r)
{
    return (uint32_t)le(r, 4);
}

uint64_t reader_u64le(reader *r)
{
    return le(r, 8);
}

uint16_t reader_u16be(reader *r)
{
    return (uint16_t)be(r, 2);
}

uint32_t reader_u32be(reader *r)
{
    return (uint32_t)be(r, 4);
}

uint64_t reader_u64be(reader *r)
{
    return be(r, 8);
}

void reader_copy(reader *r, uint8_t *out, size_t n)
{
    slice s = reader_bytes(r, n);
    if (s.n == n && n)
        memcpy(out, s.p, n);
    else
        memset(out, 0, n);
}

tl_err reader_end(const reader *r)
{
    if (r->err != TL_OK)
        return r->err;
    return REFUSED(r->rest.n != 0) ? TL_E_TRAILING : TL_OK;
}
