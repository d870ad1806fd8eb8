/* A query's rows as JSON: what the service answers, and what the commands show of a log
 * that nobody has open. Pure. */
#ifndef TL_HTTP_ROW_JSON_H
#define TL_HTTP_ROW_JSON_H

#include "log/recover.h"

struct row_json {
    bool simulated;
    bool withheld; /* leave out what the bodies of records say */
    /* Of a recovery: what shows that it is the log's ("checkpoint" or "signature"), and why there
     * is no body; NULL otherwise. */
    const char *proof, *body_lost;
};

/* One object. A row's body is checked by the query; one that cannot be read all the
 * same is the buffer's error. */
void row_json_put(buf *b, const struct log_row *row, struct row_json how);
/* A recovered one with statement and body, or what is lost (docs/format.md section 11), and a
 * newline. */
void row_json_put_recovered(buf *b, const struct log_recover_row *row, bool simulated);
/* The same with statement, body and proof, and a newline. */
void row_json_put_proof(buf *b, const struct log_row *row, const struct log_proof *proof,
                        struct row_json how);

#endif
