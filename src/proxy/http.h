/* The proxy between agents that speak streamable HTTP and a server that does. */
#ifndef TL_PROXY_HTTP_H
#define TL_PROXY_HTTP_H

#include "client/link.h"
#include "proxy/calls.h"
#include "proxy/process.h"

struct mcp_http_options {
    struct link_url server;
    char target[1024];  /* its path, with its query */
    const char *listen; /* ADDRESS:PORT, of this machine alone */
    const char *ca_file;
    bool json; /* the line that says where it listens */
};
/* Takes the address of the server apart: https://HOST:PORT/PATH, or http:// on this machine. */
tl_err mcp_http_server(struct mcp_http_options *o, const char *url, struct tl_why *why) TL_MUST;

/* Until a signal. *logged: all of it is; else the user has been told. */
tl_err mcp_http(bool *logged, struct mcp_calls *calls, struct mcp_log *log,
                const struct mcp_http_options *o, const struct mcp_process *process,
                struct tl_why *why) TL_MUST;
/* After that: false where threads still wait for the server, for a minute it may be, and use what
 * exit(3) takes down. */
bool mcp_http_is_quiet(void);

#endif
