#include "fakedcap.h"

#include <stdio.h>
#include <stdlib.h>

#define PART_MAX 262144

/* Keys and serials are hashes of labels. */
static hash32 hash_of(const char *what)
{
    const slice parts[] = {slice_str("fakedcap "), slice_str(what)};
    return sha256_parts(parts, 2);
}

static tl_err make_keys(struct fake_dcap *f)
{
    const struct {
        const char *label;
        struct es256_key **key;
    } all[] = {
        {"root", &f->root_key},
        {"ca", &f->ca_key},
        {"pck", &f->pck_key},
        {"signer", &f->signer_key},
        {"attest", &f->attestation_key},
        {"stranger", &f->stranger_key},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        hash32 scalar = hash_of(all[i].label);
        tl_err err = es256_private(all[i].key, scalar.b);
        if (err != TL_OK)
            return err;
    }
    return TL_OK;
}

static void set_serial(struct sim_cert *c, const char *label)
{
    hash32 h = hash_of(label);
    memcpy(c->serial, h.b, sizeof c->serial);
    c->serial[0] = (uint8_t)(c->serial[0] & 0x3f) | 0x40; /* positive, full length */
}

static tl_err plan_certs(struct fake_dcap *f)
{
    const struct sim_chain_keys keys = {f->root_key, f->ca_key, f->pck_key, f->signer_key};
    struct sim_cert three[3];
    uint64_t issued = FAKE_TIME - 100 * FAKE_DAY;
    tl_err err = sim_chain_plan(three, &keys, issued);
    if (err == TL_OK)
        err = sim_signer_plan(&f->signer, &keys, issued);
    if (err != TL_OK)
        return err;
    f->pck = three[0];
    f->ca = three[1];
    f->root = f->other_root = three[2];
    f->platform = *f->pck.sgx;
    f->pck.sgx = &f->platform;
    f->other_signer = f->signer;
    f->other_root.key = f->stranger_key;
    f->other_root.issuer_key = f->other_signer.issuer_key = f->stranger_key;
    set_serial(&f->pck, "pck serial");
    set_serial(&f->ca, "ca serial");
    set_serial(&f->root, "root serial");
    set_serial(&f->signer, "signer serial");
    set_serial(&f->other_root, "other root serial");
    set_serial(&f->other_signer, "other signer serial");
    f->pck_chain = (struct fake_chain){.certs = {&f->pck, &f->ca, &f->root}, .nul = true};
    f->pck_crl_chain = (struct fake_chain){.certs = {&f->ca, &f->root}};
    f->tcb_info_chain = (struct fake_chain){.certs = {&f->signer, &f->root}};
    f->qe_identity_chain = f->tcb_info_chain;
    return TL_OK;
}

static void plan_collateral(struct fake_dcap *f)
{
    bool tdx = sim_kind_is_tdx(f->kind);
    uint64_t issued = FAKE_TIME - 3600;
    sim_crl_plan(&f->root_crl, sim_root_name, f->root_key, issued);
    sim_crl_plan(&f->pck_crl, sim_intermediate_name, f->ca_key, issued);
    for (size_t i = 0; i < sizeof f->revoked / sizeof f->revoked[0]; i++)
        f->revoked[i] = (struct sim_revoked){.time = issued};
    sim_tcb_info_plan(&f->tcb_info, tdx, &f->platform, issued);
    sim_qe_identity_plan(&f->qe_identity, tdx, issued);
    f->tcb_info_signed.key = f->qe_identity_signed.key = f->signer_key;
}

static void plan_quote(struct fake_dcap *f)
{
    const struct sim_qe none = {.report = {0}}; /* fake_dcap_make fills it in */
    for (size_t i = 0; i < sizeof f->qe_auth_bytes; i++)
        f->qe_auth_bytes[i] = (uint8_t)i;
    f->qe_auth = SLICE_ARRAY(f->qe_auth_bytes);
    sim_qe_report(&f->qe, sim_kind_is_tdx(f->kind), f->attestation_key, f->qe_auth);
    f->qe_key = f->pck_key;
    sim_quote_plan(&f->quote, &none, f->attestation_key, (slice){NULL, 0});
    sim_quote_become(&f->quote, f->kind);
    hash32 enclave = hash_of("mrenclave"), signer = hash_of("mrsigner");
    memcpy(f->quote.body.mrenclave, enclave.b, sizeof enclave.b);
    memcpy(f->quote.body.mrsigner, signer.b, sizeof signer.b);
    f->quote.body.isv_prod_id = 7;
    f->quote.body.isv_svn = 8;
    sha384(slice_str("fakedcap rtmr3"), f->quote.td.rtmr[3]);
    memset(f->quote.body.report_data, 0x42, sizeof f->quote.body.report_data);
    memset(f->quote.td.report_data, 0x42, sizeof f->quote.td.report_data);
}

