/* The records of the MCP proxy (docs/mcp.md section 3). */
#ifndef TL_PROXY_RECORD_H
#define TL_PROXY_RECORD_H

#include "base/buf.h"
#include "proxy/rules.h"

#define MCP_TYPE_CALL       "mcp.tools/call"
#define MCP_TYPE_UNREADABLE "mcp.unreadable"
#define MCP_CONTENT_MAX     (1u << 20) /* bytes, as records have it */

/* Which call a record is about. Borrowed; tool.p and id.p may be NULL. */
struct mcp_about {
    const char *server;
    char nonce[33]; /* random, of this call alone: a receipt of another with the same words is none
                     */
    slice tool, id; /* as they are spelt; tool without its quotes */
};

/* {"phase":…,"id":…,"server":…,"tool":…,"requestId":… and more members, until mcp_call_log ends it.
 */
void mcp_content_begin(buf *b, const char *phase, const struct mcp_about *about);
/* ,"name":value, a JSON text, as the rule has it; nothing where value.p is NULL. */
void mcp_content_keep(buf *b, const char *name, slice value, enum mcp_keep keep, size_t text_max);
/* ,"name":text, which is UTF-8 up to where it may have been cut. */
void mcp_content_why(buf *b, const char *name, const char *text);
/* ,"name":"bytes", which need not be UTF-8: then by digest. */
void mcp_content_bytes(buf *b, const char *name, slice bytes, enum mcp_keep keep, size_t text_max);

#endif
