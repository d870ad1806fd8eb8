/* SGX under Gramine, against a stand-in for /dev/attestation. */
#include "fakegramine.h"
#include "testlib.h"

#include "attest/collateral.h"
#include "attest/evidence.h"
#include "crypto/hash.h"
#include "tee/platform.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static bool takes_a_part; /* of what is written to user_report_data */

ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n)
{
    return __real_write(fd, p, takes_a_part && n == 64 ? 63 : n);
}

static struct {
    char *sim_dir, *dir;
    struct tee *sim, *tee; /* tee: what is tested */
    struct fake_gramine device;
} w;

static struct tee *must_open(const char *kind)
{
    struct tee *t = NULL;
    struct tl_why why = {0};
    tl_err err = tee_open(&t, kind, w.sim_dir, &why);
    if (err != TL_OK)
        fail_msg("%s: %s", kind, tl_why_text(&why, err));
    return t;
}

static const char *kind(void)
{
    static char text[300];
    snprintf(text, sizeof text, "sgx-gramine:%s", w.dir);
    return text;
}

static int set_up(void **state)
{
    (void)state;
    takes_a_part = false;
    w.sim_dir = test_tmpdir();
    w.dir = test_tmpdir();
    w.sim = must_open("sim");
    assert_int_equal(fake_gramine_start(&w.device, w.dir, w.sim), 0);
    w.tee = must_open(kind());
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tee_close(w.tee);
    fake_gramine_stop(&w.device);
    tee_close(w.sim);
    test_rmdir(w.dir);
    test_rmdir(w.sim_dir);
    return 0;
}

static void play(struct fake_gramine_play p)
{
    fake_gramine_play(&w.device, &p);
}

static tl_err ask(unsigned fill, buf *quote, struct tl_why *why)
{
    uint8_t report_data[64];
    memset(report_data, (int)fill, sizeof report_data);
    return tee_quote(w.tee, report_data, quote, NULL, why);
}

static void quotes(unsigned fill)
{
    buf quote;
    struct tl_why why = {0};
    buf_init(&quote, TEE_QUOTE_MAX);
    tl_err err = ask(fill, &quote, &why);
    if (err != TL_OK)
        fail_msg("%s", tl_why_text(&why, err));
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(quote.p[368 + i], fill);
    buf_finish(&quote);
}

/* Nothing is appended, and the sentence has these words. */
static void fails_with(tl_err err, unsigned fill, const char *words)
{
    buf quote;
    struct tl_why why = {0};
    buf_init(&quote, TEE_QUOTE_MAX);
    buf_str(&quote, "before");
    assert_err(ask(fill, &quote, &why), err);
    if (!strstr(why.text, words))
        fail_msg("\"%s\" is not in: %s", words, why.text);
    assert_int_equal(quote.n, 6);
    buf_finish(&quote);
}

static void quote_fails(unsigned fill, const char *words)
{
    fails_with(TL_E_TEE, fill, words);
}

static void open_fails(const char *words)
{
    struct tee *t = NULL;
    struct tl_why why = {0};
    assert_err(tee_open(&t, kind(), w.sim_dir, &why), TL_E_TEE);
    if (!strstr(why.text, words))
        fail_msg("\"%s\" is not in: %s", words, why.text);
    assert_null(t);
}

static void put(const char *name, const char *bytes, size_t n)
{
    assert_int_equal(fake_gramine_file(&w.device, name, bytes, n), 0);
}

static void a_stand_in_is_simulated(void **state)
{
    (void)state;
    assert_true(tee_simulated(w.tee));
    assert_string_equal(tee_platform(w.tee), "simulator");
    assert_string_equal(tee_kind(w.tee), "sgx-gramine");
    assert_string_equal(tee_sealing(w.tee), "stand-in");
    assert_true(tee_keeps_keys(w.tee));
    assert_null(tee_shown(w.tee));
    struct tee *own = NULL; /* as tee.c opens the platform itself */
    assert_ok(gramine_open(&own, w.dir, NULL));
    assert_string_equal(tee_sealing(own), "sgx mrenclave");
    assert_false(tee_simulated(own));
    tee_close(own);
    assert_err(tee_collateral(w.tee, 0, NULL, NULL), TL_E_NOT_FOUND);
}

