/* What the agent says, which is logged before it goes on. */
#include "proxy/calls_own.h"

#include "base/refuse.h"
#include "codec/json_put.h"

#include <stdio.h>

#define REFUSED_CODE "-31001" /* outside of what JSON-RPC and MCP keep for themselves */

/* ---- refusals ---- */

void mcp_put_error(buf *b, slice id, slice tool, const char *why)
{
    char text[700];
    snprintf(text, sizeof text, "teelog: not called: %s", why);
    buf_str(b, "{\"jsonrpc\":\"2.0\",\"id\":");
    buf_bytes(b, id.p ? id : slice_str("null"));
    buf_str(b, ",\"error\":{\"code\":" REFUSED_CODE);
    mcp_content_why(b, "message", text);
    buf_str(b, ",\"data\":{\"teelog/refusal\":{");
    if (tool.p) {
        buf_str(b, "\"tool\":\"");
        buf_bytes(b, tool);
        buf_u8(b, '"');
    }
    buf_str(b, "}}}}");
}

/* Answers to every request in what was refused. */
static void put_answers(buf *b, const struct mcp_text *t, const char *why)
{
    struct mcp_messages all = mcp_messages_of(t);
    struct mcp_message m;
    const char *ignored;
    for (slice value; mcp_next(&all, &value);)
        if (mcp_from_agent(&m, value, &ignored) == TL_OK && m.request) {
            if (t->batch)
                buf_u8(b, b->n ? ',' : '[');
            mcp_put_error(b, m.id, m.tool, why);
        }
    if (t->batch && b->n)
        buf_u8(b, ']');
}

/* Whether each message of a text can be read. */
static tl_err readable(const struct mcp_text *t, const char **why)
{
    struct mcp_messages all = mcp_messages_of(t);
    struct mcp_message m;
    tl_err err = TL_OK;
    for (slice value; err == TL_OK && mcp_next(&all, &value);)
        err = mcp_from_agent(&m, value, why);
    return err;
}

static tl_err item_text(struct mcp_text *t, const struct mcp_item *item, const char **why)
{
    slice s = buf_slice(&item->text);
    return item->line ? mcp_line(t, s, why) : mcp_body(t, s, why);
}

static void refuse(struct mcp_item *item)
{
    const slice none = {NULL, 0};
    struct mcp_text t;
    const char *ignored;
    buf answer;
    buf_init(&answer, MCP_MESSAGE_MAX);
    for (struct mcp_call *call = item->calls; call; call = call->item_next)
        if (call->intent_known && !call->gone)
            mcp_call_outcome(call, "refusal", item->why);
    if (item_text(&t, item, &ignored) != TL_OK || readable(&t, &ignored) != TL_OK)
        mcp_put_error(&answer, none, none, item->why);
    else
        put_answers(&answer, &t, item->why);
    if (buf_err(&answer) != TL_OK) { /* a batch of very many */
        buf_reset(&answer);
        mcp_put_error(&answer, none, none, item->why);
    }
    if (answer.n && item->line)
        buf_u8(&answer, '\n');
    mcp_calls_part(item);
    buf_finish(&item->text);
    item->text = answer;
    item->state = MCP_ITEM_REFUSED;
}

/* One record less to wait for. */
static void settle(struct mcp_item *item)
{
    if (--item->waiting)
        return;
    if (item->why[0])
        refuse(item);
    else
        item->state = MCP_ITEM_READY;
}

void mcp_intent_done(void *ctx, const struct mcp_logged *l)
{
    struct mcp_call *call = ctx;
    struct mcp_item *item = call->item;
    bool gone = call->gone;
    if (l->fate == MCP_UNKNOWN)
        call->gone = true;
    else
        call->records--;
    if (l->fate == MCP_LOGGED) {
        call->intent = l->index;
        call->intent_known = true;
        call->simulated = l->simulated;
    }
    if (gone) { /* nobody waits for it; what is logged has not been done, and that is logged */
        if (l->fate == MCP_LOGGED)
            mcp_call_outcome(call, "refusal", "its record came too late");
        mcp_call_free(call);
        return;
    }
    if (l->fate != MCP_LOGGED && !item->why[0])
        snprintf(item->why, sizeof item->why, "%s", l->why);
    settle(item);
}

/* ---- what the agent says ---- */

/* Those that were cancelled are not waited for where there is no room. */
static bool room(struct mcp_calls *c)
{
    struct mcp_call *call = c->first;
    while (c->in_flight >= MCP_IN_FLIGHT && call) {
        struct mcp_call *next = call->next;
        if (call->cancelled) {
            mcp_call_remember(call);
            mcp_call_take_out(call);
            mcp_call_free(call);
        }
        call = next;
    }
    return c->in_flight < MCP_IN_FLIGHT;
}

static void refuse_for(struct mcp_item *item, const char *why)
{
    snprintf(item->why, sizeof item->why, "%s", why);
}

/* A call's intent goes into the log; until then its item waits. */
static void begin(struct mcp_item *item, struct mcp_call *call, buf *content)
{
    tl_err err = mcp_call_log(call, content, true);
    mcp_call_join(call, item);
    if (call->id.set)
        mcp_call_put_in(call);
    if (err == TL_OK)
        item->waiting++;
    else
        refuse_for(item, err == TL_E_FULL ? "too many records wait for the log" : tl_err_text(err));
}

