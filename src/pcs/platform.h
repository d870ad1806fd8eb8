/* Which platform a quote comes from, as far as its collateral depends on that:
 * read from the quote, not verified. Pure. */
#ifndef TL_PCS_PLATFORM_H
#define TL_PCS_PLATFORM_H

#include "attest/quote.h"

enum pcs_ca { PCS_CA_PROCESSOR, PCS_CA_PLATFORM };
/* "processor", "platform": as the service spells it. */
const char *pcs_ca_name(enum pcs_ca ca);

struct pcs_platform {
    bool tdx;
    bool known; /* the two below; false where the service must be asked for the certificate */
    uint8_t fmspc[6];
    enum pcs_ca ca;
};

/* From the quote's certification data; TL_E_QUOTE where it is in no way enough. */
tl_err pcs_platform_read(struct pcs_platform *out, const struct quote *q,
                         struct tl_why *why) TL_MUST;
/* fmspc and ca, from a PCK chain in PEM. */
tl_err pcs_platform_from_chain(struct pcs_platform *p, slice pem, struct tl_why *why) TL_MUST;
/* fmspc and ca, from the PCK certificate alone. */
tl_err pcs_platform_from_leaf(struct pcs_platform *p, slice pem, struct tl_why *why) TL_MUST;

/* Appends the query for this quote's PCK certificate: "encrypted_ppid=…&cpusvn=…".
 * with_qe_id: for a PCCS, which finds platforms by the id of their QE as well.
 * Certification data of types 2 and 3 only. */
tl_err pcs_pckcert_query(buf *out, const struct quote *q, bool with_qe_id,
                         struct tl_why *why) TL_MUST;

#endif
