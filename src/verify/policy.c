#include "verify/policy.h"

#include <stdio.h>
#include <stdlib.h>

tl_err teelog_policy_read(struct teelog_policy **out, const char *json, size_t json_size,
                          char *message, size_t message_size)
{
    struct tl_why why = {0};
    struct teelog_policy *p = calloc(1, sizeof *p);
    tl_err err = p ? policy_read(&p->policy, slice_of(json, json_size), &why) : TL_E_MEMORY;
    if (err == TL_OK) {
        *out = p;
        return TL_OK;
    }
    if (message && message_size)
        snprintf(message, message_size, "%s", tl_why_text(&why, err)); /* it names the member */
    free(p);
    return err;
}

void teelog_policy_free(struct teelog_policy *policy)
{
    if (!policy)
        return;
    policy_free(policy->policy);
    free(policy);
}
