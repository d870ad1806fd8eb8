/* The head of an HTTP/1.1 request (RFC 9112 sections 2 to 6), and nothing
 * looser: CRLF only, no folding, no space before a colon, one Host, at most one
 * Content-Length. libevent's own server takes heads that these rules refuse,
 * which is why it is not used. Pure. */
#ifndef TL_HTTP_HEAD_H
#define TL_HTTP_HEAD_H

#include "base/err.h"
#include "base/slice.h"

#define HTTP_HEAD_MAX   16384 /* bytes, the empty line included */
#define HTTP_FIELDS_MAX 64
#define HTTP_QUERY_MAX  8192 /* bytes: every filter at its longest, percent-encoded */

/* Slices are borrowed from the bytes read. */
struct http_head {
    slice method, path, query; /* query without its '?'; empty where there is none */
    slice authorization;       /* the field's value; .p == NULL where there is none */
    slice last_event_id;       /* the same */
    bool has_length;
    uint64_t length; /* Content-Length */
    bool transfer;   /* a Transfer-Encoding is there */
    bool close;      /* Connection: close */
    bool expects;    /* Expect: 100-continue */
};

/* Where the head at the start of bytes ends: *size, or 0 where more must come.
 * TL_E_HTTP for a line that does not end in CRLF and for a head that is too long. */
tl_err http_head_find(size_t *size, slice bytes, struct tl_why *why) TL_MUST;
/* Reads a whole head, its empty line included. why names the field at fault. */
tl_err http_head_read(struct http_head *out, slice bytes, struct tl_why *why) TL_MUST;

/* Percent-decodes text (RFC 3986 section 2.1) to *at, which it moves on; that is never
 * longer. name is named where it is refused. */
tl_err http_percent_read(uint8_t **at, const char *name, slice text, struct tl_why *why) TL_MUST;

/* One key that a route takes. name is the caller's, value is set. */
struct http_param {
    const char *name;
    slice value; /* decoded, borrowed from http_query.bytes; .p == NULL: not given */
};
struct http_query {
    uint8_t bytes[HTTP_QUERY_MAX];
};
/* Reads NAME=VALUE(&NAME=VALUE)…, percent-decoded (RFC 3986 section 2.1). A name
 * that params does not have, one that comes twice and an empty value are
 * refused, by name. */
tl_err http_query_read(struct http_query *q, struct http_param *params, size_t count, slice text,
                       struct tl_why *why) TL_MUST;

#endif
