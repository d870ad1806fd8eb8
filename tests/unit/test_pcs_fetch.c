/* Fetching collateral from a service that is played here, verifying it, and the
 * cache: what is asked, what is taken and what is not. */
#include "attest/collateral.h"
#include "fakedcap.h"
#include "fakepcs.h"
#include "faults.h"
#include "pcs/cache.h"
#include "testlib.h"

#include <sys/stat.h>
#include <unistd.h>

/* One fake platform, its service, and what is asked for. */
struct scene {
    struct fake_dcap f;
    struct fake_pcs s;
    struct pcs_options o;
    struct pcs_source source;
    struct pcs_job job;
    struct tl_why why;
    buf out;
    struct pcs_result got;
    char *dir;
};

static void scene_plan(struct scene *c, enum sim_kind kind)
{
    memset(c, 0, sizeof *c);
    assert_ok(fake_dcap_init(&c->f, kind));
    c->s.f = &c->f;
    c->source = (struct pcs_source){fake_pcs_get, &c->s};
    buf_init(&c->out, COLLATERAL_MAX);
}

static void scene_make(struct scene *c)
{
    assert_ok(fake_dcap_make(&c->f));
    c->job = (struct pcs_job){
        buf_slice(&c->f.quote_bytes), &c->o, c->dir, c->f.time, &c->f.root_hash, 1};
}

static void scene_init(struct scene *c, enum sim_kind kind)
{
    scene_plan(c, kind);
    scene_make(c);
}

static void scene_with_cache(struct scene *c, enum sim_kind kind)
{
    scene_plan(c, kind);
    c->dir = test_tmpdir();
    scene_make(c);
}

static void scene_finish(struct scene *c)
{
    fake_dcap_finish(&c->f);
    buf_finish(&c->out);
    if (c->dir)
        test_rmdir(c->dir);
}

static void forget(struct scene *c)
{
    buf_reset(&c->out);
    c->why = (struct tl_why){{0}, {0}};
    c->s.asked = 0;
}

static tl_err fetch(struct scene *c)
{
    forget(c);
    return pcs_fetch_from(&c->out, c->job.quote, &c->o, &c->source, &c->why);
}

static tl_err collateral(struct scene *c)
{
    forget(c);
    return pcs_collateral_from(&c->out, &c->got, &c->job, &c->source, &c->why);
}

#define assert_collateral(c) assert_slice(buf_slice(&(c)->out), buf_slice(&(c)->f.collateral_json))
#define assert_says(c, words)                                                                      \
    do {                                                                                           \
        if (!strstr((c)->why.text, (words)))                                                       \
            fail_msg("not \"%s\": %s", (words), (c)->why.text);                                    \
    } while (0)

static void test_intel(void **state)
{
    (void)state;
    struct scene c;
    scene_init(&c, SIM_TDX_V4);
    char fmspc[13], want[128];
    hex_text(fmspc, c.f.platform.fmspc, 6);
    assert_ok(fetch(&c));
    assert_collateral(&c);
    assert_int_equal(c.s.asked, 4);
    snprintf(want, sizeof want,
             "https://api.trustedservices.intel.com/tdx/certification/v4/tcb?fmspc=%s", fmspc);
    assert_string_equal(c.s.urls[0], want);
    assert_string_equal(c.s.urls[1],
                        "https://api.trustedservices.intel.com/tdx/certification/v4/qe/identity");
    assert_string_equal(c.s.urls[2], "https://api.trustedservices.intel.com/sgx/certification/v4/"
                                     "pckcrl?ca=processor&encoding=der");
    assert_string_equal(c.s.urls[3],
                        "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der");
    scene_finish(&c);
}

static void count(void *ctx, unsigned done, unsigned total)
{
    unsigned *last = ctx;
    assert_int_equal(total, 4);
    assert_int_equal(done, *last);
    ++*last;
}

