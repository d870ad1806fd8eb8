/* Making the index: what is appended is taken in as it comes (feed); what is missing is
 * read back from the leaves, newest first (fill). Both end as a complete cell that is
 * stored, and sixteen of these as a segment of the next level. */
#include "crypto/secret.h"
#include "log/index_state.h"

/* ---- what is appended ---- */

static void terms_of_entry(const struct log *log, const struct entry *e, struct leaf_terms *t)
{
    if (!e->batch) {
        leaf_terms_statement(t, log->keys.term_key, e->subject->name,
                             slice_str(statement_kind_type(e->kind)), false);
        return;
    }
    const struct record_item *item = &e->batch->items[e->record];
    *t = item->terms;
    if (!t->is_long)
        t->text.p = e->batch->arena.p + item->lower;
}

static void take_entry(struct index *ix, const struct entry *e)
{
    struct leaf_terms t;
    if (ix->feed && cell_complete(ix->feed) && !ix->done) {
        index_write_begin(ix, ix->feed);
        ix->feed = NULL;
    }
    /* Where it has fallen behind it goes on with the next cell. */
    if (!ix->feed && e->index % CELL_LEAVES == 0 && cell_new(&ix->feed) == TL_OK)
        cell_begin(ix->feed, e->index / CELL_LEAVES);
    if (!ix->feed || cell_complete(ix->feed) || cell_next(ix->feed) != e->index)
        return;
    terms_of_entry(ix->log, e, &t);
    if (cell_add(ix->feed, &t) != TL_OK) {
        cell_free(ix->feed);
        ix->feed = NULL;
    }
}

void index_grown(struct index *ix, const struct group *g)
{
    if (!ix || ix->stopped)
        return;
    uint64_t before = (ix->log->durable_size - g->count) / CELL_LEAVES;
    for (size_t i = 0; i < g->count; i++)
        take_entry(ix, &g->entries[i]);
    if (index_complete_cells(ix) > before) {
        ix->survey = index_complete_cells(ix);
        index_wake(ix);
    }
    index_count(ix);
}

/* ---- what is read back ---- */

static tl_err terms_of_leaf(struct log *log, const struct store_leaf *leaf,
                            const struct statement *st, buf *plain, uint8_t *lower,
                            struct leaf_terms *t)
{
    struct body_record r;
    leaf_terms_statement(t, log->keys.term_key, st->subject, st->type, st->kind == ST_RECORD);
    if (st->kind != ST_RECORD)
        return TL_OK;
    slice body;
    tl_err err = record_body(log, leaf, st, plain, &body);
    if (err != TL_OK || !body.p)
        return err; /* what was erased has no more than its statement */
    err = body_record_read(&r, body);
    if (err == TL_OK)
        leaf_terms_body(t, log->keys.term_key, r.room_id, r.user_id, r.content, lower);
    return err;
}

static tl_err read_leaf(struct index *ix)
{
    uint8_t lower[TERM_TEXT];
    struct store_leaf leaf;
    struct statement st;
    struct leaf_terms t;
    buf plain;
    buf_init(&plain, BODY_MAX);
    tl_err err = stored_leaf(ix->log, cell_next(ix->fill), &leaf, &st);
    if (err == TL_OK)
        err = terms_of_leaf(ix->log, &leaf, &st, &plain, lower, &t);
    if (err == TL_OK)
        err = cell_add(ix->fill, &t);
    buf_finish_secret(&plain);
    secret_wipe(lower, sizeof lower);
    return err;
}

static tl_err fill_step(struct index *ix)
{
    uint64_t number = cell_number(ix->fill);
    if (cell_complete(ix->fill)) {
        if (!ix->done) {
            index_write_begin(ix, ix->fill);
            ix->fill = NULL;
        }
        return TL_OK;
    }
    if (cell_next(ix->fill) == ix->log->durable_size && !ix->feed) {
        ix->feed = ix->fill; /* caught up */
        ix->fill = NULL;
        return TL_OK;
    }
    tl_err err = read_leaf(ix);
    if (err != TL_E_STORED && err != TL_E_SEALED)
        return err;
    uint8_t state;
    err = index_state_of(ix, number, &state); /* makes room for it */
    if (err == TL_OK && state == CELL_HOLE)
        ix->states[number] = CELL_LOST;
    if (err == TL_OK && state >= CELL_STORED)
        ix->texts[number] = TEXT_LOST;
    cell_free(ix->fill);
    ix->fill = NULL;
    return err;
}

