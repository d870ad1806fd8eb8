/* What is recorded of which tools' calls: --rule GLOB=ARGUMENTS[,RESULT] (docs/mcp.md section 2).
 */
#ifndef TL_PROXY_RULES_H
#define TL_PROXY_RULES_H

#include "base/slice.h"

#define MCP_TEXT_MAX      65536  /* bytes of a text in a record, without --text-max */
#define MCP_TEXT_MAX_MOST 262144 /* what --text-max takes */

enum mcp_keep { MCP_KEEP_TEXT, MCP_KEEP_DIGEST, MCP_KEEP_NONE };

struct mcp_rule {
    const char *glob; /* of fnmatch(3) */
    bool pass;        /* not logged at all */
    enum mcp_keep arguments, result;
};
struct mcp_rules {
    struct mcp_rule *list; /* the first that matches counts */
    size_t count;
    size_t text_max; /* bytes */
};

/* Reads what the option is given, which it keeps and cuts in two. */
bool mcp_rule_read(struct mcp_rule *out, char *text);
/* tool: its name as JSON spells it, without quotes. Never NULL. */
const struct mcp_rule *mcp_rules_find(const struct mcp_rules *r, slice tool);
/* Whether any of them keeps arguments or results out of the log. */
bool mcp_rules_hide(const struct mcp_rules *r);

#endif
