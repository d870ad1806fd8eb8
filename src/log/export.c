/* Writing a bundle (docs/format.md section 10), a slice at a time. Every leaf is
 * checked against the tree on its way out: a bundle that leaves here verifies. */
#include "log/export.h"
#include "attest/evidence.h"
#include "base/refuse.h"
#include "log/waiter.h"

#include <stdio.h>
#include <stdlib.h>

#define SLICE_BYTES (256u << 10)

tl_err log_export_new(struct log_export **out, struct log *log, const struct log_export_options *o)
{
    if (o->agent.n > SUBJECT_MAX)
        return TL_E_USAGE;
    if (o->agent.n && memchr(o->agent.p, 0, o->agent.n))
        return TL_E_FIELD; /* it would be cut there */
    if (o->nonce.p && (o->nonce.n < FRESH_NONCE_MIN || o->nonce.n > FRESH_NONCE_MAX))
        return TL_E_USAGE;
    if (o->chain && (!o->nonce.p || o->agent.n == 0))
        return TL_E_USAGE;
    struct log_export *e = calloc(1, sizeof *e);
    if (!e)
        return TL_E_MEMORY;
    e->log = log;
    if (o->agent.n)
        memcpy(e->agent, o->agent.p, o->agent.n);
    e->withhold = o->withhold_bodies;
    e->withhold_lost = o->withhold_lost;
    e->has_range = o->has_range;
    e->from = o->from;
    e->to = o->to;
    e->wait_ms = o->cosigned_ms;
    e->heads_index = UINT64_MAX;
    buf_init(&e->checkpoint, NOTE_MAX);
    buf_init(&e->latest, NOTE_MAX);
    buf_init(&e->fresh.item, EVIDENCE_MAX);
    e->fresh.wanted = o->nonce.p != NULL;
    e->fresh.chain = o->chain;
    e->fresh.nonce_size = o->nonce.n;
    if (o->nonce.p)
        memcpy(e->fresh.nonce, o->nonce.p, o->nonce.n);
    *out = e;
    return TL_OK;
}

void log_export_free(struct log_export *e)
{
    if (!e)
        return;
    attest_give_back(e);
    buf_finish(&e->checkpoint);
    buf_finish(&e->latest);
    buf_finish(&e->fresh.item);
    free(e->runs);
    free(e->sizes);
    free(e->needed);
    free(e->indexes);
    free(e->evidence);
    export_anchors_free(e);
    bundle_collateral_finish(&e->collateral);
    free(e);
}

void log_export_progress(const struct log_export *e, uint64_t *done, uint64_t *total)
{
    *done = e->leaves_done;
    *total = e->leaf_count;
}

void export_next_stage(struct log_export *e)
{
    e->stage++;
    e->cursor = 0;
    e->run = 0;
}

static tl_err learn_erased(struct log_export *e, struct tl_why *why)
{
    bool ready = false;
    tl_err err = erased_load(e->log, &ready, why);
    if (err == TL_OK && ready) {
        export_next_stage(e);
        if (export_heads_ready(e))
            export_next_stage(e);
    }
    return err;
}

static void put_header(struct log_export *e)
{
    struct bundle_item item = {.kind = BUNDLE_HEADER};
    item.u.header.scope = e->scope;
    item.u.header.checkpoint = buf_slice(&e->checkpoint);
    item.u.header.evidence_count = e->evidence_count;
    item.u.header.leaf_count = e->leaf_count;
    item.u.header.proof_count = e->fill_count + e->size_count + e->head_count;
    item.u.header.anchor_count = e->anchor_count;
    bundle_item_put(e->out, &item);
    export_next_stage(e);
}

/* The body as it goes into the bundle; .p == NULL where there is none to give. */
static tl_err leaf_body(struct log_export *e, const struct statement *st,
                        const struct store_leaf *leaf, buf *plain, slice *body)
{
    *body = (slice){NULL, 0};
    if (st->kind != ST_RECORD) {
        hash32 digest = sha256(leaf->body);
        if (REFUSED(!hash_eq(&digest, &st->payload)))
            return TL_E_STORED;
        *body = leaf->body;
        return TL_OK;
    }
    if (e->withhold)
        return TL_OK;
    tl_err err = record_body(e->log, leaf, st, plain, body);
    if (e->withhold_lost && (err == TL_E_STORED || err == TL_E_SEALED || err == TL_E_LIMIT))
        return TL_OK;
    return err;
}

