#include "attest/rules.h"

#include "attest/rules_code.h"
#include "base/refuse.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#define DEFAULT_ACCEPT (1u << TCB_UP_TO_DATE | 1u << TCB_SW_HARDENING_NEEDED)
/* The TD attributes that a policy has a word about; the others are refused. */
#define TD_ATTR_KNOWN                                                                              \
    (TD_ATTR_UNTRUSTED | TD_ATTR_LASS | TD_ATTR_SEPT_VE_DISABLE | TD_ATTR_MIGRATABLE |             \
     TD_ATTR_PKS | TD_ATTR_KEY_LOCKER | TD_ATTR_PERFMON)

__attribute__((format(printf, 4, 5))) static void put(struct rules *out, const char *name, bool ok,
                                                      const char *fmt, ...)
{
    struct rule *r = &out->rule[out->count++];
    va_list ap;
    r->name = name;
    r->ok = ok;
    va_start(ap, fmt);
    vsnprintf(r->detail, sizeof r->detail, fmt, ap);
    va_end(ap);
    out->accept = out->accept && ok;
}

/* What is wrong, or what there is to say, as a list. */
struct complaints {
    size_t n;
    char text[sizeof((struct rule *)0)->detail];
};

static void complain(struct complaints *c, const char *text)
{
    int n = snprintf(c->text + c->n, sizeof c->text - c->n, "%s%s", c->n ? "; " : "", text);
    c->n += (size_t)n < sizeof c->text - c->n ? (size_t)n : sizeof c->text - c->n - 1;
}

static bool accepted(struct complaints *c, const struct policy_tcb *policy, const char *whose,
                     enum tcb_status status)
{
    uint32_t accept = policy->accept ? policy->accept : DEFAULT_ACCEPT;
    char text[100];
    bool ok = !REFUSED(!(accept >> status & 1));
    snprintf(text, sizeof text, "%s%s is %s", whose, tcb_status_name(status),
             ok ? "accepted" : "not accepted");
    complain(c, text);
    return ok;
}

/* The status itself, and the two that it does not tell (tcb.h). */
static void tcb_status_rule(struct rules *out, const struct tcb_verdict *tcb,
                            const struct policy_tcb *policy)
{
    struct complaints c = {0, ""};
    bool ok = accepted(&c, policy, "", tcb->status);
    if (tcb->qe_apart)
        ok &= accepted(&c, policy, "the QE's ", tcb->qe_status);
    if (tcb->has_now && tcb->now != tcb->status)
        ok &= accepted(&c, policy, "now ", tcb->now);
    put(out, "tcb-status", ok, "%s", c.text);
}

static bool named(const struct policy_tcb *policy, const char *id)
{
    for (size_t i = 0; i < policy->advisory_count; i++)
        if (strcasecmp(policy->advisory_ids[i], id) == 0)
            return true;
    return false;
}

static void advisories_rule(struct rules *out, const struct tcb_verdict *tcb,
                            const struct policy_tcb *policy)
{
    const char *bad = NULL, *why = "";
    for (size_t i = 0; !bad && i < tcb->advisory_count; i++) {
        const char *id = tcb->advisories[i];
        if (REFUSED(policy->advisories == ADVISORIES_ALLOW && !named(policy, id))) {
            bad = id;
            why = "is not one that the policy allows";
        }
        if (REFUSED(policy->advisories == ADVISORIES_REFUSE && named(policy, id))) {
            bad = id;
            why = "is one that the policy refuses";
        }
    }
    if (bad)
        put(out, "advisories", false, "%s %s", bad, why);
    else
        put(out, "advisories", true, "%zu, %s", tcb->advisory_count,
            policy->advisories == ADVISORIES_ANY ? "which the policy has no rule for"
                                                 : "none against the policy");
}

static void evaluation_number_rule(struct rules *out, const struct dcap_report *quote,
                                   const struct policy_tcb *policy)
{
    uint32_t least = quote->tcb_evaluation_number < quote->qe_evaluation_number
                         ? quote->tcb_evaluation_number
                         : quote->qe_evaluation_number;
    bool ok = !REFUSED(least < policy->min_evaluation_number);
    put(out, "tcb-evaluation-number", ok,
        "%u of the TCB info, %u of the QE identity; the policy asks for %llu or more",
        quote->tcb_evaluation_number, quote->qe_evaluation_number,
        (unsigned long long)policy->min_evaluation_number);
}

