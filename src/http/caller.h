/* Who asks, and what he may do: drawn from the token of a request, and from where
 * it came in. */
#ifndef TL_HTTP_CALLER_H
#define TL_HTTP_CALLER_H

#include "base/err.h"
#include "base/slice.h"
#include "tlog/body.h"

/* What a token can be good for, as bits. */
enum scope {
    SCOPE_APPEND = 1,
    SCOPE_READ = 2, /* bodies, and queries over them */
    SCOPE_ERASE = 4,
    SCOPE_ADMIN = 8, /* tokens, backups */
    SCOPE_ALL = 15,
};

struct caller {
    uint8_t scopes;            /* 0: nobody that we know */
    enum admission admission;  /* of what it appends */
    const char *const *agents; /* the only ones it may speak for and read, borrowed; */
    size_t agent_count;        /* 0: any */
};

struct exchange;
/* Sets x->caller. TL_E_AUTH for a token that is not good; a request without one is
 * no error here. */
tl_err caller_find(struct exchange *x, struct tl_why *why) TL_MUST;
/* TL_E_AUTH where the caller has none of these scopes. needs 0: anybody. */
tl_err caller_may(const struct exchange *x, uint8_t needs, struct tl_why *why) TL_MUST;
/* TL_E_AUTH where the caller is bound to other agents. */
tl_err caller_agent(const struct exchange *x, slice agent, struct tl_why *why) TL_MUST;
/* The same for a query over the statements of agent; .p == NULL: of all. */
tl_err caller_query(const struct exchange *x, slice agent, struct tl_why *why) TL_MUST;

#endif
