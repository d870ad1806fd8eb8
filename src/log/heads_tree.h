/* The heads tree (docs/format.md section 6) in memory, as it was when last asked for its
 * root: what has changed since is hashed anew when it is asked again, at once or in
 * slices, and no more. About 80 bytes a subject. */
#ifndef TL_LOG_HEADS_TREE_H
#define TL_LOG_HEADS_TREE_H

#include "log/sorted.h"
#include "tlog/heads.h"

struct heads_tree {
    struct sorted subjects;   /* the leaves, whose hashes they keep */
    hash32 *nodes;            /* complete ones above the leaves, level by level */
    uint8_t *stale;           /* of each node: 1 where it is to be hashed anew */
    struct subject *unhashed; /* list of the leaves that are */
    bool moving;              /* no longer what it was, and not yet what it will be */
};

/* Zero-initialised before. Memory for all nodes there can be, which costs address space
 * alone until they are used. */
tl_err heads_tree_init(struct heads_tree *t) TL_MUST;
void heads_tree_finish(struct heads_tree *t);
/* Room for n subjects, without which none may come in. */
tl_err heads_tree_room(struct heads_tree *t, size_t n) TL_MUST;

/* The subject, new or not, has a new head. */
void heads_tree_changed(struct heads_tree *t, struct subject *s);
/* Goes on hashing until the end of the slice (owner_slice_end; NULL: all at once): whether
 * nothing is left. */
bool heads_tree_work(struct heads_tree *t, const uint64_t *slice_end);
/* What is left is hashed: n and root. */
tl_err heads_tree_root(struct heads_tree *t, struct heads *out) TL_MUST;
/* The place of a name, and its path, under the root that was last asked for.
 * TL_E_NOT_FOUND where it is not there, or the work for another root has begun. */
tl_err heads_tree_prove(struct heads_tree *t, slice name, uint64_t *position, hash32 *path,
                        size_t *path_count) TL_MUST;

#endif
