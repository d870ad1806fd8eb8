/* Deterministic CBOR, RFC 8949 section 4.2.1, and nothing looser.
 *
 * The decoder takes only what the encoder could have written: shortest
 * integers and lengths, definite lengths, map keys in strictly increasing
 * bytewise order, valid UTF-8, no floats, no undefined, no tag where none is
 * asked for. It never allocates: texts and byte strings are slices of the
 * input. Errors are sticky, as in reader.h. */
#ifndef TL_CODEC_CBOR_H
#define TL_CODEC_CBOR_H

#include "base/buf.h"
#include "base/slice.h"

/* The largest integer in teelog's own structures (docs/format.md section 1). */
#define TL_INT_MAX     ((UINT64_C(1) << 53) - 1)

/* Depth that cbor_item will follow; the outermost item is at depth 1, and a
 * number or text inside an array is one deeper than the array. */
#define CBOR_MAX_DEPTH 16

enum cbor_major {
    CBOR_UINT = 0,
    CBOR_NINT = 1,
    CBOR_BYTES = 2,
    CBOR_TEXT = 3,
    CBOR_ARRAY = 4,
    CBOR_MAP = 5,
    CBOR_TAG = 6,
    CBOR_SIMPLE = 7,
    CBOR_NONE = 8, /* end of input, or after an error */
};

typedef struct cbor {
    slice rest;
    tl_err err;
} cbor;

static inline cbor cbor_of(slice s)
{
    return (cbor){s, TL_OK};
}

void cbor_fail(cbor *c, tl_err err);
/* The major type of the next item, without reading it. */
enum cbor_major cbor_peek(const cbor *c);
/* True when the next item is null; it is read then, and left otherwise. */
bool cbor_try_null(cbor *c);

/* An unsigned integer of at most max. */
uint64_t cbor_uint(cbor *c, uint64_t max);
/* A signed integer with an absolute value of at most TL_INT_MAX. */
int64_t cbor_int(cbor *c);
bool cbor_bool(cbor *c);
slice cbor_bytes(cbor *c);
/* A byte string of exactly n bytes, copied; out is zeroed on failure. */
void cbor_bytes_copy(cbor *c, uint8_t *out, size_t n);
/* Valid UTF-8. */
slice cbor_text(cbor *c);
/* The number of elements, resp. of pairs, that follow. */
size_t cbor_array(cbor *c);
size_t cbor_map(cbor *c);
/* An array that must have exactly n elements, resp. a map of n pairs. */
void cbor_array_of(cbor *c, size_t n);
void cbor_map_of(cbor *c, size_t n);
/* This tag and no other. */
void cbor_tag(cbor *c, uint64_t tag);
/* Any one well-formed deterministic item (no tags, integers as cbor_int takes
 * them), skipped and returned. */
slice cbor_item(cbor *c);

/* The label of a map's next pair, an integer. *order starts as {NULL, 0} for
 * each map and makes sure that labels strictly increase bytewise. */
int64_t cbor_label(cbor *c, slice *order);
/* The same for a label that must be this one. */
void cbor_label_is(cbor *c, slice *order, int64_t label);

/* The sticky error, or TL_E_TRAILING where bytes are left. */
tl_err cbor_end(const cbor *c) TL_MUST;

/* Encoding. Map keys must be put in order by the caller. */
/* A head alone (RFC 8949 section 3). Of a byte or text string: v bytes follow
 * from elsewhere, so that hashing needs no copy of them. */
void cbor_put_head(buf *b, enum cbor_major major, uint64_t v);
void cbor_put_uint(buf *b, uint64_t v);
void cbor_put_int(buf *b, int64_t v);
void cbor_put_bytes(buf *b, slice s);
void cbor_put_text(buf *b, slice s);
void cbor_put_str(buf *b, const char *s);
void cbor_put_array(buf *b, size_t n);
void cbor_put_map(buf *b, size_t n);
void cbor_put_tag(buf *b, uint64_t tag);
void cbor_put_null(buf *b);
void cbor_put_bool(buf *b, bool v);

#endif
