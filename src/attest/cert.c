#include "attest/cert.h"

#include "attest/x509.h"
#include "base/refuse.h"

#define VERSION_3 2

/* id-ecPublicKey with namedCurve prime256v1, an uncompressed point (RFC 5480).
 * Parameters spelt out would let a chain bring its own generator. */
const uint8_t cert_p256_spki[27] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                    0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                    0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
const uint8_t cert_oid_key_usage[3] = {0x55, 0x1d, 0x0f};
const uint8_t cert_oid_basic_constraints[3] = {0x55, 0x1d, 0x13};

/* The same with secp384r1. */
static const uint8_t p384_spki[24] = {0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86,
                                      0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
                                      0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00, 0x04};

static const uint8_t oid_subject_key_id[3] = {0x55, 0x1d, 0x0e};
static const uint8_t oid_crl_points[3] = {0x55, 0x1d, 0x1f};

static void validity(reader *r, struct cert *v)
{
    reader t = der_enter(r, DER_SEQUENCE);
    v->not_before = der_time(&t);
    v->not_after = der_time(&t);
    if (REFUSED(v->not_before > v->not_after))
        reader_fail(&t, TL_E_CERT);
    der_leave(r, &t);
}

/* X and Y behind this head. */
static bool point_of(slice spki, slice head, size_t half, struct cert *v)
{
    if (spki.n != head.n + 2 * half || !slice_starts(spki, head))
        return false;
    memcpy(v->x, spki.p + head.n, half);
    memcpy(v->y, spki.p + head.n + half, half);
    return true;
}

static void public_key(reader *r, struct cert *v, bool own)
{
    v->spki = der_whole(r, DER_SEQUENCE);
    v->p384 = own && point_of(v->spki, SLICE_ARRAY(p384_spki), 48, v);
    if (REFUSED(!v->p384 && !point_of(v->spki, SLICE_ARRAY(cert_p256_spki), 32, v)))
        reader_fail(r, TL_E_CERT);
}

bool cert_is_spki(slice spki)
{
    struct cert v;
    return point_of(spki, SLICE_ARRAY(p384_spki), 48, &v) ||
           point_of(spki, SLICE_ARRAY(cert_p256_spki), 32, &v);
}

/* RFC 5280 section 4.2.1.9; cA is DEFAULT FALSE, so DER writes only TRUE, and a
 * path length stands only beside it. */
static void basic_constraints(reader *r, struct cert *v)
{
    reader s = der_enter(r, DER_SEQUENCE);
    if (der_peek(&s) == DER_BOOLEAN) {
        v->ca = der_bool(&s);
        if (REFUSED(!v->ca))
            reader_fail(&s, TL_E_DER);
        if (der_peek(&s) == DER_INTEGER) {
            v->path_length = der_uint(&s, UINT8_MAX);
            v->has_path_length = true;
        }
    }
    v->has_basic_constraints = true;
    der_leave(r, &s);
}

/* Those that only have to be there (chain.c); Intel marks none of them critical. */
static bool *presence(struct cert *v, slice oid)
{
    if (slice_eq(oid, SLICE_ARRAY(x509_oid_authority_key_id)))
        return &v->has_authority_key_id;
    if (slice_eq(oid, SLICE_ARRAY(oid_subject_key_id)))
        return &v->has_subject_key_id;
    if (slice_eq(oid, SLICE_ARRAY(oid_crl_points)))
        return &v->has_crl_points;
    return NULL;
}

static void extension(reader *r, struct cert *v, const struct x509_extension *e)
{
    reader in = reader_of(e->value);
    if (slice_eq(e->oid, SLICE_ARRAY(cert_oid_basic_constraints))) {
        basic_constraints(&in, v);
        der_leave(r, &in);
    } else if (slice_eq(e->oid, SLICE_ARRAY(cert_oid_key_usage))) {
        v->key_usage = der_named_bits(&in);
        der_leave(r, &in);
    } else if (slice_eq(e->oid, SLICE_ARRAY(sgx_extension_oid))) {
        tl_err err = sgx_extension_read(&v->sgx, e->value);
        v->has_sgx = true;
        if (err != TL_OK)
            reader_fail(r, err);
    } else {
        bool *there = presence(v, e->oid);
        if (there)
            *there = true;
        if (REFUSED(e->critical))
            reader_fail(r, TL_E_CERT); /* RFC 5280 section 4.2: not understood, so refused */
    }
}

static void extensions(reader *r, struct cert *v)
{
    struct x509_extensions all;
    reader outer = der_enter(r, DER_CONTEXT_3);
    v->extensions = outer.rest;
    x509_extensions(&outer, &all);
    for (size_t i = 0; i < all.count; i++)
        extension(&outer, v, &all.each[i]);
    der_leave(r, &outer);
}

static tl_err tbs(struct cert *v, bool own)
{
    reader whole = reader_of(v->tbs);
    reader t = der_enter(&whole, DER_SEQUENCE);
    reader version = der_enter(&t, DER_CONTEXT_0);
    if (REFUSED(der_uint(&version, UINT8_MAX) != VERSION_3))
        reader_fail(&version, TL_E_CERT);
    der_leave(&t, &version);
    v->serial = x509_number(&t);
    x509_algorithm(&t);
    v->issuer = x509_name(&t, NULL);
    validity(&t, v);
    v->subject = x509_name(&t, &v->common_name);
    public_key(&t, v, own);
    extensions(&t, v);
    der_leave(&whole, &t);
    return reader_end(&whole);
}

/* own: its key made the signature, and may be of P-384. */
static tl_err read_cert(struct cert *out, slice der, bool own)
{
    struct cert v = {0};
    slice signature;
    tl_err err = x509_signed(der, &v.tbs, &signature);
    if (err == TL_OK)
        err = tbs(&v, own);
    if (err == TL_OK)
        err = x509_signature(v.signature, v.p384 ? 48 : 32, signature);
    if (err != TL_OK)
        return err;
    *out = v;
    return TL_OK;
}

tl_err cert_read(struct cert *out, slice der)
{
    return read_cert(out, der, false);
}

tl_err cert_read_own(struct cert *out, slice der)
{
    return read_cert(out, der, true);
}

tl_err point_verify(const uint8_t x[32], const uint8_t y[32], slice message,
                    const uint8_t signature[64])
{
    struct es256_key *key = NULL;
    tl_err err = es256_public(&key, x, y);
    if (err != TL_OK)
        return err;
    hash32 digest = sha256(message);
    err = es256_verify(key, &digest, signature);
    es256_free(key);
    return REFUSED(err != TL_OK) ? err : TL_OK;
}

tl_err cert_verify_own(const struct cert *c)
{
    if (!c->p384)
        return point_verify(c->x, c->y, c->tbs, c->signature);
    hash32 digest = sha256(c->tbs);
    tl_err err = p384_verify(c->x, c->y, &digest, c->signature);
    return REFUSED(err != TL_OK) ? err : TL_OK;
}

tl_err cert_verify(const struct cert *c, struct es256_key *issuer_key)
{
    hash32 digest = sha256(c->tbs);
    tl_err err = es256_verify(issuer_key, &digest, c->signature);
    return REFUSED(err != TL_OK) ? err : TL_OK;
}
