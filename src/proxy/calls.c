#include "proxy/calls_own.h"

#include "base/encoding.h"
#include "codec/json_put.h"
#include "crypto/secret.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- items and calls ---- */

struct mcp_item *mcp_item_new(buf *text, bool line)
{
    struct mcp_item *item = calloc(1, sizeof *item);
    if (!item) {
        buf_finish(text);
        return NULL;
    }
    item->text = *text;
    buf_init(&item->judged, MCP_MESSAGE_MAX + 1);
    item->line = line;
    item->last = &item->calls;
    return item;
}

tl_err mcp_calls_new(struct mcp_calls **out, const struct mcp_calls_options *o, struct mcp_log *log)
{
    struct mcp_calls *c = calloc(1, sizeof *c);
    if (!c)
        return TL_E_MEMORY;
    c->o = o;
    c->log = log;
    c->last = &c->first;
    c->past_last = &c->past;
    *out = c;
    return TL_OK;
}

static void free_all(struct mcp_call *first)
{
    for (struct mcp_call *call = first, *next; call; call = next) {
        next = call->next;
        buf_finish(&call->spelt);
        free(call);
    }
}

void mcp_calls_free(struct mcp_calls *c)
{
    if (!c)
        return;
    free_all(c->first);
    free_all(c->past);
    free(c);
}

struct mcp_call *mcp_call_new(struct mcp_calls *c, const char *type, const struct mcp_rule *rule,
                              slice tool, slice id, struct mcp_where where)
{
    uint8_t random[16];
    struct mcp_call *call = calloc(1, sizeof *call);
    if (!call)
        return NULL;
    call->table = c;
    call->where = where;
    call->type = type;
    call->rule = rule;
    buf_init(&call->spelt, MCP_MESSAGE_MAX);
    buf_bytes(&call->spelt, tool);
    buf_bytes(&call->spelt, id);
    if (buf_err(&call->spelt) != TL_OK || (id.p && mcp_id_read(&call->id, id) != TL_OK) ||
        random_bytes(random, sizeof random) != TL_OK) {
        buf_finish(&call->spelt);
        free(call);
        return NULL;
    }
    call->about.server = c->o->server;
    hex_text(call->about.nonce, random, sizeof random);
    if (tool.p)
        call->about.tool = slice_of(call->spelt.p, tool.n);
    if (id.p)
        call->about.id = slice_of(call->spelt.p + tool.n, id.n);
    return call;
}

void mcp_call_free(struct mcp_call *call)
{
    if (call->records || call->item || call->in_flight)
        return;
    buf_finish(&call->spelt);
    free(call);
}

void mcp_call_put_in(struct mcp_call *call)
{
    struct mcp_calls *c = call->table;
    call->next = NULL;
    *c->last = call;
    c->last = &call->next;
    c->in_flight++;
    call->in_flight = true;
}

void mcp_call_take_out(struct mcp_call *call)
{
    struct mcp_calls *c = call->table;
    struct mcp_call **at = &c->first;
    while (*at != call)
        at = &(*at)->next;
    *at = call->next;
    if (c->last == &call->next)
        c->last = at;
    c->in_flight--;
    call->in_flight = false;
}

/* ---- items and their calls ---- */

void mcp_call_join(struct mcp_call *call, struct mcp_item *item)
{
    call->item = item;
    call->item_next = NULL;
    *item->last = call;
    item->last = &call->item_next;
}

void mcp_calls_part(struct mcp_item *item)
{
    struct mcp_call *call = item->calls;
    item->calls = NULL;
    item->last = &item->calls;
    for (struct mcp_call *next; call; call = next) {
        next = call->item_next;
        call->item = NULL;
        if (call->in_flight && !call->sent)
            mcp_call_take_out(call);
        mcp_call_free(call);
    }
}

