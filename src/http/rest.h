/* The original's routes (docs/rest.md): what they share. An answer is written, then
 * quoted, then sent with its quote. */
#ifndef TL_HTTP_REST_H
#define TL_HTTP_REST_H

#include "http/internal.h"
#include "http/rest_json.h"

#define RESTS_MAX        64          /* under way */
#define REST_ANSWER_MAX  (24u << 20) /* bytes */
#define REST_ANSWERS_MAX (64u << 20) /* bytes of all that wait for their quotes */

struct rest {
    struct http_service *service; /* that counts it */
    struct rest_ask ask;
    bool single, paged;   /* /tee/agents/ID; /tee/agents with a page */
    struct log_info info; /* size and root: of the state that is answered */
    uint64_t time_ms;     /* of the answer */
    struct log_query *query;
    struct log_sessions *sessions;
    buf asked; /* ,"query":{…} */
    buf answer, quote;
    size_t counted; /* bytes of answer, in the service's sum */
    tl_err err;     /* of what was waited for */
    struct tl_why why;
};

/* Makes x->state, an empty answer; answers where it cannot. */
struct rest *rest_begin(struct exchange *x);
/* Quotes the answer as it is, and sends it. */
void rest_attest(struct exchange *x);
/* Notes what became of what was waited for, and hands x back to the loop; on other
 * threads. x is the exchange. */
void rest_done(void *x, tl_err err, const struct tl_why *why);
/* Reads sessions, and resumes there. */
void rest_sessions(struct exchange *x, void (*resume)(struct exchange *x));

#endif
