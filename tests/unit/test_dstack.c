/* tdx-dstack: quotes, logs and keys of a stand-in of dstack's agent, and everything that
 * an agent can do wrong. */
#include "testlib.h"

#include "fakeagent.h"

#include "codec/der.h"
#include "crypto/secret.h"
#include "tee/agent.h"
#include "tee/dstack.h"

#include <pthread.h>
#include <sys/stat.h>
#include <time.h>

#define PATIENCE_MS 300

static struct fake_agent agent;

static struct tee *open_at(const char *path, unsigned patience_ms)
{
    struct tee *t = NULL;
    struct tl_why why = {0};
    assert_ok(dstack_open_at(&t, path, patience_ms, &why));
    return t;
}

static struct tee *start(const char *name)
{
    fake_agent_start(&agent, name);
    return open_at(agent.path, AGENT_ANSWER_MS);
}

static void stop(struct tee *t)
{
    tee_close(t);
    fake_agent_stop(&agent);
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- what is right ---- */

static void pin(struct measurement_list *list, uint8_t *bytes, size_t size)
{
    *list = (struct measurement_list){.count = 1, .size = size, .bytes = bytes};
}

/* As a relying party with a policy that pins all that a dstack guest has. */
static void judge(struct evidence_report *r, const struct tee *t, slice quote, slice log,
                  bool other_compose)
{
    struct fake_evidence *f = &agent.evidence;
    struct evidence e = {slice_str(tee_platform(t)), quote, log};
    static char kms[] = "kms:3059";
    static char *providers[] = {kms};
    uint8_t compose[32];
    memcpy(compose, f->dstack.compose_hash, 32);
    compose[0] ^= other_compose;
    pin(&f->entry.mrtd, f->dcap.quote.td.mr_td, 48);
    pin(&f->entry.rtmr0, f->dstack.rtmr[0], 48);
    pin(&f->entry.rtmr1, f->dstack.rtmr[1], 48);
    pin(&f->entry.rtmr2, f->dstack.rtmr[2], 48);
    pin(&f->entry.compose_hash, compose, 32);
    pin(&f->entry.app_id, f->dstack.app_id, 20);
    f->entry.key_providers = providers;
    f->entry.key_provider_count = 1;
    f->context.policy = &f->policy;
    evidence_verify(r, &e, f->collateral, &f->context);
}

static void good_quote(const char *socket, const char *target, const char *more)
{
    static struct evidence_report r;
    struct tl_why why = {0};
    struct tee *t = start(socket);
    uint8_t data[64];
    buf quote, log;
    buf_init(&quote, TEE_QUOTE_MAX);
    buf_init(&log, TEE_EVENT_LOG_MAX);
    memset(data, 0x7c, sizeof data);
    assert_ok(tee_quote(t, data, &quote, &log, &why));
    assert_int_equal(strncmp(agent.request, target, strlen(target)), 0);
    assert_non_null(strstr(agent.request, more));
    judge(&r, t, buf_slice(&quote), buf_slice(&log), false);
    fake_evidence_expect(&r, socket, NULL);
    assert_false(r.simulated);
    assert_int_equal(r.pin, CODE_PINNED);
    assert_memory_equal(r.report_data, data, 64);
    assert_memory_equal(r.code.compose_hash, agent.evidence.dstack.compose_hash, 32);
    assert_memory_equal(r.code.app_id, agent.evidence.dstack.app_id, 20);
    judge(&r, t, buf_slice(&quote), buf_slice(&log), true);
    assert_true(r.genuine);
    assert_false(r.code_ok);
    buf_finish(&quote);
    buf_finish(&log);
    stop(t);
}

static void quotes_verify(void **state)
{
    (void)state;
    good_quote("dstack.sock", "POST /GetQuote HTTP/1.1\r\n", "7c7c\"}");
    good_quote("tappd.sock", "POST /prpc/Tappd.TdxQuote?json HTTP/1.1\r\n",
               "7c7c\",\"hash_algorithm\":\"raw\"}");
}

/* Through the front door it is a stand-in: its evidence is a simulator's, without a log. */
static void stand_in_is_simulated(void **state)
{
    (void)state;
    struct tl_why why = {0};
    struct tee *t = start("dstack.sock"), *named = NULL;
    char kind[200];
    uint8_t data[64] = {1}, real[32], simulated[32];
    buf quote, log;
    buf_init(&quote, TEE_QUOTE_MAX);
    buf_init(&log, TEE_EVENT_LOG_MAX);
    snprintf(kind, sizeof kind, "tdx-dstack:%s", agent.path);
    assert_ok(tee_open(&named, kind, agent.dir, &why));
    assert_true(tee_simulated(named));
    assert_string_equal(tee_sealing(named), "stand-in");
    assert_string_equal(tee_platform(named), "simulator");
    assert_string_equal(tee_platform(t), "tdx-dstack");
    assert_ok(tee_quote(named, data, &quote, &log, &why));
    assert_true(quote.n > 0);
    assert_int_equal(log.n, 0);
    assert_ok(tee_sealing_key(t, real, &why));
    assert_ok(tee_sealing_key(named, simulated, &why));
    assert_memory_not_equal(real, simulated, 32);
    buf_finish(&quote);
    buf_finish(&log);
    tee_close(named);
    stop(t);
}

static void expect_key(struct tee *t, const uint8_t secret[32])
{
    static const char label[] = "teelog/platform/tdx-dstack/v1";
    struct tl_why why = {0};
    uint8_t key[32], want[32];
    hkdf_sha256(want, 32, slice_of(secret, 32), slice_of(NULL, 0), slice_str(label));
    assert_ok(tee_sealing_key(t, key, &why));
    assert_memory_equal(key, want, 32);
    assert_memory_not_equal(key, secret, 32);
    assert_ok(tee_sealing_key(t, key, &why));
    assert_memory_equal(key, want, 32);
    assert_true(tee_keeps_keys(t));
}

static void sealing_key(void **state)
{
    (void)state;
    uint8_t secret[32];
    struct tee *t = start("dstack.sock");
    assert_ok(hex_read(secret, 32, slice_str(FAKE_AGENT_KEY)));
    expect_key(t, secret);
    assert_string_equal(tee_sealing(t), "dstack GetKey");
    assert_int_equal(strncmp(agent.request, "POST /GetKey HTTP/1.1\r\n", 23), 0);
    assert_non_null(strstr(agent.request, "\r\n\r\n{\"path\":\"teelog/sealing/v1\"}"));
    stop(t);
}

/* PKCS #8 in PEM with JSON's escapes, as the legacy agent writes it. */
static void put_pem(char out[1024], const uint8_t scalar[32])
{
    static const uint8_t ec_key[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
    static const uint8_t p256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    buf der, text;
    buf_init(&der, 1024);
    buf_init(&text, 1024);
    size_t whole = der_begin(&der);
    der_put_uint(&der, 0);
    size_t at = der_begin(&der);
    der_put(&der, DER_OID, SLICE_ARRAY(ec_key));
    der_put(&der, DER_OID, SLICE_ARRAY(p256));
    der_end(&der, at, DER_SEQUENCE);
    size_t octets = der_begin(&der);
    size_t key = der_begin(&der);
    der_put_uint(&der, 1);
    der_put(&der, DER_OCTET_STRING, slice_of(scalar, 32));
    der_end(&der, key, DER_SEQUENCE);
    der_end(&der, octets, DER_OCTET_STRING);
    der_end(&der, whole, DER_SEQUENCE);
    base64_put(&text, buf_slice(&der));
    snprintf(out, 1024,
             "-----BEGIN PRIVATE KEY-----\\n%.64s\\r\\n%.*s\\n-----END PRIVATE KEY-----\\n",
             (const char *)text.p, (int)text.n - 64, (const char *)text.p + 64);
    buf_finish(&der);
    buf_finish(&text);
}

static void legacy_sealing_key(void **state)
{
    (void)state;
    char pem[1024];
    uint8_t secret[32];
    struct tee *t = start("tappd.sock");
    memset(secret, 0x99, sizeof secret);
    put_pem(pem, secret);
    agent.key = pem;
    expect_key(t, secret);
    assert_string_equal(tee_sealing(t), "dstack DeriveKey");
    assert_non_null(strstr(agent.request, "POST /prpc/Tappd.DeriveKey?json HTTP/1.1\r\n"));
    stop(t);
}

static void identity(void **state)
{
    (void)state;
    struct tee *t = start("dstack.sock");
    buf text;
    buf_init(&text, 1000);
    tee_identity(t, &text);
    assert_true(slice_eq_str(buf_slice(&text), "app-id a1a1, compose-hash c2c2"));
    buf_reset(&text);
    agent.raw = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    tee_identity(t, &text);
    assert_int_equal(text.n, 0);
    buf_finish(&text);
    stop(t);
}

/* ---- what is wrong ---- */

static struct tl_why said;

/* What a quote comes to; nothing is left of a bad one. */
static void refused(struct tee *t, const char *name, const char *says)
{
    const uint8_t data[64] = {0x31};
    buf quote, log;
    buf_init(&quote, TEE_QUOTE_MAX);
    buf_init(&log, TEE_EVENT_LOG_MAX);
    memset(&said, 0, sizeof said);
    int64_t begun = now_ms();
    tl_err err = tee_quote(t, data, &quote, &log, &said);
    if (err != TL_E_TEE || !strstr(said.text, says))
        fail_msg("%s: %s: %s", name, tl_err_name(err), said.text);
    assert_string_equal(said.field, "tee");
    assert_true(now_ms() - begun < 5000);
    assert_int_equal(quote.n, 0);
    assert_int_equal(log.n, 0);
    buf_finish(&quote);
    buf_finish(&log);
}

static void other_quotes(void **state)
{
    (void)state;
    static const uint8_t before[64] = {0x30};
    struct tee *t = start("dstack.sock");
    agent.other_data = true;
    refused(t, "other data", "other report data than was asked for");
    agent.other_data = false;
    agent.stale = before;
    refused(t, "stale", "other report data than was asked for");
    agent.stale = NULL;
    agent.event_log = "";
    refused(t, "no log", "event_log is missing or empty");
    agent.event_log = "[]";
    refused(t, "an empty log", "cannot be used: ");
    agent.event_log = "[";
    refused(t, "no JSON", "cannot be used: ");
    agent.event_log = NULL;
    for (size_t i = 0; i < 4; i++) {
        agent.evidence.spoil[i] = 1;
        refused(t, "a log that does not replay", "RTMR");
        agent.evidence.spoil[i] = 0;
    }
    stop(t);
}

static void an_enclaves_quote(void **state)
{
    (void)state;
    static struct fake_dcap sgx;
    struct tee *t = start("dstack.sock");
    buf json;
    buf_init(&json, 100000);
    assert_ok(fake_dcap_init(&sgx, SIM_SGX_V4));
    assert_ok(fake_dcap_make(&sgx));
    buf_str(&json, "{\"event_log\":\"[]\",\"quote\":\"");
    hex_put(&json, buf_slice(&sgx.quote_bytes));
    buf_str(&json, "\"}");
    buf_u8(&json, 0);
    agent.json = (const char *)json.p;
    refused(t, "SGX", "none of a TDX guest");
    fake_dcap_finish(&sgx);
    buf_finish(&json);
    stop(t);
}

#define HEAD "HTTP/1.1 200 OK\r\n"

/* Whole answers that are wrong. */
static void hostile_answers(void **state)
{
    (void)state;
    static const struct {
        const char *raw, *says;
    } cases[] = {
        {"", "ended the connection after 0 bytes"},
        {"HTTP/1.1 200", "ended the connection after 12 bytes"},
        {HEAD "Content-Length: 10\r\n\r\n{}", "ended the connection after"},
        {"SSH-2.0-OpenSSH\r\n\r\n", "is no agent of dstack's"},
        {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", "is no agent of dstack's"},
        {"HTTP/1.1 100 Continue\r\n\r\n", "its status is none"},
        {"HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\nContent-Length: 0\r\n\r\n",
         "refuses /GetQuote (HTTP 302); "},
        {"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\n{}", "(HTTP 500); its log"},
        {"HTTP/1.1 400 Bad Request\r\nContent-Length: 17\r\n\r\n{\"error\":\"no TD\"}",
         "(HTTP 400): no TD; its log"},
        {"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", "(HTTP 204)"},
        {HEAD "\r\n{}", "does not say its length"},
        {HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "transfer coding"},
        {HEAD "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", "Content-Length twice"},
        {HEAD "Content-Length: 1048577\r\n\r\n{}", "more than 1 MiB"},
        {HEAD "Content-Length: -1\r\n\r\n{}", "is no number"},
        {HEAD "Content-Length: 2, 2\r\n\r\n{}", "is no number"},
        {HEAD "Content-Length : 2\r\n\r\n{}", "is no field"},
        {HEAD "Content-Length: 2\r\n folded\r\n\r\n{}", "is no field"},
        {HEAD "Content-Length: 0\r\n\r\n", "the JSON cannot be read"},
        {HEAD "Content-Length: 2\r\n\r\n{}", "event_log is missing"},
    };
    struct tee *t = start("dstack.sock");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        agent.raw = cases[i].raw;
        refused(t, cases[i].raw, cases[i].says);
    }
    stop(t);
}

static void hostile_json(void **state)
{
    (void)state;
    static const struct {
        const char *json, *says;
    } cases[] = {
        {"[]", "the JSON"},
        {"null", "the JSON"},
        {"{\"quote\":\"00\",\"event_log\":\"[]\"} ,", "the JSON"},
        {"{\"quote\":\"00\",\"event_log\":\"[]\"", "the JSON"},
        {"{\"quote\":\"00\",\"quote\":\"00\",\"event_log\":\"[]\"}", "the JSON"},
        {"{\"quote\":5,\"event_log\":\"[]\"}", "the JSON"},
        {"{\"quote\":\"00\",\"event_log\":[]}", "the JSON"},
        {"{\"quote\":null,\"event_log\":\"[]\"}", "the JSON"},
        {"{\"quote\":\"\",\"event_log\":\"[]\"}", "quote is missing or empty"},
        {"{\"event_log\":\"[]\"}", "quote is missing or empty"},
        {"{\"quote\":\"000\",\"event_log\":\"[]\"}", "odd number of hex digits"},
        {"{\"quote\":\"0x00\",\"event_log\":\"[]\"}", "quote is not hex"},
        {"{\"quote\":\"0g\",\"event_log\":\"[]\"}", "quote is not hex"},
        {"{\"quote\":\"00\",\"event_log\":\"[]\"}", "cannot be used: "},
        {"{\"quote\":\"00\"}", "event_log is missing or empty"},
    };
    struct tee *t = start("dstack.sock");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        agent.json = cases[i].json;
        refused(t, cases[i].json, cases[i].says);
    }
    static char deep[4096], big[300000];
    snprintf(deep, sizeof deep, "{\"news\":");
    memset(deep + strlen(deep), '[', 4000);
    agent.json = deep;
    refused(t, "deep", "the JSON");
    memset(big, '0', sizeof big - 1);
    memcpy(big, "{\"event_log\":\"[]\",\"quote\":\"", 27);
    memcpy(big + sizeof big - 3, "\"}", 2);
    agent.json = big;
    refused(t, "a long quote", "quote ");
    memcpy(big, "{\"quote\":\"00\",\"event_log\":\"", 27);
    refused(t, "a long log", "event_log is too long");
    stop(t);
}

/* ---- slow and endless ---- */

static void says_nothing(struct fake_agent *a, int fd)
{
    struct pollfd f = {.fd = fd, .events = 0};
    (void)a;
    (void)poll(&f, 1, 10000); /* until the caller has gone */
}

/* A byte each 20 ms. */
static void drips(struct fake_agent *a, int fd)
{
    static const char text[] = HEAD "Content-Length: 1000\r\n\r\n{    ";
    (void)a;
    for (size_t i = 0; i < 1000; i++) {
        if (send(fd, text + (i < sizeof text - 1 ? i : sizeof text - 2), 1, MSG_NOSIGNAL) != 1)
            return;
        usleep(20000);
    }
}

static void endless_head(struct fake_agent *a, int fd)
{
    (void)a;
    fake_agent_send(fd, HEAD, strlen(HEAD));
    while (send(fd, "X-More: yes\r\n", 13, MSG_NOSIGNAL) == 13)
        ;
}

/* More than it announced, for ever. */
static void endless_body(struct fake_agent *a, int fd)
{
    static const char head[] = HEAD "Content-Length: 1048576\r\n\r\n";
    (void)a;
    fake_agent_send(fd, head, strlen(head));
    while (send(fd, "[[[[[[[[[[[[[[[[", 16, MSG_NOSIGNAL) == 16)
        ;
}

static void slow_and_endless(void **state)
{
    (void)state;
    tee_close(start("dstack.sock"));
    struct tee *t = open_at(agent.path, PATIENCE_MS);
    agent.manner = says_nothing;
    refused(t, "silent", "has not answered in full within 1 seconds");
    agent.manner = drips;
    refused(t, "drips", "has not answered in full");
    agent.manner = endless_head;
    refused(t, "endless head", "longer than 16 KiB");
    stop(t);
    t = start("dstack.sock");
    agent.manner = endless_body;
    refused(t, "endless body", "the JSON");
    stop(t);
}

/* A socket that nobody takes a connection from any more. */
static void takes_no_connection(void **state)
{
    (void)state;
    int fds[4];
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    char *dir = test_tmpdir(), path[100];
    snprintf(path, sizeof path, "%s/dstack.sock", dir);
    struct tee *t = open_at(path, PATIENCE_MS);
    refused(t, "not there", "cannot reach the platform's agent");
    memcpy(to.sun_path, path, strlen(path));
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (const struct sockaddr *)&to, sizeof to), 0);
    refused(t, "not listening", "Connection refused");
    assert_int_equal(listen(listener, 0), 0);
    for (size_t i = 0; i < 4; i++) {
        fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(fds[i], (const struct sockaddr *)&to, sizeof to);
    }
    refused(t, "full", "it takes no connection");
    for (size_t i = 0; i < 4; i++)
        close(fds[i]);
    close(listener);
    tee_close(t);
    test_rmdir(dir);
}

