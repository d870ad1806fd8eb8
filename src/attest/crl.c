#include "attest/crl.h"

#include "attest/x509.h"
#include "base/refuse.h"

#define VERSION_2      1
#define REASON_UNUSED  7 /* RFC 5280 section 5.3.1 */
#define REASON_REMOVED 8 /* removeFromCRL: delta lists only */
#define REASON_LAST    10

const uint8_t crl_oid_number[3] = {0x55, 0x1d, 0x14};
static const uint8_t oid_delta[3] = {0x55, 0x1d, 0x1b};
static const uint8_t oid_distribution_point[3] = {0x55, 0x1d, 0x1c};
static const uint8_t oid_reason[3] = {0x55, 0x1d, 0x15};
static const uint8_t oid_invalidity_date[3] = {0x55, 0x1d, 0x18};
static const uint8_t oid_certificate_issuer[3] = {0x55, 0x1d, 0x1d};

static void reason(reader *r)
{
    uint64_t v = der_enum(r, REASON_LAST);
    if (REFUSED(v == REASON_UNUSED || v == REASON_REMOVED))
        reader_fail(r, TL_E_CERT);
}

static void entry_extension(reader *r, const struct x509_extension *e)
{
    reader in = reader_of(e->value);
    if (slice_eq(e->oid, SLICE_ARRAY(oid_reason))) {
        reason(&in);
        der_leave(r, &in);
    } else if (slice_eq(e->oid, SLICE_ARRAY(oid_invalidity_date))) {
        (void)der_take(&in, DER_GENERALIZED_TIME); /* any year: it decides nothing */
        der_leave(r, &in);
    } else if (REFUSED(e->critical || slice_eq(e->oid, SLICE_ARRAY(oid_certificate_issuer)))) {
        reader_fail(r, TL_E_CERT); /* another issuer's entry, or not understood */
    }
}

static void entry(reader *r)
{
    reader e = der_enter(r, DER_SEQUENCE);
    (void)x509_number(&e);
    (void)der_time(&e);
    if (e.rest.n) {
        struct x509_extensions all;
        x509_extensions(&e, &all);
        for (size_t i = 0; i < all.count; i++)
            entry_extension(&e, &all.each[i]);
    }
    der_leave(r, &e);
}

/* RFC 5280 section 5.1.2.6: absent where nothing is revoked. */
static void entries(reader *r, struct crl *v)
{
    if (der_peek(r) != DER_SEQUENCE)
        return;
    reader list = der_enter(r, DER_SEQUENCE);
    v->entries = list.rest;
    if (REFUSED(list.rest.n == 0))
        reader_fail(&list, TL_E_CERT);
    for (; list.rest.n; v->entry_count++)
        entry(&list);
    der_leave(r, &list);
}

/* Whether an extension changes what the list covers: some revocations are then
 * elsewhere, and not to be found here does not mean good. */
static bool partial(slice oid)
{
    return slice_eq(oid, SLICE_ARRAY(oid_delta)) ||
           slice_eq(oid, SLICE_ARRAY(oid_distribution_point));
}

static void extensions(reader *r, struct crl *v)
{
    struct x509_extensions all;
    bool authority_key_id = false;
    reader outer = der_enter(r, DER_CONTEXT_0);
    x509_extensions(&outer, &all);
    for (size_t i = 0; i < all.count; i++) {
        const struct x509_extension *e = &all.each[i];
        reader in = reader_of(e->value);
        if (REFUSED(e->critical || partial(e->oid)))
            reader_fail(&outer, TL_E_CERT);
        if (slice_eq(e->oid, SLICE_ARRAY(x509_oid_authority_key_id)))
            authority_key_id = true;
        if (slice_eq(e->oid, SLICE_ARRAY(crl_oid_number))) {
            v->number = x509_number(&in);
            der_leave(&outer, &in);
        }
    }
    if (REFUSED(!v->number.n) || REFUSED(!authority_key_id))
        reader_fail(&outer, TL_E_CERT);
    der_leave(r, &outer);
}

static tl_err tbs(struct crl *v)
{
    reader whole = reader_of(v->tbs);
    reader t = der_enter(&whole, DER_SEQUENCE);
    if (REFUSED(der_uint(&t, UINT8_MAX) != VERSION_2))
        reader_fail(&t, TL_E_CERT);
    x509_algorithm(&t);
    v->issuer = x509_name(&t, NULL);
    v->this_update = der_time(&t);
    v->next_update = der_time(&t);
    if (REFUSED(v->this_update > v->next_update))
        reader_fail(&t, TL_E_CERT);
    entries(&t, v);
    extensions(&t, v);
    der_leave(&whole, &t);
    return reader_end(&whole);
}

tl_err crl_read(struct crl *out, slice der)
{
    struct crl v = {0};
    if (REFUSED(der.n > CRL_MAX_BYTES))
        return TL_E_CERT;
    slice signature;
    tl_err err = x509_signed(der, &v.tbs, &signature);
    if (err == TL_OK)
        err = x509_signature(v.signature, 32, signature);
    if (err == TL_OK)
        err = tbs(&v);
    if (err != TL_OK)
        return err;
    *out = v;
    return TL_OK;
}

bool crl_revokes(const struct crl *c, slice serial)
{
    reader list = reader_of(c->entries);
    while (list.rest.n) {
        reader e = der_enter(&list, DER_SEQUENCE);
        if (slice_eq(der_magnitude(&e), serial))
            return true;
    }
    return false;
}

tl_err crl_check(const struct crl *c, const struct cert *issuer, struct es256_key *issuer_key,
                 const char *name, struct tl_why *why)
{
    hash32 digest = sha256(c->tbs);
    if (REFUSED(!slice_eq(c->issuer, issuer->subject)))
        return tl_explain(why, TL_E_CERT, "crl", "the %s CRL is another issuer's", name);
    if (REFUSED(!(issuer->key_usage & KEY_USAGE_CRL_SIGN)))
        return tl_explain(why, TL_E_CERT, "crl", "the issuer of the %s CRL may not sign lists",
                          name);
    tl_err err = es256_verify(issuer_key, &digest, c->signature);
    if (err == TL_E_MEMORY)
        return err;
    if (REFUSED(err != TL_OK))
        return tl_explain(why, TL_E_SIGNATURE, "crl", "the %s CRL's signature is not its issuer's",
                          name);
    return TL_OK;
}
