/* What is said of an event log beside a quote, and the forms in which a log comes. */
#include "testlib.h"

#include "attest/quote.h"
#include "teelog/quote.h"
#include "vector_json.h"
#include "verify/eventlog_show.h"

/* A small log, and a quote with its RTMRs. */
struct fixture {
    json_t *file;
    char *log;
    struct td_report td;
    buf quote;
};

static void put_zeros(buf *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_u8(b, 0);
}

/* Version 4, with authentication data that is well-formed and signs nothing. */
static void make_quote(buf *b, uint32_t tee_type, const struct td_report *td)
{
    buf_reset(b);
    buf_u16le(b, 4);
    buf_u16le(b, 2);
    buf_u32le(b, tee_type);
    buf_u32le(b, 0);
    buf_bytes(b, SLICE_ARRAY(quote_intel_vendor_id));
    put_zeros(b, 20);
    if (tee_type == TEE_TYPE_TDX)
        td_report_put(b, td);
    else
        put_zeros(b, SGX_REPORT_SIZE);
    buf_u32le(b, 64 + 64 + 6 + 384 + 64 + 2 + 6);
    put_zeros(b, 64 + 64);
    buf_u16le(b, 6);
    buf_u32le(b, 384 + 64 + 2 + 6);
    put_zeros(b, 384 + 64 + 2);
    buf_u16le(b, 5);
    buf_u32le(b, 0);
    assert_ok(buf_err(b));
}

static void set_up(struct fixture *f)
{
    *f = (struct fixture){.file = vector_file(test_source("vectors/eventlog.json"))};
    const json_t *rtmr = vector_member(f->file, "rtmr");
    for (size_t i = 0; i < 4; i++)
        vector_bytes(f->td.rtmr[i], 48, json_string_value(json_array_get(rtmr, i)));
    f->log = json_dumps(vector_member(f->file, "event_log"), JSON_COMPACT);
    assert_non_null(f->log);
    buf_init(&f->quote, QUOTE_MAX);
    make_quote(&f->quote, TEE_TYPE_TDX, &f->td);
}

static void tear_down(struct fixture *f)
{
    buf_finish(&f->quote);
    free(f->log);
    json_decref(f->file);
}

static char *show(slice log, slice quote, slice compose, bool json, bool want)
{
    char *out = NULL, message[64] = "untouched";
    bool ok = !want;
    assert_ok(teelog_eventlog_show(&out, &ok, log.p, log.n, quote.p, quote.n, compose.p, compose.n,
                                   json, message, sizeof message));
    assert_non_null(out);
    if (ok != want)
        fail_msg("%s", out);
    assert_string_equal(message, "untouched");
    return out;
}

static json_t *show_json(slice log, slice quote, slice compose, const char *stage)
{
    char *text = show(log, quote, compose, true, stage == NULL);
    json_error_t error;
    json_t *v = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!v)
        fail_msg("%s: %s", error.text, text);
    free(text);
    assert_true(json_is_boolean(vector_member(v, "ok")));
    assert_int_equal(json_is_true(vector_member(v, "ok")), stage == NULL);
    if (stage)
        assert_string_equal(vector_str(v, "stage"), stage);
    else
        assert_true(json_is_null(vector_member(v, "stage")));
    assert_true(json_is_false(vector_member(v, "verified_quote")));
    assert_true(strlen(vector_str(v, "detail")) > 0);
    assert_int_equal(json_array_size(vector_member(v, "rtmr")), 4);
    return v;
}

static const slice none = {NULL, 0};

static void assert_null_member(const json_t *v, const char *name)
{
    if (!json_is_null(vector_member(v, name)))
        fail_msg("%s is not null", name);
}

