#include "testlib.h"

#include "base/histogram.h"
#include "base/pool.h"
#include "base/reader.h"
#include "base/refuse.h"

#define HEX(name, text)                                                                            \
    size_t name##_n;                                                                               \
    uint8_t *name = test_hex(text, &name##_n)

static void assert_buf(const buf *b, const char *want)
{
    assert_ok(buf_err(b));
    assert_int_equal(b->n, strlen(want));
    if (b->n)
        assert_memory_equal(b->p, want, b->n);
}

/* slice */

static void slices_compare(void **state)
{
    (void)state;
    slice none = {NULL, 0}, empty = slice_str(""), a = slice_str("a"), ab = slice_str("ab");
    assert_true(slice_eq(none, empty));
    assert_true(slice_eq(ab, slice_str("ab")));
    assert_false(slice_eq(a, ab));
    assert_false(slice_eq(a, slice_str("b")));
    assert_true(slice_eq_str(ab, "ab"));
    assert_false(slice_eq_str(ab, "abc"));
    assert_true(slice_cmp(none, empty) == 0);
    assert_true(slice_cmp(none, a) < 0);
    assert_true(slice_cmp(a, ab) < 0);
    assert_true(slice_cmp(slice_str("b"), ab) > 0);
    assert_true(slice_cmp(slice_of("\xff", 1), a) > 0);
    assert_true(slice_cmp(ab, ab) == 0);
    assert_true(slice_starts(ab, a));
    assert_true(slice_starts(ab, none));
    assert_true(slice_starts(none, none));
    assert_false(slice_starts(a, ab));
    assert_false(slice_starts(ab, slice_str("b")));
    uint8_t four[4] = {1, 2, 3, 4};
    assert_int_equal(SLICE_ARRAY(four).n, 4);
}

/* buf */

static void buf_writes(void **state)
{
    (void)state;
    buf b;
    buf_init(&b, 1000);
    buf_u8(&b, 0x01);
    buf_u16be(&b, 0x0203);
    buf_u32be(&b, 0x04050607);
    buf_u64be(&b, UINT64_C(0x08090a0b0c0d0e0f));
    buf_u16le(&b, 0x1110);
    buf_u32le(&b, 0x15141312);
    assert_int_equal(b.n, 21);
    for (uint8_t i = 0; i < 15; i++)
        assert_int_equal(b.p[i], i + 1);
    for (uint8_t i = 15; i < 21; i++)
        assert_int_equal(b.p[i], i + 1);
    buf_finish(&b);
    assert_int_equal(b.n, 0);
    assert_int_equal(b.max, 1000);
    buf_finish(NULL);
    buf_finish_secret(NULL);
}

static void buf_grows_to_its_maximum_and_no_further(void **state)
{
    (void)state;
    buf b;
    buf_init(&b, 100);
    for (int i = 0; i < 100; i++)
        buf_u8(&b, (uint8_t)i);
    assert_ok(buf_err(&b));
    buf_u8(&b, 200);
    assert_err(buf_err(&b), TL_E_LIMIT);
    assert_int_equal(b.n, 100);
    assert_int_equal(b.p[99], 99);
    assert_int_equal(buf_slice(&b).n, 100);
    buf_reset(&b);
    assert_ok(buf_err(&b));
    assert_int_equal(b.n, 0);
    buf_str(&b, "again");
    assert_buf(&b, "again");
    /* A length that would wrap around is larger than any maximum. */
    assert_null(buf_grow(&b, SIZE_MAX - 2));
    assert_err(buf_err(&b), TL_E_LIMIT);
    buf_finish(&b);
}

static void buf_error_sticks(void **state)
{
    (void)state;
    buf b;
    buf_init(&b, 4);
    buf_str(&b, "abc");
    buf_fail(&b, TL_E_JSON);
    buf_fail(&b, TL_E_BODY);
    assert_err(buf_err(&b), TL_E_JSON);
    buf_str(&b, "d");
    buf_printf(&b, "%d", 5);
    hex_put(&b, slice_str("x"));
    base64_put(&b, slice_str("x"));
    assert_int_equal(b.n, 3);
    assert_null(buf_grow(&b, 1));
    buf_finish(&b);
    assert_ok(buf_err(&b));
}

static void buf_nothing_is_nothing(void **state)
{
    (void)state;
    buf b;
    buf_init(&b, 4);
    buf_bytes(&b, (slice){NULL, 0});
    buf_str(&b, "");
    hex_put(&b, (slice){NULL, 0});
    base64_put(&b, (slice){NULL, 0});
    (void)buf_grow(&b, 0);
    assert_buf(&b, "");
    assert_null(b.p);
    buf_finish_secret(&b);
}

static void buf_fixed_never_allocates(void **state)
{
    (void)state;
    uint8_t mem[8];
    buf b;
    test_fail_alloc(1);
    buf_init_fixed(&b, mem, sizeof mem);
    buf_printf(&b, "%d", 12345678);
    assert_buf(&b, "12345678");
    assert_ptr_equal(b.p, mem);
    buf_u8(&b, 1);
    assert_err(buf_err(&b), TL_E_LIMIT);
    assert_false(test_alloc_failed());
    test_fail_alloc(0);
    buf_finish(&b);
}

static void buf_secrets_are_wiped(void **state)
{
    (void)state;
    uint8_t mem[8];
    buf b;
    buf_init_fixed(&b, mem, sizeof mem);
    buf_str(&b, "secret");
    buf_finish_secret(&b);
    for (size_t i = 0; i < sizeof mem; i++)
        assert_int_equal(mem[i], 0);
    buf_init_secret(&b, 10000);
    for (int i = 0; i < 200; i++)
        buf_printf(&b, "%03d", i);
    assert_ok(buf_err(&b));
    assert_int_equal(b.n, 600);
    assert_memory_equal(b.p + 597, "199", 3);
    assert_memory_equal(b.p, "000001", 6);
    buf_finish(&b);
    assert_null(b.p);
    assert_true(b.secret);
}

static void buf_printf_formats(void **state)
{
    (void)state;
    buf b;
    buf_init(&b, 10);
    buf_printf(&b, "%s-%05d", "ab", 42);
    assert_buf(&b, "ab-00042");
    buf_printf(&b, "%d", 99);
    assert_buf(&b, "ab-0004299"); /* fits to the last byte */
    buf_printf(&b, "%s", "");
    assert_buf(&b, "ab-0004299");
    buf_printf(&b, "%d", 1);
    assert_err(buf_err(&b), TL_E_LIMIT);
    assert_int_equal(b.n, 10);
    buf_finish(&b);
    char longer[601];
    memset(longer, 'x', 600);
    longer[600] = 0;
    buf_init(&b, 600);
    buf_printf(&b, "%s", longer);
    assert_buf(&b, longer);
    buf_finish(&b);
}

static void buf_allocation_fails(void **state)
{
    (void)state;
    char longer[601];
    memset(longer, 'x', 600);
    longer[600] = 0;
    for (size_t at = 1; at <= 3; at++) {
        for (int secret = 0; secret < 2; secret++) {
            buf b;
            if (secret)
                buf_init_secret(&b, 5000);
            else
                buf_init(&b, 5000);
            test_fail_alloc(at);
            buf_str(&b, "abc");           /* 1: the first memory */
            buf_printf(&b, "%s", longer); /* 2: the text's own memory, 3: growing */
            assert_true(test_alloc_failed());
            test_fail_alloc(0);
            assert_err(buf_err(&b), TL_E_MEMORY);
            assert_int_equal(b.n, at == 1 ? 0 : 3);
            buf_reset(&b);
            buf_str(&b, longer);
            assert_buf(&b, longer);
            buf_finish(&b);
        }
    }
}

/* reader */

static void reader_reads(void **state)
{
    (void)state;
    HEX(in, "0102030405060708090a0b0c0d0e0f10111213141516aabbcc");
    reader r = reader_of(slice_of(in, in_n));
    assert_int_equal(reader_u8(&r), 0x01);
    assert_int_equal(reader_u16le(&r), 0x0302);
    assert_int_equal(reader_u32le(&r), 0x07060504);
    assert_int_equal(reader_u16be(&r), 0x0809);
    assert_int_equal(reader_u32be(&r), 0x0a0b0c0d);
    assert_true(reader_u64be(&r) == UINT64_C(0x0e0f101112131415));
    assert_ptr_equal(reader_bytes(&r, 1).p, in + 21);
    uint8_t out[3] = {0};
    assert_err(reader_end(&r), TL_E_TRAILING);
    reader_copy(&r, out, 2);
    assert_memory_equal(out, "\xaa\xbb\x00", 3);
    assert_int_equal(reader_bytes(&r, 0).n, 0);
    assert_err(reader_end(&r), TL_E_TRAILING);
    assert_int_equal(reader_u8(&r), 0xcc);
    assert_ok(reader_end(&r));
    free(in);
}

static void reader_failure_sticks(void **state)
{
    (void)state;
    HEX(in, "01020304");
    reader r = reader_of(slice_of(in, in_n));
    assert_true(reader_u64be(&r) == 0);
    assert_int_equal(r.rest.n, 0);
    assert_null(reader_bytes(&r, 1).p);
    uint8_t out[2] = {7, 7};
    reader_copy(&r, out, 2);
    assert_int_equal(out[0] | out[1], 0);
    reader_fail(&r, TL_E_QUOTE);
    assert_err(reader_end(&r), TL_E_SHORT);
    r = reader_of(slice_of(in, in_n));
    reader_fail(&r, TL_E_QUOTE);
    assert_err(reader_end(&r), TL_E_QUOTE);
    assert_int_equal(reader_u8(&r), 0);
    r = reader_of((slice){NULL, 0});
    assert_null(reader_bytes(&r, 0).p);
    assert_ok(reader_end(&r));
    free(in);
}

/* hex, base64, UTF-8, decimals */

static void hex_round_trip(void **state)
{
    (void)state;
    uint8_t out[2] = {9, 9};
    assert_err(hex_read(out, 2, slice_str("00f")), TL_E_ENCODING);
    assert_err(hex_read(out, 2, slice_str("00ff0")), TL_E_ENCODING);
    assert_err(hex_read(out, 2, slice_str("00ff00")), TL_E_ENCODING);
    assert_err(hex_read(out, 2, slice_str("00")), TL_E_ENCODING);
    static const char *const bad[] = {"00g0", "0:00", "/000", "@000", "G000", "`000", "000 "};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_err(hex_read(out, 2, slice_str(bad[i])), TL_E_ENCODING);
    assert_int_equal(out[0] & out[1], 9);
    assert_ok(hex_read(out, 2, slice_str("a0fF")));
    assert_memory_equal(out, "\xa0\xff", 2);
    char text[5];
    hex_text(text, out, 2);
    assert_string_equal(text, "a0ff");
    buf b;
    buf_init(&b, 100);
    hex_put(&b, SLICE_ARRAY(out));
    assert_buf(&b, "a0ff");
    buf_finish(&b);
    assert_ok(hex_read(out, 0, slice_str("")));
}

static void base64_round_trip(void **state)
{
    (void)state;
    /* RFC 4648 section 10, and the two characters it does not use. */
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"},
                                           {"\xfb\xff\xbe", "+/++"},
                                           {"\xff\xef\xf8", "/+/4"},
                                           {"\x03", "Aw=="},
                                           {"~9", "fjk="}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        buf b;
        buf_init(&b, 100);
        base64_put(&b, slice_str(pairs[i][0]));
        assert_buf(&b, pairs[i][1]);
        buf_reset(&b);
        assert_ok(base64_read(&b, slice_str(pairs[i][1])));
        assert_buf(&b, pairs[i][0]);
        buf_finish(&b);
    }
}

