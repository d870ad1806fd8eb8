/* The receipts that a service gives, as a client checks them: of new records and repeated ones,
 * of one request's lines, and of what was erased since. */
#include "testhttp.h"

#include "cli/pinned.h"
#include "verify/receipt_check.h"

static struct note_key pin;
static struct receipt_seen seen;

static void pin_log(void)
{
    struct log_info info;
    log_info(world.log, &info);
    assert_ok(note_key_read(&pin, slice_str(info.log_key)));
    seen = (struct receipt_seen){.size = 0};
}

/* What the lines below send. */
static struct receipt_sent what(const char *content)
{
    return (struct receipt_sent){.agent = slice_str("alice"),
                                 .room = slice_str("r"),
                                 .user = slice_str("u"),
                                 .type = slice_str("t"),
                                 .content = slice_str(content)};
}

#define LINE(content, more)                                                                        \
    "{\"agentId\":\"alice\",\"roomId\":\"r\",\"userId\":\"u\",\"type\":\"t\",\"content\":"         \
    "\"" content "\"" more "}\n"

static struct receipt_checked checked(const char *line, const struct receipt_sent *sent)
{
    struct receipt_checked got;
    struct tl_why why = {{0}, {0}};
    tl_err err = receipt_check(&got, slice_of(line, strcspn(line, "\n")), sent, &pin, &seen, &why);
    if (err != TL_OK)
        fail_msg("%s: %s", line, why.text);
    return got;
}

static const char *second_line(const struct reply *r)
{
    const char *lf = strchr(r->body, '\n');
    assert_non_null(lf);
    return lf + 1;
}

static void of_new_records(void **state)
{
    (void)state;
    static const uint8_t attributes[] = {0xa2, 0x61, 'a', 0x20, 0x62, 'b', 'b', 0xf6};
    pin_log();
    struct reply r = post("/v1/records?receipt=full", "",
                          LINE("t\\u20acn", ",\"attributes\":{\"bb\":null,\"a\":-1}")
                              LINE("2", ",\"requestId\":\"q\""));
    assert_int_equal(r.status, 200);
    struct receipt_sent sent = what("t\xe2\x82\xacn");
    sent.attributes = SLICE_ARRAY(attributes);
    struct receipt_checked first = checked(r.body, &sent);
    sent = what("2");
    sent.least = first.index + 1;
    struct receipt_checked second = checked(second_line(&r), &sent);
    assert_true(second.index == first.index + 1 && second.seq == first.seq + 1);
    assert_true(seen.size == log_size() && !second.repeated && second.simulated);
    finish(&r);
    r = post("/v1/records?receipt=full", "", LINE("3", ",\"ref\":2"));
    sent = what("3");
    sent.has_ref = true;
    sent.ref = 2;
    sent.least = seen.size;
    assert_true(checked(r.body, &sent).index == second.index + 1);
    finish(&r);
}

static void of_repeated_ones(void **state)
{
    (void)state;
    pin_log();
    static const char twice[] = LINE("1", ",\"requestId\":\"q\"") LINE("1", ",\"requestId\":\"q\"");
    const struct receipt_sent sent = what("1");
    uint64_t index = 0;
    for (int i = 0; i < 2; i++) {
        struct reply r = post("/v1/records?receipt=full", "", twice);
        struct receipt_checked a = checked(r.body, &sent), b = checked(second_line(&r), &sent);
        assert_true(a.index == b.index && a.repeated == (i > 0) && b.repeated);
        assert_true(i == 0 || a.index == index);
        index = a.index;
        finish(&r);
    }
}

static void of_what_was_erased(void **state)
{
    (void)state;
    pin_log();
    static const char line[] = LINE("1", ",\"requestId\":\"q\"");
    const struct receipt_sent sent = what("1");
    struct reply r = post("/v1/records?receipt=full", "", line);
    struct receipt_checked got = checked(r.body, &sent);
    struct tl_why why = {{0}, {0}};
    finish(&r);
    assert_int_equal(got.index, 2);
    r = post("/v1/erasures", "", "{\"indexes\":[2]}");
    assert_int_equal(r.status, 200);
    finish(&r);
    r = post("/v1/records?receipt=full", "", line);
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.body, "\"repeated\":true,\"statement\":"));
    assert_err(receipt_check(&got, slice_str(r.body), &sent, &pin, &seen, &why), TL_E_PEER);
    assert_string_equal(why.field, "salt");
    finish(&r);
}

static void short_ones_have_no_salt(void **state)
{
    (void)state;
    struct reply r = post("/v1/records", "", LINE("1", ""));
    assert_null(strstr(r.body, "salt"));
    finish(&r);
}

/* ---- as teelog append checks them ---- */

static tl_err pinned_line(struct pinned *p, const char *receipt, const char *record, uint64_t least,
                          struct tl_why *why)
{
    *why = (struct tl_why){{0}, {0}};
    return pinned_check(p, slice_of(receipt, strcspn(receipt, "\n")), slice_str(record), NULL,
                        least, why);
}

static void under_a_pin(void **state)
{
    (void)state;
    static const char a[] = LINE("1", ",\"requestId\":\"a\""),
                      b[] = LINE("1", ",\"requestId\":\"b\""), plain[] = LINE("1", "");
    struct log_info info;
    struct pinned *p = NULL;
    struct tl_why why = {{0}, {0}};
    log_info(world.log, &info);
    assert_err(pinned_new(&p, "no key", &why), TL_E_USAGE);
    assert_ok(pinned_new(&p, info.log_key, &why));
    struct reply r = post("/v1/records?receipt=full", "", LINE("1", "") LINE("1", ""));
    const char *second = second_line(&r);
    pinned_answer(p);
    assert_ok(pinned_line(p, r.body, a, 0, &why));
    /* Two ids and two statements; one id may be there twice. */
    assert_err(pinned_line(p, r.body, b, 0, &why), TL_E_PEER);
    assert_non_null(strstr(why.text, "another record's of the same request"));
    assert_ok(pinned_line(p, r.body, a, 0, &why));
    assert_ok(pinned_line(p, second, b, 0, &why));
    /* One without an id is none of those. */
    assert_err(pinned_line(p, second, plain, 0, &why), TL_E_PEER);
    assert_non_null(strstr(why.text, "an older one's"));
    /* In another answer one with an id may be repeated. */
    pinned_answer(p);
    assert_ok(pinned_line(p, r.body, b, 0, &why));
    assert_int_equal(pinned_size(p), log_size());
    assert_err(pinned_line(p, r.body, "{}", 0, &why), TL_E_PEER);
    pinned_free(p);
    finish(&r);
}

static void without_what_proves_them(void **state)
{
    (void)state;
    struct tl_why why = {{0}, {0}};
    buf out;
    buf_init(&out, 20000);
    struct reply r = post("/v1/records?receipt=full", "", LINE("1", "")),
                 s = post("/v1/records", "", LINE("1", ""));
    assert_ok(pinned_put_short(&out, slice_str(r.body), &why));
    buf_u8(&out, 0);
    assert_null(strstr((const char *)out.p, "salt"));
    assert_int_equal(strlen((const char *)out.p), strlen(s.body));
    assert_err(pinned_put_short(&out, slice_str("{\"x\":\"\\u0000\"}"), &why), TL_E_PEER);
    buf_finish(&out);
    finish(&r);
    finish(&s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(of_new_records),          TEST(of_repeated_ones), TEST(of_what_was_erased),
        TEST(short_ones_have_no_salt), TEST(under_a_pin),      TEST(without_what_proves_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
