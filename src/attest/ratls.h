/* Attested TLS: a certificate that carries evidence of the TEE which holds its key
 * (docs/format.md section 14). Pure: (certificate, time, policy) in, report out. That
 * the other end has the key is for TLS to prove. */
#ifndef TL_ATTEST_RATLS_H
#define TL_ATTEST_RATLS_H

#include "attest/cert.h"
#include "attest/evidence.h"

#define RATLS_MAX    131072 /* bytes of a certificate */
#define RATLS_CLAIMS 51     /* bytes */

/* Slices are borrowed from the certificate. */
struct ratls_cert {
    struct cert cert;     /* of a key of P-256 or P-384 */
    slice quote, claims;  /* .p == NULL: no extension of DICE */
    bool has_legacy;      /* Gramine's older extension is there */
    bool has_cmw;         /* and then: */
    struct evidence item; /* what it says, its quote included */
    slice collateral;     /* .p == NULL: none */
};
/* Form alone. TL_E_CERT, or an error of DER, CBOR or evidence; explains where it is an
 * extension of its own. */
tl_err ratls_read(struct ratls_cert *out, slice der, struct tl_why *why) TL_MUST;

/* What checking found. A failed check is not an error of the call: it is ok == false, with
 * the stage and a sentence. */
struct ratls_report {
    bool ok;
    const char *stage;               /* static; NULL where ok: those of format.md section 14 */
    char detail[240];                /* for people, never empty */
    struct evidence_report evidence; /* zero where it was not come to */
};
/* Whose certificate it is: that of a service, which the policy's evidence names, or that of
 * an attested peer, which its admission.attested does. */
enum ratls_role { RATLS_SERVICE, RATLS_PEER };
/* context->policy says which code is good: without one, or with one that pins none, no
 * certificate is. */
void ratls_verify(struct ratls_report *out, slice der, enum ratls_role role,
                  const struct evidence_context *context);
/* What the certificate is evidence of, in the words of section 8: its own item, or one made
 * of the quote alone. Borrowed; TL_E_QUOTE. */
tl_err ratls_item(struct evidence *out, const struct ratls_cert *c) TL_MUST;
/* Whether report data and claims are those of this key, which is one of P-256 or P-384. */
bool ratls_binds(slice spki, slice claims, const uint8_t report_data[64]);

/* Making one. spki: SubjectPublicKeyInfo of its key, with tag and length. */
void ratls_claims(uint8_t out[RATLS_CLAIMS], slice spki);
void ratls_report_data(uint8_t out[64], slice spki);
/* The values of the two extensions. collateral may be {NULL, 0}. */
void ratls_dice_put(buf *b, slice quote, slice spki);
void ratls_cmw_put(buf *b, const struct evidence *item, slice collateral);
extern const uint8_t ratls_oid_dice[6], ratls_oid_cmw[8]; /* contents of their OIDs */

#endif
