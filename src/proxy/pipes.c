#include "proxy/pipes.h"

#include "proxy/server.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_CHUNK (64u << 10)
#define QUEUE_MAX  MCP_MESSAGE_MAX /* bytes that wait to be written */
#define ITEM_COST  1024            /* bytes, of an item beside its text */
#define GRACE      1000 /* milliseconds from a signal to SIGKILL, and from an end to ours */
#define SCOPE      1

static const struct mcp_where everywhere = {SCOPE, SCOPE};

/* One direction: lines come in, and go out in their order. */
struct flow {
    int from, to; /* -1: closed */
    buf in;
    size_t searched; /* bytes of in that hold no LF */
    bool skipping;   /* within a line that is too long */
    struct mcp_item *first, **last;
    size_t queued; /* bytes */
};

struct proxy {
    const struct mcp_process *process;
    struct mcp_calls *calls;
    struct mcp_log *log;
    struct mcp_server server;
    struct flow up, down;    /* to the server, to the agent */
    int64_t kill_at, end_at; /* 0: not */
    bool failed;
};

static void flow_init(struct flow *f, int from, int to)
{
    *f = (struct flow){.from = from, .to = to};
    f->last = &f->first;
    buf_init(&f->in, MCP_MESSAGE_MAX + READ_CHUNK);
}

static void put(struct flow *f, struct mcp_item *item)
{
    item->next = NULL;
    *f->last = item;
    f->last = &item->next;
    item->cost = item->text.n + ITEM_COST;
    f->queued += item->cost;
}

static struct mcp_item *take(struct flow *f)
{
    struct mcp_item *item = f->first;
    f->first = item->next;
    f->queued -= item->cost;
    if (!f->first)
        f->last = &f->first;
    return item;
}

static void drop_all(struct flow *f)
{
    while (f->first)
        mcp_calls_drop(take(f));
}

static void shut(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void memory_short(struct proxy *p)
{
    mcp_log_say(p->log, "%s", tl_err_text(TL_E_MEMORY));
    p->failed = true;
}

/* ---- reading ---- */

static void take_line(struct proxy *p, struct flow *f, slice line)
{
    buf text;
    buf_init(&text, MCP_MESSAGE_MAX + READ_CHUNK);
    buf_bytes(&text, line);
    tl_err err = buf_err(&text);
    struct mcp_item *item = mcp_item_new(&text, true);
    if (!item || err != TL_OK) {
        memory_short(p);
        if (item)
            mcp_calls_drop(item);
        return;
    }
    if (f == &p->up)
        mcp_calls_from_agent(p->calls, item, everywhere);
    else
        mcp_calls_from_server(p->calls, item, everywhere);
    put(f, item);
}

/* A message that was never read whole. */
static void too_long(struct proxy *p, struct flow *f)
{
    buf text;
    f->skipping = true;
    if (f == &p->down) {
        mcp_log_say(p->log, "the server sent a message of more than 64 MiB; ending it");
        mcp_server_signal(&p->server, SIGKILL);
        p->failed = true;
        shut(&f->from);
        return;
    }
    buf_init(&text, 1024);
    mcp_put_error(&text, (slice){NULL, 0}, (slice){NULL, 0}, "a message of more than 64 MiB");
    buf_u8(&text, '\n');
    struct mcp_item *item = mcp_item_new(&text, true);
    if (!item) {
        memory_short(p);
        return;
    }
    item->state = MCP_ITEM_READY;
    put(&p->down, item);
}

/* Cuts what has come into lines. */
static void cut(struct proxy *p, struct flow *f)
{
    size_t at = 0;
    const uint8_t *lf;
    while (f->searched < f->in.n &&
           (lf = memchr(f->in.p + f->searched, '\n', f->in.n - f->searched))) {
        size_t end = (size_t)(lf - f->in.p) + 1;
        if (!f->skipping)
            take_line(p, f, slice_of(f->in.p + at, end - at));
        f->skipping = false;
        at = f->searched = end;
    }
    f->searched = f->in.n;
    if (!f->skipping && f->in.n - at > MCP_MESSAGE_MAX)
        too_long(p, f);
    if (f->skipping)
        at = f->in.n;
    if (at) {
        memmove(f->in.p, f->in.p + at, f->in.n - at);
        f->in.n -= at;
        f->searched -= at;
    }
}

static void read_some(struct proxy *p, struct flow *f)
{
    uint8_t *to = buf_grow(&f->in, READ_CHUNK);
    if (!to) {
        memory_short(p);
        shut(&f->from);
        return;
    }
    ssize_t n = read(f->from, to, READ_CHUNK);
    f->in.n -= READ_CHUNK - (n > 0 ? (size_t)n : 0);
    if (n > 0) {
        cut(p, f);
    } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
        if (f->in.n && !f->skipping) /* a last line without its end */
            take_line(p, f, buf_slice(&f->in));
        f->in.n = 0;
        shut(&f->from);
    }
}

/* ---- writing ---- */

/* Without waiting, on what others may have open as well, so that it must not be set not to
 * block: a pipe that poll(2) calls ready takes PIPE_BUF bytes. */
