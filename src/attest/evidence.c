#include "attest/evidence.h"

#include "attest/about.h"
#include "attest/chain.h"
#include "attest/rules_code.h"
#include "base/refuse.h"
#include "codec/cbor.h"

#include <stdarg.h>
#include <stdio.h>

tl_err evidence_read(struct evidence *out, slice item)
{
    struct evidence v = {0};
    if (REFUSED(item.n > EVIDENCE_MAX))
        return TL_E_EVIDENCE;
    cbor c = cbor_of(item);
    cbor_array_of(&c, 3);
    v.platform = cbor_text(&c);
    v.quote = cbor_bytes(&c);
    if (!cbor_try_null(&c)) {
        v.event_log = cbor_bytes(&c);
        /* An empty log is not null, and .p tells them apart. */
        if (!v.event_log.p)
            v.event_log = slice_of("", 0);
    }
    tl_err err = cbor_end(&c);
    if (err != TL_OK)
        return err;
    *out = v;
    return TL_OK;
}

void evidence_put(buf *b, const struct evidence *e)
{
    cbor_put_array(b, 3);
    cbor_put_text(b, e->platform);
    cbor_put_bytes(b, e->quote);
    if (e->event_log.p)
        cbor_put_bytes(b, e->event_log);
    else
        cbor_put_null(b);
}

/* One piece of evidence on its way. */
struct work {
    struct evidence_report *r;
    const struct evidence *e;
    const struct evidence_context *context;
    struct dcap_report *quote;
    struct eventlog events;
    bool has_events;
    struct validity when; /* of the collateral that counts, and that the policy takes */
};

__attribute__((format(printf, 3, 4))) static bool fail(struct evidence_report *r, const char *stage,
                                                       const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(r->detail, sizeof r->detail, fmt, ap);
    va_end(ap);
    r->stage = stage;
    return false;
}

/* What can be said of the form before the quote itself is read. */
static bool check_event_log(struct work *w)
{
    bool wanted = w->r->platform == PLATFORM_TDX_DSTACK;
    bool there = w->e->event_log.p != NULL;
    if (REFUSED(there && !wanted))
        return fail(w->r, "format", "this platform has no event log, and there is one");
    if (REFUSED(wanted && !there))
        return fail(w->r, "format",
                    "evidence of dstack comes with its event log, and there is none");
    return true;
}

/* Which roots: the simulator's are the policy's to name, and Intel's are pinned. A peer's
 * simulator may be another than the log's; which of them it has to be is for the rules about
 * code to say. */
static size_t trusted_roots(const struct work *w, hash32 out[2])
{
    const struct policy *policy = w->context->policy;
    if (!w->r->simulated) {
        out[0] = w->context->hardware_root ? *w->context->hardware_root : dcap_intel_root;
        return 1;
    }
    if (!policy || !policy->simulator)
        return 0;
    out[0] = policy->evidence[0].simulator_root; /* it stands alone, as does the peers' */
    if (policy->attested_count)
        out[1] = policy->attested[0].simulator_root;
    return policy->attested_count ? 2 : 1;
}

/* Whether this collateral speaks of another kind of platform than the quote's, and is
 * signed where it says so. What is damaged or forged must not be passed over: it
 * could have said that this platform is revoked. */
static bool about_another(const struct dcap_input *in, const struct dcap_report *r)
{
    struct about quote;
    bool trusted = in->root_count == 0;
    for (size_t i = 0; i < in->root_count; i++)
        if (hash_eq(&in->roots[i], &r->collateral_root))
            trusted = true;
    if (r->ok || !r->has_collateral || !trusted || about_quote(&quote, in->quote) != TL_OK)
        return false;
    return quote.tdx != r->collateral_tdx ||
           memcmp(quote.fmspc, r->collateral_fmspc, sizeof quote.fmspc) != 0;
}

/* When the collateral that was just judged is valid, and not older than the policy takes. */
static struct validity validity_of(const struct work *w)
{
    const struct policy *policy = w->context->policy;
    struct validity when = {w->quote->collateral_from, w->quote->collateral_expires};
    if (!policy || !policy->tcb.has_max_collateral_age)
        return when;
    uint64_t oldest = w->quote->collateral_issued + policy->tcb.max_collateral_age;
    return validity_join(when, (struct validity){0, oldest});
}

