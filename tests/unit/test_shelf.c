/* The shelf of collateral, and what of it goes into a bundle. */
#include "testlib.h"

#include "attest/evidence.h"
#include "fakedcap.h"
#include "log/collateral.h"
#include "tee/platform.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DAY       86400
#define PLATFORMS 17 /* one more than there is room for */

/* 0: the clock as it is. */
static _Atomic uint64_t fake_time;
time_t __real_time(time_t *t);
time_t __wrap_time(time_t *t);
time_t __wrap_time(time_t *t)
{
    return fake_time ? (time_t)fake_time : __real_time(t);
}

/* What there is of platforms that differ by their FMSPC, of one more kind of TEE
 * and of one more CA; made once. */
struct sample {
    buf evidence, collateral, newer; /* "newer" has the same dates, */
    buf later;                       /* and this one has others */
};
static struct sample platforms[PLATFORMS], tdx, other_ca;

static void keep(struct sample *out, struct fake_dcap *f)
{
    buf *const all[] = {&out->evidence, &out->collateral, &out->newer, &out->later};
    for (size_t i = 0; i < 4; i++)
        buf_init(all[i], COLLATERAL_MAX);
    assert_ok(fake_dcap_make(f));
    const struct evidence e = {.platform = slice_str("simulator"),
                               .quote = buf_slice(&f->quote_bytes)};
    evidence_put(&out->evidence, &e);
    buf_bytes(&out->collateral, buf_slice(&f->collateral_json));
    f->tcb_info.evaluation_number++;
    assert_ok(fake_dcap_make(f));
    buf_bytes(&out->newer, buf_slice(&f->collateral_json));
    f->tcb_info.issue_date++;
    assert_ok(fake_dcap_make(f));
    buf_bytes(&out->later, buf_slice(&f->collateral_json));
    for (size_t i = 0; i < 4; i++)
        assert_ok(buf_err(all[i]));
}

static void make(struct sample *out, enum sim_kind kind, uint8_t fmspc, bool platform_ca)
{
    static struct fake_dcap f;
    assert_ok(fake_dcap_init(&f, kind));
    if (platform_ca)
        fake_dcap_platform_ca(&f);
    f.platform.fmspc[5] = f.tcb_info.fmspc[5] = fmspc;
    keep(out, &f);
    fake_dcap_finish(&f);
}

static int make_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < PLATFORMS; i++)
        make(&platforms[i], SIM_SGX_V3, (uint8_t)i, false);
    make(&tdx, SIM_TDX_V4, 0, false);
    make(&other_ca, SIM_SGX_V3, 0, true);
    return 0;
}

static void drop(struct sample *p)
{
    buf_finish(&p->evidence);
    buf_finish(&p->collateral);
    buf_finish(&p->newer);
    buf_finish(&p->later);
}

static int drop_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < PLATFORMS; i++)
        drop(&platforms[i]);
    drop(&tdx);
    drop(&other_ca);
    return 0;
}

/* A log's own platform, and one that makes no collateral. */
struct world {
    char *dir;
    struct tee *tee;
    struct shelf *shelf;
};

static int start(void **state)
{
    static struct world w;
    fake_time = FAKE_TIME;
    w.dir = test_tmpdir();
    assert_ok(tee_open(&w.tee, "sim", w.dir, NULL));
    assert_ok(shelf_new(&w.shelf));
    *state = &w;
    return 0;
}

static int end(void **state)
{
    struct world *w = *state;
    shelf_free(w->shelf);
    tee_close(w->tee);
    test_rmdir(w->dir);
    fake_time = 0;
    return 0;
}

static slice of(const buf *b)
{
    return buf_slice(b);
}

static void put(struct world *w, const buf *json)
{
    assert_ok(shelf_put(w->shelf, of(json)));
}

/* Whether one bundle would carry exactly this with this evidence. */
static bool carries(struct world *w, const buf *evidence, const buf *want)
{
    struct bundle_collateral c;
    struct bundle_carried got;
    memset(&got, 0x5a, sizeof got);
    assert_ok(bundle_collateral_begin(&c, w->shelf, w->tee));
    bundle_collateral_for(&c, of(evidence), 0, 0, &got);
    assert_false(got.has_at);
    assert_null(got.stored);
    bool same = want ? got.json.p && slice_eq(got.json, of(want)) : !got.json.p;
    bundle_collateral_finish(&c);
    return same;
}