/* ---- keys that are none ---- */

static void no_key(struct tee *t, const char *key, const char *says)
{
    uint8_t out[32], before[32];
    memset(out, 0x77, sizeof out);
    memcpy(before, out, sizeof out);
    memset(&said, 0, sizeof said);
    agent.key = key;
    tl_err err = tee_sealing_key(t, out, &said);
    if (err != TL_E_TEE || !strstr(said.text, says))
        fail_msg("%s: %s: %s", key, tl_err_name(err), said.text);
    assert_memory_equal(out, before, 32);
}

static void wrong_keys(void **state)
{
    (void)state;
    static const char sixty_six[] = FAKE_AGENT_KEY "00";
    char pem[1024], spoiled[1024];
    uint8_t scalar[32];
    struct tee *t = start("dstack.sock");
    no_key(t, "", "key is not 32 bytes in hex");
    no_key(t, "00", "key is not 32 bytes in hex");
    no_key(t, sixty_six, "key is not 32 bytes in hex");
    no_key(t, "\",\"key\":\"", "the JSON");
    no_key(t, "0\",\"x\":[", "the JSON");
    agent.json = "{}";
    no_key(t, "", "key is missing");
    agent.json = "{\"key\":7}";
    no_key(t, "", "the JSON");
    stop(t);
    t = start("tappd.sock");
    memset(scalar, 0x99, sizeof scalar);
    put_pem(pem, scalar);
    no_key(t, FAKE_AGENT_KEY, "is no private key of P-256");
    for (size_t i = 0; i + 2 < strlen(pem); i += 3) {
        memcpy(spoiled, pem, sizeof spoiled);
        spoiled[i] = '!';
        no_key(t, spoiled, "cannot be used: ");
    }
    agent.json = "{}";
    no_key(t, "", "key is missing");
    stop(t);
}

