/* teelog/client.h: what it takes, what it sends, and what it makes of answers. What may happen
 * between a client and its log, tests/integration/test_clients.py has. */
#include "testhttp.h"

#include "client/address.h"
#include "client/client.h"
#include "client/outgoing.h"
#include "client/sigpipe.h"
#include "codec/json_put.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

static char message[400];

static const char *log_key(void)
{
    static char text[400];
    struct log_info info;
    log_info(world.log, &info);
    snprintf(text, sizeof text, "%s", info.log_key);
    return text;
}

static struct teelog_client_options options(void)
{
    return (struct teelog_client_options){
        .socket = socket_path, .log_key = log_key(), .timeout_ms = 20000};
}

static struct teelog_client *open_client(const struct teelog_client_options *o)
{
    struct teelog_client *c = NULL;
    if (teelog_client_open(&c, o, message, sizeof message) != TL_OK)
        fail_msg("%s", message);
    return c;
}

static struct teelog_client_record payment(const char *content)
{
    return (struct teelog_client_record){
        .agent = "alice", .room = "r", .type = "Action:pay", .content = content};
}

/* ---- opening ---- */

static void unusable(const struct teelog_client_options *o, const char *words)
{
    struct teelog_client *c = NULL;
    message[0] = 0;
    assert_err(teelog_client_open(&c, o, message, sizeof message), TL_E_USAGE);
    assert_null(c);
    if (!strstr(message, words))
        fail_msg("%s, and not %s", message, words);
    assert_err(teelog_client_open(&c, o, NULL, 0), TL_E_USAGE);
}

static void options_that_cannot_be_used(void **state)
{
    (void)state;
    struct teelog_client_options o = options();
    o.log_key = NULL;
    unusable(&o, "which log?");
    o.log_key = "example.org/log";
    unusable(&o, "no verifier key");
    o = options();
    o.socket = NULL;
    unusable(&o, "where is the log?");
    o.url = "http://example.org:80";
    unusable(&o, "a service's address is https://");
    o.url = "http://127.0.0.1:80";
    o.ca_file = "/etc/hosts";
    unusable(&o, "judges a certificate");
    o.ca_file = NULL;
    o.peer_policy = "{}";
    unusable(&o, "judges a certificate");
    o.url = "https://example.org";
    unusable(&o, "teelog_policy");
    o.ca_file = "/etc/hosts";
    unusable(&o, "give one of them");
    o.ca_file = o.peer_policy = NULL;
    o.peer_collateral = "{}";
    unusable(&o, "is of use with peer_policy alone");
    o = options();
    o.token = "a token";
    unusable(&o, "no token");
    o.token = "t\r\nX: y";
    unusable(&o, "no token");
    teelog_client_close(NULL);
}

static void the_environment(void **state)
{
    (void)state;
    static const char *const names[] = {"TEELOG_SOCKET", "TEELOG_URL", "TEELOG_TOKEN",
                                        "TEELOG_LOG_KEY"};
    struct teelog_client_options o = {.timeout_ms = 1};
    for (size_t i = 0; i < 4; i++)
        setenv(names[i], names[i], 1);
    teelog_client_environment(&o);
    assert_string_equal(o.socket, names[0]);
    assert_string_equal(o.url, names[1]);
    assert_string_equal(o.token, names[2]);
    assert_string_equal(o.log_key, names[3]);
    /* What is given stays, and one way to a log is enough. */
    o = (struct teelog_client_options){.socket = "s", .token = "t", .log_key = "k"};
    teelog_client_environment(&o);
    assert_null(o.url);
    assert_string_equal(o.socket, "s");
    assert_string_equal(o.token, "t");
    assert_string_equal(o.log_key, "k");
    for (size_t i = 0; i < 4; i++)
        setenv(names[i], "", 1);
    o = (struct teelog_client_options){.timeout_ms = 1};
    teelog_client_environment(&o);
    assert_true(!o.socket && !o.url && !o.token && !o.log_key);
    for (size_t i = 0; i < 4; i++)
        unsetenv(names[i]);
}

/* ---- against a service ---- */

