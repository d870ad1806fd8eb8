/* Writing JSON, one line at a time. Pure. */
#ifndef TL_CODEC_JSON_PUT_H
#define TL_CODEC_JSON_PUT_H

#include "base/buf.h"

/* A quoted JSON string; text is valid UTF-8. What a terminal may act upon is escaped. */
void json_put_text(buf *b, slice text);
/* The same byte for byte as ECMAScript's JSON.stringify and RFC 8785 have it. */
void json_put_canonical(buf *b, slice text);
void json_put_str(buf *b, const char *text);
/* A decimal. */
void json_put_uint(buf *b, uint64_t v);
/* ,"name": of a further member of an object; its value comes next. */
void json_put_name(buf *b, const char *name);
/* The member whole. */
void json_put_member(buf *b, const char *name, const char *text);
void json_put_slice(buf *b, const char *name, slice text);
void json_put_number(buf *b, const char *name, uint64_t v);
void json_put_bool(buf *b, const char *name, bool v);
void json_put_hex(buf *b, const char *name, slice bytes);
void json_put_base64(buf *b, const char *name, slice bytes);

/* {"error":…,"field":…,"line":…} and a newline. The field is left out where
 * there is none, the line where it is 0. */
void json_put_error(buf *b, tl_err err, const struct tl_why *why, uint64_t line);

#endif
