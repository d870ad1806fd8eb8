/* The verifier's state, for its own files. */
#ifndef TL_VERIFY_VERIFIER_H
#define TL_VERIFY_VERIFIER_H

#include "tlog/body.h"
#include "tlog/checkpoint.h"
#include "verify/attested.h"
#include "verify/cover.h"
#include "verify/heads.h"
#include "verify/roots.h"
#include "verify/signatures.h"
#include "verify/since.h"
#include "verify/subject.h"
#include "verify/witnessed.h"

/* Where the reading stands; it never goes back. Each phase has work to do when
 * it ends. */
enum phase {
    PHASE_HEADER,
    PHASE_EVIDENCE,
    PHASE_LEAVES,
    PHASE_FILLS,
    PHASE_CONSISTENCY,
    PHASE_HEADS,
    PHASE_ANCHORS,
    PHASE_FRESH,
    PHASE_END
};

struct verifier {
    const struct teelog_verify_options *options;
    const struct policy *policy;      /* NULL: nothing is pinned */
    struct evidence_context evidence; /* what evidence is judged by */
    hash32 hardware_root;
    slice *brought;
    bool *brought_used;
    struct teelog_report *report;
    enum phase phase;
    enum bundle_scope scope;

    uint8_t *checkpoint_bytes;
    struct note *note;   /* borrows from them, as does checkpoint */
    struct note *anchor; /* an earlier checkpoint, while it is looked at */
    struct checkpoint checkpoint;
    bool has_key;        /* the members below come from the first boot */
    struct note_key key; /* the log key */
    hash32 log_tp, log_id;

    struct signatures *signatures;
    struct cover cover;
    struct subjects subjects;
    struct owners owners;
    struct roots roots;
    struct attested attested;
    struct heads_state heads;
    struct witnessed witnessed;
    struct since since;

    uint64_t leaves, time_ms;
    uint64_t boot; /* index of the last boot, or NO_INDEX */
    hash32 boot_leaf;
    enum platform platform; /* of its configuration, as the next */
    uint8_t admissions;     /* of its configuration */
    uint64_t sessions, boots;
    uint64_t complete_up_to; /* of a chain's agent */
    uint64_t *erased;        /* room for ERASURE_MAX, made when needed */
};

/* Ends the phases before this one. Items come in the order of the phases
 * (tlog/bundle.h), so that it is never an earlier one. */
tl_err verify_reach(struct verifier *v, enum phase phase) TL_MUST;

/* The fresh answer, after all else; and, after it or in its place, the check's end. */
tl_err verify_fresh(struct verifier *v, const hash32 *evidence, const struct fresh *f) TL_MUST;
tl_err verify_fresh_end(struct verifier *v) TL_MUST;

/* Lists the agents, and what bodies are absent, once all was read. */
tl_err verify_list_agents(struct verifier *v) TL_MUST;

/* One leaf of the bundle. */
tl_err verify_leaf(struct verifier *v, uint64_t index, slice statement, slice body) TL_MUST;

/* A leaf while it is looked at. */
struct leaf {
    uint64_t index;
    struct statement st;
    slice body;
    hash32 hash;   /* leaf hash */
    hash32 digest; /* H(Sig_structure) */
    struct subject *subject;
};

/* chain.c. Its time is not before the last leaf's (time_ms), and it follows the statement of
 * its subject that was last; all: every statement of the subject is looked at. */
tl_err chain_check_order(struct teelog_report *r, const struct leaf *l, uint64_t time_ms,
                         bool all) TL_MUST;
/* The session, or for the origin the boot, that it belongs to is the one that is open, and the
 * key of that is the one that it names. boot: the last one's index. */
tl_err chain_check_session(struct teelog_report *r, const struct leaf *l, uint64_t boot) TL_MUST;
/* It was found good: it is its subject's last one now. */
void chain_take(const struct leaf *l);

/* What a boot, resp. a session says in its body: evidence, binding and all; it
 * then is the one that its subject's statements belong to. */
tl_err verify_boot(struct verifier *v, const struct leaf *l) TL_MUST;
tl_err verify_session(struct verifier *v, const struct leaf *l) TL_MUST;

#endif
