#include "log/index.h"

#include "base/refuse.h"
#include "crypto/secret.h"
#include "log/index_state.h"

#include <stdlib.h>

#define FEW 64 /* candidates of a cell: their bodies are opened sooner than all contents */

tl_err index_new(struct index **out, struct log *log)
{
    struct index *ix = calloc(1, sizeof *ix);
    if (!ix)
        return TL_E_MEMORY;
    ix->log = log;
    buf_init_secret(&ix->directory, 2u << 20);
    tl_err err = segments_new(&ix->segments, &log->keys, log->store, log->tree);
    if (err == TL_OK)
        *out = ix;
    else
        index_free(ix);
    return err;
}

void index_free(struct index *ix)
{
    if (!ix)
        return;
    index_merge_free(ix);
    cell_free(ix->feed);
    cell_free(ix->fill);
    cell_free(ix->done);
    segments_free(ix->segments);
    buf_finish_secret(&ix->directory);
    secret_wipe(&ix->key, sizeof ix->key);
    free(ix->states);
    free(ix->texts);
    free(ix);
}

/* ---- which cells are stored, and where ---- */

uint64_t index_complete_cells(const struct index *ix)
{
    return ix->log->durable_size / CELL_LEAVES;
}

static tl_err grow_states(struct index *ix, uint64_t cell)
{
    if (cell < ix->state_count)
        return TL_OK;
    size_t count = (size_t)cell + cell / 2 + 64;
    uint8_t *states = realloc(ix->states, count);
    if (states)
        ix->states = states;
    uint8_t *texts = realloc(ix->texts, count);
    if (texts)
        ix->texts = texts;
    if (!states || !texts)
        return TL_E_MEMORY;
    memset(states + ix->state_count, CELL_UNKNOWN, count - ix->state_count);
    memset(texts + ix->state_count, TEXT_GOOD, count - ix->state_count);
    ix->state_count = count;
    return TL_OK;
}

void index_set_state(struct index *ix, unsigned level, uint64_t n, uint8_t state)
{
    uint64_t cells = segment_cells(level), first = n * cells;
    for (uint64_t i = first; i < first + cells && i < ix->state_count; i++) {
        ix->stored_cells -= ix->states[i] >= CELL_STORED;
        ix->states[i] = state;
        ix->stored_cells += state >= CELL_STORED;
    }
}

void index_count(struct index *ix)
{
    const struct cell *const cells[] = {ix->feed, ix->fill, ix->done};
    uint64_t leaves = ix->stored_cells * CELL_LEAVES;
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        uint64_t n = cells[i] ? cell_number(cells[i]) : 0;
        if (cells[i] && !(n < ix->state_count && ix->states[n] >= CELL_STORED))
            leaves += cell_count(cells[i]);
    }
    ix->leaves = leaves;
}

uint64_t index_leaves(const struct index *ix)
{
    return ix->leaves;
}

/* The largest segment that has this cell, where there is one. */
static tl_err find_segment(struct index *ix, uint64_t cell)
{
    for (unsigned level = SEGMENT_LEVELS; level-- > 0;) {
        uint64_t n = cell / segment_cells(level);
        slice directory;
        if ((n + 1) * segment_cells(level) > index_complete_cells(ix))
            continue;
        tl_err err = segment_directory(ix->segments, level, n, &directory);
        if (err == TL_OK)
            index_set_state(ix, level, n, (uint8_t)(CELL_STORED + level));
        if (!index_bad(err))
            return err;
    }
    ix->states[cell] = CELL_HOLE;
    return TL_OK;
}

tl_err index_state_of(struct index *ix, uint64_t cell, uint8_t *out)
{
    uint64_t complete = index_complete_cells(ix);
    tl_err err = grow_states(ix, cell < complete ? complete : cell);
    if (err == TL_OK && ix->states[cell] == CELL_UNKNOWN && cell < complete)
        err = find_segment(ix, cell);
    if (err == TL_OK)
        *out = ix->states[cell] == CELL_UNKNOWN ? CELL_HOLE : ix->states[cell];
    return err;
}

void index_distrust(struct index *ix, unsigned level, uint64_t n)
{
    index_set_state(ix, level, n, CELL_HOLE);
    ix->survey = index_complete_cells(ix) + 1;
    index_wake(ix);
}

void index_distrust_text(struct index *ix, uint64_t cell)
{
    if (cell >= ix->state_count || ix->texts[cell] != TEXT_GOOD)
        return;
    ix->texts[cell] = TEXT_BAD;
    ix->survey = index_complete_cells(ix) + 1;
    index_wake(ix);
}

struct cell *index_in_memory(const struct index *ix, uint64_t number)
{
    struct cell *const cells[] = {ix->done, ix->feed, ix->fill};
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++)
        if (cells[i] && cell_number(cells[i]) == number)
            return cells[i];
    return NULL;
}

tl_err index_transact(struct index *ix, tl_err (*work)(struct index *ix))
{
    pthread_mutex_lock(&ix->log->lock);
    bool room = room_take(ix->log, CHUNK_MAX, 0);
    pthread_mutex_unlock(&ix->log->lock);
    tl_err err = room ? store_begin_derived(ix->log->store) : TL_E_FULL;
    if (err != TL_OK)
        return err;
    err = work(ix);
    if (err != TL_OK) {
        store_rollback(ix->log->store);
        return err;
    }
    err = store_commit(ix->log->store);
    if (err != TL_OK)
        ix->log->job_err = err; /* what became of it is unknown: the log ends */
    return err;
}

/* ---- answers ---- */

