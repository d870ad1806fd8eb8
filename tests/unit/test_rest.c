/* The original's routes over the socket: what is answered, that the quote is over
 * exactly that, and that every bad question is refused by name. */
#include "testhttp.h"

#include "attest/quote.h"
#include "base/encoding.h"
#include "crypto/sign.h"
#include "http/rest_json.h"
#include "log/erase.h"
#include "log/query.h"
#include "log/tokens.h"

#include <unistd.h>

#define NONCE "000102030405060708090a0b0c0d0e0F"

static const uint8_t nonce[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

/* ---- what a client does ---- */

static const char *text_of(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));
    if (!text)
        print_error("no %s\n", name);
    assert_non_null(text);
    return text;
}

static int64_t number_of(const json_t *o, const char *name)
{
    assert_true(json_is_integer(json_object_get(o, name)));
    return json_integer_value(json_object_get(o, name));
}

/* The report data of the quote in an attestation, a text of JSON. */
static void quoted_data(uint8_t out[64], const char *attestation, uint64_t *time_ms)
{
    json_t *root = json_loads(attestation, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    assert_int_equal(json_object_size(root), 2);
    const char *hex = text_of(root, "quote");
    assert_memory_equal(hex, "0x", 2);
    size_t n = (strlen(hex) - 2) / 2;
    uint8_t *bytes = malloc(n);
    struct quote quote;
    struct sgx_report report;
    assert_ok(hex_read(bytes, n, slice_str(hex + 2)));
    assert_ok(quote_read(&quote, slice_of(bytes, n), NULL));
    assert_int_equal(quote.trailing, 0);
    sgx_report_read(&report, quote.body);
    memcpy(out, report.report_data, 64);
    *time_ms = (uint64_t)number_of(root, "timestamp");
    free(bytes);
    json_decref(root);
}

/* The answer, parsed; its quote must be over its bytes and this nonce. */
static json_t *attested(struct reply *r, slice with_nonce)
{
    static const char member[] = ",\"attestation\":\"";
    char *at = NULL;
    uint8_t want[64] = {0}, got[64];
    uint64_t time_ms;
    if (r->status != 200)
        print_error("%s%s\n", r->head, r->body);
    assert_int_equal(r->status, 200);
    assert_non_null(strstr(r->head, "Content-Type: application/json\r\n"));
    json_t *root = parse(r);
    for (char *p = r->body; (p = strstr(p, member)); p++)
        at = p;
    assert_non_null(at);
    const slice parts[] = {slice_of(r->body, (size_t)(at - r->body)), slice_str("}")};
    hash32 h = sha256_parts(parts, 2);
    memcpy(want, h.b, 32);
    const slice second[] = {slice_of("teelog/rest/v1", 15), with_nonce};
    h = sha256_parts(second, 2);
    if (with_nonce.n)
        memcpy(want + 32, h.b, 32);
    quoted_data(got, text_of(root, "attestation"), &time_ms);
    assert_memory_equal(got, want, 64);
    const json_t *log = json_object_get(root, "log");
    struct log_info info;
    log_info(world.log, &info);
    assert_int_equal(number_of(log, "timestamp"), time_ms);
    assert_string_equal(text_of(log, "logKey"), info.log_key);
    assert_string_equal(text_of(log, "platform"), "simulator");
    assert_true(json_is_true(json_object_get(log, "simulated")));
    finish(r);
    return root;
}

static const slice none = {NULL, 0};

static json_t *logs(const char *body)
{
    struct reply r = post("/tee/logs", "", body);
    return attested(&r, none);
}

/* "ids" of the page's rows, with blanks between them. */
static void expect_logs(const char *body, int64_t total, const char *ids)
{
    char got[400] = "";
    size_t n = 0;
    json_t *root = logs(body), *page = json_object_get(root, "logs"), *row;
    size_t i;
    json_array_foreach(json_object_get(page, "data"), i, row)
    {
        n += (size_t)snprintf(got + n, sizeof got - n, "%s%s", i ? " " : "", text_of(row, "id"));
    }
    if (number_of(page, "total") != total || strcmp(got, ids) != 0)
        print_error("%s: %lld rows, %s\n", body, (long long)number_of(page, "total"), got);
    assert_int_equal(number_of(page, "total"), total);
    assert_string_equal(got, ids);
    json_decref(root);
}

/* ---- answers ---- */

static uint64_t say(const char *agent, const char *room, const char *user, const char *type,
                    const char *content)
{
    struct log_record r = record(agent, content);
    struct answer a;
    r.room = slice_str(room);
    r.user = slice_str(user);
    r.type = slice_str(type);
    append(&world, &r, 1, &a);
    assert_ok(a.err);
    assert_ok(a.receipts[0].err);
    return a.receipts[0].index;
}

/* A new boot: every session before it is closed. */
static void restart(void)
{
    http_stop(service);
    world_stop(&world);
    world_open(&world);
    serve(NULL, NULL, 0);
}

static void agents_are_their_latest_registrations(void **state)
{
    static const char *const ids[] = {"alice", "b/o:b", "carol"};
    struct log_info info;
    (void)state;
    append_one(&world, "b/o:b", "one");
    append_one(&world, "alice", "two");
    append_one(&world, "carol", "three");
    restart();
    uint64_t session = append_one(&world, "carol", "four").index - 1;
    log_info(world.log, &info);
    struct reply r = ask(GET("/tee/agents?nonce=" NONCE));
    json_t *root = attested(&r, slice_of(nonce, sizeof nonce));
    json_t *list = json_object_get(root, "agents"), *log = json_object_get(root, "log");
    assert_int_equal(json_array_size(list), 3);
    assert_int_equal(number_of(root, "total"), 3);
    assert_int_equal(number_of(log, "size"), info.size);
    char hex[65];
    hex_text(hex, info.root.b, 32);
    assert_string_equal(text_of(log, "root"), hex);
    for (size_t i = 0; i < 3; i++) {
        const json_t *one = json_array_get(list, i);
        assert_string_equal(text_of(one, "agentId"), ids[i]);
        assert_string_equal(text_of(one, "agentName"), ids[i]);
        assert_int_equal(json_string_length(json_object_get(one, "publicKey")), 66);
    }
    snprintf(hex, sizeof hex, "%llu", (unsigned long long)session);
    assert_string_equal(text_of(json_array_get(list, 2), "id"), hex);
    /* One of them alone: the same object. */
    r = ask(GET("/tee/agents/b%2Fo%3ab?nonce=" NONCE));
    json_t *alone = attested(&r, slice_of(nonce, sizeof nonce));
    assert_true(json_equal(json_object_get(alone, "agent"), json_array_get(list, 1)));
    json_decref(alone);
    r = ask(GET("/tee/agents/b/o:b"));
    json_decref(attested(&r, none));
    json_decref(root);
    r = ask(GET("/tee/agents/dave"));
    assert_string_equal(r.body, "{\"error\":\"Agent not found\"}\n");
    assert_refused(&r, 404, NULL);
    r = ask(GET("/tee/agents/alice%00dave")); /* nor is alice */
    assert_refused(&r, 404, NULL);
    r = ask(GET("/tee/agents/test/log")); /* the origin is no agent */
    assert_refused(&r, 404, NULL);
}

/* The session's stored quote, whose report data is recomputed from what the answer
 * says. */
static void an_agents_key_is_bound_by_its_quote(void **state)
{
    uint8_t want[64], got[64], key[33];
    uint64_t time_ms;
    struct log_info info;
    struct note_key log_key;
    (void)state;
    append_one(&world, "alice", "one");
    struct reply r = ask(GET("/tee/agents/alice"));
    json_t *root = attested(&r, none), *agent = json_object_get(root, "agent");
    buf statement, body;
    struct statement st;
    struct body_session v;
    buf_init(&statement, STATEMENT_MAX);
    buf_init(&body, BODY_MAX);
    assert_ok(base64_read(&statement, slice_str(text_of(agent, "statement"))));
    assert_ok(base64_read(&body, slice_str(text_of(agent, "body"))));
    assert_ok(statement_read(&st, buf_slice(&statement)));
    assert_ok(body_session_read(&v, buf_slice(&body)));
    log_info(world.log, &info);
    assert_ok(note_key_read(&log_key, slice_str(info.log_key)));
    struct session_binding b = {.origin = st.origin,
                                .log_tp = note_key_thumbprint(&log_key),
                                .agent = st.subject,
                                .agent_tp = cose_ec2_thumbprint(&v.agent),
                                .alg = st.alg,
                                .size = v.size,
                                .root = v.root};
    assert_ok(hex_read(b.boot_leaf.b, 32, slice_str(text_of(agent, "bootLeaf"))));
    binding_session(want, &b);
    quoted_data(got, text_of(agent, "attestation"), &time_ms);
    assert_memory_equal(got, want, 64);
    assert_int_equal(time_ms, st.time_ms);
    assert_int_equal(number_of(agent, "createdAt"), st.time_ms);
    assert_ok(hex_read(key, 33, slice_str(text_of(agent, "publicKey"))));
    assert_int_equal(key[0], v.agent.y[31] & 1 ? 3 : 2);
    assert_memory_equal(key + 1, v.agent.x, 32);
    assert_string_equal(text_of(agent, "alg"), "ES256");
    buf_finish(&statement);
    buf_finish(&body);
    json_decref(root);
}

/* What only hardware has. */
static void an_event_log_is_shown_with_its_quote(void **state)
{
    struct log_session s = {.index = 7,
                            .time_ms = 9,
                            .alg = COSE_ES256K,
                            .agent = slice_str("a"),
                            .statement = slice_str("s"),
                            .body = slice_str("b"),
                            .quote = slice_of("\0\1\0", 3),
                            .event_log = slice_str("[]")};
    char want[600];
    buf b;
    (void)state;
    buf_init(&b, 1000);
    snprintf(want, sizeof want,
             "{\"id\":\"7\",\"agentId\":\"a\",\"agentName\":\"a\",\"createdAt\":9,"
             "\"publicKey\":\"%066d\",\"attestation\":\"{\\\"quote\\\":\\\"0x000100\\\","
             "\\\"timestamp\\\":9}\",\"alg\":\"ES256K\",\"statement\":\"cw==\","
             "\"body\":\"Yg==\",\"bootLeaf\":\"%064d\",\"eventLog\":\"W10=\"}",
             0, 0);
    rest_put_agent(&b, &s);
    assert_int_equal(b.n, strlen(want));
    assert_memory_equal(b.p, want, b.n);
    buf_finish(&b);
}

static void a_frozen_log_says_so(void **state)
{
    (void)state;
    append_one(&world, "alice", "x");
    log_freeze(world.log, "somebody saw another history");
    json_t *root = logs("{}");
    assert_true(json_is_true(json_object_get(json_object_get(root, "log"), "frozen")));
    json_decref(root);
}

static void agents_come_in_pages(void **state)
{
    char want[8];
    (void)state;
    for (int i = 0; i < 5; i++) {
        snprintf(want, sizeof want, "a%d", i);
        append_one(&world, want, "x");
    }
    struct reply r = ask(GET("/tee/agents?page=2&pageSize=2"));
    json_t *root = attested(&r, none), *list = json_object_get(root, "agents");
    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(text_of(json_array_get(list, 0), "agentId"), "a2");
    assert_string_equal(text_of(json_array_get(list, 1), "agentId"), "a3");
    assert_int_equal(number_of(root, "total"), 5);
    assert_int_equal(number_of(json_object_get(root, "query"), "page"), 2);
    json_decref(root);
    r = ask(GET("/tee/agents?page=4&pageSize=2"));
    root = attested(&r, none);
    assert_int_equal(json_array_size(json_object_get(root, "agents")), 0);
    assert_int_equal(number_of(root, "total"), 5);
    json_decref(root);
}

static void rows_have_the_originals_members(void **state)
{
    /* Everything that JSON escapes, and what it does not. */
    static const char content[] = "\"\\/\b\f\n\r\t\x01\x1f\x7f\xc3\xbc\xe2\x80\xa8 100%_";
    (void)state;
    uint64_t index = say("alice", "room", "user", "Action:PAY", content);
    struct reply r = post("/tee/logs", "", "");
    assert_non_null(strstr(r.body,
                           "\"content\":\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xc3\xbc"
                           "\xe2\x80\xa8 100%_\""));
    json_t *root = attested(&r, none), *page = json_object_get(root, "logs");
    assert_int_equal(number_of(page, "page"), 1);
    assert_int_equal(number_of(page, "pageSize"), 10);
    const json_t *row = json_array_get(json_object_get(page, "data"), 0);
    static const char *const want[][2] = {{"agentId", "alice"},
                                          {"roomId", "room"},
                                          {"userId", "user"},
                                          {"type", "Action:PAY"},
                                          {"content", content}};
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(text_of(row, want[i][0]), want[i][1]);
    char id[24];
    snprintf(id, sizeof id, "%llu", (unsigned long long)index);
    assert_string_equal(text_of(row, "id"), id);
    assert_true(number_of(row, "timestamp") <=
                number_of(json_object_get(root, "log"), "timestamp"));
    assert_memory_equal(text_of(row, "signature"), "0x30", 4);
    assert_string_equal(text_of(row, "alg"), "ES256");
    snprintf(id, sizeof id, "%llu", (unsigned long long)index - 1);
    assert_string_equal(text_of(row, "session"), id);
    assert_int_equal(json_object_size(json_object_get(root, "query")), 0);
    json_decref(root);
}

/* What the answer says was asked is in what is quoted: an empty page for another
 * question is no answer to this one. */
static void the_question_is_in_the_answer(void **state)
{
    (void)state;
    append_one(&world, "alice", "x");
    json_t *root = logs("{\"query\":{\"agentId\":\"alice\",\"roomId\":\"\",\"userId\":\"u\","
                        "\"type\":null,\"containsContent\":\"%\",\"startTimestamp\":0,"
                        "\"endTimestamp\":7},\"page\":3,\"pageSize\":1000}");
    json_t *want = json_pack("{s:s,s:s,s:s,s:i}", "agentId", "alice", "userId", "u",
                             "containsContent", "%", "endTimestamp", 7);
    assert_true(json_equal(json_object_get(root, "query"), want));
    assert_int_equal(number_of(json_object_get(root, "logs"), "page"), 3);
    assert_int_equal(number_of(json_object_get(root, "logs"), "pageSize"), 1000);
    json_decref(want);
    json_decref(root);
}

static void filters_and_pages(void **state)
{
    (void)state;
    say("alice", "r1", "u1", "Action:PAY", "100% of it"); /* 2 */
    say("alice", "r1", "u2", "Action:ASK", "100 of it");  /* 3 */
    say("bob", "r2", "u1", "Action:PAY", "a_b");          /* 5 */
    say("bob", "r2", "u2", "Action:PAY", "aXb");          /* 6 */
    say("alice", "r2", "u2", "Action:PAY",
        "STRASSE stra\xc3\x9f"
        "e"); /* 7 */
    expect_logs("{}", 5, "2 3 5 6 7");
    expect_logs("{\"query\":null,\"page\":null,\"pageSize\":null,\"nonce\":null}", 5, "2 3 5 6 7");
    expect_logs("{\"query\":{\"agentId\":\"bob\"}}", 2, "5 6");
    expect_logs("{\"query\":{\"agentId\":\"bo\"}}", 0, "");
    expect_logs("{\"query\":{\"roomId\":\"r1\"}}", 2, "2 3");
    expect_logs("{\"query\":{\"userId\":\"u1\"}}", 2, "2 5");
    expect_logs("{\"query\":{\"type\":\"Action:ASK\"}}", 1, "3");
    expect_logs("{\"query\":{\"agentId\":\"alice\",\"roomId\":\"r2\"}}", 1, "7");
    /* % and _ are themselves; ASCII letters match in either case, others do not. */
    expect_logs("{\"query\":{\"containsContent\":\"%\"}}", 1, "2");
    expect_logs("{\"query\":{\"containsContent\":\"a_b\"}}", 1, "5");
    expect_logs("{\"query\":{\"containsContent\":\"A_B\"}}", 1, "5");
    expect_logs("{\"query\":{\"containsContent\":\"strasse STRA\\u00df\"}}", 1, "7");
    expect_logs("{\"query\":{\"containsContent\":\"\\u1e9e\"}}", 0, "");
    /* Pages: the total is of all of them. */
    expect_logs("{\"pageSize\":2}", 5, "2 3");
    expect_logs("{\"pageSize\":2,\"page\":2}", 5, "5 6");
    expect_logs("{\"pageSize\":2,\"page\":3}", 5, "7");
    expect_logs("{\"pageSize\":2,\"page\":4}", 5, "");
    expect_logs("{\"pageSize\":1000,\"page\":9007199254740}", 5, "");
    expect_logs("{\"pageSize\":1,\"page\":2,\"query\":{\"agentId\":\"bob\"}}", 2, "6");
}

static void bounds_of_time_are_inclusive(void **state)
{
    uint64_t index[3], time_ms[3];
    char body[200], want[64];
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        index[i] = say("alice", "r", "u", "t", "x");
        json_t *root = logs("{\"pageSize\":3}");
        const json_t *rows = json_object_get(json_object_get(root, "logs"), "data");
        time_ms[i] = (uint64_t)number_of(json_array_get(rows, i), "timestamp");
        json_decref(root);
        usleep(3000); /* each in a millisecond of its own */
    }
    assert_true(time_ms[0] < time_ms[1] && time_ms[1] < time_ms[2]);
    for (int cut = 0; cut < 4; cut++) { /* one side, the other, both, and just between */
        uint64_t from = cut == 1 ? 0 : time_ms[1] + (cut == 3), to = cut == 0 ? 0 : time_ms[1];
        snprintf(body, sizeof body, "{\"query\":{\"startTimestamp\":%llu,\"endTimestamp\":%llu}}",
                 (unsigned long long)from, (unsigned long long)to);
        size_t first = cut == 1 ? 0 : 1, last = cut == 0 ? 2 : 1,
               n = cut == 3 ? 0 : last - first + 1;
        want[0] = 0;
        for (size_t i = 0; i < n; i++)
            snprintf(want + strlen(want), sizeof want - strlen(want), "%s%llu", i ? " " : "",
                     (unsigned long long)index[first + i]);
        expect_logs(body, (int64_t)n, want);
    }
}

