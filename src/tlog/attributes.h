/* Attributes: a JSON object to the deterministic CBOR map of docs/format.md
 * section 5, and back. Pure. */
#ifndef TL_TLOG_ATTRIBUTES_H
#define TL_TLOG_ATTRIBUTES_H

#include "base/buf.h"

#include <jansson.h>

/* Appends the encoded map. Texts, integers within 2^53 - 1, true, false, null,
 * arrays and objects, at most 8 deep; anything else fails with a sentence that
 * names "attributes". out's maximum bounds the encoding. */
tl_err attributes_put(buf *out, const json_t *object, struct tl_why *why) TL_MUST;

/* The way back, of a map that attributes_check has taken. */
void attributes_json_put(buf *b, slice encoded);

#endif
