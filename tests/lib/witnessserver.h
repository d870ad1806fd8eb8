/* A server of scripted witnesses, on this machine: each answers as an honest one, or as badly as
 * a test wants it to. */
#ifndef WITNESSSERVER_H
#define WITNESSSERVER_H

#include "askedlog.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

enum manner {
    HONEST,
    HELD,         /* honest, once the test lets it go */
    HANGS,        /* takes the request and says nothing */
    CLOSES,       /* the connection, without an answer */
    GARBAGE,      /* which is no HTTP */
    ENDLESS,      /* a body without end */
    ENDLESS_HEAD, /* headers without end */
    DRIPS,        /* a byte of its body each 50 ms */
    CUT,          /* less body than it said */
    SAYS,         /* status, extra headers and body are the test's */
};

#define SERVED_MAX 8

struct served {
    _Atomic enum manner manner;
    atomic_uint requests, fetches, posts_without_length;
    struct asked_witness state;
    unsigned status;            /* of SAYS */
    const char *headers, *body; /* of SAYS; whole lines */
    buf shown;                  /* to who fetches; empty: 404 */
};

struct witness_server {
    int socket;
    unsigned port;
    SSL_CTX *tls; /* or NULL */
    pthread_t thread;
    atomic_bool stop, let_go;
    atomic_uint connections, alive;
    pthread_mutex_t lock; /* for the states */
    struct served served[SERVED_MAX];
};

struct served_connection {
    struct witness_server *s;
    int fd;
    SSL *ssl;
};

