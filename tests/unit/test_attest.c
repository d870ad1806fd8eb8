/* Fresh answers of a real log: what they say, and that they verify, while it grows,
 * after a restart, and frozen. */
#include "testlog.h"

#include "crypto/secret.h"
#include "tlog/bundle.h"

#include <jansson.h>
#include <stdatomic.h>
#include <unistd.h>

static int set_up(void **state)
{
    static struct world w;
    memset(&w, 0, sizeof w);
    world_init(&w);
    world_open(&w);
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    world_finish(*state);
    return 0;
}

static uint8_t nonce_bytes[32];

static slice fresh_nonce(void)
{
    assert_ok(random_bytes(nonce_bytes, sizeof nonce_bytes));
    return SLICE_ARRAY(nonce_bytes);
}

static struct log_export_options asked(const char *agent, bool chain)
{
    return (struct log_export_options){
        .agent = agent ? slice_str(agent) : (slice){NULL, 0},
        .nonce = fresh_nonce(),
        .chain = chain,
    };
}

static struct teelog_report *judge(struct world *w, const uint8_t *p, size_t n, slice nonce)
{
    slice s = slice_of(p, n);
    struct teelog_report *r = NULL;
    const struct teelog_verify_options o = {.policy = w->policy,
                                            .time = (uint64_t)time(NULL),
                                            .nonce = nonce.p,
                                            .nonce_size = nonce.n,
                                            .threads = 1,
                                            .read = slice_source_read,
                                            .ctx = &s};
    assert_ok(teelog_verify(&r, &o));
    return r;
}

/* The report's JSON "fresh" under the caller's nonce; the verdict must be TRUSTED. */
static json_t *fresh_of(struct world *w, const uint8_t *p, size_t n, slice nonce)
{
    struct teelog_report *r = judge(w, p, n, nonce);
    char *text = teelog_report_json(r);
    if (teelog_report_verdict(r) != TEELOG_TRUSTED)
        fail_msg("%s", text);
    json_t *top = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    json_t *fresh = json_incref(json_object_get(top, "fresh"));
    assert_true(json_is_object(fresh));
    json_decref(top);
    free(text);
    teelog_report_free(r);
    return fresh;
}

static int64_t number(const json_t *o, const char *name)
{
    assert_true(json_is_integer(json_object_get(o, name)));
    return json_integer_value(json_object_get(o, name));
}

static size_t leaves_of(const uint8_t *p, size_t n)
{
    slice s = slice_of(p, n);
    struct bundle_reader *r = NULL;
    static struct bundle_item item;
    bool more = true;
    size_t leaves = 0;
    assert_ok(bundle_reader_new(&r, (struct byte_source){slice_source_read, &s}));
    for (;;) {
        assert_ok(bundle_next(r, &item, &more));
        if (!more)
            break;
        leaves += item.kind == BUNDLE_LEAF;
    }
    bundle_reader_free(r);
    return leaves;
}

static void of_the_log_alone(void **state)
{
    struct world *w = *state;
    grow_log(w, 20);
    world_pin(w);
    struct log_info info;
    log_info(w->log, &info);
    struct log_export_options o = asked(NULL, false);
    size_t n;
    uint8_t *p = export_all(w, &o, &n);
    json_t *f = fresh_of(w, p, n, o.nonce);
    assert_int_equal(number(f, "size"), info.size); /* asking made it no larger */
    assert_true(json_is_null(json_object_get(f, "agent")));
    assert_string_equal(json_string_value(json_object_get(f, "mode")), "unwitnessed");
    assert_int_equal(leaves_of(p, n), 1);
    json_decref(f);
    free(p);
}

static void of_an_agent(void **state)
{
    struct world *w = *state;
    grow_log(w, 20);
    world_pin(w);
    struct log_export_options o = asked("alice", false);
    size_t n;
    uint8_t *p = export_all(w, &o, &n);
    json_t *f = fresh_of(w, p, n, o.nonce);
    assert_int_equal(number(f, "count"), 11); /* its session and ten records */
    assert_int_equal(leaves_of(p, n), 3);     /* boot, session, last record */
    json_decref(f);
    free(p);
    /* Whoever has said nothing has said nothing. */
    o = asked("carol", false);
    p = export_all(w, &o, &n);
    f = fresh_of(w, p, n, o.nonce);
    assert_int_equal(number(f, "count"), 0);
    assert_string_equal(json_string_value(json_object_get(f, "agent")), "carol");
    assert_int_equal(leaves_of(p, n), 1);
    json_decref(f);
    free(p);
    /* After a restart: its last statement is of an older boot, an end. */
    world_stop(w);
    world_open(w);
    o = asked("alice", false);
    p = export_all(w, &o, &n);
    f = fresh_of(w, p, n, o.nonce);
    assert_int_equal(number(f, "count"), 12);
    assert_int_equal(leaves_of(p, n), 4);
    json_decref(f);
    free(p);
}

