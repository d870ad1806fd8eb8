/* Heads of requests and queries: what RFC 9112 leaves open is refused. */
#include "testlib.h"

#include "http/head.h"

static struct http_head head;
static struct tl_why why;

/* A whole head, from its request line and header lines. */
static tl_err read_head(const char *text)
{
    memset(&why, 0, sizeof why);
    size_t size = 0;
    slice bytes = slice_str(text);
    tl_err err = http_head_find(&size, bytes, &why);
    if (err != TL_OK)
        return err;
    assert_int_equal(size, bytes.n);
    return http_head_read(&head, bytes, &why);
}

static void assert_text(slice s, const char *text)
{
    assert_int_equal(s.n, strlen(text));
    assert_memory_equal(s.p, text, s.n);
}

static void takes_a_request(void **state)
{
    (void)state;
    assert_ok(
        read_head("POST /v1/records?agent=a&x=%20 HTTP/1.1\r\nhost: x\r\nContent-Length:12 \r\n"
                  "Authorization: \tBearer t\r\nconnection: Close\r\nExpect: 100-Continue\r\n"
                  "LAST-EVENT-ID: 7\r\nX-Other: \xc3\xbc\t!\r\nX-Empty:\r\n\r\n"));
    assert_text(head.method, "POST");
    assert_text(head.path, "/v1/records");
    assert_text(head.query, "agent=a&x=%20");
    assert_text(head.authorization, "Bearer t");
    assert_text(head.last_event_id, "7");
    assert_true(head.has_length && head.length == 12 && head.close && head.expects);
    assert_false(head.transfer);
    assert_ok(read_head("GET / HTTP/1.1\r\nHost:\r\nTransfer-Encoding: chunked\r\n"
                        "Connection: keep-alive\r\n\r\n"));
    assert_int_equal(head.query.n, 0);
    assert_null(head.authorization.p);
    assert_null(head.last_event_id.p);
    assert_true(head.transfer);
    assert_false(head.has_length || head.close || head.expects);
}

