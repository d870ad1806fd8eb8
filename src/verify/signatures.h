/* Signatures, checked in batches beside the reading. */
#ifndef TL_VERIFY_SIGNATURES_H
#define TL_VERIFY_SIGNATURES_H

#include "crypto/key.h"
#include "verify/report.h"

struct signatures;

/* threads: how many compute, the caller's among them, at least 1. */
tl_err signatures_new(struct signatures **out, struct teelog_report *r, unsigned threads) TL_MUST;
/* Waits for what is under way. NULL is fine. */
void signatures_free(struct signatures *s);
/* One signature to check; key is referenced. VERDICT where an earlier one is
 * known to be bad: which one that is does not depend on the threads' timing. */
tl_err signatures_add(struct signatures *s, uint64_t index, const struct sign_key *key,
                      const hash32 *digest, const uint8_t signature[64]) TL_MUST;
/* Checks all that were added. */
tl_err signatures_drain(struct signatures *s) TL_MUST;

#endif
