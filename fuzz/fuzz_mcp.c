/* Messages of the Model Context Protocol. What is passed is a text that jansson takes too; a call
 * is one to it as well; and a receipt that was put in can be taken out again. */
#include "mcp/message.h"
#include "mcp/splice.h"
#include "mcp/text.h"

#include "fuzz.h"

#include <jansson.h>

static json_t *load(slice s)
{
    return json_loadb((const char *)s.p, s.n,
                      JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
}

/* jansson keeps the last of equal names, as JavaScript does. */
static void agent(slice value)
{
    struct mcp_message m;
    const char *why = NULL;
    struct mcp_id id;
    if (mcp_from_agent(&m, value, &why) != TL_OK) {
        MUST(why || value.n > 0);
        return;
    }
    MUST(!m.id.p || m.kind == MCP_CANCEL || mcp_id_read(&id, m.id) == TL_OK);
    json_t *root = load(value);
    const char *method = json_string_value(json_object_get(root, "method"));
    bool call = method && strcmp(method, "tools/call") == 0 &&
                json_string_length(json_object_get(root, "method")) == strlen("tools/call");
    if (root)
        MUST(call == (m.kind == MCP_CALL));
    json_decref(root);
}

static void server(slice value)
{
    struct mcp_message m;
    struct mcp_splice s;
    slice again;
    const char *why;
    if (mcp_from_server(&m, value, &why) != TL_OK || !m.result.p || !mcp_splice_find(&s, m.result))
        return;
    buf b;
    buf_init(&b, value.n + 200);
    slice rest = mcp_splice_put(&b, value, &s, slice_str("{\"intent\":1}"));
    size_t end = b.n;
    buf_bytes(&b, rest);
    MUST(buf_err(&b) == TL_OK);
    MUST(text_whole(&again, buf_slice(&b)) == TL_OK);
    /* Nothing else has changed. */
    size_t front = (size_t)(s.drop.p - value.p);
    MUST(memcmp(b.p, value.p, front) == 0);
    MUST(slice_eq(slice_of(b.p + end, b.n - end), rest));
    MUST(front + s.drop.n + rest.n == value.n);
    /* And it is found where it was put. */
    MUST(mcp_from_server(&m, again, &why) == TL_OK && mcp_splice_find(&s, m.result));
    MUST(slice_eq_str(s.drop, "{\"intent\":1}"));
    buf_finish(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mcp_text t;
    const char *why;
    if (mcp_line(&t, slice_of(data, size), &why) != TL_OK || t.value.n == 0)
        return 0;
    agent(t.value);
    server(t.value);
    struct text_walk w = text_walk_of(t.value);
    for (struct text_part p; t.batch && text_next(&w, &p);) {
        agent(p.value);
        server(p.value);
    }
    MUST(!t.batch || text_end(&w) == TL_OK);
    return 0;
}
