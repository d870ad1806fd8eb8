#include "fakewitness.h"

#include "base/err.h"

static buf text; /* of the policy that is tried */

static int set_up(void **state)
{
    (void)state;
    buf_init(&text, TLOG_POLICY_MAX + 10);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_finish(&text);
    return 0;
}

static void log_line(uint8_t which, const char *more)
{
    char origin[32];
    snprintf(origin, sizeof origin, "log%u.example", which);
    struct note_key key = fake_log_key(origin, which);
    buf_str(&text, "log ");
    note_key_put(&text, &key);
    buf_str(&text, more);
}

/* Six witnesses and the text given. */
static tl_err policy(struct tlog_policy **out, const char *more, struct tl_why *why)
{
    buf_reset(&text);
    fake_witness_lines(&text, 1, 6);
    buf_str(&text, more);
    assert_ok(buf_err(&text));
    return tlog_policy_read(out, buf_slice(&text), why);
}

static struct tlog_policy *good(const char *more)
{
    struct tlog_policy *p = NULL;
    struct tl_why why = {0};
    if (policy(&p, more, &why) != TL_OK)
        fail_msg("%s: %s", more, why.text);
    return p;
}

static void refused(const char *more, const char *because)
{
    struct tlog_policy *p = NULL;
    struct tl_why why = {0};
    tl_err err = policy(&p, more, &why);
    if (err != TL_E_POLICY || p)
        fail_msg("accepted: %s", more);
    if (!strstr(why.text, because))
        fail_msg("%s: %s, and not %s", more, why.text, because);
}

static void forms(void **state)
{
    (void)state;
    struct tlog_policy *p = good("# a comment, \xff opaque\n \t# another\n\n \t \n"
                                 " \tgroup\tg 2 w1\t w2 w3 \t\nquorum g\n");
    assert_int_equal(p->member_count, 7);
    assert_int_equal(p->witness_count, 6);
    assert_int_equal(p->log_count, 0);
    assert_int_equal(p->quorum, 6);
    assert_int_equal(p->members[6].need, 2);
    assert_int_equal(p->members[6].count, 3);
    assert_int_equal(p->members[0].group, 6);
    assert_true(p->members[3].group == TLOG_POLICY_NONE);
    tlog_policy_free(p);
    p = good("quorum none\n");
    assert_true(p->quorum == TLOG_POLICY_NONE);
    tlog_policy_free(p);
    p = good("quorum w3\ngroup late any w1\n");
    assert_int_equal(p->quorum, 2);
    tlog_policy_free(p);
    tlog_policy_free(NULL);
}

static void logs_and_urls(void **state)
{
    (void)state;
    struct tlog_policy *p = NULL;
    struct cosigner c = fake_cosigner(9);
    buf_reset(&text);
    log_line(1, "\n");
    log_line(2, " https://log.example/ \n");
    buf_str(&text, "witness W\xc3\xa4 ");
    cosigner_put(&text, &c);
    buf_str(&text, " https://w.example/submit\nquorum W\xc3\xa4\n");
    assert_ok(tlog_policy_read(&p, buf_slice(&text), NULL));
    assert_int_equal(p->log_count, 2);
    assert_string_equal(p->logs[1].key.name, "log2.example");
    assert_int_equal(p->logs[0].url.n, 0);
    assert_true(slice_eq_str(p->logs[1].url, "https://log.example/"));
    assert_true(slice_eq_str(p->members[0].url, "https://w.example/submit"));
    assert_true(slice_eq_str(p->members[0].name, "W\xc3\xa4"));
    assert_memory_equal(p->members[0].key.id, c.id, sizeof c.id);
    tlog_policy_free(p);
}

