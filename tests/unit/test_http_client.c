/* The client reads answers strictly: what is not whole or not HTTP is no answer. */
#include "testlib.h"

/* Its parser is private to the file. */
#include "client/client.c"
#include "client/client_call.c"
#include "client/link.c"
#include "client/link_url.c"
#include "client/url.c"
#include "http/tcp_socket.h"

#include <pthread.h>

static struct client client;
static struct tl_why why;

/* A client whose service has sent text and gone. */
static void dial(const char *text)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(write(fds[1], text, strlen(text)), (ssize_t)strlen(text));
    close(fds[1]);
    memset(&why, 0, sizeof why);
    client = (struct client){.link = {.fd = fds[0]}, .where = "test", .patience = 60000};
    buf_init(&client.in, INPUT_MAX);
}

static void hang_up(void)
{
    link_close(&client.link);
    buf_finish(&client.in);
}

/* The whole of the next answer. */
static tl_err next(struct client_answer *a, char *text, size_t size)
{
    buf b;
    buf_init_fixed(&b, (uint8_t *)text, size - 1);
    tl_err err = client_head(&client, a, &why);
    if (err == TL_OK)
        err = client_body_all(&client, &b, &why);
    text[b.n] = 0;
    return err;
}

static void reads_answers_in_turn(void **state)
{
    (void)state;
    struct client_answer a;
    char text[64];
    dial("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
         "HTTP/1.1 503 Busy\r\nretry-after: 7\r\ncontent-length:0\r\n\r\n"
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
         "3\r\nabc\r\n00A\r\n0123456789\r\n0\r\n\r\n");
    assert_ok(next(&a, text, sizeof text));
    assert_int_equal(a.status, 200);
    assert_string_equal(text, "hi");
    assert_int_equal(a.retry_after, 0);
    assert_false(a.close);
    assert_ok(next(&a, text, sizeof text));
    assert_int_equal(a.status, 503);
    assert_int_equal(a.retry_after, 7);
    assert_ok(next(&a, text, sizeof text));
    assert_string_equal(text, "abc0123456789");
    assert_true(a.close);
    assert_err(next(&a, text, sizeof text), TL_E_IO);
    assert_non_null(strstr(why.text, "before it answered"));
    hang_up();
}

static void refuses_what_is_not_http(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "HTTP/1.1 \r\n\r\n",
        "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 20\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
        "\n",
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 01\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n000000000\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x\r\na\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\ntrailer: x\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct client_answer a;
        char text[64];
        dial(bad[i]);
        tl_err err = next(&a, text, sizeof text);
        if (err != TL_E_PEER)
            print_error("answer: %s\n", bad[i]);
        assert_err(err, TL_E_PEER);
        hang_up();
    }
}

/* The other end is there and says nothing, or takes nothing. */
static void does_not_wait_for_ever(void **state)
{
    (void)state;
    static uint8_t much[4 << 20];
    struct client_answer a;
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    client = (struct client){.link = {.fd = fds[0]}, .where = "test", .host = "localhost"};
    client_set_patience(&client, 50);
    buf_init(&client.in, INPUT_MAX);
    memset(&why, 0, sizeof why);
    assert_err(client_head(&client, &a, &why), TL_E_IO);
    assert_non_null(strstr(why.text, "has not moved"));
    memset(&why, 0, sizeof why);
    slice body = slice_of(much, sizeof much);
    assert_err(client_send(&client, "POST", "/", body, &why), TL_E_IO);
    assert_non_null(strstr(why.text, "has not moved"));
    close(fds[1]);
    hang_up();
}

/* A head of so many lines, each of so many bytes with its end, and then a body. */
static tl_err try_head(int lines, int width)
{
    static char text[1 << 17];
    struct client_answer a;
    buf b;
    buf_init_fixed(&b, (uint8_t *)text, sizeof text);
    buf_str(&b, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < lines; i++)
        buf_printf(&b, "X: %0*d\r\n", width - 5, i);
    buf_str(&b, "Content-Length: 2\r\n\r\nhi");
    buf_u8(&b, 0);
    assert_ok(buf_err(&b));
    dial(text);
    tl_err err = next(&a, text, sizeof text);
    hang_up();
    return err;
}

