#include "crypto/agree.h"

#include "base/refuse.h"
#include "crypto/secret.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

/* A password that is asked for on a terminal is none of ours to ask. */
static int no_password(char *out, int size, int writing, void *ctx)
{
    (void)out, (void)size, (void)writing, (void)ctx;
    return -1;
}

static EVP_PKEY *read_pem(slice pem, bool private)
{
    EVP_PKEY *key = NULL;
    BIO *b = pem.n && pem.n <= PEM_KEY_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
    if (b)
        key = private ? PEM_read_bio_PrivateKey(b, NULL, no_password, NULL)
                      : PEM_read_bio_PUBKEY(b, NULL, no_password, NULL);
    BIO_free(b);
    return key;
}

static bool is_p256(const EVP_PKEY *key)
{
    char group[32] = "";
    return key && EVP_PKEY_is_a(key, "EC") &&
           EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group,
                                          NULL) == 1 &&
           strcmp(group, "prime256v1") == 0;
}

static bool coordinate(const EVP_PKEY *key, const char *name, uint8_t out[32])
{
    BIGNUM *v = NULL;
    bool good = EVP_PKEY_get_bn_param(key, name, &v) == 1 && BN_bn2binpad(v, out, 32) == 32;
    BN_clear_free(v);
    return good;
}

tl_err es256_public_pem(struct es256_key **out, slice pem)
{
    uint8_t x[32], y[32];
    EVP_PKEY *key = read_pem(pem, false);
    tl_err err = TL_E_KEY;
    if (key && coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X, x) &&
        coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y, y))
        err = es256_public(out, x, y); /* of another curve, it is not on this one */
    EVP_PKEY_free(key);
    return err;
}

/* The public half is computed again: a file that says another is of no use. */
tl_err es256_private_pem(struct es256_key **out, slice pem)
{
    uint8_t scalar[32];
    EVP_PKEY *key = read_pem(pem, true);
    tl_err err = TL_E_KEY;
    if (REFUSED(!is_p256(key)))
        goto out;
    if (coordinate(key, OSSL_PKEY_PARAM_PRIV_KEY, scalar))
        err = es256_private(out, scalar);
    secret_wipe(scalar, sizeof scalar);
out:
    EVP_PKEY_free(key);
    return err;
}
