#include "log/prove.h"

#include "crypto/sign.h"
#include "log/internal.h"
#include "tlog/proof.h"
#include "tlog/receipt.h"

#include <stdlib.h>

#define HEADER_MAX 512 /* bytes of a receipt's protected header, with two names */

struct log_prove {
    struct log *log;
    enum log_prove_kind kind;
    uint64_t n;
    /* What was found. */
    uint64_t size;
    hash32 root;
    size_t path_count;
    hash32 path[MERKLE_MAX_PATH];
    char subject[SUBJECT_MAX + 1];
    struct es256_key *service; /* of receipts; a reference */
    hash32 kid;
    buf statement, note; /* of a tlog-proof */

    struct owner_job job;
    log_prove_done_fn *done;
    void *ctx;
};

tl_err log_prove_new(struct log_prove **out, struct log *log, enum log_prove_kind kind, uint64_t n)
{
    struct log_prove *p = calloc(1, sizeof *p);
    if (!p)
        return TL_E_MEMORY;
    p->log = log;
    p->kind = kind;
    p->n = n;
    buf_init(&p->statement, STATEMENT_MAX);
    buf_init(&p->note, NOTE_MAX);
    *out = p;
    return TL_OK;
}

void log_prove_free(struct log_prove *p)
{
    if (!p)
        return;
    es256_free(p->service);
    buf_finish(&p->statement);
    buf_finish(&p->note);
    free(p);
}

/* ---- on the owner thread ---- */

/* A receipt speaks of published trees, and is worth as much as the boot statement that shows
 * its key: that has to be there first. */
static tl_err take_key(struct log_prove *p, struct tl_why *why)
{
    struct log *log = p->log;
    if (!log->service || log->boot_index >= p->size)
        return tl_explain(why, is_frozen(log) ? TL_E_FROZEN : TL_E_FENCED, NULL,
                          "this service has no boot in the log, whose key would sign receipts; "
                          "tlog-proofs are to be had (/v1/proof)");
    p->service = es256_ref(log->service);
    p->kid = log->service_kid;
    return TL_OK;
}

static tl_err check_entry(const struct log_prove *p, struct tl_why *why)
{
    if (p->n >= p->size)
        return tl_explain(why, TL_E_NOT_FOUND, "index", "the log has %llu statements",
                          (unsigned long long)p->size);
    if (p->kind == LOG_PROVE_ENTRY && p->size == 1)
        return tl_explain(why, TL_E_NOT_FOUND, "index",
                          "a tree of one entry has no path, and so no receipt (RFC 9942): ask "
                          "again once there is another");
    return TL_OK;
}

static tl_err prove_entry(struct log_prove *p, struct tl_why *why)
{
    struct merkle_nodes nodes = tree_nodes(p->log->tree);
    struct store_leaf leaf;
    struct statement st;
    tl_err err = check_entry(p, why);
    if (err == TL_OK)
        err = stored_explain(why, stored_leaf(p->log, p->n, &leaf, &st), p->n);
    if (err != TL_OK)
        return err;
    memcpy(p->subject, st.subject.p, st.subject.n); /* statement_read bounds it */
    if (p->kind == LOG_PROVE_TEXT) {
        buf_bytes(&p->statement, leaf.statement);
        err = buf_err(&p->statement);
    }
    return err == TL_OK ? merkle_prove_inclusion(&nodes, p->n, p->size, p->path, &p->path_count)
                        : err;
}

static tl_err prove_growth(struct log_prove *p, struct tl_why *why)
{
    struct merkle_nodes nodes = tree_nodes(p->log->tree);
    if (p->n >= p->size)
        return tl_explain(why, TL_E_NOT_FOUND, "from",
                          "the log has %llu statements, and has not grown beyond %llu",
                          (unsigned long long)p->size, (unsigned long long)p->n);
    memcpy(p->subject, p->log->keys.origin, sizeof p->log->keys.origin);
    return merkle_prove_consistency(&nodes, p->n, p->size, p->path, &p->path_count);
}

/* Over the largest tree that a quorum of witnesses has cosigned, where that has the entry. */
static tl_err take_note(struct log_prove *p)
{
    uint64_t size = 0;
    tl_err err = log_cosigned(p->log, &p->note, &size, NULL);
    if (err == TL_OK && size > p->n && size <= p->size) {
        p->size = size;
        return TL_OK;
    }
    buf_reset(&p->note);
    return err == TL_OK || err == TL_E_NOT_FOUND ? log_checkpoint(p->log, &p->note) : err;
}

static tl_err look_up(struct log_prove *p, struct tl_why *why)
{
    struct log *log = p->log;
    if (log->dead)
        return TL_E_STOPPING;
    p->size = log->durable_size;
    p->root = log->durable_root;
    tl_err err = p->kind == LOG_PROVE_TEXT ? take_note(p) : take_key(p, why);
    if (err != TL_OK)
        return err;
    return p->kind == LOG_PROVE_GROWTH ? prove_growth(p, why) : prove_entry(p, why);
}

static void run(void *arg)
{
    struct log_prove *p = arg;
    struct tl_why why = {{0}, {0}};
    tl_err err = look_up(p, &why);
    p->done(p->ctx, err, &why);
}

/* ---- of who asks ---- */

tl_err log_prove_submit(struct log_prove *p, log_prove_done_fn *done, void *ctx)
{
    p->done = done;
    p->ctx = ctx;
    p->job = (struct owner_job){.run = run, .arg = p};
    return owner_submit(p->log, &p->job);
}

static tl_err put_receipt(const struct log_prove *p, buf *out)
{
    uint8_t mem[HEADER_MAX], signature[64];
    buf header;
    struct receipt r = {
        .kind = p->kind == LOG_PROVE_ENTRY ? RECEIPT_INCLUSION : RECEIPT_CONSISTENCY,
        .first = p->n,
        .tree_size = p->size,
        .path_count = p->path_count,
    };
    memcpy(r.path, p->path, sizeof r.path);
    buf_init_fixed(&header, mem, sizeof mem);
    receipt_header_put(&header, &p->kid, slice_str(p->log->keys.origin), slice_str(p->subject),
                       p->size);
    r.protected_header = buf_slice(&header);
    hash32 digest = receipt_digest(&r, &p->root);
    tl_err err = buf_err(&header);
    if (err == TL_OK)
        err = es256_sign(p->service, &digest, signature);
    if (err != TL_OK)
        return err;
    r.signature = SLICE_ARRAY(signature);
    receipt_put(out, &r);
    return buf_err(out);
}

tl_err log_prove_put(const struct log_prove *p, buf *out)
{
    if (p->kind != LOG_PROVE_TEXT)
        return put_receipt(p, out);
    tlog_proof_put(out, buf_slice(&p->statement), p->n, p->path, p->path_count,
                   buf_slice(&p->note));
    return buf_err(out);
}