tl_err fake_dcap_init(struct fake_dcap *f, enum sim_kind kind)
{
    memset(f, 0, sizeof *f);
    f->kind = kind;
    f->time = FAKE_TIME;
    buf *const all[] = {&f->quote_bytes,   &f->collateral_json,  &f->pck_pem,
                        &f->tcb_info_pem,  &f->qe_identity_pem,  &f->pck_crl_pem,
                        &f->tcb_info_text, &f->qe_identity_text, &f->root_crl_bytes,
                        &f->pck_crl_bytes};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        buf_init(all[i], 8 * PART_MAX);
    tl_err err = make_keys(f);
    if (err == TL_OK)
        err = plan_certs(f);
    if (err != TL_OK) {
        fake_dcap_finish(f);
        return err;
    }
    plan_collateral(f);
    plan_quote(f);
    return TL_OK;
}

void fake_dcap_platform_ca(struct fake_dcap *f)
{
    f->ca.subject = f->pck.issuer = f->pck_crl.issuer = "teelog simulated SGX PCK Platform CA";
    f->platform.platform_ca = true;
    f->platform.type = SGX_SCALABLE;
    f->platform.dynamic_platform = true;
    f->platform.smt_enabled = true;
    memset(f->platform.instance_id, 0x77, sizeof f->platform.instance_id);
}

void fake_dcap_at(struct fake_dcap *f, uint64_t time)
{
    uint64_t shift = time - f->time; /* modulo 2^64, as the sums below */
    struct sim_cert *const certs[] = {&f->pck,    &f->ca,         &f->root,
                                      &f->signer, &f->other_root, &f->other_signer};
    for (size_t i = 0; i < sizeof certs / sizeof certs[0]; i++) {
        certs[i]->not_before += shift;
        certs[i]->not_after += shift;
    }
    f->root_crl.this_update += shift;
    f->root_crl.next_update += shift;
    f->pck_crl.this_update += shift;
    f->pck_crl.next_update += shift;
    for (size_t i = 0; i < sizeof f->revoked / sizeof f->revoked[0]; i++)
        f->revoked[i].time += shift;
    f->tcb_info.issue_date += shift;
    f->tcb_info.next_update += shift;
    f->qe_identity.issue_date += shift;
    f->qe_identity.next_update += shift;
    f->time = time;
}

void fake_dcap_finish(struct fake_dcap *f)
{
    es256_free(f->root_key);
    es256_free(f->ca_key);
    es256_free(f->pck_key);
    es256_free(f->signer_key);
    es256_free(f->attestation_key);
    es256_free(f->stranger_key);
    buf_finish(&f->quote_bytes);
    buf_finish(&f->collateral_json);
    buf_finish(&f->pck_pem);
    buf_finish(&f->tcb_info_pem);
    buf_finish(&f->qe_identity_pem);
    buf_finish(&f->pck_crl_pem);
    buf_finish(&f->tcb_info_text);
    buf_finish(&f->qe_identity_text);
    buf_finish(&f->root_crl_bytes);
    buf_finish(&f->pck_crl_bytes);
}

static tl_err put_chain(buf *b, const struct fake_chain *c)
{
    size_t n = 0;
    buf_reset(b);
    while (n < FAKE_CERTS && c->certs[n])
        n++;
    tl_err err = TL_OK;
    if (c->text.p)
        buf_bytes(b, c->text);
    else
        err = sim_certs_put(b, c->certs, n);
    if (c->nul)
        buf_u8(b, 0);
    return err != TL_OK ? err : buf_err(b);
}

static tl_err make_chains(struct fake_dcap *f)
{
    struct fake_chain pck = f->pck_chain;
    pck.nul = pck.nul && !f->pck_chain_apart; /* JSON has it without */
    tl_err err = put_chain(&f->pck_pem, &pck);
    if (err == TL_OK)
        err = put_chain(&f->tcb_info_pem, &f->tcb_info_chain);
    if (err == TL_OK)
        err = put_chain(&f->qe_identity_pem, &f->qe_identity_chain);
    if (err == TL_OK)
        err = put_chain(&f->pck_crl_pem, &f->pck_crl_chain);
    return err;
}

static tl_err make_crl(buf *b, const struct sim_crl *plan, slice instead)
{
    buf_reset(b);
    if (!instead.p)
        return sim_crl_put(b, plan);
    buf_bytes(b, instead);
    return buf_err(b);
}

/* made: the plan's text; becomes what is delivered. */
static tl_err sign_text(buf *made, uint8_t signature[64], const struct fake_signed *s)
{
    if (s->text.p) {
        buf_reset(made);
        buf_bytes(made, s->text);
    }
    tl_err err = buf_err(made);
    if (err == TL_OK)
        err = sim_text_sign(signature, buf_slice(made), s->key);
    if (err == TL_OK && s->signature)
        memcpy(signature, s->signature, 64);
    if (s->sent.p) {
        buf_reset(made);
        buf_bytes(made, s->sent);
    }
    return err != TL_OK ? err : buf_err(made);
}

