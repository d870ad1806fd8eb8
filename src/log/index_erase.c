/* Taking records out of the index: out of the cells in memory, the chunks of contents and
 * the blocks of postings that have them. */
#include "log/index_state.h"

#include <stdlib.h>

/* One leaf to be taken out of one posting. */
struct removal {
    unsigned level;
    uint64_t n; /* of the segment */
    uint8_t key[POSTING_KEY];
    unsigned leaf; /* within the cell */
};

struct removals {
    struct removal *all;
    size_t count;
};

static int compare(const void *a, const void *b)
{
    const struct removal *x = a, *y = b;
    if (x->level != y->level)
        return x->level < y->level ? -1 : 1;
    if (x->n != y->n)
        return x->n < y->n ? -1 : 1;
    return memcmp(x->key, y->key, sizeof x->key);
}

/* ---- postings ---- */

static void add_removal(struct removals *r, unsigned level, uint64_t index, const struct term *term)
{
    uint64_t cell = index / CELL_LEAVES, cells = segment_cells(level);
    struct removal *one = &r->all[r->count++];
    *one = (struct removal){
        .level = level, .n = cell / cells, .leaf = (unsigned)(index % CELL_LEAVES)};
    posting_key(one->key, term, (unsigned)(cell % cells));
}

/* What a stored leaf's body put there. Where it cannot be read any more, nobody can tell:
 * the segment is made again. */
static tl_err collect(struct index *ix, uint64_t index, struct removals *r)
{
    const uint8_t *key = ix->log->keys.term_key;
    struct store_leaf leaf;
    struct statement st;
    struct body_record record;
    uint8_t state;
    buf plain;
    tl_err err = index_state_of(ix, index / CELL_LEAVES, &state);
    if (err != TL_OK || state < CELL_STORED)
        return err;
    unsigned level = state - CELL_STORED;
    buf_init(&plain, BODY_MAX);
    err = stored_leaf(ix->log, index, &leaf, &st);
    if (err == TL_OK)
        err = body_open(ix->log->bodies, &plain, &st.payload, leaf.body);
    if (err == TL_OK)
        err = body_record_read(&record, buf_slice(&plain));
    if (err == TL_OK) {
        struct term room = term_of(key, TERM_ROOM, record.room_id);
        struct term user = term_of(key, TERM_USER, record.user_id);
        add_removal(r, level, index, &room);
        add_removal(r, level, index, &user);
    } else if (index_bad(err)) {
        index_distrust(ix, level, index / CELL_LEAVES / segment_cells(level));
        err = TL_OK;
    }
    buf_finish_secret(&plain);
    return err;
}

/* A posting without the leaves that are taken out of it; *at moves past them. */
static tl_err copy_posting(struct posting_writer *w, const struct posting *p,
                           const struct removals *r, size_t *at)
{
    struct leaf_bits bits;
    uint8_t mem[POSTING_LEAVES];
    posting_bits(&bits, p->leaves);
    for (; *at < r->count && memcmp(r->all[*at].key, p->key, POSTING_KEY) == 0; ++*at)
        bits_clear(&bits, r->all[*at].leaf);
    if (bits_count(&bits) && !posting_add(w, p->key, posting_leaves(mem, &bits)))
        return TL_E_LIMIT;
    return TL_OK;
}

/* Block number of a segment, without those of r, all of which belong into it. */
static tl_err rewrite(struct index *ix, uint32_t number, const struct segment_key *key,
                      const struct removals *r)
{
    unsigned level = r->all[0].level;
    uint64_t n = r->all[0].n;
    struct posting_writer w;
    size_t at = 0;
    buf old, new;
    buf_init(&old, POSTING_BLOCK);
    buf_init(&new, POSTING_BLOCK);
    posting_writer_init(&w);
    tl_err err = segment_get(ix->segments, level, n, number, key, &old);
    if (err == TL_OK)
        err = posting_check(buf_slice(&old));
    for (size_t i = 0; err == TL_OK && i < posting_count(buf_slice(&old)); i++) {
        struct posting p = posting_at(buf_slice(&old), i);
        while (at < r->count && memcmp(r->all[at].key, p.key, POSTING_KEY) < 0)
            at++; /* it is not there */
        err = copy_posting(&w, &p, r, &at);
    }
    if (err == TL_OK)
        err = posting_take_block(&w, &new);
    if (err == TL_OK)
        err = segment_put(ix->segments, level, n, number, key, buf_slice(&new));
    posting_writer_finish(&w);
    buf_finish(&old);
    buf_finish(&new);
    return err;
}

/* The first removals of r that are of one block; *count of them. */
static tl_err rewrite_first(struct index *ix, const struct removals *r, size_t *count)
{
    const struct removal *first = &r->all[0];
    slice directory;
    *count = 1;
    tl_err err = segment_directory(ix->segments, first->level, first->n, &directory);
    if (err != TL_OK)
        return err;
    uint32_t number = directory_find(directory, first->key);
    while (*count < r->count && r->all[*count].level == first->level &&
           r->all[*count].n == first->n && directory_find(directory, r->all[*count].key) == number)
        ++*count;
    const struct removals some = {r->all, *count};
    const struct segment_key key = directory_key(directory);
    return number ? rewrite(ix, number, &key, &some) : TL_OK;
}

