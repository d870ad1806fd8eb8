/* Following a log from outside (docs/monitoring.md): over its tiles, and against its
 * witnesses. */
#ifndef TL_CLI_MONITOR_H
#define TL_CLI_MONITOR_H

#include "cli/tile_source.h"
#include "tlog/tlog_policy.h"

#include <signal.h>

#define ALARM_TABLE(X)                                                                             \
    X(CHECKPOINT, "checkpoint") /* one that is not signed as it has to be */                       \
    X(FORK, "fork")             /* two under the log's key that cannot both be */                  \
    X(ROLLBACK, "rollback")     /* the log shows less than it has signed */                        \
    X(REWRITE, "rewrite")       /* the tiles are not those of the tree that was signed */          \
    X(GAP, "gap")               /* a tile or an entry is missing or damaged */                     \
    X(STATEMENT, "statement")   /* the tree has one that a log must not have */                    \
    X(STALE, "stale")           /* no quorum of witnesses for too long */

#define ALARM_ENUM(name, text) ALARM_##name,
enum alarm { ALARM_TABLE(ALARM_ENUM) ALARM_COUNT };
#undef ALARM_ENUM

struct monitor_options {
    struct note_key key;              /* the log's */
    const struct tlog_policy *policy; /* or NULL: no witnesses */
    const char *state;                /* the folder of what is known */
    const char *ca_file;              /* for witnesses; NULL: the system's roots */
    unsigned lag;     /* seconds for which a smaller checkpoint may come from a cache */
    uint64_t max_age; /* seconds since the quorum time; 0: any */
    unsigned threads; /* that check signatures */
    bool json;
};

/* Milliseconds that a source may take for each answer, without its body: client_set_limit. */
#define MONITOR_LIMIT 20000

struct monitor;

/* Goes on with what is in the folder: TL_E_STORED where that cannot be of this log. */
tl_err monitor_open(struct monitor **out, const struct monitor_options *o,
                    struct tl_why *why) TL_MUST;
void monitor_close(struct monitor *m);

/* How the log is reached. A source that was closed, or could not be opened, may be closed. */
struct monitor_reach {
    void *ctx;
    tl_err (*open)(void *ctx, struct tile_source *out, struct tl_why *why);
    void (*close)(void *ctx, struct tile_source *s);
};
/* One look at the log and its witnesses; says what it found. TL_E_PROOF: there are alarms. Other
 * errors: the log, or our own folder, could not be read. */
tl_err monitor_look(struct monitor *m, const struct monitor_reach *r, struct tl_why *why) TL_MUST;
/* Whether there has ever been an alarm: also for a signal handler. */
extern volatile sig_atomic_t monitor_alarmed;

#endif
