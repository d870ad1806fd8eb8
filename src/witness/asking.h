/* What a log asks of its witnesses and when, and what their answers mean (c2sp.org/tlog-witness).
 * Without I/O of its own, and without a clock: the log is reached through its face (client.h),
 * who sends the requests is not asked. One thread.
 *
 * Witnesses are asked in rounds. A round is one checkpoint, the newest when it begins, which
 * is offered to each witness as soon as that one is free; the next begins when a quorum has
 * cosigned this one, or can no longer: no matter how fast some of them answer, they never run
 * ahead of those that are needed, or else each size would have fewer cosignatures than a quorum
 * for ever. A witness that is slow, and not needed, holds up nobody: it joins whatever round
 * there is when it is free. A request ends in bounded time, and so do rounds. While one lasts the
 * log grows, so that the next has all that was appended meanwhile. */
#ifndef TL_WITNESS_ASKING_H
#define TL_WITNESS_ASKING_H

#include "tlog/witness.h"
#include "witness/client.h"

#define ASKING_MAX           64   /* witnesses that are asked; the lines of one note, with room */
#define ASKING_URL_MAX       1024 /* bytes of a policy's URL */
#define ASKING_ANSWER_MAX    NOTE_MAX /* bytes of an answer's body */

/* Defaults of struct witness_client_options. */
#define ASKING_INTERVAL_MS   1000
#define ASKING_REFRESH_MS    60000

/* How long a witness that failed is left alone: doubled each time it fails again, and up to half
 * as much is added, by the dice. */
#define ASKING_RETRY_MS      500   /* it cannot be reached, or is busy, at first */
#define ASKING_RETRY_SLOW_MS 2000  /* it answered what repeating does not mend */
#define ASKING_RETRY_MAX_MS  60000 /* both, at last */
#define ASKING_RETRY_UNKNOWN                                                                       \
    3 /* times it is doubled at most for one that does not know the log                            \
       */
#define ASKING_RETRY_AFTER_MAX_S 300  /* that a witness may ask for (Retry-After) */
#define ASKING_CONFLICTS_MAX     3    /* answers 409 in a row that are followed at once */
#define ASKING_LOOKS_MAX         3    /* times that what it has cosigned is asked for, in vain */
#define ASKING_SKEW_S            3600 /* that a cosignature's time may differ from ours */
#define ASKING_QUIET_MS          60000 /* the same trouble of a witness is not told again within it */

struct asking_now {
    uint64_t ms;   /* of a clock that never goes back */
    uint64_t s;    /* Unix seconds */
    uint32_t dice; /* any number, other each time */
};

struct asking;
/* From policy, log_key, cosigned, interval_ms and refresh_ms of the options; the first two, and
 * the face, are borrowed. TL_E_USAGE as witness_client_start, TL_E_MEMORY. */
tl_err asking_new(struct asking **out, const struct witness_client_options *o,
                  const struct witness_log_face *log, struct tl_why *why) TL_MUST;
void asking_free(struct asking *a); /* NULL is fine */

/* Somebody waits for the cosignatures of what the log has now. */
void asking_hurry(struct asking *a);
/* Begins a round where it is time for one. */
void asking_turn(struct asking *a, const struct asking_now *now);

enum asking_what {
    ASKING_NOTHING,
    ASKING_SUBMIT, /* POST URL/add-checkpoint */
    ASKING_FETCH   /* GET URL/HEX/checkpoint */
};
/* What is to be sent to witness i (below asking_count), whose answer is then awaited. The body of
 * a submission is appended, at most WITNESS_REQUEST_MAX bytes. */
enum asking_what asking_take(struct asking *a, size_t i, const struct asking_now *now, buf *body);
/* Appends where it goes, of the witness's URL, which is http or https. */
void asking_address(const struct asking *a, size_t i, enum asking_what what, buf *url);

struct asking_answer {
    unsigned status; /* 0: there was no whole answer */
    slice type;      /* Content-Type, or empty */
    slice body;
    uint64_t retry_after_s; /* 0: not said */
    const char *failure;    /* of status 0: a clause, of printable text */
};
void asking_answered(struct asking *a, size_t i, const struct asking_now *now,
                     const struct asking_answer *answer);

/* Milliseconds from now after which asking_turn and asking_take may have something new, if
 * nothing happens before. At most the interval: the log grows without a word. */
unsigned asking_wait(const struct asking *a, const struct asking_now *now);

/* Of all witnesses of the policy, in its order. */
size_t asking_count(const struct asking *a);
void asking_view(const struct asking *a, size_t i, struct witness_view *out);

#endif
