/* What mcp_exchange.c (the agent's side) and mcp_upstream.c (the server's) share. */
#ifndef TL_CLI_MCP_EXCHANGE_OWN_H
#define TL_CLI_MCP_EXCHANGE_OWN_H

#include "cli/mcp_exchange.h"
#include "mcp/event.h"
#include "mcp/head.h"

#define MCP_READ_CHUNK (64u << 10)
#define MCP_OUT_MAX    (4u << 20) /* bytes for the agent, beyond which the server is not read */

enum mcp_step {
    MCP_STEP_HEAD,   /* of the next request */
    MCP_STEP_BODY,   /* of it */
    MCP_STEP_HELD,   /* it is being logged */
    MCP_STEP_ANSWER, /* it is sent, and its answer comes */
    MCP_STEP_END,    /* the last bytes go to the agent, and no more come */
};
enum mcp_mode {
    MCP_MODE_HEAD,   /* the answer's head has not come */
    MCP_MODE_PLAIN,  /* nothing in it is a result that is awaited */
    MCP_MODE_JSON,   /* it is read whole */
    MCP_MODE_EVENTS, /* each of them is an item */
    MCP_MODE_DONE,
};

/* An event, or the whole of a JSON answer, with the item of the message in it. */
struct mcp_parcel {
    struct mcp_parcel *next;
    buf bytes;             /* as it came; empty of a JSON answer, whose item is all */
    struct mcp_item *item; /* NULL: no message in it */
};

struct mcp_exchange {
    struct mcp_gate *gate;
    int fd; /* not blocking */
    enum mcp_step step;
    bool gone; /* the agent */
    bool last; /* no request comes after this one */
    buf in;    /* from the agent */
    buf out;   /* to the agent */
    size_t out_at;
    int64_t idle_since;

    buf head_bytes, body;
    struct mcp_head head;
    struct mcp_framing framing;
    struct mcp_where where;
    struct mcp_item *item; /* the request, while it is logged */

    struct link up; /* .fd == -1: none */
    buf ask;        /* to the server */
    size_t asked;
    buf got; /* from the server */
    enum mcp_mode mode;
    buf answer_bytes;
    struct mcp_head answer;
    struct mcp_framing answer_framing;
    buf text; /* of the answer: what no parcel has been made of */
    struct mcp_event_scan scan;
    struct mcp_parcel *first, **end; /* that the agent has not got */
    bool chunked;                    /* so the agent gets its answer */
    bool came;                       /* all of the answer */
    bool broken;                     /* it will not come whole */
    bool resumable;
    bool stalled;  /* the server may have sent more than was read, for want of room */
    char why[400]; /* why calls have failed, where the answer does not say */
};

/* Opens the connection and sends x->body, which is let go. */
void mcp_upstream_begin(struct mcp_exchange *x);
/* Writes and reads what can be. */
void mcp_upstream_move(struct mcp_exchange *x, int64_t now);
short mcp_upstream_events(const struct mcp_exchange *x);
bool mcp_upstream_due(const struct mcp_exchange *x); /* at once, without an event */
/* After the answer's end, or instead of it: calls without an answer have failed, or are awaited. */
void mcp_upstream_end(struct mcp_exchange *x);
/* An answer of our own; its body may be empty. */
void mcp_respond(struct mcp_exchange *x, const char *status, const char *type, slice body);

#endif
