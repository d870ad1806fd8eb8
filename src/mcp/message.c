#include "mcp/message.h"

#include "base/refuse.h"
#include "codec/json.h"
#include "mcp/text.h"

#include <stdlib.h>

static tl_err because(const char **why, tl_err err, const char *text)
{
    *why = text;
    return err;
}

/* ---- texts ---- */

tl_err mcp_body(struct mcp_text *out, slice body, const char **why)
{
    struct mcp_text t = {.batch = false};
    size_t i = 0;
    while (i < body.n && strchr(" \t\r\n", body.p[i] ? body.p[i] : 'x'))
        i++;
    if (i == body.n) {
        *out = t;
        return TL_OK;
    }
    tl_err err = text_whole(&t.value, body);
    if (err != TL_OK)
        return because(why, err,
                       err == TL_E_DEPTH ? "it is nested too deeply" : "it is no JSON text");
    t.batch = t.value.p[0] == '[';
    if (REFUSED(!t.batch && t.value.p[0] != '{'))
        return because(why, TL_E_JSON, "it is neither an object nor an array");
    *out = t;
    return TL_OK;
}

tl_err mcp_line(struct mcp_text *out, slice line, const char **why)
{
    slice s = line;
    if (s.n && s.p[s.n - 1] == '\n')
        s.n--;
    if (s.n && s.p[s.n - 1] == '\r')
        s.n--;
    /* Some end lines at a CR as well: they would see other messages than we do. */
    if (REFUSED(s.n && memchr(s.p, '\r', s.n)))
        return because(why, TL_E_JSON, "there is a carriage return within the line");
    return mcp_body(out, s, why);
}

/* ---- objects ---- */

/* The members that JSON-RPC knows. */
struct envelope {
    slice jsonrpc, id, method, params, result, error;
};

static slice *envelope_member(struct envelope *e, slice name)
{
    return slice_eq_str(name, "jsonrpc")  ? &e->jsonrpc
           : slice_eq_str(name, "id")     ? &e->id
           : slice_eq_str(name, "method") ? &e->method
           : slice_eq_str(name, "params") ? &e->params
           : slice_eq_str(name, "result") ? &e->result
           : slice_eq_str(name, "error")  ? &e->error
                                          : NULL;
}

/* strict: no others. */
static tl_err envelope(struct envelope *e, slice value, bool strict, const char **why)
{
    struct text_walk w = text_walk_of(value);
    if (REFUSED(!w.object))
        return because(why, TL_E_JSON, "a message is an object");
    for (struct text_part p; text_next(&w, &p);) {
        slice *to = envelope_member(e, p.name);
        if (REFUSED(to && to->p))
            return because(why, TL_E_JSON, "a member stands twice");
        if (REFUSED(!to && p.name.n && memchr(p.name.p, '\\', p.name.n)))
            return because(why, TL_E_JSON, "a member's name has an escape");
        if (REFUSED(!to && strict))
            return because(why, TL_E_JSON, "a message has no such member");
        if (to)
            *to = p.value;
    }
    return text_end(&w);
}

/* A text's bytes between its quotes; false where it is none. */
static bool unquote(slice *out, slice value)
{
    if (value.n < 2 || value.p[0] != '"')
        return false;
    *out = slice_of(value.p + 1, value.n - 2);
    return true;
}

/* Whether libraries that do not tell cases apart read one name for the other (Go's
 * encoding/json also takes U+017F for s). wanted: of lower case. */
static bool folds_to(slice name, const char *wanted)
{
    size_t i = 0;
    for (; *wanted && i < name.n; wanted++) {
        uint8_t c = name.p[i];
        if (c == 0xc5 && i + 1 < name.n && name.p[i + 1] == 0xbf) {
            c = 's';
            i++;
        }
        c = c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
        if (c != (uint8_t)*wanted)
            return false;
        i++;
    }
    return !*wanted && i == name.n;
}

/* Takes a member of this name, which stands once, and in no other spelling. */
static tl_err take(slice *to, const char *wanted, const struct text_part *p, bool *taken,
                   const char **why)
{
    *taken = folds_to(p->name, wanted);
    if (!*taken)
        return TL_OK;
    if (REFUSED(!slice_eq_str(p->name, wanted)))
        return because(why, TL_E_JSON, "a parameter's name differs in letter case");
    if (REFUSED(to->p != NULL))
        return because(why, TL_E_JSON, "a parameter stands twice");
    *to = p->value;
    return TL_OK;
}

