#include "attest/dcap.h"

#include "attest/checked.h"
#include "base/refuse.h"

#include <stdarg.h>
#include <stdio.h>

const hash32 dcap_intel_root = {{0xa0, 0xaf, 0x03, 0x12, 0x89, 0xf5, 0xd5, 0xd4, 0x13, 0x2f, 0x91,
                                 0x86, 0x06, 0x8a, 0x7f, 0xc1, 0x36, 0x28, 0x63, 0x3b, 0xa2, 0x35,
                                 0x77, 0x74, 0x72, 0xe2, 0x9b, 0x6b, 0x6c, 0x67, 0xa4, 0x9e}};

/* One verification: what is borrowed from the cache, or owned where there is none. */
struct work {
    const struct dcap_input *in;
    struct dcap_report *r;
    struct checked_collateral *collateral;
    struct checked_chain *chain;
};

__attribute__((format(printf, 3, 4))) static bool fail(struct dcap_report *r, const char *stage,
                                                       const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(r->detail, sizeof r->detail, fmt, ap);
    va_end(ap);
    r->stage = stage;
    return false;
}

/* fail with the explanation of a lower floor. */
static bool fail_why(struct dcap_report *r, const char *stage, tl_err err, const struct tl_why *why)
{
    if (err == TL_E_MEMORY)
        return fail(r, "memory", "%s", tl_err_text(err));
    return fail(r, stage, "%.230s", tl_why_text(why, err));
}

static bool read_quote(struct work *w)
{
    struct tl_why why = {0};
    struct dcap_report *r = w->r;
    tl_err err = quote_read(&r->quote, w->in->quote, &why);
    if (err != TL_OK)
        return fail_why(r, "quote", err, &why);
    r->has_quote = true;
    if (quote_is_tdx(&r->quote))
        td_report_read(&r->td, r->quote.body);
    else
        sgx_report_read(&r->sgx, r->quote.body);
    sgx_report_read(&r->qe, r->quote.qe_report);
    return true;
}

static void show_collateral(struct dcap_report *r, const struct checked_collateral *c)
{
    r->has_collateral = true;
    r->collateral_tdx = c->info.tdx;
    memcpy(r->collateral_fmspc, c->info.fmspc, sizeof r->collateral_fmspc);
    r->collateral_root = c->signer.root_spki;
}

/* NULL where it failed. */
static struct checked_collateral *get_collateral(const struct work *w)
{
    struct checked_collateral *c = NULL;
    struct tl_why why = {0};
    const char *stage = "collateral";
    hash32 digest;
    if (REFUSED(!w->in->collateral.p)) {
        fail(w->r, stage,
             "there is no collateral: without it nobody can tell whether the platform was "
             "revoked or is out of date; bring it");
        return NULL;
    }
    if (w->in->cache) {
        digest = sha256(w->in->collateral);
        c = cache_collateral(w->in->cache, &digest);
    }
    if (!c) {
        tl_err err = checked_collateral_new(&c, w->in->collateral, &stage, &why);
        if (err != TL_OK) {
            fail_why(w->r, stage, err, &why);
            return NULL;
        }
        if (w->in->cache)
            cache_put_collateral(w->in->cache, &digest, c);
    }
    show_collateral(w->r, c);
    return c;
}

/* Quotes that only name their platform take the chain from the collateral; that
 * it is theirs shows in the QE report's signature. */
static bool pck_pem(struct work *w, slice *out)
{
    const struct quote *q = &w->r->quote;
    if (q->cert_type == QUOTE_CERT_PCK_CHAIN) {
        *out = q->cert_data;
        return true;
    }
    *out = w->collateral->parts.pck_chain;
    if (REFUSED(out->n == 0))
        return fail(w->r, "pck-chain",
                    "the quote names its platform's certificate (certification data of type %u) "
                    "and does not carry it, and the collateral has no pck_certificate_chain",
                    (unsigned)q->cert_type);
    return true;
}

