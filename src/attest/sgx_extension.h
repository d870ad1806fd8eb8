/* The SGX extension of a PCK certificate, 1.2.840.113741.1.13.1: which platform
 * the quote comes from, and its TCB (Intel, "SGX PCK Certificate and CRL
 * Profile Specification"). Pure. */
#ifndef TL_ATTEST_SGX_EXTENSION_H
#define TL_ATTEST_SGX_EXTENSION_H

#include "base/buf.h"

enum sgx_type { SGX_STANDARD, SGX_SCALABLE, SGX_SCALABLE_INTEGRITY };

struct sgx_extension {
    uint8_t ppid[16], pce_id[2], fmspc[6];
    uint8_t components[16]; /* SVNs; what TCB levels are matched with */
    uint16_t pce_svn;
    uint8_t cpu_svn[16]; /* raw; not for matching */
    enum sgx_type type;
    bool platform_ca; /* the three below are there: the Platform CA's form of 7 elements */
    uint8_t instance_id[16];
    bool dynamic_platform, cached_keys, smt_enabled;
};

/* value: the contents of the extension's OCTET STRING. Each element must be
 * there once, in any order, and no others. TL_E_CERT or a DER error. */
tl_err sgx_extension_read(struct sgx_extension *out, slice value) TL_MUST;
void sgx_extension_put(buf *b, const struct sgx_extension *v);

/* Contents of the extension's OBJECT IDENTIFIER. */
extern const uint8_t sgx_extension_oid[9];

#endif
