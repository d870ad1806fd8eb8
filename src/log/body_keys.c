/* Sealed bodies (docs/format.md section 12): a key a boot, a counter as nonce. */
#include "base/refuse.h"
#include "codec/cbor.h"
#include "crypto/secret.h"
#include "log/keys.h"

#include <pthread.h>
#include <stdlib.h>

#define SEALED_HEAD 12 /* key number and counter, which are also the nonce */

struct body_keys {
    const struct log_keys *keys;
    struct store *store;
    pthread_mutex_t lock; /* for current and counter */
    struct seal_key *current;
    uint32_t number;
    uint64_t counter;
    struct seal_key *opened; /* the key last used for opening */
    uint32_t opened_number;
};

tl_err body_keys_new(struct body_keys **out, const struct log_keys *k, struct store *s)
{
    struct body_keys *b = calloc(1, sizeof *b);
    if (!b)
        return TL_E_MEMORY;
    b->keys = k;
    b->store = s;
    pthread_mutex_init(&b->lock, NULL);
    *out = b;
    return TL_OK;
}

void body_keys_free(struct body_keys *b)
{
    if (!b)
        return;
    seal_key_free(b->current);
    seal_key_free(b->opened);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

static tl_err key_from_salt(const struct body_keys *b, const uint8_t salt[32],
                            struct seal_key **out)
{
    uint8_t key[32];
    hkdf_sha256(key, sizeof key, slice_of(b->keys->data_key, 32), slice_of(salt, 32),
                slice_str("teelog/body-key/v1"));
    tl_err err = seal_key_new(out, key);
    secret_wipe(key, sizeof key);
    return err;
}

tl_err body_keys_fresh(struct body_keys *b)
{
    uint8_t salt[32];
    tl_err err = store_body_key_count(b->store, &b->number);
    if (err == TL_OK)
        err = random_seed(salt, sizeof salt);
    if (err == TL_OK)
        err = store_put_body_key(b->store, b->number, salt);
    if (err == TL_OK)
        err = key_from_salt(b, salt, &b->current);
    return err;
}

static void put_ad(const struct body_keys *b, buf *ad, const hash32 *digest)
{
    cbor_put_array(ad, 4);
    cbor_put_str(ad, "teelog/body/v1");
    cbor_put_str(ad, b->keys->origin);
    cbor_put_bytes(ad, hash_slice(&b->keys->log_id));
    cbor_put_bytes(ad, hash_slice(digest));
}

static void put_nonce(buf *out, uint32_t number, uint64_t counter)
{
    buf_u32le(out, number);
    buf_u32le(out, (uint32_t)counter);
    buf_u32le(out, (uint32_t)(counter >> 32));
}

tl_err body_seal(struct body_keys *b, buf *out, const hash32 *digest, slice plain)
{
    uint8_t mem[256], nonce_mem[SEALED_HEAD];
    buf ad, nonce;
    buf_init_fixed(&ad, mem, sizeof mem);
    buf_init_fixed(&nonce, nonce_mem, sizeof nonce_mem);
    put_ad(b, &ad, digest);
    size_t before = out->n;
    pthread_mutex_lock(&b->lock);
    put_nonce(&nonce, b->number, b->counter++);
    buf_bytes(out, buf_slice(&nonce));
    tl_err err = seal(b->current, out, nonce_mem, buf_slice(&ad), plain);
    pthread_mutex_unlock(&b->lock);
    if (err != TL_OK)
        out->n = before;
    return err;
}

static tl_err open_number(struct body_keys *b, uint32_t number)
{
    uint8_t salt[32];
    if (b->opened && b->opened_number == number)
        return TL_OK;
    tl_err err = store_get_body_key(b->store, number, salt);
    if (err != TL_OK)
        return err == TL_E_NOT_FOUND ? TL_E_SEALED : err;
    struct seal_key *key = NULL;
    err = key_from_salt(b, salt, &key);
    if (err != TL_OK)
        return err;
    seal_key_free(b->opened);
    b->opened = key;
    b->opened_number = number;
    return TL_OK;
}

tl_err body_open(struct body_keys *b, buf *out, const hash32 *digest, slice sealed)
{
    uint8_t mem[256];
    buf ad;
    if (REFUSED(sealed.n < SEALED_HEAD))
        return TL_E_SEALED;
    const uint8_t *p = sealed.p;
    uint32_t number = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    tl_err err = open_number(b, number);
    if (err != TL_OK)
        return err;
    buf_init_fixed(&ad, mem, sizeof mem);
    put_ad(b, &ad, digest);
    size_t before = out->n;
    err = unseal(b->opened, out, p, buf_slice(&ad),
                 slice_of(p + SEALED_HEAD, sealed.n - SEALED_HEAD));
    if (err != TL_OK)
        return err;
    hash32 again = sha256(slice_of(out->p + before, out->n - before));
    if (!hash_eq(&again, digest)) {
        out->n = before;
        return TL_E_SEALED;
    }
    return TL_OK;
}
