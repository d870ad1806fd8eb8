/* What the answers of witnesses mean. */
#include "base/refuse.h"
#include "witness/asking_state.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

/* ---- what the operator is told ---- */

static void tell(struct asking *a, const struct asked *w, const char *text, const char *more)
{
    buf line;
    buf_init(&line, 4096);
    buf_printf(&line, "witness %s %s%s", w->name, text, more);
    buf_u8(&line, 0);
    if (buf_err(&line) == TL_OK)
        a->log->say(a->log->ctx, (const char *)line.p);
    buf_finish(&line);
}

/* What a witness's operator has to add: only who runs the log can give it to him. */
static void tell_unknown(struct asking *a, const struct asked *w)
{
    buf key;
    buf_init(&key, 1024);
    buf_str(&key, ": ");
    note_key_put(&key, a->log_key);
    buf_u8(&key, 0);
    tell(a, w, w->why, buf_err(&key) == TL_OK ? (const char *)key.p : "");
    buf_finish(&key);
}

/* Trouble that lasts is told once; what comes and goes, once in a while. */
__attribute__((format(printf, 5, 6))) static void complain(struct asking *a, struct asked *w,
                                                           const struct asking_now *now,
                                                           enum trouble trouble, const char *fmt,
                                                           ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(w->why, sizeof w->why, fmt, ap);
    va_end(ap);
    if (w->trouble == trouble)
        return;
    w->trouble = trouble;
    uint64_t last = w->told_ms[trouble];
    if (last && now->ms - last < ASKING_QUIET_MS)
        return;
    w->told_ms[trouble] = now->ms ? now->ms : 1;
    w->told_trouble = true;
    if (trouble == TROUBLE_UNKNOWN)
        tell_unknown(a, w);
    else
        tell(a, w, w->why, "");
}

static void is_well(struct asking *a, struct asked *w)
{
    w->trouble = TROUBLE_NONE;
    w->why[0] = 0;
    w->fails = w->conflicts = 0;
    if (w->told_trouble)
        tell(a, w, "cosigns again", "");
    w->told_trouble = false;
}

/* Leaves it alone for a while that doubles. */
static void put_off(struct asked *w, const struct asking_now *now, uint64_t first_ms,
                    uint64_t least_ms)
{
    uint64_t wait = first_ms;
    for (unsigned i = 0; i < w->fails && wait < ASKING_RETRY_MAX_MS; i++)
        wait *= 2;
    if (wait > ASKING_RETRY_MAX_MS)
        wait = ASKING_RETRY_MAX_MS;
    wait += now->dice % (wait / 2 + 1);
    w->next_ms = now->ms + (wait > least_ms ? wait : least_ms);
    w->fails++;
    w->conflicts = 0;
}

/* ---- witnesses that say that they have more ---- */

static void set_ahead(struct asking *a, struct asked *w, bool ahead, uint64_t size)
{
    if (w->ahead == ahead)
        return;
    w->ahead = ahead;
    if (!w->sure)
        return; /* it is marked: anybody on the way to it may have said so */
    a->ahead = ahead ? a->ahead + 1 : a->ahead - 1;
    a->log->ahead(a->log->ctx, a->ahead, w->name, size);
}

/* Its latest note is looked at before anything is made of what it said. */
static void look(struct asked *w, const struct asking_now *now, uint64_t told)
{
    w->fetch = true;
    w->told = told;
    w->unshown = 0;
    w->next_ms = now->ms;
}

/* Nobody said that it does not show it: a moment's failure is not taken for that. */
static bool looks_again(struct asking *a, struct asked *w, const struct asking_now *now,
                        const struct asking_answer *answer)
{
    const bool silent = answer->status == 0, busy = answer->status == 429 || answer->status >= 500;
    if (!(silent || busy) || ++w->unshown >= ASKING_LOOKS_MAX)
        return false;
    put_off(w, now, ASKING_RETRY_MS, 0);
    if (silent)
        complain(a, w, now, TROUBLE_UNREACHABLE,
                 "does not answer when it is asked what it has cosigned of this log: %s",
                 answer->failure);
    else
        complain(a, w, now, TROUBLE_BUSY, "cannot show what it has cosigned of this log (HTTP %u)",
                 answer->status);
    return true;
}

/* GET …/HEX/checkpoint. A note under our own key is a proof by itself, and the log's to judge;
 * all else is the word of one witness. */
