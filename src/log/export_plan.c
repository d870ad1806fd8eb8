/* Which leaves, evidence and proofs a bundle needs. */
#include "log/export.h"

#include <stdlib.h>

tl_err export_grow(void **array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return TL_OK;
    size_t more = *capacity ? 2 * *capacity : 64;
    void *p = realloc(*array, more * size);
    if (!p)
        return TL_E_MEMORY;
    *array = p;
    *capacity = more;
    return TL_OK;
}

static tl_err add_run(struct log_export *e, uint64_t index)
{
    if (e->run_count && e->runs[e->run_count - 1].end == index) {
        e->runs[e->run_count - 1].end++;
        return TL_OK;
    }
    tl_err err = export_grow((void **)&e->runs, e->run_count, &e->run_capacity, sizeof *e->runs);
    if (err == TL_OK)
        e->runs[e->run_count++] = (struct run){index, index + 1};
    return err;
}

static tl_err add_needed(struct log_export *e, uint64_t index)
{
    if (e->needed_count && e->needed[e->needed_count - 1] == index)
        return TL_OK;
    tl_err err =
        export_grow((void **)&e->needed, e->needed_count, &e->needed_capacity, sizeof *e->needed);
    if (err == TL_OK)
        e->needed[e->needed_count++] = index;
    return err;
}

tl_err export_add_evidence(struct log_export *e, const hash32 *digest, uint64_t index)
{
    tl_err err = export_grow((void **)&e->evidence, e->evidence_count, &e->evidence_capacity,
                             sizeof *e->evidence);
    if (err == TL_OK)
        e->evidence[e->evidence_count++] = (struct claim){*digest, index};
    return err;
}

static tl_err add_claims(struct log_export *e, uint64_t index, uint64_t size,
                         const hash32 *evidence)
{
    tl_err err = export_add_evidence(e, evidence, index);
    if (err != TL_OK || size == 0 || size >= e->size)
        return err;
    err = export_grow((void **)&e->sizes, e->size_count, &e->size_capacity, sizeof *e->sizes);
    if (err == TL_OK)
        e->sizes[e->size_count++] = size;
    return err;
}

/* What a boot, session or erasure brings with it; *boot is the boot of the latter two. */
static tl_err take_claims(struct log_export *e, uint64_t index, const struct statement *st,
                          slice body, uint64_t *boot)
{
    struct body_boot b;
    struct body_session s;
    if (st->kind == ST_ERASURE) {
        *boot = st->session;
        return TL_OK;
    }
    if (st->kind == ST_BOOT) {
        tl_err err = body_boot_read(&b, body);
        return err == TL_OK ? add_claims(e, index, b.size, &b.evidence) : TL_E_STORED;
    }
    tl_err err = body_session_read(&s, body);
    if (err != TL_OK)
        return TL_E_STORED;
    *boot = s.boot;
    err = s.has_peer ? export_add_evidence(e, &s.peer_evidence, index) : TL_OK;
    return err == TL_OK ? add_claims(e, index, s.size, &s.evidence) : err;
}

static bool wanted(const struct log_export *e, const struct statement *st)
{
    bool mine = !e->agent[0] || slice_eq_str(st->subject, e->agent);
    return e->scope == SCOPE_CHAIN ? mine || st->service : mine;
}

/* What is not wanted is checked too: an altered subject must not take a statement
 * out of its agent's chain. */
static tl_err look_at(struct log_export *e, const struct store_leaf *leaf)
{
    struct statement st;
    uint64_t boot = UINT64_MAX;
    tl_err err = stored_statement(e->log, leaf, &st);
    if (err != TL_OK)
        return err;
    if (!wanted(e, &st))
        return TL_OK;
    e->found = e->found || !st.service || !e->agent[0];
    err = add_run(e, leaf->index);
    if (err == TL_OK && (st.kind == ST_BOOT || st.kind == ST_SESSION))
        err = take_claims(e, leaf->index, &st, leaf->body, &boot);
    if (err != TL_OK || e->scope != SCOPE_RECORDS)
        return err;
    e->erased += st.kind == ST_RECORD && log_is_erased(e->log, leaf->index);
    if (st.session != leaf->index)
        err = add_needed(e, st.session);
    if (err == TL_OK && boot != UINT64_MAX)
        err = add_needed(e, boot);
    return err;
}

static int compare_u64(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static int compare_run(const void *a, const void *b)
{
    const struct run *x = a, *y = b;
    return (x->start > y->start) - (x->start < y->start);
}

/* The same evidence by the first statement that names it. */
static int compare_claim(const void *a, const void *b)
{
    const struct claim *x = a, *y = b;
    int c = memcmp(&x->digest, &y->digest, sizeof x->digest);
    return c ? c : (x->index > y->index) - (x->index < y->index);
}

static int compare_digest(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(hash32));
}

