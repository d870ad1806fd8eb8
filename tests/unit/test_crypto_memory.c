/* Lack of memory within OpenSSL: what cannot be judged is no signature that is bad, and no
 * point that is off the curve. */
#include "testlib.h"

#include "crypto/sign.h"

#include "sslmemory.h"

/* The key and signature of RFC 6979 appendix A.2.5. */
#define X             "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
#define Y             "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
#define R             "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
#define S             "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
/* r = -H("sample") / d: whatever s is, the point is the one at infinity. */
#define AT_INFINITY_R "28815b9a52dcc43d91fe0e07a91bb000f5f475306723ba5e6392aee8be90ee9c"
#define ORDER         "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
#define TOP           "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

static void bytes_of(uint8_t *out, const char *hex)
{
    size_t n;
    uint8_t *p = test_hex(hex, &n);
    memcpy(out, p, n);
    free(p);
}

/* Has op fail at each allocation in turn: it says want, or TL_E_MEMORY. Where none is left
 * to fail it says want, and nothing has changed for later. */
static void every_failure(tl_err (*op)(const void *), const void *arg, tl_err want)
{
    size_t counts[2] = {0}, memory = 0;
    assert_err(op(arg), want); /* OpenSSL sets itself up once, or never */
    for (size_t mode = 0; mode < 2; mode++) {
        do {
            ssl_fail_alloc(++counts[mode], mode == 1);
            tl_err err = op(arg);
            ssl_fail_alloc(0, false);
            if (err != want && !(ssl_memory.failed && err == TL_E_MEMORY))
                fail_msg("allocation %zu%s: %s, not %s", counts[mode], mode ? " and on" : "",
                         tl_err_name(err), tl_err_name(want));
            memory += err == TL_E_MEMORY;
            assert_err(op(arg), want);
        } while (ssl_memory.failed);
    }
    assert_true(counts[0] > 3);
    assert_true(memory > 3);
}

static tl_err import(const void *point)
{
    struct es256_key *key = NULL;
    tl_err err = es256_public(&key, point, (const uint8_t *)point + 32);
    es256_free(key);
    return err;
}

static void keys(void **state)
{
    (void)state;
    static const struct {
        const char *point;
        tl_err want;
    } points[] = {
        {X Y, TL_OK}, {Y X, TL_E_KEY}, {X R, TL_E_KEY}, {TOP Y, TL_E_KEY}, {X TOP, TL_E_KEY},
    };
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        uint8_t point[64];
        bytes_of(point, points[i].point);
        every_failure(import, point, points[i].want);
    }
}

static struct es256_key *key;
static hash32 digest;

static tl_err verify(const void *signature)
{
    return es256_verify(key, &digest, signature);
}

/* The same, as one job among three. */
static tl_err verify_among(const void *signature)
{
    struct sign_job jobs[3] = {{.key = sign_key_es256(key), .digest = digest},
                               {.key = sign_key_es256(key), .digest = digest},
                               {.key = sign_key_es256(key), .digest = digest, .unjudged = true}};
    for (size_t i = 0; i < 3; i++)
        memcpy(jobs[i].signature, signature, 64);
    es256_verify_jobs(jobs, 3);
    tl_err err = TL_OK;
    for (size_t i = 0; i < 3; i++) {
        assert_false(jobs[i].ok && jobs[i].unjudged);
        if (jobs[i].unjudged)
            err = TL_E_MEMORY;
        else if (!jobs[i].ok && err == TL_OK)
            err = TL_E_SIGNATURE;
    }
    return err;
}

static void signatures(void **state)
{
    (void)state;
    static const struct {
        const char *signature;
        tl_err want;
    } all[] = {
        {R S, TL_OK},
        {S R, TL_E_SIGNATURE},
        {AT_INFINITY_R S, TL_E_SIGNATURE},
        {ORDER S, TL_E_SIGNATURE},
        {R TOP, TL_E_SIGNATURE},
    };
    uint8_t point[64], signature[64];
    bytes_of(point, X Y);
    assert_ok(es256_public(&key, point, point + 32));
    digest = sha256(slice_str("sample"));
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        bytes_of(signature, all[i].signature);
        every_failure(verify, signature, all[i].want);
        every_failure(verify_among, signature, all[i].want);
    }
    es256_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys),
        cmocka_unit_test(signatures),
    };
    if (!ssl_memory_set_up())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
