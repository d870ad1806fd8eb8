/* Bodies of records and ends. */
#include "base/refuse.h"
#include "tlog/body.h"

static void walk_map(cbor *c, unsigned depth);

/* A text, an integer, true, false, null, an array or a map of values. */
static void walk_value(cbor *c, unsigned depth)
{
    switch (cbor_peek(c)) {
    case CBOR_TEXT:
        (void)cbor_text(c);
        return;
    case CBOR_UINT:
    case CBOR_NINT:
        (void)cbor_int(c);
        return;
    case CBOR_MAP:
        walk_map(c, depth + 1);
        return;
    case CBOR_ARRAY:
        if (REFUSED(depth + 1 > ATTRIBUTES_MAX_DEPTH))
            cbor_fail(c, TL_E_DEPTH);
        for (size_t n = cbor_array(c); n > 0; n--)
            walk_value(c, depth + 1);
        return;
    default:
        if (!cbor_try_null(c))
            (void)cbor_bool(c);
    }
}

static void walk_map(cbor *c, unsigned depth)
{
    if (REFUSED(depth > ATTRIBUTES_MAX_DEPTH))
        cbor_fail(c, TL_E_DEPTH);
    for (size_t n = cbor_map(c); n > 0; n--) {
        (void)cbor_text(c);
        walk_value(c, depth);
    }
}

/* Of one item that cbor_item has passed: order of keys and form are good, the
 * choice of types is still to be seen. */
static tl_err check_values(slice encoded)
{
    if (REFUSED(encoded.n > RECORD_ATTRIBUTES_MAX))
        return TL_E_BODY;
    if (REFUSED(encoded.n == 1)) /* an empty map */
        return TL_E_BODY;
    cbor c = cbor_of(encoded);
    walk_map(&c, 1);
    return c.err;
}

tl_err attributes_check(slice encoded)
{
    cbor c = cbor_of(encoded);
    (void)cbor_item(&c);
    tl_err err = cbor_end(&c);
    return err != TL_OK ? err : check_values(encoded);
}

static slice text_to(cbor *c, size_t max)
{
    slice s = cbor_text(c);
    if (REFUSED(s.n > max))
        cbor_fail(c, TL_E_BODY);
    return s;
}

tl_err body_record_read(struct body_record *out, slice body)
{
    cbor c = cbor_of(body);
    slice order = {NULL, 0};
    struct body_record v = {0};
    size_t n = cbor_map(&c);
    if (REFUSED(n != 4 && n != 5))
        cbor_fail(&c, TL_E_BODY);
    cbor_label_is(&c, &order, 1);
    v.salt = cbor_bytes(&c);
    if (REFUSED(v.salt.n != BODY_SALT))
        cbor_fail(&c, TL_E_BODY);
    cbor_label_is(&c, &order, 2);
    v.room_id = text_to(&c, RECORD_ID_MAX);
    cbor_label_is(&c, &order, 3);
    v.user_id = text_to(&c, RECORD_ID_MAX);
    cbor_label_is(&c, &order, 4);
    v.content = text_to(&c, RECORD_CONTENT_MAX);
    if (n == 5) {
        cbor_label_is(&c, &order, 5);
        v.attributes = cbor_item(&c);
    }
    tl_err err = cbor_end(&c);
    if (err == TL_OK && n == 5)
        err = check_values(v.attributes);
    if (err == TL_OK)
        *out = v;
    return err;
}

void body_record_put(buf *b, const struct body_record *r)
{
    cbor_put_map(b, r->attributes.n ? 5 : 4);
    cbor_put_int(b, 1);
    cbor_put_bytes(b, r->salt);
    cbor_put_int(b, 2);
    cbor_put_text(b, r->room_id);
    cbor_put_int(b, 3);
    cbor_put_text(b, r->user_id);
    cbor_put_int(b, 4);
    cbor_put_text(b, r->content);
    if (r->attributes.n) {
        cbor_put_int(b, 5);
        buf_bytes(b, r->attributes);
    }
}

tl_err body_end_read(slice body)
{
    cbor c = cbor_of(body);
    cbor_map_of(&c, 0);
    return cbor_end(&c);
}

void body_end_put(buf *b)
{
    cbor_put_map(b, 0);
}
