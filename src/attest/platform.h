/* The platforms that evidence comes from, by name (docs/policy.md). Pure. */
#ifndef TL_ATTEST_PLATFORM_H
#define TL_ATTEST_PLATFORM_H

#include "base/slice.h"

enum platform {
    PLATFORM_UNKNOWN,
    PLATFORM_SIMULATOR,
    PLATFORM_SGX_GRAMINE,
    PLATFORM_TDX_DSTACK,
    PLATFORM_TDX_TSM
};
/* "simulator", …; PLATFORM_UNKNOWN for anything else. */
enum platform platform_from(slice name);
const char *platform_name(enum platform p);

#endif
