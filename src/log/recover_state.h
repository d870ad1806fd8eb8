/* A recovery on its way: opened (recover.c), leaf by leaf (recover_rows.c), each judged
 * (recover_judge.c). */
#ifndef TL_LOG_RECOVER_STATE_H
#define TL_LOG_RECOVER_STATE_H

#include "log/internal.h"
#include "log/recover.h"

/* Who signs the statements of one session, or of one boot: what the statement that opened
 * it says. */
struct signer {
    uint64_t index; /* of that statement */
    uint64_t next_seq;
    hash32 subject; /* H of it */
    hash32 kid;
    struct cose_ec2 point;
};

#define SIGNER_KEYS 64 /* loaded ones that are kept */

struct log_recovery {
    struct log *log; /* its tree is that of the checkpoint, or empty */
    bool has_tree, has_genesis;
    bool simulated; /* by the genesis, or where it is lost by any boot */
    buf note;       /* the stored one */
    /* What is known of the leaves before next: */
    struct signer *signers; /* by index */
    size_t signer_count, signer_capacity;
    struct {
        uint64_t index;
        struct sign_key key; /* counted */
    } keys[SIGNER_KEYS];
    /* Where the reading is: */
    uint64_t next; /* index */
    uint64_t end;  /* up to which there should be statements, at least */
    bool scanning, ended;
    bool has_pending; /* read, and to be given next */
    struct store_leaf pending;
    buf plain;
    uint64_t *indexes; /* room for those of one erasure */
};

/* recover_judge.c */
/* Reads the statement and judges it: *lost is NULL where it is the log's. */
tl_err recover_judge(struct log_recovery *r, const struct store_leaf *leaf, struct statement *st,
                     bool *proven, const char **lost) TL_MUST;
/* Whether the tree has it: *proven; or another in its place: *lost. Where the tree cannot tell,
 * neither. */
tl_err recover_look(struct log_recovery *r, const struct store_leaf *leaf, bool *proven,
                    const char **lost) TL_MUST;
/* Who signs is forgotten. */
void recover_forget(struct log_recovery *r);

/* recover_rows.c */
/* The next row of the database, or a range that has none: *found false at the end. */
tl_err recover_read(struct log_recovery *r, struct store_leaf *leaf, uint64_t *missing_to,
                    bool *found) TL_MUST;
/* Takes in what the log's erasures name, of those that are proven. */
tl_err recover_learn_erased(struct log_recovery *r, uint64_t *rows) TL_MUST;

#endif
