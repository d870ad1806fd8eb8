/* Where the receipt goes in a result (docs/mcp.md section 4). Pure. */
#ifndef TL_MCP_SPLICE_H
#define TL_MCP_SPLICE_H

#include "base/buf.h"

/* In place of `drop`, which may be empty, stand before, the receipt's object, after. */
struct mcp_splice {
    slice drop; /* within the result */
    const char *before, *after;
};

/* False where nothing is to be added. result: as text_value gave it. */
bool mcp_splice_find(struct mcp_splice *out, slice result);
/* Appends text up to the splice, and the receipt; what is left of text comes next. */
slice mcp_splice_put(buf *b, slice text, const struct mcp_splice *s, slice receipt);

#endif