static void age_rule(struct rules *out, uint64_t issued, uint64_t time,
                     const struct policy_tcb *policy)
{
    /* Collateral from after time is not genuine (dcap.h), so that this is no less
     * than zero. */
    uint64_t age = time - issued;
    if (!policy->has_max_collateral_age) {
        put(out, "collateral-age", true, "%llu s; the policy has no rule for it",
            (unsigned long long)age);
        return;
    }
    bool ok = !REFUSED(age > policy->max_collateral_age);
    put(out, "collateral-age", ok, "%llu s; the policy takes up to %llu s", (unsigned long long)age,
        (unsigned long long)policy->max_collateral_age);
}

static void enclave_attributes(struct complaints *c, uint64_t flags, const struct policy *policy)
{
    uint32_t allow = policy->attributes_allow, refuse = policy->attributes_refuse;
    if (REFUSED(!(flags & SGX_FLAG_INIT)))
        complain(c, "INIT is clear");
    if (REFUSED((flags & SGX_FLAG_DEBUG) && !(allow & ALLOW_SGX_DEBUG)))
        complain(c, "DEBUG is set (sgx-debug)");
    if (REFUSED(!(flags & SGX_FLAG_MODE64BIT)))
        complain(c, "MODE64BIT is clear");
    if (REFUSED((flags & SGX_FLAG_PROVISION_KEY) && !(allow & ALLOW_SGX_PROVISION_KEY)))
        complain(c, "PROVISION_KEY is set (sgx-provision-key)");
    if (REFUSED((flags & SGX_FLAG_EINITTOKEN_KEY) && !(allow & ALLOW_SGX_EINITTOKEN_KEY)))
        complain(c, "EINITTOKEN_KEY is set (sgx-einittoken-key)");
    if (REFUSED((flags & SGX_FLAG_KSS) && (refuse & REFUSE_SGX_KSS)))
        complain(c, "KSS is set (sgx-kss)");
}

static bool zero(slice s)
{
    uint8_t any = 0;
    for (size_t i = 0; i < s.n; i++)
        any |= s.p[i];
    return any == 0;
}

/* What a report of 1.5-Ex says of service TDs, beside MRSERVICETD. */
static bool service_td(const struct td_report *td)
{
    return !zero(SLICE_ARRAY(td->init_servtd_hash)) ||
           !zero(SLICE_ARRAY(td->init_servtd_attributes)) ||
           !zero(SLICE_ARRAY(td->cur_servtd_hash)) || !zero(SLICE_ARRAY(td->cur_servtd_attributes));
}

static void td_attributes(struct complaints *c, const struct td_report *td,
                          const struct policy *policy)
{
    uint32_t allow = policy->attributes_allow, refuse = policy->attributes_refuse;
    uint64_t bits = td->td_attributes;
    if (REFUSED((bits & TD_ATTR_UNTRUSTED) && !(allow & ALLOW_TD_DEBUG)))
        complain(c, "DEBUG or another bit that makes it untrusted is set (td-debug)");
    if (REFUSED(!(bits & TD_ATTR_SEPT_VE_DISABLE) && !(allow & ALLOW_TD_SEPT_VE)))
        complain(c, "SEPT_VE_DISABLE is clear (td-sept-ve)");
    if (REFUSED((bits & TD_ATTR_MIGRATABLE) && !(allow & ALLOW_TD_MIGRATABLE)))
        complain(c, "MIGRATABLE is set (td-migratable)");
    if (REFUSED(!zero(SLICE_ARRAY(td->mr_service_td)) && !(allow & ALLOW_TD_SERVICE_TD)))
        complain(c, "MRSERVICETD is not zero (td-service-td)");
    if (REFUSED(service_td(td) && !(allow & ALLOW_TD_SERVICE_TD)))
        complain(c, "a service TD's hash or attributes are not zero (td-service-td)");
    if (REFUSED((bits & TD_ATTR_KEY_LOCKER) && !(allow & ALLOW_TD_KEY_LOCKER)))
        complain(c, "KL is set (td-key-locker)");
    if (REFUSED((bits & TD_ATTR_LASS) && !(allow & ALLOW_TD_LASS)))
        complain(c, "LASS is set (td-lass)");
    if (REFUSED((bits & TD_ATTR_PKS) && (refuse & REFUSE_TD_PKS)))
        complain(c, "PKS is set (td-pks)");
    if (REFUSED((bits & TD_ATTR_PERFMON) && (refuse & REFUSE_TD_PERFMON)))
        complain(c, "PERFMON is set (td-perfmon)");
    if (REFUSED(bits & ~TD_ATTR_KNOWN))
        complain(c, "an unknown attribute is set");
    if (REFUSED(!zero(SLICE_ARRAY(td->mr_signer_seam))))
        complain(c, "MRSIGNERSEAM is not zero");
}

