/* What each subject has said last, and its open session. */
#ifndef TL_LOG_ROSTER_H
#define TL_LOG_ROSTER_H

#include "crypto/key.h"
#include "log/heads_tree.h"
#include "store/store.h"
#include "tlog/body.h"

#define ROSTER_MAX 65536 /* subjects of one log */

/* An agent's key while it is open. */
struct session {
    uint64_t index;
    struct sign_key key; /* counted */
    hash32 kid;
    enum admission admission;
    hash32 peer;        /* digest of an attested peer's evidence; else zeros */
    uint64_t opened_ms; /* monotonic */
};

struct subject {
    slice name;     /* in the same allocation */
    uint64_t count; /* statements given out: the next one's seq */
    uint64_t last_index;
    hash32 last_hash;
    struct session session;               /* .key.alg == 0: none open */
    struct opening *opening;              /* session.c's: the next session, on its way */
    uint64_t durable_count, durable_last; /* as committed */
    bool unsaved, unhashed;               /* said something since its row, its leaf was made */
    struct subject *unsaved_next, *unhashed_next;
    hash32 head; /* its leaf in the heads tree */
};

struct roster;
tl_err roster_new(struct roster **out) TL_MUST;
void roster_free(struct roster *s);            /* and wipes the sessions' keys */
uint64_t roster_count(const struct roster *s); /* those without a statement too */

/* NULL where there is none. */
struct subject *roster_find(struct roster *s, slice name);
/* Finds or makes; TL_E_LIMIT past ROSTER_MAX. A subject without a statement
 * is no head yet. */
tl_err roster_get(struct roster *s, slice name, struct subject **out) TL_MUST;
/* It has one more: count, last_index and last_hash say so. */
void roster_said(struct roster *s, struct subject *subject);
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

/* The heads as they are now: what has changed since the last time is hashed. The first does
 * some of that beforehand, until the end of the slice (owner_slice_end): whether all. */
bool roster_heads_ready(struct roster *s, uint64_t slice_end);
tl_err roster_heads(struct roster *s, uint64_t size, struct heads *out) TL_MUST;
/* Place and path of a name in the last heads; TL_E_NOT_FOUND where it has none, or these
 * are gone since roster_heads_ready began with the next. */
tl_err roster_prove_head(struct roster *s, slice name, uint64_t *position, hash32 *path,
                         size_t *path_count) TL_MUST;
/* Takes one out of those that have said something since their row was stored: NULL where
 * there is none. How many there are. */
struct subject *roster_unsaved_take(struct roster *s);
size_t roster_unsaved_count(const struct roster *s);

/* The stored row of a head, C[count, last index, last hash]. */
void head_row_put(buf *b, const struct subject *s);
tl_err head_row_read(struct head *out, slice row) TL_MUST;

void session_close(struct session *s);

#endif
