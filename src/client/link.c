#include "client/link.h"

#include "base/refuse.h"
#include "client/address.h"
#include "client/clock.h"
#include "client/sigpipe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MOST 30000 /* milliseconds */

/* ---- opening ---- */

/* Milliseconds for the next step. */
static int64_t patience(int64_t until_ms)
{
    const int64_t left = until_ms ? until_ms - clock_ms() : PATIENCE_MOST;
    return left < 1 ? 1 : left < PATIENCE_MOST ? left : PATIENCE_MOST;
}

/* Linux holds connect to it as well (socket(7), unix(7)): one to a socket whose service does not
 * accept waits too, once enough others do. */
static void be_patient(int fd, int64_t until_ms)
{
    const int64_t ms = patience(until_ms);
    const struct timeval t = {ms / 1000, ms % 1000 * 1000};
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
}

tl_err link_open_socket(struct link *l, const char *path, int64_t until_ms, struct tl_why *why)
{
    struct sockaddr_un address;
    tl_err err = unix_address(&address, path, why);
    if (err != TL_OK)
        return err;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        be_patient(fd, until_ms);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
        err = tl_explain(why, TL_E_IO, "socket",
                         "cannot reach a service on %s: %s; is `teelog serve` running?", path,
                         strerror(errno));
        if (fd >= 0)
            close(fd);
        return err;
    }
    *l = (struct link){.fd = fd};
    return TL_OK;
}

/* A token in clear stays on this machine, whatever a name server says of localhost. */
static bool may_go(const struct link_url *u, const struct addrinfo *a)
{
    struct tcp_address to = {.v6 = {0}};
    if (u->tls || u->clear)
        return true;
    if (a->ai_addrlen > sizeof to)
        return false;
    memcpy(&to, a->ai_addr, a->ai_addrlen);
    return tcp_is_loopback(&to);
}

static int connect_one(const struct addrinfo *a, int64_t until_ms)
{
    static const int on = 1;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    be_patient(fd, until_ms);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static tl_err connect_tcp(int *out, const struct link_url *u, int64_t until_ms, struct tl_why *why)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    int fd = -1, found = getaddrinfo(u->host, u->port, &hints, &list);
    int error = EADDRNOTAVAIL;
    for (const struct addrinfo *a = list; found == 0 && fd < 0 && a; a = a->ai_next)
        if (!REFUSED(!may_go(u, a))) {
            fd = connect_one(a, until_ms);
            error = errno;
        }
    if (list)
        freeaddrinfo(list);
    if (fd < 0)
        return tl_explain(why, TL_E_IO, "url", "cannot reach a service on %s: %s", u->authority,
                          found ? gai_strerror(found) : strerror(error));
    *out = fd;
    return TL_OK;
}

/* A certificate that is to be judged by the evidence in it, and what came of that. */
struct attested {
    const struct link_trust *trust;
    struct ratls_report report;
};

/* In place of OpenSSL's own check: a chain that ends in itself. That the other end has its
 * key is for the handshake to prove. */
static int check_attested(X509_STORE_CTX *store, void *ctx)
{
    struct attested *a = ctx;
    const struct evidence_context context = {
        .time = (uint64_t)time(NULL),
        .policy = a->trust->policy,
        .brought = &a->trust->collateral,
        .brought_count = a->trust->collateral.p ? 1 : 0,
    };
    const X509 *cert = X509_STORE_CTX_get0_cert(store);
    uint8_t *der = NULL;
    int n = cert ? i2d_X509(cert, &der) : -1;
    if (n > 0)
        ratls_verify(&a->report, slice_of(der, (size_t)n), RATLS_SERVICE, &context);
    OPENSSL_free(der);
    if (!a->report.ok)
        X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    return a->report.ok;
}

static tl_err trust_roots(SSL_CTX *ctx, const char *ca_file, struct tl_why *why)
{
    int good =
        ca_file ? SSL_CTX_load_verify_file(ctx, ca_file) : SSL_CTX_set_default_verify_paths(ctx);
    return good == 1 ? TL_OK
                     : tl_explain(why, TL_E_USAGE, "ca",
                                  "%s holds no certificates in PEM that can be read",
                                  ca_file ? ca_file : "the system's store");
}

/* TLS 1.3 and HTTP/1.1; the framing of answers shows where an end is missing. */
static tl_err make_context(SSL_CTX **out, struct attested *a, struct tl_why *why)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (!ctx || SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1) {
        SSL_CTX_free(ctx);
        return TL_E_CRYPTO;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    tl_err err = TL_OK;
    if (a->trust->policy) {
        SSL_CTX_set_cert_verify_callback(ctx, check_attested, a);
        SSL_CTX_set_max_cert_list(ctx, RATLS_MAX + 1024);
    } else {
        err = trust_roots(ctx, a->trust->ca_file, why);
    }
    if (err == TL_OK && a->trust->cert &&
        (SSL_CTX_use_certificate(ctx, a->trust->cert) != 1 ||
         SSL_CTX_use_PrivateKey(ctx, a->trust->key) != 1))
        err = TL_E_CRYPTO;
    if (err == TL_OK)
        *out = ctx;
    else
        SSL_CTX_free(ctx);
    return err;
}

