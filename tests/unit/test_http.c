/* The service over its socket: every kind of bad request gets its 4xx with a
 * line that names what is wrong, and changes nothing; good ones are answered in
 * their order. */
#include "testhttp.h"

#include "http/unix_socket.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct hostile {
    const char *request;
    int status;
    const char *field;
} hostile[] = {
    {"\r\n\r\n", 400, "request"},
    {"GET / HTTP/1.1\n\n", 400, "request"},
    {"GET /healthz HTTP/1.0\r\n\r\n", 400, "request"},
    {"GET /healthz HTTP/1.1\r\n\r\n", 400, "Host"},
    {"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400, "Host"},
    {"GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n", 400, "request"},
    {"\x16\x03\x01\x02\n\x01\x01\xfc\x03\x03", 400, "request"},
    {GET("/"), 404, NULL},
    {GET("/v1"), 404, NULL},
    {GET("/v1/records/"), 404, NULL},
    {GET("/v1/../healthz"), 404, NULL},
    {GET("/%68ealthz"), 404, NULL},
    {GET("/healthz?x=1"), 400, "x"},
    {GET("/healthz?"), 200, NULL},
    {GET("/checkpoint?size=1"), 400, "size"},
    {GET("/v1/status?a"), 400, "a"},
    {GET("/v1/agents?id=alice"), 400, "id"},
    {"DELETE /v1/records HTTP/1.1\r\nHost: x\r\n\r\n", 405, "method"},
    {"DELETE /v1/agents HTTP/1.1\r\nHost: x\r\n\r\n", 405, "method"},
    {"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 405, "method"},
    {"PUT /v1/records HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 405, "method"},
    {"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 400, "Content-Length"},
    {"GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411,
     "Content-Length"},
    {POST("/v1/records") "\r\n" RECORD, 411, "Content-Length"},
    {POST("/v1/records") "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411, "Content-Length"},
    {POST("/v1/records") "Content-Length: 8388609\r\n\r\n", 413, "Content-Length"},
    {POST("/v1/records") "Content-Length: 1e3\r\n\r\n", 400, "Content-Length"},
    {POST("/v1/records") "Content-Length: 0\r\n\r\n", 400, NULL},
    {POST("/v1/records?agents=a") "Content-Length: 1\r\n\r\n{", 400, "agents"},
    {POST("/v1/records?agent=a&agent=b") "Content-Length: 1\r\n\r\n{", 400, "agent"},
    {POST("/v1/records?agent=%zz") "Content-Length: 1\r\n\r\n{", 400, "agent"},
    {POST("/v1/records?receipt=whole") "Content-Length: 1\r\n\r\n{", 400, "receipt"},
    {POST("/v1/records?partial=0") "Content-Length: 1\r\n\r\n{", 400, "partial"},
    {POST("/v1/records?alg=es256k") "Content-Length: 1\r\n\r\n{", 400, "alg"},
    {POST("/v1/records?alg=-47") "Content-Length: 1\r\n\r\n{", 400, "alg"},
    {GET("/v1/export?from=x"), 400, "from"},
    {GET("/v1/export?from=-1"), 400, "from"},
    {GET("/v1/export?to=01"), 400, "to"},
    {GET("/v1/export?to=9007199254740992"), 400, "to"},
    {GET("/v1/export?from=2&to=2"), 400, "to"},
    {GET("/v1/export?to=0"), 400, "to"},
    {GET("/v1/export?bodies=no"), 400, "bodies"},
    {GET("/v1/export?agent="), 400, "agent"},
    {GET("/v1/export?cosigned=61"), 400, "cosigned"},
    {GET("/v1/export?cosigned=1s"), 400, "cosigned"},
};

static void refuses_hostile_requests(void **state)
{
    (void)state;
    (void)append_one(&world, "alice", "one");
    uint64_t size = log_size();
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        struct reply r = ask(hostile[i].request);
        if (r.status != hostile[i].status)
            print_error("%s\n%s%s\n", hostile[i].request, r.head, r.body);
        if (hostile[i].status == 200) {
            assert_int_equal(r.status, 200);
            finish(&r);
        } else {
            assert_refused(&r, hostile[i].status, hostile[i].field);
        }
        assert_int_equal(log_size(), size);
    }
    struct reply r = ask("DELETE /v1/records HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_non_null(strstr(r.head, "Allow: POST, GET\r\n"));
    finish(&r);
    r = post("/v1/records?partial=1", "", "");
    assert_non_null(strstr(r.body, "there is no record"));
    assert_refused(&r, 400, NULL);
    /* An export writes heads first, so this one may grow the log. */
    r = ask(GET("/v1/export?agent=nobody"));
    assert_refused(&r, 404, "agent");
    /* The answer to a HEAD says the length of a body and has none. */
    static const char request[] = "HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    char text[1024];
    size_t n = 0;
    int fd = dial();
    send_all(fd, request, sizeof request - 1);
    for (ssize_t got; (got = read(fd, text + n, sizeof text - n)) > 0;)
        n += (size_t)got;
    assert_memory_equal(text, "HTTP/1.1 405 ", 13);
    assert_memory_equal(text + n - 4, "\r\n\r\n", 4);
    close(fd);
}

static const struct bad_line {
    const char *line, *field;
} bad_lines[] = {
    {"", NULL},
    {"{", NULL},
    {"[]", NULL},
    {RECORD "x", NULL},
    {"{\"agentId\":\"\xc3\"}", NULL},
    {"{\"agentId\":7}", "agentId"},
    {"{\"agentId\":\"\",\"roomId\":\"r\",\"userId\":\"u\",\"type\":\"t\",\"content\":\"c\"}",
     "agentId"},
    {"{\"agentId\":\"a b\",\"roomId\":\"r\",\"userId\":\"u\",\"type\":\"t\",\"content\":\"c\"}",
     "agentId"},
    {"{\"agentId\":\"a\",\"roomId\":\"r\",\"userId\":\"u\",\"type\":\"teelog.boot\",\"content\":"
     "\"c\"}",
     "type"},
    {"{\"agentId\":\"a\",\"roomId\":\"r\",\"userId\":\"u\",\"type\":\"\",\"content\":\"c\"}",
     "type"},
    {"{\"agentId\":\"a\",\"roomId\":\"r\",\"userId\":\"u\",\"type\":\"t\xc3\xa9\",\"content\":"
     "\"c\"}",
     "type"},
    {"{\"agentId\":\"a\",\"roomId\":\"r\",\"userId\":\"u\",\"type\":\"t\"}", "content"},
    {"{\"agentId\":\"a\",\"roomId\":\"r\",\"userId\":\"u\",\"type\":\"t\",\"content\":\"c\",\"x\":"
     "1}",
     "x"},
    {"{\"agentId\":\"a\",\"roomId\":\"r\",\"userId\":\"u\",\"type\":\"t\",\"content\":\"c\","
     "\"ref\":-1}",
     "ref"},
    {"{\"agentId\":\"a\",\"roomId\":\"r\",\"userId\":\"u\",\"type\":\"t\",\"content\":\"c\","
     "\"attributes\":{\"p\":1.5}}",
     "attributes"},
};

static void bad_lines_append_nothing(void **state)
{
    (void)state;
    uint64_t size = log_size();
    for (size_t i = 0; i < sizeof bad_lines / sizeof bad_lines[0]; i++) {
        char body[2048];
        snprintf(body, sizeof body, "%s\n%s\n%s\n", RECORD, bad_lines[i].line, RECORD);
        struct reply r = post("/v1/records", "", body);
        if (r.status != 400)
            print_error("line: %s\n", bad_lines[i].line);
        assert_int_equal(r.status, 400);
        json_t *root = parse(&r);
        assert_int_equal(json_integer_value(json_object_get(root, "count")), 1);
        const json_t *e = json_array_get(json_object_get(root, "errors"), 0);
        assert_int_equal(json_integer_value(json_object_get(e, "line")), 2);
        assert_non_null(json_string_value(json_object_get(e, "error")));
        const char *field = json_string_value(json_object_get(e, "field"));
        assert_string_equal(field ? field : "", bad_lines[i].field ? bad_lines[i].field : "");
        json_decref(root);
        finish(&r);
        assert_int_equal(log_size(), size);
    }
}

/* n lines, each of them text and a newline; the caller frees. */
static char *lines(const char *text, size_t n)
{
    size_t each = strlen(text) + 1;
    char *body = malloc(n * each + 1);
    assert_non_null(body);
    for (size_t i = 0; i < n; i++)
        snprintf(body + i * each, each + 1, "%s\n", text);
    return body;
}

static void lists_at_most_a_hundred_errors(void **state)
{
    (void)state;
    char *body = lines("{}", 250);
    struct reply r = post("/v1/records", "", body);
    assert_int_equal(r.status, 400);
    json_t *root = parse(&r);
    assert_int_equal(json_integer_value(json_object_get(root, "count")), 250);
    assert_int_equal(json_array_size(json_object_get(root, "errors")), 100);
    json_decref(root);
    finish(&r);
    free(body);
}

static void bounds_the_lines_of_a_request(void **state)
{
    (void)state;
    uint64_t size = log_size();
    char *body = lines("{}", HTTP_LINES_MAX + 1);
    struct reply r = post("/v1/records", "", body);
    assert_refused(&r, 413, "lines");
    body[strlen(body) - 3] = 0; /* one line fewer */
    r = post("/v1/records", "", body);
    assert_int_equal(r.status, 400);
    finish(&r);
    free(body);
    body = lines(RECORD, HTTP_FULL_LINES_MAX + 1);
    r = post("/v1/records?receipt=full", "", body);
    assert_refused(&r, 413, "lines");
    assert_int_equal(log_size(), size);
    free(body);
}

static void answers_in_the_order_of_lines(void **state)
{
    (void)state;
    struct reply r =
        post("/v1/records?agent=bob", "",
             "{\"roomId\":\"r\",\"userId\":\"u\",\"type\":\"t\",\"content\":\"1\"}\n" RECORD
             "\n{\"roomId\":\"r\",\"userId\":\"u\",\"type\":\"t\",\"content\":\"2\",\"ref\":0}");
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.head, "Content-Type: application/x-ndjson\r\n"));
    char *save, *line = strtok_r(r.body, "\n", &save);
    const char *agents[] = {"bob", "alice"};
    for (size_t i = 0; i < 2; i++, line = strtok_r(NULL, "\n", &save)) {
        json_t *root = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        assert_string_equal(json_string_value(json_object_get(root, "agentId")), agents[i]);
        assert_int_equal(json_integer_value(json_object_get(root, "index")), 2 * i + 2);
        assert_int_equal(json_integer_value(json_object_get(root, "seq")), 1);
        assert_int_equal(json_integer_value(json_object_get(root, "treeSize")), log_size());
        assert_int_equal(json_string_length(json_object_get(root, "leafHash")), 64);
        assert_string_equal(json_string_value(json_object_get(root, "class")), "signed");
        assert_true(json_is_true(json_object_get(root, "simulated")));
        json_decref(root);
    }
    /* The log itself refuses this one: 0 is the boot. */
    json_t *root = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    assert_string_equal(json_string_value(json_object_get(root, "field")), "ref");
    assert_int_equal(json_integer_value(json_object_get(root, "line")), 3);
    json_decref(root);
    finish(&r);
}

static void partial_answers_bad_lines_in_place(void **state)
{
    (void)state;
    uint64_t size = log_size();
    struct reply r = post("/v1/records?partial=1", "", "{}\n" RECORD "\nx\n" RECORD "\n");
    assert_int_equal(r.status, 200);
    char *save, *line = strtok_r(r.body, "\n", &save);
    for (int i = 1; i <= 4; i++, line = strtok_r(NULL, "\n", &save)) {
        json_t *root = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        if (i % 2)
            assert_int_equal(json_integer_value(json_object_get(root, "line")), i);
        else
            assert_non_null(json_object_get(root, "leafHash"));
        json_decref(root);
    }
    assert_null(line);
    finish(&r);
    assert_int_equal(log_size(), size + 3);
    r = post("/v1/records?partial=1", "", "{}");
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.body, "\"line\":1}"));
    finish(&r);
    assert_int_equal(log_size(), size + 3);
}

static void full_receipts_prove_inclusion(void **state)
{
    (void)state;
    grow_log(&world, 20);
    struct reply r = post("/v1/records?receipt=full", "", RECORD);
    assert_int_equal(r.status, 200);
    json_t *root = parse(&r);
    buf b;
    buf_init(&b, 65536);
    assert_ok(base64_read(&b, slice_str(json_string_value(json_object_get(root, "statement")))));
    hash32 leaf = merkle_leaf_hash(buf_slice(&b)), path_hashes[MERKLE_MAX_PATH];
    const json_t *list = json_object_get(root, "path");
    size_t count = json_array_size(list);
    for (size_t i = 0; i < count; i++) {
        buf_reset(&b);
        assert_ok(base64_read(&b, slice_str(json_string_value(json_array_get(list, i)))));
        memcpy(path_hashes[i].b, b.p, 32);
    }
    struct log_info info;
    log_info(world.log, &info);
    assert_ok(
        merkle_verify_inclusion((uint64_t)json_integer_value(json_object_get(root, "index")),
                                (uint64_t)json_integer_value(json_object_get(root, "treeSize")),
                                &leaf, path_hashes, count, &info.root));
    const char *checkpoint = json_string_value(json_object_get(root, "checkpoint"));
    struct reply c = ask(GET("/checkpoint"));
    assert_string_equal(checkpoint, c.body);
    assert_non_null(strstr(c.head, "Content-Type: text/plain; charset=utf-8\r\n"));
    finish(&c);
    buf_finish(&b);
    json_decref(root);
    finish(&r);
}

static void a_repeated_request_is_said(void **state)
{
    (void)state;
    const char *one =
        "{\"agentId\":\"alice\",\"roomId\":\"r\",\"userId\":\"u\",\"type\":\"t\",\"content\":"
        "\"c\",\"requestId\":\"q\"}";
    struct reply r = post("/v1/records", "", one);
    assert_null(strstr(r.body, "repeated"));
    finish(&r);
    uint64_t size = log_size();
    r = post("/v1/records", "", one);
    assert_non_null(strstr(r.body, "\"repeated\":true"));
    assert_int_equal(log_size(), size);
    finish(&r);
}

static void pipelined_answers_keep_their_order(void **state)
{
    (void)state;
    char request[2048];
    int n = snprintf(request, sizeof request, "%s%s%s",
                     POST("/v1/records") "Content-Length: 70\r\n\r\n" RECORD,
                     POST("/v1/records") "Content-Length: 70\r\n\r\n" RECORD GET("/healthz"),
                     GET("/nothing") GET("/checkpoint"));
    assert_int_equal(strlen(RECORD), 70);
    int fd = dial();
    /* A byte at a time: however a request arrives, it is the same request. */
    for (int i = 0; i < n; i++)
        send_all(fd, request + i, 1);
    static const struct {
        int status;
        const char *text;
    } want[] = {
        {200, "\"seq\":1,"}, {200, "\"seq\":2,"}, {200, "ok"}, {404, "path"}, {200, "\n5\n"}};
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        struct reply r;
        assert_true(read_reply(fd, &r));
        assert_int_equal(r.status, want[i].status);
        if (i < 4)
            assert_non_null(strstr(r.body, want[i].text));
        finish(&r);
    }
    close(fd);
}

