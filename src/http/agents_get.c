/* GET /v1/agents: read on the owner thread and written here, both in slices. */
#include "http/agents_json.h"
#include "http/internal.h"

#include <stdlib.h>

#define ANSWER_MAX (64u << 20) /* bytes: 65,536 agents of 128 bytes have 24 MiB */
#define SLICE_US   1000        /* of writing, before others get their turn */
#define ROW_COST   (sizeof(struct log_agent) + 512) /* bytes, with its JSON */
#define A_REQUEST  64 /* agents that cost as much as any other request */

struct listing {
    struct log_agents *agents;
    size_t put; /* agents that stand in the answer */
    buf answer;
    tl_err err;
};

static void listing_free(void *state)
{
    struct listing *l = state;
    if (!l)
        return;
    log_agents_free(l->agents);
    buf_finish(&l->answer);
    free(l);
}

static void write_on(struct exchange *x)
{
    struct listing *l = x->state;
    uint64_t end = stats_clock_us() + SLICE_US;
    size_t n;
    const struct log_agent *rows = log_agents_rows(l->agents, &n);
    for (; l->put < n && stats_clock_us() < end; l->put++)
        agents_json_row(&l->answer, &rows[l->put], l->put == 0);
    if (l->put == n) {
        agents_json_end(&l->answer);
        answer_take(x, 200, "application/json", NULL, &l->answer);
        return;
    }
    x->resume = write_on;
    service_hold(x);
    service_post(x);
}

static void read_all(struct exchange *x)
{
    struct listing *l = x->state;
    struct log_info info;
    if (l->err != TL_OK) {
        answer_error(x, l->err, NULL);
        return;
    }
    log_info(x->service->log, &info);
    agents_json_begin(&l->answer, info.simulated);
    write_on(x);
}

/* On the owner thread. */
static void done(void *ctx, tl_err err)
{
    struct exchange *x = ctx;
    struct listing *l = x->state;
    l->err = err;
    service_post(x);
}

/* Strangers may ask for all agents, and there may be many. */
static bool pay_for(struct exchange *x)
{
    struct log_info info;
    struct tl_why why = {{0}, {0}};
    uint64_t wait_ms = 0;
    log_info(x->service->log, &info);
    unsigned more = (unsigned)(info.subjects / A_REQUEST);
    if (more == 0 || caller_limit(x, x->service->requests, more, &wait_ms, &why) == TL_OK)
        return true;
    answer_rate(x, wait_ms, &why);
    return false;
}

void get_agents(struct exchange *x)
{
    struct http_query q = {{0}};
    struct tl_why why = {{0}, {0}};
    struct log_info info;
    if (!query_or_answer(x, &q, NULL, 0) || !pay_for(x))
        return;
    tl_err err = answers_room(x, &why);
    log_info(x->service->log, &info);
    if (err == TL_OK)
        err = memory_take(x, (size_t)info.subjects * ROW_COST, &why);
    struct listing *l = err == TL_OK ? calloc(1, sizeof *l) : NULL;
    if (!l) {
        answer_error(x, err == TL_OK ? TL_E_MEMORY : err, &why);
        return;
    }
    buf_init(&l->answer, ANSWER_MAX);
    x->state = l;
    x->state_free = listing_free;
    x->resume = read_all;
    err = log_agents_new(&l->agents, x->service->log);
    if (err == TL_OK) {
        service_hold(x);
        err = log_agents_submit(l->agents, done, x);
        if (err == TL_OK)
            return;
        service_release(x);
    }
    answer_error(x, err, NULL);
}