static void base64url(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n;
        const char *bytes; /* NULL: refused */
    } rows[] = {
        {"", 0, ""},
        {"_w", 1, "\xff"},
        {"__4", 2, "\xff\xfe"},
        {"-__-", 3, "\xfb\xff\xfe"},
        {"Zm9vYg", 4, "foob"},
        {"ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ", 48,
         "\x65\x96\x59\x65\x96\x59\x65\x96\x59\x65\x96\x59\x65\x96\x59\x65\x96\x59\x65\x96\x59"
         "\x65\x96\x59\x65\x96\x59\x65\x96\x59\x65\x96\x59\x65\x96\x59\x65\x96\x59\x65\x96\x59"
         "\x65\x96\x59\x65\x96\x59"},
        {"ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ", 49, NULL},
        {"-__-A", 3, NULL},
        {"-__", 3, NULL},
        {"+__-", 3, NULL},
        {"-/_-", 3, NULL},
        {"__4=", 2, NULL},
        {"_w=", 2, NULL},
        {"_x", 1, NULL}, /* leftover bits */
        {"_ w", 2, NULL},
        {"", 1, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t out[64];
        memset(out, 0xaa, sizeof out);
        tl_err err = base64url_read(out, rows[i].n, slice_str(rows[i].text));
        if ((err == TL_OK) != (rows[i].bytes != NULL))
            fail_msg("%s: %s", rows[i].text, tl_err_name(err));
        if (rows[i].bytes)
            assert_memory_equal(out, rows[i].bytes, rows[i].n);
        assert_int_equal(out[rows[i].bytes ? rows[i].n : 0], 0xaa);
    }
}

