#include "http/rest_ask.h"

#include "base/encoding.h"
#include "base/refuse.h"
#include "http/json_get.h"

enum member {
    QUERY,
    PAGE,
    PAGE_SIZE,
    NONCE,
    AGENT_ID, /* from here on: of the query */
    ROOM_ID,
    USER_ID,
    TYPE,
    CONTAINS_CONTENT,
    START_TIMESTAMP,
    END_TIMESTAMP,
    MEMBERS,
};
static const char *const names[MEMBERS] = {
    "query",  "page", "pageSize",        "nonce",          "agentId",     "roomId",
    "userId", "type", "containsContent", "startTimestamp", "endTimestamp"};

tl_err rest_nonce_read(struct rest_nonce *out, slice text, struct tl_why *why)
{
    struct rest_nonce nonce = {.n = text.n / 2};
    if (REFUSED(nonce.n < REST_NONCE_MIN) || REFUSED(nonce.n > REST_NONCE_MAX) ||
        REFUSED(hex_read(nonce.bytes, nonce.n, text) != TL_OK))
        return tl_explain(why, TL_E_FIELD, "nonce", "nonce must be %d to %d bytes in hex",
                          REST_NONCE_MIN, REST_NONCE_MAX);
    *out = nonce;
    return TL_OK;
}

static tl_err bad_number(const char *name, uint64_t max, struct tl_why *why)
{
    return tl_explain(why, TL_E_FIELD, name, "%s must be a whole number from 1 to %llu", name,
                      (unsigned long long)max);
}

tl_err rest_number_read(uint64_t *out, const char *name, slice text, uint64_t max,
                        struct tl_why *why)
{
    uint64_t n = 0;
    if (REFUSED(decimal_read(&n, text, max) != TL_OK || n == 0))
        return bad_number(name, max, why);
    *out = n;
    return TL_OK;
}

static tl_err number_member(uint64_t *out, const json_t *v, enum member m, uint64_t max,
                            struct tl_why *why)
{
    json_int_t n = json_integer_value(v); /* of other types it is 0 */
    if (REFUSED(n < 1) || REFUSED((uint64_t)n > max))
        return bad_number(names[m], max, why);
    *out = (uint64_t)n;
    return TL_OK;
}

static tl_err filter(slice *out, const json_t *v, enum member m, size_t max, struct tl_why *why)
{
    slice text = {NULL, 0};
    tl_err err = json_get_text(&text, v, names[m], why);
    if (err != TL_OK || text.n == 0)
        return err;
    if (REFUSED(text.n > max))
        return tl_explain(why, TL_E_FIELD, names[m], "%s has more than %zu bytes", names[m], max);
    *out = text;
    return TL_OK;
}

/* 0 is what the original's clients send where they mean none. */
static tl_err time_member(bool *has, uint64_t *out, const json_t *v, enum member m,
                          struct tl_why *why)
{
    if (REFUSED(!json_is_integer(v)) || REFUSED(json_integer_value(v) < 0) ||
        REFUSED(json_integer_value(v) >= (json_int_t)TL_INT_MAX))
        return tl_explain(why, TL_E_FIELD, names[m], "%s must be milliseconds since 1970",
                          names[m]);
    *out = (uint64_t)json_integer_value(v);
    *has = *out > 0;
    return TL_OK;
}

/* Nothing that an agent logs has such a type. */
static tl_err own_type(slice type, struct tl_why *why)
{
    return REFUSED(slice_starts(type, slice_str("teelog.")))
               ? tl_explain(why, TL_E_FIELD, names[TYPE],
                            "types that begin with teelog. are the log's own statements; "
                            "/v1/records has them")
               : TL_OK;
}

static tl_err query_member(struct rest_ask *a, const char *key, const json_t *v, struct tl_why *why)
{
    enum member m = (enum member)json_get_name(key, names, MEMBERS);
    tl_err err;
    if (m > NONCE && json_is_null(v) && m < MEMBERS)
        return TL_OK;
    switch (m) {
    case AGENT_ID:
        return filter(&a->agent, v, m, SUBJECT_MAX, why);
    case ROOM_ID:
        return filter(&a->room, v, m, RECORD_ID_MAX, why);
    case USER_ID:
        return filter(&a->user, v, m, RECORD_ID_MAX, why);
    case TYPE:
        err = filter(&a->type, v, m, TYPE_MAX, why);
        return err == TL_OK ? own_type(a->type, why) : err;
    case CONTAINS_CONTENT:
        return filter(&a->text, v, m, QUERY_TEXT_MAX, why);
    case START_TIMESTAMP:
        return time_member(&a->has_start, &a->start_ms, v, m, why);
    case END_TIMESTAMP:
        return time_member(&a->has_end, &a->end_ms, v, m, why);
    default:
        return tl_explain(why, TL_E_FIELD, key, "query has no member %s", key);
    }
}

static tl_err read_query(struct rest_ask *a, json_t *query, struct tl_why *why)
{
    tl_err err = TL_OK;
    if (REFUSED(!json_is_object(query)))
        return tl_explain(why, TL_E_FIELD, names[QUERY], "query must be an object");
    for (void *it = json_object_iter(query); it && err == TL_OK;
         it = json_object_iter_next(query, it))
        err = query_member(a, json_object_iter_key(it), json_object_iter_value(it), why);
    return err;
}

static tl_err member(struct rest_ask *a, const char *key, json_t *v, struct tl_why *why)
{
    slice text = {NULL, 0};
    tl_err err;
    enum member m = (enum member)json_get_name(key, names, MEMBERS);
    if (m <= NONCE && json_is_null(v))
        return TL_OK;
    switch (m) {
    case QUERY:
        return read_query(a, v, why);
    case PAGE:
        return number_member(&a->page, v, m, REST_PAGE_MAX, why);
    case PAGE_SIZE:
        return number_member(&a->page_size, v, m, QUERY_LIMIT_MAX, why);
    case NONCE:
        err = json_get_text(&text, v, names[m], why);
        return err == TL_OK ? rest_nonce_read(&a->nonce, text, why) : err;
    default:
        return tl_explain(why, TL_E_FIELD, key, "the request has no member %s", key);
    }
}

tl_err rest_ask_read(struct rest_ask *out, slice body, struct tl_why *why)
{
    *out = (struct rest_ask){.page = 1, .page_size = 10};
    if (body.n == 0)
        return TL_OK;
    tl_err err = json_get_object(&out->root, body, "a request", names, MEMBERS, why);
    for (void *it = err == TL_OK ? json_object_iter(out->root) : NULL; it && err == TL_OK;
         it = json_object_iter_next(out->root, it))
        err = member(out, json_object_iter_key(it), json_object_iter_value(it), why);
    return err;
}

void rest_ask_finish(struct rest_ask *ask)
{
    json_decref(ask->root);
    ask->root = NULL;
}
