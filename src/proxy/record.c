#include "proxy/record.h"

#include "base/encoding.h"
#include "codec/json_put.h"
#include "crypto/hash.h"

void mcp_content_begin(buf *b, const char *phase, const struct mcp_about *about)
{
    buf_str(b, "{\"phase\":");
    json_put_str(b, phase);
    json_put_member(b, "id", about->nonce);
    json_put_member(b, "server", about->server);
    if (about->tool.p) {
        json_put_name(b, "tool");
        buf_u8(b, '"');
        buf_bytes(b, about->tool);
        buf_u8(b, '"');
    }
    if (about->id.p) {
        json_put_name(b, "requestId");
        buf_bytes(b, about->id);
    }
}

static void put_digest(buf *b, slice bytes)
{
    hash32 h = sha256(bytes);
    buf_str(b, "{\"sha256\":\"");
    hex_put(b, hash_slice(&h));
    buf_u8(b, '"');
    json_put_number(b, "bytes", bytes.n);
    buf_u8(b, '}');
}

void mcp_content_keep(buf *b, const char *name, slice value, enum mcp_keep keep, size_t text_max)
{
    if (!value.p || keep == MCP_KEEP_NONE)
        return;
    json_put_name(b, name);
    if (keep == MCP_KEEP_TEXT && value.n <= text_max)
        buf_bytes(b, value);
    else
        put_digest(b, value);
}

void mcp_content_bytes(buf *b, const char *name, slice bytes, enum mcp_keep keep, size_t text_max)
{
    json_put_name(b, name);
    /* A control character takes six bytes. */
    if (keep == MCP_KEEP_TEXT && bytes.n <= text_max && bytes.n <= MCP_CONTENT_MAX / 8 &&
        utf8_valid(bytes))
        json_put_text(b, bytes);
    else
        put_digest(b, bytes);
}

void mcp_content_why(buf *b, const char *name, const char *text)
{
    slice s = slice_str(text);
    while (!utf8_valid(s))
        s.n--;
    json_put_slice(b, name, s);
}