/* It still counts, and shows who signed it when; filters for what it said miss it. */
static void erased_records_say_so(void **state)
{
    struct log_erase *e;
    (void)state;
    uint64_t index = say("alice", "r", "u", "t", "secret words");
    say("alice", "r", "u", "t", "more");
    assert_ok(log_erase_new(&e, world.log, &index, 1, (slice){NULL, 0}, NULL));
    assert_ok(log_erase_run(e, NULL));
    log_erase_free(e);
    struct reply r = post("/tee/logs", "", "{\"query\":{\"agentId\":\"alice\"}}");
    assert_null(strstr(r.body, "secret"));
    json_t *root = attested(&r, none);
    const json_t *row = json_array_get(json_object_get(json_object_get(root, "logs"), "data"), 0);
    assert_true(json_is_true(json_object_get(row, "erased")));
    assert_null(json_object_get(row, "body"));
    assert_non_null(json_object_get(row, "statement"));
    assert_string_equal(text_of(row, "type"), "t");
    assert_string_equal(text_of(row, "roomId"), "");
    assert_string_equal(text_of(row, "userId"), "");
    assert_string_equal(text_of(row, "content"), "");
    json_decref(root);
    expect_logs("{}", 2, "2 3");
    expect_logs("{\"query\":{\"roomId\":\"r\"}}", 1, "3");
    expect_logs("{\"query\":{\"containsContent\":\"e\"}}", 1, "3");
}

