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

#ifdef __clang_analyzer__
/* It sees one file at a time: tell it that the error comes back as it was. */
#define tl_explain(why, err, ...) (tl_explain((why), (err), __VA_ARGS__), (err))
#endif

/* The explanation, or the table's sentence where there is none. Never NULL. */
const char *tl_why_text(const struct tl_why *why, tl_err err);

#endif