static tl_err begin_fill(struct index *ix, uint64_t cell)
{
    bool ready = false;
    tl_err err = erased_load(ix->log, &ready, NULL);
    if (err != TL_OK || !ready)
        return err; /* the next step comes here again */
    err = cell_new(&ix->fill);
    if (err == TL_OK)
        cell_begin(ix->fill, cell);
    return err;
}

/* ---- what is missing ---- */

/* Some of the segments that the one of this cell has taken the place of, where a kill has
 * left them. */
static tl_err drop_parts(struct index *ix)
{
    unsigned level = ix->states[ix->survey - 1] - CELL_STORED;
    uint64_t n = (ix->survey - 1) / segment_cells(level);
    ix->parts_left = false;
    for (unsigned below = 0; below < level && !ix->parts_left; below++) {
        uint64_t parts = segment_cells(level) / segment_cells(below);
        tl_err err = segment_drop(ix->segments, below, n * parts, (n + 1) * parts, &ix->parts_left);
        if (err != TL_OK)
            return err;
    }
    return TL_OK;
}

/* Looks at one cell, the newest that is left. */
static tl_err survey_step(struct index *ix)
{
    uint64_t cell = ix->survey - 1;
    uint8_t state;
    tl_err err = index_state_of(ix, cell, &state);
    if (err != TL_OK)
        return err;
    bool made = index_in_memory(ix, cell) != NULL || cell * CELL_LEAVES >= ix->log->durable_size;
    if (!made && (state == CELL_HOLE || (state >= CELL_STORED && ix->texts[cell] == TEXT_BAD)))
        return begin_fill(ix, cell);
    ix->parts_left = false;
    if (state >= CELL_STORED && cell % segment_cells(state - CELL_STORED) == 0) {
        unsigned level = state - CELL_STORED;
        if (level > 0)
            err = index_transact(ix, drop_parts);
        if (err == TL_OK && !ix->parts_left)
            err = index_merge_begin(ix, level, cell / segment_cells(level));
    }
    if (!ix->parts_left)
        ix->survey--;
    return err;
}

/* ---- the job ---- */

static bool has_work(const struct index *ix)
{
    return ix->done || ix->merge || ix->fill || ix->survey > 0 ||
           (ix->feed && cell_complete(ix->feed));
}

static tl_err step(struct index *ix)
{
    if (ix->done)
        return index_write_step(ix);
    if (ix->feed && cell_complete(ix->feed)) {
        index_write_begin(ix, ix->feed);
        ix->feed = NULL;
        return TL_OK;
    }
    if (ix->merge)
        return index_merge_step(ix);
    return ix->fill ? fill_step(ix) : survey_step(ix);
}

static void run(void *arg)
{
    struct index *ix = arg;
    uint64_t end = owner_slice_end();
    tl_err err = TL_OK;
    while (err == TL_OK && has_work(ix) && !owner_slice_over(end))
        err = step(ix);
    index_count(ix);
    ix->queued = false;
    /* Where there is no room now it goes on with what is appended once there is. */
    ix->stopped = ix->stopped || (err != TL_OK && err != TL_E_FULL);
    if (err == TL_OK && has_work(ix))
        index_wake(ix);
}

void index_wake(struct index *ix)
{
    if (ix->queued || ix->stopped || !ix->log->has_owner)
        return;
    ix->job = (struct owner_job){.run = run, .arg = ix};
    ix->queued = owner_submit(ix->log, &ix->job) == TL_OK;
}

static void start(void *arg)
{
    struct index *ix = arg;
    ix->queued = false;
    ix->survey = index_complete_cells(ix) + 1;
    index_wake(ix);
}

void index_start(struct log *log)
{
    struct index *ix = log->index;
    ix->job = (struct owner_job){.run = start, .arg = ix};
    ix->queued = true;
    if (owner_submit(log, &ix->job) != TL_OK)
        ix->stopped = true;
}

struct progress_call {
    const struct index *ix;
    struct index_progress out;
};

static void look_at_progress(void *arg)
{
    struct progress_call *c = arg;
    c->out = (struct index_progress){index_leaves(c->ix), c->ix->queued};
}

tl_err index_progress(struct log *log, struct index_progress *out)
{
    struct progress_call c = {.ix = log->index};
    tl_err err = owner_call(log, look_at_progress, &c, false);
    if (err == TL_OK)
        *out = c.out;
    return err;
}
