#include "http/limiter.h"

#include "base/bucket.h"
#include "base/slice.h"
#include "crypto/hash.h"
#include "crypto/secret.h"

#include <stdlib.h>

#define SETS 1024
#define WAYS 4

struct entry {
    struct limit_key key; /* kind 0: free */
    struct bucket bucket;
};

struct limiter {
    unsigned rate, burst;
    uint8_t secret[16];
    struct entry sets[SETS][WAYS];
};

tl_err limiter_new(struct limiter **out, unsigned rate)
{
    struct limiter *l = calloc(1, sizeof *l);
    if (!l)
        return TL_E_MEMORY;
    l->rate = rate;
    l->burst = 2 * rate;
    tl_err err = random_bytes(l->secret, sizeof l->secret);
    if (err == TL_OK)
        *out = l;
    else
        free(l);
    return err;
}

void limiter_free(struct limiter *l)
{
    free(l);
}

/* Under a secret of ours: nobody can choose addresses that share a set with another's. */
static struct entry *set_of(struct limiter *l, const struct limit_key *key)
{
    const uint8_t kind = (uint8_t)key->kind;
    const slice parts[] = {SLICE_ARRAY(l->secret), slice_of(&kind, 1), SLICE_ARRAY(key->b)};
    hash32 h = sha256_parts(parts, 3);
    return l->sets[(h.b[0] | (size_t)h.b[1] << 8) % SETS];
}

static bool same(const struct limit_key *a, const struct limit_key *b)
{
    return a->kind == b->kind && slice_eq(SLICE_ARRAY(a->b), SLICE_ARRAY(b->b));
}

/* The key's entry, else a free one, else that of whoever has most left. */
static struct entry *entry_of(struct limiter *l, const struct limit_key *key, uint64_t now_ms)
{
    struct entry *set = set_of(l, key), *best = &set[0];
    int64_t most = INT64_MIN;
    for (size_t i = 0; i < WAYS; i++) {
        struct entry *e = &set[i];
        if (same(&e->key, key))
            return e;
        int64_t left =
            e->key.kind ? bucket_level(&e->bucket, l->rate, l->burst, now_ms) : INT64_MAX;
        if (left > most) {
            most = left;
            best = e;
        }
    }
    *best = (struct entry){.key = *key};
    return best;
}

uint64_t limiter_take(struct limiter *l, const struct limit_key *key, unsigned count,
                      uint64_t now_ms)
{
    struct entry *e = entry_of(l, key, now_ms);
    return bucket_take(&e->bucket, l->rate, l->burst, count, now_ms);
}
