/* A PCK chain: leaf, intermediate, root (docs/format.md section 8, step 2). Pure. */
#ifndef TL_ATTEST_CHAIN_H
#define TL_ATTEST_CHAIN_H

#include "attest/cert.h"
#include "codec/pem.h"

struct chain {
    struct pem_chain pem; /* owns the bytes that the certificates borrow */
    struct cert leaf, intermediate, root;
};

/* From the PEM of a quote's certification data: three certificates, leaf
 * first. On failure there is nothing to finish. */
tl_err chain_read(struct chain *out, slice pem, struct tl_why *why) TL_MUST;
void chain_finish(struct chain *c); /* NULL is fine */

/* Whether all three certificates are valid at time (Unix seconds). */
tl_err chain_check_time(const struct chain *c, uint64_t time, struct tl_why *why) TL_MUST;
/* Names, roles and signatures. Whose root it is remains to be asked. */
tl_err chain_check(const struct chain *c, struct tl_why *why) TL_MUST;

#endif
