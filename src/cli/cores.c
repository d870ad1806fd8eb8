#include "cli/cores.h"

#include <sys/resource.h>

static struct rlimit before;

void cores_off(void)
{
    if (getrlimit(RLIMIT_CORE, &before) != 0)
        return;
    /* Linux writes no file of one byte, as it writes none of 0; and only at 1 does it
     * keep from piping the core to a helper (fs/coredump.c), for which 0 is no limit.
     * Only the soft limit, which a child can be given back. */
    struct rlimit off = {.rlim_cur = before.rlim_max < 1 ? 0 : 1, .rlim_max = before.rlim_max};
    (void)setrlimit(RLIMIT_CORE, &off);
}

void cores_reset(void)
{
    (void)setrlimit(RLIMIT_CORE, &before);
}
