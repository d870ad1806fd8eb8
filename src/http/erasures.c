/* POST /v1/erasures: records by their indexes, or all that match, found page by page
 * and erased as many at a time as one request of the log takes. */
#include "base/refuse.h"
#include "codec/json_put.h"
#include "http/erasure_json.h"
#include "http/internal.h"
#include "log/erase.h"
#include "log/query.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define PAGE       QUERY_LIMIT_MAX
#define ANSWER_MAX (16u << 20) /* bytes */

struct erasure {
    struct erasure_ask ask;
    struct log_query *query; /* NULL for indexes */
    struct log_erase *erase;
    uint64_t from, to; /* what is still to be searched */
    bool more;
    uint64_t *found; /* room for ERASE_MAX */
    size_t found_count;

    uint64_t erased, already; /* so far */
    buf statements;           /* their indexes, with commas */
    uint64_t tree_size;
    buf checkpoint;
    bool simulated;
    tl_err err; /* of the step that the owner thread did last */
    struct tl_why why;
};

static void erasure_free(void *state)
{
    struct erasure *e = state;
    if (!e)
        return;
    log_query_free(e->query);
    log_erase_free(e->erase);
    erasure_ask_finish(&e->ask);
    buf_finish(&e->statements);
    buf_finish(&e->checkpoint);
    free(e->found);
    free(e);
}

/* ---- answers ---- */

static void answer_done(struct exchange *x)
{
    const struct erasure *e = x->state;
    buf b;
    buf_init(&b, ANSWER_MAX);
    buf_printf(&b, "{\"dryRun\":%s", e->ask.dry_run ? "true" : "false");
    json_put_number(&b, "erased", e->erased);
    json_put_number(&b, "already", e->already);
    buf_str(&b, ",\"statements\":[");
    buf_bytes(&b, buf_slice(&e->statements));
    buf_str(&b, "]");
    json_put_number(&b, "treeSize", e->tree_size);
    json_put_slice(&b, "checkpoint", buf_slice(&e->checkpoint));
    buf_str(&b, e->simulated ? ",\"simulated\":true}\n" : "}\n");
    answer_take(x, 200, "application/json", NULL, &b);
}

/* What was done before it went wrong stays done, and is said. */
static void answer_failure(struct exchange *x, tl_err err)
{
    struct erasure *e = x->state;
    struct tl_why why = e->why;
    if (e->erased && !e->ask.dry_run)
        (void)tl_explain(&why, err, e->why.field[0] ? e->why.field : NULL,
                         "%s. Before that %" PRIu64 " records were erased; repeat the request for "
                         "the rest",
                         tl_why_text(&e->why, err), e->erased);
    answer_error(x, err, &why);
}

/* ---- steps ---- */

static void step_done(void *ctx, tl_err err, const struct tl_why *why)
{
    struct exchange *x = ctx;
    struct erasure *e = x->state;
    e->err = err;
    if (err != TL_OK && why)
        e->why = *why;
    service_post(x);
}

static bool may_erase(void *ctx, slice agent)
{
    return caller_agent(ctx, agent, NULL) == TL_OK;
}

static tl_err ask_for_erasure(struct exchange *x, const uint64_t *indexes, size_t count)
{
    struct erasure *e = x->state;
    tl_err err = log_erase_new(&e->erase, x->service->log, indexes, count, e->ask.reason, &e->why);
    if (err != TL_OK)
        return err;
    log_erase_limit(e->erase, may_erase, x);
    if (e->ask.dry_run)
        log_erase_dry(e->erase);
    return log_erase_submit(e->erase, step_done, x);
}

static tl_err ask_for_page(struct exchange *x)
{
    struct erasure *e = x->state;
    struct log_query_options o = {.agent = e->ask.agent,
                                  .room = e->ask.room,
                                  .user = e->ask.user,
                                  .from = e->from,
                                  .to = e->to,
                                  .before_ms = e->ask.before_ms,
                                  .limit = PAGE};
    tl_err err = log_query_new(&e->query, x->service->log, &o, &e->why);
    return err == TL_OK ? log_query_submit(e->query, step_done, x) : err;
}

static void next(struct exchange *x);

/* Hands the next step to the owner thread, or ends. */
static void go(struct exchange *x, tl_err (*ask)(struct exchange *x))
{
    x->resume = next;
    service_hold(x);
    tl_err err = ask(x);
    if (err == TL_OK)
        return;
    service_release(x);
    answer_failure(x, err);
}

