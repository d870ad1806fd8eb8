/* The readers of what dstack's agent answers, alone: heads, keys in all their parts, lines
 * for people; and memory that runs out. The rest stands in test_dstack. */
#include "testlib.h"

#include "codec/der.h"
#include "tee/agent.h"
#include "tee/dstack_answer.h"
#include "tee/tee.h"

static void heads(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        unsigned status; /* 0: refused */
        size_t length;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", 200, 7},
        {"HTTP/1.1 200\r\ncontent-length:7\r\n\r\n", 200, 7},
        {"HTTP/1.1 404 \r\nX:\r\nCONTENT-LENGTH: \t 0 \t\r\nContent-Lengths: 5\r\n\r\n", 404, 0},
        {"HTTP/1.1 599 a b : c\r\nContent-Length: 1048576\r\n\r\n", 599, 1048576},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n", 0, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 07\r\n\r\n", 0, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n", 0, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nContent-Length: 8\r\n\r\n", 0, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nTransfer-Encoding: identity\r\n\r\n", 0, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 7\r\ntransfer-encoding: chunked\r\n\r\n", 0, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n: nameless\r\n\r\n", 0, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nno colon\r\n\r\n", 0, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nB\x7f: d\r\n\r\n", 0, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n", 0, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 7\n\n", 0, 0},
        {"HTTP/1.1 200 OK\nContent-Length: 7\r\n\r\n", 0, 0},
        {"\r\n\r\n", 0, 0},
        {"\r\n", 0, 0},
        {"", 0, 0},
        {"HTTP/1.1 2000 OK\r\nContent-Length: 7\r\n\r\n", 0, 0},
        {"HTTP/1.1 20 OK\r\nContent-Length: 7\r\n\r\n", 0, 0},
        {"HTTP/1.1 20\r\nContent-Length: 7\r\n\r\n", 0, 0},
        {"HTTP/1.1 \r\nContent-Length: 7\r\n\r\n", 0, 0},
        {"HTTP/1.1 600 Oh\r\nContent-Length: 7\r\n\r\n", 0, 0},
        {"HTTP/1.1 199 Oh\r\nContent-Length: 7\r\n\r\n", 0, 0},
        {"HTTP/2 200\r\nContent-Length: 7\r\n\r\n", 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct agent_head h = {.status = 0, .length = 0};
        struct tl_why why = {0};
        /* In memory of exactly its size, for AddressSanitizer. */
        size_t n = strlen(cases[i].head);
        char *copy = malloc(n + 1);
        assert_non_null(copy);
        memcpy(copy, cases[i].head, n);
        tl_err err = agent_head_read(&h, slice_of(copy, n), &why);
        if (h.status != cases[i].status || h.length != cases[i].length)
            fail_msg("%s: %s %u %zu", cases[i].head, tl_err_name(err), h.status, h.length);
        assert_string_equal(tl_err_name(err), tl_err_name(h.status ? TL_OK : TL_E_HTTP));
        assert_int_equal(why.text[0] == 0, err == TL_OK);
        free(copy);
    }
}

/* ---- a derived key ---- */

/* What its parts are; all zero is a good one. */
struct key_plan {
    bool other_kind, other_curve, old_version, with_public, trailing, whole_is_set;
    int more; /* bytes of the scalar beyond 32 */
    const char *begin, *end;
};

static const uint8_t scalar[33] = {0x80, 2, 3, 4, 5, 6, 7, 8, 9};

static void put_der(buf *b, const struct key_plan *p)
{
    uint8_t ec_key[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
    uint8_t p256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    ec_key[6] += p->other_kind;
    p256[7] -= p->other_curve;
    size_t whole = der_begin(b);
    der_put_uint(b, 0);
    size_t algorithm = der_begin(b);
    der_put(b, DER_OID, SLICE_ARRAY(ec_key));
    der_put(b, DER_OID, SLICE_ARRAY(p256));
    der_end(b, algorithm, DER_SEQUENCE);
    size_t octets = der_begin(b), key = der_begin(b);
    der_put_uint(b, p->old_version ? 0 : 1);
    der_put(b, DER_OCTET_STRING, slice_of(scalar, (size_t)(32 + p->more)));
    if (p->with_public) {
        size_t at = der_begin(b);
        der_put(b, DER_BIT_STRING, slice_of("\0\4", 2));
        der_end(b, at, 0xa1);
    }
    der_end(b, key, DER_SEQUENCE);
    der_end(b, octets, DER_OCTET_STRING);
    der_end(b, whole, p->whole_is_set ? DER_SET : DER_SEQUENCE);
    if (p->trailing)
        buf_u8(b, 0);
}

static tl_err read_plan(uint8_t out[32], const struct key_plan *p)
{
    struct tl_why why = {0};
    buf der, json;
    buf_init(&der, 1000);
    buf_init(&json, 2000);
    put_der(&der, p);
    buf_printf(&json, "{\"certificate_chain\":[],\"key\":\"%s\\n",
               p->begin ? p->begin : "-----BEGIN PRIVATE KEY-----");
    base64_put(&json, buf_slice(&der));
    buf_printf(&json, "\\r\\n%s\\n\"}", p->end ? p->end : "-----END PRIVATE KEY-----");
    assert_ok(buf_err(&json));
    tl_err err = dstack_read_derived(out, buf_slice(&json), &why);
    assert_int_equal(why.text[0] != 0, err == TL_E_TEE);
    buf_finish(&der);
    buf_finish(&json);
    return err;
}

static void derived_keys(void **state)
{
    (void)state;
    static const struct key_plan good[] = {{.more = 0}, {.with_public = true}};
    static const struct key_plan bad[] = {
        {.other_kind = true},
        {.other_curve = true},
        {.old_version = true},
        {.trailing = true},
        {.whole_is_set = true},
        {.more = 1},
        {.more = -1},
        {.more = -32},
        {.begin = "-----BEGIN EC PRIVATE KEY-----"},
        {.begin = " -----BEGIN PRIVATE KEY-----"},
        {.begin = ""},
        {.end = "-----END"},
        {.end = ""},
    };
    uint8_t out[32];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        memset(out, 0, sizeof out);
        assert_ok(read_plan(out, &good[i]));
        assert_memory_equal(out, scalar, 32);
    }
    memset(out, 0x55, sizeof out);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_err(read_plan(out, &bad[i]), TL_E_TEE);
        for (size_t j = 0; j < 32; j++)
            assert_int_equal(out[j], 0x55);
    }
}

