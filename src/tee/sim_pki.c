#include "tee/sim_pki.h"

#include "codec/der.h"
#include "codec/pem.h"
#include "crypto/secret.h"

#define DAY        86400
#define VALID_DAYS 10957 /* 30 years */

static const char root_name[] = "teelog simulated SGX Root CA";
static const char intermediate_name[] = "teelog simulated SGX PCK Processor CA";
static const char leaf_name[] = "teelog simulated SGX PCK Certificate";

static const uint8_t oid_key_id[3] = {0x55, 0x1d, 0x0e};
static const uint8_t oid_authority_key_id[3] = {0x55, 0x1d, 0x23};

/* The platform that the leaf tells of: every SVN 1, and a name for a model. */
static const struct sgx_extension simulated_platform = {
    .ppid = "teelog simulated",
    .pce_id = {0, 0},
    .fmspc = {'t', 'e', 'e', 'l', 'o', 'g'},
    .components = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
    .pce_svn = 1,
    .cpu_svn = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
    .type = SGX_STANDARD,
};

static void put_name_part(buf *b, uint8_t attribute, uint8_t string_tag, const char *value)
{
    const uint8_t oid[3] = {0x55, 0x04, attribute};
    size_t set = der_begin(b), pair = der_begin(b);
    der_put(b, DER_OID, SLICE_ARRAY(oid));
    der_put(b, string_tag, slice_str(value));
    der_end(b, pair, DER_SEQUENCE);
    der_end(b, set, DER_SET);
}

/* In the order and with the string types of Intel's certificates. */
static void put_name(buf *b, const char *common_name)
{
    size_t start = der_begin(b);
    put_name_part(b, 3, DER_UTF8_STRING, common_name);
    put_name_part(b, 10, DER_UTF8_STRING, "Intel Corporation");
    put_name_part(b, 7, DER_UTF8_STRING, "Santa Clara");
    put_name_part(b, 8, DER_UTF8_STRING, "CA");
    put_name_part(b, 6, DER_PRINTABLE_STRING, "US");
    der_end(b, start, DER_SEQUENCE);
}

void sim_spki_put(buf *b, const struct es256_key *key)
{
    struct cose_ec2 point;
    es256_point(key, &point);
    buf_bytes(b, SLICE_ARRAY(cert_p256_spki));
    buf_bytes(b, SLICE_ARRAY(point.x));
    buf_bytes(b, SLICE_ARRAY(point.y));
}

/* RFC 5280 section 4.2.1.2, method 1, with SHA-256 cut to 20 bytes (RFC 7093). */
static hash32 key_id(const struct es256_key *key)
{
    struct cose_ec2 point;
    es256_point(key, &point);
    static const uint8_t uncompressed = 4;
    slice parts[3] = {slice_of(&uncompressed, 1), SLICE_ARRAY(point.x), SLICE_ARRAY(point.y)};
    return sha256_parts(parts, 3);
}

/* Begins an extension; returns where its value starts, for end_extension. */
static size_t begin_extension(buf *b, slice oid, bool critical)
{
    der_put(b, DER_OID, oid);
    if (critical)
        der_put_bool(b, true);
    return der_begin(b);
}

static void end_extension(buf *b, size_t start, size_t value)
{
    der_end(b, value, DER_OCTET_STRING);
    der_end(b, start, DER_SEQUENCE);
}

static void put_key_ids(buf *b, const struct sim_cert *c)
{
    hash32 issuer = key_id(c->issuer_key), own = key_id(c->key);
    size_t start = der_begin(b);
    size_t value = begin_extension(b, SLICE_ARRAY(oid_authority_key_id), false);
    size_t list = der_begin(b);
    der_put(b, 0x80, slice_of(issuer.b, 20)); /* keyIdentifier [0] */
    der_end(b, list, DER_SEQUENCE);
    end_extension(b, start, value);
    start = der_begin(b);
    value = begin_extension(b, SLICE_ARRAY(oid_key_id), false);
    der_put(b, DER_OCTET_STRING, slice_of(own.b, 20));
    end_extension(b, start, value);
}

