#include "codec/problem.h"

#define LABEL_TITLE  (-1)
#define LABEL_DETAIL (-2)

tl_err problem_read(struct problem *out, slice bytes)
{
    struct problem p = {{NULL, 0}, {NULL, 0}};
    slice order = {NULL, 0};
    cbor c = cbor_of(bytes);
    for (size_t n = cbor_map(&c); n && c.err == TL_OK; n--) {
        int64_t label = cbor_label(&c, &order);
        if (label == LABEL_TITLE)
            p.title = cbor_text(&c);
        else if (label == LABEL_DETAIL)
            p.detail = cbor_text(&c);
        else
            (void)cbor_item(&c);
    }
    tl_err err = cbor_end(&c);
    if (err == TL_OK)
        *out = p;
    return err;
}

void problem_put(buf *b, const char *title, const char *detail)
{
    cbor_put_map(b, 2);
    cbor_put_int(b, LABEL_TITLE);
    cbor_put_str(b, title);
    cbor_put_int(b, LABEL_DETAIL);
    cbor_put_str(b, detail);
}
