#include "tlog/cosignature.h"

#include "base/encoding.h"
#include "base/reader.h"
#include "base/refuse.h"
#include "crypto/sign.h"

#define TIME_SIZE      8
#define SIGNATURE_SIZE 64
/* "cosignature/v1" LF "time " 19 digits LF, before the text */
#define HEAD_MAX       64

/* key: type and public key, as a verifier key has them; its size is that of its type. */
static void take_key(struct cosigner *out, slice name, const uint8_t id[VKEY_ID_SIZE], slice key)
{
    struct cosigner c = {.verifiable = key.p[0] == VKEY_ED25519_COSIGNATURE};
    memcpy(c.name, name.p, name.n); /* vkey_id bounds it */
    memcpy(c.id, id, sizeof c.id);
    c.key_digest = sha256(slice_of(key.p + 1, key.n - 1));
    if (c.verifiable)
        memcpy(c.public_key, key.p + 1, sizeof c.public_key);
    *out = c;
}

/* Of a key with its type, in bytes; 0 where a key of that type makes no cosignatures. */
static size_t key_size(uint8_t type)
{
    switch (type) {
    case VKEY_ED25519_COSIGNATURE:
        return 1 + VKEY_ED25519_PUBLIC_SIZE;
    case VKEY_ML_DSA_44:
        return 1 + VKEY_ML_DSA_44_PUBLIC_SIZE;
    default:
        return 0;
    }
}

tl_err cosigner_read(struct cosigner *out, slice vkey)
{
    uint8_t mem[VKEY_MAX], id[VKEY_ID_SIZE];
    slice name;
    buf key;
    buf_init_fixed(&key, mem, sizeof mem);
    tl_err err = vkey_read(&name, id, &key, vkey);
    if (err != TL_OK)
        return err;
    size_t want = key.n ? key_size(mem[0]) : 0;
    if (REFUSED(want == 0) || REFUSED(key.n != want))
        return TL_E_KEY;
    take_key(out, name, id, buf_slice(&key));
    return TL_OK;
}

static void key_bytes(uint8_t out[1 + VKEY_ED25519_PUBLIC_SIZE], const uint8_t public_key[32])
{
    out[0] = VKEY_ED25519_COSIGNATURE;
    memcpy(out + 1, public_key, VKEY_ED25519_PUBLIC_SIZE);
}

tl_err cosigner_make(struct cosigner *out, slice name, const uint8_t public_key[32])
{
    uint8_t key[1 + VKEY_ED25519_PUBLIC_SIZE], id[VKEY_ID_SIZE];
    key_bytes(key, public_key);
    tl_err err = vkey_id(id, name, SLICE_ARRAY(key));
    if (err == TL_OK)
        take_key(out, name, id, SLICE_ARRAY(key));
    return err;
}

void cosigner_put(buf *b, const struct cosigner *key)
{
    uint8_t bytes[1 + VKEY_ED25519_PUBLIC_SIZE];
    key_bytes(bytes, key->public_key);
    vkey_put(b, slice_str(key->name), key->id, SLICE_ARRAY(bytes));
}

/* c2sp.org/tlog-cosignature, "Ed25519 signed message": two lines of its own, and the whole
 * text of the checkpoint, extension lines included. */
static void message_put(buf *b, slice text, uint64_t time)
{
    buf_init(b, HEAD_MAX + NOTE_MAX);
    buf_printf(b, "cosignature/v1\ntime %llu\n", (unsigned long long)time);
    buf_bytes(b, text);
}

tl_err cosignature_sign(buf *b, slice text, uint64_t time, const struct cosigner *key,
                        const uint8_t seed[32])
{
    uint8_t bytes[VKEY_ID_SIZE + TIME_SIZE + SIGNATURE_SIZE];
    buf message, payload;
    if (REFUSED(time == 0) || REFUSED(time > COSIGNATURE_TIME_MAX))
        return TL_E_RANGE;
    message_put(&message, text, time);
    tl_err err = buf_err(&message);
    if (err == TL_OK)
        err = ed25519_sign(seed, buf_slice(&message), bytes + VKEY_ID_SIZE + TIME_SIZE);
    buf_finish(&message);
    if (err != TL_OK)
        return err;
    memcpy(bytes, key->id, VKEY_ID_SIZE);
    buf_init_fixed(&payload, bytes + VKEY_ID_SIZE, TIME_SIZE);
    buf_u64be(&payload, time);
    note_line_put(b, slice_str(key->name), SLICE_ARRAY(bytes));
    return buf_err(b);
}

static tl_err verify_line(const struct note *n, const struct note_signature *s,
                          const struct cosigner *key, uint64_t *time)
{
    buf message;
    if (REFUSED(s->size != TIME_SIZE + SIGNATURE_SIZE))
        return TL_E_SIGNATURE;
    reader r = reader_of(slice_of(s->bytes, s->size));
    uint64_t at = reader_u64be(&r);
    if (REFUSED(at == 0) || REFUSED(at > COSIGNATURE_TIME_MAX))
        return TL_E_SIGNATURE;
    message_put(&message, n->text, at);
    tl_err err = buf_err(&message);
    if (err == TL_OK && REFUSED(!ed25519_verify(key->public_key, buf_slice(&message), r.rest.p)))
        err = TL_E_SIGNATURE;
    buf_finish(&message);
    if (err == TL_OK)
        *time = at;
    return err;
}

tl_err cosignature_verify(const struct note *n, const struct cosigner *key, uint64_t *time)
{
    uint64_t earliest = UINT64_MAX, at = 0;
    for (size_t i = 0; key->verifiable && i < n->signature_count; i++) {
        const struct note_signature *s = &n->signatures[i];
        if (!slice_eq_str(s->name, key->name) || memcmp(s->id, key->id, sizeof s->id) != 0)
            continue;
        tl_err err = verify_line(n, s, key, &at);
        if (err != TL_OK)
            return err;
        if (at < earliest)
            earliest = at;
    }
    if (earliest == UINT64_MAX)
        return TL_E_NOT_FOUND;
    *time = earliest;
    return TL_OK;
}
