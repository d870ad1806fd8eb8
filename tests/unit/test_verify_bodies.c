/* Bodies that are absent: withheld, erased, or erased in the log and still here. */
#include "testlib.h"

#include "fakecase.h"

#include <jansson.h>

static int tear_down(void **state)
{
    (void)state;
    fakelog_done();
    return 0;
}

/* 0 boot 1 session a 2 3 a 4 session b 5 b 6 a 7 b 8 a 9 b 10 a 11 erasure of 3, 6, 7, 8
 * 12 a 13 heads 14 boot 15 session a 16 a 17 erasure of 8, 16 18 heads */
static struct fakelog *story(void)
{
    static const uint64_t first[] = {3, 6, 7, 8}, second[] = {8, 16};
    struct fakelog *f = fakelog_new(FAKE_ORIGIN);
    fakelog_boot(f);
    fakelog_session(f, "a");
    fakelog_record(f, "a", "2");
    fakelog_record(f, "a", "3");
    fakelog_session(f, "b");
    fakelog_record(f, "b", "5");
    fakelog_record(f, "a", "6");
    fakelog_record(f, "b", "7");
    fakelog_record(f, "a", "8");
    fakelog_record(f, "b", "9");
    fakelog_record(f, "a", "10");
    fakelog_erasure(f, first, 4);
    fakelog_record(f, "a", "12");
    fakelog_heads(f);
    fakelog_boot(f);
    fakelog_session(f, "a");
    fakelog_record(f, "a", "16");
    fakelog_erasure(f, second, 2);
    fakelog_heads(f);
    return f;
}

static void without_body(struct fake_bundle *b, uint64_t index)
{
    b->items[fake_bundle_find_leaf(b, index)].u.leaf.body = (slice){NULL, 0};
}

static json_t *parse(const struct teelog_report *r)
{
    char *text = teelog_report_json(r);
    json_t *top = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(top);
    free(text);
    return top;
}

/* What the JSON says of the n-th agent's bodies: "withheld erased disclosed: state
 * from-to …". */
static char *told(const struct teelog_report *r, size_t n)
{
    json_t *top = parse(r);
    const json_t *a = json_array_get(json_object_get(json_object_get(top, "scope"), "agents"), n);
    const json_t *list = json_object_get(a, "bodies"), *g;
    static char out[2000];
    size_t i;
    buf b;
    assert_non_null(a);
    buf_init_fixed(&b, (uint8_t *)out, sizeof out);
    buf_printf(&b, "%lld %lld %lld:", json_integer_value(json_object_get(a, "withheld")),
               json_integer_value(json_object_get(a, "erased")),
               json_integer_value(json_object_get(a, "disclosed")));
    json_array_foreach(list, i, g)
    {
        buf_printf(&b, " %s %lld-%lld", json_string_value(json_object_get(g, "state")),
                   json_integer_value(json_object_get(g, "from")),
                   json_integer_value(json_object_get(g, "to")));
    }
    if (json_integer_value(json_object_get(a, "bodies_left_out")))
        buf_printf(&b, " and %lld", json_integer_value(json_object_get(a, "bodies_left_out")));
    buf_u8(&b, 0);
    assert_ok(buf_err(&b));
    json_decref(top);
    return out;
}

static void expect_words(const struct teelog_report *r, const char *words)
{
    char *text = teelog_report_text(r), *page = teelog_report_html(r);
    if (!strstr(text, words))
        fail_msg("%s: not in\n%s", words, text);
    assert_non_null(strstr(page, words));
    free(text);
    free(page);
}

static void test_whole(void **state)
{
    (void)state;
    static const uint64_t absent[] = {3, 5, 6, 9, 10, 12};
    struct fakelog *f = story();
    struct fake_bundle *b = fakelog_export(f, SCOPE_WHOLE, NULL, NULL, 0);
    struct teelog_report *r = fake_verify(b, NULL);
    assert_string_equal(told(r, 0), "0 0 4: disclosed 3-8 disclosed 16-16");
    assert_string_equal(told(r, 1), "0 0 1: disclosed 7-7");
    teelog_report_free(r);
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
        without_body(b, absent[i]);
    r = fake_verify(b, NULL);
    assert_string_equal(told(r, 0),
                        "2 2 2: erased 3-6 disclosed 8-8 withheld 10-12 disclosed 16-16");
    assert_string_equal(told(r, 1), "2 0 1: withheld 5-5 disclosed 7-7 withheld 9-9");
    assert_int_equal(teelog_report_agent_count(r), 2);
    struct teelog_agent a = teelog_report_agent(r, 0), of_b = teelog_report_agent(r, 1);
    assert_string_equal(a.id, "a");
    assert_string_equal(of_b.id, "b");
    assert_int_equal(a.count, 9);
    assert_int_equal(a.first_seq, 0);
    assert_int_equal(a.last_seq, 8);
    assert_true(a.complete);
    assert_int_equal(a.withheld, 2);
    assert_int_equal(a.erased, 2);
    assert_int_equal(a.disclosed, 2);
    assert_int_equal(of_b.erased, 0);
    expect_words(r, "complete up to size 19; 4 bodies withheld; 2 bodies erased; 3 bodies erased "
                    "later, but disclosed here");
    expect_words(r, "2 bodies withheld (10..12), 2 bodies erased (3..6), 2 bodies erased later, "
                    "but disclosed here (8, 16)");
    expect_words(r, "2 bodies withheld (5, 9), 1 body erased later, but disclosed here (7)");
    expect_verdict(r, TEELOG_UNPINNED);
    fake_bundle_free(b);
    fakelog_free(f);
}

