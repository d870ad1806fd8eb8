/* A JSON text (RFC 8259) as byte ranges: what stands where, so that a text can be passed on as
 * it is, or with a few bytes put between. codec/json.h reads values; this one goes deeper, and
 * allows names with escapes, and halves of UTF-16 pairs. No allocation. Pure. */
#ifndef TL_MCP_TEXT_H
#define TL_MCP_TEXT_H

#include "base/buf.h"

#define TEXT_MAX_DEPTH 512

/* Takes the next value, with the white space before it, off the front of *text: its exact bytes,
 * all of them well-formed. TL_E_JSON, TL_E_DEPTH; both untouched then. */
tl_err text_value(slice *value, slice *text) TL_MUST;
/* A whole text that is one value, with white space around it. */
tl_err text_whole(slice *value, slice text) TL_MUST;

/* The members of an object, or the elements of an array, one after the other. Errors are sticky:
 * text_next returns false at the end and after an error, and text_end tells which.
 *
 *     struct text_walk w = text_walk_of(value);
 *     for (struct text_part p; text_next(&w, &p);) …
 *     err = text_end(&w);
 */
struct text_part {
    slice name;  /* of a member: as it is spelt, without its quotes */
    slice value; /* from its first byte to its last */
};
struct text_walk {
    slice rest;
    const uint8_t *close; /* once text_next has returned false at the end: its last byte */
    tl_err err;
    bool object, first;
};
/* value: as text_value gave it. What is neither object nor array is TL_E_JSON. */
struct text_walk text_walk_of(slice value);
bool text_next(struct text_walk *w, struct text_part *p);
tl_err text_end(const struct text_walk *w) TL_MUST;

/* Whether a name, or a text between its quotes, that text_value has passed is this one once its
 * escapes are read. */
bool text_is(slice spelt, const char *name);
/* Appends it with its escapes read; false where that does not fit. */
bool text_decode(buf *out, slice spelt) TL_MUST;

#endif
