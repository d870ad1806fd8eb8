/* What the files of the monitor share. */
#ifndef TL_CLI_MONITOR_OWN_H
#define TL_CLI_MONITOR_OWN_H

#include "cli/monitor.h"
#include "cli/tile_nodes.h"
#include "cli/tile_walk.h"
#include "tlog/checkpoint.h"
#include "verify/follow.h"

#include <time.h>

#define EARLIER_MAX 32
#define PROOFS_MAX  8 /* pairs of notes of a kind of alarm */

/* A note under the log's key, and who shows it. */
struct shown {
    const char *who; /* "the log", or a witness's name */
    buf note;
    uint64_t size;
    hash32 root;
    bool there;
};

/* What is said once an hour, for as long as it lasts. */
struct raised {
    bool now;
    time_t said; /* monitor_now */
    char text[320];
};

struct monitor {
    const struct monitor_options *o;
    int dir;
    struct shown known; /* the checkpoint that all was checked up to; size 0: none yet */
    struct tile_edge edge;
    struct follow *follow;
    bool astray;                          /* edge and follow are past known: to be read again */
    uint64_t quorum_size, quorum_current; /* the latest that a quorum is known of; 0: none */
    struct shown log;                     /* what the log shows in this look */
    struct shown *witnesses;              /* by place among those of the policy; of this look */
    struct shown earlier[EARLIER_MAX];    /* that the log has shown, and that wait to be compared */
    struct shown printed;                 /* the latest proof that there was no place for */
    struct raised raised[ALARM_COUNT];
    struct raised *noted; /* of each witness, as witnesses */
    uint64_t began;       /* this look; seconds since 1970 */
    char failed[320];     /* what failed in this look before it is known whose fault it is; "" */
    unsigned unread;      /* looks that came to a checkpoint, and not to the end of its tree */
    time_t unread_since;  /* monitor_now */
    uint64_t ahead;       /* so many entries a witness has shown, and the log not; 0: it has */
    time_t ahead_since;   /* monitor_now */
    struct note *scratch;
    bool said; /* the agents, all of them, in an earlier look */
};

/* ---- monitor_state.c ---- */

/* What is in the folder, in place of what is here. */
tl_err monitor_load(struct monitor *m, struct tl_why *why) TL_MUST;
/* Durably, after all of it was checked. */
tl_err monitor_save(struct monitor *m, struct tl_why *why) TL_MUST;
/* Two notes that contradict each other, side by side: NAME.known and NAME.shown, then NAME.2.known
 * and so on. Printed where they cannot be kept. */
void monitor_keep_proof(struct monitor *m, enum alarm alarm, const struct shown *a,
                        const struct shown *b);
bool monitor_has_proof(const struct monitor *m, enum alarm alarm);

/* ---- monitor_say.c ---- */

const char *alarm_name(enum alarm alarm);
/* Shouts, once an hour for as long as it lasts; index: of a leaf, or UINT64_MAX. */
__attribute__((format(printf, 4, 5))) void monitor_shout(struct monitor *m, enum alarm alarm,
                                                         uint64_t index, const char *fmt, ...);
#define monitor_alarm(m, alarm, ...) (monitor_shout((m), (alarm), __VA_ARGS__), TL_E_PROOF)
/* The same of a witness, which is no alarm: away, or at fault itself. */
__attribute__((format(printf, 3, 4))) void monitor_note(struct monitor *m, size_t witness,
                                                        const char *fmt, ...);
/* What there is after a look that found no fault: before is the size of the one before. */
void monitor_say(struct monitor *m, uint64_t before);
/* A fork that was found before is one, for as long as its proof is in the folder. */
void monitor_recall_fork(struct monitor *m);
/* After a look: alarms that it did not find any more. */
void monitor_say_over(struct monitor *m);

/* ---- monitor_judge.c ---- */

/* Whether what m knows is the beginning of the tree of another note, or the other way round, by
 * the tiles of the larger: fork, rewrite or gap where it is not. */
tl_err monitor_compare(struct monitor *m, struct tile_source *s, const struct shown *other,
                       struct tl_why *why) TL_MUST;
/* Two histories, with both notes kept. */
tl_err monitor_forked(struct monitor *m, const struct shown *a, const struct shown *b) TL_MUST;
/* Growing to what the log shows failed with err, at an index: noted, before more is asked for. */
void monitor_suspect(struct monitor *m, uint64_t at, tl_err err);
/* The same: which alarm it is. */
tl_err monitor_judge(struct monitor *m, struct tile_source *s, uint64_t at, tl_err err,
                     struct tl_why *why) TL_MUST;

/* ---- monitor_hand.c ---- */

/* Notes of one size and of two trees prove a fork without a tile. */
void monitor_compare_in_hand(struct monitor *m);
/* So many entries the log, or a witness, has shown. */
uint64_t monitor_shown_size(const struct monitor *m);
/* What the log shows is not looked at now: it is compared later, where there is room. */
void monitor_set_aside(struct monitor *m);
/* Those, against what m knows. */
tl_err monitor_compare_earlier(struct monitor *m, struct tile_source *s,
                               struct tl_why *why) TL_MUST;
/* One of them, or a witness's. */
tl_err monitor_compare_one(struct monitor *m, struct tile_source *s, const struct shown *w,
                           struct tl_why *why) TL_MUST;
/* The look ended with err, and not with an alarm: whether it is one. */
tl_err monitor_judge_silence(struct monitor *m, tl_err err, struct tl_why *why) TL_MUST;

/* ---- monitor_witness.c ---- */

/* What each witness of the policy shows of this log. */
void monitor_ask_witnesses(struct monitor *m);
/* Of those that show something the one that shows the most, or NULL. */
const struct shown *monitor_largest_witness(const struct monitor *m);
/* Each against what m knows. */
tl_err monitor_compare_witnesses(struct monitor *m, struct tile_source *s,
                                 struct tl_why *why) TL_MUST;
/* How far a quorum of them has cosigned. */
tl_err monitor_judge_quorum(struct monitor *m) TL_MUST;
/* since: seconds since 1970; a quorum of that time is as good as known of. */
void monitor_check_age(struct monitor *m, uint64_t since);

/* ---- monitor.c ---- */

/* Seconds of a clock that only goes on. */
time_t monitor_now(void);
void shown_finish(struct shown *s);
/* Takes a note that the log's key has signed; another error where it has not. */
tl_err shown_take(struct shown *s, const struct monitor *m, slice note) TL_MUST;

#endif
