#include "crypto/sign.h"

#include "base/refuse.h"
#include "crypto/agree.h"
#include "crypto/finding.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdatomic.h>
#include <stdlib.h>

struct es256_key {
    EVP_PKEY *pkey;
    struct cose_ec2 point;
    atomic_uint refs;
};

/* Takes pkey, which has this point (uncompressed). */
static tl_err wrap(struct es256_key **out, EVP_PKEY *pkey, const uint8_t point[65])
{
    struct es256_key *k = calloc(1, sizeof *k);
    if (!k) {
        EVP_PKEY_free(pkey);
        return TL_E_MEMORY;
    }
    k->pkey = pkey;
    k->point.curve = COSE_P256;
    memcpy(k->point.x, point + 1, 32);
    memcpy(k->point.y, point + 33, 32);
    atomic_init(&k->refs, 1);
    *out = k;
    return TL_OK;
}

tl_err es256_generate(struct es256_key **out)
{
    uint8_t point[65];
    size_t n = 0;
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    if (!pkey ||
        EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point,
                                        sizeof point, &n) != 1 ||
        n != sizeof point || point[0] != 4) {
        EVP_PKEY_free(pkey);
        return TL_E_CRYPTO;
    }
    return wrap(out, pkey, point);
}

/* A key that has the curve's parameters and no point, made once: filling in a copy
 * takes a fifth of the time that OpenSSL needs to build the group each time. It
 * is only ever read, so threads share it. NULL where it cannot be made now. */
static EVP_PKEY *bare_key(void)
{
    static EVP_PKEY *_Atomic shared;
    EVP_PKEY *key = atomic_load(&shared), *other = NULL;
    if (key)
        return key;
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (c && EVP_PKEY_paramgen_init(c) == 1 && EVP_PKEY_CTX_set_group_name(c, "P-256") == 1 &&
        EVP_PKEY_paramgen(c, &key) == 1 && !atomic_compare_exchange_strong(&shared, &other, key)) {
        EVP_PKEY_free(key); /* another thread was first */
        key = other;
    }
    EVP_PKEY_CTX_free(c);
    return key;
}

tl_err es256_public(struct es256_key **out, const uint8_t x[32], const uint8_t y[32])
{
    uint8_t point[65] = {4};
    memcpy(point + 1, x, 32);
    memcpy(point + 33, y, 32);
    EVP_PKEY *bare = bare_key();
    EVP_PKEY *pkey = bare ? EVP_PKEY_dup(bare) : NULL;
    if (!pkey)
        return TL_E_MEMORY;
    /* The point must lie on the curve: OpenSSL refuses one that does not when it
     * decodes it. */
    ERR_clear_error();
    if (EVP_PKEY_set1_encoded_public_key(pkey, point, sizeof point) != 1) {
        tl_err err = ossl_finding() ? TL_E_KEY : TL_E_MEMORY;
        EVP_PKEY_free(pkey);
        return err;
    }
    return wrap(out, pkey, point);
}

static tl_err from_pair(struct es256_key **out, const uint8_t point[65], const BIGNUM *scalar)
{
    tl_err err = TL_E_MEMORY;
    EVP_PKEY *pkey = NULL;
    OSSL_PARAM *params = NULL;
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    if (!c || !build ||
        !OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) ||
        !OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, 65) ||
        !OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, scalar) ||
        !(params = OSSL_PARAM_BLD_to_param(build)))
        goto out;
    err = TL_E_KEY;
    if (EVP_PKEY_fromdata_init(c) != 1 ||
        EVP_PKEY_fromdata(c, &pkey, EVP_PKEY_KEYPAIR, params) != 1)
        goto out;
    err = wrap(out, pkey, point);
out:
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(c);
    return err;
}

tl_err es256_private(struct es256_key **out, const uint8_t scalar[32])
{
    tl_err err = TL_E_KEY;
    uint8_t bytes[65];
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *point = group ? EC_POINT_new(group) : NULL;
    BIGNUM *d = BN_secure_new();
    if (!point || !d || !BN_bin2bn(scalar, 32, d)) {
        err = TL_E_MEMORY;
        goto out;
    }
    BN_set_flags(d, BN_FLG_CONSTTIME);
    if (BN_is_zero(d) || BN_cmp(d, EC_GROUP_get0_order(group)) >= 0)
        goto out;
    if (EC_POINT_mul(group, point, d, NULL, NULL, NULL) != 1 ||
        EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, bytes, sizeof bytes,
                           NULL) != sizeof bytes)
        goto out;
    err = from_pair(out, bytes, d);
