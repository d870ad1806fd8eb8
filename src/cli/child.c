#include "cli/child.h"

#include "cli/cli.h"
#include "cli/cores.h"
#include "cli/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define GRACE 5 /* seconds between SIGTERM and SIGKILL */

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
            _exit(EXIT_RUN_FAILED);
        free(name);
        i = 0;
    }
}

/* The log's key, which nobody knows before the log is open, and which says that we may go. */
static void await_go(int go, char *log_key, size_t size)
{
    size_t n = 0;
    while (n < size - 1) {
        ssize_t got = read(go, log_key + n, size - 1 - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    if (n == 0)
        _exit(EXIT_RUN_FAILED);
    log_key[n] = 0;
}

void child_exec(char **argv, const char *const *variables, int failed)
{
    bool set = true;
    scrub_environment();
    for (; set && *variables; variables += 2)
        set = setenv(variables[0], variables[1], 1) == 0;
    if (set) {
        signals_reset();
        cores_reset();
        execvp(argv[0], argv);
    }
    int error = errno;
    ssize_t n = write(failed, &error, sizeof error);
    (void)n;
    _exit(EXIT_RUN_FAILED);
}

int child_exec_error(int failed)
{
    int error = 0;
    ssize_t n;
    do
        n = read(failed, &error, sizeof error);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof error ? error : 0;
}

static void child_main(char **argv, const char *socket, const char *token, int go, int failed)
{
    char log_key[512];
    await_go(go, log_key, sizeof log_key);
    const char *const variables[] = {
        "TEELOG_SOCKET", socket, "TEELOG_TOKEN", token, "TEELOG_LOG_KEY", log_key, NULL};
    child_exec(argv, variables, failed);
}

tl_err child_fork(struct child *c, char **argv, const char *socket, const char *token,
                  struct tl_why *why)
{
    int go[2], failed[2];
    if (pipe2(go, O_CLOEXEC) != 0 || pipe2(failed, O_CLOEXEC) != 0)
        return tl_explain(why, TL_E_IO, NULL, "cannot make a pipe: %s", strerror(errno));
    bool group = !isatty(STDIN_FILENO);
    pid_t pid = fork();
    if (pid < 0)
        return tl_explain(why, TL_E_IO, NULL, "cannot fork: %s", strerror(errno));
    /* Both do it: neither may go on before it is done. */
    if (group && setpgid(pid, pid) != 0)
        group = false;
    if (pid == 0) {
        close(go[1]);
        close(failed[0]);
        child_main(argv, socket, token, go[0], failed[1]);
    }
    close(go[0]);
    close(failed[1]);
    *c = (struct child){.pid = pid, .group = group, .go = go[1], .failed = failed[0]};
    return TL_OK;
}

tl_err child_go(struct child *c, const char *name, const char *log_key, struct tl_why *why)
{
    ssize_t n = write(c->go, log_key, strlen(log_key)); /* less than PIPE_BUF: whole */
    close(c->go);
    int error = n > 0 ? child_exec_error(c->failed) : 0;
    close(c->failed);
    if (error)
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

void child_signal(const struct child *c, int number)
{
    /* It may have left its group. */
    if (!c->group || kill(-c->pid, number) != 0)
        (void)kill(c->pid, number);
}

static struct child doomed;
static volatile sig_atomic_t killed;

static void too_long(int number)
{
    (void)number;
    if (killed)
        _exit(EXIT_RUN_FAILED);
    killed = 1;
    child_signal(&doomed, SIGKILL);
    (void)kill(doomed.pid, SIGKILL);
    (void)alarm(GRACE);
}

void child_end(const struct child *c)
{
    struct sigaction act = {.sa_handler = too_long, .sa_flags = SA_RESTART};
    doomed = *c;
    child_signal(c, SIGTERM);
    (void)sigaction(SIGALRM, &act, NULL);
    (void)alarm(GRACE);
}

void child_end_wait(const struct child *c)
{
    while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    (void)alarm(0);
    if (c->group)
        child_signal(c, SIGKILL);
}
