#include "http/conn.h"

#include "http/admitted.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>

#define BODY_ROOM   16384u      /* bytes, at first */
#define DISCARD_MAX (64u << 20) /* bytes of one connection */

/* From a request's first byte to its last, and for a TLS handshake; between requests
 * over TCP, where a client may have gone without a word; and how long what is discarded
 * is heard. */
static const struct timeval times[] = {
    [FOR_REQUEST] = {30, 0}, [FOR_NEXT] = {300, 0}, [FOR_GOODBYE] = {5, 0}};
/* How long a client may not read what it must. */
static const struct timeval reader_time = {60, 0};

struct conn *conn_next(const struct conn *c)
{
    return c->next;
}

void exchange_free(struct exchange *x)
{
    if (!x)
        return;
    x->service->inflight -= x->body_room;
    x->service->held -= x->held;
    if (x->place)
        x->place->taken = false;
    if (x->state_free)
        x->state_free(x->state);
    caller_finish(&x->caller);
    if (x->out)
        evbuffer_free(x->out);
    free(x->head_bytes);
    free(x->body);
    free(x);
}

static void drop_first(struct conn *c)
{
    struct exchange *x = c->first;
    stats_exchange(x);
    c->first = x->next;
    if (!c->first)
        c->last = &c->first;
    c->count--;
    x->conn = NULL;
    /* What the owner thread holds is freed when it comes back. */
    if (!x->pending)
        exchange_free(x);
    else if (x->gone)
        x->gone(x);
}

void conn_free(struct conn *c)
{
    while (c->first)
        drop_first(c);
    *c->self = c->next;
    if (c->next)
        c->next->self = c->self;
    struct http_service *s = c->service;
    s->conn_count--;
    c->door->conns--;
    admitted_drop(c);
    event_free(c->deadline);
    bufferevent_free(c->bev);
    free(c);
    service_end_when_idle(s);
}

size_t exchange_unsent(const struct exchange *x)
{
    size_t n = evbuffer_get_length(x->out);
    return x->conn ? n + evbuffer_get_length(bufferevent_get_output(x->conn->bev)) : n;
}

/* Answers leave in the order of their requests. */
static void send_answers(struct conn *c)
{
    struct evbuffer *output = bufferevent_get_output(c->bev);
    while (c->first && !c->dead) {
        struct exchange *x = c->first;
        if (x->broken || evbuffer_add_buffer(output, x->out) != 0) {
            c->dead = true;
            return;
        }
        if (!x->complete)
            return;
        bool close = x->close;
        drop_first(c);
        if (close) {
            while (c->first)
                drop_first(c);
            c->winding = true;
            c->state = DISCARD;
        }
    }
}

uint64_t exchange_lane(const struct exchange *x)
{
    return x->conn ? x->conn->number : 0;
}

bool exchange_is_alone(const struct exchange *x)
{
    return x->conn && x->conn->count == 1;
}

static struct exchange *exchange_new(struct conn *c, size_t head_size)
{
    struct exchange *x = calloc(1, sizeof *x);
    if (!x)
        return NULL;
    x->service = c->service;
    x->conn = c;
    x->began_us = stats_clock_us();
    x->out = evbuffer_new();
    x->head_bytes = malloc(head_size);
    if (!x->out || !x->head_bytes) {
        exchange_free(x);
        return NULL;
    }
    *c->last = x;
    c->last = &x->next;
    c->count++;
    return x;
}

/* The exchange whose request is being read: the last one. */
static struct exchange *current(struct conn *c)
{
    struct exchange *x = c->first;
    while (x && x->next)
        x = x->next;
    return x;
}

/* An answer that was given before the whole request was read, or one that asks
 * for it, ends the connection: what follows cannot be told from the body. */
static void after_request(struct conn *c, struct exchange *x)
{
    c->state = HEAD;
    c->turn = ++c->service->turns;
    /* The next has a time of its own. */
    c->waits = FOR_EVER;
    (void)event_del(c->deadline);
    if (x->head.close)
        x->close = true;
    if (x->close) {
        c->winding = true;
        c->state = DISCARD;
    }
}

static void refuse_head(struct conn *c, tl_err err, const struct tl_why *why)
{
    struct exchange *x = exchange_new(c, 1);
    if (!x) {
        c->dead = true;
        return;
    }
    x->close = true;
    answer_error(x, err, why);
    after_request(c, x);
}

