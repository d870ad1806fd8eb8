/* Collateral on disk: a directory of files named TEE-FMSPC-CA.json, one for each
 * kind of platform. What is read is as untrusted as what a service answers. Whoever can
 * write there can make us ask again, or put back older collateral that is still valid,
 * which then serves in place of newer until it is asked for (pcs_options.refresh). */
#ifndef TL_PCS_CACHE_H
#define TL_PCS_CACHE_H

#include "base/buf.h"
#include "base/err.h"
#include "pcs/platform.h"

#define PCS_CACHE_NAME_SIZE 48

/* "tdx-00806f050000-platform.json", with "-early" before the point where new TCB
 * evaluations are asked for early. p->known must be set. */
void pcs_cache_name(char out[PCS_CACHE_NAME_SIZE], const struct pcs_platform *p, bool early);

/* Appends what is there. TL_E_NOT_FOUND where there is nothing, TL_E_LIMIT above
 * COLLATERAL_MAX, TL_E_IO where it is no ordinary file or cannot be read. */
tl_err pcs_cache_read(buf *out, const char *dir, const char *name) TL_MUST;

/* Puts it in place whole or not at all, readable by its owner alone; makes the
 * directory, and those above it, where they are missing. */
tl_err pcs_cache_write(const char *dir, const char *name, slice collateral,
                       struct tl_why *why) TL_MUST;

#endif