static void test_pccs(void **state)
{
    (void)state;
    static const char *const bases[] = {"https://pccs.example:8081", "https://pccs.example:8081/",
                                        "https://pccs.example:8081//",
                                        "https://pccs.example:8081/sgx/certification/v4",
                                        "https://pccs.example:8081/sgx/certification/v4/"};
    struct scene c;
    unsigned calls = 0;
    scene_init(&c, SIM_SGX_V3);
    c.s.hex = true;
    c.o.early = true;
    c.o.progress = count;
    c.o.progress_ctx = &calls;
    for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++) {
        calls = 0;
        c.o.pccs = bases[i];
        assert_ok(fetch(&c));
        assert_collateral(&c);
        assert_int_equal(calls, 5);
        assert_non_null(strstr(c.s.urls[0], "https://pccs.example:8081/sgx/certification/v4/tcb?"));
        assert_non_null(strstr(c.s.urls[0], "&update=early"));
        assert_string_equal(c.s.urls[1], "https://pccs.example:8081/sgx/certification/v4/qe/"
                                         "identity?update=early");
        assert_string_equal(c.s.urls[3],
                            "https://pccs.example:8081/sgx/certification/v4/rootcacrl");
    }
    scene_finish(&c);
}

static void test_wrong_options(void **state)
{
    (void)state;
    static const char *const bases[] = {"http://pccs.example",
                                        "pccs.example",
                                        "",
                                        "https://pccs.example/?a",
                                        "https://pccs.example/#a",
                                        "https://pccs. example",
                                        "https://pccs\n.example",
                                        "http://name:hunter2@pccs.example",
                                        "name:hunter2@pccs.example",
                                        "https://name:hun/hunter2@pccs.example",
                                        "https://name:hunter2@pccs.example?a",
                                        "https://name:hunter2#@pccs.example"};
    struct scene c;
    scene_init(&c, SIM_SGX_V3);
    for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++) {
        c.o.pccs = bases[i];
        assert_err(fetch(&c), TL_E_USAGE);
        assert_string_equal(c.why.field, "service");
        assert_null(strstr(c.why.text, "hunter2"));
    }
    char *text = malloc(5000);
    assert_non_null(text);
    memset(text, 'a', 4999);
    memcpy(text, "https://", 8);
    text[4999] = 0;
    c.o.pccs = text;
    assert_err(fetch(&c), TL_E_USAGE);
    free(text);
    c.o.pccs = NULL;
    c.job.quote.n = 100;
    assert_int_not_equal(fetch(&c), TL_OK);
    assert_int_not_equal(collateral(&c), TL_OK);
    assert_int_equal(c.s.asked, 0);
    c.job.quote = buf_slice(&c.f.quote_bytes);
    c.job.root_count = 0;
    assert_err(collateral(&c), TL_E_USAGE);
    assert_int_equal(c.s.asked, 0);
    assert_int_equal(c.out.n, 0);
    scene_finish(&c);
}

static void test_encrypted_ppid(void **state)
{
    (void)state;
    struct scene c;
    scene_plan(&c, SIM_SGX_V3);
    c.f.pck_chain_apart = true;
    c.dir = test_tmpdir();
    scene_make(&c);
    assert_ok(collateral(&c));
    assert_collateral(&c);
    assert_int_equal(c.s.asked, 5);
    assert_non_null(strstr(c.s.urls[0], "/pckcert?encrypted_ppid=010203"));
    assert_null(strstr(c.s.urls[0], "qeid"));
    /* Not cached: next time it is asked for again. */
    assert_ok(collateral(&c));
    assert_int_equal(c.s.asked, 5);
    assert_false(c.got.from_cache);
    c.o.pccs = "https://pccs.example";
    assert_ok(collateral(&c));
    assert_non_null(strstr(c.s.urls[0], "&qeid="));
    c.s.status[FAKE_PCK_CERT] = 401;
    assert_err(collateral(&c), TL_E_AUTH);
    assert_int_equal(c.s.asked, 1);
    scene_finish(&c);
}