static void close_and_half_close_are_honoured(void **state)
{
    (void)state;
    struct reply r;
    char byte;
    int fd = dial();
    const char *request =
        "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" GET("/healthz");
    send_all(fd, request, strlen(request));
    assert_true(read_reply(fd, &r));
    assert_non_null(strstr(r.head, "Connection: close\r\n"));
    finish(&r);
    assert_int_equal(read(fd, &byte, 1), 0);
    close(fd);
    fd = dial();
    request = POST("/v1/records") "Content-Length: 70\r\n\r\n" RECORD;
    send_all(fd, request, strlen(request));
    shutdown(fd, SHUT_WR);
    assert_true(read_reply(fd, &r));
    assert_int_equal(r.status, 200);
    finish(&r);
    close(fd);
    /* A request that is cut off appends nothing. */
    uint64_t size = log_size();
    fd = dial();
    send_all(fd, request, strlen(request) - 1);
    shutdown(fd, SHUT_WR);
    assert_int_equal(read(fd, &byte, 1), 0);
    close(fd);
    assert_int_equal(log_size(), size);
}

static void expect_continue_is_answered(void **state)
{
    (void)state;
    struct reply r;
    int fd = dial();
    const char *head = POST("/v1/records") "Expect: 100-continue\r\nContent-Length: 70\r\n\r\n";
    send_all(fd, head, strlen(head));
    assert_true(read_reply(fd, &r));
    assert_int_equal(r.status, 100);
    finish(&r);
    send_all(fd, RECORD, 70);
    assert_true(read_reply(fd, &r));
    assert_int_equal(r.status, 200);
    finish(&r);
    close(fd);
}

