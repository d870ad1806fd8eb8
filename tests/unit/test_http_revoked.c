/* What a token has under way when it is revoked: nothing more comes of it. The owner thread
 * is held up, so that the revocation stands in its queue before what was asked. */
#include "testhttp.h"

#include "log/internal.h"
#include "log/tokens.h"

#include <semaphore.h>
#include <signal.h>
#include <unistd.h>

static sem_t go_on;

static void wait_on_owner(void *arg)
{
    (void)arg;
    while (sem_wait(&go_on) != 0)
        ;
}

static void *revoke_it(void *id)
{
    assert_ok(log_token_revoke(world.log, id, NULL));
    return NULL;
}

static bool is_queued(void)
{
    pthread_mutex_lock(&world.log->lock);
    bool queued = world.log->jobs != NULL;
    pthread_mutex_unlock(&world.log->lock);
    return queued;
}

static int under_way(const char *method, const char *target, const char *token, const char *body)
{
    char text[1000];
    int fd = dial();
    int n = snprintf(text, sizeof text,
                     "%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
                     "Content-Length: %zu\r\n\r\n%s",
                     method, target, token, strlen(body), body);
    send_all(fd, text, (size_t)n);
    struct reply taken = ask(GET("/healthz")); /* answered after it was taken */
    finish(&taken);
    return fd;
}

static void nothing_comes_of_it(void **state)
{
    (void)state;
    static const struct {
        const char *method, *target, *body;
    } asked[] = {{"GET", "/v1/records", ""},
                 {"GET", "/v1/records/1", ""},
                 {"POST", "/tee/logs", "{}"},
                 {"GET", "/tee/agents", ""},
                 {"GET", "/v1/export", ""},
                 {"POST", "/v1/attest", "{\"nonce\":\"00112233445566778899aabbccddeeff\"}"},
                 {"POST", "/v1/erasures", "{\"agent\":\"alice\"}"}};
    enum { ASKED = sizeof asked / sizeof asked[0] };
    int fds[ASKED];
    char secret[TOKEN_TEXT + 1];
    struct token t = {.scopes = SCOPE_READ | SCOPE_ERASE};
    struct owner_job held = {.run = wait_on_owner};
    pthread_t thread;
    (void)append_one(&world, "alice", "x");
    assert_ok(log_token_create(world.log, &t, secret, NULL));
    assert_int_equal(sem_init(&go_on, 0, 0), 0);
    assert_ok(owner_submit(world.log, &held));
    while (is_queued())
        usleep(1000);
    assert_int_equal(pthread_create(&thread, NULL, revoke_it, t.id), 0);
    while (!is_queued())
        usleep(1000);
    for (size_t i = 0; i < ASKED; i++)
        fds[i] = under_way(asked[i].method, asked[i].target, secret, asked[i].body);
    sem_post(&go_on);
    assert_int_equal(pthread_join(thread, NULL), 0);
    for (size_t i = 0; i < ASKED; i++) {
        struct reply r;
        if (!read_reply(fds[i], &r) || r.status != 401)
            fail_msg("%s: %d", asked[i].target, r.status);
        assert_refused(&r, 401, "Authorization");
        close(fds[i]);
    }
    struct reply r = ask(GET("/v1/records")); /* nothing was erased */
    assert_non_null(strstr(r.body, "\"content\":\"x\""));
    finish(&r);
    sem_destroy(&go_on);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(nothing_comes_of_it)};
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
