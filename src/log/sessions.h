/* Whose keys sign: sessions as their statements say, each checked against its leaf,
 * and with the quote that binds its key. */
#ifndef TL_LOG_SESSIONS_H
#define TL_LOG_SESSIONS_H

#include "log/log.h"

#define SESSIONS_BYTES_MAX (8u << 20) /* of one answer, past the first */

struct log_session {
    uint64_t index, time_ms;
    int64_t alg;            /* label 1 of its statement */
    uint8_t public_key[33]; /* compressed point */
    hash32 boot_leaf;       /* leaf hash of its boot's statement */
    slice agent;            /* within statement */
    slice statement, body;  /* as in a bundle */
    slice quote, event_log; /* of its evidence; .p == NULL: not asked for, resp. none */
};

struct log_sessions;
/* The latest session of each agent that has one, open or not, in bytewise order of
 * agent id: skip of them left out, at most limit. agents: only these, copied; count 0:
 * every one. With their quotes. */
tl_err log_sessions_latest(struct log_sessions **out, struct log *log, const slice *agents,
                           size_t count, uint64_t skip, size_t limit) TL_MUST;
/* These sessions, by index, in this order (copied). Without their quotes. */
tl_err log_sessions_at(struct log_sessions **out, struct log *log, const uint64_t *indexes,
                       size_t count) TL_MUST;
void log_sessions_free(struct log_sessions *s); /* not while it runs */

/* Reads in slices on the owner thread, between commits; done is called there once.
 * TL_E_STOPPING from here: done is not called. TL_E_LIMIT where they have more than
 * SESSIONS_BYTES_MAX together. */
typedef void log_sessions_done_fn(void *ctx, tl_err err, const struct tl_why *why);
tl_err log_sessions_submit(struct log_sessions *s, log_sessions_done_fn *done, void *ctx) TL_MUST;

/* The answer, once done: borrowed until log_sessions_free. */
const struct log_session *log_sessions_rows(const struct log_sessions *s, size_t *count);
/* Of log_sessions_latest: how many there are with those left out, and the durable tree
 * that this is the state of. */
uint64_t log_sessions_total(const struct log_sessions *s);
uint64_t log_sessions_tree(const struct log_sessions *s, hash32 *root); /* its size */

#endif
