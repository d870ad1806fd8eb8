/* Following the log over its socket: nothing lost or doubled, whatever ends in between;
 * nothing asked for that nobody takes. */
#include "testhttp.h"

#include "http/internal.h"
#include "log/query.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* ---- queries, as the service hands them over ---- */

static atomic_int submitted, cancelled;
static atomic_bool hold, fail, deaf, slow;
static struct held {
    struct log_query *q;
    log_query_done_fn *done;
    void *ctx;
} held[64];
static atomic_int held_count;

tl_err __real_log_query_submit(struct log_query *q, log_query_done_fn *done, void *ctx);
tl_err __wrap_log_query_submit(struct log_query *q, log_query_done_fn *done, void *ctx);
const struct log_row *__real_log_query_rows(const struct log_query *q, size_t *count);
const struct log_row *__wrap_log_query_rows(const struct log_query *q, size_t *count);
void __real_log_query_cancel(struct log_query *q);
void __wrap_log_query_cancel(struct log_query *q);

tl_err __wrap_log_query_submit(struct log_query *q, log_query_done_fn *done, void *ctx)
{
    submitted++;
    if (fail)
        return TL_E_IO;
    if (!hold)
        return __real_log_query_submit(q, done, ctx);
    held[held_count] = (struct held){q, done, ctx};
    held_count++;
    return TL_OK;
}

void __wrap_log_query_cancel(struct log_query *q)
{
    cancelled++;
    if (!deaf)
        __real_log_query_cancel(q);
}

/* On the loop's thread, so that commits go on meanwhile. */
const struct log_row *__wrap_log_query_rows(const struct log_query *q, size_t *count)
{
    if (slow)
        usleep(4000);
    return __real_log_query_rows(q, count);
}

static void let_go(void)
{
    hold = false;
    for (int i = 0; i < held_count; i++)
        assert_ok(__real_log_query_submit(held[i].q, held[i].done, held[i].ctx));
    held_count = 0;
}

static int begin(void **state)
{
    submitted = cancelled = held_count = 0;
    hold = fail = deaf = slow = false;
    return set_up(state);
}

/* ---- a client ---- */

struct stream {
    int fd;
    buf raw, text; /* what came in chunks, and what was in them */
    size_t at;     /* raw bytes that were decoded */
    bool ended;    /* the last chunk came */
    bool closed;
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void stream_free(struct stream *s)
{
    close(s->fd);
    buf_finish(&s->raw);
    buf_finish(&s->text);
}

/* The status of the answer; a stream where it is 200. */
static int try_stream(struct stream *s, const char *target, const char *last)
{
    char request[700], head[2048];
    size_t n = 0;
    int status;
    *s = (struct stream){.fd = dial()};
    buf_init(&s->raw, 256u << 20);
    buf_init(&s->text, 256u << 20);
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n%s%s%s\r\n", target,
             last ? "Last-Event-ID: " : "", last ? last : "", last ? "\r\n" : "");
    send_all(s->fd, request, strlen(request));
    while (n < 4 || memcmp(head + n - 4, "\r\n\r\n", 4) != 0) {
        assert_true(n < sizeof head - 1);
        assert_int_equal(read(s->fd, head + n++, 1), 1);
    }
    head[n] = 0;
    assert_int_equal(sscanf(head, "HTTP/1.1 %d ", &status), 1);
    if (status == 200) {
        assert_non_null(strstr(head, "Content-Type: text/event-stream\r\n"));
        assert_non_null(strstr(head, "Transfer-Encoding: chunked\r\n"));
        assert_non_null(strstr(head, "Connection: close\r\n"));
    }
    return status;
}

static struct stream stream_of(const char *target, const char *last)
{
    struct stream s;
    int status = try_stream(&s, target, last);
    if (status != 200)
        fail_msg("%s: %d", target, status);
    return s;
}

static void decode(struct stream *s)
{
    while (!s->ended) {
        const char *p = (const char *)s->raw.p + s->at;
        size_t left = s->raw.n - s->at;
        const char *crlf = left ? memmem(p, left, "\r\n", 2) : NULL;
        if (!crlf)
            return;
        size_t n = strtoul(p, NULL, 16), head = (size_t)(crlf - p) + 2;
        if (left < head + n + 2)
            return;
        buf_bytes(&s->text, slice_of(p + head, n));
        assert_memory_equal(p + head + n, "\r\n", 2);
        s->at += head + n + 2;
        s->ended = n == 0;
    }
}

/* Reads once, at most max bytes, waiting at most ms; false where nothing came. */
static bool stream_read(struct stream *s, size_t max, int ms)
{
    static uint8_t bytes[1 << 16];
    struct pollfd f = {.fd = s->fd, .events = POLLIN};
    if (s->closed || poll(&f, 1, ms) != 1)
        return false;
    ssize_t n = read(s->fd, bytes, max < sizeof bytes ? max : sizeof bytes);
    s->closed = n <= 0;
    if (n > 0)
        buf_bytes(&s->raw, slice_of(bytes, (size_t)n));
    decode(s);
    return n > 0;
}

