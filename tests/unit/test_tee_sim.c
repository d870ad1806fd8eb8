/* The simulated TEE: its files, its quotes and collateral, and what a verifier
 * says of them. */
#include "testlib.h"

#include "attest/chain.h"
#include "attest/collateral.h"
#include "attest/dcap.h"
#include "attest/evidence.h"
#include "attest/quote.h"
#include "tee/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DAY UINT64_C(86400)

static const char *const kind_names[] = {"sim", "sim-tdx", "sim-tdx-v5"};
#define KINDS (sizeof kind_names / sizeof kind_names[0])

static struct tee *must_open_kind(const char *dir, const char *kind)
{
    struct tee *t = NULL;
    struct tl_why why = {0};
    tl_err err = tee_open(&t, kind, dir, &why);
    if (err != TL_OK)
        fail_msg("%s: %s", tl_err_name(err), tl_why_text(&why, err));
    return t;
}

static struct tee *must_open(const char *dir)
{
    return must_open_kind(dir, "sim");
}

static void must_quote(struct tee *t, buf *quote, uint8_t fill)
{
    uint8_t report_data[64];
    struct tl_why why = {0};
    memset(report_data, fill, sizeof report_data);
    buf_init(quote, TEE_QUOTE_MAX);
    assert_ok(tee_quote(t, report_data, quote, NULL, &why));
}

static void must_collateral(struct tee *t, buf *json, uint64_t now)
{
    struct tl_why why = {0};
    buf_init(json, COLLATERAL_MAX);
    assert_ok(tee_collateral(t, now, json, &why));
}

static struct evidence_report judge_with(slice quote, slice collateral)
{
    struct evidence_report r;
    struct evidence e = {slice_str("simulator"), quote, {NULL, 0}};
    const struct evidence_context context = {.time = (uint64_t)time(NULL)};
    evidence_verify(&r, &e, collateral, &context);
    return r;
}

/* With fresh collateral. */
static struct evidence_report judge(struct tee *t, slice quote)
{
    buf json;
    must_collateral(t, &json, (uint64_t)time(NULL));
    struct evidence_report r = judge_with(quote, buf_slice(&json));
    buf_finish(&json);
    return r;
}

static void genuine_as(const char *kind)
{
    char *dir = test_tmpdir();
    struct tee *t = must_open_kind(dir, kind);
    buf quote, item;
    assert_string_equal(tee_platform(t), "simulator");
    assert_string_equal(tee_sealing(t), "simulator file");
    assert_true(tee_simulated(t));
    must_quote(t, &quote, 0x5a);

    buf_init(&item, EVIDENCE_MAX);
    struct evidence e = {slice_str("simulator"), buf_slice(&quote), {NULL, 0}}, back;
    evidence_put(&item, &e);
    assert_ok(buf_err(&item));
    assert_ok(evidence_read(&back, buf_slice(&item)));
    assert_true(slice_eq(back.platform, e.platform));
    assert_true(slice_eq(back.quote, e.quote));
    assert_null(back.event_log.p);

    struct evidence_report r = judge(t, back.quote);
    if (!r.genuine)
        fail_msg("%s: %s", r.stage, r.detail);
    assert_true(r.simulated);
    assert_int_equal(r.tcb.status, TCB_UP_TO_DATE);
    assert_int_equal(r.tcb.advisory_count, 0);
    assert_int_equal(r.platform, PLATFORM_SIMULATOR);
    assert_null(r.stage);
    assert_non_null(strstr(r.detail, "simulated"));
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(r.report_data[i], 0x5a);
    r = judge_with(back.quote, (slice){NULL, 0});
    assert_false(r.genuine);
    assert_string_equal(r.stage, "collateral");
    buf_finish(&item);
    buf_finish(&quote);
    tee_close(t);
    test_rmdir(dir);
}

static void quote_is_genuine(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++)
        genuine_as(kind_names[i]);
}

/* Makes the n-th of the calls below from now fail, once; 0 never. */
static size_t fail_call;
static bool call_failed;
static uint64_t fake_time;

static bool fail_now(void)
{
    if (fail_call == 0 || --fail_call > 0)
        return false;
    call_failed = true;
    errno = EIO;
    return true;
}

