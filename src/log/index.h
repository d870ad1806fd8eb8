/* What is derived from the leaves so that queries are fast (docs/format.md section 12).
 * Nothing of it is believed that does not open under this log's key and for these
 * leaves; what is missing is made again, and meanwhile the leaves are asked.
 *
 * All of it is the owner thread's. */
#ifndef TL_LOG_INDEX_H
#define TL_LOG_INDEX_H

#include "log/match.h"
#include "log/posting.h"

struct index;
struct group;
/* For a log that is open. Every query works without. */
tl_err index_new(struct index **out, struct log *log) TL_MUST;
void index_free(struct index *ix);
/* Begins to make what is missing, in slices. Not the owner thread, once. */
void index_start(struct log *log);
/* Takes in the statements of a group that is durable now. */
void index_grown(struct index *ix, const struct group *g);
/* How many leaves it knows; any thread. */
uint64_t index_leaves(const struct index *ix);
/* The same after waiting for the owner thread, and whether something is left to be made. */
struct index_progress {
    uint64_t leaves;
    bool busy;
};
tl_err index_progress(struct log *log, struct index_progress *out) TL_MUST;

/* What a query asks of the index. */
struct index_wanted {
    size_t count;
    enum term_field field[TERM_FIELDS];
    struct term term[TERM_FIELDS];
    bool body;  /* what was erased cannot match */
    slice text; /* as in struct match; empty: any */
};
void index_want(struct index_wanted *w, const struct log *log, const struct match *m);

/* Of a cell's leaves: those that match, and those of which the index does not know. None
 * is in both. */
struct index_answer {
    struct leaf_bits sure, ask;
};
/* ix may be NULL. Where a text is wanted it is not looked for yet. */
tl_err index_look(struct index *ix, const struct index_wanted *w, uint64_t cell,
                  struct index_answer *out) TL_MUST;
/* Looks for the text among those that match otherwise, a chunk of contents a call, until
 * *done. Zero at before the first. */
struct index_search {
    uint32_t chunk;
    unsigned end; /* leaves before it are done */
};
tl_err index_search(struct index *ix, const struct index_wanted *w, uint64_t cell,
                    struct index_search *at, struct index_answer *answer, bool *done) TL_MUST;

/* Takes what is kept of these records' rooms, users and contents out of the index:
 * called on the owner thread, within an open transaction of the store, while their
 * bodies are still there. indexes strictly increase. Where the transaction is not
 * committed the log must end. Nothing else of a query depends on it: a record without a
 * body has no room, user or text whatever the index says. */
tl_err index_erase(struct log *log, const uint64_t *indexes, size_t count) TL_MUST;

#endif
