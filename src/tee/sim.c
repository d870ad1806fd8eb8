/* The simulated TEE: real DCAP quotes under a root of its own, which prove
 * nothing about hardware, and a sealing key in a file. */
#include "attest/chain.h"
#include "attest/evidence.h"
#include "crypto/secret.h"
#include "tee/platform.h"
#include "tee/sim_collateral.h"
#include "tee/sim_files.h"
#include "tee/sim_pki.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct sim {
    struct tee tee;
    uint8_t sealing[32];
    struct es256_key *root, *intermediate, *signer, *attestation;
    buf chain, signer_chain; /* PEM */
    struct sgx_extension platform;
    struct sim_qe qe;
    struct sim_quote plan; /* borrows the attestation key, the chain and the QE */
};

static struct sim *sim_of(struct tee *t)
{
    return (struct sim *)t; /* its first member */
}

static void sim_close(struct tee *t)
{
    struct sim *s = sim_of(t);
    es256_free(s->root);
    es256_free(s->intermediate);
    es256_free(s->signer);
    es256_free(s->attestation);
    buf_finish(&s->chain);
    buf_finish(&s->signer_chain);
    secret_wipe(s, sizeof *s);
    free(s);
}

static tl_err sim_sealing_key(struct tee *t, uint8_t out[32], struct tl_why *why)
{
    (void)why;
    memcpy(out, sim_of(t)->sealing, 32);
    return TL_OK;
}

static tl_err sim_make_quote(struct tee *t, const uint8_t report_data[64], buf *quote,
                             buf *event_log, struct tl_why *why)
{
    (void)event_log; /* its verifiers take none */
    struct sim_quote plan = sim_of(t)->plan;
    memcpy(plan.body.report_data, report_data, 64);
    memcpy(plan.td.report_data, report_data, 64);
    tl_err err = sim_quote_put(quote, &plan);
    if (err != TL_OK)
        return tl_explain(why, err, "tee", "the simulator could not make a quote: %s",
                          tl_err_text(err));
    return TL_OK;
}

/* Collateral is dated back by this, for verifiers whose clocks are behind. */
#define CLOCK_SLACK UINT64_C(3600)

static tl_err sim_make_collateral(struct tee *t, uint64_t now, buf *json, struct tl_why *why)
{
    static const char begin[] = "-----BEGIN";
    const struct sim *s = sim_of(t);
    struct sim_collateral c = {.signer = s->signer, .signer_chain = buf_slice(&s->signer_chain)};
    now -= now < CLOCK_SLACK ? now : CLOCK_SLACK;
    sim_tcb_info_plan(&c.tcb_info, s->plan.is_td, &s->platform, now);
    sim_qe_identity_plan(&c.qe_identity, s->plan.is_td, now);
    sim_crl_plan(&c.root_crl, sim_root_name, s->root, now);
    sim_crl_plan(&c.pck_crl, sim_intermediate_name, s->intermediate, now);
    /* The PCK chain without its leaf. */
    const uint8_t *second = memmem(s->chain.p + 1, s->chain.n - 1, begin, sizeof begin - 1);
    c.pck_crl_chain = slice_of(second, (size_t)(s->chain.p + s->chain.n - second));
    tl_err err = sim_collateral_put(json, &c);
    if (err != TL_OK)
        return tl_explain(why, err, "tee", "the simulator could not make collateral: %s",
                          tl_err_text(err));
    return TL_OK;
}

static const struct tee_ops sim_ops = {
    .platform = "simulator",
    .sealing = "simulator file",
    .simulated = true,
    .keeps_keys = true,
    .close = sim_close,
    .sealing_key = sim_sealing_key,
    .quote = sim_make_quote,
    .collateral = sim_make_collateral,
};

static const struct {
    const char *name;
    enum sim_kind kind;
} kinds[] = {
    {"sim", SIM_SGX_V3},
    {"sim-tdx", SIM_TDX_V4},
    {"sim-tdx-v5", SIM_TDX_V5_15},
};
const char sim_kind_names[] = "sim, sim-tdx, sim-tdx-v5";

/* An index into kinds; their number where there is none of this name. */
static size_t find_kind(const char *name)
{
    size_t i = 0;
    while (i < sizeof kinds / sizeof kinds[0] && strcmp(kinds[i].name, name) != 0)
        i++;
    return i;
}

bool sim_is_kind(const char *kind)
{
    return find_kind(kind) < sizeof kinds / sizeof kinds[0];
}

