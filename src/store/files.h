/* What every engine needs of the file system: the data directory, its lock, and
 * how large its files are. */
#ifndef TL_STORE_FILES_H
#define TL_STORE_FILES_H

#include "store/store.h"

/* The longest path of a data directory that we take, in bytes. */
#define STORE_DIR_MAX  3000
/* With room for a file's name behind it, and a NUL. */
#define STORE_PATH_MAX (STORE_DIR_MAX + 64)

#define STORE_DATABASE "teelog.db"

struct store_files {
    char dir[STORE_DIR_MAX + 3];
    int lock;       /* descriptor that holds the lock, or -1 */
    bool immutable; /* to be read in a directory that we may not write to */
};

/* Makes dir where mode is STORE_CREATE, and takes its lock. TL_E_NOT_FOUND (as
 * store_open), TL_E_LOCKED. */
tl_err store_files_init(struct store_files *f, const char *dir, enum store_open_mode mode,
                        struct tl_why *why) TL_MUST;
/* Gives the lock back. Fine on what store_files_init did not fill (lock -1). */
void store_files_finish(struct store_files *f);

/* The path of a file in the directory; out has room for STORE_PATH_MAX. */
void store_files_path(const struct store_files *f, const char *name, char *out);
/* Bytes in one of them, 0 where it is not there; resp. in all files of the store. */
uint64_t store_files_size(const struct store_files *f, const char *name);
uint64_t store_files_bytes(const struct store_files *f);
/* Free bytes of their file system; UINT64_MAX where it does not say. */
uint64_t store_files_free(const struct store_files *f);

#endif