static void records_and_receipts(void **state)
{
    (void)state;
    struct teelog_client_options o = options();
    struct teelog_client *c = open_client(&o);
    assert_string_equal(teelog_client_log_key(c), log_key());
    struct teelog_client_record records[3] = {payment("one \xe2\x82\xac \"\n"), payment(""),
                                              payment(NULL)};
    struct teelog_client_receipt receipts[3];
    records[0].attributes = "{ \"bb\": [1, {\"x\": null}],\n \"a\": \"\\u0000\\u20ac\" }";
    records[2].user = "u";
    assert_ok(teelog_client_append(c, receipts, records, 3, message, sizeof message));
    for (uint64_t i = 0; i < 3; i++) {
        assert_ok(receipts[i].err);
        assert_int_equal(receipts[i].index, 2 + i);
        assert_int_equal(receipts[i].seq, 1 + i);
        assert_int_equal(receipts[i].tree_size, 5);
        assert_true(receipts[i].simulated && !receipts[i].repeated && receipts[i].time_ms);
        assert_string_equal(receipts[i].class_name, "signed");
        assert_int_equal(strlen(records[i].request_id), 32);
        assert_int_equal(records[i].least, 0);
    }
    /* Again with the same ids, and one that answers the first. */
    struct teelog_client_record more[2] = {records[1], payment("done")};
    more[1].has_ref = true;
    more[1].ref = 2;
    assert_ok(teelog_client_append(c, receipts, more, 2, message, sizeof message));
    assert_true(receipts[0].repeated && receipts[0].index == 3 && receipts[1].index == 5);
    assert_int_equal(more[1].least, 5);
    assert_int_equal(log_size(), 6);
    teelog_client_close(c);
}

static void refusals_are_the_services(void **state)
{
    (void)state;
    struct teelog_client_options o = options();
    struct teelog_client *c = open_client(&o);
    struct teelog_client_record records[3] = {payment("1"), payment("2"), payment("3")};
    struct teelog_client_receipt receipts[3];
    records[1].type = "teelog.boot";
    records[2].has_ref = true;
    records[2].ref = 77;
    assert_err(teelog_client_append(c, receipts, records, 3, message, sizeof message), TL_E_USAGE);
    assert_non_null(strstr(message, "type must be 1 to 64"));
    assert_ok(receipts[0].err);
    assert_err(receipts[1].err, TL_E_USAGE);
    assert_err(receipts[2].err, TL_E_USAGE);
    assert_err(teelog_client_append(c, receipts, records + 2, 1, message, sizeof message),
               TL_E_USAGE);
    assert_non_null(strstr(message, "there is no statement 77 yet"));
    assert_int_equal(log_size(), 3);
    /* Who may not append. */
    http_stop(service);
    static const char *const agents[] = {"bob"};
    serve(TOKEN, agents, 1);
    assert_err(teelog_client_append(c, receipts, records, 1, message, sizeof message), TL_E_AUTH);
    assert_err(receipts[0].err, TL_E_AUTH);
    teelog_client_close(c);
    o.token = TOKEN;
    c = open_client(&o);
    records[1].type = "t";
    records[1].agent = "bob";
    assert_err(teelog_client_append(c, receipts, records, 2, message, sizeof message), TL_E_USAGE);
    assert_err(receipts[0].err, TL_E_USAGE);
    assert_ok(receipts[1].err);
    teelog_client_close(c);
}

static void what_is_not_sent(void **state)
{
    (void)state;
    static char long_content[9 << 20];
    struct teelog_client_options o = options();
    struct teelog_client *c = open_client(&o);
    static struct teelog_client_record many[TEELOG_CLIENT_RECORDS + 1];
    static struct teelog_client_receipt receipts[TEELOG_CLIENT_RECORDS + 1];
    const struct {
        struct teelog_client_record record;
        const char *words;
    } bad[] = {
        {{.agent = "a", .type = "t", .content = "\xff"}, "content is not valid UTF-8"},
        {{.agent = "a", .type = "t", .room = "\xc0\x80"}, "roomId is not valid UTF-8"},
        {{.agent = "a", .type = "t", .attributes = "{"}, "attributes are not valid JSON"},
        {{.agent = "a", .type = "t", .attributes = "{\"a\":1,\"a\":1}"}, "attributes are not"},
        {{.agent = "a", .type = "t", .attributes = "{\"a\":1.5}"}, "a real number"},
        {{.agent = "a", .type = "t", .attributes = "{}"}, "at least one member"},
        {{.agent = "a", .type = "t", .content = long_content}, "at most 8 MiB"},
    };
    memset(long_content, 'a', sizeof long_content - 1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct teelog_client_record r = bad[i].record;
        assert_err(teelog_client_append(c, receipts, &r, 1, message, sizeof message), TL_E_USAGE);
        assert_err(receipts[0].err, TL_E_USAGE);
        if (!strstr(message, bad[i].words))
            fail_msg("%s, and not %s", message, bad[i].words);
    }
    assert_err(teelog_client_append(c, receipts, many, 0, message, sizeof message), TL_E_USAGE);
    assert_err(teelog_client_append(c, receipts, many, TEELOG_CLIENT_RECORDS + 1, NULL, 0),
               TL_E_USAGE);
    for (size_t i = 0; i < TEELOG_CLIENT_RECORDS; i++)
        many[i] = payment("x");
    assert_ok(
        teelog_client_append(c, receipts, many, TEELOG_CLIENT_RECORDS, message, sizeof message));
    assert_int_equal(log_size(), 2 + TEELOG_CLIENT_RECORDS);
    teelog_client_close(c);
}

