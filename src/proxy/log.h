/* Records on their way into the log, in order, over one connection that is made again when it is
 * lost: for a loop that must not wait. Each is sent, with the same request id, until the
 * log has it. One request is under way at a time, and takes all that waits along. */
#ifndef TL_PROXY_LOG_H
#define TL_PROXY_LOG_H

#include "client/client.h"
#include "client/clock.h"
#include "tlog/note.h"

#define MCP_LOG_RECORDS 1024 /* that may wait */
#define MCP_LOG_BYTES   (64u << 20)

enum mcp_fate {
    MCP_LOGGED,   /* durable, and its receipt checked */
    MCP_REFUSED,  /* it will not be logged, ever */
    MCP_TOO_LATE, /* not in time, and not sent: forgotten */
    MCP_UNKNOWN,  /* not in time, and it may be logged: another fate follows */
};

/* What came of a record; texts are borrowed for the call. */
struct mcp_logged {
    enum mcp_fate fate;
    uint64_t index; /* MCP_LOGGED */
    slice class;
    bool simulated;
    const char *why; /* the others */
};
typedef void (*mcp_log_done)(void *ctx, const struct mcp_logged *l);

struct mcp_log_options {
    /* Opens a connection to the log, by a time of client/clock.h. */
    tl_err (*open)(const void *ctx, struct client **out, int64_t until_ms, struct tl_why *why);
    const void *ctx;
    void (*say)(const char *text); /* to the user */
    const char *agent, *room;
    const struct note_key *key; /* NULL: the first that is seen, which is said */
    int timeout;                /* milliseconds for a record with a limit */
};

struct mcp_log;
/* Options and what they point to are borrowed. */
tl_err mcp_log_new(struct mcp_log **out, const struct mcp_log_options *o,
                   struct tl_why *why) TL_MUST;
void mcp_log_free(struct mcp_log *l); /* what waits is too late; NULL is fine */

/* One record. content is taken over. limited: an intent, whose fate is known within the timeout.
 * done is called from mcp_log_move, never from here; ctx must live until a fate that is not
 * MCP_UNKNOWN. TL_E_FULL: too many wait (content is freed). */
tl_err mcp_log_add(struct mcp_log *l, const char *type, buf *content, const uint64_t *ref,
                   bool limited, mcp_log_done done, void *ctx) TL_MUST;

/* For poll(2): -1 where nothing is waited for on the connection. */
int mcp_log_fd(const struct mcp_log *l);
/* Milliseconds until mcp_log_move is due without input; -1: not. */
int mcp_log_due(const struct mcp_log *l, int64_t now);
void mcp_log_move(struct mcp_log *l, int64_t now);
/* So many wait that no intent is taken. */
bool mcp_log_full(const struct mcp_log *l);
/* NAME+HASH of the log's key, once known; else "". */
const char *mcp_log_name(const struct mcp_log *l);
/* To the user, by options.say. */
__attribute__((format(printf, 2, 3))) void mcp_log_say(const struct mcp_log *l, const char *fmt,
                                                       ...);
/* Moves it for as long as records wait, or some seconds. False, and the user told, where some are
 * left. */
bool mcp_log_finish(struct mcp_log *l);

/* The sooner of a wait for poll(2) (-1: no end), and of a time (0 or INT64_MAX: none). */
int mcp_wait(int wait, int64_t at, int64_t now);

#endif
