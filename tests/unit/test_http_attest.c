/* POST /v1/attest. */
#include "testhttp.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#define NONCE  "000102030405060708090a0b0c0d0e0f"
#define BEARER "Authorization: Bearer " TOKEN "\r\n"

static char *request_of(const char *fields, const char *body)
{
    static char out[4096];
    snprintf(out, sizeof out,
             "POST /v1/attest HTTP/1.1\r\nHost: x\r\n%sContent-Length: %zu\r\n\r\n%s", fields,
             strlen(body), body);
    return out;
}

/* The bundle, which must be the answer to NONCE; the caller frees. */
static struct teelog_report *attested(const char *fields, const char *body, buf *bundle)
{
    static const uint8_t nonce[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    int status;
    struct teelog_report *r = NULL;
    buf_init(bundle, 64 << 20);
    assert_true(fetch(request_of(fields, body), bundle, &status, false));
    assert_int_equal(status, 200);
    slice s = buf_slice(bundle);
    const struct teelog_verify_options o = {.time = (uint64_t)time(NULL),
                                            .nonce = nonce,
                                            .nonce_size = sizeof nonce,
                                            .threads = 1,
                                            .read = slice_source_read,
                                            .ctx = &s};
    assert_ok(teelog_verify(&r, &o));
    if (teelog_report_verdict(r) != TEELOG_UNPINNED) {
        char *text = teelog_report_text(r);
        fail_msg("%s", text);
    }
    return r;
}

static void expect(const char *fields, const char *body, const char *words)
{
    buf b;
    struct teelog_report *r = attested(fields, body, &b);
    char *text = teelog_report_text(r);
    if (!strstr(text, words))
        fail_msg("%s: not in\n%s", words, text);
    free(text);
    teelog_report_free(r);
    buf_finish(&b);
}

static void answers(void **state)
{
    (void)state;
    (void)append_one(&world, "alice", "what alice said");
    uint64_t size = log_size();
    expect("", "{\"nonce\":\"" NONCE "\"}", "nonce given: size 3, unwitnessed");
    expect("", "{\"nonce\":\"" NONCE "\",\"agent\":\"alice\"}",
           "nonce given: size 3, alice at 2 statements, unwitnessed");
    expect("", "{\"agent\":\"bob\",\"nonce\":\"" NONCE "\",\"chain\":false}",
           "nonce given: size 3, bob at 0 statements, unwitnessed");
    assert_int_equal(log_size(), size);
    expect("", "{\"nonce\":\"" NONCE "\",\"agent\":\"alice\",\"chain\":true}",
           "nonce given: size 4, alice at 2 statements, unwitnessed");
    assert_int_equal(log_size(), size + 1); /* heads, as an export appends them */
}

static void bodies_need_the_scope_read(void **state)
{
    (void)state;
    static const char said[] = "what alice said",
                      body[] = "{\"nonce\":\"" NONCE "\",\"agent\":\"alice\"}";
    buf b;
    (void)append_one(&world, "alice", said);
    struct teelog_report *r = attested("", body, &b);
    assert_non_null(memmem(b.p, b.n, said, sizeof said - 1));
    teelog_report_free(r);
    buf_finish(&b);
    http_stop(service);
    serve(TOKEN, NULL, 0);
    r = attested(BEARER, body, &b);
    assert_null(memmem(b.p, b.n, said, sizeof said - 1));
    assert_int_equal(teelog_report_agent(r, 0).withheld, 1);
    teelog_report_free(r);
    buf_finish(&b);
}

static void the_hardware_is_not_asked_without_a_token(void **state)
{
    (void)state;
    static const char *const agents[] = {"bob"};
    http_stop(service);
    serve(TOKEN, agents, 1);
    uint64_t size = log_size();
    struct reply r = post("/v1/attest", "", "{\"nonce\":\"" NONCE "\"}");
    assert_refused(&r, 401, "Authorization");
    r = post("/v1/attest", "Authorization: Bearer no\r\n", "{\"nonce\":\"" NONCE "\"}");
    assert_refused(&r, 401, "Authorization");
    r = post("/v1/attest", BEARER, "{\"nonce\":\"" NONCE "\",\"agent\":\"alice\"}");
    assert_refused(&r, 403, "agentId");
    assert_int_equal(log_size(), size);
    expect(BEARER, "{\"nonce\":\"" NONCE "\",\"agent\":\"bob\"}", "bob at 0 statements");
    expect(BEARER, "{\"nonce\":\"" NONCE "\"}", "nonce given: size ");
}

static void refuses(void **state)
{
    (void)state;
    char long_agent[400];
    snprintf(long_agent, sizeof long_agent, "{\"nonce\":\"" NONCE "\",\"agent\":\"%0130d\"}", 1);
    const struct {
        const char *body, *field;
        int status;
    } wrong[] = {
        {"", NULL, 400},
        {"[]", NULL, 400},
        {"{", NULL, 400},
        {"{}", "nonce", 400},
        {"{\"nonce\":\"\"}", "nonce", 400},
        {"{\"nonce\":\"000102030405060708090a0b0c0d0e\"}", "nonce", 400},
        {"{\"nonce\":\"" NONCE "0\"}", "nonce", 400},
        {"{\"nonce\":\"g00102030405060708090a0b0c0d0e0f\"}", "nonce", 400},
        {"{\"nonce\":\"" NONCE NONCE NONCE NONCE "00\"}", "nonce", 400},
        {"{\"nonce\":7}", "nonce", 400},
        {"{\"nonce\":null}", "nonce", 400},
        {"{\"nonce\":\"" NONCE "\",\"nonce\":\"" NONCE "\"}", "nonce", 400},
        {"{\"nonce\":\"" NONCE "\",\"agent\":\"\"}", "agent", 400},
        {"{\"nonce\":\"" NONCE "\",\"agent\":\"a b\"}", "agent", 400},
        {"{\"nonce\":\"" NONCE "\",\"agent\":\"alice\\u0000x\"}", NULL, 400},
        {"{\"nonce\":\"" NONCE "\",\"agent\":null}", "agent", 400},
        {"{\"nonce\":\"" NONCE "\",\"agent\":1}", "agent", 400},
        {long_agent, "agent", 400},
        {"{\"nonce\":\"" NONCE "\",\"chain\":true}", "agent", 400},
        {"{\"nonce\":\"" NONCE "\",\"agent\":\"alice\",\"chain\":1}", "chain", 400},
        {"{\"nonce\":\"" NONCE "\",\"agent\":\"alice\",\"chain\":null}", "chain", 400},
        {"{\"nonce\":\"" NONCE "\",\"report_data\":\"00\"}", "report_data", 400},
        {"{\"nonce\":\"" NONCE "\",\"agent\":\"nobody\",\"chain\":true}", "agent", 404},
    };
    (void)append_one(&world, "alice", "one");
    uint64_t size = log_size();
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct reply r = post("/v1/attest", "", wrong[i].body);
        print_message("  %s\n", wrong[i].body);
        if (wrong[i].field) {
            assert_refused(&r, wrong[i].status, wrong[i].field);
        } else {
            assert_int_equal(r.status, wrong[i].status);
            finish(&r);
        }
        assert_int_equal(log_size(), size);
    }
    struct reply r = post("/v1/attest", "", "{\"nonce\":\"00\"}");
    assert_non_null(strstr(r.body, "bytes in hex")); /* not: it is missing */
    assert_refused(&r, 400, "nonce");
    r = post("/v1/attest?nonce=" NONCE, "", "{\"nonce\":\"" NONCE "\"}");
    assert_refused(&r, 400, "nonce"); /* in the body, and nowhere else */
    r = ask(GET("/v1/attest"));
    assert_int_equal(r.status, 405);
    assert_non_null(strstr(r.head, "Allow: POST\r\n"));
    finish(&r);
}

