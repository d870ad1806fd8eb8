/* Evaluating a platform's TCB: which level it has, and what its QE, its TDX
 * module and a relaunch change about that (docs/verification.md; Intel, PCS API
 * version 4, "TCB info"). Pure. */
#ifndef TL_ATTEST_TCB_H
#define TL_ATTEST_TCB_H

#include "attest/sgx_extension.h"
#include "attest/tcb_info.h"
#include "attest/td_report.h"

#define TCB_MAX_ADVISORIES 128
#define TCB_ADVISORY_SIZE  32 /* with its NUL */

/* status is what Intel's library says. It leaves out two things, which stand beside it. */
struct tcb_verdict {
    enum tcb_status status;
    bool qe_apart; /* the QE's level has a status that status does not tell: this one */
    enum tcb_status qe_status;
    bool has_now;        /* 1.5: what status would be for the module that runs now, ... */
    enum tcb_status now; /* ... also where that is worse than at launch */
    uint64_t date;       /* the earliest of those of the levels that were met */
    /* Sorted bytewise, each once. */
    size_t advisory_count;
    char advisories[TCB_MAX_ADVISORIES][TCB_ADVISORY_SIZE];
};

/* The TCB info is about the PCK certificate's platform (tcb_info_fits), and it and
 * the QE identity about this kind of TEE. */
struct tcb_input {
    const struct tcb_info *info;
    const struct qe_identity *qe;
    const struct sgx_extension *pck;
    uint16_t qe_isv_svn;
    const struct td_report *td; /* NULL for SGX */
};

/* *stage is set on failure: "tcb" (no level is met: TCB_NOT_SUPPORTED), "tdx-module"
 * (no identity or level for the module, or another signer or attributes). */
tl_err tcb_evaluate(struct tcb_verdict *out, const struct tcb_input *in, const char **stage,
                    struct tl_why *why) TL_MUST;

#endif
