/* A log that asks its witnesses, as asking.h sees it: a tree that grows when the test says so,
 * and what its face was told; and witnesses that answer as the specification has it. */
#ifndef ASKEDLOG_H
#define ASKEDLOG_H

#include "fakewitness.h"

#include "tlog/witness.h"
#include "witness/client.h"

#define ASKED_LEAVES 64
#define ASKED_LOG    100 /* the byte that the log's key is made of */
#define ASKED_MAX    70  /* witnesses */

struct asked_log {
    hash32 leaves[ASKED_LEAVES];
    uint64_t size;
    bool fails;        /* checkpoints and proofs */
    tl_err fails_with; /* 0: TL_E_BUSY */
    bool contradicted; /* what seen says */
    unsigned checkpoints, proofs;
    /* The last of each, and how many. */
    unsigned cosigned, seen, ahead, said;
    buf note, shown, text; /* text: all that was said, by lines */
    uint64_t cosigned_size, ahead_size;
    struct tlog_quorum quorum;
    size_t ahead_count;
};

static inline void asked_log_init(struct asked_log *l, uint64_t size, uint8_t salt)
{
    memset(l, 0, sizeof *l);
    for (size_t i = 0; i < ASKED_LEAVES; i++) {
        const uint8_t leaf[2] = {(uint8_t)i, salt};
        l->leaves[i] = merkle_leaf_hash(SLICE_ARRAY(leaf));
    }
    l->size = size;
    buf_init(&l->note, NOTE_MAX);
    (void)buf_grow(&l->note, NOTE_MAX); /* so that no failing allocation is ours */
    buf_reset(&l->note);
    buf_init(&l->shown, NOTE_MAX);
    buf_init(&l->text, 1000000);
}

static inline void asked_log_finish(struct asked_log *l)
{
    buf_finish(&l->note);
    buf_finish(&l->shown);
    buf_finish(&l->text);
}

static inline hash32 asked_log_root(struct asked_log *l, uint64_t size)
{
    struct merkle_leaves tree = {l->leaves, ASKED_LEAVES};
    const struct merkle_nodes nodes = {merkle_leaves_get, &tree};
    hash32 root;
    assert_ok(merkle_root(&nodes, size, &root));
    return root;
}

static inline void asked_log_note(struct asked_log *l, uint64_t size, buf *note)
{
    hash32 root = asked_log_root(l, size);
    fake_checkpoint(note, FAKE_ORIGIN, ASKED_LOG, size, &root);
}

static inline tl_err asked_prove(void *ctx, uint64_t old, uint64_t size,
                                 hash32 path[MERKLE_MAX_PATH], size_t *count)
{
    struct asked_log *l = ctx;
    struct merkle_leaves tree = {l->leaves, ASKED_LEAVES};
    const struct merkle_nodes nodes = {merkle_leaves_get, &tree};
    l->proofs++;
    if (l->fails)
        return l->fails_with ? l->fails_with : TL_E_BUSY;
    assert_true(old > 0 && old < size && size <= l->size);
    return merkle_prove_consistency(&nodes, old, size, path, count);
}

static inline uint64_t asked_size(void *ctx)
{
    return ((struct asked_log *)ctx)->size;
}

static inline tl_err asked_checkpoint(void *ctx, uint64_t old, buf *note, uint64_t *size,
                                      hash32 path[MERKLE_MAX_PATH], size_t *count)
{
    struct asked_log *l = ctx;
    l->checkpoints++;
    if (l->fails)
        return l->fails_with ? l->fails_with : TL_E_BUSY;
    if (old > l->size)
        return TL_E_NOT_FOUND;
    asked_log_note(l, l->size, note);
    *size = l->size;
    *count = 0;
    if (old == 0 || old == l->size)
        return TL_OK;
    l->proofs--;
    return asked_prove(ctx, old, l->size, path, count);
}

static inline void asked_cosigned(void *ctx, slice note, uint64_t size,
                                  const struct tlog_quorum *quorum)
{
    struct asked_log *l = ctx;
    assert_true(size >= l->cosigned_size);
    l->cosigned++;
    buf_reset(&l->note);
    buf_bytes(&l->note, note);
    l->cosigned_size = size;
    l->quorum = *quorum;
}

static inline bool asked_seen(void *ctx, const char *witness, slice note)
{
    struct asked_log *l = ctx;
    (void)witness;
    l->seen++;
    buf_reset(&l->shown);
    buf_bytes(&l->shown, note);
    return l->contradicted;
}

static inline void asked_ahead(void *ctx, size_t count, const char *witness, uint64_t size)
{
    struct asked_log *l = ctx;
    assert_non_null(witness);
    l->ahead++;
    l->ahead_count = count;
    l->ahead_size = size;
}

static inline void asked_say(void *ctx, const char *text)
{
    struct asked_log *l = ctx;
    l->said++;
    buf_str(&l->text, text);
    buf_str(&l->text, "\n");
}

static inline struct witness_log_face asked_face(struct asked_log *l)
{
    return (struct witness_log_face){
        .ctx = l,
        .size = asked_size,
        .checkpoint = asked_checkpoint,
        .prove = asked_prove,
        .cosigned = asked_cosigned,
        .seen = asked_seen,
        .ahead = asked_ahead,
        .say = asked_say,
    };
}

/* Whether it was told the operator, since the last time that this was asked. */
static inline bool asked_said(struct asked_log *l, const char *part)
{
    buf_u8(&l->text, 0);
    bool found = strstr((const char *)l->text.p, part) != NULL;
    buf_reset(&l->text);
    return found;
}

/* k of n witnesses, each with a URL: base and its name, and one that leads nowhere without base. */
static inline struct tlog_policy *asked_policy(unsigned k, uint8_t n, const char *base)
{
    struct tlog_policy *p = NULL;
    buf b;
    buf_init(&b, 100000);
    for (uint8_t i = 1; i <= n; i++) {
        struct cosigner c = fake_cosigner(i);
        buf_printf(&b, "witness w%u ", i);
        cosigner_put(&b, &c);
        buf_printf(&b, " %s/w%u\n", base, i);
    }
    buf_printf(&b, "group all-of-them %u", k);
    for (uint8_t i = 1; i <= n; i++)
        buf_printf(&b, " w%u", i);
    buf_str(&b, "\nquorum all-of-them\n");
    assert_ok(buf_err(&b));
    assert_ok(tlog_policy_read(&p, buf_slice(&b), NULL));
    buf_finish(&b);
    return p;
}

/* ---- honest witnesses ---- */

struct asked_witness {
    uint64_t size;
    hash32 root;
};

/* What an honest one with this state answers: the status and, appended, the body. */
static inline unsigned asked_honest(struct asked_witness *w, uint8_t which, slice request,
                                    uint64_t time, buf *body)
{
    struct note_key log = fake_log_key(FAKE_ORIGIN, ASKED_LOG);
    struct witness_request *r = malloc(sizeof *r);
    struct cosigner key = fake_cosigner(which);
    uint8_t seed[32];
    struct witness_log state = {&log, 1, w->size, w->size ? w->root : merkle_empty_root()};
    assert_non_null(r);
    assert_ok(witness_request_read(r, request));
    unsigned status = witness_judge(&state, r);
    fake_seed(seed, which);
    if (status == WITNESS_COSIGNS) {
        w->size = r->checkpoint.size;
        w->root = r->checkpoint.root;
        assert_ok(cosignature_sign(body, r->note.text, time, &key, seed));
    } else if (status == WITNESS_CONFLICT) {
        witness_size_put(body, w->size);
    }
    free(r);
    return status;
}

#endif
