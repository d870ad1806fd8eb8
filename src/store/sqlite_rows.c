#include "store/sqlite.h"

#include "base/refuse.h"

/* What our own rows may hold, in bytes. */
#define BLOB_MAX  (2 << 20)
#define SMALL_MAX 65536

void store_bind_blob(sqlite3_stmt *st, int i, slice s)
{
    if (s.p)
        sqlite3_bind_blob64(st, i, s.p, s.n, SQLITE_STATIC);
    else
        sqlite3_bind_null(st, i);
}

void store_bind_u64(sqlite3_stmt *st, int i, uint64_t v)
{
    sqlite3_bind_int64(st, i, v > INT64_MAX ? INT64_MAX : (int64_t)v);
}

tl_err store_fetch(struct store *s, enum store_st which)
{
    int rc = sqlite3_step(s->st[which]);
    if (rc == SQLITE_ROW) {
        s->held = s->st[which];
        return TL_OK;
    }
    sqlite3_reset(s->st[which]);
    return rc == SQLITE_DONE ? TL_E_NOT_FOUND : store_sqlite_err(rc);
}

tl_err store_column(sqlite3_stmt *st, int i, size_t max, slice *out)
{
    int type = sqlite3_column_type(st, i);
    if (type == SQLITE_NULL) {
        *out = (slice){NULL, 0};
        return TL_OK;
    }
    if (REFUSED(type != SQLITE_BLOB))
        return TL_E_STORED;
    const void *p = sqlite3_column_blob(st, i);
    size_t n = (size_t)sqlite3_column_bytes(st, i);
    if (n > 0 && !p)
        return TL_E_MEMORY;
    if (REFUSED(n > max))
        return TL_E_STORED;
    *out = slice_of(p, n);
    return TL_OK;
}

tl_err store_fetch_blob(struct store *s, enum store_st which, size_t max, slice *out)
{
    slice found;
    tl_err err = store_fetch(s, which);
    if (err == TL_OK)
        err = store_column(s->held, 0, max, &found);
    if (err == TL_OK && REFUSED(!found.p))
        err = TL_E_STORED;
    if (err == TL_OK)
        *out = found;
    return err;
}

static tl_err fetch_buf(struct store *s, enum store_st which, size_t max, buf *out)
{
    slice found;
    tl_err err = store_fetch_blob(s, which, max, &found);
    if (err != TL_OK)
        return err;
    buf_bytes(out, found);
    return buf_err(out);
}

tl_err store_put_meta(struct store *s, const char *name, slice value)
{
    tl_err err = store_enter_put(s);
    if (err != TL_OK)
        return err;
    if (value.n > SMALL_MAX)
        return TL_E_LIMIT;
    sqlite3_bind_text(s->st[ST_PUT_META], 1, name, -1, SQLITE_STATIC);
    store_bind_blob(s->st[ST_PUT_META], 2, value);
    return store_run(s, ST_PUT_META);
}

tl_err store_drop_meta(struct store *s, const char *name)
{
    tl_err err = store_enter_put(s);
    if (err != TL_OK)
        return err;
    sqlite3_bind_text(s->st[ST_DROP_META], 1, name, -1, SQLITE_STATIC);
    return store_run(s, ST_DROP_META);
}

tl_err store_get_meta(struct store *s, const char *name, buf *out)
{
    tl_err err = store_enter(s);
    if (err != TL_OK)
        return err;
    sqlite3_bind_text(s->st[ST_GET_META], 1, name, -1, SQLITE_STATIC);
    return fetch_buf(s, ST_GET_META, SMALL_MAX, out);
}

tl_err store_next_number(struct store *s, enum store_st which, uint64_t bound, uint64_t *out)
{
    tl_err err = store_enter(s);
    if (err == TL_OK)
        err = store_fetch(s, which);
    if (err != TL_OK)
        return err;
    if (sqlite3_column_type(s->held, 0) == SQLITE_NULL) {
        *out = 0;
        return TL_OK;
    }
    int64_t last = sqlite3_column_int64(s->held, 0);
    if (REFUSED(last < 0 || (uint64_t)last >= bound))
        return TL_E_STORED;
    *out = (uint64_t)last + 1;
    return TL_OK;
}

/* A tile's place as one number: 2^48 tiles of 256 hashes hold more than 2^53
 * leaves, which need no more than 7 levels. */
static bool tile_id(unsigned level, uint64_t n, size_t count, uint64_t *out)
{
    if (level > 7 || n >> 48 != 0 || count == 0 || count > 256)
        return false;
    *out = (uint64_t)level << 48 | n;
    return true;
}

tl_err store_put_tile(struct store *s, unsigned level, uint64_t n, const hash32 *hashes,
                      size_t count)
{
    uint64_t id;
    tl_err err = store_enter_put(s);
    if (err != TL_OK)
        return err;
    if (!tile_id(level, n, count, &id))
        return TL_E_LIMIT;
    store_bind_u64(s->st[ST_PUT_TILE], 1, id);
    store_bind_blob(s->st[ST_PUT_TILE], 2, slice_of(hashes, count * sizeof *hashes));
    return store_run(s, ST_PUT_TILE);
}

