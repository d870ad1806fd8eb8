/* A client and whoever answers in a service's place: under --peer-policy nothing is said
 * to one that does not show the code which the policy names, nor to one that shows the
 * certificate of a service without having its key. */
#include "testlib.h"

#include "client/link.c"
#include "client/link_url.c"

#include "http/ra_tls.h"
#include "http/tls.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/x509v3.h>
#include <pthread.h>

static char *dir;
static struct tee *here;
static SSL_CTX *genuine;
static X509 *cert; /* genuine's */
static struct policy_evidence entry = {.platform = PLATFORM_SIMULATOR};
static struct policy policy = {.simulator = true, .evidence = &entry, .evidence_count = 1};
static uint8_t mrenclave[32];

/* A policy that names what the certificate shows. */
static void pin(void)
{
    static struct ratls_report r;
    uint8_t *der = NULL;
    int n = i2d_X509(cert, &der);
    const struct evidence_context context = {.time = (uint64_t)time(NULL)};
    ratls_verify(&r, slice_of(der, (size_t)n), RATLS_SERVICE, &context);
    assert_string_equal(r.stage, "pin");
    memcpy(mrenclave, r.evidence.code.mrenclave, sizeof mrenclave);
    entry.simulator_root = r.evidence.code.root;
    entry.mrenclave = (struct measurement_list){1, 32, mrenclave};
    OPENSSL_free(der);
}

static int set_up_service(void **state)
{
    (void)state;
    struct tl_why w = {{0}, {0}};
    buf json;
    uint64_t now = (uint64_t)time(NULL);
    buf_init(&json, 1 << 20);
    dir = test_tmpdir();
    assert_ok(tee_open(&here, "sim", dir, &w));
    assert_ok(tee_collateral(here, now, &json, &w));
    assert_ok(ra_tls_make(&genuine, here, buf_slice(&json), now, 3600, &w));
    cert = SSL_CTX_get0_certificate(genuine);
    pin();
    buf_finish(&json);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    SSL_CTX_free(genuine);
    tee_close(here);
    test_rmdir(dir);
    return 0;
}

/* ---- who answers ---- */

struct answerer {
    SSL_CTX *ctx;
    int listener;
    bool shook; /* the handshake came to its end here */
    ssize_t heard;
};

static void *answer(void *ctx)
{
    struct answerer *a = ctx;
    char byte;
    int fd = accept(a->listener, NULL, NULL);
    SSL *ssl = SSL_new(a->ctx);
    SSL_set_fd(ssl, fd);
    a->shook = SSL_accept(ssl) == 1;
    a->heard = a->shook ? SSL_read(ssl, &byte, 1) : 0;
    SSL_free(ssl);
    close(fd);
    return NULL;
}

/* What a client finds who dials it. */
static tl_err dial(SSL_CTX *ctx, const struct link_trust *trust, struct tl_why *why)
{
    struct answerer a = {.ctx = ctx, .listener = socket(AF_INET, SOCK_STREAM, 0)};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    struct link_url url;
    struct link l = {.fd = -1};
    pthread_t thread;
    char text[64];
    memset(why, 0, sizeof *why);
    assert_int_equal(bind(a.listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(a.listener, 1), 0);
    assert_int_equal(getsockname(a.listener, (struct sockaddr *)&at, &n), 0);
    snprintf(text, sizeof text, "https://127.0.0.1:%u", ntohs(at.sin_port));
    assert_ok(link_url_read(&url, text, why));
    assert_int_equal(pthread_create(&thread, NULL, answer, &a), 0);
    tl_err err = link_open_url(&l, &url, trust, why);
    if (err == TL_OK) {
        assert_true(l.simulated);
        assert_int_equal(link_write(&l, "x", 1), 1);
    }
    link_close(&l);
    pthread_join(thread, NULL);
    close(a.listener);
    if (err != TL_OK)
        assert_true(a.heard <= 0);
    return err;
}

static void must_refuse(SSL_CTX *ctx, const struct link_trust *trust, tl_err want,
                        const char *words)
{
    struct tl_why w;
    assert_err(dial(ctx, trust, &w), want);
    if (!strstr(w.text, words))
        fail_msg("no \"%s\" in \"%s\"", words, w.text);
}

static const struct link_trust attested = {.policy = &policy};

static void the_right_one(void **state)
{
    (void)state;
    struct tl_why w;
    assert_ok(dial(genuine, &attested, &w));
}

static void other_code(void **state)
{
    (void)state;
    mrenclave[0] ^= 1;
    must_refuse(genuine, &attested, TL_E_AUTH, ": code: ");
    mrenclave[0] ^= 1;
    entry.mrenclave.count = 0;
    must_refuse(genuine, &attested, TL_E_AUTH, ": pin: ");
    entry.mrenclave.count = 1;
    policy.evidence_count = 0;
    policy.simulator = false;
    must_refuse(genuine, &attested, TL_E_AUTH, "not good under the policy for it: ");
    policy.evidence_count = 1;
    policy.simulator = true;
}

/* Without the policy, its certificate goes back to no root. */
static void no_policy(void **state)
{
    (void)state;
    const struct link_trust system = {.ca_file = NULL};
    must_refuse(genuine, &system, TL_E_AUTH, "not good: self");
}

/* A public key of one pair and a private one of another, as OpenSSL takes it. */
static EVP_PKEY *forged_key(const EVP_PKEY *public_half)
{
    uint8_t point[65];
    size_t n;
    BIGNUM *scalar = NULL;
    EVP_PKEY *own = EVP_EC_gen("P-256"), *forged = NULL;
    assert_int_equal(EVP_PKEY_get_octet_string_param(
                         public_half, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point, sizeof point, &n),
                     1);
    assert_int_equal(EVP_PKEY_get_bn_param(own, OSSL_PKEY_PARAM_PRIV_KEY, &scalar), 1);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, n);
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, scalar);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    assert_int_equal(EVP_PKEY_fromdata_init(c), 1);
    assert_int_equal(EVP_PKEY_fromdata(c, &forged, EVP_PKEY_KEYPAIR, params), 1);
    EVP_PKEY_CTX_free(c);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_clear_free(scalar);
    EVP_PKEY_free(own);
    return forged;
}

