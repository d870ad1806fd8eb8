/* The server's side of an exchange. */
#include "cli/mcp_exchange_own.h"

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
    buf_printf(b, " HTTP/1.1\r\nHost: %s\r\n", x->gate->server->authority);
    mcp_head_pass(b, h, true);
    if (h->has_length || h->chunked)
        buf_printf(b, "Content-Length: %zu\r\n", x->body.n);
    buf_str(b, "Connection: close\r\n\r\n");
    buf_bytes(b, buf_slice(&x->body));
}

static void fail(struct mcp_exchange *x, const char *why)
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
    const struct link_trust trust = {.ca_file = x->gate->ca_file};
    struct tl_why why = {{0}, {0}};
    x->step = MCP_STEP_ANSWER;
    x->mode = MCP_MODE_HEAD;
    buf_reset(&x->ask);
    put_request(&x->ask, x);
    buf_finish(&x->body);
    x->asked = 0;
    snprintf(x->why, sizeof x->why, "the answer has no result of it");
    tl_err err = buf_err(&x->ask);
    if (err == TL_OK)
        err = link_open_url(&x->up, x->gate->server, &trust, &why);
    if (err != TL_OK)
        fail(x, tl_why_text(&why, err));
}

/* ---- the answer's head ---- */

static enum mcp_mode mode_of(const struct mcp_exchange *x)
{
    const struct mcp_head *a = &x->answer;
    size_t calls = mcp_calls_in_flight(x->gate->calls, x->where.answers);
    if (a->encoded || calls == 0)
        return MCP_MODE_PLAIN;
    if (mcp_is_type(a->type, "text/event-stream"))
        return MCP_MODE_EVENTS;
    return mcp_is_type(a->type, "application/json") ? MCP_MODE_JSON : MCP_MODE_PLAIN;
}

static void put_head(struct mcp_exchange *x, const size_t *length)
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
            fail(x, "the server's answer is no HTTP");
            return;
        }
        if (size == 0)
            return;
        buf_reset(&x->answer_bytes);
        buf_bytes(&x->answer_bytes, slice_of(x->got.p, size));
        if (buf_err(&x->answer_bytes) != TL_OK ||
            mcp_answer_read(&x->answer, buf_slice(&x->answer_bytes)) != TL_OK) {
            fail(x, "the server's answer is no HTTP");
            return;
        }
        memmove(x->got.p, x->got.p + size, x->got.n - size);
        x->got.n -= size;
        if (x->answer.status < 200) /* another head follows */
            continue;
        x->answer_framing = mcp_framing_of(&x->answer, false);
        x->mode = mode_of(x);
        if (x->answer.encoded)
            snprintf(x->why, sizeof x->why, "the answer is compressed, which was not asked for");
        else if (x->answer.status != 200)
            snprintf(x->why, sizeof x->why, "the server answered with status %u", x->answer.status);
        if (x->mode != MCP_MODE_JSON)
            put_head(x, NULL);
    }
}

/* ---- its body ---- */

static void put_chunk(struct mcp_exchange *x, slice bytes)
{
    if (bytes.n && x->chunked)
        buf_printf(&x->out, "%zx\r\n", bytes.n);
    buf_bytes(&x->out, bytes);
    if (bytes.n && x->chunked)
        buf_str(&x->out, "\r\n");
}

/* bytes is taken over; data: the message in it, or none. */
static void add_parcel(struct mcp_exchange *x, buf *bytes, slice data)
{
    struct mcp_parcel *p = calloc(1, sizeof *p);
    buf text;
    buf_init(&text, MCP_MESSAGE_MAX);
    buf_bytes(&text, data);
    if (p && data.n && buf_err(&text) == TL_OK)
        p->item = mcp_item_new(&text, false);
    else
        buf_finish(&text);
    if (!p || buf_err(bytes) != TL_OK || (data.n && !p->item)) {
        buf_finish(bytes);
        free(p);
        fail(x, tl_err_text(TL_E_MEMORY));
        return;
    }
    p->bytes = *bytes;
    *x->end = p;
    x->end = &p->next;
    if (p->item)
        mcp_calls_from_server(x->gate->calls, p->item, x->where.answers);
}

