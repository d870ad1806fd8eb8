/* Fetching collateral from a service that is played here, verifying it, and the
 * cache: what is asked, what is taken and what is not. */
#include "attest/collateral.h"
#include "fakedcap.h"
#include "faults.h"
#include "pcs/cache.h"
#include "pcs/fetch.h"
#include "teelog/quote.h"
#include "testlib.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

enum part { PCK_CERT, TCB_INFO, QE_IDENTITY, PCK_CRL, ROOT_CRL, PARTS };

/* A service with what the fake has. */
struct service {
    const struct fake_dcap *f;
    unsigned status[PARTS];               /* other than 0: instead of 200 */
    const struct fake_dcap *other[PARTS]; /* not NULL: that part is of this one */
    bool dead;
    bool hex; /* CRLs */
    unsigned asked;
    char urls[8][2048];
};

static const struct {
    const char *path;
    enum part part;
} paths[] = {
    {"/sgx/certification/v4/pckcert?", PCK_CERT},
    {"/certification/v4/tcb?fmspc=", TCB_INFO},
    {"/certification/v4/qe/identity", QE_IDENTITY},
    {"/sgx/certification/v4/pckcrl?ca=", PCK_CRL},
    {"/sgx/certification/v4/rootcacrl", ROOT_CRL},
    {"https://certificates.trustedservices.intel.com/IntelSGXRootCA.der", ROOT_CRL},
};

static void put_chain(buf *headers, const char *name, slice pem)
{
    buf_printf(headers, "%s: ", name);
    for (size_t i = 0; i < pem.n; i++)
        if (pem.p[i] == '\n' || pem.p[i] == ' ' || pem.p[i] == '+')
            buf_printf(headers, "%%%02x", pem.p[i]);
        else
            buf_u8(headers, pem.p[i]);
    buf_str(headers, "\r\n");
}

static void put_signed(buf *body, const char *member, slice text, const uint8_t signature[64])
{
    buf_printf(body, "{\"%s\":", member);
    buf_bytes(body, text);
    buf_str(body, ",\"signature\":\"");
    hex_put(body, slice_of(signature, 64));
    buf_str(body, "\"}");
}

/* The first certificate of a chain, and the rest. */
static slice first_of(slice pem, slice *rest)
{
    static const char end[] = "-----END CERTIFICATE-----\n";
    const uint8_t *at = memmem(pem.p, pem.n, end, sizeof end - 1);
    size_t n = (size_t)(at - pem.p) + sizeof end - 1;
    *rest = slice_of(pem.p + n, pem.n - n);
    return slice_of(pem.p, n);
}

static void put_part(struct pcs_answer *a, const struct service *s, enum part part)
{
    const struct fake_dcap *f = s->other[part] ? s->other[part] : s->f;
    slice issuers, crl = part == PCK_CRL ? f->parts.pck_crl : f->parts.root_ca_crl;
    switch (part) {
    case PCK_CERT:
        buf_bytes(&a->body, first_of(buf_slice(&f->pck_pem), &issuers));
        put_chain(&a->headers, "SGX-PCK-Certificate-Issuer-Chain", issuers);
        break;
    case TCB_INFO:
        put_chain(&a->headers, "tcb-info-issuer-chain", f->parts.tcb_info_chain);
        put_signed(&a->body, "tcbInfo", f->parts.tcb_info, f->parts.tcb_info_signature);
        break;
    case QE_IDENTITY:
        put_chain(&a->headers, "SGX-Enclave-Identity-Issuer-Chain", f->parts.qe_identity_chain);
        put_signed(&a->body, "enclaveIdentity", f->parts.qe_identity,
                   f->parts.qe_identity_signature);
        break;
    case PCK_CRL:
        put_chain(&a->headers, "SGX-PCK-CRL-Issuer-Chain", f->parts.pck_crl_chain);
        __attribute__((fallthrough));
    default:
        if (s->hex)
            hex_put(&a->body, crl);
        else
            buf_bytes(&a->body, crl);
    }
}

static tl_err serve(void *ctx, struct pcs_answer *a, const char *url, struct tl_why *why)
{
    struct service *s = ctx;
    assert_true(s->asked < 8);
    snprintf(s->urls[s->asked++], sizeof s->urls[0], "%s", url);
    if (s->dead)
        return tl_explain(why, TL_E_IO, "service", "the network is down");
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (!strstr(url, paths[i].path))
            continue;
        enum part part = paths[i].part;
        a->status = s->status[part] ? s->status[part] : 200;
        put_part(a, s, part);
        if (buf_err(&a->headers) != TL_OK)
            return buf_err(&a->headers);
        return buf_err(&a->body);
    }
    a->status = 404;
    return TL_OK;
}

/* One fake platform, its service, and what is asked for. */
struct scene {
    struct fake_dcap f;
    struct service s;
    struct pcs_options o;
    struct pcs_source source;
    struct pcs_job job;
    struct tl_why why;
    buf out;
    bool from_cache;
    char *dir;
};

