/* Letting connections in: how many, from where, under TLS or not. */
#include "http/conn.h"
#include "http/tls.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Ends the connection of this door that has been without a request for longest. */
static void end_an_idle_one(struct door *d)
{
    struct conn *idle = NULL;
    for (struct conn *c = d->service->conns; c; c = c->next)
        if (c->door == d && conn_is_idle(c) && (!idle || c->turn < idle->turn))
            idle = c;
    if (idle)
        conn_free(idle);
}

static size_t from_peer(const struct door *d, const struct peer *p)
{
    size_t n = 0;
    for (const struct conn *c = d->service->conns; c; c = c->next)
        n += c->door == d && memcmp(c->peer.b, p->b, sizeof p->b) == 0;
    return n;
}

/* A connection costs as much as a request: under TLS, rather more. */
static bool too_often(struct door *d, const struct peer *p)
{
    struct limit_key key = {.kind = LIMIT_PEER};
    memcpy(key.b, p->b, sizeof key.b);
    return limiter_take(d->service->requests, &key, 1, stats_clock_us() / 1000) > 0;
}

static bool has_room(struct door *d, const struct peer *p)
{
    if (d->tcp && too_often(d, p))
        return false;
    if (d->tcp && from_peer(d, p) >= d->service->config.limits.peer_connections)
        return false;
    if (d->conns >= d->conns_max)
        end_an_idle_one(d);
    return d->conns < d->conns_max;
}

/* A client that may come back is told so, where it can be without a handshake. */
static void turn_away(struct door *d, int fd)
{
    static const char full[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n"
                               "Content-Length: 0\r\nConnection: close\r\n\r\n";
    if (!d->tls)
        (void)!write(fd, full, sizeof full - 1);
    close(fd);
    d->service->stats.turned_away++;
}

/* Takes fd over where it works. */
static struct bufferevent *tls_bufferevent(struct door *d, int fd)
{
    const struct http_config *config = &d->service->config;
    SSL_CTX *ctx = config->tls(config->tls_ctx);
    SSL *ssl = ctx ? SSL_new(ctx) : NULL;
    SSL_CTX_free(ctx);
    if (ssl && config->admit)
        tls_ask_client(ssl);
    struct bufferevent *bev =
        ssl ? bufferevent_openssl_socket_new(d->service->base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                             BEV_OPT_CLOSE_ON_FREE)
            : NULL;
    if (!bev)
        SSL_free(ssl);
    ERR_clear_error();
    return bev;
}

static struct conn *conn_new(struct door *d, int fd)
{
    struct conn *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    struct event_base *base = d->service->base;
    c->shaking = d->tls;
    c->deadline = evtimer_new(base, conn_on_deadline, c);
    if (c->deadline)
        c->bev = d->tls ? tls_bufferevent(d, fd)
                        : bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (c->bev)
        return c;
    if (c->deadline)
        event_free(c->deadline);
    free(c);
    return NULL;
}

static void enter(struct conn *c, struct door *d, const struct peer *p)
{
    struct http_service *s = d->service;
    c->service = s;
    c->door = d;
    c->peer = *p;
    c->turn = ++s->turns;
    c->last = &c->first;
    c->next = s->conns;
    c->self = &s->conns;
    if (c->next)
        c->next->self = &c->next;
    s->conns = c;
    s->conn_count++;
    d->conns++;
    c->number = ++s->stats.accepted;
}

void conn_accept(struct door *d, int fd, const struct tcp_address *from)
{
    static const int on = 1;
    struct peer peer = {{0}};
    if (d->tcp) {
        peer = tcp_peer(from);
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    }
    struct conn *c = has_room(d, &peer) ? conn_new(d, fd) : NULL;
    if (!c) {
        turn_away(d, fd);
        return;
    }
    enter(c, d, &peer);
    conn_begin(c);
}
