#include "tee/agent.h"

#include "base/encoding.h"
#include "base/refuse.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CHUNK 65536

/* ---- an answer's head ---- */

static tl_err not_http(struct tl_why *why, const char *what)
{
    return tl_explain(why, TL_E_HTTP, "tee", "%s", what);
}

/* The text up to the next CRLF, which is taken off; there is one. */
static slice next_line(slice *rest)
{
    const uint8_t *end = memmem(rest->p, rest->n, "\r\n", 2);
    slice line = slice_of(rest->p, (size_t)(end - rest->p));
    *rest = slice_of(end + 2, rest->n - line.n - 2);
    return line;
}

/* RFC 9112 section 4; the reason is any text. */
static tl_err status_line(unsigned *out, slice line, struct tl_why *why)
{
    static const char version[] = "HTTP/1.1 ";
    const size_t n = sizeof version - 1;
    uint64_t status;
    if (REFUSED(!slice_starts(line, slice_of(version, n))))
        return not_http(why, "it does not begin as an answer in HTTP/1.1 does");
    slice rest = slice_of(line.p + n, line.n - n);
    if (decimal_read(&status, slice_of(rest.p, rest.n < 3 ? rest.n : 3), 599) != TL_OK ||
        REFUSED(rest.n > 3 && rest.p[3] != ' '))
        return not_http(why, "it does not begin as an answer in HTTP/1.1 does");
    /* We ask for nothing that has interim answers. */
    if (REFUSED(status < 200))
        return not_http(why, "its status is none of an answer");
    *out = (unsigned)status;
    return TL_OK;
}

static bool is_field_name(slice name)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] <= ' ' || name.p[i] >= 0x7f)
            return false;
    return name.n > 0;
}

static bool names(slice name, const char *what)
{
    return name.n == strlen(what) && strncasecmp((const char *)name.p, what, name.n) == 0;
}

static slice trimmed(slice s)
{
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = slice_of(s.p + 1, s.n - 1);
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

static tl_err field_line(uint64_t *length, bool *has_length, slice line, struct tl_why *why)
{
    const uint8_t *colon = memchr(line.p, ':', line.n);
    slice name = slice_of(line.p, colon ? (size_t)(colon - line.p) : 0);
    /* Also what continues the line before it (RFC 9112 section 5.2). */
    if (REFUSED(!is_field_name(name)))
        return not_http(why, "a line of its head is no field");
    slice value = trimmed(slice_of(colon + 1, line.n - name.n - 1));
    if (REFUSED(names(name, "Transfer-Encoding")))
        return not_http(why, "it comes in a transfer coding, which dstack's agent does not use");
    if (!names(name, "Content-Length"))
        return TL_OK;
    if (REFUSED(*has_length))
        return not_http(why, "it says Content-Length twice");
    if (decimal_read(length, value, AGENT_BODY_MAX) != TL_OK)
        return not_http(why, "its Content-Length is no number, or more than 1 MiB");
    *has_length = true;
    return TL_OK;
}

tl_err agent_head_read(struct agent_head *out, slice head, struct tl_why *why)
{
    struct agent_head v = {0};
    uint64_t length = 0;
    bool has_length = false;
    if (REFUSED(head.n < 4 || memcmp(head.p + head.n - 4, "\r\n\r\n", 4) != 0))
        return not_http(why, "its head does not end");
    slice line = next_line(&head);
    tl_err err = status_line(&v.status, line, why);
    while (err == TL_OK && (line = next_line(&head)).n)
        err = field_line(&length, &has_length, line, why);
    if (err == TL_OK && REFUSED(!has_length))
        err = not_http(why, "it does not say its length");
    if (err != TL_OK)
        return err;
    v.length = (size_t)length;
    *out = v;
    return TL_OK;
}

/* ---- the connection ---- */

struct conn {
    const struct agent *agent;
    int fd;
    int64_t deadline_ms;
    buf in;
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static tl_err open_conn(struct conn *c, struct tl_why *why)
{
    /* Linux holds connect to it where the agent takes no more (unix(7)). */
    static const struct timeval patience = {AGENT_CONNECT_MS / 1000, 0};
    const char *path = c->agent->path;
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof to.sun_path)
        return tl_explain(why, TL_E_USAGE, "tee",
                          "the path of the agent's socket, %.60s…, is longer than a socket's can "
                          "be (%zu bytes)",
                          path, sizeof to.sun_path - 1);
    memcpy(to.sun_path, path, strlen(path));
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return tl_explain(why, TL_E_IO, "tee", "no socket to ask on: %s", strerror(errno));
    (void)setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(c->fd, (const struct sockaddr *)&to, sizeof to) != 0)
        return tl_explain(why, TL_E_TEE, "tee",
                          "cannot reach the platform's agent on %s: %s; is the socket mounted into "
                          "this container, and the agent running?",
                          path, errno == EAGAIN ? "it takes no connection" : strerror(errno));
    if (fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0)
        return tl_explain(why, TL_E_IO, "tee", "%s: %s", path, strerror(errno));
    c->deadline_ms = now_ms() + c->agent->patience_ms;
    return TL_OK;
}