/* Sorts, and drops what is there twice, but for the first; the new count. */
static size_t sort_unique(void *array, size_t count, size_t size,
                          int (*compare)(const void *, const void *),
                          int (*same)(const void *, const void *))
{
    uint8_t *p = array;
    size_t kept = 0;
    if (count)
        qsort(array, count, size, compare);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || same(p + (kept - 1) * size, p + i * size) != 0)
            memmove(p + kept++ * size, p + i * size, size);
    return kept;
}

static bool in_runs(const struct log_export *e, size_t count, uint64_t index)
{
    size_t low = 0, high = count; /* the first run that ends after index */
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (e->runs[mid].end <= index)
            low = mid + 1;
        else
            high = mid;
    }
    return low < count && e->runs[low].start <= index;
}

static tl_err add_needed_leaf(struct log_export *e, uint64_t index, uint64_t *boot)
{
    struct store_leaf leaf;
    struct statement st;
    tl_err err = index < e->size ? stored_leaf(e->log, index, &leaf, &st) : TL_E_STORED;
    if (err == TL_OK && st.kind != ST_BOOT && st.kind != ST_SESSION && st.kind != ST_ERASURE)
        err = TL_E_STORED;
    if (err == TL_OK)
        err = take_claims(e, index, &st, leaf.body, boot);
    if (err != TL_OK)
        return err;
    err = export_grow((void **)&e->runs, e->run_count, &e->run_capacity, sizeof *e->runs);
    if (err == TL_OK)
        e->runs[e->run_count++] = (struct run){index, index + 1};
    return err;
}

/* Sessions of the records and their erasures, then the boots of those. */
static tl_err resolve_needed(struct log_export *e, struct tl_why *why)
{
    size_t sorted = e->run_count;
    for (int round = 0; round < 2; round++) {
        size_t count =
            sort_unique(e->needed, e->needed_count, sizeof *e->needed, compare_u64, compare_u64);
        uint64_t *now = e->needed;
        e->needed = NULL;
        e->needed_count = e->needed_capacity = 0;
        tl_err err = TL_OK;
        for (size_t i = 0; now && i < count && err == TL_OK; i++) {
            uint64_t boot = UINT64_MAX;
            if (in_runs(e, sorted, now[i]))
                continue;
            err = stored_explain(why, add_needed_leaf(e, now[i], &boot), now[i]);
            if (err == TL_OK && boot != UINT64_MAX)
                err = add_needed(e, boot);
        }
        free(now);
        if (err != TL_OK)
            return err;
        if (e->run_count)
            qsort(e->runs, e->run_count, sizeof *e->runs, compare_run);
        sorted = e->run_count;
    }
    return TL_OK;
}

bool export_next_fill(const struct log_export *e, uint64_t *at, size_t *run, unsigned *level,
                      uint64_t *n)
{
    while (*run < e->run_count && *at >= e->runs[*run].start) {
        if (*at < e->runs[*run].end)
            *at = e->runs[*run].end;
        ++*run;
    }
    uint64_t end = *run < e->run_count ? e->runs[*run].start : e->size;
    if (*at >= end)
        return false;
    *level = merkle_cover_level(*at, end);
    *n = *at >> *level;
    *at += UINT64_C(1) << *level;
    return true;
}

static void count_all(struct log_export *e)
{
    uint64_t at = 0, n;
    size_t run = 0;
    unsigned level;
    e->leaf_count = e->fill_count = 0;
    for (size_t i = 0; i < e->run_count; i++)
        e->leaf_count += e->runs[i].end - e->runs[i].start;
    while (export_next_fill(e, &at, &run, &level, &n))
        e->fill_count++;
}

static tl_err finish_plan(struct log_export *e, struct tl_why *why)
{
    if (!e->found)
        return tl_explain(why, TL_E_NOT_FOUND, "agent", "there is no statement of this agent here");
    if (e->scope == SCOPE_RECORDS) {
        tl_err err = resolve_needed(e, why);
        if (err != TL_OK)
            return err;
    }
    e->evidence_count = sort_unique(e->evidence, e->evidence_count, sizeof *e->evidence,
                                    compare_claim, compare_digest);
    e->size_count =
        sort_unique(e->sizes, e->size_count, sizeof *e->sizes, compare_u64, compare_u64);
    count_all(e);
    /* What holds every leaf is a whole log (docs/format.md section 10). */
    if (e->leaf_count == e->size && e->head_count == 0)
        e->scope = SCOPE_WHOLE;
    e->stage = EXPORT_DATES;
    e->cursor = 0;
    return TL_OK;
}

