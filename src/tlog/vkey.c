#include "tlog/vkey.h"

#include "base/encoding.h"
#include "base/reader.h"
#include "base/refuse.h"
#include "crypto/hash.h"

/* name '+' 8 hex digits '+' base64 */
#define TEXT_MAX (NOTE_NAME_MAX + 1 + 2 * VKEY_ID_SIZE + 1 + 4 * ((VKEY_MAX + 2) / 3))

bool vkey_characters_valid(slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (REFUSED(s.p[i] < 0x20 && s.p[i] != '\n'))
            return false;
    return !REFUSED(!utf8_valid(s));
}

/* The next character of valid UTF-8; none of the white space below has a
 * longer form than three bytes. */
static uint32_t take_character(slice *s)
{
    uint8_t first = s->p[0];
    size_t n = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t c = n == 1 ? first : first & (0x7fu >> n);
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (s->p[i] & 0x3f);
    *s = slice_of(s->p + n, s->n - n);
    return c;
}

/* Unicode's White_Space property. */
static bool is_space(uint32_t c)
{
    return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

bool vkey_name_valid(slice name)
{
    if (REFUSED(name.n == 0))
        return false;
    while (name.n) {
        uint32_t c = take_character(&name);
        if (REFUSED(c == '+') || REFUSED(is_space(c)))
            return false;
    }
    return true;
}

tl_err vkey_id(uint8_t id[VKEY_ID_SIZE], slice name, slice key)
{
    if (!vkey_characters_valid(name) || !vkey_name_valid(name) || REFUSED(name.n > NOTE_NAME_MAX))
        return TL_E_KEY;
    const slice parts[] = {name, slice_str("\n"), key};
    hash32 h = sha256_parts(parts, 3);
    memcpy(id, h.b, VKEY_ID_SIZE);
    return TL_OK;
}

void vkey_put(buf *b, slice name, const uint8_t id[VKEY_ID_SIZE], slice key)
{
    buf_bytes(b, name);
    buf_str(b, "+");
    hex_put(b, slice_of(id, VKEY_ID_SIZE));
    buf_str(b, "+");
    base64_put(b, key);
}

/* Takes the name and the key's bytes, and writes the text again: only the one
 * text of that key comes out the same. So its id, the case of the hex and the
 * form of the base64 need no checks of their own. */
tl_err vkey_read(slice *name, uint8_t id[VKEY_ID_SIZE], buf *key, slice text)
{
    size_t plus = 0;
    while (plus < text.n && text.p[plus] != '+')
        plus++;
    reader r = reader_of(text);
    slice found = reader_bytes(&r, plus);
    (void)reader_bytes(&r, 1 + 2 * VKEY_ID_SIZE + 1);
    uint8_t mem[TEXT_MAX], own[VKEY_ID_SIZE];
    buf again;
    if (base64_read(key, r.rest) != TL_OK)
        return TL_E_KEY;
    tl_err err = vkey_id(own, found, buf_slice(key));
    if (err != TL_OK)
        return err;
    buf_init_fixed(&again, mem, sizeof mem);
    vkey_put(&again, found, own, buf_slice(key));
    if (REFUSED(!slice_eq(text, buf_slice(&again))))
        return TL_E_KEY;
    memcpy(id, own, VKEY_ID_SIZE);
    *name = found;
    return TL_OK;
}
