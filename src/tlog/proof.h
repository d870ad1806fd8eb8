/* Proofs that something was logged, c2sp.org/tlog-proof: an index, an inclusion path and a
 * cosigned checkpoint, as text. Pure. */
#ifndef TL_TLOG_PROOF_H
#define TL_TLOG_PROOF_H

#include "tlog/checkpoint.h"
#include "tlog/merkle.h"
#include "tlog/tlog_policy.h"

#define PROOF_EXTRA_MAX (1u << 20) /* bytes, decoded */
/* Of the text. */
#define PROOF_MAX       (64 + 4 * (PROOF_EXTRA_MAX / 3 + 1) + 45 * MERKLE_MAX_PATH + NOTE_MAX)

/* Slices are borrowed from the text. */
struct tlog_proof {
    bool has_extra;
    slice extra; /* base64, checked. "Applications MUST NOT implicitly trust the extra data" */
    uint64_t index;
    size_t path_count;
    hash32 path[MERKLE_MAX_PATH]; /* from the leaf's sibling up */
    slice checkpoint;             /* the note, whole */
};

/* The form; TL_E_PROOF or an error of what stands in it. The note itself is not read. */
tl_err tlog_proof_read(struct tlog_proof *out, slice text) TL_MUST;
/* Its path, and those of others: a line with base64 of each hash, up to an empty one, which is
 * taken off the front of rest as well. TL_E_PROOF. */
tl_err tlog_proof_read_path(hash32 path[MERKLE_MAX_PATH], size_t *count, slice *rest) TL_MUST;
/* extra: decoded; .p == NULL for none. */
void tlog_proof_put(buf *b, slice extra, uint64_t index, const hash32 *path, size_t path_count,
                    slice checkpoint);

/* What holds of a proof that was checked. */
struct tlog_proof_result {
    struct checkpoint checkpoint; /* origin is borrowed from the text */
    struct tlog_quorum quorum;    /* all zero where no policy was given */
};
/* That the leaf with this hash is in the log: the checkpoint is signed by one of the keys, whose
 * name is its origin; then the policy's quorum, where there is a policy; then inclusion
 * ("a policy of trusted log and witness public keys").
 * TL_E_SIGNATURE: no key, or a known key's line fails; TL_E_AUTH: no quorum; TL_E_PROOF: not
 * in the tree; else the error of the form. *out is written for TL_E_AUTH too. */
tl_err tlog_proof_verify(struct tlog_proof_result *out, const struct tlog_proof *proof,
                         const hash32 *leaf, const struct note_key *keys, size_t key_count,
                         const struct tlog_policy *policy) TL_MUST;

#endif