static void test_leaf_in_quote(void **state)
{
    (void)state;
    static const uint8_t ppid[36];
    struct scene c;
    struct collateral got;
    slice rest;
    scene_init(&c, SIM_SGX_V3);
    struct bytes leaf = bytes_copy(fake_pcs_first(buf_slice(&c.f.pck_pem), &rest));
    buf chain;
    c.f.cert_is_set = true;
    c.f.quote.cert_type = QUOTE_CERT_PCK_LEAF;
    c.f.quote.cert_data = bytes_slice(leaf);
    scene_make(&c);
    buf_init(&chain, 65536);
    buf_bytes(&chain, bytes_slice(leaf));
    buf_bytes(&chain, c.f.parts.pck_crl_chain);
    assert_ok(collateral(&c));
    assert_int_equal(c.s.asked, 4);
    assert_ok(collateral_read(&got, buf_slice(&c.out), NULL));
    assert_slice(got.pck_chain, buf_slice(&chain));
    collateral_finish(&got);
    /* With a NUL at its end, and without the last line end. */
    buf ends[2];
    for (size_t i = 0; i < 2; i++) {
        buf_init(&ends[i], 65536);
        buf_bytes(&ends[i], i ? slice_of(leaf.p, leaf.n - 1) : bytes_slice(leaf));
        if (i == 0)
            buf_u8(&ends[i], 0);
        c.f.quote.cert_data = buf_slice(&ends[i]);
        scene_make(&c);
        buf_reset(&chain);
        buf_bytes(&chain, bytes_slice(leaf));
        buf_bytes(&chain, c.f.parts.pck_crl_chain);
        assert_ok(fetch(&c));
        assert_ok(collateral_read(&got, buf_slice(&c.out), NULL));
        assert_slice(got.pck_chain, buf_slice(&chain));
        collateral_finish(&got);
        buf_finish(&ends[i]);
    }
    c.f.quote.cert_type = QUOTE_CERT_PPID;
    c.f.quote.cert_data = SLICE_ARRAY(ppid);
    scene_make(&c);
    assert_err(fetch(&c), TL_E_QUOTE);
    assert_int_equal(c.s.asked, 0);
    free(leaf.p);
    buf_finish(&chain);
    scene_finish(&c);
}

static void test_refusals(void **state)
{
    (void)state;
    static const char *const words[FAKE_PARTS] = {
        [FAKE_TCB_INFO] = "the SGX TCB info of FMSPC ",
        [FAKE_QE_IDENTITY] = "the QE's identity",
        [FAKE_PCK_CRL] = "the processor CA's revocation list",
        [FAKE_ROOT_CRL] = "the root CA's revocation list"};
    struct scene c;
    scene_init(&c, SIM_SGX_V3);
    for (int part = FAKE_TCB_INFO; part < FAKE_PARTS; part++) {
        c.s.status[part] = 404;
        assert_err(fetch(&c), TL_E_NOT_FOUND);
        assert_says(&c, words[part]);
        assert_int_equal(c.s.asked, part);
        assert_int_equal(c.out.n, 0);
        c.s.status[part] = 0;
    }
    c.s.dead = true;
    assert_err(fetch(&c), TL_E_IO);
    assert_err(collateral(&c), TL_E_IO);
    assert_string_equal(c.why.text, "the network is down");
    c.s.dead = false;
    buf_init(&c.out, 1000);
    assert_err(fetch(&c), TL_E_LIMIT);
    assert_int_equal(c.out.n, 0);
    scene_finish(&c);
}

