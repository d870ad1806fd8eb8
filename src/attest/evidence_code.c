/* Which code: what evidence shows against what a policy names. */
#include "attest/evidence.h"
#include "base/encoding.h"
#include "base/refuse.h"

#include <stdio.h>

static bool listed(const struct measurement_list *list, const uint8_t *value)
{
    for (size_t i = 0; i < list->count; i++)
        if (memcmp(list->bytes + i * list->size, value, list->size) == 0)
            return true;
    return false;
}

bool evidence_code_ok(const struct evidence_report *r, const struct policy *policy, bool *pinned,
                      char detail[200])
{
    bool named = false, open = false, match = false;
    for (size_t i = 0; policy && i < policy->evidence_count; i++) {
        const struct policy_evidence *entry = &policy->evidence[i];
        if (entry->platform != r->platform)
            continue;
        named = true;
        /* Of the platforms that this version can check, the simulator is the
         * only one: its members are the root, checked before, and MRENCLAVE. */
        if (entry->mrenclave.count == 0)
            open = true;
        else if (listed(&entry->mrenclave, r->mrenclave))
            match = true;
    }
    char hex[65];
    hex_text(hex, r->mrenclave, sizeof r->mrenclave);
    *pinned = match;
    if (REFUSED(named && !match && !open)) {
        snprintf(detail, 200, "mrenclave %s is not one that the policy names", hex);
        return false;
    }
    if (match)
        snprintf(detail, 200, "mrenclave %s, as the policy names", hex);
    else
        snprintf(detail, 200, "the policy pins no code for platform %s (mrenclave %s)",
                 platform_name(r->platform), hex);
    return true;
}
