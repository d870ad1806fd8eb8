/* TLS under a certificate that attests itself: made, renewed, and in the way of nobody.
 * tee_quote and tee_collateral are wrapped. */
#include "testlib.h"

#include "attest/ratls.h"
#include "gramineratls.h"
#include "http/ra_tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

static atomic_bool quotes_fail, no_collateral;
static atomic_uint quote_ms, quotes, told;

tl_err __real_tee_quote(struct tee *t, const uint8_t report_data[64], buf *quote, buf *event_log,
                        struct tl_why *why);
tl_err __wrap_tee_quote(struct tee *t, const uint8_t report_data[64], buf *quote, buf *event_log,
                        struct tl_why *why);
tl_err __real_tee_collateral(struct tee *t, uint64_t now, buf *json, struct tl_why *why);
tl_err __wrap_tee_collateral(struct tee *t, uint64_t now, buf *json, struct tl_why *why);

tl_err __wrap_tee_quote(struct tee *t, const uint8_t report_data[64], buf *quote, buf *event_log,
                        struct tl_why *why)
{
    usleep(quote_ms * 1000);
    quotes++;
    if (quotes_fail)
        return tl_explain(why, TL_E_TEE, "tee", "out of quotes");
    return __real_tee_quote(t, report_data, quote, event_log, why);
}

tl_err __wrap_tee_collateral(struct tee *t, uint64_t now, buf *json, struct tl_why *why)
{
    return no_collateral ? TL_E_NOT_FOUND : __real_tee_collateral(t, now, json, why);
}

static char *dir;
static struct tee *tee;

static int open_tee(void **state)
{
    (void)state;
    struct tl_why why = {{0}, {0}};
    dir = test_tmpdir();
    quotes_fail = no_collateral = false;
    quote_ms = quotes = told = 0;
    assert_ok(tee_open(&tee, "sim", dir, &why));
    return 0;
}

static int close_tee(void **state)
{
    (void)state;
    tee_close(tee);
    test_rmdir(dir);
    return 0;
}

static void say(void *ctx, const char *text)
{
    (void)ctx;
    assert_non_null(strstr(text, "out of quotes"));
    told++;
}

static int take_any(X509_STORE_CTX *store, void *ctx)
{
    (void)store, (void)ctx;
    return 1;
}

/* A connection in memory. */
struct both {
    SSL_CTX *client_ctx;
    SSL *server, *client;
};

static void shake(struct both *b, SSL_CTX *server)
{
    BIO *near = NULL, *far = NULL;
    assert_non_null(server);
    b->client_ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_cert_verify_callback(b->client_ctx, take_any, NULL);
    SSL_CTX_set_max_cert_list(b->client_ctx, RATLS_MAX + 1024);
    SSL_CTX_set_verify(b->client_ctx, SSL_VERIFY_PEER, NULL);
    assert_int_equal(BIO_new_bio_pair(&near, 1 << 18, &far, 1 << 18), 1);
    b->server = SSL_new(server);
    b->client = SSL_new(b->client_ctx);
    SSL_set_bio(b->server, near, near);
    SSL_set_bio(b->client, far, far);
    SSL_set_accept_state(b->server);
    SSL_set_connect_state(b->client);
    for (int i = 0; i < 4; i++) { /* each waits for the other by turns */
        (void)SSL_do_handshake(b->client);
        (void)SSL_do_handshake(b->server);
    }
    assert_true(SSL_is_init_finished(b->client) && SSL_is_init_finished(b->server));
    assert_int_equal(SSL_version(b->client), TLS1_3_VERSION);
}

static void must_talk(struct both *b)
{
    char got[5] = "";
    assert_int_equal(SSL_write(b->client, "ping", 4), 4);
    assert_int_equal(SSL_read(b->server, got, 4), 4);
    assert_string_equal(got, "ping");
}

static void part(struct both *b)
{
    SSL_free(b->server);
    SSL_free(b->client);
    SSL_CTX_free(b->client_ctx);
}

