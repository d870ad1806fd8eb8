/* GET /tee/agents and GET /tee/agents/ID. */
#include "base/refuse.h"
#include "codec/json_put.h"
#include "http/rest.h"

#define AGENT "/tee/agents/"

static void put_row(struct rest *r, size_t i)
{
    size_t n;
    if (i)
        buf_str(&r->answer, ",");
    rest_put_agent(&r->answer, &log_sessions_rows(r->sessions, &n)[i]);
}

static void put_end(struct rest *r)
{
    if (!r->single) {
        buf_str(&r->answer, "]");
        json_put_number(&r->answer, "total", log_sessions_total(r->sessions));
    }
    buf_bytes(&r->answer, buf_slice(&r->asked));
    r->info.size = log_sessions_tree(r->sessions, &r->info.root);
    rest_put_log(&r->answer, &r->info, r->time_ms);
    buf_str(&r->answer, "}");
}

static tl_err check_found(struct rest *r)
{
    if (r->err != TL_OK)
        return r->err;
    (void)log_sessions_rows(r->sessions, &r->count);
    if (r->single && r->count == 0)
        return tl_explain(&r->why, TL_E_NOT_FOUND, NULL, "Agent not found");
    if (REFUSED(!r->single && !r->paged && r->count < log_sessions_total(r->sessions)))
        return tl_explain(&r->why, TL_E_LIMIT, "pageSize",
                          "there are more than %d agents: ask for them a page at a time",
                          QUERY_LIMIT_MAX);
    return TL_OK;
}

static void found(struct exchange *x)
{
    struct rest *r = x->state;
    tl_err err = check_found(r);
    if (err != TL_OK) {
        answer_error(x, err, &r->why);
        return;
    }
    r->put_row = put_row;
    r->put_end = put_end;
    buf_str(&r->answer, r->single ? "{\"agent\":" : "{\"agents\":[");
    rest_write(x);
}

static void ask(struct exchange *x, const slice *agents, size_t count)
{
    struct rest *r = x->state;
    uint64_t skip = (r->ask.page - 1) * r->ask.page_size;
    tl_err err = log_sessions_latest(&r->sessions, x->service->log, agents, count, skip,
                                     (size_t)r->ask.page_size);
    if (err != TL_OK)
        answer_error(x, err, NULL);
    else
        rest_sessions(x, found);
}

static tl_err read_params(struct rest *r, const struct http_param *p, struct tl_why *why)
{
    r->ask.page = 1;
    r->ask.page_size = QUERY_LIMIT_MAX;
    r->paged = p[1].value.p || p[2].value.p;
    tl_err err = p[0].value.p ? rest_nonce_read(&r->ask.nonce, p[0].value, why) : TL_OK;
    if (err == TL_OK && p[1].value.p)
        err = rest_number_read(&r->ask.page, "page", p[1].value, REST_PAGE_MAX, why);
    if (err == TL_OK && p[2].value.p)
        err = rest_number_read(&r->ask.page_size, "pageSize", p[2].value, QUERY_LIMIT_MAX, why);
    return err;
}

void get_tee_agents(struct exchange *x)
{
    struct http_query q = {{0}};
    struct http_param params[] = {{"nonce"}, {"page"}, {"pageSize"}};
    const struct caller *c = &x->caller;
    struct rest *r = query_or_answer(x, &q, params, 3) ? rest_begin(x) : NULL;
    if (!r)
        return;
    tl_err err = read_params(r, params, &r->why);
    if (err != TL_OK) {
        answer_error(x, err, &r->why);
        return;
    }
    buf_str(&r->asked, ",\"query\":{\"page\":");
    json_put_uint(&r->asked, r->ask.page);
    json_put_number(&r->asked, "pageSize", r->ask.page_size);
    for (size_t i = 0; i < c->agent_count; i++) {
        buf_str(&r->asked, i ? "," : ",\"agentIds\":[");
        json_put_canonical(&r->asked, c->agents[i]);
    }
    buf_str(&r->asked, c->agent_count ? "]}" : "}");
    ask(x, c->agents, c->agent_count);
}

/* The id at the path's end, decoded into id. */
static tl_err read_id(slice *out, uint8_t id[HTTP_HEAD_MAX], slice path, struct tl_why *why)
{
    size_t n = strlen(AGENT);
    uint8_t *at = id;
    tl_err err = http_percent_read(&at, "agentId", slice_of(path.p + n, path.n - n), why);
    if (err == TL_OK)
        *out = slice_of(id, (size_t)(at - id));
    return err;
}

void get_tee_agent(struct exchange *x)
{
    struct http_query q = {{0}};
    struct http_param params[] = {{"nonce"}};
    uint8_t mem[HTTP_HEAD_MAX];
    slice id;
    struct rest *r = query_or_answer(x, &q, params, 1) ? rest_begin(x) : NULL;
    if (!r)
        return;
    r->single = true;
    r->ask.page = r->ask.page_size = 1;
    tl_err err =
        params[0].value.p ? rest_nonce_read(&r->ask.nonce, params[0].value, &r->why) : TL_OK;
    if (err == TL_OK)
        err = read_id(&id, mem, x->head.path, &r->why);
    if (err == TL_OK)
        err = caller_agent(x, id, &r->why);
    if (err != TL_OK)
        answer_error(x, err, &r->why);
    else
        ask(x, &id, 1);
}
