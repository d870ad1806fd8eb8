#include "http/record_json.h"

#include "base/refuse.h"
#include "http/json_get.h"
#include "tlog/attributes.h"

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

static tl_err request_member(slice *out, const json_t *v, struct tl_why *why)
{
    slice text = {NULL, 0};
    tl_err err = json_get_text(&text, v, names[REQUEST_ID], why);
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
    enum member m = (enum member)json_get_name(key, names, MEMBERS);
    switch (m) {
    case AGENT_ID:
        return json_get_text(&r->agent, v, names[m], why);
    case ROOM_ID:
        return json_get_text(&r->room, v, names[m], why);
    case USER_ID:
        return json_get_text(&r->user, v, names[m], why);
    case TYPE:
        return json_get_text(&r->type, v, names[m], why);
    case CONTENT:
        return json_get_text(&r->content, v, names[m], why);
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

/* More values than attributes can hold, of which each has a comma or a bracket before it and
 * perhaps one of its own: read whole they take fifty times their bytes. */
static bool too_many_values(slice line)
{
    bool inside = false; /* of a string */
    size_t n = 0;
    for (size_t i = 0; i < line.n && line.n > RECORD_ATTRIBUTES_MAX; i++) {
        uint8_t c = line.p[i];
        if (c == '"')
            inside = !inside;
        else if (inside)
            i += c == '\\';
        else
            n += c == ',' || c == '[' || c == '{';
    }
    return n > 2 * RECORD_ATTRIBUTES_MAX + MEMBERS;
}

tl_err record_json_read(struct record_json *j, struct log_record *out, slice line, slice agent,
                        struct tl_why *why)
{
    reset(j);
    if (REFUSED(too_many_values(line)))
        return tl_explain(why, TL_E_FIELD, names[ATTRIBUTES],
                          "attributes have more values than %d bytes can hold",
                          RECORD_ATTRIBUTES_MAX);
    tl_err err = json_get_object(&j->root, line, "a record", names, MEMBERS, why);
    if (err != TL_OK)
        return err;
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