static void begin_body(struct conn *c, struct exchange *x)
{
    if (x->head.length == 0) {
        route_request(x);
        after_request(c, x);
        return;
    }
    c->state = BODY;
    if (x->head.expects)
        (void)evbuffer_add_printf(x->out, "HTTP/1.1 100 Continue\r\n\r\n");
}

/* True where it got anywhere. */
static bool read_head(struct conn *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    size_t n = evbuffer_get_length(in), size = 0;
    if (n == 0)
        return false;
    n = n < HTTP_HEAD_MAX ? n : HTTP_HEAD_MAX;
    const uint8_t *p = evbuffer_pullup(in, (ev_ssize_t)n);
    struct tl_why why = {{0}, {0}};
    tl_err err = p ? http_head_find(&size, slice_of(p, n), &why) : TL_E_MEMORY;
    if (err != TL_OK) {
        refuse_head(c, err, &why);
        return true;
    }
    if (size == 0)
        return false;
    struct exchange *x = exchange_new(c, size);
    if (!x) {
        c->dead = true;
        return false;
    }
    (void)evbuffer_remove(in, x->head_bytes, size);
    err = http_head_read(&x->head, slice_of(x->head_bytes, size), &why);
    if (err != TL_OK) {
        x->close = true;
        answer_error(x, err, &why);
    } else {
        route_head(x);
        c->who = x->caller.who;
    }
    if (x->complete)
        after_request(c, x);
    else
        begin_body(c, x);
    return true;
}

/* Makes room for n bytes of the body, and counts it. It grows with what has come:
 * room for what heads announce could be held by clients that send nothing. */
static tl_err body_grow(struct exchange *x, size_t n, struct tl_why *why)
{
    struct http_service *s = x->service;
    size_t room = x->body_room ? x->body_room : BODY_ROOM;
    if (n <= x->body_room)
        return TL_OK;
    while (room < n)
        room *= 2;
    room = room < x->head.length ? room : (size_t)x->head.length;
    tl_err err = bodies_room(x, room - x->body_room, why);
    if (err == TL_OK)
        err = memory_take(x, room - x->body_room, why);
    if (err != TL_OK)
        return err;
    uint8_t *body = realloc(x->body, room);
    if (!body)
        return TL_E_MEMORY;
    s->inflight += room - x->body_room;
    x->body = body;
    x->body_room = room;
    return TL_OK;
}

static bool read_body(struct conn *c)
{
    struct exchange *x = current(c);
    struct evbuffer *in = bufferevent_get_input(c->bev);
    size_t n = evbuffer_get_length(in), left = (size_t)x->head.length - x->body_got;
    n = n < left ? n : left;
    if (n == 0)
        return false;
    struct tl_why why = {{0}, {0}};
    tl_err err = body_grow(x, x->body_got + n, &why);
    if (err != TL_OK) {
        x->close = true;
        answer_error(x, err, &why);
        after_request(c, x);
        return true;
    }
    int got = evbuffer_remove(in, x->body + x->body_got, n);
    x->body_got += got > 0 ? (size_t)got : 0;
    if (x->body_got < x->head.length)
        return false;
    route_request(x);
    after_request(c, x);
    return true;
}

/* One request after the other, while there is room for its answer. */
static bool read_on(struct conn *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    switch (c->state) {
    case DISCARD:
        c->discarded += evbuffer_get_length(in);
        evbuffer_drain(in, evbuffer_get_length(in));
        c->dead = c->discarded > DISCARD_MAX;
        return false;
    case BODY:
        return read_body(c);
    case HEAD:
        break;
    }
    if (c->winding || c->judging || c->count >= PIPELINE_MAX ||
        evbuffer_get_length(bufferevent_get_output(c->bev)) > UNSENT_MAX)
        return false;
    return read_head(c);
}

static bool nothing_read(const struct conn *c)
{
    return evbuffer_get_length(bufferevent_get_input(c->bev)) == 0;
}

static bool nothing_unsent(const struct conn *c)
{
    return evbuffer_get_length(bufferevent_get_output(c->bev)) == 0;
}

bool conn_is_idle(const struct conn *c)
{
    return c->state == HEAD && !c->count && nothing_read(c) && nothing_unsent(c);
}

