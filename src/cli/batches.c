#include "cli/batches.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#define READ_CHUNK (256u << 10)

void batches_init(struct batches *b, int fd)
{
    *b = (struct batches){.fd = fd, .line = 1};
    buf_init(&b->in, 2 * LINE_MAX_BYTES);
}

void batches_finish(struct batches *b)
{
    buf_finish(&b->in);
}

bool batches_readable(const struct batches *b)
{
    struct pollfd f = {.fd = b->fd, .events = POLLIN};
    return poll(&f, 1, 0) > 0;
}

static slice rest_of(const struct batches *b)
{
    return b->in.p ? slice_of(b->in.p + b->at, b->in.n - b->at) : (slice){NULL, 0};
}

static void consume(struct batches *b, size_t n)
{
    b->at += n;
    b->searched = 0;
}

/* Where the line that begins at n ends, its newline included. */
static size_t line_end(slice rest, size_t n)
{
    const uint8_t *lf = memchr(rest.p + n, '\n', rest.n - n);
    return lf ? (size_t)(lf - rest.p) + 1 : rest.n;
}

/* Drops what belongs to a line that was too long. */
static void skip(struct batches *b)
{
    slice rest = rest_of(b);
    if (rest.n == 0)
        return;
    size_t n = line_end(rest, 0);
    b->skipping = rest.p[n - 1] != '\n';
    consume(b, n);
}

tl_err batches_read(struct batches *b, struct tl_why *why)
{
    if (b->at) {
        memmove(b->in.p, b->in.p + b->at, b->in.n - b->at);
        b->in.n -= b->at;
        b->at = 0;
    }
    uint8_t *p = buf_grow(&b->in, READ_CHUNK);
    if (!p)
        return buf_err(&b->in);
    b->in.n -= READ_CHUNK;
    ssize_t n;
    do
        n = read(b->fd, p, READ_CHUNK);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return tl_explain(why, TL_E_IO, NULL, "reading standard input: %s", strerror(errno));
    b->in.n += (size_t)n;
    b->eof = n == 0;
    if (b->skipping)
        skip(b);
    return TL_OK;
}

bool batches_full(const struct batches *b)
{
    return rest_of(b).n >= BATCH_BYTES;
}

bool batches_have_line(struct batches *b)
{
    slice rest = rest_of(b);
    if (rest.n == 0)
        return false;
    if (b->eof || memchr(rest.p + b->searched, '\n', rest.n - b->searched))
        return true;
    b->searched = rest.n;
    return rest.n > LINE_MAX_BYTES;
}

tl_err batches_take(struct batches *b, struct batch *out)
{
    slice rest = rest_of(b);
    size_t n = 0;
    out->first = b->line;
    out->lines = 0;
    out->too_long = line_end(rest, 0) > LINE_MAX_BYTES;
    if (out->too_long) {
        b->skipping = true;
        skip(b);
        out->lines = 1;
        b->line++;
        return TL_OK;
    }
    while (n < rest.n && out->lines < BATCH_LINES) {
        size_t end = line_end(rest, n);
        bool whole = rest.p[end - 1] == '\n' || b->eof;
        if (!whole || (out->lines && end > BATCH_BYTES))
            break;
        n = end;
        out->lines++;
    }
    buf_bytes(&out->body, slice_of(rest.p, n));
    b->line += out->lines;
    consume(b, n);
    return buf_err(&out->body);
}
