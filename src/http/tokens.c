/* GET and POST /v1/tokens, DELETE /v1/tokens/ID: who may do what, shown and changed. */
#include "base/encoding.h"
#include "base/refuse.h"
#include "codec/cbor.h"
#include "codec/json.h"
#include "codec/json_put.h"
#include "crypto/secret.h"
#include "http/internal.h"

#include <stdio.h>

#define TEXTS_MAX  4096       /* bytes of agents and label in a request */
#define ANSWER_MAX (1u << 20) /* bytes */

static void put_list(buf *b, const char *name, const slice *texts, size_t n)
{
    buf_printf(b, ",\"%s\":[", name);
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_u8(b, ',');
        json_put_text(b, texts[i]);
    }
    buf_u8(b, ']');
}

/* The members of one token, without its braces. */
static void put_token(buf *b, const struct token *t, uint64_t now_ms)
{
    slice scopes[4];
    size_t n = 0;
    for (unsigned bit = 1; bit <= SCOPE_ADMIN; bit <<= 1)
        if (t->scopes & bit)
            scopes[n++] = slice_str(scope_name(bit));
    buf_str(b, "\"id\":\"");
    hex_put(b, SLICE_ARRAY(t->id));
    buf_u8(b, '"');
    put_list(b, "scopes", scopes, n);
    put_list(b, "agents", t->agents, t->agent_count);
    json_put_slice(b, "label", t->label);
    json_put_number(b, "createdMs", t->created_ms);
    if (t->expires_ms)
        json_put_number(b, "expiresMs", t->expires_ms);
    else
        buf_str(b, ",\"expiresMs\":null");
    json_put_bool(b, "expired", token_expired(t, now_ms));
}

void get_tokens(struct exchange *x)
{
    struct http_query q = {{0}};
    buf b;
    if (!query_or_answer(x, &q, NULL, 0))
        return;
    struct tokens *t = log_tokens(x->service->log);
    uint64_t now = log_clock(x->service->log);
    buf_init(&b, ANSWER_MAX);
    buf_str(&b, "{\"tokens\":[");
    for (size_t i = 0; i < tokens_count(t); i++) {
        buf_str(&b, i ? ",{" : "{");
        put_token(&b, tokens_at(t, i), now);
        buf_u8(&b, '}');
    }
    buf_str(&b, "]}\n");
    tokens_unref(t);
    answer_take(x, 200, "application/json", NULL, &b);
}

static void read_scopes(js *r, struct token *t)
{
    js_array(r);
    while (js_element(r)) {
        uint8_t scope = scope_of(js_plain(r));
        if (REFUSED(scope == 0))
            js_fail(r, TL_E_FIELD);
        t->scopes |= scope;
    }
}

/* Decoded into memory that does not move. */
static slice read_text(js *r, buf *texts)
{
    size_t before = texts->n;
    js_text(r, texts);
    return slice_of(texts->p + before, texts->n - before);
}

static void read_agents(js *r, struct token *t, buf *texts)
{
    js_array(r);
    while (js_element(r)) {
        slice agent = read_text(r, texts);
        if (REFUSED(t->agent_count == TOKEN_AGENTS_MAX))
            js_fail(r, TL_E_LIMIT);
        else
            t->agents[t->agent_count++] = agent;
    }
}

/* 1970 itself is in the past as well, and 0 would stand for never. */
static uint64_t read_expiry(js *r)
{
    if (js_try_null(r))
        return 0;
    uint64_t ms = js_uint(r, TL_INT_MAX);
    return ms ? ms : 1;
}

/* False for a member that a token has not. */
static bool read_member(js *r, slice key, uint32_t *seen, struct token *t, buf *texts)
{
    if (js_named(r, key, "scopes", seen, 0))
        read_scopes(r, t);
    else if (js_named(r, key, "agents", seen, 1))
        read_agents(r, t, texts);
    else if (js_named(r, key, "label", seen, 2))
        t->label = read_text(r, texts);
    else if (js_named(r, key, "expiresMs", seen, 3))
        t->expires_ms = read_expiry(r);
    else
        return false;
    return true;
}

