/* What a policy asks of a genuine quote, rule by rule (docs/policy.md). Pure. */
#ifndef TL_ATTEST_RULES_H
#define TL_ATTEST_RULES_H

#include "attest/dcap.h"
#include "attest/eventlog.h"
#include "attest/policy.h"

/* How far a policy pins the code. */
enum code_pin {
    CODE_OPEN,   /* it names none, or leaves out a member that its platform needs */
    CODE_SIGNER, /* by MRSIGNER, product id and least SVN: whoever holds that key can
                    sign other code, so that it does not pin a log */
    CODE_PINNED,
};

struct rule {
    const char *name; /* static: "tcb-status", "advisories", "tcb-evaluation-number",
                         "collateral-age", "attributes", "platform", "code" */
    bool ok;
    char detail[200];
};
#define RULES_MAX 8 /* one more than rules_apply gives: "report-data", verify/quote_report.c */

struct rules {
    size_t count;
    struct rule rule[RULES_MAX];
    bool accept; /* all rules ok */
    enum code_pin pin;
};

/* All seven rules are given, in the order of their names above. quote: a report
 * with ok == true. events: a log that eventlog_check found to be the quote's; NULL
 * where there is none. platform: what the evidence says it is, or PLATFORM_UNKNOWN
 * for a bare quote, which may then match entries of every platform of its kind of
 * TEE. policy: NULL for the default one, which pins nothing. */
void rules_apply(struct rules *out, const struct dcap_report *quote, const struct eventlog *events,
                 enum platform platform, uint64_t time, const struct policy *policy);

/* What the policy's admission.attested says of the same code, where it is that of an
 * attested peer: of a policy without such entries nothing. */
struct peer_rule {
    bool ok;
    enum code_pin pin;
    char detail[200];
};
void rules_peer(struct peer_rule *out, const struct dcap_report *quote,
                const struct eventlog *events, enum platform platform, const struct policy *policy);

#endif
