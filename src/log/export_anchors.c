/* Which earlier checkpoints a bundle holds: those that show that evidence was good in its own
 * time, with the collateral of that time. */
#include "attest/evidence.h"
#include "log/export.h"

#include <stdlib.h>

void export_anchors_free(struct log_export *e)
{
    for (size_t i = 0; i < e->anchor_count; i++)
        free(e->anchors[i].note);
    free(e->anchors);
    e->anchors = NULL;
    e->anchor_count = 0;
}

static tl_err add(struct log_export *e, const uint8_t *note, size_t n, uint64_t size, uint64_t time,
                  bool wanted)
{
    struct export_anchor *a = &e->anchors[e->anchor_count];
    *a = (struct export_anchor){
        .size = size, .time = time, .note_size = n, .wanted = wanted, .note = malloc(n)};
    if (!a->note)
        return TL_E_MEMORY;
    memcpy(a->note, note, n);
    e->anchor_count++;
    return TL_OK;
}

/* The largest, where the header's is not cosigned: what it has is all that a quorum has seen. */
static tl_err add_latest(struct log_export *e)
{
    if (e->time || !e->latest_time || e->latest_size >= e->size)
        return TL_OK;
    if (e->anchor_count && e->anchors[e->anchor_count - 1].size == e->latest_size)
        free(e->anchors[--e->anchor_count].note);
    return add(e, e->latest.p, e->latest.n, e->latest_size, e->latest_time, true);
}

/* Those that were kept, as they are now, and their collateral. */
static tl_err gather(struct log_export *e)
{
    const struct anchors *a = e->log->anchors;
    tl_err err = bundle_collateral_begin(&e->collateral, e->log->shelf, e->log->tee);
    if (err != TL_OK || !a)
        return err;
    e->anchors = calloc(a->count + 1, sizeof *e->anchors);
    if (!e->anchors)
        return TL_E_MEMORY;
    for (size_t i = 0; i < a->piece_count; i++)
        if (a->pieces[i].state == ANCHOR_GOOD)
            (void)bundle_collateral_keep(&e->collateral, &a->pieces[i].piece);
    for (size_t i = 0; i < a->count && err == TL_OK; i++) {
        const struct anchor *k = &a->items[i];
        if (k->time && k->size < e->size)
            err = add(e, k->note, k->note_size, k->size, k->time, false);
    }
    return err == TL_OK ? add_latest(e) : err;
}

/* The first anchor with this leaf; NULL: none has it. */
static struct export_anchor *first_with(const struct log_export *e, uint64_t index)
{
    size_t low = 0, high = e->anchor_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (e->anchors[mid].size > index)
            high = mid;
        else
            low = mid + 1;
    }
    return low < e->anchor_count ? &e->anchors[low] : NULL;
}

/* The platform of this evidence, by its first piece of collateral; COLLATERAL_PIECES: there is
 * none. */
static size_t platform_of(const struct log_export *e, slice item)
{
    const struct bundle_collateral *c = &e->collateral;
    struct evidence evidence;
    struct about about;
    size_t i = 0;
    if (evidence_read(&evidence, item) != TL_OK || about_quote(&about, evidence.quote) != TL_OK)
        return COLLATERAL_PIECES;
    while (i < c->count && !about_same(&c->pieces[i].about, &about))
        i++;
    return i < c->count ? i : COLLATERAL_PIECES;
}

/* That it is what its digest says is asked once it is written. */
static tl_err look_at(struct log_export *e, const struct claim *claim)
{
    struct export_anchor *a = first_with(e, claim->index);
    buf b;
    if (!a)
        return TL_OK;
    buf_init(&b, 1u << 20);
    tl_err err = store_get_evidence(e->log->store, &claim->digest, &b);
    size_t platform = err == TL_OK ? platform_of(e, buf_slice(&b)) : COLLATERAL_PIECES;
    if (platform < COLLATERAL_PIECES)
        a->platforms[platform / 64] |= UINT64_C(1) << platform % 64;
    else
        a->bare = true;
    buf_finish(&b);
    return err == TL_E_MEMORY || err == TL_E_IO ? err : TL_OK;
}

tl_err export_dates(struct log_export *e)
{
    uint64_t end = owner_slice_end();
    bool more = e->log->anchors != NULL;
    tl_err err = TL_OK;
    while (!e->anchors && more && err == TL_OK && !owner_slice_over(end))
        err = anchors_learn(e->log, &more);
    if (!e->anchors && !more && err == TL_OK)
        err = gather(e);
    if (!e->anchors && more)
        return err; /* there is more to be read */
    while (err == TL_OK && e->anchor_count && e->cursor < e->evidence_count) {
        if (owner_slice_over(end))
            return TL_OK;
        err = look_at(e, &e->evidence[e->cursor++]);
    }
    e->stage = EXPORT_PICK;
    e->cursor = 0;
    return err;
}

/* Whether evidence of all these platforms is good at that time. */
static bool all_good(const struct log_export *e, const struct export_anchor *a)
{
    const struct bundle_collateral *c = &e->collateral;
    for (size_t p = 0; p < c->count; p++) {
        if (!(a->platforms[p / 64] >> p % 64 & 1))
            continue;
        bool good = false;
        for (size_t i = 0; i < c->count && !good; i++)
            good = about_same(&c->pieces[i].about, &c->pieces[p].about) &&
                   c->pieces[i].when.from <= a->time && a->time <= c->pieces[i].when.until;
        if (!good)
            return false;
    }
    return !a->bare;
}

/* What one that is not taken would have dated is the next one's. */
static void pass_on(struct export_anchor *to, const struct export_anchor *from)
{
    for (size_t i = 0; i < COLLATERAL_PIECES / 64; i++)
        to->platforms[i] |= from->platforms[i];
    to->bare = to->bare || from->bare;
}

/* A verifier takes for a statement the earliest time over any checkpoint with it: so times have
 * to ascend, up to that of the header's. */
void export_pick(struct log_export *e)
{
    uint64_t least = 0, most = e->time ? e->time : UINT64_MAX;
    size_t kept = 0;
    if (e->anchor_count && e->anchors[e->anchor_count - 1].wanted)
        most = e->anchors[e->anchor_count - 1].time;
    for (size_t i = 0; i < e->anchor_count; i++) {
        struct export_anchor a = e->anchors[i];
        if (!a.wanted && (a.time < least || a.time > most || !all_good(e, &a))) {
            if (i + 1 < e->anchor_count)
                pass_on(&e->anchors[i + 1], &a);
            free(a.note);
            continue;
        }
        least = a.time;
        e->anchors[kept++] = a;
    }
    e->anchor_count = kept;
    e->stage = EXPORT_HEADER;
}

uint64_t export_time_of(const struct log_export *e, uint64_t index)
{
    const struct export_anchor *a = first_with(e, index);
    return a ? a->time : index < e->size ? e->time : 0;
}
