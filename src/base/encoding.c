#include "base/encoding.h"

#include "base/refuse.h"

#include <string.h>

static const char digits[] = "0123456789abcdef";

void hex_text(char *out, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
    out[2 * n] = 0;
}

void hex_put(buf *b, slice s)
{
    uint8_t *p = buf_grow(b, 2 * s.n); /* an object has at most PTRDIFF_MAX bytes */
    for (size_t i = 0; p && i < s.n; i++) {
        p[2 * i] = (uint8_t)digits[s.p[i] >> 4];
        p[2 * i + 1] = (uint8_t)digits[s.p[i] & 15];
    }
}

/* A digit's value with DIGIT; 0 for any other byte. */
#define DIGIT 0x10
static const uint8_t hex_digit[256] = {
    ['0'] = 0x10, ['1'] = 0x11, ['2'] = 0x12, ['3'] = 0x13, ['4'] = 0x14, ['5'] = 0x15,
    ['6'] = 0x16, ['7'] = 0x17, ['8'] = 0x18, ['9'] = 0x19, ['a'] = 0x1a, ['b'] = 0x1b,
    ['c'] = 0x1c, ['d'] = 0x1d, ['e'] = 0x1e, ['f'] = 0x1f, ['A'] = 0x1a, ['B'] = 0x1b,
    ['C'] = 0x1c, ['D'] = 0x1d, ['E'] = 0x1e, ['F'] = 0x1f,
};

