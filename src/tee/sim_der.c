#include "tee/sim_der.h"

#include "attest/x509.h"

static const uint8_t oid_authority_key_id[3] = {0x55, 0x1d, 0x23};

static void put_name_part(buf *b, uint8_t attribute, uint8_t string_tag, const char *value)
{
    const uint8_t oid[3] = {0x55, 0x04, attribute};
    size_t set = der_begin(b), pair = der_begin(b);
    der_put(b, DER_OID, SLICE_ARRAY(oid));
    der_put(b, string_tag, slice_str(value));
    der_end(b, pair, DER_SEQUENCE);
    der_end(b, set, DER_SET);
}

void sim_name_put(buf *b, const char *common_name)
{
    size_t start = der_begin(b);
    put_name_part(b, 3, DER_UTF8_STRING, common_name);
    put_name_part(b, 10, DER_UTF8_STRING, "Intel Corporation");
    put_name_part(b, 7, DER_UTF8_STRING, "Santa Clara");
    put_name_part(b, 8, DER_UTF8_STRING, "CA");
    put_name_part(b, 6, DER_PRINTABLE_STRING, "US");
    der_end(b, start, DER_SEQUENCE);
}

hash32 sim_key_id(const struct es256_key *key)
{
    static const uint8_t uncompressed = 4;
    struct cose_ec2 point;
    es256_point(key, &point);
    slice parts[3] = {slice_of(&uncompressed, 1), SLICE_ARRAY(point.x), SLICE_ARRAY(point.y)};
    return sha256_parts(parts, 3);
}

struct sim_extension sim_extension_begin(buf *b, slice oid, bool critical)
{
    struct sim_extension e = {.start = der_begin(b)};
    der_put(b, DER_OID, oid);
    if (critical)
        der_put_bool(b, true);
    e.value = der_begin(b);
    return e;
}

void sim_extension_end(buf *b, struct sim_extension e)
{
    der_end(b, e.value, DER_OCTET_STRING);
    der_end(b, e.start, DER_SEQUENCE);
}

void sim_authority_key_id_put(buf *b, const struct es256_key *issuer)
{
    hash32 id = sim_key_id(issuer);
    struct sim_extension e = sim_extension_begin(b, SLICE_ARRAY(oid_authority_key_id), false);
    size_t list = der_begin(b);
    der_put(b, 0x80, slice_of(id.b, 20)); /* keyIdentifier [0] */
    der_end(b, list, DER_SEQUENCE);
    sim_extension_end(b, e);
}

static void put_signature(buf *b, const uint8_t raw[64])
{
    size_t start = der_begin(b);
    buf_u8(b, 0); /* unused bits */
    size_t pair = der_begin(b);
    der_put_magnitude(b, slice_of(raw, 32));
    der_put_magnitude(b, slice_of(raw + 32, 32));
    der_end(b, pair, DER_SEQUENCE);
    der_end(b, start, DER_BIT_STRING);
}

tl_err sim_signed_end(buf *b, size_t start, struct es256_key *key)
{
    uint8_t raw[64];
    if (buf_err(b) != TL_OK)
        return buf_err(b);
    hash32 digest = sha256(slice_of(b->p + start, b->n - start));
    tl_err err = es256_sign(key, &digest, raw);
    if (err != TL_OK)
        return err;
    buf_bytes(b, SLICE_ARRAY(x509_ecdsa_sha256));
    put_signature(b, raw);
    der_end(b, start, DER_SEQUENCE);
    return buf_err(b);
}
