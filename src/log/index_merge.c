/* Sixteen neighbours of one level become a segment of the next: their postings in one
 * order, so that a question is answered from few places. */
#include "crypto/secret.h"
#include "log/index_state.h"

#include <stdlib.h>

#define PARTS 16

enum merge_stage { MERGE_DROP_OLD, MERGE_POSTINGS, MERGE_DIRECTORY, MERGE_DROP_PARTS };

/* Where the merge stands in one part. */
struct part {
    uint32_t blocks, block; /* how many it has; the one that is in plain, from 1 on */
    size_t next, count;     /* postings of it */
    struct segment_key key;
    buf plain;
};

struct merge {
    unsigned level; /* of the parts */
    uint64_t n;     /* of the segment that is made */
    enum merge_stage stage;
    size_t reading; /* the part that was read last */
    struct part parts[PARTS];
    struct posting_writer writer;
    uint32_t written;
    struct segment_key key;
    buf directory;
};

void index_merge_free(struct index *ix)
{
    struct merge *m = ix->merge;
    if (!m)
        return;
    for (size_t i = 0; i < PARTS; i++)
        buf_finish(&m->parts[i].plain);
    posting_writer_finish(&m->writer);
    buf_finish_secret(&m->directory);
    secret_wipe(m, sizeof *m);
    free(m);
    ix->merge = NULL;
}

static tl_err all_there(struct index *ix, unsigned level, uint64_t n, bool *yes)
{
    uint64_t cells = segment_cells(level + 1);
    *yes = (n + 1) * cells <= index_complete_cells(ix);
    for (uint64_t i = 0; i < PARTS && *yes; i++) {
        uint8_t state;
        tl_err err = index_state_of(ix, n * cells + i * segment_cells(level), &state);
        if (err != TL_OK)
            return err;
        *yes = state == CELL_STORED + level;
    }
    return TL_OK;
}

tl_err index_merge_begin(struct index *ix, unsigned level, uint64_t n)
{
    bool yes = false;
    if (ix->merge || level + 1 == SEGMENT_LEVELS)
        return TL_OK;
    tl_err err = all_there(ix, level, n / PARTS, &yes);
    if (err != TL_OK || !yes)
        return err;
    struct merge *m = calloc(1, sizeof *m);
    if (!m)
        return TL_E_MEMORY;
    m->level = level;
    m->n = n / PARTS;
    posting_writer_init(&m->writer);
    buf_init_secret(&m->directory, 2u << 20);
    for (size_t i = 0; i < PARTS; i++)
        buf_init(&m->parts[i].plain, POSTING_BLOCK);
    ix->merge = m;
    err = segment_key_new(&m->key);
    buf_bytes(&m->directory, SLICE_ARRAY(m->key.b));
    return err;
}

/* ---- reading the parts ---- */

static uint64_t part_number(const struct merge *m, size_t i)
{
    return m->n * PARTS + i;
}

static tl_err load_block(struct index *ix, struct merge *m, size_t i)
{
    struct part *p = &m->parts[i];
    m->reading = i;
    buf_reset(&p->plain);
    tl_err err =
        segment_get(ix->segments, m->level, part_number(m, i), p->block, &p->key, &p->plain);
    if (err == TL_OK)
        err = posting_check(buf_slice(&p->plain));
    p->next = 0;
    p->count = err == TL_OK ? posting_count(buf_slice(&p->plain)) : 0;
    return err;
}

static tl_err open_part(struct index *ix, struct merge *m, size_t i)
{
    slice directory;
    m->reading = i;
    tl_err err = segment_directory(ix->segments, m->level, part_number(m, i), &directory);
    if (err != TL_OK)
        return err;
    m->parts[i].blocks = directory_count(directory);
    m->parts[i].key = directory_key(directory);
    return TL_OK;
}

/* Makes sure that a part shows its next posting, unless it has none. */
static tl_err refill(struct index *ix, struct merge *m, size_t i)
{
    struct part *p = &m->parts[i];
    tl_err err = TL_OK;
    while (err == TL_OK && p->next == p->count && p->block < p->blocks) {
        p->block++;
        err = load_block(ix, m, i);
    }
    return err;
}

/* The part with the first posting; PARTS where none is left. Of one term, parts come in
 * the order of their cells. */