static void take_shown(struct asking *a, struct asked *w, const struct asking_now *now,
                       const struct asking_answer *answer)
{
    struct checkpoint c;
    bool shown =
        answer->status == 200 && !REFUSED(checkpoint_open(&c, answer->body, a->log_key) != TL_OK);
    if (!shown && looks_again(a, w, now, answer))
        return;
    w->fetch = false;
    if (shown && a->log->seen(a->log->ctx, w->name, answer->body)) {
        a->frozen = true;
        complain(a, w, now, TROUBLE_PROOF,
                 "shows a checkpoint of this log's own key that contradicts this log");
        return;
    }
    put_off(w, now, ASKING_RETRY_SLOW_MS, 0);
    if (w->told == 0) {
        complain(a, w, now, TROUBLE_REFUSES,
                 "says that this log did not only grow (HTTP 422), and shows nothing to prove it");
        return;
    }
    complain(a, w, now, TROUBLE_AHEAD,
             "says that it has cosigned %llu entries of this log, which has less, and does not "
             "show them",
             (unsigned long long)w->told);
    set_ahead(a, w, true, w->told);
}

/* ---- 200 ---- */

static bool cosigned_this(const struct asking *a, const struct asked *w,
                          const struct asking_now *now)
{
    (void)now;
    return w->cosigned_in == a->round.number;
}

static tl_err hand_over(struct asking *a)
{
    struct tlog_quorum q;
    buf note;
    buf_init(&note, NOTE_MAX);
    buf_bytes(&note, buf_slice(&a->round.note));
    memset(a->times, 0, a->policy->member_count * sizeof a->times[0]);
    for (size_t i = 0; i < a->count; i++) {
        buf_bytes(&note, buf_slice(&a->witnesses[i].line));
        a->times[a->witnesses[i].member] = a->witnesses[i].line_time;
    }
    tl_err err = buf_err(&note);
    if (err == TL_OK)
        err = tlog_policy_weigh(&q, a->policy, a->times);
    if (err == TL_OK)
        a->log->cosigned(a->log->ctx, buf_slice(&note), a->round.size, &q);
    buf_finish(&note);
    return err;
}

void asking_settle(struct asking *a)
{
    struct round *r = &a->round;
    tl_err err = r->met ? TL_OK : asking_enough(&r->met, a, cosigned_this, NULL);
    if (err == TL_OK && r->met)
        err = hand_over(a);
    r->unsettled = err != TL_OK;
}

/* An honest clock and ours agree roughly. One that is far off would spoil the times by which
 * verifiers go; and an answer of long ago, which somebody repeats, has the time of then. */
static bool is_dated_well(uint64_t time, const struct asking_now *now)
{
    return !REFUSED(time > now->s ? time - now->s > ASKING_SKEW_S : now->s - time > ASKING_SKEW_S);
}

static void take_line(struct asking *a, struct asked *w, slice line, uint64_t time)
{
    if (REFUSED(!slice_eq(buf_slice(&w->sent), round_text(&a->round))))
        return; /* of an earlier round, which is over */
    buf_reset(&w->line);
    buf_bytes(&w->line, line);
    if (buf_err(&w->line) != TL_OK)
        return;
    w->line_time = time;
    w->cosigned_in = a->round.number;
    asking_settle(a);
}

static void take_cosignature(struct asking *a, struct asked *w, const struct asking_now *now,
                             slice body)
{
    uint64_t time = 0;
    buf line;
    buf_init(&line, NOTE_MAX);
    tl_err err = witness_answer_take(&line, &time, &a->policy->members[w->member].key,
                                     buf_slice(&w->sent), body);
    if (err != TL_OK) {
        put_off(w, now, ASKING_RETRY_SLOW_MS, 0);
        complain(a, w, now, TROUBLE_UNSIGNED,
                 "answers without a cosignature of its key that holds; is the key in the policy "
                 "its own?");
    } else if (!is_dated_well(time, now)) {
        put_off(w, now, ASKING_RETRY_SLOW_MS, 0);
        complain(a, w, now, TROUBLE_CLOCK,
                 "dates its cosignature %llu where the clock here says %llu: one of them is wrong",
                 (unsigned long long)time, (unsigned long long)now->s);
        w->old = w->sent_size;
    } else {
        w->old = w->size = w->sent_size;
        w->time = time;
        is_well(a, w);
        set_ahead(a, w, false, w->size);
        take_line(a, w, buf_slice(&line), time);
    }
    buf_finish(&line);
}

/* ---- 409 ---- */

static bool is_size_type(slice type)
{
    size_t n = 0, want = strlen(WITNESS_SIZE_TYPE);
    while (n < type.n && type.p[n] != ';' && type.p[n] != ' ' && type.p[n] != '\t')
        n++;
    return n == want && strncasecmp((const char *)type.p, WITNESS_SIZE_TYPE, want) == 0;
}

