#include "client/client.h"

#include "base/encoding.h"
#include "base/refuse.h"
#include "client/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <strings.h>

#define INPUT_MAX  (256u << 20) /* bytes of answers that wait to be read */
#define HEAD_MAX   16384        /* bytes of a line */
#define READ_CHUNK (256u << 10)
#define HEAD_LINES 100
#define HEAD_BYTES 65536
#define PATIENCE   120000 /* milliseconds; tails hear something every 15 seconds */
#define SLOWEST    64     /* bytes a millisecond of a body, with a limit */

enum framing { NONE, LENGTH, CHUNK_HEAD, CHUNK, CHUNK_END };

struct client {
    struct link link;
    const char *where, *host, *token; /* borrowed; where: for sentences */
    buf in;
    size_t at; /* consumed bytes of in */
    bool eof;
    enum framing framing;
    uint64_t left; /* of the body, or of the chunk */
    uint64_t got;  /* bytes of this answer's body so far */
    size_t piece;  /* bytes of in that the caller borrows */
    int patience;  /* milliseconds without a byte */
    int limit;     /* milliseconds for a whole answer without its body; 0: none */
    int64_t began; /* with a limit: when it, or the request, was begun */
    int64_t until; /* the end of all waiting, or 0 */
};

static tl_err lost(const struct client *c, struct tl_why *why)
{
    if (c->framing == NONE)
        return tl_explain(why, TL_E_IO, NULL,
                          "the service on %s ended the connection before it answered; its log may "
                          "say why",
                          c->where);
    return tl_explain(why, TL_E_IO, NULL,
                      "the answer of the service on %s broke off after %llu bytes; its log may say "
                      "why. Try again",
                      c->where, (unsigned long long)c->got);
}

static tl_err not_http(const struct client *c, struct tl_why *why)
{
    return tl_explain(why, TL_E_PEER, NULL, "what answers on %s does not speak teelog's HTTP",
                      c->where);
}

tl_err client_silent(const struct client *c, struct tl_why *why)
{
    return tl_explain(why, TL_E_IO, NULL,
                      "the service on %s has not moved for %d seconds, so whether it did what was "
                      "asked is not known; look at its log, then try again",
                      c->where, c->patience / 1000);
}

