/* What an owner's recovery key can do with a log that its platform opens no more: read
 * it. Needs no TEE, and believes nothing that the database says: each statement and each body
 * is given only with what shows that it is the log's. */
#ifndef TL_LOG_RECOVER_H
#define TL_LOG_RECOVER_H

#include "log/query.h"

struct es256_key; /* crypto/sign.h */

struct log_recover_options {
    const char *dir;
    const struct es256_key *owner; /* with its private half */
    /* A signed checkpoint of this log that the caller kept, or an empty slice. The one that
     * the service left in the database counts beside it. */
    slice checkpoint;
    const struct note_key *log_key; /* as the caller knows it; NULL: as the genesis names it */
};

/* What a look at all of it has shown. */
struct log_recovered {
    char origin[129];
    char log_key[400]; /* verifier key that checkpoints were checked by; empty: none is known */
    bool simulated;    /* by its genesis; where that is lost, by any boot */
    uint64_t rows;     /* statements that the database has */
    /* The checkpoint by which statements are proven: those of indexes below its size. */
    bool has_checkpoint;
    uint64_t size;
    hash32 root;
    slice checkpoint; /* the signed note; as long as the log */
    /* What else there is to know before the output is believed; NULL: nothing. For people. */
    const char *stored_trouble; /* with the checkpoint in the database */
    const char *given_trouble;  /* with the caller's */
};

struct log_recovery;
tl_err log_recovery_new(struct log_recovery **out, const struct log_recover_options *o,
                        struct log_recovered *found, struct tl_why *why) TL_MUST;
void log_recovery_free(struct log_recovery *r);

/* One statement, or indexes without any. */
struct log_recover_row {
    uint64_t from, to; /* where it lies in the database; [from, to) where nothing does */
    const char *lost;  /* why there is no statement; NULL: there is */
    /* Its hash is in the tree of the checkpoint, at this index. Otherwise it is signed by the key
     * that its session's statement, or its boot's, names: whose key that is, and that
     * its place is its index, nothing shows. */
    bool proven;
    const char *body_lost; /* why there is no body; NULL: there is, or it was erased */
    struct log_row row;    /* borrowed until the next; body.p == NULL where there is none */
};
/* In the order of the database. *more: false at the end, and *row is not written. */
tl_err log_recovery_next(struct log_recovery *r, struct log_recover_row *row, bool *more) TL_MUST;

/* The log as far as the checkpoint goes, for a log_export of all of it with lost bodies
 * withheld; NULL where there is no checkpoint. Borrowed. */
struct log *log_recovery_log(struct log_recovery *r);

#endif
