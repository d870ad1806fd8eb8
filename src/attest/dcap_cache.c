#include "attest/checked.h"
#include "attest/dcap.h"

#include <stdlib.h>

#define COLLATERALS 64 /* platforms that one verifier sees side by side, and some dates */
#define CHAINS      64

struct dcap_cache {
    struct checked_collateral *collaterals[COLLATERALS];
    struct checked_chain *chains[CHAINS];
    size_t next_collateral, next_chain; /* the oldest */
};

tl_err dcap_cache_new(struct dcap_cache **out)
{
    struct dcap_cache *c = calloc(1, sizeof *c);
    if (!c)
        return TL_E_MEMORY;
    *out = c;
    return TL_OK;
}

void dcap_cache_free(struct dcap_cache *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < COLLATERALS; i++)
        checked_collateral_free(c->collaterals[i]);
    for (size_t i = 0; i < CHAINS; i++)
        checked_chain_free(c->chains[i]);
    free(c);
}

struct checked_collateral *cache_collateral(const struct dcap_cache *c, const hash32 *digest)
{
    for (size_t i = 0; i < COLLATERALS; i++)
        if (c->collaterals[i] && hash_eq(&c->collaterals[i]->digest, digest))
            return c->collaterals[i];
    return NULL;
}

struct checked_chain *cache_chain(const struct dcap_cache *c, const hash32 *digest,
                                  const hash32 *collateral)
{
    for (size_t i = 0; i < CHAINS; i++)
        if (c->chains[i] && hash_eq(&c->chains[i]->digest, digest) &&
            hash_eq(&c->chains[i]->collateral, collateral))
            return c->chains[i];
    return NULL;
}

void cache_put_collateral(struct dcap_cache *c, const hash32 *digest, struct checked_collateral *v)
{
    v->digest = *digest;
    checked_collateral_free(c->collaterals[c->next_collateral]);
    c->collaterals[c->next_collateral] = v;
    c->next_collateral = (c->next_collateral + 1) % COLLATERALS;
}

void cache_put_chain(struct dcap_cache *c, const hash32 *digest, const hash32 *collateral,
                     struct checked_chain *v)
{
    v->digest = *digest;
    v->collateral = *collateral;
    checked_chain_free(c->chains[c->next_chain]);
    c->chains[c->next_chain] = v;
    c->next_chain = (c->next_chain + 1) % CHAINS;
}
