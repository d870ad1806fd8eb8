/* What a running log says of itself, and what stops it from outside. */
#include "log/index.h"
#include "log/internal.h"
#include "log/log.h"

#include <stdio.h>

void log_info(struct log *log, struct log_info *out)
{
    buf key;
    memset(out, 0, sizeof *out);
    buf_init_fixed(&key, (uint8_t *)out->log_key, sizeof out->log_key - 1);
    note_key_put(&key, &log->keys.note_key);
    snprintf(out->origin, sizeof out->origin, "%s", log->keys.origin);
    out->log_id = log->keys.log_id;
    out->platform = tee_platform(log->tee);
    out->simulated = tee_simulated(log->tee);
    out->upgraded = store_was(log->store);
    memcpy(out->set_aside, log->set_aside, sizeof out->set_aside);
    memcpy(out->other_start, log->other_start, sizeof out->other_start);
    out->indexed = log->index ? index_leaves(log->index) : 0;
    pthread_mutex_lock(&log->lock);
    out->size = log->durable_size;
    out->root = log->durable_root;
    out->subjects = log->subject_count;
    out->frozen = log->frozen;
    memcpy(out->frozen_why, log->frozen_why, sizeof out->frozen_why);
    out->boot = log->boot_index;
    out->fence = log->fence.state;
    out->degraded = log->fence.degraded;
    out->witnesses = log->fence.count;
    out->quorum = log->fence.need;
    if (log->fence.cosigned) {
        out->cosigned = log->fence.cosigned->size;
        out->cosigned_time = log->fence.cosigned->quorum.time;
    }
    pthread_mutex_unlock(&log->lock);
}

static void nothing(void *arg)
{
    (void)arg;
}

tl_err log_ping(struct log *log)
{
    return owner_call(log, nothing, NULL, false);
}

tl_err log_checkpoint(struct log *log, buf *out)
{
    pthread_mutex_lock(&log->lock);
    buf_bytes(out, buf_slice(&log->checkpoint));
    pthread_mutex_unlock(&log->lock);
    return buf_err(out);
}

bool is_frozen(struct log *log)
{
    pthread_mutex_lock(&log->lock);
    bool frozen = log->frozen;
    pthread_mutex_unlock(&log->lock);
    return frozen;
}

void log_watch(struct log *log, void (*grown)(void *ctx, uint64_t size), void *ctx)
{
    pthread_mutex_lock(&log->watch_lock);
    log->grown = grown;
    log->grown_ctx = ctx;
    pthread_mutex_unlock(&log->watch_lock);
}

void log_freeze(struct log *log, const char *text)
{
    struct tl_why why = {{0}, {0}};
    (void)tl_explain(&why, TL_E_FROZEN, NULL, "%s", text);
    fence_freeze(log, &why, "", (slice){NULL, 0});
}
