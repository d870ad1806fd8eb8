#include "testlib.h"

#include "crypto/seal.h"
#include "crypto/secret.h"
#include "crypto/sign.h"

#include <jansson.h>
#include <pthread.h>

#define HEX(name, text)                                                                            \
    size_t name##_n;                                                                               \
    uint8_t *name = test_hex(text, &name##_n)

static void assert_hex(const uint8_t *got, size_t n, const char *want)
{
    char *text = malloc(2 * n + 1);
    assert_non_null(text);
    hex_text(text, got, n);
    assert_string_equal(text, want);
    free(text);
}

/* Hashes (FIPS 180-4 examples, RFC 4231, RFC 5869) */

static void hashes(void **state)
{
    (void)state;
    hash32 h = sha256(slice_str("abc"));
    assert_hex(h.b, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    hash32 none = sha256((slice){NULL, 0});
    assert_hex(none.b, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    slice parts[] = {slice_str("a"), {NULL, 0}, slice_str("bc")};
    hash32 joined = sha256_parts(parts, 3);
    assert_true(hash_eq(&joined, &h));
    assert_false(hash_eq(&none, &h));
    none = sha256_parts(NULL, 0);
    assert_hex(none.b, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    uint8_t out[64];
    sha384_parts(parts, 3, out);
    assert_hex(out, 48,
               "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
               "8086072ba1e7cc2358baeca134c825a7");
    sha384_parts(NULL, 0, out);
    assert_hex(out, 48,
               "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da"
               "274edebfe76f65fbd51ad2f14898b95b");
    sha512(slice_str("abc"), out);
    assert_hex(out, 64,
               "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
               "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
    sha384(slice_str("abc"), out);
    assert_hex(out, 48,
               "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
               "8086072ba1e7cc2358baeca134c825a7");
    sha512((slice){NULL, 0}, out);
    assert_hex(out, 64,
               "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
               "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e");
}

static void hash_streams(void **state)
{
    (void)state;
    char as[1000];
    memset(as, 'a', sizeof as);
    struct sha256_stream *one = sha256_stream_new(), *two = sha256_stream_new();
    for (int i = 0; i < 1000; i++) {
        sha256_stream_add(one, slice_of(as, sizeof as));
        sha256_stream_add(one, (slice){NULL, 0});
    }
    hash32 other = sha256_stream_end(two); /* does not mix with the first */
    hash32 h = sha256_stream_end(one);
    assert_hex(h.b, 32, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    assert_hex(other.b, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void hmac_rfc4231(void **state)
{
    (void)state;
    uint8_t key[131];
    memset(key, 0x0b, 20);
    hash32 h = hmac_sha256(slice_of(key, 20), slice_str("Hi There"));
    assert_hex(h.b, 32, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    h = hmac_sha256(slice_str("Jefe"), slice_str("what do ya want for nothing?"));
    assert_hex(h.b, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, 131);
    h = hmac_sha256(slice_of(key, 131),
                    slice_str("Test Using Larger Than Block-Size Key - Hash Key First"));
    assert_hex(h.b, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    hash32 empty = hmac_sha256(slice_str("k"), (slice){NULL, 0});
    assert_false(hash_eq(&empty, &h));
}

static void hkdf_rfc5869(void **state)
{
    (void)state;
    uint8_t ikm[80], salt[80], info[80], out[82];
    memset(ikm, 0x0b, 22);
    for (uint8_t i = 0; i < 13; i++)
        salt[i] = i;
    for (uint8_t i = 0; i < 10; i++)
        info[i] = (uint8_t)(0xf0 + i);
    hkdf_sha256(out, 42, slice_of(ikm, 22), slice_of(salt, 13), slice_of(info, 10));
    assert_hex(
        out, 42,
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    for (uint8_t i = 0; i < 80; i++) {
        ikm[i] = i;
        salt[i] = (uint8_t)(0x60 + i);
        info[i] = (uint8_t)(0xb0 + i);
    }
    hkdf_sha256(out, 82, slice_of(ikm, 80), slice_of(salt, 80), slice_of(info, 80));
    assert_hex(out, 82,
               "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
               "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
               "cc30c58179ec3e87c14c01d5c1f3434f1d87");
    memset(ikm, 0x0b, 22);
    hkdf_sha256(out, 42, slice_of(ikm, 22), (slice){NULL, 0}, (slice){NULL, 0});
    assert_hex(
        out, 42,
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

/* Random bytes, wiping, comparing */

static void random_bytes_differ(void **state)
{
    (void)state;
    tl_err (*const sources[])(uint8_t *, size_t) = {random_bytes, random_seed};
    for (size_t i = 0; i < 2; i++) {
        uint8_t a[33] = {0}, b[33] = {0}, zero[33] = {0};
        assert_ok(sources[i](a, 32));
        assert_ok(sources[i](b, 32));
        assert_memory_not_equal(a, b, 32);
        assert_memory_not_equal(a, zero, 32);
        assert_memory_not_equal(a + 16, zero, 16);
        assert_int_equal(a[32] | b[32], 0);
        assert_ok(sources[i](a, 0));
    }
}

static void secrets(void **state)
{
    (void)state;
    uint8_t a[] = "secret", b[] = "secrex", zero[7] = {0};
    assert_true(secret_eq(a, b, 5));
    assert_false(secret_eq(a, b, 6));
    assert_true(secret_eq(a, b, 0));
    secret_wipe(a, sizeof a);
    assert_memory_equal(a, zero, sizeof a);
}

/* AES-256-GCM: test cases 13, 14 and 16 of the GCM specification that NIST took */

static void gcm_known_answers(void **state)
{
    (void)state;
    static const struct {
        const char *key, *nonce, *ad, *plain, *sealed;
    } cases[] = {
        {"0000000000000000000000000000000000000000000000000000000000000000",
         "000000000000000000000000", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
        {"0000000000000000000000000000000000000000000000000000000000000000",
         "000000000000000000000000", "", "00000000000000000000000000000000",
         "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
        {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
         "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
         "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
         "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
         "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
         "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
         "76fc6ece0f4e1768cddf8853bb2d551b"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        HEX(key, cases[i].key);
        HEX(nonce, cases[i].nonce);
        HEX(ad, cases[i].ad);
        HEX(plain, cases[i].plain);
        HEX(sealed, cases[i].sealed);
        struct seal_key *k = NULL;
        assert_ok(seal_key_new(&k, key));
        buf b;
        buf_init(&b, 200);
        buf_str(&b, "x");
        for (int again = 0; again < 2; again++) {
            assert_ok(seal(k, &b, nonce, slice_of(ad, ad_n), slice_of(plain, plain_n)));
            assert_int_equal(b.n, 1 + sealed_n);
            assert_memory_equal(b.p + 1, sealed, sealed_n);
            b.n = 1;
            assert_ok(unseal(k, &b, nonce, slice_of(ad, ad_n), slice_of(sealed, sealed_n)));
            assert_int_equal(b.n, 1 + plain_n);
            assert_memory_equal(b.p + 1, plain, plain_n);
            b.n = 1;
        }
        buf_finish(&b);
        seal_key_free(k);
        free(key), free(nonce), free(ad), free(plain), free(sealed);
    }
    seal_key_free(NULL);
}

struct sealed_case {
    uint8_t key[SEAL_KEY], nonce[SEAL_NONCE], ad[21], sealed[40 + SEAL_TAG];
    size_t plain_n;
};

static tl_err open_case(const struct sealed_case *s)
{
    struct seal_key *k = NULL;
    assert_ok(seal_key_new(&k, s->key));
    buf b;
    buf_init(&b, 64);
    buf_str(&b, "kept");
    tl_err err =
        unseal(k, &b, s->nonce, SLICE_ARRAY(s->ad), slice_of(s->sealed, s->plain_n + SEAL_TAG));
    assert_int_equal(b.n, err == TL_OK ? 4 + s->plain_n : 4);
    assert_memory_equal(b.p, "kept", 4);
    /* Nor does what failed to open lie behind the end. */
    if (err != TL_OK)
        for (size_t i = 4; i < 4 + s->plain_n; i++)
            assert_int_equal(b.p[i], 0);
    assert_ok(buf_err(&b));
    buf_finish(&b);
    seal_key_free(k);
    return err;
}

static void every_flipped_bit_stays_sealed(void **state)
{
    (void)state;
    for (size_t plain_n = 0; plain_n <= 40; plain_n += 40) {
        struct sealed_case s = {.plain_n = plain_n};
        struct seal_key *k = NULL;
        uint8_t plain[40];
        memset(plain, 'p', sizeof plain);
        assert_ok(random_bytes(s.key, sizeof s.key));
        assert_ok(random_bytes(s.nonce, sizeof s.nonce));
        assert_ok(random_bytes(s.ad, sizeof s.ad));
        assert_ok(seal_key_new(&k, s.key));
        buf b;
        buf_init_fixed(&b, s.sealed, sizeof s.sealed);
        assert_ok(seal(k, &b, s.nonce, SLICE_ARRAY(s.ad), slice_of(plain, plain_n)));
        seal_key_free(k);
        assert_ok(open_case(&s));
        const struct {
            uint8_t *p;
            size_t n;
        } parts[] = {{s.key, sizeof s.key},
                     {s.nonce, sizeof s.nonce},
                     {s.ad, sizeof s.ad},
                     {s.sealed, plain_n + SEAL_TAG}};
        for (size_t i = 0; i < 4; i++) {
            for (size_t bit = 0; bit < 8 * parts[i].n; bit++) {
                parts[i].p[bit / 8] ^= (uint8_t)(1 << bit % 8);
                assert_err(open_case(&s), TL_E_SEALED);
                parts[i].p[bit / 8] ^= (uint8_t)(1 << bit % 8);
            }
        }
        assert_ok(open_case(&s));
    }
}

static void allocations_fail(void **state)
{
    (void)state;
    uint8_t bytes[32] = {1};
    struct seal_key *sk = NULL;
    struct es256_key *k = NULL;
    test_fail_alloc(1);
    assert_err(seal_key_new(&sk, bytes), TL_E_MEMORY);
    assert_true(test_alloc_failed());
    test_fail_alloc(1);
    assert_err(es256_generate(&k), TL_E_MEMORY);
    assert_true(test_alloc_failed());
    test_fail_alloc(1);
    assert_err(es256_private(&k, bytes), TL_E_MEMORY);
    assert_true(test_alloc_failed());
    test_fail_alloc(0);
    assert_null(sk);
    assert_null(k);
}

static void seal_limits(void **state)
{
    (void)state;
    uint8_t key[SEAL_KEY] = {0}, nonce[SEAL_NONCE] = {0}, sealed[SEAL_TAG + 4];
    struct seal_key *k = NULL;
    assert_ok(seal_key_new(&k, key));
    buf b;
    buf_init_fixed(&b, sealed, sizeof sealed);
    assert_err(seal(k, &b, nonce, (slice){NULL, 0}, slice_str("12345")), TL_E_LIMIT);
    assert_int_equal(b.n, 0);
    buf_reset(&b);
    assert_err(seal(k, &b, nonce, (slice){NULL, 0}, slice_of("", (size_t)INT32_MAX)), TL_E_LIMIT);
    assert_err(seal(k, &b, nonce, slice_of("", (size_t)INT32_MAX + 1), slice_str("")), TL_E_LIMIT);
    assert_ok(seal(k, &b, nonce, (slice){NULL, 0}, slice_str("1234")));
    buf out;
    buf_init(&out, 3);
    assert_err(unseal(k, &out, nonce, (slice){NULL, 0}, SLICE_ARRAY(sealed)), TL_E_LIMIT);
    buf_reset(&out);
    for (size_t n = 0; n < sizeof sealed; n++)
        assert_err(unseal(k, &out, nonce, (slice){NULL, 0}, slice_of(sealed, n)), TL_E_SEALED);
    assert_err(unseal(k, &out, nonce, (slice){NULL, 0}, (slice){NULL, 0}), TL_E_SEALED);
    assert_err(unseal(k, &out, nonce, slice_of("", (size_t)INT32_MAX + 1), SLICE_ARRAY(sealed)),
               TL_E_SEALED);
    assert_err(unseal(k, &out, nonce, (slice){NULL, 0}, slice_of("", (size_t)INT32_MAX + 1)),
               TL_E_SEALED);
    assert_int_equal(out.n, 0);
    buf_finish(&out);
    seal_key_free(k);
}

/* ES256: the key and signatures of RFC 6979 appendix A.2.5 */

#define SCALAR        "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"
#define X             "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
#define Y             "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
#define ORDER         "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
#define SAMPLE_R      "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
#define SAMPLE_S      "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
/* For the digest of "sample", by that key. */
#define AT_INFINITY_R "28815b9a52dcc43d91fe0e07a91bb000f5f475306723ba5e6392aee8be90ee9c"

static tl_err public_of(struct es256_key **out, const char *x, const char *y)
{
    HEX(bx, x);
    HEX(by, y);
    assert_int_equal(bx_n, 32);
    assert_int_equal(by_n, 32);
    tl_err err = es256_public(out, bx, by);
    free(bx), free(by);
    return err;
}

static tl_err private_of(struct es256_key **out, const char *scalar)
{
    HEX(d, scalar);
    assert_int_equal(d_n, 32);
    tl_err err = es256_private(out, d);
    free(d);
    return err;
}

static void es256_keys(void **state)
{
    (void)state;
    struct es256_key *key = NULL, *pub = NULL;
    assert_ok(private_of(&key, SCALAR));
    struct cose_ec2 point;
    es256_point(key, &point);
    assert_int_equal(point.curve, COSE_P256);
    assert_hex(point.x, 32, X);
    assert_hex(point.y, 32, Y);
    uint8_t scalar[32];
    assert_ok(es256_scalar(key, scalar));
    assert_hex(scalar, 32, SCALAR);
    hash32 tp = es256_thumbprint(key);
    assert_hex(tp.b, 32, "750ca40795ab23e51a75dc76fa12c052f6f6c57ba8a732337b91f096592b6ef6");
    assert_ok(public_of(&pub, X, Y));
    hash32 same = es256_thumbprint(pub);
    assert_true(hash_eq(&tp, &same));
    memset(scalar, 9, 32);
    assert_err(es256_scalar(pub, scalar), TL_E_KEY);
    assert_int_equal(scalar[0] & scalar[31], 9);
    struct es256_key *again = es256_ref(key);
    es256_free(key);
    uint8_t signature[64];
    assert_ok(es256_sign(again, &tp, signature));
    assert_ok(es256_verify(pub, &tp, signature));
    /* A public key cannot sign. */
    memset(signature, 9, 64);
    assert_err(es256_sign(pub, &tp, signature), TL_E_CRYPTO);
    assert_int_equal(signature[0] & signature[63], 9);
    es256_free(again);
    es256_free(pub);
    es256_free(NULL);
}

static void es256_private_range(void **state)
{
    (void)state;
    struct es256_key *key = NULL;
    assert_err(private_of(&key, "0000000000000000000000000000000000000000000000000000000000000000"),
               TL_E_KEY);
    assert_err(private_of(&key, ORDER), TL_E_KEY);
    assert_err(private_of(&key, "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"),
               TL_E_KEY);
    assert_null(key);
    assert_ok(private_of(&key, "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550"));
    es256_free(key);
    assert_ok(private_of(&key, "0000000000000000000000000000000000000000000000000000000000000001"));
    struct cose_ec2 g;
    es256_point(key, &g);
    assert_hex(g.x, 32, "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296");
    uint8_t scalar[32];
    assert_ok(es256_scalar(key, scalar)); /* leading zeros kept */
    assert_hex(scalar, 32, "0000000000000000000000000000000000000000000000000000000000000001");
    es256_free(key);
}

static void es256_points_refused(void **state)
{
    (void)state;
    static const char zero[] = "0000000000000000000000000000000000000000000000000000000000000000";
    static const char p[] = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";
    /* On the curve: x = 0, and y = 5. Each also with p added to the small one. */
    static const char y_of_0[] = "66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4";
    static const char x_of_5[] = "d7325d7646cd60d80a92738ceb345f844cffaf35841022cab176f692de8de1d7";
    static const char five[] = "0000000000000000000000000000000000000000000000000000000000000005";
    static const char p_5[] = "ffffffff00000001000000000000000000000001000000000000000000000004";
    struct es256_key *key = NULL;
    assert_err(public_of(&key, zero, zero), TL_E_KEY); /* what infinity would look like */
    assert_err(public_of(&key, p, p), TL_E_KEY);
    assert_err(public_of(&key, p, y_of_0), TL_E_KEY);
    assert_err(public_of(&key, x_of_5, p_5), TL_E_KEY);
    assert_err(public_of(&key, Y, X), TL_E_KEY);
    assert_err(
        public_of(&key, X, "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462298"),
        TL_E_KEY);
    assert_err(public_of(&key, X, zero), TL_E_KEY);
    /* The generator of secp256k1. */
    assert_err(public_of(&key, "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
                         "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"),
               TL_E_KEY);
    assert_null(key);
    assert_ok(public_of(&key, zero, y_of_0));
    es256_free(key);
    assert_ok(public_of(&key, x_of_5, five));
    es256_free(key);
}

static tl_err raw_verify(struct es256_key *key, const char *r, const char *s)
{
    HEX(br, r);
    HEX(bs, s);
    uint8_t raw[64];
    memcpy(raw, br, 32);
    memcpy(raw + 32, bs, 32);
    hash32 h = sha256(slice_str("sample"));
    free(br), free(bs);
    return es256_verify(key, &h, raw);
}

static void es256_signatures_refused(void **state)
{
    (void)state;
    static const char zero[] = "0000000000000000000000000000000000000000000000000000000000000000";
    static const char one[] = "0000000000000000000000000000000000000000000000000000000000000001";
    static const char ones[] = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";
    struct es256_key *key = NULL;
    assert_ok(public_of(&key, X, Y));
    assert_ok(raw_verify(key, SAMPLE_R, SAMPLE_S));
    assert_err(raw_verify(key, SAMPLE_S, SAMPLE_R), TL_E_SIGNATURE);
    static const char *const bad[] = {zero, one, ORDER, ones};
    for (size_t i = 0; i < 4; i++) {
        assert_err(raw_verify(key, bad[i], SAMPLE_S), TL_E_SIGNATURE);
        assert_err(raw_verify(key, SAMPLE_R, bad[i]), TL_E_SIGNATURE);
        for (size_t j = 0; j < 4; j++)
            assert_err(raw_verify(key, bad[i], bad[j]), TL_E_SIGNATURE);
    }
    /* One that leads to the point at infinity: r = -H / d, and any s. */
    for (size_t i = 1; i < 3; i++)
        assert_err(raw_verify(key, AT_INFINITY_R, i == 1 ? one : SAMPLE_S), TL_E_SIGNATURE);
    /* Another digest, and every bit of a signature. */
    hash32 h = sha256(slice_str("sample"));
    HEX(raw, SAMPLE_R SAMPLE_S);
    for (size_t bit = 0; bit < 512; bit++) {
        raw[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_err(es256_verify(key, &h, raw), TL_E_SIGNATURE);
        raw[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_ok(es256_verify(key, &h, raw));
    h.b[31] ^= 1;
    assert_err(es256_verify(key, &h, raw), TL_E_SIGNATURE);
    free(raw);
    es256_free(key);
}

/* A digest that is zero, and numbers r and s that are shorter than 32 bytes. */
static void es256_many_signatures(void **state)
{
    (void)state;
    struct es256_key *key = NULL;
    hash32 h = {{0}};
    uint8_t signature[64];
    size_t short_ones = 0;
    assert_ok(es256_generate(&key));
    /* One of r and s begins with a zero byte in 1 of 128 signatures. */
    for (int i = 0; i < 50 || (short_ones == 0 && i < 10000); i++) {
        assert_ok(es256_sign(key, &h, signature));
        assert_ok(es256_verify(key, &h, signature));
        short_ones += signature[0] == 0 || signature[32] == 0;
        h = sha256(SLICE_ARRAY(signature));
    }
    assert_true(short_ones > 0);
    es256_free(key);
}

static void es256_jobs_judge_one_by_one(void **state)
{
    (void)state;
    struct es256_key *keys[3] = {0};
    struct sign_job jobs[9] = {0};
    assert_ok(es256_generate(&keys[0]));
    assert_ok(es256_generate(&keys[1]));
    assert_ok(public_of(&keys[2], X, Y)); /* cannot sign */
    for (size_t i = 0; i < 9; i++) {
        jobs[i].key = sign_key_es256(keys[i < 6 ? i / 3 : i % 3]);
        jobs[i].digest = sha256(slice_of(&i, sizeof i));
    }
    es256_sign_jobs(jobs, 9);
    for (size_t i = 0; i < 9; i++)
        assert_true(jobs[i].ok == (jobs[i].key.es256 != keys[2]));
    jobs[1].signature[5] ^= 1;
    jobs[4].digest.b[0] ^= 1;
    jobs[6].key.es256 = keys[1];
    es256_verify_jobs(jobs, 9);
    static const bool want[9] = {true, false, true, true, false, true, false, true, false};
    for (size_t i = 0; i < 9; i++)
        assert_true(jobs[i].ok == want[i]);
    es256_sign_jobs(NULL, 0);
    for (size_t i = 0; i < 3; i++)
        es256_free(keys[i]);
}

static struct es256_key *shared_key;

static void *sign_and_verify(void *arg)
{
    size_t *good = arg;
    struct es256_key *key = shared_key;
    hash32 h = sha256(slice_of(arg, sizeof *good));
    for (size_t i = 0; i < 50; i++) {
        struct sign_job jobs[4];
        for (size_t j = 0; j < 4; j++) {
            jobs[j] = (struct sign_job){.key = sign_key_es256(key), .digest = h};
            h = sha256(hash_slice(&h));
        }
        es256_sign_jobs(jobs, 4);
        es256_verify_jobs(jobs, 4);
        for (size_t j = 0; j < 4; j++)
            *good += jobs[j].ok;
    }
    es256_free(key);
    return NULL;
}

static void four_threads_share_a_key(void **state)
{
    (void)state;
    pthread_t threads[4];
    size_t good[4] = {0};
    assert_ok(es256_generate(&shared_key));
    for (size_t i = 0; i < 4; i++) {
        (void)es256_ref(shared_key); /* for the thread, which drops it */
        assert_int_equal(pthread_create(&threads[i], NULL, sign_and_verify, &good[i]), 0);
    }
    es256_free(shared_key);
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(good[i], 200);
    }
}

/* Ed25519: RFC 8032 section 7.1 */

static void ed25519_rfc8032(void **state)
{
    (void)state;
    static const struct {
        const char *seed, *public_key, *message, *signature;
    } cases[] = {
        {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555f"
         "b8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
        {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da08"
         "5ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
        {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
         "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
         "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
         "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
         "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909"
         "351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        HEX(seed, cases[i].seed);
        HEX(message, cases[i].message);
        uint8_t public_key[32], signature[64];
        ed25519_public(seed, public_key);
        assert_hex(public_key, 32, cases[i].public_key);
        slice m = message_n ? slice_of(message, message_n) : (slice){NULL, 0};
        assert_ok(ed25519_sign(seed, m, signature));
        assert_hex(signature, 64, cases[i].signature);
        assert_true(ed25519_verify(public_key, m, signature));
        assert_false(ed25519_verify(public_key, slice_str("other"), signature));
        for (size_t bit = 0; bit < 512; bit++) {
            signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_false(ed25519_verify(public_key, m, signature));
            signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        free(seed), free(message);
    }
}

static bool ed25519_hex(const char *key, const char *signature, const char *message)
{
    HEX(k, key);
    HEX(s, signature);
    assert_int_equal(k_n, 32);
    assert_int_equal(s_n, 64);
    bool ok = ed25519_verify(k, slice_str(message), s);
    free(k), free(s);
    return ok;
}

/* docs/format.md section 1. OpenSSL itself takes all but the last of these. */
static void ed25519_weak_points_refused(void **state)
{
    (void)state;
    /* R = B and S = 1 fit every message under a key that is the identity. */
    static const char any[] = "5866666666666666666666666666666666666666666666666666666666666666"
                              "0100000000000000000000000000000000000000000000000000000000000000";
    assert_false(ed25519_hex("0100000000000000000000000000000000000000000000000000000000000000",
                             any, "any message"));
    /* The same point as y = p + 1. */
    assert_false(ed25519_hex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                             any, "any message"));
    static const char key[] = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8";
    static const char r[] = "6574a604373f338756456a4e502e104e46ba1c66f8ed020731a5a610fa4acb61";
    char signature[129];
    snprintf(signature, sizeof signature, "%s%s", r,
             "9e473221c68411e85d793f017e28a9ca44e6f98c452edf0ec0deceb163c14a04");
    assert_true(ed25519_hex(key, signature, "teelog"));
    /* R is the identity: S = k a fits. */
    assert_false(ed25519_hex(key,
                             "0100000000000000000000000000000000000000000000000000000000000000"
                             "5607177d1f7ce6743b0f7e8ee07fba0170557bc464620a6f0382002e62cace05",
                             "teelog"));
    /* S + L. */
    snprintf(signature, sizeof signature, "%s%s", r,
             "8b1b287ee0e72340341637a45c2288df44e6f98c452edf0ec0deceb163c14a14");
    assert_false(ed25519_hex(key, signature, "teelog"));
}

static bool flagged(const json_t *v, const char *flag)
{
    size_t i;
    json_t *f;
    json_array_foreach(json_object_get(v, "flags"), i,
                       f) if (strcmp(json_string_value(f), flag) == 0) return true;
    return false;
}

/* What our rule takes of C2SP's 914 edge cases is what dalek's verify_strict
 * takes: no flag at all (1), low_order_component_A alone (7), or together with
 * low_order_component_R (35). Those are points of full order that also have a
 * component of small order; RFC 8032 allows them, and where the components
 * cancel out, the equation without the cofactor holds too. All else is refused:
 * low_order_A, low_order_R, non_canonical_A and non_canonical_R by the points,
 * low_order_residue by the equation, and reencoded_k has one of the former. */
static void ed25519_cctv(void **state)
{
    (void)state;
    const char *path = test_vectors("tlog/cctv/ed25519/ed25519vectors.json");
    if (!path)
        skip();
    json_t *root = json_load_file(path, 0, NULL), *v;
    assert_non_null(root);
    size_t i, good = 0;
    json_array_foreach(root, i, v)
    {
        bool want = !flagged(v, "low_order_A") && !flagged(v, "low_order_R") &&
                    !flagged(v, "non_canonical_A") && !flagged(v, "non_canonical_R") &&
                    !flagged(v, "low_order_residue");
        if (ed25519_hex(json_string_value(json_object_get(v, "key")),
                        json_string_value(json_object_get(v, "sig")),
                        json_string_value(json_object_get(v, "msg"))) != want)
            fail_msg("number %zu", i);
        good += want;
    }
    assert_int_equal(i, 914);
    assert_int_equal(good, 43);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes),
        cmocka_unit_test(hash_streams),
        cmocka_unit_test(hmac_rfc4231),
        cmocka_unit_test(hkdf_rfc5869),
        cmocka_unit_test(random_bytes_differ),
        cmocka_unit_test(secrets),
        cmocka_unit_test(gcm_known_answers),
        cmocka_unit_test(every_flipped_bit_stays_sealed),
        cmocka_unit_test(seal_limits),
        cmocka_unit_test(allocations_fail),
        cmocka_unit_test(es256_keys),
        cmocka_unit_test(es256_private_range),
        cmocka_unit_test(es256_points_refused),
        cmocka_unit_test(es256_signatures_refused),
        cmocka_unit_test(es256_many_signatures),
        cmocka_unit_test(es256_jobs_judge_one_by_one),
        cmocka_unit_test(four_threads_share_a_key),
        cmocka_unit_test(ed25519_rfc8032),
        cmocka_unit_test(ed25519_weak_points_refused),
        cmocka_unit_test(ed25519_cctv),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
