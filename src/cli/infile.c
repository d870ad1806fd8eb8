#include "cli/infile.h"

#include "base/encoding.h"
#include "cli/cli.h"
#include "codec/json.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int infile_open(int *fd, const char *path)
{
    if (strcmp(path, "-") == 0) {
        *fd = STDIN_FILENO;
        return EXIT_GOOD;
    }
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd >= 0)
        return EXIT_GOOD;
    cli_say("cannot read %s: %s", path, strerror(errno));
    return EXIT_FAILED;
}

void infile_close(int fd)
{
    if (fd != STDIN_FILENO)
        close(fd);
}

tl_err infile_some(void *ctx, uint8_t *out, size_t cap, size_t *got)
{
    const int *fd = ctx;
    ssize_t n;
    do
        n = read(*fd, out, cap);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return TL_E_IO;
    *got = (size_t)n;
    return TL_OK;
}

/* whole: more than out's maximum is TL_E_LIMIT, and is not left unread. */
static int read_file(buf *out, const char *path, bool whole)
{
    int fd;
    int code = infile_open(&fd, path);
    if (code != EXIT_GOOD)
        return code;
    tl_err err = TL_OK;
    size_t got = 1;
    while (got && err == TL_OK) {
        uint8_t bytes[16384];
        size_t left = out->max - out->n;
        err = infile_some(&fd, bytes, whole || left > sizeof bytes ? sizeof bytes : left, &got);
        if (err == TL_OK)
            buf_bytes(out, slice_of(bytes, got));
        if (err == TL_OK)
            err = buf_err(out);
    }
    infile_close(fd);
    if (err == TL_OK)
        return EXIT_GOOD;
    if (err == TL_E_LIMIT)
        cli_say("%s is larger than %zu bytes, which is the limit here", path, out->max);
    else
        cli_say("cannot read %s: %s", path, tl_err_text(err));
    return tl_err_exit(err);
}

int infile_read(buf *out, const char *path)
{
    return read_file(out, path, true);
}

int infile_read_start(buf *out, const char *path)
{
    return read_file(out, path, false);
}

static bool blank(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* The hex digits of text, in place; false where anything else is in it. */
static bool squeeze(buf *text)
{
    size_t n = 0, at = 0;
    while (at < text->n && blank(text->p[at]))
        at++;
    if (text->n - at >= 2 && text->p[at] == '0' && (text->p[at + 1] | 0x20) == 'x')
        at += 2;
    for (; at < text->n; at++) {
        uint8_t c = text->p[at];
        if (blank(c))
            continue;
        bool digit = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
        if (!digit)
            return false;
        text->p[n++] = c;
    }
    text->n = n;
    return n > 0 && n % 2 == 0;
}

/* Of dstack's GetQuote answer, an object with the quote in hex, that hex alone. Anything
 * else is left as it is. */
static void take_member(buf *text)
{
    js r = js_of(buf_slice(text));
    slice quote = {NULL, 0};
    uint32_t seen = 0;
    if (js_peek(&r) != JS_OBJECT)
        return;
    js_object(&r);
    for (slice key; js_member(&r, &key);) {
        if (js_named(&r, key, "quote", &seen, 0) && js_peek(&r) == JS_STRING)
            quote = js_plain(&r);
        else
            js_skip(&r);
    }
    if (js_end(&r) != TL_OK || !quote.n)
        return;
    memmove(text->p, quote.p, quote.n);
    text->n = quote.n;
}

int infile_read_quote(buf *out, const char *path)
{
    buf text;
    buf_init(&text, 2 * out->max + 16);
    int code = infile_read_start(&text, path);
    if (code == EXIT_GOOD) {
        take_member(&text);
        /* A quote begins with a version below 6 and a zero byte, which no text does. What
         * was not read to its end is too long either way, and is left as it is. */
        bool hex = text.n && text.n < text.max && text.p[0] >= ' ' && squeeze(&text);
        size_t n = hex ? text.n / 2 : text.n;
        if (n > out->max)
            n = out->max;
        uint8_t *to = buf_grow(out, n);
        if (buf_err(out) != TL_OK) {
            cli_say("cannot read %s: %s", path, tl_err_text(buf_err(out)));
            code = EXIT_FAILED;
        } else if (n && !hex) {
            memcpy(to, text.p, n);
        } else if (n && hex_read(to, n, slice_of(text.p, 2 * n)) != TL_OK) {
            cli_say("%s is not hex after all", path);
            code = EXIT_REJECTED;
        }
    }
    buf_finish(&text);
    return code;
}