static void scene_plan(struct scene *c, enum sim_kind kind)
{
    memset(c, 0, sizeof *c);
    assert_ok(fake_dcap_init(&c->f, kind));
    c->s.f = &c->f;
    c->source = (struct pcs_source){serve, &c->s};
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
    return pcs_collateral_from(&c->out, &c->from_cache, &c->job, &c->source, &c->why);
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
    c.o.update = "standard";
    assert_ok(fetch(&c));
    assert_string_equal(c.s.urls[0], want);
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
    c.o.update = "early";
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
                                        "https://pccs\n.example"};
    struct scene c;
    scene_init(&c, SIM_SGX_V3);
    for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++) {
        c.o.pccs = bases[i];
        assert_err(fetch(&c), TL_E_USAGE);
        assert_string_equal(c.why.field, "service");
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
    c.o.update = "sometimes";
    assert_err(fetch(&c), TL_E_USAGE);
    assert_int_equal(c.s.asked, 0);
    c.o.update = NULL;
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
    assert_false(c.from_cache);
    c.o.pccs = "https://pccs.example";
    assert_ok(collateral(&c));
    assert_non_null(strstr(c.s.urls[0], "&qeid="));
    c.s.status[PCK_CERT] = 401;
    assert_err(collateral(&c), TL_E_AUTH);
    assert_int_equal(c.s.asked, 1);
    scene_finish(&c);
}

static void test_leaf_in_quote(void **state)
{
    (void)state;
    struct scene c;
    struct collateral got;
    slice rest;
    scene_init(&c, SIM_SGX_V3);
    struct bytes leaf = bytes_copy(first_of(buf_slice(&c.f.pck_pem), &rest));
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
    c.f.quote.cert_data = bytes_slice(leaf);
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
    static const char *const words[PARTS] = {[TCB_INFO] = "the SGX TCB info of FMSPC ",
                                             [QE_IDENTITY] = "the QE's identity",
                                             [PCK_CRL] = "the processor CA's revocation list",
                                             [ROOT_CRL] = "the root CA's revocation list"};
    struct scene c;
    scene_init(&c, SIM_SGX_V3);
    for (int part = TCB_INFO; part < PARTS; part++) {
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
    for (int part = TCB_INFO; part < PARTS; part++) {
        c.s.other[part] = &other;
        assert_ok(fetch(&c));
        c.from_cache = true;
        assert_err(collateral(&c), TL_E_EVIDENCE);
        assert_true(c.from_cache);
        assert_int_equal(c.out.n, 0);
        assert_says(&c, "not genuine with what the service gave");
        c.s.other[part] = NULL;
    }
    c.job.cache_dir = NULL;
    assert_ok(collateral(&c));
    assert_false(c.from_cache);
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
    assert_false(c.from_cache);
    assert_int_equal(c.s.asked, 4);
    assert_string_equal(c.why.text, "");
    assert_ok(collateral(&c));
    assert_true(c.from_cache);
    assert_int_equal(c.s.asked, 0);
    assert_collateral(&c);
    assert_string_equal(c.why.text, "");
    /* Early data are others. */
    c.o.update = "early";
    assert_ok(collateral(&c));
    assert_false(c.from_cache);
    c.o.update = "standard";
    /* A quarter of 30 days and an hour are left, then a second less. */
    uint64_t whole = SIM_COLLATERAL_DAYS * FAKE_DAY;
    uint64_t issued = c.f.tcb_info.issue_date;
    c.job.now = issued + whole - whole / 4;
    assert_ok(collateral(&c));
    assert_true(c.from_cache);
    c.job.now++;
    assert_ok(collateral(&c));
    assert_false(c.from_cache);
    assert_int_equal(c.s.asked, 4);
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
    assert_true(c.from_cache);
    assert_collateral(&c);
    assert_says(&c, "from the cache");
    assert_says(&c, "the network is down");
    c.s.dead = false;
    c.s.status[QE_IDENTITY] = 503;
    assert_ok(collateral(&c));
    assert_says(&c, "HTTP 503");
    c.s.status[QE_IDENTITY] = 0;
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
        assert_false(c.from_cache);
        assert_int_equal(c.s.asked, 4);
        assert_string_equal(c.why.text, "");
    }
    c.s.dead = true;
    assert_ok(collateral(&c));
    assert_true(c.from_cache);
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
        assert_false(c.from_cache);
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
    assert_false(c.from_cache);
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

static uint8_t *must_read(const char *dir, const char *name, size_t *n)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    uint8_t *bytes = test_file(path, n);
    if (!bytes)
        fail_msg("%s cannot be read", path);
    return bytes;
}

/* The case's own root where it has one, else Intel's. */
static hash32 trusted_root(const char *dir)
{
    char path[4096];
    hash32 root = dcap_intel_root;
    size_t n;
    snprintf(path, sizeof path, "%s/root_ca.pem", dir);
    char *text = (char *)test_file(path, &n);
    if (text)
        assert_ok(teelog_root_from_pem(root.b, text, n));
    free(text);
    return root;
}

