#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_init(buf *b, size_t max)
{
    *b = (buf){.max = max};
}

void buf_init_fixed(buf *b, uint8_t *mem, size_t cap)
{
    *b = (buf){.p = mem, .cap = cap, .max = cap, .fixed = true};
}

void buf_finish(buf *b)
{
    if (!b)
        return;
    if (!b->fixed)
        free(b->p);
    buf_init(b, b->max);
}

void buf_finish_secret(buf *b)
{
    if (b && b->p) {
        /* Through a volatile pointer, so that the stores are not removed. */
        volatile uint8_t *p = b->p;
        for (size_t i = 0; i < b->cap; i++)
            p[i] = 0;
    }
    buf_finish(b);
}

void buf_reset(buf *b)
{
    b->n = 0;
    b->err = TL_OK;
}

void buf_fail(buf *b, tl_err err)
{
    if (b->err == TL_OK)
        b->err = err;
}

static bool reserve(buf *b, size_t n)
{
    if (b->err != TL_OK)
        return false;
    if (n > b->max - b->n) {
        buf_fail(b, TL_E_LIMIT);
        return false;
    }
    if (n <= b->cap - b->n)
        return true;
    size_t cap = b->cap < 64 ? 64 : b->cap;
    while (cap < b->n + n)
        cap = cap > b->max / 2 ? b->max : cap * 2;
    uint8_t *p = realloc(b->p, cap);
    if (!p) {
        buf_fail(b, TL_E_MEMORY);
        return false;
    }
    b->p = p;
    b->cap = cap;
    return true;
}

uint8_t *buf_grow(buf *b, size_t n)
{
    if (!reserve(b, n))
        return NULL;
    uint8_t *p = b->p + b->n;
    b->n += n;
    return p;
}

void buf_bytes(buf *b, slice s)
{
    if (s.n == 0)
        return;
    uint8_t *p = buf_grow(b, s.n);
    if (p)
        memcpy(p, s.p, s.n);
}

void buf_str(buf *b, const char *s)
{
    buf_bytes(b, slice_str(s));
}

static void be(buf *b, uint64_t v, size_t n)
{
    uint8_t *p = buf_grow(b, n);
    for (size_t i = 0; p && i < n; i++)
        p[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
}

static void le(buf *b, uint64_t v, size_t n)
{
    uint8_t *p = buf_grow(b, n);
    for (size_t i = 0; p && i < n; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

void buf_u8(buf *b, uint8_t v)
{
    be(b, v, 1);
}

void buf_u16be(buf *b, uint16_t v)
{
    be(b, v, 2);
}

void buf_u32be(buf *b, uint32_t v)
{
    be(b, v, 4);
}

void buf_u64be(buf *b, uint64_t v)
{
    be(b, v, 8);
}

void buf_u16le(buf *b, uint16_t v)
{
    le(b, v, 2);
}

void buf_u32le(buf *b, uint32_t v)
{
    le(b, v, 4);
}

void buf_printf(buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    /* vsnprintf wants a byte for its NUL; it is taken and given back. */
    uint8_t *p = n < 0 ? NULL : buf_grow(b, (size_t)n + 1);
    if (p) {
        vsnprintf((char *)p, (size_t)n + 1, fmt, again);
        b->n--;
    } else {
        buf_fail(b, TL_E_LIMIT);
    }
    va_end(again);
}
