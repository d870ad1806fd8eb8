#include "codec/json_put.h"

#include "base/encoding.h"

/* A page of control characters has eight million of these. */
static void put_escape(buf *b, slice c)
{
    static const char shorts[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt",
                      hex[] = "0123456789abcdef";
    const char *at = c.p[0] ? strchr(shorts, c.p[0]) : NULL;
    if (at) {
        buf_bytes(b, slice_of((const char[]){'\\', letters[at - shorts]}, 2));
        return;
    }
    /* RFC 3629 section 3; no character of four bytes comes here. */
    uint32_t point = c.p[0] & (c.n == 1 ? 0x7f : 0xffu >> (c.n + 1));
    for (size_t i = 1; i < c.n; i++)
        point = point << 6 | (c.p[i] & 0x3f);
    const char text[] = {
        '\\', 'u', hex[point >> 12], hex[point >> 8 & 15], hex[point >> 4 & 15], hex[point & 15]};
    buf_bytes(b, slice_of(text, sizeof text));
}

/* How many bytes at the start of text, a character, are to be escaped. */
static size_t to_escape(slice text, bool for_terminals)
{
    uint8_t c = text.p[0];
    if (c < 0x20 || c == '"' || c == '\\')
        return 1;
    if (!for_terminals || (c != 0x7f && c != 0xc2 && c != 0xd8 && c != 0xe2))
        return 0;
    size_t n = utf8_character(text);
    return n && utf8_acts(slice_of(text.p, n)) ? n : 0;
}

static void put_text(buf *b, slice text, bool for_terminals)
{
    size_t plain = 0;
    buf_u8(b, '"');
    for (size_t i = 0; i < text.n; i++) {
        size_t n = to_escape(slice_of(text.p + i, text.n - i), for_terminals);
        if (n == 0)
            continue;
        buf_bytes(b, slice_of(text.p + plain, i - plain));
        put_escape(b, slice_of(text.p + i, n));
        plain = i + n;
        i = plain - 1;
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

void json_put_name(buf *b, const char *name)
{
    buf_str(b, ",\"");
    buf_str(b, name);
    buf_str(b, "\":");
}

void json_put_member(buf *b, const char *name, const char *text)
{
    json_put_name(b, name);
    json_put_str(b, text);
}

void json_put_slice(buf *b, const char *name, slice text)
{
    json_put_name(b, name);
    json_put_text(b, text);
}

void json_put_number(buf *b, const char *name, uint64_t v)
{
    json_put_name(b, name);
    json_put_uint(b, v);
}

void json_put_bool(buf *b, const char *name, bool v)
{
    json_put_name(b, name);
    buf_str(b, v ? "true" : "false");
}

void json_put_hex(buf *b, const char *name, slice bytes)
{
    json_put_name(b, name);
    buf_u8(b, '"');
    hex_put(b, bytes);
    buf_u8(b, '"');
}

void json_put_base64(buf *b, const char *name, slice bytes)
{
    json_put_name(b, name);
    buf_u8(b, '"');
    base64_put(b, bytes);
    buf_u8(b, '"');
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
        if (tl_err_http(err) == 429 || tl_err_http(err) == 503)
            buf_str(b, ",\"later\":true");
    }
    buf_str(b, "}\n");
}