/* As a verifier takes it who names the device's root for hardware. */
static void a_quote_verifies_as_hardware(void **state)
{
    (void)state;
    buf quote, collateral;
    struct evidence_report r;
    uint64_t now = (uint64_t)time(NULL);
    buf_init(&quote, TEE_QUOTE_MAX);
    buf_init(&collateral, COLLATERAL_MAX);
    assert_ok(ask(7, &quote, NULL));
    assert_ok(tee_collateral(w.sim, now, &collateral, NULL));
    struct evidence_context context = {.time = now};
    struct evidence e = {slice_str("simulator"), buf_slice(&quote), {NULL, 0}};
    evidence_verify(&r, &e, buf_slice(&collateral), &context);
    assert_true(r.genuine);
    hash32 root = r.code.root;
    context.hardware_root = &root;
    e.platform = slice_str("sgx-gramine");
    evidence_verify(&r, &e, buf_slice(&collateral), &context);
    if (!r.genuine)
        fail_msg("%s: %s", r.stage, r.detail);
    assert_false(r.simulated);
    buf_finish(&collateral);
    buf_finish(&quote);
}

static void one_after_another(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 200; i++)
        quotes(i);
    assert_int_equal(w.device.made, 200);
}

static void the_sealing_key(void **state)
{
    (void)state;
    static const slice none = {NULL, 0};
    uint8_t key[32], again[32], want[32];
    struct tee *own = NULL; /* as tee.c opens the platform itself: another key */
    assert_ok(gramine_open(&own, w.dir, NULL));
    assert_ok(tee_sealing_key(own, key, NULL));
    tee_close(own);
    hkdf_sha256(want, 32, slice_str("sixteen bytes it"), none,
                slice_str("teelog/platform/sgx-gramine/v1"));
    assert_memory_equal(key, want, 32);
    assert_ok(tee_sealing_key(w.tee, key, NULL));
    hkdf_sha256(want, 32, slice_str("sixteen bytes it"), none,
                slice_str("teelog/platform/sgx-gramine stand-in/v1"));
    assert_memory_equal(key, want, 32);
    /* The signer's is not looked at. */
    put("keys/_sgx_mrsigner", "another sixteen!", 16);
    assert_ok(tee_sealing_key(w.tee, again, NULL));
    assert_memory_equal(key, again, 32);
    /* A microcode update. */
    put("keys/_sgx_mrenclave", "sixteen others..", 16);
    assert_ok(tee_sealing_key(w.tee, again, NULL));
    assert_memory_not_equal(key, again, 32);
}

static void hostile_sealing_keys(void **state)
{
    (void)state;
    static const char bytes[4096];
    put("keys/_sgx_mrenclave", bytes, 0);
    open_fails("is empty: this is gramine-direct");
    put("keys/_sgx_mrenclave", bytes, 15);
    open_fails("15 bytes instead of 16");
    put("keys/_sgx_mrenclave", bytes, 17);
    open_fails("more than 16 bytes");
    put("keys/_sgx_mrenclave", bytes, sizeof bytes);
    open_fails("more than 16 bytes");
    char path[300];
    snprintf(path, sizeof path, "%s/keys/_sgx_mrenclave", w.dir);
    assert_int_equal(unlink(path), 0);
    open_fails("No such file");
}

