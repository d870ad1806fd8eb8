#include "attest/chain.h"

#include "base/calendar.h"
#include "base/refuse.h"

#define MAX_CERTIFICATES 3

/* What a chain is of, and what its certificates are called: parts of common names
 * (Intel's own library asks for them). */
struct kind {
    const char *name, *leaf_name;
    size_t count;
};
static const struct kind pck_kind = {"PCK chain", "SGX PCK Certificate", 3};
static const struct kind signer_kind = {"signing chain", "SGX TCB Signing", 2};

struct validity validity_join(struct validity a, struct validity b)
{
    return (struct validity){
        a.from > b.from ? a.from : b.from,
        a.until < b.until ? a.until : b.until,
    };
}

static struct validity validity_of(const struct cert *c)
{
    return (struct validity){c->not_before, c->not_after};
}

tl_err validity_check(const struct validity *v, uint64_t time, const char *name, struct tl_why *why)
{
    char at[CALENDAR_TEXT], limit[CALENDAR_TEXT];
    if (REFUSED(time < v->from))
        return tl_explain(why, TL_E_CERT, name,
                          "%s is not valid before %s, and it is judged as of %s", name,
                          calendar_text(limit, v->from), calendar_text(at, time));
    if (REFUSED(time > v->until))
        return tl_explain(why, TL_E_CERT, name,
                          "%s is not valid after %s, and it is judged as of %s", name,
                          calendar_text(limit, v->until), calendar_text(at, time));
    return TL_OK;
}

tl_err cert_read_pem(struct cert *out, struct pem_chain *pem, slice text)
{
    struct pem_chain v;
    tl_err err = pem_read(&v, text);
    if (err != TL_OK)
        return err;
    err = REFUSED(v.count != 1) ? TL_E_CERT : cert_read(out, v.certificates[0]);
    if (err == TL_OK)
        *pem = v;
    else
        pem_finish(&v);
    return err;
}

static bool called(const struct cert *c, const char *part)
{
    return memmem(c->common_name.p, c->common_name.n, part, strlen(part)) != NULL;
}

/* The place in the chain that a certificate's names give it. */
static struct cert *place_of(struct chain *v, const struct kind *kind, const struct cert *c)
{
    if (slice_eq(c->issuer, c->subject))
        return &v->root;
    if (kind->count == 2 || called(c, kind->leaf_name))
        return &v->leaf;
    return &v->intermediate;
}

/* Puts each certificate in its place. With as many places as certificates, none
 * stays empty where none is taken twice. */
static tl_err place_all(struct chain *v, const struct kind *kind, struct tl_why *why)
{
    for (size_t i = 0; i < kind->count; i++) {
        struct cert c;
        tl_err err = cert_read(&c, v->pem.certificates[i]);
        if (err != TL_OK)
            return tl_explain(why, err, "chain",
                              "certificate %zu of the %s is not of the expected form: %s", i + 1,
                              kind->name, tl_err_text(err));
        struct cert *place = place_of(v, kind, &c);
        if (REFUSED(place->tbs.n))
            return tl_explain(why, TL_E_CERT, "chain",
                              "two certificates of the %s have the names of one role", kind->name);
        *place = c;
    }
    return TL_OK;
}

static tl_err check_common_names(const struct chain *v, const struct kind *kind, struct tl_why *why)
{
    if (REFUSED(!called(&v->root, "SGX Root CA")))
        return tl_explain(why, TL_E_CERT, "root", "the root of the %s is not an SGX Root CA",
                          kind->name);
    if (REFUSED(!called(&v->leaf, kind->leaf_name)))
        return tl_explain(why, TL_E_CERT, "leaf", "the leaf of the %s is not called \"%s\"",
                          kind->name, kind->leaf_name);
    if (kind->count == 3 && REFUSED(!called(&v->intermediate, "CA")))
        return tl_explain(why, TL_E_CERT, "intermediate", "the intermediate is not called a CA");
    return TL_OK;
}

static tl_err read_chain(struct chain *out, slice pem, const struct kind *kind, struct tl_why *why)
{
    struct chain v = {0};
    tl_err err = pem_read(&v.pem, pem);
    if (err != TL_OK)
        return tl_explain(why, err, "chain", "the %s is not certificates in PEM: %s", kind->name,
                          tl_err_text(err));
    if (REFUSED(v.pem.count != kind->count)) {
        err = tl_explain(why, TL_E_CERT, "chain", "the %s has %zu certificates, not %zu",
                         kind->name, v.pem.count, kind->count);
        goto out;
    }
    err = place_all(&v, kind, why);
    if (err == TL_OK)
        err = check_common_names(&v, kind, why);
    if (err != TL_OK)
        goto out;
    v.root_spki = sha256(v.root.spki);
    v.validity = validity_join(validity_of(&v.leaf), validity_of(&v.root));
    if (kind->count == 3)
        v.validity = validity_join(v.validity, validity_of(&v.intermediate));
    *out = v;
    return TL_OK;
out:
    pem_finish(&v.pem);
    return err;
}

tl_err chain_read_pck(struct chain *out, slice pem, struct tl_why *why)
{
    return read_chain(out, pem, &pck_kind, why);
}

tl_err chain_read_signer(struct chain *out, slice pem, struct tl_why *why)
{
    return read_chain(out, pem, &signer_kind, why);
}

void chain_finish(struct chain *c)
{
    if (!c)
        return;
    es256_free(c->leaf_key);
    es256_free(c->intermediate_key);
    es256_free(c->root_key);
    pem_finish(&c->pem);
}

