#include "crypto/es256k.h"

#include "base/refuse.h"
#include "crypto/secret.h"

#include <secp256k1.h>
#include <secp256k1_preallocated.h>
#include <stdatomic.h>
#include <stdlib.h>

struct es256k_key {
    uint8_t scalar[32]; /* zeros in a public key: the library signs nothing by them */
    secp256k1_pubkey parsed;
    struct cose_ec2 point;
    atomic_uint refs;
};

/* What signs: blinded by a random number, so that time and power tell less of the
 * private ones. Made once, in memory of our own, since the library ends the process
 * where it gets none; only read after that, so threads share it. NULL where it cannot
 * be made now. What only verifies needs none of it. */
static const secp256k1_context *signing_context(void)
{
    static secp256k1_context *_Atomic shared;
    secp256k1_context *context = atomic_load(&shared), *other = NULL;
    uint8_t seed[32];
    if (context)
        return context;
    void *memory = malloc(secp256k1_context_preallocated_size(SECP256K1_CONTEXT_NONE));
    if (!memory || random_bytes(seed, sizeof seed) != TL_OK) {
        free(memory);
        return NULL;
    }
    context = secp256k1_context_preallocated_create(memory, SECP256K1_CONTEXT_NONE);
    bool blinded = secp256k1_context_randomize(context, seed) == 1;
    secret_wipe(seed, sizeof seed);
    if (blinded && atomic_compare_exchange_strong(&shared, &other, context))
        return context;
    secp256k1_context_preallocated_destroy(context); /* or another thread was first */
    free(memory);
    return other;
}

static struct es256k_key *key_new(void)
{
    struct es256k_key *k = calloc(1, sizeof *k);
    if (k)
        atomic_init(&k->refs, 1);
    return k;
}

/* Takes k, whose parsed point is set. */
static tl_err finish(struct es256k_key **out, struct es256k_key *k)
{
    uint8_t bytes[65];
    size_t n = sizeof bytes;
    (void)secp256k1_ec_pubkey_serialize(secp256k1_context_static, bytes, &n, &k->parsed,
                                        SECP256K1_EC_UNCOMPRESSED);
    k->point.curve = COSE_SECP256K1;
    memcpy(k->point.x, bytes + 1, 32);
    memcpy(k->point.y, bytes + 33, 32);
    *out = k;
    return TL_OK;
}

tl_err es256k_private(struct es256k_key **out, const uint8_t scalar[32])
{
    const secp256k1_context *context = signing_context();
    struct es256k_key *k = context ? key_new() : NULL;
    if (!k)
        return TL_E_MEMORY;
    if (secp256k1_ec_pubkey_create(context, &k->parsed, scalar) != 1) {
        es256k_free(k);
        return TL_E_KEY;
    }
    memcpy(k->scalar, scalar, sizeof k->scalar);
    return finish(out, k);
}

tl_err es256k_generate(struct es256k_key **out)
{
    uint8_t scalar[32];
    tl_err err = random_bytes(scalar, sizeof scalar);
    if (err == TL_OK)
        err = es256k_private(out, scalar); /* in range but for one time in 2^127 */
    secret_wipe(scalar, sizeof scalar);
    return err;
}

tl_err es256k_public(struct es256k_key **out, const uint8_t x[32], const uint8_t y[32])
{
    uint8_t bytes[65] = {4};
    memcpy(bytes + 1, x, 32);
    memcpy(bytes + 33, y, 32);
    struct es256k_key *k = key_new();
    if (!k)
        return TL_E_MEMORY;
    secp256k1_selftest(); /* as the library wants it where no context is made */
    if (REFUSED(secp256k1_ec_pubkey_parse(secp256k1_context_static, &k->parsed, bytes,
                                          sizeof bytes) != 1)) {
        es256k_free(k);
        return TL_E_KEY;
    }
    return finish(out, k);
}

struct es256k_key *es256k_ref(struct es256k_key *key)
{
    atomic_fetch_add(&key->refs, 1);
    return key;
}

void es256k_free(struct es256k_key *key)
{
    if (!key || atomic_fetch_sub(&key->refs, 1) != 1)
        return;
    secret_wipe(key->scalar, sizeof key->scalar);
    free(key);
}

void es256k_point(const struct es256k_key *key, struct cose_ec2 *out)
{
    *out = key->point;
}

void es256k_sign_jobs(struct sign_job *jobs, size_t n)
{
    const secp256k1_context *context = signing_context();
    secp256k1_ecdsa_signature signature;
    for (size_t i = 0; i < n; i++) {
        const struct es256k_key *k = jobs[i].key.es256k;
        jobs[i].ok = context &&
                     secp256k1_ecdsa_sign(context, &signature, jobs[i].digest.b, k->scalar, NULL,
                                          NULL) == 1 &&
                     secp256k1_ecdsa_signature_serialize_compact(context, jobs[i].signature,
                                                                 &signature) == 1;
    }
}

void es256k_verify_jobs(struct sign_job *jobs, size_t n)
{
    secp256k1_ecdsa_signature signature;
    for (size_t i = 0; i < n; i++) {
        /* The first refuses numbers that are not below the order, the second zero and
         * an s of the upper half too. */
        jobs[i].ok = secp256k1_ecdsa_signature_parse_compact(secp256k1_context_static, &signature,
                                                             jobs[i].signature) == 1 &&
                     secp256k1_ecdsa_verify(secp256k1_context_static, &signature, jobs[i].digest.b,
                                            &jobs[i].key.es256k->parsed) == 1;
        jobs[i].unjudged = false;
    }
}
