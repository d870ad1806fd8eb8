/* Room on the log's disk. A commit that finds none ends the boot, so appends are
 * refused while there is still enough for what was taken before. */
#ifndef TL_LOG_ROOM_H
#define TL_LOG_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct log;

struct room {
    uint64_t max_bytes, min_free; /* as struct log_config has them */
    uint64_t left;                /* bytes that may still be taken */
    uint64_t taken;               /* since we last looked at the disk */
    uint64_t looked_us;           /* 0: never */
};

/* Counts a batch as taken, its bytes and records; false where it must be refused.
 * Under the log's lock. */
bool room_take(struct log *log, size_t bytes, size_t records);

#endif
