/* X.509 version 2 certificate revocation lists (RFC 5280 section 5), only as
 * Intel's attestation PKI makes them: ecdsa-with-SHA256, a CRL number, an
 * authority key identifier, and nothing that would change what a list means
 * (no delta, no other issuer's entries, no unknown critical extension). Pure. */
#ifndef TL_ATTEST_CRL_H
#define TL_ATTEST_CRL_H

#include "attest/cert.h"

#define CRL_MAX_BYTES 1048576

/* Slices are borrowed from the list. */
struct crl {
    slice tbs;                         /* what is signed */
    uint8_t signature[64];             /* r || s */
    slice issuer;                      /* Name, with tag and length */
    uint64_t this_update, next_update; /* Unix seconds; both there */
    slice number;                      /* magnitude */
    slice entries;                     /* of revokedCertificates: well-formed, or empty */
    size_t entry_count;
};

/* Form alone: no signature, name or time is checked. TL_E_CERT or a DER error. */
tl_err crl_read(struct crl *out, slice der) TL_MUST;
/* Whether the list names this serial number (a magnitude, as struct cert has it). */
bool crl_revokes(const struct crl *c, slice serial);
/* Whether the list is issuer's: its raw name, its right to sign lists (key usage
 * cRLSign), its signature. name is for the explanation ("root CA", "PCK"). */
tl_err crl_check(const struct crl *c, const struct cert *issuer, struct es256_key *issuer_key,
                 const char *name, struct tl_why *why) TL_MUST;

/* Contents of OBJECT IDENTIFIERs that the simulator writes too (tee/sim_crl.c). */
extern const uint8_t crl_oid_number[3]; /* 2.5.29.20 */

#endif