static void bounds_a_head(void **state)
{
    (void)state;
    assert_ok(try_head(99, 20));
    assert_err(try_head(100, 20), TL_E_PEER);
    assert_ok(try_head(65, 1000));
    assert_err(try_head(66, 1000), TL_E_PEER);
}

/* Says first, and then something every few milliseconds for as long as it is heard. */
struct dripping {
    int fd;
    const char *first, *again;
};

static void *drip(void *arg)
{
    struct dripping *d = arg;
    const char *text = d->first;
    while (send(d->fd, text, strlen(text), MSG_NOSIGNAL) >= 0) {
        usleep(2000);
        text = d->again;
    }
    close(d->fd);
    return NULL;
}

static void a_slow_answer_ends(void **state)
{
    (void)state;
    struct dripping d[] = {
        {-1, "HTTP/1.1 200 OK\r\nX: ", "y"},
        {-1, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", "y"},
        {-1, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\ny\r\n"},
    };
    for (size_t i = 0; i < sizeof d / sizeof d[0]; i++) {
        struct client_answer a;
        static char text[65536];
        int fds[2];
        pthread_t thread;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
        client = (struct client){.link = {.fd = fds[0]}, .where = "test", .patience = 60000};
        client_set_limit(&client, 100);
        buf_init(&client.in, INPUT_MAX);
        memset(&why, 0, sizeof why);
        d[i].fd = fds[1];
        assert_int_equal(pthread_create(&thread, NULL, drip, &d[i]), 0);
        assert_err(next(&a, text, sizeof text), TL_E_IO);
        assert_non_null(strstr(why.text, "not answered whole"));
        hang_up();
        pthread_join(thread, NULL);
    }
}

/* Nor is one waited for whose time was over before. */
static void a_late_answer_ends(void **state)
{
    (void)state;
    struct client_answer a;
    slice piece;
    bool more;
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh";
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(write(fds[1], text, sizeof text - 1), sizeof text - 1);
    client = (struct client){.link = {.fd = fds[0]}, .where = "test", .patience = 60000};
    buf_init(&client.in, INPUT_MAX);
    client_set_limit(&client, 50);
    assert_ok(client_head(&client, &a, &why));
    assert_ok(client_body(&client, &piece, &more, &why));
    usleep(100000);
    alarm(60); /* it does not come any more */
    assert_err(client_body(&client, &piece, &more, &why), TL_E_IO);
    alarm(0);
    assert_non_null(strstr(why.text, "not answered whole"));
    close(fds[1]);
    hang_up();
}

static void a_late_handshake_ends(void **state)
{
    (void)state;
    int fds[2];
    struct link l = {.fd = -1};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    l.fd = fds[0];
    l.ctx = SSL_CTX_new(TLS_client_method());
    assert_non_null(l.ctx);
    l.ssl = SSL_new(l.ctx);
    assert_non_null(l.ssl);
    assert_int_equal(SSL_set_fd(l.ssl, l.fd), 1);
    alarm(60); /* no answer comes */
    assert_false(connect_tls(&l, 0));
    alarm(0);
    link_close(&l);
    close(fds[1]);
}

/* OpenSSL writes without MSG_NOSIGNAL. */
static void no_signal_where_nobody_reads(void **state)
{
    (void)state;
    int fds[2];
    struct link l = {.fd = -1};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    close(fds[1]);
    l.fd = fds[0];
    l.ctx = SSL_CTX_new(TLS_client_method());
    assert_non_null(l.ctx);
    l.ssl = SSL_new(l.ctx);
    assert_non_null(l.ssl);
    assert_int_equal(SSL_set_fd(l.ssl, l.fd), 1);
    (void)signal(SIGPIPE, SIG_DFL); /* which would end us */
    assert_false(connect_tls(&l, 1000));
    assert_int_equal(link_write(&l, "x", 1), -1);
    link_close(&l);
}

/* A connection whose other end is fds[1]. */
static void connect_pair(int fds[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    client = (struct client){
        .link = {.fd = fds[0]}, .where = "test", .host = "localhost", .patience = 60000};
    buf_init(&client.in, INPUT_MAX);
    memset(&why, 0, sizeof why);
}

static void all_waiting_ends(void **state)
{
    (void)state;
    struct client_answer a;
    int fds[2];
    connect_pair(fds);
    const int64_t began = clock_ms();
    client_set_bounds(&client, began + 100, INPUT_MAX);
    alarm(60); /* no answer comes */
    assert_ok(client_send(&client, "GET", "/", (slice){NULL, 0}, &why));
    assert_err(client_head(&client, &a, &why), TL_E_IO);
    assert_non_null(strstr(why.text, "not answered whole"));
    assert_true(clock_ms() >= began + 100);
    /* Nor is waited for another one. */
    assert_err(client_head(&client, &a, &why), TL_E_IO);
    alarm(0);
    close(fds[1]);
    hang_up();
}

/* Answers that come while nobody takes the request. */
static void what_waits_is_bounded(void **state)
{
    (void)state;
    static uint8_t much[4 << 20];
    int fds[2];
    connect_pair(fds);
    struct dripping d = {fds[1], (const char *)much, (const char *)much};
    pthread_t thread;
    memset(much, 'y', sizeof much - 1);
    client_set_bounds(&client, 0, 1 << 20);
    assert_int_equal(pthread_create(&thread, NULL, drip, &d), 0);
    assert_err(client_send(&client, "POST", "/", SLICE_ARRAY(much), &why), TL_E_LIMIT);
    assert_true(client.in.cap <= 1 << 20);
    hang_up();
    pthread_join(thread, NULL);
}

/* One who listens and does not accept. */
static void a_full_backlog_is_not_waited_for(void **state)
{
    (void)state;
    char path[200], *dir = test_tmpdir();
    struct sockaddr_un address;
    struct link l[8];
    tl_err err = TL_OK;
    size_t n = 0;
    snprintf(path, sizeof path, "%s/s", dir);
    assert_ok(unix_address(&address, path, NULL));
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 1), 0);
    alarm(60);
    for (; err == TL_OK && n < 8; n += err == TL_OK)
        err = link_open_socket(&l[n], path, clock_ms() + 100, &why);
    alarm(0);
    assert_err(err, TL_E_IO);
    while (n)
        link_close(&l[--n]);
    close(listener);
    test_rmdir(dir);
}

static void every_cut_is_noticed(void **state)
{
    (void)state;
    static const char *const whole[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    };
    static const char *const heads[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    };
    for (size_t i = 0; i < 2; i++) {
        for (size_t n = 0; n <= strlen(whole[i]); n++) {
            struct client_answer a;
            char cut[128], text[64];
            memcpy(cut, whole[i], n);
            cut[n] = 0;
            dial(cut);
            assert_err(next(&a, text, sizeof text), n == strlen(whole[i]) ? TL_OK : TL_E_IO);
            if (n > strlen(heads[i]) && n < strlen(whole[i])) {
                char words[40];
                snprintf(words, sizeof words, "broke off after %zu bytes", strlen(text));
                assert_non_null(strstr(why.text, words));
            }
            hang_up();
        }
    }
}

static void bounds_a_line(void **state)
{
    (void)state;
    struct client_answer a;
    char text[64];
    buf answer;
    buf_init(&answer, 2 * HEAD_MAX);
    for (size_t more = 0; more < 2; more++) {
        buf_reset(&answer);
        buf_printf(&answer, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: %0*d%s",
                   (int)(HEAD_MAX - 3 + more), 0, more ? "" : "\r\n\r\n");
        buf_u8(&answer, 0);
        dial((const char *)answer.p);
        assert_err(next(&a, text, sizeof text), more ? TL_E_PEER : TL_OK);
        hang_up();
    }
    buf_finish(&answer);
}

static void repeats_the_service_on_errors(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        tl_err err;
        const char *text;
    } list[] = {
        {"HTTP/1.1 401 X\r\nContent-Length: 28\r\n\r\n{\"error\":\"bad\",\"field\":\"f\"}\n",
         TL_E_AUTH, "f: bad"},
        {"HTTP/1.1 503 X\r\nContent-Length: 15\r\n\r\n{\"error\":\"now\"}", TL_E_BUSY, "now"},
        {"HTTP/1.1 500 X\r\nContent-Length: 4\r\n\r\nhtml", TL_E_IO,
         "the service answered without a reason"},
        {"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n", TL_E_NOT_FOUND,
         "the service answered without a reason"},
        {"HTTP/1.1 400 X\r\nContent-Length: 2\r\n\r\n{}", TL_E_USAGE,
         "the service answered without a reason"},
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        struct client_answer a;
        dial(list[i].answer);
        assert_ok(client_head(&client, &a, &why));
        assert_err(client_refusal(&client, &a, &why), list[i].err);
        assert_string_equal(why.text, list[i].text);
        hang_up();
    }
}

