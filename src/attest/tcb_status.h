/* The TCB statuses of Intel's TCB info, and how they come together. Pure. */
#ifndef TL_ATTEST_TCB_STATUS_H
#define TL_ATTEST_TCB_STATUS_H

#include "base/slice.h"

/* The last two are never in Intel's data: a relaunch would help (tcb.h). */
enum tcb_status {
    TCB_UP_TO_DATE,
    TCB_SW_HARDENING_NEEDED,
    TCB_CONFIGURATION_NEEDED,
    TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED,
    TCB_OUT_OF_DATE,
    TCB_OUT_OF_DATE_CONFIGURATION_NEEDED,
    TCB_REVOKED,
    TCB_TD_RELAUNCH_ADVISED,
    TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED,
    TCB_STATUSES
};
/* "UpToDate", …: Intel's spelling. */
const char *tcb_status_name(enum tcb_status s);
/* False where the name is none of them. */
bool tcb_status_from(enum tcb_status *out, slice name);

/* What a platform's status becomes by that of one of its components, the QE or the
 * TDX module (QVL, convergeTcbStatuses): a component that is OutOfDate or Revoked
 * counts, and one with another status changes nothing. */
enum tcb_status tcb_status_join(enum tcb_status platform, enum tcb_status component);
/* A TD whose TCB was out of date at launch, and is not now, is to be launched
 * again; otherwise launch stands (Intel, QVL, TDRelaunchCheck). */
enum tcb_status tcb_status_relaunched(enum tcb_status launch, enum tcb_status now);

#endif
