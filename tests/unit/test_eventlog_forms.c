/* dstack event logs written here, event by event: which are refused, what is taken
 * from those that are not, and how long the worst take. */
#include "testlib.h"

#include "attest/eventlog.h"

#include <time.h>

#define APP     "app-id 0000000000000000000000000000000000000000\n"
#define COMPOSE "compose-hash 0000000000000000000000000000000000000000000000000000000000000000\n"
#define READY   "system-ready \n"

static tl_err read_text(struct eventlog *out, slice text)
{
    struct tl_why why = {0};
    tl_err err = eventlog_read(out, text, &why);
    assert_int_equal(err != TL_OK, why.text[0] != 0);
    return err;
}

/* An event of the running system, of version 1. */
static void put_event(buf *b, const char *name, size_t name_n, const char *payload)
{
    buf_printf(b,
               "%s{\"imr\":3,\"event_type\":134217729,\"digest\":\"\",\"event\":\"%.*s\","
               "\"event_payload\":\"%s\"}",
               b->n ? "," : "[", (int)name_n, name, payload);
}

/* Lines "NAME PAYLOAD" to events. */
static void put_lines(buf *b, const char *lines)
{
    char payload[4096];
    for (const char *end; *lines; lines = end + 1) {
        end = strchr(lines, '\n');
        const char *space = strchr(lines, ' ');
        assert_true(space && end && space < end && (size_t)(end - space) <= sizeof payload);
        snprintf(payload, sizeof payload, "%.*s", (int)(end - space - 1), space + 1);
        put_event(b, lines, (size_t)(space - lines), payload);
    }
}

static tl_err read_lines(struct eventlog *out, const char *first, const char *then)
{
    buf b;
    buf_init(&b, EVENTLOG_MAX_BYTES);
    put_lines(&b, first);
    put_lines(&b, then);
    buf_str(&b, "]");
    assert_ok(buf_err(&b));
    tl_err err = read_text(out, buf_slice(&b));
    buf_finish(&b);
    return err;
}

/* What eventlog_check says of a log whose quote has the RTMRs that it gives. */
static tl_err check_lines(const char *first, const char *then)
{
    struct eventlog e;
    struct td_report td = {0};
    struct tl_why why = {0};
    assert_ok(read_lines(&e, first, then));
    memcpy(td.rtmr, e.rtmr, sizeof td.rtmr);
    tl_err err = eventlog_check(&e, &td, &why);
    assert_int_equal(err != TL_OK, why.text[0] != 0);
    eventlog_finish(&e);
    return err;
}

static void what_a_boot_must_have(void **state)
{
    (void)state;
    assert_ok(check_lines(APP COMPOSE READY, ""));
    assert_err(check_lines(APP COMPOSE, ""), TL_E_EVIDENCE);
    assert_err(check_lines(APP READY, COMPOSE), TL_E_EVIDENCE);
    assert_err(check_lines(COMPOSE READY, APP), TL_E_EVIDENCE);
    assert_err(check_lines(READY, APP COMPOSE READY), TL_E_EVIDENCE);
}

static void names_before_system_ready(void **state)
{
    (void)state;
    static const char *const good[] = {
        APP,
        COMPOSE,
        "instance-id 0000000000000000000000000000000000000001\n",
        "instance-id \n",
        "os-image-hash 0000000000000000000000000000000000000000000000000000000000000000\n",
        "key-provider 00\n"};
    static const char *const bad[] = {"app-id \n",
                                      "app-id 00000000000000000000000000000000000000\n",
                                      "app-id 000000000000000000000000000000000000000000\n",
                                      "compose-hash \n",
                                      "compose-hash 0000000000000000000000000000000000000000\n",
                                      "instance-id 00\n",
                                      "os-image-hash \n",
                                      "os-image-hash 00\n"};
    struct eventlog e;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char twice[512];
        snprintf(twice, sizeof twice, "%s%s", good[i], good[i]);
        assert_err(read_lines(&e, twice, READY), TL_E_EVIDENCE);
        assert_err(read_lines(&e, twice, ""), TL_E_EVIDENCE);
        assert_ok(read_lines(&e, good[i], ""));
        eventlog_finish(&e);
        /* After system-ready the application says what it likes. */
        snprintf(twice, sizeof twice, "%s%s%s%s", good[i], READY, good[i], good[i]);
        assert_ok(read_lines(&e, twice, READY));
        assert_int_equal(e.ready_at, 1);
        eventlog_finish(&e);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_err(read_lines(&e, bad[i], READY), TL_E_EVIDENCE);
        assert_ok(read_lines(&e, READY, bad[i]));
        assert_null(e.app_id.p);
        assert_null(e.compose_hash.p);
        assert_null(e.instance_id.p);
        assert_null(e.os_image_hash.p);
        eventlog_finish(&e);
    }
}

