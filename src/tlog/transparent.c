#include "tlog/transparent.h"

#include "base/refuse.h"

#define TAG_SIGN1      18
#define LABEL_RECEIPTS 394 /* RFC 9942 */

static void read_receipts(cbor *c, struct transparent *t)
{
    slice order = {NULL, 0};
    cbor_map_of(c, 1);
    cbor_label_is(c, &order, LABEL_RECEIPTS);
    t->count = cbor_array(c);
    if (REFUSED(t->count == 0) || REFUSED(t->count > TRANSPARENT_RECEIPTS)) {
        cbor_fail(c, TL_E_COSE);
        t->count = 0;
    }
    for (size_t i = 0; i < t->count; i++)
        t->receipts[i] = cbor_bytes(c);
}

tl_err transparent_read(struct transparent *out, slice bytes)
{
    struct transparent t = {0};
    if (REFUSED(bytes.n > TRANSPARENT_MAX))
        return TL_E_COSE;
    cbor c = cbor_of(bytes);
    cbor_tag(&c, TAG_SIGN1);
    cbor_array_of(&c, 4);
    t.protected_header = cbor_bytes(&c);
    read_receipts(&c, &t);
    t.payload = cbor_bytes(&c);
    t.signature = cbor_bytes(&c);
    tl_err err = cbor_end(&c);
    if (err == TL_OK)
        *out = t;
    return err;
}

static void put(buf *b, const struct transparent *t, size_t count)
{
    cbor_put_tag(b, TAG_SIGN1);
    cbor_put_array(b, 4);
    cbor_put_bytes(b, t->protected_header);
    cbor_put_map(b, count ? 1 : 0);
    if (count) {
        cbor_put_int(b, LABEL_RECEIPTS);
        cbor_put_array(b, count);
        for (size_t i = 0; i < count; i++)
            cbor_put_bytes(b, t->receipts[i]);
    }
    cbor_put_bytes(b, t->payload);
    cbor_put_bytes(b, t->signature);
}

void transparent_statement_put(buf *b, const struct transparent *t)
{
    put(b, t, 0);
}

void transparent_put(buf *b, const struct transparent *t)
{
    put(b, t, t->count);
}
