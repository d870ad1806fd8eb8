/* What callers keep from each other: of what there is only so much of, nobody who has
 * limits (caller_is_limited) gets all. */
#ifndef TL_HTTP_SHARES_H
#define TL_HTTP_SHARES_H

#include "http/http.h"
#include "http/limiter.h"

#include <stdbool.h>
#include <stddef.h>

#define EXPORTS_MAX  4   /* under way */
#define QUERIES_MAX  16  /* pages of records under way */
#define RESTS_MAX    64  /* answers of the original's routes under way */
#define ERASURES_MAX 4   /* under way */
#define TAILS_MAX    32  /* connections that follow the log */
#define PLACES_MAX   120 /* of all these */
enum place_kind { PLACE_EXPORT, PLACE_QUERY, PLACE_REST, PLACE_ERASURE, PLACE_TAIL, PLACE_KINDS };

/* One measure for all that callers can make the service hold: what exchanges have taken for
 * bodies, records on their way, rows and answers, and what lies unread. The service's own
 * work (the log, its index, threads) and connections come on top. Within it bodies have a
 * quarter, answers that are not taken half, rows of queries a quarter, and one body or page
 * so little that others have theirs; never more than the constants below. */
#define BODIES_MAX  ((size_t)64 << 20)  /* bytes */
#define ANSWERS_MAX ((size_t)128 << 20) /* bytes */
#define STALLED_MAX ((size_t)32 << 20)  /* bytes */
struct http_service;
size_t memory_bodies(const struct http_service *s);  /* of all */
size_t memory_body(const struct http_service *s);    /* of one request, at most */
size_t memory_answers(const struct http_service *s); /* that clients have not taken */
size_t memory_page(const struct http_service *s);    /* of the rows of one query, past the first */
size_t memory_rows(const struct http_limits *l);     /* of all queries, for log_config */
size_t memory_stalled(const struct http_limits *l);  /* of records that wait, for log_config */
size_t memory_conns(const struct http_service *s);   /* connections, not bytes */

/* Of which an exchange has one at most, until it is freed. */
struct place {
    bool taken;
    struct limit_key who; /* kind 0: somebody without limits */
};

struct exchange;
/* Takes a place for x. TL_E_BUSY where there is none, or where its caller has half of them
 * already. */
tl_err place_take(struct exchange *x, enum place_kind kind, struct tl_why *why) TL_MUST;

/* Counts more bytes as x's until it is freed: TL_E_BUSY, where there are not so many left. */
tl_err memory_take(struct exchange *x, size_t more, struct tl_why *why) TL_MUST;
/* Frees x's body, which nobody needs any more, and counts no more than keep bytes as x's: it may
 * wait for long, and others must not be kept out by it. */
void body_drop(struct exchange *x, size_t keep);
/* TL_E_BUSY where x's caller leaves a quarter of memory_answers unread. */
tl_err answers_taken(const struct exchange *x, struct tl_why *why) TL_MUST;
/* TL_E_BUSY where all callers together leave memory_answers unread: before there is more. */
tl_err answers_room(const struct exchange *x, struct tl_why *why) TL_MUST;
/* TL_E_BUSY where more bytes of bodies are too many: in all, or x's caller's half. */
tl_err bodies_room(const struct exchange *x, size_t more, struct tl_why *why) TL_MUST;

#endif
