#include "log/fence.h"

#include "base/encoding.h"
#include "log/internal.h"

#include <stdio.h>
#include <stdlib.h>

const char *log_fence_name(enum log_fence f)
{
    static const char *const names[] = {"unwitnessed", "proving", "booted", "open"};
    return names[f];
}

void fence_init(struct fence *f)
{
    f->due_us = f->late_us = UINT64_MAX;
    f->answering_last = &f->answering;
    buf_init(&f->text, LOG_QUORUM_MAX);
    buf_init(&f->ours, NOTE_MAX);
    buf_init(&f->theirs, NOTE_MAX);
}

void fence_finish(struct log *log)
{
    struct fence *f = &log->fence;
    boot_free(f->boot);
    if (f->cosigned && --f->cosigned->references == 0) {
        buf_finish(&f->cosigned->note);
        free(f->cosigned);
    }
    buf_finish(&f->text);
    buf_finish(&f->ours);
    buf_finish(&f->theirs);
}

void fence_say(const struct log *log, const char *text)
{
    const struct log_witnessing *c = &log->fence.config;
    if (c->say)
        c->say(c->ctx, text);
}

/* ---- the gate ---- */

tl_err fence_shut(const struct log *log, enum statement_kind kind)
{
    const enum log_fence state = log->fence.state;
    if (log->dead || log->ended)
        return TL_E_STOPPING;
    if (log->frozen)
        return TL_E_FROZEN;
    /* Heads are the boot's own; all else is by somebody or about his records. */
    if (kind != ST_BOOT && (state == LOG_PROVING || (state == LOG_BOOTED && kind != ST_HEADS)))
        return TL_E_FENCED;
    return TL_OK;
}

tl_err fence_gate(struct log *log, enum statement_kind kind)
{
    pthread_mutex_lock(&log->lock);
    tl_err err = fence_shut(log, kind);
    pthread_mutex_unlock(&log->lock);
    return err;
}

static const char *what_it_waits_for(enum log_fence state)
{
    return state == LOG_PROVING ? "the history that is on its disk" : "its start";
}

tl_err fence_explain(struct log *log, tl_err err, struct tl_why *why)
{
    char frozen_why[sizeof log->frozen_why];
    pthread_mutex_lock(&log->lock);
    const enum log_fence state = log->fence.state;
    memcpy(frozen_why, log->frozen_why, sizeof frozen_why);
    pthread_mutex_unlock(&log->lock);
    if (err == TL_E_FROZEN)
        return tl_explain(why, err, NULL, "the log is frozen, and takes nothing: %.260s",
                          frozen_why);
    if (err == TL_E_FENCED)
        return tl_explain(why, err, NULL,
                          "the log has been started, and waits until %zu of its %zu witnesses have "
                          "cosigned %s; nothing was done, repeat it later",
                          log->fence.need, log->fence.count, what_it_waits_for(state));
    return err;
}

/* ---- the way through ---- */

void fence_stir(struct log *log)
{
    log->fence.turn = true;
    pthread_cond_broadcast(&log->wake);
}

bool fence_is_due(const struct log *log)
{
    const struct fence *f = &log->fence;
    return f->turn || (f->due_us != UINT64_MAX && stats_now_us() >= f->due_us);
}

void fence_sleep(struct log *log)
{
    uint64_t us = log->fence.due_us;
    if (us == UINT64_MAX) {
        pthread_cond_wait(&log->wake, &log->lock);
        return;
    }
    const struct timespec until = {.tv_sec = (time_t)(us / 1000000),
                                   .tv_nsec = (long)(us % 1000000) * 1000};
    (void)pthread_cond_timedwait(&log->wake, &log->lock, &until);
}

/* Whether there is a next step that a late start takes by itself: none is while the boot is on
 * its way. */
static bool may_be_late(const struct log *log)
{
    const struct fence *f = &log->fence;
    const bool waits = f->state == LOG_BOOTED || (f->state == LOG_PROVING && !log->service);
    return waits && f->config.degraded_starts && !log->frozen;
}

