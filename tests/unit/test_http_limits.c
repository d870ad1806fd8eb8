/* What one client may hold of the service, and for how long. Times are a fortieth
 * of what they are in use: event_add is wrapped. */
#include "testhttp.h"

#include "http/internal.h"
#include "log/tokens.h"

#include <errno.h>
#include <event2/buffer.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BIG "Content-Length: 8388608\r\n\r\n"

int __real_event_add(struct event *e, const struct timeval *t);
int __wrap_event_add(struct event *e, const struct timeval *t);

int __wrap_event_add(struct event *e, const struct timeval *t)
{
    struct timeval short_time;
    if (t) {
        long us = t->tv_sec * 25000 + t->tv_usec / 40;
        short_time = (struct timeval){us / 1000000, us % 1000000};
    }
    return __real_event_add(e, t ? &short_time : NULL);
}

static void milliseconds(unsigned ms)
{
    usleep(ms * 1000);
}

static bool ended(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
    return n == 0 || (n < 0 && errno != EAGAIN);
}

static int post_status(void)
{
    struct reply r = post("/v1/records", "", RECORD);
    int status = r.status;
    if (status == 503) {
        assert_non_null(strstr(r.head, "Retry-After: 1\r\n"));
        assert_non_null(strstr(r.head, "Connection: close\r\n"));
    }
    finish(&r);
    return status;
}

/* Asks until the answer is this. */
static void await_status(int status)
{
    for (int tries = 0; post_status() != status; tries++) {
        assert_true(tries < 6000); /* a minute: it has to come, and machines are slow */
        milliseconds(10);
    }
}

static void bodies_are_counted_as_they_come(void **state)
{
    (void)state;
    int fds[64];
    const char *head = POST("/v1/records") BIG "{";
    for (size_t i = 0; i < 64; i++) {
        fds[i] = dial();
        send_all(fds[i], head, strlen(head));
        /* The byte is taken once the service has answered something after it. */
        struct reply h = ask(GET("/healthz"));
        finish(&h);
    }
    assert_int_equal(post_status(), 200);
    for (size_t i = 0; i < 64; i++)
        close(fds[i]);
}

static void bodies_in_flight_are_bounded(void **state)
{
    (void)state;
    int fds[BODIES_MAX / HTTP_BODY_MAX];
    const size_t count = sizeof fds / sizeof fds[0];
    const char *head = POST("/v1/records") BIG;
    char *body = calloc(1, HTTP_BODY_MAX - 1);
    assert_non_null(body);
    for (size_t i = 0; i < count; i++) {
        fds[i] = dial();
        send_all(fds[i], head, strlen(head));
        send_all(fds[i], body, HTTP_BODY_MAX - 1);
    }
    await_status(503);
    /* One that would pass the bound on its way is answered too. */
    int fd = dial();
    struct reply r;
    send_all(fd, head, strlen(head));
    send_all(fd, body, HTTP_BODY_MAX - 1);
    assert_true(read_reply(fd, &r));
    assert_refused(&r, 503, NULL);
    close(fd);
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
    free(body);
    await_status(200);
}

/* Sends the bytes of a request slowly: whether the service ended the connection. */
static bool cut_off(int fd, const char *text, size_t n, unsigned ms)
{
    for (size_t i = 0; i < n; i++) {
        send_all(fd, text + i % strlen(text), 1);
        milliseconds(ms);
        if (ended(fd))
            return true;
    }
    return false;
}

static void a_request_has_thirty_seconds(void **state)
{
    (void)state;
    static const char request[] = POST("/v1/records") "Content-Length: 70\r\n\r\n" RECORD;
    int fd = dial();
    /* An idle connection may wait. */
    milliseconds(900);
    for (int i = 0; i < 3; i++) {
        struct reply r;
        assert_false(cut_off(fd, request, 15, 20));
        send_all(fd, request + 15, sizeof request - 16);
        assert_true(read_reply(fd, &r));
        assert_int_equal(r.status, 200);
        finish(&r);
    }
    uint64_t size = log_size();
    assert_true(cut_off(fd, request, 100, 20)); /* within its head */
    close(fd);
    fd = dial();
    const char *head = POST("/v1/records") BIG;
    send_all(fd, head, strlen(head));
    assert_true(cut_off(fd, "x", 100, 20)); /* and within its body */
    close(fd);
    assert_int_equal(log_size(), size);
}

/* Also where the next has begun before the first is answered. */
static void each_request_has_its_own_time(void **state)
{
    (void)state;
    static const char rest_and_next[] = GET("/healthz") "G";
    int fd = dial();
    send_all(fd, "G", 1);
    for (int i = 0; i < 4; i++) {
        struct reply r;
        milliseconds(300);
        send_all(fd, rest_and_next + 1, sizeof rest_and_next - 2);
        assert_true(read_reply(fd, &r));
        assert_int_equal(r.status, 200);
        finish(&r);
    }
    close(fd);
}

static void what_is_discarded_is_not_heard_for_ever(void **state)
{
    (void)state;
    struct reply r;
    int fd = dial();
    const char *head = POST("/nothing") BIG;
    send_all(fd, head, strlen(head));
    assert_true(read_reply(fd, &r));
    assert_int_equal(r.status, 404);
    finish(&r);
    /* Our end is closed at once, so only the failing write shows the service's. */
    int tries = 0;
    while (send(fd, "x", 1, MSG_NOSIGNAL) == 1 && tries++ < 100)
        milliseconds(10);
    assert_true(tries < 100);
    close(fd);
}

