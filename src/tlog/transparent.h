/* Transparent statements (RFC 9943): a statement that carries the receipts that it is logged, in
 * its unprotected header. Pure. */
#ifndef TL_TLOG_TRANSPARENT_H
#define TL_TLOG_TRANSPARENT_H

#include "codec/cose.h"
#include "tlog/receipt.h"
#include "tlog/statement.h"

#define TRANSPARENT_RECEIPTS 8 /* that are read */
#define TRANSPARENT_MAX      (STATEMENT_MAX + TRANSPARENT_RECEIPTS * (RECEIPT_MAX + 8)) /* bytes */

/* Slices are borrowed. */
struct transparent {
    slice protected_header, payload, signature;
    size_t count; /* at least 1 */
    slice receipts[TRANSPARENT_RECEIPTS];
};

/* The form: tagged, an unprotected map of receipts alone, an attached payload. The receipts are
 * not read. TL_E_COSE or a CBOR error. */
tl_err transparent_read(struct transparent *out, slice bytes) TL_MUST;
/* Appends the statement that was logged, which has an empty unprotected map. */
void transparent_statement_put(buf *b, const struct transparent *t);
/* Appends the whole. */
void transparent_put(buf *b, const struct transparent *t);

#endif
