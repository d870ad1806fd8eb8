/* Whether a statement and its body are what a query asks for. Pure. */
#ifndef TL_LOG_MATCH_H
#define TL_LOG_MATCH_H

#include "base/buf.h"
#include "log/query.h"

struct match {
    struct log_query_options want; /* its slices point into text */
    uint8_t *text;
    bool own;  /* not only records */
    bool body; /* room, user or text is asked for: only the opened body says */
};

/* Copies the options; TL_E_FIELD names the one that is wrong. */
tl_err match_init(struct match *m, const struct log_query_options *o, struct tl_why *why) TL_MUST;
void match_finish(struct match *m);

/* Everything but body and time. */
bool match_statement(const struct match *m, const struct statement *st);
/* The body of a record. */
bool match_body(const struct match *m, const struct body_record *r);

#endif