/* ---- answers ---- */

static struct note_key pin;
static struct receipt_seen seen;

/* What the service answers to three records of the same words, as lines. */
static char *genuine(struct outgoing *o, struct teelog_client_record records[3])
{
    struct tl_why why = {{0}, {0}};
    assert_ok(note_key_read(&pin, slice_str(log_key())));
    seen = (struct receipt_seen){.size = 0};
    for (size_t i = 0; i < 3; i++)
        records[i] = payment("the same");
    assert_ok(outgoing_make(o, records, 3, &seen, &why));
    buf_u8(&o->body, 0);
    struct reply r = post("/v1/records?partial=1&receipt=full", "", (const char *)o->body.p);
    assert_int_equal(r.status, 200);
    return r.body;
}

static tl_err answered(const struct outgoing *o, const char *text,
                       struct teelog_client_receipt receipts[3], struct tl_why *why)
{
    *why = (struct tl_why){{0}, {0}};
    seen.size = 0;
    for (size_t i = 0; i < 3; i++)
        receipts[i] = (struct teelog_client_receipt){.err = TL_E_IO};
    return outgoing_answered(o, receipts, slice_str(text), &pin, &seen, why);
}

static void answers_line_by_line(void **state)
{
    (void)state;
    struct teelog_client_record records[3];
    struct teelog_client_receipt receipts[3];
    struct outgoing o;
    struct tl_why why;
    char *text = genuine(&o, records), *lines[3], other[20000];
    assert_ok(answered(&o, text, receipts, &why));
    assert_int_equal(receipts[2].index, receipts[0].index + 2);
    for (char *save, *line = strtok_r(text, "\n", &save), **to = lines; line;
         line = strtok_r(NULL, "\n", &save))
        *to++ = line;
    /* Too few, and too many. */
    snprintf(other, sizeof other, "%s\n%s\n", lines[0], lines[1]);
    assert_err(answered(&o, other, receipts, &why), TL_E_PEER);
    assert_non_null(strstr(why.text, "3 records were answered with 2 lines"));
    assert_ok(receipts[1].err);
    assert_err(receipts[2].err, TL_E_IO);
    snprintf(other, sizeof other, "%s\n%s\n%s\n%s\n", lines[0], lines[1], lines[2], lines[2]);
    assert_err(answered(&o, other, receipts, &why), TL_E_PEER);
    assert_non_null(strstr(why.text, "more lines"));
    snprintf(other, sizeof other, "%s\n%s\n%s", lines[0], lines[1], lines[2]);
    assert_err(answered(&o, other, receipts, &why), TL_E_PEER);
    assert_err(answered(&o, "", receipts, &why), TL_E_PEER);
    /* One receipt for two records, in any order, and each in any other's place. */
    snprintf(other, sizeof other, "%s\n%s\n%s\n", lines[0], lines[1], lines[0]);
    assert_err(answered(&o, other, receipts, &why), TL_E_PEER);
    assert_non_null(strstr(why.text, "another record's of the same request"));
    assert_err(receipts[2].err, TL_E_PEER);
    snprintf(other, sizeof other, "%s\n%s\n%s\n", lines[2], lines[0], lines[1]);
    assert_ok(answered(&o, other, receipts, &why));
    /* Unless they are one by their id. */
    o.records[2].request_id = o.records[0].request_id;
    snprintf(other, sizeof other, "%s\n%s\n%s\n", lines[0], lines[1], lines[0]);
    assert_ok(answered(&o, other, receipts, &why));
    /* A refusal does not hide what is wrong behind it. */
    snprintf(other, sizeof other, "%s\n{\"error\":\"no\",\"field\":\"x\"}\n%s\n", lines[0],
             lines[1]);
    assert_err(answered(&o, other, receipts, &why), TL_E_USAGE);
    assert_string_equal(why.text, "x: no");
    assert_err(receipts[1].err, TL_E_USAGE);
    assert_ok(receipts[2].err);
    snprintf(other, sizeof other, "{\"error\":\"no\"}\n{}\n%s\n", lines[1]);
    assert_err(answered(&o, other, receipts, &why), TL_E_PEER);
    assert_string_equal(why.field, "index"); /* and not the first one's sentence */
    /* What may be sent again counts more than what may not. */
    snprintf(other, sizeof other, "{\"error\":\"no\"}\n{\"error\":\"wait\",\"later\":true}\n%s\n",
             lines[2]);
    assert_err(answered(&o, other, receipts, &why), TL_E_BUSY);
    assert_string_equal(why.text, "wait");
    assert_err(receipts[0].err, TL_E_USAGE);
    assert_err(receipts[1].err, TL_E_BUSY);
    assert_ok(receipts[2].err);
    outgoing_finish(&o);
    /* Receipts of before, of the same words. */
    seen.size = log_size();
    for (size_t i = 0; i < 3; i++)
        records[i] = payment("the same");
    assert_ok(outgoing_make(&o, records, 3, &seen, &why));
    snprintf(other, sizeof other, "%s\n%s\n%s\n", lines[0], lines[1], lines[2]);
    assert_err(answered(&o, other, receipts, &why), TL_E_PEER);
    assert_non_null(strstr(why.text, "it is an older one's"));
    outgoing_finish(&o);
    free(text);
}

