/* GET /v1/export: a bundle in slices, as fast as the client takes it. */
#include "base/encoding.h"
#include "base/refuse.h"
#include "codec/cbor.h"
#include "http/stream.h"

#include <inttypes.h>

static tl_err range_read(struct log_export_options *o, slice from, slice to, struct tl_why *why)
{
    o->has_range = from.p || to.p;
    o->to = TL_INT_MAX;
    if (from.p && decimal_read(&o->from, from, TL_INT_MAX) != TL_OK)
        return tl_explain(why, TL_E_FIELD, "from", "must be the index of a leaf");
    if (to.p && decimal_read(&o->to, to, TL_INT_MAX) != TL_OK)
        return tl_explain(why, TL_E_FIELD, "to", "must be the index of a leaf");
    if (REFUSED(o->from >= o->to))
        return tl_explain(why, TL_E_FIELD, "to", "must be larger than from");
    return TL_OK;
}

/* Seconds to wait for a quorum of the log's witnesses. */
#define COSIGNED_S     10
#define COSIGNED_MAX_S 60

static tl_err wait_read(struct log_export_options *o, slice text, struct tl_why *why)
{
    uint64_t seconds = COSIGNED_S;
    if (text.p && REFUSED(decimal_read(&seconds, text, COSIGNED_MAX_S) != TL_OK))
        return tl_explain(why, TL_E_FIELD, "cosigned", "must be 0 to %d, in seconds",
                          COSIGNED_MAX_S);
    o->cosigned_ms = (unsigned)seconds * 1000;
    return TL_OK;
}

static tl_err options_read(struct log_export_options *o, const struct http_param *params,
                           struct tl_why *why)
{
    *o = (struct log_export_options){.agent = params[0].value};
    if (params[3].value.p &&
        REFUSED(!slice_eq_str(params[3].value, "0") && !slice_eq_str(params[3].value, "1")))
        return tl_explain(why, TL_E_FIELD, "bodies", "must be 0 or 1");
    o->withhold_bodies = slice_eq_str(params[3].value, "0");
    tl_err err = wait_read(o, params[4].value, why);
    return err == TL_OK ? range_read(o, params[1].value, params[2].value, why) : err;
}

/* What others said stays closed to a token for appending, and to one for reading
 * other agents. */
static tl_err limit_bodies(const struct exchange *x, struct log_export_options *o,
                           struct tl_why *why)
{
    const struct caller *c = &x->caller;
    if (!(c->scopes & SCOPE_READ))
        o->withhold_bodies = true;
    if (o->withhold_bodies || c->agent_count == 0)
        return TL_OK;
    if (REFUSED(o->agent.n == 0))
        return tl_explain(why, TL_E_FORBIDDEN, "agent",
                          "this token is for certain agents: name one of them, or leave bodies "
                          "out with bodies=0");
    return caller_agent(x, o->agent, why);
}

static tl_err submit(void *made, buf *out, log_export_done_fn *done, void *ctx)
{
    return log_export_submit(made, out, done, ctx);
}

/* What the bundle is worth to who asks for a quorum. */
static void fields(void *made, buf *out)
{
    struct log_export_said said;
    log_export_says(made, &said);
    buf_printf(out, "Teelog-Size: %" PRIu64 "\r\n", said.size);
    if (said.witnessed)
        buf_printf(out, "Teelog-Cosigned: %" PRIu64 "\r\n", said.cosigned);
}

static void release(void *made)
{
    log_export_free(made);
}

void export_stream(struct exchange *x, const struct log_export_options *o)
{
    struct tl_why why = {{0}, {0}};
    struct log_export *e = NULL;
    /* An answer alone is small, and has limits of its own. */
    tl_err err = !o->nonce.p || o->chain ? place_take(x, PLACE_EXPORT, &why) : TL_OK;
    if (err == TL_OK)
        err = log_export_new(&e, x->service->log, o);
    if (err == TL_OK)
        stream_answer(x, &(struct stream_source){.made = e,
                                                 .submit = submit,
                                                 .free = release,
                                                 .fields = fields,
                                                 .media = "application/vnd.teelog.bundle"});
    else
        answer_error(x, err, &why);
}

void get_export(struct exchange *x)
{
    struct http_query q = {{0}};
    struct http_param params[] = {{"agent"}, {"from"}, {"to"}, {"bodies"}, {"cosigned"}};
    struct log_export_options o;
    struct tl_why why = {{0}, {0}};
    if (!query_or_answer(x, &q, params, sizeof params / sizeof params[0]))
        return;
    tl_err err = options_read(&o, params, &why);
    if (err == TL_OK)
        err = limit_bodies(x, &o, &why);
    if (err == TL_OK)
        export_stream(x, &o);
    else
        answer_error(x, err, &why);
}
