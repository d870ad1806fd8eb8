/* What a service tells those who run it: lines on standard error, for eyes or as
 * JSON, one object a line. */
#ifndef TL_CLI_JOURNAL_H
#define TL_CLI_JOURNAL_H

#include "base/err.h"
#include "http/http.h"

/* All lines are JSON from now on, what cli_say prints too: {"time","event","message"}. */
void journal_as_json(void);
/* For http_config: a line for each request. ctx is not used. */
void journal_access(void *ctx, const struct http_access *a);
/* For http_config: an answer that broke off, and why. */
void journal_broke_off(slice method, slice path, const char *why);
/* The line that a started log prints on standard output, with a newline. listening: the
 * address over TCP, or NULL. */
void journal_ready(buf *out, const struct log_info *info, const char *socket,
                   const char *listening);

#endif