static tl_err call(struct mcp_message *m, const char **why)
{
    slice tool = {NULL, 0};
    bool taken = false;
    struct text_walk w = text_walk_of(m->params); /* an array names nothing */
    for (struct text_part p; text_next(&w, &p);) {
        if (REFUSED(p.name.n && memchr(p.name.p, '\\', p.name.n)))
            return because(why, TL_E_JSON, "a parameter's name has an escape");
        tl_err err = take(&tool, "name", &p, &taken, why);
        if (err == TL_OK && !taken)
            err = take(&m->arguments, "arguments", &p, &taken, why);
        if (err != TL_OK)
            return err;
        m->more = m->more || (!taken && !slice_eq_str(p.name, "_meta"));
    }
    if (REFUSED(!unquote(&m->tool, tool)))
        return because(why, TL_E_JSON, "a call names its tool by a text, in an object");
    m->kind = MCP_CALL;
    return text_end(&w);
}

/* Nothing depends on it: what is no cancellation passes as another notification. */
static void cancellation(struct mcp_message *m)
{
    slice id = {NULL, 0};
    struct text_walk w = text_walk_of(m->params);
    for (struct text_part p; text_next(&w, &p);) {
        if (text_is(p.name, "requestId"))
            id = p.value;
        else if (text_is(p.name, "reason"))
            m->reason = p.value;
    }
    if (id.p && text_end(&w) == TL_OK) {
        m->kind = MCP_CANCEL;
        m->id = id;
    }
}

static tl_err check_id(slice spelt, const char **why)
{
    struct mcp_id id;
    if (spelt.p && mcp_id_read(&id, spelt) != TL_OK)
        return because(why, TL_E_JSON, "its id is too long");
    return TL_OK;
}

tl_err mcp_from_agent(struct mcp_message *out, slice value, const char **why)
{
    struct envelope e = {.id = {NULL, 0}};
    tl_err err = envelope(&e, value, true, why);
    if (err == TL_OK)
        err = check_id(e.id, why);
    if (err != TL_OK)
        return err;
    struct mcp_message m = {.id = e.id, .params = e.params, .request = e.method.p && e.id.p};
    slice method;
    if (unquote(&method, e.method)) {
        if (text_is(method, "tools/call"))
            err = call(&m, why);
        else if (text_is(method, "notifications/cancelled"))
            cancellation(&m);
    }
    if (err == TL_OK)
        *out = m;
    return err;
}

tl_err mcp_from_server(struct mcp_message *out, slice value, const char **why)
{
    struct envelope e = {.id = {NULL, 0}};
    tl_err err = envelope(&e, value, false, why);
    if (err != TL_OK)
        return err;
    struct mcp_message m = {.id = e.id, .result = e.result, .error = e.error};
    bool answers = e.result.p || e.error.p;
    if (REFUSED(answers && e.method.p) || REFUSED(e.result.p && e.error.p))
        return because(why, TL_E_JSON, "a message is a request, a result or an error");
    err = answers ? check_id(e.id, why) : TL_OK;
    if (err != TL_OK)
        return err;
    m.kind = answers && e.id.p ? MCP_ANSWER : MCP_OTHER;
    m.request = e.method.p && e.id.p;
    *out = m;
    return TL_OK;
}

/* ---- ids ---- */

tl_err mcp_id_read(struct mcp_id *out, slice spelt)
{
    struct mcp_id id = {.set = false};
    buf b;
    buf_init_fixed(&b, id.text, sizeof id.text - 1);
    js r = js_of(spelt);
    enum js_kind kind = js_peek(&r);
    if (kind == JS_STRING) {
        js_text(&r, &b);
    } else if (kind == JS_NUMBER) {
        buf_bytes(&b, spelt);
        id.number = true;
    } else {
        *out = id;
        return TL_OK;
    }
    if (REFUSED(buf_err(&b) != TL_OK))
        return TL_E_LIMIT;
    id.set = r.err == TL_OK;
    id.n = (uint16_t)b.n;
    if (id.number) { /* behind it is a zero, which ends it */
        id.value = strtod((const char *)id.text, NULL);
    }
    *out = id;
    return TL_OK;
}

bool mcp_id_eq(const struct mcp_id *a, const struct mcp_id *b)
{
    if (!a->set || !b->set || a->number != b->number)
        return false;
    return slice_eq(slice_of(a->text, a->n), slice_of(b->text, b->n)) ||
           (a->number && a->value == b->value);
}
