#include "http/caller.h"

#include "base/refuse.h"
#include "crypto/secret.h"
#include "http/admitted.h"

#include <strings.h>

void caller_finish(struct caller *c)
{
    tokens_unref(c->tokens);
    admitted_unref(c->admitted);
    *c = (struct caller){.scopes = 0};
}

/* What a caller without a token may do: over TCP what is public. Who can open the socket (mode
 * 0600) stands inside the trust boundary, but for the command of `teelog run`, whose token says
 * that it is the command. */
static struct caller nobody(const struct exchange *x)
{
    struct caller c = {.admission = ADMISSION_BEARER};
    if (!REFUSED(conn_peer(x->conn) != NULL) && !x->service->config.run_token)
        c.scopes = SCOPE_ALL;
    return c;
}

static tl_err not_good(const struct http_service *s, struct tl_why *why)
{
    if (s->config.run_token)
        return tl_explain(why, TL_E_AUTH, "Authorization",
                          "this is not the token that `teelog run` gave to its command in "
                          "TEELOG_TOKEN");
    return tl_explain(why, TL_E_AUTH, "Authorization",
                      "the token is not one of this log's, or was revoked, or has expired");
}

/* RFC 6750 section 2.1; the scheme in any case (RFC 9110 section 11.1). */
static bool bearer(slice *token, slice value)
{
    static const char scheme[] = "Bearer ";
    size_t n = sizeof scheme - 1;
    if (REFUSED(value.n <= n) || REFUSED(strncasecmp((const char *)value.p, scheme, n) != 0))
        return false;
    *token = slice_of(value.p + n, value.n - n);
    return true;
}

static bool is_run_token(const struct http_service *s, slice token)
{
    const char *run = s->config.run_token;
    return run && token.n == strlen(run) &&
           !REFUSED(!secret_eq(token.p, (const uint8_t *)run, token.n));
}

/* Whoever has what the service's own command line has the digest of makes tokens for the others. */
static bool is_admin_token(const struct http_service *s, slice token)
{
    hash32 digest = sha256(token);
    return s->config.admin_digest && !REFUSED(!secret_eq(digest.b, s->config.admin_digest, 32));
}

static void run_child(struct exchange *x)
{
    x->caller = (struct caller){.scopes = SCOPE_APPEND,
                                .admission = ADMISSION_CHILD,
                                .agents = x->service->agents,
                                .agent_count = x->service->config.agent_count};
}

/* A token has one measure wherever it comes in; without one the address has. */
static struct limit_key limit_key(const struct exchange *x)
{
    const struct peer *peer = conn_peer(x->conn);
    struct limit_key key = {.kind = 0};
    if (x->caller.token) {
        key.kind = LIMIT_TOKEN;
        memcpy(key.b, x->caller.token->id, TOKEN_ID);
    } else if (peer) {
        key.kind = LIMIT_PEER;
        memcpy(key.b, peer->b, sizeof key.b);
    }
    return key;
}

/* An attested peer needs no token to append. With one it has that token's rights, and what it
 * appends is still a peer's. */
static void be_peer(struct exchange *x)
{
    struct caller *c = &x->caller;
    struct admitted *a = conn_admitted(x->conn);
    if (!a || (c->token && !(c->scopes & SCOPE_APPEND)))
        return;
    c->scopes |= SCOPE_APPEND;
    c->admission = ADMISSION_ATTESTED;
    c->admitted = admitted_ref(a);
}

static tl_err holder(struct exchange *x, slice text, struct tl_why *why)
{
    struct log *log = x->service->log;
    if (!log)
        return TL_OK; /* a witness has no tokens, and needs none */
    struct tokens *tokens = log_tokens(log);
    const struct token *t = tokens_find(tokens, text, log_clock(log));
    if (REFUSED(!t)) {
        tokens_unref(tokens);
        return not_good(x->service, why);
    }
    x->caller = (struct caller){.scopes = t->scopes,
                                .admission = ADMISSION_BEARER,
                                .agents = t->agents,
                                .agent_count = t->agent_count,
                                .tokens = tokens,
                                .token = t};
    be_peer(x);
    return TL_OK;
}

