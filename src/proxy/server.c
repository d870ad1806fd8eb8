#include "proxy/server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void server_main(char **argv, const struct mcp_process *process, int in, int out, int failed)
{
    /* Where we are killed it must not stay behind; without us it would have got that itself. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0)
        process->become(argv, failed);
    int error = errno;
    ssize_t n = write(failed, &error, sizeof error);
    (void)n;
    _exit(1);
}

static void close_all(int ends[6])
{
    for (int i = 0; i < 6; i++)
        if (ends[i] >= 0)
            close(ends[i]);
}

tl_err mcp_server_start(struct mcp_server *s, char **argv, const struct mcp_process *process,
                        struct tl_why *why)
{
    int e[6] = {-1, -1, -1, -1, -1, -1}; /* its input, its output, what exec came to */
    pid_t pid = -1;
    for (int i = 0; i < 6; i += 2)
        if (pipe2(e + i, O_CLOEXEC) != 0)
            goto fail;
    if (fcntl(e[1], F_SETFL, O_NONBLOCK) != 0)
        goto fail;
    pid = fork();
    if (pid < 0)
        goto fail;
    if (pid == 0)
        server_main(argv, process, e[0], e[3], e[5]);
    *s = (struct mcp_server){.pid = pid, .in = e[1], .out = e[2]};
    close(e[5]);
    int error = process->become_error(e[4]);
    e[1] = e[2] = e[5] = -1;
    close_all(e);
    if (error) {
        (void)waitpid(pid, NULL, 0);
        close(s->in);
        close(s->out);
        return tl_explain(why, TL_E_IO, NULL, "cannot start %s: %s", argv[0], strerror(error));
    }
    return TL_OK;
fail:
    close_all(e);
    return tl_explain(why, TL_E_IO, NULL, "cannot start %s: %s", argv[0], strerror(errno));
}

void mcp_server_signal(const struct mcp_server *s, int number)
{
    if (!s->ended)
        (void)kill(s->pid, number);
}

void mcp_server_look(struct mcp_server *s)
{
    if (!s->ended && waitpid(s->pid, &s->status, WNOHANG) == s->pid)
        s->ended = true;
}

void mcp_server_end(struct mcp_server *s)
{
    mcp_server_signal(s, SIGKILL);
    while (!s->ended && (waitpid(s->pid, &s->status, 0) == s->pid || errno != EINTR))
        s->ended = true;
}

int mcp_server_code(const struct mcp_server *s)
{
    return WIFEXITED(s->status) ? WEXITSTATUS(s->status) : 128 + WTERMSIG(s->status);
}

void mcp_server_say(char *out, size_t n, const struct mcp_server *s)
{
    if (!s->ended)
        snprintf(out, n, "the server has closed its output");
    else if (WIFEXITED(s->status))
        snprintf(out, n, "the server has ended with exit code %d", WEXITSTATUS(s->status));
    else
        snprintf(out, n, "the server was ended by signal %d", WTERMSIG(s->status));
}
