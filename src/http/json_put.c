#include "http/json_put.h"

static void put_escape(buf *b, uint8_t c)
{
    static const char shorts[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *at = c ? strchr(shorts, c) : NULL;
    if (at)
        buf_printf(b, "\\%c", letters[at - shorts]);
    else
        buf_printf(b, "\\u%04x", c);
}

static void put_text(buf *b, slice text, bool escape_del)
{
    size_t plain = 0;
    buf_u8(b, '"');
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        if (c >= 0x20 && c != '"' && c != '\\' && (c != 0x7f || !escape_del))
            continue;
        buf_bytes(b, slice_of(text.p + plain, i - plain));
        plain = i + 1;
        put_escape(b, c);
    }
    if (plain < text.n)
        buf_bytes(b, slice_of(text.p + plain, text.n - plain));
    buf_u8(b, '"');
}

void json_put_text(buf *b, slice text)
{
    put_text(b, text, true);
}

void json_put_canonical(buf *b, slice text)
{
    put_text(b, text, false);
}

void json_put_str(buf *b, const char *text)
{
    json_put_text(b, slice_str(text));
}

void json_put_uint(buf *b, uint64_t v)
{
    uint8_t digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (uint8_t)('0' + v % 10);
        v /= 10;
    } while (v);
    buf_bytes(b, slice_of(digits + at, sizeof digits - at));
}

void json_put_member(buf *b, const char *name, const char *text)
{
    buf_str(b, ",\"");
    buf_str(b, name);
    buf_str(b, "\":");
    json_put_str(b, text);
}

void json_put_number(buf *b, const char *name, uint64_t v)
{
    buf_str(b, ",\"");
    buf_str(b, name);
    buf_str(b, "\":");
    json_put_uint(b, v);
}

void json_put_error(buf *b, tl_err err, const struct tl_why *why, uint64_t line)
{
    buf_str(b, "{\"error\":");
    json_put_str(b, tl_why_text(why, err));
    if (why && why->field[0]) {
        buf_str(b, ",\"field\":");
        json_put_str(b, why->field);
    }
    if (line) {
        buf_str(b, ",\"line\":");
        json_put_uint(b, line);
    }
    buf_str(b, "}\n");
}
