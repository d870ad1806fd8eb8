/* POST /v1/records: lines of JSON in, receipts out. */
#include "base/encoding.h"
#include "base/refuse.h"
#include "http/admitted.h"
#include "http/receipts.h"
#include "http/record_json.h"

#include <stdlib.h>

/* Agent ids, or statements, paths and a checkpoint for every line. */
#define KEPT_MAX       (64u << 20) /* bytes */
#define ANSWER_MAX     (64u << 20) /* bytes */
/* Bytes that a line is kept in beside its text, on its way: as a record of a batch, as a
 * receipt, and what may be wrong with it. */
#define LINE_COST      2048
/* For a quorum of witnesses, in seconds. */
#define WAIT_DEFAULT_S 10
#define WAIT_MOST_S    300

struct append {
    struct receipts receipts;
    bool partial; /* wrong lines are answered in their place, the others appended */
    tl_err err;   /* of the whole */
    struct tl_why why;
};

static void append_free(void *state)
{
    struct append *a = state;
    if (!a)
        return;
    receipts_finish(&a->receipts);
    free(a);
}

/* The lines of a body; a last newline begins no other line. */
static size_t count_lines(slice body)
{
    if (body.n == 0)
        return 0;
    size_t n = body.p[body.n - 1] != '\n';
    for (const uint8_t *p = body.p, *end = body.p + body.n; p < end; n++, p++) {
        p = memchr(p, '\n', (size_t)(end - p));
        if (!p)
            break;
    }
    return n;
}

static slice next_line(slice *rest)
{
    const uint8_t *lf = memchr(rest->p, '\n', rest->n);
    slice line = {rest->p, lf ? (size_t)(lf - rest->p) : rest->n};
    *rest = lf ? slice_of(lf + 1, rest->n - line.n - 1) : slice_of(rest->p + rest->n, 0);
    return line;
}

/* That is not the line's fault. */
static bool our_failure(tl_err err)
{
    enum tl_category c = tl_err_category(err);
    return c == TL_CAT_UNAVAILABLE || c == TL_CAT_SYSTEM || c == TL_CAT_INTEGRITY;
}

/* Checks line i and adds it to the batch, or notes what is wrong with it. */
static tl_err add_line(struct exchange *x, struct record_json *json, struct log_batch *batch,
                       size_t i, slice line, slice agent)
{
    struct append *a = x->state;
    struct log_record record;
    struct tl_why why = {{0}, {0}};
    tl_err err = record_json_read(json, &record, line, agent, &why);
    if (err == TL_OK)
        err = caller_agent(x, record.agent, &why);
    if (err == TL_OK)
        err = log_batch_add(batch, &record, &why);
    if (err == TL_OK) {
        caller_said(x, record.agent);
        receipts_agent(&a->receipts, i, record.agent);
    } else
        receipts_bad(&a->receipts, i, err, &why);
    return our_failure(err) ? err : TL_OK;
}

static tl_err add_lines(struct exchange *x, struct log_batch *batch, slice body, slice agent)
{
    struct append *a = x->state;
    struct record_json json;
    record_json_init(&json);
    tl_err err = TL_OK;
    for (size_t i = 0; i < a->receipts.count && err == TL_OK; i++)
        err = add_line(x, &json, batch, i, next_line(&body), agent);
    record_json_finish(&json);
    return err == TL_OK ? buf_err(&a->receipts.bytes) : err;
}

static void answer_receipts(struct exchange *x)
{
    struct append *a = x->state;
    buf b;
    buf_init(&b, ANSWER_MAX);
    receipts_put(&b, &a->receipts);
    answer_take(x, 200, "application/x-ndjson", NULL, &b);
}

static void answer_refusal(struct exchange *x)
{
    struct append *a = x->state;
    tl_err first = TL_OK;
    for (size_t i = 0; first == TL_OK && i < a->receipts.count; i++)
        first = a->receipts.rows[i].err;
    bool forbidden = first == TL_E_FORBIDDEN;
    buf b;
    buf_init(&b, ANSWER_MAX);
    receipts_put_refusal(&b, &a->receipts);
    answer_take(x, forbidden ? 403 : 400, "application/json", NULL, &b);
}

