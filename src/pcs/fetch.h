/* What pcs.h does, in two steps and over any source of answers: the network, or a
 * test. */
#ifndef TL_PCS_FETCH_H
#define TL_PCS_FETCH_H

#include "pcs/answer.h"
#include "pcs/pcs.h"

struct pcs_source {
    /* Fills in an answer that is initialised and empty; url is https. An error where
     * there is no whole answer within the limits of answer.h; any status is one. */
    tl_err (*get)(void *ctx, struct pcs_answer *out, const char *url, struct tl_why *why);
    void *ctx;
};

/* Appends the collateral that this quote needs, assembled and not verified; errors as
 * those of pcs_collateral. */
tl_err pcs_fetch_from(buf *collateral_json, slice quote, const struct pcs_options *o,
                      const struct pcs_source *source, struct tl_why *why) TL_MUST;

/* What is to be verified, and how (pcs_collateral). */
struct pcs_job {
    slice quote;
    const struct pcs_options *options;
    const char *cache_dir;
    uint64_t now;
    const hash32 *roots;
    size_t root_count;
};
/* pcs_collateral. */
tl_err pcs_collateral_from(buf *out, struct pcs_result *result, const struct pcs_job *job,
                           const struct pcs_source *source, struct tl_why *why) TL_MUST;

#endif
