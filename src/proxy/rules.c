#include "proxy/rules.h"

#include "base/refuse.h"
#include "mcp/text.h"

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
    if (!text_decode(&b, tool) || REFUSED(b.n && memchr(out, 0, b.n)))
        return false;
    out[b.n] = 0;
    return true;
}

const struct mcp_rule *mcp_rules_find(const struct mcp_rules *r, slice tool)
{
    static const struct mcp_rule otherwise = {.glob = "*"}, hidden = {.glob = "*",
                                                                      .arguments = MCP_KEEP_DIGEST,
                                                                      .result = MCP_KEEP_DIGEST};
    char name[TOOL_MAX];
    /* What no pattern can be held against may be any tool to the server: it is logged, and
     * nothing that another rule hides is shown. */
    if (!decode(name, tool))
        return mcp_rules_hide(r) ? &hidden : &otherwise;
    for (size_t i = 0; i < r->count; i++)
        if (fnmatch(r->list[i].glob, name, 0) == 0)
            return &r->list[i];
    return &otherwise;
}

bool mcp_rules_hide(const struct mcp_rules *r)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->list[i].pass || r->list[i].arguments != MCP_KEEP_TEXT ||
            r->list[i].result != MCP_KEEP_TEXT)
            return true;
    return false;
}
