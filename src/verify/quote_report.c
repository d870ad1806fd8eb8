#include "verify/quote_report.h"

#include "attest/chain.h"
#include "base/encoding.h"
#include "base/refuse.h"
#include "verify/eventlog_show.h"
#include "verify/policy.h"

#include <stdio.h>
#include <stdlib.h>

#define REPORT_DATA_SIZE 64

tl_err teelog_quote_cache_new(struct teelog_quote_cache **out)
{
    struct teelog_quote_cache *c = calloc(1, sizeof *c);
    tl_err err = c ? dcap_cache_new(&c->cache) : TL_E_MEMORY;
    if (err != TL_OK) {
        free(c);
        return err;
    }
    *out = c;
    return TL_OK;
}

void teelog_quote_cache_free(struct teelog_quote_cache *cache)
{
    if (!cache)
        return;
    dcap_cache_free(cache->cache);
    free(cache);
}

static slice bytes(struct teelog_bytes b)
{
    return slice_of(b.p, b.n);
}

static bool fail(struct teelog_quote_report *r, const char *stage, const char *detail)
{
    r->stage = stage;
    snprintf(r->detail, sizeof r->detail, "%s", detail);
    return false;
}

static void copy_hex(char *out, size_t size, slice payload)
{
    if (2 * payload.n < size)
        hex_text(out, payload.p, payload.n);
}

static void show_events(struct teelog_quote_report *r, const struct eventlog *e)
{
    copy_hex(r->compose_hash, sizeof r->compose_hash, e->compose_hash);
    copy_hex(r->app_id, sizeof r->app_id, e->app_id);
    copy_hex(r->instance_id, sizeof r->instance_id, e->instance_id);
    copy_hex(r->os_image_hash, sizeof r->os_image_hash, e->os_image_hash);
    size_t n = e->key_provider_name.n;
    if (n >= sizeof r->key_provider)
        n = sizeof r->key_provider - 1;
    if (n)
        memcpy(r->key_provider, e->key_provider_name.p, n);
}

static bool check_quote(struct teelog_quote_report *r, const struct teelog_quote_options *o,
                        const struct policy *policy)
{
    hash32 root = dcap_intel_root;
    if (o->root)
        memcpy(root.b, o->root, sizeof root.b);
    else if (policy && policy->simulator)
        root = policy->evidence[0].simulator_root;
    struct dcap_input in = {
        .quote = bytes(o->quote),
        .collateral = bytes(o->collateral),
        .time = o->time,
        .roots = &root,
        .root_count = 1,
        .cache = o->cache ? o->cache->cache : NULL,
    };
    dcap_verify(&r->quote, &in);
    if (REFUSED(!r->quote.ok))
        return fail(r, r->quote.stage, r->quote.detail);
    return true;
}

/* The event log and compose file, where they are there. */
static bool check_events(struct teelog_quote_report *r, struct eventlog *events,
                         const struct teelog_quote_options *o)
{
    struct tl_why why = {0};
    if (REFUSED(o->compose.p && !o->event_log.p))
        return fail(r, "compose",
                    "a compose file is measured in the event log, and there is none: "
                    "bring it too");
    if (!o->event_log.p)
        return true;
    if (REFUSED(!quote_is_tdx(&r->quote.quote)))
        return fail(r, "event-log", "an SGX enclave has no event log");
    slice array;
    buf decoded;
    buf_init(&decoded, EVENTLOG_MAX_BYTES);
    tl_err err = eventlog_find(&array, &decoded, bytes(o->event_log), &why);
    if (err == TL_OK)
        err = eventlog_read(events, array, &why);
    buf_finish(&decoded); /* events owns what it keeps */
    r->has_events = err == TL_OK;
    if (err == TL_OK)
        err = eventlog_check(events, &r->quote.td, &why);
    if (err != TL_OK)
        return fail(r, err == TL_E_MEMORY ? "memory" : "event-log", tl_why_text(&why, err));
    show_events(r, events);
    if (!o->compose.p)
        return true;
    r->compose_ok = eventlog_compose_ok(events, bytes(o->compose));
    if (REFUSED(!r->compose_ok))
        return fail(r, "compose",
                    "SHA-256 of the compose file is not the compose-hash that was "
                    "measured");
    return true;
}

