/* A line that says how far something long is, on a terminal only. */
#ifndef TL_CLI_PROGRESS_H
#define TL_CLI_PROGRESS_H

#include <stdint.h>

struct progress {
    const char *what; /* "exported", say */
    const char *unit;
    int64_t last_ms;
    int shown; /* 0: not yet, 1: a line is there, -1: no terminal */
};

/* total 0: unknown. Redraws at most ten times a second. */
void progress_at(struct progress *p, uint64_t done, uint64_t total);
/* Takes the line away. */
void progress_end(struct progress *p);

#endif
