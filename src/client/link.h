/* A stream of bytes to a service, not blocking: over its socket, or over TCP and TLS,
 * whose certificate has to be that of the host that was named. */
#ifndef TL_CLIENT_LINK_H
#define TL_CLIENT_LINK_H

#include "attest/ratls.h"

#include <openssl/types.h>
#include <stdbool.h>
#include <sys/types.h>

struct link {
    int fd;       /* -1: closed */
    SSL_CTX *ctx; /* NULL where there is no TLS */
    SSL *ssl;
    bool wants_to_write; /* what a read that found nothing waits for; and a write */
    bool wants_to_read;
    bool simulated; /* the other end showed that it is on a simulated platform */
};

/* https://HOST:PORT, or http:// on this machine. HOST is a name, an address, or one of
 * IPv6 in brackets; PORT may be missing. */
struct link_url {
    bool tls;
    bool clear; /* without TLS it may leave this machine: who asks sends no secret */
    char host[256], port[6];
    char authority[272]; /* as it was given, for Host */
};
tl_err link_url_read(struct link_url *out, const char *text, struct tl_why *why) TL_MUST;
/* The same, with http:// to any host. */
tl_err link_url_read_clear(struct link_url *out, const char *text, struct tl_why *why) TL_MUST;

/* Whose certificate is good. All borrowed. */
struct link_trust {
    const char *ca_file; /* that it goes back to this (PEM), or NULL: to the system's roots; or, */
    const struct policy *policy; /* where this is not NULL, that it is attested (ratls.h) */
    slice collateral;            /* with a policy: of the caller; .p == NULL for none */
    /* And what is shown of ourselves where that is asked for; NULL: nothing. */
    X509 *cert;
    EVP_PKEY *key;
    int64_t until_ms; /* of client/clock.h: when the connection must stand; 0: no such time */
};

/* *l untouched on failure. Each step, to each address of a name, is waited for for 30 seconds at
 * most, and none beyond until_ms; what the resolver takes comes on top. */
tl_err link_open_socket(struct link *l, const char *path, int64_t until_ms,
                        struct tl_why *why) TL_MUST;
tl_err link_open_url(struct link *l, const struct link_url *url, const struct link_trust *trust,
                     struct tl_why *why) TL_MUST;
void link_close(struct link *l);

/* As read(2) and send(2), and without a SIGPIPE. With errno EAGAIN: again once link_events has
 * come. */
ssize_t link_read(struct link *l, void *out, size_t n);
ssize_t link_write(struct link *l, const void *p, size_t n);
/* What poll(2) is to wait for, after a read, or a write, that came to nothing. */
short link_events(const struct link *l, bool writing);

#endif
