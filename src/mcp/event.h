/* Server-sent events (HTML, "Server-sent events"), one by one and with all of their bytes. Pure. */
#ifndef TL_MCP_EVENT_H
#define TL_MCP_EVENT_H

#include "base/buf.h"

/* How far a stream has been looked through. Zeros at the beginning of an event. */
struct mcp_event_scan {
    size_t line; /* where the line begins that has not ended */
    size_t seen; /* bytes that have been looked at */
};
/* How long the event at the start of bytes is, its empty line included; 0: more must come. last:
 * the stream has ended with these bytes. */
size_t mcp_event_end(struct mcp_event_scan *s, slice bytes, bool last);

struct mcp_event {
    slice data;   /* borrowed from the event, or, of several lines, from joined */
    bool message; /* it has data, and is of the type message */
    bool has_id;
};
/* TL_E_MEMORY, TL_E_LIMIT. joined: empty. first: of its stream, where a byte order mark may be. */
tl_err mcp_event_read(struct mcp_event *out, buf *joined, slice event, bool first) TL_MUST;
/* Appends the event with other data. */
void mcp_event_put(buf *b, slice event, slice data, bool first);

#endif
