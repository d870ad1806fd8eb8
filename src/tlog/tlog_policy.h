/* Trust policies, c2sp.org/tlog-policy: which logs, which witnesses, and which of these
 * together are a quorum. Pure. */
#ifndef TL_TLOG_TLOG_POLICY_H
#define TL_TLOG_TLOG_POLICY_H

#include "tlog/cosignature.h"

/* "Implementation limits" asks for 32 of each at least. */
#define TLOG_POLICY_MAX       1048576 /* bytes of the text */
#define TLOG_POLICY_MAX_LINES 256     /* of each kind: logs, witnesses, groups */

#define TLOG_POLICY_NONE      SIZE_MAX

/* A witness, or a group of members that stand before it. */
struct tlog_policy_member {
    slice name, url; /* borrowed from the policy; url is empty where there is none */
    bool witness;
    struct cosigner key; /* of a witness */
    size_t need, count;  /* of a group: how many of how many members */
    size_t group;        /* the group that it is a member of, or TLOG_POLICY_NONE: one at most */
};

struct tlog_policy_log {
    struct note_key key; /* its name is the log's origin */
    slice url;
};

struct tlog_policy {
    uint8_t *text; /* its own copy */
    size_t log_count, member_count, witness_count;
    struct tlog_policy_log *logs;
    struct tlog_policy_member *members; /* in the order of their lines */
    size_t quorum;                      /* a member, or TLOG_POLICY_NONE for "quorum none" */
};

/* On failure why names the line; TL_E_POLICY. */
tl_err tlog_policy_read(struct tlog_policy **out, slice text, struct tl_why *why) TL_MUST;
void tlog_policy_free(struct tlog_policy *p); /* NULL is fine */

/* Appends the policy as a text without comments, logs and URLs, which reads as one of the same
 * witnesses, groups and quorum. TL_E_KEY where a witness cannot be verified. */
void tlog_policy_put(buf *b, const struct tlog_policy *p);

/* Whether the quorum is k of n, n being all witnesses of the policy, without groups in
 * groups: one witness alone is 1 of 1. */
bool tlog_policy_one_group(const struct tlog_policy *p, size_t *k, size_t *n);
/* Whether two quorums of k of n always have a witness in common that is not among faulty
 * others: 2k > n + faulty. */
bool tlog_policy_safe(size_t k, size_t n, uint64_t faulty);

/* What a note's cosignatures are worth. */
struct tlog_quorum {
    size_t valid;  /* witnesses of the policy with a cosignature that verifies, each once */
    bool met;      /* always where the policy says "quorum none" */
    uint64_t time; /* Unix seconds at which it was met: of k of n witnesses the k-th smallest
                      time; 0 where it is not met, or where none was asked for */
    /* As of when no larger tree had a quorum: of k of n the k-th largest time. Every other
     * quorum has an honest witness in common with those who cosigned this tree then or later;
     * one who did so earlier may have cosigned a larger one since. */
    uint64_t current;
};
/* TL_E_SIGNATURE where a line of a witness that the policy names fails: the note is then to be
 * refused. Lines of others are ignored. The log's signature is not looked at. */
tl_err tlog_policy_judge(struct tlog_quorum *out, const struct tlog_policy *p,
                         const struct note *n) TL_MUST;
/* The same of cosignatures that were verified before: times[i] is that of member i, 0 where it
 * has none, or is no witness. TL_E_MEMORY. */
tl_err tlog_policy_weigh(struct tlog_quorum *out, const struct tlog_policy *p,
                         const uint64_t *times) TL_MUST;

#endif
