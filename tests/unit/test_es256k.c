/* ES256K: keys, and signatures made and checked, against the vectors of
 * tests/vectors/make_es256k.py; and jobs of both kinds together. */
#include "faults.h"

#include "crypto/es256k.h"
#include "crypto/secret.h"
#include "crypto/sign.h"
#include "tlog/body.h"
#include "vector_json.h"

#include <pthread.h>

static json_t *vectors;

static int set_up(void **state)
{
    (void)state;
    vectors = vector_file(test_source("vectors/es256k.json"));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    json_decref(vectors);
    return 0;
}

/* How often a private number was wiped. */
static unsigned wiped;
void __real_secret_wipe(void *p, size_t n);
void __wrap_secret_wipe(void *p, size_t n);

void __wrap_secret_wipe(void *p, size_t n)
{
    __real_secret_wipe(p, n);
    wiped += n == 32;
}

static tl_err public_of(struct es256k_key **out, const json_t *v)
{
    uint8_t x[32], y[32];
    vector_bytes(x, 32, vector_str(v, "x"));
    vector_bytes(y, 32, vector_str(v, "y"));
    return es256k_public(out, x, y);
}

static tl_err private_of(struct es256k_key **out, const char *hex)
{
    uint8_t scalar[32];
    vector_bytes(scalar, 32, hex);
    return es256k_private(out, scalar);
}

static struct sign_key as_key(struct es256k_key *key)
{
    return (struct sign_key){.alg = COSE_ES256K, .es256k = key};
}

static bool verifies(struct es256k_key *key, const hash32 *digest, const uint8_t signature[64])
{
    struct sign_job job = {.key = as_key(key), .digest = *digest, .unjudged = true};
    memcpy(job.signature, signature, sizeof job.signature);
    verify_jobs(&job, 1);
    assert_false(job.unjudged);
    return job.ok;
}

/* The agent's key, public alone. */
static struct es256k_key *agent_key(void)
{
    struct es256k_key *key = NULL;
    assert_ok(public_of(&key, json_array_get(vector_member(vectors, "keys"), 0)));
    return key;
}

static void keys(void **state)
{
    (void)state;
    const json_t *all = vector_member(vectors, "keys");
    assert_int_equal(json_array_size(all), 4);
    for (size_t i = 0; i < 4; i++) {
        const json_t *v = json_array_get(all, i);
        struct es256k_key *key = NULL, *pub = NULL;
        struct cose_ec2 point, same;
        buf b;
        assert_ok(private_of(&key, vector_str(v, "scalar")));
        es256k_point(key, &point);
        assert_int_equal(point.curve, COSE_SECP256K1);
        buf_init(&b, COSE_EC2_SIZE);
        cose_ec2_put(&b, &point);
        assert_hex(buf_slice(&b), vector_str(v, "key"));
        hash32 tp = cose_ec2_thumbprint(&point);
        assert_hex(hash_slice(&tp), vector_str(v, "thumbprint"));
        assert_ok(public_of(&pub, v));
        es256k_point(pub, &same);
        assert_memory_equal(&same, &point, sizeof same);
        buf_finish(&b);
        es256k_free(key);
        es256k_free(pub);
    }
    es256k_free(NULL);
}

/* RFC 6979: the same signature each time, and the one that others make. */
static void signatures(void **state)
{
    (void)state;
    size_t i, j;
    const json_t *v, *s;
    json_array_foreach(vector_member(vectors, "keys"), i, v)
    {
        struct es256k_key *key = NULL, *pub = NULL;
        assert_ok(private_of(&key, vector_str(v, "scalar")));
        assert_ok(public_of(&pub, v));
        json_array_foreach(vector_member(v, "signatures"), j, s)
        {
            struct sign_job job = {.key = as_key(key),
                                   .digest = vector_hash(vector_str(s, "digest"))};
            sign_jobs(&job, 1);
            assert_true(job.ok);
            assert_hex(SLICE_ARRAY(job.signature), vector_str(s, "signature"));
            assert_true(verifies(key, &job.digest, job.signature));
            assert_true(verifies(pub, &job.digest, job.signature));
            job.digest.b[31] ^= 1;
            assert_false(verifies(pub, &job.digest, job.signature));
        }
        es256k_free(key);
        es256k_free(pub);
    }
}

