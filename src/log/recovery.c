#include "log/recovery.h"

#include "base/refuse.h"
#include "codec/cbor.h"
#include "crypto/secret.h"

/* Used once: each wrapping has a key of its own. */
static const uint8_t nonce[SEAL_NONCE];

static void put_ad(const struct log_keys *k, buf *ad)
{
    cbor_put_array(ad, 3);
    cbor_put_str(ad, "teelog/recovery/v1");
    cbor_put_str(ad, k->origin);
    cbor_put_bytes(ad, hash_slice(&k->log_id));
}

/* point: the one-time public key, x || y. own has its private half; owner is the public
 * one of whom it is for. */
static tl_err wrap_key(const struct log_keys *k, const struct es256_key *own,
                       const struct es256_key *peer, const uint8_t point[64],
                       const struct es256_key *owner, struct seal_key **out)
{
    uint8_t shared[32], key[32], mem[320];
    hash32 tp = es256_thumbprint(owner);
    buf info;
    tl_err err = es256_agree(own, peer, shared);
    if (err != TL_OK)
        return err;
    buf_init_fixed(&info, mem, sizeof mem);
    buf_str(&info, "teelog/recovery-key/v1");
    buf_u8(&info, 0);
    cbor_put_array(&info, 3);
    cbor_put_str(&info, k->origin);
    cbor_put_bytes(&info, slice_of(point, 64));
    cbor_put_bytes(&info, hash_slice(&tp));
    hkdf_sha256(key, sizeof key, SLICE_ARRAY(shared), hash_slice(&k->log_id), buf_slice(&info));
    secret_wipe(shared, sizeof shared);
    err = buf_err(&info) == TL_OK ? seal_key_new(out, key) : buf_err(&info);
    secret_wipe(key, sizeof key);
    return err;
}

tl_err recovery_wrap_by(const struct log_keys *k, const struct es256_key *owner,
                        const struct es256_key *once, buf *out)
{
    uint8_t mem[256], point[64];
    struct seal_key *key = NULL;
    struct cose_ec2 p;
    buf ad;
    es256_point(once, &p);
    memcpy(point, p.x, 32);
    memcpy(point + 32, p.y, 32);
    buf_init_fixed(&ad, mem, sizeof mem);
    put_ad(k, &ad);
    tl_err err = wrap_key(k, once, owner, point, owner, &key);
    if (err == TL_OK) {
        buf_bytes(out, SLICE_ARRAY(point));
        err = seal(key, out, nonce, buf_slice(&ad), SLICE_ARRAY(k->data_key));
    }
    seal_key_free(key);
    return err;
}

tl_err recovery_wrap(const struct log_keys *k, const struct es256_key *owner, buf *out)
{
    struct es256_key *once = NULL;
    tl_err err = es256_generate(&once);
    if (err == TL_OK)
        err = recovery_wrap_by(k, owner, once, out);
    es256_free(once);
    return err;
}

static tl_err open_wrapped(struct log_keys *k, const struct es256_key *owner, slice wrapped)
{
    uint8_t mem[256], key_mem[32 + SEAL_TAG];
    struct es256_key *once = NULL;
    struct seal_key *key = NULL;
    buf ad, plain;
    if (REFUSED(wrapped.n != RECOVERY_SIZE))
        return TL_E_SEALED;
    tl_err err = es256_public(&once, wrapped.p, wrapped.p + 32);
    if (err != TL_OK)
        return err == TL_E_KEY ? TL_E_SEALED : err;
    buf_init_fixed(&ad, mem, sizeof mem);
    buf_init_fixed(&plain, key_mem, sizeof key_mem);
    put_ad(k, &ad);
    err = wrap_key(k, owner, once, wrapped.p, owner, &key);
    if (err == TL_OK)
        err = unseal(key, &plain, nonce, buf_slice(&ad), slice_of(wrapped.p + 64, wrapped.n - 64));
    if (err == TL_OK)
        keys_take_data_key(k, key_mem);
    secret_wipe(key_mem, sizeof key_mem);
    seal_key_free(key);
    es256_free(once);
    return err;
}

tl_err recovery_open(struct log_keys *k, const struct es256_key *owner, slice wrapped,
                     struct tl_why *why)
{
    tl_err err = open_wrapped(k, owner, wrapped);
    if (err == TL_E_SEALED)
        return tl_explain(why, err, "key",
                          "the stored data key does not open under this recovery key: another was "
                          "named by --recovery-key when the log last started, or what is stored "
                          "was altered");
    return err;
}
