/* How often callers may ask: a bucket for each, in memory that does not grow. */
#ifndef TL_HTTP_LIMITER_H
#define TL_HTTP_LIMITER_H

#include "base/err.h"

#include <stdint.h>

/* A token's id or a peer's address, told apart by kind. */
struct limit_key {
    enum { LIMIT_NOBODY, LIMIT_TOKEN, LIMIT_PEER } kind;
    uint8_t b[16];
};

struct limiter;
/* rate a second, and twice as many at once. */
tl_err limiter_new(struct limiter **out, unsigned rate) TL_MUST;
void limiter_free(struct limiter *l);
/* Takes count of what the key has left; 0, or how many ms until it has something. Where
 * many more keys come than there is room for, the one with most left is forgotten. */
uint64_t limiter_take(struct limiter *l, const struct limit_key *key, unsigned count,
                      uint64_t now_ms);

#endif
