/* Hex, base64 and UTF-8, strict in what they read. */
#ifndef TL_BASE_ENCODING_H
#define TL_BASE_ENCODING_H

#include "base/buf.h"

/* Lower-case hex, appended; 2 bytes a byte. */
void hex_put(buf *b, slice s);
/* Lower-case hex with a NUL: out has room for 2 * n + 1. */
void hex_text(char *out, const uint8_t *p, size_t n);
/* Decodes exactly n bytes from 2 * n hex digits, either case. out is
 * untouched on failure (TL_E_ENCODING). */
tl_err hex_read(uint8_t *out, size_t n, slice text) TL_MUST;

/* RFC 4648 section 4 with padding, appended. */
void base64_put(buf *b, slice s);
/* Strict: padding present, no white space, leftover bits zero, standard
 * alphabet. Appends to b; TL_E_ENCODING otherwise. */
tl_err base64_read(buf *b, slice text) TL_MUST;

/* The same for exactly n bytes, at most BASE64URL_MAX, in the alphabet of URLs and without padding
 * (RFC 7515 section 2). out is untouched on failure. */
#define BASE64URL_MAX 48
tl_err base64url_read(uint8_t *out, size_t n, slice text) TL_MUST;

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool utf8_valid(slice text);
/* Length of the well-formed character at the start of text, or 0. text is not empty. */
size_t utf8_character(slice text);
/* Whether a terminal may act upon this character (well-formed, all of c): controls,
 * separators of lines, what turns the direction of writing. */
bool utf8_acts(slice c);

/* A decimal without sign, leading zeros or spaces, at most max. */
tl_err decimal_read(uint64_t *out, slice text, uint64_t max) TL_MUST;

#endif
