/* The fence of a witnessed log (DESIGN section 3, docs/threat-model.md): no boot before a quorum
 * has cosigned the tree on the disk, no session before one has cosigned the boot, and nothing
 * more once another history of this log was seen. Its state is under the log's lock, and only the
 * owner thread moves it on. */
#ifndef TL_LOG_FENCE_H
#define TL_LOG_FENCE_H

#include "log/witnessed.h"
#include "tlog/statement.h"

/* A note with a quorum's lines. Counted; not changed once it is made. */
struct cosigned {
    unsigned references; /* under the log's lock */
    uint64_t size;
    struct tlog_quorum quorum;
    buf note;
};

/* Somebody who waits for a quorum over size leaves. */
struct cosign_wait {
    uint64_t size;
    uint64_t due_us; /* as stats_now_us counts */
    size_t bytes;    /* that are kept for it */
    tl_err err;      /* why it is answered without one */
    struct tl_why why;
    struct cosigned *note; /* a reference, once there is one */
    /* On the owner thread, or log_end's: true where it is not done, and wants another slice. w is
     * its own after false. */
    bool (*answer)(struct cosign_wait *w);
    struct cosign_wait *next;
};

#define COSIGN_WAITS_MAX      4096
#define COSIGN_WAIT_BYTES_MAX ((size_t)32 << 20)
#define COSIGN_WAIT_MOST_MS   300000 /* of one that waits */

struct fence {
    struct log_witnessing config;
    size_t need, count; /* k of n; 0 where there are no witnesses */
    buf text;           /* config 2 of the boot */

    /* Under the log's lock. */
    struct boot *boot;             /* on its way, or NULL; the owner thread's apart from that */
    struct witness_client *client; /* NULL before it has started, and after it has ended */
    enum log_fence state;
    bool degraded;
    bool told_frozen;              /* moved was called for it */
    bool ending;                   /* nobody waits any more */
    bool turn;                     /* the owner thread has something to do here … */
    uint64_t due_us;               /* … or will have, then; UINT64_MAX: not by itself */
    uint64_t late_us;              /* when a degraded start goes on */
    uint64_t proven;               /* the largest size that a quorum has cosigned since the start */
    struct cosigned *cosigned;     /* the largest of all; NULL: none */
    bool unsaved;                  /* it is not in the store yet … */
    uint64_t save_us;              /* … and goes there alone then */
    struct cosign_wait *waits;     /* by size, ascending */
    size_t wait_count, wait_bytes; /* of those on their way there as well */
    buf ours, theirs;              /* what froze the log; empty: no note */
    char witness[128];
    bool fork_unsaved;

    /* The owner thread's. */
    bool fork_failed; /* to be kept, and the operator knows */
    struct cosign_wait *answering, **answering_last;
};

/* ---- fence.c ---- */

void fence_init(struct fence *f);
void fence_finish(struct log *log);
/* Whether a statement of this kind may be given a place now: TL_E_STOPPING, TL_E_FROZEN, or
 * TL_E_FENCED. fence_gate takes the log's lock; with fence_shut it is held. */
tl_err fence_shut(const struct log *log, enum statement_kind kind) TL_MUST;
tl_err fence_gate(struct log *log, enum statement_kind kind) TL_MUST;
/* Says why, in a sentence; returns err. */
tl_err fence_explain(struct log *log, tl_err err, struct tl_why *why);
/* At a start, before the owner thread: a stored log's, after it was recovered, with witnesses or
 * without. It may be frozen then. */
tl_err fence_begin(struct log *log, struct tl_why *why) TL_MUST;
/* A genesis has booted. */
void fence_booted(struct log *log);
/* Whether the owner thread is to call fence_turn; and waits until that may be, or until it is
 * woken. Under the log's lock. */