static bool is_platform_list(slice der)
{
    static const char name[] = "Platform CA";
    struct crl crl;
    assert_ok(crl_read(&crl, der));
    return memmem(crl.issuer.p, crl.issuer.n, name, sizeof name - 1) != NULL;
}

/* Whether its collateral is taken when a service gives it piece by piece. */
static bool is_taken(const char *dir, struct pcs_job *job, const struct collateral *given)
{
    struct fake_dcap f = {.parts = *given};
    struct service s = {.f = &f};
    const struct pcs_source source = {serve, &s};
    struct tl_why why = {{0}, {0}};
    struct collateral got;
    bool from_cache;
    buf out;
    buf_init(&f.pck_pem, 65536);
    buf_bytes(&f.pck_pem, given->pck_chain);
    buf_init(&out, COLLATERAL_MAX);
    bool taken = pcs_collateral_from(&out, &from_cache, job, &source, &why) == TL_OK;
    if (taken) {
        assert_ok(collateral_read(&got, buf_slice(&out), NULL));
        assert_slice(got.tcb_info, given->tcb_info);
        assert_slice(got.qe_identity, given->qe_identity);
        assert_slice(got.pck_crl, given->pck_crl);
        assert_slice(got.root_ca_crl, given->root_ca_crl);
        collateral_finish(&got);
        /* The list that was asked for is of the CA that signed it. */
        bool platform = strstr(s.urls[s.asked - 2], "?ca=platform");
        assert_int_equal(platform, is_platform_list(given->pck_crl));
    } else if (!why.text[0]) {
        fail_msg("%s: refused without a word", dir);
    }
    buf_finish(&out);
    buf_finish(&f.pck_pem);
    return taken;
}

static void try_case(const char *dir, size_t *taken)
{
    char path[4096];
    size_t quote_n, json_n;
    uint8_t *quote = must_read(dir, "quote.bin", &quote_n);
    uint8_t *json = must_read(dir, "collateral.json", &json_n);
    hash32 root = trusted_root(dir);
    const struct pcs_options o = {.pccs = NULL};
    struct collateral given;
    struct dcap_report r;
    snprintf(path, sizeof path, "%s/case.json", dir);
    json_t *c = vector_file(path);
    struct pcs_job job = {slice_of(quote, quote_n),     &o,    NULL,
                          vector_int(c, "verify_time"), &root, 1};
    const struct dcap_input in = {.quote = job.quote,
                                  .collateral = slice_of(json, json_n),
                                  .time = job.now,
                                  .roots = &root,
                                  .root_count = 1};
    dcap_verify(&r, &in);
    bool want = r.ok || strcmp(r.stage, "tcb") == 0 || strcmp(r.stage, "tdx-module") == 0;
    /* A PPID in clear cannot be asked about. */
    want = want && r.quote.cert_type != QUOTE_CERT_PPID;
    if (collateral_read(&given, in.collateral, NULL) == TL_OK) {
        bool got = is_taken(dir, &job, &given);
        if (got != want)
            fail_msg("%s: %s", dir, got ? "taken" : "refused");
        *taken += got;
        collateral_finish(&given);
    }
    json_decref(c);
    free(quote);
    free(json);
}

/* Intel's own documents, and those that are wrong in one place. */
static void test_shared_vectors(void **state)
{
    (void)state;
    static const struct {
        const char *below;
        size_t at_least;
    } folders[] = {{"dcap/real", 120}, {"dcap/synthetic", 20}};
    for (size_t i = 0; i < 2; i++) {
        char dir[2048], path[2400];
        const char *found = test_vectors(folders[i].below);
        size_t taken = 0;
        if (!found)
            return;
        snprintf(dir, sizeof dir, "%s", found);
        DIR *d = opendir(dir);
        assert_non_null(d);
        for (struct dirent *e; (e = readdir(d));) {
            snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
            if (e->d_name[0] != '.')
                try_case(path, &taken);
        }
        closedir(d);
        assert_true(taken >= folders[i].at_least);
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
    tl_err err = pcs_fetch(&c.out, c.job.quote, &c.o, &c.why);
    assert_true(err == TL_E_IO || err == TL_E_USAGE); /* the latter: built without libcurl */
    assert_int_equal(c.out.n, 0);
    c.why = (struct tl_why){{0}, {0}};
    err = pcs_collateral(&c.out, &c.from_cache, c.job.quote, &c.o, NULL, c.job.now, c.job.roots, 1,
                         &c.why);
    assert_true(err == TL_E_IO || err == TL_E_USAGE);
    assert_string_not_equal(c.why.text, "");
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
        cmocka_unit_test(test_fall_back),
        cmocka_unit_test(test_unsupported_tcb),
        cmocka_unit_test(test_cache_is_not_believed),
        cmocka_unit_test(test_cache_files),
        cmocka_unit_test(test_cache_names),
        cmocka_unit_test(test_unwritable_cache),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_shared_vectors),
        cmocka_unit_test(test_no_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