static void attestation_types(void **state)
{
    (void)state;
    static const char *const others[] = {"epid", "dcap\n", "", "DCAP", "dcapdcap", "dca"};
    char path[300];
    put("attestation_type", "none", 4);
    open_fails("sgx.remote_attestation = \"none\"");
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        put("attestation_type", others[i], strlen(others[i]));
        open_fails("set sgx.remote_attestation = \"dcap\" in the manifest");
    }
    put("attestation_type", "dcap, and so on, for more than 32 bytes", 39);
    open_fails("cannot read");
    snprintf(path, sizeof path, "%s/attestation_type", w.dir);
    assert_int_equal(unlink(path), 0);
    open_fails("gramine-direct");
    snprintf(path, sizeof path, "%s/keys/_sgx_mrenclave", w.dir);
    assert_int_equal(unlink(path), 0);
    snprintf(path, sizeof path, "%s/keys", w.dir);
    assert_int_equal(rmdir(path), 0);
    open_fails("does not run under Gramine");
}

/* As Gramine's files do where the quoting service fails. Root may do anything, so that another
 * asks. */
static void no_permission(void **state)
{
    (void)state;
    bool root = geteuid() == 0;
    char path[300];
    assert_int_equal(chmod(w.dir, 0755), 0);
    snprintf(path, sizeof path, "%s/user_report_data", w.dir);
    assert_int_equal(chmod(path, 0666), 0);
    snprintf(path, sizeof path, "%s/quote", w.dir);
    assert_int_equal(chmod(path, 0), 0);
    assert_int_equal(root ? seteuid(65534) : 0, 0);
    quote_fails(1, "aesmd");
    assert_int_equal(root ? seteuid(0) : 0, 0);
    assert_int_equal(chmod(path, 0600), 0);
    quotes(2);
    snprintf(path, sizeof path, "%s/user_report_data", w.dir);
    assert_int_equal(chmod(path, 0), 0);
    assert_int_equal(root ? seteuid(65534) : 0, 0);
    quote_fails(3, "user_report_data: Permission denied");
    assert_int_equal(root ? seteuid(0) : 0, 0);
}

static void no_quote(void **state)
{
    (void)state;
    char path[300], away[300];
    snprintf(path, sizeof path, "%s/quote", w.dir);
    snprintf(away, sizeof away, "%s/away", w.dir);
    assert_int_equal(rename(path, away), 0);
    quote_fails(1, "sgx.remote_attestation");
    assert_int_equal(mkdir(path, 0700), 0);
    quote_fails(2, "Is a directory");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rename(away, path), 0);
    takes_a_part = true;
    quote_fails(3, "a part of the 64 bytes");
    takes_a_part = false;
    quotes(4);
}

static void every_cut(void **state)
{
    (void)state;
    buf quote;
    buf_init(&quote, TEE_QUOTE_MAX);
    assert_ok(ask(1, &quote, NULL));
    for (size_t n = 0; n < quote.n; n++) {
        play((struct fake_gramine_play){.cuts = true, .cut = n});
        quote_fails(2, "is not the length that it tells");
    }
    play((struct fake_gramine_play){0});
    quotes(3);
    buf_finish(&quote);
}

static void too_much(void **state)
{
    (void)state;
    static const size_t more[] = {1, 3, 1000};
    for (size_t i = 0; i < 3; i++) {
        play((struct fake_gramine_play){.more = more[i]});
        quote_fails(1, "is not the length that it tells");
    }
    play((struct fake_gramine_play){.more = 8192});
    quote_fails(1, "more than the 8192 bytes");
    play((struct fake_gramine_play){.more = 500000});
    quote_fails(1, "more than the 8192 bytes");
    play((struct fake_gramine_play){0});
    quotes(2);
}

/* As long as it tells, and no quote. */
static void nonsense(void **state)
{
    (void)state;
    uint8_t bytes[1000] = {0};
    bytes[432] = (uint8_t)((1000 - 436) & 0xff);
    bytes[433] = (uint8_t)((1000 - 436) >> 8);
    play((struct fake_gramine_play){.says = bytes, .says_n = sizeof bytes});
    quote_fails(0, "cannot be read");
}

