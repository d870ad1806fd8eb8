#include "testlib.h"

#include "codec/json.h"
#include "json_texts.h"

#include <jansson.h>

/* A copy of exactly the text's length, so that a sanitizer sees reads beyond it;
 * with a tail, bytes that follow the text without being of it. */
struct text {
    uint8_t *memory;
    slice s;
};

static struct text text_of(slice s, const char *tail)
{
    size_t more = strlen(tail);
    struct text t = {.memory = malloc(s.n + more + 1)};
    assert_non_null(t.memory);
    /* At the end of the memory, with nothing after it. */
    uint8_t *p = t.memory + 1;
    for (size_t i = 0; i < s.n + more; i++)
        p[i] = i < s.n ? s.p[i] : (uint8_t)tail[i - s.n];
    t.s = slice_of(p, s.n);
    return t;
}

/* After an error nothing more is read, and the error stays. */
static void assert_dead(js *r, tl_err err)
{
    uint8_t memory[8];
    buf b;
    slice key = slice_str("untouched");
    uint32_t seen = 0;
    buf_init_fixed(&b, memory, sizeof memory);
    assert_int_equal(js_peek(r), JS_NONE);
    js_object(r);
    js_array(r);
    assert_false(js_member(r, &key));
    assert_true(slice_eq_str(key, "untouched"));
    assert_false(js_element(r));
    assert_null(js_plain(r).p);
    js_text(r, &b);
    assert_int_equal(b.n, 0);
    assert_true(js_uint(r, UINT64_MAX) == 0);
    assert_false(js_bool(r));
    assert_false(js_try_null(r));
    js_skip(r);
    assert_null(js_raw(r).p);
    assert_true(js_named(r, slice_str("k"), "k", &seen, 3));
    js_fail(r, TL_E_MEMORY);
    assert_err(js_end(r), err);
    assert_err(js_end(r), err);
}

/* Skips the text, which must be all of it where it is taken. */
static tl_err skip_error(slice s, const char *tail)
{
    struct text t = text_of(s, tail);
    js r = js_of(t.s), again = js_of(t.s);
    slice raw = js_raw(&r);
    /* A value, within the text, or an error. */
    assert_int_equal(r.err == TL_OK, raw.n > 0);
    assert_true(raw.n == 0 || (raw.p >= t.s.p && raw.p + raw.n <= t.s.p + t.s.n));
    tl_err err = js_end(&r);
    js_skip(&again);
    assert_err(js_end(&again), err);
    if (err == TL_OK) {
        js once_more = js_of(raw);
        assert_true(slice_eq(js_raw(&once_more), raw));
        assert_err(js_end(&once_more), TL_OK);
    } else if (r.err != TL_OK) {
        assert_null(raw.p);
        assert_dead(&r, err);
    }
    free(t.memory);
    return err;
}

/* What jansson says of it: 1 good, 0 bad, -1 where it and we differ on purpose. */
static int jansson_takes(slice s, json_t **value)
{
    json_error_t e;
    json_t *v = json_loadb((const char *)s.p, s.n,
                           JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &e);
    if (value)
        *value = v;
    else
        json_decref(v);
    if (v)
        return 1;
    enum json_error_code code = json_error_code(&e);
    return code == json_error_numeric_overflow || code == json_error_null_byte_in_key ? -1 : 0;
}

static void good_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        tl_err err = skip_error(slice_str(good[i]), "");
        if (err != TL_OK)
            fail_msg("%s: %s", good[i], tl_err_name(err));
        assert_int_equal(jansson_takes(slice_str(good[i]), NULL), 1);
    }
}

static void bad_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tl_err err = skip_error(slice_str(bad[i]), "");
        if (err != TL_E_JSON)
            fail_msg("%s: %s", bad[i], tl_err_name(err));
        assert_int_equal(jansson_takes(slice_str(bad[i]), NULL), 0);
    }
    for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++) {
        tl_err err = skip_error(slice_str(cut[i][0]), cut[i][1]);
        if (err != TL_E_JSON)
            fail_msg("%s: %s", cut[i][0], tl_err_name(err));
        assert_int_equal(jansson_takes(slice_str(cut[i][0]), NULL), 0);
    }
    assert_err(skip_error(slice_of(NULL, 0), ""), TL_E_JSON);
    assert_err(skip_error(slice_of("\0", 1), ""), TL_E_JSON);
    assert_err(skip_error(slice_of("1\0", 2), ""), TL_E_JSON);
    assert_err(skip_error(slice_of("\"a\0b\"", 5), ""), TL_E_JSON);
}

