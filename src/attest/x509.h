/* What certificates and revocation lists are both made of (RFC 5280), in the one
 * form that Intel's attestation PKI writes. On a reader, with its sticky error. */
#ifndef TL_ATTEST_X509_H
#define TL_ATTEST_X509_H

#include "codec/der.h"

#define X509_MAX_EXTENSIONS 16
#define X509_MAX_NUMBER     20 /* bytes of a serial or CRL number, sections 4.1.2.2, 5.2.3 */

/* AlgorithmIdentifier: ecdsa-with-SHA256 alone. The simulator writes it too. */
extern const uint8_t x509_ecdsa_sha256[12];
void x509_algorithm(reader *r);
/* SEQUENCE { what is signed, algorithm, signature }, and nothing after it. TL_E_CERT or a
 * DER error. */
tl_err x509_signed(slice der, slice *tbs, slice *signature) TL_MUST;
/* Such a signature of two numbers, as r || s of half bytes each. The same errors. */
tl_err x509_signature(uint8_t *out, size_t half, slice signature) TL_MUST;
/* A serial or CRL number: its magnitude. */
slice x509_number(reader *r);

/* Name: one attribute in each RelativeDistinguishedName, UTF8String or
 * PrintableString. The whole, with tag and length. Where common_name is not NULL,
 * exactly one attribute must be a CN, of 1 to 64 bytes, and is put there. */
slice x509_name(reader *r, slice *common_name);

struct x509_extension {
    slice oid, value; /* borrowed; the octets inside the OCTET STRING */
    bool critical;
};
struct x509_extensions {
    size_t count;
    struct x509_extension each[X509_MAX_EXTENSIONS];
};
/* Extensions: the SEQUENCE of them, none twice. */
void x509_extensions(reader *r, struct x509_extensions *out);

extern const uint8_t x509_oid_authority_key_id[3]; /* 2.5.29.35 */

#endif