/* Each document replaced by one that is as well formed, and not ours. */
static void test_swapped(void **state)
{
    (void)state;
    struct fake_dcap other;
    struct scene c;
    scene_with_cache(&c, SIM_SGX_V3);
    assert_ok(fake_dcap_init(&other, SIM_SGX_V3));
    other.root.key = other.root.issuer_key = other.stranger_key;
    other.ca.issuer_key = other.signer.issuer_key = other.stranger_key;
    other.root_crl.issuer_key = other.pck_crl.issuer_key = other.stranger_key;
    other.signer.key = other.tcb_info_signed.key = other.qe_identity_signed.key =
        other.stranger_key;
    assert_ok(fake_dcap_make(&other));
    for (int part = FAKE_TCB_INFO; part < FAKE_PARTS; part++) {
        c.s.other[part] = &other;
        assert_ok(fetch(&c));
        c.got.from_cache = true;
        assert_err(collateral(&c), TL_E_EVIDENCE);
        assert_true(c.got.from_cache);
        assert_int_equal(c.out.n, 0);
        assert_says(&c, "not genuine with what the service gave");
        c.s.other[part] = NULL;
    }
    c.job.cache_dir = NULL;
    assert_ok(collateral(&c));
    assert_false(c.got.from_cache);
    /* Nothing of all that came into the cache. */
    c.job.cache_dir = c.dir;
    c.s.dead = true;
    assert_err(collateral(&c), TL_E_IO);
    fake_dcap_finish(&other);
    scene_finish(&c);
}

static void test_stale_answer(void **state)
{
    (void)state;
    struct scene c;
    scene_with_cache(&c, SIM_TDX_V4);
    c.job.now += 31 * FAKE_DAY;
    assert_err(collateral(&c), TL_E_EVIDENCE);
    assert_says(&c, "validity");
    c.job.now -= 32 * FAKE_DAY;
    assert_err(collateral(&c), TL_E_EVIDENCE);
    c.job.now += FAKE_DAY;
    c.f.root_hash.b[0] ^= 1;
    assert_err(collateral(&c), TL_E_EVIDENCE);
    assert_says(&c, "root");
    c.f.root_hash.b[0] ^= 1;
    c.s.dead = true;
    assert_err(collateral(&c), TL_E_IO);
    scene_finish(&c);
}

static void test_cache(void **state)
{
    (void)state;
    struct scene c;
    scene_with_cache(&c, SIM_SGX_V3);
    assert_ok(collateral(&c));
    assert_false(c.got.from_cache);
    assert_int_equal(c.s.asked, 4);
    assert_string_equal(c.why.text, "");
    assert_ok(collateral(&c));
    assert_true(c.got.from_cache);
    assert_int_equal(c.s.asked, 0);
    assert_collateral(&c);
    assert_string_equal(c.why.text, "");
    /* Early data are others. */
    c.o.early = true;
    assert_ok(collateral(&c));
    assert_false(c.got.from_cache);
    c.o.early = false;
    /* A quarter of 30 days and an hour are left, then a second less. */
    uint64_t whole = SIM_COLLATERAL_DAYS * FAKE_DAY;
    uint64_t issued = c.f.tcb_info.issue_date;
    c.job.now = issued + whole - whole / 4;
    assert_ok(collateral(&c));
    assert_true(c.got.from_cache);
    c.job.now++;
    assert_ok(collateral(&c));
    assert_false(c.got.from_cache);
    assert_int_equal(c.s.asked, 4);
    scene_finish(&c);
}

/* The same platform's, which was issued some time before or ends some time after. */
static void make_other(struct fake_dcap *out, enum sim_kind kind, uint64_t before, uint64_t ends)
{
    assert_ok(fake_dcap_init(out, kind));
    out->tcb_info.issue_date -= before;
    out->qe_identity.issue_date -= before;
    out->pck_crl.this_update -= before;
    out->tcb_info.next_update = out->qe_identity.next_update = out->pck_crl.next_update =
        out->time + ends;
    assert_ok(fake_dcap_make(out));
}

static void serve_other(struct scene *c, const struct fake_dcap *other)
{
    for (int part = FAKE_TCB_INFO; part < FAKE_PARTS; part++)
        c->s.other[part] = other;
}

static void assert_cached(struct scene *c, const struct fake_dcap *want)
{
    const struct pcs_options refresh = c->o;
    c->o.refresh = false;
    c->s.dead = true;
    assert_ok(collateral(c));
    assert_true(c->got.from_cache);
    assert_slice(buf_slice(&c->out), buf_slice(&want->collateral_json));
    c->s.dead = false;
    c->o = refresh;
}

/* What a service gives last is not always the last that was said: older collateral,
 * still valid, does not take the place of newer. */