/* The program that runs stands in place of an enclave's contents (MRENCLAVE), and
 * is the one event in a TD's RTMR3. */
static void measure(struct sim_quote *plan, slice program)
{
    uint8_t event[96] = {0}; /* the register as it was, the event's digest */
    hash32 enclave = sha256(program);
    memcpy(plan->body.mrenclave, enclave.b, sizeof enclave.b);
    sha384(program, event + 48);
    sha384(SLICE_ARRAY(event), plan->td.rtmr[3]);
}

static tl_err measure_program(struct sim_quote *plan, struct tl_why *why)
{
    struct stat st;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    void *p = MAP_FAILED;
    if (fd >= 0 && fstat(fd, &st) == 0)
        p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (fd >= 0)
        close(fd);
    if (p == MAP_FAILED)
        return tl_explain(why, TL_E_IO, "tee", "cannot read /proc/self/exe to measure it");
    measure(plan, slice_of(p, (size_t)st.st_size));
    munmap(p, (size_t)st.st_size);
    return TL_OK;
}

/* Makes a key and its scalar, to be stored. */
static tl_err make_key(struct es256_key **out, uint8_t scalar[32])
{
    tl_err err = es256_generate(out);
    return err == TL_OK ? es256_scalar(*out, scalar) : err;
}

static tl_err make_chains(struct sim_files *files, const struct sim_chain_keys *keys, bool tdx)
{
    struct sim_cert plan[3], signer;
    const struct sim_cert *const signer_chain[2] = {&signer, &plan[2]};
    uint64_t now = (uint64_t)time(NULL);
    tl_err err = sim_chain_plan(plan, keys, now);
    if (err == TL_OK)
        err = sim_signer_plan(&signer, keys, now);
    if (err == TL_OK && tdx)
        plan[0].sgx = &sim_tdx_platform;
    if (err == TL_OK)
        err = sim_chain_put(&files->chains[SIM_PCK_CHAIN], plan);
    if (err == TL_OK)
        err = sim_certs_put(&files->chains[SIM_SIGNER_CHAIN], signer_chain, 2);
    return err;
}

/* A fresh root, and what stands under it. */
static tl_err make_files(struct sim_files *out, bool tdx)
{
    struct sim_files v = {0};
    struct sim_chain_keys keys = {0};
    struct es256_key *attestation = NULL;
    for (size_t i = 0; i < SIM_CHAINS; i++)
        buf_init(&v.chains[i], TEE_QUOTE_MAX);
    tl_err err = make_key(&keys.root, v.root);
    if (err == TL_OK)
        err = make_key(&keys.intermediate, v.intermediate);
    if (err == TL_OK)
        err = make_key(&keys.pck, v.pck);
    if (err == TL_OK)
        err = make_key(&keys.signer, v.signer);
    if (err == TL_OK)
        err = make_key(&attestation, v.attestation);
    if (err == TL_OK)
        err = random_bytes(v.sealing, sizeof v.sealing);
    if (err == TL_OK)
        err = make_chains(&v, &keys, tdx);
    es256_free(keys.root);
    es256_free(keys.intermediate);
    es256_free(keys.pck);
    es256_free(keys.signer);
    es256_free(attestation);
    if (err == TL_OK)
        *out = v;
    else
        sim_files_finish(&v);
    return err;
}

static tl_err get_files(struct sim_files *out, const char *dir, bool tdx, struct tl_why *why)
{
    int fd;
    bool found = false;
    tl_err err = sim_files_lock(&fd, dir, why);
    if (err != TL_OK)
        return err;
    err = sim_files_load(out, &found, fd, dir, why);
    if (err == TL_OK && !found) {
        struct sim_files fresh;
        err = make_files(&fresh, tdx);
        if (err == TL_OK) {
            err = sim_files_save(&fresh, fd, dir, why);
            if (err == TL_OK)
                *out = fresh;
            else
                sim_files_finish(&fresh);
        }
    }
    close(fd);
    return err;
}

static void take(buf *to, buf *from)
{
    *to = *from;
    buf_init(from, 0);
}

/* What the stored chain says of the platform: MRSIGNER is its root. A platform that
 * was begun for one TEE does not go on as the other: collateral for both would be
 * needed for one log. */