/* ---- many at once ---- */

#define THREADS 64

struct asker {
    struct tee *tee;
    pthread_t thread;
    uint8_t data[64];
    buf quote, log;
    tl_err err;
};

static void *ask_once(void *ctx)
{
    struct asker *a = ctx;
    struct tl_why why = {0};
    a->err = tee_quote(a->tee, a->data, &a->quote, &a->log, &why);
    return NULL;
}

static void many_at_once(void **state)
{
    (void)state;
    static struct asker askers[THREADS];
    static struct evidence_report r;
    struct tee *t = start("dstack.sock");
    for (size_t i = 0; i < THREADS; i++) {
        struct asker *a = &askers[i];
        a->tee = t;
        memset(a->data, (int)i + 1, sizeof a->data);
        buf_init(&a->quote, TEE_QUOTE_MAX);
        buf_init(&a->log, TEE_EVENT_LOG_MAX);
        assert_int_equal(pthread_create(&a->thread, NULL, ask_once, a), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(askers[i].thread, NULL);
    for (size_t i = 0; i < THREADS; i++) {
        struct asker *a = &askers[i];
        assert_ok(a->err);
        judge(&r, t, buf_slice(&a->quote), buf_slice(&a->log), false);
        fake_evidence_expect(&r, "one of many", NULL);
        assert_memory_equal(r.report_data, a->data, 64);
        buf_finish(&a->quote);
        buf_finish(&a->log);
    }
    assert_int_equal(agent.requests, THREADS);
    stop(t);
}

/* ---- where it is ---- */

static void touch(const char *root, const char *place, mode_t mode)
{
    char path[200];
    snprintf(path, sizeof path, "%s%s", root, place);
    for (char *slash = strchr(path + strlen(root) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = 0;
        (void)mkdir(path, 0700);
        *slash = '/';
    }
    assert_int_equal(mknod(path, mode | 0600, 0), 0);
}

/* The current interface's places come before the legacy one's, whatever else is there. */
static void places(void **state)
{
    (void)state;
    size_t n = 0;
    char *root = test_tmpdir(), found[DSTACK_PATH_MAX];
    struct tl_why why = {0};
    struct tee *t = NULL;
    assert_false(dstack_find(found, root));
    while (dstack_places[n])
        n++;
    assert_int_equal(n, 8);
    while (n--) {
        touch(root, dstack_places[n], S_IFSOCK);
        assert_true(dstack_find(found, root));
        assert_string_equal(found + strlen(root), dstack_places[n]);
        t = open_at(found, PATIENCE_MS);
        assert_string_equal(tee_sealing(t), n < 4 ? "dstack GetKey" : "dstack DeriveKey");
        tee_close(t);
    }
    test_rmdir(root);
    root = test_tmpdir();
    touch(root, dstack_places[0], S_IFREG);
    assert_false(dstack_find(found, root));
    test_rmdir(root);
    char longer[200];
    memset(longer, '/', sizeof longer);
    longer[108] = 0;
    assert_err(dstack_open(&t, longer, &why), TL_E_USAGE);
    longer[107] = 0;
    assert_ok(dstack_open(&t, longer, &why));
    tee_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotes_verify),
        cmocka_unit_test(stand_in_is_simulated),
        cmocka_unit_test(sealing_key),
        cmocka_unit_test(legacy_sealing_key),
        cmocka_unit_test(identity),
        cmocka_unit_test(other_quotes),
        cmocka_unit_test(an_enclaves_quote),
        cmocka_unit_test(hostile_answers),
        cmocka_unit_test(hostile_json),
        cmocka_unit_test(slow_and_endless),
        cmocka_unit_test(takes_no_connection),
        cmocka_unit_test(wrong_keys),
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
