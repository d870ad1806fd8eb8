/* What calls.c (the table), ids.c, intent.c (the agent's side) and outcome.c (the
 * server's) share. */
#ifndef TL_PROXY_CALLS_OWN_H
#define TL_PROXY_CALLS_OWN_H

#include "mcp/id.h"
#include "mcp/message.h"
#include "proxy/calls.h"
#include "proxy/record.h"

/* One tools/call, or one message that cannot be read, from its first record to its last. */
struct mcp_call {
    struct mcp_call *next; /* of the table's list that it is in, the oldest first */
    struct mcp_call *item_next;
    struct mcp_calls *table;
    struct mcp_item *item; /* that waits for a record of it, or NULL */
    struct mcp_where where;
    const char *type;
    const struct mcp_rule *rule; /* NULL: of what cannot be read */
    struct mcp_id id;
    buf spelt; /* owned: the tool and the id, which about points into */
    struct mcp_about about;
    bool in_flight; /* in the list; and */
    bool sent;      /* out of our hands: it may be answered */
    int64_t until;  /* when its answer is not awaited any more; 0: as long as its stream lasts */
    bool cancelled;
    bool gone;      /* it was refused before its intent's fate was known */
    size_t records; /* on their way, in their order */
    bool intent_known, outcome_known;
    uint64_t intent, outcome;
    char class[64];
    bool simulated;
    size_t result_at, result_n; /* of the result in the item's text; n == 0: none */
};

struct mcp_calls {
    const struct mcp_calls_options *o;
    struct mcp_log *log;
    struct mcp_call *first, **last; /* in flight, or held before */
    size_t in_flight;
    struct mcp_call *past, **past_last; /* have been answered: who answers again is logged again */
    size_t past_count;
    struct mcp_other { /* requests that are not logged, and have not been answered */
        struct mcp_id id;
        struct mcp_where where;
    } others[MCP_IN_FLIGHT];
    size_t next_other;
    /* What the server was not asked for since the last call: what may be an answer to some reader,
     * and what is none to any. */
    unsigned strays, junk;
    char broken[640]; /* no call is made any more, for this reason */
};

/* NULL: memory is short, or randomness. tool and id may have .p == NULL. */
struct mcp_call *mcp_call_new(struct mcp_calls *c, const char *type, const struct mcp_rule *rule,
                              slice tool, slice id, struct mcp_where where);
/* Frees it where nobody has it any more. */
void mcp_call_free(struct mcp_call *call);
void mcp_call_put_in(struct mcp_call *call);   /* with those in flight, */
void mcp_call_take_out(struct mcp_call *call); /* and out again */
/* Another of the same intent; NULL: memory is short. */
struct mcp_call *mcp_call_again(const struct mcp_call *call);
void mcp_call_remember(const struct mcp_call *call); /* with those that have been answered */
void mcp_call_forget(struct mcp_calls *c);           /* the first of them */
/* Whether an answer that comes here may be one to what went there; and whether an id of here is
 * the same thing there: without sessions two agents may use one. */
bool mcp_where_meets(struct mcp_where here, struct mcp_where there);
bool mcp_where_shares_ids(struct mcp_where here, struct mcp_where there);
/* A request with this id waits for its answer already; and one that does from now on. */
bool mcp_id_used(const struct mcp_calls *c, const struct mcp_id *id, struct mcp_where where,
                 bool by_calls_alone);
void mcp_id_use(struct mcp_calls *c, const struct mcp_id *id, struct mcp_where where);
/* It has been answered. False: no such request waits (here: for an answer in this very place). */
bool mcp_id_release(struct mcp_calls *c, const struct mcp_id *id, struct mcp_where where,
                    bool here);
void mcp_call_join(struct mcp_call *call, struct mcp_item *item);
/* The calls of an item go their own ways. */
void mcp_calls_part(struct mcp_item *item);

/* The content of a record about a call, to be ended and given to mcp_call_log. */
void mcp_call_content(buf *b, const struct mcp_call *call, const char *phase);
/* What cannot be read: from the agent, or from the server. */
void mcp_call_put_unreadable(buf *b, const struct mcp_call *call, const char *from, const char *why,
                             slice message);
/* Sends it off. An outcome has the intent's ref, where there is one. */
tl_err mcp_call_log(struct mcp_call *call, buf *content, bool intent) TL_MUST;
/* An outcome of no answer: phase, and the reason as a text. */
void mcp_call_outcome(struct mcp_call *call, const char *phase, const char *reason);
/* The call's intent, or another record of it, has this fate (intent.c, outcome.c). */
void mcp_intent_done(void *ctx, const struct mcp_logged *l);
void mcp_outcome_done(void *ctx, const struct mcp_logged *l);
/* No call is made any more. */
void mcp_break(struct mcp_calls *c, const char *why);

#endif
