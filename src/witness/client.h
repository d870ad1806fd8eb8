/* A log's witnesses, as it asks them (c2sp.org/tlog-witness): one thread, which submits the
 * log's checkpoints and collects cosignatures. What is asked of whom and when, and what the
 * answers mean, asking.h decides. */
#ifndef TL_WITNESS_CLIENT_H
#define TL_WITNESS_CLIENT_H

#include "tlog/checkpoint.h"
#include "tlog/merkle.h"
#include "tlog/tlog_policy.h"

/* The log, as the client sees it. All are called on the client's thread, one at a time. */
struct witness_log_face {
    void *ctx;
    /* Leaves of the latest durable checkpoint. Must not block. */
    uint64_t (*size)(void *ctx);
    /* That checkpoint, signed, appended to note, and the proof that it grew out of the first
     * old leaves (no hashes where old is 0, or its size). TL_E_NOT_FOUND: old is more than it
     * has. May wait for the log. */
    tl_err (*checkpoint)(void *ctx, uint64_t old, buf *note, uint64_t *size,
                         hash32 path[MERKLE_MAX_PATH], size_t *path_count);
    /* The proof that the first size leaves grew out of the first old: 0 < old < size, and size
     * is one that checkpoint gave. For witnesses that were left behind, so that all are asked
     * about the same checkpoint. May wait for the log. */
    tl_err (*prove)(void *ctx, uint64_t old, uint64_t size, hash32 path[MERKLE_MAX_PATH],
                    size_t *path_count);
    /* A quorum has cosigned this note, whole, with its lines; sizes never descend. For one size
     * it comes again where there are more lines, or newer ones. Only lines that were asked for
     * since the start count for this, never those of options.cosigned. */
    void (*cosigned)(void *ctx, slice note, uint64_t size, const struct tlog_quorum *quorum);
    /* A witness has shown this note, whole, which the log's own key has signed. Whether it
     * contradicts what the log has (it is larger, or no part of it), the log judges: true where
     * it does, and is frozen for it. Then nothing is asked any more. */
    bool (*seen)(void *ctx, const char *witness, slice note);
    /* So many witnesses now say that they have cosigned a larger tree than this log has ever
     * signed, and do not show it. Called where the number changes. What comes in plain http from
     * another machine is not among them: anybody on the way may have said it. */
    void (*ahead)(void *ctx, size_t count, const char *witness, uint64_t size);
    /* A line for the operator: where a witness fails, forgets or contradicts itself, and when it
     * is well again. Not for each attempt. */
    void (*say)(void *ctx, const char *text);
};

struct witness_client_options {
    const struct tlog_policy *policy; /* borrowed; its witnesses with a URL are asked */
    const struct note_key *log_key;   /* borrowed */
    slice cosigned; /* the note that a quorum cosigned last, from the disk, or empty; copied */
    unsigned interval_ms; /* between two submissions that nobody waits for; 0: 1000 */
    unsigned refresh_ms;  /* an unchanged checkpoint is cosigned anew so often; 0: 60000 */
    unsigned timeout_ms;  /* of one request; 0: 10000 */
    const char *ca_file;  /* for https, or NULL: the system's */
    const char *proxy;    /* or NULL: none */
};

struct witness_client;
/* Whether they could be asked at all, before there is a log: log_key and cosigned do not matter.
 * TL_E_USAGE where the policy has not enough witnesses with a URL (http or https) for its quorum,
 * and in a build without libcurl. */
tl_err witness_client_check(const struct witness_client_options *o, struct tl_why *why) TL_MUST;
/* Begins to ask at once. Fails as the former. */
tl_err witness_client_start(struct witness_client **out, const struct witness_client_options *o,
                            const struct witness_log_face *log, struct tl_why *why) TL_MUST;
/* Ends requests that are under way, and returns within a second once the log has answered what
 * it is being asked: not to be called on the thread that answers. NULL is fine. */
void witness_client_stop(struct witness_client *c);
/* The log has grown. now: somebody waits for the cosignatures; else it is seen within
 * interval_ms anyway. Any thread; does not block. */
void witness_client_wake(struct witness_client *c, bool now);

/* How a witness does, for those who look. */
struct witness_view {
    const char *name; /* borrowed from the policy */
    const char *url;  /* borrowed; NULL: it is not asked */
    bool good;        /* its last answer was one that it should give */
    bool ahead;       /* it says that it has cosigned more than this log has signed */
    uint64_t size;    /* that it cosigned last for us; 0: none yet */
    uint64_t time;    /* of that cosignature, Unix seconds */
    char why[160];    /* what is wrong; empty where nothing is */
};
size_t witness_client_count(const struct witness_client *c);
void witness_client_view(struct witness_client *c, size_t i, struct witness_view *out);

#endif
