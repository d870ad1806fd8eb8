/* Quotes that somebody asked for, off the owner thread: hardware takes its time over
 * one, and appends must not wait for it. One at a time, on a thread of its own that is
 * made at the first use. Report data is never a caller's: it is built from the
 * bindings of docs/format.md. */
#ifndef TL_LOG_QUOTER_H
#define TL_LOG_QUOTER_H

#include "attest/evidence.h"
#include "tee/tee.h"

#define QUOTES_WAITING_MAX 64
#define QUOTES_PER_SECOND  20
#define QUOTES_BURST       64

/* Called once, on the quoting thread. evidence is borrowed during the call, and empty
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
/* tee is borrowed. per_second quotes (at most 1000) on average, burst at once; 0: those
 * above. */
tl_err quoter_new(struct quoter **out, struct tee *tee, unsigned per_second,
                  unsigned burst) TL_MUST;
tl_err quoter_turn(struct quoter *q, struct tl_why *why) TL_MUST;
void quoter_give_back(struct quoter *q);
tl_err quoter_use(struct quoter *q, const uint8_t report_data[64], log_quote_done_fn *done,
                  void *ctx) TL_MUST;
/* Answers those that wait with TL_E_STOPPING, and joins; takes no more. NULL is fine. */
void quoter_stop(struct quoter *q);
void quoter_free(struct quoter *q);

#endif
