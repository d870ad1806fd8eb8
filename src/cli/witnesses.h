/* The witnesses of a service's log: the policy that names them, and what the log has to say about
 * them. */
#ifndef TL_CLI_WITNESSES_H
#define TL_CLI_WITNESSES_H

#include "cli/service.h"

/* A policy of witnesses (c2sp.org/tlog-policy) from a file. */
tl_err witnesses_policy(struct tlog_policy **out, const char *path, struct tl_why *why) TL_MUST;
/* Reads --witnesses, where it is given, and fills in what the log is told of it. */
tl_err witnesses_read(struct service *s, const struct service_options *o,
                      struct log_witnessing *out, struct tl_why *why) TL_MUST;
/* At the start: what the log waits for and what to do about it; or why it is frozen, with both
 * notes. Of a log without witnesses nothing. */
void witnesses_say_start(const struct service *s);
/* After signals_fence: the fence has moved, or the log is frozen. */
void witnesses_say_moved(const struct service *s);
/* A few words for a supervisor, behind others; empty where there is nothing to say. */
void witnesses_status(char out[160], const struct log_info *info);
/* Waits until the fence is open: TL_OK. TL_E_FROZEN; TL_E_STOPPING where a signal came before. */
tl_err witnesses_wait(const struct service *s, struct tl_why *why) TL_MUST;

#endif
