/* Requests to many witnesses at once (libcurl's multi interface), each bounded in bytes and
 * time. A build without libcurl has wire_none.c instead, which only says so. One thread, but
 * for wire_wake. */
#ifndef TL_WITNESS_WIRE_H
#define TL_WITNESS_WIRE_H

#include "witness/asking.h"

#define WIRE_TIMEOUT_MS  10000
#define WIRE_HEADERS_MAX 65536 /* bytes, of all headers of one answer together */

struct wire;
struct wire_options {
    size_t count;        /* of those who are asked */
    unsigned timeout_ms; /* of one request; 0: WIRE_TIMEOUT_MS */
    const char *ca_file; /* for https, borrowed; NULL: the system's */
    const char *proxy;   /* borrowed; NULL: none */
};
tl_err wire_open(struct wire **out, const struct wire_options *o, struct tl_why *why) TL_MUST;
/* Ends what is under way. NULL is fine. */
void wire_close(struct wire *w);

/* Begins a request to number i, which has none under way: POST where there is a body (copied),
 * else GET. On failure why says what is wrong. */
tl_err wire_send(struct wire *w, size_t i, slice url, slice body, struct tl_why *why) TL_MUST;
/* Waits until a request has ended, for ms milliseconds, or until wire_wake; the answer of each
 * that ended, borrowed for the call, is given to done. */
void wire_wait(struct wire *w, unsigned ms,
               void (*done)(void *ctx, size_t i, const struct asking_answer *answer), void *ctx);
/* Any thread. */
void wire_wake(struct wire *w);

#endif