static bool has(const struct stream *s, const char *text)
{
    return s->text.n && memmem(s->text.p, s->text.n, text, strlen(text));
}

/* Reads until this has come. */
static void await_text(struct stream *s, const char *text)
{
    for (int64_t end = now_ms() + 60000; !has(s, text);) {
        if (now_ms() > end || s->closed)
            fail_msg("no %s in: %.*s", text, (int)s->text.n, (const char *)s->text.p);
        (void)stream_read(s, SIZE_MAX, 1000);
    }
}

static void await_end(struct stream *s)
{
    for (int64_t end = now_ms() + 60000; !s->closed;) {
        assert_true(now_ms() < end);
        (void)stream_read(s, SIZE_MAX, 1000);
    }
    assert_true(s->ended);
}

static void assert_text(const struct stream *s, const char *want)
{
    if (s->text.n != strlen(want) || memcmp(s->text.p, want, s->text.n) != 0)
        fail_msg("not %s, but: %.*s", want, (int)s->text.n, (const char *)s->text.p);
}

/* Takes the whole events that have come out of s. Their indexes follow each other: each
 * is *next, which is counted on; the log's own statements between are passed over by
 * `own`. last: the id of the last one. */
static size_t take_events(struct stream *s, uint64_t *next, char last[32])
{
    size_t count = 0;
    buf_u8(&s->text, 0); /* so that it is a text */
    s->text.n--;
    char *p = (char *)s->text.p, *end;
    while (p && (end = strstr(p, "\n\n"))) {
        unsigned long long id, index, n;
        *end = 0;
        const char *at = strstr(p, "id: "), *data = strstr(p, "data: {\"index\":");
        const char *content = strstr(p, "\"content\":\"n");
        assert_non_null(at);
        assert_int_equal(sscanf(at, "id: %llu", &id), 1);
        if (data) {
            assert_int_equal(sscanf(data, "data: {\"index\":%llu,", &index), 1);
            assert_int_equal(id, index + 1);
            assert_non_null(content);
            assert_int_equal(sscanf(content, "\"content\":\"n%llu\"", &n), 1);
            assert_int_equal(n, *next);
            ++*next;
            count++;
        }
        snprintf(last, 32, "%llu", id);
        p = end + 2;
    }
    size_t rest = s->text.n - (size_t)(p - (char *)s->text.p);
    memmove(s->text.p, p, rest);
    s->text.n = rest;
    return count;
}

/* Appends records n<from> to n<to - 1>, in batches. */
static void add_numbers(uint64_t from, uint64_t to)
{
    static char texts[60][16];
    struct log_record some[60];
    struct answer a;
    while (from < to) {
        size_t n = 0;
        for (; n < 60 && from < to; n++, from++) {
            snprintf(texts[n], sizeof texts[n], "n%llu", (unsigned long long)from);
            some[n] = record(from % 3 ? "alice" : "bob", texts[n]);
        }
        append(&world, some, n, &a);
        assert_ok(a.err);
    }
}

/* ---- tests ---- */

static void shows_what_comes(void **state)
{
    (void)state;
    (void)append_one(&world, "alice", "before");
    struct stream s = stream_of("/v1/tail", NULL);
    await_text(&s, "\n\n");
    assert_text(&s, "retry: 1000\nid: 3\n\n");
    int64_t began = now_ms();
    struct log_receipt one = append_one(&world, "alice", "one");
    await_text(&s, "\"one\"");
    /* It was told of the commit: a heartbeat's being taken would have it look too. */
    assert_true(now_ms() - began < 10000);
    assert_int_equal(one.index, 3);
    (void)append_one(&world, "bob", "two");
    await_text(&s, "\"two\"");
    assert_true(has(&s, "\n\nid: 4\ndata: {\"index\":3,\"seq\":2,\"agentId\":\"alice\","));
    assert_true(has(&s, ",\"simulated\":true}\n\nid: 6\ndata: {\"index\":5,\"seq\":1,"));
    assert_false(has(&s, "before"));
    stream_free(&s);
}

