#include "cli/record_query.h"

#include "cli/cli.h"
#include "cli/client.h"

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
