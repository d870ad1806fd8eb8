/* Heads trees: computed again where the bundle holds every leaf, and proven
 * for one agent where it holds that agent's chain. */
#ifndef TL_VERIFY_HEADS_H
#define TL_VERIFY_HEADS_H

#include "verify/subject.h"

struct heads_state {
    enum bundle_scope scope;
    uint64_t work; /* heads hashed so far, for a whole bundle */
    /* Of the last statement that carries heads, for a chain. */
    bool provable;  /* they speak of the leaves before that very statement */
    uint64_t index; /* of the statement */
    struct heads last;
    size_t known; /* subjects of the bundle that had a head then */
    struct {
        slice id; /* borrowed from the subject */
        hash32 leaf;
    } expected[3]; /* in bytewise order; the last stays empty */
    size_t proven;
};

/* The heads of all subjects, with their statements before index. */
tl_err heads_compute(struct heads *out, struct heads_state *h, struct teelog_report *r,
                     uint64_t index, struct subjects *subjects) TL_MUST;
/* The statement at index, not yet among the subjects, carries these heads. */
tl_err heads_carried(struct heads_state *h, struct teelog_report *r, uint64_t index,
                     const struct heads *heads, struct subjects *subjects) TL_MUST;
/* The next head proof. */
tl_err heads_prove(struct heads_state *h, struct teelog_report *r,
                   const struct bundle_item *item) TL_MUST;
/* After the last head proof. *complete_up_to is the size that the agent of a
 * chain is proven complete up to, and is left alone where none is. */
tl_err heads_end(const struct heads_state *h, struct teelog_report *r,
                 uint64_t *complete_up_to) TL_MUST;

#endif
