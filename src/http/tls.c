#include "http/tls.h"

#include "attest/ratls.h"
#include "base/buf.h"
#include "crypto/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PEM_MAX 65536 /* bytes of a file */

static tl_err read_all(buf *out, int fd)
{
    for (;;) {
        uint8_t *p = buf_grow(out, 4096);
        if (!p)
            return buf_err(out);
        ssize_t n = read(fd, p, 4096);
        out->n -= 4096 - (n > 0 ? (size_t)n : 0);
        if (n < 0 && errno != EINTR)
            return TL_E_IO;
        if (n == 0)
            return TL_OK;
    }
}

/* A file's contents. Of a key: of a file that is its owner's alone. */
static tl_err read_pem(buf *out, const char *path, bool key, struct tl_why *why)
{
    struct stat st;
    const char *field = key ? "tls-key" : "tls-cert";
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return tl_explain(why, TL_E_IO, field, "cannot read %s: %s", path, strerror(errno));
    tl_err err = fstat(fd, &st) == 0 ? TL_OK : TL_E_IO;
    if (err == TL_OK && key && st.st_mode & (S_IRWXG | S_IRWXO))
        err = tl_explain(why, TL_E_USAGE, field,
                         "others may read or write the key %s: chmod 600 it, and make a new one if "
                         "somebody did",
                         path);
    else if (err == TL_OK)
        err = read_all(out, fd);
    close(fd);
    if (err == TL_E_LIMIT)
        return tl_explain(why, TL_E_USAGE, field, "%s is longer than %d bytes", path, PEM_MAX);
    return err == TL_E_IO ? tl_explain(why, err, field, "cannot read %s", path) : err;
}

/* For PEM_read_bio_…: a key with a password is refused, not asked about. */
static int no_password(char *out, int size, int writing, void *ctx)
{
    (void)out, (void)size, (void)writing, (void)ctx;
    return -1;
}

static bool use_chain(SSL_CTX *ctx, slice pem)
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509 *cert = bio ? PEM_read_bio_X509_AUX(bio, NULL, no_password, NULL) : NULL;
    bool good = cert && SSL_CTX_use_certificate(ctx, cert) == 1;
    X509_free(cert);
    while (good && (cert = PEM_read_bio_X509(bio, NULL, no_password, NULL))) {
        good = SSL_CTX_add0_chain_cert(ctx, cert) == 1;
        if (!good)
            X509_free(cert);
    }
    BIO_free(bio);
    return good;
}

static bool use_key(SSL_CTX *ctx, slice pem)
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
    bool good = key && SSL_CTX_use_PrivateKey(ctx, key) == 1;
    EVP_PKEY_free(key);
    BIO_free(bio);
    return good;
}

/* RFC 7301: HTTP/1.1 where the client names protocols, and no other. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *n,
                           const unsigned char *in, unsigned in_n, void *ctx)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen = NULL;
    (void)ssl, (void)ctx;
    if (SSL_select_next_proto(&chosen, n, ours, sizeof ours - 1, in, in_n) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* A client's certificate is judged after the handshake (tls_ask_client). */
static int take_any(X509_STORE_CTX *store, void *ctx)
{
    (void)store, (void)ctx;
    return 1;
}

/* All of 1.3's suites are AEAD, and it has no renegotiation. Without tickets there is
 * no key that opens what was said before. */
static bool set_up(SSL_CTX *ctx)
{
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, take_any, NULL);
    return SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_num_tickets(ctx, 0) == 1;
}

static tl_err fill(SSL_CTX *ctx, const char *cert_path, slice cert, const char *key_path, slice key,
                   struct tl_why *why)
{
    if (!set_up(ctx))
        return TL_E_CRYPTO;
    if (!use_chain(ctx, cert))
        return tl_explain(why, TL_E_USAGE, "tls-cert", "%s holds no certificate in PEM", cert_path);
    if (!use_key(ctx, key))
        return tl_explain(why, TL_E_USAGE, "tls-key",
                          "%s holds no key in PEM that goes with %s, or one with a password, which "
                          "is not taken",
                          key_path, cert_path);
    return TL_OK;
}

tl_err tls_from_files(SSL_CTX **out, const char *cert_path, const char *key_path,
                      struct tl_why *why)
{
    buf cert, key;
    buf_init(&cert, PEM_MAX);
    buf_init_secret(&key, PEM_MAX);
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    tl_err err = ctx ? read_pem(&cert, cert_path, false, why) : TL_E_MEMORY;
    if (err == TL_OK)
        err = read_pem(&key, key_path, true, why);
    if (err == TL_OK)
        err = fill(ctx, cert_path, buf_slice(&cert), key_path, buf_slice(&key), why);
    ERR_clear_error();
    buf_finish(&cert);
    buf_finish(&key);
    if (err == TL_OK)
        *out = ctx;
    else
        SSL_CTX_free(ctx);
    return err;
}

tl_err tls_from_key(SSL_CTX **out, X509 *cert, EVP_PKEY *key)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx)
        return TL_E_MEMORY;
    if (!set_up(ctx) || SSL_CTX_use_certificate(ctx, cert) != 1 ||
        SSL_CTX_use_PrivateKey(ctx, key) != 1) {
        SSL_CTX_free(ctx);
        return TL_E_CRYPTO;
    }
    *out = ctx;
    return TL_OK;
}

void tls_ask_client(SSL *ssl)
{
    SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
    SSL_set_max_cert_list(ssl, RATLS_MAX + 1024);
}
