#include "proxy/exchange_own.h"

#include "base/refuse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define IDLE 60000 /* milliseconds without a byte, where the agent is waited for */
#define SESSIONS                                                                                   \
    (UINT64_C(1) << 63) /* numbers of sessions, and not of connections, have this bit */

struct mcp_exchange *mcp_exchange_new(struct mcp_gate *gate, int fd)
{
    struct mcp_exchange *x = calloc(1, sizeof *x);
    if (!x) {
        close(fd);
        return NULL;
    }
    x->gate = gate;
    x->fd = fd;
    x->up.fd = -1;
    x->end = &x->first;
    x->idle_since = clock_ms();
    buf_init(&x->in, MCP_HEAD_MAX + 2 * MCP_READ_CHUNK);
    buf_init(&x->out, 4 * (size_t)MCP_MESSAGE_MAX);
    buf_init(&x->head_bytes, MCP_HEAD_MAX);
    buf_init(&x->answer_bytes, MCP_HEAD_MAX);
    buf_init(&x->body, MCP_MESSAGE_MAX);
    buf_init(&x->ask, MCP_MESSAGE_MAX + 2 * MCP_HEAD_MAX);
    buf_init(&x->got, MCP_HEAD_MAX + 2 * MCP_READ_CHUNK);
    buf_init(&x->text, MCP_MESSAGE_MAX + MCP_READ_CHUNK);
    return x;
}

void mcp_exchange_free(struct mcp_exchange *x)
{
    if (x->item)
        mcp_calls_drop(x->item);
    x->gone = true;
    mcp_upstream_end(x);
    close(x->fd);
    buf_finish(&x->in);
    buf_finish(&x->out);
    buf_finish(&x->head_bytes);
    buf_finish(&x->answer_bytes);
    buf_finish(&x->body);
    free(x);
}

/* ---- what comes ---- */

