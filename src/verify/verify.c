/* The verifier's driver: one pass over the bundle, and a verdict at its end. */
#include "verify/verifier.h"

#include "base/pool.h"
#include "base/refuse.h"
#include "verify/policy.h"

#include <inttypes.h>
#include <stdlib.h>

#define PROGRESS_EVERY     4096      /* items */
#define EVIDENCE_COUNT_MAX (1 << 20) /* items of a bundle (docs/format.md section 10) */

/* The note and what it says. Its signature waits for the first boot, which
 * brings the key. */
static tl_err read_header(struct verifier *v, const struct bundle_item *item)
{
    struct teelog_report *r = v->report;
    slice bytes = item->u.header.checkpoint;
    if (REFUSED(item->u.header.evidence_count > EVIDENCE_COUNT_MAX))
        return report_fail(r, CHECK_FORMAT, NO_INDEX, "more evidence than a bundle may hold");
    v->scope = r->scope = v->heads.scope = (enum bundle_scope)item->u.header.scope;
    v->owners.all = v->scope == SCOPE_WHOLE;
    v->checkpoint_bytes = malloc(bytes.n ? bytes.n : 1);
    v->note = malloc(sizeof *v->note);
    if (!v->checkpoint_bytes || !v->note)
        return TL_E_MEMORY;
    if (bytes.n)
        memcpy(v->checkpoint_bytes, bytes.p, bytes.n);
    tl_err err = note_read(v->note, slice_of(v->checkpoint_bytes, bytes.n));
    if (err == TL_E_MEMORY)
        return err;
    if (err != TL_OK)
        return report_fail(r, CHECK_CHECKPOINT, NO_INDEX, "the checkpoint: %s", tl_err_text(err));
    err = checkpoint_read(&v->checkpoint, v->note->text);
    if (err != TL_OK)
        return report_fail(r, CHECK_CHECKPOINT, NO_INDEX, "the checkpoint: %s", tl_err_text(err));
    if (REFUSED(!origin_valid(v->checkpoint.origin)))
        return report_fail(r, CHECK_CHECKPOINT, NO_INDEX, "the checkpoint's origin is not one");
    memcpy(r->origin, v->checkpoint.origin.p, v->checkpoint.origin.n);
    r->size = v->cover.size = v->checkpoint.size;
    r->root = v->checkpoint.root;
    return TL_OK;
}

static tl_err read_proof(struct verifier *v, const struct bundle_item *item)
{
    const struct checkpoint *c = &v->checkpoint;
    switch (item->u.proof.type) {
    case PROOF_FILL:
        if (REFUSED(v->scope == SCOPE_WHOLE))
            return report_fail(v->report, CHECK_TREE, v->leaves,
                               "a whole log has a hash in the place of this leaf");
        return cover_fill(&v->cover, v->report, item->u.proof.level, item->u.proof.n,
                          &item->u.proof.hash);
    case PROOF_CONSISTENCY:
        return roots_prove(&v->roots, v->report, item->u.proof.n, item->u.proof.path,
                           item->u.proof.path_count, c->size, &c->root);
    case PROOF_HEAD:
        break;
    }
    return heads_prove(&v->heads, v->report, item);
}

