/* A fresh answer, as an export of its own: what is said of the log, in one step with
 * the checkpoint, and the quote over it. */
#include "attest/evidence.h"
#include "log/export.h"
#include "tlog/checkpoint.h"

tl_err attest_turn(struct log_export *e, struct tl_why *why)
{
    if (!e->log->has_owner)
        return tl_explain(why, TL_E_USAGE, NULL, "only a running log can answer");
    if (e->agent[0] && !agent_id_valid(slice_str(e->agent), slice_str(e->log->keys.origin)))
        return tl_explain(why, TL_E_FIELD, "agent", "this is the id of no agent");
    if (e->log->boot_index == UINT64_MAX)
        return tl_explain(why, is_frozen(e->log) ? TL_E_FROZEN : TL_E_FENCED, NULL,
                          "the log has no boot yet, whose key an answer would be about: it waits "
                          "for its witnesses, or is frozen");
    tl_err err = log_quote_turn(e->log, why);
    e->fresh.has_turn = err == TL_OK;
    return err;
}

void attest_give_back(struct log_export *e)
{
    if (e->fresh.has_turn)
        log_quote_give_back(e->log);
    e->fresh.has_turn = false;
}

/* What the agent's last durable statement is. */
static tl_err take_agent(struct log_export *e, struct tl_why *why)
{
    struct log *log = e->log;
    const struct subject *s = roster_find(log->roster, slice_str(e->agent));
    struct store_leaf leaf;
    struct statement st;
    e->fresh.answer.agent = slice_str(e->agent);
    e->fresh.answer.count = s ? s->durable_count : 0;
    if (e->fresh.answer.count == 0)
        return TL_OK;
    e->fresh.last = s->durable_last;
    tl_err err = stored_leaf(log, e->fresh.last, &leaf, &st);
    if (err == TL_OK)
        e->fresh.answer.last = statement_digest(st.protected_header, &st.payload);
    return stored_explain(why, err, e->fresh.last);
}

static hash32 checkpoint_text(const struct log_export *e)
{
    uint8_t mem[SUBJECT_MAX + 128];
    buf b;
    buf_init_fixed(&b, mem, sizeof mem);
    checkpoint_put(&b, &(struct checkpoint){.origin = slice_str(e->log->keys.origin),
                                            .size = e->size,
                                            .root = e->log->durable_root});
    return sha256(buf_slice(&b));
}

/* Fenced only where a quorum has cosigned a checkpoint with this boot: until then it is as a
 * degraded start is. */
static enum fresh_mode mode_of(struct log *log)
{
    pthread_mutex_lock(&log->lock);
    const enum fresh_mode mode = log->frozen                           ? FRESH_FROZEN
                                 : log->fence.state == LOG_UNWITNESSED ? FRESH_UNWITNESSED
                                 : log->fence.state == LOG_OPEN && !log->fence.degraded
                                     ? FRESH_FENCED
                                     : FRESH_DEGRADED;
    pthread_mutex_unlock(&log->lock);
    return mode;
}

tl_err attest_take(struct log_export *e, struct tl_why *why)
{
    struct log *log = e->log;
    e->fresh.answer.mode = mode_of(log);
    e->fresh.answer.has_cosigned = e->latest_time != 0;
    e->fresh.answer.cosigned = e->latest_size;
    e->fresh.answer.nonce = slice_of(e->fresh.nonce, e->fresh.nonce_size);
    e->fresh.text = checkpoint_text(e);
    return e->agent[0] ? take_agent(e, why) : TL_OK;
}

/* On the quoting thread; until done is called, nobody else touches the export. */
static void quoted(void *ctx, tl_err err, const struct evidence *evidence, const struct tl_why *why)
{
    struct log_export *e = ctx;
    if (err == TL_OK) {
        evidence_put(&e->fresh.item, evidence);
        err = buf_err(&e->fresh.item);
    }
    if (err == TL_OK) {
        e->fresh.digest = sha256(buf_slice(&e->fresh.item));
        err = export_add_evidence(e, &e->fresh.digest, UINT64_MAX);
    }
    e->stage = EXPORT_SCAN;
    e->done(e->done_ctx, err, true, why);
}

tl_err attest_quote(struct log_export *e)
{
    struct log *log = e->log;
    uint8_t report_data[64];
    binding_fresh(report_data, &(struct fresh_binding){.origin = slice_str(log->keys.origin),
                                                       .log_tp = log->log_tp,
                                                       .boot_leaf = log->boot_leaf,
                                                       .text = e->fresh.text,
                                                       .answer = &e->fresh.answer});
    e->fresh.has_turn = false;
    return log_quote_use(log, report_data, quoted, e);
}
