/* The error type, and the sentence that goes with one for a person to read. */
#ifndef TL_BASE_ERR_H
#define TL_BASE_ERR_H

#include "teelog/err.h"

/* Why something failed: the field at fault, if one is, and what to do next.
 * Zero-initialise before use. The first explanation is kept: it is nearest
 * to the cause. Both are valid UTF-8 without control characters, whatever was
 * quoted. */
struct tl_why {
    char field[48];
    char text[320];
};

/* Writes the explanation (why may be NULL) and returns err, so that a failing
 * line reads: return tl_explain(why, TL_E_FIELD, "type", "…"). */
__attribute__((format(printf, 4, 5))) tl_err tl_explain(struct tl_why *why, tl_err err,
                                                        const char *field, const char *fmt, ...);

/* The explanation, or the table's sentence where there is none. Never NULL. */
const char *tl_why_text(const struct tl_why *why, tl_err err);

#endif
