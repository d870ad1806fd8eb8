/* HTTP as the MCP proxy passes it on: heads, framing of bodies, server-sent events. */
#include "testlib.h"

#include "mcp/event.h"
#include "mcp/head.h"

/* ---- heads ---- */

static tl_err request(struct mcp_head *h, const char *text)
{
    return mcp_request_read(h, slice_str(text));
}

static void finding(void **state)
{
    size_t n = 7;
    uint8_t *long_head = malloc(MCP_HEAD_MAX + 4);
    (void)state;
    assert_non_null(long_head);
    assert_ok(mcp_head_find(&n, slice_str("GET / HTTP/1.1\r\nA: b\r\n\r\nrest")));
    assert_int_equal(n, strlen("GET / HTTP/1.1\r\nA: b\r\n\r\n"));
    assert_ok(mcp_head_find(&n, slice_str("GET / HTTP/1.1\r\n")));
    assert_int_equal(n, 0);
    assert_ok(mcp_head_find(&n, (slice){NULL, 0}));
    assert_int_equal(n, 0);
    memset(long_head, 'x', MCP_HEAD_MAX);
    memcpy(long_head + MCP_HEAD_MAX - 4, "\r\n\r\n", 4);
    assert_ok(mcp_head_find(&n, slice_of(long_head, MCP_HEAD_MAX)));
    assert_int_equal(n, MCP_HEAD_MAX);
    memcpy(long_head + MCP_HEAD_MAX - 4, "x\r\n\r\n", 5);
    assert_err(mcp_head_find(&n, slice_of(long_head, MCP_HEAD_MAX + 1)), TL_E_HTTP);
    free(long_head);
}

static void requests(void **state)
{
    struct mcp_head h;
    (void)state;
    assert_ok(request(&h, "POST /a?b HTTP/1.1\r\nhost: h\r\nORIGIN:\t o \r\nMcp-Session-Id: s\r\n"
                          "Last-Event-ID: 7\r\ncontent-type: t\r\nSec-Fetch-Site: f\r\n"
                          "Content-Length: 5\r\n\r\n"));
    assert_true(slice_eq_str(h.method, "POST") && slice_eq_str(h.target, "/a?b"));
    assert_true(slice_eq_str(h.host, "h") && slice_eq_str(h.origin, "o"));
    assert_true(slice_eq_str(h.session, "s") && slice_eq_str(h.type, "t"));
    assert_true(slice_eq_str(h.last_event_id, "7") && slice_eq_str(h.fetch_site, "f"));
    assert_true(h.has_length && h.length == 5);
    assert_true(!h.chunked && !h.close && !h.expects && !h.encoded);
    assert_ok(request(
        &h, "GET / HTTP/1.1\r\nHost: h\r\nConnection: CLOSE\r\nTransfer-Encoding: Chunked\r\n"
            "Expect: 100-continue\r\nContent-Encoding: gzip\r\n\r\n"));
    assert_true(h.chunked && h.close && h.expects && h.encoded);
    assert_ok(
        request(&h, "GET / HTTP/1.1\r\nHost:\r\nX: \t\r\nContent-Encoding: identity\r\n\r\n"));
    assert_false(h.encoded);
    static const char *const bad[] = {
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: h\r\n\r\n",
        "GET  HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET / x HTTP/1.1\r\nHost: h\r\n\r\n",
        "/ HTTP/1.1\r\nHost: h\r\n\r\n",
        " / HTTP/1.1\r\nHost: h\r\n\r\n",
        "x\r\nHost: h\r\n\r\n",
        "G@T / HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /\x7f HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET / HTTP/1.1\nHost: h\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\n\r\n",
        "\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nOrigin: a\r\nOrigin: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nnone\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\n a: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\na : b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\n: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\na: \x01\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\na: \x7f\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\na: b\rc\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        ("GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
         "Transfer-Encoding: chunked\r\n\r\n"),
        "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_err(request(&h, bad[i]), TL_E_HTTP);
}