static const char export_all_of_it[] = GET("/v1/export");

/* The status of an export, whose connection stays open. */
static int begin_export(int *fd)
{
    struct reply r;
    *fd = dial();
    send_all(*fd, export_all_of_it, sizeof export_all_of_it - 1);
    assert_true(read_reply(*fd, &r));
    if (r.status == 503)
        assert_non_null(strstr(r.head, "Retry-After: 1\r\n"));
    finish(&r);
    return r.status;
}

static void four_exports_at_a_time(void **state)
{
    (void)state;
    static char text[65536];
    int fds[EXPORTS_MAX], fd;
    memset(text, 'x', sizeof text - 1);
    for (int i = 0; i < 64; i++) /* more than a connection's buffers hold */
        (void)append_one(&world, "alice", text);
    assert_int_equal(EXPORTS_MAX, 4);
    for (size_t i = 0; i < EXPORTS_MAX; i++)
        assert_int_equal(begin_export(&fds[i]), 200);
    assert_int_equal(begin_export(&fd), 503);
    close(fd);
    assert_int_equal(post_status(), 200); /* nothing else is held up */
    close(fds[0]);
    int status = 503;
    for (int tries = 0; tries < 500 && status == 503; tries++) {
        milliseconds(10);
        close(tries ? fd : -1);
        status = begin_export(&fd);
    }
    assert_int_equal(status, 200);
    close(fd);
    for (size_t i = 1; i < EXPORTS_MAX; i++)
        close(fds[i]);
    /* A refused one leaves no place taken. */
    for (int i = 0; i < 2 * EXPORTS_MAX; i++) {
        struct reply r = ask(GET("/v1/export?agent=nobody"));
        if (r.status != 503)
            assert_int_equal(r.status, 404);
        finish(&r);
        milliseconds(10);
    }
    assert_int_equal(begin_export(&fd), 200);
    close(fd);
}

/* Bytes of an answer until this is among them, resp. until its end. */
static void read_until(int fd, const char *text, char *out, size_t size)
{
    size_t n = 0;
    for (ssize_t got; n < size - 1 && (got = read(fd, out + n, size - 1 - n)) > 0;) {
        n += (size_t)got;
        out[n] = 0;
        if (text && strstr(out, text))
            return;
    }
    assert_null(text);
}

static const char follow[] = GET("/v1/tail");

/* Each 15 seconds, with where to go on; whoever may not read any more learns it then. */
static void tails_are_told_that_we_are_there(void **state)
{
    (void)state;
    char text[4096], secret[TOKEN_TEXT + 1], request[300];
    struct token t = {.scopes = SCOPE_READ};
    int fd = dial(), other = dial();
    assert_ok(log_token_create(world.log, &t, secret, NULL));
    snprintf(request, sizeof request,
             "GET /v1/tail?room=other HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n",
             secret);
    send_all(fd, follow, sizeof follow - 1);
    read_until(fd, ": still here\nid: 1\n\n", text, sizeof text);
    read_until(fd, ": still here\nid: 1\n\n", text, sizeof text);
    (void)append_one(&world, "alice", "x");
    read_until(fd, "id: 3\ndata: ", text, sizeof text);
    read_until(fd, ": still here\nid: 3\n\n", text, sizeof text);
    send_all(other, request, strlen(request));
    read_until(other, ": still here\nid: 3\n\n", text, sizeof text);
    (void)append_one(&world, "alice", "not for it");
    read_until(other, ": still here\nid: 4\n\n", text, sizeof text);
    assert_ok(log_token_revoke(world.log, t.id, NULL));
    read_until(other, "event: error\ndata: {\"error\":\"the token is not one", text, sizeof text);
    read_until(other, NULL, text, sizeof text);
    close(fd);
    close(other);
}

static void only_busy_says_when_to_come_back(void **state)
{
    (void)state;
    static const struct {
        tl_err err;
        bool again;
    } errors[] = {{TL_E_BUSY, true},    {TL_E_FROZEN, false}, {TL_E_STOPPING, false},
                  {TL_E_COMMIT, false}, {TL_E_MEMORY, false}, {TL_E_AUTH, false},
                  {TL_E_FULL, false}};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        struct exchange x = {.out = evbuffer_new()};
        assert_non_null(x.out);
        answer_error(&x, errors[i].err, NULL);
        size_t n = evbuffer_get_length(x.out);
        assert_int_equal(memmem(evbuffer_pullup(x.out, -1), n, "Retry-After: ", 13) != NULL,
                         errors[i].again);
        evbuffer_free(x.out);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bodies_are_counted_as_they_come),
        TEST(bodies_in_flight_are_bounded),
        TEST(a_request_has_thirty_seconds),
        TEST(each_request_has_its_own_time),
        TEST(what_is_discarded_is_not_heard_for_ever),
        TEST(four_exports_at_a_time),
        TEST(tails_are_told_that_we_are_there),
        cmocka_unit_test(only_busy_says_when_to_come_back),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
