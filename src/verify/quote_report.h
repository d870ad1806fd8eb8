/* What was found about one quote, and how it is said. */
#ifndef TL_VERIFY_QUOTE_REPORT_H
#define TL_VERIFY_QUOTE_REPORT_H

#include "attest/rules.h"
#include "teelog/quote.h"

struct teelog_quote_report {
    struct dcap_report quote; /* its borrowed slices are empty */
    bool ok;                  /* the quote, and the event log and compose file that came with it */
    const char *stage;
    char detail[240];
    uint64_t time;
    bool has_policy, report_data_asked;
    struct rules rules; /* where ok; "report-data" is the eighth where it was asked */
    /* Of the event log, where ok: hex, or empty where the log does not have it. */
    bool has_events;
    bool compose_ok; /* a compose file was given, and it is the one */
    char compose_hash[65], app_id[41], instance_id[41], os_image_hash[65];
    char key_provider[512]; /* "NAME:ID" */
};

struct teelog_quote_cache {
    struct dcap_cache *cache;
};

/* The name of the i-th measurement that a quote of this kind has, for
 * teelog_quote_measurement; NULL after the last. r: ok. */
const char *quote_measurement_name(const struct teelog_quote_report *r, size_t i);
/* "none", "signer", "code" */
const char *quote_pin_name(enum teelog_pin pin);

#endif
