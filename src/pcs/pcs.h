/* Collateral from Intel's Provisioning Certification Service (PCS, API version 4)
 * or from a caching service that answers alike (PCCS). Reads the network, a
 * monotonic clock and, for the cache, files; no environment.
 *
 * A service is not trusted: what it answers is bounded in bytes and time, and
 * pcs_collateral gives nothing on that dcap.h has not verified. */
#ifndef TL_PCS_PCS_H
#define TL_PCS_PCS_H

#include "base/buf.h"
#include "base/err.h"
#include "crypto/hash.h"

#include <stdatomic.h>

#define PCS_TIMEOUT_S 30

/* Strings are borrowed; zero-initialised, all defaults hold. */
struct pcs_options {
    const char *pccs;        /* base URL, https only; NULL: Intel's own service */
    const char *proxy;       /* URL; NULL: none */
    const char *no_proxy;    /* hosts to reach without it, by commas; NULL: none */
    const char *ca_file;     /* PEM bundle that alone is trusted for TLS; NULL: the system's */
    bool early;              /* a new TCB evaluation counts from its first day on */
    unsigned timeout_s;      /* of all requests together; 0: PCS_TIMEOUT_S */
    bool refresh;            /* ask the service, however good what the cache has is */
    const atomic_bool *stop; /* once true, requests end soon; may be NULL */
    /* Called before each request and after the last one; may be NULL. */
    void (*progress)(void *ctx, unsigned done, unsigned total);
    void *progress_ctx;
};

/* What it is that was appended: the dates are those of dcap.h, collateral_issued and
 * collateral_expires (Unix seconds). */
struct pcs_result {
    bool from_cache;
    uint64_t issued, expires;
};

/* Appends the collateral that this quote needs (attest/collateral.h), verified: only
 * where the quote is found genuine with it at now (Unix seconds) under one of the
 * roots (at least one), or where nothing but the TCB itself is unsupported (stages
 * "tcb" and "tdx-module"): that is what the collateral says about the quote, not a
 * fault of its own. why names what was asked for, and says what to do next.
 * TL_E_NOT_FOUND where the service does not know the platform, TL_E_AUTH, TL_E_BUSY,
 * TL_E_IO, TL_E_USAGE, TL_E_EVIDENCE where the quote is not genuine with what the
 * service gave, or an error of the answer's form.
 *
 * cache_dir: a directory of such collateral, made where it is missing; NULL: none.
 * What it holds is trusted no more than the service. It is taken, and the service
 * not asked, where the quote is genuine with it and a quarter of its validity or
 * more is left. Where asking fails for any reason but wrong usage, or gives what was
 * issued earlier (or, issued alike, ends earlier), it is taken as long as it is valid,
 * and stays in the cache; then, and where the cache could not be written, this is
 * TL_OK and why says what happened. Quotes without a PCK certificate of their own
 * are not cached: their platform is known only from the service. */
tl_err pcs_collateral(buf *out, struct pcs_result *result, slice quote, const struct pcs_options *o,
                      const char *cache_dir, uint64_t now, const hash32 *roots, size_t root_count,
                      struct tl_why *why) TL_MUST;

#endif
