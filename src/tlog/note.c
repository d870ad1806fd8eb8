#include "tlog/note.h"

#include <stdlib.h>

#include "base/encoding.h"
#include "base/reader.h"
#include "base/refuse.h"
#include "codec/cbor.h"
#include "crypto/sign.h"

#define ED25519_TYPE   1
#define KEY_ID_SIZE    4
#define SIGNATURE_SIZE 64
#define EM_DASH_SPACE  "\xe2\x80\x94 " /* U+2014, then a space */
/* name '+' 8 hex digits '+' base64 of 33 bytes */
#define KEY_TEXT_MAX   (NOTE_NAME_MAX + 1 + 2 * KEY_ID_SIZE + 1 + 44)

/* Valid UTF-8 without control characters, except for LF. */
static bool characters_valid(slice s)
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

/* name: valid UTF-8. */
static bool name_valid(slice name)
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

tl_err note_key_make(struct note_key *out, slice name, const uint8_t public_key[32])
{
    if (!characters_valid(name) || !name_valid(name) || REFUSED(name.n > NOTE_NAME_MAX))
        return TL_E_KEY;
    struct note_key key = {0};
    memcpy(key.name, name.p, name.n);
    memcpy(key.public_key, public_key, sizeof key.public_key);
    const uint8_t type[] = {'\n', ED25519_TYPE};
    const slice parts[] = {name, SLICE_ARRAY(type), SLICE_ARRAY(key.public_key)};
    hash32 h = sha256_parts(parts, 3);
    memcpy(key.id, h.b, sizeof key.id);
    *out = key;
    return TL_OK;
}

void note_key_put(buf *b, const struct note_key *key)
{
    uint8_t bytes[1 + sizeof key->public_key] = {ED25519_TYPE};
    memcpy(bytes + 1, key->public_key, sizeof key->public_key);
    buf_str(b, key->name);
    buf_str(b, "+");
    hex_put(b, SLICE_ARRAY(key->id));
    buf_str(b, "+");
    base64_put(b, SLICE_ARRAY(bytes));
}

/* Takes the name and the key's bytes, and writes the text again: only the one
 * text of that key comes out the same. So its type and id, the case of the hex
 * and the form of the base64 need no checks of their own. */
tl_err note_key_read(struct note_key *out, slice text)
{
    size_t plus = 0;
    while (plus < text.n && text.p[plus] != '+')
        plus++;
    reader r = reader_of(text);
    slice name = reader_bytes(&r, plus);
    (void)reader_bytes(&r, 1 + 2 * KEY_ID_SIZE + 1);
    uint8_t raw[33] = {0}, mem[KEY_TEXT_MAX];
    buf decoded, again;
    buf_init_fixed(&decoded, raw, sizeof raw);
    if (base64_read(&decoded, r.rest) != TL_OK)
        return TL_E_KEY;
    struct note_key key;
    tl_err err = note_key_make(&key, name, raw + 1);
    if (err != TL_OK)
        return err;
    buf_init_fixed(&again, mem, sizeof mem);
    note_key_put(&again, &key);
    if (REFUSED(!slice_eq(text, buf_slice(&again))))
        return TL_E_KEY;
    *out = key;
    return TL_OK;
}

hash32 note_key_thumbprint(const struct note_key *key)
{
    uint8_t mem[48];
    buf b;
    buf_init_fixed(&b, mem, sizeof mem);
    cbor_put_map(&b, 3);
    cbor_put_int(&b, 1); /* kty: OKP */
    cbor_put_int(&b, 1);
    cbor_put_int(&b, -1); /* crv: Ed25519 */
    cbor_put_int(&b, 6);
    cbor_put_int(&b, -2); /* x */
    cbor_put_bytes(&b, SLICE_ARRAY(key->public_key));
    return sha256(buf_slice(&b));
}

/* The index of the last empty line's LF, which is the separator; 0 if none. */
static size_t find_separator(slice s)
{
    size_t i = s.n;
    while (i > 1 && !(s.p[i - 1] == '\n' && s.p[i - 2] == '\n'))
        i--;
    return i > 1 ? i - 1 : 0;
}

slice note_line(slice *s)
{
    size_t n = 0;
    while (n < s->n && s->p[n] != '\n')
        n++;
    slice line = slice_of(s->p, n);
    if (n < s->n)
        n++;
    *s = slice_of(s->p + n, s->n - n);
    return line;
}

