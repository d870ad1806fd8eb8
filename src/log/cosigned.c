/* What a quorum has cosigned, and those who wait for that. */
#include "base/refuse.h"
#include "log/anchors.h"
#include "log/internal.h"
#include "tlog/checkpoint.h"

#include <stdlib.h>

static void set_free(struct cosigned *c)
{
    if (!c)
        return;
    buf_finish(&c->note);
    free(c);
}

/* Under the lock, as the next; NULL: NULL. */
static struct cosigned *ref(struct cosigned *c)
{
    if (c)
        c->references++;
    return c;
}

static void unref(struct cosigned *c)
{
    if (c && --c->references == 0)
        set_free(c);
}

static tl_err cosigned_new(struct cosigned **out, slice note, uint64_t size,
                           const struct tlog_quorum *quorum)
{
    struct cosigned *c = calloc(1, sizeof *c);
    if (!c)
        return TL_E_MEMORY;
    *c = (struct cosigned){.references = 1, .size = size, .quorum = *quorum};
    buf_init(&c->note, NOTE_MAX);
    buf_bytes(&c->note, note);
    tl_err err = buf_err(&c->note);
    if (err == TL_OK)
        *out = c;
    else
        set_free(c);
    return err;
}

tl_err cosigned_take(struct log *log, slice note, uint64_t size, const struct tlog_quorum *quorum)
{
    struct fence *f = &log->fence;
    struct cosigned *c = NULL;
    tl_err err = cosigned_new(&c, note, size, quorum);
    if (err != TL_OK)
        return err;
    pthread_mutex_lock(&log->lock);
    /* What was kept may be of more leaves than a witness that forgot has cosigned again. */
    if (!f->cosigned || size >= f->cosigned->size) {
        struct cosigned *old = f->cosigned;
        f->cosigned = c;
        c = old;
        if (!f->unsaved)
            f->save_us = stats_now_us() + COSIGNED_SAVE_US;
        f->unsaved = true;
    }
    if (size > f->proven)
        f->proven = size;
    unref(c);
    fence_stir(log);
    pthread_mutex_unlock(&log->lock);
    return TL_OK;
}

/* ---- kept ---- */

tl_err cosigned_store(struct log *log)
{
    struct fence *f = &log->fence;
    pthread_mutex_lock(&log->lock);
    struct cosigned *c = f->unsaved ? ref(f->cosigned) : NULL;
    f->unsaved = false;
    pthread_mutex_unlock(&log->lock);
    if (!c)
        return TL_OK;
    const slice note = buf_slice(&c->note);
    tl_err err = store_put_meta(log->store, LOG_COSIGNED, note);
    if (err == TL_OK)
        err = anchors_keep(log, note, c->size, c->quorum.time);
    pthread_mutex_lock(&log->lock);
    unref(c);
    pthread_mutex_unlock(&log->lock);
    return err;
}

tl_err cosigned_keep(struct log *log)
{
    struct fence *f = &log->fence;
    pthread_mutex_lock(&log->lock);
    const bool wanted = f->unsaved;
    pthread_mutex_unlock(&log->lock);
    if (!wanted)
        return TL_OK;
    tl_err err = store_begin_derived(log->store);
    if (err == TL_OK && (err = cosigned_store(log)) != TL_OK)
        store_rollback(log->store);
    if (err == TL_OK)
        err = store_commit(log->store);
    if (err == TL_OK || err == TL_E_COMMIT)
        return err;
    pthread_mutex_lock(&log->lock); /* an older one is there, and the witnesses have the others */
    f->unsaved = true;
    pthread_mutex_unlock(&log->lock);
    return TL_OK;
}

void cosigned_forget(struct log *log)
{
    pthread_mutex_lock(&log->lock);
    unref(log->fence.cosigned);
    log->fence.cosigned = NULL;
    pthread_mutex_unlock(&log->lock);
}

