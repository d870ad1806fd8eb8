/* Evidence: a quote and what goes with it, checked (docs/format.md section 8).
 * Pure: (evidence, collateral, time, policy) in, report out. */
#ifndef TL_ATTEST_EVIDENCE_H
#define TL_ATTEST_EVIDENCE_H

#include "attest/rules.h"

#define EVIDENCE_MAX 262144 /* bytes of an item */

struct evidence {
    slice platform, quote;
    slice event_log; /* .p == NULL for null */
};
/* Borrowed. TL_E_EVIDENCE or a CBOR error. */
tl_err evidence_read(struct evidence *out, slice item) TL_MUST;
void evidence_put(buf *b, const struct evidence *e);

/* The code that evidence shows. What its platform does not have is zero, so that
 * two are the same where their bytes are. */
struct evidence_code {
    enum platform platform;
    bool tdx;
    hash32 root;                          /* of the chain: H(SubjectPublicKeyInfo) */
    uint8_t mrenclave[32], mrsigner[32];  /* SGX */
    uint16_t isv_prod_id, isv_svn;        /* SGX */
    uint8_t mr_td[48], rtmr[4][48];       /* TDX; dstack's RTMR3 differs by instance, and is zero */
    uint8_t compose_hash[32], app_id[20]; /* dstack */
    bool has_os_image_hash;               /* dstack */
    uint8_t os_image_hash[32];
    char key_provider[512];   /* dstack: "NAME:ID", to be shown; a longer one is cut */
    hash32 key_provider_hash; /* of the whole of it */
};

/* What checking found. A failed check is not an error of the call: it is
 * genuine == false, with the stage and a sentence. */
struct evidence_report {
    enum platform platform;
    bool simulated;
    bool genuine;
    const char *stage; /* the stage that failed, static; NULL where genuine: those of struct
                          dcap_report, and "platform", "format", "event-log", or the policy's rule
                          that the platform does not keep ("tcb-status", "attributes", …) */
    char detail[240];  /* for people, never empty */
    uint8_t report_data[64];
    struct evidence_code code;
    /* Only where genuine. */
    struct tcb_verdict tcb;
    uint32_t tcb_evaluation_number;
    bool code_ok; /* the policy's rules "platform" and "code" */
    enum code_pin pin;
    char code_detail[200];
    struct peer_rule peer; /* the same where this is the evidence of an attested peer */
    /* From when to when it is: with all of the collateral that counts, and as old as the policy
     * takes it. The context's time is between them; with any_time there is such a time. */
    uint64_t valid_from, valid_until;
};

/* What evidence is judged by. Everything is borrowed. */
struct evidence_context {
    uint64_t time;               /* Unix seconds */
    bool any_time;               /* not asked: the report says when it is genuine */
    const struct policy *policy; /* NULL: nothing is pinned, and the simulator's root is taken
                                    as found */
    const hash32 *hardware_root; /* NULL: Intel's */
    const slice *brought;        /* collateral that the caller brings: where it is about the
                                    evidence's platform, it counts before the bundle's */
    size_t brought_count;
    bool *brought_used;       /* brought_count of them, set where one is about a platform that was
                                 judged; may be NULL */
    struct dcap_cache *cache; /* may be NULL */
};

/* collateral: .p == NULL for none. */
void evidence_verify(struct evidence_report *out, const struct evidence *e, slice collateral,
                     const struct evidence_context *context);

#endif
