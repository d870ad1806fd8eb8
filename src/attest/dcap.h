/* Whether a quote is genuine: the one entry point (docs/verification.md lists its
 * checks in their order). There is no way to do half of it (precheck.h says what may be
 * worth doing it for, and no more). Pure: (quote,
 * collateral, time, roots) in, report out. What code a quote may come from, and
 * which TCB statuses are good enough, is for a policy to say (rules.h). */
#ifndef TL_ATTEST_DCAP_H
#define TL_ATTEST_DCAP_H

#include "attest/quote.h"
#include "attest/sgx_extension.h"
#include "attest/tcb.h"
#include "crypto/hash.h"

/* SHA-256 of the SubjectPublicKeyInfo of Intel's SGX root CA. */
extern const hash32 dcap_intel_root;

/* Remembers collateral and PCK chains whose signatures were found good, by the
 * digest of their exact bytes; dates, roots and revocation are asked each time.
 * For one thread at a time; bounded. */
struct dcap_cache;
tl_err dcap_cache_new(struct dcap_cache **out) TL_MUST;
void dcap_cache_free(struct dcap_cache *c); /* NULL is fine */

struct dcap_input {
    slice quote;
    slice collateral; /* JSON; .p == NULL: none, and the quote is not found genuine */
    uint64_t time;    /* Unix seconds */
    bool any_time;    /* time is not asked: the report says from when to when all is valid */
    /* Trusted roots, as dcap_intel_root. root_count == 0: whatever root the quote
     * brings is taken, so that only who asks by name (the simulator) may do so. */
    const hash32 *roots;
    size_t root_count;
    struct dcap_cache *cache; /* may be NULL */
};

struct dcap_report {
    bool ok;
    /* The stage that failed, static; NULL where ok. In the order of the checks:
     * "quote", "collateral", "tcb-info-chain", "qe-identity-chain", "root-crl",
     * "pck-crl" (its form; its signature after "pck-chain"), "tcb-info",
     * "qe-identity", "pck-chain", "root", "revoked", "validity", "mismatch",
     * "qe-report", "qe-data", "qe", "signature", "tdx-module" and "tcb" (the module's
     * signer, the platform's level, the module's level); or "memory": this machine
     * failed, and the quote was not judged. */
    const char *stage;
    char detail[240]; /* for people; never empty */

    /* Read from the quote, as far as it is well-formed; proven only where ok. */
    bool has_quote;
    struct quote quote;    /* borrows the input's quote */
    struct sgx_report sgx; /* of an enclave, else zero */
    struct td_report td;   /* of a TD, else zero */
    struct sgx_report qe;
    /* The collateral's parts are signed by who they say (its form, its signers, TCB info
     * and QE identity; not its dates, nor whose root that is): what it is about. */
    bool has_collateral;
    bool collateral_tdx;
    uint8_t collateral_fmspc[6];
    hash32 collateral_root; /* of its TCB info */
    bool has_pck;
    struct sgx_extension pck;
    hash32 root; /* of the PCK chain; zero before it was read */

    /* Only where ok; the collateral's dates also where only the TCB is not (the stages
     * "tcb" and "tdx-module"). */
    struct tcb_verdict tcb;
    uint32_t tcb_evaluation_number, qe_evaluation_number;
    uint64_t collateral_issued;  /* the oldest date of TCB info, QE identity and PCK CRL; the
                                    root's CRL is made once a year and does not count */
    uint64_t collateral_from;    /* the latest begin of validity of anything in it, and … */
    uint64_t collateral_expires; /* … the earliest end; before it where there is no such time */
};

void dcap_verify(struct dcap_report *out, const struct dcap_input *in);

#endif
