/* Signals, and a failure of the log, as bytes in a pipe that one thread reads.
 * (Gramine has no signalfd.) One per process. */
#ifndef TL_CLI_SIGNALS_H
#define TL_CLI_SIGNALS_H

#include "base/err.h"

#include <stdbool.h>

#define SIGNALS_FATAL 0    /* reported by signals_fatal */
#define SIGNALS_NONE  -1   /* none came in time */
#define SIGNALS_FENCE 0x7f /* reported by signals_fence; no signal has this number */

/* Catches TERM, INT, HUP, QUIT and CHLD, and ignores PIPE. What this process was
 * started to ignore stays ignored. */
tl_err signals_open(void) TL_MUST;
/* Blocks, resp. lets through, what signals_open catches: block while threads
 * are made, so that none of them gets any. */
void signals_block(bool block);
/* Whether one that ends a process has come while they are blocked. */
bool signals_pending(void);
/* Waits for the next: its number, or SIGNALS_FATAL; at most timeout_ms, where that
 * is not 0, and then SIGNALS_NONE. *from_terminal: a key was pressed, and every
 * process of the terminal's group has got it too. */
int signals_wait(long timeout_ms, bool *from_terminal);
/* For poll(2): readable where signals_wait would not wait. */
int signals_fd(void);
/* From any thread: the log has stopped. */
void signals_fatal(void);
/* Likewise: the log's fence has moved, or it is frozen. */
void signals_fence(void);
/* In a child before exec: as this process was given them. */
void signals_reset(void);

#endif