out:
    BN_clear_free(d);
    EC_POINT_free(point);
    EC_GROUP_free(group);
    return err;
}

tl_err es256_scalar(const struct es256_key *key, uint8_t scalar[32])
{
    BIGNUM *d = NULL;
    if (EVP_PKEY_get_bn_param(key->pkey, OSSL_PKEY_PARAM_PRIV_KEY, &d) != 1)
        return TL_E_KEY;
    int n = BN_bn2binpad(d, scalar, 32);
    BN_clear_free(d);
    return n == 32 ? TL_OK : TL_E_CRYPTO;
}

struct es256_key *es256_ref(struct es256_key *key)
{
    atomic_fetch_add(&key->refs, 1);
    return key;
}

void es256_free(struct es256_key *key)
{
    if (!key || atomic_fetch_sub(&key->refs, 1) != 1)
        return;
    EVP_PKEY_free(key->pkey); /* clears the private number */
    free(key);
}

void es256_point(const struct es256_key *key, struct cose_ec2 *out)
{
    *out = key->point;
}

hash32 es256_thumbprint(const struct es256_key *key)
{
    return cose_ec2_thumbprint(&key->point);
}

/* SEQUENCE { INTEGER r, INTEGER s } of a raw signature; returns its length. */
static size_t der_from_raw(uint8_t out[72], const uint8_t raw[64])
{
    size_t n = 2;
    for (int half = 0; half < 2; half++) {
        const uint8_t *v = raw + 32 * half;
        size_t skip = 0;
        while (skip < 31 && v[skip] == 0)
            skip++;
        size_t pad = v[skip] >> 7;
        out[n++] = 2;
        out[n++] = (uint8_t)(32 - skip + pad);
        if (pad)
            out[n++] = 0;
        memcpy(out + n, v + skip, 32 - skip);
        n += 32 - skip;
    }
    out[0] = 0x30;
    out[1] = (uint8_t)(n - 2);
    return n;
}

/* Reads OpenSSL's own output, so it only guards against surprises. */
static bool raw_from_der(uint8_t raw[64], const uint8_t *der, size_t n)
{
    size_t at = 2;
    if (n < 8 || der[0] != 0x30)
        return false;
    for (int half = 0; half < 2; half++) {
        if (at + 2 > n || der[at] != 2)
            return false;
        size_t len = der[at + 1];
        at += 2;
        if (len == 0 || len > 33 || at + len > n)
            return false;
        const uint8_t *v = der + at;
        at += len;
        if (len == 33) {
            v++;
            len--;
        }
        memset(raw + 32 * half, 0, 32 - len);
        memcpy(raw + 32 * half + 32 - len, v, len);
    }
    return at == n;
}

static bool sign_one(EVP_PKEY_CTX *c, struct sign_job *job)
{
    uint8_t der[80];
    size_t n = sizeof der;
    return c && EVP_PKEY_sign(c, der, &n, job->digest.b, sizeof job->digest.b) == 1 &&
           raw_from_der(job->signature, der, n);
}

static bool verify_one(EVP_PKEY_CTX *c, struct sign_job *job)
{
    uint8_t der[72];
    size_t n = der_from_raw(der, job->signature);
    ERR_clear_error();
    int got = c ? EVP_PKEY_verify(c, der, n, job->digest.b, sizeof job->digest.b) : -1;
    /* Below 0 is a failure. A signature that leads to the point at infinity is one too,
     * and who knows the key can make such signatures. */
    job->unjudged = got < 0 && !ossl_finding();
    return got == 1;
}

static void run_jobs(struct sign_job *jobs, size_t n, int (*init)(EVP_PKEY_CTX *),
                     bool (*one)(EVP_PKEY_CTX *, struct sign_job *))
{
    EVP_PKEY_CTX *c = NULL;
    const struct es256_key *key = NULL;
    for (size_t i = 0; i < n; i++) {
        if (jobs[i].key.es256 != key) {
            EVP_PKEY_CTX_free(c);
            key = jobs[i].key.es256;
            c = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
            if (c && init(c) != 1) {
                EVP_PKEY_CTX_free(c);
                c = NULL;
            }
        }
        jobs[i].ok = one(c, &jobs[i]);
    }
    EVP_PKEY_CTX_free(c);
}

