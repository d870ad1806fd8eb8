/* Heads of HTTP requests, and queries. */
#include "base/err.h"
#include "fuzz.h"
#include "http/head.h"

static void query(slice in)
{
    struct http_query q;
    struct http_param params[] = {{"agent", {NULL, 0}}, {"from", {NULL, 0}}, {"to", {NULL, 0}}};
    struct tl_why why = {0};
    if (http_query_read(&q, params, 3, in, &why) != TL_OK)
        return;
    for (size_t i = 0; i < 3; i++)
        if (params[i].value.p)
            MUST(params[i].value.n > 0 && params[i].value.p >= q.bytes &&
                 params[i].value.p + params[i].value.n <= q.bytes + sizeof q.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice in = slice_of(data, size);
    struct tl_why why = {0};
    size_t found = 0;
    query(in);
    if (http_head_find(&found, in, &why) != TL_OK || found == 0)
        return 0;
    MUST(found <= size && found <= HTTP_HEAD_MAX);
    /* What comes before the end is never an end. */
    size_t early = 0;
    MUST(http_head_find(&early, slice_of(data, found - 1), &why) == TL_OK && early == 0);
    struct http_head h;
    tl_err err = http_head_read(&h, slice_of(data, found), &why);
    MUST(utf8_valid(slice_str(why.text)));
    if (err == TL_OK && h.query.n)
        query(h.query);
    return 0;
}
