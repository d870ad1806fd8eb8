/* Certificate chains of Intel's attestation PKI (docs/format.md section 8): the
 * PCK chain (root, CA, PCK certificate) and the signing chain of TCB info and QE
 * identity (root, TCB signer). Pure. */
#ifndef TL_ATTEST_CHAIN_H
#define TL_ATTEST_CHAIN_H

#include "attest/cert.h"
#include "attest/crl.h"
#include "codec/pem.h"
#include "crypto/hash.h"

/* When something holds: from and until are both included, Unix seconds. */
struct validity {
    uint64_t from, until;
};
/* Both. */
struct validity validity_join(struct validity a, struct validity b);

struct chain {
    struct pem_chain pem; /* owns the bytes that the certificates borrow */
    struct cert leaf;
    struct cert intermediate; /* PCK chains only */
    struct cert root;
    hash32 root_spki;         /* SHA-256 of the root's SubjectPublicKeyInfo */
    struct validity validity; /* of all its certificates together */
    /* Owned; made by the checks below, NULL before them. Importing a key costs a
     * third of a signature, and the root's is used for several. */
    struct es256_key *leaf_key, *intermediate_key, *root_key;
};

/* PEM of one certificate and no more. out borrows from pem, which is to be finished.
 * On failure there is nothing to finish. */
tl_err cert_read_pem(struct cert *out, struct pem_chain *pem, slice text) TL_MUST;
/* A PCK chain from PEM: three certificates in any order, told apart by their
 * names: the root's own issuer, "SGX PCK Certificate" in the leaf's common name.
 * Form and names only. On failure there is nothing to finish. */
tl_err chain_read_pck(struct chain *out, slice pem, struct tl_why *why) TL_MUST;
/* A signing chain: two certificates in any order, "SGX TCB Signing" in the
 * leaf's common name. */
tl_err chain_read_signer(struct chain *out, slice pem, struct tl_why *why) TL_MUST;
void chain_finish(struct chain *c); /* NULL is fine */

/* Roles, names and signatures, whole: the root self-signed, each certificate by
 * the one above it, CAs with the right to sign, the leaf without it, and (PCK)
 * with the SGX extension. known may be NULL, or a chain that was checked: where its
 * root is byte for byte this one, its self-signature and key are taken from there.
 * Whose root it is, whether it is valid at a time and whether anything is revoked
 * remain to be asked. */
tl_err chain_check_pck(struct chain *c, const struct chain *known, struct tl_why *why) TL_MUST;
tl_err chain_check_signer(struct chain *c, const struct chain *known, struct tl_why *why) TL_MUST;

/* Whether time lies in a window; explains with name ("the PCK chain") if not.
 * TL_E_CERT. */
tl_err validity_check(const struct validity *v, uint64_t time, const char *name,
                      struct tl_why *why) TL_MUST;

#endif
