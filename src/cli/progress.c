#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void progress_at(struct progress *p, uint64_t done, uint64_t total)
{
    if (p->shown < 0)
        return;
    int64_t now = now_ms();
    if (p->last_ms == 0) {
        /* What is quick shows nothing. */
        p->last_ms = now + 400;
        if (!isatty(STDERR_FILENO))
            p->shown = -1;
        return;
    }
    if (now < p->last_ms)
        return;
    p->last_ms = now + 100;
    p->shown = 1;
    if (total)
        fprintf(stderr, "\r%s %" PRIu64 " of %" PRIu64 " %s (%" PRIu64 "%%)\033[K", p->what, done,
                total, p->unit, done * 100 / total);
    else
        fprintf(stderr, "\r%s %" PRIu64 " %s\033[K", p->what, done, p->unit);
}

void progress_end(struct progress *p)
{
    if (p->shown > 0)
        fputs("\r\033[K", stderr);
    p->shown = 0;
}
