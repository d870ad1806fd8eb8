/* Where a log is kept. The store is outside the trust boundary: it gives back
 * whatever the host left there, and log/ believes none of it.
 *
 * One store has one connection, used by one thread at a time. */
#ifndef TL_STORE_STORE_H
#define TL_STORE_STORE_H

#include "base/buf.h"
#include "crypto/hash.h"

enum store_open_mode {
    STORE_CREATE, /* TL_E_EXISTS where dir holds a log; made if missing, mode 0700 */
    STORE_OPEN,   /* TL_E_NOT_FOUND where there is no log, or one whose making was cut short */
    STORE_READ,   /* the same, and nothing is written */
};

struct store;

/* Takes the log's exclusive lock for as long as the store is open: TL_E_LOCKED
 * where another process has it, with a sentence for why. */
tl_err store_open(struct store **out, const char *dir, enum store_open_mode mode,
                  struct tl_why *why) TL_MUST;
void store_close(struct store *s);

/* Moves the log in dir, whole, into a folder of its own below it, whose name is written:
 * "unsealable-0001", or the next number that is free, up to STORE_ASIDE_MAX (TL_E_EXISTS).
 * TL_E_NOT_FOUND, TL_E_LOCKED as store_open. Nothing of it is read. */
#define STORE_ASIDE     16 /* bytes of a name, with its NUL */
#define STORE_ASIDE_MAX 9999
tl_err store_set_aside(const char *dir, char name[STORE_ASIDE], struct tl_why *why) TL_MUST;

/* One transaction at a time. Every put is inside one. A failed commit has an
 * unknown outcome: the caller must stop using the store. */
tl_err store_begin(struct store *s) TL_MUST;
tl_err store_commit(struct store *s) TL_MUST; /* durable on TL_OK */
void store_rollback(struct store *s);
/* What failed first in a transaction, for people, in words that end no sentence; NULL
 * where nothing did. Borrowed from s. */
const char *store_trouble(const struct store *s);
/* Begins a transaction that may be lost: its commit is atomic, comes after those before
 * it, and is not waited for. What is committed later makes it durable too. */
tl_err store_begin_derived(struct store *s) TL_MUST;

/* Copies all that was committed into the database and empties what else there is beside
 * it: after that the files hold nothing that was taken away or replaced. Outside a
 * transaction; it waits for the disk. Needed after an erasure, and at a start, since a
 * crash may have come between the two. */
tl_err store_scrub(struct store *s) TL_MUST;

/* A copy of the database as it is now, while it is written to. begin brings all that was
 * committed into the file, which is then bytes long and stays as it is until
 * store_copy_end or a store_scrub, after which a read gives TL_E_BUSY; or until 256 MiB
 * were committed: then it gives TL_E_LIMIT. begin: TL_E_BUSY where there is one already. */
tl_err store_copy_begin(struct store *s, uint64_t *bytes) TL_MUST;
tl_err store_copy_read(struct store *s, uint64_t at, uint8_t *out, size_t n) TL_MUST;
void store_copy_end(struct store *s);
/* The version of the schema that STORE_OPEN has brought to today's, or 0. */
unsigned store_was(const struct store *s);
/* The directory, as it was opened. Borrowed from s. */
const char *store_dir(const struct store *s);

/* Small named values: "format", "origin", "log_id", "data_key", "head",
 * "heads_index", … (docs/format.md). get: appends; TL_E_NOT_FOUND. */
tl_err store_put_meta(struct store *s, const char *name, slice value) TL_MUST;
tl_err store_drop_meta(struct store *s, const char *name) TL_MUST; /* fine where it is not there */
tl_err store_get_meta(struct store *s, const char *name, buf *out) TL_MUST;

/* Leaves. body is the plain body of a log's own statement or the sealed one of
 * a record; extra is a sealed value that is not part of the bundle. Empty
 * slices (.p == NULL) are stored as NULL. */
struct store_leaf {
    uint64_t index;
    slice statement, body, extra;
};
tl_err store_put_leaf(struct store *s, const struct store_leaf *leaf) TL_MUST;
/* Takes body and extra away: their bytes are overwritten. */
tl_err store_erase_leaf(struct store *s, uint64_t index) TL_MUST;
/* Slices are borrowed until the next store_get_leaf or store_begin on s.
 * TL_E_NOT_FOUND. */