static void test_older_is_not_kept(void **state)
{
    (void)state;
    struct fake_dcap older, shorter;
    struct scene c;
    scene_with_cache(&c, SIM_TDX_V4);
    make_other(&older, SIM_TDX_V4, 1, 31 * FAKE_DAY);
    make_other(&shorter, SIM_TDX_V4, 0, 60);
    const struct fake_dcap *const worse[] = {&older, &shorter};
    for (size_t i = 0; i < 2; i++) {
        /* At first nothing better is known. */
        serve_other(&c, worse[i]);
        c.o.refresh = true;
        assert_ok(collateral(&c));
        assert_false(c.got.from_cache);
        assert_string_equal(c.why.text, "");
        assert_slice(buf_slice(&c.out), buf_slice(&worse[i]->collateral_json));
        assert_int_equal(c.got.issued, worse[i]->tcb_info.issue_date);
        /* Better is taken, and stays. */
        serve_other(&c, NULL);
        for (int again = 0; again < 2; again++) {
            assert_ok(collateral(&c));
            assert_false(c.got.from_cache);
            assert_string_equal(c.why.text, "");
            assert_collateral(&c);
        }
        assert_int_equal(c.got.issued, c.f.tcb_info.issue_date);
        assert_int_equal(c.got.expires, c.f.tcb_info.next_update);
        serve_other(&c, worse[i]);
        assert_ok(collateral(&c));
        assert_int_equal(c.s.asked, 4);
        assert_true(c.got.from_cache);
        assert_collateral(&c);
        assert_int_equal(c.got.issued, c.f.tcb_info.issue_date);
        assert_int_equal(c.got.expires, c.f.tcb_info.next_update);
        assert_string_equal(c.why.field, "service");
        assert_says(&c, "the cache has better");
        assert_cached(&c, &c.f);
        char path[4400], fmspc[13];
        hex_text(fmspc, c.f.platform.fmspc, 6);
        snprintf(path, sizeof path, "%s/tdx-%s-processor.json", c.dir, fmspc);
        assert_int_equal(unlink(path), 0);
    }
    fake_dcap_finish(&older);
    fake_dcap_finish(&shorter);
    scene_finish(&c);
}

/* Nor does it where the newer says that this platform is no good; and where the newer
 * comes last it counts, whatever it says. */
static void test_older_that_says_better(void **state)
{
    (void)state;
    struct fake_dcap older;
    struct scene c;
    scene_plan(&c, SIM_TDX_V4);
    c.dir = test_tmpdir();
    for (size_t i = 0; i < c.f.tcb_info.level_count; i++)
        c.f.tcb_info.levels[i].pce_svn = 65535;
    scene_make(&c);
    make_other(&older, SIM_TDX_V4, 1, 30 * FAKE_DAY);
    serve_other(&c, &older);
    assert_ok(collateral(&c));
    c.o.refresh = true;
    serve_other(&c, NULL);
    assert_ok(collateral(&c));
    assert_false(c.got.from_cache);
    assert_collateral(&c);
    serve_other(&c, &older);
    assert_ok(collateral(&c));
    assert_true(c.got.from_cache);
    assert_collateral(&c);
    assert_int_equal(c.got.issued, c.f.tcb_info.issue_date);
    assert_says(&c, "the cache has better");
    assert_cached(&c, &c.f);
    fake_dcap_finish(&older);
    scene_finish(&c);
}

static void test_fall_back(void **state)
{
    (void)state;
    struct scene c;
    scene_with_cache(&c, SIM_TDX_V5_15);
    assert_ok(collateral(&c));
    c.job.now += 29 * FAKE_DAY;
    c.s.dead = true;
    assert_ok(collateral(&c));
    assert_true(c.got.from_cache);
    assert_collateral(&c);
    assert_says(&c, "from the cache");
    assert_says(&c, "the network is down");
    c.s.dead = false;
    c.s.status[FAKE_QE_IDENTITY] = 503;
    assert_ok(collateral(&c));
    assert_says(&c, "HTTP 503");
    c.s.status[FAKE_QE_IDENTITY] = 0;
    /* Wrong usage is not worked around. */
    c.o.pccs = "http://pccs.example";
    assert_err(collateral(&c), TL_E_USAGE);
    c.o.pccs = NULL;
    /* Nor is it valid for ever. */
    c.job.now += 2 * FAKE_DAY;
    c.s.dead = true;
    assert_err(collateral(&c), TL_E_IO);
    assert_string_equal(c.why.text, "the network is down");
    scene_finish(&c);
}

