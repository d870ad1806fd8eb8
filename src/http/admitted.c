#include "http/admitted.h"

#include "base/refuse.h"
#include "http/admit.h"
#include "http/conn.h"

#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>

struct admitted *admitted_ref(struct admitted *a)
{
    if (a)
        a->refs++;
    return a;
}

void admitted_unref(struct admitted *a)
{
    if (!a || --a->refs > 0)
        return;
    log_peer_unref(a->peer);
    free(a);
}

void admitted_speaks(struct admitted *a, slice agent)
{
    if (a->name.n || agent.n > SUBJECT_MAX)
        return;
    memcpy(a->agent, agent.p, agent.n);
    a->name = slice_of(a->agent, agent.n);
}

/* ---- what is remembered ---- */

static uint64_t now_ms(void)
{
    return stats_clock_us() / 1000;
}

static struct admitted *find(struct http_service *s, const hash32 *cert)
{
    for (size_t i = 0; i < ADMITTED_MAX; i++)
        if (s->admitted[i] && hash_eq(&s->admitted[i]->cert, cert) &&
            !REFUSED(now_ms() >= s->admitted[i]->until_ms))
            return s->admitted[i];
    return NULL;
}

/* Where there is no room, what was judged first goes; that of the same certificate before. */
static void remember(struct http_service *s, struct admitted *a)
{
    size_t at = 0;
    for (size_t i = 0; i < ADMITTED_MAX; i++) {
        if (!s->admitted[i] || hash_eq(&s->admitted[i]->cert, &a->cert)) {
            at = i;
            break;
        }
        if (s->admitted[i]->until_ms < s->admitted[at]->until_ms)
            at = i;
    }
    /* It was asked again whether it is good, not whom it speaks for. */
    if (s->admitted[at] && hash_eq(&s->admitted[at]->cert, &a->cert))
        admitted_speaks(a, s->admitted[at]->name);
    admitted_unref(s->admitted[at]);
    s->admitted[at] = admitted_ref(a);
}

void admitted_finish(struct http_service *s)
{
    for (size_t i = 0; i < ADMITTED_MAX; i++) {
        admitted_unref(s->admitted[i]);
        s->admitted[i] = NULL;
    }
}

static struct admitted *admitted_new(struct log_peer *peer, const hash32 *cert)
{
    struct admitted *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    *a = (struct admitted){
        .refs = 1, .cert = *cert, .until_ms = now_ms() + ADMITTED_MS, .peer = log_peer_ref(peer)};
    return a;
}

/* ---- judging ---- */

/* On its way to admit's thread and back. */
struct judging {
    struct loop_job job;
    struct conn *conn; /* NULL: gone */
    hash32 cert;
    tl_err err;
    struct log_peer *peer;
    struct tl_why why;
};

static void refuse(struct conn *c, tl_err err, const struct tl_why *why)
{
    c->peer_err = err;
    c->peer_why = *why;
    c->service->stats.peers_refused++;
}

static void take_in(struct conn *c, struct admitted *a)
{
    c->admitted = a;
    c->service->stats.peers_admitted++;
}

/* On the loop again. */
static void judged(struct loop_job *job)
{
    struct judging *j = (struct judging *)(void *)job;
    struct conn *c = j->conn;
    if (c) {
        struct admitted *a = j->err == TL_OK ? admitted_new(j->peer, &j->cert) : NULL;
        c->judging = NULL;
        if (a) {
            remember(c->service, a);
            take_in(c, a);
        } else {
            refuse(c, j->err == TL_OK ? TL_E_MEMORY : j->err, &j->why);
        }
        conn_run(c);
    }
    log_peer_unref(j->peer);
    free(j);
}

/* On admit's thread. */
static void done(void *ctx, tl_err err, struct log_peer *peer, const struct tl_why *why)
{
    struct judging *j = ctx;
    j->err = err;
    j->peer = peer;
    j->why = *why;
    service_run(j->job.service, &j->job);
}

/* Judging costs as much as many requests. */
static bool too_often(struct conn *c)
{
    struct limit_key key = {.kind = LIMIT_PEER};
    memcpy(key.b, c->peer.b, sizeof key.b);
    return limiter_take(c->service->requests, &key, ADMITTED_COSTS, now_ms()) > 0;
}

static void submit(struct conn *c, slice der, const hash32 *cert)
{
    struct http_service *s = c->service;
    struct tl_why why = {{0}, {0}};
    if (REFUSED(too_often(c))) {
        refuse(c,
               tl_explain(&why, TL_E_BUSY, NULL,
                          "too many certificates come from this address; connect again later"),
               &why);
        return;
    }
    struct judging *j = calloc(1, sizeof *j);
    if (!j) {
        refuse(c, TL_E_MEMORY, &why);
        return;
    }
    *j = (struct judging){.job = {.run = judged, .service = s}, .conn = c, .cert = *cert};
    c->judging = j;
    service_expect(s);
    tl_err err = admit_submit(s->config.admit, der, done, j, &why);
    if (err == TL_OK)
        return;
    service_unexpect(s);
    c->judging = NULL;
    free(j);
    refuse(c, err, &why);
}

void admitted_look(struct conn *c)
{
    struct http_service *s = c->service;
    SSL *ssl = bufferevent_openssl_get_ssl(c->bev);
    const X509 *cert = ssl && s->config.admit ? SSL_get0_peer_certificate(ssl) : NULL;
    uint8_t *der = NULL;
    int n = cert ? i2d_X509(cert, &der) : 0;
    if (n > 0) {
        hash32 digest = sha256(slice_of(der, (size_t)n));
        struct admitted *known = find(s, &digest);
        if (known)
            take_in(c, admitted_ref(known));
        else
            submit(c, slice_of(der, (size_t)n), &digest);
    }
    OPENSSL_free(der);
    ERR_clear_error();
}

void admitted_drop(struct conn *c)
{
    if (c->judging)
        c->judging->conn = NULL;
    c->judging = NULL;
    admitted_unref(c->admitted);
    c->admitted = NULL;
}