static tl_err too_slow(const struct client *c, struct tl_why *why)
{
    return tl_explain(why, TL_E_IO, NULL,
                      "the service on %s has not answered whole in %lld seconds; look at its log, "
                      "then try again",
                      c->where, (long long)(clock_ms() - c->began) / 1000);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Until one of these comes, for as long as one waits for a service. */
static tl_err await(const struct client *c, struct pollfd *f, struct tl_why *why)
{
    int64_t left = c->patience;
    if (c->limit)
        left = least(left, c->began + c->limit + (int64_t)(c->got / SLOWEST) - clock_ms());
    if (c->until)
        left = least(left, c->until - clock_ms());
    if (REFUSED(left <= 0)) /* though there may be another byte */
        return too_slow(c, why);
    int n = poll(f, 1, (int)left);
    if (n == 0)
        return left < c->patience ? too_slow(c, why) : client_silent(c, why);
    return TL_OK; /* a signal: the caller tries again */
}

tl_err client_over(struct client **out, struct link *link, const char *where, const char *host,
                   const char *token)
{
    struct client *c = calloc(1, sizeof *c);
    if (!c) {
        link_close(link);
        return TL_E_MEMORY;
    }
    c->link = *link;
    c->where = where;
    c->host = host;
    c->token = token;
    c->patience = PATIENCE;
    buf_init(&c->in, INPUT_MAX);
    *out = c;
    return TL_OK;
}

tl_err client_open(struct client **out, const char *path, const char *token, struct tl_why *why)
{
    struct link link;
    tl_err err = link_open_socket(&link, path, 0, why);
    return err == TL_OK ? client_over(out, &link, path, "localhost", token) : err;
}

tl_err client_open_url(struct client **out, const struct link_url *url,
                       const struct link_trust *trust, const char *token, struct tl_why *why)
{
    struct link link;
    tl_err err = link_open_url(&link, url, trust, why);
    return err == TL_OK ? client_over(out, &link, url->authority, url->authority, token) : err;
}

void client_close(struct client *c)
{
    if (!c)
        return;
    link_close(&c->link);
    buf_finish(&c->in);
    free(c);
}

void client_set_patience(struct client *c, int milliseconds)
{
    c->patience = milliseconds;
}

int client_patience(const struct client *c)
{
    return c->patience;
}

void client_set_limit(struct client *c, int milliseconds)
{
    c->limit = milliseconds;
}

void client_set_bounds(struct client *c, int64_t until_ms, size_t bytes)
{
    c->until = until_ms;
    c->in.max = bytes;
}

int client_fd(const struct client *c)
{
    return c->link.fd;
}

bool client_is_simulated(const struct client *c)
{
    return c->link.simulated;
}

static slice pending(const struct client *c)
{
    /* Before the first read there is no memory, and NULL + 0 is not defined in C. */
    return c->in.p ? slice_of(c->in.p + c->at, c->in.n - c->at) : (slice){NULL, 0};
}

bool client_has_input(const struct client *c)
{
    return c->in.n > c->at || c->eof;
}

static void consume(struct client *c, size_t n)
{
    c->at += n;
    if (c->at == c->in.n) {
        buf_reset(&c->in);
        c->at = 0;
    }
}

/* Reads what is there; blocks where wait is set and nothing is. */
static tl_err fill(struct client *c, bool wait, struct tl_why *why)
{
    if (c->at > READ_CHUNK) {
        memmove(c->in.p, c->in.p + c->at, c->in.n - c->at);
        c->in.n -= c->at;
        c->at = 0;
    }
    uint8_t *p = buf_grow(&c->in, READ_CHUNK);
    if (!p)
        return buf_err(&c->in);
    c->in.n -= READ_CHUNK;
    for (;;) {
        ssize_t n = link_read(&c->link, p, READ_CHUNK);
        if (n >= 0) {
            c->in.n += (size_t)n;
            c->eof = n == 0;
            return TL_OK;
        }
        if (errno == ECONNRESET) { /* it went while we were still writing */
            c->eof = true;
            return TL_OK;
        }
        if (errno == EAGAIN && !wait)
            return TL_OK;
        if (errno != EAGAIN && errno != EINTR)
            return tl_explain(why, TL_E_IO, NULL, "reading from %s: %s", c->where, strerror(errno));
        struct pollfd f = {.fd = c->link.fd, .events = link_events(&c->link, false)};
        tl_err err = await(c, &f, why);
        if (err != TL_OK)
            return err;
    }
}

/* Writes all of it. Reads meanwhile: a service that waits for its answers to
 * be taken would take no more requests. */
static tl_err write_all(struct client *c, slice bytes, struct tl_why *why)
{
    while (bytes.n) {
        ssize_t n = link_write(&c->link, bytes.p, bytes.n);
        if (n > 0) {
            bytes = slice_of(bytes.p + n, bytes.n - (size_t)n);
            continue;
        }
        /* The service may have refused a request before it read the whole: its
         * answer says more than this error. */
        if (errno == EPIPE || errno == ECONNRESET)
            return TL_OK;
        if (errno != EAGAIN && errno != EINTR)
            return tl_explain(why, TL_E_IO, NULL, "writing to %s: %s", c->where, strerror(errno));
        short events = link_events(&c->link, true);
        struct pollfd f = {.fd = c->link.fd, .events = (short)(c->eof ? events : events | POLLIN)};
        tl_err err = await(c, &f, why);
        if (err == TL_OK && f.revents & POLLIN)
            err = fill(c, false, why);
        if (err != TL_OK)
            return err;
    }
    return TL_OK;
}

tl_err client_send(struct client *c, const char *method, const char *target, slice body,
                   struct tl_why *why)
{
    buf head;
    c->began = clock_ms();
    buf_init(&head, HEAD_MAX);
    buf_printf(&head, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, target, c->host);
    if (c->token)
        buf_printf(&head, "Authorization: Bearer %s\r\n", c->token);
    if (body.p)
        buf_printf(&head, "Content-Length: %zu\r\n", body.n);
    buf_str(&head, "\r\n");
    tl_err err = buf_err(&head);
    if (err == TL_OK)
        err = write_all(c, buf_slice(&head), why);
    if (err == TL_OK && body.p)
        err = write_all(c, body, why);
    buf_finish_secret(&head);
    return err;
}

/* A line with its CRLF taken off; waits for it. Consumed at once, so good until
 * the next fill. */
static tl_err line(struct client *c, slice *out, struct tl_why *why)
{
    for (;;) {
        slice rest = pending(c);
        const uint8_t *lf = rest.n ? memchr(rest.p, '\n', rest.n) : NULL;
        if (lf) {
            size_t n = (size_t)(lf - rest.p);
            if (REFUSED(n == 0 || rest.p[n - 1] != '\r'))
                return not_http(c, why);
            *out = slice_of(rest.p, n - 1);
            c->at += n + 1;
            return TL_OK;
        }
        if (REFUSED(rest.n > HEAD_MAX))
            return not_http(c, why);
        if (c->eof)
            return lost(c, why);
        tl_err err = fill(c, true, why);
        if (err != TL_OK)
            return err;
    }
}

/* The value of a header line of this name. */
static bool header(slice text, const char *name, slice *value)
{
    size_t n = strlen(name);
    if (text.n <= n || text.p[n] != ':' || strncasecmp((const char *)text.p, name, n) != 0)
        return false;
    *value = slice_of(text.p + n + 1, text.n - n - 1);
    while (value->n && value->p[0] == ' ')
        *value = slice_of(value->p + 1, value->n - 1);
    return true;
}

static tl_err header_line(struct client *c, struct client_answer *a, slice text, struct tl_why *why)
{
    slice value;
    uint64_t number;
    if (header(text, "Content-Length", &value)) {
        if (REFUSED(c->framing != NONE) || decimal_read(&c->left, value, UINT32_MAX) != TL_OK)
            return not_http(c, why);
        c->framing = LENGTH;
    } else if (header(text, "Transfer-Encoding", &value)) {
        if (REFUSED(c->framing != NONE) || REFUSED(!slice_eq_str(value, "chunked")))
            return not_http(c, why);
        c->framing = CHUNK_HEAD;
    } else if (header(text, "Connection", &value)) {
        a->close = slice_eq_str(value, "close");
    } else if (header(text, "Retry-After", &value)) {
        if (decimal_read(&number, value, 3600) == TL_OK)
            a->retry_after = (unsigned)number;
    } else if (header(text, "Teelog-Size", &value)) {
        if (decimal_read(&a->size, value, INT64_MAX) != TL_OK)
            return not_http(c, why);
    } else if (header(text, "Teelog-Cosigned", &value)) {
        a->witnessed = decimal_read(&a->cosigned, value, INT64_MAX) == TL_OK;
    }
    return TL_OK;
}

tl_err client_head(struct client *c, struct client_answer *out, struct tl_why *why)
{
    struct client_answer a = {0};
    static const char version[] = "HTTP/1.1 ";
    uint64_t status = 0;
    size_t bytes = 0;
    slice text;
    c->framing = NONE;
    c->got = 0;
    c->began = clock_ms();
    tl_err err = line(c, &text, why);
    if (err != TL_OK)
        return err;
    if (REFUSED(!slice_starts(text, slice_of(version, sizeof version - 1))))
        return not_http(c, why);
    slice digits = slice_of(text.p + sizeof version - 1, text.n - (sizeof version - 1));
    digits.n = digits.n < 3 ? digits.n : 3;
    if (decimal_read(&status, digits, 599) != TL_OK || REFUSED(status < 100))
        return not_http(c, why);
    a.status = (int)status;
    for (int lines = 0;; lines++) {
        err = line(c, &text, why);
        bytes += text.n;
        if (err == TL_OK && REFUSED(lines > HEAD_LINES || bytes > HEAD_BYTES))
            return not_http(c, why);
        if (err == TL_OK && text.n)
            err = header_line(c, &a, text, why);
        if (err != TL_OK)
            return err;
        if (text.n == 0)
            break;
    }
    if (REFUSED(c->framing == NONE))
        return not_http(c, why);
    c->piece = 0;
    *out = a;
    return TL_OK;
}

/* RFC 9112 section 7.1, without extensions and trailers: our service has none. */
static tl_err chunk_head(struct client *c, struct tl_why *why)
{
    slice text;
    uint64_t n = 0;
    tl_err err = line(c, &text, why);
    if (err != TL_OK)
        return err;
    if (REFUSED(text.n == 0 || text.n > 8))
        return not_http(c, why);
    for (size_t i = 0; i < text.n; i++) {
        uint8_t digit[1];
        const uint8_t pair[2] = {'0', text.p[i]};
        if (hex_read(digit, 1, slice_of(pair, 2)) != TL_OK)
            return not_http(c, why);
        n = n << 4 | digit[0];
    }
    c->left = n;
    c->framing = n ? CHUNK : CHUNK_END;
    return TL_OK;
}

static tl_err empty_line(struct client *c, struct tl_why *why)
{
    slice text;
    tl_err err = line(c, &text, why);
    return err == TL_OK && REFUSED(text.n != 0) ? not_http(c, why) : err;
}

static tl_err next_piece(struct client *c, slice *piece, struct tl_why *why)
{
    while (pending(c).n == 0) {
        if (c->eof)
            return lost(c, why);
        tl_err err = fill(c, true, why);
        if (err != TL_OK)
            return err;
    }
    slice rest = pending(c);
    *piece = slice_of(rest.p, rest.n < c->left ? rest.n : (size_t)c->left);
    c->piece = piece->n;
    c->left -= piece->n;
    c->got += piece->n;
    return TL_OK;
}

tl_err client_body(struct client *c, slice *piece, bool *more, struct tl_why *why)
{
    tl_err err = TL_OK;
    consume(c, c->piece);
    c->piece = 0;
    if (c->framing == CHUNK && c->left == 0) {
        err = empty_line(c, why);
        c->framing = CHUNK_HEAD;
    }
    if (err == TL_OK && c->framing == CHUNK_HEAD)
        err = chunk_head(c, why);
    if (err == TL_OK && c->framing == CHUNK_END)
        err = empty_line(c, why);
    if (err != TL_OK)
        return err;
    if (c->left == 0) {
        c->framing = NONE;
        *piece = (slice){NULL, 0};
        *more = false;
        return TL_OK;
    }
    *more = true;
    return next_piece(c, piece, why);
}
