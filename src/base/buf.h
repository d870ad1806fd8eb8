/* A growing buffer with a mandatory maximum and a sticky error.
 *
 * Write freely and check buf_err once. A write that would pass the maximum
 * fails with TL_E_LIMIT and changes nothing. */
#ifndef TL_BASE_BUF_H
#define TL_BASE_BUF_H

#include "base/err.h"
#include "base/slice.h"

typedef struct buf {
    uint8_t *p;
    size_t n, cap, max; /* bytes */
    tl_err err;
    bool fixed;  /* p is the caller's memory and never grows */
    bool secret; /* wiped when it grows and when it is finished */
} buf;

/* An empty buffer on the heap, at most max bytes long. Allocates lazily. */
void buf_init(buf *b, size_t max);
/* As buf_init; growing and finishing leave no copy behind. Reset does not wipe. */
void buf_init_secret(buf *b, size_t max);
/* An empty buffer over the caller's memory of cap bytes; never allocates. */
void buf_init_fixed(buf *b, uint8_t *mem, size_t cap);
/* Frees; the buffer is then empty with the same maximum. NULL is fine. */
void buf_finish(buf *b);
/* As buf_finish, after wiping the memory it has now (buf_init_secret also wipes
 * the memory it grew out of). */
void buf_finish_secret(buf *b);
/* Empties it and clears the error, keeping the memory. */
void buf_reset(buf *b);

void buf_fail(buf *b, tl_err err);
void buf_u8(buf *b, uint8_t v);
void buf_u16be(buf *b, uint16_t v);
void buf_u32be(buf *b, uint32_t v);
void buf_u64be(buf *b, uint64_t v);
void buf_u16le(buf *b, uint16_t v);
void buf_u32le(buf *b, uint32_t v);
void buf_u64le(buf *b, uint64_t v);
void buf_bytes(buf *b, slice s);
void buf_str(buf *b, const char *s);
__attribute__((format(printf, 2, 3))) void buf_printf(buf *b, const char *fmt, ...);
/* Room for n bytes that the caller fills in; NULL (and the error set) if none.
 * With n == 0 the pointer may be NULL without an error. */
uint8_t *buf_grow(buf *b, size_t n);

static inline tl_err buf_err(const buf *b)
{
    return b->err;
}

/* What was written, borrowed until the next write. */
static inline slice buf_slice(const buf *b)
{
    return (slice){b->p, b->n};
}

#endif
