/* TCB info (versions 2 and 3) and QE identity (version 2) of Intel's
 * Provisioning Certification Service, parsed from the bytes that are signed
 * (docs/format.md section 8). No signature is checked here. Pure. */
#ifndef TL_ATTEST_TCB_INFO_H
#define TL_ATTEST_TCB_INFO_H

#include "attest/quote.h"
#include "attest/sgx_extension.h"
#include "attest/tcb_status.h"
#include "base/err.h"

#define TCB_MAX_LEVELS       256 /* of one list */
#define TCB_MAX_MODULES      32
#define SIGNED_JSON_MAX      1048576 /* bytes */
#define TCB_LEVEL_ADVISORIES 128

/* An advisoryIDs array as it stands in the text: at most TCB_LEVEL_ADVISORIES plain
 * strings of 1 to 31 characters A-Z a-z 0-9 -. Empty where absent. Borrowed. */
struct advisories {
    slice json;
    size_t count;
};
/* Gives the next id; false at the end. Start with *at = 0. */
bool advisories_next(const struct advisories *a, size_t *at, slice *id);

struct tcb_level {
    uint8_t sgx[16], tdx[16]; /* component SVNs; tdx zero for SGX */
    uint32_t pce_svn;
    enum tcb_status status;
    uint64_t date; /* tcbDate, Unix seconds */
    struct advisories advisories;
};

/* A level of a QE or a TDX module: one SVN. */
struct svn_level {
    uint32_t isv_svn;
    enum tcb_status status;
    uint64_t date;
    struct advisories advisories;
};

#define TDX_MODULE_OTHER 256 /* no module's version: it has one byte in TEE_TCB_SVN */

struct tdx_module {
    uint16_t major; /* of "TDX_01": 1; TDX_MODULE_OTHER where the id has another form */
    uint8_t mr_signer[48], attributes[8], attributes_mask[8];
    struct svn_level *levels; /* highest SVN first */
    size_t level_count;
};

struct tcb_info {
    bool tdx;
    unsigned version; /* 2 or 3 */
    uint64_t issue_date, next_update;
    uint8_t fmspc[6], pce_id[2];
    uint32_t evaluation_number;
    struct tcb_level *levels; /* highest first: sgx, pce_svn, tdx */
    size_t level_count;
    struct tdx_module *modules;
    size_t module_count;
    /* TDX: what module major version 0 is held to (no levels). */
    uint8_t module_mr_signer[48], module_attributes[8];
};

/* text: the exact bytes of the value of "tcbInfo"; slices in *out are borrowed
 * from it. TL_E_JSON, TL_E_RANGE and the like, with the member in why->field. */
tl_err tcb_info_read(struct tcb_info *out, slice text, struct tl_why *why) TL_MUST;
void tcb_info_finish(struct tcb_info *t); /* NULL is fine */
/* Whether it is about this kind of TEE and this PCK certificate's platform: id,
 * FMSPC and PCEID. TL_E_FIELD. */
tl_err tcb_info_fits(const struct tcb_info *info, bool tdx, const struct sgx_extension *pck,
                     struct tl_why *why) TL_MUST;

struct qe_identity {
    bool td_qe; /* id "TD_QE"; "QE" otherwise */
    uint64_t issue_date, next_update;
    uint32_t evaluation_number;
    uint32_t misc_select, misc_select_mask;
    uint8_t attributes[16], attributes_mask[16];
    uint8_t mr_signer[32];
    uint16_t isv_prod_id;
    struct svn_level *levels; /* highest SVN first */
    size_t level_count;
};
/* text: the exact bytes of the value of "enclaveIdentity". */
tl_err qe_identity_read(struct qe_identity *out, slice text, struct tl_why *why) TL_MUST;
void qe_identity_finish(struct qe_identity *q); /* NULL is fine */
/* Whether the report is of the enclave that is identified: MISCSELECT and
 * ATTRIBUTES under their masks, MRSIGNER, ISVPRODID. TL_E_FIELD. Its SVN is
 * tcb_evaluate's affair. */
tl_err qe_identity_check(const struct qe_identity *id, const struct sgx_report *qe,
                         struct tl_why *why) TL_MUST;

#endif
