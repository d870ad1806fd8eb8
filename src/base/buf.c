#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_init(buf *b, size_t max)
{
    *b = (buf){.max = max};
}

void buf_init_secret(buf *b, size_t max)
{
    *b = (buf){.max = max, .secret = true};
}

void buf_init_fixed(buf *b, uint8_t *mem, size_t cap)
{
    *b = (buf){.p = mem, .cap = cap, .max = cap, .fixed = true};
}

/* crypto/secret.h stands on a higher floor; this is glibc's own, and the
 * compiler does not remove it. */
static void wipe(buf *b)
{
    if (b->p)
        explicit_bzero(b->p, b->cap);
}

void buf_finish(buf *b)
{
    if (!b)
        return;
    if (b->secret)
        wipe(b);
    if (!b->fixed)
        free(b->p);
    *b = (buf){.max = b->max, .secret = b->secret};
}

void buf_finish_secret(buf *b)
{
    if (b)
        wipe(b);
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

/* realloc, except that a secret leaves no copy in the memory it grew out of. */
static uint8_t *enlarge(buf *b, size_t cap)
{
    if (!b->secret)
        return realloc(b->p, cap);
    uint8_t *p = malloc(cap);
    if (p && b->p) {
        memcpy(p, b->p, b->n);
        wipe(b);
        free(b->p);
    }
    return p;
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
    uint8_t *p = enlarge(b, cap);
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
    /* Nothing asked of an empty buffer: NULL + 0 is not defined in C. */
    uint8_t *p = b->p ? b->p + b->n : NULL;
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

void buf_u64le(buf *b, uint64_t v)
{
    le(b, v, 8);
}

void buf_printf(buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    /* vsnprintf wants a byte for its NUL, which the buffer may not have. */
    char small[256];
    size_t size = n < 0 ? 0 : (size_t)n + 1;
    char *text = size <= sizeof small ? small : malloc(size);
    if (n < 0) {
        buf_fail(b, TL_E_LIMIT);
    } else if (!text) {
        buf_fail(b, TL_E_MEMORY);
    } else {
        vsnprintf(text, size, fmt, again);
        buf_bytes(b, slice_of(text, (size_t)n));
    }
    if (text != small)
        free(text);
    va_end(again);
}
