#include "http/record_json.h"

#include "base/refuse.h"
#include "http/attributes.h"

enum member {
    AGENT_ID,
    ROOM_ID,
    USER_ID,
    TYPE,
    CONTENT,
    REF,
    ATTRIBUTES,
    REQUEST_ID,
    MEMBERS,
};
static const char *const names[MEMBERS] = {"agentId", "roomId", "userId",     "type",
                                           "content", "ref",    "attributes", "requestId"};

void record_json_init(struct record_json *j)
{
    j->root = NULL;
    buf_init(&j->attributes, RECORD_ATTRIBUTES_MAX);
}

static void reset(struct record_json *j)
{
    json_decref(j->root);
    j->root = NULL;
    buf_reset(&j->attributes);
}

void record_json_finish(struct record_json *j)
{
    if (!j)
        return;
    reset(j);
    buf_finish(&j->attributes);
}

static enum member member_of(const char *key)
{
    enum member m = AGENT_ID;
    while (m < MEMBERS && strcmp(names[m], key) != 0)
        m++;
    return m;
}

/* jansson's sentence about a duplicate key ends: near '"KEY"'. */
static const char *duplicate_field(const json_error_t *e)
{
    const char *near = strstr(e->text, "near '\"");
    if (!near)
        return NULL;
    near += strlen("near '\"");
    for (enum member m = AGENT_ID; m < MEMBERS; m++) {
        size_t n = strlen(names[m]);
        if (strncmp(near, names[m], n) == 0 && near[n] == '"')
            return names[m];
    }
    return NULL;
}

static tl_err parse(struct record_json *j, slice line, struct tl_why *why)
{
    json_error_t e;
    /* A NUL is a character like others in a text (RFC 8259 section 7); jansson
     * refuses it in keys all the same. */
    j->root = json_loadb((const char *)line.p, line.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e);
    if (!REFUSED(!j->root))
        return TL_OK;
    /* What jansson refuses it explains; without a word, memory was short. */
    if (!e.text[0])
        return TL_E_MEMORY;
    switch (json_error_code(&e)) {
    case json_error_out_of_memory:
        return TL_E_MEMORY;
    case json_error_invalid_utf8:
        return tl_explain(why, TL_E_UTF8, NULL, "not valid UTF-8 at byte %d", e.position);
    case json_error_duplicate_key:
        return tl_explain(why, TL_E_JSON, duplicate_field(&e), "a member comes twice: %.*s", 160,
                          e.text);
    default:
        return tl_explain(why, TL_E_JSON, NULL, "not valid JSON: %.*s", 200, e.text);
    }
}

static tl_err text_member(slice *out, const json_t *v, enum member m, struct tl_why *why)
{
    if (REFUSED(!json_is_string(v)))
        return tl_explain(why, TL_E_FIELD, names[m], "%s must be a text", names[m]);
    *out = slice_of(json_string_value(v), json_string_length(v));
    return TL_OK;
}

static tl_err request_member(slice *out, const json_t *v, struct tl_why *why)
{
    slice text = {NULL, 0};
    tl_err err = text_member(&text, v, REQUEST_ID, why);
    /* An empty slice would mean that there is none. */
    if (err == TL_OK && REFUSED(text.n == 0))
        return tl_explain(why, TL_E_FIELD, "requestId", "requestId must not be empty");
    *out = text;
    return err;
}

static tl_err ref_member(struct log_record *r, const json_t *v, struct tl_why *why)
{
    if (REFUSED(!json_is_integer(v)) || REFUSED(json_integer_value(v) < 0))
        return tl_explain(why, TL_E_FIELD, "ref",
                          "ref must be the index of an earlier statement of the same agent");
    r->has_ref = true;
    r->ref = (uint64_t)json_integer_value(v);
    return TL_OK;
}

static tl_err attributes_member(struct record_json *j, struct log_record *r, const json_t *v,
                                struct tl_why *why)
{
    tl_err err = attributes_put(&j->attributes, v, why);
    r->attributes = buf_slice(&j->attributes);
    return err;
}

static tl_err member(struct record_json *j, struct log_record *r, const char *key, const json_t *v,
                     struct tl_why *why)
{
    enum member m = member_of(key);
    switch (m) {
    case AGENT_ID:
        return text_member(&r->agent, v, m, why);
    case ROOM_ID:
        return text_member(&r->room, v, m, why);
    case USER_ID:
        return text_member(&r->user, v, m, why);
    case TYPE:
        return text_member(&r->type, v, m, why);
    case CONTENT:
        return text_member(&r->content, v, m, why);
    case REF:
        return ref_member(r, v, why);
    case ATTRIBUTES:
        return attributes_member(j, r, v, why);
    case REQUEST_ID:
        return request_member(&r->request, v, why);
    case MEMBERS:
        break;
    }
    return tl_explain(why, TL_E_FIELD, key, "a record has no member %s", key);
}

static tl_err missing(const struct log_record *r, struct tl_why *why)
{
    const slice *const needed[] = {&r->agent, &r->room, &r->user, &r->type, &r->content};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (REFUSED(!needed[i]->p))
            return tl_explain(why, TL_E_FIELD, names[i], "%s is missing", names[i]);
    return TL_OK;
}

tl_err record_json_read(struct record_json *j, struct log_record *out, slice line, slice agent,
                        struct tl_why *why)
{
    reset(j);
    tl_err err = parse(j, line, why);
    if (err != TL_OK)
        return err;
    if (REFUSED(!json_is_object(j->root)))
        return tl_explain(why, TL_E_JSON, NULL, "a record is a JSON object");
    struct log_record r = {.agent = agent.n ? agent : (slice){NULL, 0}};
    for (void *it = json_object_iter(j->root); it && err == TL_OK;
         it = json_object_iter_next(j->root, it))
        err = member(j, &r, json_object_iter_key(it), json_object_iter_value(it), why);
    if (err == TL_OK)
        err = missing(&r, why);
    if (err == TL_OK)
        *out = r;
    return err;
}
