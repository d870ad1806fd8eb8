/* What the server answers, and the receipt in it. */
#include "cli/mcp_calls_own.h"

#include "codec/json_put.h"
#include "mcp/splice.h"
#include "mcp/text.h"

#include <stdio.h>

#define STRAYS 16 /* records of what a server was not asked for, for each call */

static void put_receipt(buf *b, const struct mcp_call *call)
{
    buf_str(b, "{\"intent\":");
    json_put_uint(b, call->intent);
    if (call->outcome_known)
        json_put_number(b, "result", call->outcome);
    else
        buf_str(b, ",\"result\":null");
    if (!call->outcome_known && !call->table->broken[0])
        json_put_bool(b, "pending", true);
    json_put_member(b, "log", mcp_log_name(call->table->log));
    if (call->outcome_known)
        json_put_member(b, "class", call->class);
    if (call->simulated)
        json_put_bool(b, "simulated", true);
    buf_u8(b, '}');
}

static bool has_results(const struct mcp_item *item)
{
    for (const struct mcp_call *call = item->calls; call; call = call->item_next)
        if (call->result_n && call->intent_known)
            return true;
    return false;
}

/* Puts the receipts in. Where that cannot be, the text stays what it is. */
static void splice(struct mcp_item *item)
{
    buf out, receipt;
    bool done = false;
    slice whole = buf_slice(&item->text), rest = whole;
    if (!has_results(item))
        return;
    buf_init(&out, MCP_MESSAGE_MAX + (MCP_MESSAGE_MAX >> 4));
    buf_init(&receipt, 4096);
    for (const struct mcp_call *call = item->calls; call; call = call->item_next) {
        slice result = slice_of(whole.p + call->result_at, call->result_n);
        if (call->result_n == 0 || !call->intent_known)
            continue;
        buf_reset(&receipt);
        put_receipt(&receipt, call);
        buf_bytes(&out, slice_of(rest.p, (size_t)(result.p - rest.p)));
        if (buf_err(&receipt) == TL_OK && mcp_splice(&out, result, buf_slice(&receipt)))
            done = true;
        else
            buf_bytes(&out, result);
        rest = slice_of(result.p + result.n, (size_t)(whole.p + whole.n - result.p) - result.n);
    }
    buf_bytes(&out, rest);
    buf_finish(&receipt);
    if (buf_err(&out) != TL_OK || !done) {
        buf_finish(&out);
        return;
    }
    buf_finish(&item->text);
    item->text = out;
    item->spliced = true;
}

/* On it goes. */
static void release(struct mcp_item *item)
{
    splice(item);
    item->state = MCP_ITEM_READY;
    mcp_calls_part(item);
}

void mcp_outcome_done(void *ctx, const struct mcp_logged *l)
{
    struct mcp_call *call = ctx;
    struct mcp_item *item = call->item;
    call->records--;
    if (l->fate == MCP_LOGGED && call->records == 0) { /* else it is of its cancellation */
        call->outcome = l->index;
        call->outcome_known = true;
        call->simulated = l->simulated;
        snprintf(call->class, sizeof call->class, "%.*s", (int)l->class.n,
                 (const char *)l->class.p);
    } else if (l->fate == MCP_REFUSED) {
        mcp_break(call->table, l->why);
    }
    /* A record of its cancellation may have been before that of its answer. */
    if (item && call->records == 0 && --item->waiting == 0)
        release(item);
    else if (!item)
        mcp_call_free(call);
}

void mcp_calls_expire(struct mcp_item *item, int64_t now)
{
    if (item->state == MCP_ITEM_HELD && item->until && now >= item->until)
        release(item);
}

/* ---- what the server says ---- */

static bool is_true(slice object, const char *name)
{
    struct text_walk w = text_walk_of(object);
    bool found = false;
    for (struct text_part p; text_next(&w, &p);)
        if (text_is(p.name, name))
            found = slice_eq_str(p.value, "true");
    return found;
}

/* The oldest with this id, rather on its own stream than on another of the session. */
static struct mcp_call *find(struct mcp_call *first, const struct mcp_id *id,
                             struct mcp_where where)
{
    struct mcp_call *other = NULL;
    for (struct mcp_call *call = first; call; call = call->next) {
        if (!mcp_where_meets(where, call->where) || !mcp_id_like(&call->id, id))
            continue;
        if (call->where.answers == where.answers)
            return call;
        other = other ? other : call;
    }
    return other;
}

/* What came of looking for whose answer it is. */
enum finding {
    NOBODYS,
    OTHERS, /* a request's that is not logged */
    FIRST,
    AGAIN, /* of one that was answered before, or has not been asked: who knows which the agent
              takes */
};