static tl_err find(struct exchange *x, struct tl_why *why)
{
    slice token;
    x->caller = nobody(x);
    if (!x->head.authorization.p) {
        be_peer(x);
        return TL_OK;
    }
    if (!bearer(&token, x->head.authorization))
        return tl_explain(why, TL_E_AUTH, "Authorization", "must be Bearer and a token");
    if (is_run_token(x->service, token))
        run_child(x);
    else if (is_admin_token(x->service, token))
        x->caller = (struct caller){.scopes = SCOPE_ADMIN, .admission = ADMISSION_BEARER};
    else
        return holder(x, token, why);
    return TL_OK;
}

tl_err caller_find(struct exchange *x, struct tl_why *why)
{
    tl_err err = find(x, why);
    x->caller.who = limit_key(x);
    return err;
}

tl_err caller_may(const struct exchange *x, uint8_t needs, struct tl_why *why)
{
    char scopes[64];
    if (needs == 0 || !REFUSED((x->caller.scopes & needs) == 0))
        return TL_OK;
    scopes_text(scopes, needs, " or ");
    if (x->caller.scopes)
        return tl_explain(why, TL_E_FORBIDDEN, "Authorization",
                          "this needs a token of scope %s, and this one is not", scopes);
    /* Who showed a certificate is told what is wrong with it, rather than what else there is. */
    tl_err refused = conn_refusal(x->conn, why);
    if (refused != TL_OK && needs & SCOPE_APPEND)
        return refused;
    if (x->service->config.run_token)
        return tl_explain(why, TL_E_AUTH, "Authorization",
                          "this needs the token that `teelog run` gave to its command in "
                          "TEELOG_TOKEN");
    return tl_explain(why, TL_E_AUTH, "Authorization",
                      "this needs a token of scope %s (`teelog token create` makes one)", scopes);
}

tl_err caller_agent(const struct exchange *x, slice agent, struct tl_why *why)
{
    const struct caller *c = &x->caller;
    const struct admitted *peer = c->token ? NULL : c->admitted;
    if (peer && peer->name.n && REFUSED(!slice_eq(agent, peer->name)))
        return tl_explain(why, TL_E_FORBIDDEN, "agentId",
                          "this peer speaks for %s, and without a token for no other agent",
                          peer->agent);
    if (c->agent_count == 0)
        return TL_OK;
    for (size_t i = 0; i < c->agent_count; i++)
        if (slice_eq(agent, c->agents[i]))
            return TL_OK;
    if (!c->token)
        return tl_explain(why, TL_E_FORBIDDEN, "agentId",
                          "agentId is not one of the agents that `teelog run` was started for");
    return tl_explain(why, TL_E_FORBIDDEN, "agentId",
                      "agentId is not one of the agents that this token is for");
}

void caller_said(const struct exchange *x, slice agent)
{
    if (x->caller.admitted && !x->caller.token)
        admitted_speaks(x->caller.admitted, agent);
}

tl_err caller_still(const struct exchange *x, struct tl_why *why)
{
    slice text;
    struct log *log = x->service->log;
    if (!x->caller.token || !bearer(&text, x->head.authorization))
        return TL_OK;
    struct tokens *tokens = log_tokens(log);
    bool good = tokens_find(tokens, text, log_clock(log)) != NULL;
    tokens_unref(tokens);
    return REFUSED(!good) ? not_good(x->service, why) : TL_OK;
}

tl_err caller_query(const struct exchange *x, slice agent, struct tl_why *why)
{
    if (caller_agent(x, agent, NULL) == TL_OK)
        return TL_OK;
    return tl_explain(why, TL_E_FORBIDDEN, "agent",
                      agent.p ? "this token is for other agents"
                              : "this token is for certain agents: name one with agent=ID");
}

bool caller_is_limited(const struct exchange *x)
{
    return x->caller.who.kind != 0;
}

tl_err caller_limit(const struct exchange *x, struct limiter *l, unsigned count, uint64_t *wait_ms,
                    struct tl_why *why)
{
    if (!caller_is_limited(x))
        return TL_OK;
    *wait_ms = limiter_take(l, &x->caller.who, count, stats_clock_us() / 1000);
    if (!REFUSED(*wait_ms))
        return TL_OK;
    return tl_explain(why, TL_E_RATE, NULL, "too many %s; come back later",
                      l == x->service->records ? "records" : "requests");
}
