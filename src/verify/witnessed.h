/* The quorum of witnesses that a policy asks for: which checkpoints of the bundle have it, and
 * since when. */
#ifndef TL_VERIFY_WITNESSED_H
#define TL_VERIFY_WITNESSED_H

#include "tlog/tlog_policy.h"
#include "verify/attested.h"

/* A checkpoint that a quorum has cosigned. */
struct witnessed_point {
    uint64_t size;     /* of its tree */
    uint64_t time;     /* quorum time, Unix seconds */
    uint64_t current;  /* as of when no larger tree had a quorum */
    uint64_t earliest; /* of this one and of all larger ones */
};

struct witnessed {
    const struct policy_history *wanted; /* NULL: the policy asks for no quorum */
    struct witnessed_point *points;      /* by ascending size */
    size_t count, cap;
    size_t header_valid; /* witnesses that cosigned the header's checkpoint */
};

void witnessed_finish(struct witnessed *h);
/* Takes a checkpoint of the log: the earlier ones by ascending size, then the header's. The
 * log's own signature is the caller's to check. note: large, to work in. */
tl_err witnessed_add(struct witnessed *h, struct teelog_report *r, const struct note *n,
                     uint64_t size) TL_MUST;
/* After all of them: what the policy asks of the log's history, against the checkpoint of that
 * size in the header and the live answer, if there is one. now: Unix seconds. */
tl_err witnessed_end(struct witnessed *h, struct teelog_report *r, uint64_t size,
                     uint64_t now) TL_MUST;
/* Each piece of evidence was genuine at the earliest quorum time over a checkpoint with its
 * statement, else now. After witnessed_end. */
tl_err witnessed_judge_evidence(const struct witnessed *h, struct teelog_report *r,
                                const struct attested *a, uint64_t now) TL_MUST;

#endif