/* The certificate that a client sees, and its key's digest. */
static hash32 seen(SSL_CTX *ctx, buf *der)
{
    struct both b;
    struct ratls_cert c;
    shake(&b, ctx);
    X509 *cert = SSL_get1_peer_certificate(b.client);
    int n = i2d_X509(cert, NULL);
    buf_init(der, 2 * RATLS_MAX);
    uint8_t *p = buf_grow(der, (size_t)n);
    assert_int_equal(i2d_X509(cert, &p), n);
    X509_free(cert);
    must_talk(&b);
    part(&b);
    assert_ok(ratls_read(&c, buf_slice(der), NULL));
    return sha256(c.cert.spki);
}

/* What a client finds whose policy names the code that the certificate shows. */
static const char *judged(slice der, slice brought)
{
    static struct ratls_report r;
    struct policy_evidence entry = {.platform = PLATFORM_SIMULATOR};
    struct policy policy = {.simulator = true, .evidence = &entry, .evidence_count = 1};
    struct evidence_context context = {
        .time = (uint64_t)time(NULL),
        .brought = &brought,
        .brought_count = brought.p ? 1 : 0,
    };
    ratls_verify(&r, der, RATLS_SERVICE, &context);
    if (strcmp(r.stage, "pin") != 0) /* without a policy, that is what is left */
        return r.stage;
    uint8_t mrenclave[32];
    memcpy(mrenclave, r.evidence.code.mrenclave, sizeof mrenclave);
    entry.simulator_root = r.evidence.code.root;
    entry.mrenclave = (struct measurement_list){1, 32, mrenclave};
    context.policy = &policy;
    ratls_verify(&r, der, RATLS_SERVICE, &context);
    return r.ok ? "ok" : r.stage;
}

static void test_made(void **state)
{
    (void)state;
    struct tl_why why = {{0}, {0}};
    buf json, full, small, large;
    SSL_CTX *ctx = NULL;
    uint64_t now = (uint64_t)time(NULL);
    buf_init(&json, 1 << 20);
    assert_ok(tee_collateral(tee, now, &json, &why));
    assert_ok(ra_tls_make(&ctx, tee, buf_slice(&json), now, 60, &why));
    (void)seen(ctx, &full);
    SSL_CTX_free(ctx);
    assert_string_equal(judged(buf_slice(&full), (slice){NULL, 0}), "ok");
    assert_ok(ra_tls_make(&ctx, tee, (slice){NULL, 0}, now, 60, &why));
    (void)seen(ctx, &small);
    SSL_CTX_free(ctx);
    assert_string_equal(judged(buf_slice(&small), (slice){NULL, 0}), "collateral");
    assert_string_equal(judged(buf_slice(&small), buf_slice(&json)), "ok");
    assert_true(small.n < 16384);
    /* Gramine's verifier goes on to judge the quotes of both. */
    struct ratls_cert c;
    assert_ok(ratls_read(&c, buf_slice(&full), NULL));
    assert_null(gramine_refuses(buf_slice(&full), c.cert.extensions));
    assert_ok(ratls_read(&c, buf_slice(&small), NULL));
    assert_null(gramine_refuses(buf_slice(&small), c.cert.extensions));
    /* It was good until a minute after it was made. */
    assert_ok(ra_tls_make(&ctx, tee, (slice){NULL, 0}, now - 61, 60, &why));
    buf_finish(&small);
    (void)seen(ctx, &small);
    SSL_CTX_free(ctx);
    assert_string_equal(judged(buf_slice(&small), buf_slice(&json)), "certificate-time");
    /* What would make it too large stays out. */
    while (json.n < RATLS_MAX)
        buf_u8(&json, ' ');
    assert_ok(ra_tls_make(&ctx, tee, buf_slice(&json), now, 60, &why));
    (void)seen(ctx, &large);
    SSL_CTX_free(ctx);
    assert_true(large.n < 16384);
    quotes_fail = true;
    SSL_CTX *none = NULL;
    assert_err(ra_tls_make(&none, tee, (slice){NULL, 0}, now, 60, &why), TL_E_TEE);
    assert_null(none);
    buf_finish(&json);
    buf_finish(&full);
    buf_finish(&small);
    buf_finish(&large);
}

static hash32 shown(struct ra_tls *r, const char *want)
{
    buf der;
    SSL_CTX *ctx = ra_tls_context(r);
    hash32 key = seen(ctx, &der);
    SSL_CTX_free(ctx);
    assert_string_equal(judged(buf_slice(&der), (slice){NULL, 0}), want);
    buf_finish(&der);
    return key;
}

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Waits for a certificate of another key that is judged so, and asks for one all the time:
 * nobody waits for a quote. */