static void assert_carries(struct world *w, const struct sample *p, const buf *want)
{
    assert_true(carries(w, &p->evidence, want));
}

static void test_replaced(void **state)
{
    struct world *w = *state;
    for (size_t i = 0; i < 3; i++)
        put(w, &platforms[i].collateral);
    put(w, &platforms[1].newer);
    assert_carries(w, &platforms[0], &platforms[0].collateral);
    assert_carries(w, &platforms[1], &platforms[1].newer);
    assert_carries(w, &platforms[2], &platforms[2].collateral);
    assert_carries(w, &platforms[3], NULL);
    /* The last that is given counts, unless it is older. */
    put(w, &platforms[1].collateral);
    assert_carries(w, &platforms[1], &platforms[1].collateral);
    put(w, &platforms[1].later);
    assert_carries(w, &platforms[1], &platforms[1].later);
    put(w, &platforms[1].newer);
    assert_carries(w, &platforms[1], &platforms[1].later);
    assert_carries(w, &platforms[2], &platforms[2].collateral);
    /* The same FMSPC, but another kind of TEE, or another CA, is another platform. */
    assert_carries(w, &tdx, NULL);
    assert_carries(w, &other_ca, NULL);
    put(w, &tdx.collateral);
    put(w, &other_ca.collateral);
    assert_carries(w, &tdx, &tdx.collateral);
    assert_carries(w, &other_ca, &other_ca.collateral);
    assert_carries(w, &platforms[0], &platforms[0].collateral);
}

static void test_full(void **state)
{
    struct world *w = *state;
    for (size_t i = 0; i < SHELF_MAX; i++)
        put(w, &platforms[i].collateral);
    assert_err(shelf_put(w->shelf, of(&platforms[SHELF_MAX].collateral)), TL_E_LIMIT);
    assert_carries(w, &platforms[SHELF_MAX], NULL);
    for (size_t i = 0; i < SHELF_MAX; i++) {
        put(w, &platforms[i].newer);
        assert_carries(w, &platforms[i], &platforms[i].newer);
    }
}

static void test_junk_is_refused(void **state)
{
    struct world *w = *state;
    put(w, &platforms[0].collateral);
    assert_true(shelf_put(w->shelf, slice_of(NULL, 0)) != TL_OK);
    assert_true(shelf_put(w->shelf, slice_str("{}")) != TL_OK);
    assert_true(shelf_put(w->shelf, slice_str("junk")) != TL_OK);
    slice cut = of(&platforms[0].newer);
    cut.n--;
    assert_true(shelf_put(w->shelf, cut) != TL_OK);
    assert_carries(w, &platforms[0], &platforms[0].collateral);
}

static void write_file(const char *dir, const char *name, slice contents)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(contents.p, 1, contents.n, f), contents.n);
    assert_int_equal(fclose(f), 0);
}

static void write_platform(const char *dir, size_t i)
{
    char name[32];
    snprintf(name, sizeof name, "sgx-%02zu.json", i);
    write_file(dir, name, of(&platforms[i].collateral));
}

static void in(char path[4096], const char *dir, const char *name)
{
    assert_true(snprintf(path, 4096, "%s/%s", dir, name) < 4096);
}

