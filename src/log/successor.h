/* The note of an older log that a new one follows (docs/format.md section 5, boot 11). The older
 * one's keys may be gone: nothing is opened, and nothing believed that the caller cannot judge. */
#ifndef TL_LOG_SUCCESSOR_H
#define TL_LOG_SUCCESSOR_H

#include "tlog/checkpoint.h"
#include "tlog/tlog_policy.h"

struct log_last_note {
    buf note; /* whole, as it was signed */
    char origin[NOTE_NAME_MAX + 1];
    uint64_t size;
    hash32 root;
    bool cosigned; /* by a quorum, as the next says; else by the log alone */
    struct tlog_quorum quorum;
};
void log_last_note_init(struct log_last_note *n);
void log_last_note_finish(struct log_last_note *n);

struct log_last_options {
    const struct note_key *key;       /* of the older log */
    const struct tlog_policy *policy; /* of its witnesses, or NULL */
    bool unwitnessed;                 /* on the owner's word: what the log alone signed will do */
};
/* Judges one note: TL_E_NOT_COSIGNED where no quorum has cosigned it, and that would not do;
 * TL_E_SIGNATURE, … where it is not of that key. */
tl_err log_last_note_judge(struct log_last_note *out, slice note, const struct log_last_options *o,
                           struct tl_why *why) TL_MUST;
/* Whether another note stands against following n: TL_E_FROZEN where it is under that key and
 * larger, or as large with another root; TL_E_SIGNATURE where it is not under that key. who has
 * it: a few words for the sentence. */
tl_err log_last_note_against(const struct log_last_note *n, const struct note_key *key, slice other,
                             const char *who, struct tl_why *why) TL_MUST;
/* The largest that the stopped log in dir has kept and that will do. TL_E_FROZEN where something
 * else that it has kept stands against that. */
tl_err log_last_note_read(struct log_last_note *out, const char *dir,
                          const struct log_last_options *o, struct tl_why *why) TL_MUST;

#endif