static void a_frozen_log_reads_on(void **state)
{
    (void)state;
    (void)append_one(&world, "alice", "one");
    uint64_t size = log_size();
    log_freeze(world.log, "a test");
    struct reply r = post("/v1/records", "", RECORD);
    assert_null(strstr(r.head, "Retry-After"));
    assert_refused(&r, 503, NULL);
    r = ask(GET("/healthz"));
    assert_refused(&r, 503, NULL);
    r = ask(GET("/v1/status"));
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.body, "\"frozen\":true,\"frozenWhy\":\"a test\""));
    finish(&r);
    r = ask(GET("/checkpoint"));
    assert_int_equal(r.status, 200);
    finish(&r);
    assert_int_equal(log_size(), size);
}

static void what_is_simulated_says_so(void **state)
{
    (void)state;
    static const char *const targets[] = {GET("/v1/agents"), GET("/v1/status")};
    for (size_t i = 0; i < 2; i++) {
        struct reply r = ask(targets[i]);
        json_t *root = parse(&r);
        assert_true(json_is_true(json_object_get(root, "simulated")));
        json_decref(root);
        finish(&r);
    }
    struct reply r = ask(GET("/checkpoint"));
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.head, "\r\nTeelog-Platform: simulator\r\n"));
    finish(&r);
}

