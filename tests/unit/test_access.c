/* Tokens over HTTP: made, listed, revoked, and what each may do. */
#include "testhttp.h"

#include "log/tokens.h"

#include <unistd.h>

static void with_token(char *out, size_t size, const char *method, const char *target,
                       const char *token, const char *body)
{
    int n = snprintf(out, size, "%s %s HTTP/1.1\r\nHost: x\r\n", method, target);
    if (token)
        n += snprintf(out + n, size - (size_t)n, "Authorization: Bearer %s\r\n", token);
    if (body)
        n += snprintf(out + n, size - (size_t)n, "Content-Length: %zu\r\n", strlen(body));
    snprintf(out + n, size - (size_t)n, "\r\n%s", body ? body : "");
}

static struct reply call(const char *method, const char *target, const char *token,
                         const char *body)
{
    char request[8192];
    with_token(request, sizeof request, method, target, token, body);
    return ask(request);
}

static int status(const char *method, const char *target, const char *token, const char *body)
{
    struct reply r = call(method, target, token, body);
    finish(&r);
    return r.status;
}

/* Its text, and its id where asked for. */
static void make(const char *json, char text[TOKEN_TEXT + 1], char id[2 * TOKEN_ID + 1])
{
    struct reply r = call("POST", "/v1/tokens", NULL, json);
    assert_int_equal(r.status, 201);
    json_t *root = parse(&r);
    snprintf(text, TOKEN_TEXT + 1, "%s", json_string_value(json_object_get(root, "token")));
    if (id)
        snprintf(id, 2 * TOKEN_ID + 1, "%s", json_string_value(json_object_get(root, "id")));
    json_decref(root);
    finish(&r);
}

static void a_token_has_its_scopes_and_no_others(void **state)
{
    char append[TOKEN_TEXT + 1], read[TOKEN_TEXT + 1], erase[TOKEN_TEXT + 1], admin[TOKEN_TEXT + 1];
    (void)state;
    make("{\"scopes\":[\"append\"]}", append, NULL);
    make("{\"scopes\":[\"read\"]}", read, NULL);
    make("{\"scopes\":[\"erase\"]}", erase, NULL);
    make("{\"scopes\":[\"admin\"]}", admin, NULL);
    uint64_t size = log_size();
    assert_int_equal(status("POST", "/v1/records", read, RECORD), 403);
    assert_int_equal(status("POST", "/v1/records", erase, RECORD), 403);
    assert_int_equal(status("POST", "/v1/records", admin, RECORD), 403);
    assert_int_equal(log_size(), size);
    assert_int_equal(status("POST", "/v1/records", append, RECORD), 200);
    assert_int_equal(status("GET", "/v1/tokens", append, NULL), 403);
    assert_int_equal(status("GET", "/v1/tokens", read, NULL), 403);
    assert_int_equal(status("GET", "/v1/tokens", admin, NULL), 200);
    assert_int_equal(status("POST", "/v1/tokens", append, "{\"scopes\":[\"admin\"]}"), 403);
    assert_int_equal(status("DELETE", "/v1/tokens/0123456789abcdef", append, NULL), 403);
    assert_int_equal(status("GET", "/v1/status", append, NULL), 200);
    append[TOKEN_TEXT - 1] ^= 1; /* one that is not good is good for nothing, public or not */
    assert_int_equal(status("GET", "/v1/status", append, NULL), 401);
    assert_int_equal(status("GET", "/healthz", "", NULL), 401);
    struct reply r = call("POST", "/v1/records", append, RECORD);
    assert_non_null(strstr(r.head, "WWW-Authenticate: Bearer\r\n"));
    assert_refused(&r, 401, "Authorization");
    r = call("POST", "/v1/records", read, RECORD);
    assert_null(strstr(r.head, "WWW-Authenticate"));
    assert_refused(&r, 403, "Authorization");
}

static void the_scheme_is_bearer_in_any_case(void **state)
{
    char text[TOKEN_TEXT + 1], fields[200];
    (void)state;
    make("{\"scopes\":[\"append\"]}", text, NULL);
    static const struct {
        const char *before;
        int status;
    } cases[] = {{"Authorization: bearer ", 200},  {"authorization: BEARER ", 200},
                 {"Authorization: Basic ", 401},   {"Authorization: ", 401},
                 {"Authorization: Bearer  ", 401}, {"Authorization: Bearer,", 401}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(fields, sizeof fields, "%s%s\r\n", cases[i].before, text);
        struct reply r = post("/v1/records", fields, RECORD);
        assert_int_equal(r.status, cases[i].status);
        finish(&r);
    }
}