static void add_event(struct mcp_exchange *x, slice bytes)
{
    struct mcp_event e = {.message = false};
    buf joined, copy;
    buf_init(&joined, MCP_MESSAGE_MAX);
    buf_init(&copy, MCP_MESSAGE_MAX + MCP_READ_CHUNK);
    buf_bytes(&copy, bytes);
    tl_err err = mcp_event_read(&e, &joined, bytes);
    x->resumable = x->resumable || e.has_id;
    if (err == TL_OK)
        add_parcel(x, &copy, e.message ? e.data : (slice){NULL, 0});
    else
        fail(x, tl_err_text(err));
    if (err != TL_OK)
        buf_finish(&copy);
    buf_finish(&joined);
}

static void cut_events(struct mcp_exchange *x)
{
    size_t at = 0, n;
    if (x->text.n == 0)
        return;
    while (!x->broken &&
           (n = mcp_event_end(&x->scan, slice_of(x->text.p + at, x->text.n - at), x->came))) {
        add_event(x, slice_of(x->text.p + at, n));
        at += n;
    }
    if (x->came && !x->broken && at < x->text.n) { /* which no reader takes for an event */
        buf rest;
        buf_init(&rest, MCP_MESSAGE_MAX);
        buf_bytes(&rest, slice_of(x->text.p + at, x->text.n - at));
        add_parcel(x, &rest, (slice){NULL, 0});
        at = x->text.n;
    }
    if (at) {
        memmove(x->text.p, x->text.p + at, x->text.n - at);
        x->text.n -= at;
    }
}

static void take_piece(struct mcp_exchange *x, slice piece)
{
    if (x->mode == MCP_MODE_PLAIN) {
        put_chunk(x, piece);
        return;
    }
    buf_bytes(&x->text, piece);
    if (buf_err(&x->text) != TL_OK || x->text.n > MCP_MESSAGE_MAX)
        fail(x, "the server sent a message of more than 64 MiB");
}

static void take_body(struct mcp_exchange *x)
{
    slice in = buf_slice(&x->got), piece;
    do {
        if (mcp_framing_take(&x->answer_framing, &piece, &in) != TL_OK) {
            fail(x, "the server's answer is no HTTP");
            return;
        }
        if (piece.n)
            take_piece(x, piece);
    } while (piece.n && !x->broken);
    if (x->mode == MCP_MODE_DONE) /* it has failed */
        return;
    if (in.n)
        memmove(x->got.p, in.p, in.n);
    x->got.n = in.n;
    x->came = x->came || x->answer_framing.state == MCP_BODY_END;
    if (x->mode == MCP_MODE_EVENTS && !x->broken)
        cut_events(x);
    if (x->mode == MCP_MODE_JSON && x->came) {
        buf none;
        buf_init(&none, 1);
        add_parcel(x, &none, buf_slice(&x->text));
        x->mode = MCP_MODE_DONE;
    }
}

/* ---- to the agent ---- */

static void put_parcel(struct mcp_exchange *x, struct mcp_parcel *p)
{
    bool event = p->bytes.n > 0;
    slice data = p->item ? buf_slice(&p->item->text) : (slice){NULL, 0};
    buf b;
    if (!event) {
        put_head(x, &data.n);
        put_chunk(x, data);
        return;
    }
    if (!p->item || !p->item->spliced) {
        put_chunk(x, buf_slice(&p->bytes));
        return;
    }
    buf_init(&b, 2 * MCP_MESSAGE_MAX);
    mcp_event_put(&b, buf_slice(&p->bytes), data);
    if (buf_err(&b) == TL_OK)
        put_chunk(x, buf_slice(&b));
    else
        fail(x, tl_err_text(buf_err(&b)));
    buf_finish(&b);
}

