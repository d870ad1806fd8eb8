/* Ending a log: its last statements, which its witnesses see as well where they are there. */
#include "log/internal.h"
#include "log/log.h"

#include <time.h>

/* The last statements of a boot, once the owner thread has ended. */
static tl_err say_goodbye(struct log *log)
{
    struct group *g = log->groups[0];
    tl_err err = TL_OK;
    do {
        err = sequence_ends(log, g);
        if (err == TL_OK && g->count == 0) {
            if (!heads_due(log, 1))
                break;
            err = sequence_heads(log, g);
        }
        if (err == TL_OK) {
            sign_group(log, g);
            err = commit_group(log, g);
        }
    } while (err == TL_OK);
    if (err != TL_OK && log->fatal)
        log->fatal(log->fatal_ctx, "the last statements of this boot could not be stored");
    return err;
}

/* Whether a quorum has cosigned all that there is. Under the lock. */
static bool all_cosigned(const struct log *log)
{
    const struct cosigned *c = log->fence.cosigned;
    return c && c->size >= log->durable_size;
}

/* The witnesses see the last statements as well, if they do soon: what is exported of the stopped
 * log has a quorum then, and the next start need not wait for what is on its disk. For that the
 * owner thread answers once more. */
static void await_witnesses(struct log *log)
{
    const struct fence *f = &log->fence;
    const uint64_t end_us = stats_now_us() + (uint64_t)f->config.end_ms * 1000;
    const struct timespec until = {.tv_sec = (time_t)(end_us / 1000000),
                                   .tv_nsec = (long)(end_us % 1000000) * 1000};
    int rc = 0;
    if (f->config.end_ms == 0 || f->state != LOG_OPEN || f->degraded)
        return;
    pthread_mutex_lock(&log->lock);
    log->stop = false;
    log->ended = true;
    pthread_mutex_unlock(&log->lock);
    if (owner_start(log) != TL_OK) {
        pthread_mutex_lock(&log->lock);
        log->stop = true;
        pthread_mutex_unlock(&log->lock);
        return;
    }
    witnessing_wake(log, true);
    pthread_mutex_lock(&log->lock);
    while (!all_cosigned(log) && !log->frozen && !log->dead && rc == 0)
        rc = pthread_cond_timedwait(&log->wake, &log->lock, &until);
    pthread_mutex_unlock(&log->lock);
    owner_stop(log);
}

void log_end(struct log *log)
{
    if (!log)
        return;
    bool running = log->has_owner;
    quoter_stop(log->quoter);
    owner_stop(log);
    if (running && !log->dead && fence_gate(log, ST_HEADS) == TL_OK && say_goodbye(log) == TL_OK) {
        note_keep(log);
        await_witnesses(log);
    }
    witnessing_stop(log);
    cosign_end(log);
    /* What came while the owner thread ended. */
    tl_err err = running && !log->dead ? fork_keep(log) : TL_OK;
    if (err == TL_OK && running && !log->dead)
        err = cosigned_keep(log);
    if (err != TL_OK && log->fatal)
        log->fatal(log->fatal_ctx, "what witnesses said last could not be stored");
}

void log_close(struct log *log)
{
    log_end(log);
    log_free(log);
}
