#include "http/rest.h"

#include "base/refuse.h"
#include "log/quoter.h"

#include <stdlib.h>
#include <time.h>

#define SLICE_US 1000 /* of writing, before others get their turn */

static void rest_free(void *state)
{
    struct rest *r = state;
    if (!r)
        return;
    log_query_free(r->query);
    log_sessions_free(r->sessions);
    rest_ask_finish(&r->ask);
    if (r->hash)
        (void)sha256_stream_end(r->hash);
    buf_finish(&r->asked);
    buf_finish(&r->answer);
    buf_finish(&r->quote);
    free(r);
}

struct rest *rest_begin(struct exchange *x)
{
    struct timespec now;
    struct tl_why why = {{0}, {0}};
    tl_err err = place_take(x, PLACE_REST, &why);
    if (err == TL_OK)
        err = answers_room(x, &why);
    struct rest *r = err == TL_OK ? calloc(1, sizeof *r) : NULL;
    if (!r) {
        answer_error(x, err != TL_OK ? err : TL_E_MEMORY, &why);
        return NULL;
    }
    buf_init(&r->asked, REST_ANSWER_MAX);
    buf_init(&r->answer, REST_ANSWER_MAX);
    buf_init(&r->quote, TEE_QUOTE_MAX);
    log_info(x->service->log, &r->info);
    clock_gettime(CLOCK_REALTIME, &now);
    r->time_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    x->state = r;
    x->state_free = rest_free;
    return r;
}

void rest_done(void *ctx, tl_err err, const struct tl_why *why)
{
    struct exchange *x = ctx;
    struct rest *r = x->state;
    r->err = err;
    if (err != TL_OK && why)
        r->why = *why;
    service_post(x);
}

void rest_sessions(struct exchange *x, void (*resume)(struct exchange *x))
{
    struct rest *r = x->state;
    x->resume = resume;
    service_hold(x);
    tl_err err = log_sessions_submit(r->sessions, rest_done, x);
    if (err == TL_OK)
        return;
    service_release(x);
    answer_error(x, err, NULL);
}

static tl_err written(struct rest *r)
{
    tl_err err = buf_err(&r->answer);
    return REFUSED(err == TL_E_LIMIT)
               ? tl_explain(&r->why, err, "pageSize",
                            "these rows do not fit into one answer; ask for a smaller page")
               : err;
}

/* The quote goes in before the answer's last brace. */
static void quoted(struct exchange *x)
{
    struct rest *r = x->state;
    tl_err err = r->err == TL_OK ? buf_err(&r->quote) : r->err;
    if (err == TL_OK)
        err = caller_still(x, &r->why);
    if (err == TL_OK) {
        r->answer.n--;
        buf_str(&r->answer, ",\"attestation\":");
        rest_put_attestation(&r->answer, buf_slice(&r->quote), r->time_ms);
        buf_str(&r->answer, "}");
        err = written(r);
    }
    if (err == TL_OK)
        answer_take(x, 200, "application/json", NULL, &r->answer);
    else
        answer_error(x, err, &r->why);
}

/* On the quoting thread. */
static void quote_done(void *ctx, tl_err err, const struct evidence *e, const struct tl_why *why)
{
    struct exchange *x = ctx;
    struct rest *r = x->state;
    buf_bytes(&r->quote, e->quote);
    rest_done(x, err, why);
}

/* Counts what is written of the answer, unless there is too much already. */
static tl_err count(struct exchange *x)
{
    struct rest *r = x->state;
    tl_err err = written(r);
    if (err == TL_OK)
        err = memory_take(x, r->answer.cap - r->counted, &r->why);
    if (err == TL_OK)
        r->counted = r->answer.cap;
    return err;
}

static void attest(struct exchange *x)
{
    struct rest *r = x->state;
    uint8_t report_data[64];
    /* What the rows were read into is no longer needed. */
    log_query_free(r->query);
    log_sessions_free(r->sessions);
    r->query = NULL;
    r->sessions = NULL;
    hash32 hash = sha256_stream_end(r->hash);
    r->hash = NULL;
    rest_report_data(report_data, &hash, &r->ask.nonce);
    x->resume = quoted;
    service_hold(x);
    tl_err err = log_quote_submit(x->service->log, report_data, quote_done, x, &r->why);
    if (err == TL_OK)
        return;
    service_release(x);
    answer_error(x, err, &r->why);
}

void rest_write(struct exchange *x)
{
    struct rest *r = x->state;
    buf *b = &r->answer;
    uint64_t end = stats_clock_us() + SLICE_US;
    while (r->put < r->count && buf_err(b) == TL_OK && stats_clock_us() < end)
        r->put_row(r, r->put++);
    bool more = r->put < r->count && buf_err(b) == TL_OK;
    if (!more)
        r->put_end(r);
    if (!r->hash)
        r->hash = sha256_stream_new();
    sha256_stream_add(r->hash, slice_of(b->p + r->hashed, b->n - r->hashed));
    r->hashed = b->n;
    tl_err err = count(x);
    if (err != TL_OK) {
        answer_error(x, err, &r->why);
        return;
    }
    if (!more) {
        attest(x);
        return;
    }
    x->resume = rest_write;
    service_hold(x);
    service_post(x);
}
