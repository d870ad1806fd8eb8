/* Checkpoints that a quorum of witnesses has cosigned, some of them, and the collateral that was
 * in use then: by them a bundle shows, however much later, that its evidence was good in its own
 * time (docs/format.md sections 10 and 12). The host keeps them, so that each is judged again
 * when it is read; one that is no more what it was is left out. The owner thread's. */
#ifndef TL_LOG_ANCHORS_H
#define TL_LOG_ANCHORS_H

#include "log/collateral.h"
#include "tlog/tlog_policy.h"

struct log;
struct group;

#define ANCHORS_MAX    128  /* then those that are close in time make room */
#define ANCHOR_PIECES  192  /* of collateral, of all of them together: a bundle has room for it */
#define ANCHOR_EVERY_S 3600 /* by the witnesses' times, where nothing but sessions was begun */

struct anchor {
    uint64_t size;
    uint64_t time; /* when a quorum of the log's policy had cosigned it; 0: none has, by what the
                      policy is now */
    uint8_t *note; /* owned */
    size_t note_size;
    uint8_t pieces[SHELF_MAX]; /* places of the collateral that was in use */
    size_t piece_count;
};

struct anchor_piece {
    enum { ANCHOR_UNREAD, ANCHOR_GOOD, ANCHOR_BAD } state;
    struct bundle_piece piece; /* only its digest, unless it is good */
};

struct anchors {
    struct anchor items[ANCHORS_MAX]; /* by ascending size */
    size_t count;
    struct anchor_piece pieces[ANCHOR_PIECES];
    size_t piece_count;
    uint64_t first, last; /* boot or session after the last anchor: the first, and the last there
                             is; UINT64_MAX: none */
};

/* What is stored, judged by this policy. Of a log whose tree is loaded; once. */
tl_err anchors_load(struct log *log, const struct tlog_policy *policy) TL_MUST;
/* The same, and the note that a quorum has cosigned last, by the policy that the log's last boot
 * names: of a log that is opened to read. */
tl_err anchors_load_own(struct log *log) TL_MUST;
void anchors_free(struct anchors *a); /* NULL is fine */

/* A group was committed. */
void anchors_grown(struct log *log, const struct group *g);
/* In a transaction: keeps this note, which a quorum had cosigned by then, if there is need of it:
 * where a boot or a session has come since the last one, and a boot, or an hour. */
tl_err anchors_keep(struct log *log, slice note, uint64_t size, uint64_t time) TL_MUST;

/* Reads one piece of collateral that was not yet; false where none is left. */
tl_err anchors_learn(struct log *log, bool *more) TL_MUST;

/* anchors_row.c: the list of them, as it is stored. */
void anchors_put(const struct anchors *a, buf *out);
/* Sizes, pieces and their digests alone. TL_E_STORED. */
tl_err anchors_read(struct anchors *out, slice list) TL_MUST;
/* Pieces that no anchor names are forgotten. Their rows stay, as evidence does. */
void anchors_drop_pieces(struct anchors *a);

#endif
