/* Whether it is worth asking Intel for a quote's collateral. No verdict: nothing here is found
 * genuine (dcap.h does that, whole). Pure. */
#ifndef TL_ATTEST_PRECHECK_H
#define TL_ATTEST_PRECHECK_H

#include "base/slice.h"
#include "crypto/hash.h"

/* Whether a platform that this root certified has signed the quote: the PCK chain in it, the
 * report of a QE by that PCK, the attestation key for which the report vouches, the signature
 * by it. A stranger who has none of these keys cannot make one, and a copied quote keeps its
 * report data. False too where there was no memory to tell. */
bool precheck_quote(slice quote, const hash32 *root);

#endif
