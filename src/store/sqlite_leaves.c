/* Leaves, one by one and in order. */
#include "store/sqlite.h"

#include "base/refuse.h"

/* What our own leaves may hold, in bytes. */
#define STATEMENT_MAX 65535
#define BLOB_MAX      (2 << 20)
#define INDEX_BOUND   (UINT64_C(1) << 53)

tl_err store_put_leaf(struct store *s, const struct store_leaf *leaf)
{
    tl_err err = store_enter_put(s);
    if (err != TL_OK)
        return err;
    if (leaf->statement.n > STATEMENT_MAX || leaf->body.n > BLOB_MAX || leaf->extra.n > BLOB_MAX ||
        leaf->index >= INDEX_BOUND)
        return TL_E_LIMIT;
    sqlite3_stmt *st = s->st[ST_PUT_LEAF];
    store_bind_u64(st, 1, leaf->index);
    store_bind_blob(st, 2, leaf->statement);
    store_bind_blob(st, 3, leaf->body);
    store_bind_blob(st, 4, leaf->extra);
    return store_run(s, ST_PUT_LEAF);
}

tl_err store_erase_leaf(struct store *s, uint64_t index)
{
    tl_err err = store_enter_put(s);
    if (err != TL_OK)
        return err;
    store_bind_u64(s->st[ST_ERASE_LEAF], 1, index);
    return store_run(s, ST_ERASE_LEAF);
}

static tl_err read_leaf(sqlite3_stmt *st, struct store_leaf *out)
{
    struct store_leaf leaf = {.index = (uint64_t)sqlite3_column_int64(st, 0)};
    tl_err err = store_column(st, 1, STATEMENT_MAX, &leaf.statement);
    if (err == TL_OK && REFUSED(!leaf.statement.p))
        err = TL_E_STORED;
    if (err == TL_OK)
        err = store_column(st, 2, BLOB_MAX, &leaf.body);
    if (err == TL_OK)
        err = store_column(st, 3, BLOB_MAX, &leaf.extra);
    if (err == TL_OK)
        *out = leaf;
    return err;
}

tl_err store_get_leaf(struct store *s, uint64_t index, struct store_leaf *out)
{
    tl_err err = store_enter(s);
    if (err != TL_OK)
        return err;
    if (index >= INDEX_BOUND)
        return TL_E_NOT_FOUND;
    sqlite3_reset(s->st[ST_GET_LEAF]);
    store_bind_u64(s->st[ST_GET_LEAF], 1, index);
    err = store_fetch(s, ST_GET_LEAF);
    s->held = NULL; /* a leaf outlives the small reads that follow it */
    return err == TL_OK ? read_leaf(s->st[ST_GET_LEAF], out) : err;
}

tl_err store_scan_start(struct store *s, uint64_t from)
{
    store_scan_end(s);
    tl_err err = store_enter(s);
    if (err != TL_OK)
        return err;
    store_bind_u64(s->st[ST_SCAN], 1, from);
    s->scanning = true;
    return TL_OK;
}

tl_err store_scan_next(struct store *s, struct store_leaf *out, bool *found)
{
    tl_err err = store_enter(s);
    if (err != TL_OK)
        return err;
    if (!s->scanning) /* a write has ended it: not the same as no more leaves */
        return TL_E_USAGE;
    int rc = sqlite3_step(s->st[ST_SCAN]);
    err = rc == SQLITE_ROW ? read_leaf(s->st[ST_SCAN], out) : store_sqlite_err(rc);
    if (err == TL_OK)
        *found = rc == SQLITE_ROW;
    if (err != TL_OK || rc != SQLITE_ROW)
        sqlite3_reset(s->st[ST_SCAN]);
    return err;
}

void store_scan_end(struct store *s)
{
    if (s->scanning)
        sqlite3_reset(s->st[ST_SCAN]);
    s->scanning = false;
}

tl_err store_leaf_bound(struct store *s, uint64_t *out)
{
    return store_next_number(s, ST_BOUND, INDEX_BOUND, out);
}
