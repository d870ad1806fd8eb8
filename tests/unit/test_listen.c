/* TCP and TLS: addresses, and for how long a connection may keep a place. Times are a
 * hundredth of what they are in use: event_add and bufferevent_set_timeouts are wrapped. */
#include "testhttp.h"

#include "http/tcp_socket.h"
#include "http/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int __real_event_add(struct event *e, const struct timeval *t);
int __wrap_event_add(struct event *e, const struct timeval *t);
int __real_bufferevent_set_timeouts(struct bufferevent *b, const struct timeval *read,
                                    const struct timeval *write);
int __wrap_bufferevent_set_timeouts(struct bufferevent *b, const struct timeval *read,
                                    const struct timeval *write);

static struct timeval hundredth(const struct timeval *t)
{
    long us = t ? t->tv_sec * 10000 + t->tv_usec / 100 : 0;
    return (struct timeval){us / 1000000, us % 1000000};
}

int __wrap_event_add(struct event *e, const struct timeval *t)
{
    struct timeval short_time = hundredth(t);
    return __real_event_add(e, t ? &short_time : NULL);
}

int __wrap_bufferevent_set_timeouts(struct bufferevent *b, const struct timeval *read,
                                    const struct timeval *write)
{
    struct timeval r = hundredth(read), w = hundredth(write);
    return __real_bufferevent_set_timeouts(b, read ? &r : NULL, write ? &w : NULL);
}

static SSL_CTX *server, *client;
static bool no_context;

/* A key and a certificate in the world's directory. */
static void write_pem(const char *name, char path[300], const EVP_PKEY *key, X509 *cert)
{
    snprintf(path, 300, "%s/%s", world.dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    if (cert)
        assert_int_equal(PEM_write_X509(f, cert), 1);
    else
        assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, 0600), 0);
}

