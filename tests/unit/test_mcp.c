/* Messages of the Model Context Protocol: what they are, and where a receipt goes in. */
#include "testlib.h"

#include "mcp/id.h"
#include "mcp/message.h"
#include "mcp/splice.h"
#include "mcp/text.h"

/* ---- texts ---- */

static tl_err whole(const char *text)
{
    slice value;
    return text_whole(&value, slice_str(text));
}

static void nested(buf *b, size_t depth, const char *open, const char *close)
{
    buf_reset(b);
    for (size_t i = 0; i < depth; i++)
        buf_str(b, open);
    buf_str(b, "1");
    for (size_t i = 0; i < depth; i++)
        buf_str(b, close);
}

static void values(void **state)
{
    static const char *const good[] = {
        "1",
        " -1.5e+3 ",
        "null",
        "\"\\u00e9\"",
        "[]",
        "{}",
        "[[],{}]",
        "{\"a\":{\"b\":[1,{}]},\"a\":2}",
        "\t[ 1 , 2 ]\r\n",
        "{ \"\" : [ ] }",
        "\"\\ud83d\"", /* a text that JavaScript has cut */
        "\"\\udc00\\ud800\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    };
    static const char *const bad[] = {
        "",
        " ",
        "1 2",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\" 1}",
        "{a:1}",
        "{\"a\":1,}",
        "{\"a\":1 \"b\":2}",
        "[1}",
        "{\"a\":1]",
        "[",
        "{",
        "[1",
        "{\"a\":1",
        "\"a",
        "01",
        "nul",
        "[1]]",
        "{\"a\":}",
        "{1:2}",
        "{\"a\\x\":1}",
        "{\"a\":1,2}",
        "\"\\",
        "\"\\\"",
        "\"\\u12\"",
        "\"\\u123x\"",
        "\"\\a\"",
        "\"\x01\"",
        "\"\xff\"",
        "\"\xed\xa0\x80\"",
        "{\"\\ug\":1}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_ok(whole(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_err(whole(bad[i]), TL_E_JSON);
    slice value;
    assert_err(text_whole(&value, slice_of("1\0", 2)), TL_E_JSON);
    assert_err(text_whole(&value, slice_of("\"\\\0\"", 4)), TL_E_JSON);
}

static void depth(void **state)
{
    slice value;
    buf b;
    (void)state;
    buf_init(&b, 1 << 20);
    nested(&b, TEXT_MAX_DEPTH, "[", "]");
    assert_ok(text_whole(&value, buf_slice(&b)));
    nested(&b, TEXT_MAX_DEPTH + 1, "[", "]");
    assert_err(text_whole(&value, buf_slice(&b)), TL_E_DEPTH);
    nested(&b, TEXT_MAX_DEPTH, "{\"a\":", "}");
    assert_ok(text_whole(&value, buf_slice(&b)));
    nested(&b, TEXT_MAX_DEPTH + 1, "{\"a\":", "}");
    assert_err(text_whole(&value, buf_slice(&b)), TL_E_DEPTH);
    /* One kind within the other, to the last bit. */
    nested(&b, TEXT_MAX_DEPTH / 2, "[{\"a\":", "}]");
    assert_ok(text_whole(&value, buf_slice(&b)));
    b.p[b.n - 1] = '}';
    assert_err(text_whole(&value, buf_slice(&b)), TL_E_JSON);
    buf_finish(&b);
}

static void walks(void **state)
{
    static const char text[] = "{ \"a\" :1, \"b\\n\": [2] ,\"\":{} }";
    struct text_part p;
    struct text_walk w = text_walk_of(slice_str(text));
    (void)state;
    assert_true(text_next(&w, &p) && slice_eq_str(p.name, "a") && slice_eq_str(p.value, "1"));
    assert_true(text_next(&w, &p) && slice_eq_str(p.name, "b\\n") && slice_eq_str(p.value, "[2]"));
    assert_true(text_next(&w, &p) && p.name.n == 0 && slice_eq_str(p.value, "{}"));
    assert_false(text_next(&w, &p));
    assert_false(text_next(&w, &p));
    assert_ok(text_end(&w));
    assert_ptr_equal(w.close, text + sizeof text - 2);
    w = text_walk_of(slice_str("[1,[2]]"));
    assert_true(text_next(&w, &p) && p.name.p == NULL && slice_eq_str(p.value, "1"));
    assert_true(text_next(&w, &p) && slice_eq_str(p.value, "[2]"));
    assert_false(text_next(&w, &p));
    assert_ok(text_end(&w));
    static const char *const bad[] = {"1", "", "[1", "[1 2]", "{\"a\" 1}", "{1}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        w = text_walk_of(slice_str(bad[i]));
        while (text_next(&w, &p))
            ;
        assert_err(text_end(&w), TL_E_JSON);
    }
}

static void names(void **state)
{
    static const char text[] = "\"\\u005fme\\u0074a\"";
    (void)state;
    assert_true(text_is(slice_of(text + 1, sizeof text - 3), "_meta"));
    assert_false(text_is(slice_of(text + 1, sizeof text - 3), "_meto"));
    assert_true(text_is(slice_str("_meta"), "_meta"));
    assert_true(text_is((slice){NULL, 0}, ""));
    char longer[202];
    memset(longer, 'x', sizeof longer);
    memcpy(longer, "\"\\n", 3);
    longer[201] = '"';
    assert_false(text_is(slice_of(longer + 1, 200), "_meta"));
}

/* ---- messages ---- */

static tl_err line(struct mcp_text *t, slice text)
{
    const char *why = NULL;
    tl_err err = mcp_line(t, text, &why);
    assert_true(err == TL_OK || why);
    return err;
}

static void lines(void **state)
{
    struct mcp_text t;
    const char *why;
    (void)state;
    assert_ok(line(&t, slice_str("{\"a\":1}\r\n")));
    assert_true(slice_eq_str(t.value, "{\"a\":1}") && !t.batch);
    assert_ok(line(&t, slice_str(" [1]")));
    assert_true(slice_eq_str(t.value, "[1]") && t.batch);
    assert_ok(line(&t, slice_str("{}\r")));
    for (size_t i = 0; i < 4; i++) {
        static const char *const blank[] = {"", "\n", " \t\r\n", "\r"};
        assert_ok(line(&t, slice_str(blank[i])));
        assert_int_equal(t.value.n, 0);
    }
    assert_err(line(&t, slice_str("{\"a\":\r1}\n")), TL_E_JSON);
    assert_err(line(&t, slice_str("{}\r\r\n")), TL_E_JSON);
    assert_err(line(&t, slice_str("1\n")), TL_E_JSON);
    assert_err(line(&t, slice_str("\"x\"\n")), TL_E_JSON);
    assert_err(line(&t, slice_str("{}{}\n")), TL_E_JSON);
    assert_err(line(&t, slice_of("\0\n", 2)), TL_E_JSON);
    assert_ok(mcp_body(&t, slice_str("{\"a\":\r\n1}\r\n"), &why)); /* no lines there */
}

static void batches(void **state)
{
    struct mcp_text t;
    slice value;
    (void)state;
    assert_ok(line(&t, slice_str("[{}, [] ,1]\n")));
    struct mcp_messages m = mcp_messages_of(&t);
    assert_true(mcp_next(&m, &value) && slice_eq_str(value, "{}"));
    assert_true(mcp_next(&m, &value) && slice_eq_str(value, "[]"));
    assert_true(mcp_next(&m, &value) && slice_eq_str(value, "1"));
    assert_false(mcp_next(&m, &value));
    assert_ok(line(&t, slice_str("{}\n")));
    m = mcp_messages_of(&t);
    assert_true(mcp_next(&m, &value) && slice_eq_str(value, "{}"));
    assert_false(mcp_next(&m, &value));
    assert_ok(line(&t, slice_str("\n")));
    m = mcp_messages_of(&t);
    assert_false(mcp_next(&m, &value));
}

static tl_err agent(struct mcp_message *m, const char *text)
{
    const char *why = NULL;
    struct mcp_message before = *m;
    tl_err err = mcp_from_agent(m, slice_str(text), &why);
    assert_true(err == TL_OK || (why && before.kind == m->kind && before.id.p == m->id.p));
    return err;
}

#define LONG "0123456789012345678901234567890123456789012345678901234567890123"

static void calls(void **state)
{
    struct mcp_message m = {.kind = MCP_OTHER};
    (void)state;
    assert_ok(agent(&m, "{\"jsonrpc\":\"2.0\",\"id\": \"a\" "
                        ",\"method\":\"tools\\/c\\u0061ll\",\"params\":{\"name\":\"p\\\"q\","
                        "\"arguments\": {\"x\":1} }}"));
    assert_int_equal(m.kind, MCP_CALL);
    assert_true(slice_eq_str(m.id, "\"a\"") && slice_eq_str(m.tool, "p\\\"q"));
    assert_true(slice_eq_str(m.arguments, "{\"x\":1}") && m.request && !m.more);
    assert_ok(agent(&m, "{\"method\":\"tools/call\",\"params\":{\"name\":\"p\",\"_meta\":{}}}"));
    assert_true(m.kind == MCP_CALL && !m.request && !m.id.p && !m.arguments.p && !m.more);
    assert_ok(agent(&m, "{\"method\":\"tools/call\",\"params\":{\"name\":\"p\",\"task\":{}}}"));
    assert_true(m.more);
    static const char *const others[] = {
        "{}",
        "{\"id\":1,\"method\":\"tools/list\"}",
        "{\"id\":[],\"method\":\"x\",\"X\":1,\"x\":1,\"x\":2,\"meth\":\"tools/call\",\"\":0}",
        "{\"method\":\"\"}",
        "{\"method\":\"tools/calls\"}",
        "{\"id\":\"" LONG LONG LONG LONG LONG "\",\"result\":{}}",
        "{\"\\ud83d\":\"tools/call\"}",
        "{\"id\":1,\"result\":{}}",
        "{\"method\":\"notifications/cancelled\"}",
        "{\"method\":\"notifications/cancelled\",\"params\":{}}",
        "{\"id\":1,\"method\":\"tools/list\",\"params\":{\"name\":1,\"name\":2}}",
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_ok(agent(&m, others[i]));
        assert_int_equal(m.kind, MCP_OTHER);
    }
    static const char *const bad[] = {
        "[]",
        "1",
        "{\"id\":1,\"id\":2}",
        "{\"method\":\"x\",\"method\":\"tools/call\"}",
        "{\"Method\":\"tools/call\"}",
        "{\"m\\u0065thod\":\"tools/call\"}",
        "{\"m\\u0065thod\":\"x\"}",
        "{\"method\\u0000\":\"tools/call\"}",
        "{\"paramſ\":1}",
        "{\"id\":1,\"method\":7}",
        "{\"method\":[\"tools/call\"]}",
        "{\"method\":true}",
        "{\"method\":\"tools/call \"}",
        "{\"method\":\"\\ttools/Call\"}",
        "{\"method\":\"toolſ/call\"}",
        "{\"method\":\"tools/call\\u0000\"}",
        "{\"method\":\"tools/call\\u0000 and so on, as long as one likes\"}",
        "{\"method\":\"tools/call\\ud800\"}",
        "{\"id\":null,\"method\":\"tools/call\",\"params\":{\"name\":\"a\"}}",
        "{\"id\":[1],\"method\":\"tools/call\",\"params\":{\"name\":\"a\"}}",
        "{\"id\":\"\\ud83d\",\"method\":\"tools/call\",\"params\":{\"name\":\"a\"}}",
        "{\"method\":\"tools/call\",\"params\":{\"name\":\"a\",\"name\\u0000\":\"b\"}}",
        "{\"method\":\"tools/call\"}",
        "{\"method\":\"tools/call\",\"params\":[]}",
        "{\"method\":\"tools/call\",\"params\":{}}",
        "{\"method\":\"tools/call\",\"params\":{\"name\":1}}",
        "{\"method\":\"tools/call\",\"params\":{\"name\":\"a\",\"name\":\"b\"}}",
        "{\"method\":\"tools/call\",\"params\":{\"name\":\"a\",\"nAme\":\"b\"}}",
        "{\"method\":\"tools/call\",\"params\":{\"name\":\"a\",\"ARGUMENTS\":1}}",
        "{\"method\":\"tools/call\",\"params\":{\"name\":\"a\",\"argument\xc5\xbf\":1}}",
        "{\"method\":\"tools/call\",\"params\":{\"name\":\"a\",\"arguments\":1,\"arguments\":1}}",
        "{\"method\":\"tools/call\",\"params\":{\"name\":\"a\",\"\\u0061rguments\":1}}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_err(agent(&m, bad[i]), TL_E_JSON);
    char text[MCP_TOOL_MAX + 100];
    for (int more = 0; more < 2; more++) {
        snprintf(text, sizeof text, "{\"method\":\"tools/call\",\"params\":{\"name\":\"%0*d\"}}",
                 MCP_TOOL_MAX + more, 7);
        assert_int_equal(agent(&m, text), more ? TL_E_JSON : TL_OK);
    }
    assert_ok(agent(&m, "{\"method\":\"tools/call\",\"params\":{\"name\":\"a\"},\"x\":1}"));
    assert_int_equal(m.kind, MCP_CALL);
    assert_ok(agent(
        &m, "{\"method\":\"tools/"
            "call\",\"params\":{\"name\":\"a\",\"names\":1,\"nam\":1,\"argument\xc5\xbe\":1}}"));
}

static void other_texts(void **state)
{
    (void)state;
    static const char *const may[] = {"{\"method\":\"tools/call\"", "x tools\\/call", "\\u0074"};
    for (size_t i = 0; i < sizeof may / sizeof *may; i++)
        assert_true(mcp_may_call(slice_str(may[i])));
    assert_true(mcp_may_call(slice_of("t\0o\0o\0", 6)));
    assert_false(mcp_may_call(slice_str("garbage \\ tools call u")));
    assert_false(mcp_may_call((slice){NULL, 0}));
}

static void cancellations(void **state)
{
    struct mcp_message m = {.kind = MCP_OTHER};
    (void)state;
    assert_ok(agent(
        &m,
        "{\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":7,\"reason\":\"r\"}}"));
    assert_true(m.kind == MCP_CANCEL && slice_eq_str(m.id, "7") && slice_eq_str(m.reason, "\"r\""));
}

static tl_err server(struct mcp_message *m, const char *text)
{
    const char *why = NULL;
    tl_err err = mcp_from_server(m, slice_str(text), &why);
    assert_true(err == TL_OK || why);
    return err;
}

static void answers(void **state)
{
    struct mcp_message m;
    (void)state;
    assert_ok(server(&m, "{\"x\":1,\"id\":1,\"result\":{\"a\":1}}"));
    assert_true(m.kind == MCP_ANSWER && slice_eq_str(m.result, "{\"a\":1}") && !m.error.p);
    assert_ok(server(&m, "{\"id\":1,\"error\":{}}"));
    assert_true(m.kind == MCP_ANSWER && m.error.p);
    assert_ok(server(&m, "{\"error\":{}}"));
    assert_int_equal(m.kind, MCP_OTHER);
    assert_ok(server(&m, "{\"id\":1,\"method\":\"sampling/createMessage\"}"));
    assert_true(m.kind == MCP_OTHER && m.request);
    assert_err(server(&m, "{\"id\":1,\"result\":{},\"error\":{}}"), TL_E_JSON);
    assert_err(server(&m, "{\"id\":1,\"result\":{},\"method\":\"x\"}"), TL_E_JSON);
    assert_err(server(&m, "{\"id\":1,\"result\":{},\"result\":{}}"), TL_E_JSON);
    assert_err(server(&m, "{\"id\":1,\"r\\u0065sult\":{}}"), TL_E_JSON);
    assert_err(server(&m, "{\"ID\":1,\"result\":{}}"), TL_E_JSON);
    assert_ok(server(&m, "{\"id\":1,\"result\":\"\\ud83d\"}"));
    assert_err(server(&m, "[]"), TL_E_JSON);
}

static struct mcp_id id_of(const char *text)
{
    struct mcp_id id;
    assert_ok(mcp_id_read(&id, slice_str(text)));
    return id;
}

static bool same(const char *a, const char *b)
{
    struct mcp_id x = id_of(a), y = id_of(b);
    return mcp_id_eq(&x, &y);
}

static bool like(const char *a, const char *b)
{
    struct mcp_id x = id_of(a), y = id_of(b);
    return mcp_id_like(&x, &y) && mcp_id_like(&y, &x);
}

static void ids(void **state)
{
    struct mcp_message m = {.kind = MCP_OTHER};
    char text[MCP_ID_MAX + 64], message[sizeof text + 32];
    struct mcp_id id;
    (void)state;
    assert_true(same("1", "1.0") && same("1e2", "100") && same("\"a\"", "\"\\u0061\""));
    assert_false(same("1", "\"1\"") || same("1", "2") || same("null", "null") || same("{}", "{}"));
    assert_false(same("\"a\"", "\"ab\""));
    assert_true(like("1", "\"1\"") && like("\" 0x10\\n\"", "16") && like("\"\"", "0"));
    assert_true(like("\"1.0\"", "\"1\"") && like("\"a\"", "\"a\""));
    assert_false(like("1", "\"1x\"") || like("null", "0") || like("\"a\"", "\"b\"") ||
                 like("\"1\\u0000\"", "1"));
    snprintf(text, sizeof text, "\"%0*d\"", MCP_ID_MAX - 1, 7);
    assert_ok(mcp_id_read(&id, slice_str(text)));
    assert_int_equal(id.n, MCP_ID_MAX - 1);
    snprintf(text, sizeof text, "\"%0*d\"", MCP_ID_MAX, 7);
    assert_err(mcp_id_read(&id, slice_str(text)), TL_E_LIMIT);
    snprintf(message, sizeof message, "{\"id\":%s,\"method\":\"x\"}", text);
    assert_err(agent(&m, message), TL_E_JSON);
    snprintf(message, sizeof message, "{\"id\":%s,\"result\":{}}", text);
    assert_err(server(&m, message), TL_E_JSON);
}

/* ---- the receipt's place ---- */

static void spliced(const char *result, const char *want)
{
    buf b;
    buf_init(&b, 4096);
    assert_true(mcp_splice(&b, slice_str(result), slice_str(result).p, slice_str("{R}")) ==
                (want != NULL));
    assert_ok(buf_err(&b));
    assert_int_equal(b.n, want ? strlen(want) : 0);
    if (want)
        assert_memory_equal(b.p, want, b.n);
    buf_finish(&b);
}

#define R "\"teelog/receipt\":"

static void places(void **state)
{
    (void)state;
    spliced("{}", "{\"_meta\":{" R "{R}}}");
    spliced("{ }", "{ \"_meta\":{" R "{R}}}");
    spliced("{\"a\":1 }", "{\"a\":1 ,\"_meta\":{" R "{R}}}");
    spliced("{\"_meta\":{},\"a\":1}", "{\"_meta\":{" R "{R}},\"a\":1}");
    spliced("{\"_meta\":{\"a\":1}}", "{\"_meta\":{\"a\":1," R "{R}}}");
    spliced("{\"_meta\":{\"teelog\\/receipt\": 7 }}", "{\"_meta\":{\"teelog\\/receipt\": {R} }}");
    /* What another has put there is of nobody that the agent speaks to, wherever it stands. */
    spliced("{\"_meta\":{},\"_meta\":{" R "1}}", "{\"_meta\":{},\"_meta\":{" R "{R}}}");
    spliced("{\"_meta\":{" R "1},\"_meta\":{}}", "{\"_meta\":{" R "{R}},\"_meta\":{" R "{R}}}");
    spliced("{\"_meta\":{" R "1},\"_meta\":null}", "{\"_meta\":{" R "{R}},\"_meta\":null}");
    spliced("{\"_meta\":{" R "1,\"b\":2," R "[]}}", "{\"_meta\":{" R "{R},\"b\":2," R "{R}}}");
    buf b;
    buf_init(&b, 100);
    assert_true(mcp_splice(&b, slice_str("{\"a\":\"??\",\"_meta\":{}}"),
                           slice_str("{\"a\":\"\xff\xfe\",\"_meta\":{}}").p, slice_str("{R}")));
    assert_true(slice_eq_str(buf_slice(&b), "{\"a\":\"\xff\xfe\",\"_meta\":{" R "{R}}}"));
    buf_finish(&b);
    spliced("{\"_meta\":[]}", NULL);
    spliced("{\"_meta\":null}", NULL);
    spliced("{\"_meta\":{" R "1},\"_meta\":[]", NULL);
    spliced("[]", NULL);
    spliced("7", NULL);
    spliced("{\"a\":1", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),        cmocka_unit_test(depth),   cmocka_unit_test(walks),
        cmocka_unit_test(names),         cmocka_unit_test(lines),   cmocka_unit_test(calls),
        cmocka_unit_test(cancellations), cmocka_unit_test(answers), cmocka_unit_test(ids),
        cmocka_unit_test(places),        cmocka_unit_test(batches), cmocka_unit_test(other_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