/* A chain holds every erasure; single records only those that were put in. */
static void test_other_scopes(void **state)
{
    (void)state;
    static const uint64_t picks[] = {6, 8, 16}, more[] = {6, 8, 11, 16};
    struct fakelog *f = story();
    struct fake_bundle *b = fakelog_export(f, SCOPE_CHAIN, "b", NULL, 0);
    without_body(b, 7);
    without_body(b, 9);
    struct teelog_report *r = fake_verify(b, NULL);
    assert_string_equal(told(r, 0), "1 1 0: erased 7-7 withheld 9-9");
    assert_true(teelog_report_agent(r, 0).complete);
    expect_words(r, "1 body withheld (9), 1 body erased (7)");
    expect_verdict(r, TEELOG_UNPINNED);
    fake_bundle_free(b);
    b = fakelog_export(f, SCOPE_RECORDS, NULL, picks, 3);
    without_body(b, 6);
    without_body(b, 16);
    r = fake_verify(b, NULL);
    assert_string_equal(told(r, 0), "2 0 0: withheld 6-6 withheld 16-16");
    expect_verdict(r, TEELOG_UNPINNED);
    fake_bundle_free(b);
    b = fakelog_export(f, SCOPE_RECORDS, NULL, more, 4);
    without_body(b, 6);
    without_body(b, 16);
    r = fake_verify(b, NULL);
    assert_string_equal(told(r, 0), "1 1 1: erased 6-6 disclosed 8-8 withheld 16-16");
    expect_verdict(r, TEELOG_UNPINNED);
    /* Of a rejected bundle nothing is told. */
    b->items[fake_bundle_find_leaf(b, 8)].u.leaf.body = slice_str("");
    r = fake_verify(b, NULL);
    assert_int_equal(teelog_report_agent_count(r), 0);
    json_t *top = parse(r);
    assert_int_equal(json_array_size(json_object_get(json_object_get(top, "scope"), "agents")), 0);
    json_decref(top);
    expect_failure(r, "body", 8);
    fake_bundle_free(b);
    fakelog_free(f);
}

/* Every other body of n records, of each agent in turn. */
static struct fake_bundle *combed(struct fakelog *f, unsigned agents, unsigned n)
{
    char id[16];
    fakelog_boot(f);
    for (unsigned k = 0; k < agents; k++) {
        snprintf(id, sizeof id, "a%03u", k);
        fakelog_session(f, id);
        for (unsigned i = 0; i < n; i++)
            fakelog_record(f, id, "x");
    }
    struct fake_bundle *b = fakelog_export(f, SCOPE_WHOLE, NULL, NULL, 0);
    for (size_t i = 0; i < b->count; i++) {
        struct bundle_item *item = &b->items[i];
        if (item->kind == BUNDLE_LEAF && f->leaves[item->u.leaf.index].kind == ST_RECORD &&
            (item->u.leaf.index - 1) % (n + 1) % 2 == 1)
            item->u.leaf.body = (slice){NULL, 0};
    }
    return b;
}

static void test_an_agents_limit(void **state)
{
    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        struct fakelog *f = fakelog_new(FAKE_ORIGIN);
        struct fake_bundle *b = combed(f, 1, 2 * (64 + more));
        struct teelog_report *r = fake_verify(b, NULL);
        json_t *top = parse(r);
        const json_t *a =
            json_array_get(json_object_get(json_object_get(top, "scope"), "agents"), 0);
        assert_int_equal(json_array_size(json_object_get(a, "bodies")), 64);
        assert_int_equal(json_integer_value(json_object_get(a, "bodies_left_out")), more);
        assert_int_equal(json_integer_value(json_object_get(a, "withheld")), 64 + more);
        json_decref(top);
        expect_words(r, " bodies withheld (2, 4, 6, 8, 10, 12, 14, 16, and others)");
        expect_verdict(r, TEELOG_UNPINNED);
        fake_bundle_free(b);
        fakelog_free(f);
    }
}

/* A range that is not listed does not lengthen one that is. */
static void test_all_agents_limit(void **state)
{
    (void)state;
    struct fakelog *f = fakelog_new(FAKE_ORIGIN);
    struct fake_bundle *b = combed(f, 65, 128);
    without_body(b, 1 + 64 * 129 + 2); /* the last agent's second: a row of three */
    struct teelog_report *r = fake_verify(b, NULL);
    json_t *top = parse(r);
    const json_t *agents = json_object_get(json_object_get(top, "scope"), "agents");
    assert_int_equal(json_array_size(agents), 65);
    for (size_t i = 0; i < 65; i++) {
        const json_t *a = json_array_get(agents, i), *list = json_object_get(a, "bodies");
        assert_int_equal(json_array_size(list), i < 64 ? 64 : 0);
        if (i < 64) {
            const json_t *last = json_array_get(list, 63);
            assert_int_equal(json_integer_value(json_object_get(last, "to")), 1 + i * 129 + 127);
        }
        assert_int_equal(json_integer_value(json_object_get(a, "bodies_left_out")),
                         i < 64 ? 0 : 63);
        assert_int_equal(json_integer_value(json_object_get(a, "withheld")), i < 64 ? 64 : 65);
    }
    json_decref(top);
    char *page = teelog_report_html(r);
    assert_non_null(strstr(page, "65 bodies withheld (not listed)"));
    free(page);
    expect_verdict(r, TEELOG_UNPINNED);
    fake_bundle_free(b);
    fakelog_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_other_scopes),
        cmocka_unit_test(test_an_agents_limit),
        cmocka_unit_test(test_all_agents_limit),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
