/* The public face of a policy. */
#ifndef TL_VERIFY_POLICY_H
#define TL_VERIFY_POLICY_H

#include "attest/policy.h"
#include "teelog/verify.h"

struct teelog_policy {
    struct policy *policy;
};

#endif