static void stale_quotes(void **state)
{
    (void)state;
    quotes(1);
    play((struct fake_gramine_play){.stale = true});
    quote_fails(2, "other report data than was asked for");
    play((struct fake_gramine_play){0});
    quotes(3);
}

static void somebody_else_writes(void **state)
{
    (void)state;
    static const uint8_t theirs[64] = "another thread of this enclave";
    char path[300];
    play((struct fake_gramine_play){.intrude = theirs});
    quote_fails(1, "something else asks it at the same time");
    play((struct fake_gramine_play){0});
    /* Before us, it does not matter. */
    snprintf(path, sizeof path, "%s/user_report_data", w.dir);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(fd, theirs, 64), 64);
    close(fd);
    quotes(2);
}

struct asking {
    pthread_t thread;
    struct tee *tee;
    unsigned fill;
    tl_err err;
    bool right;
    struct tl_why why;
};

static void *one_of_many(void *arg)
{
    struct asking *a = arg;
    uint8_t report_data[64];
    buf quote;
    memset(report_data, (int)a->fill, 64);
    buf_init(&quote, TEE_QUOTE_MAX);
    a->err = tee_quote(a->tee, report_data, &quote, NULL, &a->why);
    a->right = a->err == TL_OK && memcmp(quote.p + 368, report_data, 64) == 0;
    buf_finish(&quote);
    return NULL;
}

#define MANY 64

static void begin_many(struct asking all[MANY], struct tee *t)
{
    for (unsigned i = 0; i < MANY; i++) {
        all[i] = (struct asking){.tee = t, .fill = i + 1};
        assert_int_equal(pthread_create(&all[i].thread, NULL, one_of_many, &all[i]), 0);
    }
}

static void end_many(struct asking all[MANY])
{
    for (unsigned i = 0; i < MANY; i++)
        pthread_join(all[i].thread, NULL);
}

static void many_right(struct tee *t)
{
    struct asking all[MANY];
    begin_many(all, t);
    end_many(all);
    for (unsigned i = 0; i < MANY; i++) {
        if (all[i].err != TL_OK)
            fail_msg("thread %u: %s", i, tl_why_text(&all[i].why, all[i].err));
        assert_true(all[i].right);
    }
}

static void threads_64(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        many_right(w.tee);
        many_right(w.sim);
    }
    assert_int_equal(w.device.made, 20 * MANY);
}

/* A slow platform serves all: the deadline runs from its last quote. */
static void slow_for_64(void **state)
{
    (void)state;
    tee_set_deadline(w.tee, 500);
    play((struct fake_gramine_play){.delay_ms = 20});
    many_right(w.tee);
}

static void a_platform_that_hangs(void **state)
{
    (void)state;
    struct asking all[MANY];
    tee_set_deadline(w.tee, 200);
    play((struct fake_gramine_play){.hangs = true});
    begin_many(all, w.tee);
    end_many(all);
    for (unsigned i = 0; i < MANY; i++) {
        assert_err(all[i].err, TL_E_NO_QUOTE);
        assert_non_null(strstr(all[i].why.text, "answered nobody for 0.200 s"));
    }
    fails_with(TL_E_NO_QUOTE, 1, "answered nobody");
    /* It answers again: what it says to those who have gone is nobody's. */
    play((struct fake_gramine_play){0});
    tee_set_deadline(w.tee, TEE_DEADLINE_MS);
    quotes(2);
    many_right(w.tee);
    assert_true(w.device.made <= 2 + MANY);
}