/* Rows, total and tree are of one moment, whatever is appended meanwhile. */
static void an_answer_is_one_view(void **state)
{
    struct log_record r[20];
    struct answer a[20];
    (void)state;
    for (size_t i = 0; i < 20; i++)
        r[i] = record("alice", "x");
    append(&world, r, 1, &a[0]); /* 2, after the boot and the session */
    for (size_t i = 0; i < 20; i++) {
        submit(&world, r, 20, &a[i]);
        json_t *root = logs("{\"pageSize\":1000}"), *page = json_object_get(root, "logs");
        int64_t size = number_of(json_object_get(root, "log"), "size");
        assert_int_equal(number_of(page, "total"), size - 2);
        assert_int_equal(json_array_size(json_object_get(page, "data")), size - 2);
        json_decref(root);
    }
    for (size_t i = 0; i < 20; i++)
        await(&a[i]);
    json_t *root = logs("{\"page\":401,\"pageSize\":1}");
    assert_int_equal(number_of(json_object_get(root, "logs"), "total"), 401);
    json_decref(root);
}

/* ---- what is refused ---- */

static const struct bad {
    const char *body;
    const char *field;
} bad_bodies[] = {
    {"{", NULL},
    {"[]", NULL},
    {"null", NULL},
    {"{}{}", NULL},
    {"{\"query\":{\"roomId\":\"\xc3\"}}", NULL},
    {"{\"page\":1,\"page\":1}", "page"},
    {"{\"query\":{\"agentId\":\"a\",\"agentId\":\"b\"}}", "agentId"},
    {"{\"Query\":{}}", "Query"},
    {"{\"agentId\":\"a\"}", "agentId"},
    {"{\"query\":{\"page\":1}}", "page"},
    {"{\"query\":{\"entityId\":\"a\"}}", "entityId"},
    {"{\"query\":[]}", "query"},
    {"{\"query\":\"\"}", "query"},
    {"{\"query\":{\"agentId\":7}}", "agentId"},
    {"{\"query\":{\"roomId\":{}}}", "roomId"},
    {"{\"query\":{\"userId\":[\"u\"]}}", "userId"},
    {"{\"query\":{\"type\":false}}", "type"},
    {"{\"query\":{\"type\":\"teelog.session\"}}", "type"},
    {"{\"query\":{\"containsContent\":1.5}}", "containsContent"},
    {"{\"query\":{\"startTimestamp\":\"1\"}}", "startTimestamp"},
    {"{\"query\":{\"startTimestamp\":-1}}", "startTimestamp"},
    {"{\"query\":{\"endTimestamp\":1e3}}", "endTimestamp"},
    {"{\"query\":{\"endTimestamp\":9007199254740991}}", "endTimestamp"},
    {"{\"page\":0}", "page"},
    {"{\"page\":-1}", "page"},
    {"{\"page\":\"2\"}", "page"},
    {"{\"page\":9007199254741}", "page"},
    {"{\"pageSize\":0}", "pageSize"},
    {"{\"pageSize\":-1}", "pageSize"},
    {"{\"pageSize\":1001}", "pageSize"},
    {"{\"pageSize\":true}", "pageSize"},
    {"{\"pageSize\":99999999999999999999}", NULL},
    {"{\"nonce\":7}", "nonce"},
    {"{\"nonce\":\"\"}", "nonce"},
    {"{\"nonce\":\"000102030405060708090a0b0c0d0e\"}", "nonce"},
    {"{\"nonce\":\"000102030405060708090a0b0c0d0e0f0\"}", "nonce"},
    {"{\"nonce\":\"000102030405060708090a0b0c0d0e0g\"}", "nonce"},
    {"{\"nonce\":\"0x000102030405060708090a0b0c0d0e\"}", "nonce"},
};

