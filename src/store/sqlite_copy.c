/* A copy of the database while it is in use. Between checkpoints the file does not
 * change: what is committed meanwhile stays in the write-ahead log. */
#include "store/sqlite.h"

/* Pages that may be committed meanwhile, 256 MiB: a copy that nobody takes must not fill
 * the disk. What was committed is brought into the database at once after that. */
#define COPY_PAGES_MAX 32768

static sqlite3_file *database_file(struct store *s)
{
    sqlite3_file *f = NULL;
    int rc = sqlite3_file_control(s->db, "main", SQLITE_FCNTL_FILE_POINTER, &f);
    return rc == SQLITE_OK && f && f->pMethods ? f : NULL;
}

/* Brings the write-ahead log into the database; SQLITE_BUSY where some of it stays. */
static int bring_in(struct store *s)
{
    int logged = 0, done = 0;
    int rc = sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &logged, &done);
    return rc == SQLITE_OK && logged != done ? SQLITE_BUSY : rc;
}

/* After each commit, in place of SQLite's own checkpoints. pages: in the write-ahead log. */
static int committed(void *arg, sqlite3 *db, const char *schema, int pages)
{
    struct store *s = arg;
    (void)db, (void)schema;
    if (pages > COPY_PAGES_MAX) {
        store_copy_end(s);
        s->overtaken = true;
    }
    return SQLITE_OK;
}

tl_err store_copy_begin(struct store *s, uint64_t *bytes)
{
    sqlite3_int64 size = 0;
    store_scan_end(s);
    sqlite3_reset(s->st[ST_GET_LEAF]);
    tl_err err = store_enter(s);
    if (err == TL_OK && s->in_tx)
        err = TL_E_USAGE;
    if (err == TL_OK && s->copying)
        err = TL_E_BUSY;
    if (err != TL_OK)
        return err;
    int rc = s->files.immutable ? SQLITE_OK : bring_in(s);
    sqlite3_file *f = database_file(s);
    if (rc == SQLITE_OK)
        rc = f ? f->pMethods->xFileSize(f, &size) : SQLITE_IOERR;
    if (rc != SQLITE_OK)
        return store_sqlite_err(rc);
    sqlite3_wal_hook(s->db, committed, s);
    s->copying = true;
    s->overtaken = false;
    *bytes = (uint64_t)size;
    return TL_OK;
}

tl_err store_copy_read(struct store *s, uint64_t at, uint8_t *out, size_t n)
{
    sqlite3_file *f = database_file(s);
    if (!s->copying)
        return s->overtaken ? TL_E_LIMIT : TL_E_BUSY;
    return f ? store_sqlite_err(f->pMethods->xRead(f, out, (int)n, (sqlite3_int64)at)) : TL_E_IO;
}

void store_copy_end(struct store *s)
{
    if (s->copying)
        sqlite3_wal_autocheckpoint(s->db, STORE_CHECKPOINT); /* takes our hook's place */
    s->copying = false;
}