static tl_err put_leaf(struct log_export *e, struct tl_why *why)
{
    if (e->run == e->run_count) {
        export_next_stage(e);
        return TL_OK;
    }
    uint64_t index = e->cursor++;
    if (e->cursor == e->runs[e->run].end && ++e->run < e->run_count)
        e->cursor = e->runs[e->run].start;
    struct store_leaf leaf;
    struct statement st;
    struct bundle_item item = {.kind = BUNDLE_LEAF};
    buf plain;
    buf_init(&plain, BODY_MAX);
    tl_err err = stored_leaf(e->log, index, &leaf, &st);
    if (err == TL_OK)
        err = leaf_body(e, &st, &leaf, &plain, &item.u.leaf.body);
    if (err == TL_OK) {
        item.u.leaf.index = index;
        item.u.leaf.statement = leaf.statement;
        bundle_item_put(e->out, &item);
        e->leaves_done++;
    }
    buf_finish_secret(&plain);
    return stored_explain(why, err, index);
}

static tl_err put_fill(struct log_export *e)
{
    struct bundle_item item = {.kind = BUNDLE_PROOF};
    struct merkle_nodes nodes = tree_nodes(e->log->tree);
    if (!export_next_fill(e, &e->cursor, &e->run, &item.u.proof.level, &item.u.proof.n)) {
        export_next_stage(e);
        return TL_OK;
    }
    item.u.proof.type = PROOF_FILL;
    item.u.proof.number = e->number++;
    tl_err err = nodes.get(nodes.ctx, item.u.proof.level, item.u.proof.n, &item.u.proof.hash);
    if (err == TL_OK)
        bundle_item_put(e->out, &item);
    return err;
}

static tl_err put_consistency(struct log_export *e)
{
    struct bundle_item item = {.kind = BUNDLE_PROOF};
    struct merkle_nodes nodes = tree_nodes(e->log->tree);
    if (e->cursor == e->size_count) {
        export_next_stage(e);
        return TL_OK;
    }
    item.u.proof.type = PROOF_CONSISTENCY;
    item.u.proof.number = e->number++;
    item.u.proof.n = e->sizes[e->cursor++];
    tl_err err = merkle_prove_consistency(&nodes, item.u.proof.n, e->size, item.u.proof.path,
                                          &item.u.proof.path_count);
    if (err == TL_OK)
        bundle_item_put(e->out, &item);
    return err;
}

static void put_heads(struct log_export *e)
{
    for (size_t i = 0; i < e->head_count; i++) {
        const struct head_proof *h = &e->heads[i];
        struct bundle_item item = {.kind = BUNDLE_PROOF};
        item.u.proof.type = PROOF_HEAD;
        item.u.proof.number = e->number++;
        item.u.proof.n = e->heads_index;
        item.u.proof.subject = slice_str(h->subject);
        item.u.proof.position = h->position;
        item.u.proof.path_count = h->path_count;
        memcpy(item.u.proof.path, h->path, sizeof h->path);
        bundle_item_put(e->out, &item);
    }
    export_next_stage(e);
}

static tl_err put_anchor(struct log_export *e)
{
    struct bundle_item item = {.kind = BUNDLE_ANCHOR};
    struct merkle_nodes nodes = tree_nodes(e->log->tree);
    if (e->cursor == e->anchor_count) {
        export_next_stage(e);
        return TL_OK;
    }
    const struct export_anchor *a = &e->anchors[e->cursor++];
    item.u.anchor.size = a->size;
    item.u.anchor.checkpoint = slice_of(a->note, a->note_size);
    tl_err err = merkle_prove_consistency(&nodes, a->size, e->size, item.u.anchor.path,
                                          &item.u.anchor.path_count);
    if (err == TL_OK)
        bundle_item_put(e->out, &item);
    return err;
}

