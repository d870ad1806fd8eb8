/* Which code: what a quote and its event log show against a policy's evidence
 * entries. For rules.c, and evidence.c. Pure. */
#ifndef TL_ATTEST_RULES_CODE_H
#define TL_ATTEST_RULES_CODE_H

#include "attest/rules.h"

/* What there is to compare with. */
struct code_shown {
    const struct dcap_report *quote;
    const struct eventlog *events; /* or NULL */
    enum platform platform;        /* or PLATFORM_UNKNOWN */
};

struct code_match {
    size_t candidates; /* entries that the evidence may match at all */
    bool match;
    size_t entry; /* the best match, the first among equals; else the nearest entry */
    enum code_pin pin;
    /* Where candidates > 0 and none matches: the first member of the nearest entry
     * that differs, and how. */
    char differs[160];
};

/* Whether evidence of the platform has a quote of this kind. */
bool platform_fits(enum platform platform, bool tdx);
void code_match(struct code_match *out, const struct code_shown *shown,
                const struct policy_evidence *entries, size_t count);

#endif
