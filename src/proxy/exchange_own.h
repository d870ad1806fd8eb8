/* What exchange.c (the agent's side), upstream.c (the server's) and parcel.c (from the
 * one to the other) share. */
#ifndef TL_PROXY_EXCHANGE_OWN_H
#define TL_PROXY_EXCHANGE_OWN_H

#include "mcp/event.h"
#include "mcp/head.h"
#include "proxy/dial.h"
#include "proxy/exchange.h"

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
    bool first;            /* event of its stream */
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

    struct mcp_dial *dial; /* NULL: none; then */
    struct link up;        /* .fd == -1: none */
    buf ask;               /* to the server */
    size_t asked;
    buf got; /* from the server */
    enum mcp_mode mode;
    buf answer_bytes;
    struct mcp_head answer;
    struct mcp_framing answer_framing;
    buf text; /* of the answer: what no parcel has been made of */
    struct mcp_event_scan scan;
    bool begun;                      /* an event has come */
    struct mcp_parcel *first, **end; /* that the agent has not got */
    bool chunked;                    /* so the agent gets its answer */
    bool came;                       /* all of the answer */
    bool broken;                     /* it will not come whole */
    bool resumable;
    bool stalled;  /* the server may have sent more than was read, for want of room */
    char why[400]; /* why calls have failed, where the answer does not say */
};

/* Begins to open the connection, on which x->body will be sent; that is let go. */
void mcp_upstream_begin(struct mcp_exchange *x);
/* Writes and reads what can be. */
void mcp_upstream_move(struct mcp_exchange *x, int64_t now);
/* What it waits for, and on which descriptor; -1: nothing. */
struct pollfd mcp_upstream_wants(const struct mcp_exchange *x);
bool mcp_upstream_due(const struct mcp_exchange *x); /* at once, without an event */
/* After the answer's end, or instead of it: calls without an answer have failed, or are awaited. */
void mcp_upstream_end(struct mcp_exchange *x);
/* The answer, or the rest of it, cannot be had: the agent is told so where it has nothing of it
 * yet. */
void mcp_fail(struct mcp_exchange *x, const char *why);
/* The answer's head, for the agent; of no length: in chunks. */
void mcp_put_head(struct mcp_exchange *x, const size_t *length);

/* A piece of the answer's body; then, once x->came says whether it is all: what can be made of it.
 */
void mcp_parcels_take(struct mcp_exchange *x, slice piece);
void mcp_parcels_cut(struct mcp_exchange *x);
/* Hands on to the agent what may go. */
void mcp_parcels_hand_on(struct mcp_exchange *x, int64_t now);
void mcp_parcels_drop(struct mcp_exchange *x);

/* Where the rest of a stream of its session comes, once that is taken up again. */
mcp_scope mcp_exchange_resumed(const struct mcp_exchange *x);
/* An answer of our own; its body may be empty. */
void mcp_respond(struct mcp_exchange *x, const char *status, const char *type, slice body);

#endif