static const struct bad bad_targets[] = {
    {GET("/tee/agents?nonce=00"), "nonce"},
    {GET("/tee/agents?page=0"), "page"},
    {GET("/tee/agents?page=-1"), "page"},
    {GET("/tee/agents?pageSize=1001"), "pageSize"},
    {GET("/tee/agents?pageSize=x"), "pageSize"},
    {GET("/tee/agents?agentId=a"), "agentId"},
    {GET("/tee/agents/alice?page=1"), "page"},
    {GET("/tee/agents/alice?nonce=zz"), "nonce"},
    {GET("/tee/agents/al%zzice"), "agentId"},
    {GET("/tee/agents/al%4"), "agentId"},
    {POST("/tee/logs?nonce=" NONCE) "Content-Length: 2\r\n\r\n{}", "nonce"},
};

/* body with one more member of n times x in its query. */
static void refuse_long(const char *name, size_t most)
{
    char *text = malloc(most + 2), *body = malloc(most + 200);
    memset(text, 'x', most + 1);
    text[most + 1] = 0;
    snprintf(body, most + 200, "{\"query\":{\"%s\":\"%s\"}}", name, text);
    struct reply r = post("/tee/logs", "", body);
    assert_refused(&r, 400, name);
    text[most] = 0;
    snprintf(body, most + 200, "{\"query\":{\"%s\":\"%s\"}}", name, text);
    json_decref(logs(body));
    free(text);
    free(body);
}

