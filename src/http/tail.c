/* GET /v1/tail: what is appended, as server-sent events (WHATWG HTML section 9.2). Each
 * has the index after it as its id, and a client that gives the last one back, in
 * Last-Event-ID, goes on there.
 *
 * One query at a time asks for a tail's next rows, from where it is to the end of the
 * log; then it waits for the log to grow. Nothing is asked for while the client
 * has not taken what it was sent. */
#include "base/encoding.h"
#include "base/refuse.h"
#include "codec/json_put.h"
#include "http/filters.h"
#include "http/internal.h"
#include "http/row_json.h"

#include <stdio.h>
#include <stdlib.h>

#define ROWS_AT_ONCE  64
#define BYTES_AT_ONCE (256u << 10) /* of rows, past the first */
#define SLICE_MAX     (80u << 20)  /* bytes: a query's rows with each byte escaped */

/* How long commits are gathered before tails look again, and between two heartbeats. */
static const struct timeval pause_time = {0, 20000}, heartbeat_time = {15, 0};

struct tail {
    struct exchange *x;
    struct tail *next, **self; /* in the service's list */
    struct http_query text;    /* that the options borrow from */
    struct log_query_options options;
    struct log_query *query; /* under way, or NULL */
    uint64_t at;             /* every statement before it was looked at */
    bool simulated;
    tl_err err;
    struct tl_why why;
};

static void tail_free(void *state)
{
    struct tail *t = state;
    if (!t)
        return;
    *t->self = t->next;
    if (t->next)
        t->next->self = t->self;
    log_query_free(t->query);
    free(t);
}

static void put_event(buf *b, const struct log_row *row, bool simulated)
{
    buf_printf(b, "id: %llu\ndata: ", (unsigned long long)row->index + 1);
    row_json_put(b, row, (struct row_json){.simulated = simulated});
    buf_str(b, "\n\n");
}

/* Sends what the query found; *more: it has not come to its end. */
static tl_err send_rows(struct tail *t, bool *more)
{
    size_t n;
    const struct log_row *rows = log_query_rows(t->query, &n);
    buf b;
    buf_init(&b, SLICE_MAX);
    for (size_t i = 0; i < n; i++)
        put_event(&b, &rows[i], t->simulated);
    tl_err err = buf_err(&b);
    if (err == TL_OK) {
        answer_chunk(t->x, buf_slice(&b));
        *more = log_query_more(t->query, &t->at);
    }
    buf_finish(&b);
    return err;
}

/* A client that is told of an error as an event need not take the end for one. */
static void end(struct tail *t)
{
    buf b;
    buf_init(&b, 4096);
    if (t->err != TL_OK && t->err != TL_E_STOPPING) {
        buf_str(&b, "event: error\ndata: ");
        json_put_error(&b, t->err, &t->why, 0);
        buf_str(&b, "\n");
        answer_chunk(t->x, buf_slice(&b));
    }
    buf_finish(&b);
    answer_end(t->x);
}

/* On the owner thread. */
static void done(void *ctx, tl_err err, const struct tl_why *why)
{
    struct exchange *x = ctx;
    struct tail *t = x->state;
    t->err = err;
    if (err != TL_OK && why)
        t->why = *why;
    service_post(x);
}

static tl_err ask(struct tail *t)
{
    t->options.from = t->at;
    tl_err err = log_query_new(&t->query, t->x->service->log, &t->options, &t->why);
    if (err != TL_OK)
        return err;
    log_query_share(t->query);
    service_hold(t->x);
    err = log_query_submit(t->query, done, t->x);
    if (err == TL_OK)
        return TL_OK;
    service_release(t->x);
    log_query_free(t->query);
    t->query = NULL;
    return err;
}

static void wait_for_growth(struct http_service *s)
{
    pthread_mutex_lock(&s->lock);
    s->want_growth = true;
    pthread_mutex_unlock(&s->lock);
}

/* Asks for more, where there may be more and the client has room for it. */
static void step(struct tail *t)
{
    struct log_info info;
    if (t->query || t->x->complete || exchange_unsent(t->x) >= UNSENT_MAX)
        return;
    /* In this order: what is committed after the look at the size is heard of. */
    wait_for_growth(t->x->service);
    log_info(t->x->service->log, &info);
    if (t->at >= info.size)
        return;
    tl_err err = answers_room(t->x, &t->why);
    if (err == TL_OK)
        err = ask(t);
    if (err == TL_OK)
        return; /* t->err is the owner thread's now */
    t->err = err;
    end(t);
}

/* A tail that has caught up lets some commits gather. */
static void pause_tails(struct http_service *s)
{
    if (!event_pending(s->pause, EV_TIMEOUT, NULL))
        (void)event_add(s->pause, &pause_time);
}

static void resume(struct exchange *x)
{
    struct tail *t = x->state;
    bool more = false;
    if (t->err == TL_OK)
        t->err = caller_still(x, &t->why);
    if (t->err == TL_OK)
        t->err = send_rows(t, &more);
    log_query_free(t->query);
    t->query = NULL;
    if (t->err != TL_OK || x->service->stopping)
        end(t);
    else if (more)
        step(t);
    else
        pause_tails(x->service);
}

static void drained(struct exchange *x)
{
    step(x->state);
}

static void gone(struct exchange *x)
{
    const struct tail *t = x->state;
    log_query_cancel(t->query);
}

