/* DER: what is read as a value writes to the same bytes. */
#include "codec/der.h"
#include "fuzz.h"

/* Reads one value of the type that op chooses, and writes it again. */
static void one_value(slice in, uint8_t op)
{
    reader r = reader_of(in);
    buf b;
    buf_init(&b, in.n);
    unsigned unused;
    switch (op % 8) {
    case 0:
        der_put_magnitude(&b, der_magnitude(&r));
        break;
    case 1:
        der_put_uint(&b, der_uint(&r, UINT64_MAX));
        break;
    case 2:
        der_put_bool(&b, der_bool(&r));
        break;
    case 3:
        der_put_named_bits(&b, der_named_bits(&r));
        break;
    case 4:
        der_put_time(&b, der_time(&r));
        break;
    case 5:
        der_put(&b, DER_OCTET_STRING, der_take(&r, DER_OCTET_STRING));
        break;
    case 6:
        (void)der_bits(&r, &unused);
        MUST(unused < 8);
        buf_bytes(&b, slice_of(in.p, in.n - r.rest.n));
        break;
    default:
        (void)der_enum(&r, op);
        buf_bytes(&b, slice_of(in.p, in.n - r.rest.n));
        break;
    }
    if (r.err == TL_OK)
        must_equal(&b, slice_of(in.p, in.n - r.rest.n));
    else
        buf_finish(&b);
}

/* Walks sequences and whatever else they hold. */
static void walk(reader *r, int depth)
{
    while (r->err == TL_OK && r->rest.n) {
        uint8_t tag = der_peek(r);
        if (tag == DER_SEQUENCE && depth < 20) {
            reader inner = der_enter(r, tag);
            walk(&inner, depth + 1);
            der_leave(r, &inner);
        } else {
            slice rest = r->rest, whole = der_whole(r, tag);
            MUST(r->err != TL_OK || whole.n + r->rest.n == rest.n);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    slice in = slice_of(data + 1, size - 1);
    one_value(in, data[0]);
    reader r = reader_of(in);
    walk(&r, 0);
    return 0;
}
