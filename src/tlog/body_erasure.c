/* Bodies of erasures. */
#include "base/refuse.h"
#include "tlog/body.h"

/* Reads [+ index]. Without an array it checks; with one it writes, after a
 * check, so that the caller's array stays as it was where something is wrong. */
static size_t read_indexes(cbor *c, uint64_t *indexes)
{
    size_t n = cbor_array(c);
    uint64_t next = 0;
    if (REFUSED(n == 0))
        cbor_fail(c, TL_E_BODY);
    if (REFUSED(n > ERASURE_MAX))
        cbor_fail(c, TL_E_BODY);
    for (size_t i = 0; i < n && c->err == TL_OK; i++) {
        uint64_t v = cbor_uint(c, TL_INT_MAX);
        if (REFUSED(v < next))
            cbor_fail(c, TL_E_BODY);
        next = v + 1;
        if (indexes)
            indexes[i] = v;
    }
    return n;
}

tl_err body_erasure_read(uint64_t *indexes, size_t *count, slice *reason, slice body)
{
    cbor c = cbor_of(body);
    slice order = {NULL, 0}, text = {NULL, 0};
    size_t n = cbor_map(&c);
    if (REFUSED(n != 1 && n != 2))
        cbor_fail(&c, TL_E_BODY);
    cbor_label_is(&c, &order, 1);
    cbor list = c;
    size_t listed = read_indexes(&c, NULL);
    if (n == 2) {
        cbor_label_is(&c, &order, 2);
        text = cbor_text(&c);
    }
    tl_err err = cbor_end(&c);
    if (err != TL_OK)
        return err;
    *count = listed;
    *reason = text;
    (void)read_indexes(&list, indexes);
    return TL_OK;
}

void body_erasure_put(buf *b, const uint64_t *indexes, size_t count, slice reason)
{
    cbor_put_map(b, reason.p ? 2 : 1);
    cbor_put_int(b, 1);
    cbor_put_array(b, count);
    for (size_t i = 0; i < count; i++)
        cbor_put_uint(b, indexes[i]);
    if (reason.p) {
        cbor_put_int(b, 2);
        cbor_put_text(b, reason);
    }
}