/* What is in the way of loading: each would be taken for its contents. */
static void write_unusable(const char *dir)
{
    char path[4096], target[4096];
    buf huge;
    buf_init(&huge, 2 * COLLATERAL_MAX);
    buf_bytes(&huge, of(&platforms[4].collateral));
    while (huge.n <= COLLATERAL_MAX)
        buf_u8(&huge, ' ');
    assert_ok(buf_err(&huge));
    write_file(dir, "huge.json", buf_slice(&huge));
    huge.n = COLLATERAL_MAX;
    write_file(dir, "largest.json", buf_slice(&huge)); /* this one is good */
    buf_finish(&huge);
    write_file(dir, "junk.json", slice_str("{\"tcb_info\":\"\"}"));
    write_file(dir, "empty.json", slice_str(""));
    write_file(dir, "5.txt", of(&platforms[5].collateral));
    write_file(dir, ".json", of(&platforms[5].collateral));
    write_file(dir, ".5.json", of(&platforms[5].collateral));
    write_file(dir, "5.json.XyZ123", of(&platforms[5].collateral));
    write_file(dir, "5", of(&platforms[5].collateral));
    in(target, dir, "5");
    in(path, dir, "link.json");
    assert_int_equal(symlink(target, path), 0);
    in(path, dir, "nowhere.json");
    assert_int_equal(symlink("nowhere", path), 0);
    in(path, dir, "directory.json");
    assert_int_equal(mkdir(path, 0700), 0);
    in(path, dir, "pipe.json");
    assert_int_equal(mkfifo(path, 0600), 0);
    if (geteuid() != 0) {
        write_file(dir, "closed.json", of(&platforms[5].collateral));
        in(path, dir, "closed.json");
        assert_int_equal(chmod(path, 0), 0);
    }
}

/* The second free one: what is left open stands behind the directory, which is not. */
static int next_descriptor(void)
{
    int first = open("/dev/null", O_RDONLY), second = open("/dev/null", O_RDONLY);
    assert_true(first >= 0 && second >= 0);
    close(first);
    close(second);
    return second;
}

static void test_load(void **state)
{
    struct world *w = *state;
    char path[4096];
    in(path, w->dir, "none");
    shelf_load(w->shelf, path);
    in(path, w->dir, "sim");
    shelf_load(w->shelf, path);
    assert_carries(w, &platforms[0], NULL);
    in(path, w->dir, "collateral");
    assert_int_equal(mkdir(path, 0700), 0);
    shelf_load(w->shelf, path);
    for (size_t i = 0; i < 4; i++)
        write_platform(path, i);
    write_unusable(path);
    int before = next_descriptor();
    shelf_load(w->shelf, path);
    assert_int_equal(next_descriptor(), before);
    for (size_t i = 0; i < 4; i++)
        assert_carries(w, &platforms[i], &platforms[i].collateral);
    buf largest;
    buf_init(&largest, COLLATERAL_MAX);
    buf_bytes(&largest, of(&platforms[4].collateral));
    while (largest.n < COLLATERAL_MAX)
        buf_u8(&largest, ' ');
    assert_carries(w, &platforms[4], &largest);
    buf_finish(&largest);
    assert_carries(w, &platforms[5], NULL);
}

/* However many there are, and however much junk lies among them. */
static void test_load_many(void **state)
{
    struct world *w = *state;
    struct bundle_collateral c;
    char name[32];
    for (size_t i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "junk-%02zu.json", i);
        write_file(w->dir, name, slice_str("junk"));
    }
    for (size_t i = 0; i < SHELF_MAX - 1; i++)
        write_platform(w->dir, i);
    shelf_load(w->shelf, w->dir);
    for (size_t i = 0; i < SHELF_MAX - 1; i++)
        assert_carries(w, &platforms[i], &platforms[i].collateral);
    write_platform(w->dir, SHELF_MAX - 1);
    write_platform(w->dir, SHELF_MAX);
    shelf_load(w->shelf, w->dir);
    assert_ok(bundle_collateral_begin(&c, w->shelf, w->tee));
    assert_int_equal(c.count, SHELF_MAX);
    bundle_collateral_finish(&c);
}

/* The own platform's: a copy of what a bundle carries with its evidence. */
static void own(struct world *w, buf *out)
{
    static const uint8_t nothing[64];
    struct bundle_collateral c;
    struct bundle_carried got;
    buf quote, item;
    buf_init(&quote, TEE_QUOTE_MAX);
    buf_init(&item, EVIDENCE_MAX);
    assert_ok(tee_quote(w->tee, nothing, &quote, NULL, NULL));
    const struct evidence e = {.platform = slice_str("simulator"), .quote = buf_slice(&quote)};
    evidence_put(&item, &e);
    assert_ok(bundle_collateral_begin(&c, w->shelf, w->tee));
    bundle_collateral_for(&c, buf_slice(&item), 0, 0, &got);
    assert_non_null(got.json.p);
    buf_init(out, COLLATERAL_MAX);
    buf_bytes(out, got.json);
    assert_ok(buf_err(out));
    bundle_collateral_finish(&c);
    buf_finish(&quote);
    buf_finish(&item);
}

