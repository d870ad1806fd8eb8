/* Heads and bodies of HTTP/1.1 messages that a proxy passes on (RFC 9112), strictly: what two
 * readers could take apart in two ways is refused. Slices are borrowed. Pure. */
#ifndef TL_MCP_HEAD_H
#define TL_MCP_HEAD_H

#include "base/buf.h"

#define MCP_HEAD_MAX 65536 /* bytes, the empty line included */

struct mcp_head {
    slice method, target; /* of a request */
    unsigned status;      /* of an answer */
    slice reason;         /* of an answer; may be empty */
    slice fields;         /* all lines of fields, with their ends */
    /* Values; .p == NULL where the field is not there. Each stands once at most. */
    slice host, origin, session, type, last_event_id, location, fetch_site;
    bool has_length, chunked;
    uint64_t length;
    bool close;   /* no other message comes after this one */
    bool expects; /* 100-continue */
    bool encoded; /* compressed, or so */
};

/* How long the head at the start of bytes is; 0: more must come. TL_E_HTTP: too long. */
tl_err mcp_head_find(size_t *size, slice bytes) TL_MUST;
/* A whole head, its empty line included. TL_E_HTTP. */
tl_err mcp_request_read(struct mcp_head *out, slice bytes) TL_MUST;
tl_err mcp_answer_read(struct mcp_head *out, slice bytes) TL_MUST;
/* Appends the fields that go on: all but those of the connection and of the framing, and, of a
 * request, Host and Accept-Encoding. */
void mcp_head_pass(buf *b, const struct mcp_head *h, bool request);
/* Whether a value of Content-Type is this media type, whatever its parameters are. */
bool mcp_is_type(slice value, const char *type);
/* Whether a value of Content-Type is that of JSON in UTF-8, and nothing else to any reader. */
bool mcp_is_json(slice value);
/* Whether a Host, or an Origin, which may have a scheme, names this machine by loopback. */
bool mcp_is_local(slice value);

/* A body, as its pieces come. */
enum mcp_framing_state {
    MCP_BODY_END, /* all of it has come */
    MCP_BODY_LENGTH,
    MCP_BODY_SIZE, /* a chunk's first line */
    MCP_BODY_CHUNK,
    MCP_BODY_CHUNK_END,
    MCP_BODY_TRAILER,
    MCP_BODY_REST, /* until the connection ends */
};
struct mcp_framing {
    enum mcp_framing_state state;
    uint64_t left;
};
struct mcp_framing mcp_framing_of(const struct mcp_head *h, bool request);
/* Takes the next piece off the front of *in. An empty one: the body has ended, or more must come.
 */
tl_err mcp_framing_take(struct mcp_framing *f, slice *piece, slice *in) TL_MUST;

#endif
