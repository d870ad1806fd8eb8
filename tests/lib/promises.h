/* What a log has promised: the records that it acknowledged or refused, and every
 * checkpoint that it gave out. Kept beside the log while its disk fails, and held
 * against what is there in the end. */
#ifndef PROMISES_H
#define PROMISES_H

#include "testlog.h"

#include "log/tokens.h"

#define PROMISES_MAX 256
#define PROMISE_PAD  60000 /* bytes, at most */

enum promise_state { PROMISE_UNKNOWN, PROMISE_KEPT, PROMISE_REFUSED };

struct promise {
    char agent[16], name[24]; /* the request id; the content is it and the padding */
    size_t pad;
    enum promise_state state;
    struct log_receipt receipt;
    enum promise_erasure { ERASE_NEVER, ERASE_TRIED, ERASE_PROMISED } erasure;
};

struct promised_token {
    char text[TOKEN_TEXT + 1];
    bool revoked; /* else it was acknowledged, and is good */
};

struct promises {
    struct promise made[PROMISES_MAX];
    size_t count;
    struct seen_checkpoint {
        uint64_t size;
        hash32 root;
    } seen[4 * PROMISES_MAX];
    size_t seen_count;
    struct promised_token tokens[PROMISES_MAX];
    size_t token_count;
    unsigned next; /* number of the next record */
    bool ended;    /* an answer said that this boot has ended */
};

/* Appends one record of each agent in one batch, each with this many bytes of
 * padding, and notes what was said. */
void promise_append(struct promises *p, struct world *w, const char *const *agents, size_t n,
                    size_t pad);
/* Repeats the request of promise i; a repeat of one that was acknowledged must have
 * its receipt. */
void promise_repeat(struct promises *p, struct world *w, size_t i);
/* The same for each whose outcome is unknown: it must work. */
void promise_settle(struct promises *p, struct world *w);
/* Erases the body of the last record that was acknowledged. */
void promise_erase(struct promises *p, struct world *w);
/* Makes a token; revokes the last one that was acknowledged. */
void promise_token(struct promises *p, struct world *w);
void promise_revoke(struct promises *p, struct world *w);
/* Notes the running log's checkpoint. */
void promise_look(struct promises *p, struct world *w);
/* Exports, and fails the test where anything that was promised is not so, or a query
 * does not find what is in the bundle. verify: holds the bundle against the verifier
 * too. */
void promise_audit(const struct promises *p, struct world *w, bool verify);

#endif
