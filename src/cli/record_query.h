/* The filters of `records` and `tail` on the command line, and on their way to the
 * service. */
#ifndef TL_CLI_RECORD_QUERY_H
#define TL_CLI_RECORD_QUERY_H

#include "base/buf.h"
#include "client/client.h"
#include "http/filters.h"

#include <getopt.h>

/* getopt values 1 + enum filter: the long options of every filter. */
#define FILTER_OPTION(name, filter)                                                                \
    {                                                                                              \
        name, required_argument, NULL, 1 + (filter)                                                \
    }
#define FILTER_OPTIONS_TAIL                                                                        \
    FILTER_OPTION("agent", BY_AGENT), FILTER_OPTION("room", BY_ROOM),                              \
        FILTER_OPTION("user", BY_USER), FILTER_OPTION("type", BY_TYPE),                            \
        FILTER_OPTION("text", BY_TEXT), FILTER_OPTION("from", BY_FROM)
#define FILTER_OPTIONS                                                                             \
    FILTER_OPTIONS_TAIL, FILTER_OPTION("to", BY_TO), FILTER_OPTION("after", BY_AFTER),             \
        FILTER_OPTION("before", BY_BEFORE)

/* Takes an option's value where it is a filter's. */
bool record_filter(struct http_param *filters, int option, const char *value);
/* Checks what was given, so that mistakes are told without a service; EXIT_USAGE, and
 * the user told, where it is wrong. */
int record_filters(const char *command, struct log_query_options *out,
                   const struct http_param *filters, size_t count);
/* Appends the filters that are given to a URL, as NAME=VALUE. */
void record_filters_put(buf *b, const struct http_param *filters, size_t count);

/* A page of a running service's records. */
struct record_ask {
    const struct http_param *filters;
    size_t filter_count;
    uint64_t limit; /* records, at most */
    bool newest_first, total;
    const char *cursor; /* as the page before said; "": the first page */
};
/* The answer's JSON, in the place of what answer held. */
tl_err record_page_get(struct client *c, const struct record_ask *ask, buf *answer,
                       struct tl_why *why) TL_MUST;

#endif
