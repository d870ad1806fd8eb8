/* The index's inside, shared by its files: index.c answers, index_build.c makes what is
 * missing, index_write.c stores a cell, index_merge.c joins segments, index_erase.c takes
 * out. */
#ifndef TL_LOG_INDEX_STATE_H
#define TL_LOG_INDEX_STATE_H

#include "log/cell.h"
#include "log/index.h"
#include "log/internal.h"
#include "log/segment.h"

enum cell_state {
    CELL_UNKNOWN, /* nobody has looked */
    CELL_HOLE,    /* to be made */
    CELL_LOST,    /* a leaf of it cannot be read: not before the next start */
    CELL_STORED   /* CELL_STORED + level of the segment that has it */
};

/* A cell's contents: as its postings, to be stored again, or not to be had. */
enum text_state { TEXT_GOOD, TEXT_BAD, TEXT_LOST };

/* How far a cell is stored. */
enum write_stage { WRITE_DROP_TEXT, WRITE_TEXT, WRITE_DROP, WRITE_BLOCKS, WRITE_DIRECTORY };

struct index {
    struct log *log;
    struct segments *segments;
    uint8_t *states; /* of each complete cell, by its number */
    uint8_t *texts;  /* the same of its contents */
    size_t state_count;
    uint64_t stored_cells;   /* of them */
    _Atomic uint64_t leaves; /* that it knows */

    struct cell *feed; /* takes what is appended; NULL until it has caught up */
    struct cell *fill; /* is read back from the leaves */
    struct cell *done; /* complete, is being stored */
    struct merge *merge;
    uint64_t survey; /* cells before it are to be looked at for what is missing */
    bool parts_left; /* of the segment that is looked at */

    enum write_stage stage; /* of done */
    unsigned drop_level;
    uint32_t next_block;
    struct segment_key key; /* of its postings: stored with the directory, not before */
    buf directory;

    struct owner_job job;
    bool queued;
    bool stopped; /* something failed that another try will not mend */
};

/* Cells of which every leaf is durable. */
uint64_t index_complete_cells(const struct index *ix);
/* CELL_HOLE for one that is not complete. Looks into the store where nobody has yet. */
tl_err index_state_of(struct index *ix, uint64_t cell, uint8_t *out) TL_MUST;
void index_set_state(struct index *ix, unsigned level, uint64_t n, uint8_t state);
/* A segment is not what it was: its cells are holes again. */
void index_distrust(struct index *ix, unsigned level, uint64_t n);
void index_distrust_text(struct index *ix, uint64_t cell);
/* The cell in memory of this number, or NULL. */
struct cell *index_in_memory(const struct index *ix, uint64_t number);
/* An error that says that a block is not ours, not there, or damaged. */
static inline bool index_bad(tl_err err)
{
    return err == TL_E_NOT_FOUND || err == TL_E_SEALED || err == TL_E_STORED;
}

/* Counts what it knows anew. */
void index_count(struct index *ix);
/* Runs work in a transaction of its own, that may be lost. TL_E_FULL: there is no room. */
tl_err index_transact(struct index *ix, tl_err (*work)(struct index *ix)) TL_MUST;

/* index_build.c */
void index_wake(struct index *ix);
/* index_write.c: stores done, a step a call. */
void index_write_begin(struct index *ix, struct cell *done);
tl_err index_write_step(struct index *ix) TL_MUST;
/* index_merge.c: begins where the sixteen segments around this one are all there. */
tl_err index_merge_begin(struct index *ix, unsigned level, uint64_t n) TL_MUST;
tl_err index_merge_step(struct index *ix) TL_MUST;
void index_merge_free(struct index *ix);

#endif