static void errors_as_lines(void **state)
{
    (void)state;
    static const struct {
        tl_err err;
        uint64_t line;
        bool later;
    } list[] = {{TL_E_FIELD, 3, false},
                {TL_E_RATE, 3, true},
                {TL_E_BUSY, 3, true},
                {TL_E_IO, 3, false},
                {TL_E_RATE, 0, false}};
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        buf b;
        buf_init(&b, 1000);
        json_put_error(&b, list[i].err, NULL, list[i].line);
        assert_true(client_is_refusal(buf_slice(&b)));
        buf_u8(&b, 0);
        assert_true(!strstr((const char *)b.p, ",\"later\":true}") == !list[i].later);
        buf_finish(&b);
    }
}

/* Without a service, whose threads would take the allocation that is to fail. */
static void without_memory(void **state)
{
    static const char key[] = "log.example+814a2008+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";
    (void)state;
    const struct receipt_seen none = {.size = 0};
    size_t n = 1;
    for (;; n++) {
        struct teelog_client_record r = payment("x");
        struct outgoing o;
        test_fail_alloc(n);
        tl_err err = outgoing_make(&o, &r, 1, &none, NULL);
        bool failed = test_alloc_failed();
        test_fail_alloc(0);
        outgoing_finish(&o);
        if (!failed) {
            assert_ok(err);
            break;
        }
        assert_err(err, TL_E_MEMORY);
    }
    assert_true(n > 2);
    for (n = 1;; n++) {
        struct teelog_client *c = NULL;
        struct teelog_client_options o = {.socket = "s", .token = "t", .log_key = key};
        test_fail_alloc(n);
        tl_err err = teelog_client_open(&c, &o, NULL, 0);
        bool failed = test_alloc_failed();
        test_fail_alloc(0);
        if (!failed) {
            assert_ok(err);
            teelog_client_close(c);
            break;
        }
        assert_err(err, TL_E_MEMORY);
        assert_null(c);
    }
}

/* ---- against what is no service ---- */

/* Answers each request with these bytes, the last of them for ever where endless is set. */
static struct stranger {
    char path[220];
    const char *answer;
    bool endless;
    bool loses; /* the first request is not answered */
    int listener;
    atomic_int requests;
    pthread_t thread;
} stranger;