/* Collateral is as good where it says that this platform is not good enough. */
static void test_unsupported_tcb(void **state)
{
    (void)state;
    struct scene c;
    scene_plan(&c, SIM_TDX_V4);
    c.dir = test_tmpdir();
    for (size_t i = 0; i < c.f.tcb_info.level_count; i++)
        c.f.tcb_info.levels[i].pce_svn = 65535;
    scene_make(&c);
    for (int round = 0; round < 2; round++) {
        assert_ok(collateral(&c));
        assert_collateral(&c);
        assert_false(c.got.from_cache);
        assert_int_equal(c.s.asked, 4);
        assert_string_equal(c.why.text, "");
    }
    c.s.dead = true;
    assert_ok(collateral(&c));
    assert_true(c.got.from_cache);
    assert_says(&c, "from the cache");
    scene_finish(&c);

    scene_plan(&c, SIM_TDX_V4);
    c.f.quote.td.tee_tcb_svn[1] = 9; /* a module that the TCB info does not know */
    scene_make(&c);
    assert_ok(collateral(&c));
    assert_collateral(&c);
    scene_finish(&c);

    /* A bad quote is no reason to believe what came with it. */
    scene_plan(&c, SIM_TDX_V4);
    for (size_t i = 0; i < c.f.tcb_info.level_count; i++)
        c.f.tcb_info.levels[i].pce_svn = 65535;
    scene_make(&c);
    c.f.quote_bytes.p[100] ^= 1;
    assert_err(collateral(&c), TL_E_EVIDENCE);
    scene_finish(&c);
}

/* The one file in the cache. */
static char *cached_path(const struct scene *c)
{
    static char path[4400];
    char fmspc[13];
    hex_text(fmspc, c->f.platform.fmspc, 6);
    snprintf(path, sizeof path, "%s/sgx-%s-processor.json", c->dir, fmspc);
    return path;
}

static void write_file(const char *path, slice bytes)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes.p, 1, bytes.n, f), bytes.n);
    assert_int_equal(fclose(f), 0);
}

static void test_cache_is_not_believed(void **state)
{
    (void)state;
    struct scene c;
    struct stat st;
    scene_with_cache(&c, SIM_SGX_V3);
    assert_ok(collateral(&c));
    char *path = cached_path(&c);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    slice good = buf_slice(&c.f.collateral_json);
    struct bytes bad = bytes_copy(good);
    /* A digit of the TCB info's signature, or what else stands in its middle. */
    bad.p[bad.n / 2] ^= 1;
    const slice contents[] = {
        {NULL, 0}, slice_str("{}"), slice_of(good.p, good.n / 2), bytes_slice(bad)};
    for (size_t i = 0; i < sizeof contents / sizeof contents[0]; i++) {
        write_file(path, contents[i]);
        assert_ok(collateral(&c));
        assert_false(c.got.from_cache);
        write_file(path, contents[i]);
        c.s.dead = true;
        assert_err(collateral(&c), TL_E_IO);
        c.s.dead = false;
    }
    free(bad.p);
    scene_finish(&c);
}

