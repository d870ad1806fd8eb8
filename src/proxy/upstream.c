/* The server's side of an exchange. */
#include "proxy/exchange_own.h"

#include "base/refuse.h"
#include "client/link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define AWAITED (300 * 1000) /* milliseconds, for the answer of a stream that broke off */

/* ---- the request ---- */

static void put_request(buf *b, const struct mcp_exchange *x)
{
    const struct mcp_head *h = &x->head;
    slice target = h->target.n && memchr(h->target.p, '?', h->target.n)
                       ? h->target
                       : slice_str(x->gate->target);
    buf_bytes(b, h->method);
    buf_u8(b, ' ');
    buf_bytes(b, target);
    /* Without the second, any coding would do (RFC 9110 section 12.5.3), and we read none. */
    buf_printf(b, " HTTP/1.1\r\nHost: %s\r\nAccept-Encoding: identity\r\n",
               x->gate->server->authority);
    mcp_head_pass(b, h, true);
    if (h->has_length || h->chunked)
        buf_printf(b, "Content-Length: %zu\r\n", x->body.n);
    buf_str(b, "Connection: close\r\n\r\n");
    buf_bytes(b, buf_slice(&x->body));
}

void mcp_fail(struct mcp_exchange *x, const char *why)
{
    snprintf(x->why, sizeof x->why, "%s", why);
    x->came = true;
    if (x->mode == MCP_MODE_HEAD || x->mode == MCP_MODE_JSON) /* the agent has nothing of it */
        mcp_respond(x, "502 Bad Gateway", "text/plain", slice_str(x->why));
    else
        x->broken = true;
}

void mcp_upstream_begin(struct mcp_exchange *x)
{
    x->step = MCP_STEP_ANSWER;
    x->mode = MCP_MODE_HEAD;
    buf_reset(&x->ask);
    put_request(&x->ask, x);
    buf_finish(&x->body);
    x->asked = 0;
    snprintf(x->why, sizeof x->why, "the answer has no result of it");
    tl_err err = buf_err(&x->ask);
    if (err == TL_OK)
        err = mcp_dial_new(&x->dial, x->gate->server, x->gate->ca_file);
    if (err != TL_OK)
        mcp_fail(x, tl_err_text(err));
}

/* Once the connection stands, or does not. */
static void take_dialled(struct mcp_exchange *x)
{
    struct tl_why why = {{0}, {0}};
    tl_err err = mcp_dial_take(x->dial, &x->up, &why);
    mcp_dial_free(x->dial);
    x->dial = NULL;
    if (err != TL_OK)
        mcp_fail(x, tl_why_text(&why, err));
}

/* ---- the answer's head ---- */

static enum mcp_mode mode_of(const struct mcp_exchange *x)
{
    const struct mcp_head *a = &x->answer;
    const struct mcp_calls *c = x->gate->calls;
    bool awaited = mcp_calls_await(c, x->where) || mcp_calls_answered(c, x->where);
    /* Whatever is awaited now: calls may be by the time that an answer to them comes this way. */
    if (mcp_is_type(a->type, "text/event-stream"))
        return MCP_MODE_EVENTS;
    if (mcp_is_type(a->type, "application/json"))
        return MCP_MODE_JSON;
    /* An answer of another type is none to a strict agent; who knows what others do. */
    return awaited && a->status / 100 == 2 ? MCP_MODE_JSON : MCP_MODE_PLAIN;
}

/* To follow it would lead the agent around the proxy. */
static bool redirects(const struct mcp_head *a)
{
    return a->status / 100 == 3 && a->location.p;
}

static void fail_redirected(struct mcp_exchange *x)
{
    slice to = x->answer.location;
    buf b;
    buf_init(&b, 2048);
    snprintf(x->why, sizeof x->why, "the server redirects elsewhere, with status %u",
             x->answer.status);
    buf_printf(&b, "%s, and the agent must not go there without this proxy: give it as --url: %.*s",
               x->why, (int)(to.n < 1024 ? to.n : 1024), (const char *)to.p);
    mcp_respond(x, "502 Bad Gateway", "text/plain", buf_slice(&b));
    buf_finish(&b);
}

void mcp_put_head(struct mcp_exchange *x, const size_t *length)
{
    const struct mcp_head *a = &x->answer;
    bool none = a->status == 204 || a->status == 304;
    buf_printf(&x->out, "HTTP/1.1 %u %.*s\r\n", a->status, (int)a->reason.n,
               a->reason.n ? (const char *)a->reason.p : "");
    mcp_head_pass(&x->out, a, false);
    x->chunked = !length && !none;
    if (length)
        buf_printf(&x->out, "Content-Length: %zu\r\n", *length);
    else if (x->chunked)
        buf_str(&x->out, "Transfer-Encoding: chunked\r\n");
    buf_str(&x->out, x->last ? "Connection: close\r\n\r\n" : "\r\n");
}

