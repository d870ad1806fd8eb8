/* Proofs of single entries that a service gives, each checked before anybody keeps it. */
#ifndef TL_CLI_PROOF_FETCH_H
#define TL_CLI_PROOF_FETCH_H

#include "client/client.h"
#include "teelog/proof.h"
#include "tlog/note.h"

#define PROOF_FETCH_MAX (4u * NOTE_MAX) /* bytes of an answer */

/* Whose log it must be: one of the two, or neither. Borrowed. */
struct proof_trust {
    const struct teelog_policy *policy;
    slice tlog_policy; /* .p == NULL: none */
    bool key_alone;    /* tlog_policy has the log's key and asks for no witnesses */
};

struct proof_found {
    buf proof;     /* as it is to be written */
    buf statement; /* of an entry */
    buf key;       /* of a receipt: a COSE_KeySet of the key that signed it */
    char origin[NOTE_NAME_MAX + 1];
    uint64_t size;
};
void proof_found_init(struct proof_found *f);
void proof_found_finish(struct proof_found *f);

/* The tlog-proof of an entry: its path leads from the statement in it to the checkpoint's root,
 * and, with trust, the checkpoint is good under that. */
tl_err proof_fetch_text(struct proof_found *out, struct client *c, uint64_t index,
                        const struct proof_trust *trust, struct tl_why *why) TL_MUST;
/* Its COSE receipt, or the statement with that receipt in it: about that entry, and signed by a
 * key that the service names; with trust the key is that of a boot that is in the log. */
tl_err proof_fetch_receipt(struct proof_found *out, struct client *c, uint64_t index, bool inside,
                           const struct proof_trust *trust, struct tl_why *why) TL_MUST;
/* The receipt that the log grew out of this size, signed by such a key. older: that checkpoint's
 * note, whose root the receipt then leads from, and which the log's key has signed where trust is
 * that key alone (a receipt never has witnesses' lines); .p == NULL where the caller does not have
 * it: then the receipt's signature cannot be checked. */
tl_err proof_fetch_growth(struct proof_found *out, struct client *c, uint64_t from, slice older,
                          const struct proof_trust *trust, struct tl_why *why) TL_MUST;

#endif
