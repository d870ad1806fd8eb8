/* Evidence: a quote and what goes with it, checked (docs/format.md section 8).
 * Pure: (evidence, collateral, time, policy) in, report out. */
#ifndef TL_ATTEST_EVIDENCE_H
#define TL_ATTEST_EVIDENCE_H

#include "attest/policy.h"
#include "base/buf.h"
#include "crypto/hash.h"

#define EVIDENCE_MAX 262144 /* bytes of an item */

struct evidence {
    slice platform, quote;
    slice event_log; /* .p == NULL for null */
};
/* Borrowed. TL_E_EVIDENCE or a CBOR error. */
tl_err evidence_read(struct evidence *out, slice item) TL_MUST;
void evidence_put(buf *b, const struct evidence *e);

/* What checking found. A failed check is not an error of the call: it is
 * genuine == false, with the stage and a sentence. */
struct evidence_report {
    enum platform platform;
    bool simulated;
    bool genuine;
    const char *stage; /* the stage that failed, static; NULL where genuine.
                          "format", "platform", "chain", "validity", "root", "qe-signature",
                          "qe-data", "quote-signature", "attributes", "collateral";
                          or "memory": this machine failed, the evidence was not judged */
    char detail[200];  /* for people, never empty */
    hash32 root;       /* H(SubjectPublicKeyInfo) of the chain's root */
    bool root_pinned;  /* the policy names this root */
    uint8_t mrenclave[32], mrsigner[32];
    uint16_t isv_prod_id, isv_svn;
    uint8_t report_data[64];
};

/* time: Unix seconds. policy may be NULL: then the simulator's root is taken as
 * found and root_pinned is false. A platform that this version cannot check is
 * not genuine (stage "platform"). With a policy that names simulator roots, a
 * root not among them fails at stage "root". */
void evidence_verify(struct evidence_report *out, const struct evidence *e, slice collateral,
                     uint64_t time, const struct policy *policy);

/* Whether the policy's evidence entries pin the code that the report shows.
 * *pinned is false where the policy is silent (UNPINNED); the return value is
 * false where it speaks and the code is another (REJECTED). */
bool evidence_code_ok(const struct evidence_report *r, const struct policy *policy, bool *pinned,
                      char detail[200]);

#endif
