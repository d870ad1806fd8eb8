/* What callers keep from each other: of what there is only so much of, nobody who has
 * limits (caller_is_limited) gets all. */
#ifndef TL_HTTP_SHARES_H
#define TL_HTTP_SHARES_H

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

#define ANSWERS_MAX (128u << 20) /* bytes of answers that clients have not taken */

/* Of which an exchange has one at most, until it is freed. */
struct place {
    bool taken;
    struct limit_key who; /* kind 0: somebody without limits */
};

struct exchange;
/* Takes a place for x. TL_E_BUSY where there is none, or where its caller has half of them
 * already. */
tl_err place_take(struct exchange *x, enum place_kind kind, struct tl_why *why) TL_MUST;

/* TL_E_BUSY where x's caller leaves a quarter of ANSWERS_MAX unread. */
tl_err answers_taken(const struct exchange *x, struct tl_why *why) TL_MUST;
/* TL_E_BUSY where all callers together leave ANSWERS_MAX unread: before there is more. */
tl_err answers_room(const struct exchange *x, struct tl_why *why) TL_MUST;
/* TL_E_BUSY where more bytes of bodies are too many: in all, or x's caller's half. */
tl_err bodies_room(const struct exchange *x, size_t more, struct tl_why *why) TL_MUST;

#endif
