/* Parts of the report's renderings. */
#ifndef TL_VERIFY_RENDER_H
#define TL_VERIFY_RENDER_H

#include "base/buf.h"
#include "verify/report.h"

#define RENDER_MAX (SIZE_MAX / 2)

/* Values in JSON. s as a string, NULL as null. Bytes that are not printable ASCII are
 * escaped, as characters where they are UTF-8, so that no text of a bundle can break
 * the output. */
void render_json_text(buf *b, const char *s);
/* In lower-case hex; .p == NULL as null. */
void render_json_hex(buf *b, slice bytes);
/* Unix seconds as a string: a date-time of RFC 3339. */
void render_json_time(buf *b, uint64_t seconds);
const char *render_json_bool(bool v);

/* s for a terminal: bytes that are not printable ASCII become '?'. */
void render_plain(buf *b, const char *s);
/* s within HTML, as text or in a quoted attribute: what is not printable ASCII becomes '?'. */
void render_html(buf *b, const char *s);
/* Unix seconds as a date and time of day, for people. */
void render_time(buf *b, uint64_t seconds);
/* The times that evidence was judged by, for people. */
void render_times(buf *b, const struct teelog_report *r);
/* Ends the text with a NUL and gives it away; NULL where memory was short. */
char *render_take(buf *b);

#endif
