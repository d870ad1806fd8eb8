/* The simulated TEE: real DCAP quotes under a root of its own, which prove
 * nothing about hardware, and a sealing key in a file. */
#include "attest/chain.h"
#include "attest/evidence.h"
#include "crypto/secret.h"
#include "tee/platform.h"
#include "tee/sim_files.h"
#include "tee/sim_pki.h"
#include "tee/sim_quote.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct sim {
    struct tee tee;
    uint8_t sealing[32];
    struct es256_key *attestation;
    buf chain; /* PEM */
    struct sim_qe qe;
    struct sim_quote plan; /* borrows the three above */
};

static struct sim *sim_of(struct tee *t)
{
    return (struct sim *)t; /* its first member */
}

static void sim_close(struct tee *t)
{
    struct sim *s = sim_of(t);
    es256_free(s->attestation);
    buf_finish(&s->chain);
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
                             struct tl_why *why)
{
    struct sim_quote plan = sim_of(t)->plan;
    struct quote made;
    struct sgx_report body;
    size_t start = quote->n;
    memcpy(plan.body.report_data, report_data, 64);
    tl_err err = sim_quote_put(quote, &plan);
    if (err == TL_OK)
        err = quote_read(&made, slice_of(quote->p + start, quote->n - start), why);
    if (err != TL_OK)
        return tl_explain(why, err, "tee", "the simulator could not make a quote: %s",
                          tl_err_text(err));
    sgx_report_read(&body, made.body);
    if (!slice_eq(SLICE_ARRAY(body.report_data), slice_of(report_data, 64)))
        return tl_explain(why, TL_E_TEE, "tee", "the quote carries other report data");
    return TL_OK;
}

static const struct tee_ops sim_ops = {
    .platform = "simulator",
    .sealing = "simulator file",
    .simulated = true,
    .close = sim_close,
    .sealing_key = sim_sealing_key,
    .quote = sim_make_quote,
};

/* The program that runs, in place of an enclave's contents. */
static tl_err measure_program(uint8_t mrenclave[32], struct tl_why *why)
{
    static const size_t chunk_size = 65536;
    uint8_t *chunk = malloc(chunk_size);
    if (!chunk)
        return TL_E_MEMORY;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct sha256_stream *stream = sha256_stream_new();
    ssize_t n = fd >= 0 ? 1 : -1;
    while (n > 0) {
        n = read(fd, chunk, chunk_size);
        if (n > 0)
            sha256_stream_add(stream, slice_of(chunk, (size_t)n));
        else if (n < 0 && errno == EINTR)
            n = 1;
    }
    hash32 h = sha256_stream_end(stream);
    if (fd >= 0)
        close(fd);
    free(chunk);
    if (n < 0)
        return tl_explain(why, TL_E_IO, "tee", "cannot read /proc/self/exe to measure it");
    memcpy(mrenclave, h.b, sizeof h.b);
    return TL_OK;
}

/* A fresh root, and a chain under it. The intermediate's key signs once and is
 * not kept. */
static tl_err make_files(struct sim_files *out)
{
    struct sim_files v = {0};
    struct sim_chain_keys keys = {0};
    struct es256_key *attestation = NULL;
    struct sim_cert plan[3];
    buf_init(&v.chain, TEE_QUOTE_MAX);
    tl_err err = es256_generate(&keys.root);
    if (err == TL_OK)
        err = es256_generate(&keys.intermediate);
    if (err == TL_OK)
        err = es256_generate(&keys.pck);
    if (err == TL_OK)
        err = es256_generate(&attestation);
    if (err == TL_OK)
        err = es256_scalar(keys.root, v.root);
    if (err == TL_OK)
        err = es256_scalar(keys.pck, v.pck);
    if (err == TL_OK)
        err = es256_scalar(attestation, v.attestation);
    if (err == TL_OK)
        err = random_bytes(v.sealing, sizeof v.sealing);
    if (err == TL_OK)
        err = sim_chain_plan(plan, &keys, (uint64_t)time(NULL));
    if (err == TL_OK)
        err = sim_chain_put(&v.chain, plan);
    es256_free(keys.root);
    es256_free(keys.intermediate);
    es256_free(keys.pck);
    es256_free(attestation);
    if (err == TL_OK)
        *out = v;
    else
        sim_files_finish(&v);
    return err;
}

static tl_err get_files(struct sim_files *out, const char *dir, struct tl_why *why)
{
    int fd;
    bool found = false;
    tl_err err = sim_files_lock(&fd, dir, why);
    if (err != TL_OK)
        return err;
    err = sim_files_load(out, &found, fd, dir, why);
    if (err == TL_OK && !found) {
        struct sim_files fresh;
        err = make_files(&fresh);
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

/* Keys and chain as they lie in the files, into s. */
static tl_err set_up(struct sim *s, struct sim_files *files, struct tl_why *why)
{
    struct es256_key *root = NULL, *pck = NULL;
    struct cose_ec2 point;
    struct chain chain = {0};
    tl_err err = chain_read_pck(&chain, buf_slice(&files->chain), why);
    if (err == TL_OK)
        err = es256_private(&root, files->root);
    if (err == TL_OK)
        err = es256_private(&pck, files->pck);
    if (err == TL_OK)
        err = es256_private(&s->attestation, files->attestation);
    if (err != TL_OK)
        goto out;
    es256_point(root, &point);
    if (!slice_eq(SLICE_ARRAY(point.x), SLICE_ARRAY(chain.root.x))) {
        err = tl_explain(why, TL_E_KEY, "root.key", "it is not the key of the chain's root");
        goto out;
    }
    err = sim_qe_make(&s->qe, pck, s->attestation);
    if (err != TL_OK)
        goto out;
    memcpy(s->sealing, files->sealing, sizeof s->sealing);
    s->chain = files->chain;
    buf_init(&files->chain, 0);
    sim_quote_plan(&s->plan, &s->qe, s->attestation, buf_slice(&s->chain));
    hash32 signer = sha256(chain.root.spki);
    memcpy(s->plan.body.mrsigner, signer.b, sizeof signer.b);
    err = measure_program(s->plan.body.mrenclave, why);
out:
    chain_finish(&chain);
    es256_free(root);
    es256_free(pck);
    return err;
}

/* What a verifier would say of its quotes, now: finds a damaged chain, a key
 * that belongs to another, and a clock beyond the certificates. */
static tl_err self_check(struct sim *s, struct tl_why *why)
{
    static const uint8_t nothing[64];
    struct evidence_report report;
    buf quote;
    buf_init(&quote, TEE_QUOTE_MAX);
    tl_err err = sim_make_quote(&s->tee, nothing, &quote, why);
    if (err == TL_OK) {
        struct evidence e = {slice_str(sim_ops.platform), buf_slice(&quote), {NULL, 0}};
        evidence_verify(&report, &e, (slice){NULL, 0}, (uint64_t)time(NULL), NULL);
        if (!report.genuine)
            err = tl_explain(why, TL_E_TEE, report.stage, "%s", report.detail);
    }
    buf_finish(&quote);
    return err;
}

tl_err sim_open(struct tee **out, const char *dir, struct tl_why *why)
{
    struct sim_files files = {0};
    struct tl_why inner = {0};
    tl_err err = get_files(&files, dir, why);
    if (err != TL_OK)
        return tl_explain(why, err, "tee", "%s", tl_err_text(err));
    struct sim *s = calloc(1, sizeof *s);
    if (!s) {
        err = TL_E_MEMORY;
        goto out;
    }
    s->tee.ops = &sim_ops;
    err = set_up(s, &files, &inner);
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
