#include "attest/x509.h"

#include "base/encoding.h"
#include "base/refuse.h"

#define MAX_COMMON_NAME 64 /* ub-common-name, RFC 5280 appendix A.1 */

/* SEQUENCE { ecdsa-with-SHA256 }, RFC 5758 section 3.2: no parameters. */
const uint8_t x509_ecdsa_sha256[12] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                       0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
const uint8_t x509_oid_authority_key_id[3] = {0x55, 0x1d, 0x23};
static const uint8_t oid_common_name[3] = {0x55, 0x04, 0x03};

void x509_algorithm(reader *r)
{
    if (REFUSED(!slice_eq(der_whole(r, DER_SEQUENCE), SLICE_ARRAY(x509_ecdsa_sha256))))
        reader_fail(r, TL_E_CERT);
}

tl_err x509_signature(uint8_t *out, size_t half, slice signature)
{
    reader s = reader_of(signature);
    reader pair = der_enter(&s, DER_SEQUENCE);
    memset(out, 0, 2 * half);
    for (size_t i = 0; i < 2; i++) {
        slice n = der_magnitude(&pair);
        if (REFUSED(n.n > half))
            reader_fail(&pair, TL_E_CERT);
        else if (n.n)
            memcpy(out + half * (i + 1) - n.n, n.p, n.n);
    }
    der_leave(&s, &pair);
    return reader_end(&s);
}

tl_err x509_signed(slice der, slice *tbs, slice *signature)
{
    unsigned unused;
    reader whole = reader_of(der);
    reader r = der_enter(&whole, DER_SEQUENCE);
    *tbs = der_whole(&r, DER_SEQUENCE);
    x509_algorithm(&r);
    *signature = der_bits(&r, &unused);
    if (REFUSED(unused))
        reader_fail(&r, TL_E_DER);
    der_leave(&whole, &r);
    return reader_end(&whole);
}

slice x509_number(reader *r)
{
    slice number = der_magnitude(r);
    if (REFUSED(number.n > X509_MAX_NUMBER))
        reader_fail(r, TL_E_CERT);
    return number;
}

/* X.690 8.19: base 128 in the fewest octets, the last of each arc with bit 8 clear. */
static bool oid_well_formed(slice s)
{
    bool starts = true;
    for (size_t i = 0; i < s.n; i++) {
        if (starts && s.p[i] == 0x80)
            return false;
        starts = !(s.p[i] & 0x80);
    }
    return s.n && starts;
}

static slice oid(reader *r)
{
    slice s = der_take(r, DER_OID);
    if (REFUSED(!oid_well_formed(s)))
        reader_fail(r, TL_E_DER);
    return s;
}

/* X.680 41.4. */
static bool printable(slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        bool digit = c >= '0' && c <= '9';
        if (!letter && !digit && (!c || !strchr(" '()+,-./:=?", c)))
            return false;
    }
    return true;
}

static slice directory_string(reader *r)
{
    bool utf8 = der_peek(r) == DER_UTF8_STRING;
    slice s = der_take(r, utf8 ? DER_UTF8_STRING : DER_PRINTABLE_STRING);
    if (REFUSED(utf8 && !utf8_valid(s)) || REFUSED(!utf8 && !printable(s)))
        reader_fail(r, TL_E_CERT);
    return s;
}

slice x509_name(reader *r, slice *common_name)
{
    reader all = reader_of(der_whole(r, DER_SEQUENCE));
    slice whole = all.rest, name = {NULL, 0};
    size_t found = 0;
    reader list = der_enter(&all, DER_SEQUENCE);
    while (list.rest.n) {
        reader set = der_enter(&list, DER_SET);
        reader pair = der_enter(&set, DER_SEQUENCE);
        slice type = oid(&pair), value = directory_string(&pair);
        der_leave(&set, &pair);
        der_leave(&list, &set);
        if (slice_eq(type, SLICE_ARRAY(oid_common_name))) {
            name = value;
            found++;
        }
    }
    der_leave(r, &list);
    if (common_name) {
        if (REFUSED(found != 1) || REFUSED(name.n < 1 || name.n > MAX_COMMON_NAME))
            reader_fail(r, TL_E_CERT);
        *common_name = name;
    }
    return whole;
}

static struct x509_extension extension(reader *r)
{
    struct x509_extension v = {0};
    reader e = der_enter(r, DER_SEQUENCE);
    v.oid = oid(&e);
    if (der_peek(&e) == DER_BOOLEAN) {
        v.critical = der_bool(&e);
        if (REFUSED(!v.critical))
            reader_fail(&e, TL_E_DER); /* DEFAULT FALSE is not written */
    }
    v.value = der_take(&e, DER_OCTET_STRING);
    der_leave(r, &e);
    return v;
}

void x509_extensions(reader *r, struct x509_extensions *out)
{
    reader list = der_enter(r, DER_SEQUENCE);
    if (REFUSED(list.rest.n == 0))
        reader_fail(&list, TL_E_CERT); /* SIZE (1..MAX) */
    /* What stands after the last that is taken is left over, and refused. */
    for (out->count = 0; list.rest.n && out->count < X509_MAX_EXTENSIONS; out->count++) {
        struct x509_extension e = extension(&list);
        /* RFC 5280 section 4.2: no extension twice. */
        for (size_t i = 0; i < out->count; i++)
            if (REFUSED(slice_eq(out->each[i].oid, e.oid)))
                reader_fail(&list, TL_E_CERT);
        out->each[out->count] = e;
    }
    der_leave(r, &list);
}
