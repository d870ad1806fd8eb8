/* Quotes and collateral with one thing wrong at a time: every plan of the
 * simulator's makers in one place, filled in so that the whole is genuine.
 *
 *     struct fake_dcap f;
 *     assert_ok(fake_dcap_init(&f, SIM_TDX_V4));
 *     f.qe.isv_prod_id = 9;
 *     assert_ok(fake_dcap_make(&f));
 *     struct dcap_input in = fake_dcap_input(&f);
 *     dcap_verify(&report, &in);
 *     fake_dcap_finish(&f);
 *
 * Keys, serials and times are always the same (signatures are not). No cmocka in
 * it: benchmarks and the fuzzers' seeds use it too. */
#ifndef FAKEDCAP_H
#define FAKEDCAP_H

#include "attest/dcap.h"
#include "tee/sim_collateral.h"
#include "tee/sim_pki.h"

#define FAKE_TIME  UINT64_C(1790000000) /* collateral is issued an hour before */
#define FAKE_DAY   UINT64_C(86400)
#define FAKE_CERTS 4

/* What a chain is made of. */
struct fake_chain {
    const struct sim_cert *certs[FAKE_CERTS]; /* in this order, up to the first NULL */
    slice text;                               /* the PEM itself, where .p is not NULL */
    bool nul;                                 /* ends with a NUL, as most real chains in quotes */
};

/* A signed text of Intel's service. */
struct fake_signed {
    slice text;               /* what is signed, in place of the plan's, where .p is not NULL */
    slice sent;               /* what is delivered in place of what was signed */
    struct es256_key *key;    /* signs; borrowed */
    const uint8_t *signature; /* 64 bytes in place of a good signature; NULL: a good one */
};

/* Holds pointers into itself: not to be copied. */
struct fake_dcap {
    enum sim_kind kind;
    uint64_t time; /* to verify at: FAKE_TIME */

    /* Owned. The stranger's is in nothing, for wrong signatures. To sign with another
     * key, change the plan's pointer, not these. */
    struct es256_key *root_key, *ca_key, *pck_key, *signer_key, *attestation_key, *stranger_key;

    /* Certificates: each by the one above it. other_root has the stranger's key and
     * the root's name, other_signer is a signer under it; they are in no chain. */
    struct sgx_extension platform; /* what the PCK certificate says */
    struct sim_cert pck, ca, root, signer, other_root, other_signer;
    struct fake_chain pck_chain;      /* in the quote, or (pck_chain_apart) the collateral */
    struct fake_chain tcb_info_chain; /* signer, root */
    struct fake_chain qe_identity_chain;
    struct fake_chain pck_crl_chain; /* CA, root */
    /* The quote has certification data of type 3 (the encrypted PPID), and the
     * collateral the PCK chain. */
    bool pck_chain_apart;

    struct sim_crl root_crl, pck_crl;
    slice root_crl_der, pck_crl_der; /* in place of what the plans give, where .p is not NULL */
    struct sim_revoked revoked[3];   /* room for entries; set root_crl.revoked to it */

    struct sim_tcb_info tcb_info;
    struct fake_signed tcb_info_signed;
    struct sim_qe_identity qe_identity;
    struct fake_signed qe_identity_signed;

    /* The QE. Its report data is made to fit the attestation key and qe_auth unless
     * qe_report_data_is_set. */
    struct sgx_report qe;
    bool qe_report_data_is_set;
    slice qe_auth;
    struct es256_key *qe_key;    /* signs the report: pck_key */
    const uint8_t *qe_signature; /* 64 bytes in place of a good one; NULL: a good one */

    /* The quote: header, body or td, nesting, certification data. What concerns the QE
     * is filled in by fake_dcap_make, as are cert_type and cert_data unless
     * cert_is_set. Tests change header bytes in place. */
    struct sim_quote quote;
    bool cert_is_set;
    const uint8_t *quote_signature; /* 64 bytes in place of a good one; NULL: a good one */
    slice quote_trailing;           /* appended after everything */
    bool no_collateral;             /* fake_dcap_input gives none */

    /* Made, owned. */
    buf quote_bytes;
    buf collateral_json;
    struct collateral parts; /* as it went into the JSON; its slices are borrowed from below */
    hash32 root_hash;        /* of the plan root's key */
    buf pck_pem, tcb_info_pem, qe_identity_pem, pck_crl_pem;
    buf tcb_info_text, qe_identity_text, root_crl_bytes, pck_crl_bytes;
    uint8_t qe_report_bytes[SGX_REPORT_SIZE], qe_signature_bytes[64], qe_auth_bytes[32];
};

/* A genuine quote of this kind, with all that goes with it, up to date. On failure
 * there is nothing to finish. */
tl_err fake_dcap_init(struct fake_dcap *f, enum sim_kind kind) TL_MUST;
/* The PCK certificate of a multi-package platform: the Platform CA's, with seven
 * elements in its SGX extension. */
void fake_dcap_platform_ca(struct fake_dcap *f);
/* Moves every date, f->time included, so that time (Unix seconds) stands where
 * FAKE_TIME stood. */
void fake_dcap_at(struct fake_dcap *f, uint64_t time);
/* Makes (again) quote_bytes and collateral_json. */
tl_err fake_dcap_make(struct fake_dcap *f) TL_MUST;
void fake_dcap_finish(struct fake_dcap *f);

/* What was made, at f->time, under f's root alone. Borrowed from *f. */
struct dcap_input fake_dcap_input(const struct fake_dcap *f);

#endif
