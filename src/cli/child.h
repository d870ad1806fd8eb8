/* The command of `run`: forked before any thread exists, started by being told the log's key. */
#ifndef TL_CLI_CHILD_H
#define TL_CLI_CHILD_H

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

struct child {
    pid_t pid;
    bool group; /* it leads a process group of its own */
    int go;     /* what comes here lets it exec */
    int failed; /* reads its errno where exec failed, else ends */
};

/* Forks. The child waits; where child_go is never called it ends without having
 * run anything. It gets a process group of its own, unless standard input is a
 * terminal, of which it could not read then. Its environment is ours without TEELOG_ variables,
 * with TEELOG_SOCKET and TEELOG_TOKEN set, and TEELOG_LOG_KEY. argv is NULL-terminated. */
tl_err child_fork(struct child *c, char **argv, const char *socket, const char *token,
                  struct tl_why *why) TL_MUST;
/* Lets it run: TL_OK once exec has succeeded. */
tl_err child_go(struct child *c, const char *name, const char *log_key, struct tl_why *why) TL_MUST;
/* Sends it off without having run. */
void child_cancel(struct child *c);

/* In a child: becomes the command, without our TEELOG_ variables, and with these (a name, its
 * value, …, NULL). Where that fails its errno goes to failed, */
_Noreturn void child_exec(char **argv, const char *const *variables, int failed);
/* from where this reads it: once the command has begun, 0. */
int child_exec_error(int failed);

/* Sends a signal to it, with its group where it has one of its own. */
void child_signal(const struct child *c, int number);
/* Begins its end: SIGTERM now, and SIGKILL some seconds later, whatever this
 * process does meanwhile. Where child_end_wait has not returned as long again
 * after that, this process exits as a `run` that failed. */
void child_end(const struct child *c);
/* Waits for that end. What is left of its group is killed with it. */
void child_end_wait(const struct child *c);

#endif
