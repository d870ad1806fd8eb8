#include "attest/cert.h"

#include "base/refuse.h"
#include "codec/der.h"

#define MAX_EXTENSIONS 16
#define MAX_SERIAL     20 /* RFC 5280 section 4.1.2.2 */
#define VERSION_3      2

/* SEQUENCE { ecdsa-with-SHA256 }, RFC 5758 section 3.2: no parameters. */
const uint8_t cert_ecdsa_sha256[12] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                       0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
/* id-ecPublicKey with namedCurve prime256v1, an uncompressed point (RFC 5480).
 * Parameters spelt out would let a chain bring its own generator. */
const uint8_t cert_p256_spki[27] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                    0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                    0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
const uint8_t cert_oid_key_usage[3] = {0x55, 0x1d, 0x0f};
const uint8_t cert_oid_basic_constraints[3] = {0x55, 0x1d, 0x13};

static void algorithm(reader *r)
{
    if (REFUSED(!slice_eq(der_whole(r, DER_SEQUENCE), SLICE_ARRAY(cert_ecdsa_sha256))))
        reader_fail(r, TL_E_CERT);
}

static void serial(reader *r, struct cert *v)
{
    v->serial = der_magnitude(r);
    if (REFUSED(v->serial.n > MAX_SERIAL))
        reader_fail(r, TL_E_CERT);
}

static void validity(reader *r, struct cert *v)
{
    reader t = der_enter(r, DER_SEQUENCE);
    v->not_before = der_time(&t);
    v->not_after = der_time(&t);
    der_leave(r, &t);
}

static void public_key(reader *r, struct cert *v)
{
    const size_t head = sizeof cert_p256_spki;
    v->spki = der_whole(r, DER_SEQUENCE);
    if (REFUSED(v->spki.n != head + 64 || memcmp(v->spki.p, cert_p256_spki, head) != 0)) {
        reader_fail(r, TL_E_CERT);
        return;
    }
    memcpy(v->x, v->spki.p + head, 32);
    memcpy(v->y, v->spki.p + head + 32, 32);
}

/* RFC 5280 section 4.2.1.9; cA is DEFAULT FALSE, so DER writes only TRUE. */
static void basic_constraints(reader *r, struct cert *v)
{
    reader s = der_enter(r, DER_SEQUENCE);
    if (der_peek(&s) == DER_BOOLEAN) {
        v->ca = der_bool(&s);
        if (REFUSED(!v->ca))
            reader_fail(&s, TL_E_DER);
    }
    if (der_peek(&s) == DER_INTEGER) {
        v->path_length = der_uint(&s, UINT8_MAX);
        v->has_path_length = true;
    }
    der_leave(r, &s);
}

static void extension_value(reader *r, struct cert *v, slice oid, bool critical)
{
    slice value = der_take(r, DER_OCTET_STRING);
    reader in = reader_of(value);
    if (slice_eq(oid, SLICE_ARRAY(cert_oid_basic_constraints))) {
        basic_constraints(&in, v);
        der_leave(r, &in);
    } else if (slice_eq(oid, SLICE_ARRAY(cert_oid_key_usage))) {
        v->key_usage = der_named_bits(&in);
        der_leave(r, &in);
    } else if (slice_eq(oid, SLICE_ARRAY(sgx_extension_oid))) {
        tl_err err = sgx_extension_read(&v->sgx, value);
        v->has_sgx = true;
        if (err != TL_OK)
            reader_fail(r, err);
    } else if (REFUSED(critical)) {
        reader_fail(r, TL_E_CERT); /* RFC 5280 section 4.2: not understood, so refused */
    }
}

static void extension(reader *r, struct cert *v, slice seen[MAX_EXTENSIONS], size_t count)
{
    bool critical = false;
    reader e = der_enter(r, DER_SEQUENCE);
    slice oid = der_take(&e, DER_OID);
    if (der_peek(&e) == DER_BOOLEAN) {
        critical = der_bool(&e);
        if (REFUSED(!critical))
            reader_fail(&e, TL_E_DER); /* DEFAULT FALSE is not written */
    }
    /* RFC 5280 section 4.2: no extension twice. */
    for (size_t i = 0; i < count; i++)
        if (REFUSED(slice_eq(seen[i], oid)))
            reader_fail(&e, TL_E_CERT);
    seen[count] = oid;
    extension_value(&e, v, oid, critical);
    der_leave(r, &e);
}

static void extensions(reader *r, struct cert *v)
{
    slice seen[MAX_EXTENSIONS];
    reader outer = der_enter(r, DER_CONTEXT_3);
    reader list = der_enter(&outer, DER_SEQUENCE);
    for (size_t count = 0; list.rest.n && count < MAX_EXTENSIONS; count++)
        extension(&list, v, seen, count);
    der_leave(&outer, &list);
    der_leave(r, &outer);
}

static void signature(reader *r, struct cert *v)
{
    unsigned unused;
    reader s = reader_of(der_bits(r, &unused));
    if (REFUSED(unused))
        reader_fail(r, TL_E_DER);
    reader pair = der_enter(&s, DER_SEQUENCE);
    for (int half = 0; half < 2; half++) {
        slice n = der_magnitude(&pair);
        if (REFUSED(n.n > 32))
            reader_fail(&pair, TL_E_CERT);
        else if (n.n)
            memcpy(v->signature + 32 * half + 32 - n.n, n.p, n.n);
    }
    der_leave(&s, &pair);
    der_leave(r, &s);
}

static void tbs(slice bytes, reader *r, struct cert *v)
{
    reader whole = reader_of(bytes);
    reader t = der_enter(&whole, DER_SEQUENCE);
    reader version = der_enter(&t, DER_CONTEXT_0);
    if (REFUSED(der_uint(&version, UINT8_MAX) != VERSION_3))
        reader_fail(&version, TL_E_CERT);
    der_leave(&t, &version);
    serial(&t, v);
    algorithm(&t);
    v->issuer = der_whole(&t, DER_SEQUENCE);
    validity(&t, v);
    v->subject = der_whole(&t, DER_SEQUENCE);
    public_key(&t, v);
    extensions(&t, v);
    der_leave(r, &t);
}

tl_err cert_read(struct cert *out, slice der)
{
    struct cert v = {0};
    reader whole = reader_of(der);
    reader c = der_enter(&whole, DER_SEQUENCE);
    v.tbs = der_whole(&c, DER_SEQUENCE);
    tbs(v.tbs, &c, &v);
    algorithm(&c);
    signature(&c, &v);
    der_leave(&whole, &c);
    tl_err err = reader_end(&whole);
    if (err != TL_OK)
        return err;
    *out = v;
    return TL_OK;
}

tl_err point_verify(const uint8_t x[32], const uint8_t y[32], slice message,
                    const uint8_t signature[64])
{
    struct es256_key *key = NULL;
    tl_err err = es256_public(&key, x, y);
    if (err != TL_OK)
        return err;
    hash32 digest = sha256(message);
    if (REFUSED(!es256_verify(key, &digest, signature)))
        err = TL_E_SIGNATURE;
    es256_free(key);
    return err;
}

tl_err cert_verify(const struct cert *c, const struct cert *issuer)
{
    return point_verify(issuer->x, issuer->y, c->tbs, c->signature);
}