static void shows_what_matches(void **state)
{
    (void)state;
    static const struct {
        const char *target, *want[3];
    } asked[] = {
        {"/v1/tail?from=0", {"\"n0\"", "\"n1\"", "\"n8\""}},
        {"/v1/tail?from=0&agent=bob", {"\"n0\"", "\"n3\"", "\"n6\""}},
        {"/v1/tail?from=0&text=N5", {"\"n5\""}},
        {"/v1/tail?from=0&type=teelog.session", {"\"index\":1,", "\"index\":3,"}},
        {"/v1/tail?agent=bob&room=room&user=user&type=Action:X&from=2",
         {"\"n0\"", "\"n3\"", "\"n6\""}},
        {"/v1/tail?from=0&room=other", {NULL}},
    };
    add_numbers(0, 9);
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        struct stream s = stream_of(asked[i].target, NULL);
        await_text(&s, "\n\n");
        for (size_t k = 0; k < 3 && asked[i].want[k]; k++)
            await_text(&s, asked[i].want[k]);
        if (strstr(asked[i].target, "bob"))
            assert_false(has(&s, "alice"));
        if (strstr(asked[i].target, "N5"))
            assert_false(has(&s, "\"n4\"") || has(&s, "\"n6\""));
        stream_free(&s);
    }
}

/* A client that is cut off again and again, within events too, and comes back with the
 * last whole one; the service starts anew now and then. */
static void goes_on_where_it_was(void **state)
{
    (void)state;
    const uint64_t total = getenv("TEELOG_LONG") ? 30000 : 3000;
    uint64_t next = 0, added = 0;
    char last[32] = "0";
    unsigned long long random = 88172645463325252ULL;
    for (int round = 0; next < total; round++) {
        struct stream s = stream_of("/v1/tail?from=0", last);
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        for (size_t bytes = random % 90000 + 200; bytes && next < total;) {
            if (added < total) {
                uint64_t some = added + random % 97 + 1;
                some = some < total ? some : total;
                add_numbers(added, some);
                added = some;
            }
            size_t before = s.raw.n;
            (void)stream_read(&s, bytes, 2000);
            bytes -= s.raw.n - before;
            (void)take_events(&s, &next, last);
        }
        stream_free(&s);
        if (round % 16 == 15) {
            http_stop(service);
            world_stop(&world);
            world_open(&world);
            serve(NULL, NULL, 0);
        }
    }
    assert_int_equal(next, total);
    /* And there is no more. */
    struct stream s = stream_of("/v1/tail", last);
    assert_int_equal(added, total);
    while (stream_read(&s, SIZE_MAX, 100))
        ;
    (void)take_events(&s, &next, last);
    assert_int_equal(next, total);
    stream_free(&s);
}

/* Who does not read is not asked for: then he gets it all. */
static void slow_readers_hold_nothing_up(void **state)
{
    (void)state;
    static char text[50000];
    memset(text, 'x', sizeof text - 1);
    struct stream s = stream_of("/v1/tail?from=0", NULL);
    for (int i = 0; i < 1000; i++)
        (void)append_one(&world, "alice", text);  /* 50 MB */
    for (int before = -1; before != submitted;) { /* until it rests */
        before = submitted;
        usleep(300000);
    }
    int queries = submitted;
    for (int i = 0; i < 5; i++) {
        (void)append_one(&world, "alice", i < 4 ? "more" : "the last");
        usleep(100000); /* longer than commits are gathered */
    }
    assert_int_equal(submitted, queries);
    await_text(&s, "\"the last\"");
    size_t events = 0;
    for (const char *p = (const char *)s.text.p;
         (p = memmem(p, s.text.n - (size_t)(p - (const char *)s.text.p), "\ndata: ", 7)); p++)
        events++;
    assert_int_equal(events, 1005);
    stream_free(&s);
}

/* However fast they come: one look each 20 ms, also where something new is there as soon
 * as the last one is over. */
static void commits_are_gathered(void **state)
{
    (void)state;
    slow = true;
    static struct answer answers[1500];
    const size_t n = sizeof answers / sizeof answers[0];
    const struct log_record one = record("alice", "x");
    struct stream s = stream_of("/v1/tail?text=last", NULL);
    int64_t began = now_ms();
    for (size_t i = 0; i < n; i++) {
        submit(&world, &one, 1, &answers[i]);
        usleep(100);
    }
    for (size_t i = 0; i < n; i++)
        await(&answers[i]);
    (void)append_one(&world, "alice", "the last");
    await_text(&s, "\"the last\"");
    assert_in_range(submitted, 1, (now_ms() - began) / 20 + 3);
    stream_free(&s);
}

static void ends_with_the_service(void **state)
{
    (void)state;
    struct stream idle = stream_of("/v1/tail", NULL), busy;
    hold = true;
    busy = stream_of("/v1/tail?from=0", NULL);
    while (held_count == 0)
        usleep(1000);
    let_go();
    int64_t began = now_ms();
    http_stop(service);
    service = NULL;
    assert_true(now_ms() - began < 4000); /* its patience is five seconds */
    await_end(&idle);
    await_end(&busy);
    stream_free(&idle);
    stream_free(&busy);
}

static void *stop_service(void *arg)
{
    http_stop(arg);
    return NULL;
}