static enum finding answered(struct mcp_call **out, struct mcp_calls *c, slice spelt,
                             struct mcp_where where)
{
    struct mcp_id id;
    if (mcp_id_read(&id, spelt) != TL_OK)
        return NOBODYS;
    struct mcp_call *call = find(c->first, &id, where);
    if (call && call->sent) {
        mcp_call_take_out(call);
        mcp_call_remember(call);
        *out = call;
        return FIRST;
    }
    if (!call && mcp_id_release(c, &id, where))
        return OTHERS;
    if (!call)
        call = find(c->past, &id, where);
    if (!call)
        return NOBODYS;
    *out = ++c->strays > STRAYS ? NULL : mcp_call_again(call);
    return *out ? AGAIN : OTHERS;
}

static void log_answer(struct mcp_item *item, const struct mcp_message *m, struct mcp_call *call,
                       bool again)
{
    const char *phase = m->error.p ? "error" : "result";
    buf b;
    mcp_call_content(&b, call, phase);
    if (m->result.p && is_true(m->result, "isError"))
        json_put_bool(&b, "isError", true);
    if (call->cancelled)
        json_put_bool(&b, "late", true);
    if (again)
        json_put_bool(&b, "again", true);
    mcp_content_keep(&b, phase, m->error.p ? m->error : m->result, call->rule->result,
                     call->table->o->rules->text_max);
    call->outcome_known = false; /* that of a cancellation is another */
    if (m->result.p) {
        call->result_at = (size_t)(m->result.p - item->text.p);
        call->result_n = m->result.n;
    }
    mcp_call_join(call, item);
    if (mcp_call_log(call, &b, false) == TL_OK)
        item->waiting++;
}

/* False: to nothing that was asked. */
static bool answer(struct mcp_calls *c, struct mcp_item *item, const struct mcp_message *m,
                   struct mcp_where where)
{
    struct mcp_call *call = NULL;
    enum finding found = answered(&call, c, m->id, where);
    if (call)
        log_answer(item, m, call, found == AGAIN);
    return found != NOBODYS;
}

/* It may be an answer to any that are in flight. */
static void stray(struct mcp_calls *c, struct mcp_item *item, struct mcp_where where,
                  const char *why)
{
    const slice none = {NULL, 0};
    if (!mcp_calls_await(c, where) || ++c->strays > STRAYS + 1)
        return;
    struct mcp_call *call = mcp_call_new(c, MCP_TYPE_UNREADABLE, NULL, none, none, where);
    if (!call)
        return;
    buf b;
    mcp_call_content(&b, call, "result");
    mcp_call_put_unreadable(&b, call, "server",
                            c->strays > STRAYS ? "there are more, which are not recorded" : why,
                            buf_slice(&item->text));
    mcp_call_join(call, item);
    if (mcp_call_log(call, &b, false) == TL_OK)
        item->waiting++;
}

static tl_err readable(const struct mcp_text *t, const char **why)
{
    struct mcp_messages all = mcp_messages_of(t);
    struct mcp_message m;
    tl_err err = TL_OK;
    for (slice value; err == TL_OK && mcp_next(&all, &value);)
        err = mcp_from_server(&m, value, why);
    return err;
}

static void take_all(struct mcp_calls *c, struct mcp_item *item, const struct mcp_text *t,
                     struct mcp_where where)
{
    struct mcp_messages all = mcp_messages_of(t);
    struct mcp_message m;
    const char *ignored;
    bool lost = false;
    for (slice value; mcp_next(&all, &value);)
        if (mcp_from_server(&m, value, &ignored) == TL_OK && m.kind == MCP_ANSWER)
            lost = !answer(c, item, &m, where) || lost;
    if (lost) /* others may read its id otherwise */
        stray(c, item, where, "it is an answer to no request");
}

void mcp_calls_from_server(struct mcp_calls *c, struct mcp_item *item, struct mcp_where where)
{
    struct mcp_text t;
    const char *why = "it cannot be read";
    slice s = buf_slice(&item->text);
    item->state = MCP_ITEM_HELD;
    item->until = clock_ms() + MCP_HOLD;
    item->waiting = 1; /* this function */
    tl_err err = item->line ? mcp_line(&t, s, &why) : mcp_body(&t, s, &why);
    if (err == TL_OK)
        err = readable(&t, &why);
    if (err == TL_OK)
        take_all(c, item, &t, where);
    else
        stray(c, item, where, why);
    if (--item->waiting == 0)
        release(item);
}
