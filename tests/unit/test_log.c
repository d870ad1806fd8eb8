#include "log/log.h"
#include "testlib.h"

#include "teelog/verify.h"

#include <pthread.h>
#include <unistd.h>

struct world {
    char *dir;
    struct tee *tee;
    struct log *log;
};

static void open_log(struct world *w)
{
    struct tl_why why = {0};
    struct log_config c = {
        .dir = w->dir, .origin = "test/log", .admissions = 1 << ADMISSION_BEARER, .signers = 2};
    tl_err err = log_open(&w->log, w->tee, &c, &why);
    if (err != TL_OK)
        fail_msg("log_open: %s: %s", tl_err_name(err), why.text);
}

static int set_up(void **state)
{
    static struct world w;
    struct tl_why why = {0};
    w = (struct world){.dir = test_tmpdir()};
    if (tee_open(&w.tee, "sim", w.dir, &why) != TL_OK)
        fail_msg("tee_open: %s", why.text);
    open_log(&w);
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    log_close(w->log);
    tee_close(w->tee);
    test_rmdir(w->dir);
    return 0;
}

struct answer {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool done;
    tl_err err;
    uint64_t size;
    size_t count;
    struct log_receipt receipts[64];
};

static void take_answer(void *ctx, const struct log_result *r)
{
    struct answer *a = ctx;
    pthread_mutex_lock(&a->lock);
    a->err = r->err;
    a->size = r->tree_size;
    a->count = r->count;
    for (size_t i = 0; i < r->count && i < 64; i++)
        a->receipts[i] = r->receipts[i];
    a->done = true;
    pthread_cond_signal(&a->wake);
    pthread_mutex_unlock(&a->lock);
}

static void append(struct world *w, const struct log_record *records, size_t n, struct answer *a)
{
    struct log_batch *b = NULL;
    struct tl_why why = {0};
    *a = (struct answer){.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};
    assert_ok(log_batch_new(&b, w->log, ADMISSION_BEARER));
    for (size_t i = 0; i < n; i++)
        assert_ok(log_batch_add(b, &records[i], &why));
    assert_ok(log_submit(w->log, b, take_answer, a));
    pthread_mutex_lock(&a->lock);
    while (!a->done)
        pthread_cond_wait(&a->wake, &a->lock);
    pthread_mutex_unlock(&a->lock);
}

static struct log_record record(const char *agent, const char *content)
{
    return (struct log_record){.agent = slice_str(agent),
                               .room = slice_str("room"),
                               .user = slice_str("user"),
                               .type = slice_str("Action:X"),
                               .content = slice_str(content)};
}

static uint8_t *export_all(struct world *w, const struct log_export_options *o, size_t *n)
{
    struct log_export *e = NULL;
    struct tl_why why = {0};
    buf b;
    bool more = true;
    buf_init(&b, 64u << 20);
    assert_ok(log_export_new(&e, w->log, o));
    while (more) {
        tl_err err = log_export_step(e, &b, &more, &why);
        if (err != TL_OK)
            fail_msg("export: %s %s", tl_err_name(err), why.text);
    }
    log_export_free(e);
    *n = b.n;
    return b.p;
}

static enum teelog_verdict verdict_of(const uint8_t *p, size_t n)
{
    slice s = slice_of(p, n);
    struct teelog_report *r = NULL;
    struct teelog_verify_options o = {
        .time = (uint64_t)time(NULL), .threads = 1, .read = slice_source_read, .ctx = &s};
    assert_ok(teelog_verify(&r, &o));
    enum teelog_verdict v = teelog_report_verdict(r);
    if (v == TEELOG_REJECTED) {
        char *text = teelog_report_text(r);
        printf("%s\n", text);
        free(text);
    }
    teelog_report_free(r);
    return v;
}

static void places_and_receipts(void **state)
{
    struct world *w = *state;
    struct answer a;
    struct log_record two[] = {record("alice", "one"), record("bob", "two")};
    append(w, two, 2, &a);
    assert_ok(a.err);
    assert_int_equal(a.receipts[0].index, 2); /* after the boot and alice's session */
    assert_int_equal(a.receipts[0].seq, 1);
    assert_int_equal(a.receipts[1].index, 4);
    assert_int_equal(a.size, 5);
}

