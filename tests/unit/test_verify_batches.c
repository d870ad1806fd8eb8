/* Signatures in batches, beside the reading: the same report whatever the
 * number of threads, and the lowest index of those that are bad. Also heads
 * without end, which is a matter of size too. */
#include "testlib.h"

#include "fakecase.h"

#include "verify/heads.h"

#define RECORDS 9000 /* more than all batches under way hold */

static struct fakelog *f;

void __real_verify_jobs(struct sign_job *jobs, size_t n);
void __wrap_verify_jobs(struct sign_job *jobs, size_t n);

static bool short_of_memory; /* for one of the signatures of each batch */

void __wrap_verify_jobs(struct sign_job *jobs, size_t n)
{
    __real_verify_jobs(jobs, n);
    if (short_of_memory) {
        jobs[n / 2].ok = false;
        jobs[n / 2].unjudged = true;
    }
}

static uint64_t bad[4]; /* indexes with a bad signature */
static size_t bad_count;

/* The statements were signed soundly; this spoils signatures in the items, and
 * the tree then is another one, which comes to light only later. */
static struct teelog_report *verify_with(unsigned threads, uint64_t bad_body)
{
    struct fake_bundle *b = fakelog_export(f, SCOPE_WHOLE, NULL, NULL, 0);
    buf bytes;
    for (size_t i = 0; i < bad_count; i++) {
        slice *s = &b->items[fake_bundle_find_leaf(b, bad[i])].u.leaf.statement;
        *s = fake_keep(*s);
        ((uint8_t *)(uintptr_t)s->p)[s->n - 1] ^= 1;
    }
    if (bad_body)
        b->items[fake_bundle_find_leaf(b, bad_body)].u.leaf.body = slice_str("\xa0");
    buf_init(&bytes, SIZE_MAX / 2);
    fake_bundle_put(&bytes, b);
    slice source = buf_slice(&bytes);
    struct teelog_report *r = NULL;
    const struct teelog_verify_options o = {
        .time = fake_time(), .threads = threads, .read = slice_source_read, .ctx = &source};
    assert_ok(teelog_verify(&r, &o));
    buf_finish(&bytes);
    fake_bundle_free(b);
    return r;
}

static int set_up(void **state)
{
    (void)state;
    f = fakelog_new(FAKE_ORIGIN);
    fakelog_boot(f);
    fakelog_session(f, "a");
    for (int i = 0; i < RECORDS; i++)
        fakelog_record(f, "a", "one");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fakelog_free(f);
    fakelog_done();
    return 0;
}

static const unsigned threads[] = {1, 3};
#define THREADS (sizeof threads / sizeof threads[0])

static void test_sound(void **state)
{
    (void)state;
    bad_count = 0;
    expect_verdict(verify_with(4, 0), TEELOG_UNPINNED);
}

static void test_lowest(void **state)
{
    (void)state;
    static const uint64_t sets[][4] = {{511, 700, 509, 508}, {8990, 8191, 8192, 8193}};
    static const uint64_t lowest[] = {508, 8191};
    for (size_t set = 0; set < 2; set++) {
        memcpy(bad, sets[set], sizeof bad);
        bad_count = 4;
        for (size_t i = 0; i < THREADS; i++)
            expect_failure(verify_with(threads[i], 0), "signature", lowest[set]);
    }
}

/* A body that is wrong ends the reading; a bad signature before it is found all
 * the same, and one after it never seen. */
static void test_with_other_failure(void **state)
{
    (void)state;
    for (size_t i = 0; i < THREADS; i++) {
        bad[0] = 1000;
        bad_count = 1;
        struct teelog_report *r = verify_with(threads[i], 1100);
        assert_int_equal(teelog_report_check_count(r), 2);
        assert_string_equal(teelog_report_check(r, 0)->name, "body");
        assert_int_equal(teelog_report_check(r, 0)->index, 1100);
        assert_string_equal(teelog_report_check(r, 1)->name, "signature");
        assert_int_equal(teelog_report_check(r, 1)->index, 1000);
        teelog_report_free(r);
        bad[0] = 1200;
        expect_failure(verify_with(threads[i], 1100), "body", 1100);
    }
}

