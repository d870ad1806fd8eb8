/* Questions to a log: which records, in which order, a page at a time. The answer's
 * rows are checked: each is a leaf of the tree, its body opened and hashed again. */
#ifndef TL_LOG_QUERY_H
#define TL_LOG_QUERY_H

#include "log/log.h"

#define QUERY_LIMIT_MAX 1000        /* rows of one answer */
#define QUERY_BYTES_MAX (8u << 20)  /* of statements and bodies in one answer */
#define QUERY_TEXT_MAX  1024        /* bytes */
#define QUERIES_BYTES   (64u << 20) /* of the rows of all queries that share, as below */

/* What is asked. Slices are copied by log_query_new; .p == NULL means any. */
struct log_query_options {
    slice agent, room, user, type; /* each equal, bytewise */
    slice text;                    /* a part of the content; ASCII letters match either case */
    uint64_t from, to;             /* leaf indexes, half-open; to may pass the end */
    uint64_t after_ms, before_ms;  /* after_ms <= time < before_ms; 0 and UINT64_MAX: any time */
    bool newest_first;
    size_t limit;  /* rows at most: 1 to QUERY_LIMIT_MAX */
    size_t bytes;  /* of them at most, past the first; 0: QUERY_BYTES_MAX, the most */
    uint64_t skip; /* rows that match and come first are left out (pages by number) */
    bool total;    /* counts all that match, skipped and left out ones too */
    /* Only records, unless type names one of the log's own ("teelog.session") or
     * every is set: those have neither room, user nor text. */
    bool every;
    /* Bodies of records stay closed: rows have none. Not beside room, user or text. */
    bool without_bodies;
};

struct log_row {
    uint64_t index, seq, time_ms, session, ref;
    bool has_ref, erased;  /* erased: no body, and an erasure says so */
    slice agent, type;     /* within statement */
    slice statement, body; /* as in a bundle; body.p == NULL where erased */
    hash32 key_id;         /* of the signer */
};

struct log_query;
tl_err log_query_new(struct log_query **out, struct log *log, const struct log_query_options *o,
                     struct tl_why *why) TL_MUST;
void log_query_free(struct log_query *q); /* not while it runs; a shared one before the log */

/* Answers in slices on the owner thread, between commits; done is called there once.
 * Everything durable when it began is covered. TL_E_STOPPING from here: done is not
 * called. */
typedef void log_query_done_fn(void *ctx, tl_err err, const struct tl_why *why);
tl_err log_query_submit(struct log_query *q, log_query_done_fn *done, void *ctx) TL_MUST;
/* The same, waiting for it; for a log without an owner thread too (log_open_read). */
tl_err log_query_run(struct log_query *q, struct tl_why *why) TL_MUST;
/* Its rows count, until it is freed, among those of all such queries: it ends with
 * TL_E_BUSY where they would have more than log_config's query_bytes. Before submit. */
void log_query_share(struct log_query *q);
size_t log_query_held(const struct log *log); /* bytes of these rows now */
/* Ends it early, from any thread: done comes soon, with TL_E_STOPPING. */
void log_query_cancel(struct log_query *q);

/* The answer, once done: borrowed until log_query_free. */
const struct log_row *log_query_rows(const struct log_query *q, size_t *count);
/* Whether more match after these rows, and where to go on: the next from, or, newest
 * first, the next to. Where no more match, next is the end of what was looked at. */
bool log_query_more(const struct log_query *q, uint64_t *next);
uint64_t log_query_total(const struct log_query *q); /* where it was asked for */

/* One leaf with its proof. */
struct log_proof {
    uint64_t tree_size;
    buf checkpoint; /* signed, of a tree of that size */
    hash32 path[MERKLE_MAX_PATH];
    size_t path_count;
};
/* Asks for the proof of the first row of q's answer too, under the same checkpoint as
 * the answer; before submit. With from = index, to = index + 1 that is one record. */
void log_query_prove(struct log_query *q);
const struct log_proof *log_query_proof(const struct log_query *q); /* NULL: no row */

#endif
