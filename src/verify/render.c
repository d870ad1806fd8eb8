#include "verify/render.h"

#include <inttypes.h>

#include "base/calendar.h"
#include "base/encoding.h"

static bool printable(char c)
{
    return c >= 0x20 && c < 0x7f;
}

/* One character as \uXXXX, a pair of them beyond the first plane; a byte that begins
 * none is escaped for itself. Returns its bytes. */
static size_t put_escaped(buf *b, const uint8_t *p)
{
    size_t n = 1;
    while (n < 4 && p[n] && !utf8_valid(slice_of(p, n)))
        n++;
    if (n == 1 || !utf8_valid(slice_of(p, n))) {
        buf_printf(b, "\\u%04x", *p);
        return 1;
    }
    uint32_t c = p[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3fu);
    if (c >= 0x10000)
        buf_printf(b, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10), 0xdc00 + (c & 0x3ff));
    else
        buf_printf(b, "\\u%04x", c);
    return n;
}

void render_json_text(buf *b, const char *s)
{
    if (!s) {
        buf_str(b, "null");
        return;
    }
    buf_str(b, "\"");
    while (*s) {
        if (*s == '"' || *s == '\\')
            buf_printf(b, "\\%c", *s++);
        else if (printable(*s))
            buf_u8(b, (uint8_t)*s++);
        else
            s += put_escaped(b, (const uint8_t *)s);
    }
    buf_str(b, "\"");
}

void render_json_hex(buf *b, slice bytes)
{
    if (!bytes.p) {
        buf_str(b, "null");
        return;
    }
    buf_str(b, "\"");
    hex_put(b, bytes);
    buf_str(b, "\"");
}

void render_json_time(buf *b, uint64_t seconds)
{
    char text[CALENDAR_TEXT];
    buf_printf(b, "\"%s\"", calendar_rfc3339(text, seconds));
}

const char *render_json_bool(bool v)
{
    return v ? "true" : "false";
}

void render_plain(buf *b, const char *s)
{
    for (; *s; s++)
        buf_u8(b, printable(*s) ? (uint8_t)*s : '?');
}

void render_html(buf *b, const char *s)
{
    for (; *s; s++)
        if (*s == '<' || *s == '>' || *s == '&' || *s == '"' || *s == '\'')
            buf_printf(b, "&#%d;", *s);
        else
            buf_u8(b, printable(*s) ? (uint8_t)*s : '?');
}

void render_time(buf *b, uint64_t seconds)
{
    char text[CALENDAR_TEXT];
    buf_str(b, calendar_text(text, seconds));
}

char *render_take(buf *b)
{
    buf_u8(b, 0);
    if (buf_err(b) != TL_OK) {
        buf_finish(b);
        return NULL;
    }
    return (char *)b->p;
}

void render_times(buf *b, const struct teelog_report *r)
{
    const struct report_history *h = &r->history;
    if (h->judged) {
        render_time(b, h->judged_from);
        if (h->judged_to != h->judged_from) {
            buf_str(b, " to ");
            render_time(b, h->judged_to);
        }
        buf_str(b, " (when a quorum had cosigned it)");
    }
    if (h->judged && h->judged_now)
        buf_printf(b, ", and %" PRIu64 " of it as of ", h->judged_now);
    if (!h->judged || h->judged_now)
        render_time(b, r->time);
}
