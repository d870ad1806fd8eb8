/* CBOR: what is taken as an item encodes to the same bytes again, and no order
 * of reads goes beyond the input. */
#include "cbor_copy.h"
#include "fuzz.h"

static void whole_item(slice in)
{
    cbor c = cbor_of(in);
    slice item = cbor_item(&c);
    if (c.err != TL_OK)
        return;
    MUST(item.p == in.p && item.n >= 1 && item.n + c.rest.n == in.n);
    buf b;
    buf_init(&b, in.n);
    cbor again = cbor_of(item);
    cbor_copy(&b, &again);
    MUST(cbor_end(&again) == TL_OK);
    must_equal(&b, item);
}

static void one_read(cbor *c, uint8_t op, slice *order)
{
    uint8_t out[32];
    switch (op % 14) {
    case 0:
        MUST(cbor_uint(c, op) <= op);
        return;
    case 1:
        (void)cbor_int(c);
        return;
    case 2:
        (void)cbor_bool(c);
        return;
    case 3:
        (void)cbor_bytes(c);
        return;
    case 4:
        cbor_bytes_copy(c, out, op % 33);
        return;
    case 5:
        MUST(utf8_valid(cbor_text(c)));
        return;
    case 6:
        MUST(cbor_array(c) <= c->rest.n);
        return;
    case 7:
        MUST(cbor_map(c) <= c->rest.n / 2);
        return;
    case 8:
        cbor_array_of(c, op / 14);
        return;
    case 9:
        cbor_map_of(c, op / 14);
        return;
    case 10:
        cbor_tag(c, op / 14);
        return;
    case 11:
        (void)cbor_label(c, order);
        return;
    case 12:
        (void)cbor_try_null(c);
        return;
    default:
        (void)cbor_item(c);
        return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice in = slice_of(data, size);
    whole_item(in);
    slice ops = take_front(&in, 8), order = {NULL, 0};
    cbor c = cbor_of(in);
    for (size_t i = 0; i < ops.n; i++) {
        size_t before = c.rest.n;
        one_read(&c, ops.p[i], &order);
        MUST(c.rest.n <= before);
        MUST(c.err == TL_OK || (c.rest.n == 0 && cbor_peek(&c) == CBOR_NONE));
    }
    return 0;
}