/* Every beginning of a text that ends with a bracket or quote is none. */
static void cut_short(void **state)
{
    (void)state;
    const char *text =
        "{\"a\":[1,-2.5e1,{\"b\":\"\\u00e9\\ud83d\\ude00\xc3\xa9\"},null],\"c\":true}";
    for (size_t n = 0; n < strlen(text); n++)
        assert_err(skip_error(slice_of(text, n), text + n), TL_E_JSON);
    assert_ok(skip_error(slice_str(text), ""));
}

static tl_err nested(unsigned depth, const char *open, const char *middle, const char *close)
{
    buf b;
    buf_init(&b, 1000);
    for (unsigned i = 0; i < depth; i++)
        buf_str(&b, open);
    buf_str(&b, middle);
    for (unsigned i = 0; i < depth; i++)
        buf_str(&b, close);
    assert_ok(buf_err(&b));
    tl_err err = skip_error(buf_slice(&b), "");
    buf_finish(&b);
    return err;
}

static void depth(void **state)
{
    (void)state;
    assert_ok(nested(JS_MAX_DEPTH, "[", "", "]"));
    assert_ok(nested(JS_MAX_DEPTH - 1, "[[],", "0", "]"));
    assert_err(nested(JS_MAX_DEPTH + 1, "[", "", "]"), TL_E_DEPTH);
    assert_ok(nested(JS_MAX_DEPTH, "{\"a\":", "0", "}"));
    assert_err(nested(JS_MAX_DEPTH + 1, "{\"a\":", "0", "}"), TL_E_DEPTH);
    assert_ok(nested(JS_MAX_DEPTH / 2, "[{\"a\":", "0", "}]"));
    assert_err(nested(JS_MAX_DEPTH / 2, "[{\"a\":", "[]", "}]"), TL_E_DEPTH);
    assert_err(nested(120, "[", "", ""), TL_E_DEPTH);
    /* What has been entered already counts. */
    js r = js_of(slice_str("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"));
    for (unsigned i = 0; i < JS_MAX_DEPTH; i++) {
        js_array(&r);
        assert_true(js_element(&r));
    }
    js_array(&r);
    assert_dead(&r, TL_E_DEPTH);
}

static uint32_t random_at;

static uint32_t random_below(uint32_t n)
{
    random_at = random_at * 1664525 + 1013904223;
    return (random_at >> 8) % n;
}

/* Changes the text in one place, or two; returns its new length. */
static size_t mutate(uint8_t *p, size_t n, size_t cap)
{
    static const char bytes[] = "{}[]:,\"\\u0019.-+eEtfn dD8 \n\x80\xc3\xa9\xed\xa0/x";
    size_t at = random_below((uint32_t)n), len = 1 + random_below(3);
    switch (random_below(5)) {
    case 0: /* another byte */
        p[at] = (uint8_t)bytes[random_below(sizeof bytes - 1)];
        return n;
    case 1: /* a byte more */
        if (n == cap)
            return n;
        memmove(p + at + 1, p + at, n - at);
        p[at] = (uint8_t)bytes[random_below(sizeof bytes - 1)];
        return n + 1;
    case 2: /* a few bytes less */
        if (at + len > n || n - len == 0)
            return n;
        memmove(p + at, p + at + len, n - at - len);
        return n - len;
    case 3: /* a few bytes from elsewhere */
        if (at + len <= n)
            memmove(p + at, p + random_below((uint32_t)(n - len + 1)), len);
        return n;
    default: /* two bytes changed about */
        if (at + 1 < n) {
            uint8_t c = p[at];
            p[at] = p[at + 1];
            p[at + 1] = c;
        }
        return n;
    }
}

