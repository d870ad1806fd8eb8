/* DCAP quotes, version 3, of SGX enclaves (Intel, "SGX ECDSA QuoteLib
 * Reference", quote format). Bytes to structure; nothing is verified. Pure. */
#ifndef TL_ATTEST_QUOTE_H
#define TL_ATTEST_QUOTE_H

#include "base/buf.h"
#include "base/err.h"

#define QUOTE_HEADER_SIZE    48
#define SGX_REPORT_SIZE      384
#define QUOTE_SIGNED_SIZE    (QUOTE_HEADER_SIZE + SGX_REPORT_SIZE)

#define QUOTE_KEY_ECDSA_P256 2 /* attestation key type */
#define QUOTE_CERT_PCK_CHAIN 5 /* certification data: the PCK chain in PEM */

#define SGX_FLAG_INIT        UINT64_C(0x1)
#define SGX_FLAG_DEBUG       UINT64_C(0x2)
#define SGX_FLAG_MODE64BIT   UINT64_C(0x4)

extern const uint8_t quote_intel_vendor_id[16];

/* Slices are borrowed from the quote. */
struct quote {
    uint16_t version, key_type;
    uint32_t tee_type;
    uint16_t qe_svn, pce_svn;
    slice vendor_id, user_data;
    slice signed_bytes;    /* header and body */
    slice body;            /* SGX_REPORT_SIZE */
    slice signature;       /* 64, raw r || s */
    slice attestation_key; /* 64, raw X || Y */
    slice qe_report;       /* SGX_REPORT_SIZE */
    slice qe_signature;    /* 64 */
    slice qe_auth;
    uint16_t cert_type;
    slice cert_data;
    size_t trailing; /* bytes after the authentication data, which nothing covers */
};

/* TL_E_QUOTE where the header is not that of a version 3 SGX quote, TL_E_SHORT
 * or TL_E_TRAILING where the authentication data does not fill its length. */
tl_err quote_read(struct quote *out, slice bytes, struct tl_why *why) TL_MUST;

/* What an enclave's report says (the fields that teelog reads). */
struct sgx_report {
    uint8_t cpu_svn[16];
    uint32_t misc_select;
    uint64_t flags, xfrm;
    uint8_t mrenclave[32], mrsigner[32];
    uint16_t isv_prod_id, isv_svn;
    uint8_t report_data[64];
};

/* body: SGX_REPORT_SIZE bytes, as struct quote has them. */
void sgx_report_read(struct sgx_report *out, slice body);
/* The other fields are zero. */
void sgx_report_put(buf *b, const struct sgx_report *v);

#endif
