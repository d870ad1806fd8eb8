/* What queries ask for, as text, and the cursors of their pages. */
#include "base/err.h"
#include "fuzz.h"
#include "http/filters.h"

static void cursors(struct log_query_options o, slice text)
{
    char again[CURSOR_TEXT];
    struct log_query_options narrowed = o;
    struct tl_why why = {0};
    hash32 query = cursor_query(&o);
    tl_err err = cursor_read(&narrowed, text, &why);
    MUST(utf8_valid(slice_str(why.text)));
    /* One of this query, by hand, says what it was made with. */
    uint64_t next = o.newest_first ? o.to : o.to - 1;
    struct log_query_options own = o;
    MUST(cursor_read(&own, slice_str(cursor_text(again, &query, next)), &why) == TL_OK);
    MUST((o.newest_first ? own.to : own.from) == next);
    if (err != TL_OK)
        return;
    MUST(o.from <= narrowed.from && narrowed.from < narrowed.to && narrowed.to <= o.to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_query q;
    struct http_param params[FILTERS + 2] = {
        FILTER_NAMES, {"order", {NULL, 0}}, {"cursor", {NULL, 0}}};
    struct log_query_options o;
    struct tl_why why = {0};
    if (http_query_read(&q, params, FILTERS + 2, slice_of(data, size), &why) != TL_OK)
        return 0;
    tl_err err = filters_read(&o, params, FILTERS, &why);
    MUST(utf8_valid(slice_str(why.text)));
    if (err != TL_OK)
        return 0;
    MUST(o.from < o.to && o.to <= TL_INT_MAX && o.after_ms < o.before_ms);
    MUST(o.text.n <= QUERY_TEXT_MAX && utf8_valid(o.text) && utf8_valid(o.room));
    o.newest_first = params[FILTERS].value.p != NULL;
    cursors(o, params[FILTERS + 1].value);
    return 0;
}