static tl_err wait_for(const struct conn *c, short events, struct tl_why *why)
{
    struct pollfd f = {.fd = c->fd, .events = events};
    int64_t left = c->deadline_ms - now_ms();
    if (left <= 0 || (poll(&f, 1, (int)left) == 0))
        return tl_explain(why, TL_E_TEE, "tee",
                          "the agent on %s has not answered in full within %u seconds; its log may "
                          "say why",
                          c->agent->path, (c->agent->patience_ms + 999) / 1000);
    return TL_OK;
}

static tl_err send_all(const struct conn *c, slice bytes, struct tl_why *why)
{
    while (bytes.n) {
        tl_err err = wait_for(c, POLLOUT, why);
        if (err != TL_OK)
            return err;
        ssize_t n = send(c->fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n > 0)
            bytes = slice_of(bytes.p + n, bytes.n - (size_t)n);
        else if (errno == EPIPE || errno == ECONNRESET)
            return TL_OK; /* what it answered before it went says more */
        else if (errno != EAGAIN && errno != EINTR)
            return tl_explain(why, TL_E_TEE, "tee", "writing to the agent on %s: %s",
                              c->agent->path, strerror(errno));
    }
    return TL_OK;
}

/* Reads up to max bytes more, at least one. */
static tl_err fill(struct conn *c, size_t max, struct tl_why *why)
{
    for (;;) {
        tl_err err = wait_for(c, POLLIN, why);
        if (err != TL_OK)
            return err;
        uint8_t *p = buf_grow(&c->in, max);
        if (!p)
            return buf_err(&c->in);
        ssize_t n = recv(c->fd, p, max, 0);
        c->in.n -= n > 0 ? max - (size_t)n : max;
        if (n > 0)
            return TL_OK;
        if (n == 0 || errno == ECONNRESET)
            return tl_explain(why, TL_E_TEE, "tee",
                              "the agent on %s ended the connection after %zu bytes of an answer",
                              c->agent->path, c->in.n);
        if (errno != EAGAIN && errno != EINTR)
            return tl_explain(why, TL_E_TEE, "tee", "reading from the agent on %s: %s",
                              c->agent->path, strerror(errno));
    }
}

static tl_err wrong(const struct conn *c, const struct tl_why *inner, tl_err err,
                    struct tl_why *why)
{
    return tl_explain(why, TL_E_TEE, "tee", "what answers on %s is no agent of dstack's: %s",
                      c->agent->path, tl_why_text(inner, err));
}

/* *head_n: bytes of it in c->in, which may hold the beginning of the body as well. */
static tl_err read_head(struct conn *c, struct agent_head *head, size_t *head_n, struct tl_why *why)
{
    struct tl_why inner = {{0}, {0}};
    for (;;) {
        const uint8_t *end = c->in.n ? memmem(c->in.p, c->in.n, "\r\n\r\n", 4) : NULL;
        size_t n = end ? (size_t)(end - c->in.p) + 4 : c->in.n;
        if (REFUSED(n > AGENT_HEAD_MAX))
            return wrong(c, &inner, not_http(&inner, "its head is longer than 16 KiB"), why);
        if (end) {
            tl_err err = agent_head_read(head, slice_of(c->in.p, n), &inner);
            *head_n = n;
            return err == TL_OK ? TL_OK : wrong(c, &inner, err, why);
        }
        tl_err err = fill(c, AGENT_HEAD_MAX, why);
        if (err != TL_OK)
            return err;
    }
}

static tl_err read_answer(struct conn *c, buf *out, unsigned *status, struct tl_why *why)
{
    struct agent_head head = {0};
    size_t head_n = 0;
    tl_err err = read_head(c, &head, &head_n, why);
    while (err == TL_OK && c->in.n - head_n < head.length) {
        size_t left = head.length - (c->in.n - head_n);
        err = fill(c, left < CHUNK ? left : CHUNK, why);
    }
    if (err != TL_OK)
        return err;
    buf_bytes(out, slice_of(c->in.p + head_n, head.length));
    if (buf_err(out) != TL_OK)
        return buf_err(out) == TL_E_MEMORY
                   ? TL_E_MEMORY
                   : tl_explain(why, TL_E_TEE, "tee",
                                "the agent on %s answers with %zu bytes, too many", c->agent->path,
                                head.length);
    *status = head.status;
    return TL_OK;
}

tl_err agent_post(const struct agent *a, buf *out, unsigned *status, const char *target, slice json,
                  struct tl_why *why)
{
    struct conn c = {.agent = a, .fd = -1};
    buf request;
    buf_init(&request, AGENT_HEAD_MAX);
    buf_init_secret(&c.in, AGENT_HEAD_MAX * 2 + AGENT_BODY_MAX);
    buf_printf(&request,
               "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
               "Content-Length: %zu\r\nConnection: close\r\n\r\n",
               target, json.n);
    buf_bytes(&request, json);
    tl_err err = buf_err(&request);
    if (err == TL_OK)
        err = open_conn(&c, why);
    if (err == TL_OK)
        err = send_all(&c, buf_slice(&request), why);
    if (err == TL_OK)
        err = read_answer(&c, out, status, why);
    if (c.fd >= 0)
        close(c.fd);
    buf_finish(&request);
    buf_finish(&c.in);
    return err;
}
