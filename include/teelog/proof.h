/* Proofs of single entries, without their bundle: c2sp.org/tlog-proof, COSE receipts of inclusion
 * (RFC 9942), alone or in the statement that they are about (a transparent statement, RFC 9943).
 * They show that an entry is in a log, and who has signed that. By which code it was logged, and
 * by whom, only a bundle shows (verify.h). And receipts of consistency: that the log only grew.
 *
 * No I/O, clock or environment, as there. */
#ifndef TEELOG_PROOF_H
#define TEELOG_PROOF_H

#include "teelog/verify.h"

/* Everything is borrowed; .p NULL where something is not given. */
struct teelog_logged_options {
    struct teelog_bytes proof; /* told apart by its first bytes */
    /* What was logged: of a teelog log the statement. Not given: what stands in a tlog-proof's
     * extra line is taken for it. Not beside a transparent statement or a receipt of
     * consistency. */
    struct teelog_bytes entry;
    /* Whose log, and which witnesses: a policy of a relying party (docs/policy.md), else one of
     * c2sp.org/tlog-policy. */
    const struct teelog_policy *policy;
    struct teelog_bytes tlog_policy;
    /* For receipts, one of these: the report of a bundle of the log, TRUSTED under the same
     * policy, whose boots name the keys that may have signed; or a COSE_KeySet with them. Nothing
     * shows whose keys a bare set has, so the verdict is at most UNPINNED. */
    const struct teelog_report *service;
    struct teelog_bytes service_keys;
    /* For a receipt of consistency: the older checkpoint, a signed note, that the caller kept.
     * Not beside other proofs. */
    struct teelog_bytes since;
};

struct teelog_logged;

/* TL_OK with a result for every proof, however broken. TL_E_POLICY or TL_E_USAGE where what the
 * caller brings cannot be used or is not enough: message (of message_size bytes, may be NULL)
 * says what. Then, and where memory is short, *out is untouched. */
tl_err teelog_logged_verify(struct teelog_logged **out, const struct teelog_logged_options *o,
                            char *message, size_t message_size) TL_MUST;
void teelog_logged_free(struct teelog_logged *l);

/* TEELOG_TRUSTED: it is logged (resp. the log grew out of the older checkpoint), as the policy
 * wants it, and the text says LOGGED. UNPINNED: it
 * is in a log, but the policy leaves open whose, or asks nothing of its history; or it is a
 * receipt, and nothing but a set of keys that the caller brought shows whose. */
enum teelog_verdict teelog_logged_verdict(const struct teelog_logged *l);
/* For people, and as JSON; the caller frees with free(). NULL where memory is short. */
char *teelog_logged_text(const struct teelog_logged *l);
char *teelog_logged_json(const struct teelog_logged *l);

#endif
