#include "log/keys.h"

#include "base/refuse.h"
#include "codec/cbor.h"
#include "crypto/secret.h"
#include "crypto/sign.h"

static void derive(uint8_t out[32], const uint8_t platform[32], const struct log_keys *k,
                   const char *label)
{
    uint8_t mem[256];
    buf info;
    buf_init_fixed(&info, mem, sizeof mem);
    buf_str(&info, label);
    buf_u8(&info, 0);
    buf_str(&info, k->origin);
    hkdf_sha256(out, 32, slice_of(platform, 32), hash_slice(&k->log_id), buf_slice(&info));
}

tl_err keys_derive(struct log_keys *k, struct tee *tee, struct tl_why *why)
{
    uint8_t platform[32], public_key[32];
    tl_err err = tee_sealing_key(tee, platform, why);
    if (err != TL_OK)
        return err;
    derive(k->log_seed, platform, k, "teelog/log-key/v1");
    derive(k->head_key, platform, k, "teelog/head-key/v1");
    secret_wipe(platform, sizeof platform);
    ed25519_public(k->log_seed, public_key);
    return note_key_make(&k->note_key, slice_str(k->origin), public_key);
}

void keys_wipe(struct log_keys *k)
{
    secret_wipe(k, sizeof *k);
}

static tl_err wrap_key(struct log_keys *k, struct tee *tee, struct seal_key **out,
                       struct tl_why *why)
{
    uint8_t platform[32], wrap[32];
    tl_err err = tee_sealing_key(tee, platform, why);
    if (err != TL_OK)
        return err;
    derive(wrap, platform, k, "teelog/wrap-key/v1");
    err = seal_key_new(out, wrap);
    secret_wipe(platform, sizeof platform);
    secret_wipe(wrap, sizeof wrap);
    return err;
}

static void derive_from_data_key(struct log_keys *k)
{
    uint8_t index[64];
    hkdf_sha256(k->request_key, 32, slice_of(k->data_key, 32), hash_slice(&k->log_id),
                slice_str("teelog/request-key/v1"));
    hkdf_sha256(index, sizeof index, slice_of(k->data_key, 32), hash_slice(&k->log_id),
                slice_str("teelog/index-key/v1"));
    memcpy(k->index_key, index, 32);
    memcpy(k->term_key, index + 32, 32);
    secret_wipe(index, sizeof index);
}

void keys_take_data_key(struct log_keys *k, const uint8_t data_key[32])
{
    memcpy(k->data_key, data_key, sizeof k->data_key);
    derive_from_data_key(k);
}

static void data_key_ad(const struct log_keys *k, buf *ad)
{
    cbor_put_array(ad, 3);
    cbor_put_str(ad, "teelog/data-key/v1");
    cbor_put_str(ad, k->origin);
    cbor_put_bytes(ad, hash_slice(&k->log_id));
}

tl_err keys_make_data_key(struct log_keys *k, struct tee *tee, buf *out, struct tl_why *why)
{
    uint8_t mem[256], nonce[SEAL_NONCE];
    buf ad;
    buf_init_fixed(&ad, mem, sizeof mem);
    data_key_ad(k, &ad);
    struct seal_key *wrap = NULL;
    tl_err err = wrap_key(k, tee, &wrap, why);
    if (err == TL_OK)
        err = random_seed(nonce, sizeof nonce);
    if (err == TL_OK)
        err = random_seed(k->data_key, sizeof k->data_key);
    if (err == TL_OK) {
        buf_bytes(out, SLICE_ARRAY(nonce));
        err = seal(wrap, out, nonce, buf_slice(&ad), SLICE_ARRAY(k->data_key));
    }
    seal_key_free(wrap);
    if (err == TL_OK)
        derive_from_data_key(k);
    return err;
}

tl_err keys_open_data_key(struct log_keys *k, struct tee *tee, slice wrapped, struct tl_why *why)
{
    uint8_t mem[256], key_mem[32 + SEAL_TAG];
    buf ad, key;
    buf_init_fixed(&ad, mem, sizeof mem);
    buf_init_fixed(&key, key_mem, sizeof key_mem);
    data_key_ad(k, &ad);
    if (REFUSED(wrapped.n != SEAL_NONCE + 32 + SEAL_TAG))
        return tl_explain(why, TL_E_SEALED, NULL, "the stored data key is damaged");
    struct seal_key *wrap = NULL;
    tl_err err = wrap_key(k, tee, &wrap, why);
    if (err == TL_OK)
        err = unseal(wrap, &key, wrapped.p, buf_slice(&ad),
                     slice_of(wrapped.p + SEAL_NONCE, wrapped.n - SEAL_NONCE));
    seal_key_free(wrap);
    if (err == TL_OK) {
        keys_take_data_key(k, key.p);
    } else {
        (void)tl_explain(why, err, NULL,
                         "the stored data key does not open under this platform's sealing key");
    }
    secret_wipe(key_mem, sizeof key_mem);
    return err;
}

static void head_members(buf *b, const struct log_head *h, bool v1)
{
    cbor_put_uint(b, h->size);
    cbor_put_bytes(b, hash_slice(&h->root));
    if (!v1) {
        cbor_put_uint(b, h->erasures);
        cbor_put_bytes(b, hash_slice(&h->tokens));
    }
}

static hash32 head_mac(const struct log_keys *k, const struct log_head *h, bool v1)
{
    uint8_t mem[512];
    buf b;
    buf_init_fixed(&b, mem, sizeof mem);
    buf_str(&b, v1 ? "teelog/head/v1" : "teelog/head/v2");
    buf_u8(&b, 0);
    cbor_put_array(&b, v1 ? 4 : 6);
    cbor_put_str(&b, k->origin);
    cbor_put_bytes(&b, hash_slice(&k->log_id));
    head_members(&b, h, v1);
    return hmac_sha256(slice_of(k->head_key, 32), buf_slice(&b));
}

void keys_head_put(const struct log_keys *k, buf *out, const struct log_head *h)
{
    hash32 mac = head_mac(k, h, false);
    cbor_put_array(out, 4);
    head_members(out, h, false);
    buf_bytes(out, hash_slice(&mac));
}

tl_err keys_head_read(const struct log_keys *k, slice stored, struct log_head *out)
{
    hash32 mac;
    struct log_head h = {.tokens = sha256((slice){NULL, 0})};
    if (REFUSED(stored.n < sizeof mac))
        return TL_E_HEAD;
    cbor c = cbor_of(slice_of(stored.p, stored.n - sizeof mac));
    size_t members = cbor_array(&c);
    bool v1 = members == 2;
    h.size = cbor_uint(&c, TL_INT_MAX);
    cbor_bytes_copy(&c, h.root.b, sizeof h.root.b);
    if (!v1) {
        h.erasures = cbor_uint(&c, TL_INT_MAX);
        cbor_bytes_copy(&c, h.tokens.b, sizeof h.tokens.b);
    }
    if (REFUSED(cbor_end(&c) != TL_OK) || REFUSED(!v1 && members != 4))
        return TL_E_HEAD;
    mac = head_mac(k, &h, v1);
    if (REFUSED(!secret_eq(mac.b, stored.p + stored.n - sizeof mac, sizeof mac.b)))
        return TL_E_HEAD;
    *out = h;
    return TL_OK;
}