bool fence_is_due(const struct log *log);
void fence_sleep(struct log *log);
/* On the owner thread: does what there is to do. An error is the log's end. */
tl_err fence_turn(struct log *log) TL_MUST;
/* Wakes the owner thread for it. Under the log's lock. */
void fence_stir(struct log *log);
/* Freezes, with the note that shows it, or an empty slice. Any thread. */
void fence_freeze(struct log *log, const struct tl_why *why, const char *witness, slice note);
/* Nobody waits for witnesses any more. */
void fence_wind_up(struct log *log);
void fence_say(const struct log *log, const char *text);

/* ---- cosigned.c ---- */

/* The small value that has the note (docs/format.md section 12). */
#define LOG_COSIGNED     "cosigned"
#define COSIGNED_SAVE_US 1000000 /* it waits so long for a commit that takes it along */
/* A quorum has cosigned this note. Any thread. */
tl_err cosigned_take(struct log *log, slice note, uint64_t size,
                     const struct tlog_quorum *quorum) TL_MUST;
/* The kept one, where it is of this log's history and has a quorum by this policy; at a start. */
tl_err cosigned_load(struct log *log, const struct tlog_policy *policy) TL_MUST;
/* Into the open transaction, where it is not there yet; resp. by itself: TL_E_COMMIT ends the
 * boot, after another failure it is tried again. */
tl_err cosigned_store(struct log *log) TL_MUST;
tl_err cosigned_keep(struct log *log) TL_MUST;
/* As if none had been kept. */
void cosigned_forget(struct log *log);
/* Counts one that will wait, with what is kept for it; under the log's lock. TL_E_USAGE,
 * TL_E_BUSY. */
tl_err cosign_reserve(struct log *log, size_t bytes) TL_MUST;
void cosign_release(struct log *log, size_t bytes);
/* Takes one in that was counted: from here it is answered, once. Takes the log's lock. */
void cosign_wait_add(struct log *log, struct cosign_wait *w);
/* On the owner thread: answers those that have what they waited for, or will not get it. */
void cosign_turn(struct log *log);
/* The earliest time at which one is to be told that its time is over. Under the log's lock. */
uint64_t cosign_due(const struct log *log);
/* Answers all; without the owner thread. */
void cosign_end(struct log *log);

/* ---- fork.c ---- */

/* The small value that has the notes by which the log froze. */
#define LOG_FORK "fork"
/* What a note that claims to be signed by this log's key says about its history. */
struct fork_finding {
    uint64_t size;
    hash32 root;
    bool larger;     /* than the durable tree */
    bool unreadable; /* what of the tree would have to be read for it was altered (fork_judge) */
};
/* Reads a note: TL_OK where the log's key has signed it as this log's checkpoint. */
tl_err fork_read(struct log *log, slice note, struct fork_finding *out) TL_MUST;
/* Whether it cannot be shown to be part of the tree, as it is now: who may spoil a row of the
 * tree must not get a note out of the way by that. On the owner thread, or at a start; a larger
 * one needs neither. An error is the machine's. */
tl_err fork_judge(struct log *log, struct fork_finding *f, bool *contradicts) TL_MUST;
/* Freezes for it. */
void fork_freeze(struct log *log, const struct fork_finding *f, const char *witness, slice note);
/* Judges what is kept, at a start. */
tl_err fork_load(struct log *log) TL_MUST;
/* Keeps what is not kept yet, durably: TL_E_COMMIT ends the boot, after another failure it is
 * tried again. On the owner thread. */
tl_err fork_keep(struct log *log) TL_MUST;

/* ---- witnessing.c ---- */

/* Takes the configuration over, and says what is wrong with it. Where a log has no witnesses it
 * does nothing. */
tl_err witnessing_set_up(struct log *log, const struct log_witnessing *config,
                         struct tl_why *why) TL_MUST;
/* What the witness client is given. */
struct witness_log_face witnessing_face(struct log *log);
/* Begins to ask, once the owner thread runs; and ends that, once it has ended. */
tl_err witnessing_start(struct log *log, struct tl_why *why) TL_MUST;
void witnessing_stop(struct log *log);
/* The log has grown, or (now) somebody waits. Not under the log's lock. */
void witnessing_wake(struct log *log, bool now);

#endif