static void refusals(void **state)
{
    (void)state;
    refused("", "no line that begins with quorum");
    refused("quorum w1\nquorum w1\n", "second");
    refused("quorum none\nquorum none\n", "second");
    refused("quorum\n", "before it");
    refused("quorum w9\n", "before it");
    refused("quorum g\ngroup g any w1\n", "before it");
    refused("quorum w1 w2\n", "more on it");
    refused("quorum none # said\n", "more on it");
    refused("quorum none", "no end");
    refused("quorum none\n\r\n", "control");
    refused("quorum none\n\x7f\n", "control");
    refused("quorum none\n# \x01\n", "control");
    refused("quorom none\n", "no log, witness, group or quorum");
    refused("QUORUM none\n", "no log, witness, group or quorum");
    refused("group g 1 w1 w7\nquorum g\n", "no line before it is about w7");
    refused("group g 1 w1 g\nquorum g\n", "no line before it is about g");
    refused("group g 1 w1 none\nquorum g\n", "no line before it is about none");
    refused("group g 1 w1 w1\nquorum g\n", "w1 is a member already");
    refused("group g 1 w1\ngroup h 1 w1 w2\nquorum g\n", "w1 is a member already");
    refused("group g 0 w1\nquorum g\n", "cannot need 0");
    refused("group g 2 w1\nquorum g\n", "cannot need 2");
    refused("group g any\nquorum g\n", "cannot need 1");
    refused("group g all\nquorum g\n", "cannot need 0");
    refused("group g 01 w1\nquorum g\n", "all, any or a number");
    refused("group g +1 w1\nquorum g\n", "all, any or a number");
    refused("group g ALL w1\nquorum g\n", "all, any or a number");
    refused("group g 99999999999999999999 w1\nquorum g\n", "all, any or a number");
    refused("group g\nquorum g\n", "all, any or a number");
    refused("group\nquorum w1\n", "name is missing");
    refused("group w1 any w2\nquorum w1\n", "w1 is taken");
    refused("group none any w2\nquorum none\n", "meaning of its own");
    refused("witness x\nquorum w1\n", "not a witness's verifier key");
    refused("log\nquorum w1\n", "not a log's verifier key");
}

/* An explanation stays once it is given. */
static struct tl_why *fresh(struct tl_why *why)
{
    *why = (struct tl_why){0};
    return why;
}

static void refused_keys(void **state)
{
    (void)state;
    struct tlog_policy *p = NULL;
    struct tl_why why = {0};
    struct note_key log = fake_log_key("w1.example", 1);
    struct cosigner c = fake_cosigner(1);
    uint8_t seed[32], public_key[32];
    /* A log's key is no witness's, and the other way round. */
    buf_reset(&text);
    buf_str(&text, "witness x ");
    note_key_put(&text, &log);
    buf_str(&text, "\nquorum x\n");
    assert_err(tlog_policy_read(&p, buf_slice(&text), fresh(&why)), TL_E_POLICY);
    assert_non_null(strstr(why.text, "line 1: not a witness's"));
    buf_reset(&text);
    buf_str(&text, "log ");
    cosigner_put(&text, &c);
    buf_str(&text, "\nquorum none\n");
    assert_err(tlog_policy_read(&p, buf_slice(&text), fresh(&why)), TL_E_POLICY);
    assert_non_null(strstr(why.text, "not a log's"));
    /* The same key under another name and id. */
    fake_seed(seed, 1);
    ed25519_public(seed, public_key);
    assert_ok(cosigner_make(&c, slice_str("other.example"), public_key));
    buf_reset(&text);
    fake_witness_lines(&text, 1, 2);
    buf_str(&text, "witness other ");
    cosigner_put(&text, &c);
    buf_str(&text, "\nquorum other\n");
    assert_err(tlog_policy_read(&p, buf_slice(&text), fresh(&why)), TL_E_POLICY);
    assert_non_null(strstr(why.text, "line 3: this witness's key"));
    struct note_key twice = fake_log_key("other.example", 1);
    buf_reset(&text);
    log_line(1, "\n");
    buf_str(&text, "log ");
    note_key_put(&text, &twice);
    buf_str(&text, "\nquorum none\n");
    assert_err(tlog_policy_read(&p, buf_slice(&text), fresh(&why)), TL_E_POLICY);
    assert_non_null(strstr(why.text, "line 2: this log's key"));
    /* More on a line than belongs there. */
    buf_reset(&text);
    log_line(1, " https://a/ https://b/\nquorum none\n");
    assert_err(tlog_policy_read(&p, buf_slice(&text), fresh(&why)), TL_E_POLICY);
    assert_non_null(strstr(why.text, "more on it"));
    assert_null(p);
}

