/* The report of a TDX trust domain, as quotes carry it (Intel, "TDX DCAP Quoting
 * Library API", quote format versions 4 and 5). Bytes to structure. Pure. */
#ifndef TL_ATTEST_TD_REPORT_H
#define TL_ATTEST_TD_REPORT_H

#include "base/buf.h"

#define TD_REPORT_10_SIZE       584
#define TD_REPORT_15_SIZE       648
#define TD_REPORT_15EX_SIZE     885

#define TD_MR_SIZE              48 /* SHA-384 */

/* TDATTRIBUTES: the lowest byte makes a TD untrusted (DEBUG and its like). */
#define TD_ATTR_UNTRUSTED       UINT64_C(0xff)
#define TD_ATTR_LASS            (UINT64_C(1) << 27)
#define TD_ATTR_SEPT_VE_DISABLE (UINT64_C(1) << 28)
#define TD_ATTR_MIGRATABLE      (UINT64_C(1) << 29)
#define TD_ATTR_PKS             (UINT64_C(1) << 30)
#define TD_ATTR_KEY_LOCKER      (UINT64_C(1) << 31)
#define TD_ATTR_PERFMON         (UINT64_C(1) << 63)

struct td_report {
    uint8_t tee_tcb_svn[16]; /* of the module at launch: minor, major, SEAM loader, 0 … */
    uint8_t mr_seam[48], mr_signer_seam[48];
    uint8_t seam_attributes[8];
    uint64_t td_attributes, xfam;
    uint8_t mr_td[48], mr_config_id[48], mr_owner[48], mr_owner_config[48];
    uint8_t rtmr[4][48];
    uint8_t report_data[64];
    bool has_15;              /* the two below are there (1.5); zero otherwise */
    uint8_t tee_tcb_svn2[16]; /* of the module that runs now */
    uint8_t mr_service_td[48];
    /* 1.5-Ex, as Intel's library lays it out: of a TD whose service TD may move it, what
     * it was begun under, and what it is bound to now. Zero otherwise. */
    bool has_15ex;
    uint8_t vm_id, td_id[32], dev_info[48];
    uint8_t init_servtd_hash[48], init_servtd_attributes[8];
    uint8_t init_cpu_svn[16], init_tee_tcb_svn[16], init_tee_fmspc[12];
    uint8_t cur_servtd_hash[48], cur_servtd_attributes[8];
};

/* body: one of the three sizes above, as struct quote has it. */
void td_report_read(struct td_report *out, slice body);
/* As has_15 and has_15ex say. */
void td_report_put(buf *b, const struct td_report *v);

#endif