static void make_contexts(void)
{
    char cert_path[300], key_path[300];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    assert_non_null(key);
    assert_non_null(cert);
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    assert_int_not_equal(X509_sign(cert, key, EVP_sha256()), 0);
    write_pem("tls.crt", cert_path, NULL, cert);
    write_pem("tls.key", key_path, key, NULL);
    assert_ok(tls_from_files(&server, cert_path, key_path, NULL));
    client = SSL_CTX_new(TLS_client_method());
    assert_non_null(client);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static SSL_CTX *give(void *ctx)
{
    (void)ctx;
    if (no_context)
        return NULL;
    SSL_CTX_up_ref(server);
    return server;
}

static void start(bool tls, struct http_limits limits)
{
    struct tl_why why = {{0}, {0}};
    struct http_config c = {.socket_path = socket_path,
                            .listen = "127.0.0.1:0",
                            .tls = tls ? give : NULL,
                            .limits = limits};
    assert_ok(http_start(&service, world.log, &c, &why));
}

static int listen_tcp(bool tls)
{
    world_init(&world);
    world_open(&world);
    snprintf(socket_path, sizeof socket_path, "%s/t.sock", world.dir);
    if (tls)
        make_contexts();
    no_context = false;
    start(tls, (struct http_limits){0});
    return 0;
}

static int set_up_tcp(void **state)
{
    *state = NULL;
    return listen_tcp(false);
}

static int set_up_tls(void **state)
{
    *state = &server;
    return listen_tcp(true);
}

static int tear_down_both(void **state)
{
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    server = client = NULL;
    return tear_down(state);
}

/* ---- clients ---- */

struct peer_end {
    int fd;
    SSL *ssl; /* or NULL */
};

static int dial_tcp(void)
{
    struct tcp_address a = *http_listening(service);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_return_code(connect(fd, &a.any, sizeof a.v4), errno);
    return fd;
}

static struct peer_end enter(bool tls)
{
    struct peer_end p = {.fd = dial_tcp()};
    if (!tls)
        return p;
    p.ssl = SSL_new(client);
    assert_non_null(p.ssl);
    assert_int_equal(SSL_set_fd(p.ssl, p.fd), 1);
    assert_int_equal(SSL_connect(p.ssl), 1);
    return p;
}

static void leave(struct peer_end *p)
{
    SSL_free(p->ssl);
    close(p->fd);
}

static void put(struct peer_end *p, const char *text)
{
    int n = (int)strlen(text);
    if (p->ssl)
        (void)SSL_write(p->ssl, text, n);
    else
        (void)send(p->fd, text, (size_t)n, MSG_NOSIGNAL);
}

static int get(struct peer_end *p, char *out, size_t size)
{
    return p->ssl ? SSL_read(p->ssl, out, (int)size) : (int)recv(p->fd, out, size, 0);
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* How long until the service ends the connection; what it sends before counts not. */
static int64_t until_ended(struct peer_end *p)
{
    char bytes[4096];
    int64_t start = now_ms();
    while (get(p, bytes, sizeof bytes) > 0)
        assert_true(now_ms() - start < 60000);
    return now_ms() - start;
}

/* ---- tests ---- */

static void addresses(void **state)
{
    static const struct {
        const char *text;
        bool loopback;
    } good[] = {{"127.0.0.1:80", true},      {"127.255.0.9:0", true}, {"[::1]:65535", true},
                {"0.0.0.0:1", false},        {"128.0.0.1:1", false},  {"126.255.255.255:1", false},
                {"[::]:1", false},           {"[::2]:1", false},      {"[2001:db8::1]:443", false},
                {"[::ffff:7f00:1]:1", false}};
    static const char *const bad[] = {
        "",       "127.0.0.1",    "127.0.0.1:", "127.0.0.1:65536", "127.1:1",      "localhost:1",
        "::1:1",  "[::1]",        "[::1]:x",    "[127.0.0.1]:1",   "[]:1",         "[::1:1",
        "::1]:1", "127.0.0.1:-1", ":1",         "[fe80::1%lo]:1",  "127.0.0.1 :1", " 127.0.0.1:1"};
    struct tcp_address a;
    char text[TCP_TEXT];
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct tl_why why = {{0}, {0}};
        assert_ok(tcp_address_read(&a, good[i].text, NULL));
        assert_int_equal(tcp_is_loopback(&a), good[i].loopback);
        tcp_address_text(text, &a);
        if (good[i].text[3] != 'f' && good[i].text[1] != ':')
            assert_string_equal(text, good[i].text);
        assert_err(tcp_may_be_plain(&a, true, &why), good[i].loopback ? TL_OK : TL_E_USAGE);
        assert_err(tcp_may_be_plain(&a, false, NULL), TL_E_USAGE); /* on hardware never */
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_err(tcp_address_read(&a, bad[i], NULL), TL_E_USAGE);
}

static void peers(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {{"192.0.2.1:1", "192.0.2.1:2", true},
                 {"192.0.2.1:1", "192.0.2.2:1", false},
                 {"[2001:db8:0:1::1]:1", "[2001:db8:0:1:ffff::2]:9", true},
                 {"[2001:db8:0:1::1]:1", "[2001:db8:0:2::1]:1", false},
                 {"[::]:1", "0.0.0.0:1", false}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tcp_address a, b;
        assert_ok(tcp_address_read(&a, cases[i].a, NULL));
        assert_ok(tcp_address_read(&b, cases[i].b, NULL));
        struct peer p = tcp_peer(&a), q = tcp_peer(&b);
        assert_int_equal(memcmp(p.b, q.b, sizeof p.b) == 0, cases[i].same);
    }
}

/* 30 seconds, here 300 ms. */
static void a_handshake_has_its_time(void **state)
{
    static const unsigned char hello[] = {0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3};
    (void)state;
    struct peer_end p = {.fd = dial_tcp()};
    assert_in_range(until_ended(&p), 200, 5000);
    leave(&p);
    p = (struct peer_end){.fd = dial_tcp()}; /* however often a byte of it comes */
    int64_t start = now_ms();
    bool cut = false;
    for (size_t i = 0; i < 100 && !cut; i++) {
        cut = send(p.fd, hello + i % sizeof hello, i < sizeof hello, MSG_NOSIGNAL) < 0;
        usleep(20000);
        char byte;
        ssize_t n = recv(p.fd, &byte, 1, MSG_DONTWAIT);
        cut = cut || n == 0 || (n < 0 && errno != EAGAIN);
    }
    assert_true(cut);
    assert_in_range(now_ms() - start, 200, 1900);
    leave(&p);
    struct reply r = ask(GET("/healthz"));
    assert_int_equal(r.status, 200);
    finish(&r);
}

static void a_request_has_its_time(void **state)
{
    char bytes[4096];
    struct peer_end p = enter(*state != NULL);
    put(&p, GET("/healthz"));
    assert_true(get(&p, bytes, sizeof bytes) > 0);
    put(&p, "GET /heal");
    assert_in_range(until_ended(&p), 200, 2500);
    leave(&p);
    p = enter(*state != NULL);
    put(&p, POST("/v1/records") "Content-Length: 100\r\n\r\n{");
    assert_in_range(until_ended(&p), 0, 2500); /* 401 at once, and then goodbye */
    leave(&p);
}

/* Five minutes, here three seconds: one that nobody knows may not stay for ever. */
static void an_idle_connection_has_its_time(void **state)
{
    char bytes[4096];
    struct peer_end p = enter(*state != NULL), q = enter(*state != NULL);
    put(&p, GET("/healthz"));
    assert_true(get(&p, bytes, sizeof bytes) > 0);
    assert_in_range(until_ended(&p), 2500, 20000);
    (void)until_ended(&q);
    leave(&p);
    leave(&q);
}

/* A minute, here 600 ms, without taking anything. */
static void a_reader_has_its_time(void **state)
{
    static char text[1 << 20];
    char bytes[65536];
    size_t got = 0;
    memset(text, 'x', sizeof text - 1);
    for (int i = 0; i < 24; i++) /* more than what the system keeps for a connection */
        (void)append_one(&world, "alice", text);
    char token[80], request[256];
    struct reply made = post("/v1/tokens", "", "{\"scopes\":[\"read\"]}");
    json_t *root = parse(&made);
    snprintf(token, sizeof token, "%s", json_string_value(json_object_get(root, "token")));
    json_decref(root);
    finish(&made);
    snprintf(request, sizeof request,
             "GET /v1/export HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", token);
    struct peer_end p = enter(*state != NULL);
    put(&p, request);
    usleep(2000000);
    for (int n; (n = get(&p, bytes, sizeof bytes)) > 0;)
        got += (size_t)n;
    assert_in_range(got, 1, 24u << 20); /* the rest was given up */
    leave(&p);
}

static void without_a_context_there_is_no_connection(void **state)
{
    (void)state;
    no_context = true;
    struct peer_end p = {.fd = dial_tcp()};
    assert_in_range(until_ended(&p), 0, 250);
    leave(&p);
    no_context = false;
    p = enter(true);
    put(&p, GET("/healthz"));
    char bytes[4096];
    assert_true(get(&p, bytes, sizeof bytes) > 0);
    leave(&p);
}

static int status_of(struct peer_end *p, const char *request)
{
    char bytes[4096] = "";
    int status = 0;
    put(p, request);
    if (get(p, bytes, sizeof bytes - 1) > 0)
        assert_int_equal(sscanf(bytes, "HTTP/1.1 %d ", &status), 1);
    return status;
}

static void over_tcp_nobody_is_known_by_his_door(void **state)
{
    (void)state;
    struct peer_end p = enter(false);
    assert_int_equal(status_of(&p, GET("/v1/tokens")), 401);
    assert_int_equal(status_of(&p, GET("/v1/export")), 401);
    assert_int_equal(status_of(&p, GET("/v1/status")), 200);
    leave(&p);
}

static void an_address_has_its_measure(void **state)
{
    (void)state;
    http_stop(service);
    start(false, (struct http_limits){.requests = 2});
    /* Four at once, of which the connection is one, and then two a second: what a slow
     * machine gives in the meantime may be asked for as well. */
    int64_t began = now_ms();
    struct peer_end p = enter(false);
    int status = 200;
    int64_t good = -1;
    for (; status == 200 && good < 100; good++)
        status = status_of(&p, GET("/healthz"));
    assert_int_equal(status, 429);
    assert_in_range(good, 3, 3 + (now_ms() - began) / 500 + 1);
    assert_in_range(until_ended(&p), 0, 2000);
    leave(&p);
    for (int i = 0; i < 20; i++) {
        struct reply r = ask(GET("/healthz"));
        assert_int_equal(r.status, 200);
        finish(&r);
    }
}

#define TCP(f) cmocka_unit_test_setup_teardown(f, set_up_tcp, tear_down_both)
#define TLS(f)                                                                                     \
    {                                                                                              \
#f " (TLS)", f, set_up_tls, tear_down_both, NULL                                           \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(peers),
        TCP(over_tcp_nobody_is_known_by_his_door),
        TCP(an_address_has_its_measure),
        TLS(a_handshake_has_its_time),
        TCP(a_request_has_its_time),
        TLS(a_request_has_its_time),
        TCP(an_idle_connection_has_its_time),
        TLS(an_idle_connection_has_its_time),
        TCP(a_reader_has_its_time),
        TLS(a_reader_has_its_time),
        TLS(without_a_context_there_is_no_connection),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