/* Which piece decides where several are about this platform, NONE where none is: one
 * that makes the quote fail before one that does not, in whatever order they come, so
 * that an older one cannot hide what a newer one says. A PCK CRL that is not of the
 * quote's CA may be another CA's, and another piece then fits better, or a damaged one,
 * which must not hide what it said. */
#define NONE SIZE_MAX
static size_t choose_brought(struct work *w, struct dcap_input *in, size_t *last)
{
    const struct evidence_context *c = w->context;
    size_t good = NONE, list = NONE;
    for (size_t i = 0; i < c->brought_count; i++) {
        *last = i;
        in->collateral = c->brought[i];
        dcap_verify(w->quote, in);
        if (about_another(in, w->quote))
            continue;
        if (c->brought_used)
            c->brought_used[i] = true;
        if (w->quote->ok) {
            good = good == NONE ? i : good;
            w->when = validity_join(w->when, validity_of(w));
        } else if (strcmp(w->quote->stage, "pck-crl") != 0)
            return i;
        else
            list = i;
    }
    return good != NONE ? good : list;
}

/* Judges with what the caller brought; false where none of it is about this TEE and
 * FMSPC, and the bundle's own counts. */
static bool judge_brought(struct work *w, struct dcap_input *in)
{
    size_t last = NONE;
    size_t chosen = choose_brought(w, in, &last);
    if (chosen == NONE)
        return false;
    in->collateral = w->context->brought[chosen];
    if (chosen != last)
        dcap_verify(w->quote, in);
    return true;
}

static bool check_quote(struct work *w, slice collateral)
{
    hash32 roots[2];
    struct dcap_input in = {
        .quote = w->e->quote,
        .time = w->context->time,
        .any_time = w->context->any_time,
        .roots = roots,
        .root_count = trusted_roots(w, roots),
        .cache = w->context->cache,
    };
    if (!judge_brought(w, &in)) {
        in.collateral = collateral;
        dcap_verify(w->quote, &in);
        w->when = validity_of(w);
    }
    w->r->code.root = w->quote->root;
    memcpy(w->r->report_data,
           quote_is_tdx(&w->quote->quote) ? w->quote->td.report_data : w->quote->sgx.report_data,
           sizeof w->r->report_data);
    if (REFUSED(!w->quote->ok))
        return fail(w->r, w->quote->stage, "%s", w->quote->detail);
    w->r->valid_from = w->when.from;
    w->r->valid_until = w->when.until;
    if (REFUSED(w->context->any_time && w->when.from > w->when.until))
        return fail(w->r, "validity", "there is no time at which all collateral given is valid");
    return true;
}

/* That the quote is of the kind that the platform has. */
static bool check_kind(struct work *w)
{
    const struct quote *q = &w->quote->quote;
    if (w->r->simulated) {
        /* Hardware's quotes carry padding; in ours these bytes would not matter. */
        if (REFUSED(q->trailing))
            return fail(w->r, "format", "%zu bytes follow the quote", q->trailing);
        if (REFUSED(q->cert_type != QUOTE_CERT_PCK_CHAIN))
            return fail(w->r, "format", "certification data of type %u is not a PCK chain (type 5)",
                        (unsigned)q->cert_type);
        return true;
    }
    if (REFUSED(!platform_fits(w->r->platform, quote_is_tdx(q))))
        return fail(w->r, "format", "the platform is %s, and the quote is from %s",
                    platform_name(w->r->platform), quote_is_tdx(q) ? "a TD" : "an SGX enclave");
    return true;
}

static bool replay(struct work *w)
{
    struct tl_why why = {0};
    if (!w->e->event_log.p)
        return true;
    tl_err err = eventlog_read(&w->events, w->e->event_log, &why);
    w->has_events = err == TL_OK;
    if (err == TL_OK)
        err = eventlog_check(&w->events, &w->quote->td, &why);
    if (err == TL_OK)
        return true;
    return fail(w->r, err == TL_E_MEMORY ? "memory" : "event-log", "%.230s",
                tl_why_text(&why, err));
}

static void copy_payload(uint8_t *out, size_t size, slice payload)
{
    if (payload.n == size)
        memcpy(out, payload.p, size);
}