static bool name_host(SSL *ssl, const char *host)
{
    struct in6_addr address;
    char name[256]; /* OpenSSL's macro takes constness away */
    bool number =
        inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
    if (number)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    snprintf(name, sizeof name, "%s", host);
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

static tl_err not_shaken(const struct link *l, const struct link_url *u, const struct attested *a,
                         struct tl_why *why)
{
    long verified = SSL_get_verify_result(l->ssl);
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    if (a->report.stage)
        return tl_explain(why, TL_E_AUTH, "url",
                          "the certificate of %s is not good under the policy for it: %s: %s",
                          u->authority, a->report.stage, a->report.detail);
    if (verified != X509_V_OK)
        return tl_explain(why, TL_E_AUTH, "url", "the certificate of %s is not good: %s",
                          u->authority, X509_verify_cert_error_string(verified));
    return tl_explain(why, TL_E_IO, "url", "no TLS 1.3 with %s: %s", u->authority,
                      reason ? reason : "the connection ended");
}

static int connect_step(SSL *ssl)
{
    struct sigpipe held;
    sigpipe_hold(&held);
    int n = SSL_connect(ssl);
    sigpipe_release(&held);
    return n == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl, n);
}

/* SSL_connect, the whole of it in so many milliseconds, however often something comes. */
static bool connect_tls(const struct link *l, int64_t limit)
{
    int64_t until = clock_ms() + limit;
    if (fcntl(l->fd, F_SETFL, O_NONBLOCK) != 0)
        return false;
    for (;;) {
        int error = connect_step(l->ssl);
        if (error == SSL_ERROR_NONE)
            return true;
        int64_t left = until - clock_ms();
        struct pollfd f = {.fd = l->fd, .events = error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT};
        if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
            return false;
        if (REFUSED(left <= 0) || (poll(&f, 1, (int)left) < 0 && errno != EINTR))
            return false;
    }
}

static tl_err shake_hands(struct link *l, const struct link_url *u, struct attested *a,
                          struct tl_why *why)
{
    static const unsigned char http[] = "\x08http/1.1";
    tl_err err = make_context(&l->ctx, a, why);
    if (err != TL_OK)
        return err;
    l->ssl = SSL_new(l->ctx);
    if (!l->ssl || SSL_set_fd(l->ssl, l->fd) != 1 || !name_host(l->ssl, u->host) ||
        SSL_set_alpn_protos(l->ssl, http, sizeof http - 1) != 0)
        return TL_E_CRYPTO;
    /* The second: whatever OpenSSL makes of it, nothing goes on unjudged. */
    if (!connect_tls(l, patience(a->trust->until_ms)) || (a->trust->policy && !a->report.ok))
        return not_shaken(l, u, a, why);
    l->simulated = a->report.evidence.simulated;
    return TL_OK;
}

tl_err link_open_url(struct link *out, const struct link_url *url, const struct link_trust *trust,
                     struct tl_why *why)
{
    struct link l = {.fd = -1};
    struct attested a = {.trust = trust};
    tl_err err = connect_tcp(&l.fd, url, trust->until_ms, why);
    if (err == TL_OK && url->tls)
        err = shake_hands(&l, url, &a, why);
    if (l.ctx) /* it goes on, and a does not */
        SSL_CTX_set_cert_verify_callback(l.ctx, NULL, NULL);
    ERR_clear_error();
    if (err == TL_OK && fcntl(l.fd, F_SETFL, O_NONBLOCK) != 0)
        err = TL_E_IO;
    if (err == TL_OK)
        *out = l;
    else
        link_close(&l);
    return err;
}

void link_close(struct link *l)
{
    struct sigpipe held;
    if (l->ssl) {
        sigpipe_hold(&held);
        (void)SSL_shutdown(l->ssl);
        sigpipe_release(&held);
    }
    ERR_clear_error();
    SSL_free(l->ssl);
    SSL_CTX_free(l->ctx);
    if (l->fd >= 0)
        close(l->fd);
    *l = (struct link){.fd = -1};
}

/* ---- moving bytes ---- */

/* What a TLS call came to, in terms of read(2). */
static ssize_t outcome(struct link *l, int n, bool writing)
{
    int error = SSL_get_error(l->ssl, n);
    bool *other = writing ? &l->wants_to_read : &l->wants_to_write;
    int system = errno;
    ERR_clear_error();
    *other = error == (writing ? SSL_ERROR_WANT_READ : SSL_ERROR_WANT_WRITE);
    switch (error) {
    case SSL_ERROR_NONE:
        return n;
    case SSL_ERROR_ZERO_RETURN:
        if (!writing)
            return 0;
        errno = EPIPE;
        return -1;
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_SYSCALL:
        errno = system ? system : ECONNRESET;
        return -1;
    default:
        errno = EPROTO;
        return -1;
    }
}

ssize_t link_read(struct link *l, void *out, size_t n)
{
    if (!l->ssl)
        return read(l->fd, out, n);
    struct sigpipe held;
    sigpipe_hold(&held); /* it may have to write first */
    errno = 0;
    ssize_t got = outcome(l, SSL_read(l->ssl, out, n < INT_MAX ? (int)n : INT_MAX), false);
    sigpipe_release(&held);
    return got;
}

ssize_t link_write(struct link *l, const void *p, size_t n)
{
    if (!l->ssl)
        return send(l->fd, p, n, MSG_NOSIGNAL);
    struct sigpipe held;
    sigpipe_hold(&held);
    errno = 0;
    ssize_t sent = outcome(l, SSL_write(l->ssl, p, n < INT_MAX ? (int)n : INT_MAX), true);
    sigpipe_release(&held);
    return sent;
}

short link_events(const struct link *l, bool writing)
{
    if (writing)
        return l->wants_to_read ? POLLIN : POLLOUT;
    return l->wants_to_write ? POLLOUT : POLLIN;
}
