#include "cli/mcp_rules.h"

#include "codec/json.h"

#include <fnmatch.h>

#define TOOL_MAX 1024 /* bytes of a name that a rule can match */

static bool keep_read(enum mcp_keep *out, const char *text)
{
    static const char *const names[] = {"text", "digest", "none"};
    for (int i = 0; i < 3; i++)
        if (strcmp(text, names[i]) == 0) {
            *out = (enum mcp_keep)i;
            return true;
        }
    return false;
}

bool mcp_rule_read(struct mcp_rule *out, char *text)
{
    struct mcp_rule rule = {.glob = text};
    char *equals = strrchr(text, '=');
    if (!equals || equals == text)
        return false;
    *equals = 0;
    char *arguments = equals + 1, *comma = strchr(arguments, ',');
    if (comma)
        *comma = 0;
    rule.pass = !comma && strcmp(arguments, "pass") == 0;
    if (!rule.pass && (!keep_read(&rule.arguments, arguments) ||
                       !keep_read(&rule.result, comma ? comma + 1 : arguments)))
        return false;
    *out = rule;
    return true;
}

/* Decoded, for fnmatch; false where it would see another name than the server. */
static bool decode(char *out, slice tool)
{
    buf b;
    buf_init_fixed(&b, (uint8_t *)out, TOOL_MAX - 1);
    js r = js_of(slice_of(tool.p - 1, tool.n + 2)); /* with its quotes */
    js_text(&r, &b);
    if (r.err != TL_OK || (b.n && memchr(out, 0, b.n)))
        return false;
    out[b.n] = 0;
    return true;
}

const struct mcp_rule *mcp_rules_find(const struct mcp_rules *r, slice tool)
{
    static const struct mcp_rule otherwise = {
        .glob = "*", .arguments = MCP_KEEP_TEXT, .result = MCP_KEEP_TEXT};
    char name[TOOL_MAX];
    bool known = decode(name, tool);
    /* A name that no pattern can be held against is of the rule for all tools, if there is one. */
    for (size_t i = 0; i < r->count; i++)
        if (known ? fnmatch(r->list[i].glob, name, 0) == 0 : strcmp(r->list[i].glob, "*") == 0)
            return &r->list[i];
    return &otherwise;
}

bool mcp_rules_hide(const struct mcp_rules *r)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->list[i].arguments != MCP_KEEP_TEXT || r->list[i].result != MCP_KEEP_TEXT)
            return true;
    return false;
}