static void attributes_rule(struct rules *out, const struct dcap_report *quote,
                            const struct policy *policy)
{
    struct complaints c = {0, ""};
    if (quote_is_tdx(&quote->quote))
        td_attributes(&c, &quote->td, policy);
    else
        enclave_attributes(&c, quote->sgx.flags, policy);
    put(out, "attributes", c.n == 0, "%s", c.n ? c.text : "as the policy asks");
}

static void platform_rule(struct rules *out, const struct code_shown *shown,
                          const struct code_match *match, const struct policy *policy)
{
    bool tdx = quote_is_tdx(&shown->quote->quote);
    const char *name = shown->platform != PLATFORM_UNKNOWN ? platform_name(shown->platform)
                       : tdx                               ? "a quote of a TD"
                                                           : "a quote of an enclave";
    if (REFUSED(!platform_fits(shown->platform, tdx)))
        put(out, "platform", false, "%s, but the quote is of %s", name,
            tdx ? "a TD" : "an enclave");
    else if (policy->evidence_count == 0)
        put(out, "platform", true, "%s; the policy names no platform", name);
    else if (REFUSED(match->candidates == 0))
        put(out, "platform", false, "%s, and the policy names other platforms alone", name);
    else
        put(out, "platform", true, "%s, which the policy names", name);
}

/* What a match comes to. */
static const char *const pins[] = {
    [CODE_OPEN] = "match, which leaves out what its platform needs, and so pins no code",
    [CODE_SIGNER] = "match, which pins the signer: who holds that key can sign other code",
    [CODE_PINNED] = "match, which pins the code",
};

static void code_rule(struct rules *out, const struct code_match *match)
{
    out->pin = match->pin;
    if (match->match)
        put(out, "code", true, "evidence[%zu] is a %s", match->entry, pins[match->pin]);
    else if (REFUSED(match->candidates > 0))
        put(out, "code", false, "no entry matches, nearest evidence[%zu]: %s", match->entry,
            match->differs);
    else
        put(out, "code", true, "nothing in the policy pins it");
}

void rules_apply(struct rules *out, const struct dcap_report *quote, const struct eventlog *events,
                 enum platform platform, uint64_t time, const struct policy *policy)
{
    static const struct policy by_default = {0};
    const struct code_shown shown = {quote, events, platform};
    struct code_match match;
    if (!policy)
        policy = &by_default;
    memset(out, 0, sizeof *out);
    out->accept = true;
    code_match(&match, &shown, policy->evidence, policy->evidence_count);
    tcb_status_rule(out, &quote->tcb, &policy->tcb);
    advisories_rule(out, &quote->tcb, &policy->tcb);
    evaluation_number_rule(out, quote, &policy->tcb);
    age_rule(out, quote->collateral_issued, time, &policy->tcb);
    attributes_rule(out, quote, policy);
    platform_rule(out, &shown, &match, policy);
    code_rule(out, &match);
}

void rules_peer(struct peer_rule *out, const struct dcap_report *quote,
                const struct eventlog *events, enum platform platform, const struct policy *policy)
{
    static const char of[] = "admission.attested";
    const struct code_shown shown = {quote, events, platform};
    size_t count = policy ? policy->attested_count : 0;
    struct code_match match;
    code_match(&match, &shown, policy ? policy->attested : NULL, count);
    *out = (struct peer_rule){.ok = true, .pin = match.pin};
    if (count == 0) {
        snprintf(out->detail, sizeof out->detail, "no policy names the code of attested peers");
    } else if (match.match) {
        snprintf(out->detail, sizeof out->detail, "%s[%zu] is a %s", of, match.entry,
                 pins[match.pin]);
    } else if (REFUSED(match.candidates == 0)) {
        out->ok = false;
        snprintf(out->detail, sizeof out->detail, "its platform is %s, and %s names others alone",
                 platform_name(platform), of);
    } else if (REFUSED(!match.match)) {
        out->ok = false;
        snprintf(out->detail, sizeof out->detail, "no entry matches, nearest %s[%zu]: %.120s", of,
                 match.entry, match.differs);
    }
}
