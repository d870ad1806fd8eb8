/* What an owner's recovery key can do with a log that its platform opens no more: read
 * it. Needs no TEE. */
#ifndef TL_LOG_RECOVER_H
#define TL_LOG_RECOVER_H

#include "crypto/sign.h"
#include "log/log.h"

/* What the statements themselves show. They were not put under a checkpoint: who holds one
 * of the log can compare its size and root. */
struct log_recovered {
    uint64_t size;
    hash32 root;
    uint64_t records, erasures; /* statements */
    bool simulated;             /* by its genesis */
};

/* Opens a stopped log by its recovery key (with the private half), to read: queries alone
 * work on it. Every statement's signature, sequence, chain, session and place in the tree
 * were checked; that the platform's head was the last one, and what quotes say, was not.
 * Nothing is written. */
tl_err log_open_recover(struct log **out, const struct es256_key *owner, const char *dir,
                        struct log_recovered *found, struct tl_why *why) TL_MUST;

#endif
