/* DCAP quotes, versions 3, 4 and 5, of SGX enclaves and TDX trust domains
 * (docs/format.md section 8; Intel, "SGX ECDSA QuoteLib Reference" and "TDX DCAP
 * Quoting Library API"). Bytes to structure; nothing is verified. Pure. */
#ifndef TL_ATTEST_QUOTE_H
#define TL_ATTEST_QUOTE_H

#include "attest/td_report.h"
#include "base/buf.h"
#include "base/err.h"

#define QUOTE_MAX            1048576 /* bytes */
#define QUOTE_HEADER_SIZE    48
#define SGX_REPORT_SIZE      384

#define QUOTE_KEY_ECDSA_P256 2 /* attestation key type */

#define TEE_TYPE_SGX         0x00000000u
#define TEE_TYPE_TDX         0x00000081u

/* Body types of version 5. */
enum quote_body {
    QUOTE_BODY_SGX = 1,
    QUOTE_BODY_TD10 = 2,
    QUOTE_BODY_TD15 = 3,
    QUOTE_BODY_TD15EX = 4
};

/* Certification data. */
enum quote_cert {
    QUOTE_CERT_PPID = 1,         /* PPID in clear */
    QUOTE_CERT_PPID_RSA2048 = 2, /* PPID encrypted */
    QUOTE_CERT_PPID_RSA3072 = 3,
    QUOTE_CERT_PCK_LEAF = 4,  /* the PCK certificate in PEM */
    QUOTE_CERT_PCK_CHAIN = 5, /* the PCK chain in PEM */
    QUOTE_CERT_QE_REPORT = 6, /* outer type of versions 4 and 5 */
};

#define SGX_FLAG_INIT           UINT64_C(0x1)
#define SGX_FLAG_DEBUG          UINT64_C(0x2)
#define SGX_FLAG_MODE64BIT      UINT64_C(0x4)
#define SGX_FLAG_PROVISION_KEY  UINT64_C(0x10)
#define SGX_FLAG_EINITTOKEN_KEY UINT64_C(0x20)
#define SGX_FLAG_KSS            UINT64_C(0x80)

extern const uint8_t quote_intel_vendor_id[16];

/* Slices are borrowed from the quote. */
struct quote {
    uint16_t version, key_type;
    uint32_t tee_type;
    uint16_t qe_svn, pce_svn; /* version 3; the same bytes are reserved later */
    slice vendor_id, user_data;
    enum quote_body body_type; /* of versions 3 and 4 as version 5 would name it */
    slice signed_bytes;        /* header, descriptor where there is one, body */
    slice body;                /* of the type's size */
    slice signature;           /* 64, raw r || s */
    slice attestation_key;     /* 64, raw X || Y */
    slice qe_report;           /* SGX_REPORT_SIZE */
    slice qe_signature;        /* 64 */
    slice qe_auth;
    uint16_t cert_type; /* the inner one: 1 to 5 */
    slice cert_data;
    size_t trailing; /* bytes after the authentication data, which nothing covers */
};

/* TL_E_QUOTE where the header or the body's description is not one of those
 * above, TL_E_SHORT or TL_E_TRAILING where the authentication data does not fill
 * its length, TL_E_LIMIT above QUOTE_MAX. */
tl_err quote_read(struct quote *out, slice bytes, struct tl_why *why) TL_MUST;

static inline bool quote_is_tdx(const struct quote *q)
{
    return q->tee_type == TEE_TYPE_TDX;
}

/* What an enclave's report says. */
struct sgx_report {
    uint8_t cpu_svn[16];
    uint32_t misc_select;
    uint8_t isv_ext_prod_id[16]; /* KSS; zero otherwise, as the next four */
    uint64_t flags, xfrm;
    uint8_t mrenclave[32], mrsigner[32];
    uint8_t config_id[64];
    uint16_t isv_prod_id, isv_svn;
    uint16_t config_svn;
    uint8_t isv_family_id[16];
    uint8_t report_data[64];
};

/* body: SGX_REPORT_SIZE bytes, as struct quote has them. */
void sgx_report_read(struct sgx_report *out, slice body);
/* Reserved bytes are zero. */
void sgx_report_put(buf *b, const struct sgx_report *v);

#endif
