/* Policies, and what each that is read asks of a quote of either kind. */
#include "attest/policy.h"
#include "attest/rules.h"
#include "fuzz.h"

/* An event log's texts are the host's, and a policy's are quoted back. */
static void apply(const struct policy *p, bool tdx, bool worst, const struct eventlog *events)
{
    static struct dcap_report quote; /* large, and all zero but for what is set here */
    struct rules r;
    quote.ok = true;
    quote.quote.tee_type = tdx ? TEE_TYPE_TDX : TEE_TYPE_SGX;
    quote.sgx.flags = SGX_FLAG_INIT | SGX_FLAG_MODE64BIT;
    quote.td.td_attributes = TD_ATTR_SEPT_VE_DISABLE;
    if (worst) { /* every attribute that there is to complain of */
        quote.sgx.flags = ~(uint64_t)(SGX_FLAG_INIT | SGX_FLAG_MODE64BIT);
        quote.td.td_attributes = ~(uint64_t)TD_ATTR_SEPT_VE_DISABLE;
    }
    memset(quote.td.mr_service_td, worst, sizeof quote.td.mr_service_td);
    memset(quote.td.mr_signer_seam, worst, sizeof quote.td.mr_signer_seam);
    memset(quote.td.seam_attributes, worst, sizeof quote.td.seam_attributes);
    quote.tcb.advisory_count = 1;
    memcpy(quote.tcb.advisories[0], "INTEL-SA-00828", 15);
    for (int platform = PLATFORM_UNKNOWN; platform <= PLATFORM_TDX_TSM; platform++) {
        bool all = true;
        rules_apply(&r, &quote, events, (enum platform)platform, 100, p);
        MUST(r.count == 7);
        for (size_t i = 0; i < r.count; i++) {
            size_t n = strlen(r.rule[i].detail);
            MUST(n > 0 && n < sizeof r.rule[i].detail);
            for (size_t k = 0; k < n; k++)
                MUST(r.rule[i].detail[k] >= ' ' && r.rule[i].detail[k] <= '~');
            all = all && r.rule[i].ok;
        }
        MUST(r.accept == all && !(worst && r.accept));
        /* What is pinned is named, and matched. */
        MUST(r.pin == CODE_OPEN || (p->evidence_count > 0 && r.rule[6].ok));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct policy *p = NULL;
    struct tl_why why = {0};
    tl_err err = policy_read(&p, slice_of(data, size), &why);
    MUST(utf8_valid(slice_str(why.text)) && utf8_valid(slice_str(why.field)));
    if (err != TL_OK) {
        MUST(!p && (err == TL_E_MEMORY || why.text[0]));
        return 0;
    }
    if (p->has_log)
        for (size_t i = 0; i < p->key_count; i++)
            MUST(strcmp(p->keys[i].name, p->origin) == 0);
    MUST(!p->simulator || p->evidence_count == 1);
    MUST(!(p->tcb.accept >> TCB_REVOKED & 1));
    static const uint8_t zero[32];
    const struct eventlog events = {.app_id = {zero, 20},
                                    .compose_hash = {zero, 32},
                                    .key_provider_name = {(const uint8_t *)"kms:00", 6}};
    apply(p, false, false, NULL);
    apply(p, true, false, NULL);
    apply(p, true, false, &events);
    apply(p, false, true, NULL);
    apply(p, true, true, &events);
    policy_free(p);
    return 0;
}
