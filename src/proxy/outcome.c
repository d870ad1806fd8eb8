/* What the server answers, and the receipt in it. */
#include "proxy/calls_own.h"

#include "base/encoding.h"
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
    const uint8_t *read = item->judged.n ? item->judged.p : whole.p;
    if (item->withheld || !has_results(item))
        return;
    buf_init(&out, MCP_MESSAGE_MAX + (MCP_MESSAGE_MAX >> 4));
    buf_init(&receipt, 4096);
    for (const struct mcp_call *call = item->calls; call; call = call->item_next) {
        slice result = slice_of(whole.p + call->result_at, call->result_n);
        slice as_read = slice_of(read + call->result_at, call->result_n);
        if (call->result_n == 0 || !call->intent_known)
            continue;
        buf_reset(&receipt);
        put_receipt(&receipt, call);
        buf_bytes(&out, slice_of(rest.p, (size_t)(result.p - rest.p)));
        if (buf_err(&receipt) == TL_OK && mcp_splice(&out, as_read, result.p, buf_slice(&receipt)))
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

/* The oldest with this id; here: whose answer comes in this very place. */
static struct mcp_call *find(struct mcp_call *first, const struct mcp_id *id,
                             struct mcp_where where, bool here)
{
    for (struct mcp_call *call = first; call; call = call->next)
        if ((here ? call->where.answers == where.answers
                  : mcp_where_shares_ids(where, call->where)) &&
            mcp_id_like(&call->id, id))
            return call;
    return NULL;
}

/* What came of looking for whose answer it is. */
enum finding {
    NOBODYS,
    OTHERS, /* a request's that is not logged */
    FIRST,
    AGAIN, /* of one that was answered before, or has not been asked: who knows which the agent
              takes */
};

/* Without sessions nobody knows whose answer it is that comes elsewhere: it is nobody's, then. */
static enum finding answered(struct mcp_call **out, struct mcp_calls *c, slice spelt,
                             struct mcp_where where)
{
    struct mcp_id id;
    struct mcp_call *call = NULL;
    if (mcp_id_read(&id, spelt) != TL_OK)
        return NOBODYS;
    for (int here = 1; !call && here >= 0; here--) {
        call = find(c->first, &id, where, here);
        if (!call && mcp_id_release(c, &id, where, here))
            return OTHERS;
    }
    if (call && call->sent) {
        mcp_call_take_out(call);
        mcp_call_remember(call);
        *out = call;
        return FIRST;
    }
    for (int here = 1; !call && here >= 0; here--)
        call = find(c->past, &id, where, here);
    *out = call ? mcp_call_again(call) : NULL;
    return *out ? AGAIN : NOBODYS;
}

static void log_answer(struct mcp_item *item, const struct mcp_message *m, struct mcp_call *call,
                       bool again)
{
    const char *phase = m->error.p ? "error" : "result";
    const uint8_t *read = item->judged.n ? item->judged.p : item->text.p;
    slice value = m->error.p ? m->error : m->result;
    enum mcp_keep keep = call->rule->result;
    buf b;
    value = slice_of(item->text.p + (value.p - read), value.n);
    if (keep == MCP_KEEP_TEXT && item->judged.n && !utf8_valid(value)) /* no record may have it */
        keep = MCP_KEEP_DIGEST;
    mcp_call_content(&b, call, phase);
    if (m->result.p && is_true(m->result, "isError"))
        json_put_bool(&b, "isError", true);
    if (call->cancelled)
        json_put_bool(&b, "late", true);
    if (again)
        json_put_bool(&b, "again", true);
    mcp_content_keep(&b, phase, value, keep, call->table->o->rules->text_max);
    call->outcome_known = false; /* that of a cancellation is another */
    if (m->result.p) {
        call->result_at = (size_t)(m->result.p - read);
        call->result_n = m->result.n;
    }
    mcp_call_join(call, item);
    if (mcp_call_log(call, &b, false) == TL_OK)
        item->waiting++;
}

/* More than any honest server sends: it does not reach the agent, who may take it for an answer. */
static void withhold(struct mcp_calls *c, struct mcp_item *item)
{
    if (c->strays == STRAYS + 1)
        mcp_log_say(c->log,
                    "the server answers what it was not asked; that is withheld from now on");
    buf_finish(&item->text);
    item->withheld = true;
}

/* One more; whether it is over the bound. *first: the first that is. */
static bool is_over(unsigned *count, bool *first)
{
    if (*count <= STRAYS + 1)
        ++*count;
    *first = *count == STRAYS + 1;
    return *count > STRAYS;
}

static void log_stray(struct mcp_calls *c, struct mcp_item *item, struct mcp_where where,
                      const char *why)
{
    const slice none = {NULL, 0};
    struct mcp_call *call = mcp_call_new(c, MCP_TYPE_UNREADABLE, NULL, none, none, where);
    if (!call)
        return;
    buf b;
    mcp_call_content(&b, call, "result");
    mcp_call_put_unreadable(&b, call, "server", why, buf_slice(&item->text));
    mcp_call_join(call, item);
    if (mcp_call_log(call, &b, false) == TL_OK)
        item->waiting++;
}

/* It may be an answer to one that is in flight, or was answered before. */
static void stray(struct mcp_calls *c, struct mcp_item *item, struct mcp_where where,
                  const char *why)
{
    bool junk = !memchr(item->text.p, '{', item->text.n), first;
    if (!mcp_calls_await(c, where) && (junk || !mcp_calls_answered(c, where)))
        return;
    bool over = is_over(junk ? &c->junk : &c->strays, &first);
    if (!over || first)
        log_stray(c, item, where, over ? "there are more, which are not recorded" : why);
    if (over && !junk)
        withhold(c, item);
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
    bool lost = false, over = false, first;
    for (slice value; mcp_next(&all, &value);) {
        struct mcp_call *call = NULL;
        if (mcp_from_server(&m, value, &ignored) != TL_OK || m.kind != MCP_ANSWER)
            continue;
        enum finding found = answered(&call, c, m.id, where);
        lost = lost || found == NOBODYS;
        over = over || (found == AGAIN && is_over(&c->strays, &first));
        if (call && over && found == AGAIN)
            mcp_call_free(call);
        else if (call)
            log_answer(item, &m, call, found == AGAIN);
    }
    if (lost) /* others may read its id otherwise */
        stray(c, item, where, "it is an answer to no request");
    if (over && !item->withheld)
        withhold(c, item);
}

/* As a client reads it that takes what is no UTF-8 for something, whatever that is: with as many
 * bytes. */
static slice readable_text(struct mcp_item *item)
{
    slice s = buf_slice(&item->text);
    if (utf8_valid(s))
        return s;
    buf_bytes(&item->judged, s);
    if (buf_err(&item->judged) != TL_OK)
        return s;
    for (size_t i = 0, n; i < s.n; i += n ? n : 1) {
        n = utf8_character(slice_of(s.p + i, s.n - i));
        if (n == 0)
            item->judged.p[i] = '?';
    }
    return buf_slice(&item->judged);
}

void mcp_calls_from_server(struct mcp_calls *c, struct mcp_item *item, struct mcp_where where)
{
    struct mcp_text t;
    const char *why = "it cannot be read";
    slice s = readable_text(item);
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
