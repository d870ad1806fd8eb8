/* What the older log's witnesses have of it, before a new one follows it. */
#ifndef TL_CLI_SUCCESSOR_ASK_H
#define TL_CLI_SUCCESSOR_ASK_H

#include "log/successor.h"

/* Asks each witness of the policy that has a URL for its latest note of that log. TL_E_FROZEN
 * where one stands against following n. Who could not be asked is named on stderr, and no failure:
 * nothing is known of them then. */
tl_err successor_ask(const struct log_last_note *n, const struct note_key *key,
                     const struct tlog_policy *policy, struct tl_why *why) TL_MUST;

#endif
