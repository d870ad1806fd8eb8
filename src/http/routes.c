#include "http/internal.h"

#include "base/refuse.h"

#include <stdio.h>

static const struct route {
    const char *path, *method;
    void (*answer)(struct exchange *x);
} routes[] = {
    {"/v1/records", "POST", post_records},  {"/v1/agents", "GET", get_agents},
    {"/v1/status", "GET", get_status},      {"/v1/export", "GET", get_export},
    {"/checkpoint", "GET", get_checkpoint}, {"/healthz", "GET", get_healthz},
};

static const struct route *find(slice path)
{
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
        if (slice_eq_str(path, routes[i].path))
            return &routes[i];
    return NULL;
}

static void wrong_method(struct exchange *x, const struct route *r)
{
    struct tl_why why = {{0}, {0}};
    char allow[32];
    snprintf(allow, sizeof allow, "Allow: %s\r\n", r->method);
    tl_err err = tl_explain(&why, TL_E_HTTP, "method", "%s takes %s only", r->path, r->method);
    answer_error_status(x, 405, allow, err, &why);
}

static void check_body(struct exchange *x, bool takes_body)
{
    struct tl_why why = {{0}, {0}};
    const struct http_head *h = &x->head;
    if (REFUSED(h->transfer) || (takes_body && REFUSED(!h->has_length))) {
        tl_err err = tl_explain(&why, TL_E_HTTP, "Content-Length",
                                "is needed: bodies of unknown length are not taken");
        answer_error_status(x, 411, NULL, err, &why);
    } else if (REFUSED(!takes_body && h->length > 0)) {
        answer_error(x, tl_explain(&why, TL_E_HTTP, "Content-Length", "this route takes no body"),
                     &why);
    } else if (REFUSED(h->length > HTTP_BODY_MAX)) {
        answer_error(x,
                     tl_explain(&why, TL_E_LIMIT, "Content-Length",
                                "a body may have at most %u bytes", HTTP_BODY_MAX),
                     &why);
    } else if (takes_body) {
        tl_err err = authorised(x, &why);
        if (err != TL_OK)
            answer_error(x, err, &why);
    }
}

void route_head(struct exchange *x)
{
    struct tl_why why = {{0}, {0}};
    const struct route *r = find(x->head.path);
    /* An answer now leaves a body unread, so the connection ends after it. */
    bool close = x->head.length > 0 || x->head.transfer;
    x->close = close;
    if (REFUSED(!r)) {
        answer_error(x, tl_explain(&why, TL_E_NOT_FOUND, NULL, "there is nothing at this path"),
                     &why);
        return;
    }
    if (REFUSED(!slice_eq_str(x->head.method, r->method))) {
        wrong_method(x, r);
        return;
    }
    check_body(x, slice_eq_str(x->head.method, "POST"));
    if (!x->complete)
        x->close = false;
}

void route_request(struct exchange *x)
{
    find(x->head.path)->answer(x);
}

bool query_or_answer(struct exchange *x, struct http_query *q, struct http_param *params,
                     size_t count)
{
    struct tl_why why = {{0}, {0}};
    tl_err err = http_query_read(q, params, count, x->head.query, &why);
    if (err != TL_OK)
        answer_error(x, err, &why);
    return err == TL_OK;
}
