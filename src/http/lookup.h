/* A query that an exchange waits for: what the routes for records share. */
#ifndef TL_HTTP_LOOKUP_H
#define TL_HTTP_LOOKUP_H

#include "http/internal.h"
#include "http/row_json.h"

struct lookup {
    struct log_query *query;
    /* Writes some of the answer, for about a millisecond: true where more is to come. */
    bool (*put)(struct lookup *l, const struct exchange *x);
    buf answer;
    size_t written; /* rows of it */
    size_t counted; /* bytes of answer that x has taken */
    struct row_json how;
    uint64_t size; /* of the log when it was asked, at least */
    hash32 id;     /* cursor_query */
    bool total;
    tl_err err;
    struct tl_why why;
};

/* Makes x->state with a query of o, and answers where it cannot: NULL then. At most
 * QUERIES_MAX at a time. */
struct lookup *lookup_new(struct exchange *x, const struct log_query_options *o);
/* Hands the query over; once it is done, put writes the answer, and others get their turn
 * in between. */
void lookup_begin(struct exchange *x);

#endif
