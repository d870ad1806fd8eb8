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
/* The same, of the leaves that the oracle has: a stop and a start append more. */
void query_one(struct log *log, const struct oracle *o, struct log_query_options q);
void query_ask(struct log *log, const struct oracle *o, int n); /* random ones */
/* Questions that between them need every block of the index. */
void query_ask_for_all(struct log *log, const struct oracle *o);
/* Waits until nothing is left to be indexed. */
void query_idle(struct world *w);
/* A log of about so many leaves, indexed and stopped; a copy of it, and its oracle. */
void query_make(struct world *w, struct world *kept, struct oracle *o, size_t leaves);
/* Blocks of a level of a stopped log; all of them as one number, the same where they have
 * the same places and sizes. */
int64_t index_rows(struct world *w, unsigned level);
int64_t index_shape(struct world *w);
/* A small generator, the same in every run. */
uint32_t query_rand(uint32_t below);

#endif