static bool own_again(struct world *w, const buf *before)
{
    buf again;
    own(w, &again);
    bool same = slice_eq(of(before), of(&again));
    buf_finish(&again);
    return same;
}

/* More than 64 files are not looked into, whatever comes first in the directory. */
static void test_load_bounded(void **state)
{
    struct world *w = *state;
    char name[32];
    size_t there = 0;
    for (size_t i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "other-%03zu.txt", i);
        write_file(w->dir, name, slice_str("junk"));
    }
    for (size_t i = 0; i < 128; i++) {
        snprintf(name, sizeof name, "%03zu.json", i);
        write_file(w->dir, name, slice_str("junk"));
    }
    for (size_t i = 0; i < 128; i++) {
        struct shelf *s;
        struct bundle_collateral c;
        static const struct tee_ops ops = {.platform = "tdx-tsm"};
        struct tee hardware = {.ops = &ops};
        snprintf(name, sizeof name, "%03zu.json", i);
        /* In place, so that the directory's order is the same. */
        write_file(w->dir, name, of(&platforms[0].collateral));
        assert_ok(shelf_new(&s));
        shelf_load(s, w->dir);
        write_file(w->dir, name, slice_str("junk"));
        assert_ok(bundle_collateral_begin(&c, s, &hardware));
        there += c.count;
        bundle_collateral_finish(&c);
        shelf_free(s);
    }
    assert_int_equal(there, 64);
}

/* Of several files about one platform the later counts, in whatever order they are. */
static void test_load_later(void **state)
{
    struct world *w = *state;
    write_file(w->dir, "a.json", of(&platforms[0].collateral));
    write_file(w->dir, "b.json", of(&platforms[0].later));
    write_file(w->dir, "c.json", of(&platforms[0].newer));
    write_file(w->dir, "d.json", of(&platforms[1].later));
    write_file(w->dir, "e.json", of(&platforms[1].collateral));
    shelf_load(w->shelf, w->dir);
    assert_carries(w, &platforms[0], &platforms[0].later);
    assert_carries(w, &platforms[1], &platforms[1].later);
    /* A file says of itself what it will: what is given goes before it, and stays. */
    put(w, &platforms[0].collateral);
    assert_carries(w, &platforms[0], &platforms[0].collateral);
    shelf_load(w->shelf, w->dir);
    assert_carries(w, &platforms[0], &platforms[0].collateral);
    assert_carries(w, &platforms[1], &platforms[1].later);
}

/* Files that fill the shelf leave no less room for what is given, or made here. */
static void test_load_full(void **state)
{
    struct world *w = *state;
    buf made;
    write_file(w->dir, "later.json", of(&platforms[0].later));
    for (size_t i = 1; i < SHELF_MAX; i++)
        write_platform(w->dir, i);
    shelf_load(w->shelf, w->dir);
    own(w, &made); /* fails where there is none */
    put(w, &platforms[SHELF_MAX].collateral);
    assert_carries(w, &platforms[SHELF_MAX], &platforms[SHELF_MAX].collateral);
    assert_true(own_again(w, &made));
    /* The oldest went. */
    assert_carries(w, &platforms[0], &platforms[0].later);
    size_t left = 0;
    for (size_t i = 1; i < SHELF_MAX; i++)
        left += carries(w, &platforms[i].evidence, &platforms[i].collateral);
    assert_int_equal(left, SHELF_MAX - 3);
    /* The shelf is full, and a file takes nobody's place. */
    write_file(w->dir, "other.json", of(&tdx.later));
    shelf_load(w->shelf, w->dir);
    assert_carries(w, &tdx, NULL);
    assert_true(own_again(w, &made));
    /* What was given and made stays when more is given than there is room for. */
    for (size_t i = 0; i < SHELF_MAX - 2; i++)
        put(w, &platforms[i].newer);
    assert_err(shelf_put(w->shelf, of(&tdx.collateral)), TL_E_LIMIT);
    assert_true(own_again(w, &made));
    assert_carries(w, &platforms[0], &platforms[0].newer);
    assert_carries(w, &platforms[SHELF_MAX], &platforms[SHELF_MAX].collateral);
    buf_finish(&made);
}