/* On the owner thread. */
static void appended(void *ctx, const struct log_result *result)
{
    struct exchange *x = ctx;
    struct append *a = x->state;
    a->err = result->err;
    a->why = result->why;
    /* Not cosigned: which of them are stored is known, and of others why they are not. */
    if (result->err == TL_OK || result->err == TL_E_NOT_COSIGNED)
        receipts_take(&a->receipts, result);
    service_post(x);
}

/* Where nothing was stored, since no session could be opened: that line's error. Only where
 * the request can be repeated without others that came after it. */
static const struct receipt_row *no_session(const struct exchange *x)
{
    const struct append *a = x->state;
    if (a->receipts.bad < a->receipts.count || !exchange_is_alone(x))
        return NULL;
    for (size_t i = 0; i < a->receipts.count; i++)
        if (a->receipts.rows[i].err == TL_E_NO_QUOTE)
            return &a->receipts.rows[i];
    return NULL;
}

/* Lines that were not appended must not be taken for durable: each has its own error here. */
static void answer_not_cosigned(struct exchange *x)
{
    struct append *a = x->state;
    buf b;
    buf_init(&b, ANSWER_MAX);
    receipts_put_not_cosigned(&b, &a->receipts, &a->why);
    answer_take(x, tl_err_http(TL_E_NOT_COSIGNED), "application/json", NULL, &b);
}

static void resume(struct exchange *x)
{
    const struct append *a = x->state;
    tl_err err = a->err == TL_OK ? buf_err(&a->receipts.bytes) : a->err;
    const struct receipt_row *row = err == TL_OK ? no_session(x) : NULL;
    if (row)
        answer_error(x, row->err, row->why);
    else if (err == TL_OK)
        answer_receipts(x);
    else if (err == TL_E_NOT_COSIGNED && a->receipts.bad)
        answer_not_cosigned(x);
    else
        answer_error(x, err, &a->why);
}

/* Hands the batch over, or answers why not. */
static void submit(struct exchange *x, struct log_batch *batch, bool waits)
{
    struct append *a = x->state;
    x->resume = resume;
    service_hold(x);
    tl_err err = log_submit(x->service->log, batch, appended, x);
    if (err == TL_OK) {
        /* The batch has its own copy, and that goes once it is durable. */
        if (waits)
            body_drop(x, a->receipts.count * LINE_COST);
        return;
    }
    service_release(x);
    log_batch_free(batch);
    answer_error(x, log_refusal(x->service->log, err, &a->why), &a->why);
}

/* Makes x->state for a request of count lines; answers where it cannot. */
static bool begin(struct exchange *x, size_t count, bool full, bool partial)
{
    struct tl_why why = {{0}, {0}};
    size_t most = full ? HTTP_FULL_LINES_MAX : HTTP_LINES_MAX,
           room = memory_bodies(x->service) / LINE_COST;
    most = most < room ? most : room;
    tl_err err = TL_OK;
    struct append *a = NULL;
    if (REFUSED(count == 0))
        err = tl_explain(&why, TL_E_JSON, NULL, "there is no record in the body");
    else if (REFUSED(count > most))
        err = tl_explain(&why, TL_E_LIMIT, "lines", "a request may have at most %zu lines", most);
    else
        /* The records are sealed beside their text. */
        err = memory_take(x, x->body_got + count * LINE_COST, &why);
    if (err == TL_OK && !(a = calloc(1, sizeof *a)))
        err = TL_E_MEMORY;
    if (err == TL_OK)
        err = receipts_init(&a->receipts, count, KEPT_MAX);
    if (err != TL_OK) {
        append_free(a);
        answer_error(x, err, &why);
        return false;
    }
    a->partial = partial;
    a->receipts.full = full;
    struct log_info info;
    log_info(x->service->log, &info);
    a->receipts.simulated = info.simulated;
    a->receipts.witnesses = info.witnesses;
    x->state = a;
    x->state_free = append_free;
    return true;
}

struct options {
    bool full, partial;
    bool anew;            /* in new sessions */
    enum cose_alg alg;    /* 0: not said */
    unsigned cosigned_ms; /* to wait for witnesses; 0: not */
};

