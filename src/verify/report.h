/* The report while it is being made, and what its renderings read. */
#ifndef TL_VERIFY_REPORT_H
#define TL_VERIFY_REPORT_H

#include "attest/evidence.h"
#include "teelog/verify.h"
#include "tlog/body.h"
#include "tlog/bundle.h"
#include "tlog/statement.h"

/* The checks in the order of docs/verification.md. */
#define CHECK_TABLE(X)                                                                             \
    X(FORMAT, "format")                                                                            \
    X(CHECKPOINT, "checkpoint")                                                                    \
    X(STATEMENT, "statement")                                                                      \
    X(BODY, "body")                                                                                \
    X(ROLE, "role")                                                                                \
    X(ORDER, "order")                                                                              \
    X(CHAIN, "chain")                                                                              \
    X(SESSION, "session")                                                                          \
    X(BOOT, "boot")                                                                                \
    X(SIGNATURE, "signature")                                                                      \
    X(TREE, "tree")                                                                                \
    X(CONSISTENCY, "consistency")                                                                  \
    X(HEADS, "heads")                                                                              \
    X(EVIDENCE, "evidence")                                                                        \
    X(GENUINE, "genuine")                                                                          \
    X(BINDING, "binding")                                                                          \
    X(CODE, "code")                                                                                \
    X(LOG, "log")                                                                                  \
    X(ADMISSION, "admission")                                                                      \
    X(HISTORY, "history")                                                                          \
    X(FRESH, "fresh")

#define CHECK_ENUM(name, text) CHECK_##name,
enum check { CHECK_TABLE(CHECK_ENUM) CHECK_COUNT };
#undef CHECK_ENUM

/* Every check begins as open, and one that is still open at the end is never
 * shown as ok. CHECK_UNPINNED: it was finished and found nothing wrong, but the
 * policy does not say what it needs to hear. CHECK_NOT_ASKED: the caller did not ask,
 * and it is not shown as ok either. */
enum check_state { CHECK_OPEN, CHECK_PASSED, CHECK_UNPINNED, CHECK_NOT_ASKED, CHECK_FAILED };

#define NO_INDEX     UINT64_MAX
#define NO_SIZE      UINT64_MAX
#define HISTORY_LINE "not required by the policy; rollback and forks are not excluded"

/* A record's body: here, withheld, erased (absent, and an erasure in the bundle names it),
 * or erased in the log later than this copy of it was given away. */
enum body_state { BODY_HERE, BODY_WITHHELD, BODY_ERASED, BODY_DISCLOSED, BODY_STATES };

/* Records of one agent, one after the other among its own in the bundle, whose bodies
 * are in one such state. */
struct report_gap {
    size_t agent; /* its place in the report */
    enum body_state state;
    uint64_t from, to; /* indexes of the first and the last of them */
};
/* No more are listed: of one agent, and of all. */
#define GAPS_OF_AGENT_MAX 64
#define GAPS_MAX          4096

/* Sessions of one agent that were opened for attested peers of one code. */
struct report_peer {
    uint32_t code; /* its place in the report */
    uint64_t sessions;
};
#define PEERS_OF_AGENT_MAX 8 /* no more codes are listed */

/* What the report says of one agent. */
struct report_agent {
    char id[SUBJECT_MAX + 1];
    uint64_t count, first_seq, last_seq, sessions;
    uint64_t es256k;               /* of the sessions: by such a key */
    uint64_t admitted[ADMISSIONS]; /* sessions, by enum admission */
    struct report_peer *peers;     /* owned; NULL where there is none */
    size_t peer_count;
    uint64_t complete_up_to;      /* a tree size, or NO_SIZE */
    uint64_t bodies[BODY_STATES]; /* how many; nothing at BODY_HERE */
    size_t first_gap, gap_count;  /* among the report's gaps */
    uint64_t gaps_left_out;       /* that are not listed */
};

/* What the running log said over a nonce. */
struct report_fresh {
    bool there; /* and sound */
    bool asked; /* the nonce is the caller's */
    enum fresh_mode mode;
    bool has_cosigned;
    uint64_t cosigned;           /* a tree size */
    char agent[SUBJECT_MAX + 1]; /* empty: none */
    uint64_t count;              /* of its statements at the checkpoint's size */
    uint8_t nonce[FRESH_NONCE_MAX];
    size_t nonce_size;
};

/* What witnesses have cosigned, where the policy asks for a quorum of them. */
struct report_history {
    bool wanted;
    size_t need, witnesses; /* k of n */
    uint64_t faulty;
    bool met;            /* and what follows was found */
    uint64_t size, time; /* of the largest checkpoint that a quorum cosigned, and by when */
    uint64_t current;    /* as of when no larger one had a quorum */
    /* Evidence that was judged as of quorum times, and the first and last of them; and that
     * which no such checkpoint includes. */
    uint64_t judged, judged_from, judged_to, judged_now;
};

/* One kind of platform and code, and how many quotes of the log showed it. */
struct report_code {
    struct evidence_code seen;
    bool simulated;
    uint64_t count; /* of the log's own */
    uint64_t peers; /* sessions of attested peers that showed it */
    /* What the policy says of it, as the log's own and as that of a peer. */
    bool ok;
    enum code_pin pin;
    char detail[200];
    struct peer_rule peer;
    /* Of all that showed it: their TCB statuses (one bit each), and the lowest. */
    unsigned tcb_seen;
    uint64_t tcb_date;
    uint32_t tcb_evaluation_number;
};