static void limited(void **state)
{
    (void)state;
    struct reply r = {.status = 200};
    int status = 200;
    for (int i = 0; i < 300 && status == 200; i++) {
        buf b;
        buf_init(&b, 64 << 20);
        (void)fetch(request_of("", "{\"nonce\":\"" NONCE "\"}"), &b, &status, false);
        buf_finish(&b);
    }
    assert_int_equal(status, 503);
    do {
        if (r.body)
            finish(&r);
        r = post("/v1/attest", "", "{\"nonce\":\"" NONCE "\",\"agent\":\"alice\"}");
    } while (r.status == 200);
    assert_int_equal(r.status, 503);
    assert_non_null(strstr(r.head, "Retry-After: 1\r\n"));
    assert_non_null(strstr(r.body, "quotes a second"));
    finish(&r);
    r = ask(GET("/v1/status")); /* and all else goes on */
    assert_int_equal(r.status, 200);
    finish(&r);
}

/* Exports that nobody reads hold up other exports, and no answer alone. */
static void slow_exports_do_not_keep_answers(void **state)
{
    (void)state;
    static const char whole[] = GET("/v1/export");
    static char text[300001];
    int fds[4];
    memset(text, 'x', sizeof text - 1);
    for (int i = 0; i < 20; i++)
        (void)append_one(&world, "alice", text);
    for (int i = 0; i < 4; i++) {
        fds[i] = dial();
        send_all(fds[i], whole, sizeof whole - 1);
        uint8_t first;
        assert_int_equal(read(fds[i], &first, 1), 1);
    }
    struct reply r = ask(whole);
    assert_int_equal(r.status, 503);
    finish(&r);
    r = post("/v1/attest", "", "{\"nonce\":\"" NONCE "\",\"agent\":\"alice\",\"chain\":true}");
    assert_int_equal(r.status, 503);
    finish(&r);
    expect("", "{\"nonce\":\"" NONCE "\",\"agent\":\"alice\"}", "alice at 21 statements");
    for (int i = 0; i < 4; i++)
        close(fds[i]);
}

/* Clients that leave, and a service that stops, while the hardware is at it. */
static void nobody_waits(void **state)
{
    (void)state;
    const char *request = request_of("", "{\"nonce\":\"" NONCE "\",\"agent\":\"alice\"}");
    int fds[20];
    (void)append_one(&world, "alice", "one");
    for (int i = 0; i < 20; i++) {
        fds[i] = dial();
        send_all(fds[i], request, strlen(request));
        if (i % 2)
            close(fds[i]);
    }
    http_stop(service);
    service = NULL;
    for (int i = 0; i < 20; i += 2)
        close(fds[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bodies_need_the_scope_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_hardware_is_not_asked_without_a_token, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(refuses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(limited, set_up, tear_down),
        cmocka_unit_test_setup_teardown(slow_exports_do_not_keep_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_waits, set_up, tear_down),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
