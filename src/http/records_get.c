/* GET /v1/records: a page of what matches. */
#include "base/encoding.h"
#include "base/refuse.h"
#include "codec/json_put.h"
#include "http/filters.h"
#include "http/lookup.h"

#define LIMIT_DEFAULT 100
#define SLICE_US      1000 /* of writing */

enum { ORDER = FILTERS, LIMIT, CURSOR, TOTAL, PARAMS };

static tl_err page_read(struct log_query_options *o, const struct http_param *p, struct tl_why *why)
{
    uint64_t limit = LIMIT_DEFAULT;
    o->newest_first = slice_eq_str(p[ORDER].value, "newest");
    o->total = slice_eq_str(p[TOTAL].value, "1");
    if (p[ORDER].value.p && REFUSED(!o->newest_first && !slice_eq_str(p[ORDER].value, "oldest")))
        return tl_explain(why, TL_E_FIELD, "order", "order must be newest or oldest");
    /* 0 is log_query_new's to refuse. */
    if (p[LIMIT].value.p && decimal_read(&limit, p[LIMIT].value, QUERY_LIMIT_MAX) != TL_OK)
        return tl_explain(why, TL_E_FIELD, "limit", "limit must be 1 to %d", QUERY_LIMIT_MAX);
    if (p[TOTAL].value.p && REFUSED(!o->total))
        return tl_explain(why, TL_E_FIELD, "total", "total must be 1 where it is given");
    if (REFUSED(o->total && p[CURSOR].value.p))
        return tl_explain(why, TL_E_FIELD, "total",
                          "the first page says the total; a cursor cannot ask for it");
    o->limit = (size_t)limit;
    return TL_OK;
}

static void put_end(buf *b, const struct lookup *l)
{
    uint64_t next;
    char cursor[CURSOR_TEXT];
    buf_str(b, "]");
    if (log_query_more(l->query, &next))
        json_put_member(b, "next", cursor_text(cursor, &l->id, next));
    if (l->total)
        json_put_number(b, "total", log_query_total(l->query));
    buf_str(b, "}\n");
}

static bool put_page(struct lookup *l, const struct exchange *x)
{
    size_t n;
    buf *b = &l->answer;
    const struct log_row *rows = log_query_rows(l->query, &n);
    uint64_t end = stats_clock_us() + SLICE_US;
    (void)x;
    if (b->n == 0) {
        buf_printf(b, "{\"simulated\":%s", l->how.simulated ? "true" : "false");
        json_put_number(b, "size", l->size);
        buf_str(b, ",\"records\":[");
    }
    while (l->written < n && buf_err(b) == TL_OK && stats_clock_us() < end) {
        if (l->written)
            buf_str(b, ",");
        row_json_put(b, &rows[l->written++], l->how);
    }
    if (l->written < n && buf_err(b) == TL_OK)
        return true;
    put_end(b, l);
    return false;
}

void get_records(struct exchange *x)
{
    struct http_query q = {{0}};
    struct http_param params[PARAMS] = {
        FILTER_NAMES, [ORDER] = {"order"}, {"limit"}, {"cursor"}, {"total"}};
    struct log_query_options o;
    struct tl_why why = {{0}, {0}};
    if (!query_or_answer(x, &q, params, PARAMS))
        return;
    tl_err err = filters_read(&o, params, FILTERS, &why);
    if (err == TL_OK)
        err = page_read(&o, params, &why);
    if (err == TL_OK)
        err = caller_query(x, o.agent, &why);
    hash32 id = cursor_query(&o);
    if (err == TL_OK && params[CURSOR].value.p)
        err = cursor_read(&o, params[CURSOR].value, &why);
    if (err != TL_OK) {
        answer_error(x, err, &why);
        return;
    }
    struct lookup *l = lookup_new(x, &o);
    if (!l)
        return;
    l->put = put_page;
    l->id = id;
    l->total = o.total;
    lookup_begin(x);
}
