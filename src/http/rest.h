/* The original's routes (docs/rest.md): what they share. An answer is written, then
 * quoted, then sent with its quote. */
#ifndef TL_HTTP_REST_H
#define TL_HTTP_REST_H

#include "http/internal.h"
#include "http/rest_json.h"

#define REST_ANSWER_MAX (24u << 20) /* bytes */

struct rest {
    struct rest_ask ask;
    bool single, paged;   /* /tee/agents/ID; /tee/agents with a page */
    struct log_info info; /* size and root: of the state that is answered */
    uint64_t time_ms;     /* of the answer */
    struct log_query *query;
    struct log_sessions *sessions;
    buf asked; /* ,"query":{…} */
    buf answer, quote;
    size_t count, put; /* rows of the answer, and how many stand in it */
    void (*put_row)(struct rest *r, size_t i);
    void (*put_end)(struct rest *r);
    struct sha256_stream *hash; /* over what stands in it */
    size_t hashed;              /* bytes */
    size_t counted;             /* bytes of answer that x has taken */
    tl_err err;                 /* of what was waited for */
    struct tl_why why;
};

/* Makes x->state, an empty answer; answers where it cannot. */
struct rest *rest_begin(struct exchange *x);
/* Writes count rows and the end, in slices, for a page of large ones takes its time and
 * others wait for the loop; then has the answer quoted, and sends it. */
void rest_write(struct exchange *x);
/* Notes what became of what was waited for, and hands x back to the loop; on other
 * threads. x is the exchange. */
void rest_done(void *x, tl_err err, const struct tl_why *why);
/* Reads sessions, and resumes there. */
void rest_sessions(struct exchange *x, void (*resume)(struct exchange *x));

#endif
