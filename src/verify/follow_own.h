/* What follow.c and follow_state.c share. */
#ifndef TL_VERIFY_FOLLOW_OWN_H
#define TL_VERIFY_FOLLOW_OWN_H

#include "verify/follow.h"
#include "verify/verifier.h"

struct follow {
    struct teelog_report *report;
    struct signatures *signatures;
    struct subjects subjects; /* the origin is the first, numbered 0 */
    struct heads_state heads;
    char origin[SUBJECT_MAX + 1];
    struct follow_totals so_far;    /* but agents */
    uint64_t boot;                  /* index of the last one, or NO_INDEX */
    uint32_t recent[FOLLOW_RECENT]; /* at index % FOLLOW_RECENT: the number of its subject */
};

#endif
