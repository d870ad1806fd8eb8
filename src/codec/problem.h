/* Concise problem details (RFC 9290): what a service that speaks CBOR answers an error with. */
#ifndef TL_CODEC_PROBLEM_H
#define TL_CODEC_PROBLEM_H

#include "codec/cbor.h"

#define PROBLEM_TYPE "application/concise-problem-details+cbor"

/* Borrowed; .p == NULL where it does not say. */
struct problem {
    slice title, detail;
};

/* What else is in it is passed over. A CBOR error where it is none. */
tl_err problem_read(struct problem *out, slice bytes) TL_MUST;
/* Both are valid UTF-8. */
void problem_put(buf *b, const char *title, const char *detail);

#endif
