/* What waits for its quote on the original's routes, with a quoter that answers when
 * it is told to: each gets the quote of its own answer, however they overtake one
 * another, and only so much may wait. */
#include "testhttp.h"

#include "base/encoding.h"
#include "http/rest.h"
#include "log/quoter.h"

#include <signal.h>
#include <unistd.h>

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    size_t count;
    struct {
        log_quote_done_fn *done;
        void *ctx;
        uint8_t report_data[64];
    } asked[RESTS_MAX + 1];
} quoter = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

tl_err __wrap_log_quote_submit(struct log *log, const uint8_t report_data[64],
                               log_quote_done_fn *done, void *ctx, struct tl_why *why);

tl_err __wrap_log_quote_submit(struct log *log, const uint8_t report_data[64],
                               log_quote_done_fn *done, void *ctx, struct tl_why *why)
{
    (void)log, (void)why;
    pthread_mutex_lock(&quoter.lock);
    quoter.asked[quoter.count].done = done;
    quoter.asked[quoter.count].ctx = ctx;
    memcpy(quoter.asked[quoter.count++].report_data, report_data, 64);
    pthread_cond_signal(&quoter.wake);
    pthread_mutex_unlock(&quoter.lock);
    return TL_OK;
}

void __real_rest_put_row(buf *b, const struct log_row *row, const struct log_session *s);
void __wrap_rest_put_row(buf *b, const struct log_row *row, const struct log_session *s);

static size_t counted_while_written; /* the most; the loop's */

void __wrap_rest_put_row(buf *b, const struct log_row *row, const struct log_session *s)
{
    if (service->held > counted_while_written)
        counted_while_written = service->held;
    __real_rest_put_row(b, row, s);
}

static void await_asked(size_t n)
{
    pthread_mutex_lock(&quoter.lock);
    while (quoter.count < n)
        pthread_cond_wait(&quoter.wake, &quoter.lock);
    pthread_mutex_unlock(&quoter.lock);
}

/* The quote is the report data between zero bytes. */
static void give(size_t i, tl_err err)
{
    uint8_t quote[70] = {0};
    struct tl_why why = {{0}, "the hardware has no quote for you"};
    memcpy(quote + 3, quoter.asked[i].report_data, 64);
    struct evidence e = {.quote = err == TL_OK ? SLICE_ARRAY(quote) : (slice){NULL, 0}};
    quoter.asked[i].done(quoter.asked[i].ctx, err, &e, &why);
}

static int begin(void **state)
{
    quoter.count = 0;
    return set_up(state);
}

/* ---- a client with many connections ---- */

static int send_logs(const char *body)
{
    char request[400];
    int fd = dial();
    int n = snprintf(request, sizeof request, POST("/tee/logs") "Content-Length: %zu\r\n\r\n%s",
                     strlen(body), body);
    send_all(fd, request, (size_t)n);
    return fd;
}

static struct reply reply_of(int fd)
{
    struct reply r;
    assert_true(read_reply(fd, &r));
    close(fd);
    return r;
}

/* Whether the quote in r is over r's own bytes, and whole. */
static void expect_own_quote(struct reply *r, const uint8_t nonce[16])
{
    char want[160], hex[129];
    uint8_t data[64];
    const char *at = NULL;
    assert_int_equal(r->status, 200);
    for (const char *p = r->body; (p = strstr(p, ",\"attestation\":")); p++)
        at = p;
    const slice answer[] = {slice_of(r->body, (size_t)(at - r->body)), slice_str("}")};
    const slice second[] = {slice_of("teelog/rest/v1", 15), slice_of(nonce, 16)};
    hash32 h = sha256_parts(answer, 2), k = sha256_parts(second, 2);
    memcpy(data, h.b, 32);
    memcpy(data + 32, k.b, 32);
    hex_text(hex, data, sizeof data);
    snprintf(want, sizeof want, "\\\"quote\\\":\\\"0x000000%s000000\\\"", hex);
    assert_non_null(strstr(at, want));
    finish(r);
}

