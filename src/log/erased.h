/* Which records were erased. Only erasure statements that are leaves of the tree say so:
 * the host can make a body missing, but not make it look erased; and of erased records
 * nothing is shown, though he puts the old bytes back. The authenticated head says how
 * many erasures there are, so that none can be kept from us. */
#ifndef TL_LOG_ERASED_H
#define TL_LOG_ERASED_H

#include "log/leaf_set.h"
#include "log/log.h"
#include "store/store.h"
#include "tlog/statement.h"

/* Within struct log; all zeros: nothing is known yet. */
struct erased {
    uint64_t statements; /* erasures in the log, as the head says */
    struct leaf_set set;
    struct leaf_set places; /* where those erasures are */
    bool ready;             /* all of them are in the set */
    /* While they are read: */
    bool every_leaf;   /* the stored places are none of ours: each leaf is looked at */
    uint64_t next;     /* erasure, or leaf, to be looked at */
    uint64_t found;    /* erasures so far */
    uint64_t bound;    /* one more than the index of the last */
    uint64_t *indexes; /* room for those of one */
};
void erased_finish(struct erased *e);

/* Reads what was erased, half a millisecond of it: call it again, in another slice,
 * until *ready. Owner thread (or the only one). TL_E_STORED where an erasure's body is
 * missing or altered: what it erased is not known, so no body may be shown. */
tl_err erased_load(struct log *log, bool *ready, struct tl_why *why) TL_MUST;
/* Owner thread, and only once erased_load is ready. */
bool log_is_erased(const struct log *log, uint64_t index);

/* A record's body as it may be shown: opened into plain and checked; .p == NULL where it
 * was erased, whatever lies there. TL_E_STORED where it is missing, and no erasure says
 * so. As log_is_erased. */
tl_err record_body(struct log *log, const struct store_leaf *leaf, const struct statement *st,
                   buf *plain, slice *body) TL_MUST;

/* What an erasure whose statement is proven names: indexes has room for ERASURE_MAX.
 * TL_E_STORED where its body is missing or altered. */
tl_err erased_read(uint64_t *indexes, size_t *count, const struct store_leaf *leaf,
                   const struct statement *st) TL_MUST;

/* Where erasure statement number n is, kept so that none has to be looked for: put in
 * the transaction that stores it. */
tl_err erased_put_place(struct log *log, uint64_t number, uint64_t index) TL_MUST;
/* The place that is stored; the host's word. TL_E_STORED, TL_E_NOT_FOUND. */
tl_err erased_get_place(struct log *log, uint64_t number, uint64_t *index) TL_MUST;

#endif
