/* Parts of the picture of a quote (teelog_quote_show). */
#ifndef TL_VERIFY_QUOTE_SHOW_H
#define TL_VERIFY_QUOTE_SHOW_H

#include "attest/quote.h"
#include "verify/fields.h"

/* The group "certification": what the QE says of the platform's certificate. What
 * cannot be read is shown in hex, with the reason; only a lack of memory is an
 * error, in f's buffer. */
void show_certification(struct fields *f, const struct quote *q);

#endif
