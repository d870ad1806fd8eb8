/* An export on its way: what is wanted (export_plan.c), then item by item
 * (export.c). Both run on the owner thread, a slice at a time. A fresh answer (attest.c)
 * waits for its quote in between. */
#ifndef TL_LOG_EXPORT_H
#define TL_LOG_EXPORT_H

#include "log/internal.h"

struct run {
    uint64_t start, end; /* leaves [start, end) */
};

struct head_proof {
    char subject[SUBJECT_MAX + 1];
    uint64_t position;
    size_t path_count;
    hash32 path[MERKLE_MAX_PATH];
};

/* A boot, session or fresh answer names its evidence; a peer's may be named by many. */
struct claim {
    hash32 digest;
    uint64_t index; /* of the first statement that does; UINT64_MAX: the fresh answer */
};

/* An earlier checkpoint that the bundle may hold. */
struct export_anchor {
    uint64_t size, time; /* time: when a quorum had cosigned it, Unix seconds */
    uint8_t *note;       /* owned */
    size_t note_size;
    bool wanted; /* whatever it does to evidence: the largest, where the header's has no quorum */
    /* Of the evidence that it would be the first to date: the platforms, by their first piece of
     * collateral; and whether there is any that has none. */
    uint64_t platforms[COLLATERAL_PIECES / 64];
    bool bare;
};

enum export_stage {
    EXPORT_ERASED, /* what was erased is read */
    EXPORT_READY,  /* the heads that it will append are hashed, as far as that can be */
    EXPORT_BEGIN,  /* with nothing in flight */
    EXPORT_COSIGN, /* waits for a quorum */
    EXPORT_CHOOSE, /* the checkpoint */
    EXPORT_QUOTE,  /* of a fresh answer, on the quoting thread */
    EXPORT_SCAN,
    EXPORT_ERASURES, /* those of single records are looked for */
    EXPORT_DATES,    /* which earlier checkpoints date the evidence */
    EXPORT_PICK,
    EXPORT_HEADER,
    EXPORT_EVIDENCE,
    EXPORT_LEAVES,
    EXPORT_FILLS,
    EXPORT_CONSISTENCY,
    EXPORT_HEADS,
    EXPORT_ANCHORS,
    EXPORT_FRESH,
    EXPORT_DONE,
};

/* A fresh answer, and what it says. */
struct attest {
    bool wanted, chain; /* chain: with all of the agent's statements */
    bool has_turn;      /* at the quoter */
    uint8_t nonce[FRESH_NONCE_MAX];
    size_t nonce_size;
    struct fresh answer; /* borrows nonce and the export's agent */
    uint64_t last;       /* index of the agent's last statement, where it has one */
    hash32 text;         /* H of the checkpoint's text */
    hash32 digest;       /* of the evidence item, as the next */
    buf item;
};

struct log_export {
    struct log *log;
    char agent[SUBJECT_MAX + 1]; /* "" for every agent */
    bool withhold, withhold_lost;
    bool has_range;
    uint64_t from, to;
    enum bundle_scope scope;
    enum export_stage stage;

    uint64_t size; /* of the checkpoint */
    buf checkpoint;
    uint64_t time;    /* when a quorum had cosigned it; 0: none has */
    uint64_t least;   /* size that it has to have */
    unsigned wait_ms; /* for a quorum */
    buf latest;       /* the largest note that a quorum has cosigned, as it was then, … */
    uint64_t latest_size, latest_time; /* … and of what and when; 0: there is none */
    bool found;                        /* the agent has a statement */
    struct run *runs;
    size_t run_count, run_capacity;
    uint64_t *sizes; /* named by boots and sessions, sorted, each once */
    size_t size_count, size_capacity;
    uint64_t *needed; /* sessions, boots and erasures of single records */
    size_t needed_count, needed_capacity;
    uint64_t erased;        /* of these records; those whose erasure is still to be found */
    uint64_t *indexes;      /* room for those of one erasure; NULL until then */
    struct claim *evidence; /* by digest, each once */
    size_t evidence_count, evidence_capacity;
    uint64_t leaf_count, fill_count;
    uint64_t heads_index;
    struct head_proof heads[2];
    size_t head_count;
    unsigned tries; /* export_heads.c: slices of hashing heads */
    struct attest fresh;
    struct export_anchor *anchors; /* NULL until they are looked for */
    size_t anchor_count;

    uint64_t cursor; /* next leaf, evidence item, … of the stage */
    size_t run;      /* of the leaf at cursor */
    uint64_t number; /* of the next proof */
    uint64_t leaves_done;
    struct bundle_collateral collateral;
    buf *out; /* of the current slice */
    struct owner_job job;
    log_export_done_fn *done;
    void *done_ctx;
};

/* export_begin.c: a slice each. */
tl_err export_begin(struct log_export *e, struct tl_why *why) TL_MUST;
tl_err export_choose(struct log_export *e, struct tl_why *why) TL_MUST;
/* e->done is called once a quorum has cosigned it, or does not in time. */
void export_wait(struct log_export *e);
/* Whether the export wants all of a log of this size; or is a fresh answer alone. */
bool export_whole_range(const struct log_export *e, uint64_t size);
bool export_is_answer(const struct log_export *e);

/* export_plan.c: what the checkpoint's bundle is to hold. */
tl_err export_plan(struct log_export *e, struct tl_why *why) TL_MUST;
tl_err export_scan(struct log_export *e, struct tl_why *why) TL_MUST;
tl_err export_find_erasures(struct log_export *e, struct tl_why *why) TL_MUST;

void export_next_stage(struct log_export *e);
/* export_evidence.c: the next item of evidence, or the next stage. */
tl_err export_put_evidence(struct log_export *e, struct tl_why *why) TL_MUST;

/* attest.c: a turn at the quoter, before anything is changed. */
tl_err attest_turn(struct log_export *e, struct tl_why *why) TL_MUST;
void attest_give_back(struct log_export *e);
/* What the log says of itself, with e->size its durable size; then the quote:
 * e->done is called once it is there, or where this fails. */
tl_err attest_take(struct log_export *e, struct tl_why *why) TL_MUST;
tl_err attest_quote(struct log_export *e) TL_MUST;

/* export_heads.c: the list of heads that an export appends where the last is not current.
 * Whether all of it but a slice's work is done; whether it is better to wait for that. */
bool export_heads_ready(struct log_export *e);
bool export_heads_again(struct log_export *e);
tl_err export_append_heads(struct log_export *e) TL_MUST;
/* The agent's and the origin's places in the last heads, where there can be any. */
tl_err export_prove_heads(struct log_export *e) TL_MUST;

/* Room for one more in an array of count, whose elements have this size. */
tl_err export_grow(void **array, size_t count, size_t *capacity, size_t size) TL_MUST;
/* More that the bundle holds. */
tl_err export_add_evidence(struct log_export *e, const hash32 *digest, uint64_t index) TL_MUST;

/* export_anchors.c. A slice of looking at what there is; stage EXPORT_PICK when that is done.
 * Then those that serve are picked, and the others forgotten. */
tl_err export_dates(struct log_export *e) TL_MUST;
void export_pick(struct log_export *e);
/* When evidence of the statement at index will be judged: 0 where no quorum dates it. */
uint64_t export_time_of(const struct log_export *e, uint64_t index);
void export_anchors_free(struct log_export *e);

/* The gaps between runs, as complete subtrees from the left: false at the end.
 * *at is where to go on, 0 at first. */
bool export_next_fill(const struct log_export *e, uint64_t *at, size_t *run, unsigned *level,
                      uint64_t *n);

#endif
