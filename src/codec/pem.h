/* PEM certificate chains (RFC 7468 section 3, its strict form), as quotes carry them. */
#ifndef TL_CODEC_PEM_H
#define TL_CODEC_PEM_H

#include "base/buf.h"

#define PEM_MAX_CERTIFICATES 4
#define PEM_MAX_BYTES        65536 /* of the decoded certificates together */

struct pem_chain {
    size_t count;
    slice certificates[PEM_MAX_CERTIFICATES]; /* DER, borrowed from memory */
    buf memory;
};

/* Blocks of "-----BEGIN CERTIFICATE-----", lines of 64 columns (the last one
 * 1 to 64), LF after each line, nothing between, before or after them but one
 * NUL at the very end. The last LF may be missing where nothing follows it, as in
 * collateral that Intel publishes. At least one block. TL_E_CERT, TL_E_ENCODING or
 * TL_E_MEMORY otherwise, and then there is nothing to finish. */
tl_err pem_read(struct pem_chain *out, slice text) TL_MUST;
void pem_finish(struct pem_chain *chain); /* NULL is fine */
void pem_put(buf *b, slice certificate);

#endif