/* Under the lock. */
static void set_due(struct log *log)
{
    struct fence *f = &log->fence;
    uint64_t due = cosign_due(log);
    if (may_be_late(log) && f->late_us < due)
        due = f->late_us;
    if (f->unsaved && f->save_us < due)
        due = f->save_us;
    f->due_us = due;
}

tl_err fence_begin(struct log *log, struct tl_why *why)
{
    if (log->fence.count)
        log->fence.state = LOG_PROVING;
    tl_err err = fork_load(log);
    if (err == TL_OK)
        err = cosigned_load(log, log->fence.config.policy);
    if (log->fence.count == 0)
        cosigned_forget(log);             /* it was judged, and is no quorum of anybody's */
    log->fence.told_frozen = log->frozen; /* who opens it sees that */
    return err == TL_OK ? err
                        : tl_explain(why, err, "data",
                                     "what the log keeps of its witnesses cannot be read: %s",
                                     tl_err_text(err));
}

void fence_booted(struct log *log)
{
    pthread_mutex_lock(&log->lock);
    if (log->fence.count)
        log->fence.state = LOG_BOOTED;
    fence_stir(log); /* it may be late, or cosigned, already */
    pthread_mutex_unlock(&log->lock);
}

/* What has happened meanwhile, as of one moment. */
struct outlook {
    uint64_t proven;
    bool frozen, late, save;
};

static struct outlook look(struct log *log)
{
    struct fence *f = &log->fence;
    const uint64_t now = stats_now_us();
    pthread_mutex_lock(&log->lock);
    f->turn = false;
    const struct outlook o = {.proven = f->proven,
                              .frozen = log->frozen,
                              .late = f->config.degraded_starts && now >= f->late_us,
                              .save = f->unsaved && now >= f->save_us};
    if (o.save)
        f->save_us = now + COSIGNED_SAVE_US; /* again, should it fail */
    pthread_mutex_unlock(&log->lock);
    return o;
}

/* ---- the boot of a log that was stored ---- */

static void set_boot(struct log *log, struct boot *b)
{
    pthread_mutex_lock(&log->lock);
    log->fence.boot = b;
    pthread_mutex_unlock(&log->lock);
}

static tl_err boot_failed(struct log *log, tl_err err, const struct tl_why *why)
{
    char text[400];
    snprintf(text, sizeof text, "the log could not go on after its start: %s",
             tl_why_text(why, err));
    fence_say(log, text);
    return err;
}

static tl_err end_boot(struct boot *b)
{
    struct log *log = b->log;
    struct tl_why why = {{0}, {0}};
    if (b->err == TL_E_STOPPING || fence_gate(log, ST_BOOT) != TL_OK)
        return TL_OK; /* it never will be */
    if (b->err != TL_OK)
        return boot_failed(log, b->err, &b->why);
    tl_err err = boot_finish(b, &why);
    if (err == TL_OK)
        err = start_scrub(log, &why);
    if (err != TL_OK)
        return boot_failed(log, err, &why);
    fence_booted(log);
    witnessing_wake(log, true);
    return TL_OK;
}

/* On the owner thread, with nothing in flight. */
static void boot_answered(void *arg)
{
    struct boot *b = arg;
    struct log *log = b->log;
    tl_err err = end_boot(b);
    if (err != TL_OK)
        log->job_err = err;
    set_boot(log, NULL);
    boot_free(b);
}

/* On the quoter's thread. */
static void boot_quoted(void *ctx, tl_err err, const struct evidence *evidence,
                        const struct tl_why *why)
{
    struct boot *b = ctx;
    if (err == TL_OK)
        evidence_put(&b->item, evidence);
    b->err = err;
    b->why = *why;
    if (owner_submit(b->log, &b->job) != TL_OK)
        return; /* the log ends, and frees it */
}

/* Hardware takes its time over a quote: reads go on meanwhile. */
static tl_err start_to_boot(struct log *log)
{
    struct tl_why why = {{0}, {0}};
    struct boot *b = NULL;
    tl_err err = boot_begin(&b, log, &why);
    if (err != TL_OK)
        return boot_failed(log, err, &why);
    b->job = (struct owner_job){.run = boot_answered, .arg = b, .quiesce = true};
    set_boot(log, b);
    err = quoter_own(log->quoter, b->report_data, boot_quoted, b, &why);
    if (err == TL_OK)
        return TL_OK;
    set_boot(log, NULL);
    boot_free(b);
    return err == TL_E_STOPPING ? TL_OK : boot_failed(log, err, &why);
}