/* An earlier checkpoint of the same log. */
static tl_err read_anchor(struct verifier *v, const struct bundle_item *item)
{
    struct teelog_report *r = v->report;
    const uint64_t size = item->u.anchor.size;
    struct checkpoint c;
    if (!v->anchor && !(v->anchor = malloc(sizeof *v->anchor)))
        return TL_E_MEMORY;
    tl_err err = checkpoint_open(&c, item->u.anchor.checkpoint, &v->key);
    if (err == TL_E_MEMORY)
        return err;
    if (err != TL_OK)
        return report_fail(r, CHECK_CHECKPOINT, NO_INDEX, "the earlier one of size %" PRIu64 ": %s",
                           size, tl_err_text(err));
    if (REFUSED(c.size != size))
        return report_fail(r, CHECK_CHECKPOINT, NO_INDEX,
                           "the earlier one for size %" PRIu64 " is of size %" PRIu64, size,
                           c.size);
    if (REFUSED(size == 0 || size >= v->checkpoint.size))
        return report_fail(r, CHECK_CHECKPOINT, NO_INDEX,
                           "the one of size %" PRIu64 " is not an earlier one", size);
    if (REFUSED(merkle_verify_consistency(size, v->checkpoint.size, &c.root, &v->checkpoint.root,
                                          item->u.anchor.path, item->u.anchor.path_count) != TL_OK))
        return report_fail(
            r, CHECK_CONSISTENCY, NO_INDEX,
            "the earlier checkpoint of size %" PRIu64 " is not a former state of the tree", size);
    since_see(&v->since, size, &c.root);
    err = note_read(v->anchor, item->u.anchor.checkpoint);
    return err == TL_OK ? witnessed_add(&v->witnessed, r, v->anchor, size) : err;
}

static enum phase phase_of(const struct bundle_item *item)
{
    switch (item->kind) {
    case BUNDLE_HEADER:
        return PHASE_HEADER;
    case BUNDLE_EVIDENCE:
        return PHASE_EVIDENCE;
    case BUNDLE_LEAF:
        return PHASE_LEAVES;
    case BUNDLE_ANCHOR:
        return PHASE_ANCHORS;
    case BUNDLE_FRESH:
        return PHASE_FRESH;
    case BUNDLE_PROOF:
        break;
    }
    switch (item->u.proof.type) {
    case PROOF_FILL:
        return PHASE_FILLS;
    case PROOF_CONSISTENCY:
        return PHASE_CONSISTENCY;
    case PROOF_HEAD:
        break;
    }
    return PHASE_HEADS;
}

static tl_err take_item(struct verifier *v, const struct bundle_item *item)
{
    tl_err err = verify_reach(v, phase_of(item));
    if (err != TL_OK)
        return err;
    switch (item->kind) {
    case BUNDLE_HEADER:
        return read_header(v, item);
    case BUNDLE_EVIDENCE:
        return attested_add(&v->attested, v->report, item, &v->evidence);
    case BUNDLE_LEAF:
        return verify_leaf(v, item->u.leaf.index, item->u.leaf.statement, item->u.leaf.body);
    case BUNDLE_PROOF:
        return read_proof(v, item);
    case BUNDLE_ANCHOR:
        return read_anchor(v, item);
    case BUNDLE_FRESH:
        break;
    }
    return verify_fresh(v, &item->u.fresh.evidence, &item->u.fresh.answer);
}

/* The next item. What is malformed is a verdict, what is not readable is not. */
static tl_err next_item(struct verifier *v, struct bundle_reader *reader, struct bundle_item *item,
                        bool *more)
{
    tl_err err = bundle_next(reader, item, more);
    enum tl_category category = tl_err_category(err);
    if (REFUSED(category == TL_CAT_INPUT || category == TL_CAT_LIMIT))
        return report_fail(v->report, CHECK_FORMAT, NO_INDEX, "the bundle: %s", tl_err_text(err));
    return err;
}

static tl_err read_all(struct verifier *v, struct bundle_reader *reader, struct bundle_item *item)
{
    bool more = true;
    for (uint64_t items = 1;; items++) {
        tl_err err = next_item(v, reader, item, &more);
        if (err == TL_OK && !more)
            return verify_reach(v, PHASE_END);
        if (err == TL_OK)
            err = take_item(v, item);
        if (err != TL_OK)
            return err;
        if (v->options->progress && items % PROGRESS_EVERY == 0)
            v->options->progress(v->options->progress_ctx, items);
    }
}

