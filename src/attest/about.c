#include "attest/about.h"

#include "attest/collateral.h"
#include "attest/quote.h"
#include "attest/tcb_info.h"
#include "base/refuse.h"

bool about_same(const struct about *a, const struct about *b)
{
    return a->tdx == b->tdx && memcmp(a->fmspc, b->fmspc, sizeof a->fmspc) == 0 &&
           hash_eq(&a->ca, &b->ca) && hash_eq(&a->root, &b->root);
}

tl_err about_quote(struct about *out, slice quote)
{
    struct quote q;
    struct chain chain;
    tl_err err = quote_read(&q, quote, NULL);
    if (err == TL_OK && REFUSED(q.cert_type != QUOTE_CERT_PCK_CHAIN))
        err = TL_E_QUOTE;
    if (err == TL_OK)
        err = chain_read_pck(&chain, q.cert_data, NULL);
    if (err != TL_OK)
        return err;
    out->tdx = quote_is_tdx(&q);
    memcpy(out->fmspc, chain.leaf.sgx.fmspc, sizeof out->fmspc);
    out->ca = sha256(chain.intermediate.subject);
    out->root = chain.root_spki;
    out->issued = 0;
    chain_finish(&chain);
    return TL_OK;
}

static tl_err signers_root(hash32 *out, slice pem)
{
    struct chain chain;
    tl_err err = chain_read_signer(&chain, pem, NULL);
    if (err != TL_OK)
        return err;
    *out = chain.root_spki;
    chain_finish(&chain);
    return TL_OK;
}

tl_err about_collateral(struct about *out, slice json)
{
    struct collateral parts;
    struct tcb_info info;
    struct crl crl;
    hash32 root;
    tl_err err = collateral_read(&parts, json, NULL);
    if (err != TL_OK)
        return err;
    err = crl_read(&crl, parts.pck_crl);
    if (err == TL_OK)
        err = signers_root(&root, parts.tcb_info_chain);
    if (err == TL_OK)
        err = tcb_info_read(&info, parts.tcb_info, NULL);
    if (err == TL_OK) {
        out->tdx = info.tdx;
        memcpy(out->fmspc, info.fmspc, sizeof out->fmspc);
        out->ca = sha256(crl.issuer);
        out->root = root;
        out->issued = info.issue_date;
        tcb_info_finish(&info);
    }
    collateral_finish(&parts);
    return err;
}

static tl_err join_signer(struct validity *all, slice pem)
{
    struct chain chain;
    tl_err err = chain_read_signer(&chain, pem, NULL);
    if (err != TL_OK)
        return err;
    *all = validity_join(*all, chain.validity);
    chain_finish(&chain);
    return TL_OK;
}

static tl_err join_list(struct validity *all, slice der)
{
    struct crl crl;
    tl_err err = crl_read(&crl, der);
    if (err == TL_OK)
        *all = validity_join(*all, (struct validity){crl.this_update, crl.next_update});
    return err;
}

static tl_err join_texts(struct validity *all, const struct collateral *parts)
{
    struct tcb_info info;
    struct qe_identity qe;
    tl_err err = tcb_info_read(&info, parts->tcb_info, NULL);
    if (err != TL_OK)
        return err;
    *all = validity_join(*all, (struct validity){info.issue_date, info.next_update});
    tcb_info_finish(&info);
    err = qe_identity_read(&qe, parts->qe_identity, NULL);
    if (err != TL_OK)
        return err;
    *all = validity_join(*all, (struct validity){qe.issue_date, qe.next_update});
    qe_identity_finish(&qe);
    return TL_OK;
}

tl_err about_validity(struct validity *out, slice json)
{
    struct validity all = {0, UINT64_MAX};
    struct collateral parts;
    tl_err err = collateral_read(&parts, json, NULL);
    if (err != TL_OK)
        return err;
    err = join_signer(&all, parts.tcb_info_chain);
    if (err == TL_OK)
        err = join_signer(&all, parts.qe_identity_chain);
    if (err == TL_OK)
        err = join_list(&all, parts.root_ca_crl);
    if (err == TL_OK)
        err = join_list(&all, parts.pck_crl);
    if (err == TL_OK)
        err = join_texts(&all, &parts);
    collateral_finish(&parts);
    if (err == TL_OK)
        *out = all;
    return err;
}
