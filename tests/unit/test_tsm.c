/* Quotes through configfs-tsm, against a stand-in that behaves as Linux does, and as
 * it should not. */
#include "fakeconfigfs.h"
#include "fakeevidence.h"

#include "tee/platform.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

static struct fake_evidence hardware;
static struct timespec pause_time; /* how long report_new takes */

static int report_new(void *ctx, const uint8_t *in, size_t in_n, buf *out)
{
    struct sim_quote q = hardware.dcap.quote;
    (void)ctx;
    (void)nanosleep(&pause_time, NULL);
    memset(q.td.report_data, 0, sizeof q.td.report_data);
    memcpy(q.td.report_data, in, in_n);
    return sim_quote_put(out, &q) == TL_OK ? 0 : EIO;
}

static int no_quote(void *ctx, const uint8_t *in, size_t in_n, buf *out)
{
    (void)in, (void)in_n, (void)out;
    return *(int *)ctx;
}

static int nothing(void *ctx, const uint8_t *in, size_t in_n, buf *out)
{
    (void)ctx, (void)in, (void)in_n, (void)out;
    return 0;
}

static int half(void *ctx, const uint8_t *in, size_t in_n, buf *out)
{
    int error = report_new(ctx, in, in_n, out);
    out->n /= 2;
    return error;
}

/* An older quote, over another question. */
static int stale(void *ctx, const uint8_t *in, size_t in_n, buf *out)
{
    uint8_t old[64] = {1};
    (void)in, (void)in_n;
    return report_new(ctx, old, sizeof old, out);
}

static int reset(void **state)
{
    (void)state;
    fake_configfs_reset();
    fake_configfs.report_new = report_new;
    pause_time = (struct timespec){0};
    return 0;
}

static struct tee *must_open(const char *path)
{
    struct tee *t = NULL;
    struct tl_why why = {0};
    tl_err err = tsm_open(&t, path, &why);
    if (err != TL_OK)
        fail_msg("%s: %s", tl_err_name(err), tl_why_text(&why, err));
    return t;
}

static void fill(uint8_t report_data[64], uint8_t with)
{
    memset(report_data, with, 64);
}

static void close_all(struct tee *t)
{
    tee_close(t);
    assert_int_equal(fake_configfs_open(), 0);
    assert_int_equal(fake_configfs.made, fake_configfs.removed);
}

/* A quote is had, and is over what was asked. */
static void quotes(struct tee *t, uint8_t with)
{
    uint8_t report_data[64];
    struct tl_why why = {0};
    struct quote q;
    struct td_report td;
    buf quote, events;
    fill(report_data, with);
    buf_init(&quote, TEE_QUOTE_MAX);
    buf_init(&events, TEE_EVENT_LOG_MAX);
    tl_err err = tee_quote(t, report_data, &quote, &events, &why);
    if (err != TL_OK)
        fail_msg("%s: %s", tl_err_name(err), tl_why_text(&why, err));
    assert_int_equal(events.n, 0);
    assert_ok(quote_read(&q, buf_slice(&quote), &why));
    td_report_read(&td, q.body);
    assert_memory_equal(td.report_data, report_data, 64);
    buf_finish(&quote);
    buf_finish(&events);
}

/* None is had, for these words; nothing stays behind. */
static void refuses(struct tee *t, const char *words)
{
    uint8_t report_data[64];
    struct tl_why why = {0};
    buf quote;
    fill(report_data, 7);
    buf_init(&quote, TEE_QUOTE_MAX);
    buf_str(&quote, "kept");
    assert_err(tee_quote(t, report_data, &quote, NULL, &why), TL_E_TEE);
    if (!strstr(why.text, words))
        fail_msg("\"%s\" has not \"%s\"", why.text, words);
    assert_string_equal(why.field, "tee");
    assert_int_equal(quote.n, 4);
    assert_int_equal(fake_configfs_open(), 0);
    assert_int_equal(fake_configfs_reports(), 0);
    buf_finish(&quote);
}

