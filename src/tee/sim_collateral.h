/* The simulator's collateral: TCB info and QE identity as Intel's Provisioning
 * Certification Service words them, and what goes with them. Bytes only. */
#ifndef TL_TEE_SIM_COLLATERAL_H
#define TL_TEE_SIM_COLLATERAL_H

#include "attest/collateral.h"
#include "attest/sgx_extension.h"
#include "tee/sim_crl.h"
#include "tee/sim_quote.h"

#define SIM_COLLATERAL_DAYS 30
#define SIM_MAX_LEVELS      4
#define SIM_MAX_ADVISORIES  4

/* Strings are borrowed and written as they stand. Times are Unix seconds. */
struct sim_level {
    unsigned sgx[16], tdx[16], pce_svn; /* wider than they may be, for tests */
    uint64_t date;
    const char *status;
    const char *advisories[SIM_MAX_ADVISORIES]; /* up to the first NULL; none: no member */
};

/* A level of a QE or a TDX module. */
struct sim_svn_level {
    unsigned svn;
    uint64_t date;
    const char *status;
    const char *advisories[SIM_MAX_ADVISORIES];
};

struct sim_module {
    const char *id; /* "TDX_01"; NULL: without id and levels (the member tdxModule) */
    uint8_t mr_signer[48], attributes[8], attributes_mask[8];
    struct sim_svn_level levels[SIM_MAX_LEVELS];
    size_t level_count;
};

struct sim_tcb_info {
    const char *id;   /* NULL: no such member, as in version 2 */
    unsigned version; /* 2: components in members of their own */
    uint64_t issue_date, next_update;
    uint8_t fmspc[6], pce_id[2];
    unsigned tcb_type;
    unsigned evaluation_number;
    bool has_module; /* tdxModule */
    struct sim_module module;
    struct sim_module modules[2]; /* tdxModuleIdentities; none: no member */
    size_t module_count;
    bool has_tdx; /* levels have tdxtcbcomponents */
    struct sim_level levels[SIM_MAX_LEVELS];
    size_t level_count;
};

struct sim_qe_identity {
    const char *id;
    unsigned version;
    uint64_t issue_date, next_update;
    unsigned evaluation_number;
    uint32_t misc_select, misc_select_mask;
    uint8_t attributes[16], attributes_mask[16], mr_signer[32];
    unsigned isv_prod_id;
    struct sim_svn_level levels[SIM_MAX_LEVELS];
    size_t level_count;
};

/* What fits a platform of this kind and finds it up to date: version 3 (and
 * version 2 of the identity), issued now, valid for 30 days. */
void sim_tcb_info_plan(struct sim_tcb_info *out, bool tdx, const struct sgx_extension *platform,
                       uint64_t now);
void sim_qe_identity_plan(struct sim_qe_identity *out, bool td, uint64_t now);
/* Append the JSON text: the bytes that are signed. */
void sim_tcb_info_put(buf *b, const struct sim_tcb_info *t);
void sim_qe_identity_put(buf *b, const struct sim_qe_identity *q);
tl_err sim_text_sign(uint8_t signature[64], slice text, struct es256_key *signer) TL_MUST;

/* A platform's whole collateral. Everything is borrowed. */
struct sim_collateral {
    struct sim_tcb_info tcb_info;
    struct sim_qe_identity qe_identity;
    struct sim_crl root_crl, pck_crl;
    struct es256_key *signer;
    slice signer_chain; /* PEM: signer, root */
    slice pck_crl_chain;
};
/* Appends it as JSON. */
tl_err sim_collateral_put(buf *json, const struct sim_collateral *c) TL_MUST;

#endif
