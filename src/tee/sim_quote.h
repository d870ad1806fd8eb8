/* Making DCAP version 3 quotes as SGX hardware makes them. Bytes only. */
#ifndef TL_TEE_SIM_QUOTE_H
#define TL_TEE_SIM_QUOTE_H

#include "attest/quote.h"
#include "crypto/sign.h"

/* The QE's word for an attestation key. */
struct sim_qe {
    uint8_t report[SGX_REPORT_SIZE], signature[64], auth[32];
};
tl_err sim_qe_make(struct sim_qe *out, struct es256_key *pck,
                   const struct es256_key *attestation) TL_MUST;

/* Everything is borrowed. */
struct sim_quote {
    uint8_t header[QUOTE_HEADER_SIZE];
    struct sgx_report body;
    struct es256_key *attestation;
    slice qe_report, qe_signature, qe_auth;
    uint16_t cert_type;
    slice cert_data;
};

/* Fills in what all quotes of one platform share; report data is zero. */
void sim_quote_plan(struct sim_quote *out, const struct sim_qe *qe, struct es256_key *attestation,
                    slice pem);
/* Signs and appends the quote. */
tl_err sim_quote_put(buf *b, const struct sim_quote *q) TL_MUST;

#endif
