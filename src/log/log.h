/* The service's heart: one log, its boots and sessions, and the pipeline that
 * gives every statement its place.
 *
 * Threads: any thread may build and submit a batch. One owner thread, made by
 * log_open, has the store, gives order and commits; a pool signs. Callbacks run
 * on the owner thread and must not block. Quotes are made on a thread of their own
 * (quoter.h): while an agent's new session waits for one, so do the batches that have come
 * to a record of that agent, in their order, and those behind them in their lanes; no
 * others. */
#ifndef TL_LOG_LOG_H
#define TL_LOG_LOG_H

#include "base/buf.h"
#include "base/histogram.h"
#include "crypto/hash.h"
#include "log/witnessed.h"
#include "tee/tee.h"
#include "tlog/body.h"
#include "tlog/bundle.h"

struct log;
struct es256_key; /* crypto/sign.h */

struct log_config {
    const char *dir;              /* data directory */
    const char *origin;           /* for a new log; NULL: made from the host's name. For an
                                     existing one it must agree where it is given */
    uint8_t admissions;           /* bits 1 << ADMISSION_…, for config 8; not 0 */
    const char *const *command;   /* argv of `run`, NULL-terminated, or NULL */
    unsigned signers;             /* signing threads; 0: one a CPU, at most 8 */
    unsigned sessions_per_second; /* new ones, of batches that log_batch_limit was called
                                     for; 0: SESSIONS_PER_SECOND */
    unsigned quotes_per_second, quotes_burst; /* that may be asked for; 0: see quoter.h */
    size_t stall_bytes;                       /* of records that wait for sessions; 0: 32 MiB */
    size_t query_bytes;                       /* 0: QUERIES_BYTES (query.h) */
    size_t agents;                            /* no more than so many; 0: ROSTER_MAX - 1 */
    /* Appends are refused with TL_E_FULL where the store has more bytes than this, or
     * its file system less free ones. 0: no such limit. */
    uint64_t max_bytes, min_free;
    /* A public key of the owner's, or NULL: its private half opens the bodies, without the
     * platform (log/recover.h). In config 6. The log keeps a reference of its own. */
    struct es256_key *recovery;
    /* On the owner's word: where the log of dir does not open under this platform's key, it is
     * moved aside, whole, and a new one begun. Where it opens, nothing. */
    bool set_aside;
    /* The note of an older log that this one follows, for the genesis to quote in full; empty:
     * none. TL_E_EXISTS where there is a log already. */
    slice succeeds;
    struct log_witnessing witnessing; /* all zeros: no witnesses */
    /* Called once on the owner thread where the log can go on no more (a commit
     * whose outcome is unknown): the process must end. */
    void (*fatal)(void *ctx, const char *text);
    void *fatal_ctx;
};

/* Starts: takes the lock, proves what is stored under the authenticated head,
 * and appends a boot (docs/threat-model.md). tee is borrowed. One with witnesses does that
 * last only once they have cosigned what is stored, by itself. */
tl_err log_open(struct log **out, struct tee *tee, const struct log_config *config,
                struct tl_why *why) TL_MUST;
/* Answers those that wait for a quote, or for witnesses; from now on nothing that needs one works.
 * Before the doors are closed, so that nobody is waited for behind hardware that hangs. NULL is
 * fine. */
void log_wind_up(struct log *log);
/* Waits for what is queued, ends every session, appends heads. Nothing is appended any more;
 * what works on one that log_open_read has opened works on it. NULL is fine, and so is
 * calling it again. */
void log_end(struct log *log);
/* log_end, and wipes keys. NULL is fine. */
void log_close(struct log *log);

/* Opens a stopped log to read: the same proof of what is stored, no boot. Only
 * log_info, log_agents and log_export work on it. */
tl_err log_open_read(struct log **out, struct tee *tee, const char *dir,
                     struct tl_why *why) TL_MUST;