static const struct refused {
    const char *text, *field;
} refused[] = {
    {"GET / HTTP/1.1\nHost: x\r\n\r\n", "request"},
    {"GET / HTTP/1.1\r\nHost: x\n\r\n", "request"},
    {"GET / HTTP/1.1\r\nHost: x\r\n\n", "request"},
    {"\n", "request"},
    {"\r\n", "request"},
    {"GET /\r\nHost: x\r\n\r\n", "request"},
    {"GET HTTP/1.1\r\nHost: x\r\n\r\n", "target"},
    {"GET/HTTP/1.1\r\nHost: x\r\n\r\n", "request"},
    {"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", "request"},
    {"GET  HTTP/1.1\r\nHost: x\r\n\r\n", "target"},
    {"GET / HTTP/1.0\r\nHost: x\r\n\r\n", "request"},
    {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", "request"},
    {"GET / http/1.1\r\nHost: x\r\n\r\n", "request"},
    {"GET / HTTP/1.1 \r\nHost: x\r\n\r\n", "request"},
    {"G(T / HTTP/1.1\r\nHost: x\r\n\r\n", "request"},
    {" / HTTP/1.1\r\nHost: x\r\n\r\n", "request"},
    {"GET * HTTP/1.1\r\nHost: x\r\n\r\n", "target"},
    {"GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", "target"},
    {"GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", "target"},
    {"GET /\x7f HTTP/1.1\r\nHost: x\r\n\r\n", "target"},
    {"GET /\xc3\xbc HTTP/1.1\r\nHost: x\r\n\r\n", "target"},
    {"GET /\t HTTP/1.1\r\nHost: x\r\n\r\n", "target"},
    {"GET / HTTP/1.1\r\n\r\n", "Host"},
    {"GET / HTTP/1.1\r\nHost: x\r\nHOST: x\r\n\r\n", "Host"},
    {"GET / HTTP/1.1\r\nHost: x y\r\n\r\n", "Host"},
    {"GET / HTTP/1.1\r\nHost: x/\r\n\r\n", "Host"},
    {"GET / HTTP/1.1\r\nHost: u@x\r\n\r\n", "Host"},
    {"GET / HTTP/1.1\r\nHost: \xc3\xbc\r\n\r\n", "Host"},
    {"GET / HTTP/1.1\r\nHost: :80\r\n\r\n", "Host"},
    {"GET / HTTP/1.1\r\nHost: x:\r\n\r\n", "Host"},
    {"GET / HTTP/1.1\r\nHost: x:65536\r\n\r\n", "Host"},
    {"GET / HTTP/1.1\r\nHost: x:80:80\r\n\r\n", "Host"},
    {"GET / HTTP/1.1\r\nHost: [\r\n\r\n", "Host"},
    {"GET / HTTP/1.1\r\nHost: []\r\n\r\n", "Host"},
    {"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "Host"},
    {"GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", "Host"},
    {"GET / HTTP/1.1\r\nHost: [x-y]\r\n\r\n", "Host"},
    {"GET / HTTP/1.1\r\nHost : x\r\n\r\n", "request"},
    {"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", "request"},
    {"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", "request"},
    {"GET / HTTP/1.1\r\nHost: x\r\n: empty\r\n\r\n", "request"},
    {"GET / HTTP/1.1\r\nHost: x\rY: z\r\n\r\n", "Host"},
    {"GET / HTTP/1.1\r\nHost: x\x01\r\n\r\n", "Host"},
    {"GET / HTTP/1.1\r\nHost: x\x7f\r\n\r\n", "Host"},
    {"GET / HTTP/1.1\r\nHost: x\r\nX-Other: a\rY: z\r\n\r\n", "X-Other"},
    {"GET / HTTP/1.1\r\nHost: x\r\nX-Other: a\x01z\r\n\r\n", "X-Other"},
    {"GET / HTTP/1.1\r\nHost: x\r\nX-Other: a\x7fz\r\n\r\n", "X-Other"},
    {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "Content-Length"},
    {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n", "Content-Length"},
    {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\n", "Content-Length"},
    {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x1\r\n\r\n", "Content-Length"},
    {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n", "Content-Length"},
    {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", "Content-Length"},
    {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
     "Content-Length"},
    {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
     "Transfer-Encoding"},
    {"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\n\r\n", "Connection"},
    {"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nConnection: close\r\n\r\n", "Connection"},
    {"GET / HTTP/1.1\r\nHost: x\r\nExpect: a miracle\r\n\r\n", "Expect"},
    {"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n", "Authorization"},
    {"GET / HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 1\r\nlast-event-id: 1\r\n\r\n", "Last-Event-ID"},
};

static void refuses_what_is_loose(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        head.length = 4711;
        tl_err err = read_head(refused[i].text);
        if (err != TL_E_HTTP || strcmp(why.field, refused[i].field) != 0)
            print_error("head: %s\n", refused[i].text);
        assert_err(err, TL_E_HTTP);
        assert_string_equal(why.field, refused[i].field);
        assert_int_equal(head.length, 4711); /* untouched */
    }
}

static void finds_the_end(void **state)
{
    (void)state;
    const char *text = "GET / HTTP/1.1\r\nHost: x\r\n\r\nbody\n";
    size_t whole = strlen(text) - 5;
    for (size_t n = 0; n <= strlen(text); n++) {
        size_t size = 99;
        assert_ok(http_head_find(&size, slice_of(text, n), NULL));
        assert_int_equal(size, n < whole ? 0 : whole);
    }
}

static void bounds_the_head(void **state)
{
    (void)state;
    static char text[HTTP_HEAD_MAX + 16];
    memset(text, 'a', sizeof text);
    size_t size = 99;
    assert_ok(http_head_find(&size, slice_of(text, HTTP_HEAD_MAX - 1), &why));
    assert_int_equal(size, 0);
    assert_err(http_head_find(&size, slice_of(text, HTTP_HEAD_MAX), &why), TL_E_HTTP);
    /* The longest head that is taken. */
    memcpy(text + HTTP_HEAD_MAX - 4, "\r\n\r\n", 4);
    assert_ok(http_head_find(&size, slice_of(text, HTTP_HEAD_MAX), &why));
    assert_int_equal(size, HTTP_HEAD_MAX);
}

static void bounds_the_fields(void **state)
{
    (void)state;
    buf text;
    buf_init(&text, 4096);
    for (int n = HTTP_FIELDS_MAX; n <= HTTP_FIELDS_MAX + 1; n++) {
        buf_reset(&text);
        buf_str(&text, "GET / HTTP/1.1\r\nHost: x\r\n");
        for (int i = 1; i < n; i++)
            buf_str(&text, "X: y\r\n");
        buf_str(&text, "\r\n");
        buf_u8(&text, 0);
        assert_err(read_head((const char *)text.p), n == HTTP_FIELDS_MAX ? TL_OK : TL_E_HTTP);
    }
    buf_finish(&text);
}

static struct http_query query;
static struct http_param params[2];

static tl_err read_query(const char *text)
{
    memset(&why, 0, sizeof why);
    params[0] = (struct http_param){.name = "agent"};
    params[1] = (struct http_param){.name = "to"};
    return http_query_read(&query, params, 2, slice_str(text), &why);
}

static void reads_queries(void **state)
{
    (void)state;
    assert_ok(read_query(""));
    assert_null(params[0].value.p);
    assert_ok(read_query("to=7&agent=a%2Fb%3d+c"));
    assert_text(params[0].value, "a/b=+c");
    assert_text(params[1].value, "7");
    assert_ok(read_query("agent=a=b"));
    assert_text(params[0].value, "a=b");
    assert_null(params[1].value.p);
}

static void refuses_queries(void **state)
{
    (void)state;
    static const struct refused bad[] = {
        {"agents=a", "agents"},
        {"Agent=a", "Agent"},
        {"agent=a&agent=a", "agent"},
        {"agent", "agent"},
        {"agent=", "agent"},
        {"&agent=a", ""},
        {"=a", ""},
        {"agent=a&&to=1", ""},
        {"agent=%", "agent"},
        {"agent=%2", "agent"},
        {"agent=%zz", "agent"},
        {"agent=a&to=%0", "to"},
        {"to=1&x", "x"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tl_err err = read_query(bad[i].text);
        if (err != TL_E_HTTP || strcmp(why.field, bad[i].field) != 0)
            print_error("query: %s\n", bad[i].text);
        assert_err(err, TL_E_HTTP);
        assert_string_equal(why.field, bad[i].field);
    }
    /* A digit that lies behind the end is none of the query's. */
    assert_ok(read_query(""));
    assert_err(http_query_read(&query, params, 2, slice_of("agent=%20", 8), NULL), TL_E_HTTP);
    char text[HTTP_QUERY_MAX + 2];
    memset(text, 'a', sizeof text);
    memcpy(text, "agent=", 6);
    text[HTTP_QUERY_MAX] = 0;
    assert_ok(read_query(text));
    text[HTTP_QUERY_MAX] = 'a';
    text[HTTP_QUERY_MAX + 1] = 0;
    assert_err(read_query(text), TL_E_HTTP);
    assert_string_equal(why.field, "query");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_a_request),   cmocka_unit_test(refuses_what_is_loose),
        cmocka_unit_test(finds_the_end),     cmocka_unit_test(bounds_the_head),
        cmocka_unit_test(bounds_the_fields), cmocka_unit_test(reads_queries),
        cmocka_unit_test(refuses_queries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
