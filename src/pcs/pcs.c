#include "pcs/pcs.h"

#include "attest/collateral.h"
#include "attest/dcap.h"
#include "base/refuse.h"
#include "pcs/cache.h"
#include "pcs/fetch.h"
#include "pcs/http.h"

/* How collateral and a quote go together. */
enum fit {
    FIT_BAD,   /* not verified: never passed on */
    FIT_SOUND, /* verified, and what it says is that the platform's TCB is unsupported */
    FIT_AGED,  /* the quote is genuine with it, and little of its validity is left */
    FIT_GOOD,
};

/* The two last stages of all: whatever else there is to check was checked. */
static bool only_tcb_failed(const struct dcap_report *r)
{
    return strcmp(r->stage, "tcb") == 0 || strcmp(r->stage, "tdx-module") == 0;
}

/* A service makes TCB info and lists for 30 days at a time, and newer ones long
 * before the old ones end. */
static bool is_fresh(const struct dcap_report *r, uint64_t now)
{
    uint64_t left = r->collateral_expires - now;
    uint64_t whole = r->collateral_expires - r->collateral_issued;
    return left >= whole / 4;
}

static tl_err judge(enum fit *out, const struct pcs_job *job, slice collateral, struct tl_why *why)
{
    struct dcap_report r;
    const struct dcap_input in = {.quote = job->quote,
                                  .collateral = collateral,
                                  .time = job->now,
                                  .roots = job->roots,
                                  .root_count = job->root_count};
    dcap_verify(&r, &in);
    if (!r.ok && strcmp(r.stage, "memory") == 0)
        return TL_E_MEMORY;
    *out = r.ok                  ? is_fresh(&r, job->now) ? FIT_GOOD : FIT_AGED
           : only_tcb_failed(&r) ? FIT_SOUND
                                 : FIT_BAD;
    if (*out == FIT_BAD)
        (void)tl_explain(why, TL_OK, r.stage, "%s: %s", r.stage, r.detail);
    return TL_OK;
}

/* The name in the cache; false where the quote has none. What is wrong with the
 * quote is told by who reads it next. */
static bool cache_name(char out[PCS_CACHE_NAME_SIZE], const struct pcs_job *job)
{
    struct quote q;
    struct pcs_platform p;
    if (!job->cache_dir || quote_read(&q, job->quote, NULL) != TL_OK ||
        pcs_platform_read(&p, &q, NULL) != TL_OK || !p.known)
        return false;
    pcs_cache_name(out, &p, job->options->early);
    return true;
}

static tl_err look_up(buf *out, enum fit *fit, const struct pcs_job *job, const char *name)
{
    tl_err err = pcs_cache_read(out, job->cache_dir, name);
    if (err == TL_OK)
        return judge(fit, job, buf_slice(out), NULL);
    return err == TL_E_MEMORY ? err : TL_OK;
}

static tl_err fetch_checked(buf *out, const struct pcs_job *job, const struct pcs_source *source,
                            struct tl_why *why)
{
    enum fit fit = FIT_BAD;
    struct tl_why bad = {{0}, {0}};
    tl_err err = pcs_fetch_from(out, job->quote, job->options, source, why);
    if (err == TL_OK)
        err = judge(&fit, job, buf_slice(out), &bad);
    if (err == TL_OK && REFUSED(fit == FIT_BAD))
        err = tl_explain(why, TL_E_EVIDENCE, bad.field,
                         "the quote is not genuine with what the service gave, so nothing is kept "
                         "(%s); is it the right service, and does this clock go right?",
                         bad.text);
    return err;
}

/* Where asking again would not help, and where this machine is at fault, the error
 * is for the caller. */
static bool may_fall_back(tl_err err)
{
    return tl_err_category(err) != TL_CAT_USAGE && err != TL_E_MEMORY;
}

tl_err pcs_collateral_from(buf *out, bool *from_cache, const struct pcs_job *job,
                           const struct pcs_source *source, struct tl_why *why)
{
    char name[PCS_CACHE_NAME_SIZE];
    struct tl_why trouble = {{0}, {0}};
    enum fit fit = FIT_BAD;
    buf cached, fetched;
    tl_err err = TL_OK;
    bool named = cache_name(name, job), cache = false;
    if (job->root_count == 0)
        return tl_explain(why, TL_E_USAGE, "root",
                          "no root is trusted, so nothing can be verified");
    buf_init(&cached, COLLATERAL_MAX);
    buf_init(&fetched, COLLATERAL_MAX);
    if (named)
        err = look_up(&cached, &fit, job, name);
    if (err != TL_OK)
        goto out;
    cache = fit == FIT_GOOD && !job->options->refresh;
    if (!cache)
        err = fetch_checked(&fetched, job, source, &trouble);
    if (err == TL_OK && !cache && named &&
        pcs_cache_write(job->cache_dir, name, buf_slice(&fetched), &trouble) == TL_E_MEMORY)
        err = TL_E_MEMORY;
    if (err != TL_OK && fit != FIT_BAD && may_fall_back(err)) {
        cache = true;
        err = tl_explain(why, TL_OK, trouble.field,
                         "still valid collateral is taken from the cache, since: %s",
                         tl_why_text(&trouble, err));
    }
    if (trouble.text[0])
        (void)tl_explain(why, err, trouble.field, "%s", trouble.text);
    if (err == TL_OK) {
        buf_bytes(out, buf_slice(cache ? &cached : &fetched));
        err = buf_err(out);
    }
    if (err == TL_OK)
        *from_cache = cache;
out:
    buf_finish(&cached);
    buf_finish(&fetched);
    return err;
}

tl_err pcs_collateral(buf *out, bool *from_cache, slice quote, const struct pcs_options *o,
                      const char *cache_dir, uint64_t now, const hash32 *roots, size_t root_count,
                      struct tl_why *why)
{
    struct pcs_http http;
    const struct pcs_source source = {pcs_http_get, &http};
    const struct pcs_job job = {quote, o, cache_dir, now, roots, root_count};
    pcs_http_init(&http, o);
    tl_err err = pcs_collateral_from(out, from_cache, &job, &source, why);
    pcs_http_finish(&http);
    return err;
}