static bool same_leaf(struct work *w)
{
    struct pem_chain pem;
    struct cert leaf;
    tl_err err = cert_read_pem(&leaf, &pem, w->r->quote.cert_data);
    if (err != TL_OK)
        return fail_why(
            w->r, "pck-chain", err,
            &(struct tl_why){.text = "the quote's PCK certificate is not one certificate in PEM"});
    bool same = slice_eq(leaf.tbs, w->chain->chain.leaf.tbs);
    pem_finish(&pem);
    if (REFUSED(!same))
        return fail(w->r, "pck-chain", "the quote carries another PCK certificate than the chain");
    return true;
}

static bool get_chain(struct work *w)
{
    struct tl_why why = {0};
    const char *stage = "pck-chain";
    slice pem;
    if (!pck_pem(w, &pem))
        return false;
    hash32 digest;
    if (w->in->cache) {
        digest = sha256(pem);
        w->chain = cache_chain(w->in->cache, &digest, &w->collateral->digest);
    }
    if (!w->chain) {
        tl_err err = checked_chain_new(&w->chain, pem, w->collateral, &stage, &why);
        if (err != TL_OK)
            return fail_why(w->r, stage, err, &why);
        if (w->in->cache)
            cache_put_chain(w->in->cache, &digest, &w->collateral->digest, w->chain);
    }
    w->r->has_pck = true;
    w->r->pck = w->chain->chain.leaf.sgx;
    w->r->root = w->chain->chain.root_spki;
    return w->r->quote.cert_type != QUOTE_CERT_PCK_LEAF || same_leaf(w);
}

/* One root for everything, by its key: Intel's has more than one certificate. */
static bool check_root(struct work *w)
{
    const struct checked_collateral *c = w->collateral;
    const hash32 *root = &w->chain->chain.root_spki;
    if (REFUSED(!hash_eq(root, &c->signer.root_spki)))
        return fail(w->r, "root", "TCB info and the quote come from different roots");
    if (REFUSED(c->own_qe_signer && !hash_eq(root, &c->qe_signer.root_spki)))
        return fail(w->r, "root", "QE identity and the quote come from different roots");
    bool trusted = w->in->root_count == 0;
    for (size_t i = 0; i < w->in->root_count; i++)
        if (hash_eq(root, &w->in->roots[i]))
            trusted = true;
    if (REFUSED(!trusted))
        return fail(
            w->r, "root",
            "the chain's root, with the key %02x%02x%02x%02x..., is not one that is trusted "
            "here",
            root->b[0], root->b[1], root->b[2], root->b[3]);
    return true;
}

static bool check_revoked(struct work *w)
{
    const struct checked_collateral *c = w->collateral;
    const struct chain *pck = &w->chain->chain;
    if (REFUSED(crl_revokes(&c->root_crl, pck->intermediate.serial)))
        return fail(w->r, "revoked", "the CA of the PCK certificate is revoked");
    if (REFUSED(crl_revokes(&c->root_crl, c->signer.leaf.serial)))
        return fail(w->r, "revoked", "the signer of the TCB info is revoked");
    if (REFUSED(c->own_qe_signer && crl_revokes(&c->root_crl, c->qe_signer.leaf.serial)))
        return fail(w->r, "revoked", "the signer of the QE identity is revoked");
    if (REFUSED(crl_revokes(&c->pck_crl, pck->leaf.serial)))
        return fail(w->r, "revoked", "the platform's PCK certificate is revoked");
    return true;
}

/* Everything that has dates, and the end of the first to end. */
static bool check_validity(struct work *w)
{
    const struct checked_collateral *c = w->collateral;
    const struct {
        const char *name;
        struct validity when;
    } parts[] = {
        {"the PCK chain", w->chain->chain.validity},
        {"the chain of the TCB info", c->signer.validity},
        {"the chain of the QE identity",
         c->own_qe_signer ? c->qe_signer.validity : c->signer.validity},
        {"the root CA's CRL", {c->root_crl.this_update, c->root_crl.next_update}},
        {"the PCK CRL", {c->pck_crl.this_update, c->pck_crl.next_update}},
        {"the TCB info", {c->info.issue_date, c->info.next_update}},
        {"the QE identity", {c->qe.issue_date, c->qe.next_update}},
    };
    struct validity all = {0, UINT64_MAX};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct tl_why why = {0};
        tl_err err = w->in->any_time
                         ? TL_OK
                         : validity_check(&parts[i].when, w->in->time, parts[i].name, &why);
        if (err != TL_OK)
            return fail_why(w->r, "validity", err, &why);
        all = validity_join(all, parts[i].when);
    }
    uint64_t issued = c->info.issue_date;
    if (c->qe.issue_date < issued)
        issued = c->qe.issue_date;
    if (c->pck_crl.this_update < issued)
        issued = c->pck_crl.this_update;
    w->r->collateral_issued = issued;
    w->r->collateral_from = all.from;
    w->r->collateral_expires = all.until;
    return true;
}