/* Where the text is one string: its value is jansson's. */
static void compare_text(slice s, const json_t *value)
{
    js r = js_of(s);
    buf b;
    buf_init(&b, s.n);
    js_text(&r, &b);
    assert_ok(js_end(&r));
    assert_true(
        slice_eq(buf_slice(&b), slice_of(json_string_value(value), json_string_length(value))));
    buf_finish(&b);
}

static void mutations(void **state)
{
    (void)state;
    static const char *const seeds[] = {
        "{\"a\":[1,-2.5e1,{\"b\":\"\\u00e9\\ud83d\\ude00\xc3\xa9\"},null],\"c\":true}",
        " [ 1 , 20 , -0.0 , 1e5 , [ ] , { } , false ] ",
        "\"plain \\\" and \\u00e9 \\ud83d\\ude00 and \xe2\x82\xac, then 16 bytes\\n\"",
        "{\"k\":{\"l\":{\"m\":[[[0]]]}},\"n\":\"\\t\"}",
    };
    size_t taken = 0, refused = 0;
    random_at = 20260903;
    for (size_t i = 0; i < 4000; i++) {
        uint8_t p[200];
        const char *seed = seeds[i % 4];
        size_t n = 0;
        for (; seed[n]; n++)
            p[n] = (uint8_t)seed[n];
        for (uint32_t k = 1 + random_below(2); k; k--)
            n = mutate(p, n, sizeof p);
        json_t *value;
        int want = jansson_takes(slice_of(p, n), &value);
        tl_err err = skip_error(slice_of(p, n), "");
        if (want >= 0 && want != (err == TL_OK))
            fail_msg("%.*s: %s, jansson %d", (int)n, (const char *)p, tl_err_name(err), want);
        if (want == 1 && json_is_string(value))
            compare_text(slice_of(p, n), value);
        taken += want == 1;
        refused += want == 0;
        json_decref(value);
    }
    assert_true(taken > 500);
    assert_true(refused > 1000);
}

/* Escapes at every place of strings around the eight bytes that are taken at a
 * time. */
static void texts(void **state)
{
    (void)state;
    static const struct {
        const char *json, *text;
    } escapes[] = {{"\\n", "\n"},
                   {"\\\"", "\""},
                   {"\\u0041", "A"},
                   {"\\u00e9", "\xc3\xa9"},
                   {"\\u20AC", "\xe2\x82\xac"},
                   {"\\ud83d\\ude00", "\xf0\x9f\x98\x80"},
                   {"\xc3\xa9", "\xc3\xa9"}};
    for (size_t e = 0; e < sizeof escapes / sizeof escapes[0]; e++)
        for (int before = 0; before < 20; before++)
            for (int after = 0; after < 20; after++) {
                char json[64], want[64];
                snprintf(json, sizeof json, "\"%.*s%s%.*s\"", before, "abcdefghijklmnopqrst",
                         escapes[e].json, after, "ABCDEFGHIJKLMNOPQRST");
                snprintf(want, sizeof want, "%.*s%s%.*s", before, "abcdefghijklmnopqrst",
                         escapes[e].text, after, "ABCDEFGHIJKLMNOPQRST");
                struct text t = text_of(slice_str(json), "");
                js r = js_of(t.s);
                /* Exactly the room that it needs. */
                uint8_t *memory = malloc(strlen(want));
                buf b;
                buf_init_fixed(&b, memory, strlen(want));
                js_text(&r, &b);
                assert_ok(js_end(&r));
                assert_true(slice_eq_str(buf_slice(&b), want));
                free(memory);
                free(t.memory);
            }
}