/* A rule of its own beside the policy's: it is the caller of this one time who asks. */
static void report_data_rule(struct teelog_quote_report *r, slice want)
{
    const uint8_t *data = teelog_quote_report_data(r);
    struct rule *rule = &r->rules.rule[r->rules.count++];
    /* All bytes each time: how many are right is nobody's business. */
    uint8_t differs = 0;
    for (size_t i = 0; i < REPORT_DATA_SIZE; i++)
        differs |= data[i] ^ (want.p && i < want.n ? want.p[i] : 0);
    rule->name = "report-data";
    rule->ok = true;
    if (REFUSED(!want.p || want.n < 1 || want.n > REPORT_DATA_SIZE))
        rule->ok = false;
    if (REFUSED(differs != 0))
        rule->ok = false;
    snprintf(rule->detail, sizeof rule->detail, "%s the %zu bytes asked for%s",
             rule->ok ? "it is" : "it is not", want.n,
             want.n < REPORT_DATA_SIZE ? ", with zeros after them" : "");
    r->rules.accept = r->rules.accept && rule->ok;
}

static void judge(struct teelog_quote_report *r, const struct teelog_quote_options *o)
{
    const struct policy *policy = o->policy ? o->policy->policy : NULL;
    struct eventlog events;
    r->ok = check_quote(r, o, policy) && check_events(r, &events, o);
    if (r->ok) {
        snprintf(r->detail, sizeof r->detail, "%s", r->quote.detail);
        rules_apply(&r->rules, &r->quote, r->has_events ? &events : NULL, PLATFORM_UNKNOWN, o->time,
                    policy);
        if (r->report_data_asked)
            report_data_rule(r, bytes(o->report_data));
    }
    if (r->has_events)
        eventlog_finish(&events);
}

tl_err teelog_quote_verify(struct teelog_quote_report **out, const struct teelog_quote_options *o)
{
    struct teelog_quote_report *r = calloc(1, sizeof *r);
    if (!r)
        return TL_E_MEMORY;
    r->time = o->time;
    r->has_policy = o->policy != NULL;
    r->report_data_asked = o->report_data.p || o->report_data.n;
    judge(r, o);
    if (!r->ok && strcmp(r->stage, "memory") == 0) {
        free(r);
        return TL_E_MEMORY;
    }
    /* The caller's quote need not outlive the call. */
    const struct quote *q = &r->quote.quote;
    r->quote.quote = (struct quote){.version = q->version,
                                    .key_type = q->key_type,
                                    .tee_type = q->tee_type,
                                    .body_type = q->body_type,
                                    .cert_type = q->cert_type,
                                    .trailing = q->trailing};
    *out = r;
    return TL_OK;
}

void teelog_quote_report_free(struct teelog_quote_report *r)
{
    free(r);
}

bool teelog_quote_ok(const struct teelog_quote_report *r)
{
    return r->ok;
}

const char *teelog_quote_stage(const struct teelog_quote_report *r)
{
    return r->ok ? NULL : r->stage;
}

bool teelog_quote_accepted(const struct teelog_quote_report *r)
{
    return r->ok && r->rules.accept;
}

enum teelog_pin teelog_quote_pin(const struct teelog_quote_report *r)
{
    if (!teelog_quote_accepted(r) || r->rules.pin == CODE_OPEN)
        return TEELOG_PIN_NONE;
    return r->rules.pin == CODE_PINNED ? TEELOG_PIN_CODE : TEELOG_PIN_SIGNER;
}

bool teelog_quote_pinned(const struct teelog_quote_report *r)
{
    return teelog_quote_pin(r) != TEELOG_PIN_NONE;
}

const char *teelog_quote_tcb_status(const struct teelog_quote_report *r)
{
    return r->ok ? tcb_status_name(r->quote.tcb.status) : NULL;
}

bool teelog_quote_simulated(const struct teelog_quote_report *r)
{
    return r->ok && !hash_eq(&r->quote.root, &dcap_intel_root);
}

tl_err teelog_root_from_pem(uint8_t out[32], const char *pem, size_t size)
{
    struct pem_chain memory;
    struct cert cert;
    tl_err err = cert_read_pem(&cert, &memory, slice_of(pem, size));
    if (err != TL_OK)
        return err;
    hash32 h = sha256(cert.spki);
    memcpy(out, h.b, sizeof h.b);
    pem_finish(&memory);
    return TL_OK;
}
