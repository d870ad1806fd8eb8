/* Queries beside a naive oracle: every leaf of a log in memory, read from its bundle,
 * and a loop over them. */
#ifndef TESTQUERY_H
#define TESTQUERY_H

#include "testlog.h"

#include "log/query.h"

struct oracle {
    struct oracle_leaf {
        struct statement st; /* within statement */
        slice statement;
        slice body; /* .p == NULL where there is none */
        struct body_record record;
    } * leaves;
    size_t count;
    uint8_t *bundle;
};
/* Of the running log, which is exported for it. */
void oracle_read(struct oracle *o, struct world *w);
void oracle_finish(struct oracle *o);

/* Options for everything, oldest first. */
struct log_query_options query_all(void);
/* Asks, and compares every word of the answer with the oracle's. The number of rows. */
size_t query_check(struct log *log, const struct oracle *o, const struct log_query_options *q);
/* Some question, made of what the oracle has. Its slices stay the oracle's. */
struct log_query_options query_random(const struct oracle *o);
/* Appends n records with random fields. */
void query_grow(struct world *w, size_t n);
/* A small generator, the same in every run. */
uint32_t query_rand(uint32_t below);

#endif
