#include "pcs/pcs.h"

#include "attest/collateral.h"
#include "attest/dcap.h"
#include "base/calendar.h"
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

/* Collateral, from wherever; of one that is bad the dates are not known. */
struct piece {
    buf json;
    enum fit fit;
    uint64_t issued, expires; /* as in a dcap_report */
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

static tl_err judge(struct piece *p, const struct pcs_job *job, struct tl_why *why)
{
    struct dcap_report r;
    const struct dcap_input in = {.quote = job->quote,
                                  .collateral = buf_slice(&p->json),
                                  .time = job->now,
                                  .roots = job->roots,
                                  .root_count = job->root_count};
    dcap_verify(&r, &in);
    if (!r.ok && strcmp(r.stage, "memory") == 0)
        return TL_E_MEMORY;
    p->fit = r.ok                  ? is_fresh(&r, job->now) ? FIT_GOOD : FIT_AGED
             : only_tcb_failed(&r) ? FIT_SOUND
                                   : FIT_BAD;
    p->issued = r.collateral_issued;
    p->expires = r.collateral_expires;
    if (p->fit == FIT_BAD)
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

static tl_err look_up(struct piece *p, const struct pcs_job *job, const char *name)
{
    tl_err err = pcs_cache_read(&p->json, job->cache_dir, name);
    if (err == TL_OK)
        return judge(p, job, NULL);
    return err == TL_E_MEMORY ? err : TL_OK;
}

static tl_err fetch_checked(struct piece *p, const struct pcs_job *job,
                            const struct pcs_source *source, struct tl_why *why)
{
    struct tl_why bad = {{0}, {0}};
    tl_err err = pcs_fetch_from(&p->json, job->quote, job->options, source, why);
    if (err == TL_OK)
        err = judge(p, job, &bad);
    if (err == TL_OK && REFUSED(p->fit == FIT_BAD))
        err = tl_explain(why, TL_E_EVIDENCE, bad.field,
                         "the quote is not genuine with what the service gave, so nothing is kept "
                         "(%s); is it the right service, and does this clock go right?",
                         bad.text);
    return err;
}

/* Whether what the cache has tells more than what the service gave, which is what
 * Intel said at some time within the last month, and not always the last it said.
 * Even where it tells that the platform is no good: that is newer, then. */
static bool is_better(const struct piece *cached, const struct piece *fetched)
{
    if (cached->fit == FIT_BAD)
        return false;
    if (cached->issued != fetched->issued)
        return cached->issued > fetched->issued;
    return cached->expires > fetched->expires;
}

static void explain_older(const struct piece *cached, const struct piece *fetched,
                          struct tl_why *why)
{
    char issued[2][CALENDAR_TEXT], expires[2][CALENDAR_TEXT];
    (void)tl_explain(
        why, TL_OK, "service",
        "the service gave collateral issued %s, good until %s; the cache has better, "
        "issued %s, good until %s, which is kept. Is it the right service?",
        calendar_text(issued[0], fetched->issued), calendar_text(expires[0], fetched->expires),
        calendar_text(issued[1], cached->issued), calendar_text(expires[1], cached->expires));
}

/* Where asking again would not help, and where this machine is at fault, the error
 * is for the caller. */
static bool may_fall_back(tl_err err)
{
    return tl_err_category(err) != TL_CAT_USAGE && err != TL_E_MEMORY;
}

/* Asks the service. *use_cached where what the cache has is to be passed on all the
 * same; why says so, and any other trouble. */
static tl_err renew(struct piece *fetched, bool *use_cached, const struct piece *cached,
                    const char *name, const struct pcs_job *job, const struct pcs_source *source,
                    struct tl_why *why)
{
    struct tl_why trouble = {{0}, {0}};
    tl_err err = fetch_checked(fetched, job, source, &trouble);
    if (err == TL_OK && is_better(cached, fetched)) {
        *use_cached = true;
        explain_older(cached, fetched, &trouble);
    } else if (err == TL_OK && name) {
        if (pcs_cache_write(job->cache_dir, name, buf_slice(&fetched->json), &trouble) ==
            TL_E_MEMORY)
            err = TL_E_MEMORY;
    } else if (err != TL_OK && cached->fit != FIT_BAD && may_fall_back(err)) {
        *use_cached = true;
        return tl_explain(why, TL_OK, trouble.field,
                          "still valid collateral is taken from the cache, since: %s",
                          tl_why_text(&trouble, err));
    }
    if (trouble.text[0])
        (void)tl_explain(why, err, trouble.field, "%s", trouble.text);
    return err;
}

tl_err pcs_collateral_from(buf *out, struct pcs_result *result, const struct pcs_job *job,
                           const struct pcs_source *source, struct tl_why *why)
{
    char name[PCS_CACHE_NAME_SIZE];
    struct piece cached = {.fit = FIT_BAD}, fetched = {.fit = FIT_BAD};
    tl_err err = TL_OK;
    bool named = cache_name(name, job);
    if (job->root_count == 0)
        return tl_explain(why, TL_E_USAGE, "root",
                          "no root is trusted, so nothing can be verified");
    buf_init(&cached.json, COLLATERAL_MAX);
    buf_init(&fetched.json, COLLATERAL_MAX);
    if (named)
        err = look_up(&cached, job, name);
    bool use_cached = cached.fit == FIT_GOOD && !job->options->refresh;
    if (err == TL_OK && !use_cached)
        err = renew(&fetched, &use_cached, &cached, named ? name : NULL, job, source, why);
    const struct piece *chosen = use_cached ? &cached : &fetched;
    if (err == TL_OK) {
        buf_bytes(out, buf_slice(&chosen->json));
        err = buf_err(out);
    }
    if (err == TL_OK)
        *result = (struct pcs_result){use_cached, chosen->issued, chosen->expires};
    buf_finish(&cached.json);
    buf_finish(&fetched.json);
    return err;
}

tl_err pcs_collateral(buf *out, struct pcs_result *result, slice quote, const struct pcs_options *o,
                      const char *cache_dir, uint64_t now, const hash32 *roots, size_t root_count,
                      struct tl_why *why)
{
    struct pcs_http http;
    const struct pcs_source source = {pcs_http_get, &http};
    const struct pcs_job job = {quote, o, cache_dir, now, roots, root_count};
    pcs_http_init(&http, o);
    tl_err err = pcs_collateral_from(out, result, &job, &source, why);
    pcs_http_finish(&http);
    return err;
}
