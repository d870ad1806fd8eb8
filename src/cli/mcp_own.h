/* What mcp_calls.c (the table), mcp_intent.c (the agent's side) and mcp_outcome.c (the server's)
 * share. */
#ifndef TL_CLI_MCP_OWN_H
#define TL_CLI_MCP_OWN_H

#include "cli/mcp_calls.h"
#include "cli/mcp_record.h"
#include "mcp/message.h"

/* One tools/call, or one message that cannot be read, from its first record to its last. */
struct mcp_call {
    struct mcp_call *next; /* in flight, the oldest first */
    struct mcp_call *item_next;
    struct mcp_calls *table;
    struct mcp_item *item; /* that waits for a record of it, or NULL */
    struct mcp_where where;
    const char *type;
    const struct mcp_rule *rule;
    struct mcp_id id;
    buf spelt; /* owned: the tool and the id, which about points into */
    struct mcp_about about;
    bool in_flight;
    bool cancelled;
    bool gone;      /* it was refused before its intent's fate was known */
    size_t records; /* on their way */
    bool intent_known, outcome_known;
    uint64_t intent, outcome;
    char class[64];
    bool simulated;
    size_t result_at, result_n; /* of the result in the item's text; n == 0: none */
};

struct mcp_calls {
    const struct mcp_calls_options *o;
    struct mcp_log *log;
    struct mcp_call *first, **last;
    size_t in_flight;
    char broken[640]; /* no call is made any more, for this reason */
};

/* NULL: memory is short. tool and id may have .p == NULL. */
struct mcp_call *mcp_call_new(struct mcp_calls *c, const char *type, const struct mcp_rule *rule,
                              slice tool, slice id, struct mcp_where where);
/* Frees it where nobody has it any more. */
void mcp_call_free(struct mcp_call *call);
void mcp_call_put_in(struct mcp_call *call);   /* with those in flight, */
void mcp_call_take_out(struct mcp_call *call); /* and out again */
void mcp_call_join(struct mcp_call *call, struct mcp_item *item);
/* The calls of an item go their own ways. */
void mcp_calls_part(struct mcp_item *item);

/* The content of a record about a call, to be ended and given to mcp_call_log. */
void mcp_call_content(buf *b, const struct mcp_call *call, const char *phase);
/* Sends it off. An outcome has the intent's ref, where there is one. */
tl_err mcp_call_log(struct mcp_call *call, buf *content, bool intent) TL_MUST;
/* An outcome of no answer: phase, and the reason as a text. */
void mcp_call_outcome(struct mcp_call *call, const char *phase, const char *reason);
/* The call's intent, or another record of it, has this fate (mcp_intent.c, mcp_outcome.c). */
void mcp_intent_done(void *ctx, const struct mcp_logged *l);
void mcp_outcome_done(void *ctx, const struct mcp_logged *l);
/* No call is made any more. */
void mcp_break(struct mcp_calls *c, const char *why);

#endif