/* That these documents are about this platform and this kind of TEE. */
static bool check_match(struct work *w)
{
    struct tl_why why = {0};
    const struct checked_collateral *c = w->collateral;
    bool tdx = quote_is_tdx(&w->r->quote);
    tl_err err = tcb_info_fits(&c->info, tdx, &w->chain->chain.leaf.sgx, &why);
    if (err != TL_OK)
        return fail_why(w->r, "mismatch", err, &why);
    if (REFUSED(c->qe.td_qe != tdx))
        return fail(w->r, "mismatch", "the QE identity is that of the %s, and the quote is from %s",
                    c->qe.td_qe ? "TD QE" : "SGX QE", tdx ? "a TD" : "an enclave");
    w->r->tcb_evaluation_number = c->info.evaluation_number;
    w->r->qe_evaluation_number = c->qe.evaluation_number;
    return true;
}

static bool check_qe(struct work *w)
{
    struct tl_why why = {0};
    const struct quote *q = &w->r->quote;
    hash32 digest = sha256(q->qe_report);
    tl_err err = es256_verify(w->chain->chain.leaf_key, &digest, q->qe_signature.p);
    if (REFUSED(err != TL_OK))
        return fail_why(
            w->r, "qe-report", err,
            &(struct tl_why){.text = "the QE report is not signed by the platform's PCK"});
    /* Intel's library looks at the lower half alone, and so is the upper one left. */
    slice parts[2] = {q->attestation_key, q->qe_auth};
    hash32 h = sha256_parts(parts, 2);
    if (REFUSED(memcmp(h.b, w->r->qe.report_data, sizeof h.b) != 0))
        return fail(w->r, "qe-data", "the QE report does not vouch for this attestation key");
    err = qe_identity_check(&w->collateral->qe, &w->r->qe, &why);
    if (err != TL_OK)
        return fail_why(w->r, "qe", err, &why);
    return true;
}

static bool check_signature(struct work *w)
{
    const struct quote *q = &w->r->quote;
    const uint8_t *x_y = q->attestation_key.p;
    tl_err err = point_verify(x_y, x_y + 32, q->signed_bytes, q->signature.p);
    if (err != TL_OK)
        return fail_why(w->r, "signature", err,
                        &(struct tl_why){.text = "the quote is not signed by its attestation key"});
    return true;
}

static bool check_tcb(struct work *w)
{
    struct tl_why why = {0};
    const char *stage = "tcb";
    const struct tcb_input in = {
        .info = &w->collateral->info,
        .qe = &w->collateral->qe,
        .pck = &w->chain->chain.leaf.sgx,
        .qe_isv_svn = w->r->qe.isv_svn,
        .td = quote_is_tdx(&w->r->quote) ? &w->r->td : NULL,
    };
    tl_err err = tcb_evaluate(&w->r->tcb, &in, &stage, &why);
    if (err != TL_OK)
        return fail_why(w->r, stage, err, &why);
    return true;
}

void dcap_verify(struct dcap_report *out, const struct dcap_input *in)
{
    memset(out, 0, sizeof *out);
    struct work w = {.in = in, .r = out};
    out->ok = read_quote(&w) && (w.collateral = get_collateral(&w)) != NULL && get_chain(&w) &&
              check_root(&w) && check_revoked(&w) && check_validity(&w) && check_match(&w) &&
              check_qe(&w) && check_signature(&w) && check_tcb(&w);
    if (out->ok)
        snprintf(out->detail, sizeof out->detail, "a genuine %s quote, TCB status %s",
                 quote_is_tdx(&out->quote) ? "TDX" : "SGX", tcb_status_name(out->tcb.status));
    if (!in->cache) {
        checked_chain_free(w.chain);
        checked_collateral_free(w.collateral);
    }
}
