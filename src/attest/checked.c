#include "attest/checked.h"

#include "base/refuse.h"

#include <stdlib.h>

static tl_err at(const char **stage, const char *name, tl_err err)
{
    if (err != TL_OK)
        *stage = name;
    return err;
}

/* The signed bytes are those of the value as it was delivered: they are checked
 * before anything in them is read. */
static tl_err check_signed(const struct chain *signer, slice text, const uint8_t signature[64],
                           const char *what, struct tl_why *why)
{
    hash32 digest = sha256(text);
    tl_err err = es256_verify(signer->leaf_key, &digest, signature);
    if (err == TL_E_MEMORY)
        return err;
    if (REFUSED(err != TL_OK))
        return tl_explain(why, TL_E_SIGNATURE, what,
                          "the %s is not signed by the TCB signer of its chain", what);
    return TL_OK;
}

static tl_err check_signers(struct checked_collateral *c, const char **stage, struct tl_why *why)
{
    tl_err err = chain_read_signer(&c->signer, c->parts.tcb_info_chain, why);
    if (err == TL_OK)
        err = chain_check_signer(&c->signer, NULL, why);
    if (err != TL_OK)
        return at(stage, "tcb-info-chain", err);
    if (slice_eq(c->parts.tcb_info_chain, c->parts.qe_identity_chain))
        return TL_OK;
    c->own_qe_signer = true;
    err = chain_read_signer(&c->qe_signer, c->parts.qe_identity_chain, why);
    if (err == TL_OK)
        err = chain_check_signer(&c->qe_signer, &c->signer, why);
    return at(stage, "qe-identity-chain", err);
}

static tl_err check_lists(struct checked_collateral *c, const char **stage, struct tl_why *why)
{
    tl_err err = crl_read(&c->root_crl, c->parts.root_ca_crl);
    if (err != TL_OK)
        tl_explain(why, err, "root_ca_crl", "the root CA's CRL is not of the expected form: %s",
                   tl_err_text(err));
    if (err == TL_OK)
        err = crl_check(&c->root_crl, &c->signer.root, c->signer.root_key, "root CA", why);
    if (err != TL_OK)
        return at(stage, "root-crl", err);
    err = crl_read(&c->pck_crl, c->parts.pck_crl);
    if (err != TL_OK)
        tl_explain(why, err, "pck_crl", "the PCK CRL is not of the expected form: %s",
                   tl_err_text(err));
    return at(stage, "pck-crl", err);
}

static tl_err check_json(struct checked_collateral *c, const char **stage, struct tl_why *why)
{
    const struct chain *qe_signer = c->own_qe_signer ? &c->qe_signer : &c->signer;
    tl_err err =
        check_signed(&c->signer, c->parts.tcb_info, c->parts.tcb_info_signature, "TCB info", why);
    if (err == TL_OK)
        err = tcb_info_read(&c->info, c->parts.tcb_info, why);
    if (err != TL_OK)
        return at(stage, "tcb-info", err);
    err = check_signed(qe_signer, c->parts.qe_identity, c->parts.qe_identity_signature,
                       "QE identity", why);
    if (err == TL_OK)
        err = qe_identity_read(&c->qe, c->parts.qe_identity, why);
    return at(stage, "qe-identity", err);
}

tl_err checked_collateral_new(struct checked_collateral **out, slice json, const char **stage,
                              struct tl_why *why)
{
    struct checked_collateral *c = calloc(1, sizeof *c);
    if (!c)
        return at(stage, "memory", TL_E_MEMORY);
    tl_err err = at(stage, "collateral", collateral_read(&c->parts, json, why));
    if (err == TL_OK)
        err = check_signers(c, stage, why);
    if (err == TL_OK)
        err = check_lists(c, stage, why);
    if (err == TL_OK)
        err = check_json(c, stage, why);
    if (err != TL_OK) {
        checked_collateral_free(c);
        return err;
    }
    *out = c;
    return TL_OK;
}

void checked_collateral_free(struct checked_collateral *c)
{
    if (!c)
        return;
    tcb_info_finish(&c->info);
    qe_identity_finish(&c->qe);
    chain_finish(&c->signer);
    chain_finish(&c->qe_signer);
    collateral_finish(&c->parts);
    free(c);
}

tl_err checked_chain_new(struct checked_chain **out, slice pem,
                         const struct checked_collateral *collateral, const char **stage,
                         struct tl_why *why)
{
    struct checked_chain *c = calloc(1, sizeof *c);
    if (!c)
        return at(stage, "memory", TL_E_MEMORY);
    tl_err err = chain_read_pck(&c->chain, pem, why);
    if (err == TL_OK)
        err = chain_check_pck(&c->chain, &collateral->signer, why);
    err = at(stage, "pck-chain", err);
    if (err == TL_OK)
        err = at(stage, "pck-crl",
                 crl_check(&collateral->pck_crl, &c->chain.intermediate, c->chain.intermediate_key,
                           "PCK", why));
    if (err != TL_OK) {
        checked_chain_free(c);
        return err;
    }
    *out = c;
    return TL_OK;
}

void checked_chain_free(struct checked_chain *c)
{
    if (!c)
        return;
    chain_finish(&c->chain);
    free(c);
}