/* Version 1 hashes name, colon, payload: were colons allowed in names, an event
 * could be hidden by moving the end of its name, with the RTMRs as they were. */
static void the_colon_cannot_move(void **state)
{
    (void)state;
    struct eventlog honest, hidden;
    assert_ok(read_lines(&honest, "key-provider 613a62\n", READY)); /* a:b */
    assert_non_null(honest.key_provider.p);
    assert_err(read_lines(&hidden, "key-provider:a 62\n", READY), TL_E_EVIDENCE);
    assert_err(read_lines(&hidden, ": \n", READY), TL_E_EVIDENCE);
    eventlog_finish(&honest);
    /* What the application logs afterwards may have any name; nothing reads it. */
    assert_ok(read_lines(&honest, READY, "a 623a63\n"));
    assert_ok(read_lines(&hidden, READY, "a:b 63\n"));
    assert_memory_equal(honest.rtmr, hidden.rtmr, sizeof honest.rtmr);
    eventlog_finish(&honest);
    eventlog_finish(&hidden);
    assert_ok(read_lines(&honest, " 00\n", READY)); /* no name at all */
    eventlog_finish(&honest);
}

static void key_provider_names(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"name\":\"kms\",\"id\":\"3059\"}", "kms:3059"},
        {" {\"id\" : \"3059\", \"more\": [1], \"name\":\"kms\"} ", "kms:3059"},
        {"{\"name\":\"none\",\"id\":\"\"}", "none:"},
        {"{\"name\":\"kms\",\"id\":\"30:59\"}", "kms:30:59"},
        {"{\"name\":\"kms:30\",\"id\":\"59\"}", NULL},
        {"{\"name\":\"\",\"id\":\"3059\"}", NULL},
        {"{\"id\":\"3059\"}", NULL},
        {"{\"name\":\"kms\"}", NULL},
        {"{\"name\":\"kms\",\"id\":\"3059\",\"id\":\"3060\"}", NULL},
        {"{\"name\":\"k\\u006ds\",\"id\":\"3059\"}", NULL},
        {"{\"name\":\"kms\",\"id\":3059}", NULL},
        {"{\"name\":\"kms\",\"id\":\"3059\"}x", NULL},
        {"{\"name\":\"kms\",\"id\":\"3059\"", NULL},
        {"[\"kms\"]", NULL},
        {"\xff", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct eventlog e;
        char line[512] = "key-provider ";
        size_t n = strlen(line), json_n = strlen(cases[i][0]);
        hex_text(line + n, (const uint8_t *)cases[i][0], json_n);
        n += 2 * json_n;
        line[n++] = '\n';
        line[n] = 0;
        assert_ok(read_lines(&e, line, READY));
        assert_non_null(e.key_provider.p);
        assert_true(slice_eq_str(e.key_provider, cases[i][0]));
        assert_true(slice_eq_str(e.key_provider_name, cases[i][1] ? cases[i][1] : ""));
        eventlog_finish(&e);
    }
}

static void bounds(void **state)
{
    (void)state;
    struct eventlog e;
    buf b;
    char name[300];
    memset(name, 'n', sizeof name);
    buf_init(&b, 2 * EVENTLOG_MAX_BYTES);
    put_event(&b, name, 256, "");
    buf_str(&b, "]");
    assert_ok(read_text(&e, buf_slice(&b)));
    eventlog_finish(&e);
    buf_reset(&b);
    put_event(&b, name, 257, "");
    buf_str(&b, "]");
    assert_err(read_text(&e, buf_slice(&b)), TL_E_LIMIT);
    buf_reset(&b);
    for (size_t i = 0; i < EVENTLOG_MAX_EVENTS; i++)
        put_event(&b, "n", 1, "");
    buf_str(&b, "]");
    assert_ok(read_text(&e, buf_slice(&b)));
    assert_int_equal(e.event_count, EVENTLOG_MAX_EVENTS);
    eventlog_finish(&e);
    b.n--;
    put_event(&b, "n", 1, "");
    buf_str(&b, "]");
    assert_err(read_text(&e, buf_slice(&b)), TL_E_LIMIT);
    buf_reset(&b);
    put_event(&b, "n", 1, "00");
    buf_str(&b, "]");
    while (b.n < EVENTLOG_MAX_BYTES)
        buf_u8(&b, ' ');
    assert_ok(read_text(&e, buf_slice(&b)));
    eventlog_finish(&e);
    buf_u8(&b, ' ');
    assert_err(read_text(&e, buf_slice(&b)), TL_E_LIMIT);
    buf_finish(&b);
}

