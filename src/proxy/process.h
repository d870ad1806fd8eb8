/* What the proxy needs of the process that it is part of: its signals, and how a child of it
 * becomes another program. */
#ifndef TL_PROXY_PROCESS_H
#define TL_PROXY_PROCESS_H

#include <stdbool.h>

struct mcp_process {
    int signals;                        /* for poll(2): readable once one has come, */
    int (*signal)(bool *from_terminal); /* which this takes. The end of a child is one */
    /* In a child: becomes the command. Where that fails its errno goes to failed, from where
     * become_error reads it: 0 once the command has begun. */
    void (*become)(char **argv, int failed);
    int (*become_error)(int failed);
};

#endif
