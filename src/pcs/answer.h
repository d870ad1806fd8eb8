/* What a provisioning service answers, taken apart (Intel, "PCS API version 4";
 * PCCS differs in header names and in how it writes CRLs). Pure. */
#ifndef TL_PCS_ANSWER_H
#define TL_PCS_ANSWER_H

#include "attest/crl.h"
#include "base/buf.h"
#include "base/err.h"

#define PCS_BODY_MAX    1048576 /* bytes */
#define PCS_HEADERS_MAX 65536   /* bytes, of all headers of one answer together */

struct pcs_answer {
    unsigned status;
    buf headers; /* the lines after the status line, with their ends */
    buf body;
};
void pcs_answer_init(struct pcs_answer *a);
void pcs_answer_finish(struct pcs_answer *a);

/* The value of a header without blanks around it, borrowed; an empty slice with
 * .p == NULL where it is absent. Names are compared without regard to case, and the
 * first of several counts. */
slice pcs_header(const struct pcs_answer *a, const char *name);

/* Appends text with each %XX as its byte (RFC 3986 section 2.1; '+' is itself).
 * TL_E_ENCODING, and nothing is appended. */
tl_err pcs_percent_decode(buf *out, slice text) TL_MUST;

/* Appends the certificate chain in the header of one of two names (the second may
 * be NULL), as PEM. why names the header. */
tl_err pcs_chain(buf *out, const struct pcs_answer *a, const char *name, const char *other,
                 struct tl_why *why) TL_MUST;

/* Appends a CRL's DER, from DER, PEM or the hex of DER; its form is checked. On
 * failure nothing is appended. */
tl_err pcs_crl(buf *out, slice body, const char *what, struct tl_why *why) TL_MUST;

/* {"member": {…}, "signature": "128 hex digits"}: appends the exact bytes of the
 * member's value. On failure nothing is appended. */
tl_err pcs_signed_json(buf *out, uint8_t signature[64], slice body, const char *member,
                       struct tl_why *why) TL_MUST;

/* TL_OK for status 200; otherwise explains it. what: "the TCB info". */
tl_err pcs_status(const struct pcs_answer *a, const char *what, struct tl_why *why) TL_MUST;

#endif