/* count lines of kind, each right by itself. */
static tl_err many(const char *kind, size_t count)
{
    struct tlog_policy *p = NULL;
    buf_reset(&text);
    for (size_t i = 0; i < count; i++) {
        char name[32];
        uint8_t public_key[32] = {(uint8_t)i, (uint8_t)(i >> 8)};
        struct note_key log;
        struct cosigner c;
        snprintf(name, sizeof name, "n%zu", i);
        assert_ok(note_key_make(&log, slice_str(name), public_key));
        assert_ok(cosigner_make(&c, slice_str(name), public_key));
        if (strcmp(kind, "log") == 0) {
            buf_str(&text, "log ");
            note_key_put(&text, &log);
            buf_str(&text, "\n");
        } else if (strcmp(kind, "witness") == 0 || i == 0) {
            buf_printf(&text, "witness n%zu ", i);
            cosigner_put(&text, &c);
            buf_str(&text, "\n");
        }
        if (strcmp(kind, "group") == 0)
            buf_printf(&text, "group g%zu all %c%zu\n", i, i ? 'g' : 'n', i ? i - 1 : 0);
    }
    buf_str(&text, "quorum none\n");
    assert_ok(buf_err(&text));
    tl_err err = tlog_policy_read(&p, buf_slice(&text), NULL);
    tlog_policy_free(p);
    return err;
}

static void limits(void **state)
{
    (void)state;
    static const char *const kinds[] = {"log", "witness", "group"};
    for (size_t i = 0; i < 3; i++) {
        assert_ok(many(kinds[i], TLOG_POLICY_MAX_LINES));
        assert_err(many(kinds[i], TLOG_POLICY_MAX_LINES + 1), TL_E_POLICY);
    }
    struct tlog_policy *p = NULL;
    buf_reset(&text);
    while (text.n < TLOG_POLICY_MAX - 12)
        buf_str(&text, text.n < TLOG_POLICY_MAX - 112 ? "#                                        "
                                                        "                                       \n"
                                                      : "\n");
    buf_str(&text, "quorum none\n");
    assert_int_equal(text.n, TLOG_POLICY_MAX);
    assert_ok(tlog_policy_read(&p, buf_slice(&text), NULL));
    tlog_policy_free(p);
    buf_str(&text, "\n");
    p = NULL;
    assert_err(tlog_policy_read(&p, buf_slice(&text), NULL), TL_E_POLICY);
}

/* A note that witnesses have cosigned at these times, in the order of their numbers; 0: not. */
static struct note *note_with(buf *b, const uint64_t *times, size_t n)
{
    struct note *note = malloc(sizeof *note);
    hash32 root = sha256(slice_str("root"));
    assert_non_null(note);
    buf_reset(b);
    fake_checkpoint(b, FAKE_ORIGIN, 100, 5, &root);
    for (size_t i = 0; i < n; i++)
        if (times[i])
            fake_cosign(b, (uint8_t)(i + 1), times[i]);
    assert_ok(note_read(note, buf_slice(b)));
    return note;
}

static struct tlog_quorum judged(const char *more, const uint64_t *times, size_t n)
{
    struct tlog_quorum q = {0};
    buf b;
    struct tlog_policy *p = good(more);
    buf_init(&b, 20000);
    struct note *note = note_with(&b, times, n);
    assert_ok(tlog_policy_judge(&q, p, note));
    tlog_policy_free(p);
    free(note);
    buf_finish(&b);
    return q;
}

static void want(const char *more, const uint64_t times[6], bool met, uint64_t time, size_t valid)
{
    struct tlog_quorum q = judged(more, times, 6);
    if (q.met != met || q.time != time || q.valid != valid)
        fail_msg("%s: %d at %llu by %zu", more, q.met, (unsigned long long)q.time, q.valid);
}

