/* The command of `run`: forked before any thread exists, started by a go-byte. */
#ifndef TL_CLI_CHILD_H
#define TL_CLI_CHILD_H

#include "base/err.h"

#include <sys/types.h>

struct child {
    pid_t pid;
    int go;     /* one byte here lets it exec */
    int failed; /* reads its errno where exec failed, else ends */
};

/* Forks. The child waits; where the go-byte never comes it ends without having
 * run anything. Its environment is ours without TEELOG_ variables, with
 * TEELOG_SOCKET and TEELOG_TOKEN set. argv is NULL-terminated. */
tl_err child_fork(struct child *c, char **argv, const char *socket, const char *token,
                  struct tl_why *why) TL_MUST;
/* Lets it run: TL_OK once exec has succeeded. */
tl_err child_go(struct child *c, const char *name, struct tl_why *why) TL_MUST;
/* Sends it off without having run. */
void child_cancel(struct child *c);

#endif