/* A recovery key that boots name (config 6): who has its private half can read the bodies. */
#define RECOVERY_KEYS_MAX 8 /* no more are listed */
struct report_recovery {
    hash32 thumbprint;
    uint64_t boots; /* in the bundle that name it */
};

#define SERVICE_KEYS_MAX 256 /* of the newest boots */

struct report_result {
    enum check_state state;
    uint64_t index;
    char detail[240];
};

/* The older log that the genesis says it follows. Its note is under its own key, which nothing here
 * vouches for. */
struct report_succeeds {
    bool there, read; /* read: it is a checkpoint, of what the others say */
    char origin[SUBJECT_MAX + 1];
    uint64_t size;
    hash32 root;
};

struct teelog_report {
    enum teelog_verdict verdict;
    bool simulated;
    bool foreign_root;     /* evidence of hardware was taken under a root that is not Intel's */
    size_t brought_unused; /* pieces of the caller's collateral that were about nothing here */
    bool has_policy;
    uint64_t time; /* at which evidence was judged */
    struct report_result results[CHECK_COUNT];
    struct teelog_check checks[CHECK_COUNT]; /* those passed or failed, in order */
    size_t check_count;

    bool has_log; /* the members below were read */
    char origin[SUBJECT_MAX + 1];
    char key[400]; /* verifier key; empty before the first boot */
    uint64_t size;
    hash32 root;

    enum bundle_scope scope;
    uint64_t leaves;
    struct report_succeeds succeeds;
    uint64_t boots;
    struct cose_ec2
        service[SERVICE_KEYS_MAX]; /* of boot number n, from 0, at n % SERVICE_KEYS_MAX */
    struct report_recovery recovery[RECOVERY_KEYS_MAX]; /* in the order in which they were named */
    size_t recovery_count;
    uint64_t recovery_left_out; /* boots that name a key which is not listed */
    bool admitted[ADMISSIONS];
    struct report_fresh fresh;
    struct report_history history;
    struct report_agent *agents; /* in bytewise order; none where REJECTED */
    size_t agent_count;
    struct report_gap *gaps; /* by agent, then by index */
    size_t gap_count;
    struct report_code *codes;
    size_t code_count;
};

const char *check_name(enum check c);

/* Records a failure and returns VERDICT. Where one check fails more than once,
 * the lowest index stays. */
__attribute__((format(printf, 4, 5))) tl_err report_fail(struct teelog_report *r, enum check c,
                                                         uint64_t index, const char *fmt, ...);
/* Ends a check, with what there is to say of it. A failure stays one. */
__attribute__((format(printf, 4, 5))) void report_end(struct teelog_report *r, enum check c,
                                                      enum check_state state, const char *fmt, ...);
bool report_failed(const struct teelog_report *r);

/* What a function of this floor returns where a check has failed and is in the
 * report. Nothing else may return it. */
#define VERDICT TL_E_BUNDLE

/* Draws the verdict from the checks' states, and fills checks. */
void report_conclude(struct teelog_report *r);

/* The five questions of docs/verification.md. */
enum { QUESTION_COUNT = 5 };
struct report_answer {
    const char *question;
    bool bare; /* the detail says all of it: no yes stands before it */
    int ok;    /* 1, 0, or -1 where it was not reached or a pin is missing */
    char detail[640];
};
const char *report_mode_name(enum fresh_mode mode);
/* Whether a whole log, or heads right before the checkpoint, show that the agent
 * said no more than this. */
bool report_agent_complete(const struct teelog_report *r, const struct report_agent *a);
void report_answer(const struct teelog_report *r, size_t question, struct report_answer *out);
/* "yes", "NO" or "open"; "" where it is bare. */
const char *report_answer_word(const struct report_answer *a);
/* What to say loudly where the log said that it is frozen; else NULL. */
const char *report_frozen_text(const struct teelog_report *r);
/* Appends the names of TCB statuses, with a text between, before and after each. */
void report_tcb(buf *b, unsigned seen, const char *quote);
/* What the verdict means, in one line. */
const char *report_verdict_text(const struct teelog_report *r);
/* Appends what there is to say of the agent's bodies that are absent or were erased:
 * "3 bodies withheld (4..7), 1 body erased (9)". before: what goes before that, where
 * there is any. */
void report_bodies_text(buf *b, const struct teelog_report *r, const struct report_agent *a,
                        const char *before);
/* The same of all agents, without indexes, each part after a semicolon. */
void report_bodies_sum(buf *b, const struct teelog_report *r);
const char *report_body_state(enum body_state state); /* "withheld", … */
/* A boot, its service key, and the recovery key that it names; NULL: none. */
void report_boot(struct teelog_report *r, const struct cose_ec2 *service,
                 const struct cose_ec2 *recovery);
/* Appends who else can read the bodies, one line without an end. */
/* What the genesis says that it follows; an empty note: nothing. */
tl_err report_succession(struct teelog_report *r, slice note) TL_MUST;
/* A sentence about that, for people. */
void report_succession_text(buf *b, const struct teelog_report *r);
void report_recovery_text(buf *b, const struct teelog_report *r);
/* Appends how the agent was let in: "let in by a bearer token, and as an attested peer
 * (sgx-gramine, MRENCLAVE 0123456789abcdef…)". */
void report_admitted_text(buf *b, const struct teelog_report *r, const struct report_agent *a);
/* What tells this code from others of its platform, first: its name and bytes. */
const char *report_code_main(const struct evidence_code *c, slice *value);
/* One line about what the bundle holds. */
#define SCOPE_TEXT_MAX 400
void report_scope_text(const struct teelog_report *r, char *out, size_t size);
const char *report_scope_name(const struct teelog_report *r);

#endif
