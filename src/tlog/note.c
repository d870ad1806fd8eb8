#include "tlog/note.h"

#include <stdlib.h>

#include "base/encoding.h"
#include "base/reader.h"
#include "base/refuse.h"
#include "codec/cbor.h"
#include "crypto/sign.h"

#define KEY_SIZE       (1 + VKEY_ED25519_PUBLIC_SIZE)
#define SIGNATURE_SIZE 64
#define EM_DASH_SPACE  "\xe2\x80\x94 " /* U+2014, then a space */

/* A key's bytes: the type of its signatures, and the public key. */
static void key_bytes(uint8_t out[KEY_SIZE], const uint8_t public_key[32])
{
    out[0] = VKEY_ED25519;
    memcpy(out + 1, public_key, KEY_SIZE - 1);
}

tl_err note_key_make(struct note_key *out, slice name, const uint8_t public_key[32])
{
    uint8_t bytes[KEY_SIZE];
    struct note_key key = {0};
    key_bytes(bytes, public_key);
    tl_err err = vkey_id(key.id, name, SLICE_ARRAY(bytes));
    if (err != TL_OK)
        return err;
    memcpy(key.name, name.p, name.n); /* vkey_id bounds it */
    memcpy(key.public_key, public_key, sizeof key.public_key);
    *out = key;
    return TL_OK;
}

void note_key_put(buf *b, const struct note_key *key)
{
    uint8_t bytes[KEY_SIZE];
    key_bytes(bytes, key->public_key);
    vkey_put(b, slice_str(key->name), key->id, SLICE_ARRAY(bytes));
}

tl_err note_key_read(struct note_key *out, slice text)
{
    uint8_t mem[KEY_SIZE] = {0}, id[VKEY_ID_SIZE];
    slice name;
    buf key;
    buf_init_fixed(&key, mem, sizeof mem);
    tl_err err = vkey_read(&name, id, &key, text);
    if (err != TL_OK)
        return err;
    if (REFUSED(key.n != KEY_SIZE) || REFUSED(mem[0] != VKEY_ED25519))
        return TL_E_KEY;
    return note_key_make(out, name, mem + 1);
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
    if (!vkey_name_valid(name))
        return TL_E_NOTE;
    slice text = n < rest.n ? slice_of(rest.p + n + 1, rest.n - n - 1) : slice_of(NULL, 0);
    buf_reset(scratch);
    tl_err err = base64_read(scratch, text);
    if (err != TL_OK)
        return err == TL_E_MEMORY ? err : TL_E_NOTE;
    reader r = reader_of(buf_slice(scratch));
    slice id = reader_bytes(&r, VKEY_ID_SIZE);
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
    if (!vkey_characters_valid(bytes))
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

tl_err note_verify_known(const struct note *n, const struct note_key *key)
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
    return found ? TL_OK : TL_E_NOT_FOUND;
}

tl_err note_verify(const struct note *n, const struct note_key *key)
{
    tl_err err = note_verify_known(n, key);
    return REFUSED(err == TL_E_NOT_FOUND) ? TL_E_SIGNATURE : err;
}

void note_line_put(buf *b, slice name, slice payload)
{
    buf_str(b, EM_DASH_SPACE);
    buf_bytes(b, name);
    buf_str(b, " ");
    base64_put(b, payload);
    buf_str(b, "\n");
}

tl_err note_sign(buf *b, slice text, const struct note_key *key, const uint8_t seed[32])
{
    if (REFUSED(text.n == 0 || text.p[text.n - 1] != '\n'))
        return TL_E_NOTE;
    uint8_t bytes[VKEY_ID_SIZE + SIGNATURE_SIZE];
    memcpy(bytes, key->id, VKEY_ID_SIZE);
    tl_err err = ed25519_sign(seed, text, bytes + VKEY_ID_SIZE);
    if (err != TL_OK)
        return err;
    buf_bytes(b, text);
    buf_str(b, "\n");
    note_line_put(b, slice_str(key->name), SLICE_ARRAY(bytes));
    return buf_err(b);
}
