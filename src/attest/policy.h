/* The policy file of a relying party: one versioned JSON object, in which an
 * unknown key is an error (docs/policy.md). Pure. */
#ifndef TL_ATTEST_POLICY_H
#define TL_ATTEST_POLICY_H

#include "attest/platform.h"
#include "base/err.h"
#include "base/slice.h"
#include "crypto/hash.h"
#include "tlog/note.h"
#include "tlog/tlog_policy.h"

#define POLICY_MAX_BYTES 1048576

/* A list of measurements of up to 48 bytes each. */
struct measurement_list {
    size_t count, size; /* size: bytes of each */
    uint8_t *bytes;     /* count * size */
};

/* What an entry leaves out has count 0, or its flag false. */
struct policy_evidence {
    enum platform platform;
    hash32 simulator_root;
    struct measurement_list mrenclave, mrsigner, mrtd, rtmr0, rtmr1, rtmr2, rtmr3;
    struct measurement_list compose_hash, app_id, os_image_hash;
    char **key_providers; /* "NAME:ID" */
    size_t key_provider_count;
    uint16_t *isv_prod_ids;
    size_t isv_prod_id_count;
    bool has_min_isv_svn;
    uint16_t min_isv_svn;
};

enum policy_advisories {
    ADVISORIES_ANY,
    ADVISORIES_ALLOW, /* these and no others */
    ADVISORIES_REFUSE /* none of these */
};

struct policy_tcb {
    uint32_t accept; /* bits 1 << enum tcb_status; 0: UpToDate and SWHardeningNeeded */
    enum policy_advisories advisories;
    char **advisory_ids;
    size_t advisory_count;
    uint64_t min_evaluation_number;
    bool has_max_collateral_age;
    uint64_t max_collateral_age; /* seconds */
};

/* Bits of attributes_allow, each of which loosens one default rule … */
#define ALLOW_SGX_DEBUG          0x01u
#define ALLOW_SGX_PROVISION_KEY  0x02u
#define ALLOW_SGX_EINITTOKEN_KEY 0x04u
#define ALLOW_TD_DEBUG           0x08u
#define ALLOW_TD_SEPT_VE         0x10u
#define ALLOW_TD_MIGRATABLE      0x20u
#define ALLOW_TD_SERVICE_TD      0x40u
#define ALLOW_TD_KEY_LOCKER      0x80u
#define ALLOW_TD_LASS            0x100u
/* … and of attributes_refuse, each of which adds a rule. */
#define REFUSE_TD_PKS            0x01u
#define REFUSE_TD_PERFMON        0x02u
#define REFUSE_SGX_KSS           0x04u

/* A quorum of k among n witnesses, so many that two of them always have one in common that is
 * not among faulty others: 2k > n + faulty. */
struct policy_history {
    struct tlog_policy *quorum; /* owned; NULL: none is asked for */
    size_t need, witnesses;     /* k and n */
    uint64_t faulty;
    uint64_t max_age; /* seconds since a quorum was seen by which a live answer counts */
};

/* All zero is the default policy, but for allow_child. */
struct policy {
    bool has_log;
    char origin[129];
    size_t key_count;
    struct note_key *keys; /* verifier keys; each name equals origin */
    size_t evidence_count;
    struct policy_evidence *evidence;
    bool allow_child, allow_bearer; /* admission; defaults true, false */
    size_t attested_count;
    struct policy_evidence *attested;
    bool simulator;   /* the one evidence entry is a simulator */
    bool has_history; /* "history" is there: "unwitnessed" where the next has no quorum */
    struct policy_history history;
    struct policy_tcb tcb;
    uint32_t attributes_allow, attributes_refuse;
};

/* text: the JSON, need not be NUL-terminated. On failure why names the member
 * by its path ("evidence[0].mrenclave") and says what is wrong; TL_E_POLICY. */
tl_err policy_read(struct policy **out, slice text, struct tl_why *why) TL_MUST;
void policy_free(struct policy *p);

#endif