static void quorums(void **state)
{
    (void)state;
    static const char two_of_three[] = "group g 2 w1 w2 w3\nquorum g\n";
    static const uint64_t none[6] = {0}, one[6] = {0, 50}, two[6] = {70, 0, 30},
                          three[6] = {70, 90, 30}, others[6] = {70, 0, 0, 10, 20, 30},
                          all[6] = {60, 50, 40, 30, 20, 10};
    want("quorum none\n", none, true, 0, 0);
    want("quorum none\n", one, true, 0, 1);
    want("quorum w2\n", one, true, 50, 1);
    want("quorum w1\n", one, false, 0, 1);
    want(two_of_three, none, false, 0, 0);
    want(two_of_three, one, false, 0, 1);
    want(two_of_three, two, true, 70, 2);
    want(two_of_three, three, true, 70, 3); /* the second smallest */
    want(two_of_three, others, false, 0, 4);
    want("group g all w1 w2 w3\nquorum g\n", three, true, 90, 3);
    want("group g any w1 w2 w3\nquorum g\n", three, true, 30, 3);
    /* Two levels, as in the specification's example. */
    static const char both[] =
        "group x 2 w1 w2 w3\ngroup y any w4 w5 w6\ngroup xy all x y\nquorum xy\n";
    want(both, all, true, 50, 6);
    want(both, three, false, 0, 3);
    want(both, others, false, 0, 4);
    static const uint64_t late[6] = {1, 2, 0, 0, 0, 99};
    want(both, late, true, 99, 3);
    /* Only what the quorum names counts. */
    want("group x 2 w1 w2 w3\ngroup y any w4 w5 w6\nquorum y\n", three, false, 0, 3);
}

/* As of when no larger tree had a quorum: counted from the latest. */
static void current(void **state)
{
    (void)state;
    static const uint64_t three[6] = {70, 90, 30}, two[6] = {70, 0, 30}, one[6] = {0, 50},
                          all[6] = {60, 50, 40, 30, 20, 10};
    static const struct {
        const char *text;
        const uint64_t *times;
        uint64_t current;
    } cases[] = {
        {"group g 2 w1 w2 w3\nquorum g\n", three, 70},
        {"group g 2 w1 w2 w3\nquorum g\n", two, 30},
        {"group g 2 w1 w2 w3\nquorum g\n", one, 0},
        {"group g all w1 w2 w3\nquorum g\n", three, 30},
        {"group g any w1 w2 w3\nquorum g\n", three, 90},
        {"group x 2 w1 w2 w3\ngroup y any w4 w5 w6\ngroup xy all x y\nquorum xy\n", all, 30},
        {"quorum none\n", three, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tlog_quorum q = judged(cases[i].text, cases[i].times, 6);
        if (q.current != cases[i].current)
            fail_msg("%s: %llu", cases[i].text, (unsigned long long)q.current);
    }
}

/* Lines of strangers, twice the same witness, and a line that fails. */
static void lines(void **state)
{
    (void)state;
    static const uint64_t times[2] = {40, 0};
    struct tlog_quorum q = {0}, before;
    buf b;
    buf_init(&b, 20000);
    struct tlog_policy *p = fake_quorum(2, 3);
    struct note *note = note_with(&b, times, 2);
    fake_cosign(&b, 1, 20);
    fake_cosign(&b, 9, 10);
    assert_ok(note_read(note, buf_slice(&b)));
    assert_ok(tlog_policy_judge(&q, p, note));
    assert_true(!q.met && q.valid == 1); /* one witness, however often it says so */
    fake_cosign(&b, 2, 30);
    assert_ok(note_read(note, buf_slice(&b)));
    assert_ok(tlog_policy_judge(&q, p, note));
    assert_true(q.met && q.valid == 2 && q.time == 30);
    /* A line of a witness that is known, over something else. */
    uint8_t seed[32];
    buf other;
    buf_init(&other, 1000);
    struct cosigner w3 = fake_cosigner(3);
    fake_seed(seed, 3);
    assert_ok(cosignature_sign(&other, slice_str("another text\n"), 30, &w3, seed));
    buf_bytes(&b, buf_slice(&other));
    assert_ok(note_read(note, buf_slice(&b)));
    before = q;
    assert_err(tlog_policy_judge(&q, p, note), TL_E_SIGNATURE);
    assert_memory_equal(&q, &before, sizeof q);
    tlog_policy_free(p);
    free(note);
    buf_finish(&b);
    buf_finish(&other);
}

static void one_group(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool one;
        size_t k, n;
    } cases[] = {
        {"group g 4 w1 w2 w3 w4 w5 w6\nquorum g\n", true, 4, 6},
        {"group g all w1 w2 w3 w4 w5 w6\nquorum g\n", true, 6, 6},
        {"group g 4 w1 w2 w3 w4 w5\nquorum g\n", false, 0, 0},
        {"group h any w6\ngroup g 4 w1 w2 w3 w4 w5 h\nquorum g\n", false, 0, 0},
        {"group g 4 w1 w2 w3 w4 w5 w6\ngroup h all g\nquorum h\n", false, 0, 0},
        {"group g 4 w1 w2 w3 w4 w5 w6\ngroup h all g\nquorum g\n", true, 4, 6},
        {"quorum w1\n", false, 0, 0},
        {"quorum none\n", false, 0, 0},
    };
    size_t k = 77, n = 77;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tlog_policy *p = good(cases[i].text);
        if (tlog_policy_one_group(p, &k, &n) != cases[i].one)
            fail_msg("%s", cases[i].text);
        if (cases[i].one)
            assert_true(k == cases[i].k && n == cases[i].n);
        tlog_policy_free(p);
    }
    struct tlog_policy *p = NULL;
    buf_reset(&text);
    fake_witness_lines(&text, 1, 1);
    buf_str(&text, "quorum w1\n");
    assert_ok(tlog_policy_read(&p, buf_slice(&text), NULL));
    assert_true(tlog_policy_one_group(p, &k, &n) && k == 1 && n == 1);
    tlog_policy_free(p);
}