/* ---- what people read ---- */

static void expect_info(const char *json, const char *want)
{
    struct tl_why why = {0};
    buf text;
    buf_init(&text, 1000);
    tl_err err = dstack_read_info(&text, slice_str(json), &why);
    assert_string_equal(tl_err_name(err), tl_err_name(want ? TL_OK : TL_E_TEE));
    if (want && !slice_eq_str(buf_slice(&text), want))
        fail_msg("%s: %.*s", json, (int)text.n, (const char *)text.p);
    assert_true(want || text.n == 0);
    buf_finish(&text);
}

static void info(void **state)
{
    (void)state;
    char longer[200];
    snprintf(longer, sizeof longer, "{\"app_id\":\"%066d\"}", 0);
    expect_info("{}", "");
    expect_info("{\"app_id\":\"a1\",\"instance_id\":\"1d\",\"compose_hash\":\"C2\",\"x\":[]}",
                "app-id a1, compose-hash C2, instance 1d");
    expect_info("{\"app_id\":\"\",\"instance_id\":\"\\u0031\"}", NULL);
    expect_info("{\"app_id\":\"a\",\"instance_id\":\"zz\",\"compose_hash\":5}", "");
    expect_info(longer, "");
    expect_info("{\"app_id\":\"a1\",\"app_id\":\"a2\"}", NULL);
    expect_info("[]", NULL);
    expect_info("", NULL);
}

static void errors(void **state)
{
    (void)state;
    static const struct {
        const char *json, *want;
    } cases[] = {
        {"{\"error\":\"no \\\"TD\\\"\"}", "no \"TD\""},
        {"{\"more\":{},\"error\":\"x\"}", "x"},
        {"{\"error\":5}", ""},
        {"{\"error\":\"x\"", ""},
        {"Not found", ""},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buf text;
        buf_init(&text, 200);
        dstack_read_error(&text, slice_str(cases[i].json));
        assert_true(slice_eq_str(buf_slice(&text), cases[i].want));
        buf_finish(&text);
    }
}

/* ---- memory ---- */

static tl_err read_a_quote(void)
{
    static const char json[] = "{\"quote\":\"0400\",\"event_log\":\"[\\\"\\\"]\"}";
    struct tl_why why = {0};
    buf quote, log;
    buf_init(&quote, TEE_QUOTE_MAX);
    buf_init(&log, TEE_EVENT_LOG_MAX);
    tl_err err = dstack_read_quote(&quote, &log, slice_str(json), &why);
    assert_int_equal(quote.n, err == TL_OK ? 2 : 0);
    assert_true(err == TL_OK ? slice_eq_str(buf_slice(&log), "[\"\"]") : log.n == 0);
    buf_finish(&quote);
    buf_finish(&log);
    return err;
}

static tl_err read_a_key(void)
{
    static const char json[] =
        "{\"key\":\"-----BEGIN PRIVATE KEY-----\\nMEECAQAwEwYHKoZIzj0CAQYIKoZI"
        "zj0DAQcEJzAlAgEBBCCZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmQ==\\n"
        "-----END PRIVATE KEY-----\\n\"}";
    struct tl_why why = {0};
    uint8_t out[32];
    return dstack_read_derived(out, slice_str(json), &why);
}

static void memory(void **state)
{
    (void)state;
    tl_err (*const readers[])(void) = {read_a_quote, read_a_key};
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        size_t n = 1;
        for (;; n++) {
            test_fail_alloc(n);
            tl_err err = readers[i]();
            bool failed = test_alloc_failed();
            test_fail_alloc(0);
            assert_string_equal(tl_err_name(err), tl_err_name(failed ? TL_E_MEMORY : TL_OK));
            if (!failed)
                break;
        }
        assert_true(n > 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads),  cmocka_unit_test(derived_keys), cmocka_unit_test(info),
        cmocka_unit_test(errors), cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