static size_t first_part(const struct merge *m)
{
    size_t best = PARTS;
    const uint8_t *key = NULL;
    for (size_t i = 0; i < PARTS; i++) {
        const struct part *p = &m->parts[i];
        if (p->next == p->count)
            continue;
        const uint8_t *mine = posting_at(buf_slice(&p->plain), p->next).key;
        if (!key || slice_cmp(slice_of(mine, sizeof(struct term)),
                              slice_of(key, sizeof(struct term))) < 0) {
            best = i;
            key = mine;
        }
    }
    return best;
}

/* ---- writing ---- */

static tl_err write_block(struct index *ix)
{
    struct merge *m = ix->merge;
    buf block;
    buf_init(&block, POSTING_BLOCK);
    buf_bytes(&m->directory, SLICE_ARRAY(m->writer.first));
    tl_err err = posting_take_block(&m->writer, &block);
    if (err == TL_OK)
        err = buf_err(&m->directory);
    if (err == TL_OK)
        err =
            segment_put(ix->segments, m->level + 1, m->n, ++m->written, &m->key, buf_slice(&block));
    buf_finish(&block);
    return err;
}

static bool add_posting(struct merge *m, size_t i)
{
    struct part *p = &m->parts[i];
    struct posting posting = posting_at(buf_slice(&p->plain), p->next);
    struct term term;
    uint8_t key[POSTING_KEY];
    memcpy(term.b, posting.key, sizeof term.b);
    posting_key(key, &term, (unsigned)(i * segment_cells(m->level)) + posting_cell(posting.key));
    if (!posting_add(&m->writer, key, posting.leaves))
        return false;
    p->next++;
    return true;
}

/* One posting, or one full block. */
static tl_err merge_postings(struct index *ix)
{
    struct merge *m = ix->merge;
    size_t i = first_part(m);
    if (i < PARTS && add_posting(m, i))
        return refill(ix, m, i);
    if (m->writer.count > 0)
        return index_transact(ix, write_block);
    m->stage = MERGE_DIRECTORY;
    return TL_OK;
}

static tl_err drop_old(struct index *ix)
{
    struct merge *m = ix->merge;
    bool more;
    tl_err err = segment_drop(ix->segments, m->level + 1, m->n, m->n + 1, &more);
    for (size_t i = 0; i < PARTS && err == TL_OK && !more; i++) {
        err = open_part(ix, m, i);
        if (err == TL_OK)
            err = refill(ix, m, i);
    }
    if (err == TL_OK && !more)
        m->stage = MERGE_POSTINGS;
    return err;
}

static tl_err write_directory(struct index *ix)
{
    struct merge *m = ix->merge;
    return segment_put(ix->segments, m->level + 1, m->n, 0, NULL, buf_slice(&m->directory));
}

static tl_err drop_parts(struct index *ix)
{
    struct merge *m = ix->merge;
    bool more;
    tl_err err =
        segment_drop(ix->segments, m->level, part_number(m, 0), part_number(m, PARTS), &more);
    if (err != TL_OK || more)
        return err;
    unsigned level = m->level + 1;
    uint64_t n = m->n;
    index_merge_free(ix);
    ix->survey = index_complete_cells(ix); /* for those that had to wait for this one */
    return index_merge_begin(ix, level, n);
}

static tl_err one_step(struct index *ix)
{
    struct merge *m = ix->merge;
    tl_err err = TL_OK;
    switch (m->stage) {
    case MERGE_DROP_OLD:
        return index_transact(ix, drop_old);
    case MERGE_POSTINGS:
        return merge_postings(ix);
    case MERGE_DIRECTORY:
        err = index_transact(ix, write_directory);
        if (err == TL_OK) {
            index_set_state(ix, m->level + 1, m->n, (uint8_t)(CELL_STORED + m->level + 1));
            m->stage = MERGE_DROP_PARTS;
        }
        return err;
    case MERGE_DROP_PARTS:
        return index_transact(ix, drop_parts);
    }
    return TL_E_IO;
}

tl_err index_merge_step(struct index *ix)
{
    tl_err err = one_step(ix);
    if (!index_bad(err) || !ix->merge)
        return err;
    index_distrust(ix, ix->merge->level, part_number(ix->merge, ix->merge->reading));
    index_merge_free(ix);
    return TL_OK;
}