static tl_err token_read(struct token *t, buf *texts, slice json, struct tl_why *why)
{
    js r = js_of(json);
    uint32_t seen = 0;
    char name[48] = "";
    *t = (struct token){.scopes = 0};
    js_object(&r);
    for (slice key; js_member(&r, &key);) {
        snprintf(name, sizeof name, "%.*s", (int)(key.n < 40 ? key.n : 40), (const char *)key.p);
        if (REFUSED(!read_member(&r, key, &seen, t, texts)) && r.err == TL_OK)
            return tl_explain(why, TL_E_FIELD, name,
                              "a token has scopes, agents, label and expiresMs, and nothing else");
    }
    if (r.err == TL_E_LIMIT || buf_err(texts) == TL_E_LIMIT)
        return tl_explain(why, TL_E_FIELD, name, "%s is too long", name);
    if (r.err == TL_E_FIELD)
        return tl_explain(why, TL_E_FIELD, "scopes",
                          "scopes must be some of append, read, erase, admin");
    if (js_end(&r) != TL_OK)
        return tl_explain(why, TL_E_JSON, name[0] ? name : NULL,
                          "the body must be {\"scopes\":[…]}, with agents, label and expiresMs "
                          "where they are wanted");
    return TL_OK;
}

static void answer_token(struct exchange *x, const struct token *t, const char *text)
{
    uint8_t mem[8192];
    buf b;
    buf_init_fixed(&b, mem, sizeof mem);
    buf_str(&b, "{\"token\":");
    json_put_str(&b, text);
    buf_u8(&b, ',');
    put_token(&b, t, 0);
    buf_str(&b, "}\n");
    if (buf_err(&b) == TL_OK)
        answer(x, 201, "application/json", NULL, buf_slice(&b));
    else
        answer_error(x, buf_err(&b), NULL);
    secret_wipe(mem, sizeof mem);
}

void post_tokens(struct exchange *x)
{
    struct http_query q = {{0}};
    struct tl_why why = {{0}, {0}};
    struct token t;
    char text[TOKEN_TEXT + 1];
    uint8_t mem[TEXTS_MAX];
    buf texts;
    if (!query_or_answer(x, &q, NULL, 0))
        return;
    buf_init_fixed(&texts, mem, sizeof mem);
    tl_err err = token_read(&t, &texts, slice_of(x->body, x->body_got), &why);
    if (err == TL_OK)
        err = log_token_create(x->service->log, &t, text, &why);
    if (err != TL_OK) {
        answer_error(x, err, &why);
        return;
    }
    answer_token(x, &t, text);
    secret_wipe(text, sizeof text);
}

void delete_token(struct exchange *x)
{
    static const char path[] = "/v1/tokens/";
    struct http_query q = {{0}};
    struct tl_why why = {{0}, {0}};
    uint8_t id[TOKEN_ID];
    char body[64];
    if (!query_or_answer(x, &q, NULL, 0))
        return;
    slice text = slice_of(x->head.path.p + sizeof path - 1, x->head.path.n - (sizeof path - 1));
    tl_err err = hex_read(id, sizeof id, text);
    if (err != TL_OK)
        err =
            tl_explain(&why, TL_E_FIELD, "id", "the id of a token has %d hex digits", 2 * TOKEN_ID);
    else
        err = log_token_revoke(x->service->log, id, &why);
    if (err != TL_OK) {
        answer_error(x, err, &why);
        return;
    }
    snprintf(body, sizeof body, "{\"revoked\":\"%.*s\"}\n", 2 * TOKEN_ID, (const char *)text.p);
    answer(x, 200, "application/json", NULL, slice_str(body));
}