static inline bool served_write(struct served_connection *c, slice s)
{
    while (s.n) {
        ssize_t n = c->ssl ? SSL_write(c->ssl, s.p, (int)s.n) : send(c->fd, s.p, s.n, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        s = slice_of(s.p + n, s.n - (size_t)n);
    }
    return true;
}

static inline bool served_read(struct served_connection *c, buf *in)
{
    char some[4096];
    ssize_t n = c->ssl ? SSL_read(c->ssl, some, sizeof some) : recv(c->fd, some, sizeof some, 0);
    if (n > 0)
        buf_bytes(in, slice_of(some, (size_t)n));
    return n > 0 && buf_err(in) == TL_OK;
}

static inline bool served_send(struct served_connection *c, unsigned status, const char *headers,
                               slice body)
{
    buf out;
    buf_init(&out, 200000);
    buf_printf(&out, "HTTP/1.1 %u Some\r\n%sContent-Length: %zu\r\n\r\n", status, headers, body.n);
    buf_bytes(&out, body);
    bool ok = served_write(c, buf_slice(&out));
    buf_finish(&out);
    return ok;
}

static inline void served_without_end(struct served_connection *c, const char *first,
                                      const char *again, unsigned pause_ms)
{
    bool ok = served_write(c, slice_str(first));
    while (ok && !atomic_load(&c->s->stop)) {
        ok = served_write(c, slice_str(again));
        usleep(pause_ms * 1000);
    }
}

static inline bool served_honestly(struct served_connection *c, uint8_t which, slice request)
{
    struct served *w = &c->s->served[which - 1];
    buf body;
    buf_init(&body, NOTE_MAX);
    pthread_mutex_lock(&c->s->lock);
    unsigned status = asked_honest(&w->state, which, request, (uint64_t)time(NULL), &body);
    pthread_mutex_unlock(&c->s->lock);
    bool ok = served_send(c, status, status == 409 ? "Content-Type: " WITNESS_SIZE_TYPE "\r\n" : "",
                          buf_slice(&body));
    buf_finish(&body);
    return ok;
}

/* Whether the connection goes on. */
static inline bool served_answer(struct served_connection *c, uint8_t which, slice request)
{
    static const char whole[] = "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n";
    struct served *w = &c->s->served[which - 1];
    enum manner manner = atomic_load(&w->manner);
    while ((manner == HELD || manner == HANGS) && !atomic_load(&c->s->stop)) {
        usleep(1000);
        if (manner == HELD && atomic_load(&c->s->let_go))
            break;
    }
    switch (manner) {
    case HONEST:
    case HELD:
        return served_honestly(c, which, request);
    case GARBAGE:
        (void)served_write(c, slice_str("\x80 no HTTP at all\r\n\r\n\r\n"));
        return false;
    case ENDLESS:
        served_without_end(c, whole, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 0);
        return false;
    case ENDLESS_HEAD:
        served_without_end(c, "HTTP/1.1 100 Continue\r\n",
                           "A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", 0);
        return false;
    case DRIPS:
        served_without_end(c, whole, "a", 50);
        return false;
    case CUT:
        (void)served_write(c, slice_str("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc"));
        return false;
    case SAYS:
        return served_send(c, w->status, w->headers, slice_str(w->body));
    case HANGS:
    case CLOSES:
        break;
    }
    return false;
}

/* One request: its head, and as much body as it says. */
static inline bool served_request(struct served_connection *c, buf *in)
{
    const uint8_t *end = NULL;
    buf_reset(in);
    while (!end) {
        if (!served_read(c, in))
            return false;
        end = memmem(in->p, in->n, "\r\n\r\n", 4);
    }
    size_t head = (size_t)(end - in->p) + 4;
    const uint8_t *length = memmem(in->p, head, "Content-Length: ", 16);
    const uint8_t *path = memmem(in->p, head, "/w", 2);
    size_t want = length ? strtoul((const char *)length + 16, NULL, 10) : 0;
    bool post = memcmp(in->p, "POST ", 5) == 0;
    while (in->n < head + want)
        if (!served_read(c, in))
            return false;
    if (!path || path[2] < '1' || path[2] > '0' + SERVED_MAX)
        return false;
    struct served *w = &c->s->served[path[2] - '1'];
    if (post && !length)
        atomic_fetch_add(&w->posts_without_length, 1);
    if (!post) {
        pthread_mutex_lock(&c->s->lock);
        bool ok = served_send(c, w->shown.n ? 200 : 404, "", buf_slice(&w->shown));
        atomic_fetch_add(&w->fetches, 1);
        pthread_mutex_unlock(&c->s->lock);
        return ok;
    }
    atomic_fetch_add(&w->requests, 1);
    return served_answer(c, (uint8_t)(path[2] - '0'), slice_of(in->p + head, want));
}

static inline void *serve_connection(void *ctx)
{
    struct served_connection *c = ctx;
    buf in;
    buf_init(&in, 200000);
    bool ok = true;
    if (c->s->tls) {
        c->ssl = SSL_new(c->s->tls);
        ok = c->ssl && SSL_set_fd(c->ssl, c->fd) == 1 && SSL_accept(c->ssl) == 1;
    }
    while (ok && !atomic_load(&c->s->stop))
        ok = served_request(c, &in);
    SSL_free(c->ssl);
    close(c->fd);
    buf_finish(&in);
    atomic_fetch_sub(&c->s->alive, 1);
    free(c);
    return NULL;
}

static inline void *serve_witnesses(void *ctx)
{
    struct witness_server *s = ctx;
    for (int fd; (fd = accept(s->socket, NULL, NULL)) >= 0 && !atomic_load(&s->stop);) {
        pthread_t thread;
        struct served_connection *c = calloc(1, sizeof *c);
        if (!c)
            abort();
        *c = (struct served_connection){s, fd, NULL};
        atomic_fetch_add(&s->connections, 1);
        atomic_fetch_add(&s->alive, 1);
        if (pthread_create(&thread, NULL, serve_connection, c) != 0)
            abort();
        pthread_detach(thread);
    }
    return NULL;
}

static inline void witness_server_start(struct witness_server *s, SSL_CTX *tls)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    memset(s, 0, sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    s->tls = tls;
    s->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->socket, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(s->socket, 20), 0);
    assert_int_equal(getsockname(s->socket, (struct sockaddr *)&at, &n), 0);
    s->port = ntohs(at.sin_port);
    for (size_t i = 0; i < SERVED_MAX; i++) {
        buf_init(&s->served[i].shown, NOTE_MAX);
        s->served[i].headers = s->served[i].body = "";
    }
    assert_int_equal(pthread_create(&s->thread, NULL, serve_witnesses, s), 0);
}

/* After its clients have closed their connections. */
static inline void witness_server_stop(struct witness_server *s)
{
    atomic_store(&s->stop, true);
    shutdown(s->socket, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->socket);
    while (atomic_load(&s->alive))
        usleep(1000);
    for (size_t i = 0; i < SERVED_MAX; i++)
        buf_finish(&s->served[i].shown);
    pthread_mutex_destroy(&s->lock);
    SSL_CTX_free(s->tls);
}

/* A certificate for 127.0.0.1, its own CA, and that as a PEM file. */
static inline SSL_CTX *witness_server_tls(const char *ca_file)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    FILE *f = fopen(ca_file, "w");
    assert_true(ctx && key && cert && f);
    X509_NAME *name = X509_get_subject_name(cert);
    X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
    X509_EXTENSION *ca = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
    assert_true(san && ca);
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"witness", -1, -1, 0);
    X509_set_issuer_name(cert, name);
    X509_set_pubkey(cert, key);
    X509_add_ext(cert, san, -1);
    X509_add_ext(cert, ca, -1);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
    assert_int_equal(PEM_write_X509(f, cert), 1);
    fclose(f);
    X509_EXTENSION_free(san);
    X509_EXTENSION_free(ca);
    X509_free(cert);
    EVP_PKEY_free(key);
    return ctx;
}

#endif