static void of_a_whole_chain(void **state)
{
    struct world *w = *state;
    grow_log(w, 20);
    world_pin(w);
    struct log_export_options o = asked("bob", true);
    size_t n;
    uint8_t *p = export_all(w, &o, &n);
    json_t *f = fresh_of(w, p, n, o.nonce);
    assert_int_equal(number(f, "count"), 11);
    json_decref(f);
    struct teelog_report *r = judge(w, p, n, o.nonce);
    assert_true(teelog_report_agent(r, 0).complete);
    assert_int_equal(teelog_report_agent(r, 0).count, 11);
    teelog_report_free(r);
    free(p);
}

/* All that a log holds is a whole log, also beside an answer. */
static void of_a_small_log(void **state)
{
    struct world *w = *state;
    struct log_export_options o = asked(NULL, false);
    size_t n;
    uint8_t *p = export_all(w, &o, &n);
    struct teelog_report *r = judge(w, p, n, o.nonce); /* nothing is pinned yet */
    assert_int_equal(teelog_report_verdict(r), TEELOG_UNPINNED);
    assert_int_equal(leaves_of(p, n), 1);
    teelog_report_free(r);
    free(p);
    append_one(w, "alice", "one");
    world_pin(w);
    o = asked("alice", false);
    p = export_all(w, &o, &n);
    json_t *f = fresh_of(w, p, n, o.nonce);
    assert_int_equal(number(f, "count"), 2);
    json_decref(f);
    free(p);
}

static void withheld_on_request(void **state)
{
    struct world *w = *state;
    grow_log(w, 4);
    world_pin(w);
    struct log_export_options o = asked("alice", false);
    size_t n;
    uint8_t *p = export_all(w, &o, &n);
    struct teelog_report *r = judge(w, p, n, o.nonce);
    assert_int_equal(teelog_report_agent(r, 0).withheld, 0);
    teelog_report_free(r);
    free(p);
    o.withhold_bodies = true;
    p = export_all(w, &o, &n);
    r = judge(w, p, n, o.nonce);
    assert_int_equal(teelog_report_agent(r, 0).withheld, 1);
    teelog_report_free(r);
    free(p);
}

static void a_frozen_log_says_so(void **state)
{
    struct world *w = *state;
    grow_log(w, 4);
    world_pin(w);
    log_freeze(w->log, "for a test");
    for (int chain = 0; chain < 2; chain++) {
        struct log_export_options o = asked("alice", chain);
        size_t n;
        uint8_t *p = export_all(w, &o, &n);
        json_t *f = fresh_of(w, p, n, o.nonce);
        assert_string_equal(json_string_value(json_object_get(f, "mode")), "frozen");
        json_decref(f);
        free(p);
    }
}

/* Replays, against real bundles: yesterday's answer, another agent's, one from before a
 * restart. */
static void old_answers_do_not_pass(void **state)
{
    struct world *w = *state;
    grow_log(w, 10);
    world_pin(w);
    struct log_export_options o = asked("alice", false);
    size_t n;
    uint8_t *p = export_all(w, &o, &n);
    const slice now = fresh_nonce();
    struct teelog_report *r = judge(w, p, n, now);
    assert_int_equal(teelog_report_verdict(r), TEELOG_REJECTED);
    teelog_report_free(r);
    /* The asker's nonce written into the old answer. */
    uint8_t *at = p + n - sizeof nonce_bytes;
    memcpy(at, now.p, now.n);
    r = judge(w, p, n, now);
    assert_int_equal(teelog_report_verdict(r), TEELOG_REJECTED);
    bool named = false;
    for (size_t i = 0; i < teelog_report_check_count(r); i++)
        named |=
            !teelog_report_check(r, i)->ok && strcmp(teelog_report_check(r, i)->name, "fresh") == 0;
    assert_true(named);
    teelog_report_free(r);
    free(p);
}

