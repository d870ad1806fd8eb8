#include "codec/json_put.h"
#include "http/internal.h"
#include "http/problems.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>

static const char *reason(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 201:
        return "Created";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 409:
        return "Conflict";
    case 411:
        return "Length Required";
    case 413:
        return "Content Too Large";
    case 422:
        return "Unprocessable Content";
    case 429:
        return "Too Many Requests";
    case 503:
        return "Service Unavailable";
    case 507:
        return "Insufficient Storage";
    default:
        return "Internal Server Error";
    }
}

static void head(struct exchange *x, int status, const char *type, const char *fields)
{
    x->status = status;
    if (evbuffer_add_printf(
            x->out, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nCache-Control: %s\r\n%s%s", status,
            reason(status), type, x->cache ? x->cache : "no-store", fields ? fields : "",
            x->close || x->head.close ? "Connection: close\r\n" : "") < 0)
        x->broken = true;
}

static void length(struct exchange *x, size_t n)
{
    if (evbuffer_add_printf(x->out, "Content-Length: %zu\r\n\r\n", n) < 0)
        x->broken = true;
    x->complete = true;
}

static bool without_body(const struct exchange *x)
{
    return slice_eq_str(x->head.method, "HEAD");
}

void answer(struct exchange *x, int status, const char *type, const char *fields, slice body)
{
    head(x, status, type, fields);
    length(x, body.n);
    if (!without_body(x) && evbuffer_add(x->out, body.p, body.n) != 0)
        x->broken = true;
}

static void free_bytes(const void *p, size_t n, void *ctx)
{
    (void)p, (void)n;
    free(ctx);
}

void answer_take(struct exchange *x, int status, const char *type, const char *fields, buf *body)
{
    if (buf_err(body) != TL_OK) {
        answer_error(x, buf_err(body), NULL);
    } else if (body->n == 0) {
        answer(x, status, type, fields, buf_slice(body));
    } else {
        head(x, status, type, fields);
        length(x, body->n);
        if (evbuffer_add_reference(x->out, body->p, body->n, free_bytes, body->p) == 0)
            buf_init(body, body->max);
        else
            x->broken = true;
    }
    buf_finish(body);
}

static void put_problem(buf *b, const char *title, tl_err err, const struct tl_why *why)
{
    char detail[sizeof(struct tl_why) + 2];
    const char *field = why ? why->field : "";
    snprintf(detail, sizeof detail, "%s%s%s", field, field[0] ? ": " : "", tl_why_text(why, err));
    problem_put(b, title, detail);
}

void answer_error_status(struct exchange *x, int status, const char *fields, tl_err err,
                         const struct tl_why *why)
{
    uint8_t bytes[4096];
    buf b;
    buf_init_fixed(&b, bytes, sizeof bytes);
    const char *title = problems_title(x->head.path, status, reason(status));
    if (title)
        put_problem(&b, title, err, why);
    else
        json_put_error(&b, err, why, 0);
    answer(x, status, title ? PROBLEM_TYPE : "application/json", fields, buf_slice(&b));
}

void answer_error(struct exchange *x, tl_err err, const struct tl_why *why)
{
    int status = tl_err_http(err);
    const char *fields = NULL;
    if (status == 401)
        fields = "WWW-Authenticate: Bearer\r\n";
    /* It says that nothing of the request was looked at, so that it can be sent
     * again as it is. A frozen log does not thaw by waiting, nor a stopping one. */
    if (err == TL_E_BUSY || err == TL_E_RATE || err == TL_E_NO_QUOTE || err == TL_E_FENCED)
        fields = "Retry-After: 1\r\n";
    /* Requests that were sent after this one must not overtake it. Whether there is a quote is
     * known late, when they may be under way already. */
    if ((status == 503 || status == 429 || status == 507) && err != TL_E_NOT_COSIGNED &&
        (err != TL_E_NO_QUOTE || exchange_is_alone(x)))
        x->close = true;
    answer_error_status(x, status, fields, err, why);
}

void answer_rate(struct exchange *x, uint64_t wait_ms, const struct tl_why *why)
{
    char field[48];
    snprintf(field, sizeof field, "Retry-After: %llu\r\n",
             (unsigned long long)(wait_ms + 999) / 1000);
    x->close = true;
    answer_error_status(x, 429, field, TL_E_RATE, why);
}

void answer_chunked(struct exchange *x, const char *type, const char *fields)
{
    head(x, 200, type, fields);
    if (evbuffer_add_printf(x->out, "Transfer-Encoding: chunked\r\n") < 0)
        x->broken = true;
    if (evbuffer_add(x->out, "\r\n", 2) != 0)
        x->broken = true;
}

void answer_chunk(struct exchange *x, slice bytes)
{
    if (bytes.n == 0)
        return; /* an empty chunk would be the end */
    if (evbuffer_add_printf(x->out, "%zx\r\n", bytes.n) < 0 ||
        evbuffer_add(x->out, bytes.p, bytes.n) != 0 || evbuffer_add(x->out, "\r\n", 2) != 0)
        x->broken = true;
}

void answer_end(struct exchange *x)
{
    if (evbuffer_add(x->out, "0\r\n\r\n", 5) != 0)
        x->broken = true;
    x->complete = true;
}