static tl_err erase_postings(struct index *ix, const uint64_t *indexes, size_t count)
{
    struct removals r = {.all = calloc(2 * count, sizeof *r.all)};
    tl_err err = r.all ? TL_OK : TL_E_MEMORY;
    for (size_t i = 0; i < count && err == TL_OK; i++)
        err = collect(ix, indexes[i], &r);
    if (err == TL_OK)
        qsort(r.all, r.count, sizeof *r.all, compare);
    for (size_t at = 0, done; at < r.count && err == TL_OK; at += done) {
        const struct removals rest = {r.all + at, r.count - at};
        err = rewrite_first(ix, &rest, &done);
        if (index_bad(err)) {
            index_distrust(ix, rest.all->level, rest.all->n);
            err = TL_OK;
        }
    }
    free(r.all);
    return err;
}

/* ---- contents ---- */

static tl_err rewrite_chunk(struct index *ix, uint64_t cell, uint32_t k, const struct chunk_view *v,
                            const uint64_t *indexes, size_t count)
{
    struct chunk c;
    buf plain;
    chunk_init(&c, v->first);
    c.end = v->end;
    buf_bytes(&c.table, v->table);
    buf_bytes(&c.text, v->text);
    for (size_t i = 0; i < count; i++)
        chunk_erase(&c, (unsigned)(indexes[i] % CELL_LEAVES));
    buf_init_secret(&plain, CHUNK_MAX);
    tl_err err = chunk_put(&plain, &c);
    if (err == TL_OK)
        err = segment_put(ix->segments, SEGMENT_TEXT, cell, k, NULL, buf_slice(&plain));
    buf_finish_secret(&plain);
    chunk_finish(&c);
    return err;
}

/* One chunk of the cell of these indexes; *end the leaf after its last. */
static tl_err erase_from_chunk(struct index *ix, uint64_t cell, uint32_t k, const uint64_t *indexes,
                               size_t count, unsigned *end)
{
    struct chunk_view v;
    buf plain;
    buf_init_secret(&plain, CHUNK_MAX);
    tl_err err = segment_get(ix->segments, SEGMENT_TEXT, cell, k, NULL, &plain);
    if (err == TL_OK)
        err = chunk_read(&v, buf_slice(&plain));
    size_t first = 0, last = 0;
    for (size_t i = 0; i < count && err == TL_OK; i++) {
        first += indexes[i] % CELL_LEAVES < v.first;
        last += indexes[i] % CELL_LEAVES < v.end;
    }
    if (err == TL_OK && first < last)
        err = rewrite_chunk(ix, cell, k, &v, indexes + first, last - first);
    if (err == TL_OK)
        *end = v.end;
    buf_finish_secret(&plain);
    return err;
}

/* What of a cell's contents cannot be read goes away as a whole, and is made again. */
static tl_err drop_contents(struct index *ix, uint64_t cell)
{
    tl_err err = TL_OK;
    for (bool more = true; more && err == TL_OK;)
        err = segment_drop(ix->segments, SEGMENT_TEXT, cell, cell + 1, &more);
    index_distrust_text(ix, cell);
    return err;
}

/* Those of one cell. */
static tl_err erase_contents(struct index *ix, uint64_t cell, const uint64_t *indexes, size_t count)
{
    unsigned last = (unsigned)(indexes[count - 1] % CELL_LEAVES), end = 0;
    for (uint32_t k = 0; end <= last; k++) {
        tl_err err = erase_from_chunk(ix, cell, k, indexes, count, &end);
        if (index_bad(err))
            return drop_contents(ix, cell);
        if (err != TL_OK)
            return err;
    }
    return TL_OK;
}

/* ---- all of it ---- */

static void erase_in_memory(struct index *ix, uint64_t cell, const uint64_t *indexes, size_t count)
{
    struct cell *const cells[] = {ix->done, ix->feed, ix->fill};
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        if (!cells[i] || cell_number(cells[i]) != cell)
            continue;
        for (size_t k = 0; k < count; k++)
            cell_erase(cells[i], (unsigned)(indexes[k] % CELL_LEAVES));
    }
    if (ix->done && cell_number(ix->done) == cell)
        ix->stage = WRITE_DROP_TEXT; /* what of it is stored already is dropped */
}

/* A kill, or this erasure, may have left the segments that a larger one took the place
 * of: they go later, and open to nobody from now on. */
static tl_err drop_old_directories(struct index *ix, uint64_t cell)
{
    uint8_t state;
    bool more;
    tl_err err = index_state_of(ix, cell, &state);
    for (unsigned level = 0; err == TL_OK && level + CELL_STORED < state; level++) {
        uint64_t n = cell / segment_cells(level);
        err = segment_drop(ix->segments, level, n, n + 1, &more);
    }
    return err;
}

static tl_err erase_in_cells(struct index *ix, const uint64_t *indexes, size_t count)
{
    tl_err err = TL_OK;
    for (size_t at = 0, n; at < count && err == TL_OK; at += n) {
        uint64_t cell = indexes[at] / CELL_LEAVES;
        for (n = 1; at + n < count && indexes[at + n] / CELL_LEAVES == cell;)
            n++;
        erase_in_memory(ix, cell, indexes + at, n);
        if (cell < index_complete_cells(ix))
            err = erase_contents(ix, cell, indexes + at, n);
        if (err == TL_OK)
            err = drop_old_directories(ix, cell);
    }
    return err;
}

tl_err index_erase(struct log *log, const uint64_t *indexes, size_t count)
{
    struct index *ix = log->index;
    if (!ix || count == 0)
        return TL_OK;
    /* A segment that is being made may have them already: it is begun again. */
    if (ix->merge) {
        index_merge_free(ix);
        ix->survey = index_complete_cells(ix) + 1;
    }
    tl_err err = erase_postings(ix, indexes, count);
    return err == TL_OK ? erase_in_cells(ix, indexes, count) : err;
}