tl_err hex_read(uint8_t *out, size_t n, slice text)
{
    if (REFUSED(text.n / 2 != n) || REFUSED(text.n % 2 != 0))
        return TL_E_ENCODING;
    uint8_t all = DIGIT;
    for (size_t i = 0; i < text.n; i++)
        all &= hex_digit[text.p[i]];
    if (REFUSED(!all))
        return TL_E_ENCODING;
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(hex_digit[text.p[2 * i]] << 4 | (hex_digit[text.p[2 * i + 1]] & 15));
    return TL_OK;
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_put(buf *b, slice s)
{
    uint8_t *p = buf_grow(b, (s.n + 2) / 3 * 4);
    if (!p)
        return;
    for (size_t i = 0; i < s.n; i += 3) {
        size_t left = s.n - i;
        uint32_t v = (uint32_t)s.p[i] << 16;
        if (left > 1)
            v |= (uint32_t)s.p[i + 1] << 8;
        if (left > 2)
            v |= s.p[i + 2];
        *p++ = (uint8_t)alphabet[v >> 18];
        *p++ = (uint8_t)alphabet[v >> 12 & 63];
        *p++ = left > 1 ? (uint8_t)alphabet[v >> 6 & 63] : '=';
        *p++ = left > 2 ? (uint8_t)alphabet[v & 63] : '=';
    }
}

/* One more than the value of each digit; 0 where it is none. */
static const uint8_t base64_values[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

static int base64_digit(uint8_t c)
{
    return base64_values[c] - 1;
}

tl_err base64_read(buf *b, slice text)
{
    if (text.n == 0)
        return TL_OK;
    if (REFUSED(text.n % 4 != 0))
        return TL_E_ENCODING;
    size_t pad = 0;
    if (text.p[text.n - 1] == '=')
        pad = text.p[text.n - 2] == '=' ? 2 : 1;
    for (size_t i = 0; i < text.n - pad; i++)
        if (REFUSED(base64_digit(text.p[i]) < 0))
            return TL_E_ENCODING;
    size_t n = text.n / 4 * 3 - pad;
    uint32_t last = 0;
    for (size_t i = text.n - 4; i < text.n - pad; i++)
        last = last << 6 | (uint32_t)base64_digit(text.p[i]);
    /* Bits that padding leaves over must be zero, or two texts would mean
     * the same bytes. */
    if (REFUSED(pad == 1 && (last & 3)) || REFUSED(pad == 2 && (last & 15)))
        return TL_E_ENCODING;
    uint8_t *p = buf_grow(b, n);
    if (!p)
        return buf_err(b);
    const uint8_t *from = text.p, *whole = text.p + text.n - (pad ? 4 : 0);
    for (; from < whole; from += 4, p += 3) {
        uint32_t v = 0;
        for (size_t j = 0; j < 4; j++)
            v = v << 6 | (uint32_t)base64_digit(from[j]);
        p[0] = (uint8_t)(v >> 16);
        p[1] = (uint8_t)(v >> 8);
        p[2] = (uint8_t)v;
    }
    last <<= 6 * pad;
    for (size_t j = 0; pad && j < 3 - pad; j++)
        p[j] = (uint8_t)(last >> (16 - 8 * j));
    return TL_OK;
}

tl_err base64url_read(uint8_t *out, size_t n, slice text)
{
    char whole[4 * (BASE64URL_MAX / 3)];
    uint8_t bytes[BASE64URL_MAX];
    size_t chars = (4 * n + 2) / 3;
    buf b;
    if (n > BASE64URL_MAX || REFUSED(text.n != chars))
        return TL_E_ENCODING;
    memset(whole, '=', sizeof whole);
    for (size_t i = 0; i < chars; i++) {
        char c = (char)text.p[i];
        if (REFUSED(c == '+' || c == '/' || c == '='))
            return TL_E_ENCODING;
        whole[i] = (char)(c == '-' ? '+' : c == '_' ? '/' : c);
    }
    buf_init_fixed(&b, bytes, n);
    tl_err err = base64_read(&b, slice_of(whole, (chars + 3) / 4 * 4));
    if (err == TL_OK && n)
        memcpy(out, bytes, n);
    return err;
}

/* Length of the well-formed sequence at p, or 0 (Unicode table 3-7). */
static size_t utf8_sequence(const uint8_t *p, size_t n)
{
    if (p[0] < 0x80)
        return 1;
    size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (REFUSED(p[0] < 0xc2) || REFUSED(p[0] > 0xf4) || REFUSED(n < len))
        return 0;
    uint8_t low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    uint8_t high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    if (REFUSED(p[1] < low) || REFUSED(p[1] > high))
        return 0;
    for (size_t i = 2; i < len; i++)
        if (REFUSED(p[i] < 0x80) || REFUSED(p[i] > 0xbf))
            return 0;
    return len;
}

size_t utf8_character(slice text)
{
    return utf8_sequence(text.p, text.n);
}

bool utf8_acts(slice c)
{
    const uint8_t *p = c.p;
    if (c.n == 1)
        return p[0] < 0x20 || p[0] == 0x7f;
    if (c.n == 2)
        return (p[0] == 0xc2 && p[1] < 0xa0) || (p[0] == 0xd8 && p[1] == 0x9c);
    if (c.n != 3 || p[0] != 0xe2)
        return false;
    if (p[1] == 0x80)
        return (p[2] >= 0x8e && p[2] <= 0x8f) || (p[2] >= 0xa8 && p[2] <= 0xae);
    return p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9;
}

bool utf8_valid(slice text)
{
    for (size_t i = 0; i < text.n;) {
        size_t len = utf8_sequence(text.p + i, text.n - i);
        if (!len)
            return false;
        i += len;
    }
    return true;
}

tl_err decimal_read(uint64_t *out, slice text, uint64_t max)
{
    if (REFUSED(text.n == 0) || REFUSED(text.n > 1 && text.p[0] == '0'))
        return TL_E_RANGE;
    uint64_t v = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (REFUSED(text.p[i] < '0' || text.p[i] > '9'))
            return TL_E_RANGE;
        uint64_t d = text.p[i] - '0';
        if (REFUSED(v > (max - d) / 10 || d > max))
            return TL_E_RANGE;
        v = v * 10 + d;
    }
    *out = v;
    return TL_OK;
}
