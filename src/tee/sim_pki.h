/* The simulator's PKI: certificates as Intel's attestation PKI makes them, under
 * a root of one's own. Bytes only; the files are in sim_files.h. */
#ifndef TL_TEE_SIM_PKI_H
#define TL_TEE_SIM_PKI_H

#include "attest/cert.h"

/* Extensions that a certificate is to lack, for tests. */
enum {
    SIM_NO_AUTHORITY_KEY_ID = 1 << 0,
    SIM_NO_CRL_POINTS = 1 << 1,
    SIM_NO_SUBJECT_KEY_ID = 1 << 2,
    SIM_NO_BASIC_CONSTRAINTS = 1 << 3,
};

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
    slice more;       /* further extensions, encoded */
    unsigned without; /* SIM_NO_… */
};

/* Appends the DER. */
tl_err sim_cert_put(buf *b, const struct sim_cert *c) TL_MUST;
/* SubjectPublicKeyInfo. */
void sim_spki_put(buf *b, const struct es256_key *key);

/* The keys of a platform's PKI. */
struct sim_chain_keys {
    struct es256_key *root, *intermediate, *pck;
    struct es256_key *signer; /* of TCB info and QE identity */
};

/* What the leaf says of the simulated platform: for SGX, and another for TDX. */
extern const struct sgx_extension sim_sgx_platform, sim_tdx_platform;

/* Fills in leaf (for SGX), intermediate and root as a first start makes them: valid from
 * a day before now (Unix seconds) for 30 years, with random serials. */
tl_err sim_chain_plan(struct sim_cert plan[3], const struct sim_chain_keys *keys,
                      uint64_t now) TL_MUST;
/* The same for the certificate that signs TCB info and QE identity, under the root. */
tl_err sim_signer_plan(struct sim_cert *plan, const struct sim_chain_keys *keys,
                       uint64_t now) TL_MUST;
/* Appends n certificates in PEM. */
tl_err sim_certs_put(buf *pem, const struct sim_cert *const *plans, size_t n) TL_MUST;
/* Appends the three certificates in PEM. */
tl_err sim_chain_put(buf *pem, const struct sim_cert plan[3]) TL_MUST;

/* Common names of the simulated authorities. */
extern const char sim_root_name[], sim_intermediate_name[];

#endif
