/* Who asks, and what he may do: drawn from the token of a request, and from where
 * it came in. */
#ifndef TL_HTTP_CALLER_H
#define TL_HTTP_CALLER_H

#include "http/limiter.h"
#include "log/tokens.h"
#include "tlog/body.h"

struct caller {
    uint8_t scopes;            /* of enum scope; 0: nobody that we know */
    enum admission admission;  /* of what it appends */
    const slice *agents;       /* the only ones it may speak for and read, borrowed; */
    size_t agent_count;        /* 0: any */
    struct tokens *tokens;     /* the table that token is in, a reference; or NULL */
    const struct token *token; /* that it showed, where it is one of the table */
    struct admitted *admitted; /* the attested peer that it is, a reference; or NULL */
    struct limit_key who;      /* for its limits; kind 0: it has none */
};
void caller_finish(struct caller *c);

struct exchange;
struct limiter;
/* Sets x->caller. TL_E_AUTH for a token that is not good; a request without one is
 * no error here. */
tl_err caller_find(struct exchange *x, struct tl_why *why) TL_MUST;
/* TL_E_AUTH where nobody is known, TL_E_FORBIDDEN where the caller has none of these
 * scopes. needs 0: anybody. */
tl_err caller_may(const struct exchange *x, uint8_t needs, struct tl_why *why) TL_MUST;
/* TL_E_FORBIDDEN where the caller is bound to other agents. */
tl_err caller_agent(const struct exchange *x, slice agent, struct tl_why *why) TL_MUST;
/* It has said something as this agent: an attested peer without a token speaks for no other. */
void caller_said(const struct exchange *x, slice agent);
/* The same for a query over the statements of agent; .p == NULL: of all. */
tl_err caller_query(const struct exchange *x, slice agent, struct tl_why *why) TL_MUST;
/* Takes count of what the caller may still do of this kind now: TL_E_RATE, and how many
 * ms until there is more, where nothing is left. */
tl_err caller_limit(const struct exchange *x, struct limiter *l, unsigned count, uint64_t *wait_ms,
                    struct tl_why *why) TL_MUST;
/* Whether there are limits at all for this caller. */
bool caller_is_limited(const struct exchange *x);
/* TL_E_AUTH where the token has been revoked, or has expired, since it was found: for
 * what is done, or goes on, after the head was read. */
tl_err caller_still(const struct exchange *x, struct tl_why *why) TL_MUST;

#endif
