/* GET /v1/export: a bundle in slices, as fast as the client takes it. */
#include "base/encoding.h"
#include "base/refuse.h"
#include "codec/cbor.h"
#include "http/internal.h"

#include <stdlib.h>

#define SLICE_MAX (BUNDLE_ITEM_MAX + (1u << 20)) /* bytes of one slice */

struct export
{
    struct http_service *service;
    bool counted; /* among the service's exports */
    struct log_export *bundle;
    buf slice;
    bool begun, more, resting;
    tl_err err;
    struct tl_why why;
};

static void export_free(void *state)
{
    struct export *e = state;
    if (!e)
        return;
    e->service->exports -= e->counted;
    log_export_free(e->bundle);
    buf_finish(&e->slice);
    free(e);
}

/* On the owner thread. */
static void slice_done(void *ctx, tl_err err, bool more, const struct tl_why *why)
{
    struct exchange *x = ctx;
    struct export *e = x->state;
    e->err = err;
    e->more = more;
    if (err != TL_OK && why)
        e->why = *why;
    service_post(x);
}

static void fail(struct exchange *x)
{
    const struct export *e = x->state;
    if (e->begun)
        x->broken = true; /* the client sees that the end is missing */
    else
        answer_error(x, e->err, &e->why);
}

static void next_slice(struct exchange *x)
{
    struct export *e = x->state;
    e->resting = false;
    buf_reset(&e->slice);
    service_hold(x);
    tl_err err = log_export_submit(e->bundle, &e->slice, slice_done, x);
    if (err == TL_OK)
        return;
    service_release(x);
    e->err = err;
    fail(x);
}

static void resume(struct exchange *x)
{
    struct export *e = x->state;
    if (e->err == TL_OK)
        e->err = buf_err(&e->slice);
    if (e->err != TL_OK) {
        fail(x);
        return;
    }
    /* The first slices may be empty, while the bundle is planned, and may fail. */
    if (!e->begun && (e->slice.n || !e->more)) {
        answer_chunked(x, "application/vnd.teelog.bundle");
        e->begun = true;
    }
    answer_chunk(x, buf_slice(&e->slice));
    if (!e->more)
        answer_end(x);
    else if (exchange_unsent(x) < UNSENT_MAX)
        next_slice(x);
    else
        e->resting = true;
}

static void drained(struct exchange *x)
{
    const struct export *e = x->state;
    if (e->resting && exchange_unsent(x) < UNSENT_MAX)
        next_slice(x);
}

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

static tl_err options_read(struct log_export_options *o, const struct http_param *params,
                           struct tl_why *why)
{
    *o = (struct log_export_options){.agent = params[0].value};
    if (params[3].value.p &&
        REFUSED(!slice_eq_str(params[3].value, "0") && !slice_eq_str(params[3].value, "1")))
        return tl_explain(why, TL_E_FIELD, "bodies", "must be 0 or 1");
    o->withhold_bodies = slice_eq_str(params[3].value, "0");
    return range_read(o, params[1].value, params[2].value, why);
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

static tl_err export_new(struct export **out, struct http_service *s, bool counted)
{
    if (counted && s->exports >= EXPORTS_MAX)
        return TL_E_BUSY;
    struct export *e = calloc(1, sizeof *e);
    if (!e)
        return TL_E_MEMORY;
    e->service = s;
    e->counted = counted;
    s->exports += counted;
    buf_init(&e->slice, SLICE_MAX);
    *out = e;
    return TL_OK;
}

void export_stream(struct exchange *x, const struct log_export_options *o)
{
    struct export *e = NULL;
    /* An answer alone is small, and has limits of its own. */
    tl_err err = export_new(&e, x->service, !o->nonce.p || o->chain);
    if (err == TL_OK)
        err = log_export_new(&e->bundle, x->service->log, o);
    if (err != TL_OK) {
        export_free(e);
        answer_error(x, err, NULL);
        return;
    }
    x->state = e;
    x->state_free = export_free;
    x->resume = resume;
    x->drained = drained;
    next_slice(x);
}

void get_export(struct exchange *x)
{
    struct http_query q = {{0}};
    struct http_param params[] = {{"agent"}, {"from"}, {"to"}, {"bodies"}};
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