time_t __real_time(time_t *t);
time_t __wrap_time(time_t *t);
time_t __wrap_time(time_t *t)
{
    return fake_time ? (time_t)fake_time : __real_time(t);
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    return fail_now() ? -1 : __real_fsync(fd);
}

int __real_mkdirat(int fd, const char *path, mode_t mode);
int __wrap_mkdirat(int fd, const char *path, mode_t mode);
int __wrap_mkdirat(int fd, const char *path, mode_t mode)
{
    return fail_now() ? -1 : __real_mkdirat(fd, path, mode);
}

int __real_renameat(int a, const char *from, int b, const char *to);
int __wrap_renameat(int a, const char *from, int b, const char *to);
int __wrap_renameat(int a, const char *from, int b, const char *to)
{
    return fail_now() ? -1 : __real_renameat(a, from, b, to);
}

int __real_flock(int fd, int how);
int __wrap_flock(int fd, int how);
int __wrap_flock(int fd, int how)
{
    return fail_now() ? -1 : __real_flock(fd, how);
}

ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n)
{
    /* A short write now and then is allowed, and must change nothing. */
    return fail_now() ? -1 : __real_write(fd, p, n > 20 ? n / 2 : n);
}

ssize_t __real_read(int fd, void *p, size_t n);
ssize_t __wrap_read(int fd, void *p, size_t n);
ssize_t __wrap_read(int fd, void *p, size_t n)
{
    return fail_now() ? -1 : __real_read(fd, p, n);
}

static const char *const file_names[] = {
    "root.key",        "intermediate.key", "pck.key",   "signer.key",
    "attestation.key", "sealing.key",      "chain.pem", "signer.pem",
};
#define FILES       (sizeof file_names / sizeof file_names[0])
#define KEY_FILES   6
#define ATTESTATION 4
#define SEALING     5