#define EVENT(more)                                                                                \
    "[{\"imr\":3,\"event_type\":134217729,\"digest\":\"\",\"event\":\"a\",\"event_payload\":"      \
    "\"\"" more "}]"

static void other_texts(void **state)
{
    (void)state;
    struct eventlog e;
    static const char *const bad[] = {
        "",
        "{}",
        "[",
        "[] []",
        "[1]",
        "[[]]",
        "null",
        "[{}]",
        "[{\"imr\":3}]",
        "[{\"imr\":0,\"event_type\":6,\"digest\":\"\",\"event\":\"\",\"event_payload\":\"\"}]",
        EVENT(",\"event\":\"a\""),       /* twice */
        EVENT(",\"even\\u0074\":\"a\""), /* twice, in another spelling */
        EVENT(",\"version\":1.0"),       /* not as it is written */
        EVENT(",\"event_type\":134217729") /* twice */};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (read_text(&e, slice_str(bad[i])) == TL_OK)
            fail_msg("accepted: %s", bad[i]);
    assert_ok(read_text(&e, slice_str(EVENT(" , \"version\" : 2 "))));
    eventlog_finish(&e);
    assert_ok(read_text(&e, slice_str(" [ ] ")));
    assert_int_equal(e.event_count, 0);
    assert_false(e.system_ready);
    eventlog_finish(&e);
}

/* A mebibyte of whatever takes longest. Quadratic work would take minutes. */
static void hostile_input_is_quick(void **state)
{
    (void)state;
    static const struct {
        const char *before, *again, *after;
    } shapes[] = {
        {"", "[", ""},
        {"[", "{\"imr\":", ""},
        {"[{\"pcr\":[", "0,", "0]}]"},
        {"[{\"pcr\":", "[", ""},
        {"[{\"event\":\"", "\\u0001", "\"}]"},
        {"[{", "\"pcr\":0,", "\"pcr\":0}]"},
        {"[{\"imr\":3,\"event_type\":134217729,\"digest\":\"\",\"event\":\"key-provider\","
         "\"version\":2,\"event_payload\":\"",
         "7b", "\"}]"},
        {"[{\"imr\":3,\"event_type\":134217729,\"digest\":\"\",\"event\":\"a\","
         "\"event_payload\":\"\",\"preimage\":\"",
         "00", "\"}]"},
        {"[{\"imr\":0,\"event_type\":4,\"digest\":\"\",\"event\":\"\",\"event_payload\":\"", "00",
         "\"}]"},
        {"[",
         "{\"imr\":3,\"event_type\":134217729,\"digest\":\"\",\"event\":\"a\","
         "\"event_payload\":\"\",\"version\":2},",
         "]"},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct eventlog e;
        buf b;
        size_t again = strlen(shapes[i].again);
        buf_init(&b, EVENTLOG_MAX_BYTES);
        buf_str(&b, shapes[i].before);
        while (b.n + again + strlen(shapes[i].after) <= EVENTLOG_MAX_BYTES)
            buf_str(&b, shapes[i].again);
        buf_str(&b, shapes[i].after);
        clock_t start = clock();
        if (read_text(&e, buf_slice(&b)) == TL_OK)
            eventlog_finish(&e);
        double took = (double)(clock() - start) / CLOCKS_PER_SEC;
        if (getenv("EVENTLOG_TIMES"))
            printf("shape %zu: %.1f ms\n", i, took * 1e3);
        if (took > 1)
            fail_msg("shape %zu takes %.1f s", i, took);
        buf_finish(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_boot_must_have),
        cmocka_unit_test(names_before_system_ready),
        cmocka_unit_test(the_colon_cannot_move),
        cmocka_unit_test(key_provider_names),
        cmocka_unit_test(bounds),
        cmocka_unit_test(other_texts),
        cmocka_unit_test(hostile_input_is_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
