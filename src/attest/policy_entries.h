/* The evidence entries of a policy: which platform, which code. For policy.c. */
#ifndef TL_ATTEST_POLICY_ENTRIES_H
#define TL_ATTEST_POLICY_ENTRIES_H

#include "attest/policy.h"
#include "attest/policy_json.h"

tl_err policy_entries_read(struct policy_evidence **out, size_t *count, const json_t *v,
                           struct json_at at, struct tl_why *why) TL_MUST;
void policy_entries_free(struct policy_evidence *entries, size_t count);

#endif
