/* The simulator's certificate revocation lists (RFC 5280 section 5), as Intel's
 * attestation PKI makes them. Bytes only. */
#ifndef TL_TEE_SIM_CRL_H
#define TL_TEE_SIM_CRL_H

#include "base/err.h"
#include "crypto/sign.h"

/* What a list is to lack, for tests. */
enum {
    SIM_NO_CRL_NUMBER = 1 << 0,
    SIM_NO_CRL_AUTHORITY_KEY_ID = 1 << 1,
    SIM_NO_NEXT_UPDATE = 1 << 2,
};

struct sim_revoked {
    slice serial; /* magnitude */
    uint64_t time;
    slice more; /* further extensions of the entry, encoded; after reasonCode */
};

/* What a list is to say. Everything is borrowed. */
struct sim_crl {
    const char *issuer;           /* common name */
    struct es256_key *issuer_key; /* signs */
    uint64_t this_update, next_update;
    uint64_t number;
    const struct sim_revoked *revoked;
    size_t revoked_count;
    slice more;       /* further extensions, encoded */
    unsigned without; /* SIM_NO_… */
};

/* Nothing revoked, from now (Unix seconds) for 30 days. */
void sim_crl_plan(struct sim_crl *out, const char *issuer, struct es256_key *issuer_key,
                  uint64_t now);
/* Appends the DER. */
tl_err sim_crl_put(buf *b, const struct sim_crl *c) TL_MUST;

#endif