/* How many of the bundle's records the erasure names. */
static tl_err count_named(struct log_export *e, uint64_t *named, uint64_t erasure)
{
    struct store_leaf leaf;
    struct statement st;
    size_t count = 0;
    if (!e->indexes && !(e->indexes = malloc(ERASURE_MAX * sizeof *e->indexes)))
        return TL_E_MEMORY;
    tl_err err = stored_leaf(e->log, erasure, &leaf, &st);
    if (err == TL_OK)
        err = erased_read(e->indexes, &count, &leaf, &st);
    *named = 0;
    for (size_t i = 0; i < count && err == TL_OK; i++)
        *named += in_runs(e, e->run_count, e->indexes[i]);
    return err;
}

/* The erasures that name records of the bundle, without which these would be taken for
 * withheld. What was erased after the checkpoint has none below it. */
tl_err export_find_erasures(struct log_export *e, struct tl_why *why)
{
    uint64_t end = owner_slice_end();
    do {
        uint64_t named = 0;
        if (e->erased == 0 || !leaf_set_next(&e->log->erased.places, &e->cursor) ||
            e->cursor >= e->size)
            return finish_plan(e, why);
        tl_err err = count_named(e, &named, e->cursor);
        if (err == TL_OK && named)
            err = add_needed(e, e->cursor);
        if (err != TL_OK)
            return stored_explain(why, err, e->cursor);
        e->erased -= named < e->erased ? named : e->erased;
        e->cursor++;
    } while (!owner_slice_over(end));
    return TL_OK;
}

tl_err export_scan(struct log_export *e, struct tl_why *why)
{
    uint64_t end = e->to < e->size ? e->to : e->size, slice_end = owner_slice_end();
    tl_err err = store_scan_start(e->log->store, e->cursor);
    for (bool over = false; !over && e->cursor < end && err == TL_OK;) {
        struct store_leaf leaf;
        bool found = false;
        err = store_scan_next(e->log->store, &leaf, &found);
        if (err == TL_OK)
            err = found && leaf.index == e->cursor ? look_at(e, &leaf) : TL_E_STORED;
        if (err == TL_OK)
            e->cursor++;
        else
            err = stored_explain(why, err, e->cursor);
        over = e->cursor % 16 == 0 && owner_slice_over(slice_end);
    }
    store_scan_end(e->log->store);
    if (err == TL_OK && e->cursor >= end) {
        e->stage = EXPORT_ERASURES;
        e->cursor = e->run_count ? e->runs[0].start : 0; /* erasures come after what they name */
    }
    return err;
}

/* What an answer without the chain holds: this boot, the agent's last statement, and
 * the session and boot of that. */
static tl_err plan_answer(struct log_export *e, struct tl_why *why)
{
    uint64_t boot = UINT64_MAX;
    struct store_leaf leaf;
    struct statement st;
    e->scope = SCOPE_RECORDS;
    e->from = e->to = 0;
    e->found = true;
    tl_err err = add_needed(e, e->log->boot_index);
    if (err != TL_OK || e->fresh.answer.count == 0)
        return err;
    e->erased = log_is_erased(e->log, e->fresh.last);
    err = stored_leaf(e->log, e->fresh.last, &leaf, &st);
    if (err == TL_OK)
        err = add_run(e, e->fresh.last);
    if (err == TL_OK && st.kind == ST_SESSION)
        err = take_claims(e, leaf.index, &st, leaf.body, &boot);
    else if (err == TL_OK)
        err = add_needed(e, st.session);
    if (err == TL_OK && boot != UINT64_MAX)
        err = add_needed(e, boot);
    return stored_explain(why, err, e->fresh.last);
}

static void plan_range(struct log_export *e)
{
    const bool whole = export_whole_range(e, e->size);
    e->scope = !whole ? SCOPE_RECORDS : e->agent[0] ? SCOPE_CHAIN : SCOPE_WHOLE;
    if (whole) {
        e->from = 0;
        e->to = e->size;
    }
    /* Head proofs are a chain's, and of a statement in it. */
    if (e->scope != SCOPE_CHAIN || e->heads_index >= e->size)
        e->head_count = 0;
}

tl_err export_plan(struct log_export *e, struct tl_why *why)
{
    tl_err err = TL_OK;
    if (export_is_answer(e))
        err = plan_answer(e, why);
    else
        plan_range(e);
    e->cursor = e->from;
    return err;
}