/* What is older than what was given does not keep the platform from making its own. */
static void test_older_does_not_count(void **state)
{
    struct world *w = *state;
    buf given;
    buf_init(&given, COLLATERAL_MAX);
    assert_ok(tee_collateral(w->tee, FAKE_TIME, &given, NULL));
    put(w, &given);
    put(w, &platforms[0].later);
    fake_time += DAY;
    put(w, &platforms[0].collateral);
    assert_false(own_again(w, &given));
    buf_finish(&given);
}

/* Hardware makes none: it has what was put, and no own is an error. */
static void test_hardware(void **state)
{
    struct world *w = *state;
    struct bundle_collateral c;
    static const struct tee_ops ops = {.platform = "tdx-tsm"};
    struct tee tee = {.ops = &ops};
    assert_ok(bundle_collateral_begin(&c, w->shelf, &tee));
    assert_int_equal(c.count, 0);
    bundle_collateral_finish(&c);
    put(w, &platforms[0].collateral);
    for (int day = 0; day < 3; day++) {
        assert_ok(bundle_collateral_begin(&c, w->shelf, &tee));
        assert_int_equal(c.count, 1);
        bundle_collateral_finish(&c);
        fake_time += DAY;
    }
}

/* A bundle of two platforms' evidence, with what belongs to neither among it. */
static void test_bundle(void **state)
{
    struct world *w = *state;
    struct bundle_collateral c;
    put(w, &platforms[0].collateral);
    put(w, &tdx.collateral);
    put(w, &platforms[2].collateral); /* no evidence of it comes */
    assert_ok(bundle_collateral_begin(&c, w->shelf, w->tee));
    /* What is put now is for the next bundle. */
    put(w, &platforms[0].newer);
    put(w, &platforms[1].collateral);
    static const buf junk = {.err = TL_OK};
    const struct {
        const buf *evidence, *json;
        uint64_t at;
    } steps[] = {
        {&platforms[1].evidence, NULL, UINT64_MAX}, /* of another platform */
        {&junk, NULL, UINT64_MAX},
        {&platforms[0].evidence, &platforms[0].collateral, UINT64_MAX},
        {&platforms[0].evidence, NULL, 2},
        {&tdx.evidence, &tdx.collateral, UINT64_MAX},
        {&other_ca.evidence, NULL, UINT64_MAX},
        {&platforms[0].evidence, NULL, 2},
        {&tdx.evidence, NULL, 4},
        {&platforms[1].evidence, NULL, UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct bundle_carried got;
        memset(&got, 0x5a, sizeof got);
        bundle_collateral_for(&c, of(steps[i].evidence), 0, i, &got);
        assert_int_equal(got.has_at, steps[i].at != UINT64_MAX);
        assert_true(!got.has_at || got.at == steps[i].at);
        assert_int_equal(got.json.p != NULL, steps[i].json != NULL);
        if (got.json.p)
            assert_true(slice_eq(got.json, of(steps[i].json)));
    }
    bundle_collateral_finish(&c);
    assert_carries(w, &platforms[0], &platforms[0].newer);
    assert_carries(w, &platforms[1], &platforms[1].collateral);
}

/* Evidence that cannot be read, or whose quote cannot, gets none. */
static void test_junk_evidence(void **state)
{
    struct world *w = *state;
    buf b;
    put(w, &platforms[0].collateral);
    buf_init(&b, EVIDENCE_MAX);
    buf_bytes(&b, of(&platforms[0].evidence));
    assert_true(carries(w, &b, &platforms[0].collateral));
    for (b.n = 0; b.n < 200; b.n++)
        assert_true(carries(w, &b, NULL));
    b.n = platforms[0].evidence.n;
    assert_true(carries(w, &b, &platforms[0].collateral));
    buf_u8(&b, 0);
    assert_true(carries(w, &b, NULL));
    const struct evidence no_quote = {.platform = slice_str("simulator"),
                                      .quote = slice_str("no quote")};
    buf_reset(&b);
    evidence_put(&b, &no_quote);
    assert_ok(buf_err(&b));
    assert_true(carries(w, &b, NULL));
    buf_finish(&b);
}

static void test_own_once_a_day(void **state)
{
    struct world *w = *state;
    buf first, second;
    own(w, &first);
    assert_true(own_again(w, &first));
    fake_time += DAY - 1;
    assert_true(own_again(w, &first));
    fake_time += 1;
    assert_false(own_again(w, &first));
    own(w, &second);
    fake_time += DAY - 1;
    assert_true(own_again(w, &second));
    /* Where the clock was set back, the age is not known. */
    fake_time -= 2 * DAY;
    assert_false(own_again(w, &second));
    buf_finish(&first);
    buf_finish(&second);
}

/* What was given counts for a day, as if the platform had made it. */
static void test_given_counts_for_a_day(void **state)
{
    struct world *w = *state;
    buf given;
    buf_init(&given, COLLATERAL_MAX);
    assert_ok(tee_collateral(w->tee, FAKE_TIME - 100, &given, NULL));
    put(w, &given);
    assert_true(own_again(w, &given));
    fake_time += DAY - 1;
    assert_true(own_again(w, &given));
    put(w, &given);
    fake_time += DAY - 1;
    assert_true(own_again(w, &given));
    fake_time += 1;
    assert_false(own_again(w, &given));
    buf_finish(&given);
}

/* What is refused does not keep the platform from making its own. */
static void test_refused_does_not_count(void **state)
{
    struct world *w = *state;
    buf given;
    buf_init(&given, COLLATERAL_MAX);
    assert_ok(tee_collateral(w->tee, FAKE_TIME, &given, NULL));
    put(w, &given);
    for (size_t i = 0; i < SHELF_MAX - 1; i++)
        put(w, &platforms[i].collateral);
    fake_time += DAY;
    assert_err(shelf_put(w->shelf, of(&platforms[SHELF_MAX].collateral)), TL_E_LIMIT);
    assert_true(shelf_put(w->shelf, slice_str("{}")) != TL_OK);
    assert_false(own_again(w, &given));
    buf_finish(&given);
}

/* Where others take all the room, the own has none: that is no error. */
static void test_no_room_for_the_own(void **state)
{
    struct world *w = *state;
    struct bundle_collateral c;
    for (size_t i = 0; i < SHELF_MAX; i++)
        put(w, &platforms[i].collateral);
    for (int again = 0; again < 2; again++) {
        fake_time += DAY;
        assert_ok(bundle_collateral_begin(&c, w->shelf, w->tee));
        assert_int_equal(c.count, SHELF_MAX);
        bundle_collateral_finish(&c);
        bundle_collateral_finish(&c);
    }
    assert_carries(w, &platforms[15], &platforms[15].collateral);
}

/* A file may be years old, and nobody has looked into it. */
static void test_loaded_does_not_count(void **state)
{
    struct world *w = *state;
    buf old;
    buf_init(&old, COLLATERAL_MAX);
    assert_ok(tee_collateral(w->tee, FAKE_TIME - 400 * DAY, &old, NULL));
    write_file(w->dir, "old.json", of(&old));
    write_platform(w->dir, 1);
    shelf_load(w->shelf, w->dir);
    assert_false(own_again(w, &old));
    assert_carries(w, &platforms[1], &platforms[1].collateral);
    buf_finish(&old);
}

static void test_memory(void **state)
{
    struct world *w = *state;
    struct bundle_collateral c;
    bool failed = true;
    put(w, &platforms[0].collateral);
    put(w, &platforms[1].collateral);
    for (size_t n = 1; failed; n++) {
        struct shelf *s = NULL;
        test_fail_alloc(n);
        tl_err err = shelf_new(&s);
        failed = test_alloc_failed();
        test_fail_alloc(0);
        assert_err(err, failed ? TL_E_MEMORY : TL_OK);
        assert_int_equal(s != NULL, !failed);
        shelf_free(s);
    }
    failed = true;
    for (size_t n = 1; failed; n++) {
        test_fail_alloc(n);
        tl_err err = shelf_put(w->shelf, of(&platforms[0].newer));
        failed = test_alloc_failed();
        test_fail_alloc(0);
        assert_err(err, failed ? TL_E_MEMORY : TL_OK);
        if (failed)
            assert_carries(w, &platforms[0], &platforms[0].collateral);
    }
    assert_carries(w, &platforms[0], &platforms[0].newer);
    /* The own is due. Where it cannot be made there is nothing to finish, and the
     * next bundle tries again. */
    failed = true;
    fake_time += DAY;
    size_t n = 1;
    for (; failed; n++) {
        test_fail_alloc(n);
        tl_err err = bundle_collateral_begin(&c, w->shelf, w->tee);
        failed = test_alloc_failed();
        test_fail_alloc(0);
        assert_int_equal(c.count, err == TL_OK ? 3 : 0);
        if (err == TL_OK)
            bundle_collateral_finish(&c);
        assert_true(failed || err == TL_OK);
        assert_true(err == TL_OK || err == TL_E_MEMORY);
    }
    assert_true(n > 10);
    shelf_free(NULL);
}

/* What loading cannot get memory for is passed over, and the rest taken. */
static void test_load_memory(void **state)
{
    struct world *w = *state;
    struct bundle_collateral c;
    char path[4096];
    bool failed = true;
    in(path, w->dir, "collateral");
    assert_int_equal(mkdir(path, 0700), 0);
    write_platform(path, 0);
    for (size_t n = 1; failed; n++) {
        struct shelf *s;
        assert_ok(shelf_new(&s));
        test_fail_alloc(n);
        shelf_load(s, path);
        failed = test_alloc_failed();
        test_fail_alloc(0);
        assert_ok(bundle_collateral_begin(&c, s, w->tee));
        assert_true(c.count == 2 || (failed && c.count == 1)); /* with the own */
        bundle_collateral_finish(&c);
        shelf_free(s);
    }
}

struct putter {
    struct shelf *shelf;
    atomic_bool done;
};

static void *put_often(void *ctx)
{
    struct putter *p = ctx;
    for (size_t i = 0; i < 300; i++) {
        const struct sample *from = &platforms[i % 3];
        if (shelf_put(p->shelf, of(i / 3 % 2 ? &from->newer : &from->collateral)) != TL_OK)
            return ctx;
    }
    atomic_store(&p->done, true);
    return NULL;
}

/* One thread puts while another takes: each bundle has each piece whole, to its
 * end, though the shelf has let go of it. */
static void test_threads(void **state)
{
    struct world *w = *state;
    struct putter p = {.shelf = w->shelf};
    pthread_t thread;
    void *bad = NULL;
    put(w, &platforms[0].collateral);
    atomic_init(&p.done, false);
    assert_int_equal(pthread_create(&thread, NULL, put_often, &p), 0);
    do {
        struct bundle_collateral c;
        struct bundle_carried got;
        assert_ok(bundle_collateral_begin(&c, w->shelf, w->tee));
        bundle_collateral_for(&c, of(&platforms[0].evidence), 0, 0, &got);
        assert_true(slice_eq(got.json, of(&platforms[0].collateral)) ||
                    slice_eq(got.json, of(&platforms[0].newer)));
        bundle_collateral_finish(&c);
    } while (!atomic_load(&p.done));
    assert_int_equal(pthread_join(thread, &bad), 0);
    assert_null(bad);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_replaced),
        TEST(test_full),
        TEST(test_junk_is_refused),
        TEST(test_load),
        TEST(test_load_many),
        TEST(test_load_bounded),
        TEST(test_load_later),
        TEST(test_load_full),
        TEST(test_older_does_not_count),
        TEST(test_hardware),
        TEST(test_bundle),
        TEST(test_junk_evidence),
        TEST(test_own_once_a_day),
        TEST(test_given_counts_for_a_day),
        TEST(test_refused_does_not_count),
        TEST(test_no_room_for_the_own),
        TEST(test_loaded_does_not_count),
        TEST(test_memory),
        TEST(test_load_memory),
        TEST(test_threads),
    };
    return cmocka_run_group_tests(tests, make_all, drop_all);
}