/* What was written outside of its connection's own turn goes out. */
static void run_conns(struct http_service *s)
{
    for (struct conn *c = s->conns, *next; c; c = next) {
        next = conn_next(c);
        conn_run(c);
    }
}

static void on_pause(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd, (void)what;
    struct http_service *s = ctx;
    for (struct tail *t = s->tails; t; t = t->next)
        step(t);
    run_conns(s);
}

/* Says that we are there, and up to where there was nothing. */
static void on_heartbeat(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd, (void)what;
    struct http_service *s = ctx;
    char text[80];
    for (struct tail *t = s->tails; t; t = t->next) {
        int n =
            snprintf(text, sizeof text, ": still here\nid: %llu\n\n", (unsigned long long)t->at);
        if (t->x->complete || exchange_unsent(t->x) >= UNSENT_MAX)
            continue;
        answer_chunk(t->x, slice_of(text, (size_t)n));
        /* One with a query under way, whose err is the owner thread's, looks after it. */
        if (!t->query && (t->err = caller_still(t->x, &t->why)) != TL_OK)
            end(t);
    }
    if (!s->tails)
        (void)event_del(s->heartbeat);
    run_conns(s);
}

tl_err tails_init(struct http_service *s)
{
    s->pause = evtimer_new(s->base, on_pause, s);
    s->heartbeat = event_new(s->base, -1, EV_PERSIST, on_heartbeat, s);
    return s->pause && s->heartbeat ? TL_OK : TL_E_MEMORY;
}

void tails_finish(struct http_service *s)
{
    if (s->pause)
        event_free(s->pause);
    if (s->heartbeat)
        event_free(s->heartbeat);
}

void tails_grown(struct http_service *s)
{
    if (s->tails)
        pause_tails(s);
}

void tails_stop(struct http_service *s)
{
    for (struct tail *t = s->tails; t; t = t->next) {
        if (t->query)
            log_query_cancel(t->query);
        else if (!t->x->complete)
            end(t);
    }
}

/* Where to begin: behind the last event that was seen, else from, else at the end. */
static tl_err position(struct tail *t, slice last, slice from, uint64_t size, struct tl_why *why)
{
    const char *field = last.p ? "Last-Event-ID" : "from";
    t->at = from.p ? t->options.from : size;
    if (last.p && REFUSED(decimal_read(&t->at, last, TL_INT_MAX) != TL_OK))
        return tl_explain(why, TL_E_FIELD, field, "must be the id of an event");
    if (REFUSED(t->at > size))
        return tl_explain(why, TL_E_FIELD, field,
                          "the log has %llu statements only: if it had more, this is another log, "
                          "or an older state of it",
                          (unsigned long long)size);
    return TL_OK;
}

static tl_err tail_new(struct exchange *x, struct tl_why *why)
{
    struct http_service *s = x->service;
    tl_err err = place_take(x, PLACE_TAIL, why);
    if (err != TL_OK)
        return err;
    struct tail *t = calloc(1, sizeof *t);
    if (!t)
        return TL_E_MEMORY;
    t->x = x;
    t->self = &s->tails;
    t->next = s->tails;
    if (t->next)
        t->next->self = &t->next;
    s->tails = t;
    x->state = t;
    x->state_free = tail_free;
    return TL_OK;
}

static tl_err options_read(struct exchange *x, const struct http_param *params, struct tl_why *why)
{
    struct tail *t = x->state;
    struct log_info info;
    tl_err err = filters_read(&t->options, params, FILTERS_TAIL, why);
    if (err == TL_OK)
        err = caller_query(x, t->options.agent, why);
    if (err != TL_OK)
        return err;
    log_info(x->service->log, &info);
    t->simulated = info.simulated;
    t->options.limit = ROWS_AT_ONCE;
    t->options.bytes =
        memory_page(x->service) < BYTES_AT_ONCE ? memory_page(x->service) : BYTES_AT_ONCE;
    err = position(t, x->head.last_event_id, params[BY_FROM].value, info.size, why);
    if (err != TL_OK)
        return err;
    /* A query that the log does not take is refused now. */
    t->options.from = t->at;
    err = log_query_new(&t->query, x->service->log, &t->options, why);
    log_query_free(t->query);
    t->query = NULL;
    return err;
}

void get_tail(struct exchange *x)
{
    struct http_param params[FILTERS] = {FILTER_NAMES};
    struct tl_why why = {{0}, {0}};
    tl_err err = tail_new(x, &why);
    struct tail *t = x->state;
    if (err == TL_OK && !query_or_answer(x, &t->text, params, FILTERS_TAIL))
        return;
    if (err == TL_OK)
        err = options_read(x, params, &why);
    if (err != TL_OK) {
        answer_error(x, err, &why);
        return;
    }
    char head[80];
    int n = snprintf(head, sizeof head, "retry: 1000\nid: %llu\n\n", (unsigned long long)t->at);
    x->close = x->endless = true;
    x->resume = resume;
    x->drained = drained;
    x->gone = gone;
    answer_chunked(x, "text/event-stream", NULL);
    answer_chunk(x, slice_of(head, (size_t)n));
    if (!event_pending(x->service->heartbeat, EV_TIMEOUT, NULL))
        (void)event_add(x->service->heartbeat, &heartbeat_time);
    step(t);
}