static tl_err read_chain(struct sim *s, bool tdx, struct tl_why *why)
{
    struct chain chain;
    tl_err err = chain_read_pck(&chain, buf_slice(&s->chain), why);
    if (err != TL_OK)
        return err;
    bool is_tdx = slice_eq(SLICE_ARRAY(chain.leaf.sgx.fmspc), SLICE_ARRAY(sim_tdx_platform.fmspc));
    if (is_tdx != tdx) {
        chain_finish(&chain);
        return tl_explain(why, TL_E_TEE, "tee", "it was begun as %s",
                          is_tdx ? "a TDX platform: --tee sim-tdx or sim-tdx-v5"
                                 : "an SGX platform: --tee sim");
    }
    hash32 signer = sha256(chain.root.spki);
    memcpy(s->plan.body.mrsigner, signer.b, sizeof signer.b);
    s->platform = chain.leaf.sgx;
    chain_finish(&chain);
    return TL_OK;
}

/* Keys and chains as they lie in the files, into s. Whether they fit each other is
 * for self_check to find out. */
static tl_err set_up(struct sim *s, struct sim_files *files, enum sim_kind kind, struct tl_why *why)
{
    struct es256_key *pck = NULL;
    tl_err err = es256_private(&s->root, files->root);
    if (err == TL_OK)
        err = es256_private(&s->intermediate, files->intermediate);
    if (err == TL_OK)
        err = es256_private(&s->signer, files->signer);
    if (err == TL_OK)
        err = es256_private(&s->attestation, files->attestation);
    if (err == TL_OK)
        err = es256_private(&pck, files->pck);
    if (err == TL_OK)
        err = sim_kind_is_tdx(kind) ? sim_td_qe_make(&s->qe, pck, s->attestation)
                                    : sim_qe_make(&s->qe, pck, s->attestation);
    es256_free(pck);
    if (err != TL_OK)
        return err;
    memcpy(s->sealing, files->sealing, sizeof s->sealing);
    take(&s->chain, &files->chains[SIM_PCK_CHAIN]);
    take(&s->signer_chain, &files->chains[SIM_SIGNER_CHAIN]);
    sim_quote_plan(&s->plan, &s->qe, s->attestation, buf_slice(&s->chain));
    sim_quote_become(&s->plan, kind);
    err = read_chain(s, sim_kind_is_tdx(kind), why);
    return err == TL_OK ? measure_program(&s->plan, why) : err;
}

/* What a verifier would say of its quotes, now: finds a damaged chain, a key
 * that belongs to another, and a clock beyond the certificates. */
static tl_err self_check(struct sim *s, struct tl_why *why)
{
    static const uint8_t nothing[64];
    const struct evidence_context context = {.time = (uint64_t)time(NULL)};
    struct evidence_report report;
    buf quote, collateral;
    buf_init(&quote, TEE_QUOTE_MAX);
    buf_init(&collateral, COLLATERAL_MAX);
    tl_err err = sim_make_quote(&s->tee, nothing, &quote, NULL, why);
    if (err == TL_OK)
        err = sim_make_collateral(&s->tee, context.time, &collateral, why);
    if (err == TL_OK) {
        struct evidence e = {slice_str(sim_ops.platform), buf_slice(&quote), {NULL, 0}};
        evidence_verify(&report, &e, buf_slice(&collateral), &context);
        if (!report.genuine)
            err = tl_explain(why, strcmp(report.stage, "memory") == 0 ? TL_E_MEMORY : TL_E_TEE,
                             report.stage, "%s", report.detail);
    }
    buf_finish(&quote);
    buf_finish(&collateral);
    return err;
}

tl_err sim_open(struct tee **out, const char *name, const char *dir, struct tl_why *why)
{
    enum sim_kind kind = kinds[find_kind(name)].kind;
    struct sim_files files = {0};
    struct tl_why inner = {0};
    tl_err err = get_files(&files, dir, sim_kind_is_tdx(kind), why);
    if (err != TL_OK)
        return tl_explain(why, err, "tee", "%s", tl_err_text(err));
    struct sim *s = calloc(1, sizeof *s);
    if (!s) {
        err = TL_E_MEMORY;
        goto out;
    }
    s->tee.ops = &sim_ops;
    err = set_up(s, &files, kind, &inner);
    if (err == TL_OK)
        err = self_check(s, &inner);
    if (err != TL_OK) {
        err = tl_explain(why, tl_err_category(err) == TL_CAT_SYSTEM ? err : TL_E_TEE, "data",
                         "%.120s/sim cannot be used: %.180s", dir, tl_why_text(&inner, err));
        sim_close(&s->tee);
        goto out;
    }
    *out = &s->tee;
out:
    sim_files_finish(&files);
    return err;
}
