#include "store/sqlite.h"

#define BLOCK_MAX (2 << 20) /* bytes */

/* A block's place as one number. */
static bool block_id(const struct store_block *at, uint64_t *out)
{
    if (at->level >= STORE_BLOCK_LEVELS || at->n >= STORE_BLOCK_N || at->number >= STORE_BLOCKS)
        return false;
    *out = ((uint64_t)at->level * STORE_BLOCK_N + at->n) * STORE_BLOCKS + at->number;
    return true;
}

tl_err store_put_block(struct store *s, const struct store_block *at, slice bytes)
{
    uint64_t id;
    tl_err err = store_enter_put(s);
    if (err != TL_OK)
        return err;
    if (!block_id(at, &id) || bytes.n > BLOCK_MAX)
        return TL_E_LIMIT;
    store_bind_u64(s->st[ST_PUT_BLOCK], 1, id);
    store_bind_blob(s->st[ST_PUT_BLOCK], 2, bytes);
    return store_run(s, ST_PUT_BLOCK);
}

tl_err store_get_block(struct store *s, const struct store_block *at, slice *out)
{
    uint64_t id;
    tl_err err = store_enter(s);
    if (err != TL_OK)
        return err;
    if (!block_id(at, &id))
        return TL_E_NOT_FOUND;
    store_bind_u64(s->st[ST_GET_BLOCK], 1, id);
    return store_fetch_blob(s, ST_GET_BLOCK, BLOCK_MAX, out);
}

tl_err store_drop_blocks(struct store *s, unsigned level, uint64_t from, uint64_t to, uint32_t max,
                         bool *more)
{
    const struct store_block last = {.level = level, .n = to - 1, .number = STORE_BLOCKS - 1};
    uint64_t first_id, last_id;
    tl_err err = store_enter_put(s);
    if (err != TL_OK)
        return err;
    if (from >= to || !block_id(&last, &last_id))
        return TL_E_LIMIT;
    first_id = last_id + 1 - (to - from) * STORE_BLOCKS;
    store_bind_u64(s->st[ST_DROP_BLOCKS], 1, first_id);
    store_bind_u64(s->st[ST_DROP_BLOCKS], 2, last_id);
    store_bind_u64(s->st[ST_DROP_BLOCKS], 3, max);
    err = store_run(s, ST_DROP_BLOCKS);
    if (err == TL_OK)
        *more = sqlite3_changes(s->db) >= (int)max;
    return err;
}
