/* Lines of JSON to records: what is taken, what is refused and by which name. */
#include "testlib.h"

#include "codec/cbor.h"
#include "codec/json_put.h"
#include "http/record_json.h"
#include "tlog/attributes.h"

static struct record_json json;
static struct log_record record;
static struct tl_why why;

static tl_err read_as(const char *line, const char *agent)
{
    memset(&why, 0, sizeof why);
    record = (struct log_record){.ref = 99};
    return record_json_read(&json, &record, slice_str(line), slice_str(agent), &why);
}

static tl_err read_line(const char *line)
{
    return read_as(line, "");
}

#define HEAD "{\"agentId\":\"a\",\"roomId\":\"r\",\"userId\":\"u\",\"type\":\"t\",\"content\":\"c\""

static void assert_text(slice s, const char *text)
{
    assert_int_equal(s.n, strlen(text));
    assert_memory_equal(s.p, text, s.n);
}

static void takes_a_record(void **state)
{
    (void)state;
    assert_ok(read_line(HEAD "}"));
    assert_text(record.agent, "a");
    assert_text(record.room, "r");
    assert_text(record.user, "u");
    assert_text(record.type, "t");
    assert_text(record.content, "c");
    assert_false(record.has_ref);
    assert_int_equal(record.attributes.n, 0);
    assert_int_equal(record.request.n, 0);
}

static void takes_every_member(void **state)
{
    (void)state;
    assert_ok(read_line(
        " {\"requestId\":\"q\",\"ref\":0,\"attributes\":{\"k\":1},\"type\":\"\",\"userId\":"
        "\"\",\"roomId\":\"\",\"content\":\"\",\"agentId\":\"\"}\r"));
    assert_true(record.has_ref);
    assert_int_equal(record.ref, 0);
    assert_text(record.request, "q");
    assert_memory_equal(record.attributes.p, "\xa1\x61k\x01", 4);
    assert_int_equal(record.attributes.n, 4);
    assert_int_equal(record.content.n, 0);
    assert_non_null(record.content.p);
    /* What one line had is not there in the next. */
    assert_ok(read_line(HEAD ",\"ref\":9007199254740993}"));
    assert_int_equal(record.attributes.n, 0);
    assert_true(record.ref == UINT64_C(9007199254740993));
}

static void keeps_the_bytes_of_texts(void **state)
{
    (void)state;
    assert_ok(
        read_line("{\"agentId\":\"a\",\"roomId\":\"r\",\"userId\":\"u\",\"type\":\"t\",\"content\":"
                  "\"Z\\u00fcrich \\u0000\\ud83d\\ude42|\\\"\\n\"}"));
    static const char want[] = "Z\xc3\xbcrich \0\xf0\x9f\x99\x82|\"\n";
    assert_int_equal(record.content.n, sizeof want - 1);
    assert_memory_equal(record.content.p, want, sizeof want - 1);
}

static void agent_of_the_caller(void **state)
{
    (void)state;
    const char *without = "{\"roomId\":\"r\",\"userId\":\"u\",\"type\":\"t\",\"content\":\"c\"}";
    assert_ok(read_as(without, "other"));
    assert_text(record.agent, "other");
    assert_ok(read_as(HEAD "}", "other"));
    assert_text(record.agent, "a");
}

