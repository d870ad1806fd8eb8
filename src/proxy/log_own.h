/* What log.c (what waits) and log_ask.c (the service) share. */
#ifndef TL_PROXY_LOG_OWN_H
#define TL_PROXY_LOG_OWN_H

#include "proxy/log.h"
#include "verify/receipt_check.h"

#define MCP_LOG_SILENCE 10000       /* milliseconds without an answer: the connection is given up */
#define MCP_LOG_BLOCK   2000        /* milliseconds that the loop waits for it, in a step */
#define MCP_ANSWER_MAX  (64u << 20) /* bytes */

struct mcp_entry {
    struct mcp_entry *next;
    const char *type;
    buf content;
    bool has_ref;
    uint64_t ref, least;
    char request_id[33];
    int64_t limit; /* a time; 0: none */
    bool sent;     /* the log may have it */
    bool late;     /* its time is over, and it was sent */
    mcp_log_done done;
    void *ctx;
};

struct mcp_log {
    const struct mcp_log_options *o;
    struct note_key key;
    struct receipt_seen seen;
    struct client *client;
    struct mcp_entry *first, **last;
    size_t count, bytes;
    size_t under_way; /* from the first */
    int64_t asked, retry;
    int backoff;
    bool known;    /* the key, from the options or from the first look */
    char why[512]; /* what stood in the way last */
    char name[NOTE_NAME_MAX + 16];
    buf body, answer;
};

void mcp_log_set_key(struct mcp_log *l, const struct note_key *key);
/* Gives one its fate; *at points to it. It is gone after that, save MCP_UNKNOWN. */
void mcp_log_settle(struct mcp_log *l, struct mcp_entry **at, const struct mcp_logged *fate);

/* Sends what waits. */
tl_err mcp_log_ask(struct mcp_log *l, struct tl_why *why) TL_MUST;
/* Takes the answer, of which something is there. */
void mcp_log_receive(struct mcp_log *l);
/* Gives the connection up, for a pause of so many milliseconds, or one that grows where it is 0. */
void mcp_log_hang_up(struct mcp_log *l, int64_t pause, const struct tl_why *why, tl_err err);

#endif