static void open_fails(tl_err want, const char *path, const char *words)
{
    struct tee *t = NULL;
    struct tl_why why = {0};
    assert_err(tsm_open(&t, path, &why), want);
    if (!strstr(why.text, words))
        fail_msg("\"%s\" has not \"%s\"", why.text, words);
    assert_null(t);
    assert_int_equal(fake_configfs_reports(), 0);
}

static void test_quotes(void **state)
{
    (void)state;
    struct tee *t = must_open(FAKE_REPORTS);
    for (uint8_t i = 0; i < 20; i++)
        quotes(t, i);
    assert_int_equal(fake_configfs.quotes, 20);
    assert_int_equal(fake_configfs_reports(), 0);
    close_all(t);
}

/* What a verifier says of it, with the stand-in's root for Intel's. */
static void test_evidence(void **state)
{
    (void)state;
    struct tee *t = must_open(NULL);
    assert_string_equal(tee_platform(t), "tdx-tsm");
    uint8_t report_data[64];
    struct tl_why why = {0};
    struct evidence_report report;
    buf quote;
    fill(report_data, 9);
    buf_init(&quote, TEE_QUOTE_MAX);
    assert_ok(tee_quote(t, report_data, &quote, NULL, &why));
    hardware.e.quote = buf_slice(&quote);
    fake_evidence_judge(&report, &hardware);
    if (!report.genuine)
        fail_msg("%s: %s", report.stage, report.detail);
    assert_memory_equal(report.report_data, report_data, 64);
    buf_finish(&quote);
    close_all(t);
}

static void test_keys(void **state)
{
    (void)state;
    uint8_t a[32], again[32], b[32];
    struct tl_why why = {0};
    struct tee *t = must_open(FAKE_REPORTS);
    assert_false(t->ops->keeps_keys);
    assert_string_equal(tee_sealing(t), "memory");
    assert_ok(tee_sealing_key(t, a, &why));
    assert_ok(tee_sealing_key(t, again, &why));
    assert_memory_equal(a, again, 32);
    close_all(t);
    t = must_open(FAKE_REPORTS);
    assert_ok(tee_sealing_key(t, b, &why));
    assert_memory_not_equal(a, b, 32);
    close_all(t);
}

static void test_identity(void **state)
{
    (void)state;
    struct tee *t = must_open(FAKE_REPORTS);
    buf text;
    buf_init(&text, 1024);
    t->ops->identity(t, &text);
    buf_u8(&text, 0);
    assert_ok(buf_err(&text));
    assert_non_null(strstr((char *)text.p, FAKE_REPORTS));
    assert_null(strchr((char *)text.p, '\n'));
    buf_finish(&text);
    close_all(t);
}

/* Attributes come in pieces as small as the kernel likes, and from any generation. */
static void test_pieces(void **state)
{
    (void)state;
    static const uint64_t begins[] = {0, 1, 41, UINT64_MAX - 1};
    struct tee *t = must_open(FAKE_REPORTS);
    for (size_t piece = 1; piece < 5000; piece = piece * 7 + 1) {
        fake_configfs.piece = piece;
        quotes(t, (uint8_t)piece);
    }
    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        fake_configfs.generation_begins = begins[i];
        quotes(t, (uint8_t)i);
    }
    close_all(t);
}

static void test_slow(void **state)
{
    (void)state;
    struct tee *t = must_open(FAKE_REPORTS);
    pause_time.tv_nsec = 300 * 1000000;
    quotes(t, 1);
    close_all(t);
}

/* Reports that others made, or that a killed process left behind, are nobody's hindrance,
 * and stay. */