/* Whether its lines are a quorum's under the policy. Without one nobody can say. */
static tl_err judge(const struct tlog_policy *policy, slice note, struct tlog_quorum *q)
{
    struct note *n = malloc(sizeof *n);
    if (!n)
        return TL_E_MEMORY;
    *q = (struct tlog_quorum){.valid = 0};
    tl_err err = note_read(n, note);
    if (err == TL_OK && policy) {
        err = tlog_policy_judge(q, policy, n);
        if (err == TL_OK && REFUSED(!q->met))
            err = TL_E_NOT_FOUND;
    }
    free(n);
    return err;
}

/* One that is no part of this history freezes the log: its key has signed it. */
static tl_err take_kept(struct log *log, const struct tlog_policy *policy, slice note)
{
    struct fork_finding found;
    struct tlog_quorum q;
    bool contradicts = true;
    tl_err err = fork_read(log, note, &found);
    if (err != TL_OK)
        return err == TL_E_MEMORY ? err : TL_OK;
    err = fork_judge(log, &found, &contradicts);
    if (err != TL_OK)
        return err;
    if (contradicts) {
        fork_freeze(log, &found, "", note);
        return TL_OK;
    }
    err = judge(policy, note, &q);
    if (err == TL_OK)
        err = cosigned_new(&log->fence.cosigned, note, found.size, &q);
    return err == TL_E_MEMORY ? err : TL_OK;
}

tl_err cosigned_load(struct log *log, const struct tlog_policy *policy)
{
    buf b;
    buf_init(&b, NOTE_MAX);
    tl_err err = store_get_meta(log->store, LOG_COSIGNED, &b);
    /* What is not there, or none of ours, or has no quorum of today's, is nothing. */
    if (err == TL_OK)
        err = take_kept(log, policy, buf_slice(&b));
    else if (tl_err_category(err) != TL_CAT_SYSTEM)
        err = TL_OK;
    buf_finish(&b);
    return err;
}

tl_err log_cosigned(struct log *log, buf *note, uint64_t *size, struct tlog_quorum *quorum)
{
    pthread_mutex_lock(&log->lock);
    const struct cosigned *c = log->fence.cosigned;
    tl_err err = c ? TL_OK : TL_E_NOT_FOUND;
    if (c) {
        buf_bytes(note, buf_slice(&c->note));
        err = buf_err(note);
    }
    if (err == TL_OK && size)
        *size = c->size;
    if (err == TL_OK && quorum)
        *quorum = c->quorum;
    pthread_mutex_unlock(&log->lock);
    return err;
}

/* ---- those who wait ---- */

tl_err cosign_reserve(struct log *log, size_t bytes)
{
    struct fence *f = &log->fence;
    if (f->count == 0)
        return TL_E_USAGE;
    if (REFUSED(f->wait_count == COSIGN_WAITS_MAX) ||
        REFUSED(f->wait_bytes + bytes > COSIGN_WAIT_BYTES_MAX && f->wait_count))
        return TL_E_BUSY;
    f->wait_count++;
    f->wait_bytes += bytes;
    return TL_OK;
}

void cosign_release(struct log *log, size_t bytes)
{
    log->fence.wait_count--;
    log->fence.wait_bytes -= bytes;
}

void cosign_wait_add(struct log *log, struct cosign_wait *w)
{
    struct fence *f = &log->fence;
    pthread_mutex_lock(&log->lock);
    struct cosign_wait **at = &f->waits;
    while (*at && (*at)->size <= w->size)
        at = &(*at)->next;
    w->next = *at;
    *at = w;
    if (w->due_us < f->due_us)
        f->due_us = w->due_us;
    bool there = f->cosigned && f->cosigned->size >= w->size;
    fence_stir(log); /* it may sleep for longer than this one waits */
    pthread_mutex_unlock(&log->lock);
    if (!there)
        witnessing_wake(log, true);
}

uint64_t cosign_due(const struct log *log)
{
    uint64_t due = UINT64_MAX;
    for (const struct cosign_wait *w = log->fence.waits; w; w = w->next)
        if (w->due_us < due)
            due = w->due_us;
    return due;
}