static const char *below(const char *dir, const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static const char *sim_file(const char *dir, const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/sim/%s", dir, name);
    return path;
}

static void put_file(const char *path, const void *p, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* Valid from a day ago, for 30 years. */
static void is_fresh(const struct cert *c)
{
    uint64_t now = (uint64_t)time(NULL);
    /* The common name comes first in these names. */
    assert_non_null(memmem(c->subject.p, 30, "teelog simulated", strlen("teelog simulated")));
    assert_true(c->not_before >= now - DAY - 60 && c->not_before <= now - DAY);
    assert_true(c->not_after - c->not_before == UINT64_C(10957) * DAY);
    assert_true(c->has_crl_points && c->has_authority_key_id && c->has_subject_key_id);
}

static void check_chain(slice pem, const uint8_t mrsigner[32])
{
    struct chain chain;
    struct tl_why why = {0};
    assert_ok(chain_read_pck(&chain, pem, &why));
    hash32 h = sha256(chain.root.spki);
    if (mrsigner)
        assert_memory_equal(mrsigner, h.b, 32);
    assert_true(chain.leaf.has_sgx);
    assert_false(chain.leaf.sgx.platform_ca);
    is_fresh(&chain.leaf);
    is_fresh(&chain.intermediate);
    is_fresh(&chain.root);
    chain_finish(&chain);
}

static void check_qe(slice report, uint16_t prod_id)
{
    struct sgx_report qe;
    sgx_report_read(&qe, report);
    assert_true(qe.flags == (SGX_FLAG_INIT | SGX_FLAG_MODE64BIT | SGX_FLAG_PROVISION_KEY));
    assert_int_equal(qe.isv_prod_id, prod_id);
}

static void what_the_quote_says(void **state)
{
    (void)state;
    char *dir = test_tmpdir();
    struct tee *t = must_open(dir);
    struct quote q;
    struct sgx_report body;
    struct tl_why why = {0};
    size_t n;
    buf quote;
    must_quote(t, &quote, 1);
    assert_ok(quote_read(&q, buf_slice(&quote), &why));
    assert_int_equal(q.version, 3);
    assert_int_equal(q.trailing, 0);
    assert_int_equal(q.cert_type, 5);
    assert_int_equal(q.qe_auth.n, 32);
    sgx_report_read(&body, q.body);
    assert_true(body.flags == (SGX_FLAG_INIT | SGX_FLAG_MODE64BIT));
    uint8_t *exe = test_file("/proc/self/exe", &n);
    assert_non_null(exe);
    hash32 h = sha256(slice_of(exe, n));
    assert_memory_equal(body.mrenclave, h.b, 32);
    free(exe);
    check_qe(q.qe_report, 1);
    check_chain(q.cert_data, body.mrsigner);

    /* Appended to what is there, and never beyond the buffer. */
    uint8_t report_data[64] = {0}, mem[1000];
    size_t before = quote.n;
    assert_ok(tee_quote(t, report_data, &quote, NULL, &why));
    assert_int_equal(quote.n, 2 * before);
    assert_true(judge(t, slice_of(quote.p + before, before)).genuine);
    buf small;
    buf_init_fixed(&small, mem, sizeof mem);
    assert_err(tee_quote(t, report_data, &small, NULL, &why), TL_E_LIMIT);
    buf_init_fixed(&small, mem, sizeof mem);
    memset(&why, 0, sizeof why);
    assert_err(tee_collateral(t, (uint64_t)time(NULL), &small, &why), TL_E_LIMIT);
    assert_non_null(strstr(why.text, "could not make collateral"));
    buf_finish(&quote);
    tee_close(t);
    tee_close(NULL);
    test_rmdir(dir);
}

static void is_hash_of(const uint8_t measured[48], const char *label)
{
    uint8_t h[48];
    sha384(slice_str(label), h);
    assert_memory_equal(measured, h, 48);
}

static void check_td(const struct td_report *td)
{
    static const uint8_t zeros[64] = {0}, svn[16] = {5, 1, 3};
    uint8_t event[96] = {0}, rtmr3[48];
    size_t n;
    assert_memory_equal(td->tee_tcb_svn, svn, 16);
    assert_true(td->td_attributes == TD_ATTR_SEPT_VE_DISABLE);
    assert_memory_equal(td->mr_signer_seam, zeros, 48);
    assert_memory_equal(td->seam_attributes, zeros, 8);
    assert_memory_equal(td->mr_config_id, zeros, 48);
    assert_memory_equal(td->mr_owner, zeros, 48);
    assert_memory_equal(td->mr_owner_config, zeros, 48);
    is_hash_of(td->mr_seam, "teelog simulated TDX module");
    is_hash_of(td->mr_td, "teelog simulated virtual firmware");
    is_hash_of(td->rtmr[0], "teelog simulated firmware configuration");
    is_hash_of(td->rtmr[1], "teelog simulated kernel");
    is_hash_of(td->rtmr[2], "teelog simulated kernel command line");
    uint8_t *exe = test_file("/proc/self/exe", &n);
    assert_non_null(exe);
    sha384(slice_of(exe, n), event + 48);
    sha384(SLICE_ARRAY(event), rtmr3);
    assert_memory_equal(td->rtmr[3], rtmr3, 48);
    free(exe);
}

static void what_a_td_says(void **state)
{
    (void)state;
    static const uint8_t zeros[48] = {0};
    for (size_t i = 1; i < KINDS; i++) {
        char *dir = test_tmpdir();
        struct tee *t = must_open_kind(dir, kind_names[i]);
        struct quote q;
        struct td_report td;
        struct tl_why why = {0};
        buf quote;
        must_quote(t, &quote, 7);
        assert_ok(quote_read(&q, buf_slice(&quote), &why));
        assert_int_equal(q.version, 3 + i);
        assert_true(quote_is_tdx(&q));
        assert_int_equal(q.trailing, 0);
        assert_int_equal(q.body_type, i == 1 ? QUOTE_BODY_TD10 : QUOTE_BODY_TD15);
        td_report_read(&td, q.body);
        check_td(&td);
        assert_int_equal(td.has_15, i == 2);
        assert_memory_equal(td.tee_tcb_svn2, i == 2 ? td.tee_tcb_svn : zeros, 16);
        assert_memory_equal(td.mr_service_td, zeros, 48);
        assert_int_equal(td.report_data[0], 7);
        assert_int_equal(td.report_data[63], 7);
        check_qe(q.qe_report, 2);
        check_chain(q.cert_data, NULL);
        buf_finish(&quote);
        tee_close(t);
        test_rmdir(dir);
    }
}

static struct dcap_report verify_at(slice quote, slice collateral, uint64_t time)
{
    struct dcap_report r;
    const struct dcap_input in = {.quote = quote, .collateral = collateral, .time = time};
    dcap_verify(&r, &in);
    return r;
}

static void fails_validity(slice quote, slice collateral, uint64_t time)
{
    struct dcap_report r = verify_at(quote, collateral, time);
    assert_false(r.ok);
    assert_string_equal(r.stage, "validity");
}

/* Good from the moment that was asked for, for 30 days, to the second. */
static void collateral_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        char *dir = test_tmpdir();
        struct tee *t = must_open_kind(dir, kind_names[i]);
        uint64_t at = (uint64_t)time(NULL) + 5 * DAY, issued = at - 3600, last = issued + 30 * DAY;
        buf quote, json;
        must_quote(t, &quote, 3);
        must_collateral(t, &json, at);
        struct dcap_report r = verify_at(buf_slice(&quote), buf_slice(&json), issued);
        if (!r.ok)
            fail_msg("%s: %s", r.stage, r.detail);
        assert_int_equal(r.tcb.status, TCB_UP_TO_DATE);
        assert_true(r.collateral_issued == issued && r.collateral_expires == last);
        assert_int_equal(r.tcb_evaluation_number, 17);
        assert_int_equal(r.qe_evaluation_number, 17);
        assert_true(verify_at(buf_slice(&quote), buf_slice(&json), last).ok);
        fails_validity(buf_slice(&quote), buf_slice(&json), issued - 1);
        fails_validity(buf_slice(&quote), buf_slice(&json), last + 1);
        buf_finish(&json);
        buf_finish(&quote);
        tee_close(t);
        test_rmdir(dir);
    }
}

