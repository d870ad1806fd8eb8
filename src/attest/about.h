/* Which platform a quote comes from, and which one collateral is about: enough to
 * bring the two together. Read, not verified. Pure. */
#ifndef TL_ATTEST_ABOUT_H
#define TL_ATTEST_ABOUT_H

#include "attest/chain.h"
#include "crypto/hash.h"

struct about {
    bool tdx;
    uint8_t fmspc[6];
    hash32 ca;       /* SHA-256 of the Name of the CA that makes its PCK certificates */
    hash32 root;     /* SHA-256 of the SubjectPublicKeyInfo of the root above it: simulators have
                        their own */
    uint64_t issued; /* collateral: when its TCB info was, Unix seconds; a quote: 0 */
};
/* Whether they are about one platform, whenever that was said. */
bool about_same(const struct about *a, const struct about *b);

/* TL_E_QUOTE where the quote does not carry its PCK chain. */
tl_err about_quote(struct about *out, slice quote) TL_MUST;
tl_err about_collateral(struct about *out, slice json) TL_MUST;
/* From when to when collateral is good, by its own word: all of it that has dates. The PCK chain,
 * which the quote brings, has its own, of many years. */
tl_err about_validity(struct validity *out, slice json) TL_MUST;

#endif