static void a_revoked_token_is_good_for_nothing(void **state)
{
    char text[TOKEN_TEXT + 1], id[2 * TOKEN_ID + 1], path[64], head[512];
    (void)state;
    make("{\"scopes\":[\"append\",\"admin\"],\"label\":\"l\"}", text, id);
    snprintf(path, sizeof path, "/v1/tokens/%s", id);
    /* A request whose head came before, and whose body comes after. */
    int fd = dial();
    snprintf(head, sizeof head,
             POST("/v1/records") "Authorization: Bearer %s\r\nContent-Length: %zu\r\n"
                                 "Expect: 100-continue\r\n\r\n",
             text, strlen(RECORD));
    send_all(fd, head, strlen(head));
    char go[32];
    assert_int_equal(read(fd, go, 25), 25); /* 100 Continue */
    uint64_t size = log_size();
    struct reply r = call("DELETE", path, text, NULL); /* its own, if it wants to */
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.body, id));
    finish(&r);
    send_all(fd, RECORD, strlen(RECORD));
    assert_true(read_reply(fd, &r));
    assert_refused(&r, 401, "Authorization");
    close(fd);
    assert_int_equal(log_size(), size);
    assert_int_equal(status("POST", "/v1/records", text, RECORD), 401);
    r = call("DELETE", path, NULL, NULL);
    assert_refused(&r, 404, "id");
    static const char *const wrong[] = {"/v1/tokens/0123", "/v1/tokens/0123456789abcdef0",
                                        "/v1/tokens/0123456789abcdeg", "/v1/tokens/x/y"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        r = call("DELETE", wrong[i], NULL, NULL);
        assert_refused(&r, 400, "id");
    }
    assert_int_equal(status("DELETE", "/v1/tokens/", NULL, NULL), 404);
    assert_int_equal(status("GET", path, NULL, NULL), 405);
    assert_int_equal(status("DELETE", "/v1/tokens", NULL, NULL), 405);
}

static void a_list_shows_no_secrets(void **state)
{
    char one[TOKEN_TEXT + 1], two[TOKEN_TEXT + 1];
    (void)state;
    struct reply r = call("GET", "/v1/tokens", NULL, NULL);
    assert_string_equal(r.body, "{\"tokens\":[]}\n");
    finish(&r);
    make("{\"scopes\":[\"append\",\"read\"],\"agents\":[\"alice\",\"bob\"],"
         "\"label\":\"caf\\u00e9 \\\"x\\\"\",\"expiresMs\":4102444800000}",
         one, NULL);
    make("{\"scopes\":[\"erase\"],\"expiresMs\":null}", two, NULL);
    r = call("GET", "/v1/tokens", NULL, NULL);
    assert_null(strstr(r.body, one + 7 + 2 * TOKEN_ID + 1));
    json_t *root = parse(&r), *list = json_object_get(root, "tokens");
    assert_int_equal(json_array_size(list), 2);
    const json_t *t = json_array_get(list, 0);
    assert_int_equal(strncmp(json_string_value(json_object_get(t, "id")), one + 7, 16), 0);
    assert_int_equal(json_array_size(json_object_get(t, "scopes")), 2);
    assert_string_equal(json_string_value(json_array_get(json_object_get(t, "agents"), 1)), "bob");
    assert_string_equal(json_string_value(json_object_get(t, "label")), "caf\xc3\xa9 \"x\"");
    assert_int_equal(json_integer_value(json_object_get(t, "expiresMs")), 4102444800000);
    assert_true(json_is_false(json_object_get(t, "expired")));
    t = json_array_get(list, 1);
    assert_true(json_is_null(json_object_get(t, "expiresMs")));
    assert_int_equal(json_array_size(json_object_get(t, "agents")), 0);
    json_decref(root);
    finish(&r);
}

