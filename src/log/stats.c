/* What the log counts of itself. */
#include "log/internal.h"

#include <time.h>

uint64_t stats_now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void stats_count(struct log *log, const struct group *g, uint64_t us)
{
    struct log_stats *s = &log->stats;
    s->commits++;
    s->statements += g->count;
    for (size_t i = 0; i < g->count; i++) {
        s->records += g->entries[i].kind == ST_RECORD;
        s->sessions += g->entries[i].kind == ST_SESSION;
        s->heads += g->entries[i].kind == ST_HEADS;
    }
    histogram_add(&s->commit_us, us);
}

void stats_answered(struct log *log, const struct log_batch *b)
{
    uint64_t repeated = 0, refused = 0;
    for (size_t i = 0; i < b->count; i++) {
        repeated += b->receipts[i].repeated;
        refused += b->receipts[i].err != TL_OK;
    }
    pthread_mutex_lock(&log->lock);
    log->stats.repeated += repeated;
    log->stats.refused += refused;
    pthread_mutex_unlock(&log->lock);
}

void log_stats(struct log *log, struct log_stats *out)
{
    pthread_mutex_lock(&log->lock);
    *out = log->stats;
    out->queued_bytes = log->queue_bytes;
    pthread_mutex_unlock(&log->lock);
    out->store_bytes = store_bytes(log->store);
}