/* wait=cosigned and timeout=SECONDS */
static tl_err wait_options(const struct exchange *x, const struct http_param *wait,
                           const struct http_param *timeout, struct options *out,
                           struct tl_why *why)
{
    uint64_t seconds = WAIT_DEFAULT_S;
    struct log_info info;
    if (!wait->value.p)
        return timeout->value.p
                   ? tl_explain(why, TL_E_FIELD, "timeout", "is there for wait=cosigned alone")
                   : TL_OK;
    if (REFUSED(!slice_eq_str(wait->value, "cosigned")))
        return tl_explain(why, TL_E_FIELD, "wait", "must be cosigned where it is given");
    if (timeout->value.p &&
        (REFUSED(decimal_read(&seconds, timeout->value, WAIT_MOST_S) != TL_OK) ||
         REFUSED(seconds == 0)))
        return tl_explain(why, TL_E_FIELD, "timeout", "must be 1 to %d seconds", WAIT_MOST_S);
    log_info(x->service->log, &info);
    if (REFUSED(info.fence == LOG_UNWITNESSED))
        return tl_explain(why, TL_E_FIELD, "wait", "this log has no witnesses (--witnesses)");
    out->cosigned_ms = (unsigned)seconds * 1000;
    return TL_OK;
}

static bool options(struct exchange *x, struct http_param *params, struct options *out)
{
    struct tl_why why = {{0}, {0}};
    tl_err err = TL_OK;
    *out = (struct options){.full = slice_eq_str(params[1].value, "full"),
                            .partial = slice_eq_str(params[2].value, "1"),
                            .anew = slice_eq_str(params[6].value, "new")};
    if (params[1].value.p && REFUSED(!out->full))
        err = tl_explain(&why, TL_E_FIELD, "receipt", "must be full where it is given");
    else if (params[2].value.p && REFUSED(!out->partial))
        err = tl_explain(&why, TL_E_FIELD, "partial", "must be 1 where it is given");
    else if (params[3].value.p && REFUSED(!cose_alg_named(&out->alg, params[3].value)))
        err = tl_explain(&why, TL_E_FIELD, "alg", "must be ES256 or ES256K");
    else if (params[6].value.p && REFUSED(!out->anew))
        err = tl_explain(&why, TL_E_FIELD, "session", "must be new where it is given");
    else
        err = wait_options(x, &params[4], &params[5], out, &why);
    if (err != TL_OK)
        answer_error(x, err, &why);
    return err == TL_OK;
}

static tl_err batch_new(struct log_batch **out, const struct exchange *x, const struct options *o)
{
    tl_err err = log_batch_new(out, x->service->log, x->caller.admission);
    if (err != TL_OK)
        return err;
    log_batch_lane(*out, exchange_lane(x));
    if (x->caller.admitted)
        log_batch_peer(*out, x->caller.admitted->peer);
    if (o->full)
        log_batch_full(*out);
    if (o->alg)
        log_batch_alg(*out, o->alg);
    if (o->anew)
        log_batch_anew(*out);
    if (o->cosigned_ms)
        log_batch_cosigned(*out, o->cosigned_ms);
    if (caller_is_limited(x))
        log_batch_limit(*out);
    return TL_OK;
}

void post_records(struct exchange *x)
{
    struct http_query q = {{0}};
    struct http_param params[] = {{"agent"}, {"receipt"}, {"partial"}, {"alg"},
                                  {"wait"},  {"timeout"}, {"session"}};
    struct options o;
    slice body = {x->body, x->body_got};
    if (!query_or_answer(x, &q, params, 7) || !options(x, params, &o) ||
        !begin(x, count_lines(body), o.full, o.partial))
        return;
    struct append *a = x->state;
    struct log_batch *batch = NULL;
    uint64_t wait_ms = 0;
    if (caller_limit(x, x->service->records, (unsigned)a->receipts.count, &wait_ms, &a->why) !=
        TL_OK) {
        answer_rate(x, wait_ms, &a->why);
        return;
    }
    tl_err err = batch_new(&batch, x, &o);
    if (err == TL_OK)
        err = add_lines(x, batch, body, params[0].value);
    if (err == TL_OK && log_batch_count(batch) && (o.partial || a->receipts.bad == 0)) {
        submit(x, batch, o.cosigned_ms > 0);
        return;
    }
    log_batch_free(batch);
    if (err != TL_OK)
        answer_error(x, log_refusal(x->service->log, err, &a->why), &a->why);
    else if (o.partial)
        answer_receipts(x);
    else
        answer_refusal(x);
}