static const struct refused {
    const char *line;
    tl_err err;
    const char *field;
} refused[] = {
    {"", TL_E_JSON, ""},
    {"   ", TL_E_JSON, ""},
    {"null", TL_E_JSON, ""},
    {"[" HEAD "}]", TL_E_JSON, ""},
    {"\"text\"", TL_E_JSON, ""},
    {HEAD, TL_E_JSON, ""},
    {HEAD "}}", TL_E_JSON, ""},
    {HEAD "} " HEAD "}", TL_E_JSON, ""},
    {HEAD ",}", TL_E_JSON, ""},
    {HEAD ",\"ref\":01}", TL_E_JSON, ""},
    {HEAD ",\"ref\":99999999999999999999}", TL_E_JSON, ""},
    {HEAD ",\"attributes\":{\"k\":1e999}}", TL_E_JSON, ""},
    {HEAD ",\"a\\u0000b\":1}", TL_E_JSON, ""},
    {"{\"agentId\":\"\xff\",\"roomId\":\"r\",\"userId\":\"u\",\"type\":\"t\",\"content\":\"c\"}",
     TL_E_UTF8, ""},
    {"{\"agentId\":\"\\ud800\",\"roomId\":\"r\",\"userId\":\"u\",\"type\":\"t\",\"content\":\"c\"}",
     TL_E_JSON, ""},
    {"{'agentId':'a'}", TL_E_JSON, ""},
    {HEAD ",\"type\":\"again\"}", TL_E_JSON, "type"},
    {HEAD ",\"x\":1,\"x\":2}", TL_E_JSON, ""},
    {HEAD ",\"attributes\":{\"k\":1,\"k\":1}}", TL_E_JSON, ""},
    {HEAD ",\"extra\":1}", TL_E_FIELD, "extra"},
    {HEAD ",\"AgentId\":\"a\"}", TL_E_FIELD, "AgentId"},
    {HEAD ",\"\":1}", TL_E_FIELD, ""},
    {"{\"roomId\":\"r\",\"userId\":\"u\",\"type\":\"t\",\"content\":\"c\"}", TL_E_FIELD, "agentId"},
    {"{\"agentId\":\"a\",\"userId\":\"u\",\"type\":\"t\",\"content\":\"c\"}", TL_E_FIELD, "roomId"},
    {"{\"agentId\":\"a\",\"roomId\":\"r\",\"type\":\"t\",\"content\":\"c\"}", TL_E_FIELD, "userId"},
    {"{\"agentId\":\"a\",\"roomId\":\"r\",\"userId\":\"u\",\"content\":\"c\"}", TL_E_FIELD, "type"},
    {"{\"agentId\":\"a\",\"roomId\":\"r\",\"userId\":\"u\",\"type\":\"t\"}", TL_E_FIELD, "content"},
    {"{\"agentId\":1}", TL_E_FIELD, "agentId"},
    {"{\"roomId\":null}", TL_E_FIELD, "roomId"},
    {"{\"userId\":[]}", TL_E_FIELD, "userId"},
    {"{\"type\":true}", TL_E_FIELD, "type"},
    {"{\"content\":{}}", TL_E_FIELD, "content"},
    {HEAD ",\"ref\":-1}", TL_E_FIELD, "ref"},
    {HEAD ",\"ref\":1.0}", TL_E_FIELD, "ref"},
    {HEAD ",\"ref\":\"1\"}", TL_E_FIELD, "ref"},
    {HEAD ",\"ref\":null}", TL_E_FIELD, "ref"},
    {HEAD ",\"requestId\":\"\"}", TL_E_FIELD, "requestId"},
    {HEAD ",\"requestId\":7}", TL_E_FIELD, "requestId"},
    {HEAD ",\"attributes\":null}", TL_E_FIELD, "attributes"},
    {HEAD ",\"attributes\":[1]}", TL_E_FIELD, "attributes"},
    {HEAD ",\"attributes\":{}}", TL_E_FIELD, "attributes"},
    {HEAD ",\"attributes\":{\"k\":1.5}}", TL_E_FIELD, "attributes"},
    {HEAD ",\"attributes\":{\"k\":[0.0]}}", TL_E_FIELD, "attributes"},
    {HEAD ",\"attributes\":{\"k\":9007199254740992}}", TL_E_FIELD, "attributes"},
    {HEAD ",\"attributes\":{\"k\":-9007199254740992}}", TL_E_FIELD, "attributes"},
    {HEAD ",\"attributes\":{\"1\":{\"2\":{\"3\":{\"4\":{\"5\":{\"6\":{\"7\":{\"8\":[]}}}}}}}}}",
     TL_E_FIELD, "attributes"},
};

static void refuses_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        const struct refused *r = &refused[i];
        tl_err err = read_line(r->line);
        if (err != r->err || strcmp(why.field, r->field) != 0)
            print_error("line: %s\n", r->line);
        assert_err(err, r->err);
        assert_string_equal(why.field, r->field);
        assert_true(why.text[0] != 0);
        assert_int_equal(record.ref, 99); /* untouched */
    }
}

/* Of more values than attributes can hold nothing is read: it would take fifty times their
 * bytes. What stands within texts is none. */
static void many_values_are_not_read(void **state)
{
    (void)state;
    for (int more = 0; more < 2; more++) {
        buf line;
        buf_init(&line, 1u << 20);
        buf_str(&line, HEAD ",\"attributes\":{\"k\":[\",\\\",\"");
        /* Seven commas and brackets of each record's own stand before these. */
        for (size_t i = 0; i < 2 * RECORD_ATTRIBUTES_MAX + (more ? 1 : 0); i++)
            buf_str(&line, ",1");
        buf_str(&line, "]}}");
        buf_u8(&line, 0);
        assert_ok(buf_err(&line));
        assert_err(read_line((const char *)line.p), more ? TL_E_FIELD : TL_E_LIMIT);
        assert_int_equal(strstr(why.text, "more values") != NULL, more);
        buf_finish(&line);
    }
}

static void hostile_names_stay_printable(void **state)
{
    (void)state;
    buf line;
    buf_init(&line, 1024);
    buf_str(&line, HEAD ",\"");
    for (size_t i = 0; i < 60; i++)
        buf_str(&line, "\xe2\x82\xac");
    buf_bytes(&line, slice_of("\":1}", 5)); /* and a NUL */
    assert_err(read_line((const char *)line.p), TL_E_FIELD);
    assert_true(utf8_valid(slice_str(why.field)));
    assert_true(utf8_valid(slice_str(why.text)));
    buf_finish(&line);
}