static void safe(void **state)
{
    (void)state;
    assert_true(tlog_policy_safe(1, 1, 0));
    assert_false(tlog_policy_safe(1, 1, 1));
    assert_true(tlog_policy_safe(2, 3, 0));
    assert_false(tlog_policy_safe(2, 3, 1));
    assert_true(tlog_policy_safe(3, 3, 2));
    assert_true(tlog_policy_safe(3, 4, 1));
    assert_false(tlog_policy_safe(2, 4, 0));
    assert_false(tlog_policy_safe(3, 3, UINT64_MAX)); /* no wrapping round */
    assert_false(tlog_policy_safe(3, 3, UINT64_MAX - 2));
}

static void allocations(void **state)
{
    (void)state;
    struct tlog_policy *p = NULL;
    for (size_t i = 1;; i++) {
        buf_reset(&text);
        fake_quorum_text(&text, 2, 3);
        test_fail_alloc(i);
        tl_err err = tlog_policy_read(&p, buf_slice(&text), NULL);
        if (!test_alloc_failed()) {
            assert_ok(err);
            break;
        }
        assert_err(err, TL_E_MEMORY);
        assert_null(p);
    }
    test_fail_alloc(0);
    static const uint64_t times[2] = {40, 30};
    struct tlog_quorum q = {.time = 77};
    buf b;
    buf_init(&b, 20000);
    struct note *note = note_with(&b, times, 2);
    for (size_t i = 1;; i++) {
        test_fail_alloc(i);
        tl_err err = tlog_policy_judge(&q, p, note);
        if (!test_alloc_failed()) {
            assert_ok(err);
            break;
        }
        assert_err(err, TL_E_MEMORY);
        assert_true(q.time == 77);
    }
    test_fail_alloc(0);
    assert_true(q.time == 40);
    free(note);
    buf_finish(&b);
    tlog_policy_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms),       cmocka_unit_test(logs_and_urls),
        cmocka_unit_test(refusals),    cmocka_unit_test(refused_keys),
        cmocka_unit_test(limits),      cmocka_unit_test(quorums),
        cmocka_unit_test(current),     cmocka_unit_test(lines),
        cmocka_unit_test(one_group),   cmocka_unit_test(safe),
        cmocka_unit_test(allocations),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
