#include "base/bucket.h"

#define LONG_AGO_MS ((uint64_t)1 << 40)

int64_t bucket_level(const struct bucket *b, unsigned rate, unsigned burst, uint64_t now_ms)
{
    int64_t full = 1000 * (int64_t)burst;
    uint64_t since = now_ms > b->at_ms ? now_ms - b->at_ms : 0;
    if (b->at_ms == 0)
        return full;
    int64_t more = (int64_t)(since < LONG_AGO_MS ? since : LONG_AGO_MS) * rate;
    return more < full - b->level ? b->level + more : full;
}

uint64_t bucket_take(struct bucket *b, unsigned rate, unsigned burst, unsigned count,
                     uint64_t now_ms)
{
    int64_t level = bucket_level(b, rate, burst, now_ms);
    if (level <= 0)
        return (uint64_t)(-level / rate) + 1;
    b->level = level - 1000 * (int64_t)count;
    b->at_ms = now_ms;
    return 0;
}