static void test_cache_files(void **state)
{
    (void)state;
    char *dir = test_tmpdir();
    char deep[4200], path[4300], link[4300];
    struct tl_why why = {{0}, {0}};
    buf b;
    buf_init(&b, COLLATERAL_MAX);
    snprintf(deep, sizeof deep, "%s/a//b/c", dir);
    assert_err(pcs_cache_read(&b, deep, "x.json"), TL_E_NOT_FOUND);
    assert_ok(pcs_cache_write(deep, "x.json", slice_str("one"), &why));
    assert_ok(pcs_cache_write(deep, "x.json", slice_str("two!"), &why));
    assert_ok(pcs_cache_read(&b, deep, "x.json"));
    assert_slice(buf_slice(&b), slice_str("two!"));
    /* A FIFO, a directory and a link are not ours. */
    snprintf(path, sizeof path, "%s/fifo", deep);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_err(pcs_cache_read(&b, deep, "fifo"), TL_E_IO);
    assert_err(pcs_cache_read(&b, dir, "a"), TL_E_IO);
    snprintf(path, sizeof path, "%s/x.json", deep);
    snprintf(link, sizeof link, "%s/link", deep);
    assert_int_equal(symlink(path, link), 0);
    assert_err(pcs_cache_read(&b, deep, "link"), TL_E_IO);
    /* Writing replaces the link, and leaves alone what it points to. */
    assert_ok(pcs_cache_write(deep, "link", slice_str("three"), &why));
    assert_err(pcs_cache_read(&b, path, "x"), TL_E_NOT_FOUND);
    assert_int_equal(b.n, 4);
    buf_reset(&b);
    assert_ok(pcs_cache_read(&b, deep, "x.json"));
    assert_slice(buf_slice(&b), slice_str("two!"));
    /* Where a directory cannot be. */
    assert_err(pcs_cache_write(path, "x.json", slice_str("x"), &why), TL_E_IO);
    assert_string_equal(why.field, "cache");
    assert_int_equal(truncate(path, COLLATERAL_MAX), 0);
    buf_reset(&b);
    assert_ok(pcs_cache_read(&b, deep, "x.json"));
    assert_int_equal(b.n, COLLATERAL_MAX);
    buf_reset(&b);
    assert_int_equal(truncate(path, COLLATERAL_MAX + 1), 0);
    assert_err(pcs_cache_read(&b, deep, "x.json"), TL_E_LIMIT);
    assert_int_equal(b.n, 0);
    buf_finish(&b);
    test_rmdir(dir);
}

static void test_cache_names(void **state)
{
    (void)state;
    char name[PCS_CACHE_NAME_SIZE];
    struct pcs_platform p = {.tdx = true, .fmspc = {0, 0x80, 0x6f, 5, 0, 0}, .ca = PCS_CA_PLATFORM};
    pcs_cache_name(name, &p, false);
    assert_string_equal(name, "tdx-00806f050000-platform.json");
    p.tdx = false;
    p.ca = PCS_CA_PROCESSOR;
    pcs_cache_name(name, &p, true);
    assert_string_equal(name, "sgx-00806f050000-processor-early.json");
}

static void test_unwritable_cache(void **state)
{
    (void)state;
    struct scene c;
    char path[4300];
    scene_with_cache(&c, SIM_SGX_V3);
    snprintf(path, sizeof path, "%s/file", c.dir);
    write_file(path, slice_str("x"));
    c.job.cache_dir = path;
    assert_ok(collateral(&c));
    assert_false(c.got.from_cache);
    assert_collateral(&c);
    assert_says(&c, "cannot write the cache");
    scene_finish(&c);
}

/* Any allocation may fail: an error then, or a cache that is not of use. */
static void test_memory(void **state)
{
    (void)state;
    struct scene c;
    bool more = true;
    for (int round = 0; round < 2; round++) {
        scene_with_cache(&c, SIM_SGX_V3);
        if (round == 1) {
            assert_ok(collateral(&c));
            c.job.now += 29 * FAKE_DAY;
        }
        more = true;
        for (size_t n = 1; more; n++) {
            struct stat st;
            test_fail_alloc(n);
            tl_err err = collateral(&c);
            more = test_alloc_failed();
            test_fail_alloc(0);
            if (err != TL_OK) {
                assert_err(err, TL_E_MEMORY);
                assert_int_equal(c.out.n, 0);
                assert_ok(buf_err(&c.out));
            } else {
                assert_collateral(&c);
            }
            if (round == 0 && stat(cached_path(&c), &st) == 0)
                assert_int_equal(unlink(cached_path(&c)), 0);
        }
        scene_finish(&c);
    }
}