static void whole_chain_and_range_verify(void **state)
{
    struct world *w = *state;
    struct answer a;
    for (int i = 0; i < 40; i++) {
        struct log_record r[] = {record("alice", "one"), record("bob", "two"), record("alice", "3")};
        append(w, r, 3, &a);
        assert_ok(a.err);
        if (i == 20) {
            log_close(w->log);
            open_log(w);
        }
    }
    struct log_export_options all[] = {
        {.withhold_bodies = false},
        {.agent = slice_str("alice")},
        {.has_range = true, .from = 30, .to = 90},
        {.has_range = true, .from = 5, .to = 6},
        {.agent = slice_str("bob"), .has_range = true, .from = 30, .to = 60},
        {.withhold_bodies = true},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        size_t n;
        uint8_t *p = export_all(w, &all[i], &n);
        printf("export %zu: %zu bytes\n", i, n);
        assert_int_equal(verdict_of(p, n), TEELOG_UNPINNED);
        free(p);
    }
}

static void repeated_request_is_harmless(void **state)
{
    struct world *w = *state;
    struct answer a, b;
    struct log_record r = record("alice", "pay 5");
    r.request = slice_str("req-1");
    append(w, &r, 1, &a);
    assert_ok(a.receipts[0].err);
    append(w, &r, 1, &b);
    assert_ok(b.receipts[0].err);
    assert_true(b.receipts[0].repeated);
    assert_int_equal(b.receipts[0].index, a.receipts[0].index);
    assert_int_equal(b.size, a.size);
    r.content = slice_str("pay 6");
    append(w, &r, 1, &b);
    assert_err(b.receipts[0].err, TL_E_REQUEST_REUSED);
    r.content = slice_str("pay 5");
    struct log_record twice[] = {r, r, r};
    for (int i = 0; i < 3; i++)
        twice[i].request = slice_str("req-2");
    append(w, twice, 3, &b);
    assert_false(b.receipts[0].repeated);
    assert_true(b.receipts[1].repeated && b.receipts[2].repeated);
    assert_int_equal(b.receipts[2].index, b.receipts[0].index);
    log_close(w->log);
    open_log(w);
    r.request = slice_str("req-1");
    append(w, &r, 1, &b);
    assert_true(b.receipts[0].repeated);
    assert_int_equal(b.receipts[0].index, a.receipts[0].index);
}

static void refs_name_the_same_agent(void **state)
{
    struct world *w = *state;
    struct answer a, b;
    struct log_record r = record("alice", "intent"), s = record("bob", "other");
    append(w, &r, 1, &a);
    s.has_ref = true;
    s.ref = a.receipts[0].index;
    append(w, &s, 1, &b);
    assert_err(b.receipts[0].err, TL_E_FIELD);
    assert_string_equal(b.receipts[0].why.field, "ref");
    r.has_ref = true;
    r.ref = 1000;
    append(w, &r, 1, &b);
    assert_err(b.receipts[0].err, TL_E_FIELD);
    r.ref = a.receipts[0].index;
    append(w, &r, 1, &b);
    assert_ok(b.receipts[0].err);
}

static void frozen_log_takes_nothing(void **state)
{
    struct world *w = *state;
    struct log_batch *b = NULL;
    struct log_info before, after;
    struct log_record r = record("alice", "x");
    log_info(w->log, &before);
    log_freeze(w->log, "because");
    assert_ok(log_batch_new(&b, w->log, ADMISSION_BEARER));
    assert_ok(log_batch_add(b, &r, NULL));
    assert_err(log_submit(w->log, b, take_answer, NULL), TL_E_FROZEN);
    log_batch_free(b);
    log_info(w->log, &after);
    assert_int_equal(before.size, after.size);
    assert_string_equal(after.frozen_why, "because");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(places_and_receipts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whole_chain_and_range_verify, set_up, tear_down),
        cmocka_unit_test_setup_teardown(repeated_request_is_harmless, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refs_name_the_same_agent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(frozen_log_takes_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