/* It has another size than was thought, and one that this log has been signed at. */
static void go_on(struct asking *a, struct asked *w, const struct asking_now *now, uint64_t told)
{
    set_ahead(a, w, false, told);
    if (told < w->sent_old)
        complain(a, w, now, TROUBLE_FORGETS,
                 "had %llu entries of this log and says now that it has %llu: it forgets, or "
                 "contradicts itself",
                 (unsigned long long)w->sent_old, (unsigned long long)told);
    w->old = told;
    if (REFUSED(++w->conflicts > ASKING_CONFLICTS_MAX)) {
        put_off(w, now, ASKING_RETRY_MS, 0);
        complain(a, w, now, TROUBLE_CONFLICTS,
                 "says each time that it has another size of this log, now %llu",
                 (unsigned long long)told);
    } else if (told > a->round.size) {
        w->beyond_in = a->round.number;
        a->outgrown = true;
    }
}

static void take_conflict(struct asking *a, struct asked *w, const struct asking_now *now,
                          const struct asking_answer *answer)
{
    uint64_t told = 0;
    if (REFUSED(!is_size_type(answer->type)) ||
        REFUSED(witness_size_read(&told, answer->body) != TL_OK)) {
        put_off(w, now, ASKING_RETRY_SLOW_MS, 0);
        complain(a, w, now, TROUBLE_CONFLICTS, "answers HTTP 409 without a size of this log");
        return;
    }
    /* What the log has signed by now: it may have published more since it was asked. */
    switch (witness_conflict(w->sent_old, a->log->size(a->log->ctx), told)) {
    case WITNESS_IS_AHEAD:
        look(w, now, told);
        break;
    case WITNESS_CONTRADICTS:
        set_ahead(a, w, false, told);
        put_off(w, now, ASKING_RETRY_SLOW_MS, 0);
        complain(a, w, now, TROUBLE_CONFLICTS,
                 "has %llu entries of this log, as it says, and refuses what begins there",
                 (unsigned long long)told);
        break;
    case WITNESS_GO_ON:
        go_on(a, w, now, told);
        break;
    }
}

/* ---- all answers ---- */

static void take_busy(struct asking *a, struct asked *w, const struct asking_now *now,
                      const struct asking_answer *answer)
{
    uint64_t after = answer->retry_after_s;
    if (REFUSED(after > ASKING_RETRY_AFTER_MAX_S))
        after = ASKING_RETRY_AFTER_MAX_S;
    put_off(w, now, ASKING_RETRY_MS, after * 1000);
    complain(a, w, now, TROUBLE_BUSY, "cannot cosign now (HTTP %u)", answer->status);
}

static void take_other(struct asking *a, struct asked *w, const struct asking_now *now,
                       const struct asking_answer *answer)
{
    unsigned status = answer->status;
    if (status == 429 || status >= 500) {
        take_busy(a, w, now, answer);
        return;
    }
    bool unknown = status == 404 || status == 403; /* 403: servers before tlog-witness v1 */
    if (unknown && w->fails > ASKING_RETRY_UNKNOWN)
        w->fails = ASKING_RETRY_UNKNOWN; /* somebody may be adding it just now */
    put_off(w, now, status ? ASKING_RETRY_SLOW_MS : ASKING_RETRY_MS, 0);
    if (status == 0)
        complain(a, w, now, TROUBLE_UNREACHABLE, "gives no answer: %s", answer->failure);
    else if (unknown)
        complain(a, w, now, TROUBLE_UNKNOWN,
                 "does not know this log (HTTP %u); its operator adds the log's verifier key",
                 status);
    else
        complain(a, w, now, TROUBLE_ODD,
                 "answers a checkpoint with HTTP %u, as no witness should; is its URL right?",
                 status);
}

void asking_answered(struct asking *a, size_t i, const struct asking_now *now,
                     const struct asking_answer *answer)
{
    struct asked *w = &a->witnesses[i];
    bool fetched = w->fetching;
    w->under_way = w->fetching = false;
    w->answered = true;
    if (a->frozen)
        return;
    if (fetched)
        take_shown(a, w, now, answer);
    else if (answer->status == 200)
        take_cosignature(a, w, now, answer->body);
    else if (answer->status == 409)
        take_conflict(a, w, now, answer);
    else if (answer->status == 422)
        look(w, now, 0);
    else
        take_other(a, w, now, answer);
}