/* The pieces that stand between the network and the above. */
static void test_no_server(void **state)
{
    (void)state;
    struct scene c;
    scene_init(&c, SIM_SGX_V3);
    c.o.pccs = "https://127.0.0.1:1";
    c.o.timeout_s = 5;
    tl_err err =
        pcs_collateral(&c.out, &c.got, c.job.quote, &c.o, NULL, c.job.now, c.job.roots, 1, &c.why);
    assert_true(err == TL_E_IO || err == TL_E_USAGE); /* the latter: built without libcurl */
    assert_int_equal(c.out.n, 0);
    assert_string_not_equal(c.why.text, "");
    scene_finish(&c);
}

/* Names and passwords of addresses stay out of what is said. */
static void test_credentials(void **state)
{
    (void)state;
    static const struct {
        const char *pccs, *proxy, *says;
    } all[] = {
        {"https://name:hunter2@127.0.0.1:1", NULL, "https://127.0.0.1:1 "},
        {"https://name:hunter2@127.0.0.1:1/a/b", NULL, "https://127.0.0.1:1 "},
        {"https://name:hunter2@hunter2@127.0.0.1:1", NULL, ""},
        {"https://hunter2@127.0.0.1:1", NULL, "https://127.0.0.1:1 "},
        {"https://name:hunter2@127.0.0.1:x", NULL, "address"},
        {"https://127.0.0.1:1", "http://name:hunter2@127.0.0.1:1", "https://127.0.0.1:1"},
        {"https://127.0.0.1:1", "http://name:hunter2@127.0.0.1:x", "address"},
        {"https://127.0.0.1:1", "http://name:hunter2@127.0.0.1:1:hunter2", "address"},
        {"https://127.0.0.1:1", "ftp://name:hunter2@127.0.0.1:1", "address"},
        {"https://127.0.0.1:1", "http://na/me:hunter2@127.0.0.1:1", ""},
        {"https://127.0.0.1:1", "name:hunter2@127.0.0.1:1", "https://127.0.0.1:1"},
        {"https://127.0.0.1:1", "name:hunter2@[127.0.0.1:1", "address"},
        {"https://127.0.0.1:1", "http://name:hunter2 @127.0.0.1:1", ""},
    };
    struct scene c;
    scene_init(&c, SIM_SGX_V3);
    c.o.timeout_s = 5;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        forget(&c);
        c.o.pccs = all[i].pccs;
        c.o.proxy = all[i].proxy;
        tl_err err = pcs_collateral(&c.out, &c.got, c.job.quote, &c.o, NULL, c.job.now, c.job.roots,
                                    1, &c.why);
        assert_true(err == TL_E_IO || err == TL_E_USAGE);
        if (strstr(c.why.text, "hunter2") || strstr(c.why.field, "hunter2"))
            fail_msg("%zu: %s", i, c.why.text);
        if (!strstr(c.why.text, "cannot fetch")) /* where it is built without libcurl */
            assert_says(&c, all[i].says);
    }
    scene_finish(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_intel),
        cmocka_unit_test(test_pccs),
        cmocka_unit_test(test_wrong_options),
        cmocka_unit_test(test_encrypted_ppid),
        cmocka_unit_test(test_leaf_in_quote),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_swapped),
        cmocka_unit_test(test_stale_answer),
        cmocka_unit_test(test_cache),
        cmocka_unit_test(test_older_is_not_kept),
        cmocka_unit_test(test_older_that_says_better),
        cmocka_unit_test(test_fall_back),
        cmocka_unit_test(test_unsupported_tcb),
        cmocka_unit_test(test_cache_is_not_believed),
        cmocka_unit_test(test_cache_files),
        cmocka_unit_test(test_cache_names),
        cmocka_unit_test(test_unwritable_cache),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_no_server),
        cmocka_unit_test(test_credentials),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