static void refuses_bad_questions_by_name(void **state)
{
    (void)state;
    append_one(&world, "alice", "x");
    uint64_t size = log_size();
    for (size_t i = 0; i < sizeof bad_bodies / sizeof bad_bodies[0]; i++) {
        struct reply r = post("/tee/logs", "", bad_bodies[i].body);
        if (r.status != 400)
            print_error("%s\n%s\n", bad_bodies[i].body, r.body);
        assert_refused(&r, 400, bad_bodies[i].field);
    }
    for (size_t i = 0; i < sizeof bad_targets / sizeof bad_targets[0]; i++) {
        struct reply r = ask(bad_targets[i].body);
        if (r.status != 400)
            print_error("%s\n%s\n", bad_targets[i].body, r.body);
        assert_refused(&r, 400, bad_targets[i].field);
    }
    refuse_long("agentId", SUBJECT_MAX);
    refuse_long("roomId", RECORD_ID_MAX);
    refuse_long("userId", RECORD_ID_MAX);
    refuse_long("type", TYPE_MAX);
    refuse_long("containsContent", QUERY_TEXT_MAX);
    struct reply r = ask(GET("/tee/logs"));
    assert_refused(&r, 405, "method");
    r = ask(GET("/tee/agents/"));
    assert_refused(&r, 404, NULL);
    r = ask(POST("/tee/agents") "Content-Length: 0\r\n\r\n");
    assert_refused(&r, 405, "method");
    assert_int_equal(log_size(), size);
}