static void show_code(struct work *w)
{
    struct evidence_code *c = &w->r->code;
    const struct dcap_report *q = w->quote;
    c->platform = w->r->platform;
    c->tdx = quote_is_tdx(&q->quote);
    if (!c->tdx) {
        memcpy(c->mrenclave, q->sgx.mrenclave, sizeof c->mrenclave);
        memcpy(c->mrsigner, q->sgx.mrsigner, sizeof c->mrsigner);
        c->isv_prod_id = q->sgx.isv_prod_id;
        c->isv_svn = q->sgx.isv_svn;
        return;
    }
    memcpy(c->mr_td, q->td.mr_td, sizeof c->mr_td);
    memcpy(c->rtmr, q->td.rtmr, w->has_events ? sizeof c->rtmr[0] * 3 : sizeof c->rtmr);
    if (!w->has_events)
        return;
    copy_payload(c->compose_hash, sizeof c->compose_hash, w->events.compose_hash);
    copy_payload(c->app_id, sizeof c->app_id, w->events.app_id);
    c->has_os_image_hash = w->events.os_image_hash.p != NULL;
    copy_payload(c->os_image_hash, sizeof c->os_image_hash, w->events.os_image_hash);
    c->key_provider_hash = sha256(w->events.key_provider_name);
    snprintf(c->key_provider, sizeof c->key_provider, "%.*s",
             (int)(w->events.key_provider_name.n < sizeof c->key_provider
                       ? w->events.key_provider_name.n
                       : sizeof c->key_provider - 1),
             w->events.key_provider_name.p ? (const char *)w->events.key_provider_name.p : "");
}

/* Rules about the code are the relying party's choice of log; the others decide
 * whether the platform is good enough to be called genuine at all. */
static bool about_code(const struct rule *rule)
{
    return strcmp(rule->name, "platform") == 0 || strcmp(rule->name, "code") == 0;
}

static bool apply_policy(struct work *w)
{
    struct rules rules;
    bool code_ok = true;
    rules_apply(&rules, w->quote, w->has_events ? &w->events : NULL, w->r->platform,
                w->context->any_time ? w->quote->collateral_issued : w->context->time,
                w->context->policy);
    for (size_t i = 0; i < rules.count; i++) {
        const struct rule *rule = &rules.rule[i];
        if (!about_code(rule)) {
            if (REFUSED(!rule->ok))
                return fail(w->r, rule->name, "%s", rule->detail);
            continue;
        }
        /* The first of the two that fails is what there is to say. */
        if (code_ok)
            memcpy(w->r->code_detail, rule->detail, sizeof w->r->code_detail);
        if (REFUSED(!rule->ok))
            code_ok = false;
    }
    w->r->pin = rules.pin;
    w->r->code_ok = code_ok;
    rules_peer(&w->r->peer, w->quote, w->has_events ? &w->events : NULL, w->r->platform,
               w->context->policy);
    return true;
}

static bool check(struct work *w, slice collateral)
{
    if (REFUSED(w->r->platform == PLATFORM_UNKNOWN))
        return fail(w->r, "platform", "not a platform that teelog knows");
    if (!check_event_log(w) || !check_quote(w, collateral) || !check_kind(w) || !replay(w))
        return false;
    show_code(w);
    if (!apply_policy(w))
        return false;
    w->r->tcb = w->quote->tcb;
    w->r->tcb_evaluation_number = w->quote->tcb_evaluation_number;
    snprintf(w->r->detail, sizeof w->r->detail,
             w->r->simulated ? "a simulated quote, sound under a root of its own%s; it proves "
                               "nothing about hardware"
                             : "a genuine quote%s",
             w->r->simulated && w->context->policy && w->context->policy->simulator
                 ? ", which the policy names"
                 : "");
    return true;
}

void evidence_verify(struct evidence_report *out, const struct evidence *e, slice collateral,
                     const struct evidence_context *context)
{
    struct dcap_report quote;
    memset(out, 0, sizeof *out);
    out->platform = platform_from(e->platform);
    out->simulated = out->platform == PLATFORM_SIMULATOR;
    struct work w = {
        .r = out, .e = e, .context = context, .quote = &quote, .when = {0, UINT64_MAX}};
    out->genuine = check(&w, collateral);
    if (w.has_events)
        eventlog_finish(&w.events);
}
