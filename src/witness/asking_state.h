/* What asking_new.c (who can be asked), asking.c (what is asked, and when) and answers.c (what
 * answers mean) share. */
#ifndef TL_WITNESS_ASKING_STATE_H
#define TL_WITNESS_ASKING_STATE_H

#include "witness/asking.h"

/* Why a witness's last answer is not one that it should give. */
enum trouble {
    TROUBLE_NONE,
    TROUBLE_UNREACHABLE, /* no whole answer */
    TROUBLE_BUSY,        /* 429, 5xx */
    TROUBLE_UNKNOWN,     /* 404, 403: it does not know the log */
    TROUBLE_ODD,         /* any other status */
    TROUBLE_CONFLICTS,   /* 409 again and again, or without a size that could be right */
    TROUBLE_FORGETS,     /* 409 with less than it had */
    TROUBLE_UNSIGNED,    /* 200 without a cosignature of its key that verifies */
    TROUBLE_CLOCK,       /* one of another time */
    TROUBLE_REFUSES,     /* 422, and it shows nothing that would prove it right */
    TROUBLE_AHEAD,       /* 409 with more than the log has, and it shows nothing */
    TROUBLE_PROOF,       /* it has shown that the log is not the only one: the log is frozen */
    TROUBLES
};

struct asked {
    size_t member;    /* of the policy */
    const char *name; /* of its key */
    char *url;        /* its own, without slashes at the end; NULL: it is not asked */
    uint64_t old;     /* what it has of this log, as far as is known */
    uint64_t size;    /* that it cosigned last for us, and when; 0: none */
    uint64_t time;
    bool sure;     /* who answers at its URL is nobody on the way: https, or this machine */
    bool answered; /* since the start */

    /* The request that is under way. */
    bool under_way, fetching;
    uint64_t sent_old, sent_size;
    buf sent; /* the checkpoint's text */

    /* What comes next. */
    bool fetch;         /* its latest note is to be looked at: */
    uint64_t told;      /*   since it told this size, 0: since it refuses ours */
    unsigned unshown;   /*   times that nothing came */
    uint64_t next_ms;   /* not before */
    unsigned fails;     /* in a row */
    unsigned conflicts; /* in a row */

    /* For the round of this number (struct round). */
    uint64_t cosigned_in, beyond_in; /* it cosigned; it has more than the round's checkpoint */
    buf line; /* its cosignature of the round's text, of this or an earlier round; or empty */
    uint64_t line_time;

    bool ahead;
    enum trouble trouble;
    char why[sizeof((struct witness_view *)0)->why];
    bool told_trouble;          /* the operator knows of it */
    uint64_t told_ms[TROUBLES]; /* when he was told last of each; 0: never */
};

/* One checkpoint, offered to all. */
struct round {
    uint64_t number; /* from 1; 0: there was none */
    buf note;        /* with the log's signature alone */
    size_t text_n;   /* bytes of its text */
    uint64_t size, began_ms;
    bool met;
    bool unsettled; /* there was no memory to see whether it is met, or to say so */
};

struct asking {
    const struct tlog_policy *policy;
    const struct note_key *log_key;
    const struct witness_log_face *log;
    unsigned interval_ms, refresh_ms;
    char hex[65]; /* of the SHA-256 of the origin */
    struct asked *witnesses;
    size_t count, ahead; /* ahead: those that are sure */
    struct round round;
    bool hurry;        /* somebody waits for a new round */
    bool outgrown;     /* a witness has more than the round's checkpoint */
    bool frozen;       /* nothing is asked any more */
    bool log_failed;   /* and the operator knows */
    uint64_t retry_ms; /* no checkpoint is asked of the log before */
    /* The last proof that the log gave. */
    uint64_t path_old, path_size;
    hash32 path[MERKLE_MAX_PATH];
    size_t path_count;
    /* Room to work in. */
    struct note *scratch;
    uint64_t *times; /* of the policy's members */
};

static inline slice round_text(const struct round *r)
{
    return slice_of(r->note.p, r->text_n);
}

/* Whether the witnesses for which the choice holds are a quorum. */
typedef bool asking_choice(const struct asking *a, const struct asked *w,
                           const struct asking_now *now);
tl_err asking_enough(bool *enough, struct asking *a, asking_choice *chosen,
                     const struct asking_now *now) TL_MUST;

/* After there is a new line: where a quorum has cosigned the round's checkpoint the log is told of
 * the note, whole, with all the lines there are over its text. */
void asking_settle(struct asking *a);

#endif