static void longest_nonce(void **state)
{
    char body[200], hex[2 * 65 + 1];
    uint8_t bytes[65];
    (void)state;
    memset(bytes, 0xab, sizeof bytes);
    for (size_t n = 64; n <= 65; n++) {
        hex_text(hex, bytes, n);
        snprintf(body, sizeof body, "{\"nonce\":\"%s\"}", hex);
        struct reply r = post("/tee/logs", "", body);
        if (n == 64)
            json_decref(attested(&r, slice_of(bytes, n)));
        else
            assert_refused(&r, 400, "nonce");
    }
}

/* Never silently fewer. */
static void a_page_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    char *content = malloc(RECORD_CONTENT_MAX + 1);
    memset(content, 'x', RECORD_CONTENT_MAX);
    content[RECORD_CONTENT_MAX] = 0;
    for (int i = 0; i < 9; i++)
        append_one(&world, "alice", content);
    struct reply r = post("/tee/logs", "", "{}");
    assert_refused(&r, 413, "pageSize");
    json_t *root = logs("{\"pageSize\":5}");
    assert_int_equal(json_array_size(json_object_get(json_object_get(root, "logs"), "data")), 5);
    json_decref(root);
    /* What JSON makes longer counts as it is then. */
    memset(content, 1, RECORD_CONTENT_MAX);
    for (int i = 0; i < 4; i++)
        append_one(&world, "bob", content);
    r = post("/tee/logs", "", "{\"query\":{\"agentId\":\"bob\"}}");
    assert_refused(&r, 413, "pageSize");
    expect_logs("{\"pageSize\":3,\"query\":{\"agentId\":\"bob\"}}", 4, "12 13 14");
    free(content);
}

