#include "client/sigpipe.h"

#include <errno.h>
#include <time.h>

static void only_pipe(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGPIPE);
}

void sigpipe_hold(struct sigpipe *s)
{
    sigset_t set;
    only_pipe(&set);
    s->pending = sigpending(&s->before) == 0 && sigismember(&s->before, SIGPIPE) == 1;
    (void)pthread_sigmask(SIG_BLOCK, &set, &s->before);
}

void sigpipe_release(struct sigpipe *s)
{
    static const struct timespec none = {0, 0};
    sigset_t set;
    const int error = errno;
    only_pipe(&set);
    while (!s->pending && sigtimedwait(&set, NULL, &none) < 0 && errno == EINTR)
        ;
    (void)pthread_sigmask(SIG_SETMASK, &s->before, NULL);
    errno = error;
}
