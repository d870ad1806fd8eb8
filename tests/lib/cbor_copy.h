/* Decodes one item of any shape through cbor.h and encodes it again: what was
 * taken must come out as the same bytes. For tests and fuzz targets. */
#ifndef CBOR_COPY_H
#define CBOR_COPY_H

#include "codec/cbor.h"

static inline void cbor_copy(buf *out, cbor *in)
{
    uint64_t n = 0;
    switch (cbor_peek(in)) {
    case CBOR_UINT:
    case CBOR_NINT:
        cbor_put_int(out, cbor_int(in));
        return;
    case CBOR_BYTES:
        cbor_put_bytes(out, cbor_bytes(in));
        return;
    case CBOR_TEXT:
        cbor_put_text(out, cbor_text(in));
        return;
    case CBOR_ARRAY:
        n = cbor_array(in);
        cbor_put_array(out, n);
        break;
    case CBOR_MAP:
        n = cbor_map(in);
        cbor_put_map(out, n);
        n *= 2;
        break;
    case CBOR_SIMPLE:
        if (cbor_try_null(in))
            cbor_put_null(out);
        else
            cbor_put_bool(out, cbor_bool(in));
        return;
    case CBOR_TAG:
    case CBOR_NONE:
        cbor_fail(in, TL_E_TYPE);
        return;
    }
    /* Only for what cbor_item has taken already, so the depth is bounded. */
    for (; n > 0 && in->err == TL_OK; n--)
        cbor_copy(out, in);
}

#endif
