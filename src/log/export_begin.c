/* How an export begins: whether there is such a thing, the heads before it, and the checkpoint
 * that it is of: the newest, or of a log with witnesses one that a quorum has cosigned. */
#include "log/export.h"

bool export_whole_range(const struct log_export *e, uint64_t size)
{
    return !e->has_range || (e->from == 0 && e->to >= size);
}

bool export_is_answer(const struct log_export *e)
{
    return e->fresh.wanted && !e->fresh.chain;
}

/* A request that cannot be met must not grow the log: this comes before the
 * heads. */
static tl_err check_request(const struct log_export *e, struct tl_why *why)
{
    struct log *log = e->log;
    const struct subject *s = roster_find(log->roster, slice_str(e->agent));
    if (export_is_answer(e))
        return TL_OK; /* of an agent that has said nothing, that is the answer */
    if (e->agent[0] && (!s || s == log->origin || s->durable_count == 0))
        return tl_explain(why, TL_E_NOT_FOUND, "agent", "this log has no agent of that id");
    if (e->has_range && (e->from >= e->to || e->from >= log->durable_size))
        return tl_explain(why, TL_E_USAGE, "from",
                          "the range holds no statement; this log has %llu",
                          (unsigned long long)log->durable_size);
    return TL_OK;
}

/* Of how many leaves a checkpoint must be, at least, so that the bundle has all that was asked
 * for. */
static uint64_t least_size(const struct log_export *e)
{
    const struct log *log = e->log;
    const struct subject *s = roster_find(log->roster, slice_str(e->agent));
    if (e->has_range && e->to < log->durable_size)
        return e->to;
    if (!e->agent[0] || !s || !export_whole_range(e, log->durable_size))
        return log->durable_size;
    /* A chain carries the origin's. */
    return 1 + (s->durable_last > log->origin->durable_last ? s->durable_last
                                                            : log->origin->durable_last);
}

static bool waits(struct log_export *e)
{
    struct log *log = e->log;
    return log->has_owner && log->fence.count && e->wait_ms && !e->fresh.wanted && !is_frozen(log);
}

/* Appends heads, and proves the agent's place in them: others may follow before the checkpoint is
 * chosen. */
static tl_err prepare(struct log_export *e)
{
    struct log *log = e->log;
    tl_err err = export_append_heads(e);
    if (err != TL_OK)
        return err;
    e->size = log->durable_size;
    e->least = least_size(e);
    if (!e->agent[0] || export_is_answer(e) || !export_whole_range(e, e->least))
        return TL_OK;
    return export_prove_heads(e);
}

tl_err export_begin(struct log_export *e, struct tl_why *why)
{
    tl_err err = check_request(e, why);
    if (err == TL_OK && export_heads_again(e)) {
        e->stage = EXPORT_READY;
        return TL_OK;
    }
    if (err == TL_OK && e->fresh.wanted)
        err = attest_turn(e, why);
    if (err == TL_OK)
        err = prepare(e);
    if (err != TL_OK)
        return err;
    e->stage = waits(e) ? EXPORT_COSIGN : EXPORT_CHOOSE;
    return waits(e) ? TL_OK : export_choose(e, why);
}

/* ---- the checkpoint ---- */

/* On the owner thread, or that of log_end. What came of it is asked there once more. */
static void waited(void *ctx, tl_err err, const struct tl_why *why, slice note, uint64_t size,
                   const struct tlog_quorum *quorum)
{
    struct log_export *e = ctx;
    (void)err, (void)why, (void)note, (void)size, (void)quorum;
    e->done(e->done_ctx, TL_OK, true, NULL);
}

/* Where it cannot wait it goes on without. */
void export_wait(struct log_export *e)
{
    e->stage = EXPORT_CHOOSE;
    if (log_cosigned_wait(e->log, e->least, e->wait_ms, waited, e) != TL_OK)
        e->done(e->done_ctx, TL_OK, true, NULL);
}

/* The largest that a quorum has cosigned, if there is one. */
static tl_err take_latest(struct log_export *e)
{
    struct tlog_quorum q = {.met = false};
    uint64_t size = 0;
    buf_reset(&e->latest);
    tl_err err = log_cosigned(e->log, &e->latest, &size, &q);
    if (err == TL_OK && q.met && size <= e->log->durable_size) {
        e->latest_size = size;
        e->latest_time = q.time;
    }
    return err == TL_E_NOT_FOUND ? TL_OK : err;
}

/* The checkpoint, and what a fresh answer says beside it, are of one moment: that is of the log as
 * it is now. */
tl_err export_choose(struct log_export *e, struct tl_why *why)
{
    struct log *log = e->log;
    tl_err err = take_latest(e);
    if (err != TL_OK)
        return err;
    const uint64_t least = e->fresh.wanted ? log->durable_size : e->least;
    if (e->latest_time && e->latest_size >= least) {
        e->size = e->latest_size;
        e->time = e->latest_time;
        buf_bytes(&e->checkpoint, buf_slice(&e->latest));
        err = buf_err(&e->checkpoint);
    } else {
        e->size = log->durable_size;
        err = log_checkpoint(log, &e->checkpoint);
    }
    if (err == TL_OK && e->fresh.wanted)
        err = attest_take(e, why);
    if (err == TL_OK)
        err = export_plan(e, why);
    e->stage = e->fresh.wanted ? EXPORT_QUOTE : EXPORT_SCAN;
    return err;
}

void log_export_says(struct log_export *e, struct log_export_said *out)
{
    *out = (struct log_export_said){
        .size = e->size, .witnessed = e->log->anchors != NULL, .cosigned = e->latest_size};
}