static tl_err erase_found(struct exchange *x)
{
    struct erasure *e = x->state;
    size_t n = e->found_count;
    e->found_count = 0;
    return ask_for_erasure(x, e->found, n);
}

static tl_err erase_named(struct exchange *x)
{
    const struct erasure *e = x->state;
    return ask_for_erasure(x, e->ask.indexes, e->ask.count);
}

static void take_page(struct erasure *e)
{
    size_t n;
    const struct log_row *rows = log_query_rows(e->query, &n);
    for (size_t i = 0; i < n; i++)
        e->found[e->found_count++] = rows[i].index;
    e->more = log_query_more(e->query, &e->from);
    log_query_free(e->query);
    e->query = NULL;
}

static void take_erasure(struct erasure *e)
{
    struct log_erasure done;
    log_erase_result(e->erase, &done);
    e->erased += done.count;
    e->already += done.already;
    for (size_t i = 0; i < done.statement_count; i++)
        buf_printf(&e->statements, "%s%" PRIu64, e->statements.n ? "," : "", done.statements[i]);
    e->tree_size = done.tree_size;
    buf_reset(&e->checkpoint);
    buf_bytes(&e->checkpoint, done.checkpoint);
    log_erase_free(e->erase);
    e->erase = NULL;
}

/* Found none: what the log is like now is said all the same. */
static tl_err look_up_tree(struct exchange *x)
{
    struct erasure *e = x->state;
    struct log_info info;
    if (e->tree_size)
        return TL_OK;
    log_info(x->service->log, &info);
    e->tree_size = info.size;
    return log_checkpoint(x->service->log, &e->checkpoint);
}

static void next(struct exchange *x)
{
    struct erasure *e = x->state;
    if (e->erase)
        take_erasure(e);
    else if (e->err == TL_OK)
        take_page(e);
    if (e->err == TL_OK && x->service->stopping && e->more)
        e->err = TL_E_STOPPING;
    if (e->err == TL_OK && (e->more || e->found_count))
        e->err = caller_still(x, &e->why);
    if (e->err != TL_OK)
        answer_failure(x, e->err);
    else if (e->more && e->found_count + PAGE <= ERASE_MAX)
        go(x, ask_for_page);
    else if (e->found_count)
        go(x, erase_found);
    else if ((e->err = look_up_tree(x)) != TL_OK)
        answer_failure(x, e->err);
    else
        answer_done(x);
}

/* ---- the request ---- */

/* A token that is bound to agents erases theirs alone. */
static tl_err bound(const struct exchange *x, struct erasure_ask *a, struct tl_why *why)
{
    const struct caller *c = &x->caller;
    if (a->agent.p)
        return caller_agent(x, a->agent, why);
    if (c->agent_count == 0)
        return TL_OK;
    if (c->agent_count == 1)
        a->agent = c->agents[0];
    return c->agent_count == 1
               ? TL_OK
               : tl_explain(why, TL_E_FIELD, "agent",
                            "this token is good for %zu agents: agent must name one",
                            c->agent_count);
}

static struct erasure *begin(struct exchange *x)
{
    struct tl_why why = {{0}, {0}};
    tl_err err = place_take(x, PLACE_ERASURE, &why);
    struct erasure *e = err == TL_OK ? calloc(1, sizeof *e) : NULL;
    if (!e) {
        answer_error(x, err != TL_OK ? err : TL_E_MEMORY, &why);
        return NULL;
    }
    e->to = TL_INT_MAX;
    buf_init(&e->statements, ANSWER_MAX / 2);
    buf_init(&e->checkpoint, NOTE_MAX);
    x->state = e;
    x->state_free = erasure_free;
    return e;
}

void post_erasures(struct exchange *x)
{
    struct http_query q = {{0}};
    struct log_info info;
    struct erasure *e = query_or_answer(x, &q, NULL, 0) ? begin(x) : NULL;
    if (!e)
        return;
    tl_err err = erasure_ask_read(&e->ask, slice_of(x->body, x->body_got), &e->why);
    if (err == TL_OK && !e->ask.indexes)
        err = bound(x, &e->ask, &e->why);
    if (err == TL_OK && !e->ask.indexes && !(e->found = malloc(ERASE_MAX * sizeof *e->found)))
        err = TL_E_MEMORY;
    if (err != TL_OK) {
        answer_error(x, err, &e->why);
        return;
    }
    log_info(x->service->log, &info);
    e->simulated = info.simulated;
    e->to = info.size; /* what comes while it runs is not meant */
    go(x, e->ask.indexes ? erase_named : ask_for_page);
}