static void put_fresh(struct log_export *e)
{
    struct bundle_item item = {.kind = BUNDLE_FRESH};
    item.u.fresh.evidence = e->fresh.digest;
    item.u.fresh.answer = e->fresh.answer;
    if (e->fresh.wanted)
        bundle_item_put(e->out, &item);
    export_next_stage(e);
}

static tl_err one(struct log_export *e, struct tl_why *why)
{
    switch (e->stage) {
    case EXPORT_ERASED:
        return learn_erased(e, why);
    case EXPORT_READY:
        if (export_heads_ready(e))
            export_next_stage(e);
        return TL_OK;
    case EXPORT_BEGIN:
        return export_begin(e, why);
    case EXPORT_CHOOSE:
        return export_choose(e, why);
    case EXPORT_SCAN:
        return export_scan(e, why);
    case EXPORT_ERASURES:
        return export_find_erasures(e, why);
    case EXPORT_DATES:
        return export_dates(e);
    case EXPORT_PICK:
        export_pick(e);
        return TL_OK;
    case EXPORT_HEADER:
        put_header(e);
        return TL_OK;
    case EXPORT_EVIDENCE:
        return export_put_evidence(e, why);
    case EXPORT_LEAVES:
        return put_leaf(e, why);
    case EXPORT_FILLS:
        return put_fill(e);
    case EXPORT_CONSISTENCY:
        return put_consistency(e);
    case EXPORT_HEADS:
        put_heads(e);
        return TL_OK;
    case EXPORT_ANCHORS:
        return put_anchor(e);
    case EXPORT_FRESH:
        put_fresh(e);
        return TL_OK;
    case EXPORT_COSIGN: /* run_submitted's, as the next */
    case EXPORT_QUOTE:
    case EXPORT_DONE:
        return TL_OK;
    }
    return TL_E_IO;
}

/* A slice: a step of planning, or writing, at most about SLICE_BYTES. */
static tl_err slice_of_export(struct log_export *e, buf *out, bool *more, struct tl_why *why)
{
    size_t before = out->n;
    uint64_t end = owner_slice_end();
    tl_err err = TL_OK;
    e->out = out;
    do {
        bool planning = e->stage < EXPORT_HEADER;
        err = one(e, why);
        if (err == TL_OK)
            err = buf_err(out);
        if (planning)
            break;
    } while (err == TL_OK && e->stage != EXPORT_DONE && out->n - before < SLICE_BYTES &&
             !owner_slice_over(end));
    *more = e->stage != EXPORT_DONE;
    return err;
}

static void run_submitted(void *arg)
{
    struct log_export *e = arg;
    struct tl_why why = {0};
    bool more = false;
    tl_err err = slice_of_export(e, e->out, &more, &why);
    if (err == TL_OK && e->stage == EXPORT_COSIGN) {
        export_wait(e);
        return; /* likewise below: it calls done; e may be gone */
    }
    if (err == TL_OK && e->stage == EXPORT_QUOTE) {
        err = attest_quote(e);
        if (err == TL_OK)
            return;
    }
    e->done(e->done_ctx, err, more, &why);
}

tl_err log_export_submit(struct log_export *e, buf *out, log_export_done_fn *done, void *ctx)
{
    /* Heads are appended with nothing in flight; an answer alone needs none. */
    const bool quiesce = e->stage == EXPORT_BEGIN && !export_is_answer(e);
    e->out = out;
    e->done = done;
    e->done_ctx = ctx;
    e->job = (struct owner_job){.run = run_submitted, .arg = e, .quiesce = quiesce};
    return owner_submit(e->log, &e->job);
}

struct step {
    struct waiter waiter;
    bool more;
};

static void step_done(void *ctx, tl_err err, bool more, const struct tl_why *why)
{
    struct step *s = ctx;
    s->more = more;
    waiter_done(&s->waiter, err, why);
}

tl_err log_export_step(struct log_export *e, buf *out, bool *more, struct tl_why *why)
{
    if (!e->log->has_owner)
        return slice_of_export(e, out, more, why);
    struct step s = {.more = false};
    waiter_init(&s.waiter);
    tl_err err = waiter_wait(&s.waiter, log_export_submit(e, out, step_done, &s), why);
    if (err == TL_OK)
        *more = s.more;
    return err;
}
