/* The proxy between agents that speak streamable HTTP and a server that does. */
#ifndef TL_CLI_MCP_HTTP_H
#define TL_CLI_MCP_HTTP_H

#include "cli/mcp_calls.h"
#include "client/link.h"

struct mcp_http_options {
    struct link_url server;
    char target[1024];  /* its path, with its query */
    const char *listen; /* ADDRESS:PORT, of this machine alone */
    const char *ca_file;
    bool json; /* the line that says where it listens */
};
/* Takes the address of the server apart: https://HOST:PORT/PATH, or http:// on this machine. */
tl_err mcp_http_server(struct mcp_http_options *o, const char *url, struct tl_why *why) TL_MUST;

/* Until SIGTERM. signals_open has been called. The exit code. */
int mcp_http(struct mcp_calls *calls, struct mcp_log *log, const struct mcp_http_options *o);

#endif