static void answers(void **state)
{
    struct mcp_head h;
    (void)state;
    assert_ok(mcp_answer_read(&h, slice_str("HTTP/1.1 200 So be it\r\n\r\n")));
    assert_true(h.status == 200 && slice_eq_str(h.reason, "So be it") && !h.close);
    assert_ok(mcp_answer_read(&h, slice_str("HTTP/1.1 307 x\r\nlocation: /y\r\n\r\n")));
    assert_true(slice_eq_str(h.location, "/y"));
    assert_ok(mcp_answer_read(&h, slice_str("HTTP/1.0 204\r\nA: b\r\n\r\n")));
    assert_true(h.status == 204 && h.reason.n == 0 && h.close);
    static const char *const bad[] = {
        "HTTP/1.1 2000\r\n\r\n",  "HTTP/1.1 20\r\n\r\n",         "HTTP/1.1 099 x\r\n\r\n",
        "HTTP/2.0 200 x\r\n\r\n", "HTTP/1.1 2x0 x\r\n\r\n",      "HTTP/1.1  200\r\n\r\n",
        "HTTP/1.1 200 x\n\r\n",   "HTTP/1.1 200 x\r\na\r\n\r\n", "x\r\n\r\n",
        "HTTP/1.1 000 y\r\n\r\n", "HTTP/1.1 200 a\rb\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_err(mcp_answer_read(&h, slice_str(bad[i])), TL_E_HTTP);
}

static void passing(void **state)
{
    static const char fields[] = "X-A:  b \r\nMcp-Session-Id: s\r\nAuthorization: t\r\n";
    struct mcp_head h;
    buf b;
    char text[1024];
    (void)state;
    buf_init(&b, 4096);
    snprintf(text, sizeof text,
             "GET / HTTP/1.1\r\nHost: h\r\nconnection: keep-alive\r\nKeep-Alive: "
             "1\r\nAccept-Encoding: gzip\r\n"
             "Content-Length: 0\r\nTE: x\r\nUpgrade: x\r\nExpect: x\r\n%s\r\n",
             fields);
    assert_ok(request(&h, text));
    mcp_head_pass(&b, &h, true);
    assert_true(slice_eq_str(buf_slice(&b), fields));
    buf_reset(&b);
    assert_ok(mcp_answer_read(
        &h, slice_str("HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\nHost: h\r\n\r\n")));
    mcp_head_pass(&b, &h, false);
    assert_true(slice_eq_str(buf_slice(&b), "Host: h\r\n"));
    buf_finish(&b);
}

static void words(void **state)
{
    (void)state;
    static const char *const local[] = {"localhost",  "LocalHost:1",           "127.0.0.1:80",
                                        "[::1]",      "http://localhost:6274", "https://[::1]:9",
                                        "127.8.0.1:1"};
    static const char *const far[] = {"",
                                      "null",
                                      "localhost.example",
                                      "localhost:",
                                      "localhost:x",
                                      "127.0.0.1x",
                                      "127.evil.example",
                                      "127",
                                      "http://example.org",
                                      "ftp://localhost",
                                      "http://localhost/x",
                                      "localhost:99999",
                                      "127.0.0.1.example"};
    for (size_t i = 0; i < sizeof local / sizeof *local; i++)
        assert_true(mcp_is_local(slice_str(local[i])));
    for (size_t i = 0; i < sizeof far / sizeof *far; i++)
        assert_false(mcp_is_local(slice_str(far[i])));
    assert_true(mcp_is_type(slice_str("Text/Event-Stream; charset=utf-8"), "text/event-stream"));
    assert_true(mcp_is_type(slice_str("text/event-stream"), "text/event-stream"));
    assert_false(mcp_is_type(slice_str("text/event-streams"), "text/event-stream"));
    assert_false(mcp_is_type((slice){NULL, 0}, "text/event-stream"));
    static const char *const json[] = {"application/json", "Application/JSON ; charset=UTF-8",
                                       "application/json;Charset=\"utf-8\"", "application/json;"};
    static const char *const other[] = {"",
                                        "text/plain",
                                        "application/jsonx",
                                        "application/jso",
                                        "application/json x",
                                        "application/json; charset=utf-7",
                                        "application/json; charset=utf-8; charset=utf-7",
                                        "application/json; charset = utf-8",
                                        "application/json;charset=utf-16",
                                        "application/json; x=y",
                                        "application/x-www-form-urlencoded; a=application/json"};
    for (size_t i = 0; i < sizeof json / sizeof *json; i++)
        assert_true(mcp_is_json(slice_str(json[i])));
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        assert_false(mcp_is_json(slice_str(other[i])));
    assert_false(mcp_is_json((slice){NULL, 0}));
}

/* ---- bodies ---- */

/* In pieces of `step` bytes, into out; what is left over stays in *rest. */
static tl_err framed(buf *out, struct mcp_framing *f, slice *rest, const char *text, size_t step)
{
    buf in;
    size_t n = strlen(text);
    buf_init(&in, 4096);
    tl_err err = TL_OK;
    for (size_t at = 0; at < n && err == TL_OK; at += step) {
        buf_bytes(&in, slice_of(text + at, step < n - at ? step : n - at));
        slice left = buf_slice(&in), piece;
        do {
            err = mcp_framing_take(f, &piece, &left);
            buf_bytes(out, piece);
        } while (err == TL_OK && piece.n);
        if (left.n)
            memmove(in.p, left.p, left.n);
        in.n = left.n;
    }
    rest->n = in.n;
    buf_finish(&in);
    return err;
}

static void bodies(void **state)
{
    struct mcp_head h = {.chunked = true};
    struct mcp_framing f;
    buf out;
    slice rest;
    (void)state;
    buf_init(&out, 4096);
    for (size_t step = 1; step < 40; step++) {
        f = mcp_framing_of(&h, true);
        buf_reset(&out);
        assert_ok(framed(&out, &f, &rest,
                         "3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nT: r\r\n\r\nmore", step));
        assert_true(slice_eq_str(buf_slice(&out), "abc0123456789"));
        assert_true(f.state == MCP_BODY_END && rest.n == 4);
    }
    static const char *const bad[] = {"x\r\n",       "\r\n",          "\x11\r\n",
                                      "-1\r\n",      "123456789\r\n", "1\nx",
                                      "1\r\nxy\r\n", "0\r\na\n",      "1 2\r\nx\r\n1\r\r\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        f = mcp_framing_of(&h, true);
        assert_err(framed(&out, &f, &rest, bad[i], 1), TL_E_HTTP);
    }
    char longer[400];
    memset(longer, '1', sizeof longer);
    longer[399] = 0;
    f = mcp_framing_of(&h, true);
    assert_err(framed(&out, &f, &rest, longer, 399), TL_E_HTTP);

    h = (struct mcp_head){.has_length = true, .length = 3};
    f = mcp_framing_of(&h, false);
    buf_reset(&out);
    assert_true(f.state == MCP_BODY_END); /* status 0 is below 200 */
    h.status = 200;
    f = mcp_framing_of(&h, false);
    assert_ok(framed(&out, &f, &rest, "abcd", 2));
    assert_true(slice_eq_str(buf_slice(&out), "abc") && f.state == MCP_BODY_END && rest.n == 1);
    h.length = 0;
    assert_int_equal(mcp_framing_of(&h, false).state, MCP_BODY_END);
    h = (struct mcp_head){.status = 200};
    assert_int_equal(mcp_framing_of(&h, false).state, MCP_BODY_REST);
    assert_int_equal(mcp_framing_of(&h, true).state, MCP_BODY_END);
    h.status = 204;
    assert_int_equal(mcp_framing_of(&h, false).state, MCP_BODY_END);
    h = (struct mcp_head){.status = 200};
    f = mcp_framing_of(&h, false);
    buf_reset(&out);
    assert_ok(framed(&out, &f, &rest, "all of it", 4));
    assert_true(slice_eq_str(buf_slice(&out), "all of it") && f.state == MCP_BODY_REST);
    buf_finish(&out);
}

/* ---- events ---- */

static void ends(void **state)
{
    static const struct {
        const char *text;
        size_t n;      /* of the first event */
        size_t n_last; /* where the stream ends there */
    } cases[] = {
        {"data: x\n\nmore", 9, 9},
        {"data: x\r\n\r\nmore", 11, 11},
        {"a\r\rb", 3, 3},
        {"a\n\rb", 3, 3},
        {"a\r\n\nb", 4, 4},
        {"\nx", 1, 1},
        {"data: x\n", 0, 0},
        {"data: x", 0, 0},
        {"a\r\r", 0, 3},
        {"a\r\n\r", 0, 4},
        {"", 0, 0},
        {"a\nb\n\n", 5, 5},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        slice text = slice_str(cases[i].text);
        struct mcp_event_scan s = {0, 0};
        assert_int_equal(mcp_event_end(&s, text, false), cases[i].n);
        s = (struct mcp_event_scan){0, 0};
        assert_int_equal(mcp_event_end(&s, text, true), cases[i].n_last);
        /* And byte by byte. */
        s = (struct mcp_event_scan){0, 0};
        size_t n = 0;
        for (size_t j = 0; j <= text.n && n == 0; j++)
            n = mcp_event_end(&s, slice_of(text.p, j), false);
        assert_int_equal(n, cases[i].n);
    }
}

static void put(const char *event, const char *data, const char *want)
{
    buf b;
    buf_init(&b, 4096);
    mcp_event_put(&b, slice_str(event), slice_str(data), true);
    assert_ok(buf_err(&b));
    assert_int_equal(b.n, strlen(want));
    assert_memory_equal(b.p, want, b.n);
    buf_finish(&b);
}

static void read(const char *event, const char *data, bool message, bool has_id)
{
    struct mcp_event e;
    buf joined;
    buf_init(&joined, 4096);
    assert_ok(mcp_event_read(&e, &joined, slice_str(event), true));
    assert_true(slice_eq_str(e.data, data));
    assert_true(e.message == message && e.has_id == has_id);
    buf_finish(&joined);
    if (message && !strchr(data, '\n')) /* as it was */
        put(event, data, event);
}

static void events(void **state)
{
    (void)state;
    read("data: {}\n\n", "{}", true, false);
    read("data:{}\r\n\r\n", "{}", true, false);
    read("data:  {}\r\r", " {}", true, false);
    read("event: message\nid: 4\ndata: {}\n: c\n\n", "{}", true, true);
    read("event: other\ndata: {}\n\n", "{}", false, false);
    read("event:\ndata: {}\n\n", "{}", true, false);
    read("id\ndata\n\n", "", false, false);
    read("databank: {}\n: data: x\n\n", "", false, false);
    read("\xef\xbb\xbf"
         "data: {}\n\n",
         "{}", true, false);
    read("data: {\ndata:}\n\n", "{\n}", true, false);
    read("data: 1\nid: 2\ndata\ndata: 3\n\n", "1\n\n3", true, true);
    put("id: 1\ndata: {\nx: y\ndata:}\r\n\n", "{R\n}", "id: 1\ndata: {R\ndata: }\nx: y\n\n");
    put("data:{}\r\n\r\n", "{R}", "data:{R}\r\n\r\n");
    put("data: {", "{R}", "data: {R}"); /* the last of a stream */
    put("data: {\ndata:}", "{R\n}", "data: {R\ndata: }\n");
    struct mcp_event e;
    buf none;
    buf_init(&none, 10); /* within a stream it is no mark, but part of a name */
    assert_ok(mcp_event_read(&e, &none,
                             slice_str("\xef\xbb\xbf"
                                       "data: {}\n\n"),
                             false));
    assert_false(e.message);
    buf small;
    uint8_t mem[2];
    buf_init_fixed(&small, mem, sizeof mem);
    assert_err(mcp_event_read(&e, &small, slice_str("data: 12\ndata: 34\n\n"), true), TL_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finding), cmocka_unit_test(requests), cmocka_unit_test(answers),
        cmocka_unit_test(passing), cmocka_unit_test(words),    cmocka_unit_test(bodies),
        cmocka_unit_test(ends),    cmocka_unit_test(events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
