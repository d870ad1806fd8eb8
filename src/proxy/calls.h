/* The calls that go through the MCP proxy: what is logged of a message, when it may go on, and
 * what goes on in its place (docs/mcp.md). Knows nothing of how messages come and go. */
#ifndef TL_PROXY_CALLS_H
#define TL_PROXY_CALLS_H

#include "proxy/log.h"
#include "proxy/rules.h"

#define MCP_MESSAGE_MAX (64u << 20) /* bytes */
#define MCP_IN_FLIGHT   256
#define MCP_HOLD        2000 /* milliseconds that a result waits for its record */

struct mcp_call;

enum mcp_item_state {
    MCP_ITEM_HELD,    /* something is being logged first */
    MCP_ITEM_READY,   /* text may go on */
    MCP_ITEM_REFUSED, /* of the agent: text, which may be empty, is the answer to it */
};

/* A message, or a batch, with all of its bytes. */
struct mcp_item {
    struct mcp_item *next; /* the transport's */
    size_t at;             /* likewise: bytes that are written */
    size_t cost;           /* likewise: of its queue */
    buf text;              /* owned */
    buf judged;            /* owned; as it was read, where not all of it is UTF-8; else empty */
    bool line;             /* of stdio */
    enum mcp_item_state state;
    bool spliced;  /* a receipt has been put in */
    bool withheld; /* of the server: it does not go on; text is empty */
    /* What follows is of calls.c. */
    bool cancels;
    size_t waiting; /* records */
    int64_t until;  /* when a held one of the server goes on without them; 0: never */
    char why[640];  /* why it is refused; empty: it is not */
    struct mcp_call *calls, **last;
};
struct mcp_item *mcp_item_new(buf *text, bool line); /* takes text over; NULL: memory is short */

struct mcp_calls_options {
    const char *server;
    const struct mcp_rules *rules;
};
struct mcp_calls;
/* Options and log are borrowed. */
tl_err mcp_calls_new(struct mcp_calls **out, const struct mcp_calls_options *o,
                     struct mcp_log *log) TL_MUST;
void mcp_calls_free(struct mcp_calls *c);

/* Whose answers belong to whose calls. */
typedef uint64_t mcp_scope;
struct mcp_where {
    mcp_scope answers; /* where the answer to a call comes: on this connection */
    mcp_scope session; /* in which ids are given once; 0: not known */
};

/* Judges an item that has been read whole; its state says what next. */
void mcp_calls_from_agent(struct mcp_calls *c, struct mcp_item *item, struct mcp_where where);
void mcp_calls_from_server(struct mcp_calls *c, struct mcp_item *item, struct mcp_where where);
/* An item of the agent that is ready is about to be written. */
void mcp_calls_go(struct mcp_calls *c, struct mcp_item *item, struct mcp_where where);
/* A held item of the server whose time is over becomes ready. */
void mcp_calls_expire(struct mcp_item *item, int64_t now);
/* Forgets an item: written, or not to be written any more. */
void mcp_calls_drop(struct mcp_item *item);
/* No answers come any more: what is in flight has failed, for this reason. */
void mcp_calls_end(struct mcp_calls *c, mcp_scope scope, const char *reason);
/* No answers come any more, to other requests. */
void mcp_ids_end(struct mcp_calls *c, mcp_scope scope);
/* The answers to what is in flight are to be had elsewhere now, until this time. */
void mcp_calls_move(struct mcp_calls *c, mcp_scope from, mcp_scope to, int64_t until);
/* The first such time, or INT64_MAX; and ends what it is over for. */
int64_t mcp_calls_due(const struct mcp_calls *c);
void mcp_calls_overdue(struct mcp_calls *c, int64_t now);
/* Whether answers may come here; and whether further ones may, to what was answered before. */
bool mcp_calls_await(const struct mcp_calls *c, struct mcp_where where);
bool mcp_calls_answered(const struct mcp_calls *c, struct mcp_where where);
/* So many records wait that nothing is to be read that may bring more. */
bool mcp_calls_full(const struct mcp_calls *c);
/* A JSON-RPC error by this proxy; id: as it is spelt, .p == NULL for null. */
void mcp_put_error(buf *b, slice id, slice tool, const char *why);

#endif
