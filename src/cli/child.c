#include "cli/child.h"

#include "cli/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void scrub_environment(void)
{
    /* unsetenv moves the list, so begin again after each. */
    for (size_t i = 0; environ && environ[i];) {
        const char *equals = strchr(environ[i], '=');
        if (strncmp(environ[i], "TEELOG_", 7) != 0 || !equals) {
            i++;
            continue;
        }
        char *name = strndup(environ[i], (size_t)(equals - environ[i]));
        if (!name || unsetenv(name) != 0)
            _exit(125);
        free(name);
        i = 0;
    }
}

static void child_main(char **argv, const char *socket, const char *token, int go, int failed)
{
    char byte;
    ssize_t n;
    do
        n = read(go, &byte, 1);
    while (n < 0 && errno == EINTR);
    if (n != 1)
        _exit(125);
    scrub_environment();
    if (setenv("TEELOG_SOCKET", socket, 1) == 0 && setenv("TEELOG_TOKEN", token, 1) == 0) {
        signals_reset();
        execvp(argv[0], argv);
    }
    int error = errno;
    n = write(failed, &error, sizeof error);
    (void)n;
    _exit(125);
}

tl_err child_fork(struct child *c, char **argv, const char *socket, const char *token,
                  struct tl_why *why)
{
    int go[2], failed[2];
    if (pipe2(go, O_CLOEXEC) != 0 || pipe2(failed, O_CLOEXEC) != 0)
        return tl_explain(why, TL_E_IO, NULL, "cannot make a pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid < 0)
        return tl_explain(why, TL_E_IO, NULL, "cannot fork: %s", strerror(errno));
    if (pid == 0) {
        close(go[1]);
        close(failed[0]);
        child_main(argv, socket, token, go[0], failed[1]);
    }
    close(go[0]);
    close(failed[1]);
    *c = (struct child){.pid = pid, .go = go[1], .failed = failed[0]};
    return TL_OK;
}

tl_err child_go(struct child *c, const char *name, struct tl_why *why)
{
    int error = 0;
    ssize_t n = write(c->go, "g", 1);
    close(c->go);
    if (n == 1)
        do
            n = read(c->failed, &error, sizeof error);
        while (n < 0 && errno == EINTR);
    close(c->failed);
    if (n == (ssize_t)sizeof error)
        return tl_explain(why, TL_E_IO, NULL, "cannot start %s: %s", name, strerror(error));
    return TL_OK;
}

void child_cancel(struct child *c)
{
    close(c->go);
    close(c->failed);
    while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
        ;
}
