/* The server of `teelog mcp -- SERVER`: a process with its standard input and output in our hands.
 */
#ifndef TL_PROXY_SERVER_H
#define TL_PROXY_SERVER_H

#include "base/err.h"
#include "proxy/process.h"

#include <stdbool.h>
#include <sys/types.h>

struct mcp_server {
    pid_t pid;
    int in, out; /* its input, not blocking, and its output; -1: closed */
    bool ended;
    int status; /* of waitpid(2), once ended */
};

/* Starts it. */
tl_err mcp_server_start(struct mcp_server *s, char **argv, const struct mcp_process *process,
                        struct tl_why *why) TL_MUST;
void mcp_server_signal(const struct mcp_server *s, int number);
/* Sets ended where it has. */
void mcp_server_look(struct mcp_server *s);
/* Kills it where it has not ended. */
void mcp_server_end(struct mcp_server *s);
/* As a shell says it: its exit code, or 128 and its signal. It has ended. */
int mcp_server_code(const struct mcp_server *s);
/* "the server has ended with exit code 1" */
void mcp_server_say(char *out, size_t n, const struct mcp_server *s);

#endif
