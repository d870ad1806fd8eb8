#include "crypto/hash.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* Fetching a digest costs more than hashing a short message, so it is done
 * once, and each thread keeps a context. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t context_key;
static EVP_MD *md_sha256, *md_sha384;

_Noreturn static void broken(const char *what)
{
    fprintf(stderr, "teelog: %s failed inside OpenSSL; stopping\n", what);
    abort();
}

static void free_context(void *p)
{
    EVP_MD_CTX_free(p);
}

static void set_up(void)
{
    md_sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    md_sha384 = EVP_MD_fetch(NULL, "SHA384", NULL);
    if (!md_sha256 || !md_sha384 || pthread_key_create(&context_key, free_context) != 0)
        broken("setting up SHA-2");
}

/* After set_up. */
static EVP_MD_CTX *context(void)
{
    EVP_MD_CTX *c = pthread_getspecific(context_key);
    if (c)
        return c;
    c = EVP_MD_CTX_new();
    if (!c || pthread_setspecific(context_key, c) != 0)
        broken("setting up SHA-2");
    return c;
}

/* out has room for the digest. */
static void digest_parts(const EVP_MD *md, const slice *parts, size_t n, uint8_t *out)
{
    EVP_MD_CTX *c = context();
    int ok = EVP_DigestInit_ex2(c, md, NULL);
    for (size_t i = 0; i < n; i++)
        ok = ok && (parts[i].n == 0 || EVP_DigestUpdate(c, parts[i].p, parts[i].n));
    if (!ok || !EVP_DigestFinal_ex(c, out, NULL))
        broken("SHA-2");
}

hash32 sha256_parts(const slice *parts, size_t n)
{
    hash32 out;
    pthread_once(&once, set_up);
    digest_parts(md_sha256, parts, n, out.b);
    return out;
}

hash32 sha256(slice s)
{
    return sha256_parts(&s, 1);
}

void sha384_parts(const slice *parts, size_t n, uint8_t out[48])
{
    pthread_once(&once, set_up);
    digest_parts(md_sha384, parts, n, out);
}

void sha512(slice s, uint8_t out[64])
{
    size_t n = 64;
    if (!EVP_Q_digest(NULL, "SHA512", NULL, s.n ? s.p : (const uint8_t *)"", s.n, out, &n) ||
        n != 64)
        broken("SHA-512");
}

void sha384(slice s, uint8_t out[48])
{
    sha384_parts(&s, 1, out);
}

/* RFC 2104, over the digest that is set up already: OpenSSL's own fetches it anew for
 * each message, which costs four times as much as a short one does. */
hash32 hmac_sha256(slice key, slice message)
{
    uint8_t pad[64] = {0};
    hash32 digest = {{0}};
    if (key.n > sizeof pad) {
        digest = sha256(key);
        key = hash_slice(&digest);
    }
    if (key.n)
        memcpy(pad, key.p, key.n);
    for (size_t i = 0; i < sizeof pad; i++)
        pad[i] ^= 0x36;
    const slice inner[] = {SLICE_ARRAY(pad), message};
    digest = sha256_parts(inner, 2);
    for (size_t i = 0; i < sizeof pad; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    const slice outer[] = {SLICE_ARRAY(pad), hash_slice(&digest)};
    digest = sha256_parts(outer, 2);
    OPENSSL_cleanse(pad, sizeof pad);
    return digest;
}

/* An octet string that is empty still needs a pointer. */
static OSSL_PARAM octets(const char *name, slice s)
{
    static uint8_t none;
    void *p = s.n ? (void *)(uintptr_t)s.p : &none;
    return OSSL_PARAM_construct_octet_string(name, p, s.n);
}

void hkdf_sha256(uint8_t *out, size_t out_n, slice ikm, slice salt, slice info)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *c = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        octets(OSSL_KDF_PARAM_KEY, ikm),
        octets(OSSL_KDF_PARAM_SALT, salt),
        octets(OSSL_KDF_PARAM_INFO, info),
        OSSL_PARAM_construct_end(),
    };
    if (!c || EVP_KDF_derive(c, out, out_n, params) != 1)
        broken("HKDF");
    EVP_KDF_CTX_free(c);
    EVP_KDF_free(kdf);
}

struct sha256_stream {
    EVP_MD_CTX *c;
};

struct sha256_stream *sha256_stream_new(void)
{
    pthread_once(&once, set_up);
    struct sha256_stream *s = calloc(1, sizeof *s);
    if (!s || !(s->c = EVP_MD_CTX_new()) || !EVP_DigestInit_ex2(s->c, md_sha256, NULL))
        broken("SHA-256");
    return s;
}

void sha256_stream_add(struct sha256_stream *s, slice bytes)
{
    if (bytes.n && !EVP_DigestUpdate(s->c, bytes.p, bytes.n))
        broken("SHA-256");
}

hash32 sha256_stream_end(struct sha256_stream *s)
{
    hash32 out;
    if (!EVP_DigestFinal_ex(s->c, out.b, NULL))
        broken("SHA-256");
    EVP_MD_CTX_free(s->c);
    free(s);
    return out;
}
