/* Storing a complete cell: its contents in chunks, its postings in blocks, each in a
 * transaction of its own, and the directory last: without it the cell does not count. */
#include "log/index_state.h"

void index_write_begin(struct index *ix, struct cell *done)
{
    cell_free(ix->done);
    ix->done = done;
    ix->stage = WRITE_DROP_TEXT;
}

static tl_err drop_text(struct index *ix)
{
    uint64_t n = cell_number(ix->done);
    bool more;
    tl_err err = segment_drop(ix->segments, SEGMENT_TEXT, n, n + 1, &more);
    if (err == TL_OK && !more) {
        ix->stage = WRITE_TEXT;
        ix->next_block = 0;
    }
    return err;
}

static tl_err write_text(struct index *ix)
{
    const struct chunk *chunk;
    uint64_t n = cell_number(ix->done);
    buf plain;
    if (!cell_chunk(ix->done, ix->next_block, &chunk)) {
        ix->stage = WRITE_DROP;
        ix->drop_level = 0;
        return TL_OK;
    }
    buf_init_secret(&plain, CHUNK_MAX);
    tl_err err = chunk_put(&plain, chunk);
    if (err == TL_OK)
        err = segment_put(ix->segments, SEGMENT_TEXT, n, ix->next_block++, NULL, buf_slice(&plain));
    buf_finish_secret(&plain);
    return err;
}

/* No segment that has this cell already may stand beside the new one. */
static tl_err drop_old(struct index *ix)
{
    uint64_t n = cell_number(ix->done) / segment_cells(ix->drop_level);
    bool more;
    tl_err err = segment_drop(ix->segments, ix->drop_level, n, n + 1, &more);
    if (err != TL_OK || more)
        return err;
    if (++ix->drop_level == SEGMENT_LEVELS) {
        ix->stage = WRITE_BLOCKS;
        ix->next_block = 0;
        err = segment_key_new(&ix->key);
        buf_reset(&ix->directory);
        buf_bytes(&ix->directory, SLICE_ARRAY(ix->key.b));
        if (err == TL_OK)
            err = cell_blocks_begin(ix->done);
    }
    return err;
}

static tl_err write_block(struct index *ix)
{
    uint8_t first[POSTING_KEY];
    bool more = false;
    buf block;
    buf_init(&block, POSTING_BLOCK);
    tl_err err = cell_blocks_next(ix->done, &block, first, &more);
    if (err == TL_OK && more) {
        buf_bytes(&ix->directory, SLICE_ARRAY(first));
        err = segment_put(ix->segments, 0, cell_number(ix->done), ++ix->next_block, &ix->key,
                          buf_slice(&block));
    } else if (err == TL_OK) {
        ix->stage = WRITE_DIRECTORY;
    }
    buf_finish(&block);
    return err == TL_OK ? buf_err(&ix->directory) : err;
}

static tl_err write_directory(struct index *ix)
{
    return segment_put(ix->segments, 0, cell_number(ix->done), 0, NULL, buf_slice(&ix->directory));
}

/* The cell counts now. */
static tl_err finish(struct index *ix, bool postings)
{
    uint64_t n = cell_number(ix->done);
    uint8_t state;
    tl_err err = index_state_of(ix, n, &state); /* makes room for it */
    cell_free(ix->done);
    ix->done = NULL;
    if (err != TL_OK)
        return err;
    ix->texts[n] = TEXT_GOOD;
    if (!postings)
        return TL_OK;
    index_set_state(ix, 0, n, CELL_STORED);
    return index_merge_begin(ix, 0, n);
}

tl_err index_write_step(struct index *ix)
{
    uint64_t n = cell_number(ix->done);
    uint8_t state = CELL_HOLE;
    tl_err err = TL_OK;
    switch (ix->stage) {
    case WRITE_DROP_TEXT:
        return index_transact(ix, drop_text);
    case WRITE_TEXT:
        return index_transact(ix, write_text);
    case WRITE_DROP:
        /* Where only the contents were bad, the postings are there. */
        err = index_state_of(ix, n, &state);
        if (err == TL_OK && state >= CELL_STORED)
            return finish(ix, false);
        return err == TL_OK ? index_transact(ix, drop_old) : err;
    case WRITE_BLOCKS:
        return index_transact(ix, write_block);
    case WRITE_DIRECTORY:
        err = index_transact(ix, write_directory);
        return err == TL_OK ? finish(ix, true) : err;
    }
    return TL_E_IO;
}
