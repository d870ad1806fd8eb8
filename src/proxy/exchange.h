/* One connection of an agent to the MCP proxy, and the one to the server for each of its requests
 * (docs/mcp.md section 7). */
#ifndef TL_PROXY_EXCHANGE_H
#define TL_PROXY_EXCHANGE_H

#include "client/link.h"
#include "proxy/calls.h"

#include <poll.h>

/* What they share. */
struct mcp_gate {
    struct mcp_calls *calls;
    const struct link_url *server;
    const char *target; /* the server's path, with its query */
    const char *ca_file;
    mcp_scope last; /* that was given out */
};

struct mcp_exchange;
/* Takes fd over. NULL: memory is short. */
struct mcp_exchange *mcp_exchange_new(struct mcp_gate *gate, int fd);
/* Whatever has not ended has failed. */
void mcp_exchange_free(struct mcp_exchange *x);

/* Two entries for poll(2). */
void mcp_exchange_wants(const struct mcp_exchange *x, struct pollfd f[2]);
/* The time when it is due without input; INT64_MAX: never. */
int64_t mcp_exchange_due(const struct mcp_exchange *x, int64_t now);
/* After poll(2), or when the log has moved. False: it has ended, and is to be freed. */
bool mcp_exchange_move(struct mcp_exchange *x, const struct pollfd f[2], int64_t now);

#endif
