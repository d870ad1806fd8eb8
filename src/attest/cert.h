/* X.509 version 3 certificates (RFC 5280), only as Intel's attestation PKI makes
 * them: P-256 keys named by their curve, ecdsa-with-SHA256. Anything else is
 * not a certificate here, but that one which is signed by its own key may have a P-384 key
 * (attest/ratls.h). Pure. */
#ifndef TL_ATTEST_CERT_H
#define TL_ATTEST_CERT_H

#include "attest/sgx_extension.h"
#include "crypto/sign.h"

enum { /* named bits of KeyUsage, RFC 5280 section 4.2.1.3 */
       KEY_USAGE_DIGITAL_SIGNATURE = 1 << 0,
       KEY_USAGE_NON_REPUDIATION = 1 << 1,
       KEY_USAGE_CERT_SIGN = 1 << 5,
       KEY_USAGE_CRL_SIGN = 1 << 6,
};

/* Slices are borrowed from the certificate. */
struct cert {
    slice tbs;             /* what is signed */
    uint8_t signature[96]; /* r || s: 64 bytes, where p384 96 */
    slice serial;          /* magnitude, 1 to 20 bytes */
    slice issuer, subject; /* Name, with tag and length */
    slice common_name;     /* of the subject: the value of its one CN */
    uint64_t not_before, not_after;
    slice spki; /* SubjectPublicKeyInfo, with tag and length */
    bool p384;
    uint8_t x[48], y[48]; /* 32 bytes, where p384 48 */
    bool ca;
    bool has_path_length;
    uint64_t path_length;
    uint16_t key_usage; /* 0 where the extension is absent */
    slice extensions;   /* all of them: the SEQUENCE, with tag and length */
    /* Extensions that are there. */
    bool has_basic_constraints, has_authority_key_id, has_subject_key_id, has_crl_points;
    bool has_sgx;
    struct sgx_extension sgx;
};

/* Form alone: no signature, name or time is checked, nor that the point lies
 * on the curve. TL_E_CERT or a DER error. */
tl_err cert_read(struct cert *out, slice der) TL_MUST;
/* The same of one that its own key signed, which may be of P-384. */
tl_err cert_read_own(struct cert *out, slice der) TL_MUST;
/* Whether these bytes are the SubjectPublicKeyInfo of a key of P-256 or P-384, in form. */
bool cert_is_spki(slice spki);
/* Whether the P-256 key with this affine point signed message; TL_OK,
 * TL_E_SIGNATURE, TL_E_KEY, or TL_E_MEMORY where that could not be told. */
tl_err point_verify(const uint8_t x[32], const uint8_t y[32], slice message,
                    const uint8_t signature[64]) TL_MUST;
/* The same of the certificate's own key and signature. */
tl_err cert_verify_own(const struct cert *c) TL_MUST;
/* Whether issuer_key made c's signature; TL_OK, TL_E_SIGNATURE or TL_E_MEMORY. */
tl_err cert_verify(const struct cert *c, struct es256_key *issuer_key) TL_MUST;

/* Bytes that teelog's own maker of certificates writes (tee/sim_pki.c). */
extern const uint8_t cert_p256_spki[27]; /* SubjectPublicKeyInfo up to X || Y */
extern const uint8_t cert_oid_key_usage[3], cert_oid_basic_constraints[3];

#endif
