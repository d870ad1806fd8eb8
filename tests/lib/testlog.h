/* A real log in a directory of its own, driven in this process, and what the
 * host may do to its database while it is stopped. */
#ifndef TESTLOG_H
#define TESTLOG_H

#include "testlib.h"

#include "log/log.h"
#include "teelog/verify.h"

#include <pthread.h>
#include <sqlite3.h>

struct world {
    char *dir;
    struct tee *tee;
    struct log *log;   /* NULL while stopped */
    char *policy_json; /* world_pin */
    struct teelog_policy *policy;
    int fatal;    /* calls of the fatal callback */
    bool touched; /* by a start or the host, since it was made or restored */
};

/* A directory and a simulated platform, no log yet. */
void world_init(struct world *w);
void world_finish(struct world *w);
/* The same log's directory, copied: a platform and a stopped log of its own. */
void world_copy(struct world *copy, const struct world *w);
/* Puts the directory's contents back to those of a copy. Both are stopped. */
void world_restore(struct world *w, const struct world *copy);
tl_err world_try(struct world *w, struct tl_why *why) TL_MUST;
void world_open(struct world *w); /* must work */
void world_stop(struct world *w);
/* Makes the policy that trusts this log as it is now, and keeps it. */
void world_pin(struct world *w);

/* An answer to a batch. */
struct answer {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool done;
    tl_err err;
    uint64_t size;
    uint8_t checkpoint[4096]; /* the note that came with it */
    size_t checkpoint_size;
    size_t cosigned; /* as log_result has them */
    bool degraded;
    struct tl_why why;
    size_t count;
    struct log_receipt receipts[64];
    size_t path_count; /* of the first record, where it was asked for */
    hash32 path[MERKLE_MAX_PATH];
};
extern unsigned submit_cosigned_ms;  /* what is handed over waits so long for witnesses; 0: not */
extern bool submit_full;             /* and wants its paths */
extern bool submit_limited;          /* what is handed over is of callers with limits */
extern uint64_t submit_lane;         /* and of this lane */
extern bool submit_anew;             /* and of agents that were started again */
extern struct log_peer *submit_peer; /* and of this attested peer; NULL: of a bearer */
extern uint8_t submit_admissions;    /* that a log is opened with */
extern struct log_witnessing submit_witnessing; /* likewise */
/* Hands a batch over; waits for what became of it; both. submit_alg: the algorithm that
 * its caller asks for. */
void submit_alg(struct world *w, const struct log_record *records, size_t n, enum cose_alg alg,
                struct answer *a);
void submit(struct world *w, const struct log_record *records, size_t n, struct answer *a);
void await(struct answer *a);
void append(struct world *w, const struct log_record *records, size_t n, struct answer *a);
struct log_record record(const char *agent, const char *content);
/* Appends one record, which must work; its receipt. */
struct log_receipt append_one(struct world *w, const char *agent, const char *content);
/* All agents, which the caller frees. */
tl_err all_agents(struct log *log, struct log_agent **out, size_t *n) TL_MUST;
/* Appends n records, in turn of alice and bob. */
void grow_log(struct world *w, size_t n);

/* A bundle in memory that the caller frees. try: *p untouched on failure. */
tl_err try_export(struct world *w, const struct log_export_options *o, uint8_t **p, size_t *n,
                  struct tl_why *why) TL_MUST;
uint8_t *export_all(struct world *w, const struct log_export_options *o, size_t *n);
/* The report of a bundle under a policy, or NULL for none. */
struct teelog_report *report_of(const uint8_t *p, size_t n, const struct teelog_policy *policy);
/* The verdict; the report is printed where it is REJECTED. */
enum teelog_verdict verdict_of(const uint8_t *p, size_t n, const struct teelog_policy *policy);

/* The leaves of a whole bundle, checked against its checkpoint. */
struct history {
    hash32 *leaves;
    uint64_t size;
    hash32 root;
};
/* Fails the test where a subject has two statements with one seq. */
void history_read(struct history *h, const uint8_t *bundle, size_t n);
void history_finish(struct history *h);

/* The stopped log's database, as the host has it. */
sqlite3 *host_open(struct world *w);
/* Runs SQL that must change something. */
void host_sql(struct world *w, const char *sql);
/* Flips a bit of one blob, at a byte counted from its end where negative. */
void host_flip(struct world *w, const char *table, const char *column, const char *where, int at);
int64_t host_int(struct world *w, const char *sql);

/* What fsck says of the stopped log, a finding a line; the caller frees. */
char *fsck_text(struct world *w, uint64_t *bad);
/* It must find nothing. */
void fsck_clean(struct world *w);

#endif