struct log_info {
    char origin[SUBJECT_MAX + 1];
    hash32 log_id;
    char log_key[400];    /* verifier key */
    const char *platform; /* static */
    bool simulated;
    uint64_t size; /* durable leaves */
    hash32 root;
    uint64_t boot;     /* index of this boot; UINT64_MAX when read-only, or before it */
    uint64_t subjects; /* the origin included */
    unsigned upgraded; /* the database's version before this start brought it to today's, or 0 */
    /* The folder below the data directory where this start has put the log of the one
     * before, whose keys are gone; empty: there was none, or it goes on. */
    char set_aside[16];
    /* What this start's witnesses are and the last boot's were not (its config 2, 3 and 4), in
     * words; empty: they are the same, or this is the first. */
    char other_start[200];
    uint64_t indexed; /* of these leaves, that queries need not look at one by one */
    bool frozen;
    char frozen_why[320];
    enum log_fence fence;
    bool degraded;            /* it went on without a quorum, and has none over its boot yet */
    size_t witnesses, quorum; /* so many are a quorum; 0 where there are none */
    uint64_t cosigned, cosigned_time; /* size of the largest note of a quorum, and its time */
};
/* What this boot has done, for those who watch the service. */
struct log_stats {
    uint64_t statements, records, commits; /* committed */
    uint64_t sessions, heads;              /* of these statements */
    uint64_t repeated, refused;            /* records answered without a statement */
    uint64_t queued_bytes;                 /* of bodies that wait now */
    uint64_t store_bytes;                  /* all files of the store */
    struct histogram commit_us;            /* from the first row to durable */
};
/* Any thread. */
void log_stats(struct log *log, struct log_stats *out);
/* What the disk and its limits leave. Any thread. */
struct log_room {
    uint64_t store_bytes, free_bytes; /* now; free_bytes: of the file system */
    uint64_t max_bytes, min_free;     /* as configured */
    bool full;                        /* appends are refused */
    char why[200];                    /* which limit is nearest, and what to do */
};
void log_room(struct log *log, struct log_room *out);
/* Of the durable log, from any thread. */
void log_info(struct log *log, struct log_info *out);
/* Waits until the owner thread has answered: it lives, and is not stuck in a commit. */
tl_err log_ping(struct log *log) TL_MUST;
/* Appends the signed checkpoint of the durable log. */
tl_err log_checkpoint(struct log *log, buf *out) TL_MUST;
/* grown is called on the owner thread after each commit, with the durable size. It must
 * not block. One at a time: NULL takes it away, and once that has returned it runs no
 * more. */
void log_watch(struct log *log, void (*grown)(void *ctx, uint64_t size), void *ctx);
/* Appends fail with TL_E_FROZEN from now on; reads go on. */
void log_freeze(struct log *log, const char *why);

/* One record to append. Slices are copied by log_batch_add. */
struct log_record {
    slice agent, room, user, type, content;
    slice attributes; /* encoded map, or empty */
    slice request;    /* the caller's request id, 1 to 128 bytes, or empty */
    bool has_ref;
    uint64_t ref;
};

/* What became of one record. */
struct log_receipt {
    tl_err err; /* TL_OK, or why this one was not appended */
    struct tl_why why;
    uint64_t index, seq;
    hash32 leaf;
    bool repeated; /* the request id was seen before; index and so on are the first's */
    bool has_salt; /* not where the first was erased since */
    uint8_t salt[BODY_SALT];
};

struct log_batch;
struct log_result {
    /* Other than TL_OK: nothing of the batch is known to be appended; TL_E_NOT_COSIGNED: it is
     * durable as the receipts say, and a quorum over it did not come in time. */
    tl_err err;
    struct tl_why why;
    uint64_t tree_size; /* of the checkpoint */
    slice checkpoint;   /* signed, durable; borrowed during the callback */
    /* Of a batch that waited (log_batch_cosigned): a quorum has cosigned the checkpoint, so many
     * witnesses of the policy in all; else 0. */
    size_t cosigned;
    bool degraded; /* the log has gone on without a quorum, and has none over its boot yet */
    size_t count;
    const struct log_receipt *receipts; /* in the order of log_batch_add; borrowed */
    /* Full receipts only (log_batch_full): for record i. */
    const slice *statements;
    const hash32 *const *paths;
    const size_t *path_counts;
};
typedef void log_done_fn(void *ctx, const struct log_result *result);

