/* JSON read front to back: what it takes, jansson takes, and the other way about;
 * strings mean the same to both. */
#include "codec/json.h"
#include "fuzz.h"

#include <jansson.h>

static void same_text(slice in, const json_t *value)
{
    js r = js_of(in);
    buf b;
    buf_init(&b, in.n);
    js_text(&r, &b);
    MUST(js_end(&r) == TL_OK);
    must_equal(&b, slice_of(json_string_value(value), json_string_length(value)));
}

/* Walks an object's members or an array's elements, as callers do. */
static void walk(slice in, size_t count)
{
    js r = js_of(in);
    slice key;
    size_t n = 0;
    if (js_peek(&r) == JS_OBJECT) {
        js_object(&r);
        for (; js_member(&r, &key); n++) {
            MUST(utf8_valid(key));
            MUST(js_raw(&r).n > 0 || r.err != TL_OK);
        }
        if (r.err == TL_E_JSON) /* an escape in a name */
            return;
    } else {
        js_array(&r);
        for (; js_element(&r); n++)
            js_skip(&r);
    }
    MUST(js_end(&r) == TL_OK);
    MUST(n >= count); /* jansson keeps the last of equal names */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice in = slice_of(data, size);
    js r = js_of(in);
    slice raw = js_raw(&r);
    MUST((raw.n > 0) == (r.err == TL_OK));
    tl_err err = js_end(&r);
    json_error_t e;
    json_t *value = json_loadb((const char *)data, size,
                               JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &e);
    if (err == TL_OK) {
        js again = js_of(raw);
        MUST(slice_eq(js_raw(&again), raw) && js_end(&again) == TL_OK);
        if (!value)
            MUST(json_error_code(&e) == json_error_numeric_overflow ||
                 json_error_code(&e) == json_error_null_byte_in_key);
        else if (json_is_string(value))
            same_text(raw, value);
        else if (json_is_object(value) || json_is_array(value))
            walk(raw, json_is_object(value) ? json_object_size(value) : json_array_size(value));
    } else {
        /* jansson takes a zero byte for the end of the text. */
        MUST(err == TL_E_DEPTH || !value || memchr(data, 0, size));
    }
    json_decref(value);
    return 0;
}
