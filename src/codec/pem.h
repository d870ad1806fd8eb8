/* PEM certificate chains (RFC 7468), as quotes and collateral carry them. */
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

/* Blocks of "-----BEGIN CERTIFICATE-----", lines of base64 of any length, and the end line.
 * Lines end in LF, before which spaces, tabs and CR may stand (so CRLF is one). Before,
 * between and after blocks there may be blank lines, at the very end NULs, and the last
 * line may have no end. That is what OpenSSL, and so Intel's library, takes of what is
 * written; nothing else stands beside or in the blocks, and the base64 of a block is
 * strict as a whole. At least one block. TL_E_CERT, TL_E_ENCODING, TL_E_TRAILING,
 * TL_E_LIMIT or TL_E_MEMORY otherwise, and then there is nothing to finish. */
tl_err pem_read(struct pem_chain *out, slice text) TL_MUST;
void pem_finish(struct pem_chain *chain); /* NULL is fine */
void pem_put(buf *b, slice certificate);

#endif
