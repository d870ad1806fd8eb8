/* Reading a policy's JSON: values with the path at which they stand. For
 * policy*.c only. */
#ifndef TL_ATTEST_POLICY_JSON_H
#define TL_ATTEST_POLICY_JSON_H

#include "base/err.h"
#include "base/slice.h"

#include <jansson.h>

#define POLICY_MAX_LIST 1024 /* elements of any list */

/* Where a value stands: "evidence[0].mrenclave". */
struct json_at {
    char path[48];
};
struct json_at json_at_top(const char *key);
struct json_at json_at_key(struct json_at at, const char *key);
struct json_at json_at_index(struct json_at at, size_t i);

/* Explains and returns TL_E_POLICY. */
__attribute__((format(printf, 3, 4))) tl_err json_wrong(struct tl_why *why, struct json_at at,
                                                        const char *fmt, ...);

/* A JSON object, no member twice. */
tl_err json_load(json_t **out, slice text, struct tl_why *why) TL_MUST;
/* An object whose members are all among names (ended by NULL). */
tl_err json_members(const json_t *v, const char *const names[], struct json_at at,
                    struct tl_why *why) TL_MUST;
/* An array of least to POLICY_MAX_LIST elements; v may be NULL, which is refused. */
tl_err json_list(size_t *count, const json_t *v, size_t least, struct json_at at,
                 struct tl_why *why) TL_MUST;
/* A text of at least one byte, borrowed from v; NULL is refused. */
tl_err json_text(slice *out, const json_t *v, struct json_at at, struct tl_why *why) TL_MUST;
/* A boolean member; *out is left as it is where the member is absent. */
tl_err json_flag(bool *out, const json_t *object, const char *key, struct json_at at,
                 struct tl_why *why) TL_MUST;
/* A number from 0 to max; NULL is refused. */
tl_err json_uint(uint64_t *out, const json_t *v, uint64_t max, struct json_at at,
                 struct tl_why *why) TL_MUST;
/* A list of names, each of which sets a bit of *out: that of its place in names
 * (ended by NULL). Absent: *out is left as it is. */
tl_err json_name_bits(uint32_t *out, const json_t *object, const char *key,
                      const char *const names[], struct json_at at, struct tl_why *why) TL_MUST;
/* A list of at least least texts, copied. */
tl_err json_text_list(char ***out, size_t *count, const json_t *v, size_t least, struct json_at at,
                      struct tl_why *why) TL_MUST;
void text_list_free(char **list, size_t count);

#endif