static void lists_agents(void **state)
{
    (void)state;
    struct reply r = ask(GET("/v1/agents"));
    assert_string_equal(r.body, "{\"simulated\":true,\"agents\":[]}\n");
    finish(&r);
    grow_log(&world, 6);
    r = ask(GET("/v1/agents"));
    json_t *root = parse(&r);
    const json_t *list = json_object_get(root, "agents");
    assert_int_equal(json_array_size(list), 2);
    const char *ids[] = {"alice", "bob"};
    for (size_t i = 0; i < 2; i++) {
        const json_t *a = json_array_get(list, i);
        assert_string_equal(json_string_value(json_object_get(a, "id")), ids[i]);
        assert_int_equal(json_integer_value(json_object_get(a, "count")), 4);
        assert_true(json_is_true(json_object_get(a, "open")));
        assert_int_equal(json_string_length(json_object_get(a, "publicKey")), 66);
        assert_string_equal(json_string_value(json_object_get(a, "admission")), "bearer");
    }
    json_decref(root);
    finish(&r);
}

/* A run token. */

static void restart_with_token(const char *const *agents, size_t count)
{
    http_stop(service);
    serve(TOKEN, agents, count);
}

static void appending_needs_the_token(void **state)
{
    (void)state;
    restart_with_token(NULL, 0);
    uint64_t size = log_size();
    static const char *const wrong[] = {
        "",
        "Authorization: " TOKEN "\r\n",
        "Authorization: Bearer\r\n",
        "Authorization: Basic " TOKEN "\r\n",
        "Authorization: Bearer  " TOKEN "\r\n",
        "Authorization: Bearer " TOKEN "0\r\n",
        "Authorization: Bearer 0123456789abcdef0123456789abcde\r\n",
        "Authorization: Bearer 0123456789abcdef0123456789abcdee\r\n",
        "Authorization: Xearer " TOKEN "\r\n",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct reply r = post("/v1/records", wrong[i], RECORD);
        assert_non_null(strstr(r.head, "WWW-Authenticate: Bearer\r\n"));
        assert_refused(&r, 401, "Authorization");
        assert_int_equal(log_size(), size);
    }
    struct reply r = post("/v1/records", "Authorization: Bearer   \r\n", RECORD);
    assert_non_null(strstr(r.body, "must be Bearer and a token"));
    finish(&r);
    r = post("/v1/records", "Authorization: Bearer " TOKEN "\r\n", RECORD);
    assert_int_equal(r.status, 200);
    finish(&r);
    r = ask(GET("/v1/agents")); /* reading needs none */
    assert_int_equal(r.status, 200);
    finish(&r);
}

