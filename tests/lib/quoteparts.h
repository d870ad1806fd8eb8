/* Quotes laid out byte by byte, as a writer wants them, right or wrong. */
#ifndef QUOTEPARTS_H
#define QUOTEPARTS_H

#include "testlib.h"

#include "attest/quote.h"

/* Where no bytes are given, every part is filled with a byte of its own. */
struct quote_shape {
    uint16_t version, key_type;
    uint32_t tee_type;
    uint16_t body_type; /* version 5 */
    uint32_t body_size; /* version 5: as it is claimed */
    size_t body;        /* as it is */
    uint16_t outer_type, cert_type;
    size_t qe_auth, cert, trailing;
    int64_t add_auth, add_outer, add_qe_auth, add_cert; /* to the lengths that are written */
    const uint8_t *body_bytes, *qe_bytes, *cert_bytes;  /* or NULL */
};

#define QUOTE_BODY(v, tee, type, claimed, size)                                                    \
    .key_type = 2, .outer_type = 6, .cert_type = 5, .qe_auth = 32, .cert = 100, .version = (v),    \
    .tee_type = (tee), .body_type = (type), .body_size = (claimed), .body = (size)
#define QUOTE_SGX(v)             QUOTE_BODY(v, 0, 1, 384, 384)
#define QUOTE_TDX(v, type, size) QUOTE_BODY(v, 0x81, type, size, size)

static const struct quote_shape quote_shapes[] = {
    {QUOTE_SGX(3)},         {QUOTE_SGX(4)},         {QUOTE_TDX(4, 2, 584)}, {QUOTE_SGX(5)},
    {QUOTE_TDX(5, 2, 584)}, {QUOTE_TDX(5, 3, 648)}, {QUOTE_TDX(5, 4, 885)},
};
#define QUOTE_SHAPES (sizeof quote_shapes / sizeof quote_shapes[0])

static inline void quote_fill(buf *b, uint8_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_u8(b, v);
}

static inline void quote_part(buf *b, const uint8_t *bytes, uint8_t v, size_t n)
{
    if (bytes)
        buf_bytes(b, slice_of(bytes, n));
    else
        quote_fill(b, v, n);
}

static inline void quote_put_qe(buf *b, const struct quote_shape *s)
{
    quote_part(b, s->qe_bytes, 'R', 384);
    quote_fill(b, 's', 64);
    buf_u16le(b, (uint16_t)((int64_t)s->qe_auth + s->add_qe_auth));
    quote_fill(b, 'a', s->qe_auth);
    buf_u16le(b, s->cert_type);
    buf_u32le(b, (uint32_t)((int64_t)s->cert + s->add_cert));
    quote_part(b, s->cert_bytes, 'c', s->cert);
}

static inline buf quote_make(const struct quote_shape *s)
{
    size_t qe = 384 + 64 + 2 + s->qe_auth + 2 + 4 + s->cert;
    size_t auth = 64 + 64 + (s->version > 3 ? 2u + 4u : 0u) + qe;
    buf b;
    buf_init(&b, 100000);
    buf_u16le(&b, s->version);
    buf_u16le(&b, s->key_type);
    buf_u32le(&b, s->tee_type);
    buf_u16le(&b, 0x1234);
    buf_u16le(&b, 0x5678);
    buf_bytes(&b, SLICE_ARRAY(quote_intel_vendor_id));
    quote_fill(&b, 'u', 20);
    if (s->version == 5) {
        buf_u16le(&b, s->body_type);
        buf_u32le(&b, s->body_size);
    }
    quote_part(&b, s->body_bytes, 'b', s->body);
    buf_u32le(&b, (uint32_t)((int64_t)auth + s->add_auth));
    quote_fill(&b, 'S', 64);
    quote_fill(&b, 'K', 64);
    if (s->version > 3) {
        buf_u16le(&b, s->outer_type);
        buf_u32le(&b, (uint32_t)((int64_t)qe + s->add_outer));
    }
    quote_put_qe(&b, s);
    quote_fill(&b, 't', s->trailing);
    assert_ok(buf_err(&b));
    return b;
}

#endif
