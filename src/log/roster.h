/* What each subject has said last, and its open session. */
#ifndef TL_LOG_ROSTER_H
#define TL_LOG_ROSTER_H

#include "crypto/key.h"
#include "store/store.h"
#include "tlog/body.h"

#define ROSTER_MAX 65536 /* subjects of one log */

/* An agent's key while it is open. */
struct session {
    uint64_t index;
    struct sign_key key; /* counted */
    hash32 kid;
    enum admission admission;
    uint64_t opened_ms; /* monotonic */
};

struct subject {
    slice name;     /* in the same allocation */
    uint64_t count; /* statements given out: the next one's seq */
    uint64_t last_index;
    hash32 last_hash;
    struct session session;               /* .key.alg == 0: none open */
    bool dirty;                           /* changed since the last heads */
    uint64_t durable_count, durable_last; /* as committed */
};

struct roster;
tl_err roster_new(struct roster **out) TL_MUST;
void roster_free(struct roster *s);            /* and wipes the sessions' keys */
uint64_t roster_count(const struct roster *s); /* with a statement */

/* NULL where there is none. */
struct subject *roster_find(struct roster *s, slice name);
/* Finds or makes; TL_E_LIMIT past ROSTER_MAX. A subject without a statement
 * is no head yet. */
tl_err roster_get(struct roster *s, slice name, struct subject **out) TL_MUST;
/* Takes a subject without a statement out again. */
void roster_remove(struct roster *s, struct subject *subject);
/* What has its first durable statement now, the origin apart, is an agent. */
void roster_add_agent(struct roster *s, struct subject *subject);
/* In bytewise order of name; until the next one is added. */
struct subject *const *roster_agents(const struct roster *s, size_t *count);
/* The number of the first whose name comes after this one. */
size_t roster_agents_after(const struct roster *s, slice name);
/* All, in bytewise order of name. */
void roster_each(struct roster *s, void (*each)(void *ctx, struct subject *subject), void *ctx);
/* Root over all heads as they are now. */
void roster_heads(struct roster *s, uint64_t size, struct heads *out);

/* The stored row of a head, C[count, last index, last hash]. */
void head_row_put(buf *b, const struct subject *s);
tl_err head_row_read(struct head *out, slice row) TL_MUST;

void session_close(struct session *s);

#endif
