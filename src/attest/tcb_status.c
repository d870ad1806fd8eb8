#include "attest/tcb_status.h"

/* What a status says, one bit each. Hardening is not told beside "out of date". */
enum { HARDEN = 1, CONFIGURE = 2, OUT_OF_DATE = 4, REVOKED = 8 };

static const struct {
    const char *name;
    uint8_t says;
} table[TCB_STATUSES] = {
    [TCB_UP_TO_DATE] = {"UpToDate", 0},
    [TCB_SW_HARDENING_NEEDED] = {"SWHardeningNeeded", HARDEN},
    [TCB_CONFIGURATION_NEEDED] = {"ConfigurationNeeded", CONFIGURE},
    [TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED] = {"ConfigurationAndSWHardeningNeeded",
                                                   CONFIGURE | HARDEN},
    [TCB_OUT_OF_DATE] = {"OutOfDate", OUT_OF_DATE},
    [TCB_OUT_OF_DATE_CONFIGURATION_NEEDED] = {"OutOfDateConfigurationNeeded",
                                              OUT_OF_DATE | CONFIGURE},
    [TCB_REVOKED] = {"Revoked", REVOKED},
    [TCB_TD_RELAUNCH_ADVISED] = {"TDRelaunchAdvised", OUT_OF_DATE},
    [TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED] = {"TDRelaunchAdvisedConfigurationNeeded",
                                                      OUT_OF_DATE | CONFIGURE},
};

const char *tcb_status_name(enum tcb_status s)
{
    return table[s].name;
}

bool tcb_status_from(enum tcb_status *out, slice name)
{
    for (enum tcb_status s = 0; s < TCB_STATUSES; s++)
        if (slice_eq_str(name, table[s].name)) {
            *out = s;
            return true;
        }
    return false;
}

enum tcb_status tcb_status_join(enum tcb_status platform, enum tcb_status component)
{
    unsigned says = table[platform].says;
    if (component == TCB_REVOKED)
        return TCB_REVOKED;
    if (component != TCB_OUT_OF_DATE || says & (OUT_OF_DATE | REVOKED))
        return platform;
    return says & CONFIGURE ? TCB_OUT_OF_DATE_CONFIGURATION_NEEDED : TCB_OUT_OF_DATE;
}

enum tcb_status tcb_status_relaunched(enum tcb_status launch, enum tcb_status now)
{
    unsigned then_says = table[launch].says, now_says = table[now].says;
    if (!(then_says & OUT_OF_DATE) || now_says & (OUT_OF_DATE | REVOKED))
        return launch;
    return (then_says | now_says) & CONFIGURE ? TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED
                                              : TCB_TD_RELAUNCH_ADVISED;
}
