/* Reading hostile bytes front to back, with a sticky error.
 *
 * Read freely and check once: after the first failure every read returns
 * zero or an empty slice, and reader_end reports the failure. reader_end also
 * fails on leftover bytes. */
#ifndef TL_BASE_READER_H
#define TL_BASE_READER_H

#include "base/err.h"
#include "base/slice.h"

typedef struct reader {
    slice rest;
    tl_err err;
} reader;

static inline reader reader_of(slice s)
{
    return (reader){s, TL_OK};
}

/* Sets the error if none is set yet, and drops the rest. */
void reader_fail(reader *r, tl_err err);

uint8_t reader_u8(reader *r);
uint16_t reader_u16le(reader *r);
uint32_t reader_u32le(reader *r);
uint64_t reader_u64le(reader *r);
uint16_t reader_u16be(reader *r);
uint32_t reader_u32be(reader *r);
uint64_t reader_u64be(reader *r);
/* Exactly n bytes, borrowed; an empty slice with .p == NULL on failure. */
slice reader_bytes(reader *r, size_t n);
/* Copies exactly n bytes to out; zeros out on failure. */
void reader_copy(reader *r, uint8_t *out, size_t n);

/* The sticky error, or TL_E_TRAILING where bytes are left. */
tl_err reader_end(const reader *r) TL_MUST;

#endif