static void await_another(struct ra_tls *r, hash32 key, const char *want)
{
    for (uint64_t until = now_ms() + 20000; now_ms() < until; usleep(20000)) {
        uint64_t before = now_ms();
        SSL_CTX *ctx = ra_tls_context(r);
        assert_true(now_ms() - before < quote_ms / 2 + 100);
        SSL_CTX_free(ctx);
        if (atomic_load(&quotes) > 1) {
            buf der;
            ctx = ra_tls_context(r);
            hash32 other = seen(ctx, &der);
            bool found = !hash_eq(&other, &key) &&
                         strcmp(judged(buf_slice(&der), (slice){NULL, 0}), want) == 0;
            SSL_CTX_free(ctx);
            buf_finish(&der);
            if (found)
                return;
        }
    }
    fail_msg("no other certificate in 20 seconds");
}

static void test_renewed(void **state)
{
    (void)state;
    struct tl_why why = {{0}, {0}};
    struct ra_tls *r = NULL;
    struct both old;
    const struct ra_tls_options o = {.tee = tee, .renew_s = 1, .say = say};
    assert_ok(ra_tls_start(&r, &o, &why));
    hash32 first = shown(r, "ok");
    SSL_CTX *ctx = ra_tls_context(r);
    shake(&old, ctx);
    SSL_CTX_free(ctx);
    quote_ms = 400;
    await_another(r, first, "ok");
    must_talk(&old); /* a connection of before goes on */
    part(&old);
    ra_tls_stop(r);
    assert_int_equal(told, 0);
}

/* Trouble is told once; the certificate that is there stays; and then all is well again. */
static void test_trouble(void **state)
{
    (void)state;
    struct tl_why why = {{0}, {0}};
    struct ra_tls *r = NULL;
    const struct ra_tls_options o = {.tee = tee, .renew_s = 1, .say = say};
    quotes_fail = true;
    assert_err(ra_tls_start(&r, &o, &why), TL_E_TEE);
    assert_string_equal(why.text, "out of quotes");
    quotes_fail = false;
    assert_ok(ra_tls_start(&r, &o, &why));
    hash32 first = shown(r, "ok");
    quotes_fail = true;
    for (int i = 0; i < 1000 && atomic_load(&quotes) < 4; i++)
        usleep(20000);
    assert_true(quotes >= 4);
    assert_int_equal(told, 1);
    SSL_CTX *ctx = ra_tls_context(r);
    buf der;
    hash32 same = seen(ctx, &der);
    assert_true(hash_eq(&first, &same));
    SSL_CTX_free(ctx);
    buf_finish(&der);
    quotes_fail = false;
    await_another(r, first, "ok");
    ra_tls_stop(r);
    ra_tls_stop(NULL);
}

/* Hardware makes no collateral: it is given, later, and again. */
static void test_given(void **state)
{
    (void)state;
    struct tl_why why = {{0}, {0}};
    struct ra_tls *r = NULL;
    const struct ra_tls_options o = {.tee = tee, .say = say}, small = {.tee = tee, .small = true};
    buf json;
    buf_init(&json, 1 << 20);
    assert_ok(tee_collateral(tee, (uint64_t)time(NULL), &json, &why));
    no_collateral = true;
    assert_ok(ra_tls_start(&r, &o, &why));
    hash32 first = shown(r, "collateral");
    ra_tls_give_collateral(r, buf_slice(&json));
    await_another(r, first, "ok");
    ra_tls_stop(r);
    assert_ok(ra_tls_start(&r, &small, &why));
    first = shown(r, "collateral");
    ra_tls_give_collateral(r, buf_slice(&json));
    await_another(r, first, "collateral");
    ra_tls_stop(r);
    buf_finish(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_made, open_tee, close_tee),
        cmocka_unit_test_setup_teardown(test_renewed, open_tee, close_tee),
        cmocka_unit_test_setup_teardown(test_trouble, open_tee, close_tee),
        cmocka_unit_test_setup_teardown(test_given, open_tee, close_tee),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