/* What Intel's library wants to be there. Of the other two, KeyUsage and a CA's
 * BasicConstraints, the rights below need more than that. */
static tl_err check_extensions(const struct cert *c, const char *name, struct tl_why *why)
{
    if (REFUSED(!c->has_authority_key_id))
        return tl_explain(why, TL_E_CERT, name, "the %s has no authority key identifier", name);
    if (REFUSED(!c->has_subject_key_id))
        return tl_explain(why, TL_E_CERT, name, "the %s has no subject key identifier", name);
    if (REFUSED(!c->has_crl_points))
        return tl_explain(why, TL_E_CERT, name, "the %s has no CRL distribution points", name);
    return TL_OK;
}

/* below: CAs that stand between it and the leaf. */
static tl_err check_authority(const struct cert *c, uint64_t below, const char *name,
                              struct tl_why *why)
{
    tl_err err = check_extensions(c, name, why);
    if (err != TL_OK)
        return err;
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
    tl_err err = check_extensions(c, "leaf", why);
    if (err != TL_OK)
        return err;
    if (REFUSED(!c->has_basic_constraints))
        return tl_explain(why, TL_E_CERT, "leaf", "the leaf has no basic constraints");
    if (REFUSED(c->ca))
        return tl_explain(why, TL_E_CERT, "leaf", "the leaf certificate is a CA's");
    if (REFUSED((c->key_usage & (KEY_USAGE_DIGITAL_SIGNATURE | KEY_USAGE_CERT_SIGN)) !=
                KEY_USAGE_DIGITAL_SIGNATURE))
        return tl_explain(why, TL_E_CERT, "leaf", "the leaf's key usage is not to sign data alone");
    return TL_OK;
}

/* Raw names are compared, as Intel's library does: they are written byte for byte
 * alike. */
static tl_err check_issuer(const struct cert *c, const struct cert *issuer, const char *name,
                           struct tl_why *why)
{
    if (REFUSED(!slice_eq(c->issuer, issuer->subject)))
        return tl_explain(why, TL_E_CERT, name, "the %s certificate names another issuer", name);
    return TL_OK;
}

static tl_err import_key(struct es256_key **key, const struct cert *c, const char *name,
                         struct tl_why *why)
{
    if (*key)
        return TL_OK; /* of an earlier check */
    tl_err err = es256_public(key, c->x, c->y);
    if (err != TL_OK)
        return tl_explain(why, err, name, "the %s certificate's key: %s", name, tl_err_text(err));
    return TL_OK;
}

static tl_err check_signature(const struct cert *c, struct es256_key *issuer_key, const char *name,
                              struct tl_why *why)
{
    tl_err err = cert_verify(c, issuer_key);
    if (err != TL_OK)
        return tl_explain(why, err, name, "the %s certificate's signature: %s", name,
                          tl_err_text(err));
    return TL_OK;
}

/* Whether two certificates are the same bytes: all else in them is fixed. */
static bool same(const struct cert *a, const struct cert *b)
{
    return slice_eq(a->tbs, b->tbs) &&
           slice_eq(SLICE_ARRAY(a->signature), SLICE_ARRAY(b->signature));
}

static tl_err check_root(struct chain *c, const struct chain *known, struct tl_why *why)
{
    if (known && known->root_key && same(&known->root, &c->root)) {
        es256_free(c->root_key);
        c->root_key = es256_ref(known->root_key);
        return TL_OK;
    }
    tl_err err = import_key(&c->root_key, &c->root, "root", why);
    if (err == TL_OK)
        err = check_signature(&c->root, c->root_key, "root", why);
    return err;
}

tl_err chain_check_pck(struct chain *c, const struct chain *known, struct tl_why *why)
{
    tl_err err = check_issuer(&c->intermediate, &c->root, "intermediate", why);
    if (err == TL_OK)
        err = check_issuer(&c->leaf, &c->intermediate, "leaf", why);
    if (err == TL_OK)
        err = check_authority(&c->root, 1, "root", why);
    if (err == TL_OK)
        err = check_authority(&c->intermediate, 0, "intermediate", why);
    if (err == TL_OK)
        err = check_leaf(&c->leaf, why);
    if (err == TL_OK && REFUSED(!c->leaf.has_sgx))
        err = tl_explain(why, TL_E_CERT, "leaf", "the leaf has no SGX extension");
    if (err == TL_OK)
        err = check_root(c, known, why);
    if (err == TL_OK)
        err = check_signature(&c->intermediate, c->root_key, "intermediate", why);
    if (err == TL_OK)
        err = import_key(&c->intermediate_key, &c->intermediate, "intermediate", why);
    if (err == TL_OK)
        err = check_signature(&c->leaf, c->intermediate_key, "leaf", why);
    if (err == TL_OK)
        err = import_key(&c->leaf_key, &c->leaf, "leaf", why);
    return err;
}

tl_err chain_check_signer(struct chain *c, const struct chain *known, struct tl_why *why)
{
    tl_err err = check_issuer(&c->leaf, &c->root, "leaf", why);
    if (err == TL_OK)
        err = check_authority(&c->root, 0, "root", why);
    if (err == TL_OK)
        err = check_leaf(&c->leaf, why);
    if (err == TL_OK)
        err = check_root(c, known, why);
    if (err == TL_OK)
        err = check_signature(&c->leaf, c->root_key, "leaf", why);
    if (err == TL_OK)
        err = import_key(&c->leaf_key, &c->leaf, "leaf", why);
    return err;
}
