/* A log that witnesses hold to one history (docs/format.md section 15): what is configured, how
 * far a start has come with them, and what they have cosigned. */
#ifndef TL_LOG_WITNESSED_H
#define TL_LOG_WITNESSED_H

#include "base/buf.h"
#include "witness/client.h"

struct log;

#define LOG_QUORUM_MAX      16384 /* bytes of the policy's text, as a boot has it */
#define LOG_WITNESS_WAIT_MS 30000 /* before a degraded start, where it is not said */

/* Part of log_config. What decides security goes into each boot: the policy's text without
 * comments, logs and URLs, faulty, and whether degraded starts are allowed. */
struct log_witnessing {
    /* One group of k of n witnesses whose cosignatures can be verified, and no log. Borrowed as
     * long as the log lives. NULL: the log has no witnesses, and all else here means nothing. */
    const struct tlog_policy *policy;
    uint64_t faulty;      /* so many may deceive: 2k > n + faulty */
    bool degraded_starts; /* a start goes on without a quorum … */
    unsigned wait_ms;     /* … after so long; 0: LOG_WITNESS_WAIT_MS */
    unsigned end_ms;      /* so long its end waits for a quorum over its last statements; 0: not */
    unsigned interval_ms, refresh_ms, timeout_ms; /* as witness_client_options has them */
    const char *ca_file, *proxy;                  /* likewise */
    /* The fence has opened, was passed degraded, or is degraded no more; or the log is frozen. On
     * the owner thread; must not block. May be NULL, as the next. */
    void (*moved)(void *ctx);
    /* A line for the operator. Any thread. */
    void (*say)(void *ctx, const char *text);
    void *ctx;
};

/* How far a log has come since its start. A frozen one goes no further. */
enum log_fence {
    LOG_UNWITNESSED, /* it has no witnesses */
    LOG_PROVING,     /* no boot yet: a quorum is to cosign the tree that was found on the disk */
    LOG_BOOTED,      /* no session yet: a quorum is to cosign the boot */
    LOG_OPEN
};
const char *log_fence_name(enum log_fence f); /* static: "unwitnessed", … */

/* Appends the largest note that a quorum has cosigned, with its lines; its size, and what the
 * quorum is, may be NULL. TL_E_NOT_FOUND: there is none. Any thread. Of a log that was opened to
 * read: the one that the service kept there, judged by the policy that the log's last boot names;
 * where it names none, *quorum is zeros. */
tl_err log_cosigned(struct log *log, buf *note, uint64_t *size, struct tlog_quorum *quorum) TL_MUST;

/* Waits until a quorum has cosigned a checkpoint of at least size leaves, at most ms: done is
 * called once, on the owner thread, or on that of log_end. TL_E_NOT_COSIGNED, with the reason:
 * the time is over, the log is frozen, or ends. note and quorum are borrowed during the call, and
 * NULL on failure. Where this itself fails done is not called: TL_E_BUSY, TL_E_USAGE (no
 * witnesses), TL_E_STOPPING. Any thread. */
typedef void log_cosigned_done_fn(void *ctx, tl_err err, const struct tl_why *why, slice note,
                                  uint64_t size, const struct tlog_quorum *quorum);
tl_err log_cosigned_wait(struct log *log, uint64_t size, unsigned ms, log_cosigned_done_fn *done,
                         void *ctx) TL_MUST;

/* Why it is frozen, where two notes show it: appends both, each signed by the log's key; *witness
 * is whom the other came from. TL_E_NOT_FOUND: no note shows it. Any thread. */
tl_err log_fork(struct log *log, buf *ours, buf *theirs, char witness[128]) TL_MUST;

/* How witness i does, for i below log_info's witnesses; false beyond them, or where none is asked
 * (any more). Not beside log_end. */
bool log_witness(struct log *log, size_t i, struct witness_view *out);

#endif
