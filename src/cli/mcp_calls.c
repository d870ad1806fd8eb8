#include "cli/mcp_own.h"

#include "base/refuse.h"
#include "cli/cli.h"
#include "codec/json_put.h"
#include "mcp/text.h"

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
    *out = c;
    return TL_OK;
}

void mcp_calls_free(struct mcp_calls *c)
{
    while (c && c->first) {
        struct mcp_call *call = c->first;
        mcp_call_take_out(call);
        call->records = 0;
        mcp_call_free(call);
    }
    free(c);
}

struct mcp_call *mcp_call_new(struct mcp_calls *c, const char *type, const struct mcp_rule *rule,
                              slice tool, slice id, struct mcp_where where)
{
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
    if (buf_err(&call->spelt) != TL_OK || (id.p && mcp_id_read(&call->id, id) != TL_OK)) {
        buf_finish(&call->spelt);
        free(call);
        return NULL;
    }
    call->about.server = c->o->server;
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
        mcp_call_free(call);
    }
}

void mcp_calls_drop(struct mcp_calls *c, struct mcp_item *item)
{
    (void)c;
    /* Of the agent, and never passed on: it was not to be done. */
    for (struct mcp_call *call = item->calls; call && !item->until; call = call->item_next) {
        if (call->intent_known && !call->gone)
            mcp_call_outcome(call, "refusal", "the agent, or the server, has gone");
        call->gone = true;
    }
    mcp_calls_part(item);
    buf_finish(&item->text);
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
    cli_say("mcp: %s", c->broken);
}

/* ---- records ---- */

void mcp_call_content(buf *b, const struct mcp_call *call, const char *phase)
{
    buf_init(b, MCP_CONTENT_MAX);
    mcp_content_begin(b, phase, &call->about);
}

tl_err mcp_call_log(struct mcp_call *call, buf *content, bool intent)
{
    mcp_content_end(content);
    tl_err err = mcp_log_add(call->table->log, call->type, content,
                             !intent && call->intent_known ? &call->intent : NULL, intent,
                             intent ? mcp_intent_done : mcp_outcome_done, call);
    if (err == TL_OK)
        call->records++;
    else if (!intent)
        mcp_break(call->table, tl_err_text(err));
    return err;
}

void mcp_call_outcome(struct mcp_call *call, const char *phase, const char *reason)
{
    buf b;
    mcp_call_content(&b, call, phase);
    mcp_content_text(&b, "reason", reason);
    if (mcp_call_log(call, &b, false) != TL_OK)
        return; /* which has been told */
}

/* ---- their ends ---- */

void mcp_calls_end(struct mcp_calls *c, mcp_scope scope, const char *reason)
{
    for (struct mcp_call *call = c->first, *next; call; call = next) {
        next = call->next;
        if (call->where.answers != scope)
            continue;
        if (!call->cancelled)
            mcp_call_outcome(call, "failure", reason);
        mcp_call_take_out(call);
        mcp_call_free(call);
    }
}

void mcp_calls_move(struct mcp_calls *c, mcp_scope from, mcp_scope to)
{
    for (struct mcp_call *call = c->first; call; call = call->next)
        if (call->where.answers == from)
            call->where.answers = to;
}

size_t mcp_calls_in_flight(const struct mcp_calls *c, mcp_scope scope)
{
    size_t n = 0;
    for (const struct mcp_call *call = c->first; call; call = call->next)
        n += call->where.answers == scope;
    return n;
}