static void keys_refused(void **state)
{
    (void)state;
    size_t i;
    const json_t *v;
    struct es256k_key *key = NULL;
    json_array_foreach(vector_member(vectors, "refused_scalars"), i, v)
        assert_err(private_of(&key, json_string_value(v)), TL_E_KEY);
    assert_int_equal(i, 3);
    json_array_foreach(vector_member(vectors, "refused_points"), i, v)
    {
        print_message("  %s\n", vector_str(v, "name"));
        assert_err(public_of(&key, v), TL_E_KEY);
    }
    assert_int_equal(i, 7);
    assert_null(key);
}

static void signatures_refused(void **state)
{
    (void)state;
    size_t i;
    const json_t *v;
    struct es256k_key *key = agent_key();
    hash32 digest = sha256(slice_str("sample"));
    uint8_t signature[64];
    json_array_foreach(vector_member(vectors, "refused_signatures"), i, v)
    {
        print_message("  %s\n", vector_str(v, "name"));
        vector_bytes(signature, 64, vector_str(v, "signature"));
        assert_false(verifies(key, &digest, signature));
    }
    assert_true(i >= 12);
    const json_t *good = json_array_get(
        vector_member(json_array_get(vector_member(vectors, "keys"), 0), "signatures"), 0);
    vector_bytes(signature, 64, vector_str(good, "signature"));
    assert_true(verifies(key, &digest, signature));
    for (size_t bit = 0; bit < 512; bit++) {
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(verifies(key, &digest, signature));
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    es256k_free(key);
}

/* As a stranger does it: from the statement's bytes alone to the digest, the key from the
 * session's body, and the binding from both. */
static void statements(void **state)
{
    (void)state;
    static const char *const names[] = {"session", "record"};
    const json_t *all = vector_member(vectors, "statements");
    struct sign_key key = {0};
    for (size_t i = 0; i < 2; i++) {
        const json_t *v = vector_member(all, names[i]);
        struct bytes in = bytes_of(v, "statement"), body = bytes_of(v, "body");
        struct bytes structure = bytes_of(v, "sig_structure");
        struct statement st;
        assert_ok(statement_read(&st, bytes_slice(in)));
        assert_int_equal(st.alg, COSE_ES256K);
        hash32 payload = sha256(bytes_slice(body));
        assert_true(hash_eq(&payload, &st.payload));
        if (i == 0) {
            struct body_session s;
            assert_ok(body_session_read(&s, bytes_slice(body)));
            assert_ok(sign_key_public(&key, &s.agent));
            assert_int_equal(key.alg, COSE_ES256K);
            hash32 tp = cose_ec2_thumbprint(&s.agent);
            assert_true(hash_eq(&tp, &st.kid));
            assert_hex(hash_slice(&tp), vector_str(vector_member(v, "binding"), "agent_tp"));
        }
        struct sign_job job = {.key = key, .digest = sha256(bytes_slice(structure))};
        hash32 digest = statement_digest(st.protected_header, &st.payload);
        assert_true(hash_eq(&digest, &job.digest));
        memcpy(job.signature, st.signature, sizeof job.signature);
        verify_jobs(&job, 1);
        assert_true(job.ok);
        free(in.p), free(body.p), free(structure.p);
    }
    sign_key_free(&key);
}

static void made_keys(void **state)
{
    (void)state;
    struct sign_key a, b, pub, both;
    struct cose_ec2 point, other;
    assert_ok(sign_key_generate(&a, COSE_ES256K));
    assert_ok(sign_key_generate(&b, COSE_ES256K));
    assert_int_equal(a.alg, COSE_ES256K);
    sign_key_point(&a, &point);
    sign_key_point(&b, &other);
    assert_memory_not_equal(point.x, other.x, 32);
    assert_ok(sign_key_public(&pub, &point));
    struct sign_job job = {.key = a, .digest = sha256(slice_str("x"))};
    sign_jobs(&job, 1);
    assert_true(job.ok);
    job.key = pub;
    job.ok = false;
    verify_jobs(&job, 1);
    assert_true(job.ok);
    job.key = b;
    verify_jobs(&job, 1);
    assert_false(job.ok);
    /* A public key cannot sign. */
    job.key = pub;
    job.ok = true;
    sign_jobs(&job, 1);
    assert_false(job.ok);
    /* The last reference wipes the private number, and no other. */
    both = sign_key_ref(&a);
    wiped = 0;
    sign_key_free(&a);
    assert_int_equal(wiped, 0);
    assert_int_equal(a.alg, 0);
    sign_key_free(&both);
    assert_int_equal(wiped, 1);
    sign_key_free(&both); /* there is none any more */
    sign_key_free(&b);
    sign_key_free(&pub);
}

/* Every order of the two kinds, with bad ones among them. */
static void both_kinds(void **state)
{
    (void)state;
    struct sign_key k[3];
    struct sign_job jobs[64] = {0};
    assert_ok(sign_key_generate(&k[0], COSE_ES256));
    assert_ok(sign_key_generate(&k[1], COSE_ES256K));
    assert_ok(sign_key_generate(&k[2], COSE_ES256K));
    for (size_t i = 0; i < 64; i++) {
        jobs[i].key = k[(i * i / 3 + i / 5) % 3];
        jobs[i].digest = sha256(slice_of(&i, sizeof i));
    }
    sign_jobs(jobs, 64);
    for (size_t i = 0; i < 64; i++) {
        assert_true(jobs[i].ok);
        if (i % 7 == 0)
            jobs[i].signature[i] ^= 1;
    }
    verify_jobs(jobs, 64);
    for (size_t i = 0; i < 64; i++)
        assert_true(jobs[i].ok == (i % 7 != 0));
    /* A signature of one kind under a key of the other. */
    jobs[1].key = jobs[1].key.alg == COSE_ES256 ? k[1] : k[0];
    verify_jobs(&jobs[1], 1);
    assert_false(jobs[1].ok);
    sign_jobs(NULL, 0);
    for (size_t i = 0; i < 3; i++)
        sign_key_free(&k[i]);
}

static struct sign_key shared;

static void *sign_and_verify(void *arg)
{
    size_t *good = arg;
    struct sign_job jobs[4];
    hash32 h = sha256(slice_of(arg, sizeof *good));
    for (size_t i = 0; i < 50; i++) {
        for (size_t j = 0; j < 4; j++) {
            jobs[j] = (struct sign_job){.key = shared, .digest = h};
            h = sha256(hash_slice(&h));
        }
        sign_jobs(jobs, 4);
        verify_jobs(jobs, 4);
        for (size_t j = 0; j < 4; j++)
            *good += jobs[j].ok;
    }
    return NULL;
}

static void four_threads_share_a_key(void **state)
{
    (void)state;
    pthread_t threads[4];
    size_t good[4] = {0};
    assert_ok(sign_key_generate(&shared, COSE_ES256K));
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sign_and_verify, &good[i]), 0);
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(good[i], 200);
    }
    sign_key_free(&shared);
}