static void begin_call(struct mcp_calls *c, struct mcp_item *item, const struct mcp_message *m,
                       const struct mcp_rule *rule, struct mcp_where where)
{
    if (item->why[0])
        return;
    struct mcp_call *call = mcp_call_new(c, MCP_TYPE_CALL, rule, m->tool, m->id, where);
    if (!call) {
        refuse_for(item, tl_err_text(TL_E_MEMORY));
        return;
    }
    if (c->broken[0] || !room(c)) {
        refuse_for(item, c->broken[0] ? c->broken : "too many calls are in flight");
        mcp_call_free(call);
        return;
    }
    c->strays = c->junk = 0;
    buf b;
    mcp_call_content(&b, call, "intent");
    mcp_content_keep(&b, m->more ? "params" : "arguments", m->more ? m->params : m->arguments,
                     rule->arguments, c->o->rules->text_max);
    begin(item, call, &b);
}

static void begin_unreadable(struct mcp_calls *c, struct mcp_item *item, struct mcp_where where,
                             const char *why)
{
    const slice none = {NULL, 0};
    struct mcp_call *call = mcp_call_new(c, MCP_TYPE_UNREADABLE, NULL, none, none, where);
    if (!call || c->broken[0]) {
        refuse_for(item, call ? c->broken : tl_err_text(TL_E_MEMORY));
        if (call)
            mcp_call_free(call);
        return;
    }
    buf b;
    mcp_call_content(&b, call, "intent");
    mcp_call_put_unreadable(&b, call, "agent", why, buf_slice(&item->text));
    begin(item, call, &b);
}

static void judge(struct mcp_calls *c, struct mcp_item *item, slice value, struct mcp_where where)
{
    struct mcp_message m;
    struct mcp_id id = {.set = false};
    const struct mcp_rule *rule = NULL;
    const char *ignored;
    if (mcp_from_agent(&m, value, &ignored) != TL_OK)
        return; /* it could be read a moment ago */
    if (m.kind == MCP_CALL)
        rule = mcp_rules_find(c->o->rules, m.tool);
    bool logged = rule && !rule->pass;
    if (m.request && mcp_id_read(&id, m.id) == TL_OK && mcp_id_used(c, &id, where, !logged))
        refuse_for(item, "another request with its id is not answered yet");
    if (logged)
        begin_call(c, item, &m, rule, where);
    else if (id.set)
        mcp_id_use(c, &id, where);
    item->cancels = item->cancels || m.kind == MCP_CANCEL;
}

void mcp_calls_from_agent(struct mcp_calls *c, struct mcp_item *item, struct mcp_where where)
{
    struct mcp_text t;
    const char *why = "it cannot be read";
    item->state = MCP_ITEM_HELD;
    item->waiting = 1; /* this function */
    tl_err err = item_text(&t, item, &why);
    bool json = err == TL_OK;
    if (err == TL_OK)
        err = readable(&t, &why);
    /* No honest agent says what two readers take for two things. */
    if (err != TL_OK &&
        (json || REFUSED(err == TL_E_DEPTH) || mcp_may_call(buf_slice(&item->text)))) {
        snprintf(item->why, sizeof item->why, "it may be a call, and cannot be read: %s", why);
    } else if (err != TL_OK) {
        begin_unreadable(c, item, where, why);
    } else {
        struct mcp_messages all = mcp_messages_of(&t);
        for (slice value; mcp_next(&all, &value);)
            judge(c, item, value, where);
    }
    settle(item);
}

/* ---- on its way ---- */

static void cancel(struct mcp_calls *c, const struct mcp_message *m, mcp_scope session)
{
    struct mcp_id id;
    if (session == 0 || mcp_id_read(&id, m->id) != TL_OK)
        return; /* whose it is cannot be told */
    struct mcp_call *call = c->first;
    while (call && (call->where.session != session || !call->sent || call->cancelled ||
                    !mcp_id_like(&call->id, &id)))
        call = call->next;
    if (!call)
        return;
    buf b;
    call->cancelled = true;
    mcp_call_content(&b, call, "cancelled");
    mcp_content_keep(&b, "reason", m->reason, call->rule->arguments, c->o->rules->text_max);
    if (mcp_call_log(call, &b, false) != TL_OK)
        return; /* which has been told */
}

void mcp_calls_go(struct mcp_calls *c, struct mcp_item *item, struct mcp_where where)
{
    struct mcp_text t;
    struct mcp_message m;
    const char *ignored;
    for (struct mcp_call *call = item->calls; call; call = call->item_next)
        call->sent = true;
    mcp_calls_part(item);
    if (!item->cancels || item_text(&t, item, &ignored) != TL_OK)
        return;
    item->cancels = false; /* once */
    struct mcp_messages all = mcp_messages_of(&t);
    for (slice value; mcp_next(&all, &value);)
        if (mcp_from_agent(&m, value, &ignored) == TL_OK && m.kind == MCP_CANCEL)
            cancel(c, &m, where.session);
}