static void take_head(struct mcp_exchange *x)
{
    size_t size = 0;
    while (x->mode == MCP_MODE_HEAD) {
        if (mcp_head_find(&size, buf_slice(&x->got)) != TL_OK) {
            mcp_fail(x, "the server's answer is no HTTP");
            return;
        }
        if (size == 0)
            return;
        buf_reset(&x->answer_bytes);
        buf_bytes(&x->answer_bytes, slice_of(x->got.p, size));
        if (buf_err(&x->answer_bytes) != TL_OK ||
            mcp_answer_read(&x->answer, buf_slice(&x->answer_bytes)) != TL_OK) {
            mcp_fail(x, "the server's answer is no HTTP");
            return;
        }
        memmove(x->got.p, x->got.p + size, x->got.n - size);
        x->got.n -= size;
        if (x->answer.status < 200) /* another head follows */
            continue;
        if (REFUSED(redirects(&x->answer))) {
            fail_redirected(x);
            return;
        }
        if (REFUSED(x->answer.encoded && x->answer.status / 100 == 2)) {
            mcp_fail(x, "the server's answer is compressed, which was not asked for");
            return;
        }
        x->answer_framing = mcp_framing_of(&x->answer, false);
        x->mode = mode_of(x);
        if (x->answer.status != 200)
            snprintf(x->why, sizeof x->why, "the server answered with status %u", x->answer.status);
        if (x->mode != MCP_MODE_JSON)
            mcp_put_head(x, NULL);
    }
}

/* ---- its body ---- */

static void take_body(struct mcp_exchange *x)
{
    slice in = buf_slice(&x->got), piece;
    do {
        if (mcp_framing_take(&x->answer_framing, &piece, &in) != TL_OK) {
            mcp_fail(x, "the server's answer is no HTTP");
            return;
        }
        if (piece.n)
            mcp_parcels_take(x, piece);
    } while (piece.n && !x->broken);
    if (x->mode == MCP_MODE_DONE) /* it has failed */
        return;
    if (in.n)
        memmove(x->got.p, in.p, in.n);
    x->got.n = in.n;
    x->came = x->came || x->answer_framing.state == MCP_BODY_END;
    mcp_parcels_cut(x);
}

/* ---- the connection ---- */

static void write_up(struct mcp_exchange *x)
{
    while (x->up.fd >= 0 && x->asked < x->ask.n) {
        ssize_t n = link_write(&x->up, x->ask.p + x->asked, x->ask.n - x->asked);
        if (n > 0)
            x->asked += (size_t)n;
        else if (errno == EAGAIN)
            return;
        else if (errno != EINTR)
            x->asked = x->ask.n; /* what it answers says more than this error */
    }
}

/* What one read has brought. */
static void take(struct mcp_exchange *x, ssize_t n)
{
    if (n == 0 && x->answer_framing.state == MCP_BODY_REST && x->mode != MCP_MODE_HEAD)
        x->came = true;
    else if (n <= 0)
        mcp_fail(x, "the server ended the connection before it had answered");
    if (x->mode == MCP_MODE_HEAD)
        take_head(x);
    if (x->mode != MCP_MODE_HEAD && x->mode != MCP_MODE_DONE && !x->broken)
        take_body(x);
}

static bool has_room(const struct mcp_exchange *x)
{
    return !x->came && !x->first && x->out.n - x->out_at < MCP_OUT_MAX &&
           !mcp_calls_full(x->gate->calls);
}

/* Until nothing is there, or there is no room: TLS may then have more than poll(2) knows of. */
static void read_up(struct mcp_exchange *x)
{
    x->stalled = true;
    while (has_room(x)) {
        uint8_t *to = buf_grow(&x->got, MCP_READ_CHUNK);
        if (!to) {
            mcp_fail(x, tl_err_text(TL_E_MEMORY));
            return;
        }
        ssize_t n = link_read(&x->up, to, MCP_READ_CHUNK);
        x->got.n -= MCP_READ_CHUNK - (n > 0 ? (size_t)n : 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            x->stalled = false;
            return;
        }
        take(x, n);
    }
}

void mcp_upstream_move(struct mcp_exchange *x, int64_t now)
{
    if (x->dial && mcp_dial_done(x->dial))
        take_dialled(x);
    if (x->up.fd >= 0) {
        write_up(x);
        read_up(x);
    }
    mcp_parcels_hand_on(x, now);
    if (x->up.fd >= 0 && x->came)
        link_close(&x->up);
}

bool mcp_upstream_due(const struct mcp_exchange *x)
{
    return x->up.fd >= 0 && x->stalled && has_room(x);
}

struct pollfd mcp_upstream_wants(const struct mcp_exchange *x)
{
    short events = 0;
    if (x->dial)
        return (struct pollfd){.fd = mcp_dial_fd(x->dial), .events = POLLIN};
    if (x->up.fd >= 0 && x->asked < x->ask.n)
        events = link_events(&x->up, true);
    if (x->up.fd >= 0 && has_room(x))
        events = (short)(events | link_events(&x->up, false));
    return (struct pollfd){.fd = events ? x->up.fd : -1, .events = events};
}

void mcp_upstream_end(struct mcp_exchange *x)
{
    mcp_scope own = x->where.answers;
    mcp_dial_free(x->dial);
    x->dial = NULL;
    link_close(&x->up);
    mcp_parcels_drop(x);
    if (own != mcp_exchange_resumed(x)) {
        if (x->resumable)
            mcp_calls_move(x->gate->calls, own, mcp_exchange_resumed(x), clock_ms() + AWAITED);
        mcp_calls_end(x->gate->calls, own,
                      x->gone ? "the agent has gone before the answer" : x->why);
        if (!x->resumable)
            mcp_ids_end(x->gate->calls, own);
    }
    buf_finish(&x->ask);
    buf_finish(&x->got);
    buf_finish(&x->text);
    x->scan = (struct mcp_event_scan){0, 0};
    x->came = x->broken = x->resumable = x->chunked = x->begun = false;
}