static void the_token_is_for_declared_agents(void **state)
{
    (void)state;
    static const char *const agents[] = {"bob", "carol"};
    restart_with_token(agents, 2);
    uint64_t size = log_size();
    struct reply r = post("/v1/records", "Authorization: Bearer " TOKEN "\r\n", RECORD);
    assert_int_equal(r.status, 403);
    assert_non_null(strstr(r.body, "\"field\":\"agentId\""));
    finish(&r);
    assert_int_equal(log_size(), size);
    r = post("/v1/records?agent=carol", "Authorization: Bearer " TOKEN "\r\n",
             "{\"roomId\":\"r\",\"userId\":\"u\",\"type\":\"t\",\"content\":\"1\"}");
    assert_int_equal(r.status, 200);
    finish(&r);
}

/* Bundles. */

#define BEARER "Authorization: Bearer " TOKEN "\r\n"

static void the_token_exports_no_bodies(void **state)
{
    (void)state;
    int status;
    buf b;
    (void)append_one(&world, "alice", "what alice said");
    restart_with_token(NULL, 0);
    uint64_t size = log_size();
    struct reply r = ask(GET("/v1/export"));
    assert_non_null(strstr(r.head, "WWW-Authenticate: Bearer\r\n"));
    assert_refused(&r, 401, "Authorization");
    r = ask("GET /v1/export HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer no\r\n\r\n");
    assert_refused(&r, 401, "Authorization");
    assert_int_equal(log_size(), size);
    static const char *const targets[] = {"/v1/export", "/v1/export?bodies=1",
                                          "/v1/export?agent=alice&bodies=1"};
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        char request[256];
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n" BEARER "\r\n",
                 targets[i]);
        buf_init(&b, 64 << 20);
        assert_true(fetch(request, &b, &status, false));
        assert_null(memmem(b.p, b.n, "what alice said", 15));
        assert_int_equal(verdict_of(b.p, b.n, NULL), TEELOG_UNPINNED);
        buf_finish(&b);
    }
    http_stop(service);
    serve(NULL, NULL, 0);
    buf_init(&b, 64 << 20);
    assert_true(fetch(GET("/v1/export?bodies=1"), &b, &status, false));
    assert_non_null(memmem(b.p, b.n, "what alice said", 15));
    buf_finish(&b);
}

