/* What a query asks for, as text: in the query of a URL, and as options of commands.
 * Pure. */
#ifndef TL_HTTP_FILTERS_H
#define TL_HTTP_FILTERS_H

#include "http/head.h"
#include "log/query.h"

/* Places in an array of parameters that begins with FILTER_NAMES. */
enum filter {
    BY_AGENT,
    BY_ROOM,
    BY_USER,
    BY_TYPE,
    BY_TEXT,
    BY_FROM,
    FILTERS_TAIL, /* what a tail takes: those above */
    BY_TO = FILTERS_TAIL,
    BY_AFTER,
    BY_BEFORE,
    FILTERS,
};
#define FILTER_NAMES                                                                               \
    {"agent"}, {"room"}, {"user"}, {"type"}, {"text"}, {"from"}, {"to"}, {"after"},                \
    {                                                                                              \
        "before"                                                                                   \
    }

/* Sets what the first count of the parameters say, the rest of o to any. Times are
 * milliseconds since 1970 or "YYYY-MM-DDThh:mm:ssZ". o borrows from the parameters. */
tl_err filters_read(struct log_query_options *o, const struct http_param *params, size_t count,
                    struct tl_why *why) TL_MUST;

/* Where a page ended: an opaque text for callers, good for the query that it came from
 * alone. It says what the caller may ask for anyhow, so nothing authenticates it. */
#define CURSOR_TEXT 52 /* bytes, with a NUL */
/* What a query's cursors are known by: its filters and its order. */
hash32 cursor_query(const struct log_query_options *o);
const char *cursor_text(char out[CURSOR_TEXT], const hash32 *query, uint64_t next);
/* Goes on there: narrows o, which must be what the first page was asked with. */
tl_err cursor_read(struct log_query_options *o, slice text, struct tl_why *why) TL_MUST;

#endif
