/* The rows behind the last heads: written with them, so that a start need not read the
 * whole log. */
#include "base/refuse.h"
#include "log/internal.h"

static tl_err row_of_head(struct group *g, const struct subject *s)
{
    uint8_t mem[80];
    buf b;
    buf_init_fixed(&b, mem, sizeof mem);
    head_row_put(&b, s);
    struct side_row row = {.kind = SIDE_HEAD, .name = s->name};
    tl_err err = group_keep(g, buf_slice(&b), &row.value);
    return err == TL_OK ? group_row(g, row) : err;
}

tl_err heads_rows(struct log *log, struct group *g, uint64_t index)
{
    for (const struct subject *s; (s = roster_unsaved_take(log->roster));) {
        tl_err err = row_of_head(g, s);
        if (err != TL_OK)
            return err;
    }
    uint8_t mem[16];
    buf b;
    buf_init_fixed(&b, mem, sizeof mem);
    cbor_put_uint(&b, index);
    struct side_row row = {.kind = SIDE_HEADS_INDEX};
    tl_err err = group_keep(g, buf_slice(&b), &row.value);
    if (err == TL_OK)
        err = group_row(g, row);
    log->heads_index = index;
    log->since_heads = 0;
    return err;
}

static tl_err add_row(void *ctx, slice subject, slice row)
{
    struct log *log = ctx;
    struct head h = {.subject = subject};
    struct subject *s;
    tl_err err = head_row_read(&h, row);
    if (err == TL_OK)
        err = roster_get(log->roster, subject, &s);
    if (err != TL_OK)
        return err;
    s->count = h.count;
    s->last_index = h.last_index;
    s->last_hash = h.last_hash;
    roster_said(log->roster, s);
    return TL_OK;
}

/* What the heads or boot statement at index says, if it is one and is proven. */
static tl_err heads_at(struct log *log, uint64_t index, struct heads *out)
{
    struct store_leaf leaf;
    struct statement st;
    struct body_boot boot;
    tl_err err = stored_leaf(log, index, &leaf, &st);
    if (err != TL_OK)
        return err;
    hash32 digest = sha256(leaf.body);
    if (REFUSED(!hash_eq(&digest, &st.payload)))
        return TL_E_STORED;
    if (st.kind == ST_HEADS) {
        err = body_heads_read(out, leaf.body);
    } else if (st.kind == ST_BOOT) {
        err = body_boot_read(&boot, leaf.body);
        if (err == TL_OK)
            *out = boot.heads;
    } else {
        err = TL_E_STORED;
    }
    return err == TL_OK && out->size != index ? TL_E_STORED : err;
}

/* Which statement holds the last heads is the store's word, and only saves
 * work: what it points at is proven, and everything after it is read. */
tl_err heads_load(struct log *log, uint64_t size, uint64_t *from)
{
    struct heads heads, rows;
    uint64_t index;
    tl_err err = stored_uint(log, "heads_index", &index);
    if (err == TL_OK && index >= size)
        err = TL_E_STORED;
    if (err == TL_OK)
        err = heads_at(log, index, &heads);
    if (err == TL_OK)
        err = store_each_head(log->store, add_row, log);
    if (err == TL_OK)
        err = roster_heads(log->roster, heads.size, &rows);
    if (err != TL_OK)
        return err;
    if (REFUSED(!hash_eq(&rows.root, &heads.root)))
        return TL_E_STORED;
    while (roster_unsaved_take(log->roster))
        ; /* these rows are there */
    log->heads = heads;
    log->heads_index = index;
    *from = index;
    return TL_OK;
}