static tl_err make_texts(struct fake_dcap *f)
{
    buf_reset(&f->tcb_info_text);
    buf_reset(&f->qe_identity_text);
    sim_tcb_info_put(&f->tcb_info_text, &f->tcb_info);
    sim_qe_identity_put(&f->qe_identity_text, &f->qe_identity);
    tl_err err = sign_text(&f->tcb_info_text, f->parts.tcb_info_signature, &f->tcb_info_signed);
    if (err == TL_OK)
        err =
            sign_text(&f->qe_identity_text, f->parts.qe_identity_signature, &f->qe_identity_signed);
    return err;
}

static tl_err make_collateral(struct fake_dcap *f)
{
    tl_err err = make_chains(f);
    if (err == TL_OK)
        err = make_crl(&f->root_crl_bytes, &f->root_crl, f->root_crl_der);
    if (err == TL_OK)
        err = make_crl(&f->pck_crl_bytes, &f->pck_crl, f->pck_crl_der);
    if (err == TL_OK)
        err = make_texts(f);
    if (err != TL_OK)
        return err;
    f->parts.tcb_info = buf_slice(&f->tcb_info_text);
    f->parts.qe_identity = buf_slice(&f->qe_identity_text);
    f->parts.tcb_info_chain = buf_slice(&f->tcb_info_pem);
    f->parts.qe_identity_chain = buf_slice(&f->qe_identity_pem);
    f->parts.root_ca_crl = buf_slice(&f->root_crl_bytes);
    f->parts.pck_crl = buf_slice(&f->pck_crl_bytes);
    f->parts.pck_crl_chain = buf_slice(&f->pck_crl_pem);
    f->parts.pck_chain = f->pck_chain_apart ? buf_slice(&f->pck_pem) : (slice){NULL, 0};
    buf_reset(&f->collateral_json);
    collateral_put(&f->collateral_json, &f->parts);
    return buf_err(&f->collateral_json);
}

static tl_err make_qe(struct fake_dcap *f)
{
    struct sgx_report report = f->qe, fitting;
    buf b;
    if (!f->qe_report_data_is_set) {
        sim_qe_report(&fitting, false, f->quote.attestation, f->qe_auth);
        memcpy(report.report_data, fitting.report_data, sizeof report.report_data);
    }
    buf_init_fixed(&b, f->qe_report_bytes, sizeof f->qe_report_bytes);
    sgx_report_put(&b, &report);
    hash32 digest = sha256(SLICE_ARRAY(f->qe_report_bytes));
    tl_err err = es256_sign(f->qe_key, &digest, f->qe_signature_bytes);
    if (err == TL_OK && f->qe_signature)
        memcpy(f->qe_signature_bytes, f->qe_signature, 64);
    f->quote.qe_report = SLICE_ARRAY(f->qe_report_bytes);
    f->quote.qe_signature = SLICE_ARRAY(f->qe_signature_bytes);
    f->quote.qe_auth = f->qe_auth;
    return err;
}

static tl_err make_quote(struct fake_dcap *f)
{
    /* PPID encrypted for RSA-3072, CPUSVN, PCESVN, PCEID: nobody looks into it. */
    static const uint8_t encrypted_ppid[384 + 16 + 2 + 2] = {1, 2, 3};
    tl_err err = make_qe(f);
    if (err != TL_OK)
        return err;
    if (!f->cert_is_set) {
        f->quote.cert_type = f->pck_chain_apart ? QUOTE_CERT_PPID_RSA3072 : QUOTE_CERT_PCK_CHAIN;
        f->quote.cert_data =
            f->pck_chain_apart ? SLICE_ARRAY(encrypted_ppid) : buf_slice(&f->pck_pem);
    }
    buf_reset(&f->quote_bytes);
    if (f->quote_signature)
        err = sim_quote_put_as(&f->quote_bytes, &f->quote, f->quote_signature);
    else
        err = sim_quote_put(&f->quote_bytes, &f->quote);
    buf_bytes(&f->quote_bytes, f->quote_trailing);
    return err != TL_OK ? err : buf_err(&f->quote_bytes);
}

tl_err fake_dcap_make(struct fake_dcap *f)
{
    buf spki;
    uint8_t mem[128];
    buf_init_fixed(&spki, mem, sizeof mem);
    sim_spki_put(&spki, f->root.key);
    f->root_hash = sha256(buf_slice(&spki));
    tl_err err = make_collateral(f);
    return err == TL_OK ? make_quote(f) : err;
}

struct dcap_input fake_dcap_input(const struct fake_dcap *f)
{
    struct dcap_input in = {
        .quote = buf_slice(&f->quote_bytes),
        .time = f->time,
        .roots = &f->root_hash,
        .root_count = 1,
    };
    if (!f->no_collateral)
        in.collateral = buf_slice(&f->collateral_json);
    return in;
}
