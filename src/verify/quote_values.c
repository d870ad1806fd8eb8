/* What a genuine quote says, by name. */
#include "verify/quote_report.h"

/* A member of the report of an enclave, resp. of a TD. */
struct measurement {
    const char *name;
    size_t at, size;
};

#define MEASUREMENT(type, name, member)                                                            \
    {                                                                                              \
        name, offsetof(struct type, member), sizeof((struct type *)0)->member                      \
    }

static const struct measurement of_enclaves[] = {
    MEASUREMENT(sgx_report, "mrenclave", mrenclave),
    MEASUREMENT(sgx_report, "mrsigner", mrsigner),
};
static const struct measurement of_domains[] = {
    MEASUREMENT(td_report, "mrtd", mr_td),
    MEASUREMENT(td_report, "rtmr0", rtmr[0]),
    MEASUREMENT(td_report, "rtmr1", rtmr[1]),
    MEASUREMENT(td_report, "rtmr2", rtmr[2]),
    MEASUREMENT(td_report, "rtmr3", rtmr[3]),
    MEASUREMENT(td_report, "mrconfigid", mr_config_id),
    MEASUREMENT(td_report, "mrowner", mr_owner),
    MEASUREMENT(td_report, "mrownerconfig", mr_owner_config),
    MEASUREMENT(td_report, "mrseam", mr_seam),
    MEASUREMENT(td_report, "mrsignerseam", mr_signer_seam),
    MEASUREMENT(td_report, "mrservicetd", mr_service_td),
};
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* The i-th that the quote has, or NULL. */
static const struct measurement *measurement_at(const struct dcap_report *q, size_t i)
{
    if (!quote_is_tdx(&q->quote))
        return i < COUNT(of_enclaves) ? &of_enclaves[i] : NULL;
    /* The last came with version 1.5. */
    size_t count = COUNT(of_domains) - (q->td.has_15 ? 0 : 1);
    return i < count ? &of_domains[i] : NULL;
}

const char *quote_measurement_name(const struct teelog_quote_report *r, size_t i)
{
    const struct measurement *m = measurement_at(&r->quote, i);
    return m ? m->name : NULL;
}

struct teelog_bytes teelog_quote_measurement(const struct teelog_quote_report *r, const char *name)
{
    const struct dcap_report *q = &r->quote;
    const uint8_t *report =
        quote_is_tdx(&q->quote) ? (const uint8_t *)&q->td : (const uint8_t *)&q->sgx;
    const struct measurement *m = r->ok ? measurement_at(q, 0) : NULL;
    for (size_t i = 1; m && strcmp(m->name, name) != 0; i++)
        m = measurement_at(q, i);
    return m ? (struct teelog_bytes){report + m->at, m->size} : (struct teelog_bytes){NULL, 0};
}

const uint8_t *teelog_quote_report_data(const struct teelog_quote_report *r)
{
    const struct dcap_report *q = &r->quote;
    if (!r->ok)
        return NULL;
    return quote_is_tdx(&q->quote) ? q->td.report_data : q->sgx.report_data;
}

const char *quote_pin_name(enum teelog_pin pin)
{
    static const char *const names[] = {
        [TEELOG_PIN_NONE] = "none", [TEELOG_PIN_SIGNER] = "signer", [TEELOG_PIN_CODE] = "code"};
    return names[pin];
}
