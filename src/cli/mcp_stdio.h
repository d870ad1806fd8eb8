/* The proxy between standard input and output and a server's. */
#ifndef TL_CLI_MCP_STDIO_H
#define TL_CLI_MCP_STDIO_H

#include "cli/mcp_calls.h"

/* Until both have ended. signals_open has been called. The exit code. */
int mcp_stdio(struct mcp_calls *calls, struct mcp_log *log, char **argv);

#endif
