/* What the files of this floor share: the log itself, and the statements on
 * their way into it. */
#ifndef TL_LOG_INTERNAL_H
#define TL_LOG_INTERNAL_H

#include "base/bucket.h"
#include "base/pool.h"
#include "log/anchors.h"
#include "log/collateral.h"
#include "log/erased.h"
#include "log/fence.h"
#include "log/keys.h"
#include "log/log.h"
#include "log/quoter.h"
#include "log/room.h"
#include "log/roster.h"
#include "log/terms.h"
#include "log/tokens.h"
#include "log/tree.h"

#include <pthread.h>
#include <stdatomic.h>

#define GROUP_MAX       1024        /* statements of one commit */
#define QUEUE_BYTES_MAX (64u << 20) /* of bodies that wait */
#define STALL_BYTES_MAX (32u << 20) /* of them, in batches that wait for sessions */
#define STALL_LANES     256
#define HEADS_WORK      1024 /* subjects in a list of heads for each statement since the last */
#define HEADS_EVERY     8192 /* agent statements between two heads */
#define HEADS_ROWS      1024 /* subjects that have changed between two heads */
#define SLOT            704  /* bytes of the longest statement of ours */

/* One statement on its way: given its place (sequence.c), signed (pool), then
 * stored (commit.c). */
struct entry {
    enum statement_kind kind;
    struct subject *subject;
    uint64_t index, seq;
    hash32 payload;
    slice body, extra; /* as stored; borrowed from a batch or the group's arena */
    size_t header_size;
    uint8_t header[SLOT - 128];
    uint8_t bytes[SLOT]; /* the statement, once signed */
    size_t size;
    hash32 leaf;
    struct log_batch *batch; /* whose record this is, or NULL */
    size_t record;           /* its number there */
};

/* What a group writes beside its leaves. */
struct side_row {
    enum { SIDE_EVIDENCE, SIDE_HEAD, SIDE_HEADS_INDEX } kind;
    hash32 key;        /* of evidence: its digest */
    slice name, value; /* kept by the group */
    struct side_row *next;
};

#define CHUNK 64 /* signatures of one pool task */

struct sign_chunk {
    struct pool_task task;
    struct group *group;
    size_t from, to;
    bool ok;
};

/* The statements of one commit. */
struct group {
    struct log *log;
    size_t count;
    struct entry entries[GROUP_MAX];
    struct sign_job jobs[GROUP_MAX];
    struct sign_chunk chunks[GROUP_MAX / CHUNK];
    size_t chunk_count;
    struct kept *kept; /* bodies of the log's own statements, side rows */
    struct side_row *rows, **last_row;
    struct log_batch *done, **last_done; /* batches whose last record is in this group */
    bool blocked;                        /* the next record repeats a request id still in flight */
    uint16_t requests[4 * GROUP_MAX];    /* entry number + 1 by request tag, open addressing */
};

struct record_item {
    size_t agent, agent_size, type, type_size, body, body_size; /* within the arena */
    hash32 payload;
    bool has_ref, has_request, repeats;
    size_t first; /* where it repeats: the record of this batch that was first */
    uint64_t ref;
    uint8_t request_tag[16];
    hash32 content_mac;      /* of the record without its salt, for request ids */
    struct leaf_terms terms; /* for the index; the text of a short one is at lower */
    size_t lower;
};

struct log_batch {
    struct log *log;
    enum admission admission;
    struct log_peer *peer; /* where attested; a reference */
    enum cose_alg alg;     /* that its agents are to sign by; 0: as they do already */
    bool full, limited, anyway, own;
    bool anew;              /* wants sessions that are opened from now on, */
    uint64_t sessions_from; /* at this index or after it; 0: any */
    unsigned cosigned_ms;   /* 0: it waits for no witness */
    struct cosign_wait wait;
    struct full *paths; /* that are made for it, or NULL */
    buf arena;
    struct record_item *items;
    struct log_receipt *receipts;
    size_t count, capacity, taken;
    uint64_t lane;
    tl_err session_err; /* a session it waited for came to nothing: it waits for no other */
    struct tl_why session_why;
    uint8_t salts[16 * BODY_SALT];
    size_t salts_left;
    log_done_fn *done;
    void *ctx;
    struct log_batch *next;
};

/* Work that wants the store, run on the owner thread between groups. */
struct owner_job {
    void (*run)(void *arg);
    void *arg;
    bool quiesce; /* wants nothing in flight */
    struct owner_job *next;
};

