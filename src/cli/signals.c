#include "cli/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#define FROM_TERMINAL 0x80

static const int caught[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGCHLD};
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
    sigfillset(&act.sa_mask);
    for (size_t i = 0; i < sizeof caught / sizeof caught[0]; i++)
        if (sigaction(caught[i], &act, NULL) != 0)
            return TL_E_IO;
    return signal(SIGPIPE, SIG_IGN) == SIG_ERR ? TL_E_IO : TL_OK;
}

void signals_block(bool block)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof caught / sizeof caught[0]; i++)
        sigaddset(&set, caught[i]);
    (void)sigprocmask(block ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

int signals_wait(bool *from_terminal)
{
    unsigned char byte;
    ssize_t n;
    do
        n = read(ends[0], &byte, 1);
    while (n < 0 && errno == EINTR);
    *from_terminal = n == 1 && (byte & FROM_TERMINAL);
    return n == 1 ? byte & ~FROM_TERMINAL : SIGNALS_FATAL;
}

void signals_fatal(void)
{
    put(SIGNALS_FATAL);
}

void signals_reset(void)
{
    for (size_t i = 0; i < sizeof caught / sizeof caught[0]; i++)
        (void)signal(caught[i], SIG_DFL);
    (void)signal(SIGPIPE, SIG_DFL);
    signals_block(false);
}
