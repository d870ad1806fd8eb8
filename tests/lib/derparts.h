/* DER taken apart and put together again, with one part exchanged. */
#ifndef DERPARTS_H
#define DERPARTS_H

#include "testlib.h"

#include "codec/der.h"

/* The elements that contents are made of, each with tag and length; their number. */
static inline size_t der_split(slice contents, slice *out, size_t max)
{
    size_t n = 0;
    reader r = reader_of(contents);
    for (; r.rest.n && n < max; n++)
        out[n] = der_whole(&r, der_peek(&r));
    assert_ok(reader_end(&r));
    return n;
}

static inline slice der_inside(slice element)
{
    reader r = reader_of(element);
    return der_take(&r, der_peek(&r));
}

static inline void der_join(buf *b, uint8_t tag, const slice *parts, size_t n)
{
    size_t start = der_begin(b);
    for (size_t i = 0; i < n; i++)
        buf_bytes(b, parts[i]);
    der_end(b, start, tag);
}

/* Something signed: SEQUENCE { what is signed, algorithm, signature }. */
#define DER_SIGNED_MAX 10
struct der_signed {
    slice field[DER_SIGNED_MAX]; /* of what is signed */
    size_t count;
    slice algorithm, signature, after;
};

static inline struct der_signed der_apart(slice der)
{
    struct der_signed p = {0};
    slice top[3];
    assert_int_equal(der_split(der_inside(der), top, 3), 3);
    p.count = der_split(der_inside(top[0]), p.field, DER_SIGNED_MAX - 2);
    p.algorithm = top[1];
    p.signature = top[2];
    return p;
}

static inline void der_together(buf *b, const struct der_signed *p)
{
    buf tbs;
    buf_init(&tbs, 2 * 1048576);
    der_join(&tbs, DER_SEQUENCE, p->field, p->count);
    slice top[4] = {buf_slice(&tbs), p->algorithm, p->signature, p->after};
    buf_init(b, 2 * 1048576);
    der_join(b, DER_SEQUENCE, top, 4);
    assert_ok(buf_err(b));
    buf_finish(&tbs);
}

#endif
