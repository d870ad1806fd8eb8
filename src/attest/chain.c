#include "attest/chain.h"

#include "base/refuse.h"

#include <inttypes.h>

tl_err chain_read(struct chain *out, slice pem, struct tl_why *why)
{
    struct chain v = {0};
    tl_err err = pem_read(&v.pem, pem);
    if (err != TL_OK)
        return tl_explain(why, err, "chain", "the PCK chain is not PEM of the strict form: %s",
                          tl_err_text(err));
    struct cert *const into[3] = {&v.leaf, &v.intermediate, &v.root};
    static const char *const names[3] = {"leaf", "intermediate", "root"};
    if (REFUSED(v.pem.count != 3)) {
        err = tl_explain(why, TL_E_CERT, "chain", "the PCK chain has %zu certificates, not 3",
                         v.pem.count);
        goto out;
    }
    for (size_t i = 0; i < 3; i++) {
        err = cert_read(into[i], v.pem.certificates[i]);
        if (err != TL_OK) {
            tl_explain(why, err, names[i], "the %s certificate is not of the expected form: %s",
                       names[i], tl_err_text(err));
            goto out;
        }
    }
    *out = v;
    return TL_OK;
out:
    pem_finish(&v.pem);
    return err;
}

void chain_finish(struct chain *c)
{
    if (c)
        pem_finish(&c->pem);
}

static tl_err check_time(const struct cert *c, uint64_t time, const char *name, struct tl_why *why)
{
    if (REFUSED(time < c->not_before))
        return tl_explain(why, TL_E_CERT, name,
                          "the %s certificate is not valid before %" PRIu64 ", and it is %" PRIu64,
                          name, c->not_before, time);
    if (REFUSED(time > c->not_after))
        return tl_explain(why, TL_E_CERT, name,
                          "the %s certificate expired at %" PRIu64 ", and it is %" PRIu64, name,
                          c->not_after, time);
    return TL_OK;
}

tl_err chain_check_time(const struct chain *c, uint64_t time, struct tl_why *why)
{
    tl_err err = check_time(&c->leaf, time, "leaf", why);
    if (err == TL_OK)
        err = check_time(&c->intermediate, time, "intermediate", why);
    if (err == TL_OK)
        err = check_time(&c->root, time, "root", why);
    return err;
}

/* Raw names are compared, as QVL does: Intel writes them byte for byte alike. */
static tl_err check_names(const struct chain *c, struct tl_why *why)
{
    if (REFUSED(!slice_eq(c->root.issuer, c->root.subject)))
        return tl_explain(why, TL_E_CERT, "root", "the root names another issuer");
    if (REFUSED(!slice_eq(c->intermediate.issuer, c->root.subject)))
        return tl_explain(why, TL_E_CERT, "intermediate",
                          "the intermediate's issuer is not the root");
    if (REFUSED(!slice_eq(c->leaf.issuer, c->intermediate.subject)))
        return tl_explain(why, TL_E_CERT, "leaf", "the leaf's issuer is not the intermediate");
    return TL_OK;
}

static tl_err check_authority(const struct cert *c, uint64_t below, const char *name,
                              struct tl_why *why)
{
    if (REFUSED(!c->ca))
        return tl_explain(why, TL_E_CERT, name, "the %s certificate is not a CA's", name);
    if (REFUSED(!(c->key_usage & KEY_USAGE_CERT_SIGN)))
        return tl_explain(why, TL_E_CERT, name, "the %s key may not sign certificates", name);
    if (REFUSED(c->has_path_length && c->path_length < below))
        return tl_explain(why, TL_E_CERT, name, "the %s allows no CA below it", name);
    return TL_OK;
}

static tl_err check_leaf(const struct cert *c, struct tl_why *why)
{
    if (REFUSED(c->ca))
        return tl_explain(why, TL_E_CERT, "leaf", "the leaf certificate is a CA's");
    if (REFUSED((c->key_usage & (KEY_USAGE_DIGITAL_SIGNATURE | KEY_USAGE_CERT_SIGN)) !=
                KEY_USAGE_DIGITAL_SIGNATURE))
        return tl_explain(why, TL_E_CERT, "leaf", "the leaf's key usage is not that of a PCK");
    if (REFUSED(!c->has_sgx))
        return tl_explain(why, TL_E_CERT, "leaf", "the leaf has no SGX extension");
    return TL_OK;
}

static tl_err check_signature(const struct cert *c, const struct cert *issuer, const char *name,
                              struct tl_why *why)
{
    tl_err err = cert_verify(c, issuer);
    if (err == TL_OK)
        return TL_OK;
    return tl_explain(why, err, name, "the %s certificate's signature: %s", name, tl_err_text(err));
}

tl_err chain_check(const struct chain *c, struct tl_why *why)
{
    tl_err err = check_names(c, why);
    if (err == TL_OK)
        err = check_authority(&c->root, 1, "root", why);
    if (err == TL_OK)
        err = check_authority(&c->intermediate, 0, "intermediate", why);
    if (err == TL_OK)
        err = check_leaf(&c->leaf, why);
    if (err == TL_OK)
        err = check_signature(&c->root, &c->root, "root", why);
    if (err == TL_OK)
        err = check_signature(&c->intermediate, &c->root, "intermediate", why);
    if (err == TL_OK)
        err = check_signature(&c->leaf, &c->intermediate, "leaf", why);
    return err;
}
