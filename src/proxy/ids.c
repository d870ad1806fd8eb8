/* Whose answer is whose: ids that are in use, and calls that have been answered. */
#include "proxy/calls_own.h"

#include <string.h>

/* ---- calls that have been answered ---- */

struct mcp_call *mcp_call_again(const struct mcp_call *call)
{
    struct mcp_call *again = mcp_call_new(call->table, call->type, call->rule, call->about.tool,
                                          call->about.id, call->where);
    if (!again)
        return NULL;
    memcpy(again->about.nonce, call->about.nonce, sizeof again->about.nonce);
    again->intent = call->intent;
    again->intent_known = call->intent_known;
    again->simulated = call->simulated;
    return again;
}

void mcp_call_forget(struct mcp_calls *c)
{
    struct mcp_call *call = c->past;
    c->past = call->next;
    if (!c->past)
        c->past_last = &c->past;
    c->past_count--;
    mcp_call_free(call);
}

void mcp_call_remember(const struct mcp_call *call)
{
    struct mcp_calls *c = call->table;
    struct mcp_call *past = mcp_call_again(call);
    if (!past)
        return;
    *c->past_last = past;
    c->past_last = &past->next;
    if (++c->past_count > MCP_IN_FLIGHT)
        mcp_call_forget(c);
}

/* ---- ids ---- */

bool mcp_where_meets(struct mcp_where here, struct mcp_where there)
{
    /* The stream of `initialize` begins before there is a session. */
    return here.answers == there.answers || here.session == there.session || !here.session ||
           !there.session;
}

bool mcp_where_shares_ids(struct mcp_where here, struct mcp_where there)
{
    return here.answers == there.answers || (here.session && here.session == there.session);
}

bool mcp_id_used(const struct mcp_calls *c, const struct mcp_id *id, struct mcp_where where,
                 bool by_calls_alone)
{
    for (const struct mcp_call *call = c->first; call; call = call->next)
        if (mcp_where_shares_ids(where, call->where) && mcp_id_like(&call->id, id))
            return true;
    for (size_t i = 0; !by_calls_alone && i < MCP_IN_FLIGHT; i++)
        if (mcp_where_shares_ids(where, c->others[i].where) && mcp_id_like(&c->others[i].id, id))
            return true;
    return false;
}

void mcp_id_use(struct mcp_calls *c, const struct mcp_id *id, struct mcp_where where)
{
    size_t at = c->next_other;
    for (size_t i = 0; i < MCP_IN_FLIGHT && c->others[at].id.set; i++)
        at = (at + 1) % MCP_IN_FLIGHT;
    c->others[at] = (struct mcp_other){*id, where};
    c->next_other = (at + 1) % MCP_IN_FLIGHT; /* where none is free, the oldest is forgotten */
}

bool mcp_id_release(struct mcp_calls *c, const struct mcp_id *id, struct mcp_where where, bool here)
{
    for (size_t i = 0; i < MCP_IN_FLIGHT; i++)
        if ((!here || where.answers == c->others[i].where.answers) &&
            mcp_where_shares_ids(where, c->others[i].where) && mcp_id_like(&c->others[i].id, id)) {
            c->others[i].id.set = false;
            return true;
        }
    return false;
}

void mcp_ids_end(struct mcp_calls *c, mcp_scope scope)
{
    for (size_t i = 0; i < MCP_IN_FLIGHT; i++)
        if (c->others[i].where.answers == scope)
            c->others[i].id.set = false;
}