static void depth_and_order_of_attributes(void **state)
{
    (void)state;
    assert_ok(
        read_line(HEAD ",\"attributes\":{\"1\":{\"2\":{\"3\":{\"4\":{\"5\":{\"6\":{\"7\":{\"8\":0}}"
                       "}}}}}}}"));
    assert_ok(attributes_check(record.attributes));
    /* Shorter keys first, then bytewise (RFC 8949 section 4.2.1). */
    assert_ok(read_line(HEAD ",\"attributes\":{\"bb\":true,\"aaa\":null,\"b\":\"x\",\"a\":[-1,{}],"
                             "\"aa\":9007199254740991}}"));
    size_t n;
    uint8_t *want = test_hex("a5"
                             "6161"
                             "8220a0"
                             "6162"
                             "6178"
                             "626161"
                             "1b001fffffffffffff"
                             "626262"
                             "f5"
                             "63616161"
                             "f6",
                             &n);
    assert_int_equal(record.attributes.n, n);
    assert_memory_equal(record.attributes.p, want, n);
    free(want);
    assert_ok(attributes_check(record.attributes));
    assert_ok(read_line(HEAD ",\"attributes\":{\"k\":-9007199254740991}}"));
    assert_ok(attributes_check(record.attributes));
}

static void attributes_have_a_largest_size(void **state)
{
    (void)state;
    buf line;
    buf_init(&line, 2 * RECORD_ATTRIBUTES_MAX);
    /* One byte for the map, two for the key, three for the text's length. */
    for (int more = 0; more < 2; more++) {
        buf_reset(&line);
        buf_printf(&line, HEAD ",\"attributes\":{\"k\":\"%0*d\"}}",
                   RECORD_ATTRIBUTES_MAX - 6 + more, 0);
        buf_u8(&line, 0);
        assert_err(read_line((const char *)line.p), more ? TL_E_LIMIT : TL_OK);
        if (more)
            assert_string_equal(why.field, "attributes");
        else
            assert_int_equal(record.attributes.n, RECORD_ATTRIBUTES_MAX);
    }
    buf_finish(&line);
}

static void survives_failing_allocations(void **state)
{
    (void)state;
    const char *line =
        HEAD ",\"requestId\":\"q\",\"attributes\":{\"k\":[1,{\"x\":\"y\"}],\"l\":2}}";
    for (size_t i = 1;; i++) {
        record_json_finish(&json);
        record_json_init(&json);
        test_fail_alloc(i);
        tl_err err = read_line(line);
        bool failed = test_alloc_failed();
        test_fail_alloc(0);
        if (!failed) {
            assert_ok(err);
            break;
        }
        /* jansson sometimes blames the token that it had no memory for. */
        if (err != TL_E_JSON)
            assert_err(err, TL_E_MEMORY);
        assert_int_equal(record.ref, 99);
    }
}

static void writes_json(void **state)
{
    (void)state;
    uint8_t mem[256];
    buf b;
    buf_init_fixed(&b, mem, sizeof mem);
    json_put_text(&b, slice_of("\"\\\n\x01\x7f\xc3\xbc\0x", 9));
    assert_text(buf_slice(&b), "\"\\\"\\\\\\n\\u0001\\u007f\xc3\xbc\\u0000x\"");
    buf_reset(&b);
    json_put_uint(&b, 0);
    buf_u8(&b, ' ');
    json_put_uint(&b, UINT64_MAX);
    assert_text(buf_slice(&b), "0 18446744073709551615");
    buf_reset(&b);
    struct tl_why w = {"a\"b", "text"};
    json_put_error(&b, TL_E_FIELD, &w, 3);
    assert_text(buf_slice(&b), "{\"error\":\"text\",\"field\":\"a\\\"b\",\"line\":3}\n");
    buf_reset(&b);
    json_put_error(&b, TL_E_BUSY, NULL, 0);
    assert_text(buf_slice(&b), "{\"error\":\"too much is waiting already\"}\n");
}

static int start(void **state)
{
    (void)state;
    /* jansson allocates through this executable's malloc, which tests can fail. */
    json_set_alloc_funcs(malloc, free);
    record_json_init(&json);
    return 0;
}

static int end(void **state)
{
    (void)state;
    record_json_finish(&json);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_a_record),
        cmocka_unit_test(takes_every_member),
        cmocka_unit_test(keeps_the_bytes_of_texts),
        cmocka_unit_test(agent_of_the_caller),
        cmocka_unit_test(refuses_by_name),
        cmocka_unit_test(many_values_are_not_read),
        cmocka_unit_test(hostile_names_stay_printable),
        cmocka_unit_test(depth_and_order_of_attributes),
        cmocka_unit_test(attributes_have_a_largest_size),
        cmocka_unit_test(survives_failing_allocations),
        cmocka_unit_test(writes_json),
    };
    return cmocka_run_group_tests(tests, start, end);
}
