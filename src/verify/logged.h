/* Proofs of single entries on their way to a verdict: what the files share that judge them. */
#ifndef TL_VERIFY_LOGGED_H
#define TL_VERIFY_LOGGED_H

#include "teelog/proof.h"
#include "tlog/note.h"
#include "tlog/statement.h"
#include "tlog/tlog_policy.h"

struct teelog_logged {
    enum teelog_verdict verdict;
    const char *kind; /* static */
    char detail[300];
    char origin[NOTE_NAME_MAX + 1];
    uint64_t index, size;
    const char *service_keys; /* whence those of a receipt: static; NULL of a tlog-proof */
    bool grown;               /* it is no entry that is shown, but that the log grew */
    uint64_t since;           /* out of this size */
    bool witnessed;
    size_t cosigned; /* witnesses */
    uint64_t time;   /* quorum time */
    bool has_statement;
    char subject[SUBJECT_MAX + 1], type[TYPE_MAX + 1];
    uint64_t seq, time_ms;
};

/* What the caller brings, in one form. */
struct logged_trust {
    struct tlog_policy *own; /* of c2sp.org/tlog-policy; freed here */
    struct note_key *keys;   /* freed here */
    size_t key_count;
    const struct tlog_policy *quorum;    /* NULL: none is asked for */
    bool open;                           /* the policy does not say what it asks of witnesses */
    const struct teelog_report *service; /* whose boots name the service keys; NULL: nothing does */
    slice service_keys;                  /* of receipts */
    uint8_t *taken;                      /* those out of service; freed here */
    char *message;
    size_t message_size;
};

/* Says what is wrong with what the caller brought, and is that error. */
#define LOGGED_UNUSABLE(t, err, ...) (logged_say((t), __VA_ARGS__), (err))
__attribute__((format(printf, 2, 3))) void logged_say(const struct logged_trust *t, const char *fmt,
                                                      ...);
__attribute__((format(printf, 2, 3))) void logged_reject(struct teelog_logged *l, const char *fmt,
                                                         ...);
/* Whether a quorum is wanted at all: "quorum none" is to want none. */
bool logged_wants_quorum(const struct logged_trust *t);
/* What the entry is, where it is a statement of l->origin; false where it is another log's. */
bool logged_take_statement(struct teelog_logged *l, slice entry);
/* All that was asked for holds: the verdict, and its sentence. */
void logged_conclude(struct teelog_logged *l, const struct logged_trust *t);

/* logged_receipt.c: what is no text. */
tl_err logged_verify_cose(struct teelog_logged *l, const struct logged_trust *t,
                          const struct teelog_logged_options *o) TL_MUST;

#endif
