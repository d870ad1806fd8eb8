/* JSON (RFC 8259), read strictly from front to back: no tree, no allocation, a
 * bounded depth. For signed JSON, whose exact bytes are checked before they are
 * read, and for whatever else is read in quantity.
 *
 * Errors are sticky, as with a reader: after the first one every call returns
 * nothing, and js_end reports it. Text must be UTF-8 without a byte order mark.
 *
 *     js r = js_of(text);
 *     js_object(&r);
 *     for (slice key; js_member(&r, &key);)
 *         if (js_named(&r, key, "version", &seen, 0)) version = js_uint(&r, 9);
 *         else js_skip(&r);
 *     err = js_end(&r);
 */
#ifndef TL_CODEC_JSON_H
#define TL_CODEC_JSON_H

#include "base/buf.h"

#define JS_MAX_DEPTH 32

typedef struct js {
    slice rest;
    tl_err err;
    uint8_t depth;
    const uint8_t *stopped;       /* after an error: up to where it had read */
    bool first[JS_MAX_DEPTH + 1]; /* nothing read yet in the object or array at this depth */
} js;

enum js_kind { JS_NONE, JS_NULL, JS_BOOL, JS_NUMBER, JS_STRING, JS_ARRAY, JS_OBJECT };

js js_of(slice text);
void js_fail(js *r, tl_err err);
/* What stands next, judged by its first character; JS_NONE after an error and
 * where there is no value. */
enum js_kind js_peek(js *r);

/* Enters an object or an array. */
void js_object(js *r);
void js_array(js *r);
/* The next member's key (read with its colon), without quotes; the value must be
 * read or skipped next. False at the end of the object, which is then left, or
 * after an error. A key with an escape in it is TL_E_JSON: nothing that we read
 * has one, and no name can then stand twice in two spellings. */
bool js_member(js *r, slice *key);
/* Whether there is a next element; false at the end, which is then left. */
bool js_element(js *r);
/* key is name. The second time for one bit of *seen is TL_E_JSON (and false). */
bool js_named(js *r, slice key, const char *name, uint32_t *seen, unsigned bit);

/* A string without any escape in it, borrowed; TL_E_JSON otherwise. */
slice js_plain(js *r);
/* Any string, decoded (RFC 8259 section 7, surrogate pairs joined; a lone
 * surrogate is TL_E_JSON) and appended to out. */
void js_text(js *r, buf *out);
/* A number without sign, fraction or exponent, of at most max (TL_E_RANGE). */
uint64_t js_uint(js *r, uint64_t max);
bool js_bool(js *r);
/* Reads over a null; false and nothing read where something else stands there. */
bool js_try_null(js *r);
/* Reads over any value, which must be well-formed. Not recursive. */
void js_skip(js *r);
/* The exact bytes of the next value, from its first to its last. */
slice js_raw(js *r);

/* The sticky error, or TL_E_JSON where anything but white space is left. */
tl_err js_end(js *r) TL_MUST;

#endif