/* Replayed: the certificate is good to the last byte, and who shows it has no key. */
static void copied_certificate(void **state)
{
    (void)state;
    SSL_CTX *ctx = NULL;
    EVP_PKEY *key = forged_key(X509_get0_pubkey(cert));
    assert_ok(tls_from_key(&ctx, cert, key));
    must_refuse(ctx, &attested, TL_E_IO, "no TLS 1.3");
    SSL_CTX_free(ctx);
    EVP_PKEY_free(key);
}

/* Relayed: the evidence in a certificate over a key of one's own. */
static void copied_evidence(void **state)
{
    (void)state;
    SSL_CTX *ctx = NULL;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *copy = X509_dup(cert);
    assert_int_equal(X509_set_pubkey(copy, key), 1);
    assert_int_not_equal(X509_sign(copy, key, EVP_sha256()), 0);
    assert_ok(tls_from_key(&ctx, copy, key));
    must_refuse(ctx, &attested, TL_E_AUTH, ": claims: ");
    SSL_CTX_free(ctx);
    /* As it came, but for the key that it is signed by. */
    X509_free(copy);
    copy = X509_dup(cert);
    assert_int_not_equal(X509_sign(copy, key, EVP_sha256()), 0);
    EVP_PKEY *forged = forged_key(X509_get0_pubkey(cert));
    assert_ok(tls_from_key(&ctx, copy, forged));
    must_refuse(ctx, &attested, TL_E_AUTH, ": self-signature: ");
    SSL_CTX_free(ctx);
    X509_free(copy);
    EVP_PKEY_free(forged);
    EVP_PKEY_free(key);
}

/* One that a CA might have made: nothing stands in for evidence. */
static void no_evidence(void **state)
{
    (void)state;
    SSL_CTX *ctx = NULL;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *plain = X509_dup(cert);
    while (X509_get_ext_count(plain))
        X509_EXTENSION_free(X509_delete_ext(plain, 0));
    X509_EXTENSION *name = X509V3_EXT_nconf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
    assert_int_equal(X509_add_ext(plain, name, -1), 1);
    X509_EXTENSION_free(name);
    assert_int_equal(X509_set_pubkey(plain, key), 1);
    assert_int_not_equal(X509_sign(plain, key, EVP_sha256()), 0);
    assert_ok(tls_from_key(&ctx, plain, key));
    must_refuse(ctx, &attested, TL_E_AUTH, ": claims: it carries no evidence");
    SSL_CTX_free(ctx);
    X509_free(plain);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_one),   cmocka_unit_test(other_code),
        cmocka_unit_test(no_policy),       cmocka_unit_test(copied_certificate),
        cmocka_unit_test(copied_evidence), cmocka_unit_test(no_evidence),
    };
    return cmocka_run_group_tests(tests, set_up_service, tear_down);
}