tl_err store_get_tile(struct store *s, unsigned level, uint64_t n, hash32 *hashes, size_t count)
{
    uint64_t id;
    slice found;
    tl_err err = store_enter(s);
    if (err != TL_OK)
        return err;
    if (!tile_id(level, n, count, &id))
        return TL_E_NOT_FOUND;
    store_bind_u64(s->st[ST_GET_TILE], 1, id);
    err = store_fetch_blob(s, ST_GET_TILE, 256 * sizeof *hashes, &found);
    if (err != TL_OK)
        return err;
    if (REFUSED(found.n < count * sizeof *hashes))
        return TL_E_STORED;
    memcpy(hashes, found.p, count * sizeof *hashes);
    return TL_OK;
}

/* A table from a blob to a blob. */
static tl_err put_pair(struct store *s, enum store_st which, slice key, slice value, size_t max)
{
    tl_err err = store_enter_put(s);
    if (err != TL_OK)
        return err;
    if (value.n > max)
        return TL_E_LIMIT;
    store_bind_blob(s->st[which], 1, key);
    store_bind_blob(s->st[which], 2, value);
    return store_run(s, which);
}

static tl_err get_pair(struct store *s, enum store_st which, slice key, size_t max, buf *out)
{
    tl_err err = store_enter(s);
    if (err != TL_OK)
        return err;
    store_bind_blob(s->st[which], 1, key);
    return fetch_buf(s, which, max, out);
}

tl_err store_put_evidence(struct store *s, const hash32 *digest, slice item)
{
    return put_pair(s, ST_PUT_EVIDENCE, hash_slice(digest), item, BLOB_MAX);
}

tl_err store_get_evidence(struct store *s, const hash32 *digest, buf *out)
{
    return get_pair(s, ST_GET_EVIDENCE, hash_slice(digest), BLOB_MAX, out);
}

tl_err store_put_head(struct store *s, slice subject, slice row)
{
    return put_pair(s, ST_PUT_HEAD, subject, row, SMALL_MAX);
}

tl_err store_clear_heads(struct store *s)
{
    tl_err err = store_enter_put(s);
    return err == TL_OK ? store_run(s, ST_CLEAR_HEADS) : err;
}

/* Calls each with both columns of every row. */
static tl_err each_pair(struct store *s, enum store_st which,
                        tl_err (*each)(void *ctx, slice key, slice value), void *ctx)
{
    tl_err err = store_enter(s);
    if (err != TL_OK)
        return err;
    sqlite3_stmt *st = s->st[which];
    int rc = SQLITE_ROW;
    while (err == TL_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        slice key, value;
        err = store_column(st, 0, SMALL_MAX, &key);
        if (err == TL_OK)
            err = store_column(st, 1, SMALL_MAX, &value);
        if (err == TL_OK)
            err = each(ctx, key, value);
    }
    sqlite3_reset(st);
    return err == TL_OK ? store_sqlite_err(rc) : err;
}

tl_err store_each_head(struct store *s, tl_err (*each)(void *ctx, slice subject, slice row),
                       void *ctx)
{
    return each_pair(s, ST_EACH_HEAD, each, ctx);
}

tl_err store_each_request(struct store *s, tl_err (*each)(void *ctx, slice tag, slice value),
                          void *ctx)
{
    return each_pair(s, ST_EACH_REQUEST, each, ctx);
}

tl_err store_put_request(struct store *s, const uint8_t tag[16], slice value)
{
    return put_pair(s, ST_PUT_REQUEST, slice_of(tag, 16), value, SMALL_MAX);
}

tl_err store_get_request(struct store *s, const uint8_t tag[16], buf *out)
{
    return get_pair(s, ST_GET_REQUEST, slice_of(tag, 16), SMALL_MAX, out);
}

tl_err store_put_body_key(struct store *s, uint32_t number, const uint8_t salt[32])
{
    tl_err err = store_enter_put(s);
    if (err != TL_OK)
        return err;
    store_bind_u64(s->st[ST_PUT_BODY_KEY], 1, number);
    store_bind_blob(s->st[ST_PUT_BODY_KEY], 2, slice_of(salt, 32));
    return store_run(s, ST_PUT_BODY_KEY);
}

tl_err store_get_body_key(struct store *s, uint32_t number, uint8_t salt[32])
{
    slice found;
    tl_err err = store_enter(s);
    if (err != TL_OK)
        return err;
    store_bind_u64(s->st[ST_GET_BODY_KEY], 1, number);
    err = store_fetch_blob(s, ST_GET_BODY_KEY, SMALL_MAX, &found);
    if (err != TL_OK)
        return err;
    if (REFUSED(found.n != 32))
        return TL_E_STORED;
    memcpy(salt, found.p, 32);
    return TL_OK;
}

tl_err store_body_key_count(struct store *s, uint32_t *out)
{
    uint64_t next;
    tl_err err = store_next_number(s, ST_BODY_KEY_BOUND, UINT32_MAX, &next);
    if (err == TL_OK)
        *out = (uint32_t)next;
    return err;
}