void es256_sign_jobs(struct sign_job *jobs, size_t n)
{
    run_jobs(jobs, n, EVP_PKEY_sign_init, sign_one);
}

void es256_verify_jobs(struct sign_job *jobs, size_t n)
{
    run_jobs(jobs, n, EVP_PKEY_verify_init, verify_one);
}

tl_err es256_sign(struct es256_key *key, const hash32 *digest, uint8_t signature[64])
{
    struct sign_job job = {.key = sign_key_es256(key), .digest = *digest};
    es256_sign_jobs(&job, 1);
    if (!job.ok)
        return TL_E_CRYPTO;
    memcpy(signature, job.signature, 64);
    return TL_OK;
}

tl_err es256_verify(struct es256_key *key, const hash32 *digest, const uint8_t signature[64])
{
    struct sign_job job = {.key = sign_key_es256(key), .digest = *digest};
    memcpy(job.signature, signature, 64);
    es256_verify_jobs(&job, 1);
    return job.ok ? TL_OK : job.unjudged ? TL_E_MEMORY : TL_E_SIGNATURE;
}

tl_err es256_agree(const struct es256_key *key, const struct es256_key *peer, uint8_t shared[32])
{
    uint8_t z[32];
    size_t n = sizeof z;
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
    bool good = c && EVP_PKEY_derive_init(c) == 1 && EVP_PKEY_derive_set_peer(c, peer->pkey) == 1 &&
                EVP_PKEY_derive(c, z, &n) == 1 && n == sizeof z;
    EVP_PKEY_CTX_free(c);
    if (good)
        memcpy(shared, z, sizeof z);
    OPENSSL_cleanse(z, sizeof z);
    return good ? TL_OK : TL_E_CRYPTO;
}

void ed25519_public(const uint8_t seed[32], uint8_t public_key[32])
{
    size_t n = 32;
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, seed, 32);
    if (!key || EVP_PKEY_get_raw_public_key(key, public_key, &n) != 1 || n != 32)
        abort();
    EVP_PKEY_free(key);
}

tl_err ed25519_sign(const uint8_t seed[32], slice message, uint8_t signature[64])
{
    size_t n = 64;
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, seed, 32);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool ok = key && c && EVP_DigestSignInit_ex(c, NULL, NULL, NULL, NULL, key, NULL) == 1 &&
              EVP_DigestSign(c, signature, &n, message.p, message.n) == 1 && n == 64;
    EVP_MD_CTX_free(c);
    EVP_PKEY_free(key);
    return ok ? TL_OK : TL_E_CRYPTO;
}

/* The y coordinates of the eight points whose order divides 8, little-endian:
 * 0 (order 4), 1 (the identity), -1 (order 2), and two of order 8. */
static const uint8_t small_order[5][32] = {
    {0},
    {1},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
     0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
     0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
     0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
     0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
};

/* Whether y >= p = 2^255 - 19 (the sign bit left out). A set sign bit with
 * x == 0, the other non-canonical form, exists for y = 1 and -1 only, which
 * are of small order anyway. */
static bool not_reduced(const uint8_t y[32])
{
    if (y[31] != 0x7f || y[0] < 0xed)
        return false;
    for (int i = 1; i < 31; i++)
        if (y[i] != 0xff)
            return false;
    return true;
}

/* OpenSSL checks S < L (RFC 8032 section 5.1.7), but takes points of small
 * order and encodings that are not canonical: under such a key, one signature
 * fits many messages (docs/format.md section 1). */
static bool ed25519_point_refused(const uint8_t point[32])
{
    uint8_t y[32];
    memcpy(y, point, sizeof y);
    y[31] &= 0x7f;
    if (REFUSED(not_reduced(y)))
        return true;
    for (size_t i = 0; i < sizeof small_order / sizeof small_order[0]; i++)
        if (REFUSED(memcmp(y, small_order[i], sizeof y) == 0))
            return true;
    return false;
}

bool ed25519_verify(const uint8_t public_key[32], slice message, const uint8_t signature[64])
{
    if (REFUSED(ed25519_point_refused(public_key)) || REFUSED(ed25519_point_refused(signature)))
        return false;
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, public_key, 32);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool ok = key && c && EVP_DigestVerifyInit_ex(c, NULL, NULL, NULL, NULL, key, NULL) == 1 &&
              EVP_DigestVerify(c, signature, 64, message.p, message.n) == 1;
    EVP_MD_CTX_free(c);
    EVP_PKEY_free(key);
    return ok;
}
