#include "http/internal.h"

#include "base/refuse.h"

#include <stdio.h>

/* Questions are small: an object of theirs, every text in it escaped, has half of that. What
 * reads JSON whole can take fifty times its bytes for it. */
#define ASK_MAX          32768
#define ERASURE_BODY_MAX (2u << 20) /* the indexes of one request */

static const struct http_route rows[] = {
    {"/v1/records", "POST", post_records, HTTP_BODY_MAX, SCOPE_APPEND, true},
    {"/v1/records", "GET", get_records, 0, SCOPE_READ, true},
    {"/v1/records/", "GET", get_record, 0, 0, true},
    {"/v1/erasures", "POST", post_erasures, ERASURE_BODY_MAX, SCOPE_ERASE, false},
    {"/v1/tail", "GET", get_tail, 0, SCOPE_READ, false},
    {"/v1/agents", "GET", get_agents, 0, 0, true},
    {"/v1/status", "GET", get_status, 0, 0, false},
    {"/v1/export", "GET", get_export, 0, SCOPE_APPEND | SCOPE_READ, true},
    {"/v1/backup", "GET", get_backup, 0, SCOPE_ADMIN, true},
    {"/tee/agents", "GET", get_tee_agents, 0, SCOPE_READ, true},
    {"/tee/agents/", "GET", get_tee_agent, 0, SCOPE_READ, true},
    {"/tee/logs", "POST", post_tee_logs, ASK_MAX, SCOPE_READ, true},
    {"/v1/tokens", "GET", get_tokens, 0, SCOPE_ADMIN, false},
    {"/v1/tokens", "POST", post_tokens, ASK_MAX, SCOPE_ADMIN, false},
    {"/v1/tokens/", "DELETE", delete_token, 0, SCOPE_ADMIN, false},
    {"/v1/attest", "POST", post_attest, ASK_MAX, SCOPE_ALL, false},
    {"/checkpoint", "GET", get_checkpoint, 0, 0, false},
    {"/tile/", "GET", get_tile, 0, 0, true},
    {"/v1/proof/", "GET", get_proof, 0, 0, false},
    {"/v1/consistency", "GET", get_consistency, 0, 0, false},
    {"/entries/", "GET", get_entry, 0, 0, false},
    {"/.well-known/scitt-keys", "GET", get_scitt_keys, 0, 0, true},
    {"/.well-known/scitt-keys/", "GET", get_scitt_keys, 0, 0, true},
    {"/healthz", "GET", get_healthz, 0, 0, false},
    {"/metrics", "GET", get_metrics, 0, SCOPE_ALL, false},
};
const struct http_routes log_routes = {rows, sizeof rows / sizeof rows[0]};

static bool matches(const struct http_route *r, slice path)
{
    size_t n = strlen(r->path);
    return r->path[n - 1] == '/' ? path.n > n && memcmp(path.p, r->path, n) == 0
                                 : slice_eq_str(path, r->path);
}

/* The route of this path and method; NULL, and in *other one of the same path, where
 * there is none. */
static const struct http_route *find(const struct exchange *x, const struct http_route **other)
{
    const struct http_routes *all = x->service->routes;
    *other = NULL;
    for (size_t i = 0; i < all->count; i++) {
        const struct http_route *r = &all->rows[i];
        if (!matches(r, x->head.path))
            continue;
        if (slice_eq_str(x->head.method, r->method))
            return r;
        *other = r;
    }
    return NULL;
}

static void wrong_method(struct exchange *x, const struct http_route *r)
{
    const struct http_routes *all = x->service->routes;
    struct tl_why why = {{0}, {0}};
    char allow[64] = "";
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(all->rows[i].path, r->path) == 0) {
            size_t n = strlen(allow);
            snprintf(allow + n, sizeof allow - n, "%s%s", n ? ", " : "", all->rows[i].method);
        }
    char field[80];
    snprintf(field, sizeof field, "Allow: %s\r\n", allow);
    tl_err err = tl_explain(&why, TL_E_HTTP, "method", "%s takes %s only", r->path, allow);
    answer_error_status(x, 405, field, err, &why);
}

static void check_body(struct exchange *x, size_t max)
{
    struct tl_why why = {{0}, {0}};
    const struct http_head *h = &x->head;
    if (REFUSED(h->transfer) || (max && REFUSED(!h->has_length))) {
        tl_err err = tl_explain(&why, TL_E_HTTP, "Content-Length",
                                "is needed: bodies of unknown length are not taken");
        answer_error_status(x, 411, NULL, err, &why);
    } else if (REFUSED(!max && h->length > 0)) {
        answer_error(x, tl_explain(&why, TL_E_HTTP, "Content-Length", "this route takes no body"),
                     &why);
    } else if (REFUSED(h->length > max)) {
        answer_error(x,
                     tl_explain(&why, TL_E_LIMIT, "Content-Length",
                                "a body may have at most %zu bytes here", max),
                     &why);
    }
}

/* Who asks, before what: who asks for nothing that there is may not do it more often.
 * False where that is answered already. */
static bool let_in(struct exchange *x, tl_err *found, struct tl_why *why)
{
    struct tl_why often = {{0}, {0}};
    uint64_t wait_ms = 0;
    *found = caller_find(x, why);
    if (caller_limit(x, x->service->requests, 1, &wait_ms, &often) == TL_OK)
        return true;
    answer_rate(x, wait_ms, &often);
    return false;
}

void route_head(struct exchange *x)
{
    struct tl_why why = {{0}, {0}}, stranger = {{0}, {0}};
    const struct http_route *other, *r = find(x, &other);
    tl_err found;
    /* An answer now leaves a body unread, so the connection ends after it. */
    x->close = x->head.length > 0 || x->head.transfer;
    if (!let_in(x, &found, &stranger))
        return;
    if (REFUSED(!r && !other)) {
        answer_error(x, tl_explain(&why, TL_E_NOT_FOUND, NULL, "there is nothing at this path"),
                     &why);
        return;
    }
    if (REFUSED(!r)) {
        wrong_method(x, other);
        return;
    }
    check_body(x, r->body_max < memory_body(x->service) ? r->body_max : memory_body(x->service));
    if (x->complete)
        return;
    tl_err err = found == TL_OK ? caller_may(x, r->needs, &why) : found;
    if (err == TL_OK && r->large)
        err = answers_taken(x, &why);
    if (err != TL_OK)
        answer_error(x, err, found == TL_OK ? &why : &stranger);
    else
        x->close = false;
}

void route_request(struct exchange *x)
{
    struct tl_why why = {{0}, {0}};
    const struct http_route *other, *r = find(x, &other);
    tl_err err = caller_still(x, &why); /* its body may have taken its time */
    if (err == TL_OK)
        r->answer(x);
    else
        answer_error(x, err, &why);
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
