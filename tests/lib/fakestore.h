/* Databases of logs that never were: a fakelog's statements, its bodies sealed under a data key
 * of the test's, wrapped to an owner. What anybody can make who has a disk. */
#ifndef FAKESTORE_H
#define FAKESTORE_H

#include "fakelog.h"
#include "testlog.h"

#include "log/keys.h"
#include "log/recover.h"

struct fakestore {
    struct world w; /* its dir alone, for host_sql */
    struct log_keys keys;
    slice checkpoint; /* the caller's, of the next fakestore_rows, and that key */
    const struct note_key *log_key;
    struct log_recovered found;
    struct tl_why why;
    char rows[512];  /* what came of each leaf, see below */
    char *lost[512]; /* why, of rows that are '-' or in lower case, in order; owned */
    size_t lost_count;
};

/* noted: the size of the checkpoint in the database; 0: none. Bodies of records that an
 * erasure names are left out. */
void fakestore_make(struct fakestore *s, const struct fakelog *f, const struct es256_key *owner,
                    uint64_t noted);
void fakestore_finish(struct fakestore *s);
/* Puts a statement in, as the host might: in place of the one there. body: as it is to be
 * stored, for records sealed here. */
void fakestore_put(struct fakestore *s, const struct fakelog *f, uint64_t from, uint64_t to);

/* Reads it by a recovery key, into rows: a letter a statement, 'P' where it is proven, 'S' where
 * it is signed only, in lower case where its body is lost; 'E' and 'X' for the two where it was
 * erased; '-' for what is lost, one for each range. */
tl_err fakestore_read(struct fakestore *s, const struct es256_key *owner) TL_MUST;
/* It must work, and give these rows. */
void fakestore_expect(struct fakestore *s, const struct es256_key *owner, const char *rows);
/* That, and each reason has these words. */
void fakestore_expect_lost(struct fakestore *s, const struct es256_key *owner, const char *rows,
                           const char *words);

#endif
