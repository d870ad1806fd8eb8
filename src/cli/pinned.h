/* Receipts under the log key that the user pins (--log-key, TEELOG_LOG_KEY). */
#ifndef TL_CLI_PINNED_H
#define TL_CLI_PINNED_H

#include "base/buf.h"

struct pinned;
/* TL_E_USAGE where the text is no verifier key. */
tl_err pinned_new(struct pinned **out, const char *log_key, struct tl_why *why) TL_MUST;
void pinned_free(struct pinned *p); /* NULL is fine */
/* The size of the largest checkpoint that was checked: what is sent now comes after it. */
uint64_t pinned_size(const struct pinned *p);
/* The answer to another request begins. */
void pinned_answer(struct pinned *p);
/* Whether a full receipt is of this record, a line as it was sent when pinned_size was least; agent
 * stands for a missing agentId, where it is not NULL. In the order in which they were sent.
 * TL_E_PEER, and why, where it is not. */
tl_err pinned_check(struct pinned *p, slice receipt, slice record, const char *agent,
                    uint64_t least, struct tl_why *why) TL_MUST;
/* A full receipt that was checked without what proves it: a line. */
tl_err pinned_put_short(buf *out, slice receipt, struct tl_why *why) TL_MUST;

#endif