tl_err store_get_leaf(struct store *s, uint64_t index, struct store_leaf *out) TL_MUST;
/* Leaves from the first index >= from, ascending. One iteration at a time;
 * *found is false at the end. Any other call on s that writes ends it. */
tl_err store_scan_start(struct store *s, uint64_t from) TL_MUST;
tl_err store_scan_next(struct store *s, struct store_leaf *out, bool *found) TL_MUST;
void store_scan_end(struct store *s);
/* One more than the largest index there is, 0 where there is none. */
tl_err store_leaf_bound(struct store *s, uint64_t *out) TL_MUST;

/* Tiles: count hashes; a wider one replaces a narrower. */
tl_err store_put_tile(struct store *s, unsigned level, uint64_t n, const hash32 *hashes,
                      size_t count) TL_MUST;
/* TL_E_NOT_FOUND; TL_E_STORED where what is there is not count * 32 bytes long
 * at least. */
tl_err store_get_tile(struct store *s, unsigned level, uint64_t n, hash32 *hashes,
                      size_t count) TL_MUST;

tl_err store_put_evidence(struct store *s, const hash32 *digest, slice item) TL_MUST;
tl_err store_get_evidence(struct store *s, const hash32 *digest, buf *out) TL_MUST;

/* The rows behind the last heads: replaced by subject. */
tl_err store_put_head(struct store *s, slice subject, slice row) TL_MUST;
/* Removes them all. */
tl_err store_clear_heads(struct store *s) TL_MUST;
/* Calls each in ascending bytewise order of subject, until it fails. */
tl_err store_each_head(struct store *s, tl_err (*each)(void *ctx, slice subject, slice row),
                       void *ctx) TL_MUST;

/* Request ids under their tags: kept once, TL_E_EXISTS for a second. */
tl_err store_put_request(struct store *s, const uint8_t tag[16], slice value) TL_MUST;
tl_err store_get_request(struct store *s, const uint8_t tag[16], buf *out) TL_MUST;

/* Calls each in ascending order of tag, until it fails. */
tl_err store_each_request(struct store *s, tl_err (*each)(void *ctx, slice tag, slice value),
                          void *ctx) TL_MUST;

/* Salts of the body keys, one a boot; number counts from 0. */
tl_err store_put_body_key(struct store *s, uint32_t number, const uint8_t salt[32]) TL_MUST;
tl_err store_get_body_key(struct store *s, uint32_t number, uint8_t salt[32]) TL_MUST;
tl_err store_body_key_count(struct store *s, uint32_t *out) TL_MUST;

/* Blocks of the index, which is derived from the leaves. A put replaces. */
#define STORE_BLOCK_LEVELS 8
#define STORE_BLOCK_N      (UINT64_C(1) << 41)
#define STORE_BLOCKS       (UINT32_C(1) << 17)
struct store_block {
    unsigned level;  /* below STORE_BLOCK_LEVELS */
    uint64_t n;      /* below STORE_BLOCK_N */
    uint32_t number; /* below STORE_BLOCKS */
};
tl_err store_put_block(struct store *s, const struct store_block *at, slice bytes) TL_MUST;
/* Borrowed until the next call on s. TL_E_NOT_FOUND. */
tl_err store_get_block(struct store *s, const struct store_block *at, slice *out) TL_MUST;
/* Removes blocks of a level: those of from <= n < to, at most max of them; *more where
 * others may be left. */
tl_err store_drop_blocks(struct store *s, unsigned level, uint64_t from, uint64_t to, uint32_t max,
                         bool *more) TL_MUST;

/* Bytes on disk now, all files of the store; resp. free ones of its file system, for
 * us, UINT64_MAX where it does not say. Any thread. */
uint64_t store_bytes(const struct store *s);
uint64_t store_free(const struct store *s);
/* The engine's own check of its files (not of what they say). */
tl_err store_check(struct store *s, struct tl_why *why) TL_MUST;

#endif
