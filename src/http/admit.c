#include "http/admit.h"

#include "attest/collateral.h"
#include "attest/precheck.h"
#include "attest/ratls.h"
#include "base/refuse.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct waiting {
    uint8_t *der; /* owned */
    size_t n;
    admit_done_fn *done;
    void *ctx;
};

struct admit {
    struct admit_options options;
    pthread_t thread;
    pthread_mutex_t lock; /* for what follows */
    pthread_cond_t wake;
    bool running, stop;
    struct waiting waiting[ADMIT_WAITING_MAX];
    size_t first, count;
};

/* ---- judging ---- */

/* Whether the quote was made for this key by a platform that a root of ours has certified:
 * a copied one, or one that anybody could make, sends nobody asking. */
static bool is_worth_asking(const struct admit *a, const struct ratls_cert *c,
                            const struct ratls_report *r)
{
    const hash32 *root = a->options.hardware_root ? a->options.hardware_root : &dcap_intel_root;
    return ratls_binds(c->cert.spki, c->claims, r->evidence.report_data) &&
           !REFUSED(!precheck_quote(c->quote, root));
}

/* What more recent collateral could mend. */
static bool wants_collateral(const struct ratls_report *r)
{
    return r->stage && (strcmp(r->stage, "collateral") == 0 || strcmp(r->stage, "validity") == 0);
}

static tl_err refuse(const struct ratls_report *r, struct tl_why *why)
{
    return tl_explain(why, TL_E_FORBIDDEN, "certificate",
                      "the certificate that this connection showed is not that of an attested "
                      "peer: %s: %.200s",
                      r->stage, r->detail);
}

/* Again, with what is asked for. */
static tl_err judge_again(struct admit *a, slice der, slice quote,
                          const struct evidence_context *before, struct ratls_report *r, buf *json,
                          struct tl_why *why)
{
    tl_err err = a->options.ask(a->options.ctx, quote, json, why);
    if (err != TL_OK)
        return err;
    slice brought = buf_slice(json);
    struct evidence_context context = *before;
    context.brought = &brought;
    context.brought_count = 1;
    ratls_verify(r, der, RATLS_PEER, &context);
    return TL_OK;
}

/* json: what was asked for; used where it is not empty. */
static tl_err judge(struct admit *a, slice der, const struct ratls_cert *c, buf *json,
                    struct tl_why *why)
{
    struct ratls_report r;
    struct evidence_context context = {
        .time = (uint64_t)time(NULL),
        .policy = a->options.policy,
        .hardware_root = a->options.hardware_root,
    };
    ratls_verify(&r, der, RATLS_PEER, &context);
    if (wants_collateral(&r) && a->options.ask && is_worth_asking(a, c, &r)) {
        tl_err err = judge_again(a, der, c->quote, &context, &r, json, why);
        if (err != TL_OK)
            return err;
    }
    return REFUSED(!r.ok) ? refuse(&r, why) : TL_OK;
}

static tl_err make_peer(struct log_peer **out, const struct ratls_cert *c)
{
    struct evidence e;
    buf item;
    buf_init(&item, EVIDENCE_MAX);
    tl_err err = ratls_item(&e, c);
    if (err == TL_OK) {
        evidence_put(&item, &e);
        err = buf_err(&item);
    }
    if (err == TL_OK)
        err = log_peer_new(out, buf_slice(&item), c->cert.spki, c->claims);
    buf_finish(&item);
    return err;
}

static tl_err admit(struct admit *a, slice der, struct log_peer **peer, struct tl_why *why)
{
    struct ratls_cert c;
    struct tl_why form = {{0}, {0}};
    buf json;
    tl_err err = ratls_read(&c, der, &form);
    if (err != TL_OK)
        return tl_explain(why, TL_E_FORBIDDEN, "certificate",
                          "the certificate that this connection showed cannot be read: %.200s",
                          tl_why_text(&form, err));
    buf_init(&json, COLLATERAL_MAX);
    err = judge(a, der, &c, &json, why);
    if (err == TL_OK)
        err = make_peer(peer, &c);
    if (err == TL_OK && a->options.keep)
        a->options.keep(a->options.ctx, json.n ? buf_slice(&json) : c.collateral);
    buf_finish(&json);
    return err;
}

/* ---- the thread ---- */

static void answer(struct admit *a, struct waiting *w, bool stopping)
{
    struct log_peer *peer = NULL;
    struct tl_why why = {{0}, {0}};
    tl_err err = stopping ? TL_E_STOPPING : admit(a, slice_of(w->der, w->n), &peer, &why);
    free(w->der);
    w->done(w->ctx, err, peer, &why);
}

static void *run(void *ctx)
{
    struct admit *a = ctx;
    pthread_mutex_lock(&a->lock);
    for (;;) {
        if (a->count > 0) {
            struct waiting w = a->waiting[a->first];
            bool stopping = a->stop;
            a->first = (a->first + 1) % ADMIT_WAITING_MAX;
            a->count--;
            pthread_mutex_unlock(&a->lock);
            answer(a, &w, stopping);
            pthread_mutex_lock(&a->lock);
        } else if (a->stop) {
            break;
        } else {
            pthread_cond_wait(&a->wake, &a->lock);
        }
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

tl_err admit_start(struct admit **out, const struct admit_options *o)
{
    struct admit *a = calloc(1, sizeof *a);
    if (!a)
        return TL_E_MEMORY;
    a->options = *o;
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->wake, NULL);
    a->running = pthread_create(&a->thread, NULL, run, a) == 0;
    if (!a->running) {
        admit_free(a);
        return TL_E_MEMORY;
    }
    *out = a;
    return TL_OK;
}

tl_err admit_submit(struct admit *a, slice der, admit_done_fn *done, void *ctx, struct tl_why *why)
{
    tl_err err = TL_OK;
    uint8_t *copy = malloc(der.n ? der.n : 1);
    if (!copy)
        return TL_E_MEMORY;
    memcpy(copy, der.p, der.n);
    pthread_mutex_lock(&a->lock);
    if (a->stop)
        err = TL_E_STOPPING;
    else if (REFUSED(a->count == ADMIT_WAITING_MAX))
        err = tl_explain(why, TL_E_BUSY, NULL,
                         "%d certificates wait to be judged already; connect again in a while",
                         ADMIT_WAITING_MAX);
    if (err == TL_OK) {
        a->waiting[(a->first + a->count++) % ADMIT_WAITING_MAX] =
            (struct waiting){.der = copy, .n = der.n, .done = done, .ctx = ctx};
        pthread_cond_signal(&a->wake);
    }
    pthread_mutex_unlock(&a->lock);
    if (err != TL_OK)
        free(copy);
    return err;
}

void admit_end(struct admit *a)
{
    if (!a || !a->running)
        return;
    pthread_mutex_lock(&a->lock);
    a->stop = true;
    pthread_cond_signal(&a->wake);
    pthread_mutex_unlock(&a->lock);
    pthread_join(a->thread, NULL);
    a->running = false;
}

void admit_free(struct admit *a)
{
    if (!a)
        return;
    admit_end(a);
    pthread_cond_destroy(&a->wake);
    pthread_mutex_destroy(&a->lock);
    free(a);
}