static void encodes_urls(void **state)
{
    (void)state;
    char text[64];
    buf b;
    buf_init_fixed(&b, (uint8_t *)text, sizeof text);
    url_put(&b, "aZ09-._~/:@ %\xc3\xbc&=");
    buf_u8(&b, 0);
    assert_string_equal(text, "aZ09-._~%2F%3A%40%20%25%C3%BC%26%3D");
}

int __real_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **out);
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **out);

/* A name server that says of localhost what it likes: of what leads elsewhere, the address
 * that comes back here. */
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **out)
{
    return __real_getaddrinfo(strcmp(host, "localhost") == 0 ? "0.0.0.0" : host, port, hints, out);
}

static void a_token_in_clear_stays_here(void **state)
{
    (void)state;
    static const struct {
        const char *scheme, *host;
        tl_err want;
    } hosts[] = {{"http", "localhost", TL_E_IO},
                 {"http", "127.0.0.1", TL_OK},
                 {"https", "localhost", TL_OK}};
    struct tcp_address a;
    int listener = -1, fd;
    char text[64];
    assert_ok(tcp_address_read(&a, "127.0.0.1:0", NULL));
    assert_ok(tcp_listen(&listener, &a, NULL));
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        struct link_url u;
        snprintf(text, sizeof text, "%s://%s:%u", hosts[i].scheme, hosts[i].host,
                 ntohs(a.v4.sin_port));
        assert_ok(link_url_read(&u, text, NULL));
        assert_int_equal(connect_tcp(&fd, &u, 0, NULL), hosts[i].want);
        if (hosts[i].want == TL_OK)
            close(fd);
    }
    /* Who sends no secret may go anywhere. */
    struct link_url u;
    snprintf(text, sizeof text, "http://localhost:%u", ntohs(a.v4.sin_port));
    assert_ok(link_url_read_clear(&u, text, NULL));
    assert_ok(connect_tcp(&fd, &u, 0, NULL));
    close(fd);
    assert_err(link_url_read(&u, "http://log.example.org", NULL), TL_E_USAGE);
    assert_ok(link_url_read_clear(&u, "http://log.example.org", NULL));
    close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_in_clear_stays_here),
        cmocka_unit_test(reads_answers_in_turn),
        cmocka_unit_test(refuses_what_is_not_http),
        cmocka_unit_test(does_not_wait_for_ever),
        cmocka_unit_test(every_cut_is_noticed),
        cmocka_unit_test(bounds_a_line),
        cmocka_unit_test(repeats_the_service_on_errors),
        cmocka_unit_test(encodes_urls),
        cmocka_unit_test(bounds_a_head),
        cmocka_unit_test(a_slow_answer_ends),
        cmocka_unit_test(a_late_answer_ends),
        cmocka_unit_test(a_late_handshake_ends),
        cmocka_unit_test(no_signal_where_nobody_reads),
        cmocka_unit_test(all_waiting_ends),
        cmocka_unit_test(what_waits_is_bounded),
        cmocka_unit_test(a_full_backlog_is_not_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