/* Why this one is answered now; NULL where it waits on. Under the lock. */
static const char *over(const struct log *log, const struct cosign_wait *w, uint64_t now)
{
    if (log->frozen)
        return "the log is frozen";
    if (log->dead || log->fence.ending)
        return "the service is stopping";
    return now >= w->due_us ? "the time to wait for them is over" : NULL;
}

/* Moves those that wait no more to those that are being answered. */
static void take_finished(struct log *log)
{
    struct fence *f = &log->fence;
    const uint64_t now = stats_now_us();
    pthread_mutex_lock(&log->lock);
    const uint64_t size = f->cosigned ? f->cosigned->size : 0;
    for (struct cosign_wait **at = &f->waits, *w; (w = *at);) {
        const char *text = over(log, w, now);
        if (w->size > size && !text) {
            at = &w->next;
            continue;
        }
        if (w->size <= size)
            w->note = ref(f->cosigned);
        else
            w->err = tl_explain(&w->why, TL_E_NOT_COSIGNED, NULL, "%s", text);
        *at = w->next;
        w->next = NULL;
        *f->answering_last = w;
        f->answering_last = &w->next;
    }
    pthread_mutex_unlock(&log->lock);
}

static void answer_first(struct log *log)
{
    struct fence *f = &log->fence;
    struct cosign_wait *w = f->answering, *next = w->next;
    struct cosigned *note = w->note;
    const size_t bytes = w->bytes;
    if (w->answer(w))
        return;
    f->answering = next;
    if (!next)
        f->answering_last = &f->answering;
    pthread_mutex_lock(&log->lock);
    unref(note);
    cosign_release(log, bytes);
    pthread_mutex_unlock(&log->lock);
}

void cosign_turn(struct log *log)
{
    struct fence *f = &log->fence;
    const uint64_t end = owner_slice_end();
    take_finished(log);
    while (f->answering && !owner_slice_over(end))
        answer_first(log);
    pthread_mutex_lock(&log->lock);
    if (f->answering)
        f->turn = true;
    pthread_mutex_unlock(&log->lock);
}

void cosign_end(struct log *log)
{
    struct fence *f = &log->fence;
    pthread_mutex_lock(&log->lock);
    f->ending = true;
    pthread_mutex_unlock(&log->lock);
    take_finished(log);
    while (f->answering)
        answer_first(log);
}

struct asked {
    struct cosign_wait wait;
    log_cosigned_done_fn *done;
    void *ctx;
};

static bool answer_asked(struct cosign_wait *w)
{
    struct asked *a = (struct asked *)w; /* it stands first */
    const struct cosigned *c = w->note;
    if (c)
        a->done(a->ctx, TL_OK, NULL, buf_slice(&c->note), c->size, &c->quorum);
    else
        a->done(a->ctx, w->err, &w->why, (slice){NULL, 0}, 0, NULL);
    free(a);
    return false;
}

tl_err log_cosigned_wait(struct log *log, uint64_t size, unsigned ms, log_cosigned_done_fn *done,
                         void *ctx)
{
    struct asked *a = calloc(1, sizeof *a);
    if (!a)
        return TL_E_MEMORY;
    if (ms > COSIGN_WAIT_MOST_MS)
        ms = COSIGN_WAIT_MOST_MS;
    *a = (struct asked){.wait = {.size = size,
                                 .due_us = stats_now_us() + (uint64_t)ms * 1000,
                                 .bytes = sizeof *a,
                                 .answer = answer_asked},
                        .done = done,
                        .ctx = ctx};
    pthread_mutex_lock(&log->lock);
    tl_err err =
        log->dead || log->stop || !log->has_owner ? TL_E_STOPPING : cosign_reserve(log, sizeof *a);
    pthread_mutex_unlock(&log->lock);
    if (err == TL_OK)
        cosign_wait_add(log, &a->wait);
    else
        free(a);
    return err;
}
