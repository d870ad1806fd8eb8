#include "base/refuse.h"
#include "log/internal.h"

#include <inttypes.h>
#include <stdio.h>

/* How often we look at the disk: cheap enough, and never far from the truth. */
#define LOOK_US      UINT64_C(1000000)
#define LOOK_BYTES   (UINT64_C(1) << 20)
#define RECORD_COST  2048 /* statement, tree, request id, and a share of the rest */

#define SMALL_RECORD 1024 /* bytes of one that would be refused, where the log is called full */

static uint64_t minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* Each byte is written to the write-ahead log, and then to the database. */
static uint64_t cost(uint64_t bytes, uint64_t records)
{
    return 2 * bytes + RECORD_COST * records;
}

static uint64_t room_left(const struct room *r, uint64_t store, uint64_t available)
{
    uint64_t n = UINT64_MAX;
    if (r->max_bytes)
        n = minus(r->max_bytes, store);
    if (r->min_free && minus(available, r->min_free) < n)
        n = minus(available, r->min_free);
    return n;
}

static void look(struct log *log, uint64_t now)
{
    struct room *r = &log->room;
    uint64_t n = room_left(r, store_bytes(log->store), store_free(log->store));
    r->left = minus(n, cost(log->queue_bytes, 0)); /* what waits is not on the disk yet */
    r->taken = 0;
    r->looked_us = now;
}

bool room_take(struct log *log, size_t bytes, size_t records)
{
    struct room *r = &log->room;
    uint64_t wanted = cost(bytes, records), now = stats_now_us();
    if (!r->max_bytes && !r->min_free)
        return true;
    if (!r->looked_us || now - r->looked_us >= LOOK_US || r->taken >= LOOK_BYTES)
        look(log, now);
    if (wanted > r->left)
        look(log, now); /* what was counted is more than what was written */
    if (REFUSED(wanted > r->left))
        return false;
    r->left -= wanted;
    r->taken += wanted;
    return true;
}

static void put_why(struct log_room *room)
{
    uint64_t free_left = minus(room->free_bytes, room->min_free);
    if (room->min_free &&
        !(room->max_bytes && minus(room->max_bytes, room->store_bytes) < free_left))
        snprintf(room->why, sizeof room->why,
                 "%" PRIu64 " bytes are free on the log's disk, and --min-free keeps %" PRIu64
                 ": make room there",
                 room->free_bytes, room->min_free);
    else
        snprintf(room->why, sizeof room->why,
                 "the log has %" PRIu64 " bytes, and --max-bytes allows %" PRIu64
                 ": start it again with more",
                 room->store_bytes, room->max_bytes);
}

void log_room(struct log *log, struct log_room *out)
{
    *out = (struct log_room){.store_bytes = store_bytes(log->store),
                             .free_bytes = store_free(log->store),
                             .max_bytes = log->room.max_bytes,
                             .min_free = log->room.min_free};
    out->full = room_left(&log->room, out->store_bytes, out->free_bytes) < cost(SMALL_RECORD, 1);
    if (out->max_bytes || out->min_free)
        put_why(out);
}

tl_err log_refusal(struct log *log, tl_err err, struct tl_why *why)
{
    struct log_room room;
    if (err != TL_E_FULL)
        return fence_explain(log, err, why);
    log_room(log, &room);
    return tl_explain(why, err, NULL, "there is no room for this; nothing of it was appended: %s",
                      room.why);
}