static void test_leftovers(void **state)
{
    (void)state;
    fake_configfs.rmdir.error = EBUSY;
    fake_configfs.rmdir.times = 3;
    struct tee *t = must_open(FAKE_REPORTS);
    quotes(t, 1);
    quotes(t, 2);
    quotes(t, 3);
    assert_int_equal(fake_configfs_reports(), 3);
    /* A name that is taken: another is made. */
    fake_configfs.mkdir.error = EEXIST;
    fake_configfs.mkdir.times = 2;
    quotes(t, 4);
    assert_int_equal(fake_configfs_reports(), 3);
    tee_close(t);
}

static void test_races(void **state)
{
    (void)state;
    struct tee *t = must_open(FAKE_REPORTS);
    for (int times = 1; times <= 5; times++) {
        fake_configfs.race_write = times;
        quotes(t, 1);
        fake_configfs.race_read = times;
        quotes(t, 2);
    }
    fake_configfs.race_write = 2;
    fake_configfs.race_read = 3;
    quotes(t, 3);
    fake_configfs.race_write = 1000;
    refuses(t, "somebody else wrote");
    fake_configfs.race_write = 0;
    fake_configfs.race_read = 1000;
    refuses(t, "somebody else wrote");
    fake_configfs.race_read = 0;
    fake_configfs.deaf = true; /* the kernel refused the question, and could not say so */
    refuses(t, "generation");
    fake_configfs.deaf = false;
    quotes(t, 4);
    close_all(t);
}

/* Errors that pass, and the same when they do not. */
static void test_busy(void **state)
{
    (void)state;
    static const int passing[] = {EBUSY, EWOULDBLOCK, ESTALE, EINTR};
    struct tee *t = must_open(FAKE_REPORTS);
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++) {
        fake_configfs.outblob.error = passing[i];
        fake_configfs.outblob.times = 5;
        quotes(t, 1);
        fake_configfs.outblob.times = -1;
        refuses(t, "outblob");
        fake_configfs.outblob.error = 0;
        fake_configfs.write.error = passing[i];
        fake_configfs.write.times = 5;
        quotes(t, 2);
        fake_configfs.write.times = 0;
        fake_configfs.open.error = passing[i];
        fake_configfs.open.times = 5;
        quotes(t, 3);
        fake_configfs.open.times = 0;
        fake_configfs.read.error = passing[i];
        fake_configfs.read.times = 5;
        quotes(t, 4);
        fake_configfs.read.times = 0;
    }
    close_all(t);
}

/* Errors that do not are told at once, and by their file. */
static void test_errors(void **state)
{
    (void)state;
    static const char *const names[] = {"provider", "generation", "inblob", "outblob"};
    struct tee *t = must_open(FAKE_REPORTS);
    for (size_t i = 0; i < 4; i++) {
        fake_configfs.open_file = names[i];
        fake_configfs.open.error = EACCES;
        fake_configfs.open.times = 1;
        refuses(t, names[i]);
        assert_int_equal(fake_configfs.open.times, 0);
    }
    int error = ETIMEDOUT;
    fake_configfs.report_new = no_quote;
    fake_configfs.ctx = &error;
    refuses(t, "qgsd");
    fake_configfs.report_new = report_new;
    fake_configfs.read.error = EIO;
    fake_configfs.read.times = 1;
    refuses(t, "Input/output");
    fake_configfs.write.error = EINVAL;
    fake_configfs.write.times = 1;
    refuses(t, "inblob");
    fake_configfs.mkdir.error = ENOSPC;
    fake_configfs.mkdir.times = 1;
    refuses(t, "cannot make a report");
    fake_configfs.short_write = true;
    refuses(t, "inblob");
    fake_configfs.short_write = false;
    quotes(t, 1);
    close_all(t);
}

