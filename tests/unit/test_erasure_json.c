/* What is asked to be erased: what is taken, what is refused and by which name. */
#include "testlib.h"

#include "http/erasure_json.h"
#include "log/erase.h"
#include "tlog/body.h"

static struct erasure_ask ask;
static struct tl_why why;

static tl_err read_ask(const char *json)
{
    why = (struct tl_why){{0}, {0}};
    erasure_ask_finish(&ask);
    return erasure_ask_read(&ask, slice_str(json), &why);
}

static void assert_refused_as(const char *json, tl_err err, const char *field, const char *words)
{
    tl_err got = read_ask(json);
    if (got != err || strcmp(why.field, field) != 0 || !strstr(why.text, words))
        print_error("%.200s: %s: %s\n", json, why.field, why.text);
    assert_err(got, err);
    assert_string_equal(why.field, field);
    assert_non_null(strstr(why.text, words));
}

static void takes_indexes(void **state)
{
    (void)state;
    assert_ok(
        read_ask("{\"indexes\":[7,3,9007199254740991],\"reason\":\"\\u00fc\",\"dryRun\":true}"));
    assert_int_equal(ask.count, 3);
    assert_int_equal(ask.indexes[0], 7);
    assert_int_equal(ask.indexes[2], 9007199254740991);
    assert_true(ask.dry_run && slice_eq_str(ask.reason, "\xc3\xbc"));
    assert_true(!ask.user.p && !ask.room.p && !ask.agent.p && ask.before_ms == UINT64_MAX);
    assert_ok(read_ask("{\"indexes\":[]}")); /* erase.c refuses that there is none */
    assert_true(ask.indexes && ask.count == 0 && !ask.dry_run && !ask.reason.p);
}

static void takes_filters(void **state)
{
    (void)state;
    assert_ok(read_ask("{\"before\":0,\"agent\":\"a\",\"room\":\"r\",\"user\":\"u\"}"));
    assert_true(slice_eq_str(ask.agent, "a") && slice_eq_str(ask.room, "r") &&
                slice_eq_str(ask.user, "u"));
    assert_true(ask.before_ms == 0 && !ask.indexes);
    for (size_t i = 0; i < 3; i++) {
        static const char *const alone[] = {"{\"user\":\"x\"}", "{\"room\":\"x\"}",
                                            "{\"agent\":\"x\"}"};
        assert_ok(read_ask(alone[i]));
        assert_int_equal(ask.user.n + ask.room.n + ask.agent.n, 1);
    }
}

static void one_or_the_other(void **state)
{
    static const char *const cases[] = {"{}",
                                        "{\"before\":5}",
                                        "{\"reason\":\"x\"}",
                                        "{\"indexes\":[2],\"user\":\"u\"}",
                                        "{\"room\":\"r\",\"indexes\":[2]}",
                                        "{\"indexes\":[2],\"agent\":\"a\"}",
                                        "{\"indexes\":[2],\"before\":5}"};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_refused_as(cases[i], TL_E_FIELD, "indexes", "say what to erase");
}

static void wrong_members(void **state)
{
    static const struct {
        const char *json;
        tl_err err;
        const char *field, *words;
    } cases[] = {
        {"{\"user\":\"u\",\"what\":1}", TL_E_FIELD, "what", "nothing else"},
        {"{\"user\":\"u\",\"user\":\"v\"}", TL_E_JSON, "user", "the body must be"},
        {"{\"agent\":\"u 1\"}", TL_E_FIELD, "agent", "not the id"},
        {"{\"agent\":\"\"}", TL_E_FIELD, "agent", "not the id"},
        {"{\"indexes\":[-1]}", TL_E_JSON, "indexes", "the body must be"},
        {"{\"indexes\":[1.0]}", TL_E_JSON, "indexes", "the body must be"},
        {"{\"indexes\":[9007199254740992]}", TL_E_JSON, "indexes", "the body must be"},
        {"{\"indexes\":7}", TL_E_JSON, "indexes", "the body must be"},
        {"{\"user\":5}", TL_E_JSON, "user", "the body must be"},
        {"{\"user\":\"u\",\"dryRun\":1}", TL_E_JSON, "dryRun", "the body must be"},
        {"{\"user\":\"\\ud800\"}", TL_E_JSON, "user", "the body must be"},
        {"{\"user\":\"u\"}x", TL_E_JSON, "user", "the body must be"},
        {"", TL_E_JSON, "", "the body must be"},
        {"[]", TL_E_JSON, "", "the body must be"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_refused_as(cases[i].json, cases[i].err, cases[i].field, cases[i].words);
}

static void lengths(void **state)
{
    static const char *const names[] = {"user", "room"};
    char text[5000], json[6000];
    (void)state;
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < 2; i++) {
        snprintf(json, sizeof json, "{\"%s\":\"%.*s\"}", names[i], RECORD_ID_MAX, text);
        assert_ok(read_ask(json));
        snprintf(json, sizeof json, "{\"%s\":\"%.*s\"}", names[i], RECORD_ID_MAX + 1, text);
        assert_refused_as(json, TL_E_FIELD, names[i], "256");
        snprintf(json, sizeof json, "{\"%s\":\"%.*s\"}", names[i], (int)sizeof text, text);
        assert_refused_as(json, TL_E_FIELD, names[i], "too long");
    }
}

static void as_many_indexes(void **state)
{
    buf json;
    (void)state;
    for (size_t more = 0; more < 2; more++) {
        buf_init(&json, 1u << 20);
        buf_str(&json, "{\"indexes\":[0");
        for (size_t i = 1; i < ERASE_MAX + more; i++)
            buf_str(&json, ",0");
        buf_str(&json, "]}");
        buf_u8(&json, 0);
        assert_ok(buf_err(&json));
        if (more)
            assert_refused_as((const char *)json.p, TL_E_FIELD, "indexes", "too long");
        else
            assert_ok(read_ask((const char *)json.p));
        buf_finish(&json);
    }
}

static int done(void **state)
{
    (void)state;
    erasure_ask_finish(&ask);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_indexes),    cmocka_unit_test(takes_filters),
        cmocka_unit_test(one_or_the_other), cmocka_unit_test(wrong_members),
        cmocka_unit_test(lengths),          cmocka_unit_test(as_many_indexes),
    };
    return cmocka_run_group_tests(tests, NULL, done);
}
