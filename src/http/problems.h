/* The errors of the routes that draft-ietf-scitt-scrapi describes: CBOR, with titles of its own. */
#ifndef TL_HTTP_PROBLEMS_H
#define TL_HTTP_PROBLEMS_H

#include "codec/problem.h"

/* The title of an error with this status, static; otherwise is any other's. NULL where the path
 * is none of SCITT's, and its errors are JSON. */
const char *problems_title(slice path, int status, const char *otherwise);

#endif