static void test_lies(void **state)
{
    (void)state;
    static const char *const generations[] = {
        "\n", "",     "x\n",  "-1\n",   " 0\n",
        "0",  "0 \n", "1x\n", "0\n1\n", "99999999999999999999999\n"};
    struct tee *t = must_open(FAKE_REPORTS);
    for (size_t i = 0; i < sizeof generations / sizeof generations[0]; i++) {
        fake_configfs.generation = generations[i];
        refuses(t, "generation");
    }
    fake_configfs.generation = NULL; /* the right one, written as no kernel does */
    static const char *const written[][2] = {
        {"", "x\n"}, {" ", "\n"}, {"+", "\n"}, {"", "7"}, {"", " \n"}};
    for (size_t i = 0; i < sizeof written / sizeof written[0]; i++) {
        fake_configfs.generation_before = written[i][0];
        fake_configfs.generation_after = written[i][1];
        refuses(t, "generation");
    }
    fake_configfs.generation_before = fake_configfs.generation_after = NULL;
    fake_configfs.generation = "5\n"; /* never moves */
    refuses(t, "generation");
    fake_configfs.generation = NULL;
    fake_configfs.endless = true;
    refuses(t, "outblob: File too large");
    fake_configfs.endless = false;
    fake_configfs.report_new = nothing;
    refuses(t, "outblob");
    fake_configfs.report_new = half;
    refuses(t, "cannot be read");
    fake_configfs.report_new = stale;
    refuses(t, "other report data");
    fake_configfs.report_new = report_new;
    fake_configfs.provider = "sev_guest";
    refuses(t, "no TDX guest");
    fake_configfs.provider = "tdx_guest_of_a_longer_name_than_any_that_the_kernel_could_have_here";
    refuses(t, "provider");
    fake_configfs.provider = "tdx_guest\ntdx_guest\n";
    refuses(t, "no TDX guest");
    fake_configfs.provider = "tdx_guest";
    quotes(t, 1);
    close_all(t);
}

static void test_open_fails(void **state)
{
    (void)state;
    char longer[400];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    open_fails(TL_E_USAGE, longer, "1 to 255");
    open_fails(TL_E_USAGE, "", "1 to 255");
    open_fails(TL_E_TEE, "/nonexistent/reports", "Linux 6.7");
    static const struct {
        int error;
        const char *words;
    } cases[] = {{ENXIO, "module tdx_guest"},
                 {EACCES, "root"},
                 {EPERM, "root"},
                 {EROFS, "root"},
                 {ENOMEM, "memory"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fake_configfs.mkdir.error = cases[i].error;
        fake_configfs.mkdir.times = 1;
        open_fails(TL_E_TEE, FAKE_REPORTS, cases[i].words);
    }
    fake_configfs.provider = "arm_cca_guest";
    open_fails(TL_E_TEE, FAKE_REPORTS, "no TDX guest");
}

static struct tee *shared;

static void *ask_often(void *arg)
{
    for (uint8_t i = 0; i < 4; i++)
        quotes(shared, (uint8_t)(*(uint8_t *)arg + i * 64));
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t threads[64];
    uint8_t numbers[64];
    shared = must_open(FAKE_REPORTS);
    for (uint8_t i = 0; i < 64; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, ask_often, &numbers[i]), 0);
    }
    for (size_t i = 0; i < 64; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(fake_configfs.quotes, 256);
    close_all(shared);
}

static int set_up(void **state)
{
    (void)state;
    fake_evidence_start(&hardware, SIM_TDX_V4, "tdx-tsm");
    fake_evidence_make(&hardware);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fake_configfs_reset();
    fake_evidence_finish(&hardware);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_quotes, reset),
        cmocka_unit_test_setup(test_evidence, reset),
        cmocka_unit_test_setup(test_keys, reset),
        cmocka_unit_test_setup(test_identity, reset),
        cmocka_unit_test_setup(test_pieces, reset),
        cmocka_unit_test_setup(test_slow, reset),
        cmocka_unit_test_setup(test_leftovers, reset),
        cmocka_unit_test_setup(test_races, reset),
        cmocka_unit_test_setup(test_busy, reset),
        cmocka_unit_test_setup(test_errors, reset),
        cmocka_unit_test_setup(test_lies, reset),
        cmocka_unit_test_setup(test_open_fails, reset),
        cmocka_unit_test_setup(test_threads, reset),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