/* A half-sent request may not wait for ever, however often a byte of it comes; an
 * idle connection of the socket may. */
static enum patience patience_with(const struct conn *c)
{
    if (c->state == DISCARD)
        return c->shut ? FOR_GOODBYE : FOR_EVER;
    if (c->shaking || c->judging || c->state == BODY || (!c->count && !nothing_read(c)))
        return FOR_REQUEST;
    return c->door->tcp && conn_is_idle(c) ? FOR_NEXT : FOR_EVER;
}

static void set_deadline(struct conn *c)
{
    enum patience waits = patience_with(c);
    if (waits == c->waits)
        return;
    if (waits == FOR_EVER)
        (void)event_del(c->deadline);
    else if (event_add(c->deadline, &times[waits]) != 0)
        return;
    c->waits = waits;
}

/* TLS says goodbye, so that nobody who cuts a connection off passes for us. */
static void shut(struct conn *c)
{
    SSL *ssl = bufferevent_openssl_get_ssl(c->bev);
    if (c->shut)
        return;
    c->shut = true;
    if (ssl && !c->shaking)
        (void)SSL_shutdown(ssl);
    ERR_clear_error();
    shutdown(bufferevent_getfd(c->bev), SHUT_WR);
}

/* True where nothing more can come of it. A client that still sends what is
 * discarded is heard a moment longer, so that it gets to read its answer: to
 * close at once would throw that away. */
static bool finished(struct conn *c)
{
    if (c->count || !nothing_unsent(c))
        return false;
    bool end = c->eof || c->service->stopping;
    if (end || c->state == DISCARD)
        shut(c);
    return end;
}

void conn_run(struct conn *c)
{
    if (c->running)
        return;
    c->running = true;
    do
        send_answers(c);
    while (!c->dead && read_on(c));
    if (!c->dead && c->state == BODY && (c->eof || c->service->stopping))
        c->dead = true;
    /* A client of such an answer that closes its sending half has left. */
    if (c->eof && c->first && c->first->endless)
        c->dead = true;
    c->running = false;
    if (c->dead || finished(c)) {
        conn_free(c);
        return;
    }
    set_deadline(c);
}

void conn_wind_up(struct conn *c)
{
    c->winding = true;
    conn_run(c);
}

static void on_read(struct bufferevent *bev, void *ctx)
{
    (void)bev;
    conn_run(ctx);
}

static void on_written(struct bufferevent *bev, void *ctx)
{
    (void)bev;
    struct conn *c = ctx;
    if (c->first && c->first->drained)
        c->first->drained(c->first);
    conn_run(c);
}

static void on_event(struct bufferevent *bev, short what, void *ctx)
{
    struct conn *c = ctx;
    if (what & BEV_EVENT_CONNECTED) {
        c->shaking = false;
        admitted_look(c);
    } else if (what & BEV_EVENT_EOF) {
        /* The client may have closed its sending half only; libevent's TLS has stopped
         * writing as well. */
        c->eof = true;
        bufferevent_disable(bev, EV_READ);
        bufferevent_enable(bev, EV_WRITE);
    } else {
        c->dead = true;
    }
    conn_run(c);
}

void conn_on_deadline(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd, (void)what;
    struct conn *c = ctx;
    c->dead = true;
    conn_run(c);
}

void conn_begin(struct conn *c)
{
    bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
    bufferevent_setwatermark(c->bev, EV_READ, 0, READ_AT_ONCE);
    bufferevent_setwatermark(c->bev, EV_WRITE, UNSENT_MAX / 2, 0);
    bufferevent_set_max_single_read(c->bev, READ_AT_ONCE);
    bufferevent_set_max_single_write(c->bev, READ_AT_ONCE);
    bufferevent_set_timeouts(c->bev, NULL, &reader_time);
    bufferevent_enable(c->bev, EV_READ | EV_WRITE);
    set_deadline(c);
}

struct admitted *conn_admitted(const struct conn *c)
{
    return c->admitted;
}

tl_err conn_refusal(const struct conn *c, struct tl_why *why)
{
    if (c->peer_err != TL_OK && why)
        *why = c->peer_why;
    return c->peer_err;
}

const struct peer *conn_peer(const struct conn *c)
{
    return c->door->tcp ? &c->peer : NULL;
}