static void text_appends(void **state)
{
    (void)state;
    buf b;
    buf_init(&b, 9);
    js r = js_of(slice_str("[\"ab\",\"\",\"c\\u0000\\n\\\\\",1]"));
    js_array(&r);
    for (int i = 0; i < 3; i++) {
        assert_true(js_element(&r));
        js_text(&r, &b);
    }
    assert_true(slice_eq(buf_slice(&b), slice_of("abc\0\n\\", 6)));
    assert_true(js_element(&r));
    js_text(&r, &b);
    assert_int_equal(b.n, 6);
    assert_dead(&r, TL_E_JSON);

    /* A bad string adds nothing. */
    r = js_of(slice_str("\"abc\\x\""));
    js_text(&r, &b);
    assert_int_equal(b.n, 6);
    assert_dead(&r, TL_E_JSON);

    r = js_of(slice_str("\"wxyz\""));
    js_text(&r, &b);
    assert_int_equal(b.n, 6);
    assert_err(buf_err(&b), TL_E_LIMIT);
    assert_dead(&r, TL_E_LIMIT);
    buf_finish(&b);

    buf_init(&b, 100);
    r = js_of(slice_str("\"wxyz\""));
    test_fail_alloc(1);
    js_text(&r, &b);
    assert_true(test_alloc_failed());
    assert_dead(&r, TL_E_MEMORY);
    buf_finish(&b);
}

/* Runs `call` on the text with the reader r; then the end must be err. */
#define READS(text, call, want)                                                                    \
    do {                                                                                           \
        js r_ = js_of(slice_str(text)), *r = &r_;                                                  \
        call;                                                                                      \
        assert_err(js_end(r), want);                                                               \
    } while (0)

static void scalars(void **state)
{
    (void)state;
    READS(" 0 ", assert_true(js_uint(r, 0) == 0), TL_OK);
    READS("17", assert_true(js_uint(r, 17) == 17), TL_OK);
    READS("17", assert_true(js_uint(r, 16) == 0), TL_E_RANGE);
    READS("18446744073709551615", assert_true(js_uint(r, UINT64_MAX) == UINT64_MAX), TL_OK);
    READS("18446744073709551616", assert_true(js_uint(r, UINT64_MAX) == 0), TL_E_RANGE);
    READS("-1", assert_true(js_uint(r, 9) == 0), TL_E_RANGE);
    READS("-0", assert_true(js_uint(r, 9) == 0), TL_E_RANGE);
    READS("1.0", assert_true(js_uint(r, 9) == 0), TL_E_RANGE);
    READS("1e0", assert_true(js_uint(r, 9) == 0), TL_E_RANGE);
    READS("01", (void)js_uint(r, 9), TL_E_JSON);
    READS("1 1", (void)js_uint(r, 9), TL_E_JSON);
    READS("\"1\"", assert_true(js_uint(r, 9) == 0), TL_E_JSON);
    READS("null", assert_true(js_uint(r, 9) == 0), TL_E_JSON);
    READS("", assert_true(js_uint(r, 9) == 0), TL_E_JSON);
    READS(" true", assert_true(js_bool(r)), TL_OK);
    READS("false ", assert_false(js_bool(r)), TL_OK);
    READS("truth", assert_false(js_bool(r)), TL_E_JSON);
    READS("1", assert_false(js_bool(r)), TL_E_JSON);
    READS(" null", assert_true(js_try_null(r)), TL_OK);
    READS(" \"n\"", assert_false(js_try_null(r));
          assert_true(slice_eq_str(js_plain(r), "n")), TL_OK);
    READS(" \"\" ", slice s = js_plain(r); assert_non_null(s.p); assert_int_equal(s.n, 0), TL_OK);
    READS("\"a\xc3\xa9\"", assert_true(slice_eq_str(js_plain(r), "a\xc3\xa9")), TL_OK);
    READS("\"a\\n\"", assert_null(js_plain(r).p), TL_E_JSON);
    READS("\"\\u0041\"", assert_null(js_plain(r).p), TL_E_JSON);
    READS("1", assert_null(js_plain(r).p), TL_E_JSON);
    READS("a\"", assert_null(js_plain(r).p), TL_E_JSON);
    READS("1 \"a\"", assert_null(js_plain(r).p), TL_E_JSON);
    READS(" [1, 2] , ", assert_true(slice_eq_str(js_raw(r), "[1, 2]")), TL_E_JSON);
    READS(" -1.50 ", assert_true(slice_eq_str(js_raw(r), "-1.50")), TL_OK);
}

