#include "tlog/attributes.h"

#include "base/refuse.h"
#include "codec/cbor.h"
#include "codec/json_put.h"
#include "tlog/body.h"

#include <stdlib.h>

struct pair {
    slice key;
    const json_t *value;
};

/* RFC 8949 section 4.2.1: bytewise order of the encodings. An encoded text
 * begins with its length, so the shorter key comes first. */
static int pair_order(const void *a, const void *b)
{
    const struct pair *l = a, *r = b;
    if (l->key.n != r->key.n)
        return l->key.n < r->key.n ? -1 : 1;
    return slice_cmp(l->key, r->key);
}

static tl_err value_put(buf *out, const json_t *v, unsigned depth, struct tl_why *why);

/* jansson's iterators want a pointer that is not const, and change nothing. */
static json_t *borrowed(const json_t *v)
{
    union {
        const json_t *in;
        json_t *out;
    } u = {.in = v};
    return u.out;
}

static tl_err map_put(buf *out, const json_t *object, unsigned depth, struct tl_why *why)
{
    size_t n = json_object_size(object), i = 0;
    struct pair *pairs = calloc(n ? n : 1, sizeof *pairs);
    if (!pairs)
        return TL_E_MEMORY;
    json_t *o = borrowed(object);
    for (void *it = json_object_iter(o); it && i < n; it = json_object_iter_next(o, it))
        pairs[i++] = (struct pair){slice_of(json_object_iter_key(it), json_object_iter_key_len(it)),
                                   json_object_iter_value(it)};
    qsort(pairs, n, sizeof *pairs, pair_order);
    tl_err err = TL_OK;
    cbor_put_map(out, n);
    for (i = 0; i < n && err == TL_OK; i++) {
        cbor_put_text(out, pairs[i].key);
        err = value_put(out, pairs[i].value, depth, why);
    }
    free(pairs);
    return err;
}

static tl_err array_put(buf *out, const json_t *array, unsigned depth, struct tl_why *why)
{
    tl_err err = TL_OK;
    size_t n = json_array_size(array);
    cbor_put_array(out, n);
    for (size_t i = 0; i < n && err == TL_OK; i++)
        err = value_put(out, json_array_get(array, i), depth, why);
    return err;
}

static tl_err integer_put(buf *out, json_int_t v, struct tl_why *why)
{
    if (REFUSED(v > (json_int_t)TL_INT_MAX || v < -(json_int_t)TL_INT_MAX))
        return tl_explain(why, TL_E_FIELD, "attributes",
                          "attributes hold an integer beyond 2^53 - 1; send it as a text");
    cbor_put_int(out, v);
    return TL_OK;
}

static tl_err value_put(buf *out, const json_t *v, unsigned depth, struct tl_why *why)
{
    switch (json_typeof(v)) {
    case JSON_STRING:
        cbor_put_text(out, slice_of(json_string_value(v), json_string_length(v)));
        return TL_OK;
    case JSON_INTEGER:
        return integer_put(out, json_integer_value(v), why);
    case JSON_TRUE:
    case JSON_FALSE:
        cbor_put_bool(out, json_is_true(v));
        return TL_OK;
    case JSON_NULL:
        cbor_put_null(out);
        return TL_OK;
    case JSON_REAL:
        return tl_explain(why, TL_E_FIELD, "attributes",
                          "attributes hold a real number; send an integer or a text");
    case JSON_OBJECT:
    case JSON_ARRAY:
        break;
    }
    if (REFUSED(depth >= ATTRIBUTES_MAX_DEPTH))
        return tl_explain(why, TL_E_FIELD, "attributes", "attributes are nested more than %d deep",
                          ATTRIBUTES_MAX_DEPTH);
    return json_is_object(v) ? map_put(out, v, depth + 1, why) : array_put(out, v, depth + 1, why);
}

tl_err attributes_put(buf *out, const json_t *object, struct tl_why *why)
{
    /* The size of what is no object is 0 too. */
    if (REFUSED(json_object_size(object) == 0))
        return tl_explain(why, TL_E_FIELD, "attributes",
                          "attributes must be an object with at least one member");
    tl_err err = map_put(out, object, 1, why);
    if (err == TL_OK)
        err = buf_err(out);
    if (err == TL_E_LIMIT)
        return tl_explain(why, err, "attributes",
                          "attributes are longer than %zu bytes when encoded", out->max);
    return err;
}

static void value_json(buf *b, cbor *c);

static void map_json(buf *b, cbor *c)
{
    size_t n = cbor_map(c);
    buf_str(b, "{");
    for (size_t i = 0; i < n && c->err == TL_OK; i++) {
        if (i)
            buf_str(b, ",");
        json_put_text(b, cbor_text(c));
        buf_str(b, ":");
        value_json(b, c);
    }
    buf_str(b, "}");
}

static void array_json(buf *b, cbor *c)
{
    size_t n = cbor_array(c);
    buf_str(b, "[");
    for (size_t i = 0; i < n && c->err == TL_OK; i++) {
        if (i)
            buf_str(b, ",");
        value_json(b, c);
    }
    buf_str(b, "]");
}

static void value_json(buf *b, cbor *c)
{
    enum cbor_major major = cbor_peek(c);
    if (major == CBOR_MAP)
        map_json(b, c);
    else if (major == CBOR_ARRAY)
        array_json(b, c);
    else if (major == CBOR_TEXT)
        json_put_text(b, cbor_text(c));
    else if (major != CBOR_SIMPLE)
        buf_printf(b, "%lld", (long long)cbor_int(c));
    else if (cbor_try_null(c))
        buf_str(b, "null");
    else
        buf_str(b, cbor_bool(c) ? "true" : "false");
}

/* What was checked is nested ATTRIBUTES_MAX_DEPTH deep at most. */
void attributes_json_put(buf *b, slice encoded)
{
    cbor c = cbor_of(encoded);
    map_json(b, &c);
    if (cbor_end(&c) != TL_OK)
        buf_fail(b, TL_E_BODY);
}