/* An export writes heads where they are not current; one that is refused does not. */
static void a_refused_export_changes_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        int status;
        const char *field;
    } refused[] = {
        {GET("/v1/export?agent=nobody"), 404, "agent"},
        {GET("/v1/export?agent=nobody&from=0&to=2"), 404, "agent"},
        {GET("/v1/export?agent=a%20b"), 404, "agent"},
        {GET("/v1/export?from=1000"), 400, "from"},
        {GET("/v1/export?from=1000&to=2000"), 400, "from"},
        {GET("/v1/export?agent=alice&from=1000"), 400, "from"},
        {GET("/v1/export?from=3&to=2"), 400, "to"},
        {GET("/v1/export?agent=alice&bodies=2"), 400, "bodies"},
    };
    (void)append_one(&world, "alice", "one");
    uint64_t size = log_size();
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct reply r = ask(refused[i].request);
        assert_refused(&r, refused[i].status, refused[i].field);
        assert_int_equal(log_size(), size);
    }
    /* The size would show it: a good one does append heads here. */
    buf b;
    int status;
    buf_init(&b, 64 << 20);
    assert_true(fetch(GET("/v1/export?agent=alice"), &b, &status, false));
    assert_int_equal(log_size(), size + 1);
    buf_finish(&b);
}

