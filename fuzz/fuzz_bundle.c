/* Bundles: however the bytes arrive, the same items come out, and they encode to
 * the same bytes again. The first byte says how the reads are chopped. */
#include "fuzz.h"
#include "tlog/bundle.h"

struct chopped {
    slice rest;
    uint32_t state;
};

/* Gives 1 to 64 bytes at a time, in a pattern that the input chose. */
static tl_err chopped_read(void *ctx, uint8_t *out, size_t cap, size_t *got)
{
    struct chopped *c = ctx;
    c->state = c->state * 1664525 + 1013904223;
    size_t n = 1 + (c->state >> 26);
    return slice_source_read(&c->rest, out, n < cap ? n : cap, got);
}

/* All items, encoded again, one after the other; the error that ended it. */
static tl_err read_all(struct byte_source source, buf *again)
{
    struct bundle_reader *r;
    static struct bundle_item item;
    bool more = true;
    MUST(bundle_reader_new(&r, source) == TL_OK);
    tl_err err = TL_OK;
    while (err == TL_OK && more) {
        err = bundle_next(r, &item, &more);
        if (err == TL_OK && more)
            bundle_item_put(again, &item);
    }
    /* Neither the end nor an error goes away. */
    MUST(bundle_next(r, &item, &more) == err && (err != TL_OK || !more));
    bundle_reader_free(r);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    slice in = slice_of(data + 1, size - 1), rest = in;
    struct chopped chopped = {in, data[0]};
    buf whole, parts;
    buf_init(&whole, size);
    buf_init(&parts, size);
    tl_err err = read_all((struct byte_source){slice_source_read, &rest}, &whole);
    MUST(read_all((struct byte_source){chopped_read, &chopped}, &parts) == err);
    MUST(slice_eq(buf_slice(&whole), buf_slice(&parts)));
    MUST(slice_starts(in, buf_slice(&whole)));
    buf_finish(&parts);
    if (err == TL_OK)
        must_equal(&whole, in);
    else
        buf_finish(&whole);
    return 0;
}
