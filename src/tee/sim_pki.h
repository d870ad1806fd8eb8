/* The simulator's PKI: certificates as Intel's attestation PKI makes them, under
 * a root of one's own. Bytes only; the files are in sim_files.h. */
#ifndef TL_TEE_SIM_PKI_H
#define TL_TEE_SIM_PKI_H

#include "attest/cert.h"

/* What a certificate is to say. Everything is borrowed. */
struct sim_cert {
    uint8_t serial[16];
    const char *issuer, *subject; /* common names */
    uint64_t not_before, not_after;
    const struct es256_key *key;  /* the subject's */
    struct es256_key *issuer_key; /* signs */
    bool ca;
    int path_length;    /* below 0: none */
    uint16_t key_usage; /* 0: no such extension */
    const struct sgx_extension *sgx;
    slice more; /* further extensions, encoded */
};

/* Appends the DER. */
tl_err sim_cert_put(buf *b, const struct sim_cert *c) TL_MUST;
/* SubjectPublicKeyInfo. */
void sim_spki_put(buf *b, const struct es256_key *key);

/* The keys of a chain. */
struct sim_chain_keys {
    struct es256_key *root, *intermediate, *pck;
};

/* Fills in leaf, intermediate and root as a first start makes them: valid from
 * a day before now (Unix seconds) for 30 years, with random serials. */
tl_err sim_chain_plan(struct sim_cert plan[3], const struct sim_chain_keys *keys,
                      uint64_t now) TL_MUST;
/* Appends the three certificates in PEM. */
tl_err sim_chain_put(buf *pem, const struct sim_cert plan[3]) TL_MUST;

#endif