/* One kind's collateral is not another's, and no other platform's fits. */
static void collateral_is_its_own(void **state)
{
    (void)state;
    char *dir = test_tmpdir(), *other = test_tmpdir(), *third = test_tmpdir();
    struct tee *t = must_open(dir), *far = must_open(other);
    struct tee *td = must_open_kind(third, "sim-tdx");
    uint64_t now = (uint64_t)time(NULL);
    buf quote, json, foreign;
    must_quote(t, &quote, 3);
    must_collateral(td, &json, now);
    assert_false(verify_at(buf_slice(&quote), buf_slice(&json), now).ok);
    must_collateral(far, &foreign, now);
    assert_false(verify_at(buf_slice(&quote), buf_slice(&foreign), now).ok);
    buf_finish(&json);
    buf_finish(&foreign);
    buf_finish(&quote);
    tee_close(t);
    tee_close(td);
    tee_close(far);
    test_rmdir(dir);
    test_rmdir(other);
    test_rmdir(third);
}

/* A platform whose collateral is Intel's to give. */
static void no_collateral(void **state)
{
    (void)state;
    static const struct tee_ops ops = {.platform = "sgx-gramine"};
    struct tee t = {.ops = &ops};
    struct tl_why why = {0};
    buf json;
    buf_init(&json, COLLATERAL_MAX);
    assert_err(tee_collateral(&t, 1, &json, &why), TL_E_NOT_FOUND);
    assert_non_null(strstr(why.text, "sgx-gramine"));
    assert_int_equal(json.n, 0);
}

static hash32 root_of(struct tee *t)
{
    buf quote;
    must_quote(t, &quote, 2);
    struct evidence_report r = judge(t, buf_slice(&quote));
    assert_true(r.genuine);
    buf_finish(&quote);
    return r.code.root;
}

static void sealing_key_of(struct tee *t, uint8_t out[32])
{
    struct tl_why why = {0};
    assert_ok(tee_sealing_key(t, out, &why));
}

