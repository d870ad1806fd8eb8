/* What is recorded of which tools' calls. */
#include "testlib.h"

#include "proxy/record.h"
#include "proxy/rules.h"

static struct mcp_rule read_rule(const char *text, bool good)
{
    static char copy[4][64];
    static size_t next;
    struct mcp_rule rule = {.glob = "untouched"};
    char *mem = copy[next++ % 4]; /* which the rule keeps */
    snprintf(mem, sizeof copy[0], "%s", text);
    assert_int_equal(mcp_rule_read(&rule, mem), good);
    assert_true(good || strcmp(rule.glob, "untouched") == 0);
    return rule;
}

static void reading(void **state)
{
    (void)state;
    struct mcp_rule r = read_rule("a=b*=digest", true);
    assert_string_equal(r.glob, "a=b*");
    assert_true(!r.pass && r.arguments == MCP_KEEP_DIGEST && r.result == MCP_KEEP_DIGEST);
    r = read_rule("x=text,none", true);
    assert_true(!r.pass && r.arguments == MCP_KEEP_TEXT && r.result == MCP_KEEP_NONE);
    assert_true(read_rule("x=pass", true).pass);
    static const char *const bad[] = {
        "",         "x",       "=text",   "x=",          "x=Text",
        "x=pass,x", "x=text,", "x=,text", "x=text,pass", "x=text,none,none"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        (void)read_rule(bad[i], false);
}

/* The rule for a name as JSON spells it. */
static const struct mcp_rule *find(const struct mcp_rules *r, const char *spelt)
{
    char text[4096];
    snprintf(text, sizeof text, "\"%s\"", spelt);
    return mcp_rules_find(r, slice_of(text + 1, strlen(spelt)));
}

static void finding(void **state)
{
    struct mcp_rule list[] = {read_rule("get-*=none", true), read_rule("pay=text", true),
                              read_rule("*=pass", true)};
    struct mcp_rules all = {list, 3, 100}, one = {list + 1, 1, 100};
    char longer[1100];
    (void)state;
    assert_ptr_equal(find(&all, "get-x"), &list[0]);
    assert_ptr_equal(find(&all, "g\\u0065t-x"), &list[0]);
    assert_ptr_equal(find(&all, "pay"), &list[1]);
    assert_ptr_equal(find(&all, "Pay"), &list[2]);
    assert_ptr_equal(find(&all, ""), &list[2]);
    assert_true(mcp_rules_hide(&all) && !mcp_rules_hide(&one));
    assert_true(find(&one, "other")->arguments == MCP_KEEP_TEXT && !find(&one, "other")->pass);
    /* What is no name to a pattern is logged, and shown only where nothing is hidden. */
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = 0;
    const char *const strange[] = {"pay\\u0000", "\\ud83d", longer};
    for (size_t i = 0; i < 3; i++) {
        assert_true(!find(&all, strange[i])->pass);
        assert_int_equal(find(&all, strange[i])->arguments, MCP_KEEP_DIGEST);
        assert_int_equal(find(&all, strange[i])->result, MCP_KEEP_DIGEST);
        assert_int_equal(find(&one, strange[i])->arguments, MCP_KEEP_TEXT);
    }
}

static void wants(buf *b, const char *want)
{
    assert_ok(buf_err(b));
    assert_int_equal(b->n, strlen(want));
    assert_memory_equal(b->p, want, b->n);
    buf_reset(b);
}

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void contents(void **state)
{
    struct mcp_about about = {.server = "s\"", .nonce = "n", .tool = slice_str("a\\u0062")};
    uint8_t *large = calloc(1, MCP_CONTENT_MAX);
    buf b;
    (void)state;
    buf_init(&b, 1 << 20);
    mcp_content_begin(&b, "intent", &about);
    wants(&b, "{\"phase\":\"intent\",\"id\":\"n\",\"server\":\"s\\\"\",\"tool\":\"a\\u0062\"");
    about.id = slice_str("1.0");
    about.tool.p = NULL;
    mcp_content_begin(&b, "x", &about);
    wants(&b, "{\"phase\":\"x\",\"id\":\"n\",\"server\":\"s\\\"\",\"requestId\":1.0");
    mcp_content_keep(&b, "r", slice_str("{ }"), MCP_KEEP_TEXT, 3);
    wants(&b, ",\"r\":{ }");
    mcp_content_keep(&b, "r", slice_of("", 0), MCP_KEEP_DIGEST, 3);
    wants(&b, ",\"r\":{\"sha256\":\"" EMPTY "\",\"bytes\":0}");
    mcp_content_keep(&b, "r", slice_str("{  }"), MCP_KEEP_TEXT, 3);
    assert_non_null(memmem(b.p, b.n, "\"bytes\":4}", 10));
    buf_reset(&b);
    mcp_content_keep(&b, "r", slice_str("1"), MCP_KEEP_NONE, 3);
    mcp_content_keep(&b, "r", (slice){NULL, 0}, MCP_KEEP_TEXT, 3);
    wants(&b, "");
    mcp_content_bytes(&b, "m", slice_str("\"\n"), MCP_KEEP_TEXT, 3);
    wants(&b, ",\"m\":\"\\\"\\n\"");
    mcp_content_bytes(&b, "m", slice_str("\xff"), MCP_KEEP_TEXT, 3);
    assert_non_null(memmem(b.p, b.n, "\"bytes\":1}", 10));
    buf_reset(&b);
    /* Text that is six times as long as a record has it. */
    assert_non_null(large);
    mcp_content_bytes(&b, "m", slice_of(large, 262144), MCP_KEEP_TEXT, 262144);
    assert_non_null(memmem(b.p, b.n, "\"bytes\":262144}", 15));
    buf_reset(&b);
    mcp_content_bytes(&b, "m", slice_of(large, 131072), MCP_KEEP_TEXT, 262144);
    assert_ok(buf_err(&b));
    buf_reset(&b);
    mcp_content_why(&b, "w", "cut \xe2\x82");
    wants(&b, ",\"w\":\"cut \"");
    free(large);
    buf_finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading),
        cmocka_unit_test(finding),
        cmocka_unit_test(contents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