static void assert_no_names(const json_t *v)
{
    static const char *const names[] = {"app_id",        "compose_hash", "instance_id",
                                        "os_image_hash", "key_provider", "compose_ok",
                                        "events"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_null_member(v, names[i]);
}

static void all_is_shown(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    json_t *v = show_json(slice_str(f.log), buf_slice(&f.quote), none, NULL);
    const json_t *want = vector_member(f.file, "rtmr");
    for (size_t i = 0; i < 4; i++) {
        const json_t *row = json_array_get(vector_member(v, "rtmr"), i);
        const char *hex = json_string_value(json_array_get(want, i));
        assert_int_equal(vector_int(row, "index"), i);
        assert_string_equal(vector_str(row, "replayed"), hex);
        assert_string_equal(vector_str(row, "quoted"), hex);
        assert_true(json_is_true(vector_member(row, "ok")));
    }
    const json_t *log = vector_member(f.file, "event_log");
    assert_string_equal(vector_str(v, "app_id"),
                        vector_str(json_array_get(log, 11), "event_payload"));
    assert_string_equal(vector_str(v, "compose_hash"),
                        vector_str(json_array_get(log, 12), "event_payload"));
    assert_string_equal(vector_str(v, "instance_id"),
                        vector_str(json_array_get(log, 13), "event_payload"));
    assert_string_equal(vector_str(v, "os_image_hash"),
                        vector_str(json_array_get(log, 15), "event_payload"));
    assert_string_equal(vector_str(v, "key_provider"), "kms:3059");
    assert_null_member(v, "compose_ok");
    assert_int_equal(vector_int(vector_member(v, "events"), "before_system_ready"), 19);
    assert_int_equal(vector_int(vector_member(v, "events"), "after_system_ready"), 4);
    json_decref(v);
    char *text = show(slice_str(f.log), buf_slice(&f.quote), none, false, true);
    assert_non_null(strstr(text, "not verified here"));
    assert_non_null(strstr(text, "\nok: "));
    assert_non_null(strstr(text, "kms:3059"));
    assert_non_null(strstr(text, "19 before system-ready, 4 after"));
    assert_null(strstr(text, "DIFFERS"));
    assert_null(strstr(text, "compose file"));
    free(text);
    tear_down(&f);
}

static void compose_files(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    slice compose = slice_str(vector_str(f.file, "compose"));
    json_t *v = show_json(slice_str(f.log), buf_slice(&f.quote), compose, NULL);
    assert_true(json_is_true(vector_member(v, "compose_ok")));
    json_decref(v);
    compose.n--;
    v = show_json(slice_str(f.log), buf_slice(&f.quote), compose, "compose");
    assert_true(json_is_false(vector_member(v, "compose_ok")));
    assert_false(json_is_null(vector_member(v, "compose_hash")));
    json_decref(v);
    char *text = show(slice_str(f.log), buf_slice(&f.quote), compose, false, false);
    assert_non_null(strstr(text, "NOT the compose file's"));
    assert_non_null(strstr(text, "REJECTED (compose)"));
    free(text);
    tear_down(&f);
}

static void other_rtmrs(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    for (size_t i = 0; i < 4; i++) {
        f.td.rtmr[i][47] ^= 1;
        make_quote(&f.quote, TEE_TYPE_TDX, &f.td);
        f.td.rtmr[i][47] ^= 1;
        json_t *v = show_json(slice_str(f.log), buf_slice(&f.quote), slice_str("x"), "event-log");
        for (size_t k = 0; k < 4; k++) {
            const json_t *row = json_array_get(vector_member(v, "rtmr"), k);
            assert_int_equal(json_is_true(vector_member(row, "ok")), k != i);
            assert_int_equal(strcmp(vector_str(row, "replayed"), vector_str(row, "quoted")) == 0,
                             k != i);
        }
        assert_no_names(v);
        json_decref(v);
        char *text = show(slice_str(f.log), buf_slice(&f.quote), none, false, false);
        assert_non_null(strstr(text, "REJECTED (event-log)"));
        assert_non_null(strstr(text, "DIFFERS"));
        assert_null(strstr(text, "kms"));
        free(text);
    }
    tear_down(&f);
}

static void what_cannot_be_read(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    json_t *v = show_json(slice_str("[{}]"), buf_slice(&f.quote), none, "event-log");
    const json_t *row = json_array_get(vector_member(v, "rtmr"), 0);
    assert_null_member(row, "replayed");
    assert_non_null(vector_str(row, "quoted"));
    assert_true(json_is_false(vector_member(row, "ok")));
    assert_no_names(v);
    json_decref(v);
    free(show(slice_str("[{}]"), buf_slice(&f.quote), none, false, false));
    /* cut off */
    slice quote = buf_slice(&f.quote);
    quote.n--;
    v = show_json(slice_str(f.log), quote, slice_str(vector_str(f.file, "compose")), "quote");
    row = json_array_get(vector_member(v, "rtmr"), 0);
    assert_null_member(row, "quoted");
    assert_non_null(vector_str(row, "replayed"));
    assert_true(json_is_false(vector_member(row, "ok")));
    assert_no_names(v);
    json_decref(v);
    free(show(slice_str(f.log), quote, none, false, false));
    /* both: the quote is named */
    json_decref(show_json(slice_str("[{}]"), quote, none, "quote"));
    make_quote(&f.quote, TEE_TYPE_SGX, NULL);
    json_decref(show_json(slice_str(f.log), buf_slice(&f.quote), none, "quote"));
    tear_down(&f);
}

static void forms_of_logs(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    json_t *as_array = json_pack("{s:s,s:[i],s:O,s:{}}", "quote", "00", "more", 1, "event_log",
                                 vector_member(f.file, "event_log"), "last");
    json_t *as_string = json_pack("{s:s,s:s}", "event_log", f.log, "quote", "00");
    const json_t *forms[] = {as_array, as_string};
    for (size_t i = 0; i < 2; i++) {
        char *text = json_dumps(forms[i], JSON_INDENT(1));
        assert_non_null(text);
        json_decref(show_json(slice_str(text), buf_slice(&f.quote), none, NULL));
        free(text);
    }
    json_decref(as_array);
    json_decref(as_string);
    static const struct {
        const char *text;
        tl_err err;
    } bad[] = {
        {"{}", TL_E_EVIDENCE},
        {"{\"events\":[]}", TL_E_EVIDENCE},
        {"{\"event_log\":[],\"event_log\":[]}", TL_E_JSON},
        {"{\"event_log\":[]", TL_E_JSON},
        {"{\"event_log\":[]} x", TL_E_JSON},
        {"{\"event_log\":\"", TL_E_JSON},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        slice found = none;
        struct tl_why why = {0};
        buf decoded;
        buf_init(&decoded, 100);
        assert_err(eventlog_find(&found, &decoded, slice_str(bad[i].text), &why), bad[i].err);
        assert_true(why.text[0] != 0);
        assert_null(found.p);
        buf_finish(&decoded);
        json_decref(show_json(slice_str(bad[i].text), buf_slice(&f.quote), none, "event-log"));
    }
    json_decref(show_json(slice_str("{\"event_log\":7}"), buf_slice(&f.quote), none, "event-log"));
    json_decref(show_json(none, buf_slice(&f.quote), none, "event-log"));
    tear_down(&f);
}

static void allocations_fail(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    json_t *as_string = json_pack("{s:s}", "event_log", f.log);
    char *log = json_dumps(as_string, 0);
    assert_non_null(log);
    for (int json = 0; json < 2; json++)
        for (size_t n = 1;; n++) {
            char *out = log, message[64] = "";
            bool ok = false;
            test_fail_alloc(n);
            tl_err err =
                teelog_eventlog_show(&out, &ok, (const uint8_t *)log, strlen(log), f.quote.p,
                                     f.quote.n, NULL, 0, json, message, sizeof message);
            test_fail_alloc(0);
            if (err == TL_OK) {
                assert_true(ok && n > 6);
                free(out);
                break;
            }
            assert_err(err, TL_E_MEMORY);
            assert_string_equal(message, tl_err_text(TL_E_MEMORY));
            assert_true(out == log && !ok);
        }
    free(log);
    json_decref(as_string);
    tear_down(&f);
}

/* GetQuote's answers and tcb_info, as they came. */
static void real_files(void **state)
{
    (void)state;
    static const struct {
        const char *log, *quote, *compose;
    } real[] = {
        {"dcap/eventlog/dstack-quote-report.json", NULL, NULL},
        {"dcap/eventlog/dstack-tdx-lite-getquote.json", NULL, NULL},
        {"dcap/eventlog/near-mpc-tcb-info.json", "dcap/eventlog/near-mpc-quote.json",
         "dcap/eventlog/near-mpc-app-compose.json"},
    };
    for (size_t i = 0; i < sizeof real / sizeof real[0]; i++) {
        size_t n, quote_n, compose_n = 0;
        uint8_t *log = test_file(test_vectors(real[i].log), &n), *quote, *compose = NULL;
        if (!log)
            skip();
        json_t *file = vector_file(test_vectors(real[i].quote ? real[i].quote : real[i].log));
        if (real[i].quote) {
            quote_n = json_array_size(file);
            quote = malloc(quote_n);
            for (size_t k = 0; quote && k < quote_n; k++)
                quote[k] = (uint8_t)json_integer_value(json_array_get(file, k));
        } else {
            quote = test_hex(vector_str(file, "quote"), &quote_n);
        }
        if (real[i].compose)
            compose = test_file(test_vectors(real[i].compose), &compose_n);
        json_decref(show_json(slice_of(log, n), slice_of(quote, quote_n),
                              slice_of(compose, compose_n), NULL));
        free(log);
        free(quote);
        free(compose);
        json_decref(file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_shown),  cmocka_unit_test(compose_files),
        cmocka_unit_test(other_rtmrs),   cmocka_unit_test(what_cannot_be_read),
        cmocka_unit_test(forms_of_logs), cmocka_unit_test(allocations_fail),
        cmocka_unit_test(real_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
