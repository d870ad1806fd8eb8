/* Where the receipt goes in a result (docs/mcp.md section 4). Pure. */
#ifndef TL_MCP_SPLICE_H
#define TL_MCP_SPLICE_H

#include "base/buf.h"

/* Appends a result with the receipt in it, and in place of each that another has put there. False,
 * and nothing is appended, where it has no place. result: as text_value gave it. bytes: what is
 * appended of it, as many as it has; they differ where it was read with something in place of
 * what is no UTF-8. */
bool mcp_splice(buf *b, slice result, const uint8_t *bytes, slice receipt) TL_MUST;

#endif
