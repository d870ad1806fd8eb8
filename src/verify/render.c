#include "verify/render.h"

#include "base/calendar.h"
#include "base/encoding.h"

static bool printable(char c)
{
    return c >= 0x20 && c < 0x7f;
}

void render_json_text(buf *b, const char *s)
{
    if (!s) {
        buf_str(b, "null");
        return;
    }
    buf_str(b, "\"");
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            buf_printf(b, "\\%c", *s);
        else if (printable(*s))
            buf_u8(b, (uint8_t)*s);
        else
            buf_printf(b, "\\u%04x", (unsigned char)*s);
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
