/* The SQLite engine's inside, shared by its files: sqlite.c opens and closes,
 * sqlite_tx.c commits, sqlite_rows.c puts and gets, sqlite_blocks.c the same for the
 * index. */
#ifndef TL_STORE_SQLITE_H
#define TL_STORE_SQLITE_H

#include "store/files.h"

#include <sqlite3.h>

/* One prepared statement for each operation: X(name, SQL). */
#define STORE_STATEMENTS(X)                                                                        \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                    \
    X(COMMIT, "COMMIT")                                                                            \
    X(ROLLBACK, "ROLLBACK")                                                                        \
    X(PUT_META, "REPLACE INTO meta VALUES(?1, ?2)")                                                \
    X(DROP_META, "DELETE FROM meta WHERE name = ?1")                                               \
    X(GET_META, "SELECT value FROM meta WHERE name = ?1")                                          \
    X(PUT_LEAF, "REPLACE INTO leaf VALUES(?1, ?2, ?3, ?4)")                                        \
    X(ERASE_LEAF, "UPDATE leaf SET body = NULL, extra = NULL WHERE idx = ?1")                      \
    X(GET_LEAF, "SELECT idx, statement, body, extra FROM leaf WHERE idx = ?1")                     \
    X(SCAN, "SELECT idx, statement, body, extra FROM leaf WHERE idx >= ?1 ORDER BY idx")           \
    X(BOUND, "SELECT max(idx) FROM leaf")                                                          \
    X(PUT_TILE, "REPLACE INTO tile VALUES(?1, ?2)")                                                \
    X(GET_TILE, "SELECT hashes FROM tile WHERE id = ?1")                                           \
    X(PUT_EVIDENCE, "REPLACE INTO evidence VALUES(?1, ?2)")                                        \
    X(GET_EVIDENCE, "SELECT item FROM evidence WHERE digest = ?1")                                 \
    X(PUT_HEAD, "REPLACE INTO head VALUES(?1, ?2)")                                                \
    X(CLEAR_HEADS, "DELETE FROM head")                                                             \
    X(EACH_HEAD, "SELECT subject, value FROM head ORDER BY subject")                               \
    X(PUT_REQUEST, "INSERT INTO request VALUES(?1, ?2)")                                           \
    X(GET_REQUEST, "SELECT value FROM request WHERE tag = ?1")                                     \
    X(EACH_REQUEST, "SELECT tag, value FROM request ORDER BY tag")                                 \
    X(PUT_BODY_KEY, "REPLACE INTO body_key VALUES(?1, ?2)")                                        \
    X(GET_BODY_KEY, "SELECT salt FROM body_key WHERE number = ?1")                                 \
    X(BODY_KEY_BOUND, "SELECT max(number) FROM body_key")                                          \
    X(PUT_BLOCK, "REPLACE INTO block VALUES(?1, ?2)")                                              \
    X(GET_BLOCK, "SELECT bytes FROM block WHERE id = ?1")                                          \
    X(DROP_BLOCKS,                                                                                 \
      "DELETE FROM block WHERE id IN (SELECT id FROM block WHERE id BETWEEN ?1 AND ?2 "            \
      "ORDER BY id LIMIT ?3)")                                                                     \
    X(CHECK, "PRAGMA integrity_check(1)")

#define STORE_ST_ENUM(name, sql) ST_##name,
enum store_st { STORE_STATEMENTS(STORE_ST_ENUM) ST_COUNT };
#undef STORE_ST_ENUM

/* Pages in the write-ahead log after which a commit brings it into the database. */
#define STORE_CHECKPOINT 4000

struct store {
    struct store_files files;
    sqlite3 *db;
    sqlite3_stmt *st[ST_COUNT];
    sqlite3_stmt *held; /* the row whose slices are borrowed, reset by the next call */
    bool read_only;
    unsigned was;  /* the version before an upgrade */
    bool creating; /* in the transaction that store_open began, which makes the schema */
    bool in_tx;
    bool derived;    /* the transaction is of store_begin_derived */
    bool put_failed; /* in this transaction: it must not be committed */
    bool scanning;
    bool copying;   /* the database file stays as it is */
    bool overtaken; /* the copy ended because too much was committed */
    tl_err broken;  /* TL_E_COMMIT once a commit has failed, and for ever */
    char trouble[160];
};

/* What an SQLite result code is to our caller. */
tl_err store_sqlite_err(int rc);
/* Begins a call: gives the borrowed row back and refuses a broken store. */
tl_err store_enter(struct store *s) TL_MUST;
/* The same for a call that writes: ends the scan, and there must be a
 * transaction. */
tl_err store_enter_put(struct store *s) TL_MUST;
/* Write-ahead logging: SQLite's result code. */
int store_go_wal(struct store *s);
/* SQLite copies nothing here: the statement is stepped before we return. An empty slice
 * is bound as NULL. */
void store_bind_blob(sqlite3_stmt *st, int i, slice s);
void store_bind_u64(sqlite3_stmt *st, int i, uint64_t v);
/* Steps to the one row that a statement yields, and holds it. */
tl_err store_fetch(struct store *s, enum store_st which) TL_MUST;
/* Column i of a row: a blob of at most max bytes, or NULL as an empty slice. */
tl_err store_column(sqlite3_stmt *st, int i, size_t max, slice *out) TL_MUST;
/* A blob of at most max bytes from the one row that which yields; not NULL. */
tl_err store_fetch_blob(struct store *s, enum store_st which, size_t max, slice *out) TL_MUST;
/* One more than the largest number in a table; what we wrote is never negative
 * and stays below the bound. */
tl_err store_next_number(struct store *s, enum store_st which, uint64_t bound,
                         uint64_t *out) TL_MUST;
/* Steps a statement that yields no row, and resets it. */
tl_err store_run(struct store *s, enum store_st which) TL_MUST;

#endif
