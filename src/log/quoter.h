/* Quotes for which somebody waits, off the owner thread and off the loop: hardware takes its
 * time over one, and may hang; appends must not wait for it. They are asked for one after the
 * other, by a thread that is made at the first use; how long a platform may take over one is
 * tee_quote's matter. Report data is never a caller's: it is built from the bindings of
 * docs/format.md. No quote is made twice: each is over something new, and is kept with that.
 *
 * There are two lines, of the log's own sessions and of those that callers ask for, served by
 * turns. Where the platform hangs, all who wait then are told so, and not each after a time of
 * its own; who has waited QUOTE_PATIENCE_MS for its turn is told that it is slow. Both are
 * TL_E_NO_QUOTE, as is a platform that fails. */
#ifndef TL_LOG_QUOTER_H
#define TL_LOG_QUOTER_H

#include "attest/evidence.h"
#include "tee/tee.h"

#define QUOTES_WAITING_MAX 64
#define QUOTES_PER_SECOND  20
#define QUOTES_BURST       64
#define OWN_QUOTES_MAX     1024            /* sessions that wait */
#define QUOTE_PATIENCE_MS  TEE_DEADLINE_MS /* in line */

/* Called once, on the quoter's thread. evidence is borrowed during the call, and empty
 * where err is not TL_OK; why then says more. */
typedef void log_quote_done_fn(void *ctx, tl_err err, const struct evidence *evidence,
                               const struct tl_why *why);

/* Any thread. TL_E_BUSY where too many wait, or were made in the last seconds;
 * TL_E_STOPPING. On failure done is not called. */
struct log;
tl_err log_quote_submit(struct log *log, const uint8_t report_data[64], log_quote_done_fn *done,
                        void *ctx, struct tl_why *why) TL_MUST;

/* The same in two steps, for who must not begin what a refusal would end: a turn is taken,
 * and then used or given back. The second fails with TL_E_STOPPING alone, and then the
 * turn is used up. */
tl_err log_quote_turn(struct log *log, struct tl_why *why) TL_MUST;
void log_quote_give_back(struct log *log);
tl_err log_quote_use(struct log *log, const uint8_t report_data[64], log_quote_done_fn *done,
                     void *ctx) TL_MUST;

struct quoter;
struct quoter_limits {
    unsigned per_second, burst; /* of those asked for: on average (at most 1000), at once */
    unsigned patience_ms;       /* for a turn */
};
/* tee is borrowed. What is 0 in limits is as above. */
tl_err quoter_new(struct quoter **out, struct tee *tee, const struct quoter_limits *limits) TL_MUST;
tl_err quoter_turn(struct quoter *q, struct tl_why *why) TL_MUST;
void quoter_give_back(struct quoter *q);
tl_err quoter_use(struct quoter *q, const uint8_t report_data[64], log_quote_done_fn *done,
                  void *ctx) TL_MUST;
/* In the log's own line, which has no rate. TL_E_BUSY where it is full, TL_E_STOPPING. */
tl_err quoter_own(struct quoter *q, const uint8_t report_data[64], log_quote_done_fn *done,
                  void *ctx, struct tl_why *why) TL_MUST;
/* Waits for the quote that is being made, answers those that wait with TL_E_STOPPING, and takes
 * no more. Nothing is called back after this. NULL is fine. */
void quoter_stop(struct quoter *q);
void quoter_free(struct quoter *q);

#endif
