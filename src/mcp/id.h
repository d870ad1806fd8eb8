/* Ids of JSON-RPC, to compare by. Pure. */
#ifndef TL_MCP_ID_H
#define TL_MCP_ID_H

#include "base/err.h"
#include "base/slice.h"

/* Texts by what they say, numbers by their value. */
#define MCP_ID_MAX 256 /* bytes */
struct mcp_id {
    bool set; /* false: null, or neither a text nor a number; equal to none */
    bool number;
    uint16_t n;
    uint8_t text[MCP_ID_MAX];
    double value;
};
/* TL_E_LIMIT: too long. */
tl_err mcp_id_read(struct mcp_id *out, slice spelt) TL_MUST;
bool mcp_id_eq(const struct mcp_id *a, const struct mcp_id *b);
/* Whether a client may take the one for the other: by the number that a text says. */
bool mcp_id_like(const struct mcp_id *a, const struct mcp_id *b);

#endif