/* ---- */

static bool set_passed(struct log *log, bool degraded)
{
    struct fence *f = &log->fence;
    pthread_mutex_lock(&log->lock);
    bool moved = f->state != LOG_OPEN || f->degraded != degraded;
    f->state = LOG_OPEN;
    f->degraded = degraded;
    pthread_mutex_unlock(&log->lock);
    return moved;
}

/* *moved where the operator is to hear of it. */
static tl_err go_on(struct log *log, const struct outlook *o, bool *moved)
{
    struct fence *f = &log->fence;
    if (f->state == LOG_PROVING && !log->service && (o->late || o->proven >= log->durable_size))
        return start_to_boot(log);
    const bool shown = o->proven > log->boot_index && log->boot_index != UINT64_MAX;
    if ((f->state == LOG_BOOTED && (o->late || shown)) || (f->degraded && shown))
        *moved = set_passed(log, !shown);
    return TL_OK;
}

tl_err fence_turn(struct log *log)
{
    struct fence *f = &log->fence;
    const struct outlook o = look(log);
    bool moved = false;
    tl_err err = o.frozen ? TL_OK : go_on(log, &o, &moved);
    if (err != TL_OK)
        return err;
    err = fork_keep(log);
    if (err == TL_OK && o.save)
        err = cosigned_keep(log);
    if (err != TL_OK)
        return err;
    cosign_turn(log);
    pthread_mutex_lock(&log->lock);
    if (o.frozen && !f->told_frozen)
        moved = f->told_frozen = true;
    set_due(log);
    pthread_mutex_unlock(&log->lock);
    if (moved && f->config.moved)
        f->config.moved(f->config.ctx);
    return TL_OK;
}

void fence_wind_up(struct log *log)
{
    pthread_mutex_lock(&log->lock);
    log->fence.ending = true;
    fence_stir(log);
    pthread_mutex_unlock(&log->lock);
}

/* ---- the freeze ---- */

/* Both notes or none. Under the lock. */
static void keep_notes(struct log *log, const char *witness, slice note)
{
    struct fence *f = &log->fence;
    buf_bytes(&f->ours, buf_slice(&log->checkpoint));
    buf_bytes(&f->theirs, note);
    if (buf_err(&f->ours) != TL_OK || buf_err(&f->theirs) != TL_OK) {
        buf_reset(&f->ours);
        buf_reset(&f->theirs);
    }
    snprintf(f->witness, sizeof f->witness, "%s", witness);
    for (size_t n = strlen(f->witness); !utf8_valid(slice_of((uint8_t *)f->witness, n));)
        f->witness[--n] = 0; /* it was cut within a letter, which would not be read back */
    f->fork_unsaved = f->theirs.n > 0;
}

/* A proof that comes after mere words takes their place, and is told of and kept. */
void fence_freeze(struct log *log, const struct tl_why *why, const char *witness, slice note)
{
    pthread_mutex_lock(&log->lock);
    const bool proof = note.n && log->fence.theirs.n == 0;
    if (!log->frozen || proof) {
        log->frozen = true;
        log->fence.told_frozen = false;
        snprintf(log->frozen_why, sizeof log->frozen_why, "%s", why->text);
        if (note.n)
            keep_notes(log, witness, note);
        fence_stir(log);
    }
    pthread_mutex_unlock(&log->lock);
}

tl_err log_fork(struct log *log, buf *ours, buf *theirs, char witness[128])
{
    struct fence *f = &log->fence;
    pthread_mutex_lock(&log->lock);
    bool shown = log->frozen && f->theirs.n;
    if (shown) {
        buf_bytes(ours, buf_slice(&f->ours));
        buf_bytes(theirs, buf_slice(&f->theirs));
        memcpy(witness, f->witness, sizeof f->witness);
    }
    pthread_mutex_unlock(&log->lock);
    if (!shown)
        return TL_E_NOT_FOUND;
    return buf_err(ours) != TL_OK ? buf_err(ours) : buf_err(theirs);
}