struct log {
    struct log_keys keys;
    struct tee *tee;
    struct quoter *quoter;
    struct shelf *shelf;
    struct store *store;
    struct tree *tree;
    struct body_keys *bodies;
    struct roster *roster;
    struct index *index; /* NULL: queries look at every leaf */
    struct subject *origin;
    struct es256_key *service;
    struct es256_key *recovery; /* the owner's, or NULL */
    slice succeeds;             /* an older log's note, while the genesis is made */
    hash32 service_kid, boot_leaf, log_tp;
    uint64_t boot_index;
    uint64_t next_index, last_time_ms;
    uint64_t since_heads;    /* agent statements after the last heads */
    struct heads heads;      /* of the last heads or boot statement */
    uint64_t heads_index;    /* UINT64_MAX: none could be proven */
    struct erased erased;    /* the owner thread's */
    struct anchors *anchors; /* likewise; NULL: the log has no witnesses */
    bool heads_rows_bad;     /* the stored rows are not those of any heads: the boot clears them */
    struct pool *pool;
    struct group *groups[2];  /* the one being made and the one being stored */
    struct log_batch *taking; /* popped from the queue, not all of it placed yet */
    struct opening *openings; /* sessions on their way */
    size_t opening_count, stall_bytes, stall_bytes_max;
    uint32_t stalled[STALL_LANES]; /* batches that wait, by a part of their lane */
    char set_aside[STORE_ASIDE];   /* where the former log is now; empty: nowhere */
    char other_start[200];         /* what its witnesses are now and were not; empty: as before */
    bool txn_open;                 /* a transaction was begun for the boot */
    uint8_t admissions;
    unsigned session_rate; /* of limited batches, a second */
    struct bucket sessions;
    char **command; /* copied argv, NULL-terminated, or NULL */
    void (*fatal)(void *ctx, const char *text);
    void *fatal_ctx;

    pthread_t owner;
    bool has_owner;

    pthread_mutex_t watch_lock; /* for both; held while grown runs */
    void (*grown)(void *ctx, uint64_t size);
    void *grown_ctx;

    pthread_mutex_t lock; /* for all below */
    pthread_cond_t wake;
    struct log_batch *queue, **queue_last;
    size_t queue_bytes;
    struct room room;
    struct owner_job *jobs, **jobs_last;
    atomic_size_t row_bytes; /* of log_query_share's queries */
    size_t row_bytes_max, agents_max;
    atomic_bool waits; /* a batch or a job does; read without the lock too */
    tl_err job_err;    /* a job's commit failed: the owner thread's alone */
    bool stop, dead, frozen;
    bool ended; /* its last statements are there */
    char frozen_why[320];
    struct fence fence; /* what of it is under the lock, fence.h says */
    uint64_t durable_size;
    hash32 durable_root;
    buf checkpoint;        /* signed, of the durable tree */
    struct tokens *tokens; /* never NULL once opened; the owner thread alone changes it */
    uint64_t clock_ms;     /* what log_clock said last */
    uint64_t subject_count;
    struct log_stats stats; /* store_bytes and queued_bytes are filled in when asked */
};

/* sequence.c: what comes next in a group. The owner thread. An error of one
 * record is its receipt's; an error returned here is the log's end. */
/* *waits: the batch now waits for a session, and comes back by itself. */
tl_err sequence_batch(struct log *log, struct group *g, struct log_batch *b, bool *waits) TL_MUST;
tl_err sequence_heads(struct log *log, struct group *g) TL_MUST;
/* Whether heads are worth their place: least agent statements after the last,
 * and not more work for readers than docs/format.md section 6 allows. */
bool heads_due(const struct log *log, uint64_t least);
/* One erasure, of records that the group's transaction takes the bodies from. */
tl_err sequence_erasure(struct log *log, struct group *g, const uint64_t *indexes, size_t count,
                        slice reason) TL_MUST;
tl_err sequence_ends(struct log *log, struct group *g) TL_MUST;
bool group_full(const struct group *g);
struct placing {
    enum statement_kind kind;
    struct subject *subject;
    slice type; /* of a record; else the kind's own */
    hash32 payload;
    slice body, extra; /* as they are to be stored, in memory that outlives the group */
    struct sign_key key;
    hash32 kid;
    uint64_t session; /* UINT64_MAX: its own index */
    bool has_ref;
    uint64_t ref;
};
/* place.c */
/* The host's clock, in ms since 1970; 0 where it is before that, or beyond what a
 * statement can say. */
