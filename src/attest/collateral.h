/* Collateral: what Intel says about a platform, which a verifier needs beside
 * the quote. One JSON object, in the form that dcap-qvl uses (docs/format.md
 * section 8). Form alone; dcap.h checks it. Pure. */
#ifndef TL_ATTEST_COLLATERAL_H
#define TL_ATTEST_COLLATERAL_H

#include "base/buf.h"

#define COLLATERAL_MAX 1048576 /* bytes of the JSON */

/* Decoded texts and bytes; slices are borrowed from memory. */
struct collateral {
    buf memory;
    slice tcb_info, qe_identity; /* the exact bytes that are signed */
    uint8_t tcb_info_signature[64], qe_identity_signature[64];
    slice tcb_info_chain, qe_identity_chain; /* PEM: signer, root */
    slice root_ca_crl, pck_crl;              /* DER */
    slice pck_crl_chain;                     /* PEM; empty where absent. Not needed for a verdict */
    slice pck_chain; /* PEM; empty where absent: for quotes without their own */
};

/* TL_E_JSON, TL_E_ENCODING, TL_E_LIMIT or TL_E_FIELD, with the member in why. On
 * failure there is nothing to finish. */
tl_err collateral_read(struct collateral *out, slice json, struct tl_why *why) TL_MUST;
void collateral_finish(struct collateral *c); /* NULL is fine */
/* Appends the JSON object. */
void collateral_put(buf *b, const struct collateral *c);

#endif