static tl_err run(struct verifier *v)
{
    const struct teelog_verify_options *o = v->options;
    struct bundle_reader *reader = NULL;
    struct bundle_item *item = malloc(sizeof *item);
    tl_err err = item ? TL_OK : TL_E_MEMORY;
    if (err == TL_OK)
        err = bundle_reader_new(&reader, (struct byte_source){o->read, o->ctx});
    if (err == TL_OK)
        err = signatures_new(&v->signatures, v->report, o->threads ? o->threads : pool_cpus());
    if (err == TL_OK)
        err = read_all(v, reader, item);
    /* What failed first in reading need not be what is wrong first in the log. */
    if (err == VERDICT)
        err = signatures_drain(v->signatures);
    if (err == VERDICT || (err == TL_OK && report_failed(v->report)))
        err = TL_OK;
    else if (err == TL_OK)
        err = verify_list_agents(v);
    bundle_reader_free(reader);
    free(item);
    return err;
}

static void finish(struct verifier *v)
{
    signatures_free(v->signatures);
    cover_finish(&v->cover);
    subjects_finish(&v->subjects);
    owners_finish(&v->owners);
    roots_finish(&v->roots);
    attested_finish(&v->attested);
    witnessed_finish(&v->witnessed);
    since_finish(&v->since);
    free(v->anchor);
    free(v->note);
    free(v->checkpoint_bytes);
    dcap_cache_free(v->evidence.cache);
    free(v->brought);
    free(v->brought_used);
    free(v->erased);
    free(v);
}

static tl_err set_up_evidence(struct verifier *v)
{
    const struct teelog_verify_options *o = v->options;
    v->evidence = (struct evidence_context){
        .time = o->time, .any_time = v->witnessed.wanted != NULL, .policy = v->policy};
    if (o->hardware_root) {
        memcpy(v->hardware_root.b, o->hardware_root, sizeof v->hardware_root.b);
        v->evidence.hardware_root = &v->hardware_root;
    }
    v->brought = calloc(o->collateral_count + 1, sizeof *v->brought);
    v->brought_used = calloc(o->collateral_count + 1, sizeof *v->brought_used);
    if (!v->brought || !v->brought_used)
        return TL_E_MEMORY;
    for (size_t i = 0; i < o->collateral_count; i++)
        v->brought[i] = slice_of(o->collaterals[i].p, o->collaterals[i].n);
    v->evidence.brought = v->brought;
    v->evidence.brought_count = o->collateral_count;
    v->evidence.brought_used = v->brought_used;
    return dcap_cache_new(&v->evidence.cache);
}

static void want_history(struct verifier *v)
{
    const struct policy_history *wanted = v->policy ? &v->policy->history : NULL;
    if (!wanted || !wanted->quorum)
        return;
    v->witnessed.wanted = wanted;
    v->report->history = (struct report_history){
        .wanted = true,
        .need = wanted->need,
        .witnesses = wanted->witnesses,
        .faulty = wanted->faulty,
    };
}

tl_err teelog_verify(struct teelog_report **out, const struct teelog_verify_options *o)
{
    if (o->nonce && (o->nonce_size < FRESH_NONCE_MIN || o->nonce_size > FRESH_NONCE_MAX))
        return TL_E_USAGE;
    struct teelog_report *r = calloc(1, sizeof *r);
    struct verifier *v = calloc(1, sizeof *v);
    if (!r || !v) {
        free(r);
        free(v);
        return TL_E_MEMORY;
    }
    v->options = o;
    v->policy = o->policy ? o->policy->policy : NULL;
    v->report = r;
    v->boot = NO_INDEX;
    v->complete_up_to = NO_SIZE;
    r->time = o->time;
    r->has_policy = o->policy != NULL;
    want_history(v);
    v->cover.since = &v->since;
    tl_err err = since_read(&v->since, slice_of(o->since.p, o->since.n));
    if (err == TL_OK)
        err = set_up_evidence(v);
    if (err == TL_OK)
        err = run(v);
    for (size_t i = 0; err == TL_OK && i < o->collateral_count; i++)
        r->brought_unused += !v->brought_used[i];
    finish(v);
    if (err != TL_OK) {
        teelog_report_free(r);
        return err;
    }
    report_conclude(r);
    *out = r;
    return TL_OK;
}
