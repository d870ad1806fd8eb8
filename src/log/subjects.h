/* What each subject has said last, and its open session. */
#ifndef TL_LOG_SUBJECTS_H
#define TL_LOG_SUBJECTS_H

#include "crypto/sign.h"
#include "store/store.h"
#include "tlog/body.h"

#define SUBJECTS_MAX 65536 /* subjects of one log */

/* An agent's key while it is open. */
struct session {
    uint64_t index;
    struct es256_key *key; /* counted */
    hash32 kid;
    enum admission admission;
};

struct subject {
    slice name;          /* in the same allocation */
    uint64_t count;      /* statements given out: the next one's seq */
    uint64_t last_index;
    hash32 last_hash;
    struct session session; /* .key == NULL: none open */
    bool dirty;             /* changed since the last heads */
    uint64_t durable_count, durable_last; /* as committed */
};

struct subjects;
tl_err subjects_new(struct subjects **out) TL_MUST;
void subjects_free(struct subjects *s); /* and wipes the sessions' keys */
uint64_t subjects_count(const struct subjects *s); /* with a statement */

/* NULL where there is none. */
struct subject *subjects_find(struct subjects *s, slice name);
/* Finds or makes; TL_E_LIMIT past SUBJECTS_MAX. A subject without a statement
 * is no head yet. */
tl_err subjects_get(struct subjects *s, slice name, struct subject **out) TL_MUST;
/* In bytewise order of name. */
void subjects_each(struct subjects *s, void (*each)(void *ctx, struct subject *subject),
                   void *ctx);
/* Root over all heads as they are now. */
void subjects_heads(struct subjects *s, uint64_t size, struct heads *out);

/* The stored row of a head, C[count, last index, last hash]. */
void head_row_put(buf *b, const struct subject *s);
tl_err head_row_read(struct head *out, slice row) TL_MUST;

void session_close(struct session *s);

#endif
