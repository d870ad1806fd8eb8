/* Messages of the Model Context Protocol. What is passed is a text that jansson takes too; a call
 * is one to it as well; and a receipt that was put in can be taken out again. */
#include "mcp/id.h"
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

/* How often the text stands there. */
static size_t count(slice in, slice what)
{
    size_t n = 0;
    for (size_t i = 0; i + what.n <= in.n; i++)
        n += memcmp(in.p + i, what.p, what.n) == 0;
    return n;
}

static void server(slice value)
{
    static const char one[] = "{\"intent\":\"1 of this\"}", other[] = "{\"intent\":\"2 of this\"}";
    struct mcp_message m;
    slice whole;
    const char *why;
    buf b, again, third;
    if (mcp_from_server(&m, value, &why) != TL_OK || !m.result.p)
        return;
    buf_init(&b, 40 * value.n + 200);
    buf_init(&again, 40 * value.n + 200);
    buf_init(&third, 40 * value.n + 200);
    if (mcp_splice(&b, m.result, m.result.p, slice_str(one))) {
        MUST(buf_err(&b) == TL_OK && text_whole(&whole, buf_slice(&b)) == TL_OK);
        /* It is found where it was put, all of it, and put back nothing else changes. */
        MUST(mcp_splice(&again, buf_slice(&b), b.p, slice_str(other)));
        MUST(count(buf_slice(&b), slice_str(one)) == count(buf_slice(&again), slice_str(other)) ||
             count(m.result, slice_str(other)) || count(m.result, slice_str(one)));
        MUST(mcp_splice(&third, buf_slice(&again), again.p, slice_str(one)));
        MUST(slice_eq(buf_slice(&b), buf_slice(&third)));
    } else {
        MUST(b.n == 0);
    }
    buf_finish(&b);
    buf_finish(&again);
    buf_finish(&third);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mcp_text t;
    const char *why;
    if (mcp_line(&t, slice_of(data, size), &why) != TL_OK || t.value.n == 0)
        return 0;
    struct mcp_messages all = mcp_messages_of(&t);
    for (slice value; mcp_next(&all, &value);) {
        agent(value);
        server(value);
    }
    MUST(!t.batch || text_end(&all.batch) == TL_OK);
    return 0;
}