static void peeks(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum js_kind kind;
    } table[] = {{" null", JS_NULL}, {"true", JS_BOOL}, {"\nfalse", JS_BOOL}, {"0", JS_NUMBER},
                 {"9", JS_NUMBER},   {"-", JS_NUMBER},  {"\t\"a", JS_STRING}, {"\r[", JS_ARRAY},
                 {"{", JS_OBJECT},   {"", JS_NONE},     {" ", JS_NONE},       {"]", JS_NONE},
                 {"}", JS_NONE},     {",", JS_NONE},    {":", JS_NONE},       {"x", JS_NONE},
                 {"/", JS_NONE},     {"+1", JS_NONE}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        js r = js_of(slice_str(table[i].text));
        assert_int_equal(js_peek(&r), table[i].kind);
        assert_int_equal(js_peek(&r), table[i].kind);
        assert_int_equal(r.err, TL_OK);
    }
}

/* {"version":…,"names":[…]}, as other files read their objects. */
static tl_err read_named(const char *text, uint64_t *version, unsigned *names)
{
    js r = js_of(slice_str(text));
    uint32_t seen = 0;
    slice key;
    *version = *names = 0;
    js_object(&r);
    while (js_member(&r, &key)) {
        if (js_named(&r, key, "version", &seen, 0)) {
            *version = js_uint(&r, 9);
        } else if (js_named(&r, key, "names", &seen, 31)) {
            js_array(&r);
            while (js_element(&r))
                *names += js_plain(&r).n > 0;
        } else {
            js_skip(&r);
        }
    }
    return js_end(&r);
}

static void objects(void **state)
{
    (void)state;
    uint64_t version;
    unsigned names;
    assert_ok(read_named("{\"names\":[\"a\",\"b\"],\"x\":{\"names\":[[]]},\"version\":3}", &version,
                         &names));
    assert_true(version == 3 && names == 2);
    assert_ok(read_named(" { \"names\" : [ ] } ", &version, &names));
    assert_true(version == 0 && names == 0);
    assert_ok(read_named("{}", &version, &names));
    assert_ok(read_named("{\"x\":1,\"x\":2,\"Version\":1,\"version\":2,\"versions\":3}", &version,
                         &names));
    assert_true(version == 2);
    static const char *const refused[] = {
        "{\"version\":3,\"version\":3}",
        "{\"version\":3,\"x\":0,\"version\":4}",
        "{\"names\":[],\"names\":[]}",
        "{\"v\\u0065rsion\":3}",
        "{\"a\\nb\":3}",
        "{\"version\":3",
        "{\"version\":3,}",
        "{\"version\" 3}",
        "{\"version\":3 \"x\":4}",
        "{\"version\":3]",
        "{version:3}",
        "{\"names\":[\"a\",]}",
        "{\"names\":[\"a\"}",
        "{\"names\":[\"a\" \"b\"]}",
        "{\"names\":{\"a\":1}}",
        "{\"names\":\"a\"]}",
        "\"version\":3}",
        "[\"version\",3]",
        "{} {}",
        "null",
        "",
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        tl_err err = read_named(refused[i], &version, &names);
        if (err != TL_E_JSON)
            fail_msg("%s: %s", refused[i], tl_err_name(err));
    }
    assert_err(read_named("{\"version\":10,\"names\":[\"a\"]}", &version, &names), TL_E_RANGE);
    assert_true(version == 0 && names == 0);
}

/* An end that is reached inside of something is none. */
static void ends(void **state)
{
    (void)state;
    js r = js_of(slice_str("[1"));
    js_array(&r);
    assert_true(js_element(&r));
    assert_true(js_uint(&r, 9) == 1);
    assert_err(js_end(&r), TL_E_JSON);
    slice key;
    r = js_of(slice_str("{\"a\":1 "));
    js_object(&r);
    assert_true(js_member(&r, &key));
    js_skip(&r);
    assert_err(js_end(&r), TL_E_JSON);
    r = js_of(slice_str("1"));
    js_fail(&r, TL_E_FIELD);
    assert_dead(&r, TL_E_FIELD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_texts),   cmocka_unit_test(bad_texts), cmocka_unit_test(cut_short),
        cmocka_unit_test(depth),        cmocka_unit_test(mutations), cmocka_unit_test(texts),
        cmocka_unit_test(text_appends), cmocka_unit_test(scalars),   cmocka_unit_test(peeks),
        cmocka_unit_test(objects),      cmocka_unit_test(ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
