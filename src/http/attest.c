/* POST /v1/attest: the running log's answer to the caller's nonce, as a bundle. */
#include "base/refuse.h"
#include "http/internal.h"
#include "http/json_get.h"

enum member { NONCE, AGENT, CHAIN, MEMBERS };
static const char *const names[MEMBERS] = {"nonce", "agent", "chain"};

/* Slices are borrowed from root. */
struct asked {
    json_t *root;
    uint8_t nonce[FRESH_NONCE_MAX];
    size_t nonce_size; /* 0: none */
    slice agent;
    bool chain;
};

static tl_err read_member(struct asked *a, const char *key, const json_t *v, struct tl_why *why)
{
    slice text = {NULL, 0};
    tl_err err;
    switch ((enum member)json_get_name(key, names, MEMBERS)) {
    case NONCE:
        err = json_get_text(&text, v, key, why);
        if (err == TL_OK && REFUSED(fresh_nonce_read(a->nonce, &a->nonce_size, text) != TL_OK))
            return tl_explain(why, TL_E_FIELD, key, "nonce must be %d to %d bytes in hex",
                              FRESH_NONCE_MIN, FRESH_NONCE_MAX);
        return err;
    case AGENT:
        err = json_get_text(&a->agent, v, key, why);
        if (err == TL_OK && REFUSED(a->agent.n == 0 || a->agent.n > SUBJECT_MAX))
            return tl_explain(why, TL_E_FIELD, key, "agent must have 1 to %d bytes", SUBJECT_MAX);
        return err;
    case CHAIN:
        a->chain = json_is_true(v);
        return REFUSED(!json_is_boolean(v))
                   ? tl_explain(why, TL_E_FIELD, key, "chain must be true or false")
                   : TL_OK;
    case MEMBERS:
        break;
    }
    return tl_explain(why, TL_E_FIELD, key, "the request has no member %s", key);
}

static tl_err asked_read(struct asked *a, slice body, struct tl_why *why)
{
    tl_err err = json_get_object(&a->root, body, "a request", names, MEMBERS, why);
    for (void *it = err == TL_OK ? json_object_iter(a->root) : NULL; it && err == TL_OK;
         it = json_object_iter_next(a->root, it))
        err = read_member(a, json_object_iter_key(it), json_object_iter_value(it), why);
    if (err == TL_OK && REFUSED(a->nonce_size == 0))
        return tl_explain(why, TL_E_FIELD, "nonce", "nonce is missing: bytes of yours in hex");
    if (err == TL_OK && REFUSED(a->chain && !a->agent.p))
        return tl_explain(why, TL_E_FIELD, "agent", "agent is missing: a chain is one agent's");
    return err;
}

void post_attest(struct exchange *x)
{
    struct http_query q = {{0}};
    struct asked a = {.root = NULL};
    struct tl_why why = {{0}, {0}};
    if (!query_or_answer(x, &q, NULL, 0))
        return;
    tl_err err = asked_read(&a, slice_of(x->body, x->body_got), &why);
    if (err == TL_OK && a.agent.p)
        err = caller_agent(x, a.agent, &why);
    if (err == TL_OK)
        export_stream(x, &(struct log_export_options){
                             .agent = a.agent,
                             .withhold_bodies = !(x->caller.scopes & SCOPE_READ),
                             .nonce = slice_of(a.nonce, a.nonce_size),
                             .chain = a.chain,
                         });
    else
        answer_error(x, err, &why);
    json_decref(a.root);
}
