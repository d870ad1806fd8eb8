#include "cli/journal.h"

#include "base/calendar.h"
#include "cli/cli.h"
#include "codec/json_put.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096

static bool as_json;

static void put_time(buf *b)
{
    char text[CALENDAR_TEXT];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    buf_str(b, "{\"time\":\"");
    /* RFC 3339, with milliseconds before its Z. */
    calendar_rfc3339(text, (uint64_t)now.tv_sec);
    size_t n = strlen(text);
    buf_bytes(b, slice_of((const uint8_t *)text, n ? n - 1 : 0));
    buf_printf(b, ".%03ldZ\"", now.tv_nsec / 1000000);
}

/* One write, so that lines of several threads do not mix. What cannot be written is
 * lost: a log of actions must not wait for a log of events. */
static void flush_line(buf *b)
{
    buf_str(b, "\n");
    if (buf_err(b) == TL_OK)
        (void)!write(STDERR_FILENO, b->p, b->n);
    buf_finish(b);
}

static void note(const char *text)
{
    buf b;
    buf_init(&b, LINE_MAX_BYTES);
    put_time(&b);
    json_put_member(&b, "event", "note");
    json_put_member(&b, "message", text);
    buf_str(&b, "}");
    flush_line(&b);
}

void journal_as_json(void)
{
    as_json = true;
    cli_say_through(note);
}

/* A method or path as the client sent it: 128 bytes of what the gate lets through. */
static void put_part(char out[129], slice s)
{
    size_t n = s.n < 128 ? s.n : 128;
    for (size_t i = 0; i < n; i++)
        out[i] = s.p[i] > 0x20 && s.p[i] < 0x7f ? (char)s.p[i] : '?';
    out[n] = 0;
}

void journal_access(void *ctx, const struct http_access *a)
{
    (void)ctx;
    char method[129], path[129];
    buf b;
    put_part(method, a->method);
    put_part(path, a->path);
    buf_init(&b, LINE_MAX_BYTES);
    if (as_json) {
        put_time(&b);
        json_put_member(&b, "event", "request");
        json_put_member(&b, "method", method);
        json_put_member(&b, "path", path);
        json_put_number(&b, "status", (uint64_t)a->status);
        json_put_number(&b, "us", a->us);
        json_put_number(&b, "bodyBytes", a->body_bytes);
        json_put_bool(&b, "cut", a->cut);
        buf_str(&b, "}");
    } else {
        buf_printf(&b, "teelog: %s %s %d%s, %" PRIu64 " bytes in, %" PRIu64 ".%03" PRIu64 " ms",
                   method[0] ? method : "-", path[0] ? path : "-", a->status, a->cut ? " cut" : "",
                   a->body_bytes, a->us / 1000, a->us % 1000);
    }
    flush_line(&b);
}

void journal_broke_off(slice method, slice path, const char *why)
{
    char said[129], asked[129];
    put_part(said, method);
    put_part(asked, path);
    cli_say("%s %s broke off: %s", said, asked, why);
}

void journal_ready(buf *out, const struct log_info *info, const char *socket, const char *listening)
{
    if (!as_json) {
        buf_printf(out, "teelog: ready, %s%s, origin %s, socket %s, %s%s%slog key %s\n",
                   info->simulated ? "SIMULATED platform" : "platform ",
                   info->simulated ? "" : info->platform, info->origin, socket,
                   listening ? "listening on " : "", listening ? listening : "",
                   listening ? ", " : "", info->log_key);
        return;
    }
    put_time(out);
    json_put_member(out, "event", "ready");
    json_put_member(out, "platform", info->platform);
    json_put_bool(out, "simulated", info->simulated);
    json_put_member(out, "origin", info->origin);
    json_put_member(out, "socket", socket);
    if (listening)
        json_put_member(out, "listening", listening);
    json_put_member(out, "logKey", info->log_key);
    json_put_number(out, "size", info->size);
    json_put_number(out, "boot", info->boot);
    buf_str(out, "}\n");
}