static void wrong_tokens_are_not_made(void **state)
{
    static const struct {
        const char *body, *field;
    } cases[] = {
        {"{}", "scopes"},
        {"{\"scopes\":[]}", "scopes"},
        {"{\"scopes\":[\"all\"]}", "scopes"},
        {"{\"scopes\":[\"append\",\"all\"]}", "scopes"},
        {"{\"scopes\":\"append\"}", "scopes"},
        {"{\"scopes\":[\"append\"],\"scopes\":[\"read\"]}", "scopes"},
        {"{\"scopes\":[\"append\"],\"scope\":1}", "scope"},
        {"{\"scopes\":[\"append\"],\"agents\":[\"a b\"]}", "agents"},
        {"{\"scopes\":[\"append\"],\"agents\":[\"\"]}", "agents"},
        {"{\"scopes\":[\"append\"],\"agents\":\"a\"}", "agents"},
        {"{\"scopes\":[\"append\"],\"agents\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\","
         "\"9\","
         "\"10\",\"11\",\"12\",\"13\",\"14\",\"15\",\"16\",\"17\"]}",
         "agents"},
        {"{\"scopes\":[\"append\",\"admin\"],\"agents\":[\"a\"]}", "agents"},
        {"{\"scopes\":[\"append\"],\"label\":7}", "label"},
        {"{\"scopes\":[\"append\"],\"label\":\"\\ud800\"}", "label"},
        {"{\"scopes\":[\"append\"],\"expiresMs\":0}", "expiresMs"},
        {"{\"scopes\":[\"append\"],\"expiresMs\":1000}", "expiresMs"},
        {"{\"scopes\":[\"append\"],\"expiresMs\":9007199254740992}", "expiresMs"},
        {"{\"scopes\":[\"append\"],\"expiresMs\":-1}", "expiresMs"},
        {"{\"scopes\":[\"append\"],\"expiresMs\":\"never\"}", "expiresMs"},
        {"[]", ""},
        {"{\"scopes\":[\"append\"]", "scopes"},
        {"{\"scopes\":[\"append\"]}x", "scopes"},
        {"x", ""},
    };
    char label[300], body[5000];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reply r = call("POST", "/v1/tokens", NULL, cases[i].body);
        if (r.status != 400)
            print_error("%s: %d\n", cases[i].body, r.status);
        assert_refused(&r, 400, cases[i].field);
    }
    struct reply unknown =
        call("POST", "/v1/tokens", NULL, "{\"scopes\":[\"append\"],\"scope\":1}");
    assert_non_null(strstr(unknown.body, "and nothing else"));
    finish(&unknown);
    memset(label, 'l', sizeof label);
    for (int n = TOKEN_LABEL_MAX; n <= TOKEN_LABEL_MAX + 1; n++) {
        snprintf(body, sizeof body, "{\"scopes\":[\"read\"],\"label\":\"%.*s\"}", n, label);
        assert_int_equal(status("POST", "/v1/tokens", NULL, body),
                         n == TOKEN_LABEL_MAX ? 201 : 400);
    }
    memset(body, ' ', sizeof body);
    memcpy(body, "{\"scopes\":[\"read\"],\"label\":\"", 29);
    memset(body + 29, 'x', 4500);
    snprintf(body + 29 + 4500, 3, "\"}");
    struct reply r = call("POST", "/v1/tokens", NULL, body);
    assert_refused(&r, 400, "label");
    /* Far more agents than there is room for. */
    size_t n = (size_t)snprintf(body, sizeof body, "{\"scopes\":[\"read\"],\"agents\":[\"\"");
    while (n < 4500)
        n += (size_t)snprintf(body + n, sizeof body - n, ",\"\"");
    snprintf(body + n, sizeof body - n, "]}");
    r = call("POST", "/v1/tokens", NULL, body);
    assert_non_null(strstr(r.body, "too long"));
    assert_refused(&r, 400, "agents");
    assert_int_equal(status("POST", "/v1/tokens?x=1", NULL, "{\"scopes\":[\"read\"]}"), 400);
    assert_int_equal(status("GET", "/v1/tokens?x=1", NULL, NULL), 400);
    assert_int_equal(status("DELETE", "/v1/tokens/0123456789abcdef?x=1", NULL, NULL), 400);
}

static void agents_bind_what_is_said_and_read(void **state)
{
    char text[TOKEN_TEXT + 1];
    (void)state;
    (void)append_one(&world, "alice", "what alice said");
    (void)append_one(&world, "bob", "what bob said");
    make("{\"scopes\":[\"append\",\"read\"],\"agents\":[\"carol\",\"bob\"]}", text, NULL);
    uint64_t size = log_size();
    struct reply r = call("POST", "/v1/records", text, RECORD);
    assert_int_equal(r.status, 403);
    assert_non_null(strstr(r.body, "\"field\":\"agentId\""));
    finish(&r);
    r = call("POST", "/v1/records?agent=bo", text,
             "{\"roomId\":\"r\",\"userId\":\"u\",\"type\":\"t\",\"content\":\"1\"}");
    assert_int_equal(r.status, 403);
    finish(&r);
    assert_int_equal(log_size(), size);
    r = call("GET", "/v1/export", text, NULL);
    assert_refused(&r, 403, "agent");
    r = call("GET", "/v1/export?agent=alice", text, NULL);
    assert_refused(&r, 403, "agentId");
    assert_int_equal(log_size(), size);
    assert_int_equal(status("GET", "/v1/export?agent=alice&bodies=0", text, NULL), 200);
    assert_int_equal(status("GET", "/v1/export?bodies=0", text, NULL), 200);
    assert_int_equal(status("GET", "/v1/export?agent=bob", text, NULL), 200);
    assert_int_equal(status("POST", "/v1/records?agent=bob", text,
                            "{\"roomId\":\"r\",\"userId\":\"u\",\"type\":\"t\",\"content\":\"1\"}"),
                     200);
}

static void a_run_knows_its_tokens_too(void **state)
{
    char admin[TOKEN_TEXT + 1];
    (void)state;
    make("{\"scopes\":[\"admin\"]}", admin, NULL);
    http_stop(service);
    serve(TOKEN, NULL, 0);
    assert_int_equal(status("GET", "/v1/tokens", NULL, NULL), 401);
    assert_int_equal(status("GET", "/v1/tokens", TOKEN, NULL), 403);
    assert_int_equal(status("GET", "/v1/tokens", admin, NULL), 200);
    assert_int_equal(status("POST", "/v1/records", admin, RECORD), 403);
    assert_int_equal(status("POST", "/v1/records", TOKEN, RECORD), 200);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_token_has_its_scopes_and_no_others),
        TEST(the_scheme_is_bearer_in_any_case),
        TEST(a_revoked_token_is_good_for_nothing),
        TEST(a_list_shows_no_secrets),
        TEST(wrong_tokens_are_not_made),
        TEST(agents_bind_what_is_said_and_read),
        TEST(a_run_knows_its_tokens_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
