/* TLS whose certificate shows in what TEE its key lives (docs/format.md section 14). Key
 * and certificate are made in memory, and made anew by a thread of their own before
 * anything in them grows old; connections that are there go on with theirs. */
#ifndef TL_HTTP_RA_TLS_H
#define TL_HTTP_RA_TLS_H

#include "tee/tee.h"

#include <openssl/types.h>

#define RA_TLS_RENEW_S 86400 /* a certificate is good for twice as long */

struct ra_tls_options {
    struct tee *tee;  /* borrowed until ra_tls_stop */
    bool small;       /* without collateral */
    unsigned renew_s; /* seconds; 0: RA_TLS_RENEW_S */
    /* On its thread: why no new certificate could be made, where that is new to tell. */
    void (*say)(void *ctx, const char *text);
    void *ctx;
};

struct ra_tls;
/* Returns with the first certificate made, which takes as long as a quote. */
tl_err ra_tls_start(struct ra_tls **out, const struct ra_tls_options *o,
                    struct tl_why *why) TL_MUST;
/* Any thread: collateral of this platform, where it makes none itself. A certificate that
 * carries it is made soon. */
void ra_tls_give_collateral(struct ra_tls *r, slice json);
/* Any thread: a reference to what a connection is made with now; NULL where there is no
 * memory. Never waits for a quote. */
SSL_CTX *ra_tls_context(struct ra_tls *r);
/* NULL is fine. */
void ra_tls_stop(struct ra_tls *r);

/* A fresh key, and a certificate with evidence that it lives here; for either end. collateral:
 * {NULL, 0} for none; left out as well where the certificate would be larger than verifiers
 * take. */
struct ra_tls_identity {
    X509 *cert;
    EVP_PKEY *key;
};
tl_err ra_tls_identity_make(struct ra_tls_identity *out, struct tee *tee, slice collateral,
                            uint64_t now, unsigned good_for_s, struct tl_why *why) TL_MUST;
void ra_tls_identity_free(struct ra_tls_identity *i); /* {NULL, NULL} is fine */

/* The same for a service's connections. */
tl_err ra_tls_make(SSL_CTX **out, struct tee *tee, slice collateral, uint64_t now,
                   unsigned good_for_s, struct tl_why *why) TL_MUST;

#endif
