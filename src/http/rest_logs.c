/* POST /tee/logs. */
#include "base/refuse.h"
#include "codec/json_put.h"
#include "http/rest.h"

#include <stdlib.h>

static const struct log_session *signer(const struct rest *r, uint64_t session)
{
    size_t n;
    const struct log_session *s = log_sessions_rows(r->sessions, &n);
    for (size_t i = 0; i < n; i++)
        if (s[i].index == session)
            return &s[i];
    return NULL;
}

static void put_row(struct rest *r, size_t i)
{
    size_t n;
    const struct log_row *row = &log_query_rows(r->query, &n)[i];
    if (i)
        buf_str(&r->answer, ",");
    rest_put_row(&r->answer, row, signer(r, row->session));
}

static void put_end(struct rest *r)
{
    buf_str(&r->answer, "]}");
    buf_bytes(&r->answer, buf_slice(&r->asked));
    rest_put_log(&r->answer, &r->info, r->time_ms);
    buf_str(&r->answer, "}");
}

static void signers_found(struct exchange *x)
{
    struct rest *r = x->state;
    buf *b = &r->answer;
    if (r->err != TL_OK) {
        answer_error(x, r->err, &r->why);
        return;
    }
    (void)log_query_rows(r->query, &r->count);
    r->put_row = put_row;
    r->put_end = put_end;
    buf_str(b, "{\"logs\":{\"page\":");
    json_put_uint(b, r->ask.page);
    json_put_number(b, "pageSize", r->ask.page_size);
    json_put_number(b, "total", log_query_total(r->query));
    buf_str(b, ",\"data\":[");
    rest_write(x);
}

/* Rows that stand together are of one session as a rule. */
static size_t sessions_of(uint64_t *out, const struct log_row *rows, size_t count)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        size_t k = n;
        while (k && out[k - 1] != rows[i].session)
            k--;
        if (k == 0)
            out[n++] = rows[i].session;
    }
    return n;
}

static tl_err find_signers(struct exchange *x)
{
    struct rest *r = x->state;
    uint64_t next, sessions[QUERY_LIMIT_MAX];
    size_t n;
    const struct log_row *rows = log_query_rows(r->query, &n);
    if (r->err != TL_OK)
        return r->err;
    if (REFUSED(n < r->ask.page_size && log_query_more(r->query, &next)))
        return tl_explain(&r->why, TL_E_LIMIT, "pageSize",
                          "these rows do not fit into one answer; ask for a smaller page");
    n = sessions_of(sessions, rows, n);
    return log_sessions_at(&r->sessions, x->service->log, sessions, n);
}

static void rows_found(struct exchange *x)
{
    struct rest *r = x->state;
    tl_err err = find_signers(x);
    if (err != TL_OK)
        answer_error(x, err, &r->why);
    else
        rest_sessions(x, signers_found);
}

/* Nobody waits for it any more. */
static void gone(struct exchange *x)
{
    const struct rest *r = x->state;
    if (r->query)
        log_query_cancel(r->query);
}

/* A token that is bound to one agent asks for that one. */
static tl_err bound(const struct exchange *x, struct rest_ask *a, struct tl_why *why)
{
    const struct caller *c = &x->caller;
    if (a->agent.p)
        return caller_agent(x, a->agent, why);
    if (c->agent_count == 1)
        a->agent = c->agents[0];
    return c->agent_count > 1
               ? tl_explain(why, TL_E_FIELD, "agentId",
                            "this token is good for %zu agents: agentId must name one",
                            c->agent_count)
               : TL_OK;
}

static tl_err make_query(struct exchange *x, struct rest *r)
{
    const struct rest_ask *a = &r->ask;
    struct log_query_options o = {.agent = a->agent,
                                  .room = a->room,
                                  .user = a->user,
                                  .type = a->type,
                                  .text = a->text,
                                  .to = r->info.size, /* what the answer is the state of */
                                  .after_ms = a->start_ms,
                                  .before_ms = a->has_end ? a->end_ms + 1 : UINT64_MAX,
                                  .limit = (size_t)a->page_size,
                                  .skip = (a->page - 1) * a->page_size,
                                  .total = true};
    tl_err err = log_query_new(&r->query, x->service->log, &o, &r->why);
    if (err == TL_OK)
        log_query_share(r->query);
    return err;
}

void post_tee_logs(struct exchange *x)
{
    struct http_query q = {{0}};
    struct rest *r = query_or_answer(x, &q, NULL, 0) ? rest_begin(x) : NULL;
    if (!r)
        return;
    tl_err err = rest_ask_read(&r->ask, slice_of(x->body, x->body_got), &r->why);
    if (err == TL_OK)
        err = bound(x, &r->ask, &r->why);
    if (err == TL_OK) {
        rest_put_ask(&r->asked, &r->ask);
        err = make_query(x, r);
    }
    if (err == TL_OK) {
        x->resume = rows_found;
        x->gone = gone;
        service_hold(x);
        err = log_query_submit(r->query, rest_done, x);
        if (err == TL_OK)
            return;
        service_release(x);
    }
    answer_error(x, err, &r->why);
}