static void *answer_all(void *arg)
{
    static const char more[8192] = {' '};
    char request[4096];
    (void)arg;
    for (int fd; (fd = accept(stranger.listener, NULL, NULL)) >= 0; close(fd)) {
        if (read(fd, request, sizeof request) <= 0)
            continue;
        if (stranger.requests++ == 0 && stranger.loses)
            continue;
        send_all(fd, stranger.answer, strlen(stranger.answer));
        while (stranger.endless && send(fd, more, sizeof more, MSG_NOSIGNAL) > 0)
            ;
    }
    return NULL;
}

static void stranger_begin(const char *answer, bool endless)
{
    struct sockaddr_un address;
    snprintf(stranger.path, sizeof stranger.path, "%s/x.sock", world.dir);
    stranger.answer = answer;
    stranger.endless = endless;
    stranger.requests = 0;
    assert_ok(unix_address(&address, stranger.path, NULL));
    (void)unlink(stranger.path);
    stranger.listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(stranger.listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(stranger.listener, 8), 0);
    assert_int_equal(pthread_create(&stranger.thread, NULL, answer_all, NULL), 0);
}

static void stranger_end(void)
{
    shutdown(stranger.listener, SHUT_RDWR);
    pthread_join(stranger.thread, NULL);
    close(stranger.listener);
}

/* What an append comes to, in so many milliseconds. */
static void appends(const char *answer, bool endless, unsigned timeout_ms, tl_err want,
                    const char *words)
{
    stranger_begin(answer, endless);
    struct teelog_client_options o = options();
    o.socket = stranger.path;
    o.timeout_ms = timeout_ms;
    struct teelog_client *c = open_client(&o);
    struct teelog_client_record r = payment("x");
    struct teelog_client_receipt receipt;
    assert_err(teelog_client_append(c, &receipt, &r, 1, message, sizeof message), want);
    assert_err(receipt.err, want);
    if (!strstr(message, words))
        fail_msg("%s, and not %s", message, words);
    teelog_client_close(c);
    stranger_end();
}

#define HEAD(status, fields) "HTTP/1.1 " status "\r\n" fields "\r\n"

static void strangers(void **state)
{
    (void)state;
    appends(HEAD("200 OK", "Content-Length: 400000000\r\n"), true, 20000, TL_E_PEER,
            "longer than receipts can be");
    appends("SSH-2.0-OpenSSH_9.2\r\n", false, 20000, TL_E_PEER, "does not speak teelog's HTTP");
    appends(HEAD("200 OK", "Content-Length: 3\r\n") "{}\n", false, 20000, TL_E_PEER,
            "the receipt has no index");
    assert_int_equal(stranger.requests, 1);
    /* What has no time, and says when it will. */
    appends(HEAD("503 No", "Content-Length: 15\r\nRetry-After: 1\r\n") "{\"error\":\"no\"}\n",
            false, 3000, TL_E_BUSY, "no");
    assert_true(stranger.requests >= 2);
    appends(HEAD("503 No", "Content-Length: 19\r\n") "{\"error\":\"frozen\"}\n", false, 20000,
            TL_E_BUSY, "frozen");
    assert_int_equal(stranger.requests, 1);
    /* What is lost is sent again until the time is up. */
    static const char *const again = "call again with the same records";
    appends("", false, 1000, TL_E_IO, again);
    assert_true(stranger.requests > 1);
    appends(HEAD("500 No", "Content-Length: 15\r\n") "{\"error\":\"no\"}\n", false, 1000, TL_E_IO,
            again);
    assert_true(stranger.requests > 1);
    appends(HEAD("200 OK", "Content-Length: 90\r\n"), false, 1000, TL_E_IO, again);
    assert_true(stranger.requests > 1);
    /* Nobody at all. */
    struct teelog_client_options o = options();
    o.socket = stranger.path;
    o.timeout_ms = 200;
    struct teelog_client *c = open_client(&o);
    struct teelog_client_record r = payment("x");
    struct teelog_client_receipt receipt;
    assert_err(teelog_client_append(c, &receipt, &r, 1, message, sizeof message), TL_E_IO);
    assert_non_null(strstr(message, "cannot reach a service"));
    teelog_client_close(c);
}