/* An end does not wait for it. */
static void closed_while_it_hangs(void **state)
{
    (void)state;
    struct timespec from, to;
    struct asking one = {.tee = w.tee, .fill = 9};
    play((struct fake_gramine_play){.hangs = true});
    clock_gettime(CLOCK_MONOTONIC, &from);
    assert_int_equal(pthread_create(&one.thread, NULL, one_of_many, &one), 0);
    usleep(50000);
    tee_set_deadline(w.tee, 100);
    pthread_join(one.thread, NULL);
    assert_err(one.err, TL_E_NO_QUOTE);
    tee_close(w.tee);
    clock_gettime(CLOCK_MONOTONIC, &to);
    assert_true(to.tv_sec - from.tv_sec < 10);
    play((struct fake_gramine_play){0});
    w.tee = must_open(kind());
    quotes(1);
}

/* Somebody was left behind in a wait: what they use goes when they have gone. */
static void closed_while_somebody_waits(void **state)
{
    (void)state;
    struct asking one = {.tee = w.tee, .fill = 9};
    tee_set_deadline(w.tee, 300);
    play((struct fake_gramine_play){.hangs = true});
    assert_int_equal(pthread_create(&one.thread, NULL, one_of_many, &one), 0);
    usleep(100000);
    tee_close(w.tee);
    pthread_join(one.thread, NULL);
    assert_err(one.err, TL_E_NO_QUOTE);
    play((struct fake_gramine_play){0});
    w.tee = must_open(kind());
    /* And where the platform answers in time, they get it. */
    one = (struct asking){.tee = w.tee, .fill = 10};
    play((struct fake_gramine_play){.delay_ms = 200});
    assert_int_equal(pthread_create(&one.thread, NULL, one_of_many, &one), 0);
    usleep(100000);
    tee_close(w.tee);
    pthread_join(one.thread, NULL);
    assert_ok(one.err);
    assert_true(one.right);
    play((struct fake_gramine_play){0});
    w.tee = must_open(kind());
    quotes(1);
}

static void what_people_are_told(void **state)
{
    (void)state;
    char info[512] = {0};
    buf text;
    buf_init(&text, 1000);
    tee_identity(w.tee, &text);
    assert_int_equal(text.n, 0);
    memset(info, 0xa5, 32);
    put("my_target_info", info, 511);
    tee_identity(w.tee, &text);
    assert_int_equal(text.n, 0);
    put("my_target_info", info, 512);
    tee_identity(w.tee, &text);
    buf_u8(&text, 0);
    assert_int_equal(strncmp((char *)text.p, "MRENCLAVE a5a5a5", 16), 0);
    assert_null(strstr((char *)text.p, "DEBUG"));
    buf_reset(&text);
    info[32] = 2;
    put("my_target_info", info, 512);
    tee_identity(w.tee, &text);
    buf_u8(&text, 0);
    assert_non_null(strstr((char *)text.p, "DEBUG"));
    buf_finish(&text);
}

static void without_memory(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        struct tee *t = NULL;
        buf quote;
        static const uint8_t report_data[64] = {5};
        buf_init(&quote, TEE_QUOTE_MAX);
        test_fail_alloc(n);
        tl_err err = tee_open(&t, kind(), w.sim_dir, NULL);
        if (err == TL_OK)
            err = tee_quote(t, report_data, &quote, NULL, NULL);
        bool failed = test_alloc_failed();
        test_fail_alloc(0);
        if (err != TL_OK)
            assert_int_equal(quote.n, 0);
        tee_close(t);
        buf_finish(&quote);
        if (!failed) {
            assert_ok(err);
            break;
        }
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_stand_in_is_simulated),
        T(a_quote_verifies_as_hardware),
        T(one_after_another),
        T(the_sealing_key),
        T(hostile_sealing_keys),
        T(attestation_types),
        T(no_permission),
        T(no_quote),
        T(every_cut),
        T(too_much),
        T(nonsense),
        T(stale_quotes),
        T(somebody_else_writes),
        T(threads_64),
        T(slow_for_64),
        T(a_platform_that_hangs),
        T(closed_while_it_hangs),
        T(closed_while_somebody_waits),
        T(what_people_are_told),
        T(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
