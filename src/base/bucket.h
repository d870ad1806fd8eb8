/* A token bucket that may go into debt: what is asked for is given while anything is
 * left, however large, and is paid for by the wait of those that come after. Pure. */
#ifndef TL_BASE_BUCKET_H
#define TL_BASE_BUCKET_H

#include <stdint.h>

struct bucket {
    int64_t level;  /* thousandths */
    uint64_t at_ms; /* of the level; 0: a full one */
};

/* Takes count at now_ms (not 0), where rate come back each second, up to burst at once.
 * All are at most a million. 0: taken; else how many ms until something is left. */
uint64_t bucket_take(struct bucket *b, unsigned rate, unsigned burst, unsigned count,
                     uint64_t now_ms);
/* How full it would be at now_ms, in thousandths. */
int64_t bucket_level(const struct bucket *b, unsigned rate, unsigned burst, uint64_t now_ms);

#endif
