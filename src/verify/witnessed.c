#include "verify/witnessed.h"

#include "base/refuse.h"
#include "verify/render.h"

#include <inttypes.h>
#include <stdlib.h>

void witnessed_finish(struct witnessed *h)
{
    free(h->points);
    *h = (struct witnessed){0};
}

static tl_err grow(struct witnessed *h)
{
    if (h->count < h->cap)
        return TL_OK;
    size_t cap = h->cap ? 2 * h->cap : 8;
    struct witnessed_point *p = realloc(h->points, cap * sizeof *p);
    if (!p)
        return TL_E_MEMORY;
    h->points = p;
    h->cap = cap;
    return TL_OK;
}

tl_err witnessed_add(struct witnessed *h, struct teelog_report *r, const struct note *n,
                     uint64_t size)
{
    struct tlog_quorum q;
    if (!h->wanted)
        return TL_OK;
    tl_err err = tlog_policy_judge(&q, h->wanted->quorum, n);
    if (err == TL_E_MEMORY)
        return err;
    if (REFUSED(err != TL_OK))
        return report_fail(r, CHECK_HISTORY, NO_INDEX,
                           "the checkpoint of size %" PRIu64 " has a line of a witness that the "
                           "policy names, and it does not verify",
                           size);
    h->header_valid = q.valid;
    if (!q.met)
        return TL_OK;
    err = grow(h);
    if (err == TL_OK)
        h->points[h->count++] =
            (struct witnessed_point){.size = size, .time = q.time, .current = q.current};
    return err;
}

/* Time, as people read it, within a sentence. */
static const char *time_text(char out[32], uint64_t seconds)
{
    buf b;
    buf_init_fixed(&b, (uint8_t *)out, 32);
    render_time(&b, seconds);
    buf_u8(&b, 0);
    return out;
}

/* What a running log has said in answer to the caller's own nonce. */
static tl_err check_live(const struct witnessed *h, struct teelog_report *r,
                         const struct witnessed_point *last, uint64_t now)
{
    char when[32], at[32];
    uint64_t age = now > last->current ? now - last->current : last->current - now;
    if (REFUSED(age > h->wanted->max_age))
        return report_fail(
            r, CHECK_HISTORY, NO_INDEX,
            "the bundle is the only history as of %s, and the policy takes it for %" PRIu64
            " seconds before and after; it is now %s",
            time_text(when, last->current), h->wanted->max_age, time_text(at, now));
    return TL_OK;
}

/* Statements of the bundle that no quorum has seen: only the running log itself can vouch for
 * them, and only where witnesses let it start. */
static tl_err check_beyond(struct teelog_report *r, const struct witnessed_point *last,
                           uint64_t size)
{
    const bool live = r->fresh.there && r->fresh.asked;
    if (REFUSED(!live))
        return report_fail(r, CHECK_HISTORY, NO_INDEX,
                           "a quorum has cosigned the tree of size %" PRIu64
                           ", and the bundle's is of size %" PRIu64
                           "; ask for a bundle of a checkpoint that they have cosigned",
                           last->size, size);
    if (REFUSED(r->fresh.mode != FRESH_FENCED))
        return report_fail(r, CHECK_HISTORY, NO_INDEX,
                           "the log was started without its witnesses, and no quorum has cosigned "
                           "the bundle's checkpoint");
    return TL_OK;
}

static void find_earliest(struct witnessed *h)
{
    uint64_t earliest = UINT64_MAX;
    for (size_t i = h->count; i-- > 0;) {
        if (h->points[i].time < earliest)
            earliest = h->points[i].time;
        h->points[i].earliest = earliest;
    }
}

static void tell(const struct witnessed *h, struct teelog_report *r,
                 const struct witnessed_point *last)
{
    char when[32];
    const struct policy_history *w = h->wanted;
    r->history.met = true;
    r->history.size = last->size;
    r->history.time = last->time;
    r->history.current = last->current;
    report_end(r, CHECK_HISTORY, CHECK_PASSED,
               "at least %zu of %zu witnesses have cosigned the tree of size %" PRIu64
               " as the only one, as of %s; the policy allows for %" PRIu64 " faulty %s",
               w->need, w->witnesses, last->size, time_text(when, last->current), w->faulty,
               w->faulty == 1 ? "witness" : "witnesses");
}

tl_err witnessed_end(struct witnessed *h, struct teelog_report *r, uint64_t size, uint64_t now)
{
    if (!h->wanted)
        return TL_OK;
    if (REFUSED(h->count == 0))
        return report_fail(r, CHECK_HISTORY, NO_INDEX,
                           "the policy needs %zu of %zu witnesses, and the checkpoint of size "
                           "%" PRIu64 " is cosigned by %zu of them",
                           h->wanted->need, h->wanted->witnesses, size, h->header_valid);
    /* Whoever asked, and whenever: a quorum's only history is denied by the log itself. */
    if (REFUSED(r->fresh.there && r->fresh.mode == FRESH_FROZEN))
        return report_fail(r, CHECK_HISTORY, NO_INDEX,
                           "the log says that it has seen another history of itself");
    const struct witnessed_point *last = &h->points[h->count - 1];
    tl_err err = last->size < size ? check_beyond(r, last, size) : TL_OK;
    if (err == TL_OK && r->fresh.there && r->fresh.asked)
        err = check_live(h, r, last, now);
    if (err != TL_OK)
        return err;
    find_earliest(h);
    tell(h, r, last);
    return TL_OK;
}

/* The earliest quorum time over a checkpoint with that leaf; false where there is none. */
static bool time_of(const struct witnessed *h, uint64_t index, uint64_t *out)
{
    size_t low = 0, high = h->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (h->points[middle].size > index)
            high = middle;
        else
            low = middle + 1;
    }
    if (low == h->count)
        return false;
    *out = h->points[low].earliest;
    return true;
}

tl_err witnessed_judge_evidence(const struct witnessed *h, struct teelog_report *r,
                                const struct attested *a, uint64_t now)
{
    struct report_history *out = &r->history;
    tl_err err = TL_OK;
    char at[32], from[32], until[32];
    for (size_t i = 0; h->wanted && i < a->count; i++) {
        const struct attested_item *e = &a->items[i];
        uint64_t time = now;
        if (!time_of(h, e->index, &time)) {
            out->judged_now++;
        } else {
            if (out->judged++ == 0)
                out->judged_from = out->judged_to = time;
            out->judged_from = time < out->judged_from ? time : out->judged_from;
            out->judged_to = time > out->judged_to ? time : out->judged_to;
        }
        /* Items stand in the order of their digests: of all that fail the first leaf is told. */
        if (REFUSED(time < e->valid_from || time > e->valid_until))
            err = report_fail(r, CHECK_GENUINE, e->index,
                              "validity: its collateral is good from %s to %s, and it is judged "
                              "as of %s",
                              time_text(from, e->valid_from), time_text(until, e->valid_until),
                              time_text(at, time));
    }
    return err;
}
