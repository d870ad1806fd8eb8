#include "cli/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#define FROM_TERMINAL 0x80

#define CAUGHT        5
static const int caught[CAUGHT] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGCHLD};
static struct sigaction before[CAUGHT], pipe_before;
static int ends[2] = {-1, -1};

static void put(unsigned char byte)
{
    int saved = errno;
    ssize_t n = write(ends[1], &byte, 1);
    (void)n; /* a full pipe wakes the reader as well */
    errno = saved;
}

static void handler(int number, siginfo_t *info, void *context)
{
    (void)context;
    put((unsigned char)(number | (info->si_code == SI_KERNEL ? FROM_TERMINAL : 0)));
}

tl_err signals_open(void)
{
    if (pipe2(ends, O_CLOEXEC) != 0 || fcntl(ends[1], F_SETFL, O_NONBLOCK) != 0)
        return TL_E_IO;
    struct sigaction act = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigfillset(&act.sa_mask);
    for (size_t i = 0; i < CAUGHT; i++)
        if (sigaction(caught[i], NULL, &before[i]) != 0)
            return TL_E_IO;
    for (size_t i = 0; i < CAUGHT; i++) {
        /* What nohup, or a shell that starts us in the background, has had ignored
         * stays so; the end of a child must be heard. */
        bool keep = before[i].sa_handler == SIG_IGN && caught[i] != SIGCHLD;
        if (!keep && sigaction(caught[i], &act, NULL) != 0)
            return TL_E_IO;
    }
    return sigaction(SIGPIPE, &ignore, &pipe_before) != 0 ? TL_E_IO : TL_OK;
}

void signals_block(bool block)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < CAUGHT; i++)
        sigaddset(&set, caught[i]);
    (void)sigprocmask(block ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

bool signals_pending(void)
{
    sigset_t set;
    bool pending = false;
    if (sigpending(&set) != 0)
        return false;
    /* One that is ignored waits here as well, as long as it is blocked. */
    for (size_t i = 0; i < CAUGHT; i++)
        if (caught[i] != SIGCHLD && before[i].sa_handler != SIG_IGN)
            pending = pending || sigismember(&set, caught[i]) == 1;
    return pending;
}

int signals_wait(long timeout_ms, bool *from_terminal)
{
    unsigned char byte;
    ssize_t n;
    struct pollfd wait = {.fd = ends[0], .events = POLLIN};
    *from_terminal = false;
    if (timeout_ms && poll(&wait, 1, timeout_ms < INT_MAX ? (int)timeout_ms : INT_MAX) == 0)
        return SIGNALS_NONE;
    do
        n = read(ends[0], &byte, 1);
    while (n < 0 && errno == EINTR);
    *from_terminal = n == 1 && (byte & FROM_TERMINAL);
    return n == 1 ? byte & ~FROM_TERMINAL : SIGNALS_FATAL;
}

int signals_fd(void)
{
    return ends[0];
}

void signals_fatal(void)
{
    put(SIGNALS_FATAL);
}

void signals_fence(void)
{
    put(SIGNALS_FENCE);
}

void signals_reset(void)
{
    for (size_t i = 0; i < CAUGHT; i++)
        (void)sigaction(caught[i], &before[i], NULL);
    (void)sigaction(SIGPIPE, &pipe_before, NULL);
    signals_block(false);
}
