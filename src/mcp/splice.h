/* Where the receipt goes in a result (docs/mcp.md section 4). Pure. */
#ifndef TL_MCP_SPLICE_H
#define TL_MCP_SPLICE_H

#include "base/buf.h"

/* Appends a result with the receipt in it, and in place of each that another has put there. False,
 * and nothing is appended, where it has no place. result: as text_value gave it. */
bool mcp_splice(buf *b, slice result, slice receipt) TL_MUST;

#endif