uint64_t log_wall_clock(void);
struct entry *place(struct log *log, struct group *g, const struct placing *p);

/* heads_rows.c */
/* Rows for every head that changed since the last ones were stored. */
tl_err heads_rows(struct log *log, struct group *g, uint64_t index) TL_MUST;
/* The rows behind the last heads into the roster, if they are those of a proven statement,
 * whose index is written to *from: TL_E_STORED where they are not. The tree is loaded. */
tl_err heads_load(struct log *log, uint64_t size, uint64_t *from) TL_MUST;

/* sign.c */
void sign_group(struct log *log, struct group *g);
/* Waits for the signatures; TL_E_CRYPTO where one could not be made. */
tl_err sign_wait(struct log *log, struct group *g) TL_MUST;

/* session.c: the owner thread. A session begins with its key and a request for its quote;
 * once that is there the session may be placed. What comes to a record of this agent in
 * between waits. */
tl_err session_begin(struct log *log, struct subject *s, const struct log_batch *b,
                     enum cose_alg alg, struct tl_why *why) TL_MUST;
/* Whether the one on its way has its quote; and is for such a caller. */
bool session_is_quoted(const struct subject *s);
bool session_is_for(const struct subject *s, const struct log_batch *b, enum cose_alg alg);
/* Puts the statement of the one that is quoted into the group, and opens it. */
tl_err session_place(struct log *log, struct group *g, struct subject *s) TL_MUST;
/* Forgets the one that is quoted. */
void session_forget(struct subject *s);
/* The batch waits until the quote is there, or an error in its session_err instead; then it
 * is handed over again (owner_resume). */
void session_wait(struct log *log, struct subject *s, struct log_batch *b);
/* Whether more may wait beside it. */
bool session_has_room(const struct log *log, const struct log_batch *b);
/* What the last batch of this lane that waits is waiting for; NULL where none does. */
struct subject *session_of_lane(const struct log *log, uint64_t lane);
/* One of those that wait, taken out, or NULL. */
struct log_batch *sessions_pop(struct log *log);
void sessions_free(struct log *log);
/* Puts an evidence item among the group's rows; digest written. */
tl_err evidence_keep(struct group *g, slice item, hash32 *digest) TL_MUST;

/* peer.c */
/* Of its evidence item; zeros where p is NULL. */
const hash32 *peer_digest(const struct log_peer *p);
/* Puts its item among the group's rows, and says in the body who it is; p may be NULL. */
tl_err peer_keep(struct group *g, const struct log_peer *p, struct body_session *body) TL_MUST;

/* requests.c: request ids. */
void request_tag(const struct log *log, slice agent, slice request, uint8_t tag[16]);
hash32 request_content_mac(const struct log *log, const struct log_record *r);
void request_row_put(const struct log *log, buf *out, const uint8_t tag[16],
                     const struct log_receipt *receipt);
tl_err request_row_read(const struct log *log, slice row, const uint8_t tag[16],
                        struct log_receipt *receipt) TL_MUST;
/* Whether a record was appended before; then its receipt is written. */
tl_err request_lookup(struct log *log, const struct record_item *item, struct log_receipt *receipt,
                      bool *repeated) TL_MUST;

/* group.c */
tl_err group_new(struct group **out, struct log *log) TL_MUST;
void group_free(struct group *g);
void group_reset(struct group *g);
/* A copy that lives as long as the group. */
tl_err group_keep(struct group *g, slice bytes, slice *out) TL_MUST;
tl_err group_row(struct group *g, struct side_row row) TL_MUST;

/* commit.c: stores a signed group durably and answers its batches. On failure
 * the log is dead. */
tl_err commit_group(struct log *log, struct group *g) TL_MUST;
/* Puts the head of the whole tree, and of these tokens, into the open transaction. */
tl_err head_store(struct log *log, const struct tokens *t) TL_MUST;
/* Keeps the last checkpoint, for when the log's key is gone. Outside a transaction; a failure
 * is no harm. */
void note_keep(struct log *log);
/* What failed, for people: what the store says of its disk, or the error's own text. */
const char *failure_text(const struct log *log, tl_err err);

/* answer.c: what became of a batch, to its caller; or later, where it waits for witnesses. */
void batch_finish(struct log *log, struct log_batch *b, tl_err err, const struct tl_why *why);
/* What is kept of one that waits, in bytes. */
size_t batch_kept(const struct log_batch *b);
void full_free(struct full *f); /* NULL is fine */

