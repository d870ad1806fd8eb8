/* What `run` itself logs: that its command was started, and how that ended. */
#ifndef TL_CLI_RUN_LOG_H
#define TL_CLI_RUN_LOG_H

#include "log/log.h"

/* A record of the type run.start, by RUN_AGENT: its content is argv as a JSON array.
 * Returns once it is durable; *index is then its place. argv is NULL-terminated. */
tl_err run_log_start(uint64_t *index, struct log *log, char *const *argv,
                     struct tl_why *why) TL_MUST;
/* The same of the type run.exit, with a ref to start. status as waitpid(2) gives it; error:
 * why the command could not be started at all, or NULL. */
tl_err run_log_exit(struct log *log, uint64_t start, int status, const char *error,
                    struct tl_why *why) TL_MUST;

#endif