static void large_record(char *text, size_t n)
{
    memset(text, 'x', n - 1);
    text[n - 1] = 0;
}

static void exports_as_fast_as_the_client_reads(void **state)
{
    (void)state;
    static char text[65536];
    int status;
    large_record(text, sizeof text);
    for (int i = 0; i < 64; i++)
        (void)append_one(&world, "alice", text);
    buf quick, slow;
    buf_init(&quick, 64 << 20);
    buf_init(&slow, 64 << 20);
    assert_true(fetch(GET("/v1/export"), &quick, &status, false));
    assert_true(fetch(GET("/v1/export"), &slow, &status, true));
    assert_true(quick.n > 4 << 20);
    assert_true(slice_eq(buf_slice(&quick), buf_slice(&slow)));
    assert_int_equal(verdict_of(quick.p, quick.n, NULL), TEELOG_UNPINNED);
    buf_reset(&slow);
    assert_true(fetch(GET("/v1/export?agent=alice&from=2&to=4&bodies=0"), &slow, &status, false));
    assert_true(slow.n < 65536);
    assert_int_equal(verdict_of(slow.p, slow.n, NULL), TEELOG_UNPINNED);
    buf_finish(&quick);
    buf_finish(&slow);
}

static void a_client_that_leaves_an_export_is_forgotten(void **state)
{
    (void)state;
    static char text[65536];
    large_record(text, sizeof text);
    for (int i = 0; i < 64; i++)
        (void)append_one(&world, "alice", text);
    for (int i = 0; i < 8; i++) {
        int fd = dial();
        send_all(fd, GET("/v1/export"), strlen(GET("/v1/export")));
        char some[1000];
        if (i % 2)
            assert_true(read(fd, some, sizeof some) > 0);
        close(fd);
    }
    struct reply r = ask(GET("/healthz"));
    assert_int_equal(r.status, 200);
    finish(&r);
}

static void a_failing_export_is_cut_off(void **state)
{
    (void)state;
    static char text[65536];
    int status;
    large_record(text, sizeof text);
    for (int i = 0; i < 32; i++)
        (void)append_one(&world, "alice", text);
    http_stop(service);
    service = NULL;
    world_stop(&world);
    host_flip(&world, "leaf", "body", "idx = 30", -1);
    world_open(&world);
    serve(NULL, NULL, 0);
    buf b;
    buf_init(&b, 64 << 20);
    assert_false(fetch(GET("/v1/export"), &b, &status, false));
    assert_int_equal(status, 200);
    assert_true(b.n > 1 << 20);
    buf_finish(&b);
}

/* The socket itself. */