static void quotes_are_limited(void **state)
{
    (void)state;
    struct reply r;
    do {
        r = post("/tee/logs", "", "{}");
        if (r.status == 200)
            json_decref(attested(&r, none));
    } while (r.status == 200);
    assert_non_null(strstr(r.head, "Retry-After: "));
    assert_refused(&r, 503, NULL);
}

static void more_agents_than_a_page(void **state)
{
    char ids[QUERY_LIMIT_MAX + 1][8];
    struct answer a;
    (void)state;
    for (size_t i = 0; i <= QUERY_LIMIT_MAX; i++) {
        struct log_record r = record(ids[i], "x");
        snprintf(ids[i], sizeof ids[i], "a%05zu", i);
        r.agent = slice_str(ids[i]);
        submit(&world, &r, 1, &a);
        await(&a);
        if (i + 1 < QUERY_LIMIT_MAX)
            continue;
        struct reply reply = ask(GET("/tee/agents"));
        if (i == QUERY_LIMIT_MAX) {
            assert_refused(&reply, 413, "pageSize");
            continue;
        }
        json_t *root = attested(&reply, none);
        assert_int_equal(json_array_size(json_object_get(root, "agents")), QUERY_LIMIT_MAX);
        json_decref(root);
    }
    struct reply reply = ask(GET("/tee/agents?page=2"));
    json_t *root = attested(&reply, none), *list = json_object_get(root, "agents");
    assert_int_equal(json_array_size(list), 1);
    assert_int_equal(number_of(root, "total"), QUERY_LIMIT_MAX + 1);
    assert_string_equal(text_of(json_array_get(list, 0), "agentId"), ids[QUERY_LIMIT_MAX]);
    json_decref(root);
}

/* ---- the host ---- */

/* What is stored beside the statements is bound to them, so that one cannot stand for
 * the other. */
static void expect_nothing_after(const char *sql, const char *request)
{
    struct world copy;
    world_copy(&copy, &world);
    host_sql(&world, sql);
    world_open(&world);
    serve(NULL, NULL, 0);
    struct reply r = ask(request);
    assert_refused(&r, 500, NULL);
    http_stop(service);
    world_stop(&world);
    world_restore(&world, &copy);
    world_finish(&copy);
}

static void swapped_sessions_are_refused(void **state)
{
    (void)state;
    uint64_t alice = append_one(&world, "alice", "x").index - 1;
    uint64_t bob = append_one(&world, "bob", "x").index - 1;
    assert_int_equal(alice, 1);
    assert_int_equal(bob, 3);
    http_stop(service);
    world_stop(&world);
    static const char body[] = "UPDATE leaf SET body = (SELECT body FROM leaf WHERE idx = 3) "
                               "WHERE idx = 1";
    expect_nothing_after(body, GET("/tee/agents/alice"));
    expect_nothing_after(body, GET("/tee/agents"));
    expect_nothing_after(body, POST("/tee/logs") "Content-Length: 0\r\n\r\n");
    expect_nothing_after("UPDATE evidence SET item = (SELECT item FROM evidence ORDER BY digest "
                         "LIMIT 1)",
                         GET("/tee/agents"));
    expect_nothing_after("DELETE FROM evidence", GET("/tee/agents/alice"));
    world_open(&world);
    serve(NULL, NULL, 0);
    struct reply r = ask(GET("/tee/agents"));
    json_decref(attested(&r, none));
}

/* ---- who asks ---- */

static void a_token_that_only_appends_reads_nothing(void **state)
{
    static const char *const requests[] = {
        GET("/tee/agents"), GET("/tee/agents/alice"), POST("/tee/logs") "Content-Length: 0\r\n\r\n",
        "GET /tee/agents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " TOKEN "\r\n\r\n"};
    (void)state;
    append_one(&world, "alice", "secret words");
    http_stop(service);
    serve(TOKEN, NULL, 0);
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        bool token = strstr(requests[i], TOKEN) != NULL;
        struct reply r = ask(requests[i]);
        assert_null(strstr(r.body, "secret"));
        assert_int_equal(strstr(r.head, "WWW-Authenticate: Bearer\r\n") == NULL, token);
        assert_refused(&r, token ? 403 : 401, "Authorization");
    }
}