static void starts_agree(void **state)
{
    (void)state;
    char *dir = test_tmpdir(), *other = test_tmpdir();
    uint8_t first[32], again[32], elsewhere[32];
    struct stat st;
    struct tee *t = must_open(dir);
    hash32 root = root_of(t);
    sealing_key_of(t, first);
    tee_close(t);
    assert_int_equal(stat(below(dir, "sim"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(access(below(dir, "sim.new"), F_OK), -1);
    for (size_t i = 0; i < FILES; i++) {
        assert_int_equal(stat(sim_file(dir, file_names[i]), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
    }
    t = must_open(dir);
    hash32 root_again = root_of(t);
    sealing_key_of(t, again);
    tee_close(t);
    assert_true(hash_eq(&root, &root_again));
    assert_memory_equal(first, again, 32);

    t = must_open(other);
    hash32 other_root = root_of(t);
    sealing_key_of(t, elsewhere);
    tee_close(t);
    assert_false(hash_eq(&root, &other_root));
    assert_memory_not_equal(first, elsewhere, 32);

    /* A data directory that is not there yet is made. */
    char path[4096];
    snprintf(path, sizeof path, "%s/new", other);
    tee_close(must_open(path));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    test_rmdir(dir);
    test_rmdir(other);
}

static void existing(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        char *dir = test_tmpdir();
        struct tee *t = NULL;
        struct tl_why why = {0};
        char missing[4096];
        snprintf(missing, sizeof missing, "%s/missing", dir);
        assert_err(tee_open_existing(&t, kind_names[i], missing, &why), TL_E_NOT_FOUND);
        assert_err(tee_open_existing(&t, kind_names[i], dir, &why), TL_E_NOT_FOUND);
        assert_null(t);
        assert_non_null(strstr(why.text, missing));
        assert_int_equal(access(missing, F_OK), -1);
        assert_int_equal(access(below(dir, "sim"), F_OK), -1);
        tee_close(must_open_kind(dir, kind_names[i]));
        assert_ok(tee_open_existing(&t, kind_names[i], dir, &why));
        tee_close(t);
        test_rmdir(dir);
    }
}

static void refused_as(const char *kind, const char *dir, tl_err want, const char *says)
{
    struct tee *t = NULL;
    struct tl_why why = {0};
    tl_err err = tee_open(&t, kind, dir, &why);
    assert_null(t);
    if (err != want || !strstr(why.text, says))
        fail_msg("want %s (%s), got %s (%s)", tl_err_name(want), says, tl_err_name(err), why.text);
}

static void refused(const char *dir, tl_err want, const char *says)
{
    refused_as("sim", dir, want, says);
}

/* A TD's quotes may be of either version; an enclave's platform is another. */
static void kinds_of_platform(void **state)
{
    (void)state;
    char *dir = test_tmpdir(), *other = test_tmpdir();
    struct tee *t = must_open_kind(dir, "sim-tdx"), *again = must_open_kind(dir, "sim-tdx-v5");
    hash32 root = root_of(t), root_again = root_of(again);
    assert_true(hash_eq(&root, &root_again));
    tee_close(t);
    tee_close(again);
    refused(dir, TL_E_TEE, "a TDX platform: --tee sim-tdx or sim-tdx-v5");
    tee_close(must_open(other));
    refused_as("sim-tdx", other, TL_E_TEE, "an SGX platform: --tee sim");
    refused_as("sim-tdx-v5", other, TL_E_TEE, "an SGX platform: --tee sim");
    test_rmdir(dir);
    test_rmdir(other);
}

static void damaged_files(void **state)
{
    (void)state;
    char *dir = test_tmpdir(), *other = test_tmpdir();
    tee_close(must_open(dir));
    tee_close(must_open(other));
    for (size_t i = 0; i < FILES; i++) {
        const char *name = file_names[i];
        size_t n, m;
        char path[4096];
        snprintf(path, sizeof path, "%s", sim_file(dir, name));
        uint8_t *good = test_file(path, &n), *foreign = test_file(sim_file(other, name), &m);
        assert_non_null(good);
        assert_int_equal(unlink(path), 0);
        refused(dir, TL_E_TEE, "is missing");
        put_file(path, good, n);
        assert_int_equal(chmod(path, 0640), 0);
        refused(dir, TL_E_TEE, "can be read by others");
        assert_int_equal(chmod(path, 0600), 0);
        tee_close(must_open(dir));
        put_file(path, good, i < KEY_FILES ? n - 1 : n - 2); /* the last line end may be missing */
        refused(dir, TL_E_TEE, i < KEY_FILES ? "31 bytes instead of 32" : "cannot be used");
        put_file(path, good, 0);
        refused(dir, TL_E_TEE, i < KEY_FILES ? "0 bytes" : "cannot be used");
        if (i != SEALING) { /* any 32 bytes are a sealing key */
            put_file(path, foreign, m);
            if (i ==
                ATTESTATION) /* and any key is an attestation key, which the PCK key vouches for */
                tee_close(must_open(dir));
            else
                refused(dir, TL_E_TEE, "cannot be used");
            memset(foreign, 0xff, 32); /* above the group's order */
            put_file(path, foreign, i < KEY_FILES ? 32 : m);
            refused(dir, TL_E_TEE, "cannot be used");
        }
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkdir(path, 0700), 0);
        refused(dir, TL_E_TEE, "is not a file");
        assert_int_equal(rmdir(path), 0);
        put_file(path, good, n);
        assert_int_equal(chmod(path, 0600), 0);
        free(good);
        free(foreign);
    }
    tee_close(must_open(dir));
    test_rmdir(dir);
    test_rmdir(other);
}

/* As the simulator's directories were before it made collateral. */
static void older_directories(void **state)
{
    (void)state;
    char *dir = test_tmpdir();
    tee_close(must_open(dir));
    assert_int_equal(unlink(sim_file(dir, "intermediate.key")), 0);
    assert_int_equal(unlink(sim_file(dir, "signer.key")), 0);
    assert_int_equal(unlink(sim_file(dir, "signer.pem")), 0);
    refused(dir, TL_E_TEE, "older than this teelog");
    refused(dir, TL_E_TEE, "start with a fresh directory");
    test_rmdir(dir);
}

static void unusable_directories(void **state)
{
    (void)state;
    char *dir = test_tmpdir();
    char path[4096];
    snprintf(path, sizeof path, "%s/file", dir);
    put_file(path, "x", 1);
    refused(path, TL_E_IO, "cannot open the data directory");
    snprintf(path, sizeof path, "%s/no/such", dir);
    refused(path, TL_E_IO, "cannot make the data directory");
    snprintf(path, sizeof path, "%s/sim", dir);
    put_file(path, "x", 1);
    refused(dir, TL_E_IO, "cannot open");
    assert_int_equal(unlink(path), 0);
    snprintf(path, sizeof path, "%s/sim.new", dir);
    put_file(path, "x", 1); /* not ours to remove */
    refused(dir, TL_E_IO, "cannot make");
    assert_int_equal(access(path, F_OK), 0);
    test_rmdir(dir);
}

static void chain_too_long(void **state)
{
    (void)state;
    char *dir = test_tmpdir();
    tee_close(must_open(dir));
    uint8_t *zeros = calloc(1, 65537);
    put_file(sim_file(dir, "chain.pem"), zeros, 65537);
    refused(dir, TL_E_LIMIT, "chain.pem");
    free(zeros);
    test_rmdir(dir);
}

static void clocks(void **state)
{
    (void)state;
    char *dir = test_tmpdir();
    tee_close(must_open(dir));
    fake_time = (uint64_t)time(NULL) + UINT64_C(40) * 365 * 86400;
    refused(dir, TL_E_TEE, "not valid after");
    fake_time = 1000000;
    refused(dir, TL_E_TEE, "not valid before");
    fake_time = 0;
    tee_close(must_open(dir));
    test_rmdir(dir);
}

/* Each call of a first start, and of a later one, fails in turn: the start
 * says so, and the next one succeeds. */
static void calls_fail(void **state)
{
    (void)state;
    size_t failures = 0;
    for (size_t i = 1;; i++) {
        char *dir = test_tmpdir();
        struct tee *t = NULL;
        struct tl_why why = {0};
        call_failed = false;
        fail_call = i;
        tl_err err = tee_open(&t, "sim", dir, &why);
        fail_call = 0;
        if (call_failed) {
            failures++;
            assert_err(err, TL_E_IO);
            assert_null(t);
            assert_true(why.text[0]);
        }
        tee_close(t);
        tee_close(must_open(dir));
        test_rmdir(dir);
        if (!call_failed)
            break;
    }
    assert_true(failures > 15);
    char *dir = test_tmpdir();
    tee_close(must_open(dir));
    for (size_t i = 1;; i++) {
        struct tee *t = NULL;
        struct tl_why why = {0};
        call_failed = false;
        fail_call = i;
        tl_err err = tee_open(&t, "sim", dir, &why);
        fail_call = 0;
        assert_err(err, call_failed ? TL_E_IO : TL_OK);
        tee_close(t);
        if (!call_failed)
            break;
    }
    test_rmdir(dir);
}

/* Every allocation of a first start, of a later one, of a quote and of collateral. */
static void allocations_fail(void **state)
{
    (void)state;
    for (size_t i = 1, failed = 1; failed; i++) {
        char *dir = test_tmpdir();
        struct tee *t = NULL, *later = NULL;
        struct tl_why why = {0};
        uint8_t report_data[64] = {0};
        buf quote, json;
        buf_init(&quote, TEE_QUOTE_MAX);
        buf_init(&json, COLLATERAL_MAX);
        test_fail_alloc(i);
        tl_err err = tee_open(&t, "sim-tdx-v5", dir, &why);
        if (err == TL_OK)
            err = tee_open(&later, "sim-tdx", dir, &why);
        if (err == TL_OK)
            err = tee_quote(t, report_data, &quote, NULL, &why);
        if (err == TL_OK)
            err = tee_collateral(t, 1790000000, &json, &why);
        failed = test_alloc_failed();
        test_fail_alloc(0);
        assert_err(err, failed ? TL_E_MEMORY : TL_OK);
        assert_true(i > 30 || failed);
        buf_finish(&quote);
        buf_finish(&json);
        tee_close(t);
        tee_close(later);
        test_rmdir(dir);
    }
}

/* A first start killed at any moment leaves nothing, or all of it. */
static void kills(void **state)
{
    (void)state;
    size_t whole = 0, rounds = 40;
    struct timespec begin, end;
    char *whole_start = test_tmpdir();
    clock_gettime(CLOCK_MONOTONIC, &begin);
    tee_close(must_open(whole_start));
    clock_gettime(CLOCK_MONOTONIC, &end);
    test_rmdir(whole_start);
    /* Moments from the beginning to half as long again as a whole start takes. */
    long us = (end.tv_sec - begin.tv_sec) * 1000000 + (end.tv_nsec - begin.tv_nsec) / 1000;
    useconds_t step = us > 500000 ? 20000 : (useconds_t)((size_t)us * 3 / 2 / rounds);
    for (size_t i = 0; i < rounds; i++) {
        char *dir = test_tmpdir();
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct tee *t = NULL;
            struct tl_why why = {0};
            _exit(tee_open(&t, "sim", dir, &why) == TL_OK ? 0 : 1);
        }
        usleep((useconds_t)i * step);
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        bool there = access(below(dir, "sim"), F_OK) == 0;
        whole += there;
        size_t n = 0;
        uint8_t *before = there ? test_file(sim_file(dir, "sealing.key"), &n) : NULL, after[32];
        struct tee *t = must_open(dir);
        sealing_key_of(t, after);
        if (there)
            assert_memory_equal(before, after, 32);
        tee_close(t);
        assert_int_equal(access(below(dir, "sim.new"), F_OK), -1);
        free(before);
        test_rmdir(dir);
    }
    print_message("%zu of %zu killed first starts had come through\n", whole, rounds);
}

static void first_starts_at_once(void **state)
{
    (void)state;
    char *dir = test_tmpdir();
    int ends[2];
    uint8_t got[4][32];
    assert_int_equal(pipe(ends), 0);
    for (size_t i = 0; i < 4; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct tee *t = NULL;
            struct tl_why why = {0};
            uint8_t key[32] = {0};
            if (tee_open(&t, "sim", dir, &why) != TL_OK || tee_sealing_key(t, key, &why) != TL_OK)
                memset(key, (int)i, sizeof key);
            _exit(__real_write(ends[1], key, sizeof key) == sizeof key ? 0 : 1);
        }
    }
    for (size_t i = 0; i < 4; i++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(__real_read(ends[0], got[i], 32), 32);
    for (size_t i = 1; i < 4; i++)
        assert_memory_equal(got[0], got[i], 32);
    close(ends[0]);
    close(ends[1]);
    test_rmdir(dir);
}

static void *quote_in_a_thread(void *arg)
{
    static uint8_t fill;
    uint8_t mine = __atomic_add_fetch(&fill, 1, __ATOMIC_RELAXED);
    for (size_t i = 0; i < 20; i++) {
        buf quote;
        must_quote(arg, &quote, mine);
        struct evidence_report r = judge(arg, buf_slice(&quote));
        if (!r.genuine || r.report_data[0] != mine || r.report_data[63] != mine)
            return arg;
        buf_finish(&quote);
    }
    return NULL;
}

static void threads(void **state)
{
    (void)state;
    char *dir = test_tmpdir();
    struct tee *t = must_open(dir);
    pthread_t all[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&all[i], NULL, quote_in_a_thread, t), 0);
    for (size_t i = 0; i < 4; i++) {
        void *failed;
        assert_int_equal(pthread_join(all[i], &failed), 0);
        assert_null(failed);
    }
    tee_close(t);
    test_rmdir(dir);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void quotes_are_quick(void **state)
{
    (void)state;
    char *dir = test_tmpdir();
    struct tee *t = must_open(dir);
    uint64_t times[101];
    for (size_t i = 0; i < 101; i++) {
        struct timespec a, b;
        buf quote;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
        must_quote(t, &quote, (uint8_t)i);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
        times[i] = (uint64_t)((b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec - a.tv_nsec) / 1000;
        buf_finish(&quote);
    }
    qsort(times, 101, sizeof times[0], by_value);
    print_message("a quote takes %llu us (median)\n", (unsigned long long)times[50]);
#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
    assert_true(times[50] < 300);
#endif
    tee_close(t);
    test_rmdir(dir);
}

static void refused_kind(const char *kind, const char *says)
{
    struct tee *t = NULL;
    struct tl_why why = {0};
    assert_err(tee_open(&t, kind, "/tmp", &why), TL_E_TEE);
    if (!strstr(why.text, says))
        fail_msg("%s: %s", kind, why.text);
    assert_null(t);
}

/* Whatever the machine has, "auto" does not become a simulator. */
static void kinds(void **state)
{
    (void)state;
    struct tee *t = NULL;
    struct tl_why why = {0};
    if (tee_open(&t, "auto", "/tmp", &why) == TL_OK) {
        assert_false(tee_simulated(t));
        assert_non_null(tee_shown(t));
        tee_close(t);
    } else {
        assert_non_null(strstr(why.text, "--tee"));
    }
    refused_kind("sgx-gramine:", "a path is missing");
    refused_kind("sgx-gramine:/nowhere at all", "sgx-gramine (a stand-in): ");
    refused_kind("sim:/tmp", "is none of auto");
    refused_kind("sgx", "\"sgx\" is none of auto, sgx-gramine, tdx-dstack, tdx-tsm (each of these "
                        "three alone or as KIND:PATH), sim, sim-tdx, sim-tdx-v5");
    refused_kind("", "\"\" is none of auto");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quote_is_genuine),
        cmocka_unit_test(what_the_quote_says),
        cmocka_unit_test(what_a_td_says),
        cmocka_unit_test(collateral_holds),
        cmocka_unit_test(collateral_is_its_own),
        cmocka_unit_test(no_collateral),
        cmocka_unit_test(starts_agree),
        cmocka_unit_test(existing),
        cmocka_unit_test(kinds_of_platform),
        cmocka_unit_test(damaged_files),
        cmocka_unit_test(older_directories),
        cmocka_unit_test(unusable_directories),
        cmocka_unit_test(chain_too_long),
        cmocka_unit_test(clocks),
        cmocka_unit_test(calls_fail),
        cmocka_unit_test(allocations_fail),
        cmocka_unit_test(kills),
        cmocka_unit_test(first_starts_at_once),
        cmocka_unit_test(threads),
        cmocka_unit_test(quotes_are_quick),
        cmocka_unit_test(kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