static void each_gets_the_quote_of_its_own_answer(void **state)
{
    int fd[RESTS_MAX];
    char body[200];
    uint8_t nonce[16] = {0};
    (void)state;
    for (size_t i = 0; i < 5; i++)
        append_one(&world, i % 2 ? "alice" : "bob", "x");
    for (size_t i = 0; i < RESTS_MAX; i++) {
        snprintf(
            body, sizeof body,
            "{\"nonce\":\"%02zx000000000000000000000000000000\",\"query\":{\"agentId\":\"%s\"}}", i,
            i % 3 ? "alice" : "bob");
        fd[i] = send_logs(body);
        await_asked(i + 1);
    }
    /* One more is too many; it is told when to come again. */
    struct reply r = reply_of(send_logs("{}"));
    assert_non_null(strstr(r.head, "Retry-After: "));
    assert_refused(&r, 503, NULL);
    for (size_t i = 0; i < RESTS_MAX; i++)
        give((i * 37 + 11) % RESTS_MAX, TL_OK); /* in no order */
    for (size_t i = 0; i < RESTS_MAX; i++) {
        nonce[0] = (uint8_t)i;
        r = reply_of(fd[i]);
        expect_own_quote(&r, nonce);
    }
    /* And then there is room again. */
    fd[0] = send_logs("{}");
    await_asked(RESTS_MAX + 1);
    give(RESTS_MAX, TL_OK);
    r = reply_of(fd[0]);
    assert_int_equal(r.status, 200);
    finish(&r);
}

static void without_a_quote_there_is_no_answer(void **state)
{
    (void)state;
    append_one(&world, "alice", "secret words");
    int fd = send_logs("{}");
    await_asked(1);
    give(0, TL_E_IO);
    struct reply r = reply_of(fd);
    assert_null(strstr(r.body, "secret"));
    assert_non_null(strstr(r.body, "the hardware has no quote for you"));
    assert_refused(&r, 500, NULL);
}

/* A client that goes away leaves nothing behind. */
static void clients_may_go(void **state)
{
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        close(send_logs("{}"));
        await_asked(i + 1);
    }
    struct reply r = ask(GET("/healthz")); /* by now it knows that they are gone */
    finish(&r);
    for (size_t i = 0; i < 5; i++)
        give(i, i % 2 ? TL_OK : TL_E_STOPPING);
    int fd[RESTS_MAX];
    for (size_t i = 0; i < RESTS_MAX - 5; i++) {
        fd[i] = send_logs("{}");
        await_asked(i + 6);
    }
    for (size_t i = 0; i < RESTS_MAX - 5; i++) {
        give(i + 5, TL_OK);
        r = reply_of(fd[i]);
        assert_int_equal(r.status, 200);
        finish(&r);
    }
}

/* Large answers that wait are held in memory: no more than so many bytes of them. */
static void waiting_answers_are_bounded(void **state)
{
    int fd[3];
    char *content = malloc(RECORD_CONTENT_MAX + 1);
    (void)state;
    memset(content, 1, RECORD_CONTENT_MAX);
    content[RECORD_CONTENT_MAX] = 0;
    for (int i = 0; i < 3; i++)
        append_one(&world, "alice", content);
    free(content);
    counted_while_written = 0;
    service->config.limits.memory = (size_t)64 << 20; /* it is idle: nobody reads it */
    for (size_t i = 0; i < 2; i++) {
        fd[i] = send_logs("{}");
        await_asked(i + 1);
        if (i == 0) /* the first rows, when the last one was begun */
            assert_true(counted_while_written > RECORD_CONTENT_MAX);
    }
    struct reply r = reply_of(send_logs("{}"));
    assert_non_null(strstr(r.head, "Retry-After: "));
    assert_refused(&r, 503, NULL);
    for (size_t i = 0; i < 2; i++) {
        give(i, TL_OK);
        r = reply_of(fd[i]);
        assert_int_equal(r.status, 200);
        finish(&r);
    }
    fd[2] = send_logs("{}"); /* their bytes are counted no more */
    await_asked(3);
    give(2, TL_OK);
    r = reply_of(fd[2]);
    assert_int_equal(r.status, 200);
    finish(&r);
}

static void *stop(void *arg)
{
    http_stop(arg);
    return NULL;
}

/* A stopping service answers what it has taken. */
static void a_stopping_service_waits_for_quotes(void **state)
{
    pthread_t thread;
    (void)state;
    int fd = send_logs("{}");
    await_asked(1);
    assert_int_equal(pthread_create(&thread, NULL, stop, service), 0);
    service = NULL;
    while (access(socket_path, F_OK) == 0)
        usleep(1000); /* until it has begun to stop */
    give(0, TL_OK);
    struct reply r = reply_of(fd);
    assert_int_equal(r.status, 200);
    finish(&r);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_gets_the_quote_of_its_own_answer, begin, tear_down),
        cmocka_unit_test_setup_teardown(without_a_quote_there_is_no_answer, begin, tear_down),
        cmocka_unit_test_setup_teardown(clients_may_go, begin, tear_down),
        cmocka_unit_test_setup_teardown(waiting_answers_are_bounded, begin, tear_down),
        cmocka_unit_test_setup_teardown(a_stopping_service_waits_for_quotes, begin, tear_down),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
