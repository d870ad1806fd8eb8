/* Erasing bodies for good: one teelog.erasure statement for what goes in one
 * transaction, the bodies with it, and nothing of them left in the store's files. */
#ifndef TL_LOG_ERASE_H
#define TL_LOG_ERASE_H

#include "log/log.h"

#define ERASE_MAX        65536 /* indexes of one request */
#define ERASE_REASON_MAX 256   /* bytes */
/* Records of one statement at most: appends wait while it is stored. */
#define ERASE_CHUNK      1024

struct log_erase;
struct log_erasure {
    uint64_t count;   /* bodies that were erased now, or would be */
    uint64_t already; /* had been erased before */
    const uint64_t *statements;
    size_t statement_count; /* 0 where there was nothing to do */
    uint64_t tree_size;     /* that the checkpoint is of */
    slice checkpoint;       /* signed */
};

/* indexes in any order, copied, one that stands twice counts once. reason: public and
 * permanent; .p == NULL for none. TL_E_FIELD and a sentence where they are wrong. */
tl_err log_erase_new(struct log_erase **out, struct log *log, const uint64_t *indexes, size_t count,
                     slice reason, struct tl_why *why) TL_MUST;
/* Before it is submitted. Records of agents that may says no to are not erased: one of
 * them fails all (TL_E_FORBIDDEN). On the owner thread. */
void log_erase_limit(struct log_erase *e, bool (*may)(void *ctx, slice agent), void *ctx);
/* Before it is submitted: only checks and counts. */
void log_erase_dry(struct log_erase *e);
void log_erase_free(struct log_erase *e); /* not while it runs */

/* Erases on the owner thread, in slices, and calls done there once. Where an index is
 * not that of a record nothing is erased (TL_E_FIELD). Those of one statement
 * are all or nothing; after an error what was done is in log_erase_result. On TL_OK it is
 * durable, and the files hold the bodies no more. An error from here: done is not
 * called. */
typedef void log_erase_done_fn(void *ctx, tl_err err, const struct tl_why *why);
tl_err log_erase_submit(struct log_erase *e, log_erase_done_fn *done, void *ctx) TL_MUST;
/* The same, waiting for it. Not from the owner thread. */
tl_err log_erase_run(struct log_erase *e, struct tl_why *why) TL_MUST;
/* Once done: borrowed until log_erase_free. */
void log_erase_result(const struct log_erase *e, struct log_erasure *out);

#endif