/* What is said to the second try does not tell what became of the first. */
static void a_lost_try_is_not_forgotten(void **state)
{
    (void)state;
    static const char *const answers[] = {
        HEAD("503 No", "Content-Length: 19\r\n") "{\"error\":\"frozen\"}\n",
        HEAD("507 No", "Content-Length: 17\r\n") "{\"error\":\"full\"}\n",
        HEAD("403 No", "Content-Length: 17\r\n") "{\"error\":\"none\"}\n",
        HEAD("400 No", "Content-Length: 17\r\n") "{\"error\":\"what\"}\n",
    };
    stranger.loses = true;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        appends(answers[i], false, 20000, TL_E_IO, "call again with the same records");
        assert_int_equal(stranger.requests, 2);
    }
    /* Unless it is said of the record itself. */
    appends(HEAD("200 OK", "Content-Length: 15\r\n") "{\"error\":\"no\"}\n", false, 20000,
            TL_E_USAGE, "no");
    stranger.loses = false;
}

/* A line that may be sent again is sent again; and a service that has no such route is none. */
static void what_else_is_said(void **state)
{
    (void)state;
    appends(HEAD("200 OK", "Content-Length: 28\r\n") "{\"error\":\"no\",\"later\":true}\n", false,
            3000, TL_E_BUSY, "no");
    assert_true(stranger.requests > 1);
    appends(HEAD("404 No", "Content-Length: 15\r\n") "{\"error\":\"no\"}\n", false, 20000,
            TL_E_PEER, "no");
    appends(HEAD("413 No", "Content-Length: 15\r\n") "{\"error\":\"no\"}\n", false, 20000,
            TL_E_USAGE, "no");
    assert_int_equal(stranger.requests, 1);
}

static void first_use(void **state)
{
    (void)state;
    static const char *const wrong[] = {"{}", "[]", "{\"logKey\":7}", "{\"logKey\":\"x\"}", ""};
    struct teelog_client_options o = options();
    o.log_key = NULL;
    o.first_use = true;
    struct teelog_client *c = open_client(&o);
    assert_string_equal(teelog_client_log_key(c), log_key());
    struct teelog_client_record r = payment("x");
    struct teelog_client_receipt receipt;
    assert_ok(teelog_client_append(c, &receipt, &r, 1, message, sizeof message));
    teelog_client_close(c);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char answer[200];
        snprintf(answer, sizeof answer, HEAD("200 OK", "Content-Length: %zu\r\n") "%s",
                 strlen(wrong[i]), wrong[i]);
        stranger_begin(answer, false);
        o.socket = stranger.path;
        assert_err(teelog_client_open(&c, &o, message, sizeof message), TL_E_PEER);
        assert_non_null(strstr(message, "no teelog service"));
        stranger_end();
    }
    stranger_begin(HEAD("200 OK", "Content-Length: 400000000\r\n"), true);
    assert_err(teelog_client_open(&c, &o, message, sizeof message), TL_E_PEER);
    stranger_end();
    o.timeout_ms = 100;
    assert_err(teelog_client_open(&c, &o, message, sizeof message), TL_E_IO);
}

/* ---- signals ---- */

static void break_a_pipe(void)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    close(fds[0]);
    assert_int_equal(write(fds[1], "x", 1), -1);
    close(fds[1]);
}

static bool pending(void)
{
    sigset_t set;
    sigpending(&set);
    return sigismember(&set, SIGPIPE) == 1;
}

static void no_signal_is_left(void **state)
{
    (void)state;
    struct sigpipe held;
    sigset_t set;
    (void)signal(SIGPIPE, SIG_DFL); /* it would end us */
    sigpipe_hold(&held);
    break_a_pipe();
    assert_true(pending());
    sigpipe_release(&held);
    assert_false(pending());
    /* One that the program holds back itself stays its own. */
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    break_a_pipe();
    sigpipe_hold(&held);
    break_a_pipe();
    sigpipe_release(&held);
    assert_true(pending());
    (void)signal(SIGPIPE, SIG_IGN); /* which drops it */
    assert_false(pending());
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(options_that_cannot_be_used),   TEST(the_environment),   TEST(records_and_receipts),
        TEST(refusals_are_the_services),     TEST(what_is_not_sent),  TEST(answers_line_by_line),
        cmocka_unit_test(without_memory),    TEST(errors_as_lines),   TEST(strangers),
        TEST(a_lost_try_is_not_forgotten),   TEST(what_else_is_said), TEST(first_use),
        cmocka_unit_test(no_signal_is_left),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    submit_admissions = 1 << ADMISSION_BEARER | 1 << ADMISSION_CHILD;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
