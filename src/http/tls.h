/* TLS for the service: 1.3 alone, HTTP/1.1 over it, no resumption: every connection is a
 * handshake of its own, and whoever showed a certificate in one has shown none in another. */
#ifndef TL_HTTP_TLS_H
#define TL_HTTP_TLS_H

#include "base/err.h"

#include <openssl/types.h>

/* From PEM files: the certificate with what stands between it and a root behind it,
 * and its key, which nobody but its owner may read and which has no password. The caller
 * frees with SSL_CTX_free. TL_E_USAGE, with a sentence, for what does not fit. */
tl_err tls_from_files(SSL_CTX **out, const char *cert_path, const char *key_path,
                      struct tl_why *why) TL_MUST;
/* The same from memory; both are borrowed, and referred to. */
tl_err tls_from_key(SSL_CTX **out, X509 *cert, EVP_PKEY *key) TL_MUST;

/* Asks the client of a connection for a certificate, which it need not have. The handshake
 * proves that it has the key of what it shows; what that is worth is for others to judge
 * (http/admit.h), after it. */
void tls_ask_client(SSL *ssl);

#endif
