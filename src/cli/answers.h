/* What `teelog append` says of each line of its input, and what of it holds. */
#ifndef TL_CLI_ANSWERS_H
#define TL_CLI_ANSWERS_H

#include "base/buf.h"
#include "cli/batches.h"
#include "cli/pinned.h"

#include <jansson.h>

struct answers {
    const char *agent;     /* of lines that name none, or NULL; borrowed */
    bool full;             /* receipts as they come, else without what proves them */
    struct pinned *pinned; /* what they are checked by, or NULL; borrowed */
    bool bad;              /* a line was wrong */
    buf out;               /* not written yet */
};
void answers_init(struct answers *a);
void answers_finish(struct answers *a);

/* A line of the input, counted from 1, came to nothing: text says why. field may be NULL. */
void answers_put_error(struct answers *a, uint64_t line, const char *field, const char *text);
/* The same of all of a batch's lines. */
void answers_put_errors(struct answers *a, const struct batch *b, const char *text);
/* A batch's, which no quorum has cosigned: the lines that were refused have their own errors, the
 * others are stored. */
void answers_put_not_cosigned(struct answers *a, const struct batch *b, const json_t *errors);
/* The service's answer to a batch, which is written out. TL_E_PEER: a receipt does not hold under
 * the log's key, and nothing of it is said. */
tl_err answers_put(struct answers *a, const struct batch *b, slice answer,
                   struct tl_why *why) TL_MUST;
/* Writes what is not written yet to standard output. */
tl_err answers_flush(struct answers *a, struct tl_why *why) TL_MUST;

#endif