/* Also where the query that was under way was done before it could be cancelled. */
static void ends_with_a_query_that_was_done(void **state)
{
    (void)state;
    pthread_t stopper;
    add_numbers(0, 9);
    hold = deaf = true;
    struct stream s = stream_of("/v1/tail?from=0", NULL);
    while (held_count == 0)
        usleep(1000);
    int64_t began = now_ms();
    assert_int_equal(pthread_create(&stopper, NULL, stop_service, service), 0);
    while (cancelled == 0)
        usleep(1000);
    let_go();
    assert_int_equal(pthread_join(stopper, NULL), 0);
    service = NULL;
    assert_true(now_ms() - began < 4000);
    await_end(&s);
    assert_true(has(&s, "\"n8\""));
    stream_free(&s);
}

static void is_cancelled_with_its_client(void **state)
{
    (void)state;
    static const char *const targets[] = {"/v1/tail?from=0", "/v1/records", "/v1/records/0"};
    for (size_t i = 0; i < 3; i++) {
        char request[200];
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", targets[i]);
        hold = true;
        cancelled = 0;
        int fd = dial();
        send_all(fd, request, strlen(request));
        while (held_count == 0)
            usleep(1000);
        /* One that only says that it sends no more has left a tail, and nothing else. */
        shutdown(fd, SHUT_WR);
        struct linger reset = {1, 0};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        if (i > 0) {
            usleep(50000);
            assert_int_equal(cancelled, 0);
        }
        close(fd);
        if (i == 0)
            for (int tries = 0; cancelled == 0; tries++) {
                assert_true(tries < 10000);
                usleep(1000);
            }
        let_go();
    }
    /* A stopping service does not wait for those who left. */
    http_stop(service);
    service = NULL;
}

static void tells_of_an_error(void **state)
{
    (void)state;
    struct stream s = stream_of("/v1/tail", NULL);
    fail = true;
    (void)append_one(&world, "alice", "x");
    await_end(&s);
    assert_true(has(&s, "event: error\ndata: {\"error\":\"input or output failed\"}\n\n"));
    stream_free(&s);
    struct reply r = ask(GET("/v1/records"));
    assert_refused(&r, 500, NULL);
    fail = false;
    r = ask(GET("/v1/records"));
    assert_int_equal(r.status, 200);
    finish(&r);
}

static void tails_are_bounded(void **state)
{
    (void)state;
    struct stream s[TAILS_MAX], another;
    for (size_t i = 0; i < TAILS_MAX; i++)
        s[i] = stream_of("/v1/tail", NULL);
    assert_int_equal(try_stream(&another, "/v1/tail", NULL), 503);
    stream_free(&another);
    (void)append_one(&world, "alice", "for all");
    for (size_t i = 0; i < TAILS_MAX; i++)
        await_text(&s[i], "for all");
    /* Half of them leave in either way, and their places are free. */
    for (size_t i = 0; i < TAILS_MAX; i += 2) {
        if (i % 4)
            shutdown(s[i].fd, SHUT_WR);
        else
            shutdown(s[i].fd, SHUT_RDWR);
    }
    int status = 503;
    for (int tries = 0; tries < 1000 && status == 503; tries++) {
        status = try_stream(&another, "/v1/tail", NULL);
        stream_free(&another);
        usleep(10000);
    }
    assert_int_equal(status, 200);
    for (size_t i = 0; i < TAILS_MAX; i++)
        stream_free(&s[i]);
}

static void pages_are_bounded(void **state)
{
    (void)state;
    int fds[QUERIES_MAX];
    hold = true;
    for (int i = 0; i < QUERIES_MAX; i++) {
        fds[i] = dial();
        send_all(fds[i], GET("/v1/records"), sizeof GET("/v1/records") - 1);
    }
    while (held_count < QUERIES_MAX)
        usleep(1000);
    struct reply r = ask(GET("/v1/records/0"));
    assert_non_null(strstr(r.head, "Retry-After: 1\r\n"));
    assert_refused(&r, 503, NULL);
    let_go();
    for (int i = 0; i < QUERIES_MAX; i++) {
        assert_true(read_reply(fds[i], &r));
        assert_int_equal(r.status, 200);
        finish(&r);
        close(fds[i]);
    }
    r = ask(GET("/v1/records/0"));
    assert_int_equal(r.status, 200);
    finish(&r);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(shows_what_comes),
        TEST(shows_what_matches),
        TEST(goes_on_where_it_was),
        TEST(slow_readers_hold_nothing_up),
        TEST(commits_are_gathered),
        TEST(ends_with_the_service),
        TEST(ends_with_a_query_that_was_done),
        TEST(is_cancelled_with_its_client),
        TEST(tells_of_an_error),
        TEST(tails_are_bounded),
        TEST(pages_are_bounded),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
