#include "cli/record_query.h"

#include "cli/cli.h"
#include "client/url.h"

#include <stdio.h>

#define TARGET_MAX 16384 /* bytes */

bool record_filter(struct http_param *filters, int option, const char *value)
{
    if (option < 1 || option > FILTERS)
        return false;
    filters[option - 1].value = slice_str(value);
    return true;
}

int record_filters(const char *command, struct log_query_options *out,
                   const struct http_param *filters, size_t count)
{
    struct tl_why why = {{0}, {0}};
    /* The service says the same of an empty value in a URL. */
    for (size_t i = 0; i < count; i++)
        if (filters[i].value.p && filters[i].value.n == 0)
            return cli_usage(command, "--%s needs a value", filters[i].name);
    tl_err err = filters_read(out, filters, count, &why);
    return err == TL_OK ? EXIT_GOOD : cli_usage(command, "--%s", tl_why_text(&why, err));
}

void record_filters_put(buf *b, const struct http_param *filters, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (filters[i].value.p)
            url_put_key(b, filters[i].name, (const char *)filters[i].value.p);
}

tl_err record_page_get(struct client *c, const struct record_ask *ask, buf *answer,
                       struct tl_why *why)
{
    char number[24];
    buf target;
    buf_init(&target, TARGET_MAX);
    snprintf(number, sizeof number, "%llu", (unsigned long long)ask->limit);
    buf_str(&target, "/v1/records");
    url_put_key(&target, "limit", number);
    record_filters_put(&target, ask->filters, ask->filter_count);
    url_put_key(&target, "order", ask->newest_first ? "newest" : NULL);
    url_put_key(&target, "total", ask->total ? "1" : NULL);
    url_put_key(&target, "cursor", ask->cursor[0] ? ask->cursor : NULL);
    buf_u8(&target, 0);
    tl_err err = buf_err(&target);
    buf_reset(answer);
    if (err == TL_OK)
        err = client_get(c, (const char *)target.p, answer, why);
    buf_finish(&target);
    return err;
}
