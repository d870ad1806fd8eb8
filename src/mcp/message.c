#include "mcp/message.h"

#include "base/refuse.h"
#include "mcp/id.h"

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

struct mcp_messages mcp_messages_of(const struct mcp_text *t)
{
    struct mcp_messages m = {.is_batch = t->batch};
    if (t->batch)
        m.batch = text_walk_of(t->value);
    else
        m.one = t->value;
    return m;
}

bool mcp_next(struct mcp_messages *m, slice *value)
{
    struct text_part p;
    if (m->is_batch) {
        if (!text_next(&m->batch, &p))
            return false;
        *value = p.value;
        return true;
    }
    if (m->one.n == 0)
        return false;
    *value = m->one;
    m->one.n = 0;
    return true;
}

/* ---- objects ---- */

/* The members that JSON-RPC knows. */
struct envelope {
    slice jsonrpc, id, method, params, result, error;
};

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

/* Programs in C end a text there. */
static bool has_zero(slice spelt)
{
    return spelt.n && memmem(spelt.p, spelt.n, "\\u0000", 6) != NULL;
}

/* The same of a name as it is spelt. */
static bool resembles(slice spelt, const char *wanted)
{
    uint8_t mem[32]; /* no name that is asked for is longer */
    buf b;
    buf_init_fixed(&b, mem, sizeof mem);
    return text_decode(&b, spelt) && folds_to(buf_slice(&b), wanted);
}

/* Where the value of this name is kept; NULL for another's. *exact: it is the name itself. */
static slice *envelope_member(struct envelope *e, slice name, bool *exact)
{
    static const char *const names[] = {"jsonrpc", "id", "method", "params", "result", "error"};
    slice *const to[] = {&e->jsonrpc, &e->id, &e->method, &e->params, &e->result, &e->error};
    for (size_t i = 0; i < sizeof to / sizeof *to; i++)
        if (resembles(name, names[i])) {
            *exact = slice_eq_str(name, names[i]);
            return to[i];
        }
    return NULL;
}

static tl_err envelope(struct envelope *e, slice value, const char **why)
{
    struct text_walk w = text_walk_of(value);
    bool exact = true;
    if (REFUSED(!w.object))
        return because(why, TL_E_JSON, "a message is an object");
    for (struct text_part p; text_next(&w, &p);) {
        slice *to = envelope_member(e, p.name, &exact);
        if (REFUSED(has_zero(p.name)))
            return because(why, TL_E_JSON, "a member's name has a zero in it");
        if (to && REFUSED(!exact))
            return because(why, TL_E_JSON,
                           "a member's name differs by letter case, or has an escape");
        if (to && REFUSED(to->p != NULL))
            return because(why, TL_E_JSON, "a member stands twice");
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

/* Takes a member of this name, which stands once, and in no other spelling. */
static tl_err take(slice *to, const char *wanted, const struct text_part *p, bool *taken,
                   const char **why)
{
    *taken = resembles(p->name, wanted);
    if (!*taken)
        return TL_OK;
    if (REFUSED(!slice_eq_str(p->name, wanted)))
        return because(why, TL_E_JSON,
                       "a parameter's name differs by letter case, or has an escape");
    if (REFUSED(to->p != NULL))
        return because(why, TL_E_JSON, "a parameter stands twice");
    *to = p->value;
    return TL_OK;
}

static bool has_id(slice spelt)
{
    struct mcp_id id;
    return mcp_id_read(&id, spelt) == TL_OK && id.set;
}

static tl_err call(struct mcp_message *m, const char **why)
{
    slice tool = {NULL, 0};
    bool taken = false;
    struct text_walk w = text_walk_of(m->params); /* an array names nothing */
    for (struct text_part p; text_next(&w, &p);) {
        if (REFUSED(has_zero(p.name)))
            return because(why, TL_E_JSON, "a parameter's name has a zero in it");
        tl_err err = take(&tool, "name", &p, &taken, why);
        if (err == TL_OK && !taken)
            err = take(&m->arguments, "arguments", &p, &taken, why);
        if (err != TL_OK)
            return err;
        m->more = m->more || (!taken && !slice_eq_str(p.name, "_meta"));
    }
    if (REFUSED(!unquote(&m->tool, tool)))
        return because(why, TL_E_JSON, "a call names its tool by a text, in an object");
    if (REFUSED(m->tool.n > MCP_TOOL_MAX))
        return because(why, TL_E_JSON, "a tool's name is too long");
    if (m->id.p && REFUSED(!has_id(m->id)))
        return because(why, TL_E_JSON, "the id of a call is a text or a number");
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

/* A method that is not tools/call, but may be to another: some readers do not tell cases apart, or
 * take white space off. */
static bool resembles_call(slice method)
{
    uint8_t mem[256];
    buf b;
    buf_init_fixed(&b, mem, sizeof mem);
    if (has_zero(method) || !text_decode(&b, method)) /* half of a pair, or no end of white space */
        return true;
    slice s = buf_slice(&b);
    while (s.n && s.p[0] <= ' ')
        s = slice_of(s.p + 1, s.n - 1);
    while (s.n && s.p[s.n - 1] <= ' ')
        s.n--;
    return folds_to(s, "tools/call");
}

tl_err mcp_from_agent(struct mcp_message *out, slice value, const char **why)
{
    struct envelope e = {.id = {NULL, 0}};
    slice method = {NULL, 0};
    tl_err err = envelope(&e, value, why);
    if (err == TL_OK && e.method.p) /* that of an answer the server has chosen */
        err = check_id(e.id, why);
    if (err == TL_OK && e.method.p && REFUSED(!unquote(&method, e.method)))
        err = because(why, TL_E_JSON, "a method is a text");
    if (err != TL_OK)
        return err;
    struct mcp_message m = {.id = e.id, .params = e.params, .request = e.method.p && e.id.p};
    if (text_is(method, "tools/call"))
        err = call(&m, why);
    else if (method.n && REFUSED(resembles_call(method)))
        err = because(why, TL_E_JSON, "a method resembles tools/call");
    else if (text_is(method, "notifications/cancelled"))
        cancellation(&m);
    if (err == TL_OK)
        *out = m;
    return err;
}

tl_err mcp_from_server(struct mcp_message *out, slice value, const char **why)
{
    struct envelope e = {.id = {NULL, 0}};
    tl_err err = envelope(&e, value, why);
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

/* ---- what is no JSON ---- */

bool mcp_may_call(slice bytes)
{
    static const char *const signs[] = {"tools/call", "tools\\/call", "\\u"};
    for (size_t i = 0; bytes.n && i < sizeof signs / sizeof *signs; i++)
        if (REFUSED(memmem(bytes.p, bytes.n, signs[i], strlen(signs[i])) != NULL))
            return true;
    return bytes.n &&
           REFUSED(memchr(bytes.p, 0, bytes.n) != NULL); /* UTF-16, or a text that ends there */
}