static ssize_t write_some(int fd, const uint8_t *bytes, size_t n)
{
    ssize_t done = send(fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (done >= 0 || errno != ENOTSOCK)
        return done;
    struct pollfd f = {.fd = fd, .events = POLLOUT};
    if (poll(&f, 1, 0) <= 0) {
        errno = EAGAIN;
        return -1;
    }
    return write(fd, bytes, n < PIPE_BUF ? n : PIPE_BUF);
}

/* True once it is written. The other end may have gone: then nothing is written any more. */
static bool write_item(struct flow *f, struct mcp_item *item)
{
    while (f->to >= 0 && item->at < item->text.n) {
        ssize_t n = write_some(f->to, item->text.p + item->at, item->text.n - item->at);
        if (n > 0)
            item->at += (size_t)n;
        else if (errno == EAGAIN)
            return false;
        else if (errno != EINTR)
            shut(&f->to);
    }
    return true;
}

/* Writes what may be written; true where it waits for room. */
static bool pump(struct proxy *p, struct flow *f)
{
    while (f->first && f->first->state != MCP_ITEM_HELD) {
        struct mcp_item *item = f->first;
        if (item->state == MCP_ITEM_REFUSED) { /* only of the agent: an answer to it */
            item->state = MCP_ITEM_READY;
            put(&p->down, take(f));
            continue;
        }
        if (f == &p->up && f->to >= 0 && item->at == 0)
            mcp_calls_go(p->calls, item, everywhere);
        if (!write_item(f, item))
            return true;
        mcp_calls_drop(take(f));
    }
    return false;
}

/* ---- the loop ---- */

static void hear(struct proxy *p)
{
    bool from_terminal;
    int number = p->process->signal(&from_terminal);
    mcp_server_look(&p->server);
    if (number == SIGCHLD)
        return;
    if (!from_terminal)
        mcp_server_signal(&p->server, number);
    if (!p->kill_at)
        p->kill_at = clock_ms() + GRACE;
    shut(&p->up.from);
}

/* What ends when something else has ended. */
static void ends(struct proxy *p, int64_t now)
{
    if (p->down.to < 0) /* the agent does not listen any more */
        shut(&p->up.from);
    if (p->up.to < 0) { /* nor does the server */
        shut(&p->up.from);
        drop_all(&p->up);
    }
    if (p->up.from < 0 && !p->up.first)
        shut(&p->up.to);
    if (p->kill_at && now >= p->kill_at) {
        mcp_server_signal(&p->server, SIGKILL);
        p->kill_at = INT64_MAX;
    }
    /* Others may have its output open: they are not waited for when nobody asks them. */
    bool over = p->down.from < 0 || (p->server.ended && p->up.from < 0) || p->kill_at == INT64_MAX;
    if (over && !p->end_at)
        p->end_at = now + GRACE;
}

static bool over(const struct proxy *p, int64_t now)
{
    if (p->down.from < 0 && !p->down.first && p->server.ended)
        return true;
    bool killed = p->kill_at == INT64_MAX; /* then the agent has had its time to read */
    return p->end_at && now >= p->end_at && (killed || !p->down.first);
}

static void turn(struct proxy *p)
{
    int64_t now = clock_ms();
    mcp_log_move(p->log, now);
    if (p->down.first)
        mcp_calls_expire(p->down.first, now);
    bool up_full = pump(p, &p->up), down_full = pump(p, &p->down);
    ends(p, now);
    if (over(p, now))
        return;
    int due = mcp_log_due(p->log, now);
    due = mcp_wait(due, p->kill_at, now);
    due = mcp_wait(due, p->end_at > now ? p->end_at : 0, now);
    if (p->down.first && p->down.first->state == MCP_ITEM_HELD)
        due = mcp_wait(due, p->down.first->until, now);
    struct pollfd f[6] = {
        {.fd = p->up.queued < QUEUE_MAX && p->down.queued < 2 * QUEUE_MAX ? p->up.from : -1,
         .events = POLLIN},
        {.fd = p->down.from, /* without room, to hear of its end */
         .events = p->down.queued < QUEUE_MAX && !mcp_calls_full(p->calls) ? POLLIN : 0},
        {.fd = up_full ? p->up.to : -1, .events = POLLOUT},
        {.fd = down_full ? p->down.to : -1, .events = POLLOUT},
        {.fd = mcp_log_fd(p->log), .events = POLLIN},
        {.fd = p->process->signals, .events = POLLIN},
    };
    if (poll(f, 6, due) <= 0)
        return;
    if (f[5].revents)
        hear(p);
    if (f[0].revents && p->up.from >= 0)
        read_some(p, &p->up);
    if (f[1].revents && p->down.from >= 0)
        read_some(p, &p->down);
}

tl_err mcp_stdio(int *code, struct mcp_calls *calls, struct mcp_log *log, char **argv,
                 const struct mcp_process *process, struct tl_why *why)
{
    struct proxy p = {.process = process, .calls = calls, .log = log};
    char reason[80];
    tl_err err = mcp_server_start(&p.server, argv, process, why);
    if (err != TL_OK)
        return err;
    flow_init(&p.up, STDIN_FILENO, p.server.in);
    flow_init(&p.down, p.server.out, STDOUT_FILENO);
    while (!over(&p, clock_ms()))
        turn(&p);
    mcp_server_say(reason, sizeof reason, &p.server);
    mcp_calls_end(calls, SCOPE, reason);
    drop_all(&p.up);
    shut(&p.down.to); /* the agent need not wait for the log */
    mcp_server_end(&p.server);
    bool logged = mcp_log_finish(log);
    drop_all(&p.down);
    shut(&p.up.to);
    shut(&p.down.from);
    buf_finish(&p.up.in);
    buf_finish(&p.down.in);
    *code = p.failed || !logged ? -1 : mcp_server_code(&p.server);
    return TL_OK;
}
