/* A log as who has its statements, and no bodies, can check it, from the first to the last:
 * form, place, chain, session, and the signature by the key that the session's first statement
 * names. What a body would show is not looked at (whose key that is, evidence, erasures), but
 * for those that can be computed: heads and ends. Pure. */
#ifndef TL_VERIFY_FOLLOW_H
#define TL_VERIFY_FOLLOW_H

#include "verify/subject.h"

#define FOLLOW_SUBJECTS_MAX 65536 /* as many as a log may have (docs/threat-model.md) */
/* Statements back to which it is known whose each is: a ref that goes further back is not
 * looked at, but for its number. */
#define FOLLOW_RECENT       16384

struct follow;

/* threads: how many check signatures, the caller's among them, at least 1. */
tl_err follow_new(struct follow **out, slice origin, unsigned threads) TL_MUST;
void follow_free(struct follow *f); /* NULL is fine */

/* The next statement. VERDICT (report.h) where a check failed, be it of an earlier one's
 * signature; after that nothing else may be asked but why. */
tl_err follow_leaf(struct follow *f, slice statement) TL_MUST;
/* All signatures of what was taken are checked. */
tl_err follow_settle(struct follow *f) TL_MUST;
/* The failure of the lowest index, after VERDICT; *check is the name of the check. */
const struct report_result *follow_failure(const struct follow *f, const char **check);

struct follow_totals {
    uint64_t leaves, time_ms; /* of the last of them */
    uint64_t agents, boots, sessions, records;
    uint64_t refs_unseen; /* that went too far back to be looked at */
};
void follow_totals(const struct follow *f, struct follow_totals *out);
/* Agents in bytewise order; the origin is left out. Borrowed until the next statement. */
size_t follow_agents(struct follow *f, struct subject *const **out);

/* All that is known, after follow_settle, for follow_read. */
void follow_put(const struct follow *f, buf *b);
/* TL_E_STORED where the bytes cannot be such a state of a log of this origin and this many
 * leaves. What they say of agents is believed: no signature covers it. The log's next heads
 * statement has to agree with it. */
tl_err follow_read(struct follow **out, slice bytes, slice origin, uint64_t leaves,
                   unsigned threads) TL_MUST;
/* Longest such state, in bytes. */
#define FOLLOW_STATE_MAX (FOLLOW_SUBJECTS_MAX * 320u + FOLLOW_RECENT * 4u + 512u)

#endif