static uint64_t told;

static void progress(void *ctx, uint64_t items)
{
    assert_ptr_equal(ctx, &told);
    assert_true(items > told);
    told = items;
}

static void test_progress(void **state)
{
    (void)state;
    struct fake_bundle *b = fakelog_export(f, SCOPE_WHOLE, NULL, NULL, 0);
    buf bytes;
    buf_init(&bytes, SIZE_MAX / 2);
    fake_bundle_put(&bytes, b);
    slice source = buf_slice(&bytes);
    struct teelog_report *r = NULL;
    const struct teelog_verify_options o = {.time = fake_time(),
                                            .threads = 0, /* one a CPU */
                                            .read = slice_source_read,
                                            .ctx = &source,
                                            .progress = progress,
                                            .progress_ctx = &told};
    assert_ok(teelog_verify(&r, &o));
    assert_int_equal(told, 8192);
    teelog_report_free(r);
    buf_finish(&bytes);
    fake_bundle_free(b);
}

/* Heads of many subjects, again and again: linear work, then a refusal. */
static void test_heads_without_end(void **state)
{
    (void)state;
    enum { SUBJECTS = 4096 };
    struct subjects subjects = {0};
    struct teelog_report *r = calloc(1, sizeof *r);
    assert_non_null(r);
    struct merkle_frontier t = {0};
    for (int i = 0; i < SUBJECTS; i++) {
        char id[16];
        struct subject *s;
        snprintf(id, sizeof id, "s%05d", i);
        assert_ok(subjects_get(&subjects, &s, slice_str(id)));
        s->count = 1;
        struct head h = {subject_id(s), 1, 0, s->last_hash};
        hash32 leaf = head_leaf_hash(&h);
        merkle_frontier_add(&t, &leaf);
    }
    struct heads_state state_of = {.scope = SCOPE_WHOLE};
    struct heads heads = {.size = 8000, .n = SUBJECTS, .root = merkle_frontier_root(&t)};
    /* docs/format.md section 6: 2^24 + 1024 (i + 1), to the last one. */
    const uint64_t limit = (UINT64_C(1) << 24) + 1024 * 8001;
    state_of.work = limit - SUBJECTS;
    assert_ok(heads_carried(&state_of, r, 8000, &heads, &subjects));
    assert_int_equal(state_of.work, limit);
    assert_ok(
        heads_carried(&state_of, r, 8004, &(struct heads){8004, SUBJECTS, heads.root}, &subjects));
    assert_err(
        heads_carried(&state_of, r, 8004, &(struct heads){8004, SUBJECTS, heads.root}, &subjects),
        VERDICT);
    assert_string_equal(r->results[CHECK_HEADS].detail, "too many heads for a log of this size");
    teelog_report_free(r);
    subjects_finish(&subjects);
}

/* What cannot be judged is no signature that is bad: there is no report. */
static void test_short_of_memory(void **state)
{
    (void)state;
    struct fake_bundle *b = fakelog_export(f, SCOPE_WHOLE, NULL, NULL, 0);
    buf bytes;
    buf_init(&bytes, SIZE_MAX / 2);
    fake_bundle_put(&bytes, b);
    short_of_memory = true;
    for (unsigned n = 1; n <= 4; n += 3) {
        slice source = buf_slice(&bytes);
        struct teelog_report *r = NULL;
        const struct teelog_verify_options o = {
            .time = fake_time(), .threads = n, .read = slice_source_read, .ctx = &source};
        assert_err(teelog_verify(&r, &o), TL_E_MEMORY);
        assert_null(r);
    }
    short_of_memory = false;
    buf_finish(&bytes);
    fake_bundle_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound),
        cmocka_unit_test(test_lowest),
        cmocka_unit_test(test_with_other_failure),
        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_heads_without_end),
        cmocka_unit_test(test_short_of_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
