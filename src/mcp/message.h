/* Messages of the Model Context Protocol (JSON-RPC 2.0), judged and not rewritten
 * (docs/mcp.md section 2). Slices are borrowed from the text that was read. Pure. */
#ifndef TL_MCP_MESSAGE_H
#define TL_MCP_MESSAGE_H

#include "mcp/text.h"

enum mcp_kind {
    MCP_OTHER,  /* passes */
    MCP_CALL,   /* of the agent: tools/call */
    MCP_CANCEL, /* of the agent: notifications/cancelled */
    MCP_ANSWER, /* of the server: a result or an error, with an id */
};

/* Members that are not there have .p == NULL. */
struct mcp_message {
    enum mcp_kind kind;
    slice id;        /* as it is spelt; of a cancellation: whose it is */
    bool request;    /* has a method and an id: somebody waits for an answer */
    slice tool;      /* of a call: its name as it is spelt, without quotes */
    slice params;    /* of a call */
    slice arguments; /* of a call */
    bool more;       /* of a call: params has others than name, arguments, _meta */
    slice reason;    /* of a cancellation */
    slice result, error;
};

/* A text is one message, or a batch of them. */
struct mcp_text {
    slice value; /* without white space around it; .n == 0: white space alone */
    bool batch;
};

/* What a line of stdio, with its end, or the body of a POST holds. TL_E_JSON, TL_E_DEPTH: it cannot
 * be read, and *why, a constant, says why. A line may have a CR before its LF alone. */
tl_err mcp_line(struct mcp_text *out, slice line, const char **why) TL_MUST;
tl_err mcp_body(struct mcp_text *out, slice body, const char **why) TL_MUST;
/* The messages of a text, one after the other: itself, or those of a batch. */
struct mcp_messages {
    slice one; /* .n == 0: no more */
    struct text_walk batch;
    bool is_batch;
};
struct mcp_messages mcp_messages_of(const struct mcp_text *t);
bool mcp_next(struct mcp_messages *m, slice *value);

/* A message that mcp_next has given, from the agent or from the server. The same errors: what
 * another reader might read otherwise is refused. */
tl_err mcp_from_agent(struct mcp_message *out, slice value, const char **why) TL_MUST;
tl_err mcp_from_server(struct mcp_message *out, slice value, const char **why) TL_MUST;

#define MCP_TOOL_MAX 4096 /* bytes of a tool's name, as it is spelt */

/* Whether what is no JSON may still be a call to who reads it otherwise. */
bool mcp_may_call(slice bytes);

#endif