static void drop_first(struct mcp_exchange *x)
{
    struct mcp_parcel *p = x->first;
    x->first = p->next;
    if (!x->first)
        x->end = &x->first;
    if (p->item)
        mcp_calls_drop(x->gate->calls, p->item);
    buf_finish(&p->bytes);
    free(p);
}

static void hand_on(struct mcp_exchange *x, int64_t now)
{
    while (x->first && x->out.n - x->out_at < MCP_OUT_MAX) {
        struct mcp_item *item = x->first->item;
        if (item)
            mcp_calls_expire(x->gate->calls, item, now);
        if (item && item->state == MCP_ITEM_HELD)
            return;
        put_parcel(x, x->first);
        drop_first(x);
    }
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
    if (n <= 0 && x->answer_framing.state == MCP_BODY_REST && x->mode != MCP_MODE_HEAD)
        x->came = true;
    else if (n <= 0)
        fail(x, "the server ended the connection before it had answered");
    if (x->mode == MCP_MODE_HEAD)
        take_head(x);
    if (x->mode != MCP_MODE_HEAD && x->mode != MCP_MODE_DONE && !x->broken)
        take_body(x);
}

static bool has_room(const struct mcp_exchange *x)
{
    return !x->came && !x->first && x->out.n - x->out_at < MCP_OUT_MAX;
}

/* Until nothing is there, or there is no room: TLS may then have more than poll(2) knows of. */
static void read_up(struct mcp_exchange *x)
{
    x->stalled = true;
    while (has_room(x)) {
        uint8_t *to = buf_grow(&x->got, MCP_READ_CHUNK);
        if (!to) {
            fail(x, tl_err_text(TL_E_MEMORY));
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
    if (x->up.fd >= 0) {
        write_up(x);
        read_up(x);
    }
    hand_on(x, now);
    if (x->up.fd >= 0 && x->came)
        link_close(&x->up);
}

bool mcp_upstream_due(const struct mcp_exchange *x)
{
    return x->up.fd >= 0 && x->stalled && has_room(x);
}

short mcp_upstream_events(const struct mcp_exchange *x)
{
    short events = 0;
    if (x->up.fd < 0)
        return 0;
    if (x->asked < x->ask.n)
        events = link_events(&x->up, true);
    if (has_room(x))
        events = (short)(events | link_events(&x->up, false));
    return events;
}

static void await(struct mcp_gate *g, mcp_scope session)
{
    int64_t until = mcp_now() + AWAITED;
    for (size_t i = 0; i < g->awaited_count; i++)
        if (g->awaited[i].session == session) {
            g->awaited[i].until = until;
            return;
        }
    if (g->awaited_count == sizeof g->awaited / sizeof *g->awaited)
        mcp_gate_expire(g, g->awaited[0].until);
    g->awaited[g->awaited_count++] = (struct mcp_awaited){session, until};
}

void mcp_gate_expire(struct mcp_gate *g, int64_t now)
{
    size_t n = 0;
    for (size_t i = 0; i < g->awaited_count; i++) {
        if (g->awaited[i].until > now)
            g->awaited[n++] = g->awaited[i];
        else
            mcp_calls_end(g->calls, g->awaited[i].session,
                          "the stream broke off, and its answer has not come");
    }
    g->awaited_count = n;
}

void mcp_upstream_end(struct mcp_exchange *x)
{
    mcp_scope own = x->where.answers;
    link_close(&x->up);
    while (x->first)
        drop_first(x);
    if (x->resumable && own != x->where.session && mcp_calls_in_flight(x->gate->calls, own)) {
        mcp_calls_move(x->gate->calls, own, x->where.session);
        await(x->gate, x->where.session);
    } else if (own != x->where.session) {
        mcp_calls_end(x->gate->calls, own,
                      x->gone ? "the agent has gone before the answer" : x->why);
    }
    buf_finish(&x->ask);
    buf_finish(&x->got);
    buf_finish(&x->text);
    x->scan = (struct mcp_event_scan){0, 0};
    x->came = x->broken = x->resumable = x->chunked = false;
}
