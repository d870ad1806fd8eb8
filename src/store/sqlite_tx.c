#include "store/sqlite.h"

#include <errno.h>
#include <stdio.h>

tl_err store_enter(struct store *s)
{
    if (s->held)
        sqlite3_reset(s->held);
    s->held = NULL;
    return s->broken;
}

tl_err store_enter_put(struct store *s)
{
    store_scan_end(s);
    sqlite3_reset(s->st[ST_GET_LEAF]);
    tl_err err = store_enter(s);
    return err == TL_OK && !s->in_tx ? TL_E_USAGE : err;
}

static void note_trouble(struct store *s, int rc)
{
    int error = sqlite3_system_errno(s->db);
    if (s->trouble[0])
        return;
    if ((rc & 0xff) == SQLITE_FULL || error == ENOSPC || error == EDQUOT || error == EFBIG)
        snprintf(s->trouble, sizeof s->trouble, "there is no room on the log's disk: make room");
    else
        snprintf(s->trouble, sizeof s->trouble, "the log's disk fails: %s%s%s", sqlite3_errstr(rc),
                 error ? ", " : "", error ? strerror(error) : "");
}

const char *store_trouble(const struct store *s)
{
    return s->trouble[0] ? s->trouble : NULL;
}

tl_err store_run(struct store *s, enum store_st which)
{
    int rc = sqlite3_step(s->st[which]);
    if (store_sqlite_err(rc) == TL_E_IO)
        note_trouble(s, rc);
    sqlite3_reset(s->st[which]);
    tl_err err = store_sqlite_err(rc);
    if (err != TL_OK && err != TL_E_EXISTS)
        s->put_failed = true;
    return err;
}

/* A commit waits for the disk, or does not; within a transaction that cannot change. */
static tl_err set_derived(struct store *s, bool derived)
{
    if (s->derived == derived)
        return TL_OK;
    const char *sql = derived ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL";
    tl_err err = store_sqlite_err(sqlite3_exec(s->db, sql, NULL, NULL, NULL));
    if (err == TL_OK)
        s->derived = derived;
    return err;
}

static tl_err begin(struct store *s, bool derived)
{
    store_scan_end(s);
    sqlite3_reset(s->st[ST_GET_LEAF]);
    tl_err err = store_enter(s);
    if (err == TL_OK && (s->in_tx || s->read_only))
        err = TL_E_USAGE;
    if (err == TL_OK && !s->creating) {
        err = set_derived(s, derived);
        if (err == TL_OK)
            err = store_run(s, ST_BEGIN);
    }
    if (err != TL_OK)
        return err;
    s->in_tx = true;
    s->put_failed = false;
    return TL_OK;
}

tl_err store_begin(struct store *s)
{
    return begin(s, false);
}

tl_err store_begin_derived(struct store *s)
{
    return begin(s, true);
}

/* The schema's transaction ends with the first commit. SQLite then removes the
 * rollback journal, as the last of its change to the write-ahead log. */
static int finish_creation(struct store *s)
{
    s->creating = false;
    return store_go_wal(s);
}

tl_err store_commit(struct store *s)
{
    tl_err err = store_enter_put(s);
    if (err != TL_OK)
        return err;
    s->in_tx = false;
    bool good = !s->put_failed && store_run(s, ST_COMMIT) == TL_OK;
    if (good && s->creating)
        good = finish_creation(s) == SQLITE_OK;
    if (!good)
        s->broken = TL_E_COMMIT;
    return s->broken;
}

void store_rollback(struct store *s)
{
    if (store_enter_put(s) != TL_OK)
        return;
    s->in_tx = false;
    /* SQLite has rolled back by itself after some errors: nothing is left to do. */
    bool good = sqlite3_get_autocommit(s->db) != 0 || store_run(s, ST_ROLLBACK) == TL_OK;
    /* The schema went with it: this store has no tables any more. */
    if (!good || s->creating)
        s->broken = TL_E_COMMIT;
}

tl_err store_scrub(struct store *s)
{
    store_scan_end(s);
    sqlite3_reset(s->st[ST_GET_LEAF]);
    tl_err err = store_enter(s);
    if (err == TL_OK && (s->in_tx || s->read_only))
        err = TL_E_USAGE;
    if (err != TL_OK)
        return err;
    store_copy_end(s); /* a copy would hold what was taken away */
    int rc = sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return store_sqlite_err(rc);
}