static void put_extensions(buf *b, const struct sim_cert *c)
{
    size_t outer = der_begin(b), list = der_begin(b);
    put_key_ids(b, c);
    if (c->key_usage) {
        size_t start = der_begin(b);
        size_t value = begin_extension(b, SLICE_ARRAY(cert_oid_key_usage), true);
        der_put_named_bits(b, c->key_usage);
        end_extension(b, start, value);
    }
    size_t start = der_begin(b);
    size_t value = begin_extension(b, SLICE_ARRAY(cert_oid_basic_constraints), true);
    size_t constraints = der_begin(b);
    if (c->ca)
        der_put_bool(b, true);
    if (c->path_length >= 0)
        der_put_uint(b, (uint64_t)c->path_length);
    der_end(b, constraints, DER_SEQUENCE);
    end_extension(b, start, value);
    if (c->sgx) {
        start = der_begin(b);
        value = begin_extension(b, SLICE_ARRAY(sgx_extension_oid), false);
        sgx_extension_put(b, c->sgx);
        end_extension(b, start, value);
    }
    buf_bytes(b, c->more);
    der_end(b, list, DER_SEQUENCE);
    der_end(b, outer, DER_CONTEXT_3);
}

static void put_tbs(buf *b, const struct sim_cert *c)
{
    size_t start = der_begin(b), part = der_begin(b);
    der_put_uint(b, 2); /* version 3 */
    der_end(b, part, DER_CONTEXT_0);
    der_put_magnitude(b, SLICE_ARRAY(c->serial));
    buf_bytes(b, SLICE_ARRAY(cert_ecdsa_sha256));
    put_name(b, c->issuer);
    part = der_begin(b);
    der_put_time(b, c->not_before);
    der_put_time(b, c->not_after);
    der_end(b, part, DER_SEQUENCE);
    put_name(b, c->subject);
    sim_spki_put(b, c->key);
    put_extensions(b, c);
    der_end(b, start, DER_SEQUENCE);
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

tl_err sim_cert_put(buf *b, const struct sim_cert *c)
{
    uint8_t raw[64];
    size_t start = der_begin(b);
    put_tbs(b, c);
    if (buf_err(b) != TL_OK)
        return buf_err(b);
    hash32 digest = sha256(slice_of(b->p + start, b->n - start));
    tl_err err = es256_sign(c->issuer_key, &digest, raw);
    if (err != TL_OK)
        return err;
    buf_bytes(b, SLICE_ARRAY(cert_ecdsa_sha256));
    put_signature(b, raw);
    der_end(b, start, DER_SEQUENCE);
    return buf_err(b);
}

tl_err sim_chain_plan(struct sim_cert plan[3], const struct sim_chain_keys *keys, uint64_t now)
{
    const struct sim_cert common = {
        .not_before = now - DAY,
        .not_after = now - DAY + UINT64_C(86400) * VALID_DAYS,
    };
    struct sim_cert out[3] = {common, common, common};
    for (size_t i = 0; i < 3; i++) {
        tl_err err = random_bytes(out[i].serial, sizeof out[i].serial);
        if (err != TL_OK)
            return err;
        out[i].serial[0] = (uint8_t)(out[i].serial[0] & 0x3f) | 0x40; /* positive, full length */
    }
    for (size_t i = 1; i < 3; i++) {
        out[i].ca = true;
        out[i].path_length = i == 2 ? 1 : 0;
        out[i].key_usage = KEY_USAGE_CERT_SIGN | KEY_USAGE_CRL_SIGN;
        out[i].issuer = root_name;
        out[i].issuer_key = keys->root;
    }
    out[0].path_length = -1;
    out[0].key_usage = KEY_USAGE_DIGITAL_SIGNATURE | KEY_USAGE_NON_REPUDIATION;
    out[0].sgx = &simulated_platform;
    out[0].issuer = out[1].subject = intermediate_name;
    out[0].subject = leaf_name;
    out[2].subject = root_name;
    out[0].issuer_key = keys->intermediate;
    out[0].key = keys->pck;
    out[1].key = keys->intermediate;
    out[2].key = keys->root;
    memcpy(plan, out, sizeof out);
    return TL_OK;
}

tl_err sim_chain_put(buf *pem, const struct sim_cert plan[3])
{
    buf der;
    tl_err err = TL_OK;
    buf_init(&der, PEM_MAX_BYTES);
    for (size_t i = 0; err == TL_OK && i < 3; i++) {
        buf_reset(&der);
        err = sim_cert_put(&der, &plan[i]);
        if (err == TL_OK)
            pem_put(pem, buf_slice(&der));
    }
    buf_finish(&der);
    return err != TL_OK ? err : buf_err(pem);
}
