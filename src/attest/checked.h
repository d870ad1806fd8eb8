/* Collateral and PCK chains whose signatures were found good: the parts of a
 * verification that many quotes share. For dcap.c and dcap_cache.c only; no
 * date, no root and no revocation has been asked here. */
#ifndef TL_ATTEST_CHECKED_H
#define TL_ATTEST_CHECKED_H

#include "attest/chain.h"
#include "attest/collateral.h"
#include "attest/tcb_info.h"

struct checked_collateral {
    hash32 digest; /* SHA-256 of the JSON; set where it is put into a cache */
    struct collateral parts;
    struct chain signer;    /* of TCB info */
    struct chain qe_signer; /* of QE identity; empty where the chain is the same text */
    bool own_qe_signer;
    struct crl root_crl, pck_crl; /* the PCK CRL's signature is checked with a chain */
    struct tcb_info info;
    struct qe_identity qe;
};

/* *stage names what failed, as struct dcap_report has it. */
tl_err checked_collateral_new(struct checked_collateral **out, slice json, const char **stage,
                              struct tl_why *why) TL_MUST;
void checked_collateral_free(struct checked_collateral *c); /* NULL is fine */

/* A PCK chain, and that its CA signed the PCK CRL of this collateral. */
struct checked_chain {
    /* SHA-256 of the PEM, and the digest of the collateral; set where it is put into a
     * cache. */
    hash32 digest, collateral;
    struct chain chain;
};
tl_err checked_chain_new(struct checked_chain **out, slice pem,
                         const struct checked_collateral *collateral, const char **stage,
                         struct tl_why *why) TL_MUST;
void checked_chain_free(struct checked_chain *c); /* NULL is fine */

/* The cache (dcap_cache.c). It owns what is put into it, and drops the oldest. */
struct dcap_cache;
struct checked_collateral *cache_collateral(const struct dcap_cache *c, const hash32 *digest);
struct checked_chain *cache_chain(const struct dcap_cache *c, const hash32 *digest,
                                  const hash32 *collateral);
void cache_put_collateral(struct dcap_cache *c, const hash32 *digest, struct checked_collateral *v);
void cache_put_chain(struct dcap_cache *c, const hash32 *digest, const hash32 *collateral,
                     struct checked_chain *v);

#endif
