/* Which attested peers are let in (docs/format.md section 14): their certificates are judged
 * on a thread of their own, one after the other, since that takes signatures, and may take
 * an answer of Intel's. What it decides is no more than the service's own opinion: a verifier
 * judges the evidence again, by its own policy. */
#ifndef TL_HTTP_ADMIT_H
#define TL_HTTP_ADMIT_H

#include "attest/policy.h"
#include "log/log.h"

#define ADMIT_WAITING_MAX 32 /* certificates that wait */

struct admit_options {
    const struct policy *policy; /* its admission.attested names them; borrowed */
    const hash32 *hardware_root; /* as in struct evidence_context; borrowed */
    /* Both on its thread. ask appends collateral for this quote, verified or not, where the
     * certificate's is missing or over: only for quotes whose PCK certificate is of a trusted
     * root. May be NULL. keep: with this a peer was found good. */
    tl_err (*ask)(void *ctx, slice quote, buf *json, struct tl_why *why);
    void (*keep)(void *ctx, slice json);
    void *ctx;
};

struct admit;
tl_err admit_start(struct admit **out, const struct admit_options *o) TL_MUST;
/* Any thread. der is copied. done is called once, on admit's thread, with a peer that it takes
 * over, or with what is wrong: TL_E_FORBIDDEN, or an error of ask's. TL_E_BUSY and TL_E_STOPPING
 * from here: it is not called. */
typedef void admit_done_fn(void *ctx, tl_err err, struct log_peer *peer, const struct tl_why *why);
tl_err admit_submit(struct admit *a, slice der, admit_done_fn *done, void *ctx,
                    struct tl_why *why) TL_MUST;
/* Those that wait are answered with TL_E_STOPPING, and so are others from now on. Returns when
 * the one that is being judged is done. May come twice, as NULL too. */
void admit_end(struct admit *a);
void admit_free(struct admit *a);

#endif
