/* Private to this floor: the head of a CBOR byte or text string whose bytes
 * follow from elsewhere, so that hashing needs no copy of them. */
#ifndef TL_TLOG_PUT_HEAD_H
#define TL_TLOG_PUT_HEAD_H

#include "codec/cbor.h"

/* RFC 8949 section 3: the argument is encoded alike for all major types, which
 * fill the first three bits. */
static inline void put_head(buf *b, enum cbor_major major, size_t n)
{
    size_t at = b->n;
    cbor_put_uint(b, n);
    if (buf_err(b) == TL_OK)
        b->p[at] |= (uint8_t)(major << 5);
}

#endif