/* TL_E_FENCED, TL_E_FROZEN: the log has no boot, and cannot seal anything yet. */
tl_err log_batch_new(struct log_batch **out, struct log *log, enum admission admission) TL_MUST;
/* For records of RUN_AGENT, and for these alone, which other batches do not take. */
void log_batch_own(struct log_batch *b);
/* What the agents of this batch are to sign by, COSE_ES256 or COSE_ES256K: a session that
 * signs by another is closed for a new one, which costs a quote. Where it is not said, an
 * open session goes on as it is, and a new one is ES256. */
void log_batch_alg(struct log_batch *b, enum cose_alg alg);
/* Its agents were started again: their open sessions are closed for new ones, unless a record
 * of it is only repeated. */
void log_batch_anew(struct log_batch *b);
/* Batches of one lane (not 0; a connection, say) are stored in the order in which they were
 * handed over: where one of them waits for a session, those after it wait as well. Of others
 * each waits by itself. */
void log_batch_lane(struct log_batch *b, uint64_t lane);
/* An attested peer, as its sessions tell of it (docs/format.md sections 5 and 14): its evidence
 * item, the SubjectPublicKeyInfo of its key, its claims; all copied. Counted, and never changed;
 * any thread. That they are good is the caller's to know: a verifier asks again. */
struct log_peer;
tl_err log_peer_new(struct log_peer **out, slice item, slice spki, slice claims) TL_MUST;
struct log_peer *log_peer_ref(struct log_peer *p); /* NULL: NULL */
void log_peer_unref(struct log_peer *p);           /* NULL is fine */
/* Of a batch of ADMISSION_ATTESTED, which must have one: whom it is from. The batch takes a
 * reference. Each peer of an agent has a session of its own. */
void log_batch_peer(struct log_batch *b, struct log_peer *p);
/* A new session costs a quote, for which others wait too: where such batches open too many,
 * ten times as many at once, a record that would need another is answered with TL_E_RATE
 * and leaves no trace; so is one that would close a session for another too soon. */
#define SESSIONS_PER_SECOND 20
#define SESSION_LEAST_MS    10000 /* before such a batch may open another of the same agent … */
#define PEER_LEAST_MS       1000  /* … or another peer may, with a new key */
void log_batch_limit(struct log_batch *b);
/* Takes it in also where the log is called full, as the statements at a boot's end are, for
 * which that room is kept. */
void log_batch_anyway(struct log_batch *b);
/* Asks for statements and inclusion paths in the result. */
void log_batch_full(struct log_batch *b);
/* Its answer comes once a quorum of witnesses has cosigned a checkpoint with all that it
 * appended, or names as appended before; or when ms from then are over. */
void log_batch_cosigned(struct log_batch *b, unsigned ms);
/* Checks the record, and makes and seals its body. An error names the field in
 * why, and leaves the batch as it was. */
tl_err log_batch_add(struct log_batch *b, const struct log_record *r, struct tl_why *why) TL_MUST;
size_t log_batch_count(const struct log_batch *b);
/* Hands the batch over; done is called exactly once, on the owner thread, and
 * the batch is freed after it. TL_E_BUSY (and the batch still the caller's) where
 * too much is queued or waits for witnesses; TL_E_FULL, TL_E_FROZEN, TL_E_FENCED,
 * TL_E_STOPPING; TL_E_USAGE: it waits for witnesses, and there are none. */
tl_err log_submit(struct log *log, struct log_batch *b, log_done_fn *done, void *ctx) TL_MUST;
/* Says what to do about an error that log_submit or log_batch_new gave, and returns it. */
tl_err log_refusal(struct log *log, tl_err err, struct tl_why *why);
void log_batch_free(struct log_batch *b);

