#include "store/sqlite.h"

#include "base/refuse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* "tlog" and the version of the tables below, in the file's header. */
#define APPLICATION_ID 0x746c6f67
#define SCHEMA_VERSION 2

#define TEXT_OF_(x)    #x
#define TEXT_OF(x)     TEXT_OF_(x)

/* What version 2 has more than version 1. */
#define BLOCK_TABLE    "CREATE TABLE IF NOT EXISTS block(id INTEGER PRIMARY KEY, bytes BLOB);"

/* Small rows with a key that is no number lie in the key's own tree (WITHOUT
 * ROWID); large ones do not, since SQLite then keeps few of them in a page. */
static const char schema[] =
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;"
    "CREATE TABLE leaf(idx INTEGER PRIMARY KEY, statement BLOB, body BLOB,"
    " extra BLOB);"
    "CREATE TABLE tile(id INTEGER PRIMARY KEY, hashes BLOB);"
    "CREATE TABLE evidence(digest BLOB PRIMARY KEY, item BLOB);"
    "CREATE TABLE head(subject BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID;"
    "CREATE TABLE request(tag BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID;"
    "CREATE TABLE body_key(number INTEGER PRIMARY KEY, salt BLOB);" BLOCK_TABLE
    "PRAGMA application_id = " TEXT_OF(APPLICATION_ID) ";"
                                                       "PRAGMA user_version = " TEXT_OF(
                                                           SCHEMA_VERSION) ";";

static const char upgrade[] =
    "BEGIN IMMEDIATE;" BLOCK_TABLE "PRAGMA user_version = " TEXT_OF(SCHEMA_VERSION) ";COMMIT;";
/* To read, the tables that an old database lacks are empty ones in memory. */
static const char stand_in[] = "CREATE TEMP TABLE block(id INTEGER PRIMARY KEY, bytes BLOB);";

/* EXCLUSIVE stands before anything that touches the file: there is then no
 * shared memory, which an enclave does not have. */
static const char settings[] = "PRAGMA locking_mode = EXCLUSIVE;"
                               "PRAGMA page_size = 8192;"
                               "PRAGMA synchronous = FULL;"
                               "PRAGMA secure_delete = ON;"
                               "PRAGMA cache_size = -8192;"
                               "PRAGMA temp_store = MEMORY;"
                               "PRAGMA mmap_size = 0;"
                               "PRAGMA cell_size_check = ON;"
                               "PRAGMA trusted_schema = OFF;"
                               "PRAGMA journal_size_limit = 67108864;" /* after a copy */
                               "PRAGMA wal_autocheckpoint = " TEXT_OF(STORE_CHECKPOINT);

/* No row that we wrote is longer; a longer one is not ours. */
#define ROW_MAX (5 << 20)

tl_err store_sqlite_err(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return TL_OK;
    case SQLITE_NOMEM:
        return TL_E_MEMORY;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return TL_E_LOCKED;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_TOOBIG:
    case SQLITE_ERROR: /* the schema is not what our statements need */
        return TL_E_STORED;
    case SQLITE_CONSTRAINT:
        return TL_E_EXISTS;
    default:
        return TL_E_IO;
    }
}

/* SQLite's sentence may quote what the host wrote: keep terminals safe. */
static void printable(char *out, size_t n, const char *text)
{
    size_t i = 0;
    for (; text && text[i] && i + 1 < n; i++)
        out[i] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
    out[i] = 0;
}

static tl_err explain_open(struct store *s, int rc, struct tl_why *why)
{
    char text[160];
    tl_err err = store_sqlite_err(rc);
    printable(text, sizeof text, s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc));
    if (err == TL_E_LOCKED)
        return tl_explain(why, err, "data", "another program has %s/%s open; close it",
                          s->files.dir, STORE_DATABASE);
    return tl_explain(why, err, "data", "%s/%s: %s", s->files.dir, STORE_DATABASE, text);
}

/* SQLite would make the file with the process's umask; the files beside it then
 * take this one's mode. */
static tl_err make_file(const char *path, struct tl_why *why)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return tl_explain(why, TL_E_IO, "data", "cannot make %s: %s", path, strerror(errno));
    close(fd);
    return TL_OK;
}

