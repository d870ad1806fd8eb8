#include "crypto/seal.h"

#include "base/refuse.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

struct seal_key {
    EVP_CIPHER_CTX *enc, *dec;
};

tl_err seal_key_new(struct seal_key **out, const uint8_t key[SEAL_KEY])
{
    tl_err err = TL_E_MEMORY;
    EVP_CIPHER *gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    struct seal_key *k = calloc(1, sizeof *k);
    if (!k)
        goto out;
    err = TL_E_CRYPTO;
    if (!gcm)
        goto out;
    k->enc = EVP_CIPHER_CTX_new();
    k->dec = EVP_CIPHER_CTX_new();
    if (!k->enc || !k->dec || EVP_EncryptInit_ex2(k->enc, gcm, key, NULL, NULL) != 1 ||
        EVP_DecryptInit_ex2(k->dec, gcm, key, NULL, NULL) != 1)
        goto out;
    *out = k;
    k = NULL;
    err = TL_OK;
out:
    seal_key_free(k);
    EVP_CIPHER_free(gcm);
    return err;
}

void seal_key_free(struct seal_key *key)
{
    if (!key)
        return;
    /* Freeing a context wipes its key schedule. */
    EVP_CIPHER_CTX_free(key->enc);
    EVP_CIPHER_CTX_free(key->dec);
    free(key);
}

tl_err seal(struct seal_key *key, buf *out, const uint8_t nonce[SEAL_NONCE], slice ad,
            slice plaintext)
{
    if (plaintext.n > INT32_MAX - SEAL_TAG || ad.n > INT32_MAX)
        return TL_E_LIMIT;
    uint8_t *p = buf_grow(out, plaintext.n + SEAL_TAG);
    if (!p)
        return buf_err(out);
    int n = 0, last = 0;
    if (EVP_EncryptInit_ex2(key->enc, NULL, NULL, nonce, NULL) == 1 &&
        (ad.n == 0 || EVP_EncryptUpdate(key->enc, NULL, &n, ad.p, (int)ad.n) == 1) &&
        (n = 0, plaintext.n == 0 ||
                    EVP_EncryptUpdate(key->enc, p, &n, plaintext.p, (int)plaintext.n) == 1) &&
        EVP_EncryptFinal_ex(key->enc, p + n, &last) == 1 &&
        EVP_CIPHER_CTX_ctrl(key->enc, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG, p + plaintext.n) == 1)
        return TL_OK;
    out->n -= plaintext.n + SEAL_TAG;
    return TL_E_CRYPTO;
}

tl_err unseal(struct seal_key *key, buf *out, const uint8_t nonce[SEAL_NONCE], slice ad,
              slice sealed)
{
    if (REFUSED(sealed.n < SEAL_TAG) || sealed.n > INT32_MAX || ad.n > INT32_MAX)
        return TL_E_SEALED;
    size_t plain_n = sealed.n - SEAL_TAG;
    uint8_t tag[SEAL_TAG];
    memcpy(tag, sealed.p + plain_n, SEAL_TAG);
    size_t before = out->n;
    uint8_t *p = buf_grow(out, plain_n);
    if (!p && plain_n)
        return buf_err(out);
    uint8_t none = 0;
    int n = 0, last = 0;
    if (EVP_DecryptInit_ex2(key->dec, NULL, NULL, nonce, NULL) == 1 &&
        (ad.n == 0 || EVP_DecryptUpdate(key->dec, NULL, &n, ad.p, (int)ad.n) == 1) &&
        (n = 0, plain_n == 0 || EVP_DecryptUpdate(key->dec, p, &n, sealed.p, (int)plain_n) == 1) &&
        EVP_CIPHER_CTX_ctrl(key->dec, EVP_CTRL_AEAD_SET_TAG, SEAL_TAG, tag) == 1 &&
        EVP_DecryptFinal_ex(key->dec, plain_n ? p + n : &none, &last) == 1)
        return TL_OK;
    /* What did not authenticate must not be seen by anyone. */
    if (plain_n)
        OPENSSL_cleanse(p, plain_n);
    out->n = before;
    return TL_E_SEALED;
}
