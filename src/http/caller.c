#include "http/caller.h"

#include "base/refuse.h"
#include "crypto/secret.h"
#include "http/internal.h"

/* The token of `teelog run`: what it admits is its child. */
static tl_err run_child(struct exchange *x, const char *token, struct tl_why *why)
{
    static const char scheme[] = "Bearer ";
    slice given = x->head.authorization;
    bool bearer = slice_starts(given, slice_of(scheme, sizeof scheme - 1));
    size_t n = strlen(token);
    if (REFUSED(!bearer) || REFUSED(given.n != sizeof scheme - 1 + n) ||
        REFUSED(!secret_eq(given.p + sizeof scheme - 1, (const uint8_t *)token, n)))
        return tl_explain(why, TL_E_AUTH, "Authorization",
                          "this needs the token that `teelog run` gave to its command in "
                          "TEELOG_TOKEN");
    x->caller.scopes = SCOPE_APPEND;
    return TL_OK;
}

tl_err caller_find(struct exchange *x, struct tl_why *why)
{
    const struct http_config *c = &x->service->config;
    x->caller = (struct caller){.scopes = SCOPE_ALL, .admission = ADMISSION_BEARER};
    if (!c->run_token)
        return TL_OK;
    x->caller = (struct caller){
        .admission = ADMISSION_CHILD, .agents = c->agents, .agent_count = c->agent_count};
    return x->head.authorization.p ? run_child(x, c->run_token, why) : TL_OK;
}

tl_err caller_may(const struct exchange *x, uint8_t needs, struct tl_why *why)
{
    if (needs == 0 || !REFUSED((x->caller.scopes & needs) == 0))
        return TL_OK;
    return tl_explain(why, TL_E_AUTH, "Authorization",
                      "this needs the token that `teelog run` gave to its command in "
                      "TEELOG_TOKEN");
}

tl_err caller_agent(const struct exchange *x, slice agent, struct tl_why *why)
{
    const struct caller *c = &x->caller;
    if (c->agent_count == 0)
        return TL_OK;
    for (size_t i = 0; i < c->agent_count; i++)
        if (slice_eq_str(agent, c->agents[i]))
            return TL_OK;
    return tl_explain(why, TL_E_AUTH, "agentId",
                      "agentId is not one of the agents that `teelog run` was started for");
}

tl_err caller_query(const struct exchange *x, slice agent, struct tl_why *why)
{
    if (x->caller.agent_count && REFUSED(!agent.p))
        return tl_explain(why, TL_E_AUTH, "agent",
                          "this token is for certain agents: name one of them with agent=ID");
    return caller_agent(x, agent, why);
}
