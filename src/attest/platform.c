#include "attest/platform.h"

static const char *const platform_names[] = {
    [PLATFORM_SIMULATOR] = "simulator",
    [PLATFORM_SGX_GRAMINE] = "sgx-gramine",
    [PLATFORM_TDX_DSTACK] = "tdx-dstack",
    [PLATFORM_TDX_TSM] = "tdx-tsm",
};
#define PLATFORM_COUNT (sizeof platform_names / sizeof platform_names[0])

enum platform platform_from(slice name)
{
    for (size_t i = 1; i < PLATFORM_COUNT; i++)
        if (slice_eq_str(name, platform_names[i]))
            return (enum platform)i;
    return PLATFORM_UNKNOWN;
}

const char *platform_name(enum platform p)
{
    return p > PLATFORM_UNKNOWN && p < PLATFORM_COUNT ? platform_names[p] : "unknown";
}