static void the_socket_is_private_and_removed(void **state)
{
    (void)state;
    struct stat st;
    assert_int_equal(stat(socket_path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    http_stop(service);
    service = NULL;
    assert_int_equal(stat(socket_path, &st), -1);
}

static void a_second_service_is_told(void **state)
{
    (void)state;
    int fd;
    struct tl_why why = {{0}, {0}};
    assert_err(unix_listen(&fd, socket_path, &why), TL_E_LOCKED);
    assert_non_null(strstr(why.text, socket_path));
    struct reply r = ask(GET("/healthz")); /* and the first is not harmed */
    assert_int_equal(r.status, 200);
    finish(&r);
}

static void a_stale_socket_is_replaced(void **state)
{
    (void)state;
    int fd;
    struct tl_why why = {{0}, {0}};
    char other[256];
    snprintf(other, sizeof other, "%s/stale.sock", world.dir);
    assert_ok(unix_listen(&fd, other, &why));
    close(fd); /* as after a crash: the file stays */
    assert_ok(unix_listen(&fd, other, &why));
    close(fd);
    unlink(other);
    FILE *f = fopen(other, "w");
    assert_non_null(f);
    fclose(f);
    assert_err(unix_listen(&fd, other, &why), TL_E_EXISTS);
    assert_int_equal(access(other, F_OK), 0);
}

static void a_long_path_is_told(void **state)
{
    (void)state;
    struct sockaddr_un address;
    char long_path[sizeof address.sun_path + 1];
    struct tl_why why = {{0}, {0}};
    memset(long_path, 'a', sizeof long_path);
    long_path[sizeof address.sun_path] = 0;
    assert_err(unix_address(&address, long_path, &why), TL_E_USAGE);
    assert_non_null(strstr(why.text, "107"));
    long_path[sizeof address.sun_path - 1] = 0;
    assert_ok(unix_address(&address, long_path, NULL));
    assert_err(unix_address(&address, "", NULL), TL_E_USAGE);
}

static void stops_with_requests_under_way(void **state)
{
    (void)state;
    int fds[6];
    const char *request = POST("/v1/records") "Content-Length: 70\r\n\r\n" RECORD;
    for (int i = 0; i < 6; i++) {
        fds[i] = dial();
        send_all(fds[i], request, i == 5 ? 40 : strlen(request));
    }
    /* The first is answered; the others may be, whole or not at all. */
    struct reply r;
    assert_true(read_reply(fds[0], &r));
    finish(&r);
    http_stop(service);
    service = NULL;
    for (int i = 1; i < 6; i++) {
        if (read_reply(fds[i], &r)) {
            assert_int_equal(r.status, 200);
            assert_true(i < 5);
        }
        finish(&r);
    }
    for (int i = 0; i < 6; i++)
        close(fds[i]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(refuses_hostile_requests),
        TEST(bad_lines_append_nothing),
        TEST(lists_at_most_a_hundred_errors),
        TEST(bounds_the_lines_of_a_request),
        TEST(answers_in_the_order_of_lines),
        TEST(partial_answers_bad_lines_in_place),
        TEST(full_receipts_prove_inclusion),
        TEST(a_repeated_request_is_said),
        TEST(pipelined_answers_keep_their_order),
        TEST(close_and_half_close_are_honoured),
        TEST(expect_continue_is_answered),
        TEST(a_frozen_log_reads_on),
        TEST(what_is_simulated_says_so),
        TEST(lists_agents),
        TEST(appending_needs_the_token),
        TEST(the_token_is_for_declared_agents),
        TEST(the_token_exports_no_bodies),
        TEST(a_refused_export_changes_nothing),
        TEST(exports_as_fast_as_the_client_reads),
        TEST(a_client_that_leaves_an_export_is_forgotten),
        TEST(a_failing_export_is_cut_off),
        TEST(the_socket_is_private_and_removed),
        TEST(a_second_service_is_told),
        TEST(a_stale_socket_is_replaced),
        TEST(a_long_path_is_told),
        TEST(stops_with_requests_under_way),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
