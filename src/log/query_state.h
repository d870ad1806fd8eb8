/* A query's inside: query.c runs it, query_steps.c is what it does. */
#ifndef TL_LOG_QUERY_STATE_H
#define TL_LOG_QUERY_STATE_H

#include "log/index.h"
#include "log/internal.h"
#include "log/match.h"

enum query_stage {
    QUERY_BEGIN,
    QUERY_AFTER,  /* finds where its time begins, */
    QUERY_BEFORE, /* and ends */
    QUERY_CELL,   /* asks the index about the next cell, */
    QUERY_TEXT,   /* about its contents, */
    QUERY_LEAVES, /* and goes through its leaves */
    QUERY_DONE
};

struct log_query {
    struct log *log;
    struct match match;
    enum query_stage stage;
    atomic_bool cancelled;

    uint64_t size;     /* durable when it began */
    uint64_t from, to; /* what is still to be looked at */
    uint64_t a, b;     /* while a time is searched for: it lies in [a, b] */
    struct index_wanted wanted;
    uint64_t cell;              /* whose leaves are looked at, */
    struct index_answer answer; /* what of it is left, */
    struct index_search search; /* and how far its contents were searched */

    struct log_row *rows;
    uint8_t **owned; /* a row's statement and body */
    size_t *owned_size;
    size_t count, capacity;
    size_t bytes;
    bool share;
    size_t shared; /* of bytes, in the log's sum */
    uint64_t matched;
    bool more;
    uint64_t next;

    bool prove;
    struct log_proof proof;

    struct owner_job job;
    log_query_done_fn *done;
    void *done_ctx;
};

/* One step, of well under half a millisecond: TL_OK and QUERY_DONE after the last. */
tl_err query_step(struct log_query *q, struct tl_why *why) TL_MUST;

#endif