void index_want(struct index_wanted *w, const struct log *log, const struct match *m)
{
    const slice values[TERM_FIELDS] = {
        [TERM_RECORD] = {.p = !m->own || m->body ? (const uint8_t *)"" : NULL},
        [TERM_AGENT] = m->want.agent,
        [TERM_TYPE] = m->want.type,
        [TERM_ROOM] = m->want.room,
        [TERM_USER] = m->want.user,
    };
    *w = (struct index_wanted){.body = m->body, .text = m->want.text};
    for (unsigned f = 0; f < TERM_FIELDS; f++) {
        if (!values[f].p)
            continue;
        w->field[w->count] = f;
        w->term[w->count++] = term_of(log->keys.term_key, f, values[f]);
    }
}

static void look_in_memory(const struct cell *c, const struct index_wanted *w,
                           struct index_answer *out)
{
    bits_range(&out->sure, 0, cell_count(c));
    bits_range(&out->ask, cell_count(c), CELL_LEAVES);
    for (size_t i = 0; i < w->count; i++) {
        struct leaf_bits bits;
        cell_bits(c, w->field[i], &w->term[i], &bits);
        bits_and(&out->sure, &bits);
    }
}

static tl_err look_in_segment(struct index *ix, unsigned level, const struct index_wanted *w,
                              uint64_t cell, struct index_answer *out)
{
    struct index_answer found;
    bits_range(&found.sure, 0, CELL_LEAVES);
    bits_range(&found.ask, 0, 0);
    for (size_t i = 0; i < w->count; i++) {
        struct leaf_bits bits;
        tl_err err = segment_bits(ix->segments, level, cell, &w->term[i], &bits);
        if (index_bad(err)) {
            index_distrust(ix, level, cell / segment_cells(level));
            return TL_OK;
        }
        if (err != TL_OK)
            return err;
        bits_and(&found.sure, &bits);
    }
    *out = found;
    return TL_OK;
}

/* What the log knows to be erased has no body, whatever an old block says. */
static void take_out_erased(const struct index *ix, uint64_t cell, struct leaf_bits *bits)
{
    uint64_t first = cell * CELL_LEAVES;
    for (uint64_t i = first; leaf_set_next(&ix->log->erased.set, &i) && i < first + CELL_LEAVES;
         i++)
        bits_clear(bits, (unsigned)(i - first));
}

tl_err index_look(struct index *ix, const struct index_wanted *w, uint64_t cell,
                  struct index_answer *out)
{
    uint8_t state;
    bits_range(&out->sure, 0, 0);
    bits_range(&out->ask, 0, CELL_LEAVES);
    if (!ix)
        return TL_OK;
    tl_err err = index_state_of(ix, cell, &state);
    const struct cell *memory = index_in_memory(ix, cell);
    if (err == TL_OK && state >= CELL_STORED)
        err = look_in_segment(ix, state - CELL_STORED, w, cell, out);
    else if (err == TL_OK && memory)
        look_in_memory(memory, w, out);
    if (err == TL_OK && w->body)
        take_out_erased(ix, cell, &out->sure);
    return err;
}

/* ---- contents ---- */

/* A chunk of a cell's contents, stored in plain or seen in memory. */
static tl_err get_chunk(struct index *ix, uint64_t cell, uint32_t k, buf *plain,
                        struct chunk_view *out)
{
    const struct cell *memory = index_in_memory(ix, cell);
    const struct chunk *chunk;
    if (memory && cell_chunk(memory, k, &chunk)) {
        *out = chunk_view(chunk);
        return TL_OK;
    }
    tl_err err = segment_get(ix->segments, SEGMENT_TEXT, cell, k, NULL, plain);
    return err == TL_OK ? chunk_read(out, buf_slice(plain)) : err;
}

static void search_chunk(const struct index_wanted *w, const struct chunk_view *v,
                         struct index_answer *answer)
{
    struct leaf_bits here, hits = {{0}}, too_long = {{0}};
    chunk_search(v, w->text, &hits, &too_long);
    bits_range(&here, v->first, v->end);
    bits_and(&here, &answer->sure);
    bits_and(&too_long, &here);
    bits_and(&hits, &here);
    bits_or(&answer->ask, &too_long);
    bits_take_out(&answer->sure, &here);
    bits_or(&answer->sure, &hits);
}

/* What is left is for the bodies to say. */
static void ask_from(struct index_answer *answer, unsigned first)
{
    struct leaf_bits rest;
    bits_range(&rest, first, CELL_LEAVES);
    bits_and(&rest, &answer->sure);
    bits_take_out(&answer->sure, &rest);
    bits_or(&answer->ask, &rest);
}

static unsigned bits_end(const struct leaf_bits *b)
{
    for (unsigned i = CELL_WORDS; i-- > 0;)
        if (b->w[i])
            return 64 * i + 64 - (unsigned)__builtin_clzll(b->w[i]);
    return 0;
}

tl_err index_search(struct index *ix, const struct index_wanted *w, uint64_t cell,
                    struct index_search *at, struct index_answer *answer, bool *done)
{
    struct chunk_view v;
    buf plain;
    *done = true;
    if (w->text.n == 0 || bits_end(&answer->sure) <= at->end)
        return TL_OK;
    if (at->chunk == 0 && bits_count(&answer->sure) <= FEW) {
        ask_from(answer, 0);
        return TL_OK;
    }
    buf_init_secret(&plain, CHUNK_MAX);
    tl_err err = get_chunk(ix, cell, at->chunk, &plain, &v);
    if (err == TL_OK && REFUSED(v.first != at->end))
        err = TL_E_STORED; /* one from before an erasure, after which they were cut anew */
    if (err == TL_OK) {
        search_chunk(w, &v, answer);
        at->end = v.end;
        at->chunk++;
        *done = false;
    } else if (index_bad(err)) {
        ask_from(answer, at->end);
        index_distrust_text(ix, cell);
        err = TL_OK;
    }
    buf_finish_secret(&plain);
    return err;
}