/* dash SP name SP base64. scratch is for the decoded bytes: foreign types
 * have signatures of several kilobytes. */
static tl_err read_signature(struct note_signature *out, slice line, buf *scratch)
{
    slice dash = slice_str(EM_DASH_SPACE);
    if (REFUSED(!slice_starts(line, dash)))
        return TL_E_NOTE;
    slice rest = slice_of(line.p + dash.n, line.n - dash.n);
    size_t n = 0;
    while (n < rest.n && rest.p[n] != ' ')
        n++;
    slice name = slice_of(rest.p, n);
    if (!name_valid(name))
        return TL_E_NOTE;
    slice text = n < rest.n ? slice_of(rest.p + n + 1, rest.n - n - 1) : slice_of(NULL, 0);
    buf_reset(scratch);
    tl_err err = base64_read(scratch, text);
    if (err != TL_OK)
        return err == TL_E_MEMORY ? err : TL_E_NOTE;
    reader r = reader_of(buf_slice(scratch));
    slice id = reader_bytes(&r, KEY_ID_SIZE);
    /* A signature of no bytes is none (as in Go's reader). */
    if (REFUSED(r.rest.n == 0))
        return TL_E_NOTE;
    *out = (struct note_signature){
        .name = name, .line = slice_of(line.p, line.n + 1), .size = r.rest.n};
    memcpy(out->id, id.p, id.n);
    memcpy(out->bytes, r.rest.p, out->size < sizeof out->bytes ? out->size : sizeof out->bytes);
    return TL_OK;
}

static tl_err read_note(struct note *out, slice bytes, buf *scratch)
{
    if (!characters_valid(bytes))
        return TL_E_NOTE;
    /* The text may hold empty lines: the last one separates. */
    size_t at = find_separator(bytes);
    if (REFUSED(at == 0))
        return TL_E_NOTE;
    slice lines = slice_of(bytes.p + at + 1, bytes.n - at - 1);
    if (REFUSED(lines.n == 0) || REFUSED(lines.p[lines.n - 1] != '\n'))
        return TL_E_NOTE;
    out->text = slice_of(bytes.p, at);
    for (out->signature_count = 0; lines.n; out->signature_count++) {
        if (REFUSED(out->signature_count == NOTE_MAX_SIGNATURES))
            return TL_E_NOTE;
        tl_err err =
            read_signature(&out->signatures[out->signature_count], note_line(&lines), scratch);
        if (err != TL_OK)
            return err;
    }
    return TL_OK;
}

tl_err note_read(struct note *out, slice bytes)
{
    if (REFUSED(bytes.n > NOTE_MAX))
        return TL_E_NOTE;
    struct note *n = malloc(sizeof *n);
    buf scratch;
    buf_init(&scratch, NOTE_MAX);
    tl_err err = n ? read_note(n, bytes, &scratch) : TL_E_MEMORY;
    if (err == TL_OK)
        *out = *n;
    buf_finish(&scratch);
    free(n);
    return err;
}

tl_err note_verify(const struct note *n, const struct note_key *key)
{
    bool found = false;
    for (size_t i = 0; i < n->signature_count; i++) {
        const struct note_signature *s = &n->signatures[i];
        if (!slice_eq_str(s->name, key->name) || memcmp(s->id, key->id, sizeof s->id) != 0)
            continue;
        if (REFUSED(s->size != SIGNATURE_SIZE) ||
            REFUSED(!ed25519_verify(key->public_key, n->text, s->bytes)))
            return TL_E_SIGNATURE;
        found = true;
    }
    return REFUSED(!found) ? TL_E_SIGNATURE : TL_OK;
}

tl_err note_sign(buf *b, slice text, const struct note_key *key, const uint8_t seed[32])
{
    if (REFUSED(text.n == 0 || text.p[text.n - 1] != '\n'))
        return TL_E_NOTE;
    uint8_t bytes[KEY_ID_SIZE + SIGNATURE_SIZE];
    memcpy(bytes, key->id, KEY_ID_SIZE);
    tl_err err = ed25519_sign(seed, text, bytes + KEY_ID_SIZE);
    if (err != TL_OK)
        return err;
    buf_bytes(b, text);
    buf_str(b, "\n" EM_DASH_SPACE);
    buf_str(b, key->name);
    buf_str(b, " ");
    base64_put(b, SLICE_ARRAY(bytes));
    buf_str(b, "\n");
    return buf_err(b);
}
