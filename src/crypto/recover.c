/* The key of an ECDSA signature, out of the signature (SEC 1 section 4.1.6). All numbers here
 * are public. */
#include "crypto/key.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>

struct numbers {
    BN_CTX *ctx;
    EC_GROUP *group;
    EC_POINT *nonce, *key;
    BIGNUM *x, *y, *r, *of_nonce, *of_generator; /* of ctx */
};

static void numbers_finish(struct numbers *v)
{
    EC_POINT_free(v->nonce);
    EC_POINT_free(v->key);
    EC_GROUP_free(v->group);
    if (v->ctx)
        BN_CTX_end(v->ctx);
    BN_CTX_free(v->ctx);
}

/* u = 1/r; of_nonce = s u, of_generator = -e u. False also where r has no inverse. */
static bool scalars(struct numbers *v, const hash32 *digest, const uint8_t signature[64])
{
    const BIGNUM *order = EC_GROUP_get0_order(v->group);
    BIGNUM *u = v->y;
    return BN_bin2bn(signature, 32, v->r) && BN_bin2bn(signature + 32, 32, v->of_nonce) &&
           BN_bin2bn(digest->b, sizeof digest->b, v->of_generator) &&
           BN_mod_inverse(u, v->r, order, v->ctx) &&
           BN_mod_mul(v->of_nonce, v->of_nonce, u, order, v->ctx) == 1 &&
           BN_mod_mul(v->of_generator, v->of_generator, u, order, v->ctx) == 1 &&
           BN_sub(v->of_generator, order, v->of_generator) == 1;
}

static bool numbers_start(struct numbers *v, enum cose_curve curve)
{
    int name = curve == COSE_SECP256K1 ? NID_secp256k1 : NID_X9_62_prime256v1;
    *v = (struct numbers){.ctx = BN_CTX_new(), .group = EC_GROUP_new_by_curve_name(name)};
    if (!v->ctx || !v->group)
        return false;
    BN_CTX_start(v->ctx);
    v->x = BN_CTX_get(v->ctx);
    v->y = BN_CTX_get(v->ctx);
    v->r = BN_CTX_get(v->ctx);
    v->of_nonce = BN_CTX_get(v->ctx);
    v->of_generator = BN_CTX_get(v->ctx); /* NULL where one before it is */
    v->nonce = EC_POINT_new(v->group);
    v->key = EC_POINT_new(v->group);
    return v->of_generator && v->nonce && v->key;
}

/* The key, where the signature's point is that of this x and this parity. */
static bool point_of(const struct numbers *v, const BIGNUM *x, int odd, struct cose_ec2 *out)
{
    return EC_POINT_set_compressed_coordinates(v->group, v->nonce, x, odd, v->ctx) == 1 &&
           EC_POINT_mul(v->group, v->key, v->of_generator, v->nonce, v->of_nonce, v->ctx) == 1 &&
           EC_POINT_get_affine_coordinates(v->group, v->key, v->x, v->y, v->ctx) == 1 &&
           BN_bn2binpad(v->x, out->x, sizeof out->x) > 0 &&
           BN_bn2binpad(v->y, out->y, sizeof out->y) > 0;
}

/* r is an x modulo the order, which is a little less than the field: x may be r plus it. */
static bool find(struct numbers *v, const hash32 *thumbprint, struct cose_ec2 *out)
{
    for (int again = 0; again < 2; again++) {
        for (int odd = 0; odd < 2; odd++) {
            if (!point_of(v, v->r, odd, out))
                continue;
            hash32 got = cose_ec2_thumbprint(out);
            if (hash_eq(&got, thumbprint))
                return true;
        }
        if (BN_add(v->r, v->r, EC_GROUP_get0_order(v->group)) != 1)
            return false;
    }
    return false;
}

static tl_err verify(const struct sign_key *key, const hash32 *digest, const uint8_t signature[64])
{
    struct sign_job job = {.key = *key, .digest = *digest};
    memcpy(job.signature, signature, sizeof job.signature);
    verify_jobs(&job, 1);
    return job.ok ? TL_OK : job.unjudged ? TL_E_MEMORY : TL_E_SIGNATURE;
}

tl_err sign_key_recover(struct sign_key *out, enum cose_curve curve, const hash32 *thumbprint,
                        const hash32 *digest, const uint8_t signature[64])
{
    struct numbers v;
    struct cose_ec2 point = {.curve = curve};
    struct sign_key key;
    tl_err err = numbers_start(&v, curve) ? TL_OK : TL_E_MEMORY;
    if (err == TL_OK && (!scalars(&v, digest, signature) || !find(&v, thumbprint, &point)))
        err = TL_E_SIGNATURE;
    numbers_finish(&v);
    if (err == TL_OK)
        err = sign_key_public(&key, &point);
    if (err != TL_OK)
        return err;
    err = verify(&key, digest, signature);
    if (err == TL_OK)
        *out = key;
    else
        sign_key_free(&key);
    return err;
}
