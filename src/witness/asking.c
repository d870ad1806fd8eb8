/* What is asked of whom, and when. */
#include "witness/asking_state.h"

#include <stdio.h>

/* ---- rounds ---- */

tl_err asking_enough(bool *enough, struct asking *a, asking_choice *chosen,
                     const struct asking_now *now)
{
    struct tlog_quorum q;
    memset(a->times, 0, a->policy->member_count * sizeof a->times[0]);
    for (size_t i = 0; i < a->count; i++)
        a->times[a->witnesses[i].member] = chosen(a, &a->witnesses[i], now);
    tl_err err = tlog_policy_weigh(&q, a->policy, a->times);
    if (err == TL_OK)
        *enough = q.met;
    return err;
}

/* Whether it is still to be asked about the round's checkpoint, at some time. */
static bool open_in_round(const struct asking *a, const struct asked *w)
{
    return w->url && w->cosigned_in != a->round.number && w->beyond_in != a->round.number;
}

/* It has cosigned this round, or is being asked, about this or an earlier checkpoint, or can
 * be asked at once. */
static bool counts_on(const struct asking *a, const struct asked *w, const struct asking_now *now)
{
    if (w->cosigned_in == a->round.number)
        return true;
    if (!open_in_round(a, w) || w->fetch || w->fetching)
        return false;
    return w->under_way || now->ms >= w->next_ms;
}

/* A round goes on for as long as those who have cosigned it, and those who may still, are a
 * quorum. One that failed joins it again when it is its time, so that the first moment at which
 * enough witnesses can be reached is enough for a quorum, of whatever round there is then. */
static bool is_over(struct asking *a, const struct asking_now *now)
{
    bool hope = true;
    return a->round.met || (asking_enough(&hope, a, counts_on, now) == TL_OK && !hope);
}

static bool is_due(struct asking *a, const struct asking_now *now)
{
    const struct round *r = &a->round;
    uint64_t size = a->log->size(a->log->ctx);
    if (a->frozen || size == 0 || now->ms < a->retry_ms)
        return false;
    if (r->number == 0)
        return true;
    if (!is_over(a, now))
        return false;
    if (now->ms - r->began_ms >= a->refresh_ms)
        return true;
    if (size <= r->size)
        return false;
    /* Those who wait are not served by asking the few who do answer more often. */
    return now->ms - r->began_ms >= a->interval_ms || (a->hurry && r->met) || a->outgrown;
}

static tl_err take_note(struct asking *a, slice note, uint64_t size)
{
    struct checkpoint c;
    tl_err err = note_read(a->scratch, note);
    if (err == TL_OK)
        err = checkpoint_read(&c, a->scratch->text);
    if (err == TL_OK && (c.size != size || size < a->round.size))
        err = TL_E_CHECKPOINT;
    if (err != TL_OK)
        return err;
    slice text = a->scratch->text;
    bool same = a->round.number && slice_eq(text, round_text(&a->round));
    buf_reset(&a->round.note);
    buf_bytes(&a->round.note, note);
    for (size_t i = 0; !same && i < a->count; i++) {
        buf_reset(&a->witnesses[i].line);
        a->witnesses[i].line_time = 0;
    }
    a->round.text_n = text.n;
    a->round.size = size;
    return buf_err(&a->round.note);
}

/* Of the first witness that can be asked: mostly all have cosigned the last round. */
static uint64_t likely_old(const struct asking *a, const struct asking_now *now)
{
    for (size_t i = 0; i < a->count; i++) {
        const struct asked *w = &a->witnesses[i];
        if (w->url && !w->under_way && now->ms >= w->next_ms)
            return w->old;
    }
    return 0;
}

static void log_fails(struct asking *a, const struct asking_now *now, tl_err err)
{
    char text[200];
    a->retry_ms = now->ms + a->interval_ms;
    a->hurry = true;
    if (a->log_failed || err == TL_E_STOPPING)
        return;
    a->log_failed = true;
    snprintf(text, sizeof text, "the log has no checkpoint to show its witnesses: %s",
             tl_err_text(err));
    a->log->say(a->log->ctx, text);
}