/* Runs first: the library's context is not there yet. */
static void allocations_fail(void **state)
{
    (void)state;
    struct sign_key key = {0};
    struct cose_ec2 point;
    for (unsigned n = 1; n <= 2; n++) {
        test_fail_alloc(n);
        assert_err(sign_key_generate(&key, COSE_ES256K), TL_E_MEMORY);
        assert_true(test_alloc_failed());
    }
    test_fail_alloc(0);
    assert_int_equal(key.alg, 0);
    assert_ok(sign_key_generate(&key, COSE_ES256K));
    sign_key_point(&key, &point);
    sign_key_free(&key);
    test_fail_alloc(1);
    assert_err(sign_key_public(&key, &point), TL_E_MEMORY);
    test_fail_alloc(0);
    assert_int_equal(key.alg, 0);
}

static void names(void **state)
{
    (void)state;
    enum cose_alg alg = COSE_ES256K;
    assert_true(cose_alg_named(&alg, slice_str("ES256")));
    assert_int_equal(alg, COSE_ES256);
    assert_true(cose_alg_named(&alg, slice_str("ES256K")));
    assert_int_equal(alg, COSE_ES256K);
    for (size_t i = 0; i < 3; i++)
        assert_false(cose_alg_named(&alg, slice_str(i == 0 ? "" : i == 1 ? "es256k" : "ES384")));
    assert_int_equal(alg, COSE_ES256K);
    assert_string_equal(cose_alg_name(COSE_ES256), "ES256");
    assert_string_equal(cose_alg_name(COSE_ES256K), "ES256K");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations_fail),
        cmocka_unit_test(keys),
        cmocka_unit_test(signatures),
        cmocka_unit_test(keys_refused),
        cmocka_unit_test(signatures_refused),
        cmocka_unit_test(statements),
        cmocka_unit_test(made_keys),
        cmocka_unit_test(both_kinds),
        cmocka_unit_test(four_threads_share_a_key),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
