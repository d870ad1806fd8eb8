/* Making DCAP quotes, versions 3, 4 and 5, as SGX and TDX hardware makes them.
 * Bytes only. */
#ifndef TL_TEE_SIM_QUOTE_H
#define TL_TEE_SIM_QUOTE_H

#include "attest/quote.h"
#include "crypto/sign.h"

enum sim_kind {
    SIM_SGX_V3,
    SIM_SGX_V4,
    SIM_SGX_V5,
    SIM_TDX_V4,
    SIM_TDX_V5_10, /* TD 1.0 */
    SIM_TDX_V5_15, /* TD 1.5 */
    SIM_KINDS
};
bool sim_kind_is_tdx(enum sim_kind kind);

/* The simulated platform's SVNs, beside those of the PCK certificate. */
#define SIM_QE_SVN 8
/* TEE_TCB_SVN: the TDX module's minor and major version, the SEAM loader. */
extern const uint8_t sim_tdx_svn[16];
/* MRSIGNER of the quoting enclaves. */
void sim_qe_signer(uint8_t mrsigner[32], bool td);
#define SIM_QE_PROD_ID    1
#define SIM_TD_QE_PROD_ID 2

/* The QE's word for an attestation key. */
struct sim_qe {
    uint8_t report[SGX_REPORT_SIZE], signature[64], auth[32];
};
/* The report that vouches for the attestation key with these authentication
 * data; td: of the quoting enclave for TDs. */
void sim_qe_report(struct sgx_report *out, bool td, const struct es256_key *attestation,
                   slice auth);
/* As Intel's QE does it, with 32 bytes of authentication data: for SGX, for TDX. */
tl_err sim_qe_make(struct sim_qe *out, struct es256_key *pck,
                   const struct es256_key *attestation) TL_MUST;
tl_err sim_td_qe_make(struct sim_qe *out, struct es256_key *pck,
                      const struct es256_key *attestation) TL_MUST;

/* Everything is borrowed. */
struct sim_quote {
    uint8_t header[QUOTE_HEADER_SIZE];
    bool described; /* version 5: the next two stand before the body */
    uint16_t body_type;
    uint32_t body_size;
    bool is_td; /* td is the body, otherwise body */
    struct sgx_report body;
    struct td_report td;
    struct es256_key *attestation;
    slice qe_report, qe_signature, qe_auth;
    bool nested; /* versions 4 and 5: the QE's part stands inside certification data */
    uint16_t outer_type;
    uint16_t cert_type;
    slice cert_data;
};

/* Fills in what all version 3 quotes of one platform share; report data is zero. */
void sim_quote_plan(struct sim_quote *out, const struct sim_qe *qe, struct es256_key *attestation,
                    slice pem);
/* Turns a plan of sim_quote_plan into one of another kind. A TD's measurements
 * are hashes of labels, RTMR3 is zero. */
void sim_quote_become(struct sim_quote *q, enum sim_kind kind);
/* Appends the signed part: header, descriptor, body. */
void sim_quote_put_signed(buf *b, const struct sim_quote *q);
/* Signs and appends the quote. */
tl_err sim_quote_put(buf *b, const struct sim_quote *q) TL_MUST;
/* The same with this signature (raw r || s) in place of one of its own. */
tl_err sim_quote_put_as(buf *b, const struct sim_quote *q, const uint8_t signature[64]) TL_MUST;

#endif
