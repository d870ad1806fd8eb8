/* What the server answers, and the receipt in it. */
#include "cli/mcp_own.h"

#include "codec/json_put.h"
#include "mcp/splice.h"
#include "mcp/text.h"

#include <stdio.h>

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

/* Puts the receipts in. Where that cannot be, the text stays what it is. */
static void splice(struct mcp_item *item)
{
    buf out, receipt;
    slice whole = buf_slice(&item->text), rest = whole;
    buf_init(&out, MCP_MESSAGE_MAX + (MCP_MESSAGE_MAX >> 4));
    buf_init(&receipt, 4096);
    for (const struct mcp_call *call = item->calls; call; call = call->item_next) {
        struct mcp_splice s;
        slice result = slice_of(whole.p + call->result_at, call->result_n);
        if (call->result_n == 0 || !call->intent_known || !mcp_splice_find(&s, result))
            continue;
        buf_reset(&receipt);
        put_receipt(&receipt, call);
        if (buf_err(&receipt) == TL_OK)
            rest = mcp_splice_put(&out, rest, &s, buf_slice(&receipt));
    }
    buf_bytes(&out, rest);
    buf_finish(&receipt);
    if (buf_err(&out) != TL_OK || rest.p == whole.p) {
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
    if (l->fate == MCP_LOGGED) {
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

void mcp_calls_expire(struct mcp_calls *c, struct mcp_item *item, int64_t now)
{
    (void)c;
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

static struct mcp_call *find(struct mcp_calls *c, slice spelt, mcp_scope scope)
{
    struct mcp_id id;
    if (mcp_id_read(&id, spelt) != TL_OK)
        return NULL;
    struct mcp_call *call = c->first;
    while (call && (call->where.answers != scope || !mcp_id_eq(&call->id, &id)))
        call = call->next;
    return call;
}

static void answer(struct mcp_calls *c, struct mcp_item *item, const struct mcp_message *m,
                   mcp_scope scope)
{
    struct mcp_call *call = m->kind == MCP_ANSWER ? find(c, m->id, scope) : NULL;
    buf b;
    if (!call)
        return;
    mcp_call_content(&b, call, m->error.p ? "error" : "result");
    if (m->result.p && is_true(m->result, "isError"))
        mcp_content_true(&b, "isError");
    if (call->cancelled)
        mcp_content_true(&b, "late");
    mcp_content_keep(&b, m->error.p ? "error" : "result", m->error.p ? m->error : m->result,
                     call->rule->result, c->o->rules->text_max);
    call->outcome_known = false; /* that of a cancellation is another */
    if (m->result.p) {
        call->result_at = (size_t)(m->result.p - item->text.p);
        call->result_n = m->result.n;
    }
    mcp_call_take_out(call);
    mcp_call_join(call, item);
    if (mcp_call_log(call, &b, false) == TL_OK)
        item->waiting++;
}

/* It may be an answer to any that are in flight. */
static void unreadable(struct mcp_calls *c, struct mcp_item *item, mcp_scope scope, const char *why)
{
    static const struct mcp_rule rule = {.glob = "*"};
    const slice none = {NULL, 0};
    if (mcp_calls_in_flight(c, scope) == 0)
        return;
    const struct mcp_where where = {scope, scope};
    struct mcp_call *call = mcp_call_new(c, MCP_TYPE_UNREADABLE, &rule, none, none, where);
    if (!call)
        return;
    buf b;
    mcp_call_content(&b, call, "result");
    mcp_content_text(&b, "from", "server");
    mcp_content_text(&b, "why", why);
    mcp_content_bytes(&b, "message", buf_slice(&item->text),
                      mcp_rules_hide(c->o->rules) ? MCP_KEEP_DIGEST : MCP_KEEP_TEXT,
                      c->o->rules->text_max);
    mcp_call_join(call, item);
    if (mcp_call_log(call, &b, false) == TL_OK)
        item->waiting++;
}

static tl_err read_all(struct mcp_calls *c, struct mcp_item *item, const struct mcp_text *t,
                       mcp_scope scope, bool act, const char **why)
{
    struct mcp_message m;
    struct text_walk w = text_walk_of(t->value);
    if (!t->batch) {
        tl_err err = t->value.n ? mcp_from_server(&m, t->value, why) : TL_OK;
        if (err == TL_OK && t->value.n && act)
            answer(c, item, &m, scope);
        return err;
    }
    for (struct text_part p; text_next(&w, &p);) {
        tl_err err = mcp_from_server(&m, p.value, why);
        if (err != TL_OK)
            return err;
        if (act)
            answer(c, item, &m, scope);
    }
    return text_end(&w);
}

void mcp_calls_from_server(struct mcp_calls *c, struct mcp_item *item, mcp_scope scope)
{
    struct mcp_text t;
    const char *why = "it cannot be read";
    slice s = buf_slice(&item->text);
    item->state = MCP_ITEM_HELD;
    item->until = mcp_now() + MCP_HOLD;
    item->waiting = 1; /* this function */
    tl_err err = item->line ? mcp_line(&t, s, &why) : mcp_body(&t, s, &why);
    if (err == TL_OK)
        err = read_all(c, item, &t, scope, false, &why);
    if (err == TL_OK)
        err = read_all(c, item, &t, scope, true, &why);
    else
        unreadable(c, item, scope, why);
    if (--item->waiting == 0)
        release(item);
}