/* The file is the host's: nothing in its schema may run. */
static int harden(sqlite3 *db)
{
    int rc = sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    sqlite3_limit(db, SQLITE_LIMIT_LENGTH, ROW_MAX);
    sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_limit(db, SQLITE_LIMIT_WORKER_THREADS, 0);
    return rc;
}

static int pragma_int(sqlite3 *db, const char *sql, int64_t *out)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

/* SQLite answers with the mode that it chose, and keeps the old one where a file
 * system cannot do it: that is an error here. */
int store_go_wal(struct store *s)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(s->db, "PRAGMA journal_mode = WAL", -1, &st, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        const char *mode = (const char *)sqlite3_column_text(st, 0);
        rc = mode && strcmp(mode, "wal") == 0 ? SQLITE_OK : SQLITE_CANTOPEN;
    }
    sqlite3_finalize(st);
    return rc;
}

/* A new database is made in one transaction with what the caller puts first, in
 * a rollback journal: a crash before its commit leaves no page behind, once SQLite
 * has played the journal back. It does so before it counts. */
static tl_err start_new(struct store *s, int64_t pages, struct tl_why *why)
{
    if (pages > 0)
        return tl_explain(why, TL_E_EXISTS, "data", "there is a log in %s already", s->files.dir);
    int rc = sqlite3_exec(s->db, "PRAGMA journal_mode = TRUNCATE", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(s->db, schema, NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        return explain_open(s, rc, why);
    s->creating = true;
    return TL_OK;
}

static int start_reading(struct store *s, int64_t version)
{
    bool old = version < SCHEMA_VERSION;
    int rc = old ? sqlite3_exec(s->db, stand_in, NULL, NULL, NULL) : SQLITE_OK;
    return rc == SQLITE_OK ? sqlite3_exec(s->db, "PRAGMA query_only = ON", NULL, NULL, NULL) : rc;
}

static int start_writing(struct store *s, int64_t version)
{
    int rc = store_go_wal(s);
    if (rc == SQLITE_OK && version < SCHEMA_VERSION) {
        rc = sqlite3_exec(s->db, upgrade, NULL, NULL, NULL);
        s->was = (unsigned)version;
    }
    return rc;
}

static tl_err start_old(struct store *s, int64_t pages, struct tl_why *why)
{
    int64_t id = 0, version = 0;
    if (pages == 0)
        return tl_explain(why, TL_E_NOT_FOUND, "data", "there is no log in %s", s->files.dir);
    int rc = pragma_int(s->db, "PRAGMA application_id", &id);
    if (rc == SQLITE_OK)
        rc = pragma_int(s->db, "PRAGMA user_version", &version);
    if (rc == SQLITE_OK && (id != APPLICATION_ID || version < 1))
        return tl_explain(why, TL_E_STORED, "data", "%s/%s is not a teelog database", s->files.dir,
                          STORE_DATABASE);
    if (rc == SQLITE_OK && version > SCHEMA_VERSION)
        return tl_explain(why, TL_E_STORED, "data",
                          "%s/%s is of version %lld, which a newer teelog made; this one knows "
                          "versions 1 to %d: run the newer one",
                          s->files.dir, STORE_DATABASE, (long long)version, SCHEMA_VERSION);
    if (rc == SQLITE_OK)
        rc = s->read_only ? start_reading(s, version) : start_writing(s, version);
    return rc == SQLITE_OK ? TL_OK : explain_open(s, rc, why);
}

static tl_err prepare_all(struct store *s, struct tl_why *why)
{
#define STORE_ST_SQL(name, sql) [ST_##name] = (sql),
    static const char *const text[ST_COUNT] = {STORE_STATEMENTS(STORE_ST_SQL)};
#undef STORE_ST_SQL
    for (size_t i = 0; i < ST_COUNT; i++) {
        int rc = sqlite3_prepare_v3(s->db, text[i], -1, SQLITE_PREPARE_PERSISTENT, &s->st[i], NULL);
        if (rc != SQLITE_OK)
            return explain_open(s, rc, why);
    }
    return TL_OK;
}

/* Where nothing may be written, not even a lock, SQLite is told that nothing changes. It
 * then reads the database alone, so there must be nothing beside it. */
static tl_err open_immutable(struct store *s, const char *path, struct tl_why *why)
{
    static const char *const beside[] = {STORE_DATABASE "-wal", STORE_DATABASE "-journal"};
    uint8_t mem[3 * STORE_PATH_MAX + 32];
    buf uri;
    for (size_t i = 0; i < 2; i++)
        if (REFUSED(store_files_size(&s->files, beside[i]) > 0))
            return tl_explain(why, TL_E_IO, "data",
                              "%s is not in the database yet, and a directory that cannot be "
                              "written to is no place to bring it there: copy the directory to "
                              "one that can, and read it there",
                              beside[i]);
    buf_init_fixed(&uri, mem, sizeof mem);
    buf_str(&uri, "file:");
    for (; *path; path++)
        if (strchr("?#%", *path))
            buf_printf(&uri, "%%%02x", (unsigned)*path);
        else
            buf_u8(&uri, (uint8_t)*path);
    buf_str(&uri, "?immutable=1");
    buf_u8(&uri, 0);
    if (buf_err(&uri) != TL_OK)
        return buf_err(&uri);
    int rc = sqlite3_open_v2((const char *)mem, &s->db,
                             SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
    return rc == SQLITE_OK ? TL_OK : explain_open(s, rc, why);
}

/* Reading too wants the file open for writing: an exclusive lock does. */
static tl_err open_file(struct store *s, const char *path, struct tl_why *why)
{
    if (s->files.immutable)
        return open_immutable(s, path, why);
    int rc = sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    return rc == SQLITE_OK ? TL_OK : explain_open(s, rc, why);
}

static tl_err open_database(struct store *s, enum store_open_mode mode, struct tl_why *why)
{
    char path[STORE_PATH_MAX];
    int64_t pages = 0;
    store_files_path(&s->files, STORE_DATABASE, path);
    tl_err err = mode == STORE_CREATE ? make_file(path, why) : TL_OK;
    if (err == TL_OK)
        err = open_file(s, path, why);
    if (err != TL_OK)
        return err;
    int rc = harden(s->db);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(s->db, settings, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = pragma_int(s->db, "PRAGMA page_count", &pages);
    if (rc != SQLITE_OK)
        return explain_open(s, rc, why);
    err = mode == STORE_CREATE ? start_new(s, pages, why) : start_old(s, pages, why);
    return err == TL_OK ? prepare_all(s, why) : err;
}

tl_err store_open(struct store **out, const char *dir, enum store_open_mode mode,
                  struct tl_why *why)
{
    struct store *s = calloc(1, sizeof *s);
    if (!s)
        return TL_E_MEMORY;
    s->read_only = mode == STORE_READ;
    tl_err err = store_files_init(&s->files, dir, mode, why);
    if (err == TL_OK)
        err = open_database(s, mode, why);
    if (err == TL_OK)
        *out = s;
    else
        store_close(s);
    return err;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < ST_COUNT; i++)
        sqlite3_finalize(s->st[i]);
    sqlite3_close(s->db); /* rolls an open transaction back */
    store_files_finish(&s->files);
    free(s);
}

unsigned store_was(const struct store *s)
{
    return s->was;
}

const char *store_dir(const struct store *s)
{
    return s->files.dir;
}

uint64_t store_bytes(const struct store *s)
{
    return store_files_bytes(&s->files);
}

uint64_t store_free(const struct store *s)
{
    return store_files_free(&s->files);
}

tl_err store_check(struct store *s, struct tl_why *why)
{
    tl_err err = store_enter(s);
    if (err != TL_OK)
        return err;
    char text[200];
    int rc = sqlite3_step(s->st[ST_CHECK]);
    const void *first = rc == SQLITE_ROW ? sqlite3_column_text(s->st[ST_CHECK], 0) : NULL;
    printable(text, sizeof text, first);
    sqlite3_reset(s->st[ST_CHECK]);
    if (rc != SQLITE_ROW)
        return explain_open(s, rc, why);
    if (REFUSED(strcmp(text, "ok") != 0))
        return tl_explain(why, TL_E_STORED, "data", "%s/%s: %s", s->files.dir, STORE_DATABASE,
                          text);
    return TL_OK;
}