static void wrong_requests(void **state)
{
    struct world *w = *state;
    uint8_t bytes[65] = {0};
    struct log_export *e = NULL;
    static const size_t sizes[] = {0, 15, 65};
    for (size_t i = 0; i < 3; i++) {
        const struct log_export_options o = {.nonce = slice_of(bytes, sizes[i])};
        assert_err(log_export_new(&e, w->log, &o), TL_E_USAGE);
    }
    const struct log_export_options alone = {.nonce = slice_of(bytes, 16), .chain = true};
    assert_err(log_export_new(&e, w->log, &alone), TL_E_USAGE);
    const struct log_export_options quiet = {.agent = slice_str("alice"), .chain = true};
    assert_err(log_export_new(&e, w->log, &quiet), TL_E_USAGE);
    struct tl_why why = {0};
    uint8_t *p = NULL;
    size_t n;
    struct log_export_options o = asked("no agent", false);
    assert_err(try_export(w, &o, &p, &n, &why), TL_E_FIELD);
    assert_string_equal(why.field, "agent");
    struct log_info info;
    log_info(w->log, &info);
    o = asked(info.origin, false);
    assert_err(try_export(w, &o, &p, &n, NULL), TL_E_FIELD);
    o = asked("nobody", true); /* there is no chain to give */
    assert_err(try_export(w, &o, &p, &n, NULL), TL_E_NOT_FOUND);
    /* A log that is only read has nobody to answer. */
    world_stop(w);
    struct log *log = NULL;
    assert_ok(log_open_read(&log, w->tee, w->dir, NULL));
    o = asked(NULL, false);
    bool more = true;
    buf b;
    buf_init(&b, 1 << 20);
    why = (struct tl_why){0};
    assert_ok(log_export_new(&e, log, &o));
    assert_ok(log_export_step(e, &b, &more, &why)); /* what was erased */
    assert_err(log_export_step(e, &b, &more, &why), TL_E_USAGE);
    assert_string_equal(why.text, "only a running log can answer");
    log_export_free(e);
    buf_finish(&b);
    log_close(log);
}

static void limited(void **state)
{
    struct world *w = *state;
    tl_err err = TL_OK;
    struct tl_why why = {0};
    unsigned made = 0;
    for (; err == TL_OK && made < 200; made++) {
        struct log_export_options o = asked(NULL, false);
        uint8_t *p = NULL;
        size_t n;
        err = try_export(w, &o, &p, &n, &why);
        if (err == TL_OK)
            free(p);
    }
    assert_err(err, TL_E_BUSY);
    assert_true(made > 64);
    assert_non_null(strstr(why.text, "quotes a second"));
    /* What is refused changes nothing: no heads are appended for it. */
    do {
        struct log_info before, after;
        append_one(w, "alice", "again");
        log_info(w->log, &before);
        struct log_export_options o = asked("alice", true);
        uint8_t *p = NULL;
        size_t n;
        err = try_export(w, &o, &p, &n, NULL);
        log_info(w->log, &after);
        if (err == TL_OK)
            free(p);
        assert_int_equal(after.size, before.size + (err == TL_OK));
    } while (err == TL_OK);
    assert_err(err, TL_E_BUSY);
}

/* The host altered the agent's last statement: nothing is quoted, and no turn is lost. */
static void altered_rows_are_not_quoted(void **state)
{
    struct world *w = *state;
    append_one(w, "carol", "one"); /* boot, session, record, end, heads */
    world_stop(w);
    world_open(w);
    grow_log(w, 600); /* so that a start does not look at all of it */
    world_stop(w);
    host_flip(w, "leaf", "statement", "idx = 3", 40);
    world_open(w);
    for (int i = 0; i < 200; i++) {
        struct tl_why why = {0};
        struct log_export_options o = asked("carol", false);
        uint8_t *p = NULL;
        size_t n;
        assert_err(try_export(w, &o, &p, &n, &why), TL_E_STORED);
        assert_non_null(strstr(why.text, "teelog fsck"));
    }
    struct log_export_options o = asked(NULL, false);
    size_t n;
    free(export_all(w, &o, &n));
}

/* While others append: each answer is of one moment, and no append is lost. */
static atomic_bool enough;

static void *append_on(void *arg)
{
    struct world *w = arg;
    for (int i = 0; !atomic_load(&enough); i++) {
        grow_log(w, 4);
        if (i > 200) /* what is exported grows with it */
            usleep(20000);
    }
    return NULL;
}

static void while_it_grows(void **state)
{
    struct world *w = *state;
    pthread_t other;
    grow_log(w, 2);
    world_pin(w);
    atomic_store(&enough, false);
    assert_int_equal(pthread_create(&other, NULL, append_on, w), 0);
    int64_t before = 0;
    for (int i = 0; i < 40; i++) {
        struct log_export_options o = asked(i % 2 ? "alice" : "bob", i % 3 != 0);
        size_t n;
        uint8_t *p = export_all(w, &o, &n);
        json_t *f = fresh_of(w, p, n, o.nonce);
        assert_true(number(f, "size") >= before);
        before = number(f, "size");
        json_decref(f);
        free(p);
    }
    atomic_store(&enough, true);
    pthread_join(other, NULL);
    assert_true(before > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(of_the_log_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_an_agent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_a_whole_chain, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_a_small_log, set_up, tear_down),
        cmocka_unit_test_setup_teardown(withheld_on_request, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_frozen_log_says_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(old_answers_do_not_pass, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_requests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(limited, set_up, tear_down),
        cmocka_unit_test_setup_teardown(altered_rows_are_not_quoted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(while_it_grows, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
