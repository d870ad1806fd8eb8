/* Whole requests and answers. */
#include "client/client.h"

#include "codec/json.h"
#include "codec/problem.h"

#include <jansson.h>

#define REFUSAL_MAX (1u << 20)  /* bytes */
#define STATUS_MAX  (64u << 10) /* likewise */

tl_err client_body_all(struct client *c, buf *out, struct tl_why *why)
{
    bool more = true;
    slice piece;
    tl_err err = TL_OK;
    while (more && err == TL_OK) {
        err = client_body(c, &piece, &more, why);
        if (err != TL_OK)
            break;
        buf_bytes(out, piece);
        err = buf_err(out); /* the rest of what is too long is not waited for */
    }
    return err;
}

static tl_err status_error(int status)
{
    switch (status) {
    case 401:
        return TL_E_AUTH;
    case 403:
        return TL_E_FORBIDDEN;
    case 404:
        return TL_E_NOT_FOUND;
    case 413:
        return TL_E_LIMIT;
    case 429:
        return TL_E_RATE;
    case 503:
        return TL_E_BUSY;
    case 507:
        return TL_E_FULL;
    default:
        return status < 500 ? TL_E_USAGE : TL_E_IO;
    }
}

bool client_is_refusal(slice line)
{
    return slice_starts(line, slice_str("{\"error\""));
}

/* A line of JSON, or, by SCITT's routes, problem details; never both, by its first byte. */
tl_err client_refusal_of(slice body, int status, struct tl_why *why)
{
    struct problem p;
    if (problem_read(&p, body) == TL_OK)
        return tl_explain(why, status_error(status), NULL, "%.*s: %.*s", (int)p.title.n,
                          (const char *)p.title.p, (int)p.detail.n, (const char *)p.detail.p);
    json_t *root = json_loadb((const char *)body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
    const char *text = json_string_value(json_object_get(root, "error"));
    const char *field = json_string_value(json_object_get(root, "field"));
    if (json_is_true(json_object_get(root, "later")))
        status = 503;
    tl_err err =
        tl_explain(why, status_error(status), field, "%s%s%s", field ? field : "",
                   field ? ": " : "", text ? text : "the service answered without a reason");
    json_decref(root);
    return err;
}

tl_err client_refusal(struct client *c, const struct client_answer *a, struct tl_why *why)
{
    buf body;
    buf_init(&body, REFUSAL_MAX);
    tl_err err = client_body_all(c, &body, why);
    if (err == TL_OK)
        err = client_refusal_of(buf_slice(&body), a->status, why);
    buf_finish(&body);
    return err;
}

tl_err client_log_key(struct client *c, struct note_key *out, struct tl_why *why)
{
    slice key = {NULL, 0};
    buf body;
    buf_init(&body, STATUS_MAX);
    tl_err err = client_get(c, "/v1/status", &body, why);
    js j = js_of(buf_slice(&body));
    js_object(&j);
    for (slice name; err == TL_OK && js_member(&j, &name);)
        if (slice_eq_str(name, "logKey"))
            key = js_plain(&j);
        else
            js_skip(&j);
    if (err == TL_E_LIMIT ||
        (err == TL_OK && (js_end(&j) != TL_OK || note_key_read(out, key) != TL_OK)))
        err = tl_explain(why, TL_E_PEER, "logKey",
                         "what answers is no teelog service: it names no log key");
    buf_finish(&body);
    return err;
}

tl_err client_call(struct client *c, const char *method, const char *target, slice body, buf *out,
                   struct tl_why *why)
{
    struct client_answer a;
    tl_err err = client_send(c, method, target, body, why);
    if (err == TL_OK)
        err = client_head(c, &a, why);
    if (err == TL_OK)
        err = a.status / 100 == 2 ? client_body_all(c, out, why) : client_refusal(c, &a, why);
    return err;
}

tl_err client_get(struct client *c, const char *target, buf *out, struct tl_why *why)
{
    return client_call(c, "GET", target, (slice){NULL, 0}, out, why);
}
