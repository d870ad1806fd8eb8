/* The data key in a form that the owner's recovery key opens, where one was named
 * (docs/format.md section 12). What can be had by it is what the data key opens: bodies. The
 * log key and the head key come from the platform alone, and never from here. */
#ifndef TL_LOG_RECOVERY_H
#define TL_LOG_RECOVERY_H

#include "crypto/agree.h"
#include "log/keys.h"

#define RECOVERY_WRAPPED "recovery" /* the small value */
#define RECOVERY_SIZE    (64 + 32 + SEAL_TAG)

/* Appends k's data key, wrapped to owner under a fresh key pair. */
tl_err recovery_wrap(const struct log_keys *k, const struct es256_key *owner, buf *out) TL_MUST;
/* The same under this key pair, which is used for nothing else (test vectors). */
tl_err recovery_wrap_by(const struct log_keys *k, const struct es256_key *owner,
                        const struct es256_key *once, buf *out) TL_MUST;
/* Opens it and sets the data key, and what comes from it, in k, whose origin and log_id are
 * set. TL_E_SEALED where it is not for this owner or log, or was altered. */
tl_err recovery_open(struct log_keys *k, const struct es256_key *owner, slice wrapped,
                     struct tl_why *why) TL_MUST;

#endif