/* stats.c: a group that was committed, which took this long. Under log->lock. */
void stats_count(struct log *log, const struct group *g, uint64_t us);
/* A batch that is about to be answered. Takes log->lock. */
void stats_answered(struct log *log, const struct log_batch *b);
uint64_t stats_now_us(void); /* monotonic */

/* owner.c */
tl_err owner_start(struct log *log) TL_MUST;
void owner_stop(struct log *log);
/* Runs fn on the owner thread (or here, where there is none) and waits. */
tl_err owner_call(struct log *log, void (*fn)(void *arg), void *arg, bool quiesce) TL_MUST;
/* The same without waiting; job is the caller's until run. */
tl_err owner_submit(struct log *log, struct owner_job *job) TL_MUST;
/* Puts batches that have waited, first to where last points, and after them the one being
 * taken, before all others. The owner thread. */
void owner_resume(struct log *log, struct log_batch *first, struct log_batch **last);
/* When a job that begins now is to give others their turn (it may submit itself again),
 * and whether that is past: later where nobody waits. */
uint64_t owner_slice_end(void);
bool owner_slice_over(uint64_t end);

/* start.c */
/* A small value that says of a log that its platform keeps no keys. The host's word: it
 * keeps people from mistakes, and nothing rests on it. */
#define MEMORY_ONLY "memory_only"
/* A small value: the last checkpoint but one that this log signed, and after a clean stop the
 * last. For those who have the log's statements and not its key any more (recover.h); a start
 * signs its own. */
#define LOG_NOTE    "checkpoint"
/* Which log the database says that it is: origin and log_id. b: any, to read into. */
tl_err start_read_identity(struct log *log, buf *b, struct tl_why *why) TL_MUST;
/* Who the stored log is, its keys, and its authenticated head. */
tl_err start_identity(struct log *log, uint64_t *size, hash32 *root, struct tl_why *why) TL_MUST;
tl_err start_recover(struct log *log, struct tl_why *why) TL_MUST;
tl_err start_genesis(struct log *log, const char *origin, struct tl_why *why) TL_MUST;
/* Empties what the boot before this one may have left in the write-ahead log. */
tl_err start_scrub(struct log *log, struct tl_why *why) TL_MUST;
/* fsck_rows.c: calls bad for each row that saves work and is not ours. */
tl_err fsck_rows(struct log *log, uint64_t size, const hash32 *root,
                 void (*bad)(void *ctx, const char *text), void *ctx) TL_MUST;
/* other_start.c: notes where this start has other witnesses than the last boot of a stored log. */
void other_start(struct log *log);
/* boot.c: a boot on its way, for whom nothing else is appended. */
struct boot {
    struct log *log;
    uint8_t report_data[64];
    buf item; /* evidence over these, to be put in by who asked for it */
    struct body_boot body;
    buf key;              /* what the body borrows */
    struct owner_job job; /* of fence.c, as the next */
    tl_err err;
    struct tl_why why;
};
tl_err boot_begin(struct boot **out, struct log *log, struct tl_why *why) TL_MUST;
tl_err boot_finish(struct boot *b, struct tl_why *why) TL_MUST;
void boot_free(struct boot *b); /* NULL is fine */
/* All of it at once. */
tl_err boot_append(struct log *log, struct tl_why *why) TL_MUST;

/* log.c */
tl_err log_new(struct log **out, struct tee *tee) TL_MUST;
void log_free(struct log *log);
/* What lies in dir/collateral, where anything does. */
void log_load_collateral(struct log *log, const char *dir);
bool is_frozen(struct log *log);

/* stored.c */
/* A statement read back: TL_E_STORED unless its hash is the tree's. */
tl_err stored_statement(struct log *log, const struct store_leaf *leaf,
                        struct statement *out) TL_MUST;
/* The same of the leaf at index, which the log has: TL_E_STORED where the store
 * has it no more. */
tl_err stored_leaf(struct log *log, uint64_t index, struct store_leaf *leaf,
                   struct statement *out) TL_MUST;
/* Says which statement an error is about, unless there is none; returns err. */
tl_err stored_explain(struct tl_why *why, tl_err err, uint64_t index) TL_MUST;
/* A number in the meta table, below 2^53, in CBOR; the host's word. TL_E_NOT_FOUND,
 * TL_E_STORED. */
tl_err stored_uint(struct log *log, const char *name, uint64_t *out) TL_MUST;

#endif
