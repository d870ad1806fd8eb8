/* The proxy between standard input and output and a server's. */
#ifndef TL_PROXY_PIPES_H
#define TL_PROXY_PIPES_H

#include "proxy/calls.h"
#include "proxy/process.h"

/* Until both have ended. *code: that of the server, as a shell says it; -1: the proxy has failed,
 * or not logged all, and the user has been told. An error: the server cannot be started. */
tl_err mcp_stdio(int *code, struct mcp_calls *calls, struct mcp_log *log, char **argv,
                 const struct mcp_process *process, struct tl_why *why) TL_MUST;

#endif
