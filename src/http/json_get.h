/* Reading the JSON of requests, strictly: an object, no member twice. Pure. */
#ifndef TL_HTTP_JSON_GET_H
#define TL_HTTP_JSON_GET_H

#include "base/err.h"
#include "base/slice.h"

#include <jansson.h>

/* Reads text, one JSON object; what names it in errors ("a record"). names: the
 * members that it may have, count of them; a duplicate of one is named. out is the
 * caller's, json_decref. */
tl_err json_get_object(json_t **out, slice text, const char *what, const char *const *names,
                       size_t count, struct tl_why *why) TL_MUST;
/* Which of names key is, count where none. */
size_t json_get_name(const char *key, const char *const *names, size_t count);
/* A text, borrowed from v. */
tl_err json_get_text(slice *out, const json_t *v, const char *name, struct tl_why *why) TL_MUST;

#endif
