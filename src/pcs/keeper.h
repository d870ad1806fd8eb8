/* Keeps a service's own collateral fresh: a thread that asks once a day, more often
 * where less than four days of validity are left, and again soon after a failure. */
#ifndef TL_PCS_KEEPER_H
#define TL_PCS_KEEPER_H

#include "pcs/pcs.h"

struct keeper_options {
    slice quote;            /* one of this platform's; copied */
    hash32 root;            /* that it comes from */
    struct pcs_options pcs; /* strings are borrowed until keeper_stop */
    const char *cache_dir;  /* borrowed likewise */
    /* On the keeper's thread: verified collateral, and a sentence where there is
     * something new to tell. */
    void (*give)(void *ctx, slice json);
    void (*say)(void *ctx, const char *text);
    /* While keeper_start waits, ten times a second: whether to wait no longer. May be
     * NULL. */
    bool (*hurry)(void *ctx);
    void *ctx;
};

struct keeper;
/* Returns when the first attempt has ended, in a hurry, or after KEEPER_WAIT_S,
 * whichever comes first: a service starts without collateral rather than not at all. */
#define KEEPER_WAIT_S 10
tl_err keeper_start(struct keeper **out, const struct keeper_options *o) TL_MUST;
/* Ends a request that is under way. NULL is fine. */
void keeper_stop(struct keeper *k);

#endif