void mcp_calls_drop(struct mcp_item *item)
{
    /* Of the agent, and never passed on: it was not to be done. */
    for (struct mcp_call *call = item->calls; call && !item->until; call = call->item_next) {
        if (call->intent_known && !call->gone)
            mcp_call_outcome(call, "refusal", "the agent, or the server, has gone");
        call->gone = true;
    }
    mcp_calls_part(item);
    buf_finish(&item->text);
    buf_finish(&item->judged);
    free(item);
}

void mcp_break(struct mcp_calls *c, const char *why)
{
    if (c->broken[0])
        return;
    snprintf(c->broken, sizeof c->broken,
             "what came of an earlier call cannot be logged, so none is made until the proxy is "
             "started again: %s",
             why);
    mcp_log_say(c->log, "%s", c->broken);
}

/* ---- records ---- */

void mcp_call_content(buf *b, const struct mcp_call *call, const char *phase)
{
    buf_init(b, MCP_CONTENT_MAX);
    mcp_content_begin(b, phase, &call->about);
}

tl_err mcp_call_log(struct mcp_call *call, buf *content, bool intent)
{
    buf_u8(content, '}');
    tl_err err = mcp_log_add(call->table->log, call->type, content,
                             !intent && call->intent_known ? &call->intent : NULL, intent,
                             intent ? mcp_intent_done : mcp_outcome_done, call);
    if (err == TL_OK)
        call->records++;
    else if (!intent)
        mcp_break(call->table, tl_err_text(err));
    return err;
}

void mcp_call_put_unreadable(buf *b, const struct mcp_call *call, const char *from, const char *why,
                             slice message)
{
    const struct mcp_rules *rules = call->table->o->rules;
    json_put_member(b, "from", from);
    json_put_member(b, "why", why);
    mcp_content_bytes(b, "message", message,
                      mcp_rules_hide(rules) ? MCP_KEEP_DIGEST : MCP_KEEP_TEXT, rules->text_max);
}

void mcp_call_outcome(struct mcp_call *call, const char *phase, const char *reason)
{
    buf b;
    mcp_call_content(&b, call, phase);
    mcp_content_why(&b, "reason", reason);
    if (mcp_call_log(call, &b, false) != TL_OK)
        return; /* which has been told */
}

/* ---- their ends ---- */

static void end(struct mcp_call *call, const char *reason)
{
    if (!call->cancelled)
        mcp_call_outcome(call, "failure", reason);
    mcp_call_remember(call);
    mcp_call_take_out(call);
    mcp_call_free(call);
}

void mcp_calls_end(struct mcp_calls *c, mcp_scope scope, const char *reason)
{
    for (struct mcp_call *call = c->first, *next; call; call = next) {
        next = call->next;
        if (call->sent && call->where.answers == scope)
            end(call, reason);
    }
}

void mcp_calls_move(struct mcp_calls *c, mcp_scope from, mcp_scope to, int64_t until)
{
    for (struct mcp_call *call = c->first; call; call = call->next)
        if (call->sent && call->where.answers == from) {
            call->where.answers = to;
            call->until = until;
        }
}

int64_t mcp_calls_due(const struct mcp_calls *c)
{
    int64_t due = INT64_MAX;
    for (const struct mcp_call *call = c->first; call; call = call->next)
        if (call->until && call->until < due)
            due = call->until;
    return due;
}

void mcp_calls_overdue(struct mcp_calls *c, int64_t now)
{
    for (struct mcp_call *call = c->first, *next; call; call = next) {
        next = call->next;
        if (call->until && call->until <= now)
            end(call, "the stream broke off, and its answer has not come");
    }
}

bool mcp_calls_await(const struct mcp_calls *c, struct mcp_where where)
{
    for (const struct mcp_call *call = c->first; call; call = call->next)
        if (call->sent && mcp_where_meets(where, call->where))
            return true;
    return false;
}

bool mcp_calls_answered(const struct mcp_calls *c, struct mcp_where where)
{
    const struct mcp_call *call = c->past;
    while (call && !mcp_where_meets(where, call->where))
        call = call->next;
    return call != NULL;
}

bool mcp_calls_full(const struct mcp_calls *c)
{
    return mcp_log_full(c->log);
}