static void make_token(char text[TOKEN_TEXT + 1], const char *json)
{
    struct reply r = post("/v1/tokens", "", json);
    assert_int_equal(r.status, 201);
    json_t *root = parse(&r);
    snprintf(text, TOKEN_TEXT + 1, "%s", text_of(root, "token"));
    json_decref(root);
    finish(&r);
}

static struct reply ask_with(const char *token, const char *target, const char *body)
{
    char text[600], field[200];
    snprintf(field, sizeof field, "Authorization: Bearer %s\r\n", token);
    if (body)
        return post(target, field, body);
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", target, field);
    return ask(text);
}

/* It sees those and no others, and the quoted answer says so. */
static void a_bound_token_sees_its_agents(void **state)
{
    char one[TOKEN_TEXT + 1], two[TOKEN_TEXT + 1];
    (void)state;
    append_one(&world, "alice", "x"); /* 2 */
    append_one(&world, "bob", "x");   /* 4 */
    append_one(&world, "carol", "x"); /* 6 */
    make_token(one, "{\"scopes\":[\"read\"],\"agents\":[\"bob\"]}");
    make_token(two, "{\"scopes\":[\"read\"],\"agents\":[\"carol\",\"alice\",\"nobody\"]}");
    struct reply r = ask_with(one, "/tee/agents", NULL);
    json_t *root = attested(&r, none);
    assert_int_equal(number_of(root, "total"), 1);
    assert_int_equal(json_array_size(json_object_get(root, "agents")), 1);
    json_decref(root);
    r = ask_with(two, "/tee/agents?pageSize=1&page=2", NULL);
    root = attested(&r, none);
    assert_int_equal(number_of(root, "total"), 2);
    assert_string_equal(text_of(json_array_get(json_object_get(root, "agents"), 0), "agentId"),
                        "carol");
    const json_t *said = json_object_get(json_object_get(root, "query"), "agentIds");
    assert_int_equal(json_array_size(said), 3);
    json_decref(root);
    r = ask_with(one, "/tee/agents/bob", NULL);
    json_decref(attested(&r, none));
    r = ask_with(one, "/tee/agents/alice", NULL);
    assert_refused(&r, 403, "agentId");
    r = ask_with(one, "/tee/logs", "{}");
    root = attested(&r, none);
    assert_int_equal(number_of(json_object_get(root, "logs"), "total"), 1);
    assert_string_equal(text_of(json_object_get(root, "query"), "agentId"), "bob");
    json_decref(root);
    r = ask_with(one, "/tee/logs", "{\"query\":{\"agentId\":\"alice\"}}");
    assert_refused(&r, 403, "agentId");
    r = ask_with(two, "/tee/logs", "{}");
    assert_refused(&r, 400, "agentId");
    r = ask_with(two, "/tee/logs", "{\"query\":{\"agentId\":\"carol\"}}");
    root = attested(&r, none);
    assert_int_equal(number_of(json_object_get(root, "logs"), "total"), 1);
    json_decref(root);
    r = ask_with(two, "/tee/logs", "{\"query\":{\"agentId\":\"bob\"}}");
    assert_refused(&r, 403, "agentId");
}

static void other_scopes_read_nothing(void **state)
{
    char token[TOKEN_TEXT + 1];
    (void)state;
    make_token(token, "{\"scopes\":[\"append\",\"erase\",\"admin\"]}");
    static const char *const targets[] = {"/tee/agents", "/tee/agents/alice", "/tee/logs"};
    for (size_t i = 0; i < 3; i++) {
        struct reply r = ask_with(token, targets[i], i == 2 ? "{}" : NULL);
        assert_refused(&r, 403, "Authorization");
    }
    token[TOKEN_TEXT - 1] ^= 1;
    struct reply r = ask_with(token, "/tee/agents", NULL);
    assert_refused(&r, 401, "Authorization");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(agents_are_their_latest_registrations, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_agents_key_is_bound_by_its_quote, set_up, tear_down),
        cmocka_unit_test(an_event_log_is_shown_with_its_quote),
        cmocka_unit_test_setup_teardown(a_frozen_log_says_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(agents_come_in_pages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_have_the_originals_members, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_question_is_in_the_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(filters_and_pages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bounds_of_time_are_inclusive, set_up, tear_down),
        cmocka_unit_test_setup_teardown(erased_records_say_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_answer_is_one_view, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_bad_questions_by_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(longest_nonce, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_page_that_does_not_fit_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(quotes_are_limited, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_agents_than_a_page, set_up, tear_down),
        cmocka_unit_test_setup_teardown(swapped_sessions_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_token_that_only_appends_reads_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bound_token_sees_its_agents, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_scopes_read_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
