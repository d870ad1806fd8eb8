/* ECDSA over P-384, which Gramine's library makes its certificates with. */
#include "crypto/finding.h"
#include "crypto/sign.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#define SIGNATURE_DER 112 /* bytes: two INTEGERs of up to 49, and their heads */

/* TL_E_KEY where the point is not on the curve. */
static tl_err key_of(EVP_PKEY **out, const uint8_t x[48], const uint8_t y[48])
{
    uint8_t point[97] = {4};
    char group[] = "P-384";
    memcpy(point + 1, x, 48);
    memcpy(point + 49, y, 48);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    tl_err err = c && EVP_PKEY_fromdata_init(c) == 1 ? TL_OK : TL_E_MEMORY;
    ERR_clear_error();
    if (err == TL_OK && EVP_PKEY_fromdata(c, out, EVP_PKEY_PUBLIC_KEY, params) != 1)
        err = ossl_finding() ? TL_E_KEY : TL_E_MEMORY;
    EVP_PKEY_CTX_free(c);
    return err;
}

/* SEQUENCE { INTEGER r, INTEGER s }; its length, 0 where there was no memory. */
static size_t signature_der(uint8_t out[SIGNATURE_DER], const uint8_t raw[96])
{
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw, 48, NULL), *s = BN_bin2bn(raw + 48, 48, NULL);
    int n = 0;
    if (pair && r && s && ECDSA_SIG_set0(pair, r, s) == 1) {
        r = s = NULL; /* they are the pair's now */
        n = i2d_ECDSA_SIG(pair, NULL) <= SIGNATURE_DER ? i2d_ECDSA_SIG(pair, &out) : 0;
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(pair);
    return n > 0 ? (size_t)n : 0;
}

static tl_err verify(EVP_PKEY *key, const hash32 *digest, const uint8_t signature[96])
{
    uint8_t der[SIGNATURE_DER];
    size_t n = signature_der(der, signature);
    EVP_PKEY_CTX *c = n ? EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL) : NULL;
    bool ready = c && EVP_PKEY_verify_init(c) == 1;
    ERR_clear_error();
    int got = ready ? EVP_PKEY_verify(c, der, n, digest->b, sizeof digest->b) : -1;
    bool unjudged = got < 0 && !ossl_finding();
    EVP_PKEY_CTX_free(c);
    return got == 1 ? TL_OK : unjudged ? TL_E_MEMORY : TL_E_SIGNATURE;
}

tl_err p384_verify(const uint8_t x[48], const uint8_t y[48], const hash32 *digest,
                   const uint8_t signature[96])
{
    EVP_PKEY *key = NULL;
    tl_err err = key_of(&key, x, y);
    if (err == TL_OK)
        err = verify(key, digest, signature);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return err;
}