void asking_turn(struct asking *a, const struct asking_now *now)
{
    if (a->round.unsettled)
        asking_settle(a);
    if (!is_due(a, now))
        return;
    uint64_t size = 0;
    buf note;
    buf_init(&note, NOTE_MAX);
    a->hurry = a->outgrown = false;
    a->path_old = likely_old(a, now);
    a->path_size = 0;
    tl_err err =
        a->log->checkpoint(a->log->ctx, a->path_old, &note, &size, a->path, &a->path_count);
    if (err == TL_OK)
        err = buf_err(&note);
    if (err == TL_OK)
        err = take_note(a, buf_slice(&note), size);
    if (err == TL_OK) {
        a->path_size = size;
        a->round.number++;
        a->round.began_ms = now->ms;
        a->round.met = a->round.unsettled = a->log_failed = false;
    } else {
        log_fails(a, now, err);
    }
    buf_finish(&note);
}

void asking_hurry(struct asking *a)
{
    if (a->log->size(a->log->ctx) > a->round.size) /* else he waits for this round */
        a->hurry = true;
}

/* ---- requests ---- */

/* The proof from old to the round's checkpoint, into a->path. */
static tl_err find_path(struct asking *a, uint64_t old)
{
    if (a->path_old == old && a->path_size == a->round.size)
        return TL_OK;
    size_t count = 0;
    tl_err err = TL_OK;
    a->path_size = 0;
    if (old && old != a->round.size)
        err = a->log->prove(a->log->ctx, old, a->round.size, a->path, &count);
    if (err != TL_OK)
        return err;
    a->path_old = old;
    a->path_size = a->round.size;
    a->path_count = count;
    return TL_OK;
}

static tl_err put_submission(struct asking *a, struct asked *w, buf *body)
{
    tl_err err = find_path(a, w->old);
    if (err != TL_OK)
        return err;
    buf_reset(&w->sent);
    buf_bytes(&w->sent, round_text(&a->round));
    witness_request_put(body, w->old, a->path, a->path_count, buf_slice(&a->round.note));
    return buf_err(&w->sent) != TL_OK ? buf_err(&w->sent) : buf_err(body);
}

enum asking_what asking_take(struct asking *a, size_t i, const struct asking_now *now, buf *body)
{
    struct asked *w = &a->witnesses[i];
    if (!w->url || w->under_way || a->frozen || now->ms < w->next_ms)
        return ASKING_NOTHING;
    if (w->fetch) {
        w->under_way = w->fetching = true;
        return ASKING_FETCH;
    }
    if (a->round.number == 0 || !open_in_round(a, w))
        return ASKING_NOTHING;
    if (w->old > a->round.size) {
        w->beyond_in = a->round.number;
        return ASKING_NOTHING;
    }
    tl_err err = put_submission(a, w, body);
    if (err != TL_OK) {
        w->next_ms = now->ms + a->interval_ms;
        log_fails(a, now, err);
        return ASKING_NOTHING;
    }
    w->under_way = true;
    w->sent_old = w->old;
    w->sent_size = a->round.size;
    return ASKING_SUBMIT;
}

void asking_address(const struct asking *a, size_t i, enum asking_what what, buf *url)
{
    const struct asked *w = &a->witnesses[i];
    if (what == ASKING_FETCH)
        buf_printf(url, "%s/%s/checkpoint", w->url, a->hex);
    else
        buf_printf(url, "%s/add-checkpoint", w->url);
}

static void earlier(uint64_t *wait, const struct asking_now *now, uint64_t then)
{
    if (then > now->ms && then - now->ms < *wait)
        *wait = then - now->ms;
}

unsigned asking_wait(const struct asking *a, const struct asking_now *now)
{
    uint64_t wait = a->interval_ms < a->refresh_ms ? a->interval_ms : a->refresh_ms;
    earlier(&wait, now, a->retry_ms);
    earlier(&wait, now, a->round.began_ms + a->interval_ms);
    earlier(&wait, now, a->round.began_ms + a->refresh_ms);
    for (size_t i = 0; i < a->count; i++)
        if (!a->witnesses[i].under_way && open_in_round(a, &a->witnesses[i]))
            earlier(&wait, now, a->witnesses[i].next_ms);
    return (unsigned)wait;
}

size_t asking_count(const struct asking *a)
{
    return a->count;
}

void asking_view(const struct asking *a, size_t i, struct witness_view *out)
{
    const struct asked *w = &a->witnesses[i];
    *out = (struct witness_view){
        .name = w->name,
        .url = w->url,
        .good = w->answered && w->trouble == TROUBLE_NONE,
        .ahead = w->ahead,
        .size = w->size,
        .time = w->time,
    };
    memcpy(out->why, w->why, sizeof out->why);
}