static void base64_is_strict(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "Z",      "Zg",       "Zg=",   "Zg===",    "====", "A===", "Zh==", "Zm9=",
        "Zm8=a",  "Zm9v\n",   "Zm 9v", "Zg==Zg==", "=m9v", "Z=9v", "Zm=v", "Zm-v",
        "Zm_v",   "Zm9v====", "Zm9[",  "@m9v",     "`m9v", "{m9v", ".m9v", ":m9v",
        "Zm9vZg", "Zm9vZg=",  "Zi==",  "Zk==",     "Zm+="};
    buf b;
    buf_init(&b, 100);
    buf_str(&b, "kept");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (tl_err_category(base64_read(&b, slice_str(bad[i]))) == TL_CAT_OK)
            fail_msg("read: %s", bad[i]);
        assert_buf(&b, "kept");
    }
    assert_err(base64_read(&b, slice_str("Zh==")), TL_E_ENCODING);
    buf_finish(&b);
    buf_init(&b, 2);
    assert_err(base64_read(&b, slice_str("Zm9v")), TL_E_LIMIT);
    buf_finish(&b);
}

static void utf8_table_3_7(void **state)
{
    (void)state;
    static const char *const good[] = {"",
                                       "a",
                                       "\x7f",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xec\xbf\xbf",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xef\xbf\xbf",
                                       "\xf0\x90\x80\x80",
                                       "\xf3\xbf\xbf\xbf",
                                       "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xbf",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xc2\x7f",
                                      "\xc2\xc0",
                                      "\xe0\x9f\xbf",
                                      "\xe0\xa0",
                                      "\xe0\xa0\x7f",
                                      "\xe0\xa0\xc0",
                                      "\xe1\x7f\x80",
                                      "\xe1\xc0\x80",
                                      "\xed\xa0\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf0\x90\x80",
                                      "\xf0\x90\x80\x7f",
                                      "\xf0\x90\x7f\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xff",
                                      "a\xc2",
                                      "\xc3\xa9\xa9"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(utf8_valid(slice_str(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (utf8_valid(slice_str(bad[i])))
            fail_msg("taken as UTF-8: number %zu", i);
    assert_true(utf8_valid(slice_of("\0", 1)));
    /* The sequence is complete in memory, but not in the slice. */
    assert_false(utf8_valid(slice_of("\xc3\xa9", 1)));
}

static void characters_that_terminals_act_upon(void **state)
{
    (void)state;
    static const char *const acting[] = {
        "\x01",     "\n",           "\x1b",         "\x7f",         "\xc2\x80",     "\xc2\x9f",
        "\xd8\x9c", "\xe2\x80\x8e", "\xe2\x80\xa8", "\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x81\xa9"};
    static const char *const shown[] = {" ",
                                        "~",
                                        "\xc2\xa0",
                                        "\xd8\x9b",
                                        "\xe2\x80\x8d",
                                        "\xe2\x80\xa7",
                                        "\xe2\x80\xaf",
                                        "\xe2\x81\xa5",
                                        "\xe2\x81\xaa",
                                        "\xe2\x82\xac",
                                        "\xe3\x80\x8e",
                                        "\xf0\x9f\x98\x80"};
    for (size_t i = 0; i < sizeof acting / sizeof acting[0]; i++) {
        assert_int_equal(utf8_character(slice_str(acting[i])), strlen(acting[i]));
        assert_true(utf8_acts(slice_str(acting[i])));
    }
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
        assert_int_equal(utf8_character(slice_str(shown[i])), strlen(shown[i]));
        assert_false(utf8_acts(slice_str(shown[i])));
    }
    assert_int_equal(utf8_character(slice_str("\xff")), 0);
    assert_int_equal(utf8_character(slice_of("\xe2\x80\xa8", 2)), 0);
}

static void decimals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t max, want;
        bool ok;
    } cases[] = {
        {"0", 0, 0, true},
        {"1", 0, 0, false},
        {"7", 7, 7, true},
        {"8", 7, 0, false},
        {"9", 5, 0, false},
        {"10", 9, 0, false},
        {"18446744073709551615", UINT64_MAX, UINT64_MAX, true},
        {"18446744073709551616", UINT64_MAX, 0, false},
        {"28446744073709551615", UINT64_MAX, 0, false},
        {"9007199254740991", (UINT64_C(1) << 53) - 1, 9007199254740991, true},
        {"9007199254740992", (UINT64_C(1) << 53) - 1, 0, false},
        {"00", 10, 0, false},
        {"01", 10, 0, false},
        {"", 10, 0, false},
        {"+1", 10, 0, false},
        {"-1", 10, 0, false},
        {"1 ", 100, 0, false},
        {"1:", 100, 0, false},
        {"1/", 100, 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t v = 77;
        tl_err err = decimal_read(&v, slice_str(cases[i].text), cases[i].max);
        assert_err(err, cases[i].ok ? TL_OK : TL_E_RANGE);
        assert_true(v == (cases[i].ok ? cases[i].want : 77));
    }
}

/* err */

static void a_histogram_counts_in_steps(void **state)
{
    (void)state;
    struct histogram h = {{0}, 0, 0};
    const uint64_t us[] = {0, 100, 101, 2500000, 2500001, 1u << 31};
    for (size_t i = 0; i < sizeof us / sizeof us[0]; i++)
        histogram_add(&h, us[i]);
    assert_int_equal(h.count, 6);
    assert_int_equal(h.sum_us, 201 + 2500000 + 2500001 + (UINT64_C(1) << 31));
    assert_int_equal(h.steps[0], 2);
    assert_int_equal(h.steps[1], 1);
    assert_int_equal(h.steps[HISTOGRAM_STEPS - 1], 1);
    for (size_t i = 1; i < HISTOGRAM_STEPS; i++)
        assert_true(histogram_ends_us[i - 1] < histogram_ends_us[i]);
}

static void errors_become_statuses_and_exits(void **state)
{
    (void)state;
#define CHECK(name, cat, num, text)                                                                \
    assert_string_equal(tl_err_name(TL_##name), #name);                                            \
    assert_string_equal(tl_err_text(TL_##name), text);                                             \
    assert_int_equal(tl_err_category(TL_##name), TL_CAT_##cat);
    TL_ERROR_TABLE(CHECK)
#undef CHECK
    static const struct {
        tl_err err;
        int http, exit;
    } cases[] = {
        {TL_OK, 200, 0},
        {TL_E_CBOR, 400, 1},
        {TL_E_USAGE, 400, 2},
        {TL_E_AUTH, 401, 3},
        {TL_E_NOT_FOUND, 404, 3},
        {TL_E_EXISTS, 409, 3},
        {TL_E_LIMIT, 413, 3},
        {TL_E_FROZEN, 503, 3},
        {TL_E_MEMORY, 500, 3},
        {TL_E_STORED, 500, 3},
        {TL_E_FORBIDDEN, 403, 3},
        {TL_E_RATE, 429, 3},
        {(tl_err)(77 << 8), 500, 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(tl_err_http(cases[i].err), cases[i].http);
        assert_int_equal(tl_err_exit(cases[i].err), cases[i].exit);
    }
    assert_string_equal(tl_err_name((tl_err)(77 << 8)), "E_UNKNOWN");
    assert_string_equal(tl_err_text((tl_err)(77 << 8)), "unknown error");
}

static void explanations(void **state)
{
    (void)state;
    struct tl_why why = {0};
    assert_string_equal(tl_why_text(NULL, TL_E_CBOR), tl_err_text(TL_E_CBOR));
    assert_string_equal(tl_why_text(&why, TL_E_CBOR), tl_err_text(TL_E_CBOR));
    assert_err(tl_explain(NULL, TL_E_FIELD, "x", "y"), TL_E_FIELD);
    assert_err(tl_explain(&why, TL_E_FIELD, "type", "too long: %d", 65), TL_E_FIELD);
    assert_string_equal(why.field, "type");
    assert_string_equal(tl_why_text(&why, TL_E_FIELD), "too long: 65");
    /* The first explanation stays. */
    assert_err(tl_explain(&why, TL_E_JSON, "other", "later"), TL_E_JSON);
    assert_string_equal(why.field, "type");
    assert_string_equal(why.text, "too long: 65");
    why = (struct tl_why){0};
    assert_err(tl_explain(&why, TL_E_FIELD, NULL, "no field"), TL_E_FIELD);
    assert_string_equal(why.field, "");
}

/* Whatever is quoted and wherever it is cut, what comes out can be printed. */
static void explanations_are_printable(void **state)
{
    (void)state;
    char text[1001];
    for (size_t pad = 0; pad < 4; pad++) {
        memset(text, 'a', pad);
        for (size_t i = pad; i + 4 <= 1000; i += 4)
            memcpy(text + i, "\xf0\x9f\x90\x99", 5);
        struct tl_why why = {0};
        assert_err(tl_explain(&why, TL_E_FIELD, text, "%s", text), TL_E_FIELD);
        assert_true(utf8_valid(slice_str(why.text)));
        assert_true(utf8_valid(slice_str(why.field)));
        assert_int_equal(strlen(why.text), sizeof why.text - 1);
        assert_memory_equal(why.text, text, sizeof why.text - 4);
    }
    static const char *const pairs[][2] = {
        {"\xff", "?"},
        {"a\x80z", "a?z"},
        {"\xc3(", "?("},
        {"\xe2\x82", "??"},
        {"\xed\xa0\x80!", "??"
                          "?!"},
        {"\x1b[2J\r\n", "?[2J??"},
        {"\x7f\x01", "??"},
        {"\xe2\x82\xac\xc3\xa9", "\xe2\x82\xac\xc3\xa9"},
        {"\xf0\x9f\x90"
         "a",
         "??"
         "?a"},
        {"\xc2\x9b"
         "2J\xc2\x80\xc2\xa0",
         "??2J??\xc2\xa0"},
        {"\xe2\x80\xa8\xe2\x80\xae\xe2\x80\x8f", "?????????"},
        {"\xe2\x81\xa6\xe2\x81\xa9\xe2\x81\xaa", "??????\xe2\x81\xaa"},
        {"\xe2\x80\x8d\xe2\x80\x90\xe2\x80\xa7\xe2\x80\xaf",
         "\xe2\x80\x8d\xe2\x80\x90\xe2\x80\xa7\xe2\x80\xaf"},
        {"\xd8\x9c\xd8\x9b", "??\xd8\x9b"},
        {" ~", " ~"}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct tl_why why = {0};
        assert_err(tl_explain(&why, TL_E_JSON, pairs[i][0], "%s", pairs[i][0]), TL_E_JSON);
        assert_string_equal(why.text, pairs[i][1]);
        assert_string_equal(why.field, pairs[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_compare),
        cmocka_unit_test(buf_writes),
        cmocka_unit_test(buf_grows_to_its_maximum_and_no_further),
        cmocka_unit_test(buf_error_sticks),
        cmocka_unit_test(buf_nothing_is_nothing),
        cmocka_unit_test(buf_fixed_never_allocates),
        cmocka_unit_test(buf_secrets_are_wiped),
        cmocka_unit_test(buf_printf_formats),
        cmocka_unit_test(buf_allocation_fails),
        cmocka_unit_test(reader_reads),
        cmocka_unit_test(reader_failure_sticks),
        cmocka_unit_test(hex_round_trip),
        cmocka_unit_test(base64_round_trip),
        cmocka_unit_test(base64_is_strict),
        cmocka_unit_test(base64url),
        cmocka_unit_test(utf8_table_3_7),
        cmocka_unit_test(characters_that_terminals_act_upon),
        cmocka_unit_test(decimals),
        cmocka_unit_test(a_histogram_counts_in_steps),
        cmocka_unit_test(errors_become_statuses_and_exits),
        cmocka_unit_test(explanations),
        cmocka_unit_test(explanations_are_printable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