/* An agent with its durable count. */
struct log_agent {
    char id[SUBJECT_MAX + 1];
    uint64_t count, last_index;
    bool open;              /* has an open session */
    uint64_t session;       /* its index, where open */
    enum cose_alg alg;      /* of the open session, as the next: COSE_ES256 or COSE_ES256K */
    uint8_t public_key[33]; /* compressed point */
    enum admission admission;
};
struct log_agents;
tl_err log_agents_new(struct log_agents **out, struct log *log) TL_MUST;
void log_agents_free(struct log_agents *a); /* not while it runs */
/* Reads all of them, in slices on the owner thread: each as it is when its turn comes.
 * done is called there once; TL_E_STOPPING from here: it is not. */
typedef void log_agents_done_fn(void *ctx, tl_err err);
tl_err log_agents_submit(struct log_agents *a, log_agents_done_fn *done, void *ctx) TL_MUST;
/* The same, waiting for it; for a log without an owner thread too (log_open_read). */
tl_err log_agents_run(struct log_agents *a) TL_MUST;
/* In bytewise order of id, once done: borrowed until log_agents_free. */
const struct log_agent *log_agents_rows(const struct log_agents *a, size_t *count);

/* Collateral for the evidence of this log's boots and sessions, to go into
 * bundles: newer takes the place of older about the same platform. Copied; any
 * thread. What lies in DIR/collateral/ is put there at the start. */
#define LOG_COLLATERAL "collateral"
tl_err log_put_collateral(struct log *log, slice json) TL_MUST;

/* A bundle, made in slices so that appends need not wait. */
struct log_export;
struct log_export_options {
    slice agent; /* empty: every agent */
    bool has_range;
    uint64_t from, to;    /* half-open, leaf indexes; to may pass the end */
    bool withhold_bodies; /* records' bodies as null */
    bool withhold_lost;   /* those that are missing or do not open, in place of an error */
    /* A fresh answer over this nonce, of 16 to 64 bytes: about the agent, or about none.
     * Only of a running log. The bundle then holds no more than shows it, the agent's last
     * statement among it; with chain (and an agent) its whole chain. */
    slice nonce; /* .p == NULL: none */
    bool chain;
    /* Of a log with witnesses: so long it waits for a quorum over all that is asked for. A fresh
     * answer does not wait. */
    unsigned cosigned_ms;
};
tl_err log_export_new(struct log_export **out, struct log *log,
                      const struct log_export_options *o) TL_MUST;
/* Appends about up to 256 KiB of the bundle to out; *more is false after the
 * last of it. Blocks until the owner thread has done this slice. A failure ends
 * the export: what was written so far is no valid bundle. */
tl_err log_export_step(struct log_export *e, buf *out, bool *more, struct tl_why *why) TL_MUST;
void log_export_free(struct log_export *e);

/* The same slice without blocking: done is called on the owner thread, or on the quoting
 * thread. */
typedef void log_export_done_fn(void *ctx, tl_err err, bool more, const struct tl_why *why);
tl_err log_export_submit(struct log_export *e, buf *out, log_export_done_fn *done,
                         void *ctx) TL_MUST;
/* What the bundle's checkpoint is; once the first byte of it is there. */
struct log_export_said {
    uint64_t size;
    bool witnessed;    /* the log has witnesses */
    uint64_t cosigned; /* size of the largest that a quorum of them has cosigned; 0: none. Where it
                          is less than size, this checkpoint is not */
};
void log_export_says(struct log_export *e, struct log_export_said *out);
/* Leaves done so far and in all, for progress. */
void log_export_progress(const struct log_export *e, uint64_t *done, uint64_t *total);

/* Checks a stopped log in full: every leaf, tile, body, evidence and head
 * against the authenticated head. line is called for each finding; *bad counts
 * them. progress may be NULL. */
tl_err log_fsck(struct tee *tee, const char *dir,
                void (*line)(void *ctx, const char *text, bool bad),
                void (*progress)(void *ctx, uint64_t done, uint64_t total), void *ctx,
                uint64_t *bad, struct tl_why *why) TL_MUST;

#endif