void mcp_respond(struct mcp_exchange *x, const char *status, const char *type, slice body)
{
    buf_printf(&x->out, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n", status, body.n);
    if (body.n)
        buf_printf(&x->out, "Content-Type: %s\r\n", type);
    buf_str(&x->out, x->last ? "Connection: close\r\n\r\n" : "\r\n");
    buf_bytes(&x->out, body);
    x->mode = MCP_MODE_DONE;
    x->came = true;
    x->step = MCP_STEP_ANSWER;
}

/* What is not passed on, and is the last of its connection. */
static void turn_away(struct mcp_exchange *x, const char *status, const char *why)
{
    buf b;
    buf_init(&b, 1024);
    x->last = true;
    mcp_put_error(&b, (slice){NULL, 0}, (slice){NULL, 0}, why);
    mcp_respond(x, status, "application/json", buf_slice(&b));
    buf_finish(&b);
}

static mcp_scope session_of(slice id)
{
    uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a: ids are made to be unique */
    for (size_t i = 0; i < id.n; i++)
        h = (h ^ id.p[i]) * UINT64_C(1099511628211);
    return id.n ? h | SESSIONS : 0;
}

mcp_scope mcp_exchange_resumed(const struct mcp_exchange *x)
{
    return x->where.session ? x->where.session : SESSIONS;
}

static bool is_method(slice method)
{
    return slice_eq_str(method, "POST") || slice_eq_str(method, "GET") ||
           slice_eq_str(method, "DELETE");
}

/* The path alone, or, where the server's address has no query, with the agent's own. */
static bool is_target(const struct mcp_exchange *x, slice target)
{
    size_t own = strcspn(x->gate->target, "?");
    return slice_starts(target, slice_of(x->gate->target, own)) &&
           (target.n == own || (!x->gate->target[own] && target.p[own] == '?'));
}

/* A web page, or one that has taken our name for its own. */
static bool is_foreign(const struct mcp_head *h)
{
    return REFUSED(!mcp_is_local(h->host)) || REFUSED(h->origin.p && !mcp_is_local(h->origin)) ||
           REFUSED(slice_eq_str(h->fetch_site, "cross-site"));
}

static void begin(struct mcp_exchange *x)
{
    const struct mcp_head *h = &x->head;
    bool post = slice_eq_str(h->method, "POST");
    x->last = h->close;
    x->framing = mcp_framing_of(h, true);
    x->step = MCP_STEP_BODY;
    x->where.session = session_of(h->session);
    /* What comes on a GET are answers to others of its session. */
    x->where.answers = post ? ++x->gate->last : mcp_exchange_resumed(x);
    if (is_foreign(h))
        turn_away(x, "403 Forbidden",
                  "this is for agents on this machine; a web page of "
                  "another origin may not use it");
    else if (!is_target(x, h->target))
        turn_away(x, "404 Not Found", "this proxy has one path, that of its server");
    else if (!is_method(h->method))
        turn_away(x, "405 Method Not Allowed", "POST, GET and DELETE are passed on");
    else if (REFUSED(!post && x->framing.state != MCP_BODY_END))
        turn_away(x, "400 Bad Request", "what has a message in it is a POST");
    else if (post && (REFUSED(h->encoded) || REFUSED(h->type.p && !mcp_is_json(h->type))))
        turn_away(x, "415 Unsupported Media Type",
                  "a message is application/json, in UTF-8, and not compressed");
    else if (h->expects)
        buf_str(&x->out, "HTTP/1.1 100 Continue\r\n\r\n");
}

static void take_head(struct mcp_exchange *x)
{
    size_t size = 0;
    tl_err err = mcp_head_find(&size, buf_slice(&x->in));
    if (err == TL_OK && size == 0)
        return;
    buf_reset(&x->head_bytes);
    buf_bytes(&x->head_bytes, slice_of(x->in.p, size));
    if (err == TL_OK)
        err = buf_err(&x->head_bytes);
    if (err == TL_OK)
        err = mcp_request_read(&x->head, buf_slice(&x->head_bytes));
    if (err != TL_OK) {
        turn_away(x, "400 Bad Request", "the head of the request is no HTTP/1.1");
        return;
    }
    memmove(x->in.p, x->in.p + size, x->in.n - size);
    x->in.n -= size;
    begin(x);
}

/* The request has come whole. */
static void judge(struct mcp_exchange *x)
{
    buf text = x->body;
    buf_init(&x->body, MCP_MESSAGE_MAX);
    x->item = mcp_item_new(&text, false);
    if (!x->item) {
        turn_away(x, "503 Service Unavailable", tl_err_text(TL_E_MEMORY));
        return;
    }
    x->step = MCP_STEP_HELD;
    mcp_calls_from_agent(x->gate->calls, x->item, x->where);
}

static void take_body(struct mcp_exchange *x)
{
    slice in = buf_slice(&x->in), piece;
    do {
        if (mcp_framing_take(&x->framing, &piece, &in) != TL_OK) {
            turn_away(x, "400 Bad Request", "the body of the request is no HTTP/1.1");
            return;
        }
        buf_bytes(&x->body, piece);
    } while (piece.n);
    if (in.n)
        memmove(x->in.p, in.p, in.n);
    x->in.n = in.n;
    if (buf_err(&x->body) != TL_OK)
        turn_away(x, "413 Content Too Large", "a message of more than 64 MiB");
    else if (x->framing.state == MCP_BODY_END)
        judge(x);
}

/* The log has had its say. */
static void go_on(struct mcp_exchange *x)
{
    struct mcp_item *item = x->item;
    if (item->state == MCP_ITEM_HELD)
        return;
    x->item = NULL;
    if (item->state == MCP_ITEM_REFUSED) {
        bool answered = item->text.n > 0;
        mcp_respond(x, answered ? "200 OK" : "503 Service Unavailable", "application/json",
                    buf_slice(&item->text));
    } else {
        mcp_calls_go(x->gate->calls, item, x->where);
        x->body = item->text;
        buf_init(&item->text, 1);
        mcp_upstream_begin(x);
    }
    mcp_calls_drop(item);
}

static void read_some(struct mcp_exchange *x)
{
    uint8_t *to = buf_grow(&x->in, MCP_READ_CHUNK);
    ssize_t n = to ? recv(x->fd, to, MCP_READ_CHUNK, MSG_DONTWAIT) : 0;
    if (to)
        x->in.n -= MCP_READ_CHUNK - (n > 0 ? (size_t)n : 0);
    if (n > 0)
        x->idle_since = clock_ms();
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        x->gone = true;
}

/* ---- what goes ---- */

/* One that reads slowly may never have read all. */
static void forget_written(struct mcp_exchange *x)
{
    if (x->out_at <= x->out.n / 2)
        return;
    memmove(x->out.p, x->out.p + x->out_at, x->out.n - x->out_at);
    x->out.n -= x->out_at;
    x->out_at = 0;
}

static void write_some(struct mcp_exchange *x)
{
    while (x->out_at < x->out.n) {
        ssize_t n =
            send(x->fd, x->out.p + x->out_at, x->out.n - x->out_at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) {
            x->out_at += (size_t)n;
            x->idle_since = clock_ms();
        } else if (errno == EAGAIN) {
            forget_written(x);
            return;
        } else if (errno != EINTR) {
            x->gone = true;
            return;
        }
    }
    buf_reset(&x->out);
    x->out_at = 0;
}

/* The answer has gone to the agent, as far as it came. */
static void finish(struct mcp_exchange *x)
{
    bool broken = x->broken;
    if (x->chunked && !broken)
        buf_str(&x->out, "0\r\n\r\n");
    mcp_upstream_end(x);
    x->idle_since = clock_ms();
    x->step = x->last || broken ? MCP_STEP_END : MCP_STEP_HEAD;
}

/* ---- the loop's side ---- */

void mcp_exchange_wants(const struct mcp_exchange *x, struct pollfd f[2])
{
    bool reads = x->step != MCP_STEP_END && x->in.n <= MCP_HEAD_MAX;
    short events = (short)((reads ? POLLIN : 0) | (x->out_at < x->out.n ? POLLOUT : 0));
    f[0] = (struct pollfd){.fd = x->fd, .events = events};
    f[1] = mcp_upstream_wants(x);
}

static bool waits(const struct mcp_exchange *x)
{
    return x->step == MCP_STEP_HEAD || x->step == MCP_STEP_BODY || x->step == MCP_STEP_END;
}

int64_t mcp_exchange_due(const struct mcp_exchange *x, int64_t now)
{
    int64_t due = INT64_MAX;
    if (x->step == MCP_STEP_ANSWER && mcp_upstream_due(x))
        return now;
    /* What the log has answered since it was last moved. */
    if (x->step == MCP_STEP_HELD && x->item->state != MCP_ITEM_HELD)
        return now;
    if (x->first && (!x->first->item || x->first->item->state != MCP_ITEM_HELD) &&
        x->out.n - x->out_at < MCP_OUT_MAX)
        return now;
    if (x->first && x->first->item && x->first->item->state == MCP_ITEM_HELD)
        due = x->first->item->until;
    if (waits(x))
        due = x->idle_since + IDLE;
    return due;
}

bool mcp_exchange_move(struct mcp_exchange *x, const struct pollfd f[2], int64_t now)
{
    enum mcp_step before;
    size_t had;
    if (f[0].revents & (POLLIN | POLLHUP | POLLERR))
        read_some(x);
    do {
        before = x->step;
        had = x->in.n;
        if (x->step == MCP_STEP_HEAD && x->in.n && x->out.n < MCP_OUT_MAX)
            take_head(x);
        if (x->step == MCP_STEP_BODY)
            take_body(x);
        if (x->step == MCP_STEP_HELD)
            go_on(x);
        if (x->step == MCP_STEP_ANSWER)
            mcp_upstream_move(x, now);
        if (x->step == MCP_STEP_ANSWER && x->came && !x->first && !x->item)
            finish(x);
        write_some(x);
    } while (!x->gone && (x->step != before || x->in.n < had));
    if (buf_err(&x->out) != TL_OK || x->gone)
        return false;
    if (x->step == MCP_STEP_END && x->out_at == x->out.n)
        return false;
    return !waits(x) || now - x->idle_since < IDLE;
}
