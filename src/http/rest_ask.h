/* What is asked on the original's routes (docs/rest.md). Pure. */
#ifndef TL_HTTP_REST_ASK_H
#define TL_HTTP_REST_ASK_H

#include "log/query.h"

#include <jansson.h>

#define REST_NONCE_MIN 16 /* bytes */
#define REST_NONCE_MAX 64

struct rest_nonce {
    uint8_t bytes[REST_NONCE_MAX];
    size_t n; /* 0: none was given */
};
/* From hex digits, in either case. */
tl_err rest_nonce_read(struct rest_nonce *out, slice text, struct tl_why *why) TL_MUST;

/* A number of a page: *out from text, which must be 1 to max. */
#define REST_PAGE_MAX (TL_INT_MAX / QUERY_LIMIT_MAX)
tl_err rest_number_read(uint64_t *out, const char *name, slice text, uint64_t max,
                        struct tl_why *why) TL_MUST;

/* The body of POST /tee/logs. Slices are borrowed from root; .p == NULL: any. */
struct rest_ask {
    json_t *root;
    slice agent, room, user, type, text;
    bool has_start, has_end;
    uint64_t start_ms, end_ms; /* both inclusive */
    uint64_t page, page_size;
    struct rest_nonce nonce;
};
/* {"query"?, "page"?, "pageSize"?, "nonce"?}, strictly: no other member, none twice.
 * An empty body is {}. What is null is absent; of the query, what is empty is too. why
 * names the member at fault. out is finished by the caller whatever comes back. */
tl_err rest_ask_read(struct rest_ask *out, slice body, struct tl_why *why) TL_MUST;
void rest_ask_finish(struct rest_ask *ask);

#endif
